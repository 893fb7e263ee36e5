//! What the learner chooses: an answer, a step, an entry of a list.

use super::runs::abandon;
use crate::tui::effect::Effect;
use crate::tui::model::Model;
use crate::tui::popup::{Kind, Popup};
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
    // What isn't on the screen isn't answered.
    if model.state().quiz.aside {
        show_question(model);
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
    model.state_mut().quiz.aside = false;
    model.screen.focus = Pane::Stage;
    model.screen.tabs[Tab::Evidence as usize] = 0;
    model.screen.tab = Tab::Evidence;
}

pub(super) fn accept(model: &mut Model) -> Vec<Effect> {
    if let Some(Popup {
        kind: Kind::End(end),
        cursor: 0,
        ..
    }) = model.popups.last()
    {
        return onward(model, end.whole);
    }
    let chosen = model.popups.last().and_then(|popup| match &popup.kind {
        Kind::Outline => Some((popup.cursor, Part::Prose)),
        Kind::Search { hits, .. } => hits.get(popup.cursor).map(|hit| (hit.place, hit.part)),
        Kind::End(end) => {
            let again = end.again.get(popup.cursor.checked_sub(1)?);
            again.map(|again| (again.place, Part::Prose))
        }
        Kind::Help
        | Kind::Parts
        | Kind::Contents
        | Kind::Consent
        | Kind::Left(_)
        | Kind::Notice(_) => None,
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

/// On from the end of a lesson, to the next or to the end of the course; from there
/// nowhere.
fn onward(model: &mut Model, whole: bool) -> Vec<Effect> {
    model.popups.clear();
    match model.beside(true) {
        Some(next) if !whole => return go(model, next),
        None if !whole => {
            let end = model.ending(true);
            model.popups.push(Popup::new(Kind::End(end)));
        }
        Some(_) | None => {}
    }
    Vec::new()
}
