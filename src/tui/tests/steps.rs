//! Each step of the course at its best moment, from what was recorded of it: what is
//! on a small screen then is what the step is about. And the same in big mode.

use super::App;
use crate::course::{Course, embedded};
use crate::plan::Event;
use crate::record;
use crate::tui::layout::BIG;
use crate::tui::msg::{Msg, News};
use crate::tui::question::Answer;
use crate::tui::way::Showing;
use std::path::PathBuf;

/// What `glassbox run STEP --json` printed.
fn recorded(course: &Course, place: usize) -> Vec<Event> {
    let (lesson, step) = course.steps().nth(place).unwrap();
    let id = &step.meta.id.0;
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/recorded");
    let file = root.join(format!("{:02}-{id}.jsonl", lesson.number));
    let again = format!(
        "record it: `glassbox run {id} --json > tests/recorded/{}`",
        file.file_name().unwrap().display()
    );
    let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{error}: {again}"));
    let events = text.lines().filter_map(|line| record::read(line).unwrap());
    let events: Vec<Event> = events.collect();
    let done = events.iter().filter_map(|event| match event {
        Event::Doing { action } => Some(action + 1),
        _ => None,
    });
    let refused = events
        .iter()
        .any(|event| matches!(event, Event::Refused(_)));
    let actions = step.demo().unwrap().scenario(&Default::default()).unwrap();
    let whole = done.max() == Some(actions.plan.actions.len()) || refused;
    assert!(whole, "the step has changed: {again}");
    events
}

/// A step that has been played to its end, with the first answer.
pub(super) fn played(course: &Course, place: usize, width: u16, height: u16) -> App {
    let mut app = App::with(course.clone(), width, height);
    app.model.open(place);
    if app.model.scenario().is_some_and(|it| it.predict.is_some()) {
        app.model.state_mut().prediction.answer = Some(Answer::Choice(0));
    }
    app.press("r");
    let id = app.run_id();
    for event in recorded(course, place) {
        app.event(id, event);
    }
    app.send(Msg::Run(id, News::Ended));
    app
}

/// The beat that the step is about: the one that changed most of what answers the
/// question, or else the last that shows anything.
fn best(app: &App) -> usize {
    use crate::render::{figure_changed, outputs, sampled, shows};
    let (scenario, history) = app.model.observed().unwrap();
    let beats = app.model.beats();
    let score = |index: &usize| {
        let beat = &beats[*index];
        let picture = figure_changed(scenario, history, beat);
        let curve = !scenario.charts.is_empty() && sampled(history, beat);
        let output = !outputs(history, beat, 60).is_empty();
        let changed = scenario
            .show
            .iter()
            .flat_map(|row| row.inside.iter().chain(&row.outside));
        let changed = changed
            .filter(|id| beat.change(history, id).is_some())
            .count();
        let any = usize::from(shows(scenario, history, beat));
        (
            4 * usize::from(picture || curve) + 2 * usize::from(output) + changed + any,
            *index,
        )
    };
    (0..beats.len()).max_by_key(score).unwrap()
}

#[test]
fn each_step_at_its_best_moment() {
    let course = embedded().unwrap();
    let mut wrong = Vec::new();
    for place in 0..course.steps().count() {
        let (lesson, step) = course.steps().nth(place).unwrap();
        if step.demo().is_none() || lesson.number > 3 {
            continue;
        }
        let name = format!("{:02}-{}", lesson.number, step.meta.id.0);
        let mut app = played(&course, place, 80, 24);
        assert_eq!(app.model.showing(), Showing::Verdict);
        let verdict = app.screen();
        if app.model.scenario().unwrap().predict.is_some() {
            for part in ["You said", "Observed"] {
                if !verdict.contains(part) {
                    wrong.push(format!("{name} has no `{part}`:\n{verdict}"));
                }
            }
        }
        let beat = best(&app);
        app.model.state_mut().play.show(beat);
        app.model.screen.renew();
        app.model.changed();
        insta::assert_snapshot!(name, format!("{}\n{verdict}", app.screen()));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// In big mode each beat fits a room: its words in the middle, forty columns wide.
#[test]
fn each_beat_in_big_mode_is_small_text() {
    let course = embedded().unwrap();
    for place in 0..course.steps().count() {
        let (lesson, step) = course.steps().nth(place).unwrap();
        if step.demo().is_none() || lesson.number > 3 {
            continue;
        }
        let mut app = played(&course, place, 100, 30);
        app.press("B");
        let beats = app.model.beats().len();
        for beat in (0..beats).map(Some).chain([None]) {
            app.model.state_mut().play.at = beat;
            app.model.screen.renew();
            app.model.changed();
            let screen = app.screen();
            let lines: Vec<&str> = screen.lines().collect();
            let text = lines[1..29]
                .iter()
                .enumerate()
                .filter(|(_, line)| !line.trim().is_empty());
            let left = usize::from((100 - BIG.0) / 2);
            let mut rows = Vec::new();
            for (row, line) in text {
                let before = line.len() - line.trim_start().len();
                let width = crate::render::Line::of(line.trim_end(), Default::default()).width();
                assert!(
                    before >= left && width <= left + usize::from(BIG.0) + 2,
                    "{screen}"
                );
                rows.push(row);
            }
            // And a row that says how much there is more.
            assert!(rows.len() <= usize::from(BIG.1) + 1, "{screen}");
            assert!(!rows.is_empty(), "{} {beat:?}:\n{screen}", step.meta.id.0);
        }
    }
    let place = course
        .steps()
        .position(|(_, step)| step.meta.id.0 == "pid")
        .unwrap();
    let mut app = played(&course, place, 100, 30);
    app.press("B");
    let beat = best(&app);
    app.model.state_mut().play.at = Some(beat);
    app.model.screen.renew();
    app.model.changed();
    insta::assert_snapshot!("big-beat", app.screen());
}

/// Keys do in big mode what they do at a beat; what shows something else ends it.
#[test]
fn keys_work_in_big_mode() {
    let course = embedded().unwrap();
    let place = course
        .steps()
        .position(|(_, step)| step.meta.id.0 == "pid")
        .unwrap();
    let mut app = App::with(course.clone(), 100, 30);
    app.model.open(place);
    app.press("B").shows("Predict").hides("Explanation");
    app.press("b").shows("You said").enter();
    let id = app.run_id();
    for event in recorded(&course, place) {
        app.event(id, event);
    }
    app.send(Msg::Run(id, News::Ended)).shows("beat 1 of");
    app.enter()
        .shows("beat 2 of")
        .press("Back")
        .shows("beat 1 of");
    for _ in 0..app.model.beats().len() {
        app.enter();
    }
    app.shows("You said").shows("Observed");
    app.press("n")
        .hides("Explanation")
        .press("p")
        .press("2")
        .shows("[2 Syscalls]");
    app.press("B")
        .hides("Syscalls")
        .press("B")
        .shows("Explanation");
}
