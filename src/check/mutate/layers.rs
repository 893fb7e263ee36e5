//! The changes of layers: an overlay of other layers, a copy in its place, and
//! files that are changed on the wrong side of it.

use super::change::{Change, missing, told};
use crate::plan::{Action, Copy, Overlay, Overwrite, Place, Plan, Verb, Write};

/// Those of each overlay.
pub(super) fn changes(plan: &Plan) -> Vec<Change> {
    let mut changes = Vec::new();
    for (index, action) in plan.actions.iter().enumerate() {
        let Verb::Overlay(overlay) = &action.verb else {
            continue;
        };
        let what = told(index, action);
        for (how, other) in stacked(overlay) {
            let mut plan = plan.clone();
            plan.actions[index].verb = Verb::Overlay(other);
            changes.push(Change::new(format!("{what} {how}"), plan));
        }
        for lower in &overlay.lower {
            let how = format!("as a copy of {lower}");
            let plan = copied(plan, index, overlay, lower);
            changes.push(Change::new(format!("{what} {how}"), plan));
        }
        changes.extend(beside(plan, index, overlay));
        changes.extend(spoiled(plan, index, overlay));
    }
    changes
}

/// The overlay with each layer missing, without each of several, turned upside
/// down, and read-only.
fn stacked(overlay: &Overlay) -> Vec<(String, Overlay)> {
    let mut found = Vec::new();
    let mut add = |how: String, change: &dyn Fn(&mut Overlay)| {
        let mut changed = overlay.clone();
        change(&mut changed);
        found.push((how, changed));
    };
    for (index, lower) in overlay.lower.iter().enumerate() {
        add(format!("with {lower} missing"), &|it| {
            it.lower[index] = missing(lower);
        });
        if overlay.lower.len() > 1 {
            add(format!("without {lower}"), &|it| {
                it.lower.remove(index);
            });
        }
    }
    add("upside down".into(), &|it| it.lower.reverse());
    add("without an upper layer".into(), &|it| it.upper = None);
    found
}

/// A copy of a lower layer where the view would be, and an empty directory for
/// the upper.
fn copied(plan: &Plan, index: usize, overlay: &Overlay, lower: &str) -> Plan {
    let mut plan = plan.clone();
    let place = plan.actions[index].place.clone();
    plan.actions[index].verb = Verb::Copy(Copy {
        from: lower.into(),
        to: overlay.at.clone(),
        count: overlay.count,
    });
    let uppers: Vec<String> = match (&overlay.upper, overlay.count) {
        (None, _) => Vec::new(),
        (Some(upper), None) => vec![upper.clone()],
        (Some(upper), Some(count)) => (1..=count).map(|n| format!("{upper}-{n}")).collect(),
    };
    for upper in uppers {
        let made = action(&place, Verb::Mkdir(upper));
        plan.actions.insert(index + 1, made);
    }
    // A copy makes its directory.
    let makes = |it: &Action| it.place == place && it.verb == Verb::Mkdir(overlay.at.clone());
    if let Some(made) = plan.actions[..index].iter().position(makes) {
        plan.actions.remove(made);
    }
    plan
}

/// Each change of a file in the view, done in the topmost lower layer instead.
fn beside(plan: &Plan, index: usize, overlay: &Overlay) -> Vec<Change> {
    let Some(lower) = overlay.lower.first() else {
        return Vec::new();
    };
    let place = &plan.actions[index].place;
    let within = |path: &str| {
        let rest = path.strip_prefix(overlay.at.trim_end_matches('/'))?;
        rest.starts_with('/').then(|| format!("{lower}{rest}"))
    };
    let mut changes = Vec::new();
    for (later, action) in plan.actions.iter().enumerate().skip(index + 1) {
        if &action.place != place {
            continue;
        }
        let mut verb = action.verb.clone();
        let path = match &mut verb {
            Verb::Write(write) => &mut write.path,
            Verb::Overwrite(change) => &mut change.path,
            Verb::Fill(fill) => &mut fill.path,
            Verb::Remove(path) | Verb::Mkdir(path) => path,
            _ => continue,
        };
        let Some(other) = within(path) else { continue };
        let how = format!("{} in the layer, {other}", told(later, action));
        *path = other;
        let mut plan = plan.clone();
        plan.actions[later].verb = verb;
        changes.push(Change::new(how, plan));
    }
    changes
}

/// Each file of a lower layer changed once the view stands: in the layer, and in
/// the view.
fn spoiled(plan: &Plan, index: usize, overlay: &Overlay) -> Vec<Change> {
    let mut changes = Vec::new();
    let view = match overlay.count {
        None => overlay.at.clone(),
        Some(_) => format!("{}-1", overlay.at),
    };
    for made in &plan.actions[..index] {
        let path = match &made.verb {
            Verb::Write(write) => &write.path,
            Verb::Fill(fill) => &fill.path,
            _ => continue,
        };
        let Some(rest) = overlay
            .lower
            .iter()
            .find_map(|lower| path.strip_prefix(lower.as_str()))
            .filter(|rest| rest.starts_with('/'))
        else {
            continue;
        };
        let shown = format!("{view}{rest}");
        for (place, path) in [(&made.place, path), (&plan.actions[index].place, &shown)] {
            let mut replaced = plan.clone();
            let anew = Write {
                path: path.clone(),
                text: "?".into(),
            };
            let verbs = [Verb::Remove(path.clone()), Verb::Write(anew)];
            let both = verbs.map(|verb| action(place, verb));
            replaced.actions.splice(index + 1..index + 1, both);
            changes.push(Change::new(
                format!("with {path} replaced after action {}", index + 1),
                replaced,
            ));
            let mut plan = plan.clone();
            let change = Overwrite {
                path: path.clone(),
                at: 0,
                text: "?".into(),
            };
            plan.actions
                .insert(index + 1, action(place, Verb::Overwrite(change)));
            changes.push(Change::new(
                format!("with {path} changed after action {}", index + 1),
                plan,
            ));
        }
    }
    changes
}

fn action(place: &Place, verb: Verb) -> Action {
    Action {
        place: place.clone(),
        verb,
        result: None,
        of: None,
        at: None,
        say: None,
        at_once: false,
    }
}
