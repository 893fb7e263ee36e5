//! `glassbox verify --mutate`: each demo with one thing changed, again and again,
//! to find the claims that would hold whatever happened.

use super::args::VerifyArgs;
use super::consent::consent;
use super::failure::{Exit, Failure};
use super::finding::Status;
use super::interrupt::Interrupt;
use super::left_over;
use super::pack::{self, Chosen};
use super::printer::{Printer, Tone, visible};
use super::verify::{examine, line_json, print as print_finding};
use crate::check::{Expectation, Mutant, mutants};
use crate::course::{Course, Scenario};
use crate::plan::{Event, History, Leftover, Plan};
use crate::session::{Agreed, Fate, Run, disturbs};
use serde::Serialize;
use serde_json::json;
use std::io::{IsTerminal, Write};
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// How many claims of a hundred may hold whatever is changed.
const MOST_ANYWAY: usize = 3;

/// The sum of it.
#[derive(Debug, Default, Serialize)]
struct Tally {
    claims: usize,
    killed: usize,
    survivors: usize,
    /// With a reason in the lesson.
    explained: usize,
    /// Of demos that make and change nothing: they say what the host is like.
    looks: usize,
    /// Claims that can't be judged here, or whose mutants this host refused.
    unknown: usize,
    mutants: usize,
    /// Mutants that made no claim false.
    idle: usize,
    /// Mutants that this host refused, or that broke off.
    untold: usize,
    failed: usize,
    skipped: usize,
    left: usize,
}

/// What is known of a claim after all mutants.
enum Lot {
    /// Made false by so many of them; the first is told.
    Killed(usize, usize),
    /// By none, and the lesson says why.
    Explained(String),
    /// The demo only looks: there is nothing to change.
    Looks,
    /// By none.
    Survived,
    /// It isn't judged here, or what could have made it false was refused.
    Unknown(String),
}

/// A mutant that was tried.
struct Tried {
    fate: Fate,
    left: Vec<Leftover>,
}

/// Mutates the chosen steps.
pub(crate) fn mutate(
    course: &Course,
    args: &VerifyArgs,
    out: &mut Printer,
) -> Result<Exit, Failure> {
    let chosen = pack::demos(course, &args.steps)?;
    let steps: Vec<(&Chosen<'_>, Vec<Mutant>)> = chosen
        .iter()
        .map(|one| (one, mutants(&one.scenario.plan)))
        .collect();
    let itself = consent(
        course,
        args.trust,
        chosen.iter().map(|one| (one.label(), &one.scenario.plan)),
    )
    .map_err(|asked| {
        let all: usize = steps.iter().map(|(_, mutants)| mutants.len()).sum();
        asked.hint(format!(
            "with --mutate they run {all} times more, each time with one thing left out, \
             changed or added, and with the host's mounts read-only in the boxes"
        ))
    })?;
    let interrupt = Interrupt::listen()?;
    let mut tally = Tally::default();
    for ((one, mutants), plan) in steps.iter().zip(&itself) {
        // Each is another plan, and is agreed to as such.
        let plans = mutants.iter().map(|it| (one.label(), &it.plan));
        let agreed = consent(course, args.trust, plans)?;
        step(
            one, plan, mutants, &agreed, &interrupt, args.json, &mut tally, out,
        )?;
        out.flush()?;
    }
    let all: usize = course
        .steps()
        .filter_map(|(_, step)| step.demo()?.scenario(&Default::default()).ok())
        .map(|scenario| scenario.expectations.len())
        .sum();
    let too_many = tally.explained * 100 > all * MOST_ANYWAY;
    if args.json {
        out.json(&tally)?;
    } else {
        sum(&tally, too_many.then_some(all), out)?;
    }
    Ok(match &tally {
        Tally { left: 1.., .. } => Exit::Left,
        Tally { failed: 1.., .. } | Tally { survivors: 1.., .. } => Exit::ClaimFailed,
        _ if too_many => Exit::ClaimFailed,
        Tally {
            killed: 0,
            skipped: 1..,
            ..
        } => Exit::HostCant,
        _ => Exit::Well,
    })
}

/// One step with all its mutants.
#[allow(clippy::too_many_arguments)]
fn step(
    one: &Chosen<'_>,
    plan: &Agreed,
    mutants: &[Mutant],
    agreed: &[Agreed],
    interrupt: &Interrupt,
    json: bool,
    tally: &mut Tally,
    out: &mut Printer,
) -> Result<(), Failure> {
    let began = Instant::now();
    let (itself, finding) = examine(one, 1, plan, interrupt);
    tally.left += usize::from(!finding.left.is_empty());
    match &finding.status {
        Status::Passed => {}
        Status::Failed(_) => tally.failed += 1,
        Status::Skipped(_) => tally.skipped += 1,
    }
    if finding.status != Status::Passed {
        return match json {
            true => Ok(out.json(&line_json(&finding))?),
            false => print_finding(&finding, false, out),
        };
    }
    let claims = &one.scenario.expectations;
    let holds: Vec<bool> = finding.verdicts.iter().map(|it| it.holds()).collect();
    let tried = try_all(one, mutants, agreed, &itself, interrupt);
    let lots = match looks_only(&one.scenario.plan) {
        true => claims.iter().map(|_| Lot::Looks).collect(),
        false => lots(claims, &holds, &tried),
    };
    let left: Vec<Leftover> = tried.iter().flat_map(|it| it.left.clone()).collect();
    tally.add(&lots, &tried, !left.is_empty());
    match json {
        true => out.json(&line(one, claims, &lots, mutants, &tried, &left))?,
        false => print(one, claims, &lots, mutants, &tried, began.elapsed(), out)?,
    }
    match json {
        true => Ok(()),
        false => left_over::print(&left, out),
    }
}

/// Runs the mutants, several at once where that disturbs nothing.
fn try_all(
    one: &Chosen<'_>,
    mutants: &[Mutant],
    agreed: &[Agreed],
    itself: &History,
    interrupt: &Interrupt,
) -> Vec<Tried> {
    let at_once = match disturbs(&one.scenario.plan) {
        true => 1,
        false => std::thread::available_parallelism()
            .map_or(1, usize::from)
            .min(8),
    };
    let shown = std::io::stderr().is_terminal();
    let next = AtomicUsize::new(0);
    let tried: Mutex<Vec<Option<Tried>>> = Mutex::new(mutants.iter().map(|_| None).collect());
    std::thread::scope(|scope| {
        for _ in 0..at_once.min(mutants.len()) {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let (Some(mutant), Some(plan)) = (mutants.get(index), agreed.get(index)) else {
                        return;
                    };
                    if interrupt.came() {
                        return;
                    }
                    if shown {
                        let (label, all) = (one.label(), mutants.len());
                        eprint!("\r{label}: {} of {all} mutants\x1b[K", index + 1);
                    }
                    let result = try_one(mutant, plan, &one.scenario, itself, interrupt);
                    let mut tried = tried.lock().unwrap_or_else(PoisonError::into_inner);
                    tried[index] = Some(result);
                }
            });
        }
    });
    if shown {
        eprint!("\r\x1b[K");
    }
    // All are gone by now: here a signal ends this program.
    interrupt.heed(&History::default());
    let tried = tried.into_inner().unwrap_or_else(PoisonError::into_inner);
    tried.into_iter().flatten().collect()
}

fn try_one(
    mutant: &Mutant,
    plan: &Agreed,
    scenario: &Scenario,
    itself: &History,
    interrupt: &Interrupt,
) -> Tried {
    let run = match Run::events(plan, false) {
        Ok(run) => run,
        Err(why) => {
            return Tried {
                fate: Fate::Broke(why.to_string()),
                left: Vec::new(),
            };
        }
    };
    let _guarded = interrupt.guard(run.control());
    let history = History::from(run.events.iter().collect::<Vec<Event>>());
    Tried {
        fate: Fate::of(mutant, scenario, itself, &history),
        left: history.left().to_vec(),
    }
}

/// Whether a demo makes nothing and changes nothing.
fn looks_only(plan: &Plan) -> bool {
    let looks = plan.actions.iter().all(|action| !action.verb.changes());
    plan.cgroups.is_empty() && plan.boxes.is_empty() && looks
}

/// What became of each claim.
fn lots(claims: &[Expectation], holds: &[bool], tried: &[Tried]) -> Vec<Lot> {
    let refused = tried.iter().find_map(|it| match &it.fate {
        Fate::Refused(why) => Some(why),
        Fate::Judged(_) | Fate::Broke(_) => None,
    });
    let lot = |(index, claim): (usize, &Expectation)| {
        let mut killers = tried.iter().enumerate().filter(|(_, it)| match &it.fate {
            Fate::Judged(killed) => killed.contains(&index),
            Fate::Refused(_) | Fate::Broke(_) => false,
        });
        if !holds.get(index).copied().unwrap_or(false) {
            return Lot::Unknown("it can't be judged here".into());
        }
        match (killers.next(), &claim.holds_anyway, refused) {
            (Some((first, _)), _, _) => Lot::Killed(first, 1 + killers.count()),
            (None, Some(why), _) => Lot::Explained(why.clone()),
            (None, None, Some(why)) => Lot::Unknown(format!("a mutant was refused: {why}")),
            (None, None, None) => Lot::Survived,
        }
    };
    claims.iter().enumerate().map(lot).collect()
}

impl Tally {
    fn add(&mut self, lots: &[Lot], tried: &[Tried], left: bool) {
        for lot in lots {
            self.claims += 1;
            match lot {
                Lot::Killed(..) => self.killed += 1,
                Lot::Explained(_) => self.explained += 1,
                Lot::Looks => self.looks += 1,
                Lot::Survived => self.survivors += 1,
                Lot::Unknown(_) => self.unknown += 1,
            }
        }
        for one in tried {
            self.mutants += 1;
            match &one.fate {
                Fate::Judged(killed) => self.idle += usize::from(killed.is_empty()),
                Fate::Refused(_) | Fate::Broke(_) => self.untold += 1,
            }
        }
        self.left += usize::from(left);
    }
}

/// A line for the step, then its survivors with what was tried, and the mutants
/// that nothing noticed.
fn print(
    one: &Chosen<'_>,
    claims: &[Expectation],
    lots: &[Lot],
    mutants: &[Mutant],
    tried: &[Tried],
    took: Duration,
    out: &mut Printer,
) -> Result<(), Failure> {
    let count = |is: &dyn Fn(&Lot) -> bool| lots.iter().filter(|lot| is(lot)).count();
    let killed = count(&|lot| matches!(lot, Lot::Killed(..)));
    let word = match count(&|lot| matches!(lot, Lot::Survived)) {
        0 => out.paint(Tone::Good, "ok"),
        _ => out.paint(Tone::Bad, "FAIL"),
    };
    writeln!(
        out,
        "{word} {}  {killed} of {} claims made false by {} mutants  ({:.1} s)",
        one.label(),
        claims.len(),
        mutants.len(),
        took.as_secs_f64()
    )?;
    for (claim, lot) in claims.iter().zip(lots) {
        let claim = visible(&claim.claim);
        match lot {
            Lot::Killed(..) => {}
            Lot::Looks => writeln!(out, "     the demo only looks: {claim}")?,
            Lot::Survived => writeln!(out, "     survivor: {claim}")?,
            Lot::Explained(why) => {
                writeln!(out, "     holds anyway: {claim}")?;
                writeln!(out, "       because: {}", visible(why))?;
            }
            Lot::Unknown(why) => {
                writeln!(out, "     not known: {claim}")?;
                writeln!(out, "       because: {}", visible(why))?;
            }
        }
    }
    let survived = lots.iter().any(|lot| matches!(lot, Lot::Survived));
    let told = |is: &dyn Fn(&Fate) -> bool| -> Vec<String> {
        let all = mutants.iter().zip(tried);
        all.filter(|(_, it)| is(&it.fate))
            .map(|(mutant, _)| visible(&mutant.change).to_string())
            .collect()
    };
    let noticed = told(&|fate| matches!(fate, Fate::Judged(killed) if !killed.is_empty()));
    let idle = told(&|fate| matches!(fate, Fate::Judged(killed) if killed.is_empty()));
    list(
        "tried, and noticed by other claims",
        &noticed,
        survived,
        out,
    )?;
    list("made no claim false", &idle, true, out)?;
    for (mutant, one) in mutants.iter().zip(tried) {
        let (Fate::Refused(why) | Fate::Broke(why)) = &one.fate else {
            continue;
        };
        writeln!(out, "     says nothing: {}", visible(&mutant.change))?;
        writeln!(out, "       for: {}", visible(why))?;
    }
    Ok(())
}

fn list(title: &str, lines: &[String], wanted: bool, out: &mut Printer) -> Result<(), Failure> {
    if wanted && !lines.is_empty() {
        writeln!(out, "     {title} ({}):", lines.len())?;
        for line in lines {
            writeln!(out, "       {line}")?;
        }
    }
    Ok(())
}

fn sum(tally: &Tally, too_many: Option<usize>, out: &mut Printer) -> Result<(), Failure> {
    writeln!(
        out,
        "{} claims: {} made false, {} survivors, {} hold anyway, {} of demos \
         that only look, {} not known; \
         {} mutants: {} made no claim false, {} say nothing; {} steps failed, {} skipped",
        tally.claims,
        tally.killed,
        tally.survivors,
        tally.explained,
        tally.looks,
        tally.unknown,
        tally.mutants,
        tally.idle,
        tally.untold,
        tally.failed,
        tally.skipped
    )?;
    if let Some(all) = too_many {
        writeln!(
            out,
            "{} of {all} claims have `holds-anyway`: more than {MOST_ANYWAY} %",
            tally.explained
        )?;
    }
    Ok(())
}

fn line(
    one: &Chosen<'_>,
    claims: &[Expectation],
    lots: &[Lot],
    mutants: &[Mutant],
    tried: &[Tried],
    left: &[Leftover],
) -> serde_json::Value {
    let claims: Vec<_> = claims
        .iter()
        .zip(lots)
        .map(|(claim, lot)| match lot {
            Lot::Killed(first, times) => json!({
                "claim": claim.claim, "lot": "killed", "times": times,
                "by": mutants[*first].change,
            }),
            Lot::Explained(why) => json!({
                "claim": claim.claim, "lot": "holds-anyway", "because": why,
            }),
            Lot::Looks => json!({ "claim": claim.claim, "lot": "only-looks" }),
            Lot::Survived => json!({ "claim": claim.claim, "lot": "survived" }),
            Lot::Unknown(why) => json!({
                "claim": claim.claim, "lot": "unknown", "because": why,
            }),
        })
        .collect();
    let mutants: Vec<_> = mutants
        .iter()
        .zip(tried)
        .map(|(mutant, one)| match &one.fate {
            Fate::Judged(killed) => json!({ "change": mutant.change, "killed": killed }),
            Fate::Refused(why) => json!({ "change": mutant.change, "refused": why }),
            Fate::Broke(why) => json!({ "change": mutant.change, "broke": why }),
        })
        .collect();
    json!({
        "step": one.step.meta.id,
        "lesson": one.lesson.number,
        "number": one.step.number,
        "claims": claims,
        "mutants": mutants,
        "left": left_over::json(left),
    })
}
