//! Rows: lines of text that can be clicked, and the panes made of them.

use super::screen::{Pane, Tab};
use crate::render::{Line, Plot, Role, Span, wrap};
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
    /// How many of the stage's first lines stay where they are when it scrolls.
    pub(super) pinned: usize,
    /// The charts that the stage's rows refer to, and how many rows each may have.
    pub(super) plots: Vec<Plot>,
    pub(super) plot_height: usize,
    /// How many lines a diagram of messages may have.
    pub(super) talk_height: usize,
    /// The model changed since the lines were made.
    pub(super) stale: bool,
    /// For which step and width the prose was set; it changes with nothing else.
    pub(super) prose_key: Option<(usize, usize, bool)>,
    /// Likewise for the tabs that are prose, and, with the number of events and
    /// the run's id, for the calls.
    pub(super) stage_key: Option<(usize, usize, Tab, usize, u64)>,
}

impl Content {
    pub(super) fn rows(&self, pane: Pane) -> &[Row] {
        match pane {
            Pane::Prose => &self.prose,
            Pane::Stage => &self.stage,
        }
    }

    /// How many lines of a pane of this height stay where they are: never so many
    /// that the rest could not be read.
    pub(super) fn pinned(&self, pane: Pane, page: usize) -> usize {
        match pane {
            Pane::Prose => 0,
            Pane::Stage => self.pinned.min(page / 2),
        }
    }
}

impl From<Line> for Row {
    fn from(line: Line) -> Self {
        Row {
            line,
            ..Row::default()
        }
    }
}

pub(super) fn rows(lines: Vec<Line>) -> Vec<Row> {
    lines.into_iter().map(Row::from).collect()
}

pub(super) fn text(text: impl Into<String>, role: Role, width: usize) -> Vec<Row> {
    rows(wrap(&[Span::new(text, role)], width))
}

/// Text behind a sign, further lines below its start; the whole can be clicked.
pub(super) fn signed(sign: &str, spans: &[Span], width: usize, target: Option<Target>) -> Vec<Row> {
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
