//! One answer of the kernel, or why there is none.

use crate::base::Errno;
use crate::plan::Value;
use std::io;
use std::path::Path;

/// A value, or why there is none.
pub(super) type Answer = Result<Value, String>;

/// One answer of the kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    /// The fact's name, such as `ns.uts`.
    pub name: String,
    /// What was seen, or why nothing was.
    pub value: Result<Value, String>,
    /// The file or the call: `/proc/4892/ns/uts`, `uname(2)`.
    pub source: String,
}

/// Why a file could not be read, in plain words.
pub(super) fn plain(path: &str, error: &io::Error) -> String {
    match (error.kind(), Errno::of(error)) {
        (io::ErrorKind::NotFound, _) => format!("there is no {path}"),
        (_, Some(errno)) => format!("{path} can't be read: {errno}"),
        (_, None) => format!("{path} can't be read: {error}"),
    }
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
            because: plain(&shown(path), error),
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
