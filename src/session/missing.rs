//! What a run shows without a group that this host refused and that the lesson
//! can do without (`missing-ok`): which claims can't be judged then, and which
//! may fail for no other reason.

use crate::check::Test;
use crate::plan::{BoxName, FactRef, History, Of, Place, Plan, Provenance};

/// The groups of a run that weren't there, and who would have been in them.
pub(super) struct Missing<'a> {
    history: &'a History,
    groups: Vec<BoxName>,
    boxes: Vec<BoxName>,
    processes: Vec<String>,
}

impl<'a> Missing<'a> {
    /// Finds them: a group that is there has a path.
    pub(super) fn of(plan: &Plan, history: &'a History) -> Missing<'a> {
        let missing = |name: &BoxName| {
            let path = history.fact(&FactRef::group_path(name));
            path.is_some_and(|fact| fact.value.is_none())
        };
        let all = plan.cgroups.iter().map(|group| group.name.clone());
        let groups: Vec<BoxName> = all.filter(missing).collect();
        let mut boxes: Vec<BoxName> = Vec::new();
        // A parent is declared before its child, which is born where it stands.
        for spec in &plan.boxes {
            let meant = match (&spec.cgroup, &spec.parent) {
                (Some(group), _) => groups.contains(group),
                (None, Some(parent)) => boxes.contains(parent),
                (None, None) => false,
            };
            boxes.extend(meant.then(|| spec.name.clone()));
        }
        // Those that an action starts in a group, or moves into one, by name.
        let processes = plan.actions.iter().filter_map(|action| {
            let names = action.verb.about().names;
            let home = names.iter().find(|named| named.of == Of::Home)?;
            let meant = groups.iter().any(|group| group.as_str() == home.name);
            let moved = names.iter().find(|named| named.of == Of::Spawn);
            let name = moved.map(|named| named.name.to_string());
            name.or_else(|| action.result.clone()).filter(|_| meant)
        });
        Missing {
            history,
            processes: processes.collect(),
            groups,
            boxes,
        }
    }

    /// Whether a test looks at something that can't be had for the lack of such
    /// a group: its reason is then the group's.
    pub(super) fn excuses(&self, test: &Test) -> bool {
        let reason = |id: &FactRef| -> Option<&Provenance> {
            let fact = self.history.fact(id)?;
            fact.value.is_none().then_some(&fact.provenance)
        };
        let theirs: Vec<_> = self
            .groups
            .iter()
            .map(|name| reason(&FactRef::group_path(name)))
            .collect();
        test.facts()
            .map(reason)
            .any(|why| why.is_some() && theirs.contains(&why))
    }

    /// Whether a test looks at a box or at a process that would have been in
    /// such a group: what it shows may be what the group would have changed.
    pub(super) fn concerns(&self, test: &Test) -> bool {
        test.facts().any(|id| {
            let is_meant = |name: &BoxName| self.boxes.contains(name);
            let process = id.name.split('.').next().unwrap_or_default();
            let of_process = self.processes.iter().any(|name| name == process);
            match &id.seen_from {
                Place::Box(name) => is_meant(name),
                Place::Host => of_process || id.about.as_ref().is_some_and(is_meant),
            }
        })
    }
}
