//! What the ten facts come to, in a sentence.

use super::form::{Fact, Kind, Verdict};
use super::sides::Sides;
use crate::plan::Namespace;

/// Sums up.
pub(super) fn verdict(sides: &Sides, facts: &[Fact], kind: Kind) -> Verdict {
    let count = |wanted| facts.iter().filter(|fact| fact.holds == wanted).count();
    Verdict {
        holds: count(Some(true)),
        fails: count(Some(false)),
        unknown: count(None),
        sentence: sentence(sides, facts, kind),
    }
}

fn sentence(sides: &Sides, facts: &[Fact], kind: Kind) -> String {
    let Some(own) = sides.own() else {
        let group = match kind {
            Kind::Process => "no cgroup of its own",
            _ => "a cgroup of its own",
        };
        return format!(
            "Its namespaces can't be read by you: seen are {group} and {}.",
            capabilities(sides)
        );
    };
    let chroot = sides
        .theirs
        .process
        .root
        .as_ref()
        .is_some_and(|root| Some(root) != sides.yours.process.root.as_ref());
    match (own.len(), chroot, kind) {
        (0, true, _) => "Another root directory and no namespaces: a chroot.".into(),
        (0, false, Kind::Process) => {
            "No namespaces and no cgroup of its own: a process like any other.".into()
        }
        (0, false, Kind::Service) => "A cgroup, no namespaces: a service.".into(),
        (0, false, Kind::Scope) => "A cgroup, no namespaces: a scope.".into(),
        (0, false, _) => "A cgroup, no namespaces: a group of processes.".into(),
        (count, _, _) => {
            let mut parts = vec![match count {
                1 => format!("One namespace of its own ({})", own[0]),
                n => format!("{} namespaces of its own ({})", word(n), own.join(", ")),
            }];
            parts.push(capabilities(sides));
            parts.push(root(sides, facts).into());
            format!("{}: {}.", parts.join(", "), conclusion(sides, facts, kind))
        }
    }
}

fn word(count: usize) -> &'static str {
    [
        "No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight",
    ]
    .get(count)
    .unwrap_or(&"More")
}

fn capabilities(sides: &Sides) -> String {
    let inside = match sides.has(Namespace::User) {
        Some(true) => " in a user namespace",
        Some(false) | None => "",
    };
    match sides.effective() {
        None => "unknown capabilities".into(),
        Some(0) => "no capabilities".into(),
        Some(_) if sides.is_almighty() => format!("all capabilities{inside}"),
        Some(set) => match set.count_ones() {
            1 => format!("one capability{inside}"),
            n => format!("{n} capabilities{inside}"),
        },
    }
}

fn root(sides: &Sides, facts: &[Fact]) -> &'static str {
    match holds(facts, "own-root") {
        Some(true) if holds(facts, "layers") == Some(true) => "a / of layers",
        Some(true) => "a / of its own",
        Some(false) if sides.stands_on_machine_root() == Some(false) => {
            "a / of its own with the machine's in it"
        }
        Some(false) => "the machine's /",
        None => "a / that can't be read",
    }
}

fn conclusion(sides: &Sides, facts: &[Fact], kind: Kind) -> &'static str {
    let all = |ids: &[&str]| ids.iter().all(|id| holds(facts, id) == Some(true));
    let unprivileged = all(&["privileges"]);
    let outside = sides.has(Namespace::User) == Some(false);
    match kind {
        _ if outside && sides.is_almighty() => "privileged",
        _ if all(&[
            "own-proc",
            "own-root",
            "own-hostname",
            "own-network",
            "own-ipc",
        ]) && unprivileged =>
        {
            "a container"
        }
        Kind::Service | Kind::Scope => "a service with some walls",
        _ if sides.stands_on_machine_root() == Some(false) => "a container with openings",
        _ => "a sandbox, not a container",
    }
}

fn holds(facts: &[Fact], id: &str) -> Option<bool> {
    facts.iter().find(|fact| fact.id == id)?.holds
}
