//! What `glassbox explain` tells, as it is shown and as `--json` writes it:
//! docs/explain.md. A field is never taken away or given another meaning without
//! another [`VERSION`].

use crate::plan::{FactRef, Stack, Value};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The version of this form.
pub const VERSION: u32 = 1;

/// What on this machine is isolated in some way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct List {
    /// The version of this form: 1.
    pub version: u32,
    /// Those that share a cgroup and all namespaces are one entry.
    pub entries: Vec<Entry>,
    /// How many processes were seen, threads of the kernel's not counted.
    pub processes: usize,
    /// Of how many of them the namespaces couldn't be read.
    pub unread: usize,
}

/// Some processes that are isolated alike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Entry {
    /// What they are.
    pub kind: Kind,
    /// The container's id, the unit, or the path of the cgroup.
    pub id: String,
    /// How that is known.
    pub because: String,
    /// The oldest of them.
    pub pid: i32,
    /// Its name.
    pub name: String,
    /// How many there are.
    pub processes: usize,
    /// The user that the oldest works for, as the observer counts.
    pub uid: Option<u32>,
    /// That user's name, if the machine has one for it.
    pub user: Option<String>,
    /// The namespaces that are not the observer's; absent if they can't be read.
    pub namespaces: Option<Vec<String>>,
    /// Their root directory, if it isn't `/`.
    pub root: Option<String>,
    /// Whether a seccomp filter judges their system calls.
    pub seccomp: bool,
    /// The limits that hold, in words: `memory 512 MiB`.
    pub limits: Vec<String>,
}

/// What something is, by the names around it.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A container of Docker's.
    Docker,
    /// A container of Podman's.
    Podman,
    /// A container of containerd's.
    Containerd,
    /// A container of CRI-O's.
    CriO,
    /// A container of LXC's.
    Lxc,
    /// A container of systemd-nspawn's.
    Nspawn,
    /// A box of this course.
    Glassbox,
    /// An application from Flatpak.
    Flatpak,
    /// An application from a snap.
    Snap,
    /// A sandbox made by bubblewrap.
    Bubblewrap,
    /// A sandbox of a browser, or of an editor made of one.
    Browser,
    /// Namespaces of somebody's making.
    Namespaces,
    /// Another root directory and nothing else.
    Chroot,
    /// A service of systemd's.
    Service,
    /// A scope of systemd's.
    Scope,
    /// A cgroup of somebody's making.
    Group,
    /// A process like any other.
    Process,
}

/// One process beside the observer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Report {
    /// The version of this form: 1.
    pub version: u32,
    /// Its id, as the observer counts.
    pub pid: i32,
    /// When it started, in clock ticks after boot: with `pid` it names the process.
    pub start: u64,
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// The container's id, the unit, or the path of the cgroup.
    pub id: String,
    /// How that is known.
    pub because: String,
    /// How far it is from a container, in a sentence.
    pub verdict: Verdict,
    /// The same, fact by fact.
    pub facts: Vec<Fact>,
    /// What would get out.
    pub warnings: Vec<Warning>,
    /// All that was looked at.
    pub sections: Vec<Section>,
    /// What its group uses and is held to, as numbers.
    #[serde(skip)]
    pub live: Vec<(FactRef, Value)>,
    /// The picture of its root directory, if it is one of layers.
    #[serde(skip)]
    pub layers: Option<Stack>,
}

/// How far something is from a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Verdict {
    /// How many of the ten facts hold.
    pub holds: usize,
    /// How many don't.
    pub fails: usize,
    /// Of how many that can't be told from here.
    pub unknown: usize,
    /// What it comes to.
    pub sentence: String,
}

/// One of the ten things that `docker run` makes, each of which can be had alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Fact {
    /// A name that stays.
    pub id: String,
    /// What would be so in a container.
    pub claim: String,
    /// Whether it is; absent if it can't be told.
    pub holds: Option<bool>,
    /// What was seen, or why nothing was.
    pub evidence: String,
    /// The step that explains it.
    pub step: String,
    /// What shows it without this program.
    pub command: String,
}

/// A way out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Warning {
    /// A name that stays.
    pub id: String,
    /// What is open, and to whom.
    pub text: String,
    /// The step that explains it.
    pub step: String,
    /// What shows it without this program.
    pub command: String,
}

/// Rows that belong together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Section {
    /// What they are about.
    pub title: String,
    /// In order.
    pub rows: Vec<Row>,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Row {
    /// A name that stays, such as `ns.uts`.
    pub id: String,
    /// What it is.
    pub label: String,
    /// What the process has.
    pub theirs: Answer,
    /// What the observer has, where that compares.
    pub yours: Option<Answer>,
    /// What that hides or means, in words.
    pub means: Option<String>,
    /// The step that explains it.
    pub step: String,
    /// What shows it without this program.
    pub command: String,
}

/// A value that was read, or why there is none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Answer {
    /// It was read.
    Seen(String),
    /// It can't be had by who looks, or from where they look.
    Unavailable {
        /// Why.
        because: String,
        /// What would show it; absent if nothing would.
        shown_by: Option<String>,
    },
}

impl Kind {
    /// In a word or two.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Docker => "Docker",
            Kind::Podman => "Podman",
            Kind::Containerd => "containerd",
            Kind::CriO => "CRI-O",
            Kind::Lxc => "LXC",
            Kind::Nspawn => "nspawn",
            Kind::Glassbox => "Glassbox",
            Kind::Flatpak => "Flatpak",
            Kind::Snap => "snap",
            Kind::Bubblewrap => "bubblewrap",
            Kind::Browser => "browser",
            Kind::Namespaces => "namespaces",
            Kind::Chroot => "chroot",
            Kind::Service => "service",
            Kind::Scope => "scope",
            Kind::Group => "cgroup",
            Kind::Process => "process",
        }
    }
}

impl Row {
    /// A row that compares with nothing.
    pub(super) fn new(id: &str, label: &str, theirs: Answer, step: &str, command: String) -> Row {
        Row {
            id: id.into(),
            label: label.into(),
            theirs,
            yours: None,
            means: None,
            step: step.into(),
            command,
        }
    }
}

impl Answer {
    /// The value, if there is one.
    pub fn seen(&self) -> Option<&str> {
        match self {
            Answer::Seen(value) => Some(value),
            Answer::Unavailable { .. } => None,
        }
    }
}
