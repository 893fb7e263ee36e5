//! What the learner chooses: an answer, a step, an entry of a list.

use super::runs::abandon;
use crate::tui::effect::Effect;
use crate::tui::model::Model;
use crate::tui::popup::Kind;
use crate::tui::question::Answer;
use crate::tui::screen::{Pane, Tab};
use crate::tui::search::Part;

/// Opens another step. A run that nobody waits for any more is taken down.
pub(super) fn go(model: &mut Model, place: usize) -> Vec<Effect> {
    if place >= model.count() || place == model.at {
        return Vec::new();
    }
    let effects = abandon(model);
    model.open(place);
    effects
}

/// Answers the open question by one of its choices.
pub(super) fn pick(model: &mut Model, index: usize) {
    let choices = model
        .open_question()
        .map_or(0, |question| question.choice.len());
    if index >= choices {
        return;
    }
    if let Some(asked) = model.open_answer() {
        asked.cursor = index;
        asked.answer = Some(Answer::Choice(index));
    }
    show_question(model);
}

/// Questions stand at the top of the evidence.
pub(super) fn show_question(model: &mut Model) {
    model.screen.focus = Pane::Stage;
    model.screen.tabs[Tab::Evidence as usize] = 0;
    model.screen.tab = Tab::Evidence;
}

pub(super) fn accept(model: &mut Model) -> Vec<Effect> {
    let chosen = model.popups.last().and_then(|popup| match &popup.kind {
        Kind::Outline => Some((popup.cursor, Part::Prose)),
        Kind::Search { hits, .. } => hits.get(popup.cursor).map(|hit| (hit.place, hit.part)),
        Kind::Help | Kind::Consent | Kind::Left(_) | Kind::Notice(_) => None,
    });
    let Some((place, part)) = chosen else {
        return Vec::new();
    };
    model.popups.clear();
    let effects = go(model, place);
    match part {
        Part::Prose => {}
        Part::Result => model.state_mut().told = true,
        Part::Tab(tab) => {
            model.screen.focus = Pane::Stage;
            model.screen.tab = tab;
        }
    }
    effects
}
