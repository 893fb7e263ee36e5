//! What is wrong with prose that parses: links that lead nowhere, and lines
//! that can't fit their pane.

use super::document::{Block, Inline, plain};
use super::markdown::Parts;
use super::pack::{Pack, resolve};
use super::source::Sink;
use crate::base::nearest;
use std::{
    collections::BTreeMap,
    ops::Range,
    path::{Path, PathBuf},
};
use unicode_width::UnicodeWidthStr;

/// The widest line of code that any pane shows without wrapping it.
const WIDEST_CODE: usize = 76;
/// The inside of the narrowest pane.
const NARROW_PANE: usize = 56;

/// What links can lead to.
pub(super) struct Targets<'p> {
    pub(super) pack: &'p Pack,
    /// The anchors of each step's file.
    pub(super) steps: BTreeMap<&'p Path, &'p [String]>,
    /// The ids of all steps.
    pub(super) ids: Vec<&'p str>,
    /// Whether that is all of them: no step's id was unreadable.
    pub(super) complete: bool,
}

/// Judges the widths of code, figures and tables.
pub(super) fn widths(sink: &mut Sink<'_>, parts: &Parts) {
    for (language, body) in &parts.code {
        let text = sink.source().text.get(body.clone()).unwrap_or("");
        let mut at = body.start;
        let mut widest = (0, 0..0);
        for line in text.split_inclusive('\n') {
            let shown = line.trim_end();
            let width = shown.width();
            let span = at..at + shown.len();
            at += line.len();
            if width > WIDEST_CODE {
                sink.error(
                    "line-too-wide",
                    span,
                    format!("this line of code is {width} columns wide"),
                    format!("{WIDEST_CODE} at most: break it with `\\` or shorten it"),
                );
            } else if width > widest.0 {
                widest = (width, span);
            }
        }
        let figure = language.is_empty() || language == "text";
        if figure && widest.0 > NARROW_PANE {
            sink.warning(
                "figure-too-wide",
                widest.1,
                format!("this figure is {} columns wide", widest.0),
                format!("the narrow pane shows {NARROW_PANE}"),
            );
        }
    }
    for (table, span) in &parts.tables {
        let Block::Table(_, head, rows) = table else {
            continue;
        };
        let mut columns: Vec<usize> = Vec::new();
        for row in std::iter::once(head).chain(rows) {
            for (index, cell) in row.iter().enumerate() {
                columns.resize(columns.len().max(index + 1), 0);
                columns[index] = columns[index].max(longest_word(cell));
            }
        }
        let width = columns.iter().sum::<usize>() + 3 * columns.len().saturating_sub(1);
        if width > NARROW_PANE {
            let text = sink.source().text.get(span.clone()).unwrap_or("");
            let first = text.lines().next().unwrap_or("").len();
            sink.warning(
                "table-too-wide",
                span.start..span.start + first,
                format!("this table needs {width} columns, however it is wrapped"),
                format!("the narrow pane shows {NARROW_PANE}: use shorter words or fewer columns"),
            );
        }
    }
}

fn longest_word(cell: &[Inline]) -> usize {
    let text = plain(cell);
    text.split_whitespace()
        .map(UnicodeWidthStr::width)
        .max()
        .unwrap_or(0)
}

/// Judges every link of one step. Nothing is fetched.
pub(super) fn links(sink: &mut Sink<'_>, targets: &Targets<'_>, links: &[(String, Range<usize>)]) {
    for (target, span) in links {
        if let Err((code, message, help)) = follow(targets, &sink.source().file, target) {
            sink.error(code, span.clone(), message, help);
        }
    }
}

type Dead = (&'static str, String, String);

fn follow(targets: &Targets<'_>, from: &Path, target: &str) -> Result<(), Dead> {
    if let Some(id) = target.strip_prefix("step:") {
        if targets.ids.contains(&id) || !targets.complete {
            return Ok(());
        }
        let help = match nearest(id, targets.ids.iter().copied()) {
            Some(close) => format!("did you mean `step:{close}`?"),
            None => "expected the id of a step of this pack".into(),
        };
        return Err(("dead-link", format!("there is no step `{id}`"), help));
    }
    if let Some((scheme, _)) = target.split_once(':')
        && !scheme.is_empty()
        && scheme
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
    {
        return match scheme.to_ascii_lowercase().as_str() {
            "http" | "https" | "mailto" => Ok(()),
            _ => Err((
                "bad-link",
                format!("links of the kind `{scheme}:` lead nowhere here"),
                "use a file of the pack, `step:ID`, or https".into(),
            )),
        };
    }
    let (file, anchor) = match target.split_once('#') {
        Some((file, anchor)) => (file, Some(anchor)),
        None => (target, None),
    };
    let path = match file {
        "" if anchor.is_none() => {
            return Err((
                "dead-link",
                "the link has no target".into(),
                "write it between the parentheses".into(),
            ));
        }
        "" => from.to_path_buf(),
        file => local(targets, from, file)?,
    };
    if let (Some(anchor), Some(known)) = (anchor, targets.steps.get(path.as_path()))
        && !known.iter().any(|known| known == anchor)
    {
        let known = known.iter().map(String::as_str);
        let help = match nearest(anchor, known.clone()) {
            Some(close) => format!("did you mean `#{close}`?"),
            None if known.len() == 0 => "that file has no heading".into(),
            None => format!("expected one of: {}", known.collect::<Vec<_>>().join(", ")),
        };
        return Err((
            "dead-link",
            format!("there is no heading `#{anchor}`"),
            help,
        ));
    }
    Ok(())
}

/// A file of the pack.
fn local(targets: &Targets<'_>, from: &Path, file: &str) -> Result<PathBuf, Dead> {
    let folder = from.parent().unwrap_or(Path::new(""));
    let Some(path) = resolve(folder, file) else {
        return Err((
            "link-leaves-pack",
            format!("`{file}` is outside of the pack"),
            "link to a file of the pack, or to https".into(),
        ));
    };
    if targets.pack.has(&path) {
        return Ok(path);
    }
    let written = |step: &Path| match step.strip_prefix(folder) {
        Ok(name) => name.display().to_string(),
        Err(_) => Path::new("..").join(step).display().to_string(),
    };
    let known: Vec<String> = targets.steps.keys().map(|step| written(step)).collect();
    let help = match nearest(file, known.iter().map(String::as_str)) {
        Some(close) => format!("did you mean `{close}`?"),
        None => "expected a file of the pack, relative to this one".into(),
    };
    Err(("dead-link", format!("there is no file `{file}`"), help))
}
