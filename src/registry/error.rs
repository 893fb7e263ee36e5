//! Why there is no registry.

use std::net::SocketAddr;
use std::path::PathBuf;

/// Why there is no registry.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Something about its address.
    #[error("the address {0}: {1}")]
    Address(SocketAddr, String),
    /// Something about its directory.
    #[error("the store {0}: {1}")]
    Store(PathBuf, String),
    /// This process can't have what it needs.
    #[error("{0}")]
    Process(String),
}
