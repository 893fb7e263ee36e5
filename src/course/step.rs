//! One step's file: front matter, prose, and the blocks of data in it.

use super::markdown::{self, FenceKind, Parts};
use super::source::Sink;
use super::{Demo, DemoSource, Quiz, Step, StepMeta};
use std::{ops::Range, path::PathBuf};

/// A step as far as it could be read, with what other files need to know of it.
pub(super) struct Read {
    pub(super) step: Option<Step>,
    pub(super) parts: Parts,
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

/// Reads a step.
pub(super) fn read(sink: &mut Sink<'_>, number: u32, file: PathBuf) -> Read {
    let (front, from) = front_matter(sink);
    let mut parts = markdown::parse(sink, from);
    let text = sink.source().text.clone();
    let meta = front.and_then(|span| toml_of::<StepMeta>(sink, &text, span));
    let mut demo = None;
    let mut quiz = None;
    for fence in &parts.fences {
        match fence.kind {
            FenceKind::Demo => {
                demo = demo_of(sink, fence.body.clone());
            }
            FenceKind::Quiz => quiz = toml_of::<Quiz>(sink, &text, fence.body.clone()),
        }
    }
    let step = meta.map(|meta| Step {
        file,
        number,
        meta,
        prose: std::mem::take(&mut parts.prose),
        by_hand: std::mem::take(&mut parts.by_hand),
        in_docker: std::mem::take(&mut parts.in_docker),
        notes: std::mem::take(&mut parts.notes),
        demo,
        quiz,
    });
    Read { step, parts }
}

/// Reads a demo.
pub(super) fn demo_of(sink: &mut Sink<'_>, span: Range<usize>) -> Option<Demo> {
    let text = sink.source().text.clone();
    let template = toml_of::<toml::Table>(sink, &text, span.clone())?;
    let source = toml_of::<DemoSource>(sink, &text, span)?;
    Some(Demo {
        predicts: source.predict.is_some(),
        knobs: source.knob,
        template,
    })
}

/// Reads TOML at `span`.
pub(super) fn toml_of<T: serde::de::DeserializeOwned>(
    sink: &mut Sink<'_>,
    text: &str,
    span: Range<usize>,
) -> Option<T> {
    match toml::from_str(&text[span.clone()]) {
        Ok(value) => Some(value),
        Err(error) => {
            let at = error.span().unwrap_or(0..0);
            sink.error(
                "toml",
                at.start + span.start..at.end + span.start,
                error.message(),
                "",
            );
            None
        }
    }
}
