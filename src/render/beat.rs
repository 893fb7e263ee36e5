//! A beat of a run: its sentence, the one thing to look at, and the rows that it
//! made or changed.

use super::evidence::{Mark, pair, rows};
use super::line::{Line, Role, Span};
use super::sequence::whole;
use super::syscalls::{command, happened, stage, syscall};
use super::text::wrap;
use crate::course::{Scenario, ShowRow};
use crate::plan::{Event, FactRef, History};
use crate::record::{Beat, beats};

/// The most lines of what one program wrote, or of calls, that a beat shows; all
/// of them stand among the calls.
const MOST: usize = 12;

/// What the lesson says to a beat, and the words of the stage that it ends with.
pub fn sentence(scenario: &Scenario, history: &History, beat: &Beat, width: usize) -> Vec<Line> {
    let mut lines = Vec::new();
    if let Some(say) = beat.sentence(&scenario.plan) {
        lines.extend(wrap(&[Span::new(say, Role::Strong)], width));
    }
    if let Some(words) = beat
        .stage(&scenario.plan, history)
        .and_then(|action| stage(scenario, action))
    {
        let full = words.ends_with(['.', '!', '?', ':', '…']);
        let stop = if full { "" } else { "." };
        let words = format!("‖ {words}{stop}");
        lines.extend(wrap(&[Span::new(words, Role::Strong)], width));
    }
    lines
}

/// The commands of a beat with what they wrote.
pub fn outputs(history: &History, beat: &Beat, width: usize) -> Vec<Line> {
    let outputs = beat.outputs(history);
    let outputs: Vec<Vec<Line>> = outputs
        .map(|output| some(command(output, width), "lines", width))
        .collect();
    outputs.join(&Line::default())
}

/// The calls of a beat, in which nothing else is seen.
pub fn calls(scenario: &Scenario, history: &History, beat: &Beat, width: usize) -> Vec<Line> {
    let calls = beat.calls(&scenario.plan, history);
    let calls = calls.flat_map(|call| syscall(call, width));
    some(calls.collect(), "lines of calls", width)
}

/// The first of many lines, and how many there are more.
fn some(mut lines: Vec<Line>, what: &str, width: usize) -> Vec<Line> {
    let more = lines.len().saturating_sub(MOST);
    // A line that says so is worth more than the last one only if it spares two.
    if more > 1 {
        lines.truncate(MOST);
        let text = format!("… {more} more {what} in the tab Syscalls");
        lines.extend(wrap(&[Span::new(text, Role::Dim)], width));
    }
    lines
}

/// A run as text: each beat with its calls, what programs wrote, and the rows that
/// it made or changed.
pub fn told(scenario: &Scenario, history: &History, width: usize) -> Vec<Line> {
    let mut lines = Vec::new();
    for beat in beats(&scenario.plan, history) {
        let events = beat.of(history);
        // The end is no part of what is told of the last one.
        let end = events.iter().position(|event| *event == Event::Holding);
        let (told, rest) = events.split_at(end.unwrap_or(events.len()));
        // What was said stands in one diagram, after what else happened.
        let silent = told
            .iter()
            .filter(|event| !matches!(event, Event::Message(_)));
        let silent: Vec<Event> = silent.cloned().collect();
        lines.extend(happened(scenario, history, &silent, width));
        let diagram = whole(history, &beat, width);
        if !diagram.is_empty() {
            lines.push(Line::default());
            lines.extend(diagram);
        }
        let changed = changed_rows(scenario, history, &beat);
        if !changed.is_empty() {
            lines.push(Line::default());
            lines.extend(rows(&changed, &beat.until(history), false, width));
        }
        if !rest.is_empty() {
            lines.push(Line::default());
        }
        lines.extend(happened(scenario, history, rest, width));
    }
    lines
}

/// The rows of the evidence that are known by the end of a beat: those that it
/// made or changed first, marked.
pub fn beat_rows(
    scenario: &Scenario,
    history: &History,
    beat: &Beat,
    sources: bool,
    width: usize,
) -> Vec<Line> {
    let until = beat.until(history);
    let mut marked = changed_rows(scenario, history, beat);
    let rest = scenario.show.iter().filter(|row| {
        let known = facts(row).any(|id| until.fact(id).is_some());
        known && !marked.iter().any(|(other, _)| other == row)
    });
    let rest: Vec<_> = rest.map(|row| (row, Mark::None)).collect();
    marked.extend(rest);
    rows(&marked, &until, sources, width)
}

/// The rows that a beat made or changed.
fn changed_rows<'s>(
    scenario: &'s Scenario,
    history: &History,
    beat: &Beat,
) -> Vec<(&'s ShowRow, Mark)> {
    let before = beat.before(history);
    let marked = scenario.show.iter().filter_map(|row| {
        facts(row).find_map(|id| beat.change(history, id))?;
        let known = facts(row).any(|id| before.fact(id).is_some());
        let mark = if known { Mark::Changed } else { Mark::New };
        Some((row, mark))
    });
    marked.collect()
}

/// The first row that a beat made or changed, as the one pair of values to look at.
pub fn changed_pair(
    scenario: &Scenario,
    history: &History,
    beat: &Beat,
    width: usize,
) -> Vec<Line> {
    let changed = changed_rows(scenario, history, beat);
    let until = beat.until(history);
    changed
        .first()
        .map_or(Vec::new(), |(row, _)| pair(row, &until, width))
}

/// Whether a beat looked at groups again and again.
pub fn sampled(history: &History, beat: &Beat) -> bool {
    let mut events = beat.of(history).iter();
    events.any(|event| matches!(event, Event::Sample(_)))
}

/// Whether a beat changed anything that a row, a bar or the figure shows.
pub fn shows(scenario: &Scenario, history: &History, beat: &Beat) -> bool {
    let bars = scenario.bars.iter().flat_map(|bars| &bars.bar);
    let mut ids = bars
        .map(|bar| &bar.fact)
        .chain(scenario.show.iter().flat_map(facts));
    let sampled = |event: &Event| matches!(event, Event::Sample(_));
    let said = |event: &Event| matches!(event, Event::Message(_));
    ids.any(|id| beat.change(history, id).is_some())
        || figure_changed(scenario, history, beat)
        || !scenario.charts.is_empty() && beat.of(history).iter().any(sampled)
        || beat.outputs(history).next().is_some()
        || beat.of(history).iter().any(said)
}

/// Whether a beat changed what the figure shows.
pub fn figure_changed(scenario: &Scenario, history: &History, beat: &Beat) -> bool {
    use crate::course::Figure;
    match &scenario.figure {
        Some(Figure::Layers(id)) => beat.change(history, id).is_some(),
        Some(Figure::Namespaces) => beat
            .of(history)
            .iter()
            .any(|event| matches!(event, Event::Fact(fact) if fact.id.name.starts_with("ns."))),
        None => false,
    }
}

/// Whether a beat changed one of the bars.
pub fn bars_changed(scenario: &Scenario, history: &History, beat: &Beat) -> bool {
    let bars = scenario.bars.iter().flat_map(|bars| &bars.bar);
    let mut facts = bars.map(|bar| &bar.fact);
    facts.any(|id| beat.change(history, id).is_some())
}

fn facts(row: &ShowRow) -> impl Iterator<Item = &FactRef> {
    row.inside.iter().chain(&row.outside)
}
