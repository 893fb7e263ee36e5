//! Requests beyond the plan: more boxes and actions, and programs.
//!
//! What makes or ends a box, or acts in one, is done one after the other, as the
//! plan's own actions are. All else is seen to whenever it is asked for. Whoever
//! doesn't answer in time costs its own answer: what it says later is about a
//! number that nobody knows any more.

use super::broken::{Broken, End};
use super::peers::Actor;
use super::run::Run;
use super::service::{ANSWER, Pending, Queued, What, Work};
use crate::base::chain;
use crate::plan::{Event, Namespace, Place, Verb};
use crate::sandbox::base::service::{
    Held, Lease, Program, Request as Asking, RequestId, Tenant, Told as Answer,
};
use crate::sandbox::wire::{Id, Reply, Request, Start, Told};
use std::os::fd::OwnedFd;
use std::time::Duration;

/// How many requests may wait for those before them.
const MOST_WAITING: usize = 64;
/// How many things may be held at once.
const MOST_HELD: usize = 256;
/// How long one more box or action may take.
const ACTION: Duration = Duration::from_secs(40);

impl Run {
    /// Serves what is asked for, for as long as the run is wanted.
    pub(super) fn serve(&mut self) -> Result<(), End> {
        loop {
            match self.service.queue.pop_front() {
                None => self.turn()?,
                Some(Queued { id, work, lease }) => {
                    self.collect_failures();
                    self.until = Some((self.clock.now() + ACTION, ACTION));
                    let done = self.carry_out(work, id, lease);
                    self.until = None;
                    let failed = self.failures();
                    let told = match done {
                        Ok(()) => Answer::Done,
                        Err(End::Asked) => return Err(End::Asked),
                        Err(End::Broken(why)) => Answer::Refused(chain(&why)),
                        Err(End::Told) if failed.is_empty() => {
                            Answer::Refused("it could not be done".into())
                        }
                        Err(End::Told) => Answer::Refused(failed.join("; ")),
                    };
                    if let Some(id) = id {
                        self.answer(id, told, Vec::new())?;
                    }
                }
            }
        }
    }

    fn carry_out(&mut self, work: Work, id: Option<RequestId>, lease: Lease) -> Result<(), End> {
        match work {
            Work::Act(action) => {
                let index = self.plan.actions.len();
                self.plan.actions.push(action.clone());
                let done = self.check("action", index).and_then(|()| {
                    let number = self.doing.begin_beyond(index);
                    self.tell(Event::Doing { action: number })?;
                    self.act(number, &action)
                });
                self.doing.over();
                // Later ones may name what it has left standing, and nothing else.
                if !matches!(action.verb, Verb::Spawn(_) | Verb::Listen(_)) || done.is_err() {
                    self.plan.actions.truncate(index);
                }
                done
            }
            Work::Group(spec) => {
                if self.groups.known().contains_key(&spec.name) {
                    return Err(Broken::GroupTaken(spec.name).into());
                }
                let index = self.plan.cgroups.len();
                self.plan.cgroups.push(spec.clone());
                let needs = self.plan.controllers_of(&spec);
                let made = self
                    .check("cgroup", index)
                    .and_then(|()| self.make_group(&spec, &needs));
                if made.is_err() {
                    self.plan.cgroups.truncate(index);
                }
                made
            }
            Work::Make(spec) => {
                if self.known.contains_key(&spec.name) {
                    return Err(Broken::BoxTaken(spec.name).into());
                }
                let index = self.plan.boxes.len();
                self.plan.boxes.push(spec.clone());
                let made = self.check("box", index).and_then(|()| self.create(&spec));
                match (made, id) {
                    (Ok(()), Some(id)) => {
                        self.hold(id, What::Box(spec.name), lease);
                        Ok(())
                    }
                    (made, _) => {
                        self.newcomer = None;
                        if made.is_err() && !self.known.contains_key(&spec.name) {
                            self.plan.boxes.truncate(index);
                        }
                        made
                    }
                }
            }
            Work::End(name) => self.end_box(&name),
        }
    }

    /// Whether what was added to the plan last is without a flaw.
    fn check(&self, key: &str, index: usize) -> Result<(), End> {
        let Err(flaws) = self.plan.clone().check() else {
            return Ok(());
        };
        // What a box had to do without may make others of what was right.
        let index = index.to_string();
        let own = |at: &[String]| match at {
            [first] => first == key,
            [first, second, ..] => first == key && *second == index,
            [] => true,
        };
        match flaws.into_iter().find(|flaw| own(&flaw.at)) {
            Some(flaw) => Err(Broken::Flawed(flaw).into()),
            None => Ok(()),
        }
    }

    /// Takes in a request.
    pub(super) fn take_request(
        &mut self,
        id: RequestId,
        request: Asking,
        lease: Lease,
    ) -> Result<(), End> {
        let queued = match request {
            Asking::Act(action) => Work::Act(*action),
            Asking::Group(spec) => Work::Group(spec),
            Asking::Box(spec) => Work::Make(spec),
            Asking::End(Held::Box(name)) => {
                self.kill_box(&name);
                Work::End(name)
            }
            Asking::Start(program) => return self.start(id, program, lease),
            Asking::Root(root) => {
                let actor = Actor::Box(root.place.clone());
                return self.ask_for(id, actor, Request::Root(root), None);
            }
            Asking::Execute(execute) => {
                let actor = Actor::Box(execute.place.clone());
                if self.service.held.len() >= MOST_HELD {
                    let told = Answer::Refused(format!("{MOST_HELD} things are held already"));
                    return self.answer(id, told, Vec::new());
                }
                return self.ask_for(id, actor, Request::Execute(execute), Some(lease));
            }
            Asking::Resize { program, size } => {
                return self.of_program(id, program, |program| Request::Resize { program, size });
            }
            Asking::Signal { program, signal } => {
                return self.of_program(id, program, |program| Request::Signal { program, signal });
            }
            Asking::End(Held::Program(program)) => {
                return self.of_program(id, program, |program| Request::End { program });
            }
            Asking::Limit(set) => {
                let told = self.retune(set)?.map_or(Answer::Done, Answer::Refused);
                return self.answer(id, told, Vec::new());
            }
            Asking::Renew(held) => {
                let told = match self.service.held.get_mut(&held) {
                    Some(holding) => {
                        holding.due = holding.time.map(|time| holding.clock.now() + time);
                        Answer::Done
                    }
                    None => Answer::Refused("nothing is held by that request".into()),
                };
                return self.answer(id, told, Vec::new());
            }
        };
        if self.service.queue.len() >= MOST_WAITING {
            let told = Answer::Refused(format!("{MOST_WAITING} requests wait already"));
            return self.answer(id, told, Vec::new());
        }
        self.service.queue.push_back(Queued {
            id: Some(id),
            work: queued,
            lease,
        });
        Ok(())
    }

    /// Has a box's agent start a program.
    fn start(&mut self, id: RequestId, program: Program, lease: Lease) -> Result<(), End> {
        let place = Place::Box(program.place.clone());
        let actor = Actor::Box(program.place.clone());
        let held = Namespace::ALL
            .into_iter()
            .filter(|ns| self.plan.contained(&place, *ns))
            .collect();
        if self.service.held.len() >= MOST_HELD {
            let told = Answer::Refused(format!("{MOST_HELD} things are held already"));
            return self.answer(id, told, Vec::new());
        }
        // What a shell and a container may use is a matter of their box's group.
        let fence = match program.limits {
            Tenant::Demo => self.fence_at(&place),
            Tenant::Shell | Tenant::Container => Vec::new(),
        };
        let request = Request::Start(Box::new(Start {
            program,
            fence,
            held,
        }));
        self.ask_for(id, actor, request, Some(lease))
    }

    /// Asks something about a program of the agent that started it.
    fn of_program(
        &mut self,
        id: RequestId,
        program: RequestId,
        request: impl FnOnce(Id) -> Request,
    ) -> Result<(), End> {
        let what = self
            .service
            .held
            .get(&program)
            .map(|held| held.what.clone());
        match what {
            Some(What::Program { actor, start }) => self.ask_for(id, actor, request(start), None),
            Some(What::Box(_)) | None => {
                let told = Answer::Refused("that request holds no program that runs".into());
                self.answer(id, told, Vec::new())
            }
        }
    }

    fn ask_for(
        &mut self,
        id: RequestId,
        actor: Actor,
        request: Request,
        lease: Option<Lease>,
    ) -> Result<(), End> {
        let refused = match self.peer(&actor) {
            Ok(peer) if peer.lost.is_some() => Some("the box has ended".to_string()),
            Ok(peer) if peer.wire.is_full() => Some("the box doesn't read its requests".into()),
            Ok(_) => None,
            Err(End::Broken(why)) => Some(chain(&why)),
            Err(other) => return Err(other),
        };
        let refused = match refused {
            Some(why) => Some(why),
            None => match self.ask(&actor, request, Vec::new()) {
                Ok(asked) => {
                    let due = Some(self.clock.now() + ANSWER);
                    let pending = Pending {
                        id,
                        actor,
                        due,
                        lease,
                    };
                    self.service.pending.insert(asked, pending);
                    None
                }
                Err(End::Broken(why)) => Some(chain(&why)),
                Err(other) => return Err(other),
            },
        };
        match refused {
            Some(why) => self.answer(id, Answer::Refused(why), Vec::new()),
            None => Ok(()),
        }
    }

    /// Takes in what an agent says about a request that is served; `false` if it
    /// is about another.
    pub(super) fn heed_served(
        &mut self,
        actor: &Actor,
        id: Id,
        reply: &Reply,
        descriptors: &mut Vec<OwnedFd>,
    ) -> Result<bool, End> {
        let Some(pending) = self.service.pending.get_mut(&id) else {
            // A program that came too late is nobody's.
            if let Reply::Started = reply {
                self.ask(actor, Request::End { program: id }, Vec::new())?;
            }
            return Ok(false);
        };
        let request = pending.id;
        let told = match reply {
            Reply::Started => {
                pending.due = None;
                let lease = pending.lease.take().unwrap_or_default();
                let what = What::Program {
                    actor: actor.clone(),
                    start: id,
                };
                self.hold(request, what, lease);
                let ends = std::mem::take(descriptors);
                self.answer(request, Answer::Started, ends)?;
                return Ok(true);
            }
            Reply::Done => Answer::Done,
            Reply::Ended(ending) => Answer::Ended(ending.clone()),
            Reply::Unable(why) => Answer::Refused(why.clone()),
            Reply::Failed | Reply::Hello | Reply::Created { .. } => {
                Answer::Refused("it could not be done".into())
            }
            Reply::Event(_) | Reply::Refused { .. } => return Ok(false),
        };
        self.service.pending.remove(&id);
        if let Answer::Ended(_) = told {
            self.service.held.remove(&request);
        }
        self.answer(request, told, Vec::new())?;
        Ok(true)
    }

    /// From here on the words of what fails are kept instead of told.
    pub(super) fn collect_failures(&mut self) {
        self.service.failed = Some(Vec::new());
    }

    /// Those that were kept.
    pub(super) fn failures(&mut self) -> Vec<String> {
        self.service.failed.take().unwrap_or_default()
    }

    /// Keeps the words of what fails in a request that is served: they are its
    /// answer, and break nothing else. `true` if that was all to be done.
    pub(super) fn note_failure(&mut self, event: &Event) -> bool {
        match (&mut self.service.failed, event) {
            (Some(failed), Event::Broken { message }) => {
                failed.push(message.clone());
                true
            }
            (Some(failed), Event::Refused(refusal)) => {
                failed.push(refusal.to_string());
                false
            }
            _ => false,
        }
    }

    pub(super) fn answer(
        &mut self,
        id: RequestId,
        told: Answer,
        descriptors: Vec<OwnedFd>,
    ) -> Result<(), End> {
        self.main.queue(&Told::Answer { id, told }, descriptors)?;
        self.main.flush().map_err(|_| End::Asked)
    }
}
