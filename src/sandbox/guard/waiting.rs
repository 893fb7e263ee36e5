//! How the supervisor waits: always for everything at once. Whatever it waits
//! for, it hears the main process and notices its death, passes on what the
//! agents tell, and sends what waits to be sent; and it never waits for one of
//! them to read or to come to the end of a message.
//!
//! A main process that doesn't read makes the agents wait, not the supervisor:
//! nothing more is read from them until it does.

use super::broken::{Broken, End, out_of_turn, refused};
use super::clock::TICK;
use super::peers::Actor;
use super::run::{RUN_LIMIT, Run};
use crate::plan::{Event, Unit, Value};
use crate::sandbox::base::children::children;
use crate::sandbox::base::pidfd;
use crate::sandbox::base::service::Lease;
use crate::sandbox::wire::{Asked, Id, Order, Reply, Request, Said};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::wait::{WaitPidFlag, waitpid};
use std::os::fd::{AsFd, OwnedFd};

impl Run {
    /// Asks something of an agent; the number is that of the answer.
    pub(super) fn ask(
        &mut self,
        actor: &Actor,
        request: Request,
        descriptors: Vec<OwnedFd>,
    ) -> Result<Id, End> {
        self.last_id += 1;
        let id = self.last_id;
        self.send(actor, Asked { id, request }, descriptors)?;
        Ok(id)
    }

    /// Sends a request as soon as its agent reads.
    pub(super) fn send(
        &mut self,
        actor: &Actor,
        asked: Asked,
        descriptors: Vec<OwnedFd>,
    ) -> Result<(), End> {
        let peer = self.peer(actor)?;
        peer.wire.queue(&asked, descriptors)?;
        peer.flush();
        Ok(())
    }

    /// Awaits that a request has been carried out.
    pub(super) fn await_done(&mut self, actor: &Actor, id: Id) -> Result<(), End> {
        match self.await_reply(actor, id)? {
            Reply::Done => Ok(()),
            Reply::Failed => Err(End::Told),
            _ => Err(out_of_turn()),
        }
    }

    /// Awaits the answer to a request.
    pub(super) fn await_reply(&mut self, actor: &Actor, id: Id) -> Result<Reply, End> {
        self.awaited = Some((id, None));
        loop {
            if let Some((_, Some(_))) = &self.awaited {
                let reply = self.awaited.take().and_then(|(_, reply)| reply);
                return reply.ok_or_else(out_of_turn);
            }
            if let Some(lost) = &self.peer(actor)?.lost {
                let lost = lost.clone();
                return Err(End::Broken(match actor {
                    Actor::Box(name) => Broken::BoxLost(name.clone(), lost),
                    Actor::Newcomer => Broken::NewcomerLost(lost),
                    Actor::Host | Actor::Base => Broken::ObserverLost(lost),
                }));
            }
            if let Some((until, patience)) = self.until
                && self.clock.now() >= until
            {
                // What it says later is about a number that nobody waits for.
                self.awaited = None;
                return Err(Broken::NoAnswer(patience).into());
            }
            self.turn()?;
        }
    }

    /// Waits until something happens, and sees to it.
    ///
    /// # Errors
    /// The run is to end.
    pub(super) fn turn(&mut self) -> Result<(), End> {
        self.clock.look(self.main_pid);
        if self.limit.is_some_and(|limit| self.clock.now() >= limit) {
            return Err(Broken::TooLong(RUN_LIMIT).into());
        }
        self.look_after_held()?;
        let patience = match (self.limit, self.attention()) {
            (_, Some(soon)) => PollTimeout::try_from(soon).unwrap_or(PollTimeout::MAX),
            (Some(_), None) => PollTimeout::try_from(TICK).unwrap_or(PollTimeout::MAX),
            (None, None) => PollTimeout::NONE,
        };
        let reading = !self.main.is_full();
        let mut asked: Vec<(Actor, PollFlags)> = Vec::new();
        for (actor, peer) in self.peers() {
            let interest = peer.wire.interest(reading);
            if peer.lost.is_none() && !interest.is_empty() {
                asked.push((actor, interest));
            }
        }
        // Clones of the numbers would do, but a poll borrows what it waits for.
        let mut fds = vec![
            PollFd::new(self.main_pidfd.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.main.as_fd(), self.main.interest(true)),
            PollFd::new(self.ends.as_fd(), PollFlags::POLLIN),
        ];
        for (actor, interest) in &asked {
            let wire = match actor {
                Actor::Host => self.host.as_ref().map(|peer| &peer.wire),
                Actor::Base => self.base.as_ref().map(|peer| &peer.wire),
                Actor::Newcomer => self.newcomer.as_ref().map(|peer| &peer.wire),
                Actor::Box(name) => self.boxes.get(name).map(|standing| &standing.peer.wire),
            };
            fds.extend(wire.map(|wire| PollFd::new(wire.as_fd(), *interest)));
        }
        // Their end is seen to by the next turn.
        fds.extend(
            self.holders()
                .map(|holder| PollFd::new(holder, PollFlags::POLLIN)),
        );
        match poll(&mut fds, patience) {
            Ok(_) | Err(nix::errno::Errno::EINTR) => {}
            Err(errno) => return Err(refused("poll".into(), errno)),
        }
        let ready: Vec<PollFlags> = fds
            .iter()
            .map(|fd| fd.revents().unwrap_or(PollFlags::empty()))
            .collect();
        drop(fds);
        // The end of the main process before all else, then its word.
        if !ready[0].is_empty() {
            return Err(End::Asked);
        }
        if !ready[1].is_empty() {
            self.hear_main()?;
        }
        if !ready[2].is_empty() {
            self.reap_orphans();
        }
        for ((actor, _), ready) in asked.into_iter().zip(&ready[3..]) {
            if !ready.is_empty() {
                self.hear_agent(&actor)?;
            }
        }
        Ok(())
    }

    /// Reaps what came to this process, the subreaper, because its parent has
    /// ended: the children of boxes without a pid 1 of their own.
    fn reap_orphans(&mut self) {
        while let Ok(Some(_)) = self.ends.read_signal() {}
        for child in children() {
            if !self.outer.contains(&child) {
                let _ = waitpid(child, Some(WaitPidFlag::WNOHANG));
            }
        }
    }

    /// Takes in what the main process asks for. Its end is a wish to finish, too.
    fn hear_main(&mut self) -> Result<(), End> {
        let arrived = self.main.flush().and_then(|()| self.main.fill());
        while let Some(received) = self.main.next().map_err(|_| End::Asked)? {
            match received.message {
                Order::Limit(set) => drop(self.retune(set)?),
                Order::Ask { id, request, lease } => {
                    let holder = received.descriptors.into_iter().next();
                    self.take_request(
                        id,
                        request,
                        Lease {
                            time: lease,
                            holder,
                        },
                    )?;
                }
                Order::Enough { action } => self.enough(action)?,
                Order::Finish | Order::Carry { .. } => return Err(End::Asked),
            }
        }
        arrived.map_err(|_| End::Asked)
    }

    /// Ends the `watch` or the `stage` of that number, if it is under way.
    fn enough(&mut self, action: usize) -> Result<(), End> {
        let Some(id) = self.doing.enough(action) else {
            return Ok(());
        };
        let request = Request::Enough;
        self.send(&Actor::Host, Asked { id, request }, Vec::new())
    }

    /// Takes in what an agent says. One that doesn't speak as an agent does is
    /// heard no more: what it was for ends as if it had.
    fn hear_agent(&mut self, actor: &Actor) -> Result<(), End> {
        let Ok(peer) = self.peer(actor) else {
            return Ok(());
        };
        peer.flush();
        if let Err(lost) = peer.wire.fill() {
            peer.lose(lost);
        }
        loop {
            let Ok(peer) = self.peer(actor) else {
                return Ok(());
            };
            match peer.wire.next::<Said>() {
                Ok(None) => return Ok(()),
                Ok(Some(mut received)) => {
                    let Said { id, reply } = received.message;
                    if !self.heed_served(actor, id, &reply, &mut received.descriptors)? {
                        self.heed(Said { id, reply })?;
                    }
                }
                Err(lost) => {
                    peer.lose(lost);
                    // Whatever it is by now, it stands for nothing any more.
                    if let Actor::Box(name) = actor
                        && let Some(standing) = self.boxes.get(name)
                    {
                        let _ = pidfd::kill(standing.pidfd.as_fd());
                    }
                    return Ok(());
                }
            }
        }
    }

    /// Passes on what an agent tells, and keeps the answer that is awaited.
    fn heed(&mut self, Said { id, reply }: Said) -> Result<(), End> {
        match reply {
            Reply::Event(event) => {
                self.note_port(&event);
                let event = match event {
                    Event::Broken { message } => self.broken(message),
                    other => other,
                };
                self.tell(event)
            }
            Reply::Refused {
                need,
                stage,
                errno,
                profile,
            } => self.refused(&need, &stage, errno, profile),
            Reply::Hello
            | Reply::Created { .. }
            | Reply::Started
            | Reply::Unable(_)
            | Reply::Ended(_)
            | Reply::Done
            | Reply::Failed => {
                match &mut self.awaited {
                    Some((awaited, answer)) if *awaited == id => *answer = Some(reply),
                    // It comes too late: nobody waits for it any more.
                    Some(_) | None => {}
                }
                Ok(())
            }
        }
    }

    /// Awaits the learner's word to go on, for as long as they like: the time
    /// isn't the run's.
    pub(super) fn await_word(&mut self) -> Result<(), End> {
        let limit = self.limit.take();
        let paused = self.clock.now();
        while !self.doing.is_released() {
            self.turn()?;
        }
        self.clock.look(self.main_pid);
        self.limit = limit.map(|limit| limit + (self.clock.now() - paused));
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
