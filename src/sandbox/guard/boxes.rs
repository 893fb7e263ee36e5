//! Boxes and agents: made, known before they may do anything, and ended.

use super::broken::{Broken, End, out_of_turn, refused};
use super::host::{NOBODY, inode, maps_nobody};
use super::peers::{Actor, Peer, StandingBox};
use super::run::Run;
use super::service::What;
use crate::plan::{BoxName, BoxSpec, Ending, Event, Namespace, Place};
use crate::sandbox::base::pidfd;
use crate::sandbox::place::serve::{self, Outer};
use crate::sandbox::sys::{self, Forked};
use crate::sandbox::wire::{Creation, Reply, Request, Standing, Wire};
use nix::unistd::Pid;
use std::os::fd::AsFd;

impl Run {
    /// Forks an agent that stands outside of every box.
    pub(super) fn start_outer(&mut self, kind: Outer) -> Result<Peer, End> {
        let (ours, theirs) = Wire::pair()?;
        let me = nix::unistd::getpid();
        match sys::fork(self.one).map_err(|errno| refused("fork".into(), errno))? {
            Forked::Child => serve::outer(self.one, kind, theirs.into(), me),
            Forked::Parent(pid) => {
                self.outer.push(pid);
                Ok(ours.into())
            }
        }
    }

    /// Makes a box and knows it before it may do anything.
    pub(super) fn create(&mut self, spec: &BoxSpec) -> Result<(), End> {
        if let Some(why) = self.plan.leak(spec) {
            let name = spec.name.clone();
            return Err(Broken::Leak { name, why }.into());
        }
        let above = spec.parent.clone().map_or(Place::Host, Place::Box);
        let creator = self.creator_of(spec)?;
        let cgroups = self.cgroups_for(spec)?;
        let inside_user = spec.parent.as_ref().is_some_and(|parent| {
            self.plan
                .contained(&Place::Box(parent.clone()), Namespace::User)
        });
        let choose = self.privileged && !inside_user && spec.has(Namespace::User) && maps_nobody();
        if spec.has(Namespace::User) && !inside_user && !choose {
            self.tell_one_id(spec)?;
        }
        let creation = Creation {
            spec: spec.clone(),
            cgroups,
            map_to: choose.then_some(NOBODY),
            one_cpu: self.plan.one_cpu,
            guarded: self.plan.guarded && !self.plan.contained(&above, Namespace::Mount),
        };
        let (ours, theirs) = Wire::pair()?;
        ours.want_credentials()?;
        let request = Request::Create(Box::new(creation));
        let asked = self.ask(&creator, request, vec![theirs.into()])?;
        let child = match self.await_reply(&creator, asked)? {
            Reply::Created { child } => child,
            Reply::Failed => return Err(End::Told),
            _ => return Err(out_of_turn()),
        };
        self.newcomer = Some(ours.into());
        let said = self.await_reply(&Actor::Newcomer, 0)?;
        // Nothing more has come since: it waits for its go.
        let peer = self.newcomer.take();
        let (Reply::Hello, Some(peer)) = (said, peer) else {
            return Err(out_of_turn());
        };
        let pid = peer.wire.sender().ok_or_else(out_of_turn)?;
        let pidfd = pidfd::open(Pid::from_raw(pid))
            .map_err(|errno| refused(format!("pidfd_open({pid})"), errno))?;
        let standing = Standing {
            pid,
            pid_namespace: inode(&pid.to_string(), Namespace::Pid),
        };
        self.note_what_it_got(spec, pid);
        let name = spec.name.clone();
        self.known.insert(name.clone(), standing);
        self.boxes.insert(
            name.clone(),
            StandingBox {
                peer,
                pidfd,
                standing,
                creator,
                child,
            },
        );
        let actor = Actor::Box(name.clone());
        let going = self.ask(&actor, Request::Go, Vec::new())?;
        self.await_done(&actor, going)?;
        self.tell(Event::BoxUp { name, pid })
    }

    /// The agent that makes a box: its parent, or one that stands outside.
    pub(super) fn creator_of(&mut self, spec: &BoxSpec) -> Result<Actor, End> {
        if let Some(parent) = &spec.parent {
            return Ok(Actor::Box(parent.clone()));
        }
        let plain = spec.namespaces.is_empty();
        if self.privileged || plain || spec.has(Namespace::User) {
            return Ok(Actor::Host);
        }
        if self.base.is_none() {
            self.base = Some(self.start_outer(Outer::Base)?);
            self.await_done(&Actor::Base, 0)?;
        }
        Ok(Actor::Base)
    }

    /// Corrects the plan to the namespaces that a box really has of its own:
    /// the containment rule is judged by what is, not by what was asked for.
    pub(super) fn note_what_it_got(&mut self, spec: &BoxSpec, pid: i32) {
        let pid = pid.to_string();
        let own = |ns: &Namespace| {
            let theirs = inode(&pid, *ns);
            theirs.is_some() && theirs != inode("self", *ns)
        };
        if let Some(planned) = self
            .plan
            .boxes
            .iter_mut()
            .find(|planned| planned.name == spec.name)
        {
            planned.namespaces.retain(own);
            self.lacking |= planned.namespaces.len() < spec.namespaces.len();
        }
    }

    /// Awaits the end of a box that stands.
    pub(super) fn await_box(&mut self, name: &BoxName) -> Result<Ending, End> {
        let Some(standing) = self.boxes.remove(name) else {
            return Err(Broken::Down(name.clone()).into());
        };
        let child = standing.child;
        let asked = self.ask(&standing.creator, Request::Reap { child }, Vec::new())?;
        match self.await_reply(&standing.creator, asked)? {
            Reply::Ended(ending) => Ok(ending),
            Reply::Failed => Err(End::Told),
            _ => Err(out_of_turn()),
        }
    }

    /// Kills a box at once: what is under way in it, or waits for it, ends.
    pub(super) fn kill_box(&self, name: &BoxName) {
        if let Some(standing) = self.boxes.get(name) {
            let _ = pidfd::kill(standing.pidfd.as_fd());
        }
    }

    /// Ends a box, with all that is in it.
    pub(super) fn end_box(&mut self, name: &BoxName) -> Result<(), End> {
        self.kill_box(name);
        let ended = self.await_box(name)?;
        self.service.held.retain(|_, holding| match &holding.what {
            What::Box(held) => held != name,
            What::Program { .. } => true,
        });
        self.tell(Event::BoxDown {
            name: name.clone(),
            ending: ended,
        })?;
        // Those that were made in it end with it.
        let inner: Vec<BoxName> = self
            .boxes
            .iter()
            .filter(|(_, inner)| inner.creator == Actor::Box(name.clone()))
            .map(|(inner, _)| inner.clone())
            .collect();
        for name in inner {
            if let Some(standing) = self.boxes.remove(&name) {
                let _ = pidfd::kill(standing.pidfd.as_fd());
                let ending = Ending::Signal("SIGKILL".into());
                self.tell(Event::BoxDown { name, ending })?;
            }
        }
        Ok(())
    }
}
