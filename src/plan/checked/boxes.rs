//! A plan's boxes: each with a name of its own, declared before those in it,
//! and such as a kernel can make.

use super::flaw::{Flaw, Part, below, path};
use super::groups::Groups;
use super::limits::{self, DEEPEST};
use crate::plan::action::{BoxSpec, CHILD_CGROUP, Plan};
use crate::plan::fact::{BoxName, Place};
use crate::plan::namespace::{Namespace, Propagation};

/// The boxes that are declared.
pub(super) struct Boxes {
    pub(super) declared: Vec<BoxName>,
    /// A box whose name can't be read may be any of those that are missing.
    pub(super) unnamed: bool,
    /// All of them, if all could be read.
    pub(super) plan: Option<Plan>,
    specs: Vec<BoxSpec>,
}

/// Judges the boxes.
pub(super) fn check(parts: &[Part<BoxSpec>], groups: &Groups, flaws: &mut Vec<Flaw>) -> Boxes {
    let mut boxes = Boxes::of(parts);
    let mut before: Vec<BoxName> = Vec::new();
    for (index, part) in parts.iter().enumerate() {
        let at = path(&["box", &index.to_string()]);
        let (name, parent) = names(part);
        if let Some(name) = &name
            && before.contains(name)
        {
            // One of the two is another, whose name nobody knows.
            boxes.unnamed = true;
            flaws.push(Flaw::new(
                "duplicate-box",
                below(&at, &["name"]),
                format!("there are two boxes `{name}`"),
                "give each its own name",
            ));
        }
        if let Some(parent) = parent {
            let at = below(&at, &["in"]);
            match boxes.declared.contains(&parent) {
                true if !before.contains(&parent) => flaws.push(Flaw::new(
                    "parent-after-child",
                    at,
                    format!("the box `{parent}` is declared only later"),
                    "declare a box before those that are made in it",
                )),
                true => {}
                false => boxes.mention(&parent, at, flaws),
            }
        }
        before.extend(name);
        if let Part::Read(spec) = part {
            rules(spec, &at, groups, flaws);
        }
    }
    if boxes.unnamed {
        return boxes;
    }
    boxes.plan = boxes.whole(parts.len());
    for (index, part) in parts.iter().enumerate() {
        let at = path(&["box", &index.to_string()]);
        if let (Part::Read(spec), Some(plan)) = (part, &boxes.plan) {
            nesting(plan, spec, &at, flaws);
        }
    }
    boxes
}

fn names(part: &Part<BoxSpec>) -> (Option<BoxName>, Option<BoxName>) {
    match part {
        Part::Read(spec) => (Some(spec.name.clone()), spec.parent.clone()),
        Part::Unread { name, place, .. } => {
            let read = |text: &Option<String>| text.as_ref().and_then(|text| text.parse().ok());
            (read(name), read(place))
        }
    }
}

/// What a box must be by itself.
fn rules(spec: &BoxSpec, at: &[String], groups: &Groups, flaws: &mut Vec<Flaw>) {
    for (key, there, ns, named) in [
        ("clocks", spec.clocks.is_some(), Namespace::Time, "time"),
        (
            "propagation",
            spec.propagation != Propagation::Private,
            Namespace::Mount,
            "mount",
        ),
    ] {
        if there && !spec.has(ns) {
            flaws.push(Flaw::of_key(
                "needs-namespace",
                below(at, &[key]),
                format!("`{key}` means nothing without a {named} namespace"),
                format!("add \"{named}\" to the box's namespaces"),
            ));
        }
    }
    for (index, ns) in spec.namespaces.iter().enumerate() {
        if spec.namespaces[..index].contains(ns) {
            flaws.push(Flaw::new(
                "duplicate-namespace",
                below(at, &["namespaces", &index.to_string()]),
                format!("the {ns} namespace is there twice"),
                "keep one of the two",
            ));
        }
    }
    if let Some(clocks) = &spec.clocks {
        limits::clocks(clocks, &below(at, &["clocks"]), flaws);
    }
    let declared = spec.cgroup.as_ref();
    if let Some(group) = declared.filter(|name| name.as_str() != CHILD_CGROUP) {
        groups.reference(group.as_str(), &below(at, &["cgroup"]), flaws);
    }
}

/// What a box must be where it stands.
fn nesting(plan: &Plan, spec: &BoxSpec, at: &[String], flaws: &mut Vec<Flaw>) {
    if let Some(why) = plan.leak(spec) {
        flaws.push(Flaw::new(
            "not-contained",
            below(at, &["propagation"]),
            "the box would share its mounts with the host",
            why,
        ));
    }
    let place = Place::Box(spec.name.clone());
    if spec.proc == Some(true) {
        let mount = (!spec.has(Namespace::Mount)).then_some("mount");
        let pid = (!plan.may_mount_proc(&place)).then_some("pid");
        let missing: Vec<&str> = pid.into_iter().chain(mount).collect();
        if !missing.is_empty() {
            let quoted: Vec<String> = missing.iter().map(|ns| format!("\"{ns}\"")).collect();
            flaws.push(Flaw::of_key(
                "needs-namespace",
                below(at, &["proc"]),
                format!(
                    "a /proc of its own needs a {} namespace",
                    missing.join(" and a ")
                ),
                format!("add {} to the box's namespaces", quoted.join(" and ")),
            ));
        }
    }
    for (ns, named) in [(Namespace::Pid, "pid"), (Namespace::User, "user")] {
        // Told of the first that is too deep, not of all that are in it.
        if spec.has(ns) && plan.depth(&place, ns) == DEEPEST + 1 {
            flaws.push(Flaw::new(
                "too-deep",
                below(at, &["namespaces"]),
                format!("it would be {named} namespace {} in a row", DEEPEST + 1),
                format!("they nest {DEEPEST} deep at most, whatever a host allows"),
            ));
        }
    }
}

impl Boxes {
    fn of(parts: &[Part<BoxSpec>]) -> Boxes {
        let named: Vec<Option<BoxName>> = parts.iter().map(|part| names(part).0).collect();
        Boxes {
            unnamed: named.contains(&None),
            declared: named.into_iter().flatten().collect(),
            plan: None,
            specs: parts.iter().filter_map(Part::read).cloned().collect(),
        }
    }

    /// The boxes as a plan, if all could be read.
    fn whole(&self, all: usize) -> Option<Plan> {
        let plan = Plan {
            boxes: self.specs.clone(),
            ..Plan::default()
        };
        (plan.boxes.len() == all).then_some(plan)
    }

    /// The box of that name.
    pub(super) fn find(&self, name: &BoxName) -> Option<&BoxSpec> {
        self.specs.iter().find(|spec| &spec.name == name)
    }

    /// A mention of a box that must be declared.
    pub(super) fn mention(&self, name: &BoxName, at: Vec<String>, flaws: &mut Vec<Flaw>) {
        if self.unnamed || self.declared.contains(name) {
            return;
        }
        flaws.push(Flaw {
            undeclared: Some(name.clone()),
            ..Flaw::new(
                "undeclared-box",
                at,
                format!("the box `{name}` is not declared"),
                format!("declare it: `[[box]]` with `name = \"{name}\"`"),
            )
        });
    }
}
