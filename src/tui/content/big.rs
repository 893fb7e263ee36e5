//! Big mode: a beat for a room. Its sentence, and one thing to look at: a picture, a
//! curve, what a program wrote, or the one pair of values that it changed.

use super::evidence::{answers, charts, prediction, status, summary};
use super::questions::{quiz, verdict};
use crate::course::Scenario;
use crate::plan::History;
use crate::record::Beat;
use crate::render::{self, Line, Role};
use crate::tui::model::Model;
use crate::tui::rows::{Row, rows, text};
use crate::tui::way::Showing;

/// The lines.
pub(super) fn rows_of(model: &Model, width: usize) -> Vec<Row> {
    let mut parts = match model.showing() {
        Showing::Nothing => before(model, width),
        Showing::Beat(beat) => told(model, beat, width),
        Showing::Verdict => ended(model, width),
    };
    parts.retain(|part| !part.is_empty());
    parts.join(&Row::default())
}

/// The question and what was said, or what the step is called.
fn before(model: &Model, width: usize) -> Vec<Vec<Row>> {
    let asked = prediction(model, width);
    let head = match asked.is_empty() {
        true => text(&model.step().meta.title, Role::Strong, width),
        false => asked,
    };
    match model.step().demo().is_some() && model.open_question().is_none() {
        true => vec![head, status(model, width)],
        false => vec![head],
    }
}

fn told(model: &Model, number: usize, width: usize) -> Vec<Vec<Row>> {
    let beats = model.beats();
    let (Some((scenario, history)), Some(beat)) = (model.observed(), beats.get(number)) else {
        return Vec::new();
    };
    let sentence = rows(render::sentence(scenario, history, beat, width));
    vec![sentence, thing(model, scenario, history, beat, width)]
}

/// The one thing to look at: what the beat is about before what it changed besides.
fn thing(
    model: &Model,
    scenario: &Scenario,
    history: &History,
    beat: &Beat,
    width: usize,
) -> Vec<Row> {
    let until = beat.until(history);
    if render::figure_changed(scenario, history, beat) {
        return rows(render::figure(scenario, &until, width));
    }
    let outputs = render::outputs(history, beat, width);
    if !outputs.is_empty() {
        return rows(outputs);
    }
    if render::sampled(history, beat) && !model.content.plots.is_empty() {
        return charts(model, width);
    }
    if render::bars_changed(scenario, history, beat) {
        return rows(render::bars(scenario, &until, width));
    }
    let pair = render::changed_pair(scenario, history, beat, width);
    if !pair.is_empty() {
        return rows(pair);
    }
    match render::shows(scenario, history, beat) {
        true => Vec::new(),
        false => rows(render::calls(scenario, history, beat, width)),
    }
}

/// What was said and what was observed, with the pair that answers.
fn ended(model: &Model, width: usize) -> Vec<Vec<Row>> {
    let state = model.state();
    let Some(record) = state.record.as_ref().filter(|_| !model.busy()) else {
        return vec![status(model, width)];
    };
    let history = record.evidence(model.step());
    let asked = quiz(model, width);
    if !asked.is_empty() {
        return vec![asked];
    }
    let scenario = &record.scenario;
    let Some(question) = &scenario.predict else {
        return vec![summary(record, width)];
    };
    let answer = answers(scenario, question);
    let pair: Vec<Line> = answer
        .first()
        .map_or(Vec::new(), |row| render::pair(row, &history, width));
    vec![
        verdict(question, state.prediction.answer, &history, width),
        rows(pair),
    ]
}
