//! The statistics and limits of a cgroup, by one name each, whichever version's
//! file they come from: cgroup-v2.rst and cgroup-v1/*.rst of the kernel's
//! documentation.

use super::cgroups::{Group, Version, available};
use super::observation::{Answer, Observation, shown};
use super::throttled::held_back;
use super::unavailable::Unavailable;
use crate::base::kernel;
use crate::plan::{BoxName, Controller, GROUP_FACTS, LIMIT_FACTS, MOVING_FACTS, Unit, Value};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// The directories that make up one group: in version 1 each controller may
/// have its own.
pub type Directories = BTreeMap<Controller, Vec<Group>>;

/// The distinct directories of a group.
pub fn directories_of(group: &Directories) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = Vec::new();
    for part in group.values().flatten() {
        if !found.contains(&part.directory) {
            found.push(part.directory.clone());
        }
    }
    found
}

/// A value and the file that it was read from.
type Read = (Answer, String);

/// The facts that `group:NAME` yields.
pub fn statistics(name: &BoxName, group: &Directories) -> Vec<Observation> {
    GROUP_FACTS
        .iter()
        .map(|fact| {
            let (value, source) = read(group, fact);
            Observation {
                name: format!("{name}.{fact}"),
                value,
                source,
            }
        })
        .collect()
}

/// What a watch samples, as far as it can be read.
pub fn samples(name: &BoxName, group: &Directories) -> Vec<(String, Value)> {
    MOVING_FACTS
        .iter()
        .chain(&LIMIT_FACTS)
        .filter_map(|fact| Some((format!("{name}.{fact}"), read(group, fact).0.ok()?)))
        .collect()
}

fn read(group: &Directories, fact: &str) -> Read {
    let count = |n| Value::Number(n, Unit::Count);
    let bytes = |n| Value::Number(n, Unit::Bytes);
    match fact {
        "path" => match group.values().flatten().next() {
            Some(first) => {
                let path = first.directory.display().to_string();
                (Ok(Value::Text(path.clone())), path)
            }
            None => absent("group", "directory"),
        },
        "processes" => match group.values().flatten().next() {
            Some(first) => {
                let path = first.directory.join("cgroup.procs");
                let lines = text(&path).map(|text| count(text.lines().count() as i64));
                (lines, path.display().to_string())
            }
            None => absent("group", "directory"),
        },
        "cpu.weight" => number(group, Controller::Cpu, "cpu.weight", "cpu.shares", count),
        "cpu.weight.percent" => relative_weight(group),
        "cpu.max" => ceiling(group),
        "cpu.quota" => quota(group),
        "cpu.per-period" => per_period(group),
        "cpu.usage" => usage(group),
        "cpu.periods" => key(
            group,
            Controller::Cpu,
            ("cpu.stat", "nr_periods"),
            ("cpu.stat", "nr_periods"),
            count,
        ),
        "cpu.throttled" => key(
            group,
            Controller::Cpu,
            ("cpu.stat", "nr_throttled"),
            ("cpu.stat", "nr_throttled"),
            count,
        ),
        "cpu.held-back" => held_back_of(group),
        "memory.max" => number(
            group,
            Controller::Memory,
            "memory.max",
            "memory.limit_in_bytes",
            bytes,
        ),
        "memory.current" => number(
            group,
            Controller::Memory,
            "memory.current",
            "memory.usage_in_bytes",
            bytes,
        ),
        "memory.peak" => number(
            group,
            Controller::Memory,
            "memory.peak",
            "memory.max_usage_in_bytes",
            bytes,
        ),
        "memory.anon" => key(
            group,
            Controller::Memory,
            ("memory.stat", "anon"),
            ("memory.stat", "rss"),
            bytes,
        ),
        "memory.file" => key(
            group,
            Controller::Memory,
            ("memory.stat", "file"),
            ("memory.stat", "cache"),
            bytes,
        ),
        "memory.oom-kills" => key(
            group,
            Controller::Memory,
            ("memory.events", "oom_kill"),
            ("memory.oom_control", "oom_kill"),
            count,
        ),
        "memory.group-kills" => key(
            group,
            Controller::Memory,
            ("memory.events", "oom_group_kill"),
            ("memory.oom_control", "oom_group_kill"),
            count,
        ),
        "pids.max" => number(group, Controller::Pids, "pids.max", "pids.max", count),
        "pids.current" => number(
            group,
            Controller::Pids,
            "pids.current",
            "pids.current",
            count,
        ),
        "pids.refused" => key(
            group,
            Controller::Pids,
            ("pids.events", "max"),
            ("pids.events", "max"),
            count,
        ),
        "io.max" => io_max(group),
        "io.read" => io_read(group),
        "frozen" => frozen(group),
        "pressure.cpu" => pressure(group, Controller::Cpu, "cpu.pressure"),
        "pressure.memory" => pressure(group, Controller::Memory, "memory.pressure"),
        other => absent(other, "name"),
    }
}

fn absent(what: &str, kind: &'static str) -> Read {
    (
        Err(Unavailable::NoFact {
            kind,
            what: what.into(),
        }),
        "cgroup.procs".into(),
    )
}

/// The directory of a controller that has this file.
fn file(
    group: &Directories,
    controller: Controller,
    v2: &str,
    v1: &str,
) -> Result<(Version, PathBuf), Unavailable> {
    let directories = group
        .get(&controller)
        .ok_or(Unavailable::NoController(controller))?;
    let paths = directories.iter().map(|group| {
        let name = match group.version {
            Version::V1 => v1,
            Version::V2 => v2,
        };
        (group.version, group.directory.join(name))
    });
    let mut last = Err(Unavailable::NoController(controller));
    for (version, path) in paths {
        if path.exists() {
            return Ok((version, path));
        }
        last = Err(missing(&path, controller, version));
    }
    last
}

/// Why a group doesn't have a file of a controller's: the controller isn't
/// handed down to it, or the kernel doesn't know the file.
fn missing(path: &Path, controller: Controller, version: Version) -> Unavailable {
    let group = path.parent().unwrap_or(path);
    match (version, controller.v2()) {
        (Version::V2, Some(name)) if !available(group).iter().any(|has| has == name) => {
            let group = shown(group);
            Unavailable::NotHandedDown { group, name }
        }
        _ => Unavailable::NotInKernel(shown(path)),
    }
}

fn text(path: &Path) -> Result<String, Unavailable> {
    kernel::read_text(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Unavailable::NotInKernel(shown(path)),
        _ => Unavailable::of(&shown(path), &error),
    })
}

/// A file that holds one number, or `max`.
fn number(
    group: &Directories,
    controller: Controller,
    v2: &str,
    v1: &str,
    unit: fn(i64) -> Value,
) -> Read {
    let (_, path) = match file(group, controller, v2, v1) {
        Ok(found) => found,
        Err(reason) => return (Err(reason), v2.into()),
    };
    let value = text(&path).and_then(|text| match text.trim() {
        "max" | "9223372036854771712" => Ok(Value::Text("max".into())),
        word => word
            .parse()
            .map(unit)
            .map_err(|_| Unavailable::no_number(&shown(&path), word)),
    });
    (value, shown(&path))
}

/// The weight in percent of the kernel's default: cgroup-v2.rst, "Weights", and
/// scheduler/sched-design-CFS.rst for version 1.
fn relative_weight(group: &Directories) -> Read {
    let default = match file(group, Controller::Cpu, "cpu.weight", "cpu.shares") {
        Ok((Version::V1, _)) => 1024,
        Ok((Version::V2, _)) | Err(_) => 100,
    };
    let hundredths = |n: i64| (n.saturating_mul(100) + default / 2) / default;
    let (value, source) = number(group, Controller::Cpu, "cpu.weight", "cpu.shares", |n| {
        Value::Number(n, Unit::Count)
    });
    let value = value.map(|value| match value {
        Value::Number(n, _) => Value::Number(hundredths(n), Unit::Percent),
        other => other,
    });
    (value, source)
}

/// One line of a file of keys and values.
fn key(
    group: &Directories,
    controller: Controller,
    v2: (&str, &str),
    v1: (&str, &str),
    unit: fn(i64) -> Value,
) -> Read {
    let (version, path) = match file(group, controller, v2.0, v1.0) {
        Ok(found) => found,
        Err(reason) => return (Err(reason), format!("{} {}", v2.0, v2.1)),
    };
    let key = match version {
        Version::V1 => v1.1,
        Version::V2 => v2.1,
    };
    let value = text(&path).and_then(|text| {
        keyed(&text, key)
            .map(unit)
            .ok_or_else(|| Unavailable::NoKey {
                path: shown(&path),
                key: key.into(),
            })
    });
    (value, format!("{} {key}", shown(&path)))
}

fn keyed(text: &str, key: &str) -> Option<i64> {
    text.lines().find_map(|line| {
        let (name, value) = line.split_once(' ')?;
        (name == key).then(|| value.trim().parse().ok())?
    })
}

/// `cpu.max` or quota and period, in percent of one CPU.
fn ceiling(group: &Directories) -> Read {
    let (words, source) = bandwidth(group);
    let value = words.map(|words| match words {
        None => Value::Text("max".into()),
        Some((quota, period)) => Value::Number(quota * 100 / period, Unit::Percent),
    });
    (value, source)
}

/// How much CPU time the ceiling allows in each period.
fn quota(group: &Directories) -> Read {
    let (words, source) = bandwidth(group);
    let value = words.map(|words| match words {
        None => Value::Text("max".into()),
        Some((quota, _)) => Value::Number(quota * 1000, Unit::Nanos),
    });
    (value, source)
}

/// Quota and period in microseconds; `None` without a ceiling.
fn bandwidth(group: &Directories) -> (Result<Option<(i64, i64)>, Unavailable>, String) {
    let (version, path) = match file(group, Controller::Cpu, "cpu.max", "cpu.cfs_quota_us") {
        Ok(found) => found,
        Err(reason) => return (Err(reason), "cpu.max".into()),
    };
    let words = text(&path).and_then(|quota| match version {
        Version::V2 => Ok(quota),
        Version::V1 => {
            let period = text(&path.with_file_name("cpu.cfs_period_us"))?;
            Ok(format!("{} {}", quota.trim(), period.trim()))
        }
    });
    let value = words.and_then(|words| {
        let mut words = words.split_whitespace();
        let (quota, period) = (words.next(), words.next());
        match (quota, period.and_then(|word| word.parse::<i64>().ok())) {
            (Some("max" | "-1"), _) => Ok(None),
            (Some(quota), Some(period)) if period > 0 => quota
                .parse::<i64>()
                .map(|quota| Some((quota, period)))
                .map_err(|_| Unavailable::no_number(&shown(&path), quota)),
            _ => Err(Unavailable::Shape(shown(&path))),
        }
    });
    (value, shown(&path))
}

/// CPU time used, divided by the periods in which the ceiling was counted:
/// what the kernel gave in each of them, however long the clock took.
fn per_period(group: &Directories) -> Read {
    let (used, usage_file) = usage(group);
    let (periods, periods_file) = key(
        group,
        Controller::Cpu,
        ("cpu.stat", "nr_periods"),
        ("cpu.stat", "nr_periods"),
        |n| Value::Number(n, Unit::Count),
    );
    let source = format!("{usage_file} / {periods_file}");
    let value = used.and_then(|used| match (used, periods?) {
        (Value::Number(used, _), Value::Number(periods @ 1.., _)) => {
            Ok(Value::Number(used / periods, Unit::Nanos))
        }
        _ => Err(Unavailable::NoPeriod),
    });
    (value, source)
}

/// How long the group, or one above it, had used up its ceiling.
fn held_back_of(group: &Directories) -> Read {
    let (version, path) = match file(group, Controller::Cpu, "cpu.stat", "cpu.stat") {
        Ok(found) => found,
        Err(reason) => return (Err(reason), "cpu.stat".into()),
    };
    let directory = path.parent().unwrap_or(&path);
    let time = held_back(version, directory).map(|time| Value::Number(time, Unit::Nanos));
    (time, shown(&path))
}

/// CPU time that the members have used.
fn usage(group: &Directories) -> Read {
    let (version, path) = match file(group, Controller::Cpu, "cpu.stat", "cpuacct.usage") {
        Ok(found) => found,
        Err(reason) => return (Err(reason), "cpu.stat usage_usec".into()),
    };
    let value = text(&path).and_then(|text| {
        let nanos = match version {
            Version::V1 => text.trim().parse().ok(),
            Version::V2 => keyed(&text, "usage_usec").map(|usec| usec * 1000),
        };
        nanos
            .map(|n| Value::Number(n, Unit::Nanos))
            .ok_or_else(|| Unavailable::Shape(shown(&path)))
    });
    (value, shown(&path))
}

/// The ceiling of reads from the one device that a demo limits, in bytes a second.
fn io_max(group: &Directories) -> Read {
    let v1 = "blkio.throttle.read_bps_device";
    let (version, path) = match file(group, Controller::Io, "io.max", v1) {
        Ok(found) => found,
        Err(reason) => return (Err(reason), "io.max rbps".into()),
    };
    let value = text(&path).map(|text| {
        let mut words = text.split_whitespace().skip(1);
        let limit = match version {
            Version::V1 => words.next(),
            Version::V2 => words.find_map(|word| word.strip_prefix("rbps=")),
        };
        match limit.and_then(|word| word.parse().ok()) {
            Some(bytes) => Value::Number(bytes, Unit::Bytes),
            None => Value::Text("max".into()),
        }
    });
    (value, shown(&path))
}

/// Bytes that the members have read, over all devices.
fn io_read(group: &Directories) -> Read {
    let (version, path) = match file(
        group,
        Controller::Io,
        "io.stat",
        "blkio.throttle.io_service_bytes",
    ) {
        Ok(found) => found,
        Err(reason) => return (Err(reason), "io.stat rbytes".into()),
    };
    let value = text(&path).map(|text| {
        let sum: i64 = match version {
            Version::V1 => text
                .lines()
                .filter_map(|line| line.split_once(" Read "))
                .filter_map(|(_, n)| n.trim().parse::<i64>().ok())
                .sum(),
            Version::V2 => text
                .split_whitespace()
                .filter_map(|word| word.strip_prefix("rbytes="))
                .filter_map(|n| n.parse::<i64>().ok())
                .sum(),
        };
        Value::Number(sum, Unit::Bytes)
    });
    (value, shown(&path))
}

/// Whether every member is frozen, as the kernel reports it back.
fn frozen(group: &Directories) -> Read {
    let found = file(group, Controller::Freezer, "cgroup.events", "freezer.state");
    let (version, path) = match found {
        Ok(found) => found,
        Err(reason) => return (Err(reason), "cgroup.events frozen".into()),
    };
    let value = text(&path).map(|text| {
        Value::Flag(match version {
            Version::V1 => text.trim() == "FROZEN",
            Version::V2 => keyed(&text, "frozen") == Some(1),
        })
    });
    (value, shown(&path))
}

/// How long some member had to wait, in all: PSI, accounting/psi.rst.
fn pressure(group: &Directories, controller: Controller, name: &str) -> Read {
    let parts = group.get(&controller).into_iter().flatten();
    if parts.clone().any(|part| part.version == Version::V1) {
        return (Err(Unavailable::NoPressure), name.into());
    }
    let (_, path) = match file(group, controller, name, name) {
        Ok(found) => found,
        Err(reason) => return (Err(reason), name.into()),
    };
    let value = text(&path).and_then(|text| {
        let line = text.lines().find(|line| line.starts_with("some "));
        line.and_then(|line| {
            line.split_whitespace()
                .find_map(|word| word.strip_prefix("total="))
        })
        .and_then(|total| total.parse::<i64>().ok())
        .map(|usec| Value::Number(usec * 1000, Unit::Nanos))
        .ok_or_else(|| Unavailable::Shape(shown(&path)))
    });
    (value, format!("{} some", shown(&path)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// One fact of a group whose controller's directory holds these files.
    fn check(
        version: Version,
        controller: Controller,
        files: &[(&str, &str)],
        fact: &str,
    ) -> String {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(dir.path().join(name), text).unwrap();
        }
        let group = Group {
            version,
            directory: dir.path().into(),
        };
        let (value, _) = read(&Directories::from([(controller, vec![group])]), fact);
        value.map_or_else(|reason| format!("Err: {reason}"), |value| value.to_string())
    }

    #[test]
    fn both_versions_answer_by_the_same_names() {
        use Controller::{Cpu, Freezer, Io, Memory, Pids};
        use Version::{V1, V2};
        for (version, controller, files, fact, expected) in [
            (
                V2,
                Cpu,
                &[("cpu.max", "20000 100000\n")][..],
                "cpu.max",
                "20 %",
            ),
            (V2, Cpu, &[("cpu.max", "max 100000\n")], "cpu.max", "max"),
            // The same weight in both: 300 of 100, 3072 of 1024.
            (V2, Cpu, &[("cpu.weight", "300\n")], "cpu.weight", "300"),
            (V1, Cpu, &[("cpu.shares", "3072\n")], "cpu.weight", "3072"),
            (
                V2,
                Cpu,
                &[("cpu.weight", "300\n")],
                "cpu.weight.percent",
                "300 %",
            ),
            (
                V1,
                Cpu,
                &[("cpu.shares", "3072\n")],
                "cpu.weight.percent",
                "300 %",
            ),
            (
                V2,
                Cpu,
                &[("cpu.weight", "1\n")],
                "cpu.weight.percent",
                "1 %",
            ),
            (
                V1,
                Cpu,
                &[("cpu.shares", "10\n")],
                "cpu.weight.percent",
                "1 %",
            ),
            (
                V2,
                Cpu,
                &[("cpu.max", "20000 100000\n")],
                "cpu.quota",
                "20.0 ms",
            ),
            (
                V2,
                Cpu,
                &[("cpu.stat", "usage_usec 240000\nnr_periods 12\n")],
                "cpu.per-period",
                "20.0 ms",
            ),
            (
                V2,
                Cpu,
                &[("cpu.stat", "usage_usec 240000\nnr_periods 0\n")],
                "cpu.per-period",
                "Err: no period has passed under a ceiling",
            ),
            (
                V1,
                Cpu,
                &[
                    ("cpu.cfs_quota_us", "20000\n"),
                    ("cpu.cfs_period_us", "100000\n"),
                ],
                "cpu.max",
                "20 %",
            ),
            (
                V1,
                Cpu,
                &[
                    ("cpu.cfs_quota_us", "-1\n"),
                    ("cpu.cfs_period_us", "100000\n"),
                ],
                "cpu.max",
                "max",
            ),
            (
                V2,
                Cpu,
                &[("cpu.stat", "usage_usec 1500000\nnr_periods 10\n")],
                "cpu.usage",
                "1.50 s",
            ),
            (
                V1,
                Cpu,
                &[("cpuacct.usage", "1500000000\n")],
                "cpu.usage",
                "1.50 s",
            ),
            (
                V2,
                Cpu,
                &[("cpu.stat", "usage_usec 1\nnr_periods 10\n")],
                "cpu.periods",
                "10",
            ),
            (
                V2,
                Memory,
                &[("memory.max", "33554432\n")],
                "memory.max",
                "32 MiB",
            ),
            (
                V1,
                Memory,
                &[("memory.limit_in_bytes", "9223372036854771712\n")],
                "memory.max",
                "max",
            ),
            (
                V2,
                Memory,
                &[("memory.events", "low 0\nhigh 0\nmax 9\noom 1\noom_kill 1\n")],
                "memory.oom-kills",
                "1",
            ),
            (
                V1,
                Memory,
                &[(
                    "memory.oom_control",
                    "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n",
                )],
                "memory.oom-kills",
                "1",
            ),
            (V2, Pids, &[("pids.events", "max 3\n")], "pids.refused", "3"),
            (
                V2,
                Io,
                &[("io.stat", "8:0 rbytes=4096 wbytes=0\n8:16 rbytes=4096\n")],
                "io.read",
                "8 KiB",
            ),
            (
                V1,
                Io,
                &[(
                    "blkio.throttle.io_service_bytes",
                    "8:0 Read 4096\n8:0 Write 1\nTotal 4097\n",
                )],
                "io.read",
                "4 KiB",
            ),
            (
                V2,
                Freezer,
                &[("cgroup.events", "populated 1\nfrozen 1\n")],
                "frozen",
                "yes",
            ),
            (
                V1,
                Freezer,
                &[("freezer.state", "FREEZING\n")],
                "frozen",
                "no",
            ),
            (
                V2,
                Cpu,
                &[("cpu.pressure", "some avg10=0.00 total=1000000\n")],
                "pressure.cpu",
                "1.00 s",
            ),
            (
                V1,
                Cpu,
                &[],
                "pressure.cpu",
                "Err: groups of version 1 have no pressure",
            ),
            (
                V2,
                Memory,
                &[],
                "pids.max",
                "Err: this group has no pids controller",
            ),
        ] {
            assert_eq!(
                check(version, controller, files, fact),
                expected,
                "{version:?} {fact}"
            );
        }
    }

    #[test]
    fn every_fact_has_an_answer_of_its_own() {
        let name: BoxName = "small".parse().unwrap();
        let seen = statistics(&name, &Directories::new());
        assert_eq!(seen.len(), GROUP_FACTS.len());
        let unknown = |seen: &Observation| {
            matches!(seen.value, Err(Unavailable::NoFact { kind: "name", .. }))
        };
        assert!(!seen.iter().any(unknown));
    }
}
