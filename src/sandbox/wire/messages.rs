//! What travels on the wires: orders and what is told between the main process
//! and the supervisor, requests and replies between the supervisor and agents.

use super::frame::Message;
use crate::base::Errno;
use crate::plan::{Action, BoxName, BoxSpec, Ending, Event, Namespace, Need, Plan, SetLimits};
use crate::probe::{Directories, directories_of};
use crate::sandbox::base::service::{self, Execute, Program, RequestId, Root, Size};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// What came of asking for a scope, a unit of systemd's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::sandbox) enum Scope {
    /// Nobody was asked: it isn't needed, or there is no systemd-run.
    NotAsked,
    /// The supervisor is in one of that name.
    Own(String),
    /// There is none, and that is what was answered.
    Refused(String),
}

/// What the main process asks of the supervisor.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::sandbox) enum Order {
    /// Carry this out. With `hold`, let the boxes stand until `Finish`.
    Carry {
        plan: Plan,
        hold: bool,
        scope: Scope,
    },
    /// Limit a group of the plan to this from now on, whatever is under way.
    Limit(SetLimits),
    /// End the `watch` or the `stage` that this action of the plan is, if it
    /// is under way, and go on.
    Enough { action: usize },
    /// Something beyond the plan; with it may come a pidfd of who it is for.
    Ask {
        id: RequestId,
        request: service::Request,
        lease: Option<Duration>,
    },
    /// Take everything down.
    Finish,
}

/// What the supervisor tells the main process.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::sandbox) enum Told {
    /// It exists, in the scope that it was to be started in.
    Hello,
    /// Something happened.
    Event(Event),
    /// What came of a request of that number; with it come a program's ends.
    Answer { id: RequestId, told: service::Told },
    /// It is at work on taking everything down, and not stuck.
    TakingDown,
}

/// The number of a request: never used twice on a wire.
pub(in crate::sandbox) type Id = u64;

/// A request, and its number.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::sandbox) struct Asked {
    /// What its answer will carry.
    pub(in crate::sandbox) id: Id,
    /// What is asked for.
    pub(in crate::sandbox) request: Request,
}

/// A reply, and the number of the request that it is about.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::sandbox) struct Said {
    /// That of the request.
    pub(in crate::sandbox) id: Id,
    /// What is said about it.
    pub(in crate::sandbox) reply: Reply,
}

/// What the supervisor asks of an agent.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::sandbox) enum Request {
    /// Make a box; with it comes its end of the wire.
    Create(Box<Creation>),
    /// The box may set itself up: its guardian knows it.
    Go,
    /// Carry out an action.
    Do(Box<Task>),
    /// Await the end of a box that this agent created.
    Reap { child: i32 },
    /// Start a program for somebody, and tell its end.
    Start(Box<Start>),
    /// Take on a root of layers.
    Root(Box<Root>),
    /// Start a program in that root, and tell its end.
    Execute(Box<Execute>),
    /// Send a signal to the program that this request started.
    Signal { program: Id, signal: i32 },
    /// Give its terminal another size.
    Resize { program: Id, size: Size },
    /// End it, with all processes of its session.
    End { program: Id },
    /// That the `watch` of this number is to end. It has no answer of its own,
    /// as it may come too late.
    Enough,
}

/// A program to start.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::sandbox) struct Start {
    /// What.
    pub(in crate::sandbox) program: Program,
    /// The groups that it joins, for their limits.
    pub(in crate::sandbox) fence: Vec<PathBuf>,
    /// The kinds of which this place has a namespace that the run made.
    pub(in crate::sandbox) held: Vec<Namespace>,
}

/// A box to make.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::sandbox) struct Creation {
    /// What it is to be.
    pub(in crate::sandbox) spec: BoxSpec,
    /// The cgroup directories to join first, made and owned by the supervisor.
    pub(in crate::sandbox) cgroups: Vec<PathBuf>,
    /// The ids that 0 becomes outside, where the creator may choose them.
    pub(in crate::sandbox) map_to: Option<(u32, u32)>,
    /// Whether the mounts of the host's that it inherits are made read-only in it.
    pub(in crate::sandbox) guarded: bool,
    /// Whether it and what is started in it keep to one CPU.
    pub(in crate::sandbox) one_cpu: bool,
}

/// An action with what its agent needs to know of the others.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in crate::sandbox) struct Task {
    /// What to do.
    pub(in crate::sandbox) action: Action,
    /// The boxes that stand: host pid and pid namespace.
    pub(in crate::sandbox) boxes: BTreeMap<BoxName, Standing>,
    /// The TCP ports that `listen` actions got, by their names.
    pub(in crate::sandbox) ports: BTreeMap<String, u16>,
    /// The cgroups of the run, by their names.
    pub(in crate::sandbox) groups: BTreeMap<BoxName, Directories>,
    /// The kinds of which this place has a namespace that the run made; none if
    /// nothing contains what a program does here.
    pub(in crate::sandbox) held: Vec<Namespace>,
    /// The groups that a program joins that this task runs, for their limits.
    pub(in crate::sandbox) fence: Vec<PathBuf>,
    /// The run's own directory on a disk, for a `store`; made by the supervisor,
    /// which removes it.
    pub(in crate::sandbox) disk: Option<PathBuf>,
}

impl Task {
    /// The directories that a process joins to be in a group.
    pub(in crate::sandbox) fn directories(&self, name: &BoxName) -> Vec<PathBuf> {
        self.groups
            .get(name)
            .map(directories_of)
            .unwrap_or_default()
    }
}

/// A box as the host sees it.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(in crate::sandbox) struct Standing {
    /// Its pid 1, as the host counts.
    pub(in crate::sandbox) pid: i32,
    /// The nsfs inode of its pid namespace.
    pub(in crate::sandbox) pid_namespace: Option<u64>,
}

/// What an agent answers.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::sandbox) enum Reply {
    /// This process exists, and has done nothing yet.
    Hello,
    /// Something happened on the way.
    Event(Event),
    /// The host refused something: the call, its answer, and the AppArmor
    /// profile of the process that made it.
    Refused {
        need: Need,
        stage: String,
        errno: Option<Errno>,
        profile: Option<String>,
    },
    /// A box's pid 1 exists, with this id in the creator's pid namespace; it
    /// waits for `Go`.
    Created { child: i32 },
    /// A program runs; with it come its ends.
    Started,
    /// A box that this agent created, or a program, has ended.
    Ended(Ending),
    /// A request that isn't the plan's could not be carried out, for this reason.
    Unable(String),
    /// The request has been carried out.
    Done,
    /// The request could not be carried out; the reason was told as an event.
    Failed,
}

impl Message for Order {
    fn kind(&self) -> String {
        match self {
            Order::Carry { .. } => "the plan",
            Order::Limit(_) => "the order to set limits",
            Order::Enough { .. } => "the order to go on",
            Order::Ask { .. } => "the request",
            Order::Finish => "the order to finish",
        }
        .into()
    }
}

impl Message for Told {
    fn kind(&self) -> String {
        match self {
            Told::Hello => "the hello".into(),
            Told::Event(event) => kind_of_event(event),
            Told::Answer { .. } => "an answer".into(),
            Told::TakingDown => "the sign of life".into(),
        }
    }
}

impl Message for Asked {
    fn kind(&self) -> String {
        match &self.request {
            Request::Create(creation) => {
                format!("the request for the box `{}`", creation.spec.name)
            }
            Request::Do(task) => format!(
                "the request for `{}` in `{}`",
                task.action.verb.name(),
                task.action.place
            ),
            Request::Start(start) => {
                format!("the request to start `{}`", start.program.argv.join(" "))
            }
            Request::Execute(start) => {
                format!("the request to execute `{}`", start.argv.join(" "))
            }
            Request::Go
            | Request::Root(_)
            | Request::Reap { .. }
            | Request::Signal { .. }
            | Request::Resize { .. }
            | Request::End { .. }
            | Request::Enough => "a request".into(),
        }
    }
}

impl Message for Said {
    fn kind(&self) -> String {
        match &self.reply {
            Reply::Event(event) => kind_of_event(event),
            Reply::Refused { stage, .. } => format!("the refusal of {stage}"),
            Reply::Hello
            | Reply::Created { .. }
            | Reply::Started
            | Reply::Unable(_)
            | Reply::Ended(_)
            | Reply::Done
            | Reply::Failed => "an answer".into(),
        }
    }
}

fn kind_of_event(event: &Event) -> String {
    match event {
        Event::Fact(fact) => format!("the fact `{}`", fact.id),
        Event::Syscall(call) => format!("the call {}(2)", call.name),
        Event::Output(output) => format!("the output of `{}`", output.argv.join(" ")),
        _ => "an event".into(),
    }
}
