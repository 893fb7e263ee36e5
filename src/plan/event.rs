//! What happened, in order, and the fold of it.

use super::cgroup::SetLimits;
use super::fact::{BoxName, Fact, FactRef, Place, Provenance};
use super::left::Leftover;
use super::message::Message;
use super::refusal::Refusal;
use super::value::Value;
use crate::base::Errno;
use serde::{Deserialize, Serialize};

/// Something that happened during a run. Events arrive in the order of time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "event")]
pub enum Event {
    /// The helper is armed; nothing has been made yet.
    Started(Observer),
    /// An action of the plan begins.
    Doing {
        /// Its index in the plan.
        action: usize,
    },
    /// A call that the helper made for the learner's sake.
    Syscall(Syscall),
    /// A program ran to its end.
    Output(Output),
    /// A box's pid 1 waits for work.
    BoxUp {
        /// Which one.
        name: BoxName,
        /// Its process id as the host counts.
        pid: i32,
    },
    /// A box's pid 1 has ended before the run did.
    BoxDown {
        /// Which one.
        name: BoxName,
        /// How.
        ending: Ending,
    },
    /// Something was observed.
    Fact(Fact),
    /// A `watch` looked at its groups.
    Sample(Sample),
    /// Something passed between a client and an engine.
    Message(Message),
    /// The learner changed what a group is limited to, while the run went on.
    Retuned(Retuned),
    /// A `stage` or the end of a beat has been reached: the run waits for the
    /// learner's word.
    Paused,
    /// The host refused something that the plan needs. Without `missing-ok`
    /// the run ends here.
    Refused(Refusal),
    /// The run could not go on for a reason that isn't the host's.
    Broken {
        /// What failed, on what, and what to try.
        message: String,
    },
    /// All actions are done; the boxes still stand: with `hold` until the
    /// learner has had enough, else for this moment only.
    Holding,
    /// Everything that was made is gone again. A run's last event, unless
    /// something is left.
    Cleaned,
    /// All but this is gone again. The last event of such a run.
    Left {
        /// At least one thing.
        left: Vec<Leftover>,
    },
    /// The helper didn't end when it should have, so this program ended it, and
    /// took down what it had made.
    Forced {
        /// What that took.
        message: String,
    },
}

impl Event {
    /// Whether nothing comes after it: everything was taken down that could be.
    pub fn is_last(&self) -> bool {
        matches!(self, Event::Cleaned | Event::Left { .. })
    }
}

/// Who watches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observer {
    /// uname(2) release.
    pub kernel: String,
    /// The real user id of the learner.
    pub uid: u32,
    /// The host pid of the supervisor that owns what this run makes.
    pub supervisor: i32,
    /// The systemd scope that the supervisor is in, with all that it makes, if
    /// one was made for this run and delegated to the user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
}

/// One system call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Syscall {
    /// Where the caller stands.
    pub place: Place,
    /// Its name, section 2 of the manual.
    pub name: String,
    /// Its arguments as the manual writes them, without the parentheses.
    pub args: String,
    /// What it returned, or the error number.
    pub result: Result<i64, Errno>,
    /// Time taken, in nanoseconds of CLOCK_MONOTONIC.
    pub nanos: u64,
    /// Why here, in a few words; empty where the name says it.
    pub why: String,
}

/// What a `watch` saw at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// Nanoseconds since the observer began, CLOCK_MONOTONIC: one clock for all
    /// watches of a run.
    pub at: i64,
    /// Facts `host/NAME.…` of the watched groups: [`MOVING_FACTS`](super::MOVING_FACTS)
    /// and [`LIMIT_FACTS`](super::LIMIT_FACTS) that have a value.
    pub values: Vec<(FactRef, Value)>,
}

/// A change of limits from outside of the plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retuned {
    /// What was asked for.
    pub set: SetLimits,
    /// What the kernel, or the lack of such a group, had against it.
    pub refused: Option<String>,
}

/// What a program wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// Where it ran.
    pub place: Place,
    /// Program and arguments.
    pub argv: Vec<String>,
    /// How it ended.
    pub ending: Ending,
    /// Standard output, lossy UTF-8, cut at 64 KiB with a line that says so.
    pub stdout: String,
    /// Standard error, likewise.
    pub stderr: String,
}

/// How a process ended, wait(2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// It returned this status.
    Exit(i32),
    /// This signal ended it, by its name: `SIGKILL`.
    Signal(String),
    /// It never ran: execve(2) failed.
    NotRun(Errno),
}

impl std::fmt::Display for Ending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Ending::Exit(status) => write!(f, "exit {status}"),
            Ending::Signal(name) => f.write_str(name),
            Ending::NotRun(errno) => f.write_str(&errno.name()),
        }
    }
}

/// The fold of a run's events: what can be expected, asked and shown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct History {
    events: Vec<Event>,
}

impl History {
    /// Adds what happened next.
    pub fn push(&mut self, event: Event) {
        self.events.push(event);
    }

    /// Everything, in order.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// Every fact, in order.
    pub fn facts(&self) -> impl DoubleEndedIterator<Item = &Fact> {
        self.events.iter().filter_map(|event| match event {
            Event::Fact(fact) => Some(fact),
            _ => None,
        })
    }

    /// The kernel of what was recorded elsewhere, if there is any of it.
    pub fn recorded_on(&self) -> Option<&str> {
        self.facts().find_map(|fact| match &fact.provenance {
            Provenance::Recorded { kernel } => Some(kernel.as_str()),
            Provenance::Observed | Provenance::Unavailable { .. } => None,
        })
    }

    /// The newest fact that a reference names. A reference without a moment
    /// means the newest of any moment.
    pub fn fact(&self, id: &FactRef) -> Option<&Fact> {
        self.facts().rev().find(|fact| fact.id.is_named_by(id))
    }

    /// Every call, in order.
    pub fn syscalls(&self) -> impl Iterator<Item = &Syscall> {
        self.events.iter().filter_map(|event| match event {
            Event::Syscall(call) => Some(call),
            _ => None,
        })
    }

    /// What the watches saw, in order.
    pub fn samples(&self) -> impl Iterator<Item = &Sample> {
        self.events.iter().filter_map(|event| match event {
            Event::Sample(sample) => Some(sample),
            _ => None,
        })
    }

    /// What passed between clients and engines, in order.
    pub fn messages(&self) -> impl Iterator<Item = &Message> {
        self.events.iter().filter_map(|event| match event {
            Event::Message(message) => Some(message),
            _ => None,
        })
    }

    /// What the host refused.
    pub fn refusals(&self) -> impl Iterator<Item = &Refusal> {
        self.events.iter().filter_map(|event| match event {
            Event::Refused(refusal) => Some(refusal),
            _ => None,
        })
    }

    /// The changes of limits from outside of the plan, in order.
    pub fn retuned(&self) -> impl Iterator<Item = &Retuned> {
        self.events.iter().filter_map(|event| match event {
            Event::Retuned(retuned) => Some(retuned),
            _ => None,
        })
    }

    /// The action under way, or the last one.
    pub fn action(&self) -> Option<usize> {
        self.events.iter().rev().find_map(|event| match event {
            Event::Doing { action } => Some(*action),
            _ => None,
        })
    }

    /// The action at which the run waits for the learner's word, if the last
    /// that happened is that it does.
    pub fn paused(&self) -> Option<usize> {
        let last = self.events.iter().rev().find_map(|event| match event {
            Event::Paused => Some(true),
            Event::Doing { .. }
            | Event::Broken { .. }
            | Event::Holding
            | Event::Cleaned
            | Event::Left { .. }
            | Event::Forced { .. } => Some(false),
            Event::Started(_)
            | Event::Syscall(_)
            | Event::Output(_)
            | Event::BoxUp { .. }
            | Event::BoxDown { .. }
            | Event::Fact(_)
            | Event::Sample(_)
            | Event::Message(_)
            | Event::Retuned(_)
            | Event::Refused(_) => None,
        });
        last.filter(|paused| *paused).and_then(|_| self.action())
    }

    /// Whether every action of the plan was carried out.
    pub fn completed(&self) -> bool {
        self.events.contains(&Event::Holding)
    }

    /// Whether nothing more comes: what was not observed won't be.
    pub fn is_over(&self) -> bool {
        self.is_taken_down() || self.broken().is_some() || self.forced().is_some()
    }

    /// What this program had to do in the helper's place at the end, if it had to.
    pub fn forced(&self) -> Option<&str> {
        self.events.iter().find_map(|event| match event {
            Event::Forced { message } => Some(message.as_str()),
            _ => None,
        })
    }

    /// Whether everything was taken down that could be.
    pub fn is_taken_down(&self) -> bool {
        self.events.last().is_some_and(Event::is_last)
    }

    /// What could not be taken down.
    pub fn left(&self) -> &[Leftover] {
        self.events
            .iter()
            .rev()
            .find_map(|event| match event {
                Event::Left { left } => Some(left.as_slice()),
                _ => None,
            })
            .unwrap_or_default()
    }

    /// Why the run broke off, if it did.
    pub fn broken(&self) -> Option<&str> {
        self.events.iter().find_map(|event| match event {
            Event::Broken { message } => Some(message.as_str()),
            _ => None,
        })
    }
}

impl From<Vec<Event>> for History {
    fn from(events: Vec<Event>) -> Self {
        History { events }
    }
}
