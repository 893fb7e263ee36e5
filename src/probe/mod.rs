//! Read-only views of the kernel.
//!
//! Everything that a lesson shows as *observed* passes through [`observe`]: one
//! [`Probe`] in, exactly the facts that [`Probe::facts`] names out, each with
//! the file or the call where anyone can look again. What can't be seen is an
//! `Err` with the reason in plain words; no value is ever made up.
//!
//! The other parts answer questions of the sandbox: where a cgroup stands in
//! the filesystem ([`cgroups`]), which of the host's settings explain a
//! refusal ([`host`]), whether a pid is still the same process ([`start_time`]).
//!
//! Invariants: nothing in here changes the host; the root of procfs is a
//! parameter, so that tests describe machines that they don't run on; every
//! file of the kernel is parsed leniently, because its lines grow over the years.
//! It must not know how a box is made, nor what a lesson claims about it.

pub mod cgroups;
pub mod host;

mod files;
mod inside;
mod layers;
mod mountinfo;
mod observe;
mod process;
mod statistics;
mod tree;

pub use layers::visible;
pub use observe::observe;
pub use process::{boot_id, memory_of, nsfs_inode, share_of_mapping, start_time};
pub use statistics::{Directories, samples, statistics};

use crate::plan::{BoxName, Value};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

#[cfg(doc)]
use crate::plan::Probe;

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

/// Who is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// The observer itself: it may ask by system call.
    Myself,
    /// Another process, seen from outside through procfs.
    Process {
        /// Its id in the observer's pid namespace.
        pid: i32,
        /// The nsfs inode of its pid namespace, captured while it lived, so
        /// that members can be counted after its end.
        pid_namespace: Option<u64>,
    },
}

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
    fn file(&self, name: &str) -> PathBuf {
        process_file(&self.proc_root, &self.subject, name)
    }
}

/// `/proc/self/NAME` or `/proc/PID/NAME`.
fn process_file(proc_root: &Path, subject: &Subject, name: &str) -> PathBuf {
    match subject {
        // `self` is resolved in the pid namespace of the procfs instance, so it
        // is right in a box that still has the host's /proc, where the
        // number that getpid(2) returns is not.
        Subject::Myself => proc_root.join("self").join(name),
        Subject::Process { pid, .. } => proc_root.join(pid.to_string()).join(name),
    }
}
