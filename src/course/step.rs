//! One step's file: front matter, prose, and the blocks of data in it.

use super::blocks::Blocks;
use super::facts::filled;
use super::markdown::{self, Fence, FenceKind};
use super::meta::StepMeta;
use super::model::Step;
use super::schema::Part;
use super::source::Sink;
use super::tree::{self, Trust};
use super::{answers, prose, shape};
use std::{ops::Range, path::PathBuf};

/// A step as far as it could be read, and what the rest of the pack needs to
/// know of it.
pub(super) struct Read {
    pub(super) step: Option<Step>,
    /// The id, even of a step that has other mistakes, and where it is written.
    pub(super) id: Option<(String, Range<usize>)>,
    /// Where `<!-- result -->` is.
    pub(super) mark: Option<Range<usize>>,
    pub(super) links: Vec<(String, Range<usize>)>,
    pub(super) anchors: Vec<String>,
}

/// Reads a step and tells what is wrong with it alone.
pub(super) fn read(
    sink: &mut Sink<'_>,
    number: u32,
    file: PathBuf,
    recorded: Option<(PathBuf, String)>,
) -> Read {
    let (front, from) = front_matter(sink);
    let (id, meta) = front.map_or((None, None), |front| step_meta(sink, front));
    let parts = markdown::parse(sink, from);
    prose::widths(sink, &parts);
    let is_demo = |fence: &Fence| fence.kind == FenceKind::Demo;
    let has_demo = parts.fences.iter().any(is_demo);
    if let Some(mark) = &parts.mark {
        answers::mark(sink, mark.clone(), has_demo, &parts.result);
    }
    let blocks = Blocks::of(sink, parts.fences, recorded);
    let step = meta.map(|meta| Step {
        file,
        number,
        meta,
        prose: parts.prose,
        result: parts.result,
        by_hand: parts.by_hand,
        in_docker: parts.in_docker,
        notes: parts.notes,
        blocks,
    });
    Read {
        step,
        id,
        mark: parts.mark,
        links: parts.links,
        anchors: parts.anchors,
    }
}

type Meta = (Option<(String, Range<usize>)>, Option<StepMeta>);

fn step_meta(sink: &mut Sink<'_>, front: Range<usize>) -> Meta {
    let opening = front.start.saturating_sub(4)..front.start.saturating_sub(1);
    let (node, trust) = tree::parse(sink, front, opening);
    shape::check(sink, Part::FrontMatter, &node, trust);
    filled(sink, &node, "title");
    let id = node
        .text_of("id")
        .filter(|id| shape::step_id(id).is_ok())
        .map(|id| (id.to_string(), node.at(&["id"])));
    let meta = node.read().filter(|_| trust == Trust::Whole);
    (id, meta)
}

/// Splits off the front matter: where its TOML is, and where the prose begins.
fn front_matter(sink: &mut Sink<'_>) -> (Option<Range<usize>>, usize) {
    let text = sink.source().text.as_str();
    let begin = if text.starts_with('\u{feff}') { 3 } else { 0 };
    let mut at = begin;
    let mut lines = text[begin..].split_inclusive('\n');
    let first = lines.next().unwrap_or("");
    if first.trim_end() != "+++" {
        let help = match first.trim_end() {
            "---" => "front matter is TOML here: put it between two lines `+++`",
            _ => "begin the file with a line `+++`, then id and title, then another line `+++`",
        };
        let length = first.trim_end().len();
        sink.error(
            "missing-front-matter",
            begin..begin + length,
            "the file has no front matter",
            help,
        );
        return (None, begin);
    }
    at += first.len();
    let start = at;
    for line in lines {
        if line.trim_end() == "+++" {
            return (Some(start..at), at + line.len());
        }
        at += line.len();
    }
    sink.error(
        "unclosed-front-matter",
        begin..begin + 3,
        "the front matter has no end",
        "put a line `+++` after it",
    );
    (None, text.len())
}
