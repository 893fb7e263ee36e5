//! What a run showed, as text: beat by beat, then the evidence.

use super::failure::Failure;
use super::printer::{Printer, Tone, visible};
use crate::course::{Scenario, Step};
use crate::plan::History;
use crate::render::{self, Line, Role};
use crate::session::{Outcome, Record};
use std::io::Write;

/// Prints the beats, the evidence and what became of the claims.
pub(crate) fn print(step: &Step, record: &Record, out: &mut Printer) -> Result<(), Failure> {
    let shown = record.evidence(step);
    let (mut scenario, mut verdicts) = (record.scenario.clone(), record.verdicts.as_slice());
    if matches!(record.outcome, Outcome::Skipped(_)) {
        // Of what never ran there is nothing to judge, and unless it was
        // recorded elsewhere nothing to compare.
        verdicts = &[];
        if shown.recorded_on().is_none() {
            scenario.show.clear();
            scenario.figure = None;
            scenario.bars.clear();
        }
    }
    let (history, width) = (&record.history, out.width());
    lines(&render::told(&scenario, history, width), out)?;
    writeln!(out)?;
    let charts = render::charts(&scenario, &shown, width);
    if !charts.is_empty() {
        lines(&charts, out)?;
        writeln!(out)?;
    }
    let bars = render::bars(&scenario, &shown, width);
    if !bars.is_empty() {
        lines(&bars, out)?;
        writeln!(out)?;
    }
    lines(&render::evidence(&scenario, &shown, verdicts, width), out)
}

/// Prints a stage's words, and above them what there is to see before it.
pub(crate) fn print_stage(
    scenario: &Scenario,
    history: &History,
    action: usize,
    out: &mut Printer,
) -> Result<(), Failure> {
    if history.facts().next().is_some() {
        let width = out.width();
        let bars = render::bars(scenario, history, width);
        lines(&bars, out)?;
        lines(&render::evidence(scenario, history, &[], width), out)?;
        writeln!(out)?;
    }
    if let Some(words) = render::stage(scenario, action) {
        let line = Line::of(visible(&words), Role::Strong);
        lines(&[line], out)?;
    }
    Ok(())
}

/// The sum of a run, in a line.
pub(crate) fn print_outcome(record: &Record, out: &mut Printer) -> Result<(), Failure> {
    let count = record.scenario.expectations.len();
    let named = |count: usize| match count {
        1 => "1 claim".to_string(),
        n => format!("{n} claims"),
    };
    let claims = named(count);
    let hold = record.verdicts.iter().filter(|v| v.holds()).count();
    let (tone, word, rest) = match &record.outcome {
        Outcome::Passed if hold < count => {
            let rest = format!(": {} checked, {} not", named(hold), count - hold);
            (Tone::Good, "passed", rest)
        }
        Outcome::Passed => (Tone::Good, "passed", format!(": {claims} checked")),
        Outcome::Failed if record.history.broken().is_some() => {
            (Tone::Bad, "failed", ": the run broke off".into())
        }
        Outcome::Failed => {
            let rest = format!(": {hold} of {claims} hold");
            (Tone::Bad, "failed", rest)
        }
        Outcome::Skipped(refusal) => {
            let rest = format!(": this host can't: {}", refusal.need);
            (Tone::Warn, "skipped", rest)
        }
    };
    let word = out.paint(tone, word);
    writeln!(out, "{word}{rest}")?;
    if let Some(message) = record.history.forced() {
        let word = out.paint(Tone::Warn, "forced");
        writeln!(out, "{word}: {message}")?;
    }
    Ok(())
}

/// Lines with roles, in the tones that stand for them here.
pub(crate) fn lines(lines: &[Line], out: &mut Printer) -> Result<(), Failure> {
    if !out.colour() {
        out.write_all(render::plain(lines).as_bytes())?;
        return Ok(());
    }
    for line in lines {
        for span in &line.spans {
            let text = match tone(span.role) {
                Some(tone) => out.paint(tone, &span.text),
                None => span.text.clone(),
            };
            out.write_all(text.as_bytes())?;
        }
        out.write_all(b"\n")?;
    }
    Ok(())
}

fn tone(role: Role) -> Option<Tone> {
    match role {
        Role::Good => Some(Tone::Good),
        Role::Bad => Some(Tone::Bad),
        Role::Warn => Some(Tone::Warn),
        Role::Heading | Role::Strong | Role::Label | Role::Changed => Some(Tone::Label),
        Role::Dim | Role::Comment => Some(Tone::Dim),
        Role::Body
        | Role::Emphasis
        | Role::Code
        | Role::Keyword
        | Role::Literal
        | Role::Function
        | Role::Link
        | Role::Observed => None,
    }
}
