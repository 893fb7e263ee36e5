//! `glassbox coverage`: what the technology overview says, with what was observed of
//! it on this host.

use super::consent::consent;
use super::failure::{Exit, Failure};
use super::finding::{Finding, Status};
use super::interrupt::Interrupt;
use super::left_over;
use super::pack;
use super::printer::{Printer, Tone, visible};
use super::verify::examine;
use crate::check::Verdict;
use crate::course::{Course, Shown, StepId, claimed, ledger};
use serde_json::{Value, json};
use std::io::Write;

/// Runs each step that the ledger names, once, and prints the ledger with what its
/// claims have shown.
pub(crate) fn coverage(course: &Course, json: bool, out: &mut Printer) -> Result<Exit, Failure> {
    let ledger = ledger();
    let named = |id: &StepId| {
        let by = |shown: &Shown| matches!(shown, Shown::By(step, _) if step == id);
        ledger.iter().any(|statement| by(&statement.shown))
    };
    let mut chosen = pack::demos(course, &[])?;
    chosen.retain(|one| named(&one.step.meta.id));
    let plans = chosen.iter().map(|one| (one.label(), &one.scenario.plan));
    let agreed = consent(course, false, plans)?;
    let interrupt = Interrupt::listen()?;
    let findings: Vec<Finding<'_>> = chosen
        .iter()
        .zip(&agreed)
        .map(|(one, plan)| examine(one, 1, plan, &interrupt).1)
        .collect();
    let mut exit = Exit::Well;
    for statement in &ledger {
        let (word, told) = match &statement.shown {
            Shown::Not(why) => ("not shown", json!({ "because": why })),
            Shown::Later(lesson) => ("later", json!({ "in": lesson })),
            Shown::By(step, claim) => {
                let finding = findings.iter().find(|it| it.chosen.step.meta.id == *step);
                let seen = finding.map(|finding| observed(finding, claim));
                seen.unwrap_or(("missing", json!({ "claim": claim })))
            }
        };
        if matches!(word, "missing" | "not so") {
            exit = Exit::ClaimFailed;
        }
        match json {
            true => out.json(&json!({
                "id": statement.id, "says": statement.says, "shown": word, "by": told,
            }))?,
            false => print(&statement.id, &statement.says, word, &told, out)?,
        }
    }
    for finding in &findings {
        if !finding.left.is_empty() {
            left_over::print(&finding.left, out)?;
            exit = Exit::Left;
        }
    }
    Ok(exit)
}

/// What a step has shown of a claim of its own.
fn observed(finding: &Finding<'_>, claim: &str) -> (&'static str, Value) {
    let label = finding.chosen.label();
    let Some(number) = claimed(claim, &finding.chosen.scenario) else {
        return ("missing", json!({ "step": label, "claim": claim }));
    };
    let claim = &finding.chosen.scenario.expectations[number].claim;
    let told = |key: &str, what: &str| json!({ "step": label, "claim": claim, key: what });
    match (&finding.status, finding.verdicts.get(number)) {
        (Status::Skipped(refusal), _) => ("not here", told("because", &refusal.to_string())),
        (_, Some(Verdict::Holds { actual })) => ("shown", told("observed", actual)),
        (_, Some(Verdict::Fails { actual, .. })) => ("not so", told("observed", actual)),
        (_, Some(Verdict::Unknown { because })) => ("not here", told("because", because)),
        (_, None) => ("missing", told("because", "the run could not be started")),
    }
}

/// The statement, and below it who shows it and what was seen.
fn print(id: &str, says: &str, word: &str, told: &Value, out: &mut Printer) -> Result<(), Failure> {
    let tone = match word {
        "shown" => Tone::Good,
        "missing" | "not so" => Tone::Bad,
        _ => Tone::Warn,
    };
    let word = out.paint(tone, word);
    writeln!(out, "{word} {id}: {says}")?;
    let text = |key: &str| told[key].as_str().map(visible);
    if let (Some(step), Some(claim)) = (text("step"), text("claim")) {
        writeln!(out, "     {step}: {claim}")?;
    }
    for key in ["observed", "because", "in"] {
        if let Some(what) = text(key) {
            writeln!(out, "       {key}: {what}")?;
        }
    }
    Ok(())
}
