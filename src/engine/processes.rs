//! The processes of a container, as the host's /proc shows them.

use crate::base::kernel;
use crate::probe;
use std::path::Path;

/// The columns of `ps -ef`.
pub(super) const TITLES: [&str; 8] = ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"];

/// The children of a process, proc_pid_task_children(5), as the host counts.
pub(super) fn children(of: i32) -> Vec<i32> {
    let text = kernel::read_text(format!("/proc/{of}/task/{of}/children")).unwrap_or_default();
    text.split_whitespace()
        .filter_map(|pid| pid.parse().ok())
        .collect()
}

/// All that descend from it, and not itself.
pub(super) fn below(of: i32) -> Vec<i32> {
    let mut found = children(of);
    let mut next = 0;
    while let Some(of) = found.get(next).copied() {
        found.extend(children(of));
        next += 1;
    }
    found
}

/// A row of `docker top`. None if it has ended.
pub(super) fn row(pid: i32) -> Option<Vec<String>> {
    let stat = probe::stat(Path::new("/proc"), pid)?;
    let status = kernel::read_text(format!("/proc/{pid}/status")).ok()?;
    let uid = status
        .lines()
        .find_map(|line| line.strip_prefix("Uid:"))?
        .split_whitespace()
        .next()?
        .to_string();
    let command = kernel::read_text(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let command = command.trim_end_matches('\0').replace('\0', " ");
    let seconds = cpu_seconds(pid).unwrap_or_default();
    let time = format!(
        "{:02}:{:02}:{:02}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    );
    let user = if uid == "0" { "root".into() } else { uid };
    let fields = [user, pid.to_string(), stat.parent.to_string(), "0".into()];
    Some(
        fields
            .into_iter()
            .chain([started(pid), "?".into(), time, command])
            .collect(),
    )
}

/// The time of day when a process was started, as `ps` writes it.
fn started(pid: i32) -> String {
    let ticks = field(pid, 22).unwrap_or_default();
    let boot = kernel::read_text("/proc/stat").unwrap_or_default();
    let boot = boot
        .lines()
        .find_map(|line| line.strip_prefix("btime ")?.parse::<i64>().ok());
    let seconds = boot.unwrap_or_default() + (ticks / per_second()) as i64;
    let text = crate::base::time::Time(seconds * 1_000_000_000).text();
    text.get(11..16).unwrap_or_default().to_string()
}

fn cpu_seconds(pid: i32) -> Option<u64> {
    Some((field(pid, 14)? + field(pid, 15)?) / per_second())
}

fn per_second() -> u64 {
    let ticks = nix::unistd::sysconf(nix::unistd::SysconfVar::CLK_TCK);
    ticks
        .ok()
        .flatten()
        .map_or(100, |ticks| ticks.max(1) as u64)
}

/// A numeric field of proc_pid_stat(5), counted from 1.
fn field(pid: i32, number: usize) -> Option<u64> {
    let text = kernel::read_text(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold spaces: the third field follows it.
    let (_, rest) = text.rsplit_once(')')?;
    rest.split_whitespace().nth(number - 3)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_is_shown_with_its_command() {
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .unwrap();
        let pid = child.id() as i32;
        // Its command line is that of this program until it has executed.
        let end = std::time::Instant::now() + std::time::Duration::from_secs(10);
        while row(pid).is_none_or(|row| row[7] != "sleep 60") {
            assert!(std::time::Instant::now() < end);
            std::thread::yield_now();
        }
        let row = row(pid).unwrap();
        assert_eq!(row[1], pid.to_string());
        assert_eq!(row[2], std::process::id().to_string());
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(super::row(pid).is_none());
    }
}
