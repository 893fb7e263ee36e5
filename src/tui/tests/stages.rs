//! Steps that wait at each stage, their picture of layers, and ASCII, from
//! fabricated events.

use super::{App, course, step};
use crate::course::{Course, Origin};
use crate::plan::{Entry, EntryKind, Event, Fact, Layer, Provenance, Seen, Stack, Unit, Value};
use crate::render::Signs;
use crate::tui::effect::Effect;
use crate::tui::msg::{Msg, News, RunId};
use crate::tui::screen::Tab;

const DEMO: &str = r#"
figure = { layers = "box/stack:/s/view" }

[[knob]]
name = "name"
label = "New file"
values = ["file-3", "file-9"]

[[box]]
name = "box"
namespaces = ["mount"]

[[action]]
in = "host"
do.stage = "Two layers, and a view of both."

[[action]]
in = "box"
do.probe = ["stack:/s/view", "usage:/s/upper"]

[[action]]
in = "host"
do.stage = "Now file-4 is removed in the view, and ${name} is made"

[[action]]
in = "box"
do.probe = ["stack:/s/view", "usage:/s/upper"]

[[bars]]
title = "On the disk"
bar = [
  { label = "upper", fact = "box/usage:/s/upper.bytes" },
]

[[show]]
label = "inodes"
inside = "box/usage:/s/upper.inodes"

[[expect]]
claim = "There is an upper."
when = { fact = "box/usage:/s/upper.inodes", at-least = 1 }
"#;

fn staged() -> Course {
    let mut course = course();
    course.lessons[0].steps[0] = step(1, "layers", "Layers over each other", DEMO);
    course
}

fn fact(name: &str, value: Value) -> Event {
    Event::Fact(Fact {
        id: format!("box/{name}").parse().unwrap(),
        value: Some(value),
        source: "/proc/self/mountinfo".into(),
        provenance: Provenance::Observed,
    })
}

/// The stack before and after the second stage.
fn stack(changed: bool) -> Event {
    use EntryKind::{File, Whiteout};
    let entry = |path: &str, kind, text: Option<&str>| Entry {
        path: path.into(),
        kind,
        text: text.map(String::from),
    };
    let seen = |path: &str, from: usize, text: Option<&str>| Seen {
        path: path.into(),
        kind: File,
        from: vec![from],
        text: text.map(String::from),
    };
    let layer = |name: &str, entries| Layer {
        name: name.into(),
        path: format!("/s/{name}"),
        writable: name == "upper",
        entries,
    };
    let lower = vec![
        entry("file-1", File, None),
        entry("file-2", File, Some("a")),
        entry("file-4", File, None),
    ];
    let (upper, view) = match changed {
        false => (
            vec![],
            vec![
                seen("file-1", 1, None),
                seen("file-2", 1, Some("a")),
                seen("file-4", 1, None),
            ],
        ),
        true => (
            vec![
                entry("file-2", File, Some("b")),
                entry("file-3", File, None),
                entry("file-4", Whiteout, None),
            ],
            vec![
                seen("file-1", 1, None),
                seen("file-2", 0, Some("b")),
                seen("file-3", 0, None),
            ],
        ),
    };
    let stack = Stack {
        at: "/s/view".into(),
        layers: vec![layer("upper", upper), layer("lower", lower)],
        view,
        cut: false,
    };
    fact("stack:/s/view", Value::Stack(Box::new(stack)))
}

fn usage(bytes: i64) -> Event {
    let name = "usage:/s/upper.bytes";
    fact(name, Value::Number(bytes, Unit::Bytes))
}

/// The step at its second stage.
fn paused(width: u16, height: u16) -> (App, RunId) {
    let mut app = App::with(staged(), width, height);
    app.enter();
    let id = app.run_id();
    app.event(id, Event::Doing { action: 0 });
    app.event(id, Event::Paused);
    app.enter();
    for event in [Event::Doing { action: 1 }, stack(false), usage(4096)] {
        app.event(id, event);
    }
    app.event(id, Event::Doing { action: 2 });
    app.event(id, Event::Paused);
    (app, id)
}

#[test]
fn a_paused_step_at_three_sizes() {
    for (width, height) in [(80, 24), (120, 40), (160, 45)] {
        let (mut app, _) = paused(width, height);
        insta::assert_snapshot!(format!("stage-{width}x{height}"), app.screen());
    }
    let (mut app, id) = paused(80, 24);
    app.enter();
    for event in [Event::Doing { action: 3 }, stack(true), usage(0)] {
        app.event(id, event);
    }
    app.event(id, Event::Holding).event(id, Event::Cleaned);
    app.send(Msg::Run(id, News::Ended)).press("z");
    insta::assert_snapshot!("stage-after", app.screen());
}

#[test]
fn the_screen_in_ascii() {
    let (mut app, _) = paused(80, 24);
    app.model.settings.signs = Signs::Ascii;
    app.press("z");
    let screen = app.screen();
    assert!(screen.is_ascii(), "{screen}");
    insta::assert_snapshot!("stage-ascii", screen);
    app.press("z ?");
    let own = app.screen().replace("容器", "");
    let others: String = own.chars().filter(|c| !c.is_ascii()).collect();
    assert_eq!(others, "", "{own}");
}

#[test]
fn each_stage_waits_for_one_word() {
    let mut app = App::with(staged(), 80, 24);
    app.enter();
    let id = app.run_id();
    let run = app.effects.iter().find_map(|effect| match effect {
        Effect::Run { agreed, .. } => Some(agreed.plan().attended),
        _ => None,
    });
    assert_eq!(run, Some(true), "somebody sits in front of it");
    let words = |app: &App| {
        let enough = |effect: &&Effect| matches!(effect, Effect::Enough(run, _) if *run == id);
        app.effects.iter().filter(enough).count()
    };

    app.event(id, Event::Doing { action: 0 });
    app.shows("Running").press("Enter");
    assert_eq!(words(&app), 0, "it doesn't wait yet");
    app.event(id, Event::Paused);
    app.shows("Stage 1 of 2: Two layers, and a view of both.");
    app.shows("‖ beat").shows("The layers: …");
    // Meanwhile all can be read.
    app.press("2").shows("Stage 1 of 2").shows("‖ beat");
    app.press("e j l 1");
    assert_eq!(app.model.screen.tab, Tab::Evidence);
    app.press("?").shows("the next beat").press("Esc");
    assert_eq!(words(&app), 0, "nothing but Enter is the word");
    app.enter().press("Enter Enter");
    assert_eq!(words(&app), 1, "one word for one stage");
    app.shows("Running").hides("‖ beat");

    app.event(id, Event::Doing { action: 1 });
    app.event(id, stack(false)).hides("╳ file-4");
    app.event(id, Event::Doing { action: 2 });
    app.event(id, Event::Paused);
    app.shows("Stage 2 of 2: Now file-4 is removed in the view, and file-3 is made.");
    app.enter();
    assert_eq!(words(&app), 2);
    app.event(id, Event::Doing { action: 3 });
    app.event(id, stack(true)).shows("╳ file-4");
    app.event(id, Event::Holding).event(id, Event::Cleaned);
    app.send(Msg::Run(id, News::Ended));
    app.hides("‖ beat").shows("╳ file-4");
}

#[test]
fn a_run_that_ends_while_it_waits_waits_no_more() {
    let (mut app, id) = paused(120, 40);
    app.shows("‖ beat");
    let message = "the box ended".to_string();
    app.event(id, Event::Broken { message });
    app.hides("‖ beat");
    app.event(id, Event::Cleaned);
    app.send(Msg::Run(id, News::Ended));
    app.hides("‖ beat")
        .shows("The run broke off: the box ended");
}

#[test]
fn leaving_the_step_stops_the_run_that_waits() {
    let (mut app, id) = paused(80, 24);
    app.press("n");
    assert_eq!(app.effects.last(), Some(&Effect::Stop(id)));
    app.hides("‖ beat");
    // And so does another value of its knob.
    let (mut app, id) = paused(80, 24);
    app.press("]");
    assert!(app.effects.contains(&Effect::Stop(id)));
    app.send(Msg::Run(id, News::Ended));
    assert_eq!(app.runs(), 2);
}

#[test]
fn consent_is_asked_once_for_what_is_attended() {
    let mut course = staged();
    course.origin = Origin::Disk("/tmp/pack".into());
    let mut app = App::with(course, 80, 24);
    app.press("r").shows("May this step run?").shows("stage");
    app.press("y");
    assert_eq!(app.runs(), 1);
    let id = app.run_id();
    app.event(id, Event::Doing { action: 0 });
    app.event(id, Event::Paused);
    app.press("Enter").event(id, Event::Cleaned);
    app.send(Msg::Run(id, News::Ended)).press("r");
    assert_eq!(app.runs(), 2, "agreed is agreed");
}

#[test]
fn claims_that_cannot_be_judged_are_not_said_to_hold() {
    const OPTIONAL: &str = r#"
[[action]]
in = "host"
do.probe = ["hostname", "cpus"]

[[expect]]
claim = "It has a name."
when = { fact = "host/hostname", is-not = "" }

[[expect]]
claim = "It has a CPU."
when = { fact = "host/cpus", at-least = 1 }
missing-ok = true
"#;
    let seen = |name: &str, value: Option<Value>| {
        let provenance = match &value {
            Some(_) => Provenance::Observed,
            None => Provenance::Unavailable {
                because: "nobody counts here".into(),
            },
        };
        Event::Fact(Fact {
            id: name.parse().unwrap(),
            value,
            source: "test".into(),
            provenance,
        })
    };
    let mut course = course();
    course.lessons[0].steps[0] = step(1, "optional", "What may be missing", OPTIONAL);
    let mut app = App::with(course, 80, 24);
    app.press("r");
    let id = app.run_id();
    app.event(id, seen("host/hostname", Some(Value::Text("vm".into()))));
    app.event(id, seen("host/cpus", None));
    app.event(id, Event::Holding).event(id, Event::Cleaned);
    app.send(Msg::Run(id, News::Ended));
    app.shows("1 of 2 claims hold here; the others can't be judged");
    app.hides("All 2 claims");
}
