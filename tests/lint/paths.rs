//! `pack.toml`: the paths through a pack.

use super::{change, little_pack, shown, write};
use glassbox::course;
use std::fs;
use std::path::Path;

#[test]
fn paths_name_steps_that_are_there() {
    const RIGHT: &str = "id = \"little\"\n\n[[path]]\nname = \"core\"\ntitle = \"What counts\"\nsteps = [\"uts\", \"lock\"]\n\n[[path]]\nname = \"deep\"\ntitle = \"All\"\n";
    let found = |text: &str| {
        let dir = little_pack();
        let lock = "title = \"Lock\"";
        change(
            dir.path(),
            "02-lock.md",
            lock,
            &format!("{lock}\nminutes = 2"),
        );
        write(dir.path(), "pack.toml", text);
        let linted = course::lint(&dir.path().join("pack.toml"));
        assert_eq!(
            shown(&linted.diagnostics),
            shown(&course::lint(dir.path()).diagnostics)
        );
        shown(&linted.diagnostics)
    };
    assert_eq!(found(RIGHT), "");
    for (from, to, expected) in [
        (
            "\"lock\"",
            "\"lokc\"",
            "unknown-step pack.toml:6:17 there is no step `lokc` | did you mean `lock`?",
        ),
        (
            "\"uts\"",
            "\"nowhere\"",
            "unknown-step pack.toml:6:10 there is no step `nowhere` | a path names steps by their ids",
        ),
        (
            "\"lock\"",
            "\"uts\"",
            "twice-on-path pack.toml:6:17 the path `core` names `uts` twice",
        ),
        ("[\"uts\", \"lock\"]", "[]", "empty-path"),
        ("\"deep\"", "\"core\"", "duplicate-path"),
        ("\"What counts\"", "\"\"", "empty-text"),
        ("\"little\"", "\"glassbox\"", "taken-id"),
        ("\"little\"", "\"A pack\"", ""),
        ("steps = ", "stesp = ", "did you mean `steps`?"),
        (
            "[[path]]\nname = \"deep\"",
            "[[paht]]\nname = \"deep\"",
            "did you mean `path`?",
        ),
        ("[\"uts\"", "[7", ""),
        ("id = ", "id ", ""),
    ] {
        let text = RIGHT.replacen(from, to, 1);
        assert_ne!(text, RIGHT);
        let told = found(&text);
        assert!(told.contains(expected) && !told.is_empty(), "{to}: {told}");
    }
    // A step that says nothing of its time makes the sum of the path wrong.
    let dir = little_pack();
    write(dir.path(), "pack.toml", RIGHT);
    let told = shown(&course::lint(dir.path()).diagnostics);
    assert_eq!(told.matches("no-minutes").count(), 1, "{told}");
    let loaded = course::load(dir.path()).unwrap();
    assert_eq!(loaded.id(), "little");
    assert_eq!(loaded.stations(loaded.meta.route("deep").unwrap()).len(), 2);
}

#[test]
fn a_question_sends_to_a_step_that_is_there() {
    let text = fs::read_to_string(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lint/pack/01-box/02-lock.md"),
    );
    let text = text.unwrap();
    let ask = text
        .lines()
        .rev()
        .find(|line| line.starts_with("ask = "))
        .unwrap();
    for (see, told) in [
        ("lock", ""),
        ("lokc", "there is no step `lokc` | did you mean `lock`?"),
        ("nowhere", "there is no step `nowhere` | name the step"),
    ] {
        let dir = little_pack();
        change(
            dir.path(),
            "02-lock.md",
            ask,
            &format!("{ask}\nsee = \"{see}\""),
        );
        let found = shown(&course::lint(dir.path()).diagnostics);
        let line = text.lines().position(|line| line == ask).unwrap() + 2;
        let place = format!("unknown-step 01-box/02-lock.md:{line}:7 ");
        assert_eq!(found.contains(&place), !told.is_empty(), "{found}");
        assert!(
            found.contains(told) && found.is_empty() == told.is_empty(),
            "{found}"
        );
    }
}
