//! Runs: at most one at a time, and knobs that start another.

use crate::course::KnobValue;
use crate::plan::{Event, History};
use crate::session::{Outcome, Record};
use crate::tui::effect::Effect;
use crate::tui::model::{Model, Running, StepState};
use crate::tui::msg::{News, RunId};
use crate::tui::play::Play;
use crate::tui::popup::{Kind, Popup};
use crate::tui::question::Answer;
use crate::tui::rows::Turn;
use crate::tui::screen::{Pane, Tab};

/// Nobody waits for the current run any more.
pub(super) fn abandon(model: &mut Model) -> Vec<Effect> {
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
///
/// With `through` it is not told beat by beat.
pub(super) fn run(model: &mut Model, through: bool) -> Vec<Effect> {
    if model.scenario().is_none() || model.busy() {
        return Vec::new();
    }
    if model.consent().is_err() {
        model.agreed_through = through;
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
    let leaning = state.play.leaning;
    state.play = Play {
        leaning,
        ..Play::begun(through)
    };
    model.screen.renew();
    model.screen.focus = Pane::Stage;
    let calls = through && model.screen.tab == Tab::Syscalls;
    if !calls {
        model.screen.tab = Tab::Evidence;
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
    let (Some(scenario), Ok(agreed)) = (model.scenario().cloned(), model.consent()) else {
        return Vec::new();
    };
    let scenario = scenario.attended();
    model.runs.last_id += 1;
    let id = RunId(model.runs.last_id);
    model.runs.current = Some(Running {
        id,
        place,
        scenario,
        history: History::default(),
        released: None,
        stopped: false,
    });
    vec![Effect::Run {
        id,
        agreed: Box::new(agreed.attended()),
    }]
}

/// Events of a run. Those of a run that has ended, or that nobody waits for,
/// are dropped, but for what it has left.
pub(super) fn run_news(model: &mut Model, id: RunId, news: News) -> Vec<Effect> {
    if let News::Event(Event::Left { left }) = &news {
        model.popups.push(Popup::new(Kind::Left(left.clone())));
        model.changed();
    }
    let Some(run) = model.runs.current.as_mut().filter(|run| run.id == id) else {
        return Vec::new();
    };
    let ended = match news {
        News::Event(_) if run.stopped => return Vec::new(),
        News::Event(event) => {
            // What comes after a word is what the word was for.
            if matches!(event, Event::Doing { .. }) {
                run.released = None;
            }
            run.history.push(event);
            model.changed();
            return follow(model);
        }
        News::NotStarted(message) => Err(message),
        News::Ended => Ok(()),
    };
    model.changed();
    if let Some(run) = model.runs.current.take().filter(|run| !run.stopped) {
        let state = &mut model.states[run.place];
        match ended {
            Ok(()) => {
                // Where it broke off, or nobody has to be waited for, that is the news.
                let whole = run.history.completed();
                if state.play.through || state.play.onward || !whole {
                    state.play.end();
                }
                let record = Record::new(run.scenario, run.history);
                state.done |= record.outcome == Outcome::Passed;
                state.record = Some(record);
            }
            Err(message) => state.not_started = Some(message),
        }
        if run.place == model.at && model.state().play.at.is_none() {
            model.screen.renew();
        }
    }
    start_queued(model)
}

/// What is shown follows what has happened, where the learner waits for it.
fn follow(model: &mut Model) -> Vec<Effect> {
    let Some(run) = model.runs.current.as_ref() else {
        return Vec::new();
    };
    let (place, here) = (run.place, run.place == model.at);
    let last = run.history.events().last();
    let (doing, paused) = match last {
        Some(Event::Doing { action }) => (Some(*action), false),
        Some(Event::Paused) => (None, true),
        Some(_) | None => (None, false),
    };
    if let Some(action) = doing {
        let begun = run.scenario.plan.beats();
        let newest = begun.partition_point(|first| *first <= action).max(1) - 1;
        let play = &mut model.states[place].play;
        let shown = play.at.unwrap_or(0);
        let to = match (play.through, play.onward) {
            (true, _) => newest,
            (false, true) => newest.min(shown + 1),
            (false, false) => shown,
        };
        if to > shown {
            play.show(to);
            play.onward = false;
            if here {
                model.screen.renew();
            }
        }
    }
    match paused && model.states[place].play.through {
        true => onward(model),
        false => Vec::new(),
    }
}

pub(super) fn reset(model: &mut Model) -> Vec<Effect> {
    let effects = abandon(model);
    let agreed = std::mem::take(&mut model.state_mut().agreed);
    *model.state_mut() = StepState {
        agreed,
        // Afresh: what was kept of it stays forgotten.
        opened: true,
        ..StepState::default()
    };
    model.open(model.at);
    effects
}

/// Writes the limits that another setting of the knobs means into the groups of
/// the run that is under way.
fn retune(model: &mut Model) -> Vec<Effect> {
    let Some(to) = model.scenario().cloned() else {
        return Vec::new();
    };
    let Some(run) = &mut model.runs.current else {
        return Vec::new();
    };
    let to = to.attended();
    let sets = run.scenario.retuning(&to);
    run.scenario = to;
    sets.into_iter()
        .map(|set| Effect::Limit(run.id, set))
        .collect()
}

/// The learner has seen enough of the `watch` that is under way.
pub(super) fn enough(model: &mut Model) -> Vec<Effect> {
    let live = model.live();
    let Some(run) = model.runs.current.as_ref().filter(|_| live) else {
        return Vec::new();
    };
    let action = run.history.action();
    action.map_or(Vec::new(), |action| vec![Effect::Enough(run.id, action)])
}

/// The word that the run waits for, at a stage or at the end of a beat.
pub(super) fn onward(model: &mut Model) -> Vec<Effect> {
    let Some(run) = &mut model.runs.current else {
        return Vec::new();
    };
    let waits = run.history.paused();
    let Some(action) = waits.filter(|_| run.released.is_none()) else {
        return Vec::new();
    };
    run.released = Some(action);
    model.states[run.place].play.onward = true;
    vec![Effect::Enough(run.id, action)]
}

/// Turns a knob by one value. A live one changes the run that is under way; any
/// other starts another run, if there has been one.
pub(super) fn turn(model: &mut Model, knob: usize, way: Turn) -> Vec<Effect> {
    let Some(demo) = model.step().demo() else {
        return Vec::new();
    };
    let Some(definition) = demo.knobs.get(knob) else {
        return Vec::new();
    };
    let live = definition.live && model.live();
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
    if live {
        return retune(model);
    }
    if !has_run {
        return Vec::new();
    }
    // What is under way shows another value: it makes room.
    let mut effects = abandon(model);
    effects.extend(run(model, true));
    effects
}
