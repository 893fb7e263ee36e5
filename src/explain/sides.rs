//! Two processes beside each other: the one that is asked about, and the observer.

use super::form::Answer;
use crate::plan::Namespace;
use crate::probe::limits::{Ceiling, Least};
use crate::probe::mountinfo::{self, Mount};
use crate::probe::{Inodes, Limited, Process, Target, Told, Unread};

/// Both of them, and what there is to give at all.
pub(super) struct Sides<'t> {
    pub(super) theirs: &'t Target,
    pub(super) yours: &'t Target,
    /// The capabilities that process 1 here may have: more can nobody have.
    pub(super) all: u64,
}

/// Whether a namespace is another than the observer's; `None` if that can't be told.
pub(super) fn differs(theirs: &Inodes, yours: &Inodes, kind: Namespace) -> Option<bool> {
    let at = index(kind);
    Some(theirs[at]? != yours[at]?)
}

/// The proc names of those that are other than the observer's; `None` if they
/// can't be read. A kernel without a kind has none to differ.
pub(super) fn own(theirs: &Inodes, yours: &Inodes) -> Option<Vec<String>> {
    theirs.iter().any(Option::is_some).then(|| {
        Namespace::ALL
            .into_iter()
            .filter(|kind| differs(theirs, yours, *kind) == Some(true))
            .map(|kind| kind.proc_name().to_string())
            .collect()
    })
}

/// Its place in [`Namespace::ALL`].
pub(super) fn index(kind: Namespace) -> usize {
    Namespace::ALL
        .iter()
        .position(|one| *one == kind)
        .unwrap_or_default()
}

/// Whether the process stands apart by more than a cgroup.
pub(super) fn is_apart(theirs: &Process, yours: &Process) -> bool {
    own(&theirs.namespaces, &yours.namespaces).is_some_and(|own| !own.is_empty())
        || theirs.root.is_some() && theirs.root != yours.root
        // All may read how many numbers it has.
        || theirs.status.numbers.len() > yours.status.numbers.len()
}

impl<'t> Sides<'t> {
    pub(super) fn pid(&self) -> i32 {
        self.theirs.process.pid
    }

    /// The namespaces of its own; `None` if they can't be read.
    pub(super) fn own(&self) -> Option<Vec<String>> {
        own(
            &self.theirs.process.namespaces,
            &self.yours.process.namespaces,
        )
    }

    /// Whether it has one of that kind of its own.
    pub(super) fn has(&self, kind: Namespace) -> Option<bool> {
        differs(
            &self.theirs.process.namespaces,
            &self.yours.process.namespaces,
            kind,
        )
    }

    /// The mount that it has as `/`.
    pub(super) fn root_mount(&self) -> Option<&'t Mount> {
        let mounts = self.theirs.mounts.as_ref().ok()?;
        mountinfo::topmost(mounts, "/")
    }

    /// Where it has the observer's root filesystem, or a directory above that
    /// one's root, mounted.
    pub(super) fn machine_roots(&self) -> Told<Vec<&'t Mount>> {
        let mounts = self.theirs.mounts.as_ref().map_err(Unread::clone)?;
        let yours = self.yours.mounts.as_ref().map_err(Unread::clone)?;
        let root = mountinfo::topmost(yours, "/").ok_or("your own / has no line in mountinfo")?;
        let holds = |mount: &&Mount| {
            mount.device == root.device
                && std::path::Path::new(&root.root).starts_with(&mount.root)
                && mountinfo::is_visible(mount, mounts)
        };
        Ok(mounts.iter().filter(holds).collect())
    }

    /// Whether its own `/` is the observer's; `None` if that can't be told.
    pub(super) fn stands_on_machine_root(&self) -> Option<bool> {
        let roots = self.machine_roots().ok()?;
        let root = self.theirs.process.root.as_ref()?;
        let moved = Some(root) != self.yours.process.root.as_ref();
        Some(!moved && roots.iter().any(|mount| mount.point == "/"))
    }

    /// The limit of that kind.
    pub(super) fn limited(&self, ceiling: Ceiling) -> Option<&'t Limited> {
        let mut all = self.theirs.limits.iter();
        all.find(|limited| limited.ceiling == ceiling)
    }

    /// The limit that holds: `None` if no group sets one.
    pub(super) fn least(&self, ceiling: Ceiling) -> Told<Option<&'t Least>> {
        let limited = self.limited(ceiling).ok_or("it wasn't looked up")?;
        let held = limited.held.as_ref().map_err(Unread::clone)?;
        Ok(held.least.as_ref())
    }

    /// How many capabilities are effective.
    pub(super) fn effective(&self) -> Option<u64> {
        let sets = self.theirs.process.status.capabilities?;
        Some(sets.effective)
    }

    /// Whether it has all that anybody has here.
    pub(super) fn is_almighty(&self) -> bool {
        self.effective()
            .is_some_and(|set| self.all != 0 && set & self.all == self.all)
    }

    /// A value, or why there is none and what would show it.
    pub(super) fn answer<T>(
        &self,
        told: Told<T>,
        command: &str,
        say: impl FnOnce(T) -> String,
    ) -> Answer {
        match told {
            Ok(value) => Answer::Seen(say(value)),
            Err(Unread { because, denied }) => Answer::Unavailable {
                because,
                shown_by: denied.then(|| format!("sudo {command}")),
            },
        }
    }

    /// A file of its directory in procfs that only its user and root may read.
    pub(super) fn denied(&self, file: &str) -> Unread {
        Unread {
            because: format!("/proc/{}/{file} is for its own user and root", self.pid()),
            denied: true,
        }
    }
}

/// A limit or a use in words: `512 MiB`, `100`, `12.5 % of a CPU`.
pub(super) fn amount(ceiling: Ceiling, value: u64) -> String {
    match ceiling {
        Ceiling::Memory => crate::base::Bytes(value).to_string(),
        Ceiling::Pids => value.to_string(),
        Ceiling::Cpu => format!("{} % of a CPU", value as f64 / 10_000.0),
    }
}
