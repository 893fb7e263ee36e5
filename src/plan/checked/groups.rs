//! A plan's cgroups: each with a name of its own, and declared before its children.

use super::flaw::{Flaw, Part, below, path, shown};
use super::limits;
use crate::base::nearest;
use crate::plan::cgroup::{CgroupSpec, Controller};

/// The groups that there are by now.
pub(super) struct Groups {
    declared: Vec<(String, Option<Vec<Controller>>)>,
}

/// Judges the groups.
pub(super) fn check(parts: &[Part<CgroupSpec>], flaws: &mut Vec<Flaw>) -> Groups {
    let mut groups = Groups {
        declared: Vec::new(),
    };
    for (index, part) in parts.iter().enumerate() {
        let at = path(&["cgroup", &index.to_string()]);
        let (name, parent) = match part {
            Part::Read(spec) => {
                limits::check(&spec.limits, &below(&at, &["limits"]), flaws);
                let parent = spec.parent.as_ref().map(ToString::to_string);
                (Some(spec.name.to_string()), parent)
            }
            Part::Unread { name, place, .. } => (name.clone(), place.clone()),
        };
        if let Some(parent) = parent {
            groups.reference(&parent, &below(&at, &["in"]), flaws);
        }
        let Some(name) = name else { continue };
        if groups.declared.iter().any(|(known, _)| *known == name) {
            flaws.push(Flaw::new(
                "duplicate-cgroup",
                below(&at, &["name"]),
                format!("there are two cgroups `{name}`"),
                "give each its own name",
            ));
        }
        let controllers = part.read().map(CgroupSpec::needs);
        groups.declared.push((name, controllers));
    }
    groups
}

impl Groups {
    /// A reference to a group that must be there.
    pub(super) fn reference(&self, name: &str, at: &[String], flaws: &mut Vec<Flaw>) {
        let known = || self.declared.iter().map(|(known, _)| known.as_str());
        if known().any(|known| known == name) {
            return;
        }
        let help = match nearest(name, known()) {
            Some(close) => format!("did you mean `{close}`?"),
            None => format!("declare it first: `[[cgroup]]`, `name = \"{name}\"`"),
        };
        let message = format!("there is no cgroup {}", shown(name));
        flaws.push(Flaw::new("unknown-cgroup", at.to_vec(), message, help));
    }

    /// A use of a group that these controllers make possible.
    pub(super) fn controlled(
        &self,
        name: &str,
        needed: &[Controller],
        at: &[String],
        flaws: &mut Vec<Flaw>,
    ) {
        let declared = self.declared.iter().find(|(known, _)| known == name);
        let Some((_, Some(has))) = declared else {
            return;
        };
        for controller in needed.iter().filter(|needed| !has.contains(needed)) {
            flaws.push(Flaw::new(
                "needs-controller",
                at.to_vec(),
                format!("the cgroup `{name}` is made without the {controller} controller"),
                format!("add \"{controller}\" to its `controllers`"),
            ));
        }
    }
}
