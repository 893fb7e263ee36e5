//! The end of a run: every process of it, then its groups and its directory.

use super::clock::TICK;
use super::run::Run;
use crate::plan::Leftover;
use crate::sandbox::base::children::children;
use crate::sandbox::base::members::{end_all, is_of_this_run};
use crate::sandbox::base::pidfd;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

/// How long killed processes may take to end. A kill is a matter of milliseconds,
/// but for a process that waits in the kernel for a device or a frozen group.
const END_LIMIT: Duration = Duration::from_secs(10);
/// How long an engine may take to end its containers; what it has not ended by then
/// is ended as all else is.
const ENGINE_LIMIT: Duration = Duration::from_secs(10);

impl Run {
    /// Undoes everything: kills every process of the run and awaits their end,
    /// then removes the cgroups and the directory on a disk. The rest (mounts,
    /// links, queues, namespaces) lived in the boxes and is gone with them.
    /// Returns what is left in spite of it.
    pub(super) fn take_down(&mut self) -> Vec<Leftover> {
        self.end_engine();
        for standing in self.boxes.values() {
            let _ = pidfd::kill(standing.pidfd.as_fd());
        }
        self.groups.disarm(&is_of_this_run);
        // Closed wires end the agents; but a stopped one would not notice.
        self.boxes.clear();
        (self.host, self.base, self.newcomer) = (None, None, None);
        let mut left = self.end_children(Instant::now() + END_LIMIT);
        self.sign_of_life();
        left.extend(self.groups.remove(&is_of_this_run));
        self.sign_of_life();
        left.extend(self.disk.take().and_then(|disk| disk.remove().err()));
        left
    }

    /// Ends the course's engine, which takes its containers down; while the agent that
    /// started it stands, its number is no other's.
    fn end_engine(&mut self) {
        let Some(pid) = self.engine.take().map(Pid::from_raw) else {
            return;
        };
        let deadline = Instant::now() + ENGINE_LIMIT;
        let ended = pidfd::open(pid);
        if kill(pid, Signal::SIGTERM).is_err() {
            return;
        }
        while let Ok(ended) = &ended
            && Instant::now() < deadline
        {
            self.sign_of_life();
            let mut fds = [PollFd::new(ended.as_fd(), PollFlags::POLLIN)];
            let tick = PollTimeout::try_from(TICK).unwrap_or(PollTimeout::MAX);
            if poll(&mut fds, tick).is_ok_and(|ready| ready > 0) {
                return;
            }
        }
    }

    /// Kills and awaits every child, and every orphan that comes to us meanwhile.
    /// Returns who has not ended until the deadline.
    pub(super) fn end_children(&mut self, deadline: Instant) -> Vec<Leftover> {
        loop {
            self.sign_of_life();
            let pids: Vec<i32> = children().into_iter().map(Pid::as_raw).collect();
            // A while at a time: the main process is to hear of us.
            let soon = deadline.min(Instant::now() + TICK);
            let left = end_all(&pids, &|_| true, soon);
            loop {
                match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                    Ok(WaitStatus::StillAlive) => break,
                    Ok(_) | Err(nix::errno::Errno::EINTR) => {}
                    Err(_) => return Vec::new(),
                }
            }
            if Instant::now() > deadline {
                return left;
            }
            if pids.is_empty() {
                // One that was born just now; /proc shows it in a moment.
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    }
}
