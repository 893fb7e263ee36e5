//! Why a run ends before its plan does.

use crate::base::Errno;
use crate::plan::{BoxName, Flaw, Unsafe, told};
use crate::sandbox::wire::{Lost, TooLarge};
use std::io;
use std::time::Duration;
use thiserror::Error;

/// Why a run ends.
#[derive(Debug)]
pub(super) enum End {
    /// The main process is gone, or has asked to finish.
    Asked,
    /// It can't go on, and the reason has been told.
    Told,
    /// It can't go on.
    Broken(Broken),
}

/// Why a run, or what was asked of it beyond its plan, can't go on.
#[derive(Debug, Error)]
pub(super) enum Broken {
    /// No pair of sockets for a new agent, or its first message could not be sent.
    #[error("the wire to a helper broke")]
    Wire(#[source] io::Error),
    /// Something was to be said that no frame holds.
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
    /// A system call of the guardian's own.
    #[error("{call}: {errno}")]
    Call {
        /// Its name, and what it was about.
        call: String,
        /// The kernel's answer.
        errno: Errno,
    },
    /// The containment rule for boxes, [`Plan::leak`](crate::plan::Plan::leak).
    #[error("the box `{name}`: {why}")]
    Leak {
        /// The box that is not made.
        name: BoxName,
        /// Why its mounts would reach the host.
        why: &'static str,
    },
    /// The containment rule for actions.
    #[error(transparent)]
    Unsafe(#[from] Unsafe),
    /// Nobody has declared it.
    #[error("there is no box `{0}`")]
    Undeclared(BoxName),
    /// It was not made, or it has ended.
    #[error("the box `{0}` does not stand")]
    Down(BoxName),
    /// It has been awaited, or was not made.
    #[error("`await-end`: the box `{0}` does not stand")]
    NobodyToAwait(BoxName),
    /// Whom a signal was meant for.
    #[error("`kill`: the box `{0}` has ended, and its process id is free for another")]
    NobodyToKill(String),
    /// An agent on the host is gone.
    #[error("the observer has ended")]
    NoObserver,
    /// An agent was lost that was to answer.
    #[error("the box `{0}` ended in the middle of an action ({1})")]
    BoxLost(BoxName, Lost),
    /// The same before it was a box.
    #[error("a new box ended before it was set up ({0})")]
    NewcomerLost(Lost),
    /// The same on the host.
    #[error("the observer ended in the middle of an action ({0})")]
    ObserverLost(Lost),
    /// An agent that lives has not answered.
    #[error("no answer came within {} s", .0.as_secs())]
    NoAnswer(Duration),
    /// A run has a limit until it holds.
    #[error("the run took longer than {} s", .0.as_secs())]
    TooLong(Duration),
    /// The kernel refused a value that the plan gave.
    #[error(
        "`set-limits` in `host` failed: {errno}; give the action a name with `as` if it \
         is meant to"
    )]
    Limits {
        /// The kernel's answer.
        errno: Errno,
    },
    /// What was asked for beyond the plan bears a name that is in use.
    #[error("there is a group `{0}` already")]
    GroupTaken(BoxName),
    /// The same of a box.
    #[error("a box `{0}` has been there already")]
    BoxTaken(BoxName),
    /// What was asked for beyond the plan would not be taken in one.
    #[error("{}: {}", .0.message, .0.help)]
    Flawed(Flaw),
    /// What came as a plan is none that may be carried out.
    #[error("{}", told(.0))]
    Unchecked(Vec<Flaw>),
    /// What an agent of ours never does.
    #[error("a helper process gave an answer to another question; please report this")]
    OutOfTurn,
    /// What an agent said when it could not do something.
    #[error("{}", .0.join("; "))]
    Failed(Vec<String>),
}

impl From<Broken> for End {
    fn from(broken: Broken) -> End {
        End::Broken(broken)
    }
}

impl From<io::Error> for End {
    fn from(error: io::Error) -> End {
        End::Broken(Broken::Wire(error))
    }
}

impl From<TooLarge> for End {
    fn from(large: TooLarge) -> End {
        End::Broken(large.into())
    }
}

/// What an agent of ours never does.
pub(super) fn out_of_turn() -> End {
    Broken::OutOfTurn.into()
}

/// A system call of the guardian's own was refused.
pub(super) fn refused(call: String, errno: impl Into<Errno>) -> End {
    let errno = errno.into();
    Broken::Call { call, errno }.into()
}
