//! CommonMark → [`Document`]s: prose, its two tabs, notes, and the fenced
//! blocks that hold data. Stray marks are told; no text is dropped in silence.

use super::document::{Align, Block, Document, Inline};
use super::source::Sink;
use crate::base::nearest;
use pulldown_cmark::{Alignment, CodeBlockKind, Event, HeadingLevel, Options, Parser, Tag, TagEnd};
use std::ops::Range;

/// What a step's Markdown falls into.
#[derive(Default)]
pub(super) struct Parts {
    pub(super) prose: Document,
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

/// Words after a code fence that mean a language.
const LANGUAGES: [&str; 22] = [
    "text",
    "sh",
    "bash",
    "console",
    "c",
    "rust",
    "go",
    "python",
    "json",
    "toml",
    "yaml",
    "diff",
    "ini",
    "make",
    "http",
    "dockerfile",
    "xml",
    "html",
    "javascript",
    "markdown",
    "asm",
    "sql",
];

/// How deep quotes, lists and emphasis may be nested.
const DEEPEST: usize = 16;

/// The headings of the tabs.
const TABS: [&str; 2] = ["By hand", "In Docker"];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Section {
    Prose,
    ByHand,
    InDocker,
}

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
    section: Section,
    seen: Vec<&'static str>,
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
        stack: vec![Open::Blocks(Vec::new())],
        targets: Vec::new(),
        table: Default::default(),
        code: None,
        html: None,
    };
    for (event, range) in Parser::new_ext(text, Options::ENABLE_TABLES).into_offset_iter() {
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
            // Extensions that are not switched on.
            Event::InlineMath(text) | Event::DisplayMath(text) | Event::FootnoteReference(text) => {
                self.inline(Inline::Text(text.into_string()));
            }
            Event::TaskListMarker(_) => {}
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
            Tag::BlockQuote(_) | Tag::Item => self.stack.push(Open::Blocks(Vec::new())),
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
            TagEnd::Item | TagEnd::List(_) | TagEnd::BlockQuote(_) => self.close_loose(),
            TagEnd::Table => {
                let (align, head, rows) = std::mem::take(&mut self.table);
                let table = Block::Table(align, head, rows);
                self.parts.tables.push((table.clone(), range));
                return self.block(table);
            }
            TagEnd::TableHead | TagEnd::TableRow => return,
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
            (TagEnd::Heading(level), Some(Open::Inlines(text))) => self.heading(level, text, range),
            (TagEnd::TableCell, Some(Open::Inlines(text))) => match self.table.2.last_mut() {
                Some(row) => row.push(text),
                None => self.table.1.push(text),
            },
            (TagEnd::Strong, Some(Open::Inlines(text))) => self.inline(Inline::Strong(text)),
            (TagEnd::Emphasis, Some(Open::Inlines(text))) => self.inline(Inline::Emphasis(text)),
            (TagEnd::Link | TagEnd::Image, Some(Open::Inlines(text))) => {
                let target = self.targets.pop().unwrap_or_default();
                self.inline(Inline::Link(text, target));
            }
            (_, Some(Open::Inlines(text) | Open::Loose(text))) => {
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
        self.parts.anchors.push(anchor(&words));
        if self.stack.len() == 1 && level <= HeadingLevel::H2 {
            self.section = Section::Prose;
            let close = nearest(&words.to_lowercase(), ["by hand", "in docker"]);
            let tab = TABS
                .iter()
                .find(|tab| close == Some(tab.to_lowercase().as_str()));
            match tab {
                Some(tab) if *tab == words && level == HeadingLevel::H2 => {
                    if self.seen.contains(tab) {
                        self.sink.error(
                            "duplicate-section",
                            range,
                            format!("there are two sections `## {tab}`"),
                            "put both into one",
                        );
                    }
                    self.seen.push(tab);
                    self.section = match *tab == TABS[0] {
                        true => Section::ByHand,
                        false => Section::InDocker,
                    };
                    return;
                }
                Some(tab) => self.sink.error(
                    "section-name",
                    range,
                    format!("`{words}` is almost the name of a tab"),
                    format!("write `## {tab}`"),
                ),
                None => {}
            }
        }
        self.block(Block::Heading(level as u8, text));
    }

    fn code_block(&mut self) {
        let Some(code) = self.code.take() else { return };
        let source = self.sink.source();
        let whole = source.text.get(code.whole.clone()).unwrap_or("");
        let first = whole.lines().next().unwrap_or("");
        let opening = code.whole.start..code.whole.start + first.len();
        let body = code.body.unwrap_or(opening.end + 1..opening.end + 1);
        let word = code.info.split([' ', '\t', ',', '{']).next().unwrap_or("");
        if code.fenced && !closed(whole) {
            self.sink.error(
                "unclosed-fence",
                opening.clone(),
                "this fenced block has no end",
                "close it with a line of the same marks",
            );
        }
        let kind = match word {
            "demo" => Some(FenceKind::Demo),
            "quiz" => Some(FenceKind::Quiz),
            _ => None,
        };
        if let Some(kind) = kind {
            if self.stack.len() > 1 {
                self.sink.error(
                    "nested-block",
                    opening,
                    format!("the block `{word}` stands inside a list or a quote"),
                    "move it to the left margin",
                );
                return;
            }
            self.parts.fences.push(Fence {
                kind,
                opening,
                body,
            });
            return;
        }
        if !word.is_empty() && !LANGUAGES.contains(&word) {
            self.unknown_info(word, &opening);
        }
        self.parts.code.push((word.into(), body));
        let text = code.text.strip_suffix('\n').unwrap_or(&code.text);
        self.block(Block::Code(word.into(), text.into()));
    }

    fn unknown_info(&mut self, word: &str, opening: &Range<usize>) {
        let source = self.sink.source();
        let line = source.text.get(opening.clone()).unwrap_or("");
        let start = opening.start + line.find(word).unwrap_or(0);
        let at = start..start + word.len();
        match (nearest(word, ["demo", "quiz"]), nearest(word, LANGUAGES)) {
            (Some(close), _) => self.sink.error(
                "unknown-block",
                at,
                format!("there is no fenced block `{word}`"),
                format!("did you mean `{close}`?"),
            ),
            (None, Some(close)) => self.sink.warning(
                "unknown-language",
                at,
                format!("the language `{word}` is not known"),
                format!("did you mean `{close}`?"),
            ),
            (None, None) => self.sink.warning(
                "unknown-language",
                at,
                format!("the language `{word}` is not known"),
                "`demo` and `quiz` hold data; `sh`, `console`, `c`, `text` and the like are code",
            ),
        }
    }

    /// Comments mean something; other HTML is shown as it stands.
    fn html_text(&mut self, html: &str, range: Range<usize>) {
        let mut rest = html;
        while !rest.trim().is_empty() {
            let skipped = html.len() - rest.len();
            let at = range.start + skipped;
            let Some(comment) = rest.trim_start().strip_prefix("<!--") else {
                let end = rest.find("<!--").unwrap_or(rest.len());
                self.raw_html(&rest[..end], at);
                rest = &rest[end..];
                continue;
            };
            let start = at + (rest.len() - rest.trim_start().len());
            let closed = comment.split_once("-->");
            let Some((body, after)) = closed.filter(|(body, _)| !body.contains("<!--")) else {
                self.sink.error(
                    "unclosed-comment",
                    start..start + 4,
                    "this comment has no end",
                    "close it with `-->`",
                );
                return;
            };
            self.comment(body, start..start + body.len() + 7);
            rest = after;
        }
    }

    fn comment(&mut self, body: &str, at: Range<usize>) {
        let body = body.trim();
        let word = body.split([':', ' ', '\n']).next().unwrap_or("");
        if let Some(note) = body.strip_prefix("note:") {
            let lines: Vec<&str> = note.trim().lines().map(str::trim).collect();
            self.parts.notes.push(lines.join("\n"));
        } else if body == "pause" {
            self.close_loose();
            if matches!(self.stack.last(), Some(Open::Blocks(_))) {
                self.block(Block::Pause);
            } else {
                self.sink.error(
                    "inline-pause",
                    at,
                    "a pause can't stand within a line",
                    "give `<!-- pause -->` a line of its own, with empty lines around it",
                );
            }
        } else if let Some(close) = nearest(word, ["note", "pause"])
            && (body == word || body[word.len()..].starts_with(':') || word == close)
        {
            let help = match close {
                "note" => "write `<!-- note: … -->`",
                _ => "write `<!-- pause -->`",
            };
            self.sink.error(
                "unknown-comment",
                at,
                format!("the comment `{word}` means nothing"),
                help,
            );
        }
    }

    fn raw_html(&mut self, text: &str, at: usize) {
        let text = text.trim_end();
        let lower = text.to_ascii_lowercase();
        if ["<br>", "<br/>", "<br />"].contains(&lower.as_str()) {
            return self.inline(Inline::Break);
        }
        self.sink.warning(
            "raw-html",
            at..at + text.len(),
            "HTML is shown as it is written",
            "use Markdown; put `<word>` between backticks if it is meant literally",
        );
        self.inline(Inline::Text(text.into()));
        if self.html.is_none() && self.stack.len() == 1 {
            self.close_loose();
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
                Section::ByHand => &mut self.parts.by_hand,
                Section::InDocker => &mut self.parts.in_docker,
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

/// Whether a fenced block's last line closes it.
fn closed(whole: &str) -> bool {
    let fence = |line: &str| {
        let line = line.trim_start_matches([' ', '>', '\t']);
        let mark = line.chars().next().filter(|c| matches!(c, '`' | '~'))?;
        Some((mark, line.chars().take_while(|c| *c == mark).count()))
    };
    let mut lines = whole.trim_end().lines();
    let opening = lines.next().and_then(fence);
    let closing = lines.next_back().and_then(fence);
    match (opening, closing) {
        (Some((a, n)), Some((b, m))) => a == b && m >= n,
        // A fence that begins with a list's mark can't be told from its first line.
        (None, closing) => closing.is_some(),
        (Some(_), None) => false,
    }
}

/// The text without its marks.
pub(super) fn plain(text: &[Inline]) -> String {
    text.iter()
        .map(|inline| match inline {
            Inline::Text(text) | Inline::Code(text) => text.clone(),
            Inline::Strong(text) | Inline::Emphasis(text) | Inline::Link(text, _) => plain(text),
            Inline::Break => " ".into(),
        })
        .collect()
}

/// A heading's anchor, as code hosting sites make it.
fn anchor(heading: &str) -> String {
    heading
        .to_lowercase()
        .chars()
        .filter_map(|c| match c {
            ' ' => Some('-'),
            '-' | '_' => Some(c),
            c => c.is_alphanumeric().then_some(c),
        })
        .collect()
}
