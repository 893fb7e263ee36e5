//! What the run of a mutant says of the claims of the demo that it was made of.

use crate::check::{Expectation, Mutant, Verdict};
use crate::course::Scenario;
use crate::plan::{History, Need, Plan, Verb, Workload};

/// How a mutant fared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It went to its end: it made these claims false, by their numbers from 0, with
    /// all that they look at observed. None: it makes no difference to what is
    /// claimed.
    Judged(Vec<usize>),
    /// This host lacks what it takes beyond what the demo takes: it says nothing.
    Refused(String),
    /// It can't be carried out anywhere, or broke off: it says nothing.
    Broke(String),
}

impl Fate {
    /// Judges what happened. `itself` is what the demo has shown without a change.
    pub fn of(mutant: &Mutant, scenario: &Scenario, itself: &History, history: &History) -> Fate {
        if let Some(why) = history.broken() {
            return Fate::Broke(why.into());
        }
        let known: Vec<_> = itself.refusals().map(|refusal| &refusal.need).collect();
        let refused = history.refusals().find(|it| !known.contains(&&it.need));
        if let Some(refusal) = refused {
            // What the demo itself got isn't lacking here.
            let lacking = match refusal.need {
                Need::Namespace(_) | Need::Cgroup(_) => true,
                Need::ChildCgroup
                | Need::Proc
                | Need::Program(_)
                | Need::Veth
                | Need::Overlay
                | Need::Guardian
                | Need::Call(_)
                | Need::Hostname(_)
                | Need::Loopback
                | Need::OtherId
                | Need::Queues
                | Need::CgroupTree
                | Need::Engine => false,
            };
            return match lacking && !scenario.plan.needs().contains(&refusal.need) {
                true => Fate::Refused(refusal.to_string()),
                false => Fate::Broke(refusal.to_string()),
            };
        }
        if !history.completed() {
            return Fate::Broke("it broke off without a reason".into());
        }
        let is_false =
            |claim: &Expectation| matches!(mutant.judge(claim, history), Verdict::Fails { .. });
        let all = scenario.expectations.iter().enumerate();
        Fate::Judged(
            all.filter(|(_, claim)| is_false(claim))
                .map(|(n, _)| n)
                .collect(),
        )
    }
}

/// Whether a run beside it would disturb what a plan measures: CPU time, memory,
/// pressure, and how long something takes.
pub fn disturbs(plan: &Plan) -> bool {
    let works = |verb: &Verb| match verb {
        Verb::Spawn(spawn) => spawn.workload != Workload::Sleep,
        Verb::Watch(_) => true,
        _ => false,
    };
    !plan.cgroups.is_empty() || plan.actions.iter().any(|action| works(&action.verb))
}
