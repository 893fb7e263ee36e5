//! The calls of work on files, and how it fails. The work hands each call worth a
//! look to whoever listens, and says in one way what went wrong.

use crate::base::{Errno, literal};
use crate::plan::Need;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant};

/// A call that was made, with its arguments as the manual writes them.
pub struct Step {
    /// Its name.
    pub name: &'static str,
    /// Its arguments.
    pub args: String,
    /// Why here; may be empty.
    pub why: &'static str,
    /// What it returned.
    pub result: Result<i64, Errno>,
    /// How long it took.
    pub took: Duration,
}

/// Who hears of the steps.
pub type Steps<'a> = &'a mut dyn FnMut(Step);

/// Why such work did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A call failed; it is written with the path that it was for.
    #[error("{0}")]
    Kernel(String, #[source] Errno),
    /// Something isn't as it has to be.
    #[error("{0}")]
    Wrong(String),
    /// The host can't do this at all.
    #[error("{0}: {1}")]
    Refused(Need, String, #[source] Errno),
    /// A part of an image can't be written in its form.
    #[error("the image's {0} can't be written")]
    Document(
        &'static str,
        #[source] Box<dyn std::error::Error + Send + Sync>,
    ),
}

impl Error {
    /// A part of an image that has no form.
    pub(super) fn document(
        what: &'static str,
        error: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Error {
        Error::Document(what, error.into())
    }

    /// An I/O error on a path: the kernel's, if it has a number.
    pub fn io(call: &str, path: &Path, error: &io::Error) -> Error {
        match Errno::of(error) {
            Some(errno) => Error::Kernel(format!("{call}({})", literal(path)), errno),
            None => Error::Wrong(format!("`{}`: {error}", path.display())),
        }
    }
}

/// Makes a call and hands it on.
pub(super) fn step<T: Returned>(
    steps: Steps<'_>,
    (name, args): (&'static str, String),
    why: &'static str,
    make: impl FnOnce() -> Result<T, Errno>,
) -> Result<T, Error> {
    let before = Instant::now();
    let made = make();
    let result = made.as_ref().map(Returned::number).map_err(|errno| *errno);
    let shown = format!("{name}({args})");
    steps(Step {
        name,
        args,
        why,
        result,
        took: before.elapsed(),
    });
    made.map_err(|errno| Error::Kernel(shown, errno))
}

/// What a call returned, as the number that strace(1) would show.
pub trait Returned {
    /// That number.
    fn number(&self) -> i64;
}

impl Returned for () {
    fn number(&self) -> i64 {
        0
    }
}

impl Returned for i64 {
    fn number(&self) -> i64 {
        *self
    }
}

impl Returned for OwnedFd {
    fn number(&self) -> i64 {
        i64::from(self.as_raw_fd())
    }
}
