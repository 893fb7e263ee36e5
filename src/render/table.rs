//! Tables whose columns are fitted to the width by wrapping inside the cells.

use super::line::width as cells;
use super::line::{Line, Role, Span};
use super::text::{bullet, longest_word, split_lines, wrap};
use crate::course::Align;

/// What stands between two columns.
const GAP: usize = 2;
/// Narrower than this a column only makes towers of letters.
const NARROWEST: usize = 8;

/// A longer word than this may be broken before others are.
const LONGEST: usize = 22;

/// A cell before it is fitted.
#[derive(Default, Clone)]
pub(super) struct Cell {
    /// Stands left of the first line; further lines are indented by its width.
    pub(super) sign: Span,
    /// May hold newlines.
    pub(super) text: Vec<Span>,
}

impl From<Vec<Span>> for Cell {
    fn from(text: Vec<Span>) -> Self {
        Cell {
            sign: Span::default(),
            text,
        }
    }
}

impl Cell {
    fn is_empty(&self) -> bool {
        self.sign.text.is_empty() && self.text.is_empty()
    }

    fn lines(&self, width: usize) -> Vec<Line> {
        bullet(self.sign.clone(), &self.text, width)
    }

    fn natural(&self) -> usize {
        let longest = split_lines(&self.text).into_iter().map(|line| {
            let text: String = line.iter().map(|s| super::text::visible(&s.text)).collect();
            cells(&text)
        });
        cells(&self.sign.text) + longest.max().unwrap_or(0)
    }

    fn longest_word(&self) -> usize {
        cells(&self.sign.text) + longest_word(&self.text)
    }
}

/// A table before it is fitted.
pub(super) struct Table {
    pub(super) aligns: Vec<Align>,
    pub(super) head: Vec<Cell>,
    pub(super) rows: Vec<Vec<Cell>>,
    /// A rule below the head.
    pub(super) ruled: bool,
}

impl Table {
    /// The lines of the table; where not even narrow columns fit, each row
    /// becomes a list of `head: cell`.
    pub(super) fn lines(&self, width: usize) -> Vec<Line> {
        let columns = self.columns();
        if columns == 0 {
            return Vec::new();
        }
        let available = width.saturating_sub(GAP * (columns - 1));
        let natural = self.widest(columns, Cell::natural);
        match fit(
            &natural,
            &self.widest(columns, Cell::longest_word),
            available,
        ) {
            Some(widths) => self.grid(&widths),
            None => self.stacked(width),
        }
    }

    fn columns(&self) -> usize {
        let widest = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        self.head.len().max(widest)
    }

    /// The greatest size of each column's cells.
    fn widest(&self, columns: usize, size: fn(&Cell) -> usize) -> Vec<usize> {
        let mut natural = vec![1; columns];
        for row in std::iter::once(&self.head).chain(&self.rows) {
            for (column, cell) in row.iter().enumerate() {
                natural[column] = natural[column].max(size(cell));
            }
        }
        natural
    }

    fn grid(&self, widths: &[usize]) -> Vec<Line> {
        let mut lines = Vec::new();
        if self.head.iter().any(|cell| !cell.is_empty()) {
            lines.extend(self.row(&self.head, widths));
            if self.ruled {
                let rules: Vec<_> = widths.iter().map(|w| "─".repeat(*w)).collect();
                lines.push(Line::of(rules.join(&" ".repeat(GAP)), Role::Dim));
            }
        }
        for row in &self.rows {
            lines.extend(self.row(row, widths));
        }
        lines
    }

    fn row(&self, row: &[Cell], widths: &[usize]) -> Vec<Line> {
        let wrapped: Vec<Vec<Line>> = widths
            .iter()
            .enumerate()
            .map(|(column, width)| {
                row.get(column)
                    .map_or(Vec::new(), |cell| cell.lines(*width))
            })
            .collect();
        let height = wrapped.iter().map(Vec::len).max().unwrap_or(0);
        (0..height)
            .map(|y| {
                let mut line = Line::default();
                for (column, width) in widths.iter().enumerate() {
                    let cell = wrapped[column].get(y).cloned().unwrap_or_default();
                    let free = width.saturating_sub(cell.width());
                    let before = match self.aligns.get(column) {
                        Some(Align::Right) => free,
                        Some(Align::Center) => free / 2,
                        Some(Align::Left) | None => 0,
                    };
                    let gap = if column + 1 == widths.len() { 0 } else { GAP };
                    pad(&mut line, before);
                    line.spans.extend(cell.spans);
                    pad(&mut line, free - before + gap);
                }
                while line.spans.last().is_some_and(|s| s.text.trim().is_empty()) {
                    line.spans.pop();
                }
                line
            })
            .collect()
    }

    fn stacked(&self, width: usize) -> Vec<Line> {
        let mut lines = Vec::new();
        for (index, row) in self.rows.iter().enumerate() {
            if index > 0 {
                lines.push(Line::default());
            }
            for (column, cell) in row.iter().enumerate() {
                let mut spans = self.head.get(column).cloned().unwrap_or_default().text;
                if !spans.is_empty() {
                    spans.push(Span::new(": ", Role::Dim));
                }
                spans.push(cell.sign.clone());
                spans.extend(cell.text.iter().cloned());
                lines.extend(wrap(&spans, width));
            }
        }
        if self.rows.is_empty() {
            for cell in &self.head {
                lines.extend(cell.lines(width));
            }
        }
        lines
    }
}

fn pad(line: &mut Line, by: usize) {
    if by > 0 {
        line.spans.push(Span::new(" ".repeat(by), Role::Body));
    }
}

/// The widths of the columns: natural where there is room; else the widest
/// give first, and no word is cut if that can be helped. `None` when not even
/// narrow columns fit.
fn fit(natural: &[usize], words: &[usize], available: usize) -> Option<Vec<usize>> {
    let narrowest: Vec<usize> = natural.iter().map(|n| NARROWEST.min(*n)).collect();
    // A mark without a base is longer alone than after a space.
    let whole = words
        .iter()
        .zip(natural)
        .map(|(word, natural)| (*word).min(*natural));
    let whole: Vec<usize> = whole.zip(&narrowest).map(|(w, n)| w.max(*n)).collect();
    let sum = |widths: &[usize]| widths.iter().sum::<usize>();
    // One very long word, such as a path, must not break all the others.
    let most: Vec<usize> = whole.iter().map(|w| (*w).min(LONGEST)).collect();
    let least = [whole, most, narrowest]
        .into_iter()
        .find(|least| sum(least) <= available)?;
    // The highest ceiling under which all columns fit, then what is left over
    // to those that were cut, from the left.
    let under = |ceiling: usize| -> Vec<usize> {
        let pairs = natural.iter().zip(&least);
        pairs
            .map(|(n, least)| (*n).min(ceiling).max(*least))
            .collect()
    };
    let widest = natural.iter().copied().max().unwrap_or(0);
    let mut ceiling = NARROWEST;
    while ceiling < widest && sum(&under(ceiling + 1)) <= available {
        ceiling += 1;
    }
    let mut widths = under(ceiling);
    let mut spare = available - sum(&widths);
    for (width, natural) in widths.iter_mut().zip(natural) {
        let more = spare.min(natural - *width);
        *width += more;
        spare -= more;
    }
    Some(widths)
}

#[cfg(test)]
mod tests {
    use super::fit;

    #[test]
    fn the_widest_columns_give_first_and_words_stay_whole() {
        for (natural, words, available, expected) in [
            (vec![5, 10], vec![1, 1], 20, Some(vec![5, 10])),
            (vec![5, 40], vec![1, 1], 25, Some(vec![5, 20])),
            (vec![30, 40], vec![1, 1], 41, Some(vec![21, 20])),
            (vec![30, 40], vec![1, 28], 41, Some(vec![13, 28])),
            (vec![30, 40], vec![30, 28], 41, Some(vec![21, 20])),
            (vec![9, 9, 9], vec![1, 1, 1], 20, None),
        ] {
            assert_eq!(fit(&natural, &words, available), expected);
        }
    }
}
