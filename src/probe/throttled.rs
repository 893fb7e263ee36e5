//! How long a process has been throttled: the time in which its group, or one above
//! it, had used up the ceiling of its CPU time. The wait in the run queue doesn't tell
//! that apart from a wait for a CPU that others use.

use super::cgroups::{Memberships, Mounts, Version};
use super::observation::shown;
use super::subject::Subject;
use super::unavailable::Unavailable;
use crate::base::kernel;
use std::io;
use std::path::{Path, PathBuf};

/// Nanoseconds, and the file of the process's own group: `throttled_usec` of
/// `cpu.stat`, cgroup-v2.rst; in version 1 `throttled_time`, sched-bwc.rst.
pub fn throttled(proc_root: &Path, subject: &Subject) -> (Result<i64, Unavailable>, PathBuf) {
    let group = own_group(proc_root, subject);
    let file = match &group {
        Ok((_, directory)) => directory.join("cpu.stat"),
        Err(_) => "cpu.stat".into(),
    };
    let time = group.and_then(|(version, directory)| held_back(version, &directory));
    (time, file)
}

fn own_group(proc_root: &Path, subject: &Subject) -> Result<(Version, PathBuf), Unavailable> {
    let told = |error: io::Error| Unavailable::of(&shown(proc_root), &error);
    let memberships = Memberships::read(proc_root, subject).map_err(told)?;
    let mounts = Mounts::read(proc_root, &Subject::Myself).map_err(told)?;
    let (version, member) = match memberships.of_controller("cpu") {
        Some(member) => (Version::V1, Some(member)),
        None => (Version::V2, memberships.unified()),
    };
    let directory = member.and_then(|member| mounts.directory(member));
    Ok((version, directory.ok_or(Unavailable::Unmounted)?))
}

/// The time of a group, and of those above it as far as the mount shows them.
pub(super) fn held_back(version: Version, group: &Path) -> Result<i64, Unavailable> {
    let groups = group.ancestors();
    let mut all = 0;
    for directory in groups.take_while(|it| it.join("cgroup.procs").exists()) {
        let path = directory.join("cpu.stat");
        let text = match kernel::read_text(&path) {
            Ok(text) => text,
            // Where the controller isn't handed down to, there is no ceiling.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(Unavailable::of(&shown(&path), &error)),
        };
        let (key, factor) = match version {
            Version::V1 => ("throttled_time", 1),
            Version::V2 => ("throttled_usec", 1000),
        };
        let line = text.lines().find_map(|line| line.strip_prefix(key));
        let time: Option<i64> = line.and_then(|value| value.trim().parse().ok());
        all += time.unwrap_or(0) * factor;
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn the_groups_above_count() {
        let root = tempfile::tempdir().unwrap();
        let outer = root.path().join("outer");
        let inner = outer.join("inner");
        fs::create_dir_all(&inner).unwrap();
        for (directory, stat) in [
            (root.path(), "usage_usec 9\n"),
            (
                outer.as_path(),
                "usage_usec 9\nthrottled_usec 7\nthrottled_time 70\n",
            ),
            (inner.as_path(), "throttled_usec 5\nthrottled_time 50\n"),
        ] {
            fs::write(directory.join("cgroup.procs"), "").unwrap();
            fs::write(directory.join("cpu.stat"), stat).unwrap();
        }
        for (version, group, time) in [
            (Version::V2, &inner, 12_000),
            (Version::V1, &inner, 120),
            (Version::V2, &outer, 7_000),
        ] {
            assert_eq!(held_back(version, group), Ok(time), "{}", group.display());
        }
        assert_eq!(held_back(Version::V2, root.path()), Ok(0));
    }
}
