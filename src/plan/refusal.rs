//! Needs and refusals: what a step asks of the host, and why it can't have it.

use super::cgroup::Controller;
use super::namespace::Namespace;
use crate::base::Errno;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Something that a step requires of the host. Derived from its plan.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Need {
    /// A namespace of this kind can be made (an ordinary user: together with
    /// a user namespace).
    Namespace(Namespace),
    /// A /proc of the box's own can be mounted in it.
    Proc,
    /// A veth pair can be made between two boxes.
    Veth,
    /// The box can be put into a cgroup other than its hierarchy's root.
    ChildCgroup,
    /// A cgroup can be made whose members this controller limits.
    Cgroup(Controller),
    /// An overlay with a writable layer can be mounted, and deletes in it work.
    Overlay,
    /// This program is on the machine's PATH.
    Program(String),
    /// A process of its own can be started that guards the run.
    Guardian,
    /// This system call reaches the kernel (several: separated by commas).
    Call(String),
    /// The machine's name isn't this one, which a box is given.
    Hostname(String),
    /// The loopback device of the session's network namespace is up.
    Loopback,
    /// Root of a box can be somebody else than root outside of it.
    OtherId,
    /// A POSIX message queue can be made.
    Queues,
    /// An engine of the course's own can have containers.
    Engine,
    /// A cgroup filesystem is mounted.
    CgroupTree,
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Need::Namespace(ns) => write!(f, "{ns} namespace"),
            Need::Proc => f.write_str("a /proc of the box's own"),
            Need::Veth => f.write_str("veth pair"),
            Need::ChildCgroup => f.write_str("a cgroup below the root"),
            Need::Cgroup(controller) => write!(f, "a cgroup with the {controller} controller"),
            Need::Overlay => f.write_str("an overlay mount with a writable layer"),
            Need::Program(name) => write!(f, "the program `{name}`"),
            Need::Guardian => f.write_str("a process that guards the run"),
            Need::Call(name) => write!(f, "the system call {name}"),
            Need::Hostname(name) => write!(f, "a machine that isn't called `{name}`"),
            Need::Loopback => f.write_str("a loopback device that is up"),
            Need::OtherId => f.write_str("another id to be root of a box"),
            Need::Queues => f.write_str("room for a POSIX message queue"),
            Need::Engine => f.write_str("an engine of the course's own, with containers"),
            Need::CgroupTree => f.write_str("a mounted cgroup filesystem"),
        }
    }
}

/// What the host refused, found by trying it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// What it was for.
    pub need: Need,
    /// The call that failed, as the manual writes it: `unshare(CLONE_NEWTIME)`.
    pub stage: String,
    /// The kernel's answer; `None` where no call failed (nothing to see).
    pub errno: Option<Errno>,
    /// Why, as far as can be told from this host's settings.
    pub cause: String,
    /// What to do about it, most harmless first.
    pub remedy: Vec<String>,
}

impl fmt::Display for Refusal {
    /// One line: stage, errno, cause.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.stage)?;
        if let Some(errno) = self.errno {
            write!(f, ": {errno}")?;
        }
        write!(f, ": {}", self.cause)
    }
}
