//! What a cgroup is held to: the least of a limit over all of its ancestors, and
//! which of them sets it. A group's own file tells only what was asked of that
//! group: cgroup-v2.rst, "Resource Distribution Models", Limits.

use super::cgroups::{Group, Memberships, Mounts, Version};
use super::observation::Unread;
use crate::base::kernel;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// What can be limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ceiling {
    /// Bytes of memory.
    Memory,
    /// Processes and threads.
    Pids,
    /// CPU time in a second of wall clock, in millionths.
    Cpu,
}

impl Ceiling {
    /// All of them.
    pub const ALL: [Ceiling; 3] = [Ceiling::Memory, Ceiling::Pids, Ceiling::Cpu];

    /// The controller that holds it.
    pub fn controller(self) -> &'static str {
        match self {
            Ceiling::Memory => "memory",
            Ceiling::Pids => "pids",
            Ceiling::Cpu => "cpu",
        }
    }

    /// The file that it is written in.
    pub fn file(self, version: Version) -> &'static str {
        match (self, version) {
            (Ceiling::Memory, Version::V2) => "memory.max",
            (Ceiling::Memory, Version::V1) => "memory.limit_in_bytes",
            (Ceiling::Pids, _) => "pids.max",
            (Ceiling::Cpu, Version::V2) => "cpu.max",
            (Ceiling::Cpu, Version::V1) => "cpu.cfs_quota_us",
        }
    }

    /// The file that tells how much is used now; for CPU time in all.
    pub fn usage_file(self, version: Version) -> &'static str {
        match (self, version) {
            (Ceiling::Memory, Version::V2) => "memory.current",
            (Ceiling::Memory, Version::V1) => "memory.usage_in_bytes",
            (Ceiling::Pids, _) => "pids.current",
            (Ceiling::Cpu, Version::V2) => "cpu.stat",
            (Ceiling::Cpu, Version::V1) => "cpuacct.usage",
        }
    }
}

/// A limit that holds, and the file that sets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Least {
    /// In the unit of its [`Ceiling`].
    pub value: u64,
    /// Where it is written.
    pub file: PathBuf,
}

/// Where a process stands to a controller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Its own group.
    pub group: Group,
    /// The least of all limits; `None` if no group sets one.
    pub least: Option<Least>,
}

/// Reads limits, each file once however many groups lie below it.
#[derive(Debug, Default)]
pub struct Limits {
    known: HashMap<(PathBuf, Ceiling), Option<Least>>,
}

impl Limits {
    /// What holds a process with these memberships.
    ///
    /// # Errors
    /// Why it can't be told.
    pub fn of(
        &mut self,
        mounts: &Mounts,
        memberships: &Memberships,
        ceiling: Ceiling,
    ) -> Result<Held, Unread> {
        let controller = ceiling.controller();
        let group = mounts
            .group_of(memberships, controller)
            .or_else(|| unified_above(mounts, memberships, controller))
            .ok_or_else(|| format!("no group with the {controller} controller is mounted here"))?;
        let top = mounts
            .iter()
            .map(|hierarchy| hierarchy.point.as_path())
            .filter(|point| group.directory.starts_with(point))
            .max_by_key(|point| point.components().count())
            .unwrap_or(&group.directory)
            .to_path_buf();
        let least = self.least(&group.directory, &top, group.version, ceiling)?;
        Ok(Held { group, least })
    }

    fn least(
        &mut self,
        directory: &Path,
        top: &Path,
        version: Version,
        ceiling: Ceiling,
    ) -> Result<Option<Least>, Unread> {
        let key = (directory.to_path_buf(), ceiling);
        if let Some(known) = self.known.get(&key) {
            return Ok(known.clone());
        }
        let above = match directory.parent() {
            Some(parent) if directory != top => self.least(parent, top, version, ceiling)?,
            _ => None,
        };
        let own = read(directory, version, ceiling)?.map(|value| Least {
            value,
            file: directory.join(ceiling.file(version)),
        });
        // Where both are alike, the one above holds whatever is written here.
        let least = match (above, own) {
            (Some(above), Some(own)) if own.value < above.value => Some(own),
            (Some(above), _) => Some(above),
            (None, own) => own,
        };
        self.known.insert(key, least.clone());
        Ok(least)
    }
}

/// The nearest group above that has a controller which wasn't handed down: its
/// limits hold for all that is below.
fn unified_above(mounts: &Mounts, memberships: &Memberships, controller: &str) -> Option<Group> {
    let directory = mounts.directory(memberships.unified()?)?;
    let top = mounts.unified()?.point.clone();
    directory
        .ancestors()
        .take_while(|dir| dir.starts_with(&top))
        .find(|dir| {
            super::cgroups::available(dir)
                .iter()
                .any(|has| has == controller)
        })
        .map(|dir| Group {
            version: Version::V2,
            directory: dir.into(),
        })
}

/// One group's own limit; `None` where there is none, as at the root.
fn read(directory: &Path, version: Version, ceiling: Ceiling) -> Result<Option<u64>, Unread> {
    let path = directory.join(ceiling.file(version));
    let trouble = |path: &Path, error| Unread::of(path, &error);
    let text = match kernel::read_text(&path) {
        Ok(text) => text,
        // The root has no limits; a group that was removed just now has none left.
        Err(error) if super::tree::is_missing(&error) => return Ok(None),
        Err(error) if error.raw_os_error() == Some(libc::ENODEV) => return Ok(None),
        Err(error) => return Err(trouble(&path, error)),
    };
    let period = match (ceiling, version) {
        (Ceiling::Cpu, Version::V1) => {
            let path = path.with_file_name("cpu.cfs_period_us");
            kernel::read_text(&path).map_err(|error| trouble(&path, error))?
        }
        _ => String::new(),
    };
    parse(&format!("{} {period}", text.trim()), ceiling)
        .ok_or_else(|| format!("{} has another shape", path.display()).into())
}

fn parse(text: &str, ceiling: Ceiling) -> Option<Option<u64>> {
    // What version 1 says for "none": the most pages that fit, in bytes.
    const MOST_V1: u64 = i64::MAX as u64 / 4096 * 4096;
    let mut words = text.split_ascii_whitespace();
    let value = match words.next()? {
        "max" | "-1" => return Some(None),
        word => word.parse::<u64>().ok()?,
    };
    match ceiling {
        Ceiling::Memory => Some(Some(value).filter(|value| *value < MOST_V1)),
        Ceiling::Pids => Some(Some(value)),
        Ceiling::Cpu => {
            let period = words.next()?.parse::<u64>().ok().filter(|us| *us > 0)?;
            Some(Some(value.checked_mul(1_000_000)? / period))
        }
    }
}

/// How much a group uses: bytes, processes, or nanoseconds of CPU time in all.
///
/// # Errors
/// Why it can't be told.
pub fn usage(group: &Group, ceiling: Ceiling) -> Result<u64, Unread> {
    let name = ceiling.usage_file(group.version);
    let mut path = group.directory.join(name);
    if (ceiling, group.version) == (Ceiling::Cpu, Version::V1) && !path.exists() {
        // `cpuacct` may be a hierarchy of its own beside `cpu`, with the same paths.
        path = beside(&path).unwrap_or(path);
    }
    let text = kernel::read_text(&path).map_err(|error| match super::tree::is_missing(&error) {
        true => format!(
            "{} has no {name}, as the root group",
            group.directory.display()
        )
        .into(),
        false => Unread::of(&path, &error),
    })?;
    let value = match (ceiling, group.version) {
        (Ceiling::Cpu, Version::V2) => text
            .lines()
            .find_map(|line| line.strip_prefix("usage_usec "))
            .and_then(|usec| usec.trim().parse::<u64>().ok())
            .map(|usec| usec * 1000),
        _ => text.trim().parse().ok(),
    };
    value.ok_or_else(|| format!("{} has another shape", path.display()).into())
}

/// The same path with `cpuacct` for the component `cpu`.
fn beside(path: &Path) -> Option<PathBuf> {
    let other: PathBuf = path
        .components()
        .map(|part| match part.as_os_str() == "cpu" {
            true => std::path::Component::Normal("cpuacct".as_ref()),
            false => part,
        })
        .collect();
    other.exists().then_some(other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn limits_of_every_shape() {
        use Ceiling::{Cpu, Memory, Pids};
        for (text, ceiling, expected) in [
            ("max", Memory, Some(None)),
            ("33554432", Memory, Some(Some(32 << 20))),
            ("9223372036854771712", Memory, Some(None)),
            ("0", Pids, Some(Some(0))),
            ("max 100000", Cpu, Some(None)),
            ("-1 100000", Cpu, Some(None)),
            ("12500 100000", Cpu, Some(Some(125_000))),
            ("12500 0", Cpu, None),
            ("12500", Cpu, None),
            ("", Memory, None),
            ("many", Pids, None),
        ] {
            assert_eq!(parse(text, ceiling), expected, "{text} {ceiling:?}");
        }
    }

    #[test]
    fn the_least_of_all_ancestors_holds() {
        let root = tempfile::tempdir().unwrap();
        let top = root.path();
        fs::create_dir_all(top.join("a/b/c")).unwrap();
        for (dir, value) in [("a", "100"), ("a/b", "max"), ("a/b/c", "500")] {
            fs::write(top.join(dir).join("pids.max"), value).unwrap();
        }
        let least = |dir: &str| {
            let mut limits = Limits::default();
            let found = limits.least(&top.join(dir), top, Version::V2, Ceiling::Pids);
            found.unwrap().map(|least| (least.value, least.file))
        };
        let above = Some((100, top.join("a/pids.max")));
        assert_eq!(least(""), None);
        assert_eq!(least("a/b/c"), above);
        fs::write(top.join("a/b/c/pids.max"), "100").unwrap();
        assert_eq!(least("a/b/c"), above, "the one above holds anyway");
        fs::write(top.join("a/b/c/pids.max"), "7").unwrap();
        assert_eq!(least("a/b/c"), Some((7, top.join("a/b/c/pids.max"))));
        fs::write(top.join("a/pids.max"), "odd").unwrap();
        let odd = Limits::default().least(&top.join("a/b"), top, Version::V2, Ceiling::Pids);
        assert!(
            odd.unwrap_err()
                .because
                .ends_with("pids.max has another shape")
        );
    }
}
