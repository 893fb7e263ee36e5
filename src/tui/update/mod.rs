//! The only place where the model changes: pure, so that every way through the
//! program can be tested without a terminal or a kernel.

mod choose;
mod mouse;
mod runs;
mod scroll;

use super::content;
use super::effect::Effect;
use super::keymap::{self, Action};
use super::model::{Model, Phase};
use super::msg::Msg;
use super::popup::{Kind, Popup};
use super::question::Answer;
use super::rows::Turn;
use super::screen::{Pane, Tab};
use crate::session;
use choose::{accept, go, pick, show_question};
use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use mouse::mouse;
use runs::{enough, reset, run, run_news, turn};
use scroll::{clamp, cursor, reveal_entry, scroll_focused};

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
        Msg::Resize(width, height) => {
            model.screen.size = (width, height);
            model.changed();
            Vec::new()
        }
        Msg::Run(id, news) => run_news(model, id, news),
        Msg::Suspend => vec![Effect::Suspend],
        Msg::Quit => {
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
    let here = model.screen.focus == Pane::Stage && model.screen.tab == Tab::Evidence;
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

fn act(model: &mut Model, action: Action) -> Vec<Effect> {
    model.changed();
    match action {
        Action::Proceed => return proceed(model),
        Action::Next => return go(model, model.at + 1),
        Action::Previous => return go(model, model.at.saturating_sub(1)),
        Action::Run => return run(model),
        Action::Reset => return reset(model),
        Action::Pick(index) => pick(model, index),
        Action::CursorUp => cursor(model, -1),
        Action::CursorDown => cursor(model, 1),
        Action::KnobDown => return turn(model, model.state().knob, Turn::Down),
        Action::KnobUp => return turn(model, model.state().knob, Turn::Up),
        Action::Tab(tab) => model.screen.tab = tab,
        Action::NextTab => model.screen.tab = neighbour(model.screen.tab, 1),
        Action::PreviousTab => model.screen.tab = neighbour(model.screen.tab, 3),
        Action::Focus(pane) => model.screen.focus = pane,
        Action::Scroll(by) => scroll_focused(model, by),
        Action::Zoom => model.screen.zoom = !model.screen.zoom,
        Action::Outline => {
            let mut popup = Popup::new(Kind::Outline);
            popup.cursor = model.at;
            model.popups.push(popup);
            reveal_entry(model);
        }
        Action::Search => model.popups.push(Popup::new(Kind::Search {
            query: String::new(),
            hits: Vec::new(),
        })),
        Action::Mouse => {
            model.settings.mouse = !model.settings.mouse;
            return vec![Effect::Mouse(model.settings.mouse)];
        }
        Action::Theme => model.settings.theme = model.settings.theme.next(),
        Action::Help => model.popups.push(Popup::new(Kind::Help)),
        Action::Quit => model.phase = Phase::Quit,
        Action::Suspend => return vec![Effect::Suspend],
        Action::Accept => return accept(model),
        Action::Agree => {
            model.popups.pop();
            let asked = model.consent().err().flatten();
            let agreed = asked.map(session::Question::yes);
            model.state_mut().agreed.extend(agreed);
            return run(model);
        }
        Action::Close => {
            model.popups.pop();
        }
        Action::Panic => panic!("F12 was pressed, and the options say that it panics"),
    }
    Vec::new()
}

/// The natural next thing.
fn proceed(model: &mut Model) -> Vec<Effect> {
    if let Some(question) = model.open_question() {
        let choices = question.choice.len();
        if model.screen.focus != Pane::Stage || model.screen.tab != Tab::Evidence {
            show_question(model);
            return Vec::new();
        }
        if choices > 0 {
            let at = model.open_answer().map_or(0, |asked| asked.cursor);
            pick(model, at);
        } else if let Some(asked) = model.open_answer() {
            // Nothing typed is no answer, and no reason to be stuck.
            let number = asked.typed.parse().map(Answer::Number);
            asked.answer = Some(number.unwrap_or(Answer::Skipped));
        }
        return Vec::new();
    }
    if model.busy() {
        return enough(model);
    }
    if model.state().record.is_none() && model.scenario().is_some() {
        return run(model);
    }
    if !model.quiz_done() && model.state().record.is_some() {
        model.state_mut().quiz.at += 1;
        show_question(model);
        return Vec::new();
    }
    go(model, model.at + 1)
}

fn neighbour(tab: Tab, by: usize) -> Tab {
    Tab::ALL[(tab as usize + by) % Tab::ALL.len()]
}
