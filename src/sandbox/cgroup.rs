//! The cgroups that a run makes: named after the process that owns them, so
//! that a later start can tell what was left behind from what is in use.

use super::groups::switched;
use super::leaf;
use crate::base::Errno;
use crate::probe::cgroups::{Memberships, Mounts};
use crate::probe::{Subject, boot_id, nsfs_inode, start_time};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// What every name of ours starts with.
const PREFIX: &str = "glassbox";

/// Where a box is to be put.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Placement {
    /// Into a new group, that the caller owns.
    Made(Group),
    /// It stays in the session's own groups, at least one of which isn't a root.
    Inherited,
    /// Nothing to see: no group can be made, and the session sits at every
    /// root. The last error that making one met, and on which path.
    Nowhere(Option<(PathBuf, Errno)>),
}

/// A cgroup directory, removed when dropped.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Group {
    /// The directory.
    pub(super) path: PathBuf,
}

impl Drop for Group {
    /// rmdir(2) answers EBUSY for a moment after the last member's end: it is
    /// retried until the kernel has let go, for two seconds at most.
    fn drop(&mut self) {
        let started = Instant::now();
        while let Err(error) = fs::remove_dir(&self.path) {
            let busy = error.raw_os_error() == Some(libc::EBUSY);
            if !busy || started.elapsed() > Duration::from_secs(2) {
                return;
            }
            // The kernel has no event for the end of its own clean-up.
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// Names a group of this process for one box or one declared group.
pub(super) fn name_for(box_name: &str) -> Option<String> {
    name_of(std::process::id() as i32, box_name)
}

/// Names a group of another process.
pub(super) fn name_of(pid: i32, what: &str) -> Option<String> {
    Some(format!("{}-{what}", Owner::of(pid)?.stem()))
}

/// What a name of ours tells behind its owner; `None` if it isn't ours.
pub(super) fn what_of(name: &str) -> Option<&str> {
    Owner::parse(name)?;
    name.splitn(6, '-').nth(5)
}

/// Whether a name is one of ours, of an owner that is known to be gone.
pub(super) fn is_left_behind(name: &str) -> bool {
    Owner::parse(name).is_some_and(|owner| owner.is_gone())
}

/// Finds a place for a box: a new group below one of the session's own, in the
/// first hierarchy that lets us.
pub(super) fn place(box_name: &str) -> Placement {
    let proc = Path::new("/proc");
    let (Ok(members), Ok(mounts)) = (
        Memberships::read(proc, &Subject::Myself),
        Mounts::read(proc, &Subject::Myself),
    ) else {
        return Placement::Nowhere(None);
    };
    let mut refused = None;
    if let Some(name) = name_for(box_name) {
        for directory in candidates(&members, &mounts) {
            let path = directory.join(&name);
            match fs::create_dir(&path) {
                Ok(()) => return Placement::Made(Group { path }),
                Err(error) => refused = Errno::of(&error).map(|errno| (path, errno)),
            }
        }
    }
    if members.at_every_root() {
        Placement::Nowhere(refused)
    } else {
        Placement::Inherited
    }
}

/// The directories of the session's own groups, the unified hierarchy first,
/// then those whose groups have no side effect on their members.
fn candidates(members: &Memberships, mounts: &Mounts) -> Vec<PathBuf> {
    let harmless = ["pids", "freezer", "cpuacct", "memory"];
    let unified = members.unified().into_iter();
    // What has stepped into a leaf makes its groups beside it.
    let at_home = |directory: PathBuf| leaf::home_of(&directory).to_path_buf();
    let v1 = harmless
        .iter()
        .filter_map(|controller| members.of_controller(controller));
    let mut found: Vec<PathBuf> = Vec::new();
    for directory in unified
        .chain(v1)
        .filter_map(|member| mounts.directory(member).map(at_home))
    {
        if !found.contains(&directory) {
            found.push(directory);
        }
    }
    found
}

/// The process that a group belongs to. A pid alone would be recycled, and
/// means another process in another pid namespace.
struct Owner {
    boot: String,
    pid_namespace: u64,
    pid: i32,
    start: u64,
}

impl Owner {
    fn of(pid: i32) -> Option<Owner> {
        let proc = Path::new("/proc");
        Some(Owner {
            boot: boot_id(proc)?
                .chars()
                .filter(char::is_ascii_hexdigit)
                .take(8)
                .collect(),
            pid_namespace: nsfs_inode(&proc.join("self/ns/pid")).ok()?,
            pid,
            start: start_time(proc, pid)?,
        })
    }

    fn stem(&self) -> String {
        format!(
            "{PREFIX}-{}-{}-{}-{}",
            self.boot, self.pid_namespace, self.pid, self.start
        )
    }

    /// Reads a name of ours; `None` for any other.
    fn parse(name: &str) -> Option<Owner> {
        let mut parts = name.strip_prefix(PREFIX)?.strip_prefix('-')?.splitn(5, '-');
        Some(Owner {
            boot: parts.next()?.into(),
            pid_namespace: parts.next()?.parse().ok()?,
            pid: parts.next()?.parse().ok()?,
            start: parts.next()?.parse().ok()?,
        })
    }

    /// Whether it is known to be gone. What another pid namespace owns is never ours to judge.
    fn is_gone(&self) -> bool {
        match Owner::of(std::process::id() as i32) {
            Some(me) if me.boot != self.boot => true,
            Some(me) if me.pid_namespace != self.pid_namespace => false,
            Some(_) => start_time(Path::new("/proc"), self.pid) != Some(self.start),
            None => false,
        }
    }
}

/// Finds the groups of runs that ended without cleaning up, and removes them
/// unless `dry_run`. Returns their directories.
///
/// # Errors
/// The first directory that can't be removed, with the reason.
pub(super) fn sweep(dry_run: bool) -> io::Result<Vec<PathBuf>> {
    let proc = Path::new("/proc");
    let members = Memberships::read(proc, &Subject::Myself)?;
    let mounts = Mounts::read(proc, &Subject::Myself)?;
    let mut swept = Vec::new();
    for directory in candidates(&members, &mounts) {
        let Ok(entries) = fs::read_dir(&directory) else {
            continue;
        };
        let mut entries: Vec<fs::DirEntry> = entries.flatten().collect();
        // What holds controllers on goes after those who had need of them.
        entries.sort_by_key(|entry| switched::is_shared(&entry.file_name()));
        for entry in entries {
            let name = entry.file_name();
            let gone = name.to_str().is_some_and(is_left_behind);
            if gone && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                if switched::is_shared(&name) {
                    if !dry_run && let Some(left) = switched::release(&entry.path(), &[]).pop() {
                        return Err(io::Error::other(left.to_string()));
                    }
                } else if !dry_run {
                    // What an owner that was killed itself left in it dies first.
                    super::groups::disarm(&entry.path());
                    kill_members(&entry.path());
                    fs::remove_dir(entry.path()).map_err(|error| {
                        io::Error::new(error.kind(), format!("{}: {error}", entry.path().display()))
                    })?;
                }
                swept.push(entry.path());
            }
        }
    }
    Ok(swept)
}

/// Kills what is in a group of ours, and awaits that it is empty.
fn kill_members(directory: &Path) {
    let procs = directory.join("cgroup.procs");
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(2) {
        let text = fs::read_to_string(&procs).unwrap_or_default();
        let mut members = text.lines().filter_map(|line| line.parse().ok()).peekable();
        if members.peek().is_none() {
            return;
        }
        for pid in members {
            let pid = nix::unistd::Pid::from_raw(pid);
            let _ = nix::sys::signal::kill(pid, nix::sys::signal::SIGKILL);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_their_owner_and_others_are_left_alone() {
        let me = Owner::of(std::process::id() as i32).unwrap();
        let name = name_for("box").unwrap();
        let read = Owner::parse(&name).unwrap();
        assert_eq!(read.stem(), me.stem());
        assert!(!read.is_gone());
        let reused = Owner {
            start: read.start + 1,
            ..read
        };
        assert!(reused.is_gone());
        let elsewhere = Owner {
            pid_namespace: 1,
            ..reused
        };
        assert!(!elsewhere.is_gone());
        for other in [
            "glassbox",
            "glassbox-x",
            "system.slice",
            "glassboxes-1-2-3-4",
        ] {
            assert!(Owner::parse(other).is_none(), "{other}");
        }
    }
}
