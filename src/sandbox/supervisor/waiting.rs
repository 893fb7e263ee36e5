//! How the supervisor waits: always for several things at once, so that the
//! main process's death or word is noticed while an agent is at work.

use super::{Actor, End, RUN_LIMIT, Run, unexpected};
use crate::base::Errno;
use crate::plan::{Event, Unit, Value};
use crate::sandbox::wire::{Channel, Order, Reply, Request};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::os::fd::AsFd;
use std::time::Instant;

impl Run {
    /// The wire to whoever acts.
    pub(super) fn wire(&mut self, actor: &Actor) -> Result<&mut Channel, End> {
        let found = match actor {
            Actor::Host => self.host.as_mut(),
            Actor::Base => self.base.as_mut(),
            Actor::Box(name) => self.boxes.get_mut(name).map(|standee| &mut standee.channel),
        };
        found.ok_or_else(|| match actor {
            Actor::Box(name) => End::Broken(format!("the box `{name}` does not stand")),
            Actor::Host | Actor::Base => End::Broken("the observer has ended".into()),
        })
    }

    pub(super) fn await_done(&mut self, actor: &Actor) -> Result<(), End> {
        match self.await_reply(actor)? {
            Reply::Done => Ok(()),
            Reply::Failed => Err(End::Told),
            other => Err(unexpected(&other)),
        }
    }

    /// Awaits an agent's answer, and passes on what it tells on the way.
    pub(super) fn await_reply(&mut self, actor: &Actor) -> Result<Reply, End> {
        loop {
            self.await_message(Some(actor))?;
            let reply = self.wire(actor)?.receive();
            match reply {
                Ok(Reply::Event(event)) => {
                    self.note_port(&event);
                    let event = match event {
                        Event::Broken { message } => self.broken(message),
                        other => other,
                    };
                    self.tell(event)?;
                }
                Ok(Reply::Refused {
                    need,
                    stage,
                    errno,
                    profile,
                }) => {
                    self.refused(&need, &stage, errno, profile)?;
                }
                Ok(reply) => return Ok(reply),
                Err(error) => {
                    return Err(End::Broken(match actor {
                        Actor::Box(name) => {
                            format!("the box `{name}` ended in the middle of an action ({error})")
                        }
                        Actor::Host | Actor::Base => {
                            "the observer ended in the middle of an action".into()
                        }
                    }));
                }
            }
        }
    }

    /// Awaits that an agent has something to say; without one, for ever. The
    /// main process's death or wish ends the wait, and so does the deadline.
    pub(super) fn await_message(&mut self, actor: Option<&Actor>) -> Result<(), End> {
        loop {
            let limit = match actor {
                None => PollTimeout::NONE,
                Some(_) => {
                    let left = self.deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        let limit = RUN_LIMIT.as_secs();
                        return Err(End::Broken(format!("the run took longer than {limit} s")));
                    }
                    PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)
                }
            };
            // A clone of the handle, because `self` is lent to poll twice.
            let agent = match actor {
                Some(actor) => Some(self.wire(actor)?.try_clone()?),
                None => None,
            };
            let mut fds = vec![
                PollFd::new(self.main_pidfd.as_fd(), PollFlags::POLLIN),
                PollFd::new(self.main.as_fd(), PollFlags::POLLIN),
            ];
            if let Some(agent) = &agent {
                fds.push(PollFd::new(agent.as_fd(), PollFlags::POLLIN));
            }
            match poll(&mut fds, limit) {
                Ok(_) | Err(nix::errno::Errno::EINTR) => {}
                Err(errno) => return Err(End::Broken(format!("poll: {}", Errno::from(errno)))),
            }
            let ready: Vec<bool> = fds.iter().map(|fd| fd.any().unwrap_or(false)).collect();
            drop(fds);
            if ready[0] {
                return Err(End::Asked);
            }
            if ready[1] {
                match self.main.receive() {
                    Ok(Order::Limit(set)) => self.retune(set)?,
                    Ok(Order::Enough) => self.wire(&Actor::Host)?.send(&Request::Enough)?,
                    // Its end is a wish to finish, too.
                    Ok(Order::Finish | Order::Carry { .. }) | Err(_) => return Err(End::Asked),
                }
            }
            if ready.get(2) == Some(&true) {
                return Ok(());
            }
        }
    }

    /// Awaits the learner's word to go on, for as long as they like: the time
    /// isn't the run's.
    pub(super) fn await_word(&mut self) -> Result<(), End> {
        let paused = Instant::now();
        loop {
            let mut fds = [
                PollFd::new(self.main_pidfd.as_fd(), PollFlags::POLLIN),
                PollFd::new(self.main.as_fd(), PollFlags::POLLIN),
            ];
            match poll(&mut fds, PollTimeout::NONE) {
                Ok(_) | Err(nix::errno::Errno::EINTR) => {}
                Err(errno) => return Err(End::Broken(format!("poll: {}", Errno::from(errno)))),
            }
            let [gone, word] = fds.map(|fd| fd.any().unwrap_or(false));
            if gone {
                return Err(End::Asked);
            }
            if word {
                match self.main.receive() {
                    Ok(Order::Limit(set)) => self.retune(set)?,
                    Ok(Order::Enough) => break,
                    Ok(Order::Finish | Order::Carry { .. }) | Err(_) => return Err(End::Asked),
                }
            }
        }
        self.deadline += paused.elapsed();
        Ok(())
    }

    /// Remembers which port a `listen` got, for the actions that name it.
    fn note_port(&mut self, event: &Event) {
        if let Event::Fact(fact) = event
            && let Some(name) = fact.id.name.strip_suffix(".port")
            && let Some(Value::Number(port, Unit::Id)) = fact.value
            && let Ok(port) = u16::try_from(port)
        {
            self.ports.insert(name.into(), port);
        }
    }
}
