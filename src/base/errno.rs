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

impl std::error::Error for Errno {}

/// An error for a person: what failed, then each cause of it. One of the kernel's
/// has its symbolic name, whoever hands it on.
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let told = |error: &(dyn std::error::Error + 'static)| {
        let io = error.downcast_ref::<std::io::Error>();
        let kernel = io.and_then(Errno::of);
        kernel.map_or_else(|| error.to_string(), |errno| errno.to_string())
    };
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(told(error), |text, cause| {
        format!("{text}: {}", told(cause))
    })
}

#[cfg(test)]
mod tests {
    use super::{Errno, chain};

    #[test]
    fn a_chain_ends_with_the_kernels_own_name_for_its_error() {
        #[derive(Debug, thiserror::Error)]
        #[error("open(/x)")]
        struct Open(#[source] std::io::Error);
        let kernel = || std::io::Error::from_raw_os_error(libc::EACCES);
        let expected = "EACCES (Permission denied)";
        assert_eq!(chain(&kernel()), expected);
        assert_eq!(chain(&Open(kernel())), format!("open(/x): {expected}"));
        let outer = std::io::Error::other(Open(kernel()));
        assert_eq!(chain(&outer), format!("open(/x): {expected}"));
        let none = std::io::Error::other("no number");
        assert_eq!(chain(&none), "no number");
    }

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
