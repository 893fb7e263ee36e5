//! Who is looked at, and where procfs has them.

use std::path::{Path, PathBuf};

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

/// `/proc/self/NAME` or `/proc/PID/NAME`.
pub(super) fn process_file(proc_root: &Path, subject: &Subject, name: &str) -> PathBuf {
    match subject {
        // `self` is resolved in the pid namespace of the procfs instance, so it
        // is right in a box that still has the host's /proc, where the
        // number that getpid(2) returns is not.
        Subject::Myself => proc_root.join("self").join(name),
        Subject::Process { pid, .. } => proc_root.join(pid.to_string()).join(name),
    }
}
