//! What procfs tells about one process, and the reading of its files.

use super::unavailable::Unavailable;
use crate::base::kernel;
use std::fs;
use std::io;
use std::path::Path;

/// When a process started, in clock ticks after boot: with the pid and the
/// boot id it names a process for good.
pub fn start_time(proc_root: &Path, pid: i32) -> Option<u64> {
    stat(proc_root, pid).map(|stat| stat.start)
}

/// Some of `/proc/PID/stat`, proc_pid_stat(5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stat {
    /// Its name, `comm`.
    pub name: String,
    /// `R`, `S`, `D`, `T` for stopped, `Z` for one that nobody has awaited …
    pub state: char,
    /// Its parent's id, as the observer counts; 0 if it can't see that one.
    pub parent: i32,
    /// The kernel's flags of it, `PF_…` in include/linux/sched.h.
    pub flags: u32,
    /// Its session's id, as the observer counts.
    pub session: i32,
    /// When it started, in clock ticks after boot.
    pub start: u64,
}

impl Stat {
    /// Whether nothing is left of it but its number.
    pub fn has_ended(&self) -> bool {
        matches!(self.state, 'Z' | 'X')
    }

    /// Whether it is about to end, or has ended: PF_EXITING. Its memory may be
    /// gone by then, and its environment with it.
    pub fn is_ending(&self) -> bool {
        self.flags & 0x4 != 0 || self.has_ended()
    }

    /// Whether a signal has stopped it, SIGSTOP or another.
    pub fn is_stopped(&self) -> bool {
        self.state == 'T'
    }

    fn parse(text: &str) -> Option<Stat> {
        // The second field is a name in parentheses that may itself hold spaces
        // and parentheses: what follows the last one is field 3 and on.
        let (before, rest) = text.rsplit_once(')')?;
        let (_, name) = before.split_once('(')?;
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        let field = |number: usize| fields.get(number - 3);
        Some(Stat {
            name: name.into(),
            state: field(3)?.chars().next()?,
            parent: field(4)?.parse().ok()?,
            flags: field(9)?.parse().ok()?,
            session: field(6)?.parse().ok()?,
            start: field(22)?.parse().ok()?,
        })
    }
}

/// Reads it; `None` for a process that is gone.
pub fn stat(proc_root: &Path, pid: i32) -> Option<Stat> {
    let text = kernel::read_text(proc_root.join(pid.to_string()).join("stat")).ok()?;
    Stat::parse(&text)
}

/// The random id that the kernel chose at boot.
pub fn boot_id(proc_root: &Path) -> Option<String> {
    let text = kernel::read_text(proc_root.join("sys/kernel/random/boot_id")).ok()?;
    let id = text.trim();
    (!id.is_empty()).then(|| id.to_string())
}

/// The resident memory of a process in bytes: `VmRSS` of `/proc/PID/status`.
/// `None` for one that is gone, a zombie or a kernel thread.
pub fn memory_of(proc_root: &Path, pid: i32) -> Option<u64> {
    let status = kernel::read_text(proc_root.join(pid.to_string()).join("status")).ok()?;
    kibibytes(kernel::field(&status, "VmRSS")?)
}

/// This process's share of the pages that it has mapped from an address on, in
/// bytes: `Pss` of the mapping that begins there, `/proc/self/smaps`. A page that
/// several processes have mapped counts for each of them as its part of it.
///
/// # Errors
/// Why it can't be told.
pub fn share_of_mapping(proc_root: &Path, address: usize) -> Result<u64, Unavailable> {
    let path = proc_root.join("self/smaps");
    let text = kernel::read_text(&path)
        .map_err(|error| Unavailable::of(&path.display().to_string(), &error))?;
    parse_share(&text, address).ok_or_else(|| Unavailable::NoMapping(path.display().to_string()))
}

fn parse_share(smaps: &str, address: usize) -> Option<u64> {
    // Each mapping is a line with its range, `7f0a…-7f0b… r--s …`, and below it
    // lines of a name and a value.
    let begins = |line: &str| {
        let (start, _) = line.split_once(' ')?.0.split_once('-')?;
        usize::from_str_radix(start, 16).ok()
    };
    let mut lines = smaps
        .lines()
        .skip_while(|line| begins(line) != Some(address));
    lines.next()?;
    let own: Vec<&str> = lines.take_while(|line| begins(line).is_none()).collect();
    kibibytes(kernel::field(&own.join("\n"), "Pss")?)
}

/// `1616 kB` in bytes.
pub(super) fn kibibytes(text: &str) -> Option<u64> {
    text.strip_suffix("kB")?
        .trim()
        .parse::<u64>()
        .ok()?
        .checked_mul(1024)
}

/// The inode in the target of a link of `/proc/PID/ns/`, `uts:[4026531838]`.
///
/// # Errors
/// When the link can't be read, or points to something else.
pub fn nsfs_inode(link: &Path) -> io::Result<u64> {
    let target = fs::read_link(link)?;
    target
        .to_string_lossy()
        .rsplit_once('[')
        .and_then(|(_, rest)| rest.strip_suffix(']')?.parse().ok())
        .ok_or_else(|| io::Error::other(format!("it points to {}", target.display())))
}

/// A thread that goes on after the first one of its process has ended,
/// pthread_exit(3): it holds the memory, and with it the environment.
pub fn living_thread(proc_root: &Path, pid: i32) -> Option<i32> {
    let tasks = proc_root.join(pid.to_string()).join("task");
    let threads = pids(&tasks).ok()?;
    let lives = |tid: &i32| {
        let stat = stat(&tasks, *tid);
        *tid != pid && stat.is_some_and(|stat| !stat.is_ending())
    };
    threads.into_iter().find(lives)
}

/// The ids of all processes that a procfs shows.
///
/// # Errors
/// When it can't be read.
pub fn pids(proc_root: &Path) -> io::Result<Vec<i32>> {
    let mut pids = Vec::new();
    for entry in fs::read_dir(proc_root)? {
        if let Ok(pid) = entry?.file_name().to_string_lossy().parse() {
            pids.push(pid);
        }
    }
    pids.sort_unstable();
    Ok(pids)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn start_time_is_found_behind_any_name() {
        let rest = "S 1 2 3 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 98765 3133440 404";
        for name in ["cat", "a b", ") R 1 2", "((sd-pam))", "x) y (z"] {
            let expected = Stat {
                name: name.into(),
                state: 'S',
                parent: 1,
                flags: 4_194_560,
                session: 3,
                start: 98765,
            };
            assert_eq!(
                Stat::parse(&format!("4892 ({name}) {rest}")),
                Some(expected),
                "{name}"
            );
        }
        for bad in ["", "4892 (cat", "4892 (cat) S 1 2"] {
            assert_eq!(Stat::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn fields_are_whole_names() {
        let status = "Name:\tcat\nVmRSS:\t    1616 kB\nRss:\t1 kB\nUid:\t5\t6\t7\t8\n";
        assert_eq!(kernel::field(status, "Uid"), Some("5\t6\t7\t8"));
        assert_eq!(kernel::field(status, "Rss"), Some("1 kB"));
        assert_eq!(kernel::field(status, "Vm"), None);
        assert_eq!(
            kernel::field(status, "VmRSS").and_then(kibibytes),
            Some(1616 << 10)
        );
        assert_eq!(kibibytes("1616"), None);
    }

    #[test]
    fn a_mapping_is_found_by_its_address() {
        let smaps = "55d0-55e0 r--p 00000000 fe:00 1 /bin/a\nSize:  4 kB\nPss:   1 kB\nPss_Dirty:   9 kB\n\
            7f00-7f10 r--s 00000000 00:2c 7 /f (deleted)\nRss:  64 kB\nPss_Anon: 3 kB\nPss:  21 kB\nVmFlags: rd sh\n\
            7f10-7f20 rw-p 00000000 00:00 0\nSize:  4 kB\n\
            ffff-10000 --xp 00000000 00:00 0 [vsyscall]\nPss:  0 kB\n";
        for (address, share) in [
            (0x55d0, Some(1 << 10)),
            (0x7f00, Some(21 << 10)),
            // No `Pss` of its own, and not the next one's.
            (0x7f10, None),
            (0xffff, Some(0)),
            (0x7f08, None),
            (0, None),
        ] {
            assert_eq!(parse_share(smaps, address), share, "{address:x}");
        }
    }

    #[test]
    fn this_process_has_them_all() {
        let proc_root = Path::new("/proc");
        let pid = std::process::id() as i32;
        assert!(start_time(proc_root, pid) >= start_time(proc_root, 1));
        assert_eq!(boot_id(proc_root).map(|id| id.len()), Some(36));
        assert!(memory_of(proc_root, pid) > Some(100 << 10));
        assert_eq!(start_time(proc_root, -1), None);
        assert_eq!(memory_of(proc_root, -1), None);
    }
}
