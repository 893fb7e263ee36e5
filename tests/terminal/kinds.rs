//! Terminals that are no xterm: each walked through a step, and left in order.

use super::{Ended, Session};
use portable_pty::CommandBuilder;
use std::collections::BTreeSet;

fn start_as(term: Option<&str>, arguments: &[&str]) -> Session {
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_glassbox"));
    command.args(arguments);
    command.env("LC_ALL", "C.UTF-8");
    Session::spawn_on(term, command, 24, 80)
}

/// Opens, reads on to the question, looks at other tabs and lists, and quits.
fn walked(term: &str) -> (BTreeSet<char>, String) {
    let mut session = start_as(Some(term), &["--step", "pid"]);
    session.screen_only();
    let mut seen = BTreeSet::new();
    let mut look = |session: &Session| seen.extend(session.text().chars());
    session.shows("Explanation");
    look(&session);
    for (key, shown) in [
        ("2", "[2 Syscalls]"),
        ("3", "[3 By hand]"),
        ("1", "[1 Evidence]"),
        ("o", "Outline"),
        ("\x1b", "Explanation"),
        ("/", "Search"),
        ("pid", "pid"),
        ("\x1b", "Explanation"),
        ("?", "Keys"),
        ("\x1b", "Explanation"),
        ("n", " 6/"),
        ("n", " 7/"),
    ] {
        session.press(key).shows(shown);
        look(&session);
    }
    session.press("q");
    let text = session.end().success();
    (seen, text)
}

/// There is no alternate screen: the prompt comes below the picture.
fn left_in_order(term: &str, text: &str) {
    let lines: Vec<_> = text.lines().collect();
    let last = lines.last().unwrap_or(&"");
    assert!(
        last.contains("q quit"),
        "{term}: the picture is above:\n{text}"
    );
}

#[test]
fn the_linux_console_has_lines_and_no_fine_dots() {
    let (seen, text) = walked("linux");
    left_in_order("linux", &text);
    assert!(seen.contains(&'─') && seen.contains(&'┌'), "{seen:?}");
    let strange: Vec<_> = seen
        .iter()
        .filter(|c| !c.is_ascii() && !"─│┌┐└┘├┤┬┴┼█·".contains(**c))
        .collect();
    assert!(strange.is_empty(), "{strange:?}");
}

#[test]
fn terminals_of_dec_have_ascii_and_no_colours() {
    for term in ["vt100", "vt220"] {
        let (seen, text) = walked(term);
        left_in_order(term, &text);
        assert!(seen.iter().all(char::is_ascii), "{seen:?}");
        let mut session = start_as(Some(term), &["--step", "pid"]);
        session.shows("Explanation");
        let screen = session.screen.screen();
        for (row, col) in (0..24).flat_map(|row| (0..80).map(move |col| (row, col))) {
            let cell = screen.cell(row, col).unwrap();
            assert_eq!(cell.fgcolor(), vt100::Color::Default, "{row} {col}");
        }
        session.press("q");
        session.end().success();
    }
}

#[test]
fn a_terminal_that_only_prints_is_refused_with_a_way() {
    for term in [Some("dumb"), None, Some("")] {
        let mut session = start_as(term, &[]);
        let words = |session: &Session| {
            let text = session.text();
            text.split_whitespace().collect::<Vec<_>>().join(" ")
        };
        session.until("a way", |session| {
            let words = words(session);
            words.contains("`glassbox run STEP`") && words.contains("TERM")
        });
        let (status, text) = session.end();
        assert!(!status.success(), "{text}");
        // And that way works there, without an escape.
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_glassbox"));
        command.args(["list"]);
        command.env("LC_ALL", "C.UTF-8");
        let mut session = Session::spawn_on(term, command, 24, 80);
        session.shows("A container made by hand");
        session.end().success();
    }
}
