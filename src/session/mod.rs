//! One run of a step: the only way in which the TUI, `run` and `verify` reach
//! the kernel.
//!
//! A [`Run`] is a scenario that is being carried out; its events arrive on a
//! bounded channel. A [`Record`] is what is left of it: scenario, history and
//! judgement. Pack trust is decided here: a scenario from a directory runs
//! only with the user's [`Consent`].

pub mod doctor;

use crate::check::Verdict;
use crate::course::Scenario;
use crate::plan::{Event, History, Refusal};
use std::sync::mpsc::Receiver;

/// That the user agreed to what a scenario will do to this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consent {
    /// The course's own lessons, reviewed and shipped in the binary.
    Shipped,
    /// The user read the summary of this pack's step and said yes.
    Given,
}

/// A scenario that is being carried out. Dropping it ends it and awaits the
/// removal of all that it made.
pub struct Run {
    /// Everything that happens, in order; closed after `Event::Cleaned`.
    pub events: Receiver<Event>,
}

impl Run {
    /// Starts a scenario. With `hold` the boxes stand after the last action
    /// (after `Event::Holding`) until [`Run::finish`] is called; without it
    /// they are removed at once.
    ///
    /// # Errors
    /// A message that says what failed, when the helper can't be started.
    pub fn start(_scenario: &Scenario, _consent: Consent, _hold: bool) -> Result<Run, String> {
        todo!("replaced by the sandbox")
    }

    /// Asks the helper to take everything down now; its last events still arrive.
    pub fn finish(&self) {}
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
    /// Judges what happened.
    pub fn new(_scenario: Scenario, _history: History) -> Record {
        todo!("replaced by the session")
    }
}
