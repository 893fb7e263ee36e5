//! The changes of a demo as a whole: where it stands, and what of the CPU it gets.

use super::change::{Change, free_name};
use crate::plan::{
    Action, BoxName, BoxSpec, CgroupSpec, Controller, Limit, Limits, Namespace, Percent, Place,
    Plan, Propagation, Verb,
};

/// What of one CPU the whole run gets: a fifth.
const CEILING: Percent = Percent(20);

/// The whole run below one group with a ceiling.
pub(super) fn capped(plan: &Plan) -> Option<Change> {
    let mut capped = plan.clone();
    let whole = free_name(plan, "whole")?;
    let rest = free_name(plan, "rest")?;
    let group = |name: &BoxName, parent: Option<&BoxName>| CgroupSpec {
        name: name.clone(),
        parent: parent.cloned(),
        controllers: vec![Controller::Cpu],
        limits: Limits::default(),
        missing_ok: false,
    };
    // In version 1 a group without that controller is none of that hierarchy's.
    for inner in &mut capped.cgroups {
        if !inner.needs().contains(&Controller::Cpu) {
            inner.controllers.push(Controller::Cpu);
        }
    }
    for top in capped.cgroups.iter_mut().filter(|it| it.parent.is_none()) {
        top.parent = Some(whole.clone());
    }
    // The members of a group that hands controllers down are in its children.
    capped.cgroups.insert(0, group(&rest, Some(&whole)));
    let mut ceiling = group(&whole, None);
    ceiling.limits.cpu_max = Some(Limit::At(CEILING));
    capped.cgroups.insert(0, ceiling);
    for spec in capped.boxes.iter_mut().filter(|it| it.parent.is_none()) {
        spec.cgroup.get_or_insert_with(|| rest.clone());
    }
    for action in &mut capped.actions {
        if let (Place::Host, Verb::Spawn(spawn)) = (&action.place, &mut action.verb) {
            spawn.cgroup.get_or_insert_with(|| rest.clone());
        }
    }
    let told = format!("the whole run with {CEILING} of a CPU");
    Some(Change::new(told, capped))
}

/// Every box on one CPU.
pub(super) fn on_one_cpu(plan: &Plan) -> Change {
    let mut kept = plan.clone();
    kept.one_cpu = !plan.boxes.is_empty();
    Change::new("its boxes on one CPU", kept)
}

/// The whole demo in a box that plays the machine, and that has what contains an
/// action of a box without its namespace of that kind.
pub(super) fn on_a_machine(plan: &Plan, ns: Namespace, told: &str) -> Option<Change> {
    let name = free_name(plan, "machine")?;
    let held = match ns {
        // What root of no user namespace of its own may do, it may do to these.
        Namespace::User => vec![Namespace::Uts],
        // A /proc of its own, in which its processes find themselves.
        Namespace::Pid => vec![Namespace::Pid, Namespace::Mount],
        other => vec![other],
    };
    let mut moved = plan.clone();
    for spec in moved.boxes.iter_mut().filter(|it| it.parent.is_none()) {
        spec.parent = Some(name.clone());
    }
    let machine = BoxSpec {
        name: name.clone(),
        namespaces: held,
        parent: None,
        missing_ok: false,
        propagation: Propagation::default(),
        proc: None,
        clocks: None,
        cgroup: None,
    };
    moved.boxes.insert(0, machine);
    for action in &mut moved.actions {
        // What looks into a box, at a group or at processes stands outside.
        let outside = action.of.is_some()
            || action.verb.groups().next().is_some()
            || matches!(
                action.verb,
                Verb::Spawn(_)
                    | Verb::Wait(_)
                    | Verb::Kill(_)
                    | Verb::AwaitEnd(_)
                    | Verb::Veth(_)
                    | Verb::SetLimits(_)
                    | Verb::Watch(_)
                    | Verb::Stage(_)
            );
        if action.place == Place::Host && !outside {
            action.place = Place::Box(name.clone());
        }
    }
    Some(Change {
        machine: Some(name),
        ..Change::new(format!("{told}, on a machine played by a box"), moved)
    })
}

/// Boxes that have lost a namespace, with programs that do nothing: what they would
/// do to that of the machine is in no declaration. Without a pid namespace a box
/// doesn't survive its own signals.
pub(super) fn harmless(mut plan: Plan, ns: Namespace, names: &[BoxName]) -> Plan {
    let mut theirs = names.to_vec();
    for spec in &plan.boxes {
        if spec.parent.as_ref().is_some_and(|it| theirs.contains(it)) {
            theirs.push(spec.name.clone());
        }
    }
    let within =
        |action: &Action| matches!(&action.place, Place::Box(name) if theirs.contains(name));
    if ns == Namespace::Pid {
        let kills = |action: &Action| matches!(action.verb, Verb::Kill(_));
        plan.actions
            .retain(|action| !(within(action) && kills(action)));
    }
    for action in &mut plan.actions {
        let there = within(action);
        if there && matches!(action.verb, Verb::Run(_)) {
            action.verb = Verb::Run(vec!["true".into()]);
        }
    }
    plan
}
