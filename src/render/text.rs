//! Cells, clusters and lines: measuring, making visible, and wrapping.

use super::line::{Line, Role, Span, cells, width};
use unicode_segmentation::UnicodeSegmentation;

/// The text with everything invisible made visible: control characters as
/// their Unicode pictures, what reorders text or takes no cell as its code
/// point. Newlines are for the caller to split at before; one that is left is
/// shown too.
pub fn visible(text: &str) -> String {
    if text.bytes().all(|b| (0x20..0x7f).contains(&b)) {
        return text.to_string();
    }
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\t' => out.push_str("    "),
            '\u{0}'..='\u{1f}' => {
                // The pictures stand in the same order as the controls.
                out.extend(char::from_u32(0x2400 + c as u32));
            }
            '\u{7f}' => out.push('␡'),
            unseen if is_unseen(unseen) => out.push_str(&code_point(unseen)),
            other => out.push(other),
        }
    }
    // A mark without a base takes no cell: the terminal would hang it on
    // whatever stands to its left.
    if out.graphemes(true).any(|cluster| cells(cluster) == 0) {
        out = out
            .graphemes(true)
            .map(|cluster| match cells(cluster) {
                0 => cluster.chars().map(code_point).collect(),
                _ => cluster.to_string(),
            })
            .collect();
    }
    out
}

/// Whether a terminal would obey a character, let it move others, or show nothing
/// of it: controls, marks of direction, what takes no cell by itself.
pub fn is_unseen(c: char) -> bool {
    matches!(
        c,
        '\u{0}'..='\u{1f}'
            | '\u{7f}'..='\u{9f}'
            | '\u{ad}'
            | '\u{61c}'
            | '\u{200b}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}'
    )
}

fn code_point(c: char) -> String {
    format!("<U+{:04X}>", c as u32)
}

/// A grapheme cluster on its way to a line.
#[derive(Clone, Copy)]
struct Cell<'a> {
    text: &'a str,
    role: Role,
    width: usize,
}

/// Joins spans to one text, so that a cluster that spans two of them is whole.
fn joined(spans: &[Span]) -> (String, Vec<(usize, Role)>) {
    let mut text = String::new();
    let mut ends = Vec::new();
    for span in spans {
        text.push_str(&span.text);
        ends.push((text.len(), span.role));
    }
    // Only after joining is it known which marks have a base.
    let shown = visible(&text);
    if shown != text {
        // Rare: made visible span by span, each position is known again.
        text.clear();
        ends.clear();
        for span in spans {
            text.push_str(&visible(&span.text));
            ends.push((text.len(), span.role));
        }
    }
    (text, ends)
}

fn cells_of<'a>(text: &'a str, ends: &[(usize, Role)]) -> Vec<Cell<'a>> {
    let mut span = 0;
    text.grapheme_indices(true)
        .map(|(at, cluster)| {
            while span + 1 < ends.len() && at >= ends[span].0 {
                span += 1;
            }
            Cell {
                text: cluster,
                role: ends.get(span).map_or(Role::Body, |(_, role)| *role),
                width: cells(cluster),
            }
        })
        .collect()
}

fn line_of(cells: &[Cell]) -> Line {
    let mut line = Line::default();
    for cell in cells {
        match line.spans.last_mut() {
            Some(last) if last.role == cell.role => last.text.push_str(cell.text),
            _ => line.spans.push(Span::new(cell.text, cell.role)),
        }
    }
    line
}

/// Where words may be separated: at spaces, and beside wide characters, whose
/// scripts write no spaces.
fn words<'c, 'a>(cells: &'c [Cell<'a>]) -> Vec<&'c [Cell<'a>]> {
    cells
        .chunk_by(|left, right| {
            let (l, r) = (left.text == " ", right.text == " ");
            l == r && (l || (left.width < 2 && right.width < 2))
        })
        .collect()
}

/// A word that fits, whole; a longer one, such as a path, cut behind its slashes.
fn parts<'c, 'a>(word: &'c [Cell<'a>], width: usize) -> Vec<&'c [Cell<'a>]> {
    if word.iter().map(|cell| cell.width).sum::<usize>() <= width {
        return vec![word];
    }
    word.split_inclusive(|cell| matches!(cell.text, "/" | "," | ":" | ";" | "|"))
        .collect()
}

/// The longest word, which a place should not be narrower than.
pub(super) fn longest_word(spans: &[Span]) -> usize {
    let texts = spans.iter().flat_map(|span| span.text.split(['\n', ' ']));
    texts.map(|word| width(&visible(word))).max().unwrap_or(0)
}

/// Wraps text into lines of at most `width` cells, at spaces where possible.
/// There is always at least one line. A newline in a span ends a line.
pub fn wrap(spans: &[Span], width: usize) -> Vec<Line> {
    let mut lines = Vec::new();
    for spans in split_lines(spans) {
        wrap_one(&spans, width, &mut lines);
    }
    lines
}

fn wrap_one(spans: &[Span], width: usize, lines: &mut Vec<Line>) {
    let (text, ends) = joined(spans);
    let cells = cells_of(&text, &ends);
    let mut line: Vec<Cell> = Vec::new();
    let mut used = 0;
    let mut flush = |line: &mut Vec<Cell>, used: &mut usize| {
        while line.last().is_some_and(|cell| cell.text == " ") {
            line.pop();
        }
        lines.push(line_of(line));
        line.clear();
        *used = 0;
    };
    let mut started = false;
    for word in words(&cells) {
        let space = word[0].text == " ";
        let size: usize = word.iter().map(|cell| cell.width).sum();
        if space {
            // Spaces at a break vanish; those that open the text are its indent.
            if used + size <= width && (used > 0 || !started) {
                line.extend_from_slice(word);
                used += size;
            } else if used > 0 {
                flush(&mut line, &mut used);
                started = true;
            }
            continue;
        }
        if used + size > width && used > 0 && size <= width {
            flush(&mut line, &mut used);
        }
        started = true;
        for part in parts(word, width) {
            let size: usize = part.iter().map(|cell| cell.width).sum();
            if used + size > width && used > 0 {
                flush(&mut line, &mut used);
            }
            for cell in part {
                if used + cell.width > width && used > 0 {
                    flush(&mut line, &mut used);
                }
                line.push(*cell);
                used += cell.width;
            }
        }
    }
    flush(&mut line, &mut used);
}

/// Cuts spans at newlines.
pub(super) fn split_lines(spans: &[Span]) -> Vec<Vec<Span>> {
    let mut lines = vec![Vec::new()];
    for span in spans {
        for (index, part) in span.text.split('\n').enumerate() {
            if index > 0 {
                lines.push(Vec::new());
            }
            if !part.is_empty() {
                let last = lines.last_mut().expect("there is always one");
                last.push(Span::new(part, span.role));
            }
        }
    }
    lines
}

/// Wraps text behind a first prefix and, on further lines, a second of the same width.
pub(super) fn hang(first: Span, rest: Span, spans: &[Span], total: usize) -> Vec<Line> {
    let indent = width(&first.text).max(width(&rest.text));
    wrap(spans, total.saturating_sub(indent).max(1))
        .into_iter()
        .enumerate()
        .map(|(index, line)| {
            let mut prefix = if index == 0 {
                first.clone()
            } else {
                rest.clone()
            };
            let missing = indent - width(&prefix.text);
            prefix.text.push_str(&" ".repeat(missing));
            line.prefixed(prefix)
        })
        .collect()
}

/// Wraps text behind `sign`, further lines under the text's start.
pub(super) fn bullet(sign: Span, spans: &[Span], total: usize) -> Vec<Line> {
    hang(sign, Span::default(), spans, total)
}

/// One line of code, cut only where it must be; each continuation begins with
/// a mark that isn't part of the code.
pub(super) fn wrap_code(spans: &[Span], width: usize) -> Vec<Line> {
    const MARK: &str = "↪ ";
    let (text, ends) = joined(spans);
    let cells = cells_of(&text, &ends);
    let mut lines = Vec::new();
    let mut rest = &cells[..];
    loop {
        let mark = if lines.is_empty() { 0 } else { 2 };
        let room = width.saturating_sub(mark).max(1);
        let mut used = 0;
        let mut fits = 0;
        for cell in rest {
            if used + cell.width > room && fits > 0 {
                break;
            }
            used += cell.width;
            fits += 1;
        }
        // Rather after a space than within a word, if that wastes little.
        if fits < rest.len() {
            let space = rest[..fits].iter().rposition(|cell| cell.text == " ");
            if let Some(at) = space.filter(|at| at * 2 > fits) {
                fits = at + 1;
            }
        }
        let (line, after) = rest.split_at(fits);
        let line = line_of(line);
        lines.push(match mark {
            0 => line,
            _ => line.prefixed(Span::new(MARK, Role::Dim)),
        });
        rest = after;
        if rest.is_empty() {
            return lines;
        }
    }
}
