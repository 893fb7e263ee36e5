//! Why there is no engine, and which versions of the API it speaks.

use std::path::PathBuf;

/// The newest version of the API that is spoken here.
pub const API_VERSION: (u32, u32) = (1, 51);
/// The oldest.
pub const MIN_API_VERSION: (u32, u32) = (1, 24);

/// Why there is no engine.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Something about its socket.
    #[error("the socket {0}: {1}")]
    Socket(PathBuf, String),
    /// Something about its directory.
    #[error("the store {0}: {1}")]
    Store(PathBuf, String),
    /// This process can't have what it needs.
    #[error("{0}")]
    Process(String),
}
