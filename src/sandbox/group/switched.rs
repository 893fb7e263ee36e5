//! Controllers that are switched on for the children of a group that isn't
//! ours: its `cgroup.subtree_control` (cgroup-v2.rst, "Enabling and Disabling").
//!
//! Several runs may need the same one there at a time, and any of them may be
//! killed. So the tree itself remembers who needs what: a run makes a *marker*
//! in that group, an empty child whose name tells its owner and the controllers
//! (`glassbox-…-switched.io.memory`). What is on and in no marker's name was on
//! before: it isn't marked, and never switched off. Who removes a marker, its
//! owner or the sweep for a dead one, switches off first what no other marker
//! names: so the last one puts the group back. The marker goes last of all, or
//! stays where that failed, so a kill at any moment leaves the sweep to do the
//! rest. All of it happens under a lock on the group's directory (flock(2)).
//!
//! With the last marker goes the leaf ([`leaf`]) for which room was made.

use super::calls::{Caller, write};
use super::leaf::{self, Occupied};
use crate::base::{Errno, literal};
use crate::plan::{Controller, Leftover};
use crate::sandbox::base::mounted::mount_towards;
use crate::sandbox::base::owner::{name_for, what_of};
use nix::fcntl::{Flock, FlockArg};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// What a marker's name holds behind its owner and before the controllers.
const WHAT: &str = "switched";
/// How long others may hold the lock. They hold it for a few calls.
const PATIENCE: Duration = Duration::from_secs(5);

/// A step that was refused: the call, and the kernel's answer unless what was
/// read forbade it.
pub(super) type Refusal = (String, Option<Errno>);

/// A marker, or a leaf: what is shared between runs, and so goes by [`Marker::release`]
/// alone.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::sandbox) struct Marker {
    path: PathBuf,
    /// The mount that it is seen through.
    mount: Option<u64>,
}

/// Sees to it that a group hands these controllers down until the marker that
/// is returned is released; `None` where it does so anyway.
pub(super) fn hold(
    dir: &Path,
    names: &[&str],
    call: Caller<'_>,
) -> Result<Option<Marker>, Refusal> {
    if names.is_empty() {
        return Ok(None);
    }
    let _lock = lock(dir).map_err(|errno| (format!("flock({})", dir.display()), Some(errno)))?;
    let on = handed_down(dir);
    let (mine, others): (Vec<PathBuf>, Vec<PathBuf>) =
        markers(dir).into_iter().partition(|path| is_mine(path));
    let (marked, switched) = wanted(names, &on, &named(&mine), &named(&others));
    if marked.is_empty() {
        return Ok(None);
    }
    let what = format!("{WHAT}.{}", marked.join("."));
    let name = name_for(&what).ok_or_else(|| ("/proc/self/stat".into(), None))?;
    let marker = dir.join(name);
    let shown = marker.display().to_string();
    let why = "says which controllers this run needs here: the last that does switches them off";
    call(
        "mkdir",
        format!("{shown}, 0777", shown = literal(&shown)),
        why,
        &mut || fs::create_dir(&marker).map(|()| 0).map_err(Errno::from),
    )
    .map_err(|errno| (format!("mkdir({shown})"), Some(errno)))?;
    match switch_on(dir, &switched, call) {
        Ok(()) => Ok(Some(Marker::at(marker))),
        Err(refusal) => {
            // Nothing but an empty group and a step aside to take back.
            release_locked(dir, &marker, &[]);
            Err(refusal)
        }
    }
}

fn switch_on(dir: &Path, names: &[String], call: Caller<'_>) -> Result<(), Refusal> {
    if names.is_empty() {
        return Ok(());
    }
    // The root alone may have both processes and children with controllers; it
    // alone has no type.
    if dir.join("cgroup.type").exists() {
        leaf::vacate(dir, call).map_err(|occupied| match occupied {
            Occupied::Refused(stage, errno) => (stage, Some(errno)),
            Occupied::ByOthers => (dir.join("cgroup.procs").display().to_string(), None),
        })?;
    }
    let path = subtree_control(dir);
    let line = line('+', names);
    let why = "hand the controllers down to the children; taken back at the end";
    write(&path, &line, why, call)
        .map_err(|errno| (format!("write({}, {line})", path.display()), Some(errno)))
}

impl Marker {
    /// One that is there.
    pub(in crate::sandbox) fn at(path: PathBuf) -> Marker {
        let mount = mount_towards(&path);
        Marker { path, mount }
    }

    /// Removes it, and before it what it alone names: those controllers are
    /// switched off again, but not those that somebody else has taken away
    /// meanwhile (`lost`): whatever became of them is theirs. Returns what could
    /// not be put back. A marker that isn't there is no failure, but one that
    /// something is mounted in front of is left.
    ///
    /// A leaf is emptied and removed, unless a marker is still there.
    pub(in crate::sandbox) fn release(&self, lost: &[Controller]) -> Vec<Leftover> {
        let Some(dir) = self.path.parent() else {
            return Vec::new();
        };
        if mount_towards(&self.path) != self.mount {
            return vec![stuck(self.path.clone(), Errno(libc::ENODEV))];
        }
        match lock(dir) {
            Ok(_lock) if self.path.file_name().is_some_and(leaf::is_leaf) => {
                put_back_unless_needed(dir, &markers(dir))
            }
            Ok(_lock) => release_locked(dir, &self.path, lost),
            Err(Errno(libc::ENOENT)) => Vec::new(),
            Err(errno) => vec![stuck(self.path.clone(), errno)],
        }
    }
}

fn release_locked(dir: &Path, marker: &Path, lost: &[Controller]) -> Vec<Leftover> {
    let all = markers(dir);
    if !all.iter().any(|path| path == marker) {
        // Another cleaner was here.
        return Vec::new();
    }
    let others: Vec<PathBuf> = all.into_iter().filter(|path| path != marker).collect();
    let lost: Vec<&str> = lost
        .iter()
        .filter_map(|controller| controller.v2())
        .collect();
    let mut left = Vec::new();
    let mut again = false;
    let on = handed_down(dir);
    // One at a time: each may be refused for itself.
    for name in to_switch_off(&named(&[marker.into()]), &named(&others), &on, &lost) {
        let path = subtree_control(dir);
        let line = format!("-{name}");
        if let Err(error) = fs::write(&path, &line) {
            let errno = Errno::from(error);
            // EBUSY: a child hands it down to its own children. If that child is
            // somebody else's, they have built on what they found here: from now
            // on it is theirs to end, and no later sweep may take it from them.
            // That it is still on is told all the same.
            let users = children_with(dir, &name);
            let theirs = errno == Errno(libc::EBUSY) && !users.is_empty();
            again |= !theirs || users.iter().any(|user| what_of(user).is_some());
            left.push(Leftover::Controllers {
                path,
                line,
                errno,
                groups: users,
            });
        }
    }
    let in_leaf = put_back_unless_needed(dir, &others);
    again |= !in_leaf.is_empty();
    left.extend(in_leaf);
    if !again && let Err(error) = fs::remove_dir(marker) {
        left.push(stuck(marker.into(), error.into()));
    }
    left
}

/// Puts this program back from its leaf, once no marker is left.
fn put_back_unless_needed(dir: &Path, markers: &[PathBuf]) -> Vec<Leftover> {
    let left = match markers {
        [] => leaf::put_back(dir),
        _ => None,
    };
    let left = left.map(|(path, errno)| stuck(path, errno));
    left.into_iter().collect()
}

/// A marker or a leaf that stays.
fn stuck(path: PathBuf, errno: Errno) -> Leftover {
    let members = Vec::new();
    let groups = children(&path);
    Leftover::Cgroup {
        path,
        errno: Some(errno),
        members,
        groups,
    }
}

/// Whether a group of ours is one that only [`Marker::release`] may remove, after all
/// others beside it: a marker, or a leaf, whose members are nobody's to end.
pub(in crate::sandbox) fn is_shared(name: &OsStr) -> bool {
    name.to_str().is_some_and(is_marker) || leaf::is_leaf(name)
}

fn is_marker(name: &str) -> bool {
    controllers_of(name).is_some()
}

/// The controllers that a marker of that name stands for.
fn controllers_of(name: &str) -> Option<Vec<&str>> {
    let names = what_of(name)?.strip_prefix(WHAT)?.strip_prefix('.')?;
    Some(names.split('.').collect())
}

/// What a run has to put into its marker, and what of it has to be switched on.
/// Pure, as is the next.
fn wanted(
    names: &[&str],
    on: &[String],
    mine: &[String],
    others: &[String],
) -> (Vec<String>, Vec<String>) {
    let has = |list: &[String], name: &str| list.iter().any(|item| item == name);
    let off = |name: &&&str| !has(on, name);
    let marked = names
        .iter()
        .filter(|name| !has(mine, name))
        .filter(|name| off(name) || has(others, name));
    // One that a marker of ours names and that is off was taken away from this
    // run: that is told, and not fought.
    let switched = marked.clone().filter(off);
    let own = |name: &&str| name.to_string();
    (marked.map(own).collect(), switched.map(own).collect())
}

/// What goes with a marker.
fn to_switch_off(mine: &[String], others: &[String], on: &[String], lost: &[&str]) -> Vec<String> {
    mine.iter()
        .filter(|name| !others.contains(name) && on.contains(name))
        .filter(|name| !lost.contains(&name.as_str()))
        .cloned()
        .collect()
}

/// The markers in a group, whoever's.
fn markers(dir: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = children(dir)
        .iter()
        .filter(|name| is_marker(name))
        .map(|name| dir.join(name))
        .collect();
    found.sort();
    found
}

/// All that these markers name.
fn named(markers: &[PathBuf]) -> Vec<String> {
    let names = markers.iter().filter_map(|path| path.file_name()?.to_str());
    names
        .filter_map(controllers_of)
        .flatten()
        .map(String::from)
        .collect()
}

fn is_mine(marker: &Path) -> bool {
    let name = marker.file_name().and_then(|name| name.to_str());
    let controllers = name.and_then(controllers_of);
    let ours = controllers.and_then(|names| name_for(&format!("{WHAT}.{}", names.join("."))));
    ours.is_some() && ours.as_deref() == name
}

/// The children of a group that hand a controller down to their own.
fn children_with(dir: &Path, controller: &str) -> Vec<String> {
    let hands_down = |name: &String| {
        handed_down(&dir.join(name))
            .iter()
            .any(|on| on == controller)
    };
    children(dir).into_iter().filter(hands_down).collect()
}

/// The names of the groups in a group.
fn children(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let groups = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    groups
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect()
}

fn subtree_control(dir: &Path) -> PathBuf {
    dir.join("cgroup.subtree_control")
}

/// The controllers that a group hands down.
pub(super) fn handed_down(dir: &Path) -> Vec<String> {
    let text = fs::read_to_string(subtree_control(dir)).unwrap_or_default();
    text.split_ascii_whitespace().map(String::from).collect()
}

/// `+io +memory`
pub(super) fn line(sign: char, names: &[String]) -> String {
    let signed: Vec<String> = names.iter().map(|name| format!("{sign}{name}")).collect();
    signed.join(" ")
}

/// Locks a group's directory against other runs. Gone with its descriptor, so a
/// killed one holds nobody up.
fn lock(dir: &Path) -> Result<Flock<File>, Errno> {
    let deadline = Instant::now() + PATIENCE;
    let mut file = File::open(dir).map_err(Errno::from)?;
    loop {
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => return Ok(lock),
            Err((again, nix::errno::Errno::EWOULDBLOCK | nix::errno::Errno::EINTR))
                if Instant::now() < deadline =>
            {
                file = again;
            }
            Err((_, errno)) => return Err(errno.into()),
        }
        // flock(2) can wait, but not until a deadline.
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[cfg(test)]
#[path = "switched_tests.rs"]
mod tests;
