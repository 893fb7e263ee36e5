//! A change of a plan, and the words for it.

use crate::plan::{Action, BoxName, Plan};

/// A change, not yet looked at.
pub(super) struct Change {
    /// What was changed.
    pub(super) told: String,
    /// What came of it.
    pub(super) plan: Plan,
    /// The box that plays the machine.
    pub(super) machine: Option<BoxName>,
}

impl Change {
    pub(super) fn new(told: impl Into<String>, plan: Plan) -> Change {
        Change {
            told: told.into(),
            plan,
            machine: None,
        }
    }
}

/// A name that no box and no group of the plan has.
pub(super) fn free_name(plan: &Plan, wish: &str) -> Option<BoxName> {
    let taken = |name: &BoxName| {
        plan.boxes.iter().any(|spec| &spec.name == name)
            || plan.cgroups.iter().any(|group| &group.name == name)
    };
    let names = (1..).map(|n| match n {
        1 => wish.to_string(),
        n => format!("{wish}-{n}"),
    });
    names
        .map_while(|name| name.parse().ok())
        .find(|name| !taken(name))
}

/// How an action is called in the words of a change.
pub(super) fn told(index: usize, action: &Action) -> String {
    let consent = action.verb.about().consent;
    format!("action {} (in `{}`: {consent})", index + 1, action.place)
}

/// A path where nothing is.
pub(super) fn missing(path: &str) -> String {
    format!("{}-missing", path.trim_end_matches('/'))
}
