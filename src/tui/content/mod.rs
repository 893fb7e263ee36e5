//! The text of the panes, made anew when the model changed: so that drawing,
//! scrolling and clicking speak of the same lines.

mod evidence;
mod questions;

use super::layout::{page, text_width};
use super::model::{Model, Pane, Tab};
use crate::render::{self, Line, Plot, Role, Span, wrap};
use evidence::{chart_height, evidence, plots};
use std::ops::Range;

/// A line of a pane or a popup.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) line: Line,
    /// Cells that do something when they are clicked.
    pub(super) targets: Vec<(Range<usize>, Target)>,
    /// The cursor is on it.
    pub(super) selected: bool,
    /// It is a row of a chart instead.
    pub(super) chart: Option<Slice>,
}

/// One row of a chart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slice {
    /// Which of `Content::plots`.
    pub(super) plot: usize,
    /// Which row, from the top.
    pub(super) row: usize,
    /// How many there are.
    pub(super) of: usize,
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
    /// The charts that the stage's rows refer to, and how many rows each may have.
    pub(super) plots: Vec<Plot>,
    plot_height: usize,
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
                ..Row::default()
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
        model.content.plots = plots(model);
        model.content.plot_height = chart_height(page(model, Pane::Stage));
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
