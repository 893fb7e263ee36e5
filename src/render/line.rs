//! Lines: text with roles, measured in the cells of a terminal.

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

/// What a piece of text means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Role {
    /// Ordinary text.
    #[default]
    Body,
    /// A heading.
    Heading,
    /// Strong emphasis.
    Strong,
    /// Emphasis.
    Emphasis,
    /// Inline code, and code without a language.
    Code,
    /// A keyword in highlighted code.
    Keyword,
    /// A string or a number in highlighted code.
    Literal,
    /// A comment in highlighted code.
    Comment,
    /// A function or command in highlighted code.
    Function,
    /// A link's text.
    Link,
    /// Less important text: sources, borders, captions.
    Dim,
    /// A label in a table or a key.
    Label,
    /// A value that was observed.
    Observed,
    /// A value that differs between inside and outside, or from before.
    Changed,
    /// A claim that holds, a right answer. Always beside a sign or a word.
    Good,
    /// A claim that fails, a wrong answer. Always beside a sign or a word.
    Bad,
    /// Unavailable, skipped, a warning. Always beside a sign or a word.
    Warn,
}

/// Text of one role.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Span {
    /// The text: no newline, no control character.
    pub text: String,
    /// What it means.
    pub role: Role,
}

/// One line on the screen.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Line {
    /// From left to right.
    pub spans: Vec<Span>,
}

impl Span {
    /// Text with a role.
    pub fn new(text: impl Into<String>, role: Role) -> Span {
        Span {
            text: text.into(),
            role,
        }
    }
}

impl Line {
    /// A line of one span.
    pub fn of(text: impl Into<String>, role: Role) -> Line {
        Line {
            spans: vec![Span::new(text, role)],
        }
    }

    /// How many cells it takes.
    pub fn width(&self) -> usize {
        self.spans.iter().map(|span| width(&span.text)).sum()
    }

    /// Its text without roles.
    pub fn text(&self) -> String {
        self.spans.iter().map(|span| span.text.as_str()).collect()
    }

    /// The line after `prefix`.
    pub fn prefixed(mut self, prefix: Span) -> Line {
        if !prefix.text.is_empty() {
            self.spans.insert(0, prefix);
        }
        self
    }
}

/// Lines as plain text: no escapes, no spaces at the ends, each with a newline.
pub fn plain(lines: &[Line]) -> String {
    lines.iter().fold(String::new(), |mut out, line| {
        out.push_str(line.text().trim_end());
        out.push('\n');
        out
    })
}

/// How many cells a text takes in the terminal.
pub(crate) fn width(text: &str) -> usize {
    text.graphemes(true).map(cells).sum()
}

/// How many cells one grapheme cluster takes.
pub(super) fn cells(cluster: &str) -> usize {
    UnicodeWidthStr::width(cluster)
}
