//! The text of the panes, made anew when the model changed: so that drawing,
//! scrolling and clicking speak of the same lines.

use super::layout::text_width;
use super::model::{Model, Pane, Tab};
use super::question::{Answer, Asked, compare};
use crate::check::Question;
use crate::plan::History;
use crate::render::{self, Line, Role, Span, wrap};
use crate::session::{Outcome, Record};
use std::ops::Range;

/// A line of a pane or a popup.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) line: Line,
    /// Cells that do something when they are clicked.
    pub(super) targets: Vec<(Range<usize>, Target)>,
    /// The cursor is on it.
    pub(super) selected: bool,
}

/// What a click means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    /// Choose this answer.
    Choice(usize),
    /// Turn this knob one value down or up.
    Knob(usize, Turn),
    /// Run the demo.
    Run,
    /// Take this entry of a list.
    Entry(usize),
}

/// Which way a knob is turned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    Down,
    Up,
}

/// The lines of both panes.
#[derive(Debug, Default)]
pub(super) struct Content {
    pub(super) prose: Vec<Row>,
    pub(super) stage: Vec<Row>,
    /// The model changed since the lines were made.
    pub(super) stale: bool,
    /// For which step and width the prose was set; it changes with nothing else.
    prose_key: Option<(usize, usize)>,
    /// Likewise for the tabs that are prose, and, with the number of events and
    /// the run's id, for the calls.
    stage_key: Option<(usize, usize, Tab, usize, u64)>,
}

impl From<Line> for Row {
    fn from(line: Line) -> Self {
        Row {
            line,
            ..Row::default()
        }
    }
}

fn rows(lines: Vec<Line>) -> Vec<Row> {
    lines.into_iter().map(Row::from).collect()
}

fn text(text: impl Into<String>, role: Role, width: usize) -> Vec<Row> {
    rows(wrap(&[Span::new(text, role)], width))
}

/// Text behind a sign, further lines below its start; the whole can be clicked.
fn signed(sign: &str, spans: &[Span], width: usize, target: Option<Target>) -> Vec<Row> {
    let indent = Line::of(sign, Role::Body).width();
    wrap(spans, width.saturating_sub(indent))
        .into_iter()
        .enumerate()
        .map(|(index, line)| {
            let role = spans.first().map_or(Role::Body, |span| span.role);
            let prefix = if index == 0 {
                sign.to_string()
            } else {
                " ".repeat(indent)
            };
            Row {
                line: line.prefixed(Span::new(prefix, role)),
                targets: target
                    .map(|target| (0..width, target))
                    .into_iter()
                    .collect(),
                selected: false,
            }
        })
        .collect()
}

/// Sets the lines of both panes anew, if the model changed since. Events of a
/// run may come by the thousand: this is called before a draw or an input, not
/// after each of them.
pub(super) fn refresh(model: &mut Model) {
    if !model.content.stale {
        return;
    }
    model.content.stale = false;
    let width = text_width(model, Pane::Prose);
    if model.content.prose_key != Some((model.at, width)) {
        let lines = render::document(&model.step().prose, width);
        model.content.prose = rows(lines);
        model.content.prose_key = Some((model.at, width));
    }
    let width = text_width(model, Pane::Stage);
    let tab = model.screen.tab;
    let events = model
        .observed()
        .map_or(0, |(_, history)| history.events().len());
    let key = match tab {
        Tab::Syscalls => Some((model.at, width, tab, events, model.runs.last_id)),
        Tab::ByHand | Tab::InDocker => Some((model.at, width, tab, 0, 0)),
        Tab::Evidence => None,
    };
    if key.is_none() || model.content.stage_key != key {
        model.content.stage = stage(model, width);
        model.content.stage_key = key;
    }
}

fn stage(model: &Model, width: usize) -> Vec<Row> {
    let step = model.step();
    match model.screen.tab {
        Tab::Evidence => evidence(model, width),
        Tab::Syscalls => syscalls(model, width),
        Tab::ByHand if step.by_hand.blocks.is_empty() => text(
            "There is nothing to do by hand in this step.",
            Role::Dim,
            width,
        ),
        Tab::ByHand => rows(render::document(&step.by_hand, width)),
        Tab::InDocker if step.in_docker.blocks.is_empty() => text(
            "Docker has no option of its own for this.",
            Role::Dim,
            width,
        ),
        Tab::InDocker => rows(render::document(&step.in_docker, width)),
    }
}

fn syscalls(model: &Model, width: usize) -> Vec<Row> {
    match model.observed() {
        Some((scenario, history)) => rows(render::syscalls(scenario, history, width)),
        None if model.step().demo.is_some() => text(
            "Every system call of the demo appears here once it runs. Press r to run it.",
            Role::Dim,
            width,
        ),
        None => text("This step has no demo.", Role::Dim, width),
    }
}

/// The evidence tab: question, knobs, what is under way, what was observed.
fn evidence(model: &Model, width: usize) -> Vec<Row> {
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
    let quizzed = model.step().quiz.is_some();
    let mut parts = vec![
        prediction(model, width),
        knobs(model, width),
        status(model, width),
        quiz(model, width),
    ];
    // The evidence would give the quiz's answers away.
    if let Some((scenario, history)) = model.observed().filter(|_| !quizzed || model.quiz_done()) {
        let verdicts = match (model.running(), &state.record) {
            (None, Some(record)) => record.verdicts.as_slice(),
            (Some(_), _) | (None, None) => &[],
        };
        parts.push(rows(render::evidence(scenario, history, verdicts, width)));
    }
    parts.retain(|part| !part.is_empty());
    parts.join(&Row::default())
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

/// A question that waits for its answer.
fn ask(head: &str, question: &Question, asked: &Asked, width: usize) -> Vec<Row> {
    let mut lines = text(format!("{head}: {}", question.ask), Role::Strong, width);
    for (index, choice) in question.choice.iter().enumerate() {
        let selected = asked.cursor == index;
        let letter = char::from(b'a' + (index % 26) as u8);
        let sign = format!("{} {letter}) ", if selected { "▸" } else { " " });
        let role = if selected { Role::Strong } else { Role::Body };
        let spans = [Span::new(&choice.text, role)];
        let mut choice = signed(&sign, &spans, width, Some(Target::Choice(index)));
        choice.iter_mut().for_each(|row| row.selected = selected);
        lines.extend(choice);
    }
    if question.number.is_some() {
        let typed = format!("  Your number: {}▏", asked.typed);
        lines.extend(text(typed, Role::Label, width));
    }
    lines
}

/// What was said beside what was observed.
fn compared(
    question: &Question,
    answer: Option<Answer>,
    history: &History,
    width: usize,
) -> Vec<Row> {
    let found = compare(question, answer, history);
    let mut lines = text(&question.ask, Role::Strong, width);
    let said = match &found.said {
        Some(said) => Span::new(said, Role::Body),
        None => Span::new("nothing, this time", Role::Dim),
    };
    lines.extend(signed("  You said:  ", &[said], width, None));
    let (sign, role, word) = match found.right {
        Some(true) => ("✓ ", Role::Good, "  – you were right"),
        Some(false) => ("✗ ", Role::Bad, "  – not what you said"),
        None => ("  ", Role::Body, ""),
    };
    let observed = match &found.observed {
        Ok(text) => vec![Span::new(text, role), Span::new(word, role)],
        Err(because) => vec![Span::new(format!("? {because}"), Role::Warn)],
    };
    lines.extend(signed(
        &format!("{sign}Observed:  "),
        &observed,
        width,
        None,
    ));
    if let Some(then) = &question.then {
        lines.extend(text(then, Role::Body, width));
    }
    lines
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
    let total = record.verdicts.len();
    let holding = record
        .verdicts
        .iter()
        .filter(|verdict| verdict.holds())
        .count();
    let (words, role) = match &record.outcome {
        Outcome::Passed if total == 0 => return Vec::new(),
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

/// The quiz: one question after the other, then the score and the lock.
fn quiz(model: &Model, width: usize) -> Vec<Row> {
    let (Some(quiz), Some(record)) = (&model.step().quiz, &model.state().record) else {
        return Vec::new();
    };
    if model.busy() {
        return Vec::new();
    }
    let progress = &model.state().quiz;
    let total = quiz.question.len();
    let Some(question) = quiz.question.get(progress.at) else {
        return score(model, &record.history, width);
    };
    let asked = progress.asked(progress.at);
    let head = format!("Question {} of {total}", progress.at + 1);
    match asked.answer {
        None => ask(&head, question, &asked, width),
        Some(answer) => {
            let mut lines = compared(question, Some(answer), &record.history, width);
            lines.push(Row::default());
            let next = match progress.at + 1 == total {
                true => "Press Enter for your score.",
                false => "Press Enter for the next question.",
            };
            lines.extend(text(next, Role::Label, width));
            lines
        }
    }
}

fn score(model: &Model, history: &History, width: usize) -> Vec<Row> {
    let Some(quiz) = &model.step().quiz else {
        return Vec::new();
    };
    let mut right = 0;
    let mut list = Vec::new();
    for (index, question) in quiz.question.iter().enumerate() {
        let answer = model.state().quiz.asked(index).answer;
        let found = compare(question, answer, history);
        let (sign, role) = match found.right {
            Some(true) => ("✓ ", Role::Good),
            Some(false) => ("✗ ", Role::Bad),
            None => ("? ", Role::Warn),
        };
        right += usize::from(found.right == Some(true));
        let observed = found.observed.unwrap_or_else(|because| because);
        let spans = [
            Span::new(&question.ask, role),
            Span::new(format!("  {observed}"), Role::Body),
        ];
        list.extend(signed(sign, &spans, width, None));
    }
    let total = quiz.question.len();
    let words = match right == total {
        true => "All of them right, by this kernel's own word.",
        false => "Press x to try again.",
    };
    let mut lines = text(
        format!("You have {right} of {total} right. {words}"),
        Role::Strong,
        width,
    );
    lines.extend(list);
    lines.push(Row::default());
    lines.extend(text("Keep this:", Role::Label, width));
    lines.extend(signed(
        "▎ ",
        &[Span::new(&model.lesson().meta.lock, Role::Strong)],
        width,
        None,
    ));
    lines
}
