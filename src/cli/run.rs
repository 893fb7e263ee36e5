//! `glassbox run`: one demo, its evidence as text or as JSON lines.

use super::args::RunArgs;
use super::consent::consent;
use super::failure::{Exit, Failure};
use super::hold::{HoldEnd, Release};
use super::interrupt::Interrupt;
use super::printer::{Printer, Tone, visible};
use super::{evidence, knobs, left_over, pack};
use crate::base::chain;
use crate::course::{Course, Step};
use crate::plan::{Event, History};
use crate::record;
use crate::session::{Outcome, Record, Run};
use serde_json::json;
use std::io::{IsTerminal, Write};

/// Runs one step's demo.
pub(crate) fn run(course: &Course, args: &RunArgs, out: &mut Printer) -> Result<Exit, Failure> {
    let (lesson, step) = pack::one_step(course, &args.step)?;
    let label = pack::label(lesson, step);
    let demo = step.demo().ok_or_else(|| {
        Failure::input(format!("the step {label} has no demo to run"))
            .hint("glassbox list shows which steps have one")
    })?;
    let mut scenario = demo
        .scenario(&knobs::read(demo, &args.set)?)
        .map_err(Failure::input)?;
    if args.stages && !(std::io::stdin().is_terminal() && out.is_terminal()) {
        return Err(
            Failure::input("--stages waits for Enter, and this is no terminal")
                .hint("leave it out: the demo goes through its stages at once"),
        );
    }
    let agreed = consent(
        course,
        args.trust,
        std::iter::once((label.clone(), &scenario.plan)),
    )?;

    if !args.json {
        let heading = format!("{label}  {}", visible(&step.meta.title));
        let heading = out.paint(Tone::Label, &heading);
        writeln!(out, "{heading}\n")?;
    }
    // Not `attended`: nobody can end a long `watch` from here.
    scenario.plan = scenario.plan.with_stages(args.stages);
    let interrupt = Interrupt::listen()?;
    let mut runs = agreed.into_iter().map(|plan| {
        let plan = plan.with_stages(args.stages);
        Run::events(&plan, args.hold).map_err(|why| Failure::host(chain(&why)))
    });
    let run = runs
        .next()
        .ok_or_else(|| Failure::host("there is no plan to run"))??;
    let _guarded = interrupt.guard(run.control());
    let mut history = History::default();
    let mut held = false;
    while let Ok(event) = run.events.recv() {
        if args.json {
            out.json(&record::event(&event))?;
        }
        let holding = event == Event::Holding;
        let paused = event == Event::Paused;
        history.push(event);
        if paused && let Some(action) = history.paused() {
            evidence::print_stage(&scenario, &history, action, out)?;
            match pause(&interrupt, out)? {
                HoldEnd::Enter => run.control().enough(action),
                HoldEnd::End => run.control().finish(),
            }
        }
        if holding && args.hold {
            let so_far = Record::new(scenario.clone(), history.clone());
            hold(step, &so_far, args.json, &interrupt, out)?;
            held = true;
            run.control().finish();
        }
    }

    out.flush()?;
    interrupt.heed(&history);
    let record = Record::new(scenario, history);
    if args.json {
        print_json(&record, out)?;
    } else {
        if !held {
            evidence::print(step, &record, out)?;
            writeln!(out)?;
        }
        evidence::print_outcome(&record, out)?;
        // What was printed during the hold was before the end.
        if held {
            left_over::print(record.history.left(), out)?;
        }
        if record.scenario.plan.stages() > 0 && !args.stages && out.is_terminal() {
            let words = "With --stages it waits at each of its stages.";
            let words = out.paint(Tone::Dim, words);
            writeln!(out, "{words}")?;
        }
    }
    Ok(match record.outcome {
        _ if !record.history.left().is_empty() => Exit::Left,
        Outcome::Passed => Exit::Well,
        Outcome::Failed => Exit::ClaimFailed,
        Outcome::Skipped(_) => Exit::HostCant,
    })
}

/// Waits for the word to go on with a stage.
fn pause(interrupt: &Interrupt, out: &mut Printer) -> Result<HoldEnd, Failure> {
    // From here to the word these signals ask for a clean end.
    let release = Release::listen(interrupt)?;
    out.flush()?;
    eprintln!("Enter: go on.");
    Ok(release.wait()?)
}

/// Shows what stands, and where to look at it, until the user is done.
fn hold(
    step: &Step,
    record: &Record,
    json: bool,
    interrupt: &Interrupt,
    out: &mut Printer,
) -> Result<(), Failure> {
    // From here on these signals ask for a clean end, with verdicts.
    let release = Release::listen(interrupt)?;
    if !json {
        evidence::print(step, record, out)?;
        writeln!(out)?;
        for (name, pid) in standing(&record.history) {
            writeln!(out, "{name}: pid {pid}")?;
        }
    }
    out.flush()?;
    if out.is_terminal() {
        eprintln!("Holding. Look at these processes from another terminal; Enter ends it.");
    }
    release.wait()?;
    Ok(())
}

/// The boxes that are up at the end of a history.
fn standing(history: &History) -> Vec<(String, i32)> {
    let mut up: Vec<(String, i32)> = Vec::new();
    for event in history.events() {
        match event {
            Event::BoxUp { name, pid } => up.push((name.to_string(), *pid)),
            Event::BoxDown { name, .. } => up.retain(|(known, _)| known != name.as_str()),
            Event::Started(_)
            | Event::Doing { .. }
            | Event::Syscall(_)
            | Event::Output(_)
            | Event::Fact(_)
            | Event::Sample(_)
            | Event::Message(_)
            | Event::Retuned(_)
            | Event::Paused
            | Event::Refused(_)
            | Event::Broken { .. }
            | Event::Holding
            | Event::Cleaned
            | Event::Left { .. }
            | Event::Forced { .. } => {}
        }
    }
    up
}

fn print_json(run: &Record, out: &mut Printer) -> Result<(), Failure> {
    for (expectation, verdict) in run.scenario.expectations.iter().zip(&run.verdicts) {
        out.json(&record::verdict(&expectation.claim, verdict))?;
    }
    let mut line = match &run.outcome {
        Outcome::Passed => json!({ "event": "outcome", "outcome": "passed" }),
        Outcome::Failed => json!({
            "event": "outcome",
            "outcome": "failed",
            "broken": run.history.broken(),
        }),
        Outcome::Skipped(refusal) => json!({
            "event": "outcome",
            "outcome": "skipped",
            "refusal": record::refusal(refusal),
        }),
    };
    let left = run.history.left();
    if !left.is_empty() {
        line["left"] = left_over::json(left);
    }
    Ok(out.json(&line)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Ending;

    #[test]
    fn only_boxes_that_are_up_are_held() {
        let up = |name: &str, pid| Event::BoxUp {
            name: name.parse().unwrap(),
            pid,
        };
        let history = History::from(vec![
            up("a", 10),
            up("b", 11),
            Event::BoxDown {
                name: "a".parse().unwrap(),
                ending: Ending::Exit(0),
            },
            Event::Holding,
        ]);
        assert_eq!(standing(&history), [("b".to_string(), 11)]);
    }
}
