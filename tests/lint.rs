//! What `lint` says about packs, good and bad: a little pack that is right in
//! every way, and what one change makes of it.

use glassbox::base::{Diagnostic, Severity};
use glassbox::course;
use std::{fs, path::Path};

#[path = "lint/mistakes.rs"]
mod mistakes;
#[path = "lint/mutations.rs"]
mod mutations;
#[path = "lint/paths.rs"]
mod paths;
#[path = "lint/reading.rs"]
mod reading;

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

/// One step more.
const MORE: &str = "+++\nid = \"more\"\ntitle = \"More\"\n+++\n";

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

/// The codes and files of what is found.
fn codes(dir: &Path) -> Vec<(&'static str, String)> {
    let found = course::lint(dir).diagnostics;
    found
        .iter()
        .map(|d| (d.code, d.file.display().to_string()))
        .collect()
}

#[test]
fn names_and_files_are_judged_before_their_text() {
    type Change = fn(&Path);
    let check = |change: Change, code: &str, file: &str| {
        let dir = little_pack();
        change(dir.path());
        assert_eq!(codes(dir.path()), [(code, file.to_string())]);
    };
    check(
        |d| write(d, "01-box/3-more.md", ""),
        "file-name",
        "01-box/3-more.md",
    );
    check(
        |d| write(d, "01-box/03-More.md", ""),
        "file-name",
        "01-box/03-More.md",
    );
    check(
        |d| write(d, "01-box/03-more.markdown", ""),
        "file-name",
        "01-box/03-more.markdown",
    );
    check(|d| write(d, "box/lesson.toml", ""), "folder-name", "box");
    check(
        |d| write(d, "02-more/lesson.toml", FILES[0].1),
        "empty-lesson",
        "02-more",
    );
    check(
        |d| write(d, "02-more/01-more.md", MORE),
        "missing-lesson-toml",
        "02-more/lesson.toml",
    );
    check(
        |d| write(d, "01-box/02-more.md", MORE),
        "duplicate-number",
        "01-box/02-more.md",
    );
    check(
        |d| {
            write(d, "01-more/lesson.toml", FILES[0].1);
            write(d, "01-more/01-more.md", MORE);
        },
        "duplicate-number",
        "01-more",
    );
    check(
        |d| write(d, "01-box/03-more.md", b"+++\n\xff\n"),
        "not-utf8",
        "01-box/03-more.md",
    );
    check(
        |d| write(d, "01-box/03-more.md", vec![b'a'; (1 << 20) + 1]),
        "too-large",
        "01-box/03-more.md",
    );
    check(
        |d| std::os::unix::fs::symlink("/etc/hostname", d.join("01-box/03-more.md")).unwrap(),
        "leaves-pack",
        "01-box/03-more.md",
    );
    check(
        |d| std::os::unix::fs::symlink("/etc", d.join("02-more")).unwrap(),
        "leaves-pack",
        "02-more",
    );
    check(
        |d| std::os::unix::fs::symlink("nowhere", d.join("01-box/03-more.md")).unwrap(),
        "unreadable",
        "01-box/03-more.md",
    );
    check(
        |d| {
            let fifo = d.join("01-box/03-more.md");
            nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
        },
        "unreadable",
        "01-box/03-more.md",
    );
}

#[test]
fn what_is_no_lesson_is_left_alone() {
    let dir = little_pack();
    write(dir.path(), "README.md", "# Mine\n");
    write(dir.path(), "01-box/README.md", "# Mine\n");
    write(dir.path(), "02-later/.gitkeep", "");
    write(dir.path(), "images/box.png", b"\x89PNG");
    std::os::unix::fs::symlink("/etc", dir.path().join("elsewhere")).unwrap();
    // A link may stay inside.
    std::os::unix::fs::symlink("../README.md", dir.path().join("01-box/notes")).unwrap();
    change(
        dir.path(),
        "02-lock.md",
        "Back to",
        "![box](../images/box.png) Back to",
    );
    assert_eq!(codes(dir.path()), []);
    let empty = tempfile::tempdir().unwrap();
    assert_eq!(codes(empty.path()), [("empty-pack", ".".to_string())]);
}

#[test]
fn a_part_is_judged_within_its_pack() {
    let dir = little_pack();
    change(dir.path(), "01-uts.md", "boottime = ", "botime = ");
    change(dir.path(), "02-lock.md", "id = \"lock\"", "id = \"uts\"");
    change(dir.path(), "lesson.toml", "minutes = 5", "minutes = 0.5");
    let lesson = dir.path().join("01-box");
    assert_eq!(codes(&lesson).len(), 3);
    let own = |file: &str, code| {
        assert_eq!(
            codes(&lesson.join(file)),
            [(code, format!("01-box/{file}"))]
        )
    };
    own("01-uts.md", "unknown-key");
    own("02-lock.md", "duplicate-id");
    own("lesson.toml", "wrong-type");
    write(dir.path(), "01-box/notes.txt", "");
    own("notes.txt", "not-a-step");
    assert_eq!(codes(&dir.path().join("none"))[0].0, "unreadable");
    let linted = course::lint(&lesson);
    let first = linted.source(&linted.diagnostics[0]).unwrap();
    assert!(first.contains("botime"));
}

#[test]
fn all_mistakes_are_found_in_one_pass() {
    let dir = little_pack();
    let mut expected = Vec::new();
    // Those that stand far enough apart to be made together.
    let codes_of = [
        ("lesson.toml", "unknown-key"),
        ("02-lock.md", "knob-in-quiz"),
        ("02-lock.md", "unknown-fact"),
        ("02-lock.md", "empty-text"),
        ("01-uts.md", "bad-start"),
        ("01-uts.md", "bad-value"),
        ("01-uts.md", "unknown-verb"),
        ("01-uts.md", "unknown-probe"),
        ("01-uts.md", "unknown-filesystem"),
        ("01-uts.md", "bad-address"),
        ("01-uts.md", "unknown-name"),
        ("01-uts.md", "only-with-probe"),
        ("01-uts.md", "unknown-moment"),
        ("01-uts.md", "two-comparisons"),
        ("01-uts.md", "dead-link"),
        ("01-uts.md", "line-too-wide"),
        ("01-uts.md", "table-too-wide"),
        ("01-uts.md", "section-name"),
        ("01-uts.md", "unknown-comment"),
    ];
    for (file, code) in codes_of {
        let mistake = mistakes::ALL
            .iter()
            .find(|m| m.file == file && m.code == code)
            .unwrap();
        change(dir.path(), file, mistake.from, mistake.to);
        expected.push((code, format!("01-box/{file}")));
    }
    write(dir.path(), "01-box/3.md", "");
    expected.push(("file-name", "01-box/3.md".into()));
    let mut found = codes(dir.path());
    expected.sort();
    found.sort();
    assert_eq!(
        found,
        expected,
        "{}",
        shown(&course::lint(dir.path()).diagnostics)
    );
}
