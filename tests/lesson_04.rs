//! Lesson 04, looked at as a learner would who tries everything; and what must fail
//! when what a step is about isn't so.

#![allow(missing_docs)]

mod support;

use support::lesson;
use support::pack::{lacks_a_program, list, pack_with, public_tempdir, verify};
use support::{User, alone, may_make_boxes};
use toml::{Table, Value};

const LESSON: &str = "04-architecture";

#[test]
fn every_value_of_every_knob_keeps_the_claims_and_leaves_one_right_answer() {
    let _turn = alone();
    lesson::every_knob_keeps_the_claims_and_leaves_one_right_answer("04");
}

#[test]
fn every_step_predicts_and_shows_and_claims_and_explains() {
    lesson::every_step_predicts_and_shows_and_claims_and_explains("04");
}

/// What a verb was given, of the action with this name.
fn named<'a>(demo: &'a mut Table, name: &str, verb: &str) -> Option<&'a mut Value> {
    let actions = list(demo, "action")?.iter_mut();
    let mut named = actions.filter(|action| action.get("as").and_then(Value::as_str) == Some(name));
    named.next()?["do"].get_mut(verb)
}

#[test]
fn with_another_request_a_step_fails() {
    let _turn = alone();
    if !may_make_boxes(User::Me) {
        return;
    }
    type Change = fn(&mut Table) -> Option<()>;
    let changes: [(&str, &str, &str, Change); 5] = [
        ("01-parts.md", "parts", "an image that is there", |demo| {
            named(demo, "lacking", "api")?["body"] = r#"{"Image": "hello"}"#.into();
            Some(())
        }),
        ("02-cli.md", "cli", "another program by hand", |demo| {
            let body = r#"{"Image": "tools", "Cmd": ["echo", "else"]}"#;
            named(demo, "create", "api")?["body"] = body.into();
            Some(())
        }),
        ("03-daemon.md", "daemon", "the machine's network", |demo| {
            let line = named(demo, "cli", "docker")?.as_array_mut()?;
            line.insert(1, "--network=host".into());
            Some(())
        }),
        (
            "04-one-image.md",
            "one-image",
            "1b of another image",
            |demo| {
                let line = named(demo, "run-1b", "docker")?.as_array_mut()?;
                *line
                    .iter_mut()
                    .find(|word| word.as_str() == Some("tools"))? = "base".into();
                Some(())
            },
        ),
        (
            "05-socket.md",
            "socket",
            "a bind that is read-only",
            |demo| {
                let line = named(demo, "write", "docker")?.as_array_mut()?;
                let bind = line
                    .iter_mut()
                    .find(|word| word.as_str() == Some("{host}:/host"))?;
                *bind = "{host}:/host:ro".into();
                Some(())
            },
        ),
    ];
    for (file, step, what, change) in changes {
        let dir = public_tempdir();
        pack_with(dir.path(), LESSON, file, &change)
            .unwrap_or_else(|| panic!("{file} can't be had with {what}"));
        let verdict = verify(dir.path(), step, User::Me);
        if lacks_a_program(&verdict) {
            continue;
        }
        let (code, text) = verdict;
        let failed = code == Some(1) && (text.contains("FAIL") || text.contains("broke"));
        assert!(failed, "{step} with {what}: {text}");
    }
}
