//! `glassbox explain --watch`: what changes, a line each, until the process ends
//! or the user has seen enough; then curves of what its group used.
//!
//! Looking costs CPU time, and more on a machine with many processes. So after
//! each look it waits for as many times what the look took as keeps it below one
//! hundredth of a CPU, and for a second at least.

use super::evidence::lines;
use super::failure::{Exit, Failure};
use super::interrupt::Interrupt;
use super::printer::{Printer, visible};
use crate::course::{Chart, ChartLine};
use crate::explain::{Answer, Entry, List, Report};
use crate::plan::{Event, History, Sample};
use crate::render;
use crate::session::explain::{Blind, Looker, isolated};
use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// The shortest time between two looks.
const LEAST: Duration = Duration::from_secs(1);
/// So many times what a look takes is waited after it.
const PARTS: u32 = 150;
/// More samples than a chart can show are thinned out.
const MOST_SAMPLES: usize = 4096;

/// Between two looks.
struct Pace {
    bell: UnixStream,
    /// CPU time of this process when the last wait ended.
    spent: Duration,
}

impl Pace {
    fn new(interrupt: &Interrupt) -> Result<Pace, Failure> {
        Ok(Pace {
            bell: interrupt.ring()?,
            spent: cpu_time(),
        })
    }

    /// Waits; whether there is to be another look.
    fn wait(&mut self) -> Result<bool, Failure> {
        let cost = cpu_time().saturating_sub(self.spent);
        let wait = (cost * PARTS).max(LEAST);
        self.bell.set_read_timeout(Some(wait))?;
        let read = self.bell.read(&mut [0]);
        self.spent = cpu_time();
        match read {
            Ok(_) => Ok(false),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                Ok(true)
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(true),
            Err(error) => Err(error.into()),
        }
    }
}

/// How much CPU time this process has used, clock_gettime(2).
fn cpu_time() -> Duration {
    let clock = nix::time::ClockId::CLOCK_PROCESS_CPUTIME_ID;
    nix::time::clock_gettime(clock).map_or(Duration::ZERO, Duration::from)
}

/// Watches what is isolated: who comes and who goes.
pub(super) fn list(json: bool, out: &mut Printer) -> Result<Exit, Failure> {
    let interrupt = Interrupt::listen()?;
    let mut pace = Pace::new(&interrupt)?;
    let mut last = isolated()?;
    match json {
        true => out.json(&last)?,
        false => lines(&render::isolated(&last, out.width()), out)?,
    }
    out.flush()?;
    while pace.wait()? {
        let now = isolated()?;
        let changes = came_and_went(&last, &now);
        if !changes.is_empty() {
            match json {
                true => out.json(&now)?,
                false => told(&changes, out)?,
            }
            out.flush()?;
        }
        last = now;
    }
    Ok(Exit::Well)
}

fn came_and_went(last: &List, now: &List) -> Vec<String> {
    let key = |entry: &Entry| (entry.pid, entry.id.clone(), entry.namespaces.clone());
    let old: BTreeMap<_, _> = last.entries.iter().map(|one| (key(one), one)).collect();
    let new: BTreeMap<_, _> = now.entries.iter().map(|one| (key(one), one)).collect();
    let say = |sign: &str, entry: &Entry| {
        let (kind, pid) = (entry.kind.word(), entry.pid);
        format!("{sign} {kind} {}: {pid} {}", entry.id, entry.name)
    };
    let gone = old.iter().filter(|(key, _)| !new.contains_key(key));
    let come = new.iter().filter(|(key, _)| !old.contains_key(key));
    gone.map(|(_, entry)| say("-", entry))
        .chain(come.map(|(_, entry)| say("+", entry)))
        .collect()
}

/// Watches one process.
pub(super) fn one(pid: i32, json: bool, out: &mut Printer) -> Result<Exit, Failure> {
    let interrupt = Interrupt::listen()?;
    let mut pace = Pace::new(&interrupt)?;
    let looker = Looker::new()?;
    let began = Instant::now();
    let mut history = History::default();
    let mut last = looker.look(pid)?;
    match json {
        true => out.json(&last)?,
        false => lines(&render::explain(&last, out.width()), out)?,
    }
    out.flush()?;
    let mut samples = 0;
    let ended = loop {
        if samples < MOST_SAMPLES {
            history.push(sample(&last, began.elapsed()));
            samples += 1;
        }
        if !pace.wait()? {
            break None;
        }
        let now = match looker.look(pid) {
            // The number may be somebody else's by now.
            Ok(now) if now.start == last.start => now,
            Ok(_) => {
                break Some(format!(
                    "process {pid} has ended, and its number is another's"
                ));
            }
            Err(Blind::Lost(_)) => break Some(format!("process {pid} has ended")),
            Err(error) => return Err(error.into()),
        };
        let changes = changed(&last, &now);
        match json {
            true if now != last => out.json(&now)?,
            true => {}
            false => told(&changes, out)?,
        }
        out.flush()?;
        last = now;
    };
    if !json {
        let charts = charts(&last);
        lines(&render::curves(&charts, &history, out.width()), out)?;
        told(&ended.into_iter().collect::<Vec<_>>(), out)?;
    } else if let Some(ended) = ended {
        eprintln!("{ended}");
    }
    Ok(Exit::Well)
}

/// What is other than before, but for what its group uses: that is for the curves.
fn changed(last: &Report, now: &Report) -> Vec<String> {
    let rows = |report: &Report| -> Vec<(String, Answer)> {
        let rows = report.sections.iter().flat_map(|section| &section.rows);
        rows.filter(|row| !row.id.ends_with(".used"))
            .map(|row| (row.label.clone(), row.theirs.clone()))
            .collect()
    };
    let (old, new) = (rows(last), rows(now));
    let say = |(label, answer): &(String, Answer)| match answer {
        Answer::Seen(value) => format!("{label}: {value}"),
        Answer::Unavailable { because, .. } => format!("{label}: unavailable: {because}"),
    };
    let mut changes: Vec<String> = new
        .iter()
        .filter(|row| !old.contains(row))
        .map(say)
        .collect();
    let bound = |(label, _): &&(String, Answer)| label.starts_with("Bound at ");
    let gone = old.iter().filter(bound).filter(|row| !new.contains(row));
    changes.extend(gone.map(|(label, _)| format!("no more: {label}")));
    if last.verdict != now.verdict {
        changes.push(now.verdict.sentence.clone());
    }
    changes
}

fn told(changes: &[String], out: &mut Printer) -> Result<(), Failure> {
    for change in changes {
        writeln!(out, "{}", visible(change))?;
    }
    Ok(())
}

fn sample(report: &Report, at: Duration) -> Event {
    Event::Sample(Sample {
        at: i64::try_from(at.as_nanos()).unwrap_or(i64::MAX),
        values: report.live.clone(),
    })
}

/// The curves of what was sampled at all.
fn charts(report: &Report) -> Vec<Chart> {
    let has = |name: &str| {
        report
            .live
            .iter()
            .find(|(fact, _)| fact.to_string() == name)
    };
    [
        ("Memory", "host/memory.used", Some("host/memory.max"), false),
        ("Processes", "host/pids.used", Some("host/pids.max"), false),
        ("CPU time", "host/cpu.used", None, true),
    ]
    .into_iter()
    .filter_map(|(title, fact, limit, rate)| {
        Some(Chart {
            title: title.into(),
            line: vec![ChartLine {
                label: "its group".into(),
                fact: has(fact)?.0.clone(),
            }],
            rate,
            limit: limit.and_then(has).map(|(fact, _)| fact.clone()),
        })
    })
    .collect()
}
