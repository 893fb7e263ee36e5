//! The socket that an engine, or a tap, listens on.

use super::error::Error;
use nix::sys::stat::{Mode, umask};
use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;
use tokio::net::{UnixListener, UnixStream};

/// The socket's file; it goes with who listens.
pub(super) struct Bound<'p>(&'p Path, (u64, u64));

impl Bound<'_> {
    /// That of a path, as it is now.
    pub(super) fn of(socket: &Path) -> Result<Bound<'_>, Error> {
        let meta = fs::symlink_metadata(socket);
        let meta = meta.map_err(|error| Error::Socket(socket.into(), error.to_string()))?;
        Ok(Bound(socket, (meta.dev(), meta.ino())))
    }
}

impl Drop for Bound<'_> {
    fn drop(&mut self) {
        // Only if it is still ours.
        let meta = fs::symlink_metadata(self.0);
        if meta.is_ok_and(|meta| (meta.dev(), meta.ino()) == self.1) {
            let _ = fs::remove_file(self.0);
        }
    }
}

/// Makes the socket: its user's alone. One that nobody listens on any more is
/// replaced, anything else is left.
pub(super) async fn listen(socket: &Path) -> Result<UnixListener, Error> {
    let wrong = |why: String| Error::Socket(socket.into(), why);
    if let Ok(meta) = fs::symlink_metadata(socket) {
        if !meta.file_type().is_socket() {
            return Err(wrong("something else has that name".into()));
        }
        if UnixStream::connect(socket).await.is_ok() {
            return Err(wrong("somebody listens there already".into()));
        }
        fs::remove_file(socket).map_err(|error| wrong(error.to_string()))?;
    }
    // From its first moment on; this process has one thread.
    let before = umask(Mode::from_bits_truncate(0o177));
    let bound = UnixListener::bind(socket);
    umask(before);
    bound.map_err(|error| wrong(error.to_string()))
}
