//! What a plan will do to this machine, in words, for someone who must agree.

use super::line::{Line, Role, Span};
use super::text::{bullet, wrap};
use crate::plan::{
    Action, BoxSpec, CgroupSpec, Effect, Namespace, Place, Plan, Propagation, RUN_MEMORY,
    RUN_PROCESSES,
};

/// What holds for a command outside of every box with mounts of its own.
const APART: &str = "! In a box without mounts of its own, and for root on the host too, a command \
                     sees every file read-only, no terminal and no disk, and its mounts go with it. \
                     It can still signal your processes and talk to your services.";

/// The plan as a list of sentences: first the boxes, then every action.
pub fn consent(plan: &Plan, width: usize) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut part = |head: &str, items: Vec<String>| {
        if items.is_empty() {
            return;
        }
        if !lines.is_empty() {
            lines.push(Line::default());
        }
        lines.extend(wrap(&[Span::new(head, Role::Label)], width));
        for item in items {
            let spans = [Span::new(item, Role::Body)];
            lines.extend(bullet(Span::new("• ", Role::Dim), &spans, width));
        }
    };
    let groups = plan.cgroups.iter().map(grouped);
    part(
        "It makes:",
        groups.chain(plan.boxes.iter().map(made)).collect(),
    );
    let (host, boxed): (Vec<_>, Vec<_>) = plan
        .actions
        .iter()
        .partition(|action| action.place == Place::Host);
    part(
        "On the host itself, as you:",
        host.iter().map(|a| done(a)).collect(),
    );
    part(
        "Inside the boxes:",
        boxed
            .iter()
            .map(|a| format!("{}: {}", a.place, done(a)))
            .collect(),
    );
    let commands = || {
        let all = plan.actions.iter();
        all.filter(|action| action.verb.about().effect == Effect::User)
    };
    let mut mind = Vec::new();
    if commands().next().is_some() {
        mind.push(
            "! No box hides your files from a command: it may change what you may change.".into(),
        );
    }
    if commands().any(|action| !plan.contained(&action.place, Namespace::Mount)) {
        mind.push(APART.into());
    }
    if commands().any(|action| plan.is_fenced(&action.place)) {
        mind.push(format!(
            "! Outside of a group of the demo's own, all commands together have {RUN_PROCESSES} \
             processes and {RUN_MEMORY} of memory at most; where this host can't count them \
             together, each has that memory, and as many processes as you may have.",
        ));
    }
    for line in mind {
        lines.push(Line::default());
        lines.extend(wrap(&[Span::new(line, Role::Warn)], width));
    }
    if lines.is_empty() {
        lines.extend(wrap(&[Span::new("It does nothing.", Role::Body)], width));
    }
    lines
}

fn grouped(spec: &CgroupSpec) -> String {
    let limited: Vec<_> = spec.needs().iter().map(ToString::to_string).collect();
    match limited.is_empty() {
        true => format!("a cgroup `{}`", spec.name),
        false => format!("a cgroup `{}`, for: {}", spec.name, limited.join(", ")),
    }
}

fn made(spec: &BoxSpec) -> String {
    let own: Vec<_> = spec.namespaces.iter().map(|ns| ns.title()).collect();
    let mut text = format!("a box `{}`", spec.name);
    if let Some(parent) = &spec.parent {
        text.push_str(&format!(" inside `{parent}`"));
    }
    text.push_str(&match own.len() {
        0 => ", without any namespace of its own".to_string(),
        1 => format!(", with a {} namespace of its own", own[0]),
        _ => format!(", with namespaces of its own: {}", own.join(", ")),
    });
    if spec.cgroup.is_some() {
        text.push_str(", in a new cgroup");
    }
    match spec.propagation {
        Propagation::Private | Propagation::Unchanged => {}
        Propagation::Slave => text.push_str(", which receives the host's mount events"),
        Propagation::Shared => text.push_str(", which shares mount events"),
    }
    text
}

fn done(action: &Action) -> String {
    let about = action.verb.about();
    match &action.of {
        Some(name) => format!("{} of `{name}`", about.consent),
        None => about.consent,
    }
}
