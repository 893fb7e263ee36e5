//! A request, read as far as every handler needs it.

use super::document::document;
use super::failure::Failure;
use crate::base::Query;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body as _, Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderMap, UPGRADE};
use hyper::upgrade::OnUpgrade;
use serde::de::DeserializeOwned;
use std::io::Write;
use std::path::Path;

/// The longest document that is taken.
const MOST_DOCUMENT: usize = 1 << 20;

/// A request whose route is known.
pub(super) struct Call {
    /// The version of the API that the client speaks.
    pub(super) version: (u32, u32),
    pub(super) query: Query,
    pub(super) headers: HeaderMap,
    pub(super) body: Incoming,
    /// The connection, once the answer is on its way.
    pub(super) upgrade: Option<OnUpgrade>,
    /// Whether it is a HEAD.
    pub(super) head: bool,
}

impl Call {
    /// Whether the client asked for the bare connection.
    pub(super) fn wants_upgrade(&self) -> bool {
        self.headers.contains_key(UPGRADE)
    }

    /// The body, if it isn't too long.
    pub(super) async fn bytes(&mut self) -> Result<Bytes, Failure> {
        let limited = Limited::new(&mut self.body, MOST_DOCUMENT);
        match limited.collect().await {
            Ok(collected) => Ok(collected.to_bytes()),
            Err(error) if error.is::<LengthLimitError>() => Err(Failure::new(
                hyper::StatusCode::PAYLOAD_TOO_LARGE,
                format!("the body is longer than {MOST_DOCUMENT} bytes"),
            )),
            Err(error) => Err(Failure::bad(format!("the body can't be read: {error}"))),
        }
    }

    /// The document that is its body.
    pub(super) async fn document<T: DeserializeOwned>(&mut self) -> Result<T, Failure> {
        self.is_json()?;
        document(&self.bytes().await?)
    }

    /// Whether the body is said to be JSON, as Docker asks for it.
    pub(super) fn is_json(&self) -> Result<(), Failure> {
        let kind = self.headers.get(CONTENT_TYPE);
        let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let nothing = self.body.size_hint().exact() == Some(0);
        match kind.split(';').next().unwrap_or_default().trim() {
            "application/json" => Ok(()),
            "" if nothing => Ok(()),
            "" => Err(Failure::bad(
                "malformed Content-Type header (): mime: no media type",
            )),
            other => Err(Failure::bad(format!(
                "unsupported Content-Type header ({other}): must be 'application/json'"
            ))),
        }
    }

    /// Writes the body to a new file, up to so many bytes.
    pub(super) async fn save(&mut self, path: &Path, most: u64) -> Result<(), Failure> {
        let failed =
            |error: std::io::Error| Failure::internal(format!("{}: {error}", path.display()));
        let mut file = std::fs::File::create_new(path).map_err(failed)?;
        let mut room = most;
        while let Some(frame) = self.body.frame().await {
            let frame =
                frame.map_err(|error| Failure::bad(format!("the body can't be read: {error}")))?;
            let Ok(data) = frame.into_data() else {
                continue;
            };
            room = room.checked_sub(data.len() as u64).ok_or_else(|| {
                Failure::new(
                    hyper::StatusCode::INSUFFICIENT_STORAGE,
                    "no space left in the store: it is larger than its quota allows",
                )
            })?;
            file.write_all(&data).map_err(failed)?;
        }
        Ok(())
    }
}
