//! The session's own group, vacated while a run needs it: in version 2 a group
//! that isn't the root has either processes or children with controllers,
//! never both (cgroup-v2.rst, "No Internal Process Constraint").

use super::cgroup::{Group, name_of};
use super::groups::Caller;
use crate::base::Errno;
use std::fs;
use std::path::{Path, PathBuf};

/// A child of the session's group that holds this program while it has
/// children with limits beside it. Dropped, it puts everybody back.
pub(super) struct Leaf {
    /// The session's own group.
    pub(super) home: PathBuf,
    group: Group,
}

/// Why a group could not be vacated.
pub(super) enum Occupied {
    /// Processes are in it that aren't ours to move.
    ByOthers,
    /// A call failed.
    Refused(String, Errno),
}

/// Moves this program out of a group, if nobody else is in it.
pub(super) fn vacate(home: &Path, call: Caller<'_>) -> Result<Option<Leaf>, Occupied> {
    let members = members(home);
    if members.is_empty() {
        return Ok(None);
    }
    // The supervisor's parent is the program that the learner started.
    let program = nix::unistd::getppid().as_raw();
    if !members.iter().all(|pid| descends_from(*pid, program)) {
        return Err(Occupied::ByOthers);
    }
    // Named after the program, not after this run: it lives there, and a
    // sweep must not take it for something left behind.
    let name = name_of(program, "session").ok_or(Occupied::ByOthers)?;
    let path = home.join(name);
    let shown = path.display().to_string();
    let made = call(
        "mkdir",
        format!("\"{shown}\", 0777"),
        "a place for this program: a group has either processes or children with controllers",
        &mut || match fs::create_dir(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(0),
            other => other.map(|()| 0).map_err(Errno::from),
        },
    );
    made.map_err(|errno| Occupied::Refused(format!("mkdir({shown})"), errno))?;
    let leaf = Leaf {
        home: home.into(),
        group: Group { path },
    };
    let procs = leaf.group.path.join("cgroup.procs");
    for pid in members {
        let args = format!("\"{}\", \"{pid}\"", procs.display());
        let moved = call("write", args, "back at the end", &mut || {
            fs::write(&procs, pid.to_string())
                .map(|()| 0)
                .map_err(Errno::from)
        });
        if let Err(errno) = moved {
            let stage = format!("write({}, {pid})", procs.display());
            return Err(Occupied::Refused(stage, errno));
        }
    }
    Ok(Some(leaf))
}

impl Drop for Leaf {
    fn drop(&mut self) {
        for pid in members(&self.group.path) {
            // One that has just ended needs no moving.
            let _ = fs::write(self.home.join("cgroup.procs"), pid.to_string());
        }
    }
}

fn members(directory: &Path) -> Vec<i32> {
    let text = fs::read_to_string(directory.join("cgroup.procs")).unwrap_or_default();
    text.lines().filter_map(|line| line.parse().ok()).collect()
}

/// Whether a process is that one, or a child of its children.
fn descends_from(pid: i32, ancestor: i32) -> bool {
    let mut next = Some(pid);
    while let Some(pid) = next.filter(|pid| *pid > 1) {
        if pid == ancestor {
            return true;
        }
        next = fs::read_to_string(format!("/proc/{pid}/status"))
            .ok()
            .and_then(|text| {
                let line = text.lines().find_map(|line| line.strip_prefix("PPid:"))?;
                line.trim().parse().ok()
            });
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_descendants_are_ours() {
        let me = std::process::id() as i32;
        let parent = nix::unistd::getppid().as_raw();
        assert!(descends_from(me, me));
        assert!(descends_from(me, parent));
        assert!(!descends_from(parent, me));
        assert!(!descends_from(1, me));
        assert!(!descends_from(0, me));
    }
}
