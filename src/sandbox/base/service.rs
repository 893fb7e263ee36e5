//! What may be asked of a run that stands, beyond its plan: more boxes, actions,
//! and programs with ends to talk to. A lesson is a plan with nothing after it.
//!
//! Each request has a number, and is answered once; a program once more, when it
//! has ended. What it holds (a box, a program) is held for its asker: it ends with
//! that process, or when a lease with a time isn't renewed.

use super::pidfd;
use crate::plan::{Action, BoxName, BoxSpec, CgroupSpec, Ending, SetLimits};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};
use std::os::fd::OwnedFd;
use std::time::Duration;

/// The number of a request; never used twice in a run.
pub type RequestId = u64;

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Request {
    /// Carry out one more action, as if it were the plan's last.
    Act(Box<Action>),
    /// Make one more group.
    Group(CgroupSpec),
    /// Make one more box.
    Box(BoxSpec),
    /// Start a program in a box.
    Start(Program),
    /// Tell a program's pty that its window has this size now.
    Resize {
        /// The request that started it.
        program: RequestId,
        /// The new size.
        size: Size,
    },
    /// Give a box a root of layers.
    Root(Box<Root>),
    /// Start a program in a box that has such a root.
    Execute(Box<Execute>),
    /// Send a signal to a program, signal(7).
    Signal {
        /// The request that started it.
        program: RequestId,
        /// The signal's number.
        signal: i32,
    },
    /// Limit a group to this.
    Limit(SetLimits),
    /// End a program, with all processes of its session, or a box with all that
    /// is in it.
    End(Held),
    /// Hold what this request holds for as long again as its lease says.
    Renew(RequestId),
}

/// What is held for an asker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Held {
    /// The program that this request started.
    Program(RequestId),
    /// A box.
    Box(BoxName),
}

/// A program to start in a box.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Program {
    /// Where.
    pub place: BoxName,
    /// The program, looked up in PATH unless it has a slash, and its arguments.
    pub argv: Vec<String>,
    /// Its whole environment.
    pub environment: Vec<(String, String)>,
    /// Where it begins, an absolute path in the box.
    pub directory: String,
    /// The user and group ids that it gets, as the box counts; those of the
    /// box's root if absent.
    pub user: Option<(u32, u32)>,
    /// What it may use.
    pub limits: Tenant,
    /// What its standard input, output and error are.
    pub stdio: Stdio,
}

/// A root of its own for a box: layers that lie on the host, a writable one on
/// top, and what every container has mounted. It is no action, so no lesson can
/// ask for it: that the directories are the asker's own is the asker's word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Root {
    /// The box; it has a pid and a mount namespace of its own.
    pub place: BoxName,
    /// The read-only layers, the uppermost first.
    pub layers: Vec<String>,
    /// The writable layer. Its work directory is beside it, with `.work` added.
    pub upper: String,
    /// An empty directory, on which the layers are mounted.
    pub at: String,
    /// Nobody in it may write to what isn't mounted besides.
    pub read_only: bool,
    /// The box's name in its uts namespace.
    pub hostname: String,
    /// Where programs begin; made if it isn't there.
    pub directory: String,
    /// What else is mounted, in this order.
    pub mounts: Vec<RootMount>,
    /// The box's own network namespace: its `lo` is brought up.
    pub own_network: bool,
    /// Whose processes its /proc shows: those of the program that is started
    /// first, or all of the box.
    pub first: First,
}

/// Something that is mounted in a root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RootMount {
    /// Where, as the box sees it; made if it isn't there.
    pub target: String,
    /// What.
    pub source: MountSource,
    /// It can't be written to.
    pub read_only: bool,
}

/// What is mounted in a root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum MountSource {
    /// A file or a directory of the host's.
    Bind {
        /// The directory that the path must not lead out of, openat2(2).
        below: String,
        /// From there; may be empty.
        path: String,
    },
    /// An empty tmpfs(5), with these options.
    Tmpfs(String),
}

/// What the program that is started first in a root is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum First {
    /// Pid 1 of a pid namespace inside of the box's: the others end with it.
    PidOne,
    /// A child of the box's own pid 1, which reaps what others leave behind.
    BelowInit,
}

/// A program to start in a box that has a [`Root`]. One that can't be executed
/// has ended ([`Ending::NotRun`]).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Execute {
    /// Where.
    pub place: BoxName,
    /// The program, looked up in PATH unless it has a slash, and its arguments.
    pub argv: Vec<String>,
    /// Its environment; HOME is added if it isn't there.
    pub environment: Vec<(String, String)>,
    /// Where it begins.
    pub directory: String,
    /// `USER[:GROUP]`, names of the root's passwd(5) and group(5) or numbers;
    /// root if empty.
    pub user: String,
    /// What its standard input, output and error are.
    pub stdio: Stdio,
}

/// What kind of program is limited: each needs something else. What all of its
/// processes may use together is a matter of the box's group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Tenant {
    /// A program of a demo: it does one thing and ends. Seconds of CPU time, and
    /// a length of files, end one that doesn't.
    Demo,
    /// A person's shell: it may stand for hours and compute as it likes, but a
    /// slip of the finger must not fill the disk.
    Shell,
    /// A container: what its image means to do is nobody's to guess, so it has
    /// the user's own limits.
    Container,
}

/// Standard input, output and error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stdio {
    /// A pipe each.
    Pipes,
    /// A pseudo-terminal for all three, of the box's own devpts; the host's if
    /// the box has no mount namespace.
    Pty(Size),
}

/// The size of a terminal, in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Size {
    /// Its lines.
    pub rows: u16,
    /// Its columns.
    pub columns: u16,
}

/// For how long, and for whom, what a request makes is held.
#[derive(Debug, Default)]
pub struct Lease {
    /// It ends if it isn't renewed within this time, in which its holder ran: time
    /// in which that process is stopped, or the machine asleep, doesn't count.
    pub time: Option<Duration>,
    /// A pidfd of the process that it is held for; this one if absent.
    pub holder: Option<OwnedFd>,
}

impl Lease {
    /// One that ends with this process.
    ///
    /// # Errors
    /// Of pidfd_open(2): ESRCH if there is no such process.
    pub fn of_process(pid: i32) -> std::io::Result<Lease> {
        let pidfd = pidfd::open(Pid::from_raw(pid));
        let pidfd = pidfd.map_err(|errno| std::io::Error::from_raw_os_error(errno.0))?;
        Ok(Lease {
            time: None,
            holder: Some(pidfd),
        })
    }
}

/// What came of a request.
#[derive(Debug)]
pub enum Answer {
    /// It has been done.
    Done,
    /// The program runs; these are the other ends of what it reads and writes.
    Started(Ends),
    /// The program has ended.
    Ended(Ending),
    /// It can't be done: what failed and on what.
    Refused(String),
}

/// The asker's ends of a program's standard input, output and error.
#[derive(Debug)]
pub enum Ends {
    /// Of the three pipes.
    Pipes {
        /// To write to; closed it is the end of the program's input.
        stdin: OwnedFd,
        /// To read from.
        stdout: OwnedFd,
        /// To read from.
        stderr: OwnedFd,
    },
    /// The pty's master. Closed it hangs the program up.
    Pty(OwnedFd),
}

impl Answer {
    /// Whether another one follows.
    pub fn is_last(&self) -> bool {
        !matches!(self, Answer::Started(_))
    }
}

/// An answer as it travels; its descriptors travel beside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::sandbox) enum Told {
    /// See [`Answer`].
    Done,
    /// With three descriptors, or one.
    Started,
    /// See [`Answer`].
    Ended(Ending),
    /// See [`Answer`].
    Refused(String),
}

impl Told {
    /// With what came beside it.
    pub(in crate::sandbox) fn with(self, descriptors: Vec<OwnedFd>) -> Answer {
        match self {
            Told::Done => Answer::Done,
            Told::Ended(ending) => Answer::Ended(ending),
            Told::Refused(why) => Answer::Refused(why),
            Told::Started => match <[OwnedFd; 3]>::try_from(descriptors) {
                Ok([stdin, stdout, stderr]) => Answer::Started(Ends::Pipes {
                    stdin,
                    stdout,
                    stderr,
                }),
                Err(others) => match others.into_iter().next() {
                    Some(master) => Answer::Started(Ends::Pty(master)),
                    None => Answer::Refused("its ends did not come".into()),
                },
            },
        }
    }
}
