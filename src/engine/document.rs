//! Documents that come in, read in the words of the API.

use super::failure::Failure;
use serde::de::DeserializeOwned;

/// Reads one document.
///
/// # Errors
/// 400, with the reason.
pub(super) fn document<T: DeserializeOwned>(body: &[u8]) -> Result<T, Failure> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Err(Failure::bad(
            "invalid JSON: got EOF while reading request body",
        ));
    }
    serde_json::from_slice(body).map_err(|error| match error.classify() {
        serde_json::error::Category::Eof => Failure::bad("invalid JSON: unexpected EOF"),
        _ => Failure::bad(format!("invalid JSON: {error}")),
    })
}
