//! A pack is untrusted: whatever its bytes are, it is judged without a panic,
//! and every mistake points into the file that it names.

use super::{FILES, write};
use glassbox::course;
use proptest::prelude::*;

/// Pieces that mean something to one of the parsers.
const PIECES: &[&str] = &[
    "+++\n",
    "```demo\n",
    "```quiz\n",
    "```\n",
    "~~~",
    "[[box]]\n",
    "[[knob]]\n",
    "[",
    "]",
    "{",
    "}",
    "\"",
    "'''",
    "${",
    "${name}",
    "<!--",
    "-->",
    "<!-- pause -->",
    "<!-- note: ",
    "<b>",
    "## By hand\n",
    "> ",
    "- ",
    "1. ",
    "    ",
    "| a | b |\n|---|---|\n",
    "[a](b)",
    "![",
    "*",
    "**",
    "`",
    "\\",
    "\r\n",
    "\t",
    "\0",
    "\u{feff}",
    "\u{301}",
    "👩‍👩‍👧",
    "=",
    "= 1\n",
    ".",
    "-1",
    "99999999999999999999",
    "1979-05-27",
    "inf",
    "0x",
    "true",
    "#",
    "in = \"inner\"\n",
    "name = \"outer\"\n",
];

/// One change to a file's bytes; places are taken modulo its length.
#[derive(Debug, Clone)]
enum Change {
    Insert(usize, Vec<u8>),
    Remove(usize, usize),
    Copy(usize, usize, usize),
    Flip(usize, u8),
}

fn change() -> impl Strategy<Value = Change> {
    let at = 0..4096usize;
    let piece = prop::sample::select(PIECES).prop_map(|piece| piece.as_bytes().to_vec());
    let bytes = prop_oneof![4 => piece, 1 => prop::collection::vec(any::<u8>(), 1..8)];
    prop_oneof![
        (at.clone(), bytes).prop_map(|(at, bytes)| Change::Insert(at, bytes)),
        (at.clone(), 1..60usize).prop_map(|(at, n)| Change::Remove(at, n)),
        (at.clone(), 1..300usize, at.clone()).prop_map(|(from, n, to)| Change::Copy(from, n, to)),
        (at, any::<u8>()).prop_map(|(at, byte)| Change::Flip(at, byte)),
    ]
}

fn apply(bytes: &mut Vec<u8>, change: Change) {
    let place = |at: usize| at % (bytes.len() + 1);
    match change {
        Change::Insert(at, piece) => {
            let at = place(at);
            bytes.splice(at..at, piece);
        }
        Change::Remove(at, n) => {
            let at = place(at);
            let end = (at + n).min(bytes.len());
            bytes.drain(at..end);
        }
        Change::Copy(from, n, to) => {
            let (from, to) = (place(from), place(to));
            let piece = bytes[from..(from + n).min(bytes.len())].to_vec();
            bytes.splice(to..to, piece);
        }
        Change::Flip(at, byte) => {
            if let Some(there) = bytes.get_mut(at) {
                *there = byte;
            }
        }
    }
}

proptest! {
    #[test]
    fn any_pack_is_judged(changes in prop::collection::vec((0..FILES.len(), change()), 1..6)) {
        let mut files: Vec<Vec<u8>> = FILES.iter().map(|(_, text)| text.as_bytes().to_vec()).collect();
        for (file, change) in changes {
            apply(&mut files[file], change);
        }
        let dir = tempfile::tempdir().unwrap();
        for ((name, _), bytes) in FILES.iter().zip(&files) {
            write(dir.path(), name, bytes);
        }
        let linted = course::lint(dir.path());
        for d in &linted.diagnostics {
            prop_assert!(d.line >= 1 && d.column >= 1);
            prop_assert!(!d.message.is_empty() && !d.message.ends_with('.'));
            let Some(span) = d.span else { continue };
            let text = linted.source(d).unwrap();
            prop_assert!(text.get(span.start..span.end).is_some());
            let before = &text[..span.start];
            prop_assert_eq!(d.line, before.matches('\n').count() + 1);
        }
        match course::load(dir.path()) {
            // What has passed can be run, with every knob at every value.
            Ok(course) => for (_, step) in course.steps() {
                let Some(demo) = step.demo() else { continue };
                prop_assert!(demo.scenario(&Default::default()).is_ok());
                for knob in &demo.knobs {
                    for value in &knob.values {
                        let values = [(knob.name.clone(), value.clone())].into();
                        let scenario = demo.scenario(&values);
                        prop_assert!(scenario.is_ok(), "{:?}", scenario);
                        let plan = scenario.unwrap().plan;
                        prop_assert!(plan.actions.iter().all(|action| plan.breach(action).is_none()));
                    }
                }
            },
            Err(found) => prop_assert_eq!(found, linted.diagnostics),
        }
    }

    #[test]
    fn any_text_is_a_demo_or_told_why(text in "[\\[\\]{}a-z\"'=$. \n-]{0,200}") {
        if let Err(found) = course::demo_from_toml(&text) {
            prop_assert!(!found.is_empty());
        }
    }
}
