//! The session's own group, vacated while a run needs it: in version 2 a group
//! that isn't the root has either processes or children with controllers,
//! never both (cgroup-v2.rst, "No Internal Process Constraint").
//!
//! This program then lives in a child of that group, the *leaf*, named after it
//! and not after a run: several runs of it may need the room at a time. It is
//! put back with the last controller that was switched on there (`groups::switched`),
//! under the same lock.

use super::calls::Caller;
use crate::base::{Errno, literal};
use crate::sandbox::base::members::{descends_from, pids_in};
use crate::sandbox::base::owner::{name_of, what_of};
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// What a leaf's name holds behind its owner: no box or group can be called so.
const WHAT: &str = "session.leaf";
/// How long processes may go on coming into a group while it is being emptied,
/// or its last one take to go.
const PATIENCE: Duration = Duration::from_secs(2);

/// Why a group could not be vacated.
pub(in crate::sandbox) enum Occupied {
    /// Processes are in it that aren't ours to move.
    ByOthers,
    /// A call failed.
    Refused(String, Errno),
}

/// Moves this program out of a group, if nobody else is in it.
pub(in crate::sandbox) fn vacate(home: &Path, call: Caller<'_>) -> Result<(), Occupied> {
    if pids_in(home).is_empty() {
        return Ok(());
    }
    // The supervisor's parent is the program that the learner started.
    let program = nix::unistd::getppid().as_raw();
    let name = name_of(program, WHAT).ok_or(Occupied::ByOthers)?;
    if !is_home_of(home, program) {
        return Err(Occupied::ByOthers);
    }
    let path = home.join(name);
    let shown = path.display().to_string();
    let made = call(
        "mkdir",
        format!("{shown}, 0777", shown = literal(&shown)),
        "a place for this program: a group has either processes or children with controllers",
        &mut || match fs::create_dir(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(0),
            other => other.map(|()| 0).map_err(Errno::from),
        },
    );
    made.map_err(|errno| Occupied::Refused(format!("mkdir({shown})"), errno))?;
    let procs = path.join("cgroup.procs");
    let mut mover = |pid: i32| {
        // A stranger who has come just now.
        if !descends_from(pid, program) {
            return Err(Errno(libc::EBUSY));
        }
        let args = format!("{}, {pid}", literal(&procs), pid = literal(pid.to_string()));
        let moved = call("write", args, "back at the end", &mut || {
            fs::write(&procs, pid.to_string())
                .map(|()| 0)
                .map_err(Errno::from)
        });
        moved.map(drop)
    };
    empty(home, &mut mover).map_err(|(pid, errno)| {
        Occupied::Refused(format!("write({}, {pid})", procs.display()), errno)
    })
}

/// Puts back whoever lives in a leaf of this group, and removes the leaf.
/// Returns the one that could not be, with the kernel's answer.
pub(in crate::sandbox) fn put_back(home: &Path) -> Option<(PathBuf, Errno)> {
    let entries = fs::read_dir(home).into_iter().flatten().flatten();
    let mut leaves = entries.filter(|entry| is_leaf(&entry.file_name()));
    leaves.find_map(|entry| {
        let leaf = entry.path();
        let procs = home.join("cgroup.procs");
        let mut mover = |pid: i32| fs::write(&procs, pid.to_string()).map_err(Errno::from);
        let emptied = empty(&leaf, &mut mover).map_err(|(_, errno)| errno);
        let errno = emptied.and_then(|()| remove(&leaf)).err()?;
        Some((leaf, errno))
    })
}

/// Where a process of this group is at home: in the group above, if this is a leaf.
pub(in crate::sandbox) fn home_of(group: &Path) -> &Path {
    match (group.file_name().is_some_and(is_leaf), group.parent()) {
        (true, Some(home)) => home,
        _ => group,
    }
}

/// Whether a group of that name is a leaf.
pub(in crate::sandbox) fn is_leaf(name: &OsStr) -> bool {
    name.to_str().and_then(what_of) == Some(WHAT)
}

/// Whether nobody is in a group but this program and what it has started.
pub(in crate::sandbox) fn is_home_of(home: &Path, program: i32) -> bool {
    let all = pids_in(home);
    all.iter().all(|pid| descends_from(*pid, program))
}

/// Moves every member of a group, and those that come meanwhile. An error is
/// the first mover's, with the process that it was for.
fn empty(
    group: &Path,
    mover: &mut dyn FnMut(i32) -> Result<(), Errno>,
) -> Result<(), (i32, Errno)> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let members = pids_in(group);
        let Some(first) = members.first().copied() else {
            return Ok(());
        };
        for pid in members {
            match mover(pid) {
                // One that has just ended needs no moving.
                Ok(()) | Err(Errno(libc::ESRCH)) => {}
                Err(errno) => return Err((pid, errno)),
            }
        }
        if Instant::now() > deadline {
            return Err((first, Errno(libc::EBUSY)));
        }
    }
}

/// rmdir(2) answers EBUSY for a moment after the last member's end.
fn remove(leaf: &Path) -> Result<(), Errno> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match fs::remove_dir(leaf).map_err(Errno::from) {
            Ok(()) | Err(Errno(libc::ENOENT)) => return Ok(()),
            Err(Errno(libc::EBUSY)) if Instant::now() < deadline => {}
            Err(errno) => return Err(errno),
        }
        // The kernel has no event for the end of its own clean-up.
        std::thread::sleep(Duration::from_millis(1));
    }
}
