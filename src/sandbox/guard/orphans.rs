//! The orphans of a guardian that was killed. While it lives it is the subreaper
//! of all that its run makes; after it, the program that started the run is the
//! next, PR_SET_CHILD_SUBREAPER(2const). So they are known by their parent also
//! when nothing else tells them: a program may clear its environment, and with it
//! the mark.

use crate::sandbox::base::children::all_children;
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::{Pid, getsid};
use std::collections::BTreeSet;
use std::io;
use std::process::Child;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

/// The children of this process that are guardians, or on the way to be.
static GUARDIANS: Mutex<BTreeSet<i32>> = Mutex::new(BTreeSet::new());

/// Whether orphans come to this process.
static ADOPTS: OnceLock<bool> = OnceLock::new();

/// A child that is a guardian, until this is dropped.
pub(in crate::sandbox) struct Guardian(i32);

impl Guardian {
    /// Starts one; from then on its orphans come here. Not where this process was
    /// executed by one with children: theirs would come as well.
    ///
    /// # Errors
    /// Of the start.
    pub(in crate::sandbox) fn start(
        spawn: impl FnOnce() -> io::Result<Child>,
    ) -> io::Result<(Child, Guardian)> {
        // None is taken for an orphan before it is known.
        let mut known = guardians();
        ADOPTS.get_or_init(|| {
            all_children().is_empty() && nix::sys::prctl::set_child_subreaper(true).is_ok()
        });
        let child = spawn()?;
        let pid = child.id() as i32;
        known.insert(pid);
        Ok((child, Guardian(pid)))
    }
}

impl Drop for Guardian {
    fn drop(&mut self) {
        guardians().remove(&self.0);
    }
}

/// Those that have come here: children that are no guardians, and of another
/// session. Guardians lead sessions of their own, so none of a run's processes
/// can be of this one's; what this process starts itself is.
pub(in crate::sandbox) fn orphans() -> Vec<i32> {
    if ADOPTS.get() != Some(&true) {
        return Vec::new();
    }
    let known = guardians();
    let own = getsid(None).ok();
    let children = all_children().into_iter();
    children
        .filter(|pid| !known.contains(&pid.as_raw()) && getsid(Some(*pid)).ok() != own)
        .map(Pid::as_raw)
        .collect()
}

/// Asks how they ended, so that nothing of them is kept.
pub(in crate::sandbox) fn reap(orphans: &[i32]) {
    for pid in orphans {
        let _ = waitpid(Pid::from_raw(*pid), Some(WaitPidFlag::WNOHANG));
    }
}

fn guardians() -> MutexGuard<'static, BTreeSet<i32>> {
    GUARDIANS.lock().unwrap_or_else(PoisonError::into_inner)
}
