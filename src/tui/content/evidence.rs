//! The evidence tab: before the run a question and the knobs; then beat by beat what
//! happened; at the end what was said beside what was observed.

use std::borrow::Cow;

use super::questions::{ask, letter, quiz, verdict};
use crate::check::Verdict;
use crate::course::Scenario;
use crate::plan::History;
use crate::render::{self, Line, Mark, Plot, Role, Span, wrap};
use crate::session::{Outcome, Record};
use crate::tui::model::Model;
use crate::tui::question::Answer;
use crate::tui::rows::{Row, Slice, Target, Turn, rows, signed, text};
use crate::tui::screen::Tab;
use crate::tui::way::Showing;

/// The signs of a chart's lines in its legend, as `view` draws them.
const CURVES: [&str; 3] = ["⠒⠒", "••", "××"];
const LIMIT: &str = "╌╌";

/// The lines, and how many of the first stay where they are.
pub(super) fn evidence(model: &Model, width: usize) -> (Vec<Row>, usize) {
    if !model.step().has_demo() {
        let words = "This step has no demo: read on, then press Enter.";
        return (text(words, Role::Dim, width), 0);
    }
    if let Some(Err(message)) = &model.state().scenario {
        let words = format!("✗ This demo can't be made: {message}");
        return (text(words, Role::Bad, width), 0);
    }
    let (head, rest) = match model.showing() {
        Showing::Nothing => (
            Vec::new(),
            vec![
                prediction(model, width),
                knobs(model, width),
                status(model, width),
            ],
        ),
        Showing::Beat(beat) => told(model, beat, width),
        Showing::Verdict => ended(model, width),
    };
    let mut parts = rest;
    let pinned = head.len();
    parts.insert(0, head);
    parts.retain(|part| !part.is_empty());
    (parts.join(&Row::default()), pinned)
}

/// A beat: its sentence, which stays; then what it changed, and what was known.
fn told(model: &Model, number: usize, width: usize) -> (Vec<Row>, Vec<Vec<Row>>) {
    let beats = model.beats();
    let (Some((scenario, history)), Some(beat)) = (model.observed(), beats.get(number)) else {
        return Default::default();
    };
    let newest = number + 1 == beats.len();
    let mut head = rows(render::sentence(scenario, history, beat, width));
    head.extend(
        status(model, width)
            .into_iter()
            .filter(|_| newest && model.busy()),
    );
    let until = beat.until(history);
    let shows = render::shows(scenario, history, beat);
    let mut parts = vec![
        rows(render::sequence(
            history,
            beat,
            model.content.talk_height,
            width,
        )),
        rows(render::outputs(history, beat, width)),
    ];
    if !shows {
        parts.push(rows(render::calls(scenario, history, beat, width)));
    }
    let figure = rows(render::figure(scenario, &until, width));
    let bars = rows(render::bars(scenario, &until, width));
    let table = render::beat_rows(scenario, history, beat, model.settings.sources, width);
    // What changed comes first.
    let (first, last) = match render::figure_changed(scenario, history, beat) {
        true => (figure, Vec::new()),
        false => (Vec::new(), figure),
    };
    parts.push(first);
    parts.push(charts(model, width));
    match render::bars_changed(scenario, history, beat) {
        true => parts.extend([bars, rows(table), last]),
        false => parts.extend([rows(table), bars, last]),
    }
    parts.push(rows(render::troubles(&until, width)));
    parts.push(said(model, scenario, width));
    if newest && model.live() {
        parts.push(knobs(model, width));
    }
    if number < model.state().play.furthest {
        let dim = |row: &mut Row| {
            row.line
                .spans
                .iter_mut()
                .for_each(|span| span.role = Role::Dim)
        };
        parts.iter_mut().flatten().for_each(dim);
        head.extend(text("Recorded before: nothing is run.", Role::Dim, width));
    }
    (head, parts)
}

/// The end of a run: what was said and observed, with the rows that answer, stays;
/// below it all of the evidence.
fn ended(model: &Model, width: usize) -> (Vec<Row>, Vec<Vec<Row>>) {
    let state = model.state();
    let Some(record) = state.record.as_ref().filter(|_| !model.busy()) else {
        return (status(model, width), Vec::new());
    };
    let history = record.evidence(model.step());
    let (scenario, sources) = (&record.scenario, model.settings.sources);
    let mut head = quiz(model, width);
    let mut parts = Vec::new();
    let mut answering = Vec::new();
    if head.is_empty() {
        if let Some(question) = &scenario.predict {
            head = verdict(question, state.prediction.answer, &history, width);
            answering = answers(scenario, question);
            let marked: Vec<_> = answering.iter().map(|row| (*row, Mark::Answer)).collect();
            head.extend(rows(render::rows(&marked, &history, sources, width)));
        } else {
            head = summary(record, width);
        }
    }
    if scenario.predict.is_some() {
        parts.push(summary(record, width));
    }
    parts.push(rows(render::figure(scenario, &history, width)));
    parts.push(charts(model, width));
    parts.push(rows(render::bars(scenario, &history, width)));
    let verdicts = folded(model, record);
    let mut findings = render::observer(&history, width);
    if !findings.is_empty() {
        findings.push(Line::default());
    }
    let mut rest = scenario.clone();
    rest.show.retain(|row| !answering.contains(&row));
    findings.extend(render::findings(&rest, &history, verdicts, sources, width));
    parts.push(rows(findings));
    parts.push(knobs(model, width));
    (head, parts)
}

/// The rows of the table that a question is about.
pub(super) fn answers<'s>(
    scenario: &'s Scenario,
    question: &crate::check::Question,
) -> Vec<&'s crate::course::ShowRow> {
    let tests = question
        .choice
        .iter()
        .flat_map(|choice| choice.when.facts());
    let asked: Vec<_> = tests.chain(&question.number).collect();
    let about = |id: &crate::plan::FactRef, exactly: bool| {
        asked.iter().any(|asked| match exactly {
            true => *asked == id,
            false => asked.is_named_by(id) || id.is_named_by(asked),
        })
    };
    let rows = |exactly: bool| -> Vec<_> {
        let shown = scenario.show.iter();
        shown
            .filter(|row| {
                let mut facts = row.inside.iter().chain(&row.outside);
                facts.any(|id| about(id, exactly))
            })
            .take(3)
            .collect()
    };
    let exact = rows(true);
    if exact.is_empty() { rows(false) } else { exact }
}

/// The claims one by one where that was asked for, or not all could be confirmed.
fn folded<'m>(model: &Model, record: &'m Record) -> &'m [Verdict] {
    match model.settings.claims || record.outcome == Outcome::Failed {
        true => &record.verdicts,
        false => &[],
    }
}

/// What was observed here, or where this host can't, recorded elsewhere.
fn shown<'m>(model: &'m Model, history: &'m History) -> Cow<'m, History> {
    match (model.running(), &model.state().record) {
        (None, Some(record)) => record.evidence(model.step()),
        (Some(_), _) | (None, None) => Cow::Borrowed(history),
    }
}

/// The charts of what has been sampled by the end of the beat that is shown.
pub(super) fn plots(model: &Model) -> Vec<Plot> {
    let here = model.screen.tab == Tab::Evidence;
    let Some((scenario, history)) = model.observed().filter(|_| here) else {
        return Vec::new();
    };
    let history = match model.showing() {
        Showing::Beat(number) => match model.beats().get(number) {
            Some(beat) => Cow::Owned(beat.until(history)),
            None => Cow::Borrowed(history),
        },
        Showing::Nothing | Showing::Verdict => shown(model, history),
    };
    let charts = scenario.charts.iter();
    charts
        .filter_map(|chart| Plot::new(chart, &history))
        .collect()
}

/// How many rows a chart may have in a pane of this height: two fifths of it, so
/// that what is said of the chart is in sight with it.
pub(super) fn chart_height(page: usize) -> usize {
    (page * 2 / 5).clamp(6, 16)
}

/// How many lines a diagram of messages may have in a pane of this height: the
/// sentence and some rows of the table stay in sight.
pub(super) fn talk_height(page: usize) -> usize {
    (page * 2 / 3).clamp(8, 40)
}

pub(super) fn charts(model: &Model, width: usize) -> Vec<Row> {
    let plots = &model.content.plots;
    let heights = heights(plots, model.content.plot_height);
    let drawn = plots.iter().enumerate().map(|(index, plot)| {
        let mut lines = rows(render::above(plot, LIMIT, width));
        // One for which there is no room is told in numbers.
        let height = heights.get(index).copied().unwrap_or(0);
        lines.extend((0..height).map(|row| Row {
            chart: Some(Slice {
                plot: index,
                row,
                of: height,
            }),
            ..Row::default()
        }));
        lines.extend(rows(render::below(plot, CURVES, width)));
        lines
    });
    let drawn: Vec<Vec<Row>> = drawn.collect();
    drawn.join(&Row::default())
}

/// How many rows each chart has, so that together they have no more than these: as
/// many charts as can be read then, the first ones. One there is always.
fn heights(plots: &[Plot], most: usize) -> Vec<usize> {
    let of = |count: usize| -> Vec<usize> {
        // The time axis and its labels take two.
        let each = (most / count).saturating_sub(2);
        let drawn = plots.iter().take(count);
        drawn.map(|plot| plot.value.rows(each) + 2).collect()
    };
    let fitting = (1..=plots.len()).rev().map(of);
    let mut fitting = fitting.skip_while(|all| all.len() > 1 && all.iter().sum::<usize>() > most);
    fitting.next().unwrap_or_default()
}

/// The question before the run; while it goes on, what was said.
pub(super) fn prediction(model: &Model, width: usize) -> Vec<Row> {
    let state = model.state();
    let Some(scenario) = model.scenario() else {
        return Vec::new();
    };
    let Some(question) = &scenario.predict else {
        return Vec::new();
    };
    if state.prediction.answer.is_none() {
        return ask("Predict", question, &state.prediction, width);
    }
    let mut lines = text(&question.ask, Role::Strong, width);
    lines.extend(said(model, scenario, width));
    lines
}

/// What the learner predicted, in a line.
fn said(model: &Model, scenario: &Scenario, width: usize) -> Vec<Row> {
    let question = scenario.predict.as_ref();
    let said = match model.state().prediction.answer {
        Some(Answer::Choice(index)) => {
            let choice = question.and_then(|question| question.choice.get(index));
            choice.map(|choice| format!("{}  {}", letter(index), choice.text))
        }
        Some(Answer::Number(n)) => Some(n.to_string()),
        Some(Answer::Skipped) | None => None,
    };
    said.map_or(Vec::new(), |said| {
        text(format!("You said  {said}"), Role::Label, width)
    })
}

fn knobs(model: &Model, width: usize) -> Vec<Row> {
    let state = model.state();
    let Some(demo) = model.step().demo() else {
        return Vec::new();
    };
    let several = demo.knobs.len() > 1;
    let mut lines = Vec::new();
    for (index, knob) in demo.knobs.iter().enumerate() {
        let selected = index == state.knob;
        let value = state.knobs.get(&knob.name).unwrap_or_else(|| knob.start());
        let at = knob.values.iter().position(|v| v == value).unwrap_or(0);
        let sign = match (several, selected) {
            (true, true) => "▸ ",
            (true, false) => "  ",
            (false, _) => "",
        };
        let head = format!("{sign}{}: ", knob.label);
        let shown = format!(" {value} ");
        let left = Line::of(head.as_str(), Role::Label).width();
        let right = left + 1 + Line::of(shown.as_str(), Role::Body).width();
        // At its end a knob loses the arrow that would do nothing.
        let arrow = |there: bool, sign: &str| {
            let role = if there { Role::Strong } else { Role::Dim };
            Span::new(if there { sign } else { "·" }, role)
        };
        let line = Line {
            spans: vec![
                Span::new(head, Role::Label),
                arrow(at > 0, "◂"),
                Span::new(shown, Role::Changed),
                arrow(at + 1 < knob.values.len(), "▸"),
                Span::new(format!("  {} of {}", at + 1, knob.values.len()), Role::Dim),
            ],
        };
        if line.width() <= width {
            lines.push(Row {
                line,
                targets: vec![
                    (
                        left.saturating_sub(1)..left + 2,
                        Target::Knob(index, Turn::Down),
                    ),
                    (left + 2..right + 2, Target::Knob(index, Turn::Up)),
                ],
                selected: several && selected,
                ..Row::default()
            });
        } else {
            lines.extend(rows(wrap(&line.spans, width)));
        }
    }
    lines
}

/// What the learner can do now, or what is being done.
pub(super) fn status(model: &Model, width: usize) -> Vec<Row> {
    let state = model.state();
    if let Some(message) = &state.not_started {
        return text(
            format!("✗ The run could not be started: {message}"),
            Role::Bad,
            width,
        );
    }
    if model.paused().is_some() {
        return Vec::new();
    }
    if model.live() {
        let words = "● Running: change the limit with [ ], now. Enter: enough, go on.";
        let last = model.running().and_then(|run| run.history.retuned().last());
        let mut lines = match last.and_then(|retuned| retuned.refused.as_ref()) {
            Some(because) => text(format!("! Refused: {because}"), Role::Warn, width),
            None => Vec::new(),
        };
        lines.extend(text(words, Role::Label, width));
        return lines;
    }
    if model.busy() {
        return text("● Running on this machine's kernel …", Role::Label, width);
    }
    let words = match (model.open_question(), state.prediction.answer) {
        (Some(question), _) if question.number.is_some() => {
            "Type your number and press Enter; or press r to run without predicting."
        }
        (Some(_), _) => {
            "Choose with ↑ ↓ and Enter, or its letter; or press r to run without predicting."
        }
        (None, Some(_)) => "Now press Enter, and see what the kernel does.",
        (None, None) if model.step().has_quiz() => {
            "First make the observations that your answers are checked against: press Enter."
        }
        (None, None) => "Press Enter to run this on your machine's own kernel.",
    };
    let spans = [Span::new(words, Role::Label)];
    signed("", &spans, width, Some(Target::Run))
}

/// The sum of a run in one line; the claims themselves stand at the end.
pub(super) fn summary(record: &Record, width: usize) -> Vec<Row> {
    if record.history.retuned().next().is_some() && record.outcome == Outcome::Passed {
        let words = "You changed the limit while it ran: its claims are not judged.";
        return text(words, Role::Label, width);
    }
    let total = record.verdicts.len();
    let holding = record
        .verdicts
        .iter()
        .filter(|verdict| verdict.holds())
        .count();
    let (words, role) = match &record.outcome {
        Outcome::Passed if total == 0 => return Vec::new(),
        Outcome::Passed if holding < total => (
            format!(
                "✓ {holding} of {total} claims hold here; the others can't be judged: press c."
            ),
            Role::Good,
        ),
        Outcome::Passed => (
            format!("✓ All {total} claims of this step hold here. c shows them."),
            Role::Good,
        ),
        Outcome::Failed => (
            format!("✗ Only {holding} of {total} claims could be confirmed: see below."),
            Role::Bad,
        ),
        Outcome::Skipped(refusal) => (
            format!("! This host can't do all of it: {}.", refusal.cause),
            Role::Warn,
        ),
    };
    text(words, role, width)
}
