//! The course's own engine in a demo, and what is asked of it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// In a line for a client, and in a `run` on the host, the directory that stands
/// for the host's `/`: what containers may bind lies below it.
pub const STAND_IN: &str = "{host}";
/// The same of the engine's socket.
pub const SOCKET: &str = "{socket}";

/// The methods that a request may have.
pub(super) const METHODS: [&str; 5] = ["GET", "HEAD", "POST", "PUT", "DELETE"];

/// One request over HTTP, as anybody could send it to the engine's socket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Api {
    /// `GET`, `HEAD`, `POST`, `PUT` or `DELETE`.
    pub method: String,
    /// The path with its query: `/containers/json?all=1`.
    pub path: String,
    /// A document to send with it, JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// Fields of the document that comes back, such as `State.ExitCode`: each is a
    /// fact, NAME.FIELD.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub show: Vec<String>,
}
