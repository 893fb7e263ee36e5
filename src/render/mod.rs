//! Block × width → lines of text with semantic roles. Pure.
//!
//! The terminal, plain text and (later) handouts map roles to their own look;
//! nothing in here knows a colour. Widths are measured in terminal cells by
//! whole grapheme clusters. Nothing is ever cut in silence: what is wider than
//! its place is wrapped.

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
