//! Why there is no value.

use crate::base::{Bytes, Errno};
use crate::plan::Controller;
use std::io;
use thiserror::Error;

/// Why there is no value, in plain words by its `Display`.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Unavailable {
    /// No file has that name.
    #[error("there is no {0}")]
    Missing(String),
    /// A file that could not be read.
    #[error("{path} can't be read: {errno}")]
    Unread {
        /// Which.
        path: String,
        /// The kernel's answer.
        errno: Errno,
    },
    /// The same where it wasn't the kernel that refused: it is no UTF-8, or too long.
    #[error("{path} can't be read: {why}")]
    Unreadable {
        /// Which.
        path: String,
        /// What is wrong with it.
        why: String,
    },
    /// A system call that was refused.
    #[error("{call} failed: {errno}")]
    Call {
        /// As `uname(2)`.
        call: &'static str,
        /// The kernel's answer.
        errno: Errno,
    },
    /// The process that was to be looked at.
    #[error("process {0} has ended")]
    Ended(i32),
    /// A kind of namespace that the kernel was built without.
    #[error("this kernel has no {kind} namespaces: there is no {link}")]
    NoNamespace {
        /// Which.
        kind: String,
        /// Where it would be seen.
        link: String,
    },
    /// A file of the kernel's that this one doesn't have.
    #[error("this kernel has no {0}")]
    NotInKernel(String),
    /// A line of such a file.
    #[error("this kernel's {path} has no `{key}`")]
    NoKey {
        /// Which file.
        path: String,
        /// How the line would begin.
        key: String,
    },
    /// A line of a file of a process's.
    #[error("the line `{0}` is missing")]
    NoLine(&'static str),
    /// A file that is written otherwise than its documentation says.
    #[error("{0} has another shape")]
    Shape(String),
    /// A word in one that should be a number.
    #[error("{path}: `{word}`")]
    NoNumber {
        /// Which file, or which line of it.
        path: String,
        /// What stands there.
        word: String,
    },
    /// A fact of a group that nobody knows.
    #[error("there is no {kind} for `{what}`")]
    NoFact {
        /// What of it is missing.
        kind: &'static str,
        /// Its name.
        what: String,
    },
    /// A group without this controller's directory.
    #[error("this group has no {0} controller")]
    NoController(Controller),
    /// A group of version 2 that the one above hands no such controller down to.
    #[error("{group} doesn't have the {name} controller")]
    NotHandedDown {
        /// Its directory.
        group: String,
        /// The controller.
        name: &'static str,
    },
    /// Nothing was counted under a ceiling that could be divided by.
    #[error("no period has passed under a ceiling")]
    NoPeriod,
    /// PSI is of version 2.
    #[error("groups of version 1 have no pressure")]
    NoPressure,
    /// A cgroup that no mount here shows.
    #[error("no mount shows the cgroup that accounts its CPU time")]
    Unmounted,
    /// A mapping of this process's own.
    #[error("{0} does not show the mapping")]
    NoMapping(String),
    /// No view of layers is at that path.
    #[error("no overlay is mounted on {0}")]
    NoOverlay(String),
    /// No view of layers holds that path.
    #[error("{0} doesn't lie in an overlay mount")]
    OutsideOverlay(String),
    /// A path that can't be followed by its components.
    #[error("{0} holds `..`: write it without")]
    ParentDirectory(String),
    /// A name that is seen and that no layer has.
    #[error("no layer accounts for {0}; does a symbolic link lead there?")]
    NoLayer(String),
    /// A view of layers of which a part is mounted.
    #[error("only {root} of an overlay is mounted on {point}")]
    PartOfOverlay {
        /// Which.
        root: String,
        /// Where.
        point: String,
    },
    /// The directory of a layer.
    #[error("the layer {layer} can't be reached from here: {why}")]
    Unreachable {
        /// Its path, as the mount was told.
        layer: String,
        /// What is in the way.
        why: String,
    },
    /// It would have to be asked of a process or another machine.
    #[error("the layer {0} may never answer")]
    Strange(String),
    /// What is seen isn't what the layers' directories would make.
    #[error("the directories at its layers' paths hold other names than its root shows")]
    OtherNames,
    /// No way to the layers of a root directory leads there from here.
    #[error("its layers can't be reached from here")]
    NoWay,
    /// What has no device number.
    #[error("{0} is not a device")]
    NoDevice(String),
    /// What has no contents.
    #[error("{0} is neither a file nor a directory")]
    NoContents(String),
    /// More than is looked at.
    #[error("more than {0} names are in it")]
    TooManyNames(usize),
    /// The same in bytes.
    #[error("there are more than {0} to read")]
    TooLong(Bytes),
    /// Somebody wrote while it was read.
    #[error("{0} changed while it was read")]
    Changed(String),
    /// What can't be seen of such a subject at all.
    #[error("{0}")]
    NotOfThis(&'static str),
}

impl Unavailable {
    /// A word where a number should be, in a file or in a line of one.
    pub(super) fn no_number(path: &str, word: &str) -> Unavailable {
        Unavailable::NoNumber {
            path: path.into(),
            word: word.into(),
        }
    }

    /// By the error that reading a file gave.
    pub(super) fn of(path: &str, error: &io::Error) -> Unavailable {
        let path = path.to_string();
        match (error.kind(), Errno::of(error)) {
            (io::ErrorKind::NotFound, _) => Unavailable::Missing(path),
            (_, Some(errno)) => Unavailable::Unread { path, errno },
            (_, None) => Unavailable::Unreadable {
                path,
                why: error.to_string(),
            },
        }
    }
}
