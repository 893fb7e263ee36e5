//! Prose: a document's blocks as wrapped lines.

use super::code;
use super::line::{Line, Role, Span};
use super::table::Table;
use super::text::wrap;
use crate::course::{Block, Document, Inline};

/// The narrowest place in which nested blocks are still indented.
const NARROWEST: usize = 12;

/// A document's lines, none wider than `width`.
pub fn document(document: &Document, width: usize) -> Vec<Line> {
    blocks(&document.blocks, width, true)
}

fn blocks(blocks: &[Block], width: usize, airy: bool) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    for part in blocks {
        let part = block(part, width);
        if airy && !lines.is_empty() && !part.is_empty() {
            lines.push(Line::default());
        }
        lines.extend(part);
    }
    lines
}

fn block(block: &Block, width: usize) -> Vec<Line> {
    match block {
        Block::Heading(level, text) => heading(*level, text, width),
        Block::Paragraph(text) => wrap(&inlines(text, Role::Body), width),
        Block::List(first, items) => list(*first, items, width),
        Block::Code(language, text) => boxed(code::highlight(language, text), width),
        Block::Quote(inner) => {
            let Some(room) = room(width, 2) else {
                return blocks(inner, width, true);
            };
            let bar = Span::new("▎ ", Role::Dim);
            blocks(inner, room, true)
                .into_iter()
                .map(|line| line.prefixed(bar.clone()))
                .collect()
        }
        Block::Table(aligns, head, rows) => Table {
            aligns: aligns.clone(),
            head: head
                .iter()
                .map(|cell| inlines(cell, Role::Label).into())
                .collect(),
            rows: rows
                .iter()
                .map(|row| {
                    row.iter()
                        .map(|cell| inlines(cell, Role::Body).into())
                        .collect()
                })
                .collect(),
            ruled: true,
        }
        .lines(width),
        Block::Rule => vec![Line::of("─".repeat(width), Role::Dim)],
        // A pause is for the projector; a reader goes on.
        Block::Pause => Vec::new(),
    }
}

/// A heading; the first two levels are underlined, which shows without colour.
fn heading(level: u8, text: &[Inline], width: usize) -> Vec<Line> {
    let mut lines = wrap(&inlines(text, Role::Heading), width);
    if level <= 2 {
        let longest = lines.iter().map(Line::width).max().unwrap_or(0);
        let sign = if level == 1 { "═" } else { "─" };
        lines.push(Line::of(sign.repeat(longest), Role::Dim));
    }
    lines
}

fn list(first: Option<u64>, items: &[Vec<Block>], width: usize) -> Vec<Line> {
    // A list whose items are single paragraphs is set tight.
    let airy = items.iter().any(|item| {
        item.iter()
            .filter(|block| !matches!(block, Block::List(..)))
            .count()
            > 1
    });
    let last = first.map(|n| n.saturating_add(items.len().saturating_sub(1) as u64));
    let indent = last.map_or(2, |n| n.to_string().len() + 2);
    let mut lines = Vec::new();
    for (index, item) in items.iter().enumerate() {
        if airy && index > 0 {
            lines.push(Line::default());
        }
        let sign = match first {
            Some(n) => format!("{}. ", n.saturating_add(index as u64)),
            None => "• ".to_string(),
        };
        let Some(room) = room(width, indent) else {
            lines.extend(wrap(&[Span::new(sign, Role::Dim)], width));
            lines.extend(blocks(item, width, airy));
            continue;
        };
        let mut inner = blocks(item, room, airy);
        if inner.is_empty() {
            inner.push(Line::default());
        }
        for (y, line) in inner.into_iter().enumerate() {
            let prefix = match y {
                0 => format!("{sign:>indent$}"),
                _ => " ".repeat(indent),
            };
            lines.push(line.prefixed(Span::new(prefix, Role::Dim)));
        }
    }
    lines
}

/// The room inside an indent; `None` where too little would be left to read,
/// and the blocks are set without it.
fn room(width: usize, indent: usize) -> Option<usize> {
    let room = width.saturating_sub(indent);
    (room >= NARROWEST).then_some(room)
}

/// Code behind a bar, so that it is told from prose without colour.
fn boxed(code: Vec<Vec<Span>>, width: usize) -> Vec<Line> {
    code.iter()
        .flat_map(|line| super::text::wrap_code(line, width.saturating_sub(2)))
        .map(|line| line.prefixed(Span::new("│ ", Role::Dim)))
        .collect()
}

/// Inline text as spans; `role` is what plain text gets.
pub(super) fn inlines(text: &[Inline], role: Role) -> Vec<Span> {
    let mut spans = Vec::new();
    for inline in text {
        match inline {
            // Markdown's own line ends mean a space.
            Inline::Text(text) => spans.push(Span::new(text.replace('\n', " "), role)),
            Inline::Code(code) => spans.push(Span::new(code.replace('\n', " "), Role::Code)),
            Inline::Strong(inner) => spans.extend(inlines(inner, Role::Strong)),
            Inline::Emphasis(inner) => spans.extend(inlines(inner, Role::Emphasis)),
            // With a sign, because many a terminal can't strike text through.
            Inline::Struck(inner) => {
                let sign = || Span::new("~", Role::Dim);
                spans.push(sign());
                spans.extend(inlines(inner, Role::Dim));
                spans.push(sign());
            }
            Inline::Link(inner, target) => {
                let shown = inlines(inner, Role::Link);
                let text: String = shown.iter().map(|span| span.text.as_str()).collect();
                spans.extend(shown);
                // Where to: a terminal can't be hovered over.
                if text != *target {
                    spans.push(Span::new(format!(" <{target}>"), Role::Dim));
                }
            }
            Inline::Break => spans.push(Span::new("\n", role)),
        }
    }
    spans
}
