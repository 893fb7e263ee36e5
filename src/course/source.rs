//! One file's text, and the mistakes found in it, each at its line and column.

use crate::base::{Diagnostic, Severity, Span};
use std::{ops::Range, path::PathBuf};
use unicode_segmentation::UnicodeSegmentation;

/// A file's text with an index of its lines.
#[derive(Clone)]
pub(super) struct Source {
    /// Relative to the pack.
    pub(super) file: PathBuf,
    /// All of it.
    pub(super) text: String,
    /// The byte at which each line starts.
    lines: Vec<usize>,
}

/// Beyond this many bytes nobody counts columns by eye, and clusters are slow.
const LONGEST_LINE: usize = 4096;

/// More mistakes of one severity in one file than anybody mends at once.
const MOST: usize = 1000;

impl Source {
    pub(super) fn new(file: PathBuf, text: String) -> Source {
        let lines = std::iter::once(0)
            .chain(text.match_indices('\n').map(|(at, _)| at + 1))
            .collect();
        Source { file, text, lines }
    }

    /// The 0-based line that a byte stands in.
    pub(super) fn line_of(&self, at: usize) -> usize {
        self.lines.partition_point(|start| *start <= at).max(1) - 1
    }

    /// 1-based line and column; the column counts grapheme clusters.
    fn position(&self, at: usize) -> (usize, usize) {
        let line = self.line_of(at);
        let before = self.text.get(self.lines[line]..at).unwrap_or("");
        let column = match before.len() <= LONGEST_LINE {
            true => before.graphemes(true).count(),
            false => before.chars().count(),
        };
        (line + 1, column + 1)
    }

    /// A span that is certain to lie in the text, on character boundaries.
    fn clamp(&self, span: Range<usize>) -> Range<usize> {
        let floor = |at: usize| {
            let mut at = at.min(self.text.len());
            while !self.text.is_char_boundary(at) {
                at -= 1;
            }
            at
        };
        let start = floor(span.start);
        start..floor(span.end).max(start)
    }
}

/// Where the mistakes of one file are gathered.
pub(super) struct Sink<'a> {
    source: &'a Source,
    found: Vec<Diagnostic>,
    /// What is being tried, when it isn't what is written: `with …`.
    context: Option<String>,
    /// How much there is to be judged.
    pub(super) scope: Scope,
}

/// How much of a pack is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// All of it, a demo with its knobs at each of their values.
    Everything,
    /// The course in the binary, all of which was judged when it was tested: its
    /// blocks are read when they are asked for, with the knobs at their start.
    Shipped,
}

impl<'a> Sink<'a> {
    pub(super) fn new(source: &'a Source) -> Sink<'a> {
        Sink {
            source,
            found: Vec::new(),
            context: None,
            scope: Scope::Everything,
        }
    }

    /// From now on only what is new is told, and that it is so in this context.
    pub(super) fn try_with(&mut self, context: Option<String>) {
        self.context = context;
    }

    /// How many mistakes there are so far.
    pub(super) fn len(&self) -> usize {
        self.found.len()
    }

    /// Whether one of those after the first `before` is an error.
    pub(super) fn failed_since(&self, before: usize) -> bool {
        self.found[before..]
            .iter()
            .any(|d| d.severity == Severity::Error)
    }

    pub(super) fn source(&self) -> &'a Source {
        self.source
    }

    /// What was found, in the order of the text.
    pub(super) fn into_found(mut self) -> Vec<Diagnostic> {
        self.found
            .sort_by_key(|d| d.span.map_or((0, 0), |span| (span.start, span.end)));
        self.found.dedup();
        self.found
    }

    /// The lesson can't be used like this.
    pub(super) fn error(
        &mut self,
        code: &'static str,
        span: Range<usize>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.add(Severity::Error, code, span, message.into(), help.into());
    }

    /// It works, and a reader will stumble.
    pub(super) fn warning(
        &mut self,
        code: &'static str,
        span: Range<usize>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.add(Severity::Warning, code, span, message.into(), help.into());
    }

    /// A mistake that was found elsewhere, on the way.
    pub(super) fn tell(&mut self, diagnostic: Diagnostic) {
        self.found.push(diagnostic);
    }

    fn add(
        &mut self,
        severity: Severity,
        code: &'static str,
        span: Range<usize>,
        message: String,
        help: String,
    ) {
        if self.found.iter().filter(|d| d.severity == severity).count() >= MOST {
            return;
        }
        let span = self.source.clamp(span);
        let (line, column) = self.source.position(span.start);
        let span = Span::new(span.start, span.end);
        let message = match &self.context {
            None => message,
            Some(_)
                if self
                    .found
                    .iter()
                    .any(|d| d.code == code && d.span == Some(span)) =>
            {
                return;
            }
            Some(context) => format!("{message}, {context}"),
        };
        self.found.push(Diagnostic {
            code,
            severity,
            file: self.source.file.clone(),
            span: Some(span),
            line,
            column,
            message,
            help: Some(help).filter(|help| !help.is_empty()),
        });
    }
}

/// A mistake of a file, or a folder, as a whole.
pub(super) fn whole_file(
    code: &'static str,
    file: impl Into<PathBuf>,
    message: impl Into<String>,
    help: impl Into<String>,
) -> Diagnostic {
    Diagnostic {
        code,
        severity: Severity::Error,
        file: file.into(),
        span: None,
        line: 1,
        column: 1,
        message: message.into(),
        help: Some(help.into()),
    }
}
