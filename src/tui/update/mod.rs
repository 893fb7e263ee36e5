//! The only place where the model changes: pure, so that every way through the
//! program can be tested without a terminal or a kernel.

mod mouse;
mod runs;
mod scroll;

use super::content::{self, Turn};
use super::effect::Effect;
use super::keymap::{self, Action};
use super::layout;
use super::model::{Model, Pane, Phase, Tab};
use super::msg::Msg;
use super::popup::{Kind, Popup};
use super::question::Answer;
use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use mouse::mouse;
use runs::{abandon, enough, reset, run, run_news, turn};
use scroll::{clamp, reveal_entry, revealed, scroll_focused};

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
        Action::Tab(tab) => show(model, tab),
        Action::NextTab => show(model, neighbour(model.screen.tab, 1)),
        Action::PreviousTab => show(model, neighbour(model.screen.tab, 3)),
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
            let plan = model.scenario().map(|scenario| scenario.plan.clone());
            model.state_mut().agreed.extend(plan);
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

/// Opens another step. A run that nobody waits for any more is taken down.
fn go(model: &mut Model, place: usize) -> Vec<Effect> {
    if place >= model.count() || place == model.at {
        return Vec::new();
    }
    let effects = abandon(model);
    model.open(place);
    effects
}

/// Answers the open question by one of its choices.
fn pick(model: &mut Model, index: usize) {
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
fn show_question(model: &mut Model) {
    model.screen.focus = Pane::Stage;
    model.screen.tabs[Tab::Evidence as usize] = 0;
    show(model, Tab::Evidence);
}

/// Moves the cursor: of a popup's list, of a question, or among the knobs.
fn cursor(model: &mut Model, by: isize) {
    if let Some(popup) = model.popups.last() {
        let cursor = moved(popup.cursor, by, popup.entries(model));
        if let Some(popup) = model.popups.last_mut() {
            popup.cursor = cursor;
        }
        reveal_entry(model);
        return;
    }
    let choices = model
        .open_question()
        .map_or(0, |question| question.choice.len());
    if let Some(asked) = model.open_answer() {
        asked.cursor = moved(asked.cursor, by, choices);
    } else {
        let knobs = model
            .step()
            .demo
            .as_ref()
            .map_or(0, |demo| demo.knobs.len());
        let state = model.state_mut();
        state.knob = moved(state.knob, by, knobs);
    }
    model.changed();
    content::refresh(model);
    let selected = |row: &content::Row| row.selected;
    let first = model.content.stage.iter().position(selected);
    let last = model.content.stage.iter().rposition(selected);
    if let (Some(first), Some(last)) = (first, last) {
        let page = layout::page(model, Pane::Stage);
        let at = &mut model.screen.tabs[model.screen.tab as usize];
        *at = revealed(*at, page, first, last);
    }
}

fn moved(at: usize, by: isize, count: usize) -> usize {
    at.saturating_add_signed(by).min(count.saturating_sub(1))
}

fn show(model: &mut Model, tab: Tab) {
    model.screen.tab = tab;
}

fn neighbour(tab: Tab, by: usize) -> Tab {
    Tab::ALL[(tab as usize + by) % Tab::ALL.len()]
}

fn accept(model: &mut Model) -> Vec<Effect> {
    let chosen = model.popups.last().and_then(|popup| match &popup.kind {
        Kind::Outline => Some((popup.cursor, None)),
        Kind::Search { hits, .. } => hits.get(popup.cursor).map(|hit| (hit.place, hit.tab)),
        Kind::Help | Kind::Consent | Kind::Left(_) => None,
    });
    let Some((place, tab)) = chosen else {
        return Vec::new();
    };
    model.popups.clear();
    let effects = go(model, place);
    if let Some(tab) = tab {
        model.screen.focus = Pane::Stage;
        show(model, tab);
    }
    effects
}
