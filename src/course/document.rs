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

impl Document {
    /// The plain text, one piece a paragraph, a line of code or a table's row.
    pub fn texts(&self) -> Vec<String> {
        let mut texts = Vec::new();
        gather(&self.blocks, &mut texts);
        texts.retain(|text| !text.trim().is_empty());
        texts
    }
}

fn gather(blocks: &[Block], texts: &mut Vec<String>) {
    for block in blocks {
        match block {
            Block::Heading(_, text) | Block::Paragraph(text) => texts.push(plain(text)),
            Block::List(_, items) => items.iter().for_each(|item| gather(item, texts)),
            Block::Code(_, code) => texts.extend(code.lines().map(String::from)),
            Block::Quote(inner) => gather(inner, texts),
            Block::Table(_, head, rows) => {
                for row in std::iter::once(head).chain(rows) {
                    let cells: Vec<String> = row.iter().map(|cell| plain(cell)).collect();
                    texts.push(cells.join("  "));
                }
            }
            Block::Rule | Block::Pause => {}
        }
    }
}

/// The text without its marks, in one line.
pub(super) fn plain(text: &[Inline]) -> String {
    text.iter()
        .map(|inline| match inline {
            Inline::Text(text) | Inline::Code(text) => text.replace('\n', " "),
            Inline::Strong(inner)
            | Inline::Emphasis(inner)
            | Inline::Struck(inner)
            | Inline::Link(inner, _) => plain(inner),
            Inline::Break => " ".to_string(),
        })
        .collect()
}
