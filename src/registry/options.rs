//! How a registry is started.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// How a registry is started.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where it listens; with port 0 at one that is free.
    pub listen: SocketAddr,
    /// Where it keeps what it has; a directory that goes with it if absent.
    pub root: Option<PathBuf>,
    /// How long a client may send nothing, or take nothing, while it has to.
    pub patience: Duration,
}
