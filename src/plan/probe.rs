//! Probes: the questions that can be put to the kernel, and the facts that answer them.

use super::fact::{BoxName, tidy};
use super::namespace::Namespace;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::{fmt, str::FromStr};
use thiserror::Error;

/// A question to the kernel. Written as one word, some with a parameter after
/// a colon: `hostname`, `ns`, `dir:/mnt`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Probe {
    /// `hostname`: uname(2) nodename.
    Hostname,
    /// `ns`: the nsfs inode of each namespace, `/proc/PID/ns/*`: facts `ns.uts` …
    Ns,
    /// `pid`: facts `pid`, `ppid` as the process itself is told; from outside
    /// `pid` is the host's number and `nspid` the `NSpid` line of `/proc/PID/status`.
    Pid,
    /// `parent`: facts `ppid`, `parent` (the name of that process) and `parents` (the
    /// names of it and of the next three above it), from outside only.
    Parent,
    /// `processes`: facts `processes` (how many the observer's /proc shows) and
    /// `process-names`.
    Processes,
    /// `members`: fact `members`, how many processes are in the box's pid
    /// namespace, counted from outside by nsfs inode.
    Members,
    /// `mounts`: fact `mounts`, the number of lines of mountinfo.
    Mounts,
    /// `mount:PATH`: fact `mount:PATH`, the type of the filesystem on top of
    /// that mount point, `none` if nothing is mounted there.
    MountAt(String),
    /// `dir:PATH`: fact `dir:PATH`, the names in that directory, sorted; the first
    /// 1,000 of more.
    Dir(String),
    /// `file:PATH`: fact `file:PATH`, its text, up to 4 KiB.
    File(String),
    /// `links`: facts `links` (network devices) and `links-up` (those with IFF_UP).
    Links,
    /// `listening`: fact `listening`, the TCP ports that are listened on.
    Listening,
    /// `ids`: facts `uid`, `gid`, `uid-map`, `gid-map`.
    Ids,
    /// `capabilities`: facts `capabilities` (how many effective ones) and
    /// `capability-set` (their hexadecimal mask, `CapEff`).
    Capabilities,
    /// `cgroup`: fact `cgroup`, the paths of `/proc/PID/cgroup` without
    /// doubles, sorted.
    Cgroup,
    /// `clocks`: facts `clock.realtime`, `clock.monotonic`, `clock.boottime`.
    Clocks,
    /// `cpus`: fact `cpus`, how many the process may run on, sched_getaffinity(2).
    Cpus,
    /// `memory`: fact `memory.total`, `MemTotal` of /proc/meminfo.
    Memory,
    /// `group:NAME`: the facts of a cgroup that the demo declares, each with
    /// the file that it was read from: [`GROUP_FACTS`], as `NAME.…`. In `host` only.
    Group(BoxName),
    /// `controllers`: the lines of /proc/cgroups with where each is mounted:
    /// facts `controllers` (their names), `v1`, `v2` (those that this version
    /// has), `mounted` (a line for each of them: name, version, mount point).
    Controllers,
    /// `stack:PATH`: fact `stack:PATH`, the layers and the view of the overlay
    /// that is mounted there: what the figure `layers` draws.
    Stack(String),
    /// `origin:PATH`: fact `origin:PATH`, the name of the layer that a name in an
    /// overlay mount comes from, `none` if the mount doesn't show it.
    Origin(String),
    /// `stat:PATH`: facts `stat:PATH.type` (`file`, `directory`, `opaque`,
    /// `symlink`, `whiteout`, `special`, `none`), `stat:PATH.size`,
    /// `stat:PATH.inode`, `stat:PATH.device` (`major:minor`, of a device), lstat(2).
    Stat(String),
    /// `hash:PATH`: fact `hash:PATH`, the SHA-256 of a file, or of a directory:
    /// of names, types, modes, link targets and contents of all that is in it.
    Hash(String),
    /// `usage:PATH`: facts `usage:PATH.bytes` (on the disk, in blocks) and
    /// `usage:PATH.inodes` of a directory and all that is in it, each inode once,
    /// mounts below it left out.
    Usage(String),
    /// `throttled`: fact `throttled`, how long the process's group and those above it
    /// have had to stop because a ceiling of CPU time was used up.
    Throttled,
    /// `users`: fact `users`, how many different users own the processes that
    /// the observer's /proc shows.
    Users,
}

/// What `group:NAME` yields, each as it is read; `cpu.weight.percent` is that of
/// the kernel's default, 100 or in version 1 1024, so that claims hold in both.
/// What the group has no controller for, or this kernel no file, is unavailable.
pub const GROUP_FACTS: [&str; 26] = [
    "path",
    "processes",
    "cpu.weight",
    "cpu.weight.percent",
    "cpu.max",
    "cpu.quota",
    "cpu.usage",
    "cpu.periods",
    "cpu.throttled",
    "cpu.held-back",
    "cpu.per-period",
    "memory.max",
    "memory.current",
    "memory.peak",
    "memory.anon",
    "memory.file",
    "memory.oom-kills",
    "memory.group-kills",
    "pids.max",
    "pids.current",
    "pids.refused",
    "io.max",
    "io.read",
    "frozen",
    "pressure.cpu",
    "pressure.memory",
];

/// Those of [`GROUP_FACTS`] that are numbers and can move: what a watch samples.
pub const MOVING_FACTS: [&str; 6] = [
    "cpu.usage",
    "memory.current",
    "memory.anon",
    "pids.current",
    "cpu.throttled",
    "io.read",
];

/// The limits, which a watch samples, too: they may be changed while it looks.
pub const LIMIT_FACTS: [&str; 3] = ["cpu.max", "memory.max", "pids.max"];

/// Why a probe's name could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ProbeError {
    /// No such probe.
    #[error("there is no probe `{0}`")]
    Unknown(String),
    /// `group` needs a cgroup's name.
    #[error("the probe `group` needs the name of a cgroup, such as `group:small`")]
    NeedsGroup,
    /// `dir`, `file` and the like need an absolute path.
    #[error("the probe `{0}` needs an absolute path, such as `{0}:/mnt`")]
    NeedsPath(String),
}

/// A probe's name, and the probe of a path.
type WithPath = (&'static str, fn(String) -> Probe);

/// The table of names: what is missing in it doesn't compile.
macro_rules! names {
    ({ $($plain:ident = $name:literal,)* } { $($path:ident = $path_name:literal,)* }) => {
        const PLAIN: &[(&str, Probe)] = &[$(($name, Probe::$plain)),*];
        /// The probes that take a path.
        const WITH_PATH: &[WithPath] = &[$(($path_name, Probe::$path)),*];

        impl Probe {
            /// Its name, without what it is about.
            fn name(&self) -> &'static str {
                match self {
                    $(Probe::$plain => $name,)*
                    $(Probe::$path(_) => $path_name,)*
                    Probe::Group(_) => "group",
                }
            }

            /// The path that it is about.
            pub fn path(&self) -> Option<&str> {
                match self {
                    $(Probe::$path(path))|* => Some(path),
                    $(Probe::$plain)|* | Probe::Group(_) => None,
                }
            }
        }
    };
}

// Those without a parameter, and those of a path.
names! {
    {
    Hostname = "hostname",
    Ns = "ns",
    Pid = "pid",
    Parent = "parent",
    Processes = "processes",
    Members = "members",
    Mounts = "mounts",
    Links = "links",
    Listening = "listening",
    Ids = "ids",
    Capabilities = "capabilities",
    Cgroup = "cgroup",
    Clocks = "clocks",
    Cpus = "cpus",
    Memory = "memory",
    Throttled = "throttled",
    Users = "users",
    Controllers = "controllers",
    } {
    Dir = "dir",
    File = "file",
    MountAt = "mount",
    Stack = "stack",
    Origin = "origin",
    Stat = "stat",
    Hash = "hash",
    Usage = "usage",
    }
}

impl Probe {
    /// Every probe's name; those that take a path are listed without it.
    pub fn names() -> impl Iterator<Item = &'static str> {
        PLAIN
            .iter()
            .map(|(name, _)| *name)
            .chain(WITH_PATH.iter().map(|(name, _)| *name))
            .chain(["group"])
    }

    /// The names of the facts that it yields. `from_outside`: the observer
    /// stands on the host and looks at a box.
    pub fn facts(&self, from_outside: bool) -> Vec<String> {
        let names: &[&str] = match self {
            Probe::Ns => {
                return Namespace::ALL
                    .iter()
                    .map(|ns| format!("ns.{}", ns.proc_name()))
                    .collect();
            }
            Probe::MountAt(_)
            | Probe::Dir(_)
            | Probe::File(_)
            | Probe::Stack(_)
            | Probe::Origin(_)
            | Probe::Hash(_) => return vec![self.to_string()],
            Probe::Stat(_) => {
                let facts = ["type", "size", "inode", "device"];
                return facts.map(|fact| format!("{self}.{fact}")).to_vec();
            }
            Probe::Usage(_) => {
                return ["bytes", "inodes"]
                    .map(|fact| format!("{self}.{fact}"))
                    .to_vec();
            }
            Probe::Group(name) => {
                return GROUP_FACTS
                    .iter()
                    .map(|fact| format!("{name}.{fact}"))
                    .collect();
            }
            Probe::Controllers => &["controllers", "v1", "v2", "mounted"],
            Probe::Pid if from_outside => &["pid", "nspid"],
            Probe::Pid => &["pid", "ppid"],
            Probe::Parent => &["ppid", "parent", "parents"],
            Probe::Processes => &["processes", "process-names"],
            Probe::Links => &["links", "links-up"],
            Probe::Ids => &["uid", "gid", "uid-map", "gid-map"],
            Probe::Capabilities => &["capabilities", "capability-set"],
            Probe::Clocks => &["clock.realtime", "clock.monotonic", "clock.boottime"],
            Probe::Memory => &["memory.total"],
            Probe::Hostname => &["hostname"],
            Probe::Members => &["members"],
            Probe::Mounts => &["mounts"],
            Probe::Listening => &["listening"],
            Probe::Cgroup => &["cgroup"],
            Probe::Cpus => &["cpus"],
            Probe::Throttled => &["throttled"],
            Probe::Users => &["users"],
        };
        names.iter().map(|name| name.to_string()).collect()
    }

    /// The group that it is about.
    pub fn group(&self) -> Option<&BoxName> {
        match self {
            Probe::Group(name) => Some(name),
            _ => None,
        }
    }

    /// Whether the host can answer it about a box (`host:box/…`).
    pub fn works_from_outside(&self) -> bool {
        match self {
            Probe::Ns
            | Probe::Pid
            | Probe::Parent
            | Probe::Members
            | Probe::Mounts
            | Probe::MountAt(_)
            | Probe::Links
            | Probe::Listening
            | Probe::Ids
            | Probe::Capabilities
            | Probe::Cgroup
            | Probe::Throttled => true,
            Probe::Hostname
            | Probe::Processes
            | Probe::Dir(_)
            | Probe::File(_)
            | Probe::Stack(_)
            | Probe::Origin(_)
            | Probe::Stat(_)
            | Probe::Hash(_)
            | Probe::Usage(_)
            | Probe::Clocks
            | Probe::Cpus
            | Probe::Memory
            | Probe::Users
            | Probe::Group(_)
            | Probe::Controllers => false,
        }
    }
}

impl FromStr for Probe {
    type Err = ProbeError;
    fn from_str(text: &str) -> Result<Self, ProbeError> {
        let text = tidy(text);
        let (name, path) = match text.split_once(':') {
            Some((name, path)) => (name, Some(path)),
            None => (text, None),
        };
        if name == "group" {
            let name = path.and_then(|name| name.parse().ok());
            return name.map(Probe::Group).ok_or(ProbeError::NeedsGroup);
        }
        let Some((_, with_path)) = WITH_PATH.iter().find(|(known, _)| *known == name) else {
            return PLAIN
                .iter()
                .find(|(plain, _)| *plain == text)
                .map(|(_, probe)| probe.clone())
                .ok_or_else(|| ProbeError::Unknown(text.into()));
        };
        match path {
            Some(path) if path.starts_with('/') => Ok(with_path(path.into())),
            _ => Err(ProbeError::NeedsPath(name.into())),
        }
    }
}

impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name();
        let of: Option<&str> = self.path().or(self.group().map(BoxName::as_str));
        match of {
            Some(of) => write!(f, "{name}:{of}"),
            None => f.write_str(name),
        }
    }
}

impl Serialize for Probe {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Probe {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(de::Error::custom)
    }
}

impl JsonSchema for Probe {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Probe".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let plain: Vec<&str> = PLAIN.iter().map(|(name, _)| *name).collect();
        let with_path: Vec<&str> = WITH_PATH.iter().map(|(name, _)| *name).collect();
        json_schema!({
            "description": "A question to the kernel, such as `hostname`, `ns` or `dir:/mnt`.",
            "anyOf": [
                { "type": "string", "enum": plain },
                { "type": "string", "pattern": format!("^({}):/", with_path.join("|")) },
                { "type": "string", "pattern": "^group:[a-z]" }
            ]
        })
    }
}
