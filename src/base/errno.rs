//! Kernel error numbers, errno(3).

use serde::{Deserialize, Serialize};
use std::fmt;

/// An error number as the kernel returned it; see errno(3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Errno(pub i32);

impl Errno {
    /// The symbolic name, such as `EPERM`; `errno 4095` for a number without one.
    pub fn name(self) -> String {
        match nix::errno::Errno::from_raw(self.0) {
            nix::errno::Errno::UnknownErrno => format!("errno {}", self.0),
            known => format!("{known:?}"),
        }
    }

    /// The C library's one-line description, such as "Operation not permitted".
    pub fn message(self) -> &'static str {
        nix::errno::Errno::from_raw(self.0).desc()
    }

    /// The number of an I/O error, when the kernel gave one.
    pub fn of(error: &std::io::Error) -> Option<Errno> {
        error.raw_os_error().map(Errno)
    }
}

impl From<nix::errno::Errno> for Errno {
    fn from(errno: nix::errno::Errno) -> Self {
        Errno(errno as i32)
    }
}

impl From<rustix::io::Errno> for Errno {
    fn from(errno: rustix::io::Errno) -> Self {
        Errno(errno.raw_os_error())
    }
}

/// The number of an I/O error; EIO where the kernel gave none.
impl From<std::io::Error> for Errno {
    fn from(error: std::io::Error) -> Self {
        Errno::of(&error).unwrap_or(Errno(libc::EIO))
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name(), self.message())
    }
}

#[cfg(test)]
mod tests {
    use super::Errno;

    #[test]
    fn names_follow_the_manual() {
        assert_eq!(Errno(libc::EPERM).name(), "EPERM");
        assert_eq!(Errno(libc::EAGAIN).name(), "EAGAIN");
        assert_eq!(Errno(4095).name(), "errno 4095");
        assert_eq!(
            Errno(libc::ENOSPC).to_string(),
            "ENOSPC (No space left on device)"
        );
    }
}
