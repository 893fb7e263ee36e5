//! Where a server keeps things: in a directory that its user named, or in one that
//! goes with it.

use super::disk::Directory;
use nix::fcntl::{Flock, FlockArg};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// A directory that is this user's alone to change, and that one server uses at a time.
pub struct Kept {
    path: PathBuf,
    /// It goes with this process.
    own: Mutex<Option<Directory>>,
    _lock: Flock<File>,
}

impl Kept {
    /// Opens the one named, which is made where it isn't there, or makes one that goes
    /// with this process. `by` is what uses it, in a word.
    ///
    /// # Errors
    /// Which can't be used, and why: it can't be made, others may change it, or it is
    /// in use.
    pub fn open(named: Option<&Path>, by: &str) -> Result<Kept, (PathBuf, String)> {
        let own = match named {
            Some(_) => None,
            None => Some(Directory::make().map_err(|(path, errno)| (path, errno.to_string()))?),
        };
        let path = named.or(own.as_ref().map(Directory::path));
        let path = path.unwrap_or(Path::new("")).to_path_buf();
        let wrong = |why: String| (path.clone(), why);
        let io = |error: io::Error| wrong(error.to_string());
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&path)
            .map_err(io)?;
        let real = fs::canonicalize(&path).map_err(io)?;
        let meta = fs::metadata(&real).map_err(io)?;
        if meta.uid() != nix::unistd::geteuid().as_raw() || meta.mode() & 0o022 != 0 {
            return Err(wrong(format!(
                "it belongs to user {} with mode {:o}: others could change it; name a directory \
                 of your own",
                meta.uid(),
                meta.mode() & 0o777
            )));
        }
        let lock = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .custom_flags(libc::O_NOFOLLOW)
            .open(real.join("lock"))
            .map_err(io)?;
        let lock = Flock::lock(lock, FlockArg::LockExclusiveNonblock)
            .map_err(|_| wrong(format!("another {by} uses it: name another with --root")))?;
        Ok(Kept {
            path: real,
            own: Mutex::new(own),
            _lock: lock,
        })
    }

    /// Where it is, by its true path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Removes it, if it is one that goes with this process.
    pub fn close(&self) {
        let own = self
            .own
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        // What is left is found by the next sweep: its name tells its owner.
        let _ = own.map(Directory::remove);
    }
}
