//! Who is in a group, and the end of those that are a run's own. Nobody else is
//! ever killed: a learner may have looked into a demo's group from a shell that
//! joined it, or made a group in it.

use super::owner::Mark;
use super::pidfd;
use crate::base::Errno;
use crate::plan::{Leftover, Member};
use crate::probe::{self, Stat};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::Pid;
use std::fs;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::time::Instant;

/// Tells whether a process is the run's own.
pub(in crate::sandbox) type Ours<'o> = &'o dyn Fn(i32) -> bool;

/// Whether a process descends from this one, or bears the mark of its run.
pub(in crate::sandbox) fn is_of_this_run(pid: i32) -> bool {
    descends_from(pid, std::process::id() as i32) || {
        let own = Mark::own();
        own.is_some() && Mark::of(pid) == own
    }
}

/// Whether a process is that one, or a child of its children.
pub(in crate::sandbox) fn descends_from(pid: i32, ancestor: i32) -> bool {
    let mut next = Some(pid);
    while let Some(pid) = next.filter(|pid| *pid > 1) {
        if pid == ancestor {
            return true;
        }
        next = stat(pid).map(|stat| stat.parent);
    }
    false
}

pub(in crate::sandbox) fn stat(pid: i32) -> Option<Stat> {
    probe::stat(Path::new("/proc"), pid)
}

/// A process by id and name; `None` if it has ended or is about to.
pub(in crate::sandbox) fn member(pid: i32) -> Option<Member> {
    if pid == 0 {
        let name = String::new();
        return Some(Member { pid, name });
    }
    let stat = stat(pid).filter(|stat| {
        !stat.is_ending() || probe::living_thread(Path::new("/proc"), pid).is_some()
    })?;
    Some(Member {
        pid,
        name: stat.name,
    })
}

/// The members of a group, but not those of groups in it. One of a pid
/// namespace that can't be seen from here is 0 (cgroups(7)).
pub(in crate::sandbox) fn pids_in(group: &Path) -> Vec<i32> {
    let text = fs::read_to_string(group.join("cgroup.procs")).unwrap_or_default();
    text.lines().filter_map(|line| line.parse().ok()).collect()
}

/// The groups in a group, by name.
pub(in crate::sandbox) fn groups_in(group: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(group)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// Who is in a group, or in one in it, and isn't the run's.
pub(in crate::sandbox) fn strangers(group: &Path, ours: Ours<'_>) -> Vec<Member> {
    let mut found: Vec<Member> = pids_in(group)
        .into_iter()
        .filter(|pid| !ours(*pid))
        .filter_map(member)
        .collect();
    // By entries: a name need not be text.
    let entries = fs::read_dir(group).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
        found.extend(strangers(&entry.path(), ours));
    }
    found
}

/// Kills the run's own members of a group, those that come meanwhile as well,
/// and awaits their end until the deadline. Returns who has not ended.
pub(in crate::sandbox) fn end_in(group: &Path, ours: Ours<'_>, deadline: Instant) -> Vec<Leftover> {
    loop {
        let left = end_all(&pids_in(group), ours, deadline);
        let again = pids_in(group).into_iter().any(ours);
        if !left.is_empty() || !again || Instant::now() > deadline {
            return left;
        }
    }
}

/// Kills those of these processes that are the run's own, and awaits their end
/// until the deadline. Returns who has not ended.
pub(in crate::sandbox) fn end_all(
    pids: &[i32],
    ours: Ours<'_>,
    deadline: Instant,
) -> Vec<Leftover> {
    let mut left = Vec::new();
    let (mut dying, mut ending) = (Vec::new(), Vec::new());
    for pid in pids.iter().copied().filter(|pid| *pid > 0) {
        // The descriptor before the question: what it names can't become
        // another process in between.
        let opened = pidfd::open(Pid::from_raw(pid));
        let process = match (member(pid), &opened) {
            (Some(process), _) if ours(pid) => process,
            (Some(_), _) | (None, Err(_)) => continue,
            // Nobody need kill it; and whose it is can't be told any more.
            (None, Ok(_)) => {
                ending.extend(opened);
                continue;
            }
        };
        let killed = opened.and_then(|fd| {
            if !has_ended(&fd) {
                pidfd::kill(fd.as_fd())?;
            }
            Ok(fd)
        });
        match killed {
            Ok(fd) => dying.push((process, fd)),
            Err(Errno(libc::ESRCH)) => {}
            Err(errno) => left.push(Leftover::Process {
                process,
                errno: Some(errno),
            }),
        }
    }
    let nobody = |fd| (Member::default(), fd);
    await_end(ending.into_iter().map(nobody).collect(), deadline);
    let left_alive = await_end(dying, deadline);
    left.extend(left_alive.into_iter().map(|process| Leftover::Process {
        process,
        errno: None,
    }));
    left
}

/// Awaits the end of processes until the deadline. Returns who has not ended.
pub(in crate::sandbox) fn await_end(
    mut dying: Vec<(Member, OwnedFd)>,
    deadline: Instant,
) -> Vec<Member> {
    while !dying.is_empty() {
        let left = deadline.saturating_duration_since(Instant::now());
        // Rounded up, so that the last wait doesn't become a busy one.
        let millis = i32::try_from(left.as_millis() + 1).unwrap_or(i32::MAX);
        let timeout = match left.is_zero() {
            true => PollTimeout::ZERO,
            false => PollTimeout::try_from(millis).unwrap_or(PollTimeout::MAX),
        };
        let mut fds: Vec<PollFd<'_>> = dying
            .iter()
            .map(|(_, fd)| PollFd::new(fd.as_fd(), PollFlags::POLLIN))
            .collect();
        match poll(&mut fds, timeout) {
            Err(nix::errno::Errno::EINTR) => continue,
            Ok(0) | Err(_) => break,
            Ok(_) => {}
        }
        let mut ended = fds
            .iter()
            .map(|fd| fd.any().unwrap_or(false))
            .collect::<Vec<_>>()
            .into_iter();
        dying.retain(|_| !ended.next().unwrap_or(false));
    }
    dying.into_iter().map(|(process, _)| process).collect()
}

/// Whether the process of a pidfd has ended, pidfd_open(2).
fn has_ended(pidfd: &OwnedFd) -> bool {
    let mut fds = [PollFd::new(pidfd.as_fd(), PollFlags::POLLIN)];
    poll(&mut fds, PollTimeout::ZERO).is_ok_and(|ready| ready > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;
    use std::time::Duration;

    #[test]
    fn only_descendants_are_ours() {
        let me = std::process::id() as i32;
        let parent = nix::unistd::getppid().as_raw();
        assert!(descends_from(me, me));
        assert!(descends_from(me, parent));
        assert!(!descends_from(parent, me));
        assert!(!descends_from(1, me));
        assert!(!descends_from(0, me));
    }

    #[test]
    fn only_ours_are_ended() {
        let sleep = || Command::new("sleep").arg("60").spawn().unwrap();
        let (mut ours, mut stranger) = (sleep(), sleep());
        let pids = [&ours, &stranger].map(|child| child.id() as i32);
        let deadline = Instant::now() + Duration::from_secs(10);
        assert_eq!(end_all(&pids, &|pid| pid == pids[0], deadline), []);
        assert!(member(pids[0]).is_none() && member(pids[1]).is_some());
        // Whoever is waited for in vain is told.
        let alive = pidfd::open(Pid::from_raw(pids[1])).unwrap();
        let process = member(pids[1]).unwrap();
        let told = await_end(vec![(process.clone(), alive)], Instant::now());
        assert_eq!(told, [process]);
        stranger.kill().unwrap();
        stranger.wait().unwrap();
        ours.wait().unwrap();
    }
}
