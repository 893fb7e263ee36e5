//! Prose as a tree: what is left of Markdown once it is parsed.

/// A piece of prose.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Document {
    /// Its blocks, in order.
    pub blocks: Vec<Block>,
}

/// A block of prose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Block {
    /// A heading of level 1 to 6.
    Heading(u8, Vec<Inline>),
    /// A paragraph.
    Paragraph(Vec<Inline>),
    /// A list; `Some(n)` numbers its items from n.
    List(Option<u64>, Vec<Vec<Block>>),
    /// A code block: its language (empty if none) and its text.
    Code(String, String),
    /// A quotation.
    Quote(Vec<Block>),
    /// A table: alignments, head, rows.
    Table(Vec<Align>, Vec<Vec<Inline>>, Vec<Vec<Vec<Inline>>>),
    /// A thematic break.
    Rule,
    /// `<!-- pause -->`: a projector stops here.
    Pause,
}

/// Text within a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inline {
    /// Plain text.
    Text(String),
    /// Code.
    Code(String),
    /// `**strong**`.
    Strong(Vec<Inline>),
    /// `*emphasis*`.
    Emphasis(Vec<Inline>),
    /// `~~struck~~`: text that no longer holds.
    Struck(Vec<Inline>),
    /// A link: its text and its target.
    Link(Vec<Inline>, String),
    /// A line break that the author asked for.
    Break,
}

/// How a table's column is aligned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// To the left; also where the author said nothing.
    Left,
    /// Centred.
    Center,
    /// To the right.
    Right,
}
