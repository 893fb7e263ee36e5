//! What is kept of a session and taken up by the next; routes.

use super::*;
use crate::course::Route;
use crate::progress::{Answer, Progress};

/// The session that follows, with what was kept of this one.
fn next(app: &App, course: Course) -> App {
    let kept = Progress::from_bytes(&app.model.remember().to_bytes()).unwrap();
    let mut next = App::with(course, 120, 40);
    let pack = kept.packs["glassbox"].clone();
    let steps = next.model.course.steps();
    let at = pack.at.unwrap();
    let at = steps
        .map(|(_, step)| step.meta.id.0.clone())
        .position(|id| id == at);
    next.model.open(at.unwrap_or(0));
    next.model.recall(kept);
    next
}

#[test]
fn a_session_goes_on_where_the_last_one_ended() {
    let mut app = App::new(120, 40);
    app.press("]").shows("◂ teapot ▸");
    next(&app, course()).shows("◂ teapot ▸");
    app.press("[ b n p").shows("You said  b").press("2");
    let mut again = next(&app, course());
    again.shows("[2 Syscalls]").press("1");
    // An answer needs its observation still.
    again.shows("You said  b").hides("right").press("r");
    assert_eq!(again.runs(), 1);
    again
        .observe("kettle")
        .shows("✓ right")
        .press("o")
        .shows("✓  1");
    let kept = again.model.remember();
    let step = &kept.packs["glassbox"].steps["uts"];
    assert_eq!(step.predicted.as_ref().unwrap().right, Some(true));
    assert!(step.done && step.seen);
    // What is begun afresh is forgotten.
    again.press("Esc x");
    let mut third = next(&again, course());
    third.shows("Predict:").shows("· kettle ▸");
}

#[test]
fn a_question_that_was_written_anew_is_asked_anew() {
    let mut app = App::new(120, 40);
    app.press("b");
    for (from, to, kept) in [
        ("What it was called", "What it has been called", false),
        ("[\"kettle\", ", "[\"pot\", ", true),
        ("What is the host called then?", "And the host?", true),
    ] {
        let mut changed = course();
        let demo = DEMO.replace(from, to);
        assert_ne!(demo, DEMO);
        let steps = &mut changed.lessons[0].steps;
        let step = steps.remove(0);
        steps.insert(0, step.with(Some(demo_from_toml(&demo).unwrap()), None));
        let mut again = next(&app, changed);
        match kept {
            true => again.shows("You said  b"),
            false => again.shows("Predict:"),
        };
    }
}

#[test]
fn what_is_kept_of_other_steps_and_packs_stays() {
    let text = br#"{"version":1,"packs":{"glassbox":{"steps":{"gone":{"seen":true,"hints":1},
        "uts":{"seen":true,"hints":2,"knobs":{"name":"nonsense","other":7},
        "predicted":{"answer":{"number":3}}}}},"another":{"at":"x"}}}"#;
    let mut app = App::new(120, 40);
    app.model.recall(Progress::from_bytes(text).unwrap());
    app.shows("Predict:").shows("· kettle ▸").press("n");
    let kept = app.model.remember();
    assert_eq!(kept.packs["another"].at.as_deref(), Some("x"));
    let steps = &kept.packs["glassbox"].steps;
    assert_eq!(steps["gone"].more["hints"], 1);
    assert_eq!(steps["uts"].more["hints"], 2);
    assert_eq!(steps["uts"].predicted, None);
    assert!(steps["reading"].seen);
    assert!(!steps.contains_key("lock"));
    app.press("p b");
    let said = app.model.remember().packs["glassbox"].steps["uts"].clone();
    let text = Answer::Choice("What it was called before".into());
    assert_eq!(said.predicted.unwrap().answer, text);
}

#[test]
fn the_colours_that_were_chosen_are_kept_and_no_others() {
    let mut app = App::new(120, 40);
    assert_eq!(app.model.remember().settings.theme, None);
    app.press("t");
    assert_eq!(
        app.model.remember().settings.theme.as_deref(),
        Some("light")
    );
}

#[test]
fn the_way_follows_the_route() {
    let route = |name: &str, steps: &[&str]| Route {
        name: name.into(),
        title: format!("The way called {name}"),
        steps: steps.iter().map(|id| StepId(id.to_string())).collect(),
    };
    let mut routed = course();
    routed.lessons[0].steps[2].meta.minutes = Some(4);
    routed.meta.path = vec![route("core", &["lock", "uts"]), route("deep", &[])];
    let mut app = App::with(routed.clone(), 120, 40);
    app.press("n").shows("  2/3").press("o");
    app.shows("▸ deep")
        .shows("core  The way called core  4 min");
    app.shows("What stays  core 4 min").press("Esc");
    for (path, ways) in [
        // Forth and back in the route's own order; from beside it, the nearest.
        (
            Some("core"),
            [
                ("uts", "lock", "uts"),
                ("lock", "lock", "uts"),
                ("reading", "uts", "lock"),
            ],
        ),
        (
            Some("deep"),
            [
                ("uts", "uts", "reading"),
                ("lock", "reading", "lock"),
                ("reading", "uts", "lock"),
            ],
        ),
        (
            Some("gone"),
            [
                ("uts", "uts", "reading"),
                ("lock", "reading", "lock"),
                ("reading", "uts", "lock"),
            ],
        ),
    ] {
        for (from, back, forth) in ways {
            for (key, to) in [("p", back), ("n", forth)] {
                let mut app = App::with(routed.clone(), 120, 40);
                let at = app
                    .model
                    .course
                    .steps()
                    .position(|(_, step)| step.meta.id.0 == from);
                app.model.open(at.unwrap());
                let mut kept = Progress::default();
                kept.packs.entry("glassbox".into()).or_default().path = path.map(String::from);
                app.model.recall(kept);
                app.press(key);
                assert_eq!(app.model.step().meta.id.0, to, "{path:?} {from} {key}");
                // It is kept which route is followed, even one that is there no more.
                assert_eq!(app.model.remember().packs["glassbox"].path.as_deref(), path);
                if path == Some("core") && to == "lock" {
                    app.shows("core · 4 min")
                        .press("o")
                        .shows("▸ core")
                        .hides("▸ deep");
                }
            }
        }
    }
}

/// Presses Enter until the screen says so.
fn until(app: &mut App, text: &str) {
    for _ in 0..40 {
        if app.screen().contains(text) {
            return;
        }
        app.press("Enter");
    }
    app.shows(text);
}

#[test]
fn a_lesson_ends_with_what_was_missed_and_where_to_look_again() {
    let mut missed = course();
    let mut last = missed.lessons[0].steps.remove(2);
    let mut quiz: Quiz = toml::from_str(QUIZ).unwrap();
    quiz.question[0].see = Some("reading".into());
    let demo = last.demo().cloned();
    last = last.with(demo, Some(quiz));
    missed.lessons[0].steps.push(last);
    let mut app = App::with(missed.clone(), 80, 24);
    app.press("a r")
        .observe("kettle")
        .press("n n r")
        .observe("kettle");
    until(&mut app, "Question 1 of 2");
    // While it is open, the evidence may have all the room.
    app.press("e")
        .hides("something else")
        .shows("Question 1 of 2 waits");
    app.press("b")
        .shows("something else")
        .press("e e b")
        .shows("✗ not so");
    app.press("Enter 1 Enter");
    until(&mut app, "The end of the lesson");
    app.shows("A namespace decides what a process sees.")
        .shows("3 of 3 steps done here; 0 of 3 answers right.")
        .shows("01/1 A hostname of its own  You said: kettle as well")
        .shows("01/2 A page to read, about sharks  What is the machine called?");
    // It is the same after another start, which has seen no observation.
    let mut again = next(&app, missed);
    assert_eq!(again.model.ending(false).again.len(), 3);
    again.press("q");
    app.press("Down Down Enter")
        .shows("Sharks have no namespaces.");
    // Nothing is counted that isn't on the route.
    app.model.course.meta.path = vec![Route {
        name: "core".into(),
        title: "One step".into(),
        steps: vec![StepId("lock".into())],
    }];
    let pack = app.model.kept.packs.entry("glassbox".into()).or_default();
    pack.path = Some("core".into());
    assert_eq!(app.model.ending(true).steps, 1);
}
