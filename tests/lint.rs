//! What `lint` says about packs, good and bad: a little pack that is right in
//! every way, and what one change makes of it.

use glassbox::base::{Diagnostic, Severity};
use glassbox::course;
use std::{fs, path::Path};

#[path = "lint/mistakes.rs"]
mod mistakes;

/// The little pack.
const FILES: [(&str, &str); 3] = [
    (
        "01-box/lesson.toml",
        include_str!("lint/pack/01-box/lesson.toml"),
    ),
    (
        "01-box/01-uts.md",
        include_str!("lint/pack/01-box/01-uts.md"),
    ),
    (
        "01-box/02-lock.md",
        include_str!("lint/pack/01-box/02-lock.md"),
    ),
];

fn write(dir: &Path, file: &str, text: impl AsRef<[u8]>) {
    let at = dir.join(file);
    fs::create_dir_all(at.parent().unwrap()).unwrap();
    fs::write(at, text).unwrap();
}

/// The little pack in a directory of its own.
fn little_pack() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (file, text) in FILES {
        write(dir.path(), file, text);
    }
    dir
}

/// Replaces `from`, which is there exactly once, in one of the pack's files.
fn change(dir: &Path, file: &str, from: &str, to: &str) {
    let at = dir.join("01-box").join(file);
    let text = fs::read_to_string(&at).unwrap();
    assert_eq!(text.matches(from).count(), 1, "{file}: {from:?}");
    fs::write(at, text.replace(from, to)).unwrap();
}

fn shown(found: &[Diagnostic]) -> String {
    let lines = found.iter().map(|d| {
        let help = d.help.as_deref().unwrap_or("");
        format!(
            "{} {}:{}:{} {} | {help}\n",
            d.code,
            d.file.display(),
            d.line,
            d.column,
            d.message
        )
    });
    lines.collect()
}

#[test]
fn the_little_pack_is_right() {
    let dir = little_pack();
    let linted = course::lint(dir.path());
    assert_eq!(shown(&linted.diagnostics), "");
    assert_eq!(linted.sources.len(), 3);
    let course = course::load(dir.path()).unwrap();
    assert_eq!(course.steps().count(), 2);
}

#[test]
fn each_mistake_gets_its_one_diagnostic() {
    let mut wrong = String::new();
    for mistake in mistakes::ALL {
        let dir = little_pack();
        change(dir.path(), mistake.file, mistake.from, mistake.to);
        let found = course::lint(dir.path()).diagnostics;
        let right = match found.as_slice() {
            [d] => {
                d.code == mistake.code
                    && d.file == Path::new("01-box").join(mistake.file)
                    && (d.line, d.column) == mistake.at
                    && d.message.contains(mistake.message)
                    && d.help.as_deref().unwrap_or("").contains(mistake.help)
                    && (d.severity == Severity::Warning) == mistake.warns
            }
            _ => false,
        };
        if !right {
            wrong += &format!(
                "{:?} -> {:?}\n  expected {} {:?}\n{}",
                mistake.from,
                mistake.to,
                mistake.code,
                mistake.at,
                shown(&found)
            );
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}
