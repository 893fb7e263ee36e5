//! A plan that can be carried out: [`Plan::check`] is the one way to it, and a
//! [`Checked`] plan the one thing that the sandbox accepts.
//!
//! Whoever reads plans that people write wants every flaw, in as much as could
//! be read, with the place where it stands: that is [`Draft::flaws`], the same
//! rules and the same words. Nothing here looks at the host: a flaw is what no
//! host can do, or none should be asked to. Ranges are the kernel's as it
//! documents them; budgets are what a learner's machine bears beside its work.

mod actions;
mod boxes;
mod budget;
mod flaw;
mod groups;
mod limits;
mod values;

pub use flaw::{Draft, Flaw, Part};
pub use limits::MOST_PARTS;

use super::action::Plan;
use super::cgroup::SetLimits;
use super::verb::Verb;
use flaw::path;
use std::ops::Deref;

/// A plan without a flaw.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Checked(Plan);

impl Plan {
    /// The plan, if it can be carried out.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn check(mut self) -> Result<Checked, Vec<Flaw>> {
        let read = Draft {
            cgroups: self.cgroups.iter().cloned().map(Part::Read).collect(),
            boxes: self.boxes.iter().cloned().map(Part::Read).collect(),
            actions: self.actions.iter().cloned().map(Part::Read).collect(),
        };
        let flaws = read.flaws();
        if !flaws.is_empty() {
            return Err(flaws);
        }
        for action in &mut self.actions {
            values::tidy(&mut action.verb);
        }
        Ok(Checked(self))
    }
}

impl Checked {
    /// The plan for somebody who sits in front of it: a `stage` and the end of a
    /// beat ([`Plan::waits_before`]) wait for them, and a `watch` with a time for that takes it.
    pub fn attended(mut self) -> Checked {
        (self.0.attended, self.0.told) = (true, true);
        for action in &mut self.0.actions {
            if let Verb::Watch(watch) = &mut action.verb {
                watch.time = watch.live.unwrap_or(watch.time);
            }
        }
        self
    }

    /// The plan with or without somebody whose word its stages await.
    pub fn with_stages(mut self, awaited: bool) -> Checked {
        self.0.attended = awaited;
        self
    }

    /// The plan, in whose boxes all is read-only but what the run itself mounts:
    /// for a plan that nobody wrote, whose programs may meet what they didn't expect.
    pub fn guarded(mut self) -> Checked {
        self.0.guarded = true;
        self
    }

    /// The plan that was checked, to be changed: then it is checked no more.
    pub fn into_plan(self) -> Plan {
        self.0
    }
}

impl Deref for Checked {
    type Target = Plan;
    fn deref(&self) -> &Plan {
        &self.0
    }
}

impl SetLimits {
    /// What is wrong with a change of limits, as such.
    pub fn flaws(&self) -> Vec<Flaw> {
        let mut flaws = Vec::new();
        limits::check(&self.limits, &path(&["limits"]), &mut flaws);
        flaws
    }
}

impl Draft {
    /// Everything that is wrong with it.
    pub fn flaws(&self) -> Vec<Flaw> {
        let mut flaws = Vec::new();
        for (key, length) in [
            ("cgroup", self.cgroups.len()),
            ("box", self.boxes.len()),
            ("action", self.actions.len()),
        ] {
            if length > MOST_PARTS {
                let message = format!("`{key}` is there {length} times");
                let help = format!("{MOST_PARTS} at most: nobody follows a longer demo");
                flaws.push(Flaw::of_key("too-many", path(&[key]), message, help));
            }
        }
        // What is too long to be followed is too long to be judged.
        if flaws.is_empty() {
            let groups = groups::check(&self.cgroups, &mut flaws);
            let boxes = boxes::check(&self.boxes, &groups, &mut flaws);
            actions::check(self, &groups, &boxes, &mut flaws);
            budget::check(&self.actions, &mut flaws);
        }
        flaws
    }
}

/// All flaws of a plan in one sentence, for whoever asked to carry it out.
pub fn told(flaws: &[Flaw]) -> String {
    let told: Vec<String> = flaws.iter().map(Flaw::to_string).collect();
    format!("the plan can't be carried out: {}", told.join(" · "))
}

#[cfg(test)]
mod tests;
