//! CommonMark → [`Document`]s: prose, its two tabs, notes, and the fenced
//! blocks that hold data. Stray marks are told; no text is dropped in silence.
//!
//! The parser's events are folded over a stack of what is open. Its depth is
//! bounded, so that no document that comes out of here is too deep for those
//! who walk it. What the fenced data mean is not known here.

mod comments;
mod fences;
mod footnotes;
mod headings;

use super::document::{Align, Block, Document, Inline, plain};
use super::source::Sink;
use footnotes::Footnotes;
use headings::{Anchors, Section, Tab};
use pulldown_cmark::{
    Alignment, BlockQuoteKind, CodeBlockKind, Event, HeadingLevel, Options, Parser, Tag, TagEnd,
};
use std::ops::Range;

/// What a step's Markdown falls into.
#[derive(Default)]
pub(super) struct Parts {
    /// What stands before `<!-- result -->`: all of it without that mark.
    pub(super) prose: Document,
    /// What stands after it.
    pub(super) result: Document,
    /// Where the mark is.
    pub(super) mark: Option<Range<usize>>,
    pub(super) by_hand: Document,
    pub(super) in_docker: Document,
    pub(super) notes: Vec<String>,
    /// The blocks `demo` and `quiz`.
    pub(super) fences: Vec<Fence>,
    /// Every link's target and where it is written.
    pub(super) links: Vec<(String, Range<usize>)>,
    /// What `#…` can point to, as code hosting sites name headings.
    pub(super) anchors: Vec<String>,
    /// Every code block with the place of its text.
    pub(super) code: Vec<(String, Range<usize>)>,
    /// Every table with its place.
    pub(super) tables: Vec<(Block, Range<usize>)>,
}

/// A fenced block of data.
pub(super) struct Fence {
    pub(super) kind: FenceKind,
    /// The line that opens it.
    pub(super) opening: Range<usize>,
    /// The TOML.
    pub(super) body: Range<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FenceKind {
    Demo,
    Quiz,
}

/// How deep quotes, lists and emphasis may be nested.
const DEEPEST: usize = 16;

/// What of GitHub Flavored Markdown is read beside CommonMark: tables,
/// `~~struck~~`, `- [ ] tasks`, `[^footnotes]` and `> [!NOTE]` alerts.
const EXTENSIONS: Options = Options::ENABLE_TABLES
    .union(Options::ENABLE_STRIKETHROUGH)
    .union(Options::ENABLE_TASKLISTS)
    .union(Options::ENABLE_FOOTNOTES)
    .union(Options::ENABLE_GFM);

/// What has been opened and not yet closed.
enum Open {
    /// A quote, an item of a list, or the document.
    Blocks(Vec<Block>),
    /// A list.
    Items(Option<u64>, Vec<Vec<Block>>),
    /// Text that ends with a tag of its own.
    Inlines(Vec<Inline>),
    /// Text in a tight list's item, which has no paragraph of its own.
    Loose(Vec<Inline>),
}

struct Builder<'s, 'a> {
    sink: &'s mut Sink<'a>,
    parts: Parts,
    /// The part that the text belongs to.
    section: Section,
    seen: Vec<Tab>,
    anchors: Anchors,
    footnotes: Footnotes,
    stack: Vec<Open>,
    /// The targets of the links that are open.
    targets: Vec<String>,
    table: Table,
    code: Option<CodeBlock>,
    html: Option<(String, Range<usize>)>,
}

/// Alignments, head and rows of the table that is being read.
type Table = (Vec<Align>, Row, Vec<Row>);
type Row = Vec<Vec<Inline>>;

struct CodeBlock {
    info: String,
    fenced: bool,
    text: String,
    whole: Range<usize>,
    body: Option<Range<usize>>,
}

/// Reads the Markdown that starts at `from` in the sink's source.
pub(super) fn parse(sink: &mut Sink<'_>, from: usize) -> Parts {
    let source = sink.source();
    let text = source.text.get(from..).unwrap_or("");
    let mut builder = Builder {
        sink,
        parts: Parts::default(),
        section: Section::Prose,
        seen: Vec::new(),
        anchors: Anchors::default(),
        footnotes: Footnotes::default(),
        stack: vec![Open::Blocks(Vec::new())],
        targets: Vec::new(),
        table: Default::default(),
        code: None,
        html: None,
    };
    for (event, range) in Parser::new_ext(text, EXTENSIONS).into_offset_iter() {
        let range = range.start + from..range.end + from;
        if builder.stack.len() > DEEPEST {
            builder.sink.error(
                "too-deep",
                range,
                format!("this is nested more than {DEEPEST} levels deep"),
                "use fewer quotes and lists within each other",
            );
            break;
        }
        builder.event(event, range);
    }
    builder.finish();
    builder.parts
}

impl Builder<'_, '_> {
    fn event(&mut self, event: Event<'_>, range: Range<usize>) {
        match event {
            Event::Start(tag) => self.start(tag, range),
            Event::End(tag) => self.end(tag, range),
            Event::Text(text) => match &mut self.code {
                Some(code) => {
                    code.text.push_str(&text);
                    let start = code.body.as_ref().map_or(range.start, |body| body.start);
                    code.body = Some(start..range.end);
                }
                None => self.inline(Inline::Text(text.into_string())),
            },
            Event::Code(code) => self.inline(Inline::Code(code.into_string())),
            Event::SoftBreak => self.inline(Inline::Text(" ".into())),
            Event::HardBreak => self.inline(Inline::Break),
            Event::Rule => self.block(Block::Rule),
            Event::Html(text) => match &mut self.html {
                Some((html, _)) => html.push_str(&text),
                None => self.html_text(&text, range),
            },
            Event::InlineHtml(text) => self.html_text(&text, range),
            Event::FootnoteReference(label) => {
                let sign = self.footnotes.refer(&label, self.section);
                self.inline(Inline::Text(sign));
            }
            Event::TaskListMarker(done) => {
                let sign = if done { "[x] " } else { "[ ] " };
                self.inline(Inline::Text(sign.into()));
            }
            // Extensions that are not switched on.
            Event::InlineMath(text) | Event::DisplayMath(text) => {
                self.inline(Inline::Text(text.into_string()));
            }
        }
    }

    /// What can be told only when all has been read.
    fn finish(&mut self) {
        let footnotes = std::mem::take(&mut self.footnotes);
        for (label, range) in footnotes.unused() {
            self.sink.warning(
                "unused-footnote",
                range,
                format!("nothing refers to the footnote `{label}`: it is not shown"),
                format!("write `[^{label}]` where it belongs"),
            );
        }
        // Below what refers to them, whichever tab that is.
        for (section, text) in footnotes.into_blocks() {
            self.section = section;
            text.into_iter().for_each(|block| self.block(block));
        }
    }

    fn start(&mut self, tag: Tag<'_>, range: Range<usize>) {
        match tag {
            Tag::Paragraph
            | Tag::Heading { .. }
            | Tag::CodeBlock(_)
            | Tag::BlockQuote(_)
            | Tag::List(_)
            | Tag::Table(_)
            | Tag::FootnoteDefinition(_)
            | Tag::HtmlBlock => self.close_loose(),
            _ => {}
        }
        match tag {
            Tag::CodeBlock(kind) => {
                let (info, fenced) = match kind {
                    CodeBlockKind::Fenced(info) => (info.into_string(), true),
                    CodeBlockKind::Indented => (String::new(), false),
                };
                self.code = Some(CodeBlock {
                    info,
                    fenced,
                    text: String::new(),
                    whole: range,
                    body: None,
                });
            }
            Tag::HtmlBlock => self.html = Some((String::new(), range)),
            Tag::List(first) => self.stack.push(Open::Items(first, Vec::new())),
            Tag::BlockQuote(kind) => {
                let title = kind.map(|kind| Block::Paragraph(alert(kind)));
                self.stack.push(Open::Blocks(title.into_iter().collect()));
            }
            Tag::Item => self.stack.push(Open::Blocks(Vec::new())),
            Tag::FootnoteDefinition(label) => {
                self.footnotes.define(&label, range);
                self.stack.push(Open::Blocks(Vec::new()));
            }
            Tag::Table(alignments) => {
                self.table = Default::default();
                self.table.0 = alignments
                    .into_iter()
                    .map(|alignment| match alignment {
                        Alignment::None | Alignment::Left => Align::Left,
                        Alignment::Center => Align::Center,
                        Alignment::Right => Align::Right,
                    })
                    .collect();
            }
            Tag::TableRow => self.table.2.push(Vec::new()),
            Tag::TableHead => {}
            Tag::Link { ref dest_url, .. } | Tag::Image { ref dest_url, .. } => {
                let at = self.target_span(dest_url, range);
                self.parts.links.push((dest_url.to_string(), at));
                self.targets.push(dest_url.to_string());
                self.stack.push(Open::Inlines(Vec::new()));
            }
            _ => self.stack.push(Open::Inlines(Vec::new())),
        }
    }

    fn end(&mut self, tag: TagEnd, range: Range<usize>) {
        match tag {
            TagEnd::CodeBlock => return self.code_block(),
            TagEnd::HtmlBlock => {
                if let Some((html, range)) = self.html.take() {
                    self.html_text(&html, range);
                }
                return;
            }
            TagEnd::Item | TagEnd::List(_) | TagEnd::BlockQuote(_) | TagEnd::FootnoteDefinition => {
                self.close_loose()
            }
            TagEnd::Table => {
                let (align, head, rows) = std::mem::take(&mut self.table);
                let table = Block::Table(align, head, rows);
                self.parts.tables.push((table.clone(), range));
                return self.block(table);
            }
            TagEnd::TableHead => return,
            TagEnd::TableRow => return self.extra_cells(range),
            _ => {}
        }
        match (tag, self.stack.pop()) {
            (TagEnd::Item, Some(Open::Blocks(blocks))) => {
                if let Some(Open::Items(_, items)) = self.stack.last_mut() {
                    items.push(blocks);
                }
            }
            (TagEnd::List(_), Some(Open::Items(first, items))) => {
                self.block(Block::List(first, items));
            }
            (TagEnd::BlockQuote(_), Some(Open::Blocks(blocks))) => self.block(Block::Quote(blocks)),
            (TagEnd::FootnoteDefinition, Some(Open::Blocks(blocks))) => {
                self.footnotes.text(blocks);
            }
            (TagEnd::Heading(level), Some(Open::Inlines(text))) => self.heading(level, text, range),
            (TagEnd::TableCell, Some(Open::Inlines(text))) => match self.table.2.last_mut() {
                Some(row) => row.push(text),
                None => self.table.1.push(text),
            },
            (TagEnd::Strong, Some(Open::Inlines(text))) => self.inline(Inline::Strong(text)),
            (TagEnd::Emphasis, Some(Open::Inlines(text))) => self.inline(Inline::Emphasis(text)),
            (TagEnd::Strikethrough, Some(Open::Inlines(text))) => self.inline(Inline::Struck(text)),
            (TagEnd::Link | TagEnd::Image, Some(Open::Inlines(text))) => {
                let target = self.targets.pop().unwrap_or_default();
                self.inline(Inline::Link(text, target));
            }
            (_, Some(Open::Inlines(text) | Open::Loose(text))) => {
                self.lost_footnotes(&text, range);
                if !text.is_empty() {
                    self.block(Block::Paragraph(text));
                }
            }
            (_, Some(Open::Blocks(_) | Open::Items(..)) | None) => {}
        }
    }

    /// A heading: of the prose, or of a tab.
    fn heading(&mut self, level: HeadingLevel, text: Vec<Inline>, range: Range<usize>) {
        let words = plain(&text);
        self.parts.anchors.push(self.anchors.of(&words));
        if self.stack.len() == 1 && level <= HeadingLevel::H2 {
            self.section = match self.parts.mark {
                Some(_) => Section::Result,
                None => Section::Prose,
            };
            if let Some(tab) = Tab::named(&words).filter(|_| level == HeadingLevel::H2) {
                if self.seen.contains(&tab) {
                    self.sink.error(
                        "duplicate-section",
                        range,
                        format!("there are two sections `## {}`", tab.title()),
                        "put both into one",
                    );
                }
                self.seen.push(tab);
                self.section = Section::Tab(tab);
                return;
            }
            if let Some(tab) = Tab::meant_by(&words) {
                self.sink.warning(
                    "section-name",
                    range,
                    format!("`{words}` is almost the name of a tab, and isn't one"),
                    format!("write `## {}`, if that is what you mean", tab.title()),
                );
            }
        }
        self.block(Block::Heading(level as u8, text));
    }

    /// Tells of references to footnotes that aren't there: the parser takes
    /// them for text.
    fn lost_footnotes(&mut self, text: &[Inline], range: Range<usize>) {
        for inline in text {
            let Inline::Text(words) = inline else {
                continue;
            };
            let marks = words.split("[^").skip(1);
            for label in marks.filter_map(|rest| Some(rest.split_once(']')?.0)) {
                if !label.is_empty() && !label.contains(char::is_whitespace) {
                    let at = self.target_span(&format!("[^{label}]"), range.clone());
                    self.sink.warning(
                        "lost-footnote",
                        at,
                        format!("there is no footnote `{label}`: the mark is shown as it is"),
                        format!("write a line `[^{label}]: …` with its text"),
                    );
                }
            }
        }
    }

    /// Tells of cells that a table has no column for: they would not be shown.
    fn extra_cells(&mut self, range: Range<usize>) {
        let columns = self.table.0.len();
        let line = self.sink.source().text.get(range.clone()).unwrap_or("");
        let cells = cells(line);
        if cells > columns {
            self.sink.warning(
                "extra-cell",
                range,
                format!("this row has {cells} cells and the table {columns} columns: what is beyond them is not shown"),
                "give the table another column, or write a `|` in a text as `\\|`",
            );
        }
    }

    fn inline(&mut self, inline: Inline) {
        let texts = match self.stack.last_mut() {
            Some(Open::Inlines(texts) | Open::Loose(texts)) => texts,
            Some(Open::Blocks(_) | Open::Items(..)) | None => {
                self.stack.push(Open::Loose(vec![inline]));
                return;
            }
        };
        match (texts.last_mut(), inline) {
            (Some(Inline::Text(before)), Inline::Text(text)) => before.push_str(&text),
            (_, inline) => texts.push(inline),
        }
    }

    fn block(&mut self, block: Block) {
        self.close_loose();
        if let [Open::Blocks(_)] = self.stack.as_slice() {
            let document = match self.section {
                Section::Prose => &mut self.parts.prose,
                Section::Result => &mut self.parts.result,
                Section::Tab(Tab::ByHand) => &mut self.parts.by_hand,
                Section::Tab(Tab::InDocker) => &mut self.parts.in_docker,
            };
            document.blocks.push(block);
        } else if let Some(Open::Blocks(blocks)) = self.stack.last_mut() {
            blocks.push(block);
        }
    }

    fn close_loose(&mut self) {
        if matches!(self.stack.last(), Some(Open::Loose(_)))
            && let Some(Open::Loose(text)) = self.stack.pop()
        {
            self.block(Block::Paragraph(text));
        }
    }

    /// Where a link's target is written: as narrow as it can be told.
    fn target_span(&self, target: &str, range: Range<usize>) -> Range<usize> {
        let text = self.sink.source().text.get(range.clone()).unwrap_or("");
        match text.rfind(target) {
            Some(at) if !target.is_empty() => range.start + at..range.start + at + target.len(),
            _ => range,
        }
    }
}

/// The title of an alert, as code hosting sites show it.
fn alert(kind: BlockQuoteKind) -> Vec<Inline> {
    let title = match kind {
        BlockQuoteKind::Note => "Note",
        BlockQuoteKind::Tip => "Tip",
        BlockQuoteKind::Important => "Important",
        BlockQuoteKind::Warning => "Warning",
        BlockQuoteKind::Caution => "Caution",
    };
    vec![Inline::Strong(vec![Inline::Text(title.into())])]
}

/// How many cells a table's row has as it is written. A pipe always ends one,
/// also within code, unless a backslash stands before it (GFM, *Tables*).
fn cells(row: &str) -> usize {
    let row = row.trim();
    let row = row.strip_prefix('|').unwrap_or(row);
    let mut bars = 0;
    let mut escaped = false;
    let mut ends = false;
    for c in row.chars() {
        ends = c == '|' && !escaped;
        bars += usize::from(ends);
        escaped = c == '\\' && !escaped;
    }
    bars + usize::from(!ends)
}
