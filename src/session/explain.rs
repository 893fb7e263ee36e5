//! What runs on this machine and what it is made of: the look, and its judgement.
//! Nothing is entered, traced or changed.

use crate::explain::{List, Report, list, report};
use crate::probe::cgroups::Mounts;
use crate::probe::{self, Process, Status, Subject, Target};
use std::collections::HashMap;
use std::path::Path;

pub use crate::probe::Lost;

const PROC: &str = "/proc";

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Blind {
    /// This procfs has other numbers, or is none.
    #[error(
        "/proc here isn't that of this process's pid namespace: no number in it is to be trusted"
    )]
    OtherProc,
    /// The process is gone.
    #[error(transparent)]
    Lost(#[from] Lost),
}

/// All that is isolated in some way.
///
/// # Errors
/// When procfs can't be read.
pub fn isolated() -> Result<List, Blind> {
    let me = observer()?;
    let all = probe::census(Path::new(PROC)).map_err(|_| Blind::OtherProc)?;
    let observer = Process::read(Path::new(PROC), me).ok_or(Blind::OtherProc)?;
    let mounts = Mounts::read(Path::new(PROC), &Subject::Myself).unwrap_or_default();
    let users = users();
    Ok(list(&all, &observer, &mounts, &|uid| {
        users.get(&uid).cloned()
    }))
}

/// The oldest process in a cgroup, or below it: by its path in its hierarchy, or by
/// that of its directory. `None` if there is none.
///
/// # Errors
/// When procfs can't be read.
pub fn first_in_group(path: &Path) -> Result<Option<i32>, Blind> {
    observer()?;
    let all = probe::census(Path::new(PROC)).map_err(|_| Blind::OtherProc)?;
    let mounts = Mounts::read(Path::new(PROC), &Subject::Myself).unwrap_or_default();
    let is_in = |process: &&Process| {
        process.groups.iter().any(|member| {
            let directory = mounts.directory(member);
            directory.is_some_and(|directory| directory.starts_with(path))
                || path != Path::new("/") && Path::new(&member.path).starts_with(path)
        })
    };
    let members = all.iter().filter(is_in);
    Ok(members
        .min_by_key(|one| (one.stat.start, one.pid))
        .map(|one| one.pid))
}

/// One process beside this one.
///
/// # Errors
/// When there is none, or it ends meanwhile.
pub fn explain(pid: i32) -> Result<Report, Blind> {
    Looker::new()?.look(pid)
}

/// Looks again and again: what doesn't change is read once.
pub struct Looker {
    yours: Target,
    all: u64,
}

impl Looker {
    /// Looks at this process first.
    ///
    /// # Errors
    /// When procfs can't be read.
    pub fn new() -> Result<Looker, Blind> {
        let proc_root = Path::new(PROC);
        let yours = probe::target(proc_root, observer()?)?;
        // Whoever has all that the first process may have, has all.
        let first = Status::read(proc_root, "1").ok();
        let bounding = |status: &Status| status.capabilities.map(|sets| sets.bounding);
        let all = first
            .as_ref()
            .and_then(bounding)
            .or_else(|| bounding(&yours.process.status));
        Ok(Looker {
            yours,
            all: all.unwrap_or(0),
        })
    }

    /// One process beside this one, as it is now.
    ///
    /// # Errors
    /// When there is none, or it ends meanwhile.
    pub fn look(&self, pid: i32) -> Result<Report, Blind> {
        let proc_root = Path::new(PROC);
        let theirs = probe::target(proc_root, pid)?;
        let above: Vec<Process> = theirs
            .parents
            .iter()
            .filter_map(|(pid, _)| Process::read(proc_root, *pid))
            .collect();
        Ok(report(&theirs, &self.yours, &above, self.all))
    }
}

/// This process's number, if /proc counts as getpid(2) does.
fn observer() -> Result<i32, Blind> {
    let me = nix::unistd::getpid();
    let link = std::fs::read_link(Path::new(PROC).join("self"));
    match link {
        Ok(own) if own == Path::new(&me.to_string()) => Ok(me.as_raw()),
        Ok(_) | Err(_) => Err(Blind::OtherProc),
    }
}

/// The machine's users, passwd(5); those that only a directory service knows have
/// a number and no name here.
fn users() -> HashMap<u32, String> {
    let text = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let user = |line: &str| {
        let mut fields = line.split(':');
        let name = fields.next()?.to_string();
        Some((fields.nth(1)?.parse().ok()?, name))
    };
    text.lines().filter_map(user).collect()
}
