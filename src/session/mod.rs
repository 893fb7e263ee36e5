//! One run of a step: the only way in which the TUI, `run` and `verify` reach
//! the kernel.
//!
//! A [`Run`] is an [`Agreed`] plan that is being carried out; its events arrive on a
//! bounded channel. A [`Record`] is what is left of it: scenario, history and
//! judgement. This module decides what a run's history *means* (passed, failed,
//! skipped); what it looks like is not its business.

mod consent;
pub mod doctor;
pub mod explain;
mod missing;
mod mutation;

use crate::check::{Expectation, Verdict, judge_claim};
use crate::course::{Scenario, Step};
use crate::plan::{Event, FactRef, History, Namespace, Need, Refusal};
use crate::sandbox;
pub use crate::sandbox::{Control, enough, heeded};
pub use consent::{Agreed, Question, ask};
pub use mutation::{Fate, disturbs};

use missing::Missing;
use std::borrow::Cow;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::JoinHandle;
use thiserror::Error;

/// How many events may wait for the reader; then the helper waits with them.
const WAITING_EVENTS: usize = 256;

/// A plan that is being carried out, by a thread of its own. Dropping it
/// ends it and awaits the removal of all that it made.
pub struct Run {
    control: Control,
    thread: Option<JoinHandle<Option<String>>>,
}

/// A run whose events arrive on a channel.
pub struct Events {
    /// Everything that happens, in order; closed after the last event, which is
    /// `Event::Cleaned` or `Event::Left`, also after `Event::Broken`.
    pub events: Receiver<Event>,
    /// The run. Behind the channel: what still arrives at its end goes nowhere.
    run: Run,
}

/// A run that could not be started.
#[derive(Debug, Error)]
#[error("the run could not be started")]
pub struct NotStarted(#[source] pub std::io::Error);

impl Run {
    /// Starts a plan that was agreed to and returns at once. Its events are told
    /// to `hear`, in the run's own thread; if it answers that nobody listens any
    /// more, the run is taken down. With `hold` the boxes stand after the last
    /// action (after `Event::Holding`) until [`Control::finish`]; without it they
    /// are removed at once.
    ///
    /// # Errors
    /// What failed, when this process has no thread left, say.
    pub fn start(
        agreed: &Agreed,
        hold: bool,
        hear: impl FnMut(Event) -> bool + Send + 'static,
    ) -> Result<Run, NotStarted> {
        let (control, thread) =
            sandbox::start(agreed.plan().clone(), hold, hear).map_err(NotStarted)?;
        Ok(Run {
            control,
            thread: Some(thread),
        })
    }

    /// Starts a plan whose events are waited for. No more of them than a
    /// channel holds wait to be taken: then the run waits, too.
    ///
    /// # Errors
    /// As [`Run::start`].
    pub fn events(agreed: &Agreed, hold: bool) -> Result<Events, NotStarted> {
        let (sender, events) = sync_channel(WAITING_EVENTS);
        let run = Run::start(agreed, hold, move |event| sender.send(event).is_ok())?;
        Ok(Events { events, run })
    }

    /// Steers it, from any thread.
    pub fn control(&self) -> &Control {
        &self.control
    }

    /// Whether all that it made is gone.
    pub fn has_ended(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Ends it, and awaits that all that it made is gone. What this program had
    /// to do for that in the helper's place, if it had to: a sentence for a person.
    pub fn end(mut self) -> Option<String> {
        self.take_down()
    }

    fn take_down(&mut self) -> Option<String> {
        self.control.finish();
        // A panic has been printed by the hook.
        self.thread.take()?.join().ok()?
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        self.take_down();
    }
}

impl Events {
    /// Steers the run, from any thread.
    pub fn control(&self) -> &Control {
        self.run.control()
    }
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Every claim holds.
    Passed,
    /// At least one claim does not hold or can't be judged, or the run broke off.
    Failed,
    /// This host can't do it.
    Skipped(Refusal),
}

/// What is left of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// What was asked for.
    pub scenario: Scenario,
    /// What happened.
    pub history: History,
    /// A verdict for each of the scenario's expectations, in order.
    pub verdicts: Vec<Verdict>,
    /// The sum of it.
    pub outcome: Outcome,
}

impl Record {
    /// What there is to show: what happened here, and where this host refused
    /// the step, what was recorded of it elsewhere. Nothing recorded is ever
    /// judged or called observed.
    pub fn evidence(&self, step: &Step) -> Cow<'_, History> {
        let recorded = match self.outcome {
            Outcome::Skipped(_) => step.recorded_events(&self.scenario),
            Outcome::Passed | Outcome::Failed => &[],
        };
        if recorded.is_empty() {
            return Cow::Borrowed(&self.history);
        }
        let events = self.history.events().iter().chain(recorded);
        Cow::Owned(History::from(events.cloned().collect::<Vec<_>>()))
    }

    /// Judges what happened.
    pub fn new(scenario: Scenario, history: History) -> Record {
        let mut excused = Vec::new();
        let mut verdicts = Vec::new();
        // Claims speak of one setting; this run had several.
        let retuned = history.retuned().next().is_some();
        let without = Missing::of(&scenario.plan, &history);
        for expectation in &scenario.expectations {
            if retuned {
                excused.push(true);
                verdicts.push(Verdict::Unknown {
                    because: "you changed the limit while it ran".into(),
                });
                continue;
            }
            let mut facts = expectation.tests().map(|test| &test.fact);
            let refusal = expectation
                .tests()
                .find_map(|test| refused_namespace(&test.fact.name, &history));
            // Only what was looked for and isn't there: a fact that no one saw fails.
            let missing = expectation.missing_ok
                && facts.any(|id| history.fact(id).is_some_and(|fact| fact.value.is_none()));
            let groupless = expectation.tests().any(|test| without.excuses(test));
            excused.push(refusal.is_some() || missing || groupless);
            verdicts.push(match refusal {
                Some(refusal) => Verdict::Unknown {
                    because: refusal.to_string(),
                },
                None => judge_claim(expectation, &history, FactRef::clone),
            });
        }
        let failing: Vec<&Expectation> = scenario
            .expectations
            .iter()
            .zip(verdicts.iter().zip(&excused))
            .filter(|(_, (verdict, excused))| !**excused && !verdict.holds())
            .map(|(expectation, _)| expectation)
            .collect();
        // What was refused and may be why: a group is that only for what would
        // have been in it.
        let members = failing
            .iter()
            .all(|claim| claim.tests().any(|test| without.concerns(test)));
        let to_blame = history
            .refusals()
            .filter(|refusal| members || !matches!(refusal.need, Need::Cgroup(_)))
            .last();
        // A call that doesn't reach the kernel may break a run off, as well.
        let call = history
            .refusals()
            .filter(|refusal| matches!(refusal.need, Need::Call(_)))
            .last();
        let outcome = match history.refusals().last() {
            _ if history.broken().is_some() => {
                call.map_or(Outcome::Failed, |refusal| Outcome::Skipped(refusal.clone()))
            }
            Some(refusal) if !history.completed() => Outcome::Skipped(refusal.clone()),
            _ if history.completed() && failing.is_empty() => Outcome::Passed,
            // The lesson went on without what was refused, and some claim is
            // about the effect of it: the host can't show that, and doesn't refute it.
            _ => to_blame.map_or(Outcome::Failed, |refusal| Outcome::Skipped(refusal.clone())),
        };
        Record {
            scenario,
            history,
            verdicts,
            outcome,
        }
    }
}

/// The refusal of the very namespace that a fact `ns.X` is about, where the
/// lesson can do without it (`missing-ok`): then the claim can't be judged here.
fn refused_namespace<'a>(fact: &str, history: &'a History) -> Option<&'a Refusal> {
    let kind = fact.strip_prefix("ns.")?;
    let ns = Namespace::ALL
        .into_iter()
        .find(|ns| ns.proc_name() == kind)?;
    history
        .refusals()
        .find(|refusal| refusal.need == Need::Namespace(ns))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Errno;
    use crate::course::Scenario;
    use crate::plan::{Checked, Fact, Plan, Provenance, Unit, Value};

    fn scenario() -> Scenario {
        Scenario {
            plan: Checked::default(),
            predict: None,
            expectations: vec![
                toml::from_str(
                    "claim = 'c'\nwhen = { fact = 'box/ns.time', differs-from = 'host/ns.time' }",
                )
                .unwrap(),
            ],
            charts: Vec::new(),
            show: Vec::new(),
            bars: Vec::new(),
            figure: None,
            knobs: Vec::new(),
        }
    }

    fn fact(id: &str, inode: i64) -> Event {
        Event::Fact(Fact {
            id: id.parse().unwrap(),
            value: Some(Value::Number(inode, Unit::Inode)),
            source: "test".into(),
            provenance: Provenance::Observed,
        })
    }

    fn refusal() -> Refusal {
        Refusal {
            need: Need::Namespace(Namespace::Time),
            stage: "unshare(CLONE_NEWTIME)".into(),
            errno: Some(Errno(libc::EINVAL)),
            cause: "old".into(),
            remedy: Vec::new(),
        }
    }

    #[test]
    fn the_outcome_follows_from_the_history() {
        let changed = || {
            vec![
                fact("box/ns.time", 1),
                fact("host/ns.time", 2),
                Event::Holding,
            ]
        };
        let same = || {
            vec![
                fact("box/ns.time", 2),
                fact("host/ns.time", 2),
                Event::Holding,
            ]
        };
        let excused = || [vec![Event::Refused(refusal())], same()].concat();
        let another = || Refusal {
            need: Need::Namespace(Namespace::Uts),
            ..refusal()
        };
        let without = || [vec![Event::Refused(another())], same()].concat();
        let cut_short = || vec![Event::Refused(refusal())];
        let broken = || {
            [
                changed(),
                vec![Event::Broken {
                    message: "x".into(),
                }],
            ]
            .concat()
        };
        for (events, expected) in [
            (changed(), Outcome::Passed),
            (same(), Outcome::Failed),
            (excused(), Outcome::Passed),
            (without(), Outcome::Skipped(another())),
            (cut_short(), Outcome::Skipped(refusal())),
            (broken(), Outcome::Failed),
            (Vec::new(), Outcome::Failed),
        ] {
            let record = Record::new(scenario(), History::from(events.clone()));
            assert_eq!(record.outcome, expected, "{events:?}");
        }
    }
    /// A group that may be missing excuses the claims about it, and fails or
    /// skips no other.
    #[test]
    fn without_a_group_the_rest_is_judged() {
        let because = || Provenance::Unavailable {
            because: "this host refused the group `g`".into(),
        };
        let unseen = |id: &str, provenance| {
            Event::Fact(Fact {
                id: id.parse().unwrap(),
                value: None,
                source: "test".into(),
                provenance,
            })
        };
        let other = || Provenance::Unavailable {
            because: "this kernel has no memory.peak".into(),
        };
        let refused = || {
            Event::Refused(Refusal {
                need: Need::Cgroup(crate::plan::Controller::Memory),
                ..refusal()
            })
        };
        let gone = || vec![refused(), unseen("host/g.path", because())];
        let there = || {
            let mut path = fact("host/g.path", 0);
            if let Event::Fact(fact) = &mut path {
                fact.value = Some(Value::Text("/sys/fs/cgroup/g".into()));
            }
            vec![path]
        };
        let skipped = || match refused() {
            Event::Refused(refusal) => Outcome::Skipped(refusal),
            _ => Outcome::Passed,
        };
        let failed = Outcome::Failed;
        for (before, seen, test, expected) in [
            // About the group itself, directly or by comparison.
            (
                gone(),
                vec![unseen("host/g.memory.peak", because())],
                "fact = 'host/g.memory.peak', is = 1",
                Outcome::Passed,
            ),
            (
                gone(),
                vec![fact("host/other", 1), unseen("host/frozen", because())],
                "fact = 'host/other', same-as = 'host/frozen'",
                Outcome::Passed,
            ),
            // For another reason, or not looked for at all.
            (
                gone(),
                vec![unseen("host/g.memory.peak", other())],
                "fact = 'host/g.memory.peak', is = 1",
                failed.clone(),
            ),
            (
                gone(),
                vec![],
                "fact = 'host/g.memory.peak', is = 1",
                failed.clone(),
            ),
            (
                there(),
                vec![unseen("host/g.memory.peak", because())],
                "fact = 'host/g.memory.peak', is = 1",
                failed.clone(),
            ),
            // Nothing to do with the group.
            (
                gone(),
                vec![fact("host/other", 1)],
                "fact = 'host/other', is = 1",
                Outcome::Passed,
            ),
            (
                gone(),
                vec![fact("host/other", 1)],
                "fact = 'host/other', is = 2",
                failed.clone(),
            ),
            // What the group would have changed.
            (
                gone(),
                vec![fact("host/p.share", 1)],
                "fact = 'host/p.share', is = 2",
                skipped(),
            ),
            (
                gone(),
                vec![fact("host/q.share", 1)],
                "fact = 'host/q.share', is = 2",
                skipped(),
            ),
            (
                gone(),
                vec![fact("inner/pid", 1)],
                "fact = 'inner/pid', is = 2",
                skipped(),
            ),
            (
                gone(),
                vec![fact("host/p.share", 1)],
                "fact = 'host/p.share', is = 1",
                Outcome::Passed,
            ),
            (
                there(),
                vec![fact("host/p.share", 1)],
                "fact = 'host/p.share', is = 2",
                failed.clone(),
            ),
        ] {
            let read = |text: &str| toml::from_str(text).unwrap();
            let mut scenario = scenario();
            scenario.plan = Plan {
                cgroups: vec![toml::from_str("name = 'g'\nmissing-ok = true").unwrap()],
                boxes: vec![
                    toml::from_str("name = 'outer'\ncgroup = 'g'").unwrap(),
                    toml::from_str("name = 'inner'\nin = 'outer'").unwrap(),
                ],
                actions: vec![
                    read("in = 'host'\nas = 'p'\ndo.spawn = { workload = 'sleep', cgroup = 'g' }"),
                    read("in = 'host'\nas = 'q'\ndo.spawn = { workload = 'sleep' }"),
                    read("in = 'host'\ndo.join = { process = 'q', cgroup = 'g' }"),
                ],
                attended: false,
                guarded: false,
                one_cpu: false,
                told: false,
            }
            .check()
            .unwrap();
            scenario.expectations =
                vec![toml::from_str(&format!("claim = 'c'\nwhen = {{ {test} }}")).unwrap()];
            let events = [before, seen, vec![Event::Holding]].concat();
            let record = Record::new(scenario, History::from(events.clone()));
            assert_eq!(record.outcome, expected, "{test} {events:?}");
        }
    }
}
