//! What `verify` found of a step, for whichever way it is told.

use super::pack::Chosen;
use crate::check::Verdict;
use crate::plan::{Leftover, Refusal};
use serde::Serialize;
use std::time::Duration;

/// What one run of one step showed.
pub(crate) struct Finding<'a> {
    /// The step.
    pub(crate) chosen: &'a Chosen<'a>,
    /// Which round, from 1.
    pub(crate) round: u32,
    /// How long the run took, everything being removed again included.
    pub(crate) took: Duration,
    /// The result.
    pub(crate) status: Status,
    /// A verdict for each claim, in order, if the run could be started.
    pub(crate) verdicts: Vec<Verdict>,
    /// What of it could not be removed.
    pub(crate) left: Vec<Leftover>,
}

/// How a step fared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Status {
    /// Every claim holds.
    Passed,
    /// These do not.
    Failed(Vec<Problem>),
    /// This host can't do it.
    Skipped(Refusal),
}

/// A claim that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Problem {
    /// What the lesson says, in a sentence.
    pub(crate) claim: String,
    /// What should have been observed.
    pub(crate) expected: String,
    /// What was.
    pub(crate) observed: String,
}
