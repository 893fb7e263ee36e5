//! The ledger of the technology overview, docs/coverage.md: what it says, and the
//! claim of a step that shows it.

use super::demo::{KnobValue, Scenario, fill_text};
use super::meta::StepId;
use crate::check::Expectation;

const LEDGER: &str = include_str!("../../docs/coverage.md");

/// A statement of the overview.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// Its name, unique in the ledger.
    pub id: String,
    /// What the overview says, in words of our own.
    pub says: String,
    /// Where it is shown.
    pub shown: Shown,
}

/// Where a statement is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shown {
    /// By this claim of this step; knobs in it as the lesson writes them.
    By(StepId, String),
    /// In a lesson that isn't there yet.
    Later(String),
    /// Not, for this reason.
    Not(String),
}

/// Every statement, in the order of the overview.
pub fn ledger() -> Vec<Statement> {
    LEDGER.lines().filter_map(statement).collect()
}

/// A row of a table: `| id | what it says | step | claim |`.
fn statement(line: &str) -> Option<Statement> {
    let cells: Vec<&str> = line.strip_prefix('|')?.split('|').map(str::trim).collect();
    let [id, says, step, claim, ""] = cells.as_slice() else {
        return None;
    };
    if *id == "id" || id.starts_with('-') {
        return None;
    }
    let shown = match claim.strip_prefix("not shown, because ") {
        Some(reason) => Shown::Not(reason.to_string()),
        None if claim.is_empty() => Shown::Later(step.to_string()),
        None => Shown::By(StepId(step.to_string()), claim.to_string()),
    };
    Some(Statement {
        id: id.to_string(),
        says: says.to_string(),
        shown,
    })
}

/// The number of the claim that the ledger names, among those of a step's demo.
pub fn claimed(claim: &str, scenario: &Scenario) -> Option<usize> {
    let KnobValue::Text(claim) = fill_text(claim, &scenario.knobs) else {
        return None;
    };
    let is_it = |expectation: &Expectation| expectation.claim == claim;
    scenario.expectations.iter().position(is_it)
}
