//! Leases: what a request has made is held for its asker, and ends with that process
//! or when it isn't renewed in time.

use super::broken::End;
use super::clock::{Clock, TICK};
use super::peers::Actor;
use super::run::Run;
use super::service::{ANSWER, Holding, Queued, What, Work};
use crate::base::kernel;
use crate::sandbox::base::service::{Lease, RequestId, Told as Answer};
use crate::sandbox::wire::Request;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::Duration;

impl Run {
    /// Holds something for whoever asked for it.
    pub(super) fn hold(&mut self, id: RequestId, what: What, lease: Lease) {
        let Lease { time, holder } = lease;
        let pid = holder.as_ref().and_then(pid_of);
        let holding = Holding {
            what,
            time,
            due: time,
            clock: Clock::new(),
            holder: pid.unwrap_or(self.main_pid),
            pidfd: holder,
        };
        self.service.held.insert(id, holding);
    }

    /// How long nothing may happen before [`Run::look_after_held`] is due.
    pub(super) fn attention(&self) -> Option<Duration> {
        let times = self.service.held.values().filter_map(|held| held.time);
        let shortest = times
            .min()
            .map(|time| (time / 4).clamp(Duration::from_millis(10), TICK));
        let awaited = self.service.pending.values().any(|one| one.due.is_some());
        match (shortest, awaited || self.until.is_some()) {
            (Some(shortest), _) => Some(shortest),
            (None, true) => Some(TICK),
            (None, false) => None,
        }
    }

    /// The holders whose end is to be noticed.
    pub(super) fn holders(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        let held = self.service.held.values();
        held.filter_map(|held| held.pidfd.as_ref().map(AsFd::as_fd))
    }

    /// Ends what is held for nobody any more, and answers for those who don't.
    pub(super) fn look_after_held(&mut self) -> Result<(), End> {
        let now = self.clock.now();
        let mut late = Vec::new();
        for (id, pending) in &self.service.pending {
            let gone = match &pending.actor {
                Actor::Box(name) => {
                    let standing = self.boxes.get(name);
                    standing.is_none_or(|standing| standing.peer.lost.is_some())
                }
                Actor::Host | Actor::Base | Actor::Newcomer => false,
            };
            if gone {
                late.push((*id, "the box has ended".to_string()));
            } else if pending.due.is_some_and(|due| now >= due) {
                let patience = ANSWER.as_secs();
                late.push((*id, format!("the box gave no answer within {patience} s")));
            }
        }
        for (id, why) in late {
            if let Some(pending) = self.service.pending.remove(&id) {
                self.service.held.remove(&pending.id);
                self.answer(pending.id, Answer::Refused(why), Vec::new())?;
            }
        }
        let mut over = Vec::new();
        for (id, held) in &mut self.service.held {
            if held.time.is_some() {
                held.clock.look(held.holder);
            }
            let gone = held.pidfd.as_ref().is_some_and(has_ended);
            if gone || held.due.is_some_and(|due| held.clock.now() >= due) {
                held.due = None;
                over.push((*id, held.what.clone(), held.pidfd.take()));
            }
        }
        for (_, what, _) in over {
            match what {
                // It is held until it has ended, for the sake of its answer.
                What::Program { actor, start } => {
                    if self.peer(&actor).is_ok_and(|peer| !peer.wire.is_full()) {
                        self.ask(&actor, Request::End { program: start }, Vec::new())?;
                    }
                }
                What::Box(name) => {
                    self.kill_box(&name);
                    self.service.queue.push_back(Queued {
                        id: None,
                        work: Work::End(name),
                        lease: Lease::default(),
                    });
                }
            }
        }
        Ok(())
    }
}

/// The process that a pidfd is of, proc_pid_fdinfo(5).
fn pid_of(pidfd: &OwnedFd) -> Option<i32> {
    let text = kernel::read_text(format!("/proc/self/fdinfo/{}", pidfd.as_raw_fd())).ok()?;
    kernel::field(&text, "Pid")?.parse().ok()
}

/// Whether the process has ended that a pidfd is of.
fn has_ended(pidfd: &OwnedFd) -> bool {
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    let mut fds = [PollFd::new(pidfd.as_fd(), PollFlags::POLLIN)];
    poll(&mut fds, PollTimeout::ZERO).is_ok_and(|ready| ready > 0)
}
