//! The groups of a run: made before the boxes, changed by its actions, and done
//! without where the lesson can (`missing-ok`).

use super::broken::End;
use super::missing::{Rest, without};
use super::run::Run;
use crate::base::Errno;
use crate::plan::{
    Action, BoxName, BoxSpec, CgroupSpec, Controller, Event, Fact, FactRef, Need, Place,
    Provenance, Retuned, SetLimits,
};
use crate::sandbox::group::cgroup::{self, Placement};
use crate::sandbox::group::{
    calls::{Caller, Refused},
    groups::Groups,
};
use crate::sandbox::wire::tracer::syscall;
use std::time::Instant;

impl Run {
    /// Makes a group that the plan declares. What the host refuses ends the
    /// run, unless the group may be missing: then its children are, too.
    pub(super) fn make_group(
        &mut self,
        spec: &CgroupSpec,
        needs: &[Controller],
    ) -> Result<(), End> {
        let name = &spec.name;
        let above = spec.parent.as_ref();
        if let Some((parent, why)) = above.and_then(|above| self.missing.get_key_value(above)) {
            return self.do_without(name, format!("it would be in `{parent}`, and {why}"));
        }
        let Err(refused) = self.try_groups(|groups, call| groups.make(spec, needs, call))? else {
            return Ok(());
        };
        let need = Need::Cgroup(refused.controller);
        let refusal = self.explained(&need, &refused.stage, refused.errno, None);
        self.tell(Event::Refused(refusal.clone()))?;
        if !spec.missing_ok {
            return Err(End::Told);
        }
        self.groups.forget(name);
        let because = format!("this host refused the group `{name}`: {}", refusal.cause);
        self.do_without(name, because)
    }

    /// Notes that a group isn't there. Its path is then a fact without a value,
    /// whose reason is that of every other fact of the group.
    fn do_without(&mut self, name: &BoxName, because: String) -> Result<(), End> {
        self.missing.insert(name.clone(), because);
        self.tell_unseen(FactRef::group_path(name), name)
    }

    /// What is left of an action without the groups that aren't there; the
    /// facts that it can't have are told as unavailable.
    pub(super) fn without_missing(&mut self, action: &Action) -> Result<Option<Action>, End> {
        let Rest {
            action: rest,
            unseen,
        } = without(action, &self.missing);
        for (fact, group) in unseen {
            let id = FactRef {
                seen_from: action.place.clone(),
                about: action.of.clone(),
                name: fact,
                moment: action.at.clone(),
            };
            self.tell_unseen(id, &group)?;
        }
        Ok(rest)
    }

    fn tell_unseen(&mut self, id: FactRef, group: &BoxName) -> Result<(), End> {
        let because = self.missing.get(group).cloned().unwrap_or_default();
        self.tell(Event::Fact(Fact {
            id,
            value: None,
            source: "mkdir(2)".into(),
            provenance: Provenance::Unavailable { because },
        }))
    }

    /// The cgroup directories that a box joins, made here because the guardian owns them.
    pub(super) fn cgroups_for(&mut self, spec: &BoxSpec) -> Result<Vec<std::path::PathBuf>, End> {
        let Some(name) = &spec.cgroup else {
            return Ok(Vec::new());
        };
        if self.missing.contains_key(name) {
            return Ok(Vec::new());
        }
        if let Some(declared) = self.groups.directories(name) {
            return Ok(declared);
        }
        match cgroup::place(spec.name.as_str()) {
            Placement::Made(group) => {
                let path = group.path.clone();
                self.groups.adopt(group);
                Ok(vec![path])
            }
            Placement::Inherited => Ok(Vec::new()),
            Placement::Nowhere(refused) => {
                let (stage, errno) = match refused {
                    Some((path, errno)) => (format!("mkdir({})", path.display()), Some(errno)),
                    None => ("/proc/self/cgroup".to_string(), None),
                };
                self.refused(&Need::ChildCgroup, &stage, errno, None)?;
                Err(End::Told)
            }
        }
    }

    /// The groups that a demo's program joins at a place: none if its box is in a
    /// group of the lesson's, which has the limits that the lesson is about.
    pub(super) fn fence_at(&mut self, place: &Place) -> Vec<std::path::PathBuf> {
        match self.plan.is_fenced(place) {
            true => self.groups.fence().to_vec(),
            false => Vec::new(),
        }
    }

    /// Makes or changes groups, and tells each call; a refusal ends the run.
    pub(super) fn with_groups(
        &mut self,
        work: impl FnOnce(&mut Groups, Caller<'_>) -> Result<(), Refused>,
    ) -> Result<(), End> {
        self.try_groups(work)?
            .or_else(|refused| self.refused_group(&refused))
    }

    /// Tells a refusal that ends the run.
    pub(super) fn refused_group(&mut self, refused: &Refused) -> Result<(), End> {
        let need = Need::Cgroup(refused.controller);
        self.refused(&need, &refused.stage, refused.errno, None)?;
        Err(End::Told)
    }

    /// What the learner asks for in the middle of a run. A refusal is a thing to
    /// see: the limit stays as it was, and the run goes on.
    pub(super) fn retune(&mut self, set: SetLimits) -> Result<Option<String>, End> {
        if let Some(because) = self.missing.get(&set.cgroup).cloned() {
            return self.retuned(set, Some(because));
        }
        if let Some(flaw) = set.flaws().first() {
            let refused = format!("{}; {}", flaw.message, flaw.help);
            return self.retuned(set, Some(refused));
        }
        let done = self.try_groups(|groups, call| groups.limit(&set.cgroup, &set.limits, call))?;
        let taken = |refused: &Refused| self.groups.taken(Some(refused.controller));
        let refused = done
            .err()
            .map(|refused| match (taken(&refused), refused.errno) {
                (Some(taken), _) => taken.refusal(None).cause,
                (None, Some(errno)) => format!("{}: {errno}", refused.stage),
                (None, None) => format!("{} has no controller for it", refused.stage),
            });
        self.retuned(set, refused)
    }

    /// Tells what came of it, and returns what was against it.
    fn retuned(&mut self, set: SetLimits, refused: Option<String>) -> Result<Option<String>, End> {
        let retuned = Retuned {
            set,
            refused: refused.clone(),
        };
        self.tell(Event::Retuned(retuned))?;
        Ok(refused)
    }

    /// Makes or changes groups, and tells each call.
    pub(super) fn try_groups(
        &mut self,
        work: impl FnOnce(&mut Groups, Caller<'_>) -> Result<(), Refused>,
    ) -> Result<Result<(), Refused>, End> {
        let mut calls = Vec::new();
        let mut call =
            |name: &str, args: String, why: &str, make: &mut dyn FnMut() -> Result<i64, Errno>| {
                let before = Instant::now();
                let result = make();
                calls.push(syscall(
                    Place::Host,
                    name,
                    args,
                    why,
                    &result,
                    before.elapsed(),
                ));
                result
            };
        let done = work(&mut self.groups, &mut call);
        for call in calls {
            self.tell(Event::Syscall(call))?;
        }
        Ok(done)
    }
}
