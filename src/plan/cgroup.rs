//! Cgroups: groups of processes, and limits on what they use. The limits have
//! one name each here; which file of which version they are written to is the
//! sandbox's business.

use super::fact::BoxName;
use crate::base::Bytes;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;
use std::str::FromStr;

/// A controller that lessons use. Version 1 and version 2 differ in the names
/// of some: see [`Controller::v1`] and [`Controller::v2`].
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Controller {
    /// CPU time: shares and ceilings, and its accounting.
    Cpu,
    /// Memory, and swap with it.
    Memory,
    /// The number of processes.
    Pids,
    /// Reads and writes of block devices.
    Io,
    /// Stopping and going on. Part of every group in version 2.
    Freezer,
}

/// A group that a demo makes. It exists from the start of the run to its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct CgroupSpec {
    /// How boxes, spawns, actions and facts refer to it.
    pub name: BoxName,
    /// The group that it is a child of; one of the session's own if absent.
    #[serde(default, rename = "in", skip_serializing_if = "Option::is_none")]
    pub parent: Option<BoxName>,
    /// The controllers that it needs besides those of its limits.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub controllers: Vec<Controller>,
    /// What its members may use.
    #[serde(default, skip_serializing_if = "Limits::is_empty")]
    pub limits: Limits,
    /// A host that refuses it is told of, and the demo goes on without it and
    /// without its children: boxes and processes that would be in it stay where
    /// their maker is, and what is asked of it is unavailable. A claim about
    /// that is not judged.
    #[serde(default)]
    pub missing_ok: bool,
}

/// What the members of a group may use. What isn't named isn't limited.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Limits {
    /// The share of CPU time when groups compete, 1 to 10000, 100 by default:
    /// `cpu.weight`; version 1: `cpu.shares`, which is 1024 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_weight: Option<u32>,
    /// The ceiling of CPU time in percent of one CPU, such as `20%`:
    /// `cpu.max`; version 1: `cpu.cfs_quota_us` of `cpu.cfs_period_us`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_max: Option<Limit<Percent>>,
    /// The ceiling of memory, swap included: `memory.max` with
    /// `memory.swap.max` 0; version 1: `memory.limit_in_bytes` with
    /// `memory.memsw.limit_in_bytes`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<Limit<Bytes>>,
    /// Whether the whole group ends when one of it meets the memory limit:
    /// `memory.oom.group`, version 2 only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oom_group: Option<bool>,
    /// The greatest number of processes: `pids.max`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pids: Option<Limit<Count>>,
    /// Bytes a second that may be read from the disk that holds this program:
    /// `io.max`; version 1: `blkio.throttle.read_bps_device`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_rate: Option<Limit<Bytes>>,
}

/// A ceiling, or none: written as a value or as `max`, like the kernel does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit<T> {
    /// No ceiling.
    Max,
    /// This much.
    At(T),
}

/// Hundredths, written `20%`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Percent(pub u32);

/// How many, written as a number or as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Count(pub u64);

/// A group and what it is to be limited to from now on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct SetLimits {
    /// Which one.
    pub cgroup: BoxName,
    /// What changes; the other limits stay.
    pub limits: Limits,
}

/// A process to move, and where to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Join {
    /// The NAME of a `spawn`.
    pub process: String,
    /// The group that it joins.
    pub cgroup: BoxName,
}

/// Looking at groups again and again while something runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Watch {
    /// The groups that are looked at.
    pub groups: Vec<BoxName>,
    /// How often.
    pub every: crate::base::Nanos,
    /// How long, at most.
    pub time: crate::base::Nanos,
    /// How long instead, where somebody sits in front of it who may turn a
    /// `live` knob or say that it is enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live: Option<crate::base::Nanos>,
    /// The NAME of a `spawn` whose end is also the watch's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
}

impl Controller {
    /// All of them.
    pub const ALL: [Controller; 5] = [
        Controller::Cpu,
        Controller::Memory,
        Controller::Pids,
        Controller::Io,
        Controller::Freezer,
    ];

    /// The version 1 controllers that do its work; CPU time is limited by one
    /// and accounted by another.
    pub fn v1(self) -> &'static [&'static str] {
        match self {
            Controller::Cpu => &["cpu", "cpuacct"],
            Controller::Memory => &["memory"],
            Controller::Pids => &["pids"],
            Controller::Io => &["blkio"],
            Controller::Freezer => &["freezer"],
        }
    }

    /// Its name in `cgroup.controllers`; the freezer is built into every
    /// group of version 2.
    pub fn v2(self) -> Option<&'static str> {
        match self {
            Controller::Cpu => Some("cpu"),
            Controller::Memory => Some("memory"),
            Controller::Pids => Some("pids"),
            Controller::Io => Some("io"),
            Controller::Freezer => None,
        }
    }
}

impl fmt::Display for Controller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Controller::Cpu => "cpu",
            Controller::Memory => "memory",
            Controller::Pids => "pids",
            Controller::Io => "io",
            Controller::Freezer => "freezer",
        })
    }
}

impl CgroupSpec {
    /// Every controller that it needs, without doubles, in a fixed order.
    pub fn needs(&self) -> Vec<Controller> {
        let limits = self.limits.controllers();
        Controller::ALL
            .into_iter()
            .filter(|c| self.controllers.contains(c) || limits.contains(c))
            .collect()
    }
}

impl Limits {
    /// Whether nothing is limited.
    pub fn is_empty(&self) -> bool {
        *self == Limits::default()
    }

    /// What of these limits is another than before.
    pub fn changed_from(&self, before: &Limits) -> Limits {
        fn new<T: PartialEq + Copy>(now: Option<T>, before: Option<T>) -> Option<T> {
            now.filter(|_| now != before)
        }
        Limits {
            cpu_weight: new(self.cpu_weight, before.cpu_weight),
            cpu_max: new(self.cpu_max, before.cpu_max),
            memory: new(self.memory, before.memory),
            oom_group: new(self.oom_group, before.oom_group),
            pids: new(self.pids, before.pids),
            read_rate: new(self.read_rate, before.read_rate),
        }
    }

    /// The controllers that enforce these limits.
    pub fn controllers(&self) -> Vec<Controller> {
        let mut found = Vec::new();
        if self.cpu_weight.is_some() || self.cpu_max.is_some() {
            found.push(Controller::Cpu);
        }
        if self.memory.is_some() || self.oom_group.is_some() {
            found.push(Controller::Memory);
        }
        if self.pids.is_some() {
            found.push(Controller::Pids);
        }
        if self.read_rate.is_some() {
            found.push(Controller::Io);
        }
        found
    }
}

impl FromStr for Percent {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let number = text
            .trim()
            .strip_suffix('%')
            .and_then(|n| n.trim().parse().ok());
        match number {
            Some(0) => Err(format!(
                "`{text}` would let nothing run: expected `1%` at least, or `max`"
            )),
            Some(number) => Ok(Percent(number)),
            None => Err(format!(
                "`{text}` is not a percentage: expected one like `20%`, or `max`"
            )),
        }
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", self.0)
    }
}

impl FromStr for Count {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        text.trim()
            .parse()
            .map(Count)
            .map_err(|_| format!("`{text}` is not a whole number"))
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<T: fmt::Display> fmt::Display for Limit<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Limit::Max => f.write_str("max"),
            Limit::At(value) => value.fmt(f),
        }
    }
}

/// Text on the wire that the same type reads again.
trait Written {
    fn written(&self) -> String;
}

impl Written for Percent {
    fn written(&self) -> String {
        self.to_string()
    }
}

impl Written for Count {
    fn written(&self) -> String {
        self.to_string()
    }
}

impl Written for Bytes {
    fn written(&self) -> String {
        format!("{}B", self.0)
    }
}

impl<T: Written> Serialize for Limit<T> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self {
            Limit::Max => s.serialize_str("max"),
            Limit::At(value) => s.serialize_str(&value.written()),
        }
    }
}

impl<T: FromStr> FromStr for Limit<T> {
    type Err = T::Err;
    fn from_str(text: &str) -> Result<Self, T::Err> {
        match text {
            "max" => Ok(Limit::Max),
            _ => text.parse().map(Limit::At),
        }
    }
}

impl<'de, T: FromStr<Err: fmt::Display>> Deserialize<'de> for Limit<T> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        /// A number is what an author writes for a count.
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Text(String),
            Number(u64),
        }
        let text = match Written::deserialize(d)? {
            Written::Text(text) => text,
            Written::Number(number) => number.to_string(),
        };
        text.parse().map_err(de::Error::custom)
    }
}

/// The schema of a limit: the pattern of its value, or `max`.
macro_rules! schema {
    ($of:ty, $name:literal, $schema:expr) => {
        impl JsonSchema for Limit<$of> {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                $name.into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                $schema
            }
        }
    };
}
schema!(
    Percent,
    "PercentLimit",
    json_schema!({
        "type": "string", "pattern": "^([0-9]+ *%|max)$"
    })
);
schema!(
    Bytes,
    "BytesLimit",
    json_schema!({
        "type": "string", "pattern": "^([0-9]+ *(B|KiB|MiB|GiB)|max)$"
    })
);
schema!(
    Count,
    "CountLimit",
    json_schema!({
        "anyOf": [{ "type": "integer", "minimum": 0 }, { "type": "string", "enum": ["max"] }]
    })
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_names_only_what_is_another() {
        let limits = |text: &str| toml::from_str::<Limits>(text).unwrap();
        for (before, now, change) in [
            ("cpu-max = '20%'", "cpu-max = '20%'", ""),
            ("cpu-max = '20%'", "cpu-max = 'max'", "cpu-max = 'max'"),
            (
                "cpu-max = '20%'\npids = 5",
                "cpu-max = '20%'\npids = 6",
                "pids = 6",
            ),
            ("", "memory = '1MiB'", "memory = '1MiB'"),
        ] {
            let changed = limits(now).changed_from(&limits(before));
            assert_eq!(changed, limits(change), "{before} -> {now}");
        }
    }

    #[test]
    fn limits_are_read_as_written_and_cross_the_wire() {
        let limits: Limits =
            toml::from_str("cpu-max = '20%'\nmemory = '32MiB'\npids = 10").unwrap();
        assert_eq!(limits.cpu_max, Some(Limit::At(Percent(20))));
        assert_eq!(limits.memory, Some(Limit::At(Bytes(32 << 20))));
        assert_eq!(limits.pids, Some(Limit::At(Count(10))));
        let wire = serde_json::to_string(&limits).unwrap();
        assert_eq!(serde_json::from_str::<Limits>(&wire).unwrap(), limits);
        for bad in [
            "cpu-max = '20'",
            "cpu-max = '0%'",
            "memory = '32'",
            "pids = 'few'",
        ] {
            assert!(toml::from_str::<Limits>(bad).is_err(), "{bad}");
        }
    }
}
