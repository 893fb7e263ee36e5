//! This program, executed anew as a supervisor: by what it and others know it.

use super::owner::{MARK, Mark};
use std::io;
use std::process::Command;
use thiserror::Error;

/// The argument with which this program, executed anew, is a supervisor.
pub(in crate::sandbox) const SUPERVISOR: &str = "glassbox-supervisor";
/// What the kernel calls it from then on, `/proc/PID/comm`; its forks take names
/// of their own.
pub(in crate::sandbox) const SUPERVISOR_COMM: &str = "glassbox-super";

/// The file that this process executes, whatever has become of its name.
pub(in crate::sandbox) const OWN_FILE: &str = "/proc/self/exe";

/// Gives a supervisor, and with it all that it starts, the mark of a new run.
pub(in crate::sandbox) fn mark(command: &mut Command) -> Option<Mark> {
    let mark = Mark::new()?;
    command.env(MARK, mark.to_string());
    Some(mark)
}

/// A step of a run's start, and why it failed.
#[derive(Debug, Error)]
#[error("{step}")]
struct NotDone {
    step: &'static str,
    #[source]
    source: io::Error,
}

/// Names the step of an error.
pub(in crate::sandbox) fn on(step: &'static str) -> impl FnOnce(io::Error) -> io::Error {
    move |source| io::Error::other(NotDone { step, source })
}
