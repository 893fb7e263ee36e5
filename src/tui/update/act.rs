//! What a key or a click asks for, done.

use super::choose::{accept, go, pick, show_question};
use super::runs::{enough, onward, reset, run, turn};
use super::scroll::{cursor, reveal_entry, scroll_focused, scroll_pane};
use crate::session;
use crate::tui::effect::Effect;
use crate::tui::keymap::{Action, Scroll};
use crate::tui::layout;
use crate::tui::model::{Model, Phase};
use crate::tui::popup::{Kind, Popup};
use crate::tui::question::Answer;
use crate::tui::rows::Turn;
use crate::tui::screen::{Pane, Tab};
use crate::tui::way::{Next, Showing};

pub(super) fn act(model: &mut Model, action: Action) -> Vec<Effect> {
    model.changed();
    match action {
        Action::Proceed => return proceed(model),
        Action::Next => return step(model, true),
        Action::Previous => return step(model, false),
        Action::Run => return run_through(model),
        Action::Back => back(model),
        Action::Reset => return reset(model),
        Action::Pick(index) => pick(model, index),
        Action::CursorUp => cursor(model, -1),
        Action::CursorDown => cursor(model, 1),
        Action::OtherKnob(by) => other_knob(model, by),
        Action::KnobDown => return turn(model, model.state().knob, Turn::Down),
        Action::KnobUp => return turn(model, model.state().knob, Turn::Up),
        Action::Tab(tab) => {
            model.screen.big = false;
            model.screen.tab = tab;
            model.screen.focus = Pane::Stage;
        }
        Action::NextTab | Action::PreviousTab => {
            let by = if action == Action::NextTab { 1 } else { 3 };
            model.screen.big = false;
            model.screen.tab = neighbour(model.screen.tab, by);
            model.screen.focus = Pane::Stage;
        }
        Action::Focus(pane) => {
            model.screen.big = false;
            model.screen.focus = pane;
        }
        Action::OtherPane => {
            model.screen.big = false;
            model.screen.focus = match model.screen.focus {
                Pane::Prose => Pane::Stage,
                Pane::Stage => Pane::Prose,
            }
        }
        Action::Evidence => {
            let aside = !model.state().quiz.aside;
            show_question(model);
            model.state_mut().quiz.aside = aside;
            model.screen.renew();
        }
        Action::Sources => model.settings.sources = !model.settings.sources,
        Action::Parts => model.popups.push(Popup::new(Kind::Parts)),
        Action::Contents => model.popups.push(Popup::new(Kind::Contents)),
        Action::Claims => model.settings.claims = !model.settings.claims,
        Action::LeanBack => return lean_back(model),
        Action::Scroll(by) => scroll_focused(model, by),
        Action::Big => {
            model.screen.big = !model.screen.big;
            model.screen.focus = Pane::Stage;
            model.screen.tab = Tab::Evidence;
            model.screen.renew();
        }
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
        Action::Theme => {
            model.settings.follows = false;
            model.settings.theme = model.settings.theme.next();
            // From now on it was chosen.
            let name = model.settings.theme.name().to_string();
            model.kept.settings.theme = Some(name);
        }
        Action::Help => model.popups.push(Popup::new(Kind::Help)),
        Action::Quit => model.phase = Phase::Quit,
        Action::Suspend => return vec![Effect::Suspend],
        Action::Accept => return accept(model),
        Action::Agree => {
            model.popups.pop();
            let asked = model.consent().err().flatten();
            let agreed = asked.map(session::Question::yes);
            model.state_mut().agreed.extend(agreed);
            let through = model.agreed_through;
            return run(model, through);
        }
        Action::Close => {
            model.popups.pop();
        }
        Action::Panic => panic!("F12 was pressed, and the options say that it panics"),
    }
    Vec::new()
}

/// The natural next thing.
pub(super) fn proceed(model: &mut Model) -> Vec<Effect> {
    match model.natural() {
        Next::Read(pane) => read_on(model, pane),
        Next::Question => show_question(model),
        Next::Answer => answer(model),
        Next::Run => return run(model, false),
        Next::Beat => {
            let beat = model.state().play.at.unwrap_or(0) + 1;
            model.state_mut().play.show(beat);
            look(model);
        }
        Next::Word => return onward(model),
        Next::Enough => return enough(model),
        Next::Wait => {}
        Next::Verdict => {
            model.state_mut().play.end();
            look(model);
        }
        Next::Quiz => {
            let quiz = &mut model.state_mut().quiz;
            match quiz.begun {
                true => quiz.at += 1,
                false => quiz.begun = true,
            }
            show_question(model);
        }
        Next::Step => return step(model, true),
        Next::Lesson => {
            let end = model.ending(false);
            model.popups.push(Popup::new(Kind::End(end)));
        }
    }
    Vec::new()
}

/// Opens the step before or behind this one on the way.
fn step(model: &mut Model, forth: bool) -> Vec<Effect> {
    let to = model.beside(forth);
    to.map_or(Vec::new(), |place| go(model, place))
}

/// Shows the evidence from its start.
fn look(model: &mut Model) {
    model.screen.focus = Pane::Stage;
    model.screen.tab = Tab::Evidence;
    model.screen.renew();
}

/// Scrolls to what is unread, with a line of what was read.
fn read_on(model: &mut Model, pane: Pane) {
    model.screen.focus = pane;
    let read = model.screen.read[model.screen.share(pane)];
    let page = layout::page(&model.screen, pane);
    let pinned = model.content.pinned(pane, page);
    let first = read.saturating_sub(pinned + 1) as isize;
    let by = first - model.screen.scroll(pane) as isize;
    scroll_pane(model, pane, Scroll::Lines(by));
}

fn answer(model: &mut Model) {
    let choices = model.open_question().map_or(0, |it| it.choice.len());
    if choices > 0 {
        let at = model.open_answer().map_or(0, |asked| asked.cursor);
        pick(model, at);
    } else if let Some(asked) = model.open_answer() {
        // Nothing typed is no answer, and no reason to be stuck.
        let number = asked.typed.parse().map(Answer::Number);
        asked.answer = Some(number.unwrap_or(Answer::Skipped));
        show_question(model);
    }
}

/// Starts a run that goes through; or lets the one under way do so.
fn run_through(model: &mut Model) -> Vec<Effect> {
    if model.running().is_none() {
        return run(model, true);
    }
    model.state_mut().play.through = true;
    let newest = model.newest();
    model.state_mut().play.show(newest);
    look(model);
    match model.paused() {
        Some(_) => onward(model),
        None => Vec::new(),
    }
}

/// One beat back, from what was recorded; or one screen of text.
fn back(model: &mut Model) {
    let beat = match (model.screen.focus, model.screen.tab, model.showing()) {
        (Pane::Stage, Tab::Evidence, Showing::Verdict) => Some(model.newest()),
        (Pane::Stage, Tab::Evidence, Showing::Beat(beat)) => beat.checked_sub(1),
        (Pane::Prose | Pane::Stage, _, _) => None,
    };
    match beat {
        Some(beat) => {
            let play = &mut model.state_mut().play;
            (play.through, play.leaning) = (false, false);
            play.show(beat);
            look(model);
            // Nothing of it is new.
            model.screen.read[model.screen.share(Pane::Stage)] = usize::MAX;
        }
        None => scroll_focused(model, Scroll::Pages(-1)),
    }
}

/// Chooses which knob the keys turn.
fn other_knob(model: &mut Model, by: isize) {
    let demo = model.step().demo();
    let knobs = demo.map_or(0, |demo| demo.knobs.len());
    let state = model.state_mut();
    let to = state.knob.saturating_add_signed(by);
    state.knob = to.min(knobs.saturating_sub(1));
}

/// The next beat comes by itself after a while, or no longer does.
fn lean_back(model: &mut Model) -> Vec<Effect> {
    let play = &mut model.state_mut().play;
    play.leaning = !play.leaning;
    if !play.leaning {
        return Vec::new();
    }
    vec![Effect::Wake]
}

/// The time of a beat is over for one who leans back.
pub(super) fn wake(model: &mut Model) -> Vec<Effect> {
    if !model.state().play.leaning {
        return Vec::new();
    }
    model.changed();
    match model.natural() {
        // What comes next is the learner's to say.
        Next::Question | Next::Answer | Next::Quiz | Next::Step | Next::Lesson => {
            model.state_mut().play.leaning = false;
            Vec::new()
        }
        Next::Read(_)
        | Next::Run
        | Next::Beat
        | Next::Word
        | Next::Enough
        | Next::Wait
        | Next::Verdict => {
            let mut effects = proceed(model);
            effects.push(Effect::Wake);
            effects
        }
    }
}

fn neighbour(tab: Tab, by: usize) -> Tab {
    Tab::ALL[(tab as usize + by) % Tab::ALL.len()]
}
