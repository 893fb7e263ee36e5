//! Mutants of a demo: its plan with one thing changed, so that what the demo is
//! about no longer happens. A claim that holds for every mutant doesn't speak of
//! what the demo does.
//!
//! What only looks or waits is never changed: a claim is to be made false by what
//! happens, with all that it looks at observed. A mutant's plan is checked like
//! any. Where a change would let an action out of the namespace that contains it,
//! the whole demo is moved into one more box, which plays the machine
//! ([`Mutant::machine`]); another mutant of that change leaves out what would get
//! out.

mod change;
mod engine;
mod layers;
mod limits;
mod operators;
mod whole;

use super::expectation::{Expectation, Verdict};
use super::judge::judge_claim;
use crate::plan::{BoxName, Checked, FactRef, Facts, History, Place, Plan, Verb};

/// A plan with one thing changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mutant {
    /// What was changed, in a few words.
    pub change: String,
    /// What is carried out.
    pub plan: Checked,
    /// The box that plays the machine: what the demo does and sees on the host, it
    /// does and sees there.
    pub machine: Option<BoxName>,
}

/// Every mutant of a plan, each once.
pub fn mutants(plan: &Plan) -> Vec<Mutant> {
    let itself = finish(plan.clone()).map(|(plan, _)| plan);
    let mut found: Vec<Mutant> = Vec::new();
    for change in operators::all(plan) {
        let Some((checked, left_out)) = finish(change.plan) else {
            continue;
        };
        let known = found.iter().any(|mutant| mutant.plan == checked);
        if known || itself.as_ref() == Some(&checked) {
            continue;
        }
        let and = match left_out {
            0 => String::new(),
            1 => ", and without the action that needs it".into(),
            n => format!(", and without the {n} actions that need it"),
        };
        found.push(Mutant {
            change: change.told + &and,
            plan: checked,
            machine: change.machine,
        });
    }
    found
}

/// The plan without the actions that can't be carried out any more, and how many
/// they were; `None` if what is left is no plan, or they are some that only look.
fn finish(mut plan: Plan) -> Option<(Checked, usize)> {
    let mut left_out = 0;
    loop {
        go_on(&mut plan);
        let flaws = match plan.clone().check() {
            Ok(checked) => return Some((checked.guarded(), left_out)),
            Err(flaws) => flaws,
        };
        let mut wrong: Vec<usize> = Vec::new();
        for flaw in &flaws {
            let index = match flaw.at.as_slice() {
                [key, index, ..] if key == "action" => index.parse().ok()?,
                _ => return None,
            };
            if !wrong.contains(&index) {
                wrong.push(index);
            }
        }
        wrong.sort_unstable();
        for index in wrong.into_iter().rev() {
            if matches!(plan.actions[index].verb, Verb::Probe(_)) {
                return None;
            }
            plan.actions.remove(index);
            left_out += 1;
        }
    }
}

/// A mutant goes on to its end: what fails in it is a result, not the end of the
/// run. So every action gets a name for its result.
fn go_on(plan: &mut Plan) {
    for (index, action) in plan.actions.iter_mut().enumerate() {
        let has_result = matches!(action.verb.about().facts, Facts::Result(_));
        if has_result && action.result.is_none() {
            action.result = Some(format!("unnamed-{index}"));
        }
    }
}

impl Mutant {
    /// The verdict of a claim on what this mutant has shown.
    pub fn judge(&self, claim: &Expectation, history: &History) -> Verdict {
        judge_claim(claim, history, |id| self.meant(id, history))
    }

    /// What is seen in the place of the machine is what the demo calls the host's.
    fn meant(&self, id: &FactRef, history: &History) -> FactRef {
        let Some(machine) = &self.machine else {
            return id.clone();
        };
        let there = FactRef {
            seen_from: Place::Box(machine.clone()),
            ..id.clone()
        };
        let is_host = id.seen_from == Place::Host && id.about.is_none();
        match is_host && history.fact(&there).is_some() {
            true => there,
            false => id.clone(),
        }
    }
}

#[cfg(test)]
mod tests;
