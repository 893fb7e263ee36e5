//! From where an observer looks.

use super::statistics::Directories;
use super::subject::{Subject, process_file};
use crate::plan::BoxName;
use std::collections::BTreeMap;
use std::path::PathBuf;

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
}
