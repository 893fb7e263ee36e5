//! The text of the panes, made anew when the model changed: so that drawing,
//! scrolling and clicking speak of the same lines.

mod big;
mod end;
mod evidence;
pub(super) mod popup;
mod questions;

use super::layout::{SIDE_BY_SIDE, page, text_width};
use super::model::Model;
use super::rows::{Row, rows, text};
use super::screen::{Pane, Tab};
use crate::render::{self, Role};
use evidence::{chart_height, evidence, plots, talk_height};

/// Sets the lines of both panes anew, if the model changed since. Events of a
/// run may come by the thousand: this is called before a draw or an input, not
/// after each of them.
pub(super) fn refresh(model: &mut Model) {
    if !model.content.stale {
        return;
    }
    model.content.stale = false;
    // The demo, once it plays, needs all of a small screen.
    model.screen.whole = model.screen.size.0 < SIDE_BY_SIDE && model.observed().is_some();
    let width = text_width(&model.screen, Pane::Prose);
    let key = Some((model.at, width, model.told()));
    if model.content.prose_key != key {
        let (lines, before) = prose(model, width);
        // What follows the observation takes the place of the word that it will.
        if model.told() && model.content.prose_key == Some((model.at, width, false)) {
            let read = &mut model.screen.read[0];
            *read = before.min(*read);
        }
        model.content.prose = lines;
        model.content.prose_key = key;
    }
    let width = text_width(&model.screen, Pane::Stage);
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
        model.content.plot_height = chart_height(page(&model.screen, Pane::Stage));
        model.content.talk_height = talk_height(page(&model.screen, Pane::Stage));
        (model.content.stage, model.content.pinned) = stage(model, width);
        model.content.stage_key = key;
    }
}

/// How many charts the evidence draws, and how many rows they have together.
#[cfg(test)]
pub(super) fn chart_rows(model: &Model) -> (usize, usize) {
    let slices = model.content.stage.iter().filter_map(|row| row.chart);
    let first = slices.clone().filter(|slice| slice.row == 0);
    (first.count(), slices.count())
}

/// The explanation: what follows the observation only once there is one. And how
/// many lines come before that.
fn prose(model: &Model, width: usize) -> (Vec<Row>, usize) {
    let step = model.step();
    let mut lines = rows(render::document(&step.prose, width));
    let before = lines.len();
    if step.result.blocks.is_empty() {
        return (lines, before);
    }
    lines.push(Row::default());
    match model.told() {
        true => lines.extend(rows(render::document(&step.result, width))),
        false => lines.extend(text("The rest follows the observation.", Role::Dim, width)),
    }
    (lines, before)
}

/// The lines of the tab that is shown, and how many of the first stay in place.
fn stage(model: &Model, width: usize) -> (Vec<Row>, usize) {
    let step = model.step();
    let rows = match model.screen.tab {
        Tab::Evidence if model.screen.big => return (big::rows_of(model, width), 0),
        Tab::Evidence => return evidence(model, width),
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
    };
    (rows, 0)
}

fn syscalls(model: &Model, width: usize) -> Vec<Row> {
    match model.observed() {
        Some((scenario, history)) => rows(render::syscalls(scenario, history, width)),
        None if model.step().has_demo() => text(
            "Every system call of the demo appears here once it runs. Press r to run it.",
            Role::Dim,
            width,
        ),
        None => text("This step has no demo.", Role::Dim, width),
    }
}
