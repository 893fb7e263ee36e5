//! `glassbox verify`: every claim that the lessons make, checked on this kernel.

use super::args::VerifyArgs;
use super::consent::consent;
use super::failure::{Exit, Failure};
use super::finding::{Finding, Problem, Status};
use super::interrupt::Interrupt;
use super::junit::Junit;
use super::left_over;
use super::pack::{self, Chosen};
use super::printer::{Printer, Tone, visible};
use crate::base::chain;
use crate::check::{Question, Verdict, judge};
use crate::course::{Course, Quiz};
use crate::plan::{Event, History, Value};
use crate::record;
use crate::session::{Agreed, Outcome, Record, Run};
use serde::Serialize;
use serde_json::json;
use std::io::Write;
use std::time::Instant;

/// How many runs passed, failed and were skipped.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
struct Tally {
    passed: usize,
    failed: usize,
    skipped: usize,
    /// How many of them have left something.
    left: usize,
}

/// Runs the demos of the chosen steps and checks what they claim.
pub(crate) fn verify(
    course: &Course,
    args: &VerifyArgs,
    out: &mut Printer,
) -> Result<Exit, Failure> {
    let chosen = pack::demos(course, &args.steps)?;
    let agreed = consent(
        course,
        args.trust,
        chosen.iter().map(|one| (one.label(), &one.scenario.plan)),
    )?;
    let rounds = args.repeat.map_or(1, |n| n.get());
    let mut tally = Tally::default();
    let mut junit = Junit::default();
    let interrupt = Interrupt::listen()?;
    for round in 1..=rounds {
        for (one, plan) in chosen.iter().zip(&agreed) {
            let (_, finding) = examine(one, round, plan, &interrupt);
            tally.add(&finding);
            junit.add(&finding);
            if args.json {
                out.json(&line_json(&finding))?;
            } else {
                print(&finding, rounds > 1, out)?;
            }
        }
    }
    if args.json {
        out.json(&tally)?;
    } else {
        let Tally {
            passed,
            failed,
            skipped,
            left,
        } = tally;
        write!(out, "{passed} passed, {failed} failed, {skipped} skipped")?;
        match left {
            0 => writeln!(out)?,
            _ => writeln!(out, ", {left} left something")?,
        }
    }
    if let Some(path) = &args.junit {
        junit.write(path)?;
    }
    Ok(tally.exit())
}

/// Runs one step and judges it.
pub(crate) fn examine<'a>(
    chosen: &'a Chosen<'a>,
    round: u32,
    agreed: &Agreed,
    interrupt: &Interrupt,
) -> (History, Finding<'a>) {
    let started = Instant::now();
    let mut left = Vec::new();
    let mut seen = (History::default(), Vec::new());
    let status = match Run::events(agreed, false) {
        Err(why) => Status::Failed(vec![Problem {
            claim: "The run starts.".into(),
            expected: "a helper process".into(),
            observed: chain(&why),
        }]),
        Ok(run) => {
            let guarded = interrupt.guard(run.control());
            let history = History::from(run.events.iter().collect::<Vec<Event>>());
            drop(guarded);
            interrupt.heed(&history);
            let record = Record::new(chosen.scenario.clone(), history);
            left = record.history.left().to_vec();
            let status = judge_record(&record, chosen.step.quiz());
            seen = (record.history, record.verdicts);
            status
        }
    };
    let (history, verdicts) = seen;
    let finding = Finding {
        chosen,
        round,
        took: started.elapsed(),
        status,
        verdicts,
        left,
    };
    (history, finding)
}

/// Everything that a step promises about its run: its claims, that exactly one
/// answer of each question is right, and that the helper took it down.
fn judge_record(record: &Record, quiz: Option<&Quiz>) -> Status {
    if let Outcome::Skipped(refusal) = &record.outcome {
        return Status::Skipped(refusal.clone());
    }
    let history = &record.history;
    let mut problems = Vec::new();
    let broken = history.broken();
    if let Some(message) = broken {
        problems.push(Problem {
            claim: "The run goes to its end.".into(),
            expected: "every action carried out".into(),
            observed: message.into(),
        });
    }
    for (expectation, verdict) in record.scenario.expectations.iter().zip(&record.verdicts) {
        let told = match verdict {
            Verdict::Holds { .. } => false,
            Verdict::Fails { .. } => true,
            // Of a run that broke off this says nothing new; and a run can pass
            // with it: a namespace that this kernel lacks and the lesson does
            // without.
            Verdict::Unknown { .. } => record.outcome == Outcome::Failed && broken.is_none(),
        };
        if told {
            problems.extend(problem(&expectation.claim, verdict));
        }
    }
    if broken.is_none() {
        let questions = record.scenario.predict.iter();
        let asked = quiz.into_iter().flat_map(|quiz| &quiz.question);
        for question in questions.chain(asked) {
            problems.extend(judge_question(question, history));
        }
    }
    if !history.is_taken_down() {
        problems.push(Problem {
            claim: "Nothing is left behind.".into(),
            expected: "a word from the helper that all is removed".into(),
            observed: history
                .forced()
                .unwrap_or("the helper ended without it")
                .into(),
        });
    }
    match (&record.outcome, problems.is_empty()) {
        (Outcome::Failed, true) => Status::Failed(vec![Problem {
            claim: "The run goes to its end.".into(),
            expected: "every action carried out".into(),
            observed: "it broke off without a reason".into(),
        }]),
        (_, false) => Status::Failed(problems),
        (Outcome::Passed | Outcome::Skipped(_), true) => Status::Passed,
    }
}

fn problem(claim: &str, verdict: &Verdict) -> Option<Problem> {
    let (expected, observed) = match verdict {
        Verdict::Holds { .. } => return None,
        Verdict::Fails { expected, actual } => (expected.clone(), actual.clone()),
        Verdict::Unknown { because } => ("an observation".into(), because.clone()),
    };
    Some(Problem {
        claim: claim.into(),
        expected,
        observed,
    })
}

/// A question needs exactly one right answer.
fn judge_question(question: &Question, history: &History) -> Option<Problem> {
    if let Some(id) = &question.number {
        let value = history.fact(id).and_then(|fact| fact.value.as_ref());
        return match value {
            Some(Value::Number(..)) => None,
            other => Some(Problem {
                claim: question.ask.clone(),
                expected: format!("a number, `{id}`"),
                observed: other.map_or_else(|| "nothing".into(), Value::to_string),
            }),
        };
    }
    let verdicts: Vec<Verdict> = question
        .choice
        .iter()
        .map(|choice| judge(&choice.when, history))
        .collect();
    let right: Vec<&str> = question
        .choice
        .iter()
        .zip(&verdicts)
        .filter(|(_, verdict)| verdict.holds())
        .map(|(choice, _)| choice.text.as_str())
        .collect();
    if right.len() == 1 {
        return None;
    }
    let unknown = verdicts.iter().find_map(|verdict| match verdict {
        Verdict::Unknown { because } => Some(because.as_str()),
        Verdict::Holds { .. } | Verdict::Fails { .. } => None,
    });
    let observed = match (right.as_slice(), unknown) {
        ([], Some(because)) => format!("none: {because}"),
        ([], None) => "none".into(),
        (several, _) => format!("{}: {}", several.len(), several.join(" | ")),
    };
    Some(Problem {
        claim: question.ask.clone(),
        expected: "exactly one right answer".into(),
        observed,
    })
}

/// A line for the step, and what is to be known of a failure or a skip.
pub(crate) fn print(finding: &Finding, tell_round: bool, out: &mut Printer) -> Result<(), Failure> {
    let word = match finding.status {
        Status::Passed => out.paint(Tone::Good, "ok"),
        Status::Failed(_) => out.paint(Tone::Bad, "FAIL"),
        Status::Skipped(_) => out.paint(Tone::Warn, "skip"),
    };
    let round = match tell_round {
        true => format!(", round {}", finding.round),
        false => String::new(),
    };
    writeln!(
        out,
        "{word} {}  {}  ({} ms{round})",
        finding.chosen.label(),
        visible(&finding.chosen.step.meta.title),
        finding.took.as_millis()
    )?;
    match &finding.status {
        Status::Passed => {}
        Status::Failed(problems) => {
            for problem in problems {
                writeln!(out, "     {}", visible(&problem.claim))?;
                writeln!(out, "       expected: {}", visible(&problem.expected))?;
                writeln!(out, "       observed: {}", visible(&problem.observed))?;
            }
        }
        Status::Skipped(refusal) => {
            writeln!(out, "     missing: {}", refusal.need)?;
            writeln!(out, "     {}", visible(&refusal.to_string()))?;
            for remedy in &refusal.remedy {
                writeln!(out, "     try: {}", visible(remedy))?;
            }
        }
    }
    left_over::print(&finding.left, out)
}

pub(crate) fn line_json(finding: &Finding) -> serde_json::Value {
    let (status, problems, refusal): (_, &[Problem], _) = match &finding.status {
        Status::Passed => ("passed", &[], None),
        Status::Failed(problems) => ("failed", problems, None),
        Status::Skipped(refusal) => ("skipped", &[], Some(refusal)),
    };
    json!({
        "step": finding.chosen.step.meta.id,
        "lesson": finding.chosen.lesson.number,
        "number": finding.chosen.step.number,
        "title": finding.chosen.step.meta.title,
        "round": finding.round,
        "millis": u64::try_from(finding.took.as_millis()).unwrap_or(u64::MAX),
        "status": status,
        "problems": problems,
        "refusal": refusal.map(record::refusal),
        "left": left_over::json(&finding.left),
    })
}

impl Tally {
    fn add(&mut self, finding: &Finding<'_>) {
        self.left += usize::from(!finding.left.is_empty());
        match finding.status {
            Status::Passed => self.passed += 1,
            Status::Failed(_) => self.failed += 1,
            Status::Skipped(_) => self.skipped += 1,
        }
    }

    fn exit(self) -> Exit {
        match self {
            Tally { left: 1.., .. } => Exit::Left,
            Tally { failed: 1.., .. } => Exit::ClaimFailed,
            Tally {
                passed: 0,
                skipped: 1..,
                ..
            } => Exit::HostCant,
            Tally { .. } => Exit::Well,
        }
    }
}

#[cfg(test)]
mod tests;
