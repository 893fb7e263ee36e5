//! A demo told beat by beat, and the table of keys.

use super::{App, course, fact, prose, step};
use crate::course::Course;
use crate::plan::{Event, Value};
use crate::tui::effect::Effect;
use crate::tui::keymap;
use crate::tui::msg::{Msg, News, RunId};
use crate::tui::screen::Pane;

const DEMO: &str = r#"
[predict]
ask = "Which name has the host at the end?"
[[predict.choice]]
text = "the old one"
when = { fact = "host/hostname@end", is = "vm" }
[[predict.choice]]
text = "the new one"
when = { fact = "host/hostname@end", is-not = "vm" }
because = "There would have to be one name only."

[[box]]
name = "box"
namespaces = ["uts"]

[[action]]
in = "box"
do.set-hostname = "kettle"
say = "The box takes a name."

[[action]]
in = "box"
do.probe = ["hostname"]
say = "It has it."

[[action]]
in = "host"
do.spawn = { workload = { burn = "1s" } }
as = "burner"
say = "Something computes."

[[action]]
in = "host"
do.wait = "burner"
say = "It has computed."

[[action]]
in = "host"
do.probe = ["hostname"]
at = "end"

[[show]]
label = "name in the box"
inside = "box/hostname"

[[show]]
label = "name outside"
outside = "host/hostname@end"

[[expect]]
claim = "The host kept its own."
when = { fact = "host/hostname@end", is = "vm" }
"#;

fn told() -> Course {
    let mut course = course();
    course.lessons[0].steps[0] = step(1, "told", "A demo that is told", DEMO);
    course
}

fn text(id: &str, text: &str) -> Event {
    fact(id, Value::Text(text.into()))
}

/// The run at the end of its first beat.
fn started(width: u16, height: u16) -> (App, RunId) {
    let mut app = App::with(told(), width, height);
    app.press("b").enter();
    let id = app.run_id();
    app.event(id, Event::Doing { action: 0 });
    app.event(id, Event::Paused);
    (app, id)
}

fn words(app: &App) -> usize {
    let enough = |effect: &&Effect| matches!(effect, Effect::Enough(..));
    app.effects.iter().filter(enough).count()
}

/// All that comes after the first beat: the second one waits, the third can't.
fn go_on(app: &mut App, id: RunId) {
    app.event(id, Event::Doing { action: 1 });
    app.event(id, text("box/hostname", "kettle"));
    app.event(id, Event::Paused);
}

fn finish(app: &mut App, id: RunId) {
    for action in 2..5 {
        app.event(id, Event::Doing { action });
    }
    app.event(id, text("host/hostname@end", "vm"));
}

#[test]
fn each_beat_is_shown_and_waits_where_it_can() {
    for (width, height) in [(80, 24), (100, 30), (120, 40)] {
        let (mut app, id) = started(width, height);
        app.shows("The box takes a name.")
            .shows("‖ beat 1 of 4")
            .hides("It has it.");
        assert_eq!(words(&app), 0);
        app.enter();
        assert_eq!(words(&app), 1, "one word");
        go_on(&mut app, id);
        app.shows("It has it.")
            .hides("takes a name")
            .shows("▸ name in the box");
        app.shows("new").shows("You said  b  the new one");
        app.enter();
        finish(&mut app, id);
        app.event(id, Event::Paused);
        // The third could not wait: it is shown all the same.
        app.shows("Something computes.").hides("name outside");
        assert_eq!(words(&app), 2);
        app.enter()
            .shows("It has computed.")
            .shows("▸ name outside");
        assert_eq!(words(&app), 2, "it had happened already");
        app.hides("✗ not so").enter();
        assert_eq!(words(&app), 3);
        app.event(id, Event::Holding).event(id, Event::Cleaned);
        app.send(Msg::Run(id, News::Ended));
        app.shows("You said  b  the new one  ✗ not so")
            .shows("Observed  the old one");
        app.shows("There would have to be one name only.")
            .shows("▸ name outside");
        app.shows("✓ 1 claim holds");
    }
}

#[test]
fn going_back_runs_nothing() {
    let (mut app, id) = started(80, 24);
    app.enter();
    go_on(&mut app, id);
    app.press("Back")
        .shows("The box takes a name.")
        .shows("Recorded before");
    app.press("Back Back").shows("beat 1 of 4");
    assert_eq!((words(&app), app.runs()), (1, 1));
    app.press("Enter")
        .shows("It has it.")
        .hides("Recorded before")
        .press("Enter");
    assert_eq!(words(&app), 2, "the run still waited");
    finish(&mut app, id);
    app.event(id, Event::Holding).event(id, Event::Cleaned);
    app.send(Msg::Run(id, News::Ended));
    // Two beats have passed meanwhile, and then there is the verdict.
    app.shows("Something computes.")
        .enter()
        .shows("It has computed.");
    app.enter().shows("Observed  the old one");
    app.press("Back")
        .shows("It has computed.")
        .shows("Recorded before");
    assert_eq!(app.runs(), 1);
}

#[test]
fn a_run_that_goes_through_waits_for_nobody() {
    let mut app = App::with(told(), 100, 30);
    app.press("r");
    let id = app.run_id();
    app.event(id, Event::Doing { action: 0 });
    app.event(id, Event::Paused);
    assert_eq!(words(&app), 1, "the word is given at once");
    go_on(&mut app, id);
    app.shows("It has it.");
    finish(&mut app, id);
    app.shows("It has computed.");
    app.event(id, Event::Holding).event(id, Event::Cleaned);
    app.send(Msg::Run(id, News::Ended))
        .shows("Observed  the old one");

    // And one that waits can be told to.
    let (mut app, id) = started(100, 30);
    app.press("r");
    assert_eq!((words(&app), app.runs()), (1, 1));
    go_on(&mut app, id);
    assert_eq!(words(&app), 2);
}

#[test]
fn who_leans_back_is_shown_one_after_the_other() {
    let (mut app, id) = started(80, 24);
    app.send(Msg::Wake);
    assert_eq!(words(&app), 0, "nobody leans back yet");
    app.press("w");
    assert_eq!(app.effects.last(), Some(&Effect::Wake));
    while words(&app) == 0 {
        app.send(Msg::Wake);
        assert_eq!(app.effects.last(), Some(&Effect::Wake));
    }
    go_on(&mut app, id);
    app.shows("It has it.").press("w").send(Msg::Wake);
    assert_eq!(words(&app), 1, "no longer");
}

#[test]
fn nothing_unread_is_left_behind() {
    let mut app = App::new(60, 18);
    let mut seen = 0;
    app.screen();
    while app.model.unread(Pane::Prose) > 0 {
        let before = app.model.screen.prose;
        app.shows("more line").press("Enter").screen();
        assert!(app.model.screen.prose > before, "each press shows more");
        seen += 1;
    }
    assert!(seen > 0, "it doesn't fit");
    app.press("Enter").shows("Enter say it");
}

/// What follows the observation stands where it was announced, and is unread.
#[test]
fn what_follows_the_observation_is_read_after_the_verdict() {
    let mut course = told();
    course.lessons[0].steps[0].prose = prose("Say it first.");
    course.lessons[0].steps[0].result = prose("One name a namespace.");
    let mut app = App::with(course, 80, 24);
    app.shows("The rest follows").hides("One name").press("r");
    let id = app.run_id();
    app.event(id, Event::Holding).event(id, Event::Cleaned);
    app.send(Msg::Run(id, News::Ended)).hides("One name");
    app.press("Enter")
        .shows("One name a namespace.")
        .hides("The rest follows");
    app.shows("Enter next step");
}

/// The table, the page about it and the README tell the same.
#[test]
fn the_keys_are_those_of_the_docs() {
    let docs = include_str!("../../../docs/keys.md");
    let table = keymap::markdown();
    assert!(docs.contains(&table), "docs/keys.md should have:\n{table}");
    let readme = include_str!("../../../README.md");
    let keys = readme.split("## Keys").nth(1).unwrap();
    let keys = keys.split("\n## ").next().unwrap();
    for line in keys.lines().filter(|line| line.starts_with("| `")) {
        let shown = line.split('`').nth(1).unwrap();
        assert!(table.contains(&format!("| `{shown}` |")), "{line}");
    }
}

#[test]
fn no_key_means_two_things_in_one_place() {
    assert_eq!(keymap::ambiguous(), Vec::<String>::new());
}
