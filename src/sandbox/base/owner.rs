//! Whose a thing of ours is. What a kernel or a file system would keep (a cgroup,
//! a directory) tells in its name the process that owns it: the guardian of the
//! run. Every process of a run bears a mark in its *initial* environment: it tells
//! the program that started the run, and which of its runs.
//!
//! Both name a process for good: boot, pid namespace, pid and start time. What
//! another pid namespace owns is never ours to judge.

use crate::probe::{self, boot_id, nsfs_inode};
use std::cell::OnceCell;
use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// What every name of ours starts with.
const PREFIX: &str = "glassbox";
/// The variable of the environment that holds the mark.
pub(in crate::sandbox) const MARK: &str = "GLASSBOX_RUN";

/// How much of the boot id is in a name.
const BOOT_DIGITS: usize = 8;
/// No namespace has a lower inode: the initial pid namespace's, include/linux/proc_ns.h.
const LEAST_INODE: u64 = 0xEFFF_FFFC;
/// The initial time namespace's, in the same file.
const INITIAL_TIME: u64 = 0xEFFF_FFFA;

/// The start of a process as the initial time namespace counts it. The kernel adds
/// the reader's offset (time_namespaces(7)), and everybody shall read the same.
fn since_boot(start: u64) -> u64 {
    static TICKS: OnceLock<i64> = OnceLock::new();
    start.wrapping_add_signed(-*TICKS.get_or_init(|| boot_offset().unwrap_or(0)))
}

/// This process's offset to the clock since boot, in clock ticks; `None` where
/// it has none.
fn boot_offset() -> Option<i64> {
    let inode = nsfs_inode(Path::new("/proc/self/ns/time")).ok()?;
    if inode == INITIAL_TIME {
        return None;
    }
    let offsets = fs::read_to_string("/proc/self/timens_offsets").ok()?;
    let seconds = offsets
        .lines()
        .find_map(|line| line.strip_prefix("boottime"))?;
    let seconds: i64 = seconds.split_whitespace().next()?.parse().ok()?;
    let ticks = nix::unistd::sysconf(nix::unistd::SysconfVar::CLK_TCK).ok()??;
    Some(seconds * ticks)
}

/// Names a group or a directory of this process.
pub(in crate::sandbox) fn name_for(what: &str) -> Option<String> {
    name_of(std::process::id() as i32, what)
}

/// Names a group of another process.
pub(in crate::sandbox) fn name_of(pid: i32, what: &str) -> Option<String> {
    Some(format!("{PREFIX}-{}-{what}", Owner::of(pid)?.stem()))
}

/// What a name of ours tells behind its owner; `None` if it isn't ours.
pub(in crate::sandbox) fn what_of(name: &str) -> Option<&str> {
    Owner::parse(name)?;
    name.splitn(6, '-').nth(5)
}

/// A process, named for good.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(in crate::sandbox) struct Owner {
    boot: String,
    pid_namespace: u64,
    pub(in crate::sandbox) pid: i32,
    start: u64,
}

impl Owner {
    /// A process that is there.
    pub(in crate::sandbox) fn of(pid: i32) -> Option<Owner> {
        let proc = Path::new("/proc");
        Some(Owner {
            boot: boot_id(proc)?
                .chars()
                .filter(char::is_ascii_hexdigit)
                .take(BOOT_DIGITS)
                .collect(),
            pid_namespace: nsfs_inode(&proc.join("self/ns/pid")).ok()?,
            pid,
            start: since_boot(probe::start_time(proc, pid)?),
        })
    }

    /// Another process of the same boot and pid namespace; its start as
    /// `/proc/PID/stat` tells it.
    pub(in crate::sandbox) fn beside(&self, pid: i32, start: u64) -> Owner {
        Owner {
            pid,
            start: since_boot(start),
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
    pub(in crate::sandbox) fn parse(name: &str) -> Option<Owner> {
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
        let what = parts.next()?;
        // Somebody may well have a `glassbox-2026-11-26-1-notes`.
        let written = text.strip_suffix(what)?.strip_suffix('-')? == owner.stem();
        let hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        let possible = owner.boot.len() == BOOT_DIGITS
            && owner.boot.bytes().all(hex)
            && owner.pid_namespace >= LEAST_INODE
            && owner.pid > 0;
        (written && possible).then_some((owner, what))
    }

    /// Whether it is of this boot.
    pub(in crate::sandbox) fn is_of_boot(&self, me: &Owner) -> bool {
        self.boot == me.boot
    }

    /// Whether it is of this boot and of the pid namespace of `me`, so that its
    /// pid means a process here.
    pub(in crate::sandbox) fn can_be_judged(&self, me: &Owner) -> bool {
        (&self.boot, self.pid_namespace) == (&me.boot, me.pid_namespace)
    }

    /// Whether it is known to be gone. `me` is the process that asks. One of another
    /// boot may as well run now, on another machine.
    pub(in crate::sandbox) fn is_gone(&self, me: &Owner) -> bool {
        self.can_be_judged(me) && !self.is_running()
    }

    /// Whether it is of another pid namespace that has no process any more. Only
    /// root in the initial one sees those of all; a number that is in use again
    /// errs on the safe side.
    pub(in crate::sandbox) fn went_with_its_namespace(
        &self,
        me: &Owner,
        living: &OnceCell<HashSet<u64>>,
    ) -> bool {
        let sees_all = me.pid_namespace == LEAST_INODE && nix::unistd::geteuid().is_root();
        let elsewhere = self.is_of_boot(me) && self.pid_namespace != me.pid_namespace;
        let read = || -> HashSet<u64> {
            let pids = probe::pids(Path::new("/proc")).unwrap_or_default();
            let links = pids.iter().map(|pid| format!("/proc/{pid}/ns/pid"));
            links
                .filter_map(|link| nsfs_inode(Path::new(&link)).ok())
                .collect()
        };
        let gone = |living: &HashSet<u64>| !living.contains(&self.pid_namespace);
        // One that was made since the first look is there at the second.
        sees_all && elsewhere && gone(living.get_or_init(read)) && gone(&read())
    }

    /// Whether a process with this pid and start time has not ended. One that
    /// nobody has awaited yet has.
    fn is_running(&self) -> bool {
        probe::stat(Path::new("/proc"), self.pid)
            .is_some_and(|stat| since_boot(stat.start) == self.start && !stat.has_ended())
    }
}

/// The mark of a run.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(in crate::sandbox) struct Mark {
    /// The program that started it.
    pub(in crate::sandbox) main: Owner,
    /// Which of its runs.
    number: u32,
}

impl Mark {
    /// Of a new run of this program's.
    pub(in crate::sandbox) fn new() -> Option<Mark> {
        static RUNS: AtomicU32 = AtomicU32::new(1);
        Some(Mark {
            main: Owner::of(std::process::id() as i32)?,
            number: RUNS.fetch_add(1, Ordering::Relaxed),
        })
    }

    /// Of the run that this process belongs to.
    pub(in crate::sandbox) fn own() -> Option<Mark> {
        Mark::parse(std::env::var(MARK).ok()?.as_str())
    }

    /// Of the run that a process was started by, `/proc/PID/environ`: what it
    /// got when it was executed, and what its forks got with its memory. `None`
    /// as well if it isn't ours to look at.
    pub(in crate::sandbox) fn of(pid: i32) -> Option<Mark> {
        let read = |pid| fs::read(format!("/proc/{pid}/environ"));
        let mut environment = read(pid).ok()?;
        // Of a process whose first thread has ended, any other tells it.
        if environment.is_empty()
            && let Some(thread) = probe::living_thread(Path::new("/proc"), pid)
        {
            environment = read(thread).ok()?;
        }
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
    pub(in crate::sandbox) fn can_be_judged(&self, me: &Owner) -> bool {
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
            pid_namespace: LEAST_INODE + 7,
            ..reused
        };
        assert!(!elsewhere.is_gone(&me));
        assert!(Owner::parse(&format!("glassbox-{}-x", elsewhere.stem())).is_some());
        for other in [
            "glassbox",
            "glassbox-x",
            "system.slice",
            "glassboxes-1-2-3-4-x",
            "glassbox-1-2-3-4",
            "glassbox-0123abcd-4026531836-3-4-",
            "glassbox-100-1.scope",
            "glassbox-2026-11-26-1-layers",
            "glassbox-20261126-4026531836-03-4-layers",
            "glassbox-20261126-4026531836-+3-4-layers",
            "glassbox-20261126-4026531836--3-4-layers",
            "glassbox-20261126-11-26-1-layers",
            "glassbox-notes-4026531836-3-4-layers",
            "glassbox-0123ABCD-4026531836-3-4-layers",
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
