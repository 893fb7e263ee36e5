//! Why progress can't be read or kept.

use std::io;
use std::path::PathBuf;

/// What failed, and on which object.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no place for it.
    #[error(
        "no directory for it is known: neither $XDG_STATE_HOME nor a home of user {0} is an \
         absolute path"
    )]
    NoHome(u32),
    /// The variable that names who called sudo, doas or pkexec names nobody.
    #[error("{variable} is `{value}`, and this machine knows no such user")]
    NoCaller {
        /// The variable's name.
        variable: &'static str,
        /// What it says.
        value: String,
    },
    /// This process can't act with the rights of the caller.
    #[error("this process can't act with the rights of user {0}")]
    NotCaller(u32),
    /// A system call failed.
    #[error("{} can't be {done}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What was tried: `opened`, `written`.
        done: &'static str,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// It is somebody else's.
    #[error("{} belongs to user {owner}, not to user {writer}", path.display())]
    Foreign {
        /// The file or directory.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
        /// Who would write it.
        writer: u32,
    },
    /// A link, a directory, a device: anything but what it should be.
    #[error("{} is not {wanted}: links are not followed", path.display())]
    Strange {
        /// The file or directory.
        path: PathBuf,
        /// What it should be.
        wanted: &'static str,
    },
    /// Another instance has the lock.
    #[error("another Glassbox of yours is open")]
    Busy,
    /// It is no progress of any version.
    #[error("{0}")]
    Damaged(String),
    /// A later version of the program wrote it.
    #[error("it has version {version}; this Glassbox knows version {known}")]
    Newer {
        /// Its version.
        version: u64,
        /// That of this program.
        known: u64,
    },
}
