//! Holds the table of ARCHITECTURE.md's layers and reads the imports: a module
//! that reaches for one that its row does not name fails this test.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use tokens::tokens;

#[path = "layers/circles.rs"]
mod circles;
#[path = "layers/tokens.rs"]
mod tokens;

/// Each module, in order from the bottom up, and what it may import. `base`
/// may be imported by all. A row names only rows above it, so the imports
/// form a DAG.
const TABLE: [(&str, &[&str]); 19] = [
    ("base", &[]),
    ("plan", &[]),
    ("probe", &["plan"]),
    ("image", &["plan"]),
    ("sandbox", &["plan", "probe", "image"]),
    ("engine", &["plan", "probe", "image", "sandbox"]),
    ("registry", &["sandbox"]),
    ("client", &[]),
    ("check", &["plan"]),
    ("record", &["plan", "check"]),
    ("explain", &["plan", "probe"]),
    ("progress", &[]),
    ("course", &["plan", "check", "record"]),
    ("render", &["plan", "check", "record", "course", "explain"]),
    (
        "session",
        &["plan", "probe", "sandbox", "check", "course", "explain"],
    ),
    (
        "tui",
        &[
            "plan", "check", "record", "progress", "course", "render", "session",
        ],
    ),
    (
        "cli",
        &[
            "plan", "probe", "image", "sandbox", "engine", "registry", "client", "check", "record",
            "explain", "progress", "course", "render", "session",
        ],
    ),
    (
        "main",
        &[
            "plan", "probe", "image", "sandbox", "check", "record", "explain", "course", "render",
            "session", "tui", "cli",
        ],
    ),
    // Declares the modules; uses none.
    ("lib", &[]),
];

/// The rooms of the sandbox likewise, by the first name below it, from the bottom
/// up: a row names only rows above it.
const ROOMS: [(&str, &[&str]); 12] = [
    ("sys", &[]),
    ("base", &["sys"]),
    ("wire", &["sys", "base"]),
    ("agent", &["sys", "base", "wire"]),
    ("group", &["sys", "base"]),
    ("layers", &["sys", "base", "wire", "agent"]),
    ("net", &["sys", "base", "wire", "agent"]),
    ("docker", &["sys", "base", "wire", "agent"]),
    (
        "place",
        &["sys", "base", "wire", "agent", "layers", "net", "docker"],
    ),
    ("guard", &["sys", "base", "wire", "group", "place"]),
    ("control", &["sys", "base", "wire", "guard"]),
    // Its face: declares them, and names what others may use.
    ("mod", &["sys", "base", "guard", "control"]),
];

/// How many lines a file may have without its tests.
const MOST_LINES: usize = 500;

#[test]
fn the_table_is_a_dag() {
    for table in [&TABLE[..], &ROOMS] {
        for (index, (module, row)) in table.iter().enumerate() {
            for import in *row {
                let above = table[..index].iter().any(|(name, _)| name == import);
                assert!(above, "{module} names {import}, which isn't a row above it");
            }
        }
    }
}

#[test]
fn every_import_is_in_the_table() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut wrong = Vec::new();
    let mut seen = 0;
    for file in rust_files(&src) {
        let inside = file.strip_prefix(&src).unwrap();
        let text = fs::read_to_string(&file).unwrap();
        seen += imports(inside, &text).len();
        wrong.extend(illegal(inside, &text));
    }
    assert!(
        seen > 30,
        "only {seen} imports were found: the reader is blind"
    );
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn every_module_has_a_row() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let known: BTreeSet<&str> = TABLE.iter().map(|(name, _)| *name).collect();
    for file in rust_files(&src) {
        let module = module_of(file.strip_prefix(&src).unwrap());
        assert!(
            known.contains(module.as_str()),
            "{} belongs to `{module}`, which has no row in the table",
            file.display()
        );
    }
}

#[test]
fn the_terminal_belongs_to_the_tui_unsafe_to_sandbox_sys_and_event_loops_to_the_network() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for file in rust_files(&src) {
        let inside = file.strip_prefix(&src).unwrap();
        let words: BTreeSet<String> = tokens(&fs::read_to_string(&file).unwrap())
            .into_iter()
            .collect();
        for (word, owners) in [
            ("ratatui", &["tui"][..]),
            ("crossterm", &["tui"]),
            ("tokio", &["engine", "registry", "client"]),
            ("hyper", &["engine", "registry", "client"]),
        ] {
            assert!(
                owners.contains(&module_of(inside).as_str()) || !words.contains(word),
                "{} uses {word}",
                inside.display()
            );
        }
        assert!(
            inside.starts_with("sandbox/sys") || !words.contains("unsafe"),
            "{} has unsafe code",
            inside.display()
        );
    }
}

#[test]
fn the_rooms_of_the_sandbox_import_what_their_rows_name() {
    let imports = file_imports();
    let wrong = illegal_among_rooms(&imports);
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    let rooms: BTreeSet<String> = imports.keys().filter_map(|file| room_of(file)).collect();
    let rows: BTreeSet<String> = ROOMS.iter().map(|(name, _)| name.to_string()).collect();
    assert_eq!(rooms, rows, "each room has a row, and each row a room");
}

/// The test of that test.
#[test]
fn an_import_of_a_room_above_is_found_through_a_re_export_too() {
    for (from, text, expected) in [
        ("group/leaf.rs", "use crate::sandbox::wire::Order;", 2),
        (
            "base/owner.rs",
            "fn f() { super::super::wire::messages::g() }",
            1,
        ),
        ("guard/run.rs", "use crate::sandbox::wire::Order;", 0),
    ] {
        let from = Path::new("sandbox").join(from);
        let files = [
            (Path::new("lib.rs"), "mod sandbox;"),
            (
                Path::new("sandbox/mod.rs"),
                "mod wire; mod group; mod base; mod guard;",
            ),
            (Path::new("sandbox/group/mod.rs"), "mod leaf;"),
            (Path::new("sandbox/base/mod.rs"), "mod owner;"),
            (Path::new("sandbox/guard/mod.rs"), "mod run;"),
            (
                Path::new("sandbox/wire/mod.rs"),
                "mod messages; pub use messages::Order;",
            ),
            (
                Path::new("sandbox/wire/messages.rs"),
                "pub enum Order {} pub fn g() {}",
            ),
            (from.as_path(), text),
        ];
        let found = illegal_among_rooms(&circles::imports(files));
        assert_eq!(found.len(), expected, "{text}: {found:?}");
    }
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    let imports = file_imports();
    let mut told = String::new();
    for circle in circles::circles(&imports) {
        told += "\na circle:\n";
        for file in &circle {
            let others = imports[file].intersection(&circle);
            let others: Vec<_> = others.map(|other| other.display().to_string()).collect();
            told += &format!("  {} imports {}\n", file.display(), others.join(", "));
        }
    }
    assert!(told.is_empty(), "{told}");
}

#[test]
fn no_file_is_long() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let long: Vec<String> = rust_files(&src)
        .into_iter()
        .map(|file| {
            let text = fs::read_to_string(&file).unwrap();
            let inside = file.strip_prefix(&src).unwrap().display().to_string();
            (inside, lines_without_tests(&file, &text))
        })
        .filter(|(_, lines)| *lines > MOST_LINES)
        .map(|(file, lines)| format!("{file}: {lines} lines"))
        .collect();
    assert!(long.is_empty(), "over {MOST_LINES}:\n{}", long.join("\n"));
    let text = "fn f() {}\n\n#[cfg(test)]\nmod tests {\n}\n";
    assert_eq!(lines_without_tests(Path::new("a.rs"), text), 2);
    let text = "#[cfg(test)]\nuse a;\nfn f() {}\n";
    assert_eq!(lines_without_tests(Path::new("a.rs"), text), 3);
    assert_eq!(lines_without_tests(Path::new("x_tests.rs"), text), 0);
}

/// `{:?}` writes Rust's own form of a value: no message, no evidence has one. The
/// one exception is nix's enum of errors, whose names are the kernel's.
#[test]
fn no_debug_text_reaches_a_person() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    for file in rust_files(&src) {
        let text = fs::read_to_string(&file).unwrap();
        let inside = file.strip_prefix(&src).unwrap().to_path_buf();
        let lines = text.lines().take(lines_without_tests(&file, &text));
        for (number, line) in lines.enumerate() {
            let tests = inside.components().any(|part| part.as_os_str() == "tests");
            if has_debug_text(line) && !tests && inside != Path::new("base/errno.rs") {
                found.push(format!("{}:{}: {line}", inside.display(), number + 1));
            }
        }
    }
    assert!(found.is_empty(), "\n{}", found.join("\n"));
    for (line, expected) in [
        ("format!(\"{x:?}\")", true),
        ("format!(\"{:?}\", x)", true),
        ("format!(\"{:#?}\", x)", true),
        ("format!(\"{x:>4?}\")", true),
        ("dbg!(x)", true),
        ("value.map(|x| x?)", false),
        ("format!(\"{x}: what?\")", false),
    ] {
        assert_eq!(has_debug_text(line), expected, "{line}");
    }
}

/// Whether a line formats something by `Debug`.
fn has_debug_text(line: &str) -> bool {
    let formats = line.split('{').skip(1).any(|part| {
        let inside = part.split('}').next().unwrap_or_default();
        part.contains('}') && inside.contains(':') && inside.ends_with('?')
    });
    formats || line.contains("dbg!(")
}

/// The test of the test: what it must find, in every way of writing it.
#[test]
fn an_illegal_import_is_found_however_it_is_written() {
    for (file, text, expected) in [
        ("plan/action.rs", "use crate::course::Demo;", Some("course")),
        (
            "plan/action.rs",
            "use crate::{base::Errno, tui};",
            Some("tui"),
        ),
        (
            "plan/action.rs",
            "use crate :: { base::{Errno, Bytes}, sandbox::{a, b} };",
            Some("sandbox"),
        ),
        (
            "plan/action.rs",
            "fn f() { crate::render::line() }",
            Some("render"),
        ),
        (
            "plan/action.rs",
            "use super::super::check::Test;",
            Some("check"),
        ),
        ("plan/mod.rs", "use super::check::Test;", Some("check")),
        (
            "plan/mod.rs",
            "mod tests { use super::super::check::Test; }",
            Some("check"),
        ),
        (
            "plan/mod.rs",
            "macro_rules! m { () => { $crate::cli::start() } }",
            Some("cli"),
        ),
        ("plan/mod.rs", "use crate::*;", Some("*")),
        ("plan/mod.rs", "use crate::{base::Errno, *};", Some("*")),
        (
            "tui/mod.rs",
            "pub(crate) use crate::sandbox::sweep;",
            Some("sandbox"),
        ),
        (
            "cli/mod.rs",
            "fn f<T: crate::tui::Widget>() {}",
            Some("tui"),
        ),
        ("base/mod.rs", "use glassbox::plan::Plan;", Some("plan")),
        ("lib.rs", "use crate::plan::Plan;", Some("plan")),
        // And what it must let pass.
        (
            "plan/action.rs",
            "use crate::base::Errno; use crate::plan::Fact;",
            None,
        ),
        (
            "plan/mod.rs",
            "// use crate::course::Demo;\n/* crate::cli /* nested */ crate::tui */",
            None,
        ),
        (
            "plan/mod.rs",
            "const S: &str = \"crate::course\"; const R: &str = r#\"crate::\"cli\"#;",
            None,
        ),
        (
            "plan/mod.rs",
            "mod tests { use super::probe::Probe; }",
            None,
        ),
        (
            "plan/mod.rs",
            "pub(crate) fn f(c: char) -> bool { c == '\"' } // crate::tui",
            None,
        ),
        (
            "plan/mod.rs",
            "fn f<'a>(x: &'a str) {} /* 'a' */ // crate::tui",
            None,
        ),
        ("main.rs", "use glassbox::tui; use glassbox::cli;", None),
    ] {
        let found = illegal(Path::new(file), text);
        match expected {
            Some(part) => {
                assert_eq!(found.len(), 1, "{file}: {text}: {found:?}");
                assert!(found[0].contains(&format!("`{part}`")), "{found:?}");
            }
            None => assert!(found.is_empty(), "{file}: {text}: {found:?}"),
        }
    }
}

/// Which file of the crate imports which.
fn file_imports() -> circles::Imports {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let texts: Vec<(PathBuf, String)> = rust_files(&src)
        .into_iter()
        .map(|file| {
            let inside = file.strip_prefix(&src).unwrap().to_path_buf();
            (inside, fs::read_to_string(&file).unwrap())
        })
        .collect();
    let texts = texts
        .iter()
        .map(|(file, text)| (file.as_path(), text.as_str()));
    let imports = circles::imports(texts);
    assert!(imports.len() > 100, "the reader is blind: {imports:?}");
    imports
}

/// `wire` for `sandbox/wire/frame.rs`; none outside of the sandbox.
fn room_of(file: &Path) -> Option<String> {
    Some(module_of(file.strip_prefix("sandbox").ok()?))
}

/// One line for each import among rooms that their table doesn't allow.
fn illegal_among_rooms(imports: &circles::Imports) -> Vec<String> {
    let rows: BTreeMap<&str, &[&str]> = ROOMS.into_iter().collect();
    let mut wrong = Vec::new();
    for (from, files) in imports {
        let Some(room) = room_of(from) else { continue };
        let row = rows.get(room.as_str()).copied().unwrap_or(&[]);
        for to in files {
            if let Some(other) = room_of(to)
                && other != room
                && !row.contains(&other.as_str())
            {
                let (from, to) = (from.display(), to.display());
                wrong.push(format!("{from} may not import {to}"));
            }
        }
    }
    wrong
}

/// How many lines come before a file's module of tests.
fn lines_without_tests(file: &Path, text: &str) -> usize {
    let stem = file.file_stem().and_then(|stem| stem.to_str());
    if stem.is_some_and(|stem| stem == "tests" || stem.ends_with("_tests")) {
        return 0;
    }
    let lines: Vec<&str> = text.lines().collect();
    let begins = |pair: &[&str]| {
        let module = pair[1].starts_with("mod ") || pair[1].starts_with("#[path");
        pair[0] == "#[cfg(test)]" && module
    };
    let tests = lines.windows(2).position(begins);
    tests.unwrap_or(lines.len())
}

fn rust_files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(rust_files(&path));
        } else if path.extension().is_some_and(|ext| ext == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// `plan` for `plan/action.rs`, `plan/mod.rs` and `plan.rs`.
fn module_of(file: &Path) -> String {
    let first = file.components().next().unwrap().as_os_str();
    first.to_str().unwrap().trim_end_matches(".rs").to_string()
}

/// How many modules a file lies below the crate's root.
fn depth_of(file: &Path) -> usize {
    let parts = file.components().count();
    match file.file_name().and_then(|name| name.to_str()) {
        Some("lib.rs" | "main.rs") if parts == 1 => 0,
        Some("mod.rs") => parts - 1,
        _ => parts,
    }
}

/// One line for each import that the table doesn't allow.
fn illegal(file: &Path, text: &str) -> Vec<String> {
    let module = module_of(file);
    let rows: BTreeMap<&str, &[&str]> = TABLE.into_iter().collect();
    let row = rows.get(module.as_str()).copied().unwrap_or(&[]);
    imports(file, text)
        .into_iter()
        .filter(|to| to != "base" && *to != module && !row.contains(&to.as_str()))
        .map(|to| format!("{}: `{module}` may not import `{to}`", file.display()))
        .collect()
}

/// The top-level names that a file reaches for, each once.
fn imports(file: &Path, text: &str) -> BTreeSet<String> {
    let tokens = tokens(text);
    let mut found = BTreeSet::new();
    // For each open brace, whether an inline module's body.
    let mut braces: Vec<bool> = Vec::new();
    let mut index = 0;
    while index < tokens.len() {
        match tokens[index].as_str() {
            "{" => {
                let module = index >= 2 && tokens[index - 2] == "mod";
                braces.push(module);
                index += 1;
            }
            "}" => {
                braces.pop();
                index += 1;
            }
            "crate" | "glassbox" => {
                index = heads(&tokens, index + 1, &mut found);
            }
            "super" => {
                let depth = depth_of(file) + braces.iter().filter(|module| **module).count();
                let mut climbed = 1;
                while tokens.get(index + 1).is_some_and(|t| t == "::")
                    && tokens.get(index + 2).is_some_and(|t| t == "super")
                {
                    climbed += 1;
                    index += 2;
                }
                index += 1;
                if climbed >= depth {
                    index = heads(&tokens, index, &mut found);
                }
            }
            _ => index += 1,
        }
    }
    found
}

/// Reads what follows `crate`: `::name`, `::*` or `::{…}`. Returns where to go on.
fn heads(tokens: &[String], index: usize, found: &mut BTreeSet<String>) -> usize {
    let token = |i: usize| tokens.get(i).map_or("", String::as_str);
    if token(index) != "::" {
        return index; // `pub(crate)`
    }
    if token(index + 1) != "{" {
        found.insert(token(index + 1).to_string());
        return index + 2;
    }
    // The first word of each item of the outermost group.
    let (mut i, mut depth, mut first) = (index + 2, 1, true);
    while depth > 0 && i < tokens.len() {
        match token(i) {
            "{" => depth += 1,
            "}" => depth -= 1,
            "," if depth == 1 => first = true,
            word if first && word != "self" => {
                found.insert(word.to_string());
                first = false;
            }
            _ => {}
        }
        i += 1;
    }
    i
}
