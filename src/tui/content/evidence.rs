//! The evidence tab: question, knobs, what is under way, what was observed.

use std::borrow::Cow;

use super::questions::{ask, compared, quiz};
use crate::check::Verdict;
use crate::course::Scenario;
use crate::plan::History;
use crate::render::{self, Line, Plot, Role, Span, wrap};
use crate::session::{Outcome, Record};
use crate::tui::model::Model;
use crate::tui::question::Answer;
use crate::tui::rows::{Row, Slice, Target, Turn, rows, signed, text};
use crate::tui::screen::Tab;

/// The signs of a chart's lines in its legend, as `view` draws them.
const CURVES: [&str; 3] = ["⠒⠒", "••", "××"];
const LIMIT: &str = "╌╌";

/// The evidence tab: question, knobs, what is under way, what was observed.
pub(super) fn evidence(model: &Model, width: usize) -> Vec<Row> {
    let state = model.state();
    if model.step().demo.is_none() {
        return text(
            "This step has no demo: read on, then press Enter.",
            Role::Dim,
            width,
        );
    }
    if let Some(Err(message)) = &state.scenario {
        return text(
            format!("✗ This demo can't be made: {message}"),
            Role::Bad,
            width,
        );
    }
    // A quiz that is on stands above all else; then what moves, close to the
    // knobs that move it, so that a low pane has room for all of it.
    let moving = [charts(model, width), bars(model, width)];
    let (knobs, status) = (knobs(model, width), status(model, width));
    let mut parts = vec![quiz(model, width)];
    if model.staged() {
        // From stage to stage, and at the end, the figure keeps its place.
        parts.push(status);
        parts.push(observed(model, width, render::figure));
        parts.extend(moving);
        let rest = [prediction(model, width), knobs];
        let findings = observed(model, width, |scenario, history, width| {
            let mut lines = render::observer(history, width);
            if !lines.is_empty() {
                lines.push(Line::default());
            }
            lines.extend(render::findings(scenario, history, verdicts(model), width));
            lines
        });
        match model.busy() {
            true => parts.extend([vec![findings], rest.into()].concat()),
            false => parts.extend([rest.into(), vec![findings]].concat()),
        }
    } else {
        parts.extend(moving);
        match model.content.plots.is_empty() {
            true => parts.extend([prediction(model, width), knobs, status]),
            false => parts.extend([[knobs, status].concat(), prediction(model, width)]),
        }
        parts.push(observed(model, width, |scenario, history, width| {
            render::evidence(scenario, history, verdicts(model), width)
        }));
    }
    parts.retain(|part| !part.is_empty());
    parts.join(&Row::default())
}

/// Whether a quiz is still to be answered: the evidence would give its answers
/// away. But a stage is there to be looked at.
fn quizzing(model: &Model) -> bool {
    let looking = model.staged() && model.busy();
    model.step().quiz.is_some() && !model.quiz_done() && !looking
}

/// What became of the claims; nothing yet while a run is under way.
fn verdicts(model: &Model) -> &[Verdict] {
    match (model.running(), &model.state().record) {
        (None, Some(record)) => record.verdicts.as_slice(),
        (Some(_), _) | (None, None) => &[],
    }
}

/// A drawing of what was observed.
fn observed(
    model: &Model,
    width: usize,
    draw: impl Fn(&Scenario, &History, usize) -> Vec<Line>,
) -> Vec<Row> {
    match model.observed().filter(|_| !quizzing(model)) {
        Some((scenario, history)) => rows(draw(scenario, &shown(model, history), width)),
        None => Vec::new(),
    }
}

fn bars(model: &Model, width: usize) -> Vec<Row> {
    observed(model, width, render::bars)
}

/// What was observed here, or where this host can't, recorded elsewhere.
fn shown<'m>(model: &'m Model, history: &'m History) -> Cow<'m, History> {
    match (model.running(), &model.state().record) {
        (None, Some(record)) => record.evidence(model.step()),
        (Some(_), _) | (None, None) => Cow::Borrowed(history),
    }
}

/// The charts of what has been sampled; none while a quiz asks about it.
pub(super) fn plots(model: &Model) -> Vec<Plot> {
    let hidden = model.screen.tab != Tab::Evidence || quizzing(model);
    let Some((scenario, history)) = model.observed().filter(|_| !hidden) else {
        return Vec::new();
    };
    let history = shown(model, history);
    let charts = scenario.charts.iter();
    charts
        .filter_map(|chart| Plot::new(chart, &history))
        .collect()
}

/// How many rows a chart may have in a pane of this height: so many that it can
/// be read, and so few that the knobs are in sight with it.
pub(super) fn chart_height(page: usize) -> usize {
    (page / 2).clamp(9, 18)
}

fn charts(model: &Model, width: usize) -> Vec<Row> {
    let drawn = model.content.plots.iter().enumerate().map(|(index, plot)| {
        let mut lines = rows(render::above(plot, LIMIT, width));
        // The time axis and its labels take two.
        let height = plot.value.rows(model.content.plot_height - 2) + 2;
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

fn prediction(model: &Model, width: usize) -> Vec<Row> {
    let state = model.state();
    let Some(question) = model
        .scenario()
        .and_then(|scenario| scenario.predict.as_ref())
    else {
        return Vec::new();
    };
    match (&state.record, state.prediction.answer) {
        (Some(record), answer) if !model.busy() => {
            let scenario = record.scenario.predict.as_ref();
            compared(scenario.unwrap_or(question), answer, &record.history, width)
        }
        (None, None) if !model.busy() => ask("Predict", question, &state.prediction, width),
        (_, answer) => {
            let mut lines = text(&question.ask, Role::Strong, width);
            let said = match answer {
                Some(Answer::Choice(index)) => question.choice.get(index).map(|c| c.text.clone()),
                Some(Answer::Number(n)) => Some(n.to_string()),
                Some(Answer::Skipped) | None => None,
            };
            if let Some(said) = said {
                lines.extend(text(format!("You predict: {said}"), Role::Label, width));
            }
            lines
        }
    }
}

fn knobs(model: &Model, width: usize) -> Vec<Row> {
    let state = model.state();
    let Some(demo) = &model.step().demo else {
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
fn status(model: &Model, width: usize) -> Vec<Row> {
    let state = model.state();
    if let Some(message) = &state.not_started {
        return text(
            format!("✗ The run could not be started: {message}"),
            Role::Bad,
            width,
        );
    }
    if let (Some(action), Some(run)) = (model.paused(), model.running())
        && let Some(stage) = render::stage(&run.scenario, action)
    {
        let full = stage.ends_with(['.', '!', '?', ':', '…']);
        let stop = if full { "" } else { "." };
        let spans = [
            Span::new(format!("‖ {stage}{stop}"), Role::Strong),
            Span::new(" Enter: go on.", Role::Label),
        ];
        return rows(wrap(&spans, width));
    }
    if model.live() {
        let words = "● Running: change the limit with ← →, now. Enter: enough, go on.";
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
    if let Some(record) = &state.record {
        return summary(record, width);
    }
    let words = match (model.open_question(), state.prediction.answer) {
        (Some(question), _) if question.number.is_some() => {
            "Type your number and press Enter; or press r to run without predicting."
        }
        (Some(_), _) => {
            "Choose with ↑ ↓ and Enter, or its letter; or press r to run without predicting."
        }
        (None, Some(_)) => "Now press Enter, and see what the kernel does.",
        (None, None) if model.step().quiz.is_some() => {
            "First make the observations that your answers are checked against: press Enter."
        }
        (None, None) => "Press Enter to run this on your machine's own kernel.",
    };
    let spans = [Span::new(words, Role::Label)];
    signed("", &spans, width, Some(Target::Run))
}

/// The sum of a run in one line; the claims themselves stand at the end.
fn summary(record: &Record, width: usize) -> Vec<Row> {
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
                "✓ {holding} of {total} claims hold here; the others can't be judged: see the end."
            ),
            Role::Good,
        ),
        Outcome::Passed => (
            format!("✓ All {total} claims of this step hold here."),
            Role::Good,
        ),
        Outcome::Failed => (
            format!("✗ Only {holding} of {total} claims could be confirmed: see the end."),
            Role::Bad,
        ),
        Outcome::Skipped(refusal) => (
            format!("! This host can't do all of it: {}.", refusal.cause),
            Role::Warn,
        ),
    };
    text(words, role, width)
}
