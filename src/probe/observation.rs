//! One answer of the kernel, or why there is none.

use super::unavailable::Unavailable;
use crate::base::Errno;
use crate::plan::Value;
use std::io;
use std::path::Path;

/// A value, or why there is none.
pub(super) type Answer = Result<Value, Unavailable>;

/// One answer of the kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    /// The fact's name, such as `ns.uts`.
    pub name: String,
    /// What was seen, or why nothing was.
    pub value: Result<Value, Unavailable>,
    /// The file or the call: `/proc/4892/ns/uts`, `uname(2)`.
    pub source: String,
}

/// Why something couldn't be read of a process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unread {
    /// In plain words.
    pub because: String,
    /// Whether it is there for somebody with more rights than this user.
    pub denied: bool,
}

impl Unread {
    /// By the error that a file gave.
    pub(super) fn of(path: &Path, error: &io::Error) -> Unread {
        Unread {
            because: Unavailable::of(&shown(path), error).to_string(),
            denied: error.kind() == io::ErrorKind::PermissionDenied,
        }
    }
}

impl From<&str> for Unread {
    /// For a reason that is nobody's rights.
    fn from(because: &str) -> Unread {
        Unread {
            because: because.into(),
            denied: false,
        }
    }
}

impl From<Unavailable> for Unread {
    fn from(why: Unavailable) -> Unread {
        let errno = match &why {
            Unavailable::Unread { errno, .. } => Some(*errno),
            _ => None,
        };
        Unread {
            because: why.to_string(),
            denied: matches!(errno, Some(Errno(libc::EACCES | libc::EPERM))),
        }
    }
}

impl From<String> for Unread {
    fn from(because: String) -> Unread {
        Unread::from(because.as_str())
    }
}

/// An observation of that name, no larger than any is.
pub(super) fn seen(name: &str, source: &str, value: Answer) -> Observation {
    Observation {
        name: name.into(),
        value: value.map(Value::bounded),
        source: source.into(),
    }
}

/// A path, as a source is written.
pub(super) fn shown(path: &Path) -> String {
    path.display().to_string()
}
