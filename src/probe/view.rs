//! From where an observer looks.

use super::observation::shown;
use super::statistics::Directories;
use super::subject::{Subject, process_file};
use super::unavailable::Unavailable;
use crate::base::kernel::{self, field};
use crate::plan::BoxName;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// From where, and at whom, an observer looks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// The observer's own procfs, usually `/proc`.
    pub proc_root: PathBuf,
    /// Who is looked at.
    pub subject: Subject,
    /// The cgroups that a demo declares, for `group:NAME`.
    pub groups: BTreeMap<BoxName, Directories>,
}

impl View {
    /// The observer looks at itself through `/proc`.
    pub fn myself() -> View {
        View {
            proc_root: "/proc".into(),
            subject: Subject::Myself,
            groups: BTreeMap::new(),
        }
    }

    /// Whether the observer looks at somebody else.
    pub fn from_outside(&self) -> bool {
        matches!(self.subject, Subject::Process { .. })
    }

    /// A file of the subject's directory in procfs.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        process_file(&self.proc_root, &self.subject, name)
    }

    /// Why a file of procfs could not be read.
    pub(super) fn missing(&self, path: &Path, error: &io::Error) -> Unavailable {
        match self.subject {
            Subject::Process { pid, .. } if self.has_ended() => Unavailable::Ended(pid),
            Subject::Process { .. } | Subject::Myself => Unavailable::of(&shown(path), error),
        }
    }

    /// A zombie still has a directory, but no namespaces any more.
    pub(super) fn has_ended(&self) -> bool {
        match kernel::read_text(self.file("status")) {
            Err(_) => !self.file("").exists(),
            Ok(status) => {
                field(&status, "State").is_some_and(|state| state.starts_with(['Z', 'X']))
            }
        }
    }
}
