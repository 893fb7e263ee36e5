//! The only place where the model changes: pure, so that every way through the
//! program can be tested without a terminal or a kernel.

mod act;
mod choose;
mod mouse;
mod runs;
mod scroll;

use super::content;
use super::effect::Effect;
use super::keymap;
use super::model::{Model, Phase};
use super::msg::Msg;
use super::popup::{Kind, Popup};
use super::screen::{Pane, Tab};
use act::{act, wake};
use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use mouse::mouse;
use runs::run_news;
use scroll::clamp;

/// Takes in what happened; says what is to be done about it.
pub(super) fn update(model: &mut Model, msg: Msg) -> Vec<Effect> {
    match msg {
        Msg::Key(event) => {
            settle(model);
            key(model, event)
        }
        Msg::Mouse(event) => {
            settle(model);
            mouse(model, event)
        }
        Msg::Paste(text) => {
            paste(model, &text);
            Vec::new()
        }
        Msg::Background(theme) => {
            if model.settings.follows {
                model.settings.theme = theme;
                model.changed();
            }
            Vec::new()
        }
        Msg::Resize(width, height) => {
            model.screen.size = (width, height);
            model.changed();
            Vec::new()
        }
        Msg::Wake => {
            settle(model);
            wake(model)
        }
        Msg::Run(id, news) => run_news(model, id, news),
        Msg::NotKept(why) => {
            model.tell(vec![format!("What you do now is not kept: {why}.")]);
            Vec::new()
        }
        Msg::Suspend => vec![Effect::Suspend],
        Msg::Quit | Msg::InputLost(_) => {
            model.phase = Phase::Quit;
            Vec::new()
        }
    }
}

/// Makes the lines of the panes follow the model, with the scrolling in bounds.
/// Needed before a draw, and before an input that means what is on the screen.
pub(super) fn settle(model: &mut Model) {
    content::refresh(model);
    clamp(model);
}

fn key(model: &mut Model, event: KeyEvent) -> Vec<Effect> {
    if event.kind == KeyEventKind::Release {
        return Vec::new();
    }
    if typed(model, &event) {
        model.changed();
        return Vec::new();
    }
    match keymap::lookup(model, &event) {
        Some(action) => act(model, action),
        None => Vec::new(),
    }
}

/// Text that was pasted is typed where something may be typed, and nothing elsewhere.
fn paste(model: &mut Model, text: &str) {
    for c in text.chars().filter(|c| !c.is_control()) {
        if typed(model, &KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE)) {
            model.changed();
        }
    }
}

/// Keys that are text: the search's query, the digits of a prediction.
fn typed(model: &mut Model, event: &KeyEvent) -> bool {
    let plain = event.modifiers.difference(KeyModifiers::SHIFT).is_empty();
    if let Some(Popup {
        kind: Kind::Search { query, hits },
        cursor,
        scroll,
    }) = model.popups.last_mut()
    {
        match event.code {
            KeyCode::Char(c) if plain => query.push(c),
            KeyCode::Backspace => {
                query.pop();
            }
            _ => return false,
        }
        *hits = model.index.find(query);
        (*cursor, *scroll) = (0, 0);
        return true;
    }
    let numeric = model.open_question().is_some_and(|q| q.number.is_some());
    let here = model.screen.focus == Pane::Stage
        && model.screen.tab == Tab::Evidence
        && !model.state().quiz.aside;
    if !numeric || !here || !model.popups.is_empty() || !plain {
        return false;
    }
    let Some(asked) = model.open_answer() else {
        return false;
    };
    match event.code {
        // Longer numbers would not be read as an i64.
        KeyCode::Char(c @ '0'..='9') if asked.typed.len() < 18 => asked.typed.push(c),
        KeyCode::Char('-') if asked.typed.is_empty() => asked.typed.push('-'),
        KeyCode::Backspace => {
            asked.typed.pop();
        }
        _ => return false,
    }
    true
}
