//! All that is isolated in some way, out of one look at all processes.

use super::form::{Entry, Kind, List, VERSION};
use super::kind::{Known, kind};
use super::sides::{amount, is_apart, own};
use crate::probe::cgroups::{Memberships, Mounts};
use crate::probe::limits::{Ceiling, Limits};
use crate::probe::{Inodes, Process};
use std::collections::HashMap;
use std::path::PathBuf;

/// What makes two processes isolated alike.
#[derive(PartialEq, Eq, Hash)]
struct Alike {
    kind: Kind,
    id: String,
    namespaces: Inodes,
    root: Option<PathBuf>,
    seccomp: bool,
}

/// Those that differ from the observer, the oldest of each first. `user` tells a
/// user's name; limits are read where the cgroups are `mounts`ed.
pub fn list(
    all: &[Process],
    observer: &Process,
    mounts: &Mounts,
    user: &dyn Fn(u32) -> Option<String>,
) -> List {
    let by_pid: HashMap<i32, &Process> = all.iter().map(|one| (one.pid, one)).collect();
    let mut limits = Limits::default();
    let mut places: HashMap<Alike, usize> = HashMap::new();
    let mut entries: Vec<(u64, Entry)> = Vec::new();
    for process in all {
        let apart = is_apart(process, observer);
        let filtered = filtered(process) && !filtered(observer);
        let elsewhere = process.groups != observer.groups;
        if !(apart || filtered || elsewhere) {
            continue;
        }
        let Known { kind, id, because } = known(process, &by_pid, apart, observer);
        let alike = Alike {
            kind,
            id: id.clone(),
            namespaces: process.namespaces,
            root: process.root.clone(),
            seccomp: filtered,
        };
        let start = process.stat.start;
        let at = *places.entry(alike).or_insert(entries.len());
        match entries.get_mut(at) {
            // Of two that began in one tick the lower number is the older.
            Some((oldest, entry)) => {
                entry.processes += 1;
                if start < *oldest {
                    *oldest = start;
                    let processes = entry.processes;
                    *entry = new(process, kind, id, because, observer, user);
                    entry.processes = processes;
                }
            }
            None => entries.push((start, new(process, kind, id, because, observer, user))),
        }
    }
    for (_, entry) in &mut entries {
        if let Some(process) = by_pid.get(&entry.pid) {
            entry.limits = in_words(&mut limits, mounts, &process.groups);
        }
    }
    let mut entries: Vec<Entry> = entries.into_iter().map(|(_, entry)| entry).collect();
    entries.sort_by(|a, b| (a.kind, &a.id, a.pid).cmp(&(b.kind, &b.id, b.pid)));
    List {
        version: VERSION,
        entries,
        processes: all.len(),
        unread: all
            .iter()
            .filter(|one| one.namespaces.iter().all(Option::is_none))
            .count(),
    }
}

/// What a process is, with its parents out of the same look.
pub(super) fn known(
    process: &Process,
    by_pid: &HashMap<i32, &Process>,
    apart: bool,
    observer: &Process,
) -> Known {
    let mut parents = Vec::new();
    let mut pid = process.stat.parent;
    while let Some(parent) = by_pid.get(&pid) {
        parents.push(*parent);
        // A number that was used anew meanwhile can make a circle.
        if parents.len() > 64 {
            break;
        }
        pid = parent.stat.parent;
    }
    let mut known = kind(process, &parents, apart, observer);
    if apart && matches!(known.kind, Kind::Group | Kind::Process) {
        let has_own =
            own(&process.namespaces, &observer.namespaces).is_none_or(|own| !own.is_empty());
        (known.kind, known.because) = match has_own {
            true => (Kind::Namespaces, "it has namespaces of its own".into()),
            false => (
                Kind::Chroot,
                "its root directory is another, its mounts are yours".into(),
            ),
        };
    }
    known
}

fn filtered(process: &Process) -> bool {
    process.status.seccomp.is_some_and(|mode| mode > 0)
}

fn new(
    process: &Process,
    kind: Kind,
    id: String,
    because: String,
    observer: &Process,
    user: &dyn Fn(u32) -> Option<String>,
) -> Entry {
    let uid = process.status.uid();
    let root = process.root.as_ref().map(|root| root.display().to_string());
    Entry {
        kind,
        id,
        because,
        pid: process.pid,
        name: process.stat.name.clone(),
        processes: 1,
        uid,
        user: uid.and_then(user),
        namespaces: own(&process.namespaces, &observer.namespaces),
        root: root.filter(|root| root != "/"),
        seccomp: filtered(process),
        limits: Vec::new(),
    }
}

fn in_words(limits: &mut Limits, mounts: &Mounts, groups: &Memberships) -> Vec<String> {
    Ceiling::ALL
        .into_iter()
        .filter_map(|ceiling| {
            let held = limits.of(mounts, groups, ceiling).ok()?;
            let least = held.least?;
            let amount = amount(ceiling, least.value);
            Some(match ceiling {
                Ceiling::Memory => format!("memory {amount}"),
                Ceiling::Pids => format!("pids {amount}"),
                Ceiling::Cpu => amount,
            })
        })
        .collect()
}
