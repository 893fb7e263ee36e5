//! The only place where the model changes: pure, so that every way through the
//! program can be tested without a terminal or a kernel.

use super::content::{self, Target, Turn};
use super::effect::Effect;
use super::keymap::{self, Action, Context, Scroll};
use super::layout::{self, Layout, layout};
use super::model::{Model, Pane, Phase, Running, StepState, Tab};
use super::msg::{Msg, News, RunId};
use super::popup::{self, Kind, Popup};
use super::question::Answer;
use crate::course::KnobValue;
use crate::plan::History;
use crate::session::Record;
use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::{Position, Rect};

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
            model.state_mut().consented = true;
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
            model.screen.focus = Pane::Stage;
            show(model, Tab::Evidence);
            return Vec::new();
        }
        if choices > 0 {
            let at = model.open_answer().map_or(0, |asked| asked.cursor);
            pick(model, at);
        } else if let Some(asked) = model.open_answer() {
            asked.answer = asked.typed.parse().ok().map(Answer::Number);
        }
        return Vec::new();
    }
    if model.busy() {
        return Vec::new();
    }
    if model.state().record.is_none() && model.scenario().is_some() {
        return run(model);
    }
    if !model.quiz_done() && model.state().record.is_some() {
        model.state_mut().quiz.at += 1;
        show(model, Tab::Evidence);
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

/// Nobody waits for the current run any more.
fn abandon(model: &mut Model) -> Vec<Effect> {
    model.runs.queued = None;
    match &mut model.runs.current {
        Some(run) if !run.stopped => {
            run.stopped = true;
            vec![Effect::Stop(run.id)]
        }
        Some(_) | None => Vec::new(),
    }
}

/// Runs the step's demo: at once, or as soon as the run before is cleaned up.
fn run(model: &mut Model) -> Vec<Effect> {
    if model.scenario().is_none() || model.busy() {
        return Vec::new();
    }
    if model.consent().is_none() {
        model.popups.push(Popup::new(Kind::Consent));
        return Vec::new();
    }
    let predicts = model
        .scenario()
        .is_some_and(|scenario| scenario.predict.is_some());
    let state = model.state_mut();
    if predicts && state.record.is_none() && state.prediction.answer.is_none() {
        state.prediction.answer = Some(Answer::Skipped);
    }
    state.not_started = None;
    model.screen.focus = Pane::Stage;
    if matches!(model.screen.tab, Tab::ByHand | Tab::InDocker) {
        show(model, Tab::Evidence);
    }
    model.runs.queued = Some(model.at);
    start_queued(model)
}

/// Starts what waits, if nothing is in its way.
fn start_queued(model: &mut Model) -> Vec<Effect> {
    if model.runs.current.is_some() {
        return Vec::new();
    }
    let Some(place) = model.runs.queued.take() else {
        return Vec::new();
    };
    let (Some(scenario), Some(consent)) = (model.scenario().cloned(), model.consent()) else {
        return Vec::new();
    };
    model.runs.last_id += 1;
    let id = RunId(model.runs.last_id);
    model.runs.current = Some(Running {
        id,
        place,
        scenario: scenario.clone(),
        history: History::default(),
        stopped: false,
    });
    vec![Effect::Run {
        id,
        scenario: Box::new(scenario),
        consent,
    }]
}

/// Events of a run. Those of a run that has ended, or that nobody waits for,
/// are dropped.
fn run_news(model: &mut Model, id: RunId, news: News) -> Vec<Effect> {
    let Some(run) = model.runs.current.as_mut().filter(|run| run.id == id) else {
        return Vec::new();
    };
    let ended = match news {
        News::Event(_) if run.stopped => return Vec::new(),
        News::Event(event) => {
            run.history.push(event);
            model.changed();
            return Vec::new();
        }
        News::NotStarted(message) => Err(message),
        News::Ended => Ok(()),
    };
    model.changed();
    if let Some(run) = model.runs.current.take().filter(|run| !run.stopped) {
        let state = &mut model.states[run.place];
        match ended {
            Ok(()) => state.record = Some(Record::new(run.scenario, run.history)),
            Err(message) => state.not_started = Some(message),
        }
    }
    start_queued(model)
}

fn reset(model: &mut Model) -> Vec<Effect> {
    let effects = abandon(model);
    let consented = model.state().consented;
    *model.state_mut() = StepState {
        consented,
        ..StepState::default()
    };
    model.open(model.at);
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
    model.screen.focus = Pane::Stage;
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

/// The scrolling nearest to `at` with which the lines `first..=last` are seen.
fn revealed(at: usize, page: usize, first: usize, last: usize) -> usize {
    at.max((last + 1).saturating_sub(page)).min(first)
}

fn reveal_entry(model: &mut Model) {
    let rows = popup::top_rows(model);
    let page = popup_page(model, &rows);
    let first = rows.iter().position(|row| row.selected);
    let last = rows.iter().rposition(|row| row.selected);
    if let (Some(first), Some(last), Some(popup)) = (first, last, model.popups.last_mut()) {
        popup.scroll = match popup.cursor {
            // The head above the first entry is seen again with it.
            0 => 0,
            _ => revealed(popup.scroll, page, first, last),
        };
    }
}

fn popup_page(model: &Model, rows: &[content::Row]) -> usize {
    usize::from(layout::inner(popup::area(model, rows)).height).max(1)
}

/// Turns a knob by one value, and runs again if it has been run.
fn turn(model: &mut Model, knob: usize, way: Turn) -> Vec<Effect> {
    let Some(demo) = &model.step().demo else {
        return Vec::new();
    };
    let Some(definition) = demo.knobs.get(knob) else {
        return Vec::new();
    };
    let name = definition.name.clone();
    let state = model.state();
    let now = state.knobs.get(&name).unwrap_or_else(|| definition.start());
    let at = definition.values.iter().position(|v| v == now).unwrap_or(0);
    let to = match way {
        Turn::Down => at.checked_sub(1),
        Turn::Up => Some(at + 1).filter(|to| *to < definition.values.len()),
    };
    let Some(value): Option<KnobValue> = to.map(|to| definition.values[to].clone()) else {
        return Vec::new();
    };
    let has_run = state.record.is_some() || model.busy();
    let state = model.state_mut();
    state.knob = knob;
    state.knobs.insert(name, value);
    model.instantiate();
    if !has_run {
        return Vec::new();
    }
    // What is under way shows another value: it makes room.
    let mut effects = abandon(model);
    effects.extend(run(model));
    effects
}

fn show(model: &mut Model, tab: Tab) {
    model.screen.tab = tab;
}

fn neighbour(tab: Tab, by: usize) -> Tab {
    Tab::ALL[(tab as usize + by) % Tab::ALL.len()]
}

fn accept(model: &mut Model) -> Vec<Effect> {
    let place = model.popups.last().and_then(|popup| match &popup.kind {
        Kind::Outline => Some(popup.cursor),
        Kind::Search { hits, .. } => hits.get(popup.cursor).map(|hit| hit.place),
        Kind::Help | Kind::Consent => None,
    });
    match place {
        Some(place) => {
            model.popups.clear();
            go(model, place)
        }
        None => Vec::new(),
    }
}

fn scroll_focused(model: &mut Model, by: Scroll) {
    if model.popups.is_empty() {
        scroll_pane(model, model.screen.focus, by);
    } else {
        scroll_popup(model, by);
    }
}

fn scroll_pane(model: &mut Model, pane: Pane, by: Scroll) {
    let page = layout::page(model, pane);
    let (count, at) = match pane {
        Pane::Prose => (model.content.prose.len(), &mut model.screen.prose),
        Pane::Stage => {
            let tab = model.screen.tab as usize;
            (model.content.stage.len(), &mut model.screen.tabs[tab])
        }
    };
    *at = scrolled(*at, by, page, count);
}

fn scroll_popup(model: &mut Model, by: Scroll) {
    let rows = popup::top_rows(model);
    let page = popup_page(model, &rows);
    if let Some(popup) = model.popups.last_mut() {
        popup.scroll = scrolled(popup.scroll, by, page, rows.len());
    }
}

fn scrolled(at: usize, by: Scroll, page: usize, count: usize) -> usize {
    let last = count.saturating_sub(page);
    let to = match by {
        Scroll::Lines(n) => at.saturating_add_signed(n),
        // One line of the old page stays in sight.
        Scroll::Pages(n) => at.saturating_add_signed(n * page.saturating_sub(1).max(1) as isize),
        Scroll::Start => 0,
        Scroll::End => last,
    };
    to.min(last)
}

/// After text or size changed, no pane is scrolled past its end.
fn clamp(model: &mut Model) {
    scroll_pane(model, Pane::Prose, Scroll::Lines(0));
    scroll_pane(model, Pane::Stage, Scroll::Lines(0));
    if !model.popups.is_empty() {
        scroll_popup(model, Scroll::Lines(0));
    }
}

fn mouse(model: &mut Model, event: MouseEvent) -> Vec<Effect> {
    let at = Position::new(event.column, event.row);
    let Some(areas) = layout(&model.screen) else {
        return Vec::new();
    };
    match event.kind {
        MouseEventKind::ScrollDown => wheel(model, &areas, at, 3),
        MouseEventKind::ScrollUp => wheel(model, &areas, at, -3),
        MouseEventKind::Down(MouseButton::Left) => return click(model, &areas, at),
        _ => {}
    }
    Vec::new()
}

fn wheel(model: &mut Model, areas: &Layout, at: Position, by: isize) {
    model.changed();
    if !model.popups.is_empty() {
        scroll_popup(model, Scroll::Lines(by));
    } else if areas.prose.contains(at) {
        scroll_pane(model, Pane::Prose, Scroll::Lines(by));
    } else if areas.stage.contains(at) {
        scroll_pane(model, Pane::Stage, Scroll::Lines(by));
    }
}

fn click(model: &mut Model, areas: &Layout, at: Position) -> Vec<Effect> {
    model.changed();
    if keymap::context(model) != Context::Panes {
        return click_popup(model, at);
    }
    let pane = match (areas.prose.contains(at), areas.stage.contains(at)) {
        (true, _) => Pane::Prose,
        (false, true) => Pane::Stage,
        (false, false) => return Vec::new(),
    };
    let area = areas.pane(pane);
    let target = match pane {
        Pane::Prose => target(&model.content.prose, area, model.screen.prose, at),
        Pane::Stage if at.y == area.y => {
            let tabs = layout::tabs(model.screen.tab);
            let hit = tabs.into_iter().find(|(x, label, _)| {
                let from = area.x + x;
                (from..from + label.chars().count() as u16).contains(&at.x)
            });
            if let Some((_, _, tab)) = hit {
                show(model, tab);
            }
            None
        }
        Pane::Stage => {
            let scroll = model.screen.tabs[model.screen.tab as usize];
            target(&model.content.stage, area, scroll, at)
        }
    };
    model.screen.focus = pane;
    match target {
        Some(Target::Choice(index)) => pick(model, index),
        Some(Target::Knob(index, way)) => return turn(model, index, way),
        Some(Target::Run) => return run(model),
        Some(Target::Entry(_)) | None => {}
    }
    Vec::new()
}

fn click_popup(model: &mut Model, at: Position) -> Vec<Effect> {
    let rows = popup::top_rows(model);
    let area = popup::area(model, &rows);
    let Some(popup) = model.popups.last_mut() else {
        return Vec::new();
    };
    if !area.contains(at) {
        model.popups.pop();
        return Vec::new();
    }
    match target(&rows, area, popup.scroll, at) {
        Some(Target::Entry(index)) => {
            popup.cursor = index;
            accept(model)
        }
        Some(Target::Choice(_) | Target::Knob(..) | Target::Run) | None => Vec::new(),
    }
}

/// What stands at a position of a pane.
fn target(rows: &[content::Row], area: Rect, scroll: usize, at: Position) -> Option<Target> {
    let inner = layout::inner(area);
    if !inner.contains(at) {
        return None;
    }
    let row = rows.get(scroll + usize::from(at.y - inner.y))?;
    let x = usize::from(at.x - inner.x);
    row.targets
        .iter()
        .find(|(cells, _)| cells.contains(&x))
        .map(|(_, target)| *target)
}
