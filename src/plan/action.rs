//! What a demo asks for: boxes, and actions carried out in order.
//!
//! These types are the TOML that lesson authors write (see docs/lessons.md) and
//! the message that the sandbox receives: there is one reading of them.

use super::layers::{Copy, Fill, Image, Overlay, Overwrite, RootFs, Store, Unpack};
use super::{
    BoxName, CgroupSpec, Controller, Join, MOVING_FACTS, Namespace, Need, Place, Probe, SetLimits,
    Watch,
};
use crate::base::{Bytes, Nanos};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Everything that one run does to the kernel.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Plan {
    /// The cgroups, made in this order before the boxes.
    #[serde(default)]
    pub cgroups: Vec<CgroupSpec>,
    /// The boxes, made in this order before the first action, save those that
    /// an action creates.
    pub boxes: Vec<BoxSpec>,
    /// Carried out one after the other.
    pub actions: Vec<Action>,
    /// Somebody sits in front of it: a `stage` awaits their word.
    #[serde(default)]
    pub attended: bool,
}

/// A process with namespaces of its own: pid 1 of a box.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct BoxSpec {
    /// How actions and facts refer to it.
    pub name: BoxName,
    /// The namespaces that it gets of its own; the others it shares with its parent.
    #[serde(default)]
    pub namespaces: Vec<Namespace>,
    /// The box that it is made in; the host if absent.
    #[serde(default, rename = "in", skip_serializing_if = "Option::is_none")]
    pub parent: Option<BoxName>,
    /// A namespace that this kernel refuses is reported as unavailable instead
    /// of ending the run.
    #[serde(default)]
    pub missing_ok: bool,
    /// What its mounts share with the parent's; only with a mount namespace.
    /// `shared` and `unchanged` only in a box that has one, too: a host whose
    /// mounts are shared would get those of the box.
    #[serde(default)]
    pub propagation: Propagation,
    /// Mount a fresh /proc in it. Default: when it has both a pid and a mount namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proc: Option<bool>,
    /// Offsets of its clocks; only with a time namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clocks: Option<TimeOffsets>,
    /// The cgroup that it joins before its namespaces are made: one that the
    /// demo declares, or `child` for a new one that nothing else refers to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cgroup: Option<BoxName>,
}

/// How mount events travel, mount_namespaces(7), "Shared subtrees".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Propagation {
    /// MS_PRIVATE: none, in neither direction.
    #[default]
    Private,
    /// MS_SLAVE: from the parent to the box, not back.
    Slave,
    /// MS_SHARED: in both directions among peers.
    Shared,
    /// As it was copied from the parent.
    Unchanged,
}

/// Offsets that are added to clocks, time_namespaces(7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct TimeOffsets {
    /// Added to CLOCK_BOOTTIME.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boottime: Option<Nanos>,
    /// Added to CLOCK_MONOTONIC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub monotonic: Option<Nanos>,
}

/// The cgroup that a box is put into without declaring one: a new child of the
/// session's own group where the user may make one; else the session's own, if
/// that isn't the root of every hierarchy.
pub const CHILD_CGROUP: &str = "child";

/// One thing to do, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Action {
    /// `host` or the name of a box.
    #[serde(rename = "in")]
    pub place: Place,
    /// What to do: exactly one verb.
    #[serde(rename = "do")]
    pub verb: Verb,
    /// The name under which its result can be expected, as `place/NAME`.
    #[serde(default, rename = "as", skip_serializing_if = "Option::is_none")]
    pub result: Option<String>,
    /// For `probe`: the box to look at from the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<BoxName>,
    /// For `probe`: a name for this moment, so that a later look can differ.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// One sentence for the learner, shown when it happens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub say: Option<String>,
}

/// The verbs. Results are facts `NAME` (`ok` or the errno's name, unless said
/// otherwise) and `NAME.…`, where NAME is the action's `as`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Verb {
    /// Look: the facts of these probes.
    Probe(Vec<Probe>),
    /// Make a box now instead of before the first action. `in` is where it is made.
    Create(BoxName),
    /// Run one of the machine's own programs, without a shell. Facts: NAME
    /// (`exit 0`, `SIGKILL`, or `ENOENT` when it isn't there), NAME.out, NAME.err.
    Run(Vec<String>),
    /// sethostname(2).
    SetHostname(String),
    /// mount(2).
    Mount(Mount),
    /// Change how an existing mount point propagates.
    Propagate {
        /// The mount point.
        path: String,
        /// What it becomes.
        to: Propagation,
    },
    /// mkdir(2), mode 0755.
    Mkdir(String),
    /// Create a file and write to it.
    Write(Write),
    /// chown(2) to this user id.
    Chown {
        /// The file.
        path: String,
        /// The new owner's id, as seen here.
        uid: u32,
    },
    /// Bring a network device up.
    LinkUp(String),
    /// Join two boxes by a veth pair; `in` is `host`.
    Veth(Veth),
    /// Listen on a TCP port of 127.0.0.1. Facts: NAME, NAME.port.
    Listen(Listen),
    /// Connect to a TCP port of 127.0.0.1: a number, or the NAME of a `listen`.
    Connect(String),
    /// Send one ICMP echo request and await the reply. Facts: NAME, NAME.rtt.
    Ping(String),
    /// Make a System V message queue with this key, msgget(2) with IPC_CREAT.
    MakeQueue(u32),
    /// Look for a System V message queue by its key, msgget(2).
    FindQueue(u32),
    /// Start processes that go on in the background. Facts: NAME,
    /// NAME.count, NAME.rss (bytes, of the first); of `map` also NAME.pss (bytes
    /// of the page cache that all of them have mapped, each page counted once).
    Spawn(Spawn),
    /// Await the end of a `spawn` by its NAME. Facts: NAME.end (`exit 0`,
    /// `SIGKILL`), NAME.cpu, NAME.wall, NAME.queued (waiting for a CPU),
    /// NAME.share (percent of the time it could have had that it ran), NAME.rss.
    Wait(String),
    /// kill(2).
    Kill(Kill),
    /// Await the end of a box's pid 1. Fact: NAME (`exit 0`, `SIGKILL`).
    AwaitEnd(BoxName),
    /// Write to `/proc/self/timens_offsets`.
    SetClocks(TimeOffsets),
    /// Change a cgroup's limits; `in` is `host`.
    SetLimits(SetLimits),
    /// Move background processes of the host into a cgroup; `in` is `host`.
    Join(Join),
    /// Freeze a cgroup and await that it is; `in` is `host`.
    Freeze(BoxName),
    /// Thaw a cgroup; `in` is `host`.
    Thaw(BoxName),
    /// Look at cgroups again and again while something runs; `in` is `host`.
    /// The samples make the charts. Facts: NAME.GROUP.STATISTIC, by how much it
    /// grew from the first sample to the last, of each statistic that moves.
    Watch(Watch),
    /// Make room for layers. Facts: NAME, NAME.type (of its filesystem).
    Store(Store),
    /// Mount an overlay: read-only layers and, mostly, a writable one. Facts:
    /// NAME, NAME.options (as mount(2) got them).
    Overlay(Overlay),
    /// Take the mount on this path away, umount2(2).
    Unmount(String),
    /// Make a file of this size.
    Fill(Fill),
    /// Change bytes in the middle of a file.
    Overwrite(Overwrite),
    /// Copy a directory with all that is in it.
    Copy(Copy),
    /// Remove a file, or a directory with all that is in it.
    Remove(String),
    /// Make a root filesystem of the machine's own programs. Facts: NAME,
    /// NAME.files, NAME.size.
    RootFs(RootFs),
    /// Make an OCI image of directories. Facts: NAME, NAME.manifest (its
    /// digest), NAME.layers (the digests, the lowest layer first), NAME.written
    /// and NAME.reused (how many layers), NAME.size (bytes of all blobs).
    Image(Image),
    /// Unpack the layers of an OCI image, each checked against its digest.
    /// Facts: NAME, NAME.layers (how many).
    Unpack(Unpack),
    /// Mount in this directory what every container has, by the OCI Runtime
    /// Specification: /proc, /sys, /dev with its devices.
    DefaultFilesystems(String),
    /// Make this mount point the root, and let go of the old one, pivot_root(2).
    PivotRoot(String),
    /// A stage of the demo begins, with these words. Where somebody sits in
    /// front of it, it waits for them. `in` is `host`.
    Stage(String),
}

/// A filesystem to mount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Mount {
    /// `tmpfs`, `proc` or `mqueue`.
    #[serde(rename = "type")]
    pub fstype: String,
    /// The mount point; it must exist.
    pub path: String,
}

/// A file to write.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Write {
    /// The file; it is created or emptied.
    pub path: String,
    /// What it will hold.
    pub text: String,
}

/// Two virtual network devices joined back to back, veth(4).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Veth {
    /// The two boxes; each has a network namespace of its own.
    pub between: [BoxName; 2],
    /// The IPv4 address of each end, with its prefix length: `10.0.0.1/24`.
    pub addresses: [String; 2],
}

/// Where to listen: a port, or the same port as an earlier `listen`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Listen {
    /// This TCP port; 0 lets the kernel choose a free one.
    Port(u16),
    /// The port that the `listen` with this NAME got.
    SamePortAs(String),
}

/// Processes that go on in the background.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Spawn {
    /// What they do.
    pub workload: Workload,
    /// How many, 1 if absent.
    #[serde(default = "one")]
    pub count: u32,
    /// The cgroup that they start in; only on the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cgroup: Option<BoxName>,
    /// Keep them all on one CPU, the same for every `spawn`: then they compete.
    #[serde(default)]
    pub one_cpu: bool,
}

fn one() -> u32 {
    1
}

/// What is built into the binary because no usual tool does it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Workload {
    /// Sleeps until it is killed.
    Sleep,
    /// Computes until it has used this much CPU time, then exits with 0.
    Burn(Nanos),
    /// Touches every page of this much memory, then sleeps until it is killed.
    Hog(Bytes),
    /// Takes memory page by page up to this much; exits with 0 if it got it all.
    Grow(Bytes),
    /// Forks until it is refused, up to this many times; exits with 0. Facts:
    /// NAME.forks, NAME.errno.
    Storm(u32),
    /// Reads this much from the disk that holds this program, past the page
    /// cache (O_DIRECT), then exits with 0. Facts: NAME.read, NAME.rate (bytes
    /// a second).
    DirectRead(Bytes),
    /// Reads this much of the same file through the page cache, which holds it.
    CachedRead(Bytes),
    /// Maps this file and reads every page of it, mmap(2), then sleeps until it
    /// is killed. Of several processes, number N maps the file at this path with
    /// `{}` replaced by N.
    Map(String),
}

/// A signal to send.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Kill {
    /// Which one.
    pub signal: Signal,
    /// A box (its pid 1) or the NAME of a `spawn`.
    pub to: String,
}

/// The signals that lessons use, signal(7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum Signal {
    TERM,
    INT,
    KILL,
    STOP,
    CONT,
    USR1,
}

/// An action outside of the box that would contain its effect.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{verb}` in `{place}` would reach beyond the demo: {why}")]
pub struct Unsafe {
    /// The index of the action.
    pub action: usize,
    /// The verb.
    pub verb: &'static str,
    /// Where it was asked for.
    pub place: Place,
    /// What is missing.
    pub why: &'static str,
}

impl Verb {
    /// Its name in TOML.
    pub fn name(&self) -> &'static str {
        match self {
            Verb::Probe(_) => "probe",
            Verb::Create(_) => "create",
            Verb::Run(_) => "run",
            Verb::SetHostname(_) => "set-hostname",
            Verb::Mount(_) => "mount",
            Verb::Propagate { .. } => "propagate",
            Verb::Mkdir(_) => "mkdir",
            Verb::Write(_) => "write",
            Verb::Chown { .. } => "chown",
            Verb::LinkUp(_) => "link-up",
            Verb::Veth(_) => "veth",
            Verb::Listen(_) => "listen",
            Verb::Connect(_) => "connect",
            Verb::Ping(_) => "ping",
            Verb::MakeQueue(_) => "make-queue",
            Verb::FindQueue(_) => "find-queue",
            Verb::Spawn(_) => "spawn",
            Verb::Wait(_) => "wait",
            Verb::Kill(_) => "kill",
            Verb::AwaitEnd(_) => "await-end",
            Verb::SetClocks(_) => "set-clocks",
            Verb::SetLimits(_) => "set-limits",
            Verb::Join(_) => "join",
            Verb::Freeze(_) => "freeze",
            Verb::Thaw(_) => "thaw",
            Verb::Watch(_) => "watch",
            Verb::Store(_) => "store",
            Verb::Overlay(_) => "overlay",
            Verb::Unmount(_) => "unmount",
            Verb::Fill(_) => "fill",
            Verb::Overwrite(_) => "overwrite",
            Verb::Copy(_) => "copy",
            Verb::Remove(_) => "remove",
            Verb::RootFs(_) => "root-fs",
            Verb::Image(_) => "image",
            Verb::Unpack(_) => "unpack",
            Verb::DefaultFilesystems(_) => "default-filesystems",
            Verb::PivotRoot(_) => "pivot-root",
            Verb::Stage(_) => "stage",
        }
    }

    /// The facts that it yields besides `probe`'s, given its result's name.
    fn result_facts(&self, name: &str) -> Vec<String> {
        let suffixes: &[&str] = match self {
            Verb::Watch(watch) => {
                let grown = |group: &BoxName, fact| format!("{name}.{group}.{fact}");
                let all = watch.groups.iter();
                return all
                    .flat_map(|group| MOVING_FACTS.map(|fact| grown(group, fact)))
                    .collect();
            }
            Verb::Run(_) => &["", ".out", ".err"],
            Verb::Listen(_) => &["", ".port"],
            Verb::Ping(_) => &["", ".rtt"],
            Verb::Spawn(spawn) => match spawn.workload {
                Workload::Map(_) => &["", ".count", ".rss", ".pss"],
                _ => &["", ".count", ".rss"],
            },
            Verb::Store(_) => &["", ".type"],
            Verb::Overlay(_) => &["", ".options"],
            Verb::RootFs(_) => &["", ".files", ".size"],
            Verb::Image(_) => &["", ".manifest", ".layers", ".written", ".reused", ".size"],
            Verb::Unpack(_) => &["", ".layers"],
            Verb::Probe(_) | Verb::Create(_) | Verb::Wait(_) | Verb::Stage(_) => &[],
            Verb::SetHostname(_)
            | Verb::Mount(_)
            | Verb::Propagate { .. }
            | Verb::Mkdir(_)
            | Verb::Write(_)
            | Verb::Chown { .. }
            | Verb::LinkUp(_)
            | Verb::Veth(_)
            | Verb::Connect(_)
            | Verb::MakeQueue(_)
            | Verb::FindQueue(_)
            | Verb::Kill(_)
            | Verb::AwaitEnd(_)
            | Verb::SetClocks(_)
            | Verb::SetLimits(_)
            | Verb::Join(_)
            | Verb::Freeze(_)
            | Verb::Thaw(_)
            | Verb::Unmount(_)
            | Verb::Fill(_)
            | Verb::Overwrite(_)
            | Verb::Copy(_)
            | Verb::Remove(_)
            | Verb::DefaultFilesystems(_)
            | Verb::PivotRoot(_) => &[""],
        };
        suffixes
            .iter()
            .map(|suffix| format!("{name}{suffix}"))
            .collect()
    }
}

/// What `wait` yields; a storm alone yields the last two.
const WAIT_FACTS: [&str; 10] = [
    ".end", ".cpu", ".wall", ".queued", ".share", ".rss", ".forks", ".errno", ".read", ".rate",
];

impl Action {
    /// The names of the facts that this action yields, without place and moment.
    pub fn fact_names(&self) -> Vec<String> {
        match (&self.verb, &self.result) {
            (Verb::Probe(probes), _) => probes
                .iter()
                .flat_map(|probe| probe.facts(self.of.is_some()))
                .collect(),
            (Verb::Wait(name), _) => WAIT_FACTS
                .iter()
                .map(|suffix| format!("{name}{suffix}"))
                .collect(),
            (verb, Some(name)) => verb.result_facts(name),
            (_, None) => Vec::new(),
        }
    }
}

impl BoxSpec {
    /// Whether it has a namespace of this kind of its own.
    pub fn has(&self, ns: Namespace) -> bool {
        self.namespaces.contains(&ns)
    }

    /// Whether a fresh /proc is mounted in it.
    pub fn mounts_proc(&self) -> bool {
        self.proc
            .unwrap_or(self.has(Namespace::Pid) && self.has(Namespace::Mount))
    }
}

impl Plan {
    /// The box of that name.
    pub fn find(&self, name: &BoxName) -> Option<&BoxSpec> {
        self.boxes.iter().find(|spec| &spec.name == name)
    }

    /// The stage that an action of that index begins: its number, from 1, how
    /// many there are, and its words. `None` if the action is no stage.
    pub fn stage(&self, index: usize) -> Option<(usize, usize, &str)> {
        let is_stage = |action: &&Action| matches!(action.verb, Verb::Stage(_));
        let Verb::Stage(words) = &self.actions.get(index)?.verb else {
            return None;
        };
        let number = self.actions[..=index].iter().filter(is_stage).count();
        let total = self.actions.iter().filter(is_stage).count();
        Some((number, total, words))
    }

    /// The controllers that a cgroup must have: its own, and those that its
    /// descendants get from it.
    pub fn controllers_of(&self, group: &CgroupSpec) -> Vec<Controller> {
        let children = self
            .cgroups
            .iter()
            .filter(|child| child.parent.as_ref() == Some(&group.name));
        let below: Vec<Controller> = children
            .flat_map(|child| self.controllers_of(child))
            .collect();
        let own = group.needs();
        Controller::ALL
            .into_iter()
            .filter(|c| own.contains(c) || below.contains(c))
            .collect()
    }

    /// Whether the box, or one that it is nested in, has such a namespace of its own.
    pub fn contained(&self, place: &Place, ns: Namespace) -> bool {
        let mut next = match place {
            Place::Host => None,
            Place::Box(name) => self.find(name),
        };
        // A parent is declared before its child, so this ends after `boxes.len()` rounds.
        for _ in 0..=self.boxes.len() {
            match next {
                None => return false,
                Some(spec) if spec.has(ns) => return true,
                Some(spec) => next = spec.parent.as_ref().and_then(|parent| self.find(parent)),
            }
        }
        false
    }

    /// The containment rule for boxes: why this one's mounts would reach the
    /// host, if they would. A mount namespace is a copy, and a copy of a shared
    /// mount is its peer until someone cuts the tie.
    pub fn leak(&self, spec: &BoxSpec) -> Option<&'static str> {
        let tied = match spec.propagation {
            Propagation::Private | Propagation::Slave => false,
            Propagation::Shared | Propagation::Unchanged => true,
        };
        let above = spec.parent.clone().map_or(Place::Host, Place::Box);
        (tied && spec.has(Namespace::Mount) && !self.contained(&above, Namespace::Mount)).then_some(
            "its mounts would appear on the host, too: make it in a box with a mount namespace",
        )
    }

    /// The containment rule for actions: one that changes a kernel object is allowed
    /// only inside a namespace, made for this run, that holds that object.
    pub fn breaches(&self) -> Vec<Unsafe> {
        use Namespace::{Ipc, Mount, Net, User, Uts};
        let mut found = Vec::new();
        for (index, action) in self.actions.iter().enumerate() {
            let inside = |ns| self.contained(&action.place, ns);
            let why = match &action.verb {
                Verb::SetHostname(_) if !inside(Uts) && !inside(User) => {
                    "it needs a uts namespace, or a user namespace that makes it fail"
                }
                Verb::Mount(_) | Verb::Propagate { .. } if !inside(Mount) => {
                    "it needs a mount namespace"
                }
                Verb::Store(_)
                | Verb::Overlay(_)
                | Verb::Unmount(_)
                | Verb::DefaultFilesystems(_)
                | Verb::PivotRoot(_)
                    if !inside(Mount) =>
                {
                    "it needs a mount namespace"
                }
                Verb::Mkdir(_)
                | Verb::Write(_)
                | Verb::Chown { .. }
                | Verb::Fill(_)
                | Verb::Overwrite(_)
                | Verb::Copy(_)
                | Verb::Remove(_)
                | Verb::RootFs(_)
                | Verb::Image(_)
                | Verb::Unpack(_)
                    if !inside(Mount) =>
                {
                    "files are written only below a mount namespace's own mounts"
                }
                Verb::LinkUp(_) if !inside(Net) => "it needs a network namespace",
                Verb::Veth(veth)
                    if !veth
                        .between
                        .iter()
                        .all(|end| self.contained(&Place::Box(end.clone()), Net)) =>
                {
                    "both ends need a network namespace"
                }
                Verb::MakeQueue(_) if !inside(Ipc) => "it needs an ipc namespace",
                _ => continue,
            };
            found.push(Unsafe {
                action: index,
                verb: action.verb.name(),
                place: action.place.clone(),
                why,
            });
        }
        found
    }

    /// What it requires of the host, without doubles, in the order of first use.
    pub fn needs(&self) -> Vec<Need> {
        let mut needs = Vec::new();
        let mut add = |need| {
            if !needs.contains(&need) {
                needs.push(need);
            }
        };
        for group in &self.cgroups {
            group
                .needs()
                .into_iter()
                .for_each(|controller| add(Need::Cgroup(controller)));
        }
        for spec in &self.boxes {
            spec.namespaces
                .iter()
                .for_each(|ns| add(Need::Namespace(*ns)));
            if spec.mounts_proc() {
                add(Need::Proc);
            }
            if spec
                .cgroup
                .as_ref()
                .is_some_and(|name| name.as_str() == CHILD_CGROUP)
            {
                add(Need::ChildCgroup);
            }
        }
        for action in &self.actions {
            match &action.verb {
                Verb::Veth(_) => add(Need::Veth),
                Verb::Store(_) | Verb::Overlay(_) => add(Need::Overlay),
                Verb::RootFs(root) => root
                    .programs
                    .iter()
                    .for_each(|program| add(Need::Program(program.clone()))),
                Verb::Run(argv) => argv
                    .first()
                    .into_iter()
                    .for_each(|p| add(Need::Program(p.clone()))),
                _ => {}
            }
        }
        needs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_are_shared_only_among_boxes() {
        let spec = |text: &str| toml::from_str::<BoxSpec>(text).unwrap();
        let plan = Plan {
            boxes: vec![
                spec("name = 'outer'\nnamespaces = ['mount']"),
                spec("name = 'bare'"),
                spec("name = 'within'\nin = 'outer'"),
            ],
            ..Plan::default()
        };
        let of_its_own = "namespaces = ['mount']\nname = 'x'";
        for (text, leaks) in [
            ("propagation = 'private'", false),
            ("propagation = 'slave'", false),
            ("propagation = 'shared'", true),
            ("propagation = 'unchanged'", true),
            ("propagation = 'unchanged'\nin = 'bare'", true),
            ("propagation = 'unchanged'\nin = 'outer'", false),
            ("propagation = 'shared'\nin = 'within'", false),
        ] {
            let leak = plan.leak(&spec(&format!("{of_its_own}\n{text}")));
            assert_eq!(leak.is_some(), leaks, "{text}");
        }
        assert_eq!(plan.leak(&spec("name = 'x'\npropagation = 'shared'")), None);
    }
}
