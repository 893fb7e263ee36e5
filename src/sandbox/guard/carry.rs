//! A plan is carried out: the groups, the boxes, then one action after the other.

use super::broken::{Broken, End, out_of_turn};
use super::disk::Disk;
use super::host::inode;
use super::peers::Actor;
use super::run::Run;
use crate::base::{Errno, chain, kernel};
use crate::plan::{
    Action, BoxName, Event, Fact, FactRef, Medium, Namespace, Need, Observer, Place, Provenance,
    Value, Verb,
};
use crate::sandbox::place::serve::Outer;
use crate::sandbox::wire::{Id, Reply, Request, Scope, Standing, Task};
use std::path::PathBuf;

impl Run {
    /// Carries the plan out.
    pub(super) fn carry(&mut self, hold: bool) -> Result<(), End> {
        let kernel = nix::sys::utsname::uname().map_or(String::new(), |uts| {
            uts.release().to_string_lossy().into_owned()
        });
        let observer = Observer {
            kernel,
            uid: nix::unistd::getuid().as_raw(),
            supervisor: std::process::id() as i32,
            scope: match &self.scope {
                Scope::Own(unit) => Some(unit.clone()),
                Scope::NotAsked | Scope::Refused(_) => None,
            },
        };
        self.tell(Event::Started(observer))?;
        self.host = Some(self.start_outer(Outer::Host)?);
        self.await_done(&Actor::Host, 0)?;
        self.tell_conditions()?;
        let later: Vec<BoxName> = self
            .plan
            .actions
            .iter()
            .filter_map(|action| match &action.verb {
                Verb::Create(name) => Some(name.clone()),
                _ => None,
            })
            .collect();
        for spec in self.plan.cgroups.clone() {
            let needs = self.plan.controllers_of(&spec);
            self.make_group(&spec, &needs)?;
        }
        for spec in self.plan.boxes.clone() {
            if !later.contains(&spec.name) {
                self.create(&spec)?;
            }
        }
        for (index, action) in self.plan.actions.clone().into_iter().enumerate() {
            self.end_beat(index)?;
            self.doing.begin(index);
            self.tell(Event::Doing { action: index })?;
            match self.plan.guarded {
                false => self.act(index, &action)?,
                true => self.try_to_act(index, &action)?,
            }
        }
        self.end_beat(self.plan.actions.len())?;
        // What was seen without it shows nothing, whatever it was.
        if let Some(taken) = self.groups.taken(None) {
            self.tell(Event::Refused(taken.refusal(None)))?;
            return Err(End::Told);
        }
        self.doing.over();
        self.limit = None;
        self.tell_hidden()?;
        self.tell(Event::Holding)?;
        match hold {
            true => self.serve(),
            false => Ok(()),
        }
    }

    /// Carries out one action of a plan that nobody wrote: one that can't be carried
    /// out has no result, and the plan goes on.
    fn try_to_act(&mut self, index: usize, action: &Action) -> Result<(), End> {
        self.collect_failures();
        let done = self.act(index, action);
        let failed = self.failures();
        let why = match done {
            Ok(()) | Err(End::Asked) => return done,
            Err(End::Told) if failed.is_empty() => return done,
            Err(End::Told) => Broken::Failed(failed),
            Err(End::Broken(why)) => why,
        };
        if self.limit.is_some_and(|limit| self.clock.now() >= limit) {
            return Err(End::Broken(why));
        }
        let because = chain(&why);
        for name in action.fact_names() {
            let fact = Fact {
                id: FactRef {
                    seen_from: action.place.clone(),
                    about: action.of.clone(),
                    name,
                    moment: action.at.clone(),
                },
                value: None,
                source: action.verb.about().call.into(),
                provenance: Provenance::Unavailable {
                    because: because.clone(),
                },
            };
            self.tell(Event::Fact(fact))?;
        }
        Ok(())
    }

    /// Waits at the end of a beat, where somebody is told them one by one.
    fn end_beat(&mut self, next: usize) -> Result<(), End> {
        if !self.plan.told || !self.plan.waits_before(next) {
            return Ok(());
        }
        self.doing.hold();
        self.tell(Event::Paused)?;
        self.await_word()
    }

    /// Carries out one action.
    pub(super) fn act(&mut self, index: usize, action: &Action) -> Result<(), End> {
        if let Some(breach) = self.plan.breach(action) {
            // The refusal that left a box without the namespace has been told.
            return Err(match self.lacking {
                true => End::Told,
                false => End::Broken(breach.into()),
            });
        }
        let Some(action) = &self.without_missing(action)? else {
            return Ok(());
        };
        match &action.verb {
            Verb::Create(name) => {
                let spec = self.plan.find(name).cloned();
                let spec = spec.ok_or_else(|| Broken::Undeclared(name.clone()))?;
                self.create(&spec)
            }
            Verb::AwaitEnd(name) => self.await_end(action, name),
            Verb::Stage(_) => match self.plan.attended {
                true => {
                    self.tell(Event::Paused)?;
                    self.await_word()
                }
                false => Ok(()),
            },
            Verb::SetLimits(set) => {
                let done =
                    self.try_groups(|groups, call| groups.limit(&set.cgroup, &set.limits, call))?;
                match (done, &action.result) {
                    (Ok(()), _) => self.tell_done(action),
                    // About the limit, not about the host: a fact to look at.
                    (Err(refused), Some(_)) if refused.is_of_the_value() => {
                        let errno = refused.errno.map_or(String::new(), Errno::name);
                        self.tell_result(action, errno, "write(2)".into())
                    }
                    (Err(refused), _) => match refused.errno {
                        Some(errno) if refused.is_of_the_value() => {
                            Err(Broken::Limits { errno }.into())
                        }
                        _ => self.refused_group(&refused),
                    },
                }
            }
            Verb::Freeze(name) => {
                self.with_groups(|groups, call| groups.freeze(name, true, call))?;
                self.tell_done(action)
            }
            Verb::Thaw(name) => {
                self.with_groups(|groups, call| groups.freeze(name, false, call))?;
                self.tell_done(action)
            }
            // Its process id may be another's by now.
            Verb::Kill(kill) if self.has_ended(&kill.to) => {
                Err(Broken::NobodyToKill(kill.to.clone()).into())
            }
            _ => {
                let actor = self.actor_for(action);
                let held = Namespace::ALL
                    .into_iter()
                    .filter(|ns| self.plan.contained(&action.place, *ns))
                    .collect();
                let disk = self.disk_for(index, action)?;
                let fence = match &action.verb {
                    Verb::Run(_) | Verb::Docker(_) => self.fence_at(&action.place),
                    _ => Vec::new(),
                };
                let task = Task {
                    action: action.clone(),
                    boxes: self.known.clone(),
                    ports: self.ports.clone(),
                    groups: self.groups.known().clone(),
                    held,
                    fence,
                    disk,
                };
                let id = self.ask(&actor, Request::Do(Box::new(task)), Vec::new())?;
                match &action.verb {
                    Verb::Engine(name) | Verb::Container(name) => {
                        return self.await_process(action, name, &actor, id);
                    }
                    Verb::Watch(_) => self.doing.watch(id),
                    _ => {}
                }
                self.await_done(&actor, id)
            }
        }
    }

    /// Awaits an engine, or the answer about a container of it: a process that probes
    /// know by this name from then on.
    fn await_process(
        &mut self,
        action: &Action,
        name: &BoxName,
        actor: &Actor,
        id: Id,
    ) -> Result<(), End> {
        let pid = match self.await_reply(actor, id)? {
            Reply::Created { child } => child,
            Reply::Done => {
                self.known.remove(name);
                return Ok(());
            }
            Reply::Failed => return Err(End::Told),
            _ => return Err(out_of_turn()),
        };
        if let Verb::Engine(_) = action.verb {
            self.engine = Some(pid);
        }
        let pid_namespace = inode(&pid.to_string(), Namespace::Pid);
        let standing = Standing { pid, pid_namespace };
        self.known.insert(name.clone(), standing);
        Ok(())
    }

    /// Whether this is a box that stood once and has been awaited since.
    pub(super) fn has_ended(&self, name: &str) -> bool {
        self.known.keys().any(|known| known.as_str() == name)
            && self.boxes.keys().all(|standing| standing.as_str() != name)
    }

    /// Who carries an action out. A veth pair is the one thing done from
    /// outside that takes capabilities in the boxes' user namespace.
    pub(super) fn actor_for(&self, action: &Action) -> Actor {
        match (&action.place, &action.verb) {
            (Place::Box(name), _) => Actor::Box(name.clone()),
            (Place::Host, Verb::Veth(_)) if self.base.is_some() => Actor::Base,
            (Place::Host, _) => Actor::Host,
        }
    }

    /// `await-end`: only its creator can wait for it.
    pub(super) fn await_end(&mut self, action: &Action, name: &BoxName) -> Result<(), End> {
        let Some(pid) = self.boxes.get(name).map(|standing| standing.standing.pid) else {
            return Err(Broken::NobodyToAwait(name.clone()).into());
        };
        let ending = self.await_box(name)?;
        self.tell(Event::BoxDown {
            name: name.clone(),
            ending: ending.clone(),
        })?;
        let source = format!("wait(2) for pid {pid}");
        self.tell_result(action, ending.to_string(), source)
    }

    /// The result of a change that the kernel accepted.
    fn tell_done(&mut self, action: &Action) -> Result<(), End> {
        self.tell_result(action, "ok".into(), "write(2)".into())
    }

    /// The fact that has the action's `as` for a name.
    fn tell_result(&mut self, action: &Action, value: String, source: String) -> Result<(), End> {
        let Some(result) = &action.result else {
            return Ok(());
        };
        let fact = Fact {
            id: FactRef {
                seen_from: action.place.clone(),
                about: None,
                name: result.clone(),
                moment: None,
            },
            value: Some(Value::Text(value)),
            source,
            provenance: Provenance::Observed,
        };
        self.tell(Event::Fact(fact))
    }

    /// The directory on a disk that an action needs, made for it. Where none
    /// can be made and a tmpfs may do as well, there is none.
    pub(super) fn disk_for(
        &mut self,
        index: usize,
        action: &Action,
    ) -> Result<Option<PathBuf>, End> {
        let (name, medium, owner) = match (&action.verb, &action.place) {
            (Verb::Store(store), Place::Box(name)) if store.on != Medium::Tmpfs => {
                // Root in the box, whoever that is outside, shall own it.
                let standing = self.known.get(name);
                let owner = standing.and_then(|standing| owner_of(standing.pid));
                (name.as_str(), store.on, owner)
            }
            (Verb::Engine(_), _) => ("engine", Medium::Disk, owner_of(std::process::id() as i32)),
            _ => return Ok(None),
        };
        let made = match &self.disk {
            Some(_) => Ok(()),
            None => Disk::make().map(|disk| self.disk = Some(disk)),
        };
        let room = made.and_then(|()| match (&self.disk, owner) {
            (Some(disk), Some(owner)) => disk.room(&format!("{name}-{index}"), owner).map(Some),
            _ => Ok(None),
        });
        match room {
            Ok(room) => Ok(room),
            Err(_) if medium == Medium::Auto => Ok(None),
            Err((path, errno)) => {
                let stage = format!("mkdir({})", path.display());
                self.refused(&Need::Overlay, &stage, Some(errno), None)?;
                Err(End::Told)
            }
        }
    }
}

/// The effective ids of a process, proc_pid_status(5).
fn owner_of(pid: i32) -> Option<(u32, u32)> {
    let status = kernel::read_text(format!("/proc/{pid}/status")).ok()?;
    let effective = |name| {
        let mut ids = kernel::field(&status, name)?.split_whitespace();
        ids.nth(1)?.parse().ok()
    };
    Some((effective("Uid")?, effective("Gid")?))
}
