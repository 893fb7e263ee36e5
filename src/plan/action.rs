//! What a demo asks for: boxes, and actions carried out in order.
//!
//! These types are the TOML that lesson authors write (see docs/lessons.md) and
//! the message that the sandbox receives: there is one reading of them.

use super::cgroup::{CgroupSpec, Controller};
use super::fact::{BoxName, Place};
use super::namespace::{Namespace, Propagation, TimeOffsets};
use super::refusal::Need;
use super::verb::Verb;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Everything that one run does to the kernel.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Plan {
    /// The cgroups, made in this order before the boxes.
    #[serde(default)]
    pub cgroups: Vec<CgroupSpec>,
    /// The boxes, made in this order before the first action, save those that
    /// an action creates.
    pub boxes: Vec<BoxSpec>,
    /// Carried out one after the other.
    pub actions: Vec<Action>,
    /// Somebody sits in front of it: a `stage` awaits their word.
    #[serde(default)]
    pub attended: bool,
    /// What a box inherits of the host's mounts is read-only in it.
    #[serde(default)]
    pub guarded: bool,
    /// Its boxes, and what is started in them, keep to one CPU.
    #[serde(default)]
    pub one_cpu: bool,
    /// They are told it beat by beat: so does the end of each beat.
    #[serde(default)]
    pub told: bool,
}

/// A process with namespaces of its own: pid 1 of a box.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct BoxSpec {
    /// How actions and facts refer to it.
    pub name: BoxName,
    /// The namespaces that it gets of its own; the others it shares with its parent.
    #[serde(default)]
    pub namespaces: Vec<Namespace>,
    /// The box that it is made in; the host if absent.
    #[serde(default, rename = "in", skip_serializing_if = "Option::is_none")]
    pub parent: Option<BoxName>,
    /// A namespace that this kernel refuses is reported as unavailable instead
    /// of ending the run.
    #[serde(default)]
    pub missing_ok: bool,
    /// What its mounts share with the parent's; only with a mount namespace.
    /// `shared` and `unchanged` only in a box that has one, too: a host whose
    /// mounts are shared would get those of the box.
    #[serde(default)]
    pub propagation: Propagation,
    /// Mount a fresh /proc in it. Default: when it has both a pid and a mount namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proc: Option<bool>,
    /// Offsets of its clocks; only with a time namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clocks: Option<TimeOffsets>,
    /// The cgroup that it joins before its namespaces are made: one that the
    /// demo declares, or `child` for a new one that nothing else refers to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cgroup: Option<BoxName>,
}

/// The cgroup that a box is put into without declaring one: a new child of the
/// session's own group where the user may make one; else the session's own, if
/// that isn't the root of every hierarchy.
pub const CHILD_CGROUP: &str = "child";

/// One thing to do, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Action {
    /// `host` or the name of a box.
    #[serde(rename = "in")]
    pub place: Place,
    /// What to do: exactly one verb.
    #[serde(rename = "do")]
    pub verb: Verb,
    /// The name under which its result can be expected, as `place/NAME`.
    #[serde(default, rename = "as", skip_serializing_if = "Option::is_none")]
    pub result: Option<String>,
    /// For `probe`: the box to look at from the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<BoxName>,
    /// For `probe`: a name for this moment, so that a later look can differ.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// One sentence for the learner, shown when it happens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub say: Option<String>,
    /// Nobody is waited for before it, as the wait would change what is measured.
    /// Where something is at work, or a clock is read, that goes without saying.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub at_once: bool,
}

impl BoxSpec {
    /// Whether it has a namespace of this kind of its own.
    pub fn has(&self, ns: Namespace) -> bool {
        self.namespaces.contains(&ns)
    }

    /// Whether a fresh /proc is mounted in it.
    pub fn mounts_proc(&self) -> bool {
        self.proc
            .unwrap_or(self.has(Namespace::Pid) && self.has(Namespace::Mount))
    }
}

fn stages(actions: &[Action]) -> usize {
    let is_stage = |action: &&Action| matches!(action.verb, Verb::Stage(_));
    actions.iter().filter(is_stage).count()
}

impl Plan {
    /// The box of that name.
    pub fn find(&self, name: &BoxName) -> Option<&BoxSpec> {
        self.boxes.iter().find(|spec| &spec.name == name)
    }

    /// The stage that an action of that index begins: its number, from 1, and
    /// its words. `None` if the action is no stage.
    pub fn stage(&self, index: usize) -> Option<(usize, &str)> {
        let Verb::Stage(words) = &self.actions.get(index)?.verb else {
            return None;
        };
        let number = stages(&self.actions[..=index]);
        Some((number, words))
    }

    /// How many stages it has.
    pub fn stages(&self) -> usize {
        stages(&self.actions)
    }

    /// The controllers that a cgroup must have: its own, and those that its
    /// descendants get from it.
    pub fn controllers_of(&self, group: &CgroupSpec) -> Vec<Controller> {
        let children = self
            .cgroups
            .iter()
            .filter(|child| child.parent.as_ref() == Some(&group.name));
        let below: Vec<Controller> = children
            .flat_map(|child| self.controllers_of(child))
            .collect();
        let own = group.needs();
        Controller::ALL
            .into_iter()
            .filter(|c| own.contains(c) || below.contains(c))
            .collect()
    }

    /// What it requires of the host, without doubles, in the order of first use.
    pub fn needs(&self) -> Vec<Need> {
        let mut needs = Vec::new();
        let mut add = |need| {
            if !needs.contains(&need) {
                needs.push(need);
            }
        };
        for group in &self.cgroups {
            group
                .needs()
                .into_iter()
                .for_each(|controller| add(Need::Cgroup(controller)));
        }
        for spec in &self.boxes {
            spec.namespaces
                .iter()
                .for_each(|ns| add(Need::Namespace(*ns)));
            if spec.mounts_proc() {
                add(Need::Proc);
            }
            if spec
                .cgroup
                .as_ref()
                .is_some_and(|name| name.as_str() == CHILD_CGROUP)
            {
                add(Need::ChildCgroup);
            }
        }
        for action in &self.actions {
            action.verb.about().needs.into_iter().for_each(&mut add);
        }
        needs
    }
}
