//! Layers over each other, the view on top, each name in a column of its own:
//! the overview's figure.

use super::picture::{DOWN, Mark, Name, Picture, Spot, mode, suffix};
use crate::plan::EntryKind;
use crate::render::line::width as cells;
use crate::render::line::{Line, Role, Span};
use crate::render::text::visible;

/// More layers than this are no figure any more.
const MOST: usize = 6;
/// Cells between two names, rather and at least.
const GAPS: [usize; 2] = [2, 1];
/// What the frame takes beside the labels and the names.
const FRAME: usize = 5;

/// A row: the view or a layer.
struct Row {
    label: Vec<Span>,
    /// What stands in each column; empty where the name isn't.
    texts: Vec<Span>,
}

/// The picture, if it fits.
pub(super) fn draw(picture: &Picture, width: usize) -> Option<Vec<Line>> {
    if picture.stack.layers.len() > MOST {
        return None;
    }
    let rows = rows(picture);
    let label = |row: &Row| -> usize { row.label.iter().map(|s| cells(&s.text)).sum() };
    let labels = rows.iter().map(label).max().unwrap_or(0);
    let columns: Vec<usize> = (0..picture.names.len())
        .map(|column| {
            let texts = rows.iter().map(|row| cells(&row.texts[column].text));
            texts.max().unwrap_or(0)
        })
        .collect();
    let names: usize = columns.iter().sum();
    let needs = |gap: usize| labels + FRAME + names + gap * columns.len().saturating_sub(1);
    let gap = GAPS.into_iter().find(|gap| needs(*gap) <= width)?;

    let frame = Frame {
        picture,
        columns,
        gap,
        labels,
    };
    let mut lines = vec![frame.rule(('┌', '┐'), None)];
    for (index, row) in rows.iter().enumerate() {
        if index > 0 {
            lines.push(frame.rule(('├', '┤'), Some(index - 1)));
        }
        lines.push(frame.row(index, row));
    }
    lines.push(frame.rule(('└', '┘'), None));
    lines.extend(legend(picture, width));
    lines.extend(picture.places(width));
    Some(lines)
}

fn rows(picture: &Picture) -> Vec<Row> {
    let texts = |spot: &dyn Fn(&Name) -> Option<Spot>| {
        let text = |name: &Name| match spot(name) {
            Some(spot) => Span::new(text(name, &spot), spot.mark.role()),
            None => Span::default(),
        };
        picture.names.iter().map(text).collect()
    };
    let mut rows = vec![Row {
        label: vec![Span::new("view", Role::Label)],
        texts: texts(&|name| name.view.clone()),
    }];
    for (index, layer) in picture.stack.layers.iter().enumerate() {
        rows.push(Row {
            label: vec![
                Span::new(visible(&layer.name), Role::Label),
                Span::new(format!(" {}", mode(layer.writable)), Role::Dim),
            ],
            texts: texts(&|name| name.layers[index].clone()),
        });
    }
    rows
}

/// A name as it stands in a row: its sign, the name, and a small file's text.
fn text(name: &Name, spot: &Spot) -> String {
    let mut text = visible(&name.path);
    match spot.kind {
        // What is hidden needs no sign of its own for being a directory.
        EntryKind::Whiteout => {}
        kind => text.push_str(suffix(kind)),
    }
    if let Some(content) = &spot.text {
        text = format!("{text} {content}");
    }
    match spot.mark {
        Mark::Shown | Mark::Merged => text,
        Mark::Hidden => format!("({text})"),
        Mark::HiddenOpaque => format!("({} {text})", Mark::Opaque.sign()),
        Mark::Whiteout | Mark::Opaque | Mark::Unknown => {
            format!("{} {text}", spot.mark.sign())
        }
    }
}

struct Frame<'p> {
    picture: &'p Picture<'p>,
    /// The width of each.
    columns: Vec<usize>,
    gap: usize,
    labels: usize,
}

impl Frame<'_> {
    /// A border. Below row `above`, where the view is 0, the lines go through it.
    fn rule(&self, (left, right): (char, char), above: Option<usize>) -> Line {
        let mut line = Line::of(" ".repeat(self.labels + 1), Role::Dim);
        let mut text = format!("{left}─");
        for (column, width) in self.columns.iter().enumerate() {
            if column > 0 {
                text.push_str(&"─".repeat(self.gap));
            }
            let joined = above.is_some_and(|row| self.picture.names[column].reaches(row));
            if !joined {
                text.push_str(&"─".repeat(*width));
                continue;
            }
            let middle = middle(*width);
            text.push_str(&"─".repeat(middle));
            line.spans.push(Span::new(text, Role::Dim));
            line.spans.push(Span::new(DOWN, Role::Label));
            text = "─".repeat(width - middle - 1);
        }
        text.push('─');
        text.push(right);
        line.spans.push(Span::new(text, Role::Dim));
        line
    }

    fn row(&self, index: usize, row: &Row) -> Line {
        let mut line = Line {
            spans: row.label.clone(),
        };
        let pad = |line: &mut Line, by: usize| {
            if by > 0 {
                line.spans.push(Span::new(" ".repeat(by), Role::Body));
            }
        };
        let missing = self.labels - line.width();
        pad(&mut line, missing);
        line.spans.push(Span::new(" │ ", Role::Dim));
        for (column, width) in self.columns.iter().enumerate() {
            if column > 0 {
                pad(&mut line, self.gap);
            }
            let name = &self.picture.names[column];
            let passing = index > 0 && name.passes(index - 1);
            let cell = match &row.texts[column] {
                empty if empty.text.is_empty() && passing => Span::new(DOWN, Role::Label),
                text => text.clone(),
            };
            let size = cells(&cell.text);
            // The middle of a text is below the middle of the others.
            let before = middle(*width) - middle(size);
            pad(&mut line, before);
            line.spans.push(cell);
            pad(&mut line, width - before - size);
        }
        line.spans.push(Span::new(" │", Role::Dim));
        line
    }
}

/// The cell in the middle of so many.
fn middle(width: usize) -> usize {
    width.saturating_sub(1) / 2
}

fn legend(picture: &Picture, width: usize) -> Vec<Line> {
    let down = DOWN.to_string();
    let mut signs = Vec::new();
    if picture.names.iter().any(|name| name.reaches(0)) {
        signs.push((down.as_str(), "comes from"));
    }
    let marks = picture.marks();
    let has = |mark| marks.contains(&mark);
    if has(Mark::Hidden) || has(Mark::HiddenOpaque) {
        signs.push(("( )", Mark::Hidden.words()));
    }
    for mark in [Mark::Whiteout, Mark::Opaque, Mark::Unknown] {
        if has(mark) || mark == Mark::Opaque && has(Mark::HiddenOpaque) {
            signs.push((mark.sign(), mark.words()));
        }
    }
    picture.legend(&signs, width)
}
