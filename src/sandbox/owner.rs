//! Whose a thing of ours is. What a kernel or a file system would keep (a cgroup,
//! a directory) tells in its name the process that owns it: the guardian of the
//! run. Every process of a run bears a mark in its *initial* environment: it tells
//! the program that started the run, and which of its runs.
//!
//! Both name a process for good: boot, pid namespace, pid and start time. What
//! another pid namespace owns is never ours to judge.

use crate::probe::{self, boot_id, nsfs_inode};
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

/// What every name of ours starts with.
const PREFIX: &str = "glassbox";
/// The variable of the environment that holds the mark.
pub(super) const MARK: &str = "GLASSBOX_RUN";

/// Names a group or a directory of this process.
pub(super) fn name_for(what: &str) -> Option<String> {
    name_of(std::process::id() as i32, what)
}

/// Names a group of another process.
pub(super) fn name_of(pid: i32, what: &str) -> Option<String> {
    Some(format!("{PREFIX}-{}-{what}", Owner::of(pid)?.stem()))
}

/// What a name of ours tells behind its owner; `None` if it isn't ours.
pub(super) fn what_of(name: &str) -> Option<&str> {
    Owner::parse(name)?;
    name.splitn(6, '-').nth(5)
}

/// A process, named for good.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Owner {
    boot: String,
    pid_namespace: u64,
    pub(super) pid: i32,
    start: u64,
}

impl Owner {
    /// A process that is there.
    pub(super) fn of(pid: i32) -> Option<Owner> {
        let proc = Path::new("/proc");
        Some(Owner {
            boot: boot_id(proc)?
                .chars()
                .filter(char::is_ascii_hexdigit)
                .take(8)
                .collect(),
            pid_namespace: nsfs_inode(&proc.join("self/ns/pid")).ok()?,
            pid,
            start: probe::start_time(proc, pid)?,
        })
    }

    /// Another process of the same boot and pid namespace.
    pub(super) fn beside(&self, pid: i32, start: u64) -> Owner {
        Owner {
            pid,
            start,
            ..self.clone()
        }
    }

    fn stem(&self) -> String {
        format!(
            "{}-{}-{}-{}",
            self.boot, self.pid_namespace, self.pid, self.start
        )
    }

    /// Reads a name of ours; `None` for any other.
    pub(super) fn parse(name: &str) -> Option<Owner> {
        let (owner, what) = Owner::read(name.strip_prefix(PREFIX)?.strip_prefix('-')?)?;
        (!what.is_empty()).then_some(owner)
    }

    /// A stem, and what follows it behind a hyphen.
    fn read(text: &str) -> Option<(Owner, &str)> {
        let mut parts = text.splitn(5, '-');
        let owner = Owner {
            boot: parts.next()?.into(),
            pid_namespace: parts.next()?.parse().ok()?,
            pid: parts.next()?.parse().ok()?,
            start: parts.next()?.parse().ok()?,
        };
        Some((owner, parts.next()?))
    }

    /// Whether it is of this boot and of the pid namespace of `me`, so that its
    /// pid means a process here.
    pub(super) fn can_be_judged(&self, me: &Owner) -> bool {
        (&self.boot, self.pid_namespace) == (&me.boot, me.pid_namespace)
    }

    /// Whether it is known to be gone. `me` is the process that asks.
    pub(super) fn is_gone(&self, me: &Owner) -> bool {
        match self {
            _ if self.boot != me.boot => true,
            _ if self.pid_namespace != me.pid_namespace => false,
            _ => !self.is_running(),
        }
    }

    /// Whether a process with this pid and start time has not ended. One that
    /// nobody has awaited yet has.
    fn is_running(&self) -> bool {
        probe::stat(Path::new("/proc"), self.pid)
            .is_some_and(|stat| stat.start == self.start && !stat.has_ended())
    }
}

/// The mark of a run.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Mark {
    /// The program that started it.
    pub(super) main: Owner,
    /// Which of its runs.
    number: u32,
}

impl Mark {
    /// Of a new run of this program's.
    pub(super) fn new() -> Option<Mark> {
        static RUNS: AtomicU32 = AtomicU32::new(1);
        Some(Mark {
            main: Owner::of(std::process::id() as i32)?,
            number: RUNS.fetch_add(1, Ordering::Relaxed),
        })
    }

    /// Of the run that this process belongs to.
    pub(super) fn own() -> Option<Mark> {
        Mark::parse(std::env::var(MARK).ok()?.as_str())
    }

    /// Of the run that a process was started by, `/proc/PID/environ`: what it
    /// got when it was executed, and what its forks got with its memory. `None`
    /// as well if it isn't ours to look at.
    pub(super) fn of(pid: i32) -> Option<Mark> {
        let environment = fs::read(format!("/proc/{pid}/environ")).ok()?;
        environment.split(|byte| *byte == 0).find_map(|variable| {
            let value = variable.strip_prefix(MARK.as_bytes())?.strip_prefix(b"=")?;
            Mark::parse(std::str::from_utf8(value).ok()?)
        })
    }

    fn parse(text: &str) -> Option<Mark> {
        let (main, number) = Owner::read(text)?;
        let number = number.parse().ok()?;
        Some(Mark { main, number })
    }

    /// Whether its processes can be told from others by `me`.
    pub(super) fn can_be_judged(&self, me: &Owner) -> bool {
        self.main.can_be_judged(me)
    }
}

/// As the variable has it.
impl std::fmt::Display for Mark {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.main.stem(), self.number)
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
        assert_eq!(read, me);
        assert!(!read.is_gone(&me));
        let reused = Owner {
            start: read.start + 1,
            ..read
        };
        assert!(reused.is_gone(&me));
        let elsewhere = Owner {
            pid_namespace: 1,
            ..reused
        };
        assert!(!elsewhere.is_gone(&me));
        for other in [
            "glassbox",
            "glassbox-x",
            "system.slice",
            "glassboxes-1-2-3-4-x",
            "glassbox-1-2-3-4",
            "glassbox-1-2-3-4-",
            "glassbox-100-1.scope",
        ] {
            assert!(Owner::parse(other).is_none(), "{other}");
        }
    }

    #[test]
    fn a_mark_is_read_as_it_was_written() {
        let (one, two) = (Mark::new().unwrap(), Mark::new().unwrap());
        assert_ne!(one, two);
        assert_eq!(Mark::parse(&one.to_string()), Some(one));
        for other in ["", "x", "1-2-3-4", "1-2-3-4-x", "1-2-3-4-5-6", "1-2-3--5"] {
            assert_eq!(Mark::parse(other), None, "{other}");
        }
    }

    /// A process that has ended and that nobody has awaited holds nothing.
    #[test]
    fn a_zombie_is_gone() {
        let me = Owner::of(std::process::id() as i32).unwrap();
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let owner = Owner::of(child.id() as i32).unwrap();
        let pid = nix::sys::wait::Id::Pid(nix::unistd::Pid::from_raw(child.id() as i32));
        let flags = nix::sys::wait::WaitPidFlag::WEXITED | nix::sys::wait::WaitPidFlag::WNOWAIT;
        nix::sys::wait::waitid(pid, flags).unwrap();
        assert!(owner.is_gone(&me));
        child.wait().unwrap();
    }
}
