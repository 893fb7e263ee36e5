//! Who a process is and what it may do: `/proc/PID/status`, proc_pid_status(5).

use crate::base::kernel;
use crate::base::kernel::field;
use std::io;
use std::path::Path;

/// Some lines of it. All users may read it of each process that they can see.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Status {
    /// Its user ids as the observer's user namespace has them: real, effective,
    /// saved and file system.
    pub uids: Vec<u32>,
    /// Its group ids in the same order.
    pub gids: Vec<u32>,
    /// Its number in each pid namespace that it is in, the observer's first.
    pub numbers: Vec<i32>,
    /// Its sets of capabilities; `None` where a line is missing.
    pub capabilities: Option<Capabilities>,
    /// 0 without seccomp, 1 for strict mode, 2 with a filter; `None` on a kernel without it.
    pub seccomp: Option<u32>,
    /// How many filters there are; Linux 5.9 and later tell.
    pub filters: Option<u32>,
    /// Whether execve(2) can give it no more than it has.
    pub no_new_privs: Option<bool>,
}

/// The sets of capabilities of a thread, capabilities(7), one bit each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Capabilities {
    /// What it may do now.
    pub effective: u64,
    /// What it may make effective.
    pub permitted: u64,
    /// What execve(2) can give it at most.
    pub bounding: u64,
    /// What it keeps over execve(2) without a privileged file.
    pub ambient: u64,
}

impl Status {
    /// Reads it of a process.
    ///
    /// # Errors
    /// When the process is gone.
    pub fn read(proc_root: &Path, pid: &str) -> io::Result<Status> {
        let text = kernel::read_text(proc_root.join(pid).join("status"))?;
        Ok(Status::parse(&text))
    }

    /// The effective user id; `None` if the line is missing.
    pub fn uid(&self) -> Option<u32> {
        self.uids.get(1).copied()
    }

    fn parse(text: &str) -> Status {
        let number = |name| field(text, name).and_then(|word| word.parse::<u32>().ok());
        let mask = |name| field(text, name).and_then(|word| u64::from_str_radix(word, 16).ok());
        let sets = || {
            Some(Capabilities {
                effective: mask("CapEff")?,
                permitted: mask("CapPrm")?,
                bounding: mask("CapBnd")?,
                ambient: mask("CapAmb").unwrap_or(0),
            })
        };
        Status {
            uids: numbers(text, "Uid"),
            gids: numbers(text, "Gid"),
            numbers: numbers(text, "NSpid"),
            capabilities: sets(),
            seccomp: number("Seccomp"),
            filters: number("Seccomp_filters"),
            no_new_privs: number("NoNewPrivs").map(|flag| flag != 0),
        }
    }
}

fn numbers<T: std::str::FromStr>(text: &str, name: &str) -> Vec<T> {
    let words = field(text, name).unwrap_or("").split_ascii_whitespace();
    words.filter_map(|word| word.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_are_there_are_read_and_no_others() {
        let text = "Name:\tx\\nUid: 7\nUid:\t0\t1000\t0\t0\nGid:\t5\t5\t5\t5\nNSpid:\t4892\t1\n\
            CapPrm:\t00000000a80425fb\nCapEff:\t0000000000000001\nCapBnd:\t000001ffffffffff\n\
            CapAmb:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t2\nSeccomp_filters:\t3\n";
        let status = Status::parse(text);
        assert_eq!(status.uid(), Some(1000));
        assert_eq!(status.numbers, [4892, 1]);
        let sets = status.capabilities.unwrap();
        assert_eq!((sets.effective, sets.permitted), (1, 0xa804_25fb));
        assert_eq!(sets.bounding, 0x1ff_ffff_ffff);
        assert_eq!((status.seccomp, status.filters), (Some(2), Some(3)));
        assert_eq!(status.no_new_privs, Some(true));
        assert_eq!(Status::parse("Name:\tx\n"), Status::default());
    }
}
