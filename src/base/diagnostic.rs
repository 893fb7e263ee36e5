//! One mistake in somebody's input: where it is, what was expected, what to write.

use serde::Serialize;
use std::path::PathBuf;

/// A half-open range of bytes in a source file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Span {
    /// The first byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl Span {
    /// The span from `start` up to `end`.
    pub fn new(start: usize, end: usize) -> Self {
        Span { start, end }
    }

    /// The same range, moved right by `by` bytes (a fenced block inside a file).
    pub fn shifted(self, by: usize) -> Self {
        Span::new(self.start + by, self.end + by)
    }
}

/// How bad it is. Both are shown; only an error makes `lint` fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// The lesson can't be used as it is.
    Error,
    /// It works, and a reader will stumble.
    Warning,
}

/// One mistake in a lesson's source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// A stable kebab-case name of the rule, such as `unknown-key`.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// The file, relative to the pack's directory.
    pub file: PathBuf,
    /// Where in the file; `None` when the file as a whole is at fault.
    pub span: Option<Span>,
    /// 1-based line of `span`'s start.
    pub line: usize,
    /// 1-based column of `span`'s start, in grapheme clusters.
    pub column: usize,
    /// What is wrong, in one sentence without a full stop.
    pub message: String,
    /// What was expected instead, or how to mend it.
    pub help: Option<String>,
}

/// Nobody mistypes a longer word; comparing costs its length squared.
const LONGEST_WORD: usize = 64;

/// The candidate closest to `word`, if one is close enough to be a slip of the pen.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let length = word.chars().count();
    if length > LONGEST_WORD {
        return None;
    }
    let limit = (length / 3).max(1) + 1;
    candidates
        .into_iter()
        .filter(|c| c.len() <= 4 * LONGEST_WORD)
        .map(|c| (strsim::damerau_levenshtein(word, c), c))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn nearest_is_a_slip_or_nothing() {
        assert_eq!(nearest("hostnme", ["hostname", "pid"]), Some("hostname"));
        assert_eq!(
            nearest("namepsaces", ["namespaces", "name"]),
            Some("namespaces")
        );
        assert_eq!(nearest("zebra", ["hostname", "pid"]), None);
    }
}
