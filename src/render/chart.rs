//! Charts drawn with characters, for plain text; and the words around a chart,
//! which the terminal's own drawing shares.

use super::line::width as cells;
use super::line::{Line, Role, Span};
use super::plot::{Bound, Curve, Plot};
use super::text::wrap;
use crate::course::{Chart, Scenario};
use crate::plan::History;

/// Rows of the drawing itself, at most.
const ROWS: usize = 11;
/// Wider, a chart is no easier to read.
const WIDEST: usize = 100;
/// What the curves are drawn with.
const SIGNS: [&str; 3] = ["o", "+", "x"];
/// Where several curves meet.
const MEETING: &str = "#";
/// What the limit is drawn with.
const LIMIT: &str = "-";
/// Between two items of a legend.
const GAP: &str = "   ";

/// The scenario's charts, drawn with characters.
pub fn charts(scenario: &Scenario, history: &History, width: usize) -> Vec<Line> {
    curves(&scenario.charts, history, width)
}

/// These charts, drawn with characters, as far as there is anything to draw.
pub fn curves(charts: &[Chart], history: &History, width: usize) -> Vec<Line> {
    let plots = charts.iter().filter_map(|chart| Plot::new(chart, history));
    let drawn: Vec<Vec<Line>> = plots.map(|plot| text(&plot, width)).collect();
    drawn.join(&Line::default())
}

/// Title and limit: what stands above a chart.
pub fn above(plot: &Plot, limit: &str, width: usize) -> Vec<Line> {
    let mut items = vec![vec![Span::new(plot.title.as_str(), Role::Strong)]];
    items.extend(plot.limit.as_ref().map(|bound| match bound {
        Bound::Known { steps, words } if steps.is_empty() => {
            vec![Span::new(format!("limit: {words}"), Role::Warn)]
        }
        Bound::Known { words, .. } => {
            vec![Span::new(format!("{limit} limit: {words}"), Role::Warn)]
        }
        Bound::Unknown { because } => {
            vec![Span::new(
                format!("limit: unavailable, {because}"),
                Role::Warn,
            )]
        }
    }));
    items.extend(
        plot.recorded_on
            .as_ref()
            .map(|kernel| vec![Span::new(format!("recorded on {kernel}"), Role::Warn)]),
    );
    flow(items, width)
}

/// Sign, name and numbers of each curve: what stands below a chart.
pub fn below(plot: &Plot, signs: [&str; 3], width: usize) -> Vec<Line> {
    let mut items: Vec<Vec<Span>> = plot
        .curves
        .iter()
        .enumerate()
        .map(|(index, curve)| {
            let sign = Span::new(
                format!("{} {}", signs[index % signs.len()], curve.label),
                Plot::role(index),
            );
            vec![sign, Span::new(numbers(plot, curve), Role::Observed)]
        })
        .collect();
    if plot.rate {
        items.push(vec![Span::new(sampling(plot), Role::Dim)]);
    }
    let mut lines = flow(items, width);
    if plot.rate && plot.overshoots() {
        let why = "Above the limit for a moment: the kernel's own periods begin elsewhere.";
        lines.extend(wrap(&[Span::new(why, Role::Dim)], width));
    }
    lines
}

/// How a rate's points are made.
fn sampling(plot: &Plot) -> String {
    // A timer's millisecond more or less is no news.
    let every = (plot.every * 100.0).round() * 10.0;
    format!("sampled every {every:.0} ms, means of 100 ms or more")
}

fn numbers(plot: &Plot, curve: &Curve) -> String {
    match curve.extremes() {
        Some((first, last, peak)) => {
            let [first, last, peak] =
                [first, last, peak].map(|value| plot.value.quantity.text(value));
            format!(": first {first}, last {last}, peak {peak}")
        }
        None => ": not observed".into(),
    }
}

/// Items side by side, each whole where it can be.
pub(super) fn flow(items: Vec<Vec<Span>>, width: usize) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    for item in items {
        let wrapped = wrap(&item, width);
        if let ([only], Some(last)) = (wrapped.as_slice(), lines.last_mut())
            && last.width() + GAP.len() + only.width() <= width
        {
            last.spans.push(Span::new(GAP, Role::Body));
            last.spans.extend(only.spans.clone());
            continue;
        }
        lines.extend(wrapped);
    }
    lines
}

fn text(plot: &Plot, width: usize) -> Vec<Line> {
    let width = width.min(WIDEST);
    let mut lines = above(plot, &LIMIT.repeat(2), width);
    let labels = plot.value.labels();
    let longest = labels.iter().map(|label| cells(label)).max().unwrap_or(0) + 1;
    // The legend has the numbers, too: the drawing keeps half of the place.
    let margin = longest.min(width / 2);
    let shown = margin == longest;
    let columns = width.saturating_sub(margin + 1).max(1);
    let grid = Grid::of(plot, columns);
    let rows = grid.rows.len();
    let mut marks = vec![""; rows];
    for (index, label) in labels.iter().enumerate() {
        if shown {
            marks[rows - 1 - index * (rows - 1) / (labels.len() - 1).max(1)] = label;
        }
    }
    for (mark, row) in marks.iter().zip(&grid.rows) {
        let mut line = Line::of(
            format!("{mark:>label$} │", label = margin.saturating_sub(1)),
            Role::Dim,
        );
        for cell in row {
            let cell = cell.span();
            match line.spans.last_mut() {
                Some(last) if last.role == cell.role => last.text.push_str(&cell.text),
                _ => line.spans.push(cell),
            }
        }
        lines.push(line);
    }
    let axis = format!("{}└{}", " ".repeat(margin), "─".repeat(columns));
    lines.push(Line::of(axis, Role::Dim));
    lines.push(Line::of(times(plot, margin + 1, columns), Role::Dim));
    lines.extend(below(plot, SIGNS, width));
    if grid
        .rows
        .iter()
        .flatten()
        .any(|cell| *cell == Cell::Meeting)
    {
        lines.push(Line::of(format!("{MEETING} several of them"), Role::Dim));
    }
    lines
}

/// The labels of the time axis: start, middle and end, as far as there is room.
fn times(plot: &Plot, left: usize, columns: usize) -> String {
    let labels = plot.time.labels();
    let mut row = String::new();
    for (index, label) in labels.iter().enumerate() {
        let size = cells(label);
        let at = left + columns * index / (labels.len() - 1).max(1);
        let at = match index {
            0 => at,
            _ if index + 1 == labels.len() => at.saturating_sub(size),
            _ => at.saturating_sub(size / 2),
        };
        let room = at
            .checked_sub(cells(&row))
            .filter(|_| at + size <= left + columns && (row.is_empty() || at > cells(&row)));
        if let Some(room) = room {
            row.push_str(&" ".repeat(room));
            row.push_str(label);
        }
    }
    row
}

/// A cell of the drawing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cell {
    Blank,
    Limit,
    /// A letter of the limit's label.
    Letter(char),
    Curve(usize),
    /// Several curves meet here.
    Meeting,
}

impl Cell {
    fn span(self) -> Span {
        match self {
            Cell::Blank => Span::new(" ", Role::Body),
            Cell::Limit => Span::new(LIMIT, Role::Warn),
            Cell::Letter(letter) => Span::new(letter.to_string(), Role::Warn),
            Cell::Curve(curve) => Span::new(SIGNS[curve % SIGNS.len()], Plot::role(curve)),
            Cell::Meeting => Span::new(MEETING, Role::Strong),
        }
    }
}

/// The drawing, from the top.
struct Grid<'p> {
    plot: &'p Plot,
    columns: usize,
    rows: Vec<Vec<Cell>>,
}

impl Grid<'_> {
    fn of(plot: &Plot, columns: usize) -> Grid<'_> {
        let mut grid = Grid {
            plot,
            columns,
            rows: vec![vec![Cell::Blank; columns]; plot.value.rows(ROWS)],
        };
        for step in plot.steps() {
            grid.limit(*step);
        }
        for (index, curve) in plot.curves.iter().enumerate() {
            grid.curve(index, curve);
        }
        for step in plot.steps() {
            grid.label(*step);
        }
        grid
    }

    fn row(&self, y: f64) -> usize {
        let part = (y / self.plot.value.max).clamp(0.0, 1.0);
        let last = self.rows.len() - 1;
        last - (part * last as f64).round() as usize
    }

    fn column(&self, x: f64) -> usize {
        let part = (x / self.plot.time.max).clamp(0.0, 1.0);
        (part * (self.columns - 1) as f64).round() as usize
    }

    /// A part of the limit.
    fn limit(&mut self, (from, to, height): (f64, f64, f64)) {
        let (row, from, to) = (self.row(height), self.column(from), self.column(to));
        self.rows[row][from..=to].fill(Cell::Limit);
    }

    /// Writes on a part of the limit how high it is: where no curve is in the
    /// way, on the line or above it. The words above the chart tell it, too.
    fn label(&mut self, (from, to, height): (f64, f64, f64)) {
        let label: Vec<char> = format!(" limit {} ", self.plot.value.quantity.text(height))
            .chars()
            .collect();
        let (row, from, to) = (self.row(height), self.column(from), self.column(to));
        let on_it = (row, Cell::Limit);
        let above = row.checked_sub(1).map(|row| (row, Cell::Blank));
        for (row, free) in std::iter::once(on_it).chain(above) {
            let line = &mut self.rows[row][from..=to];
            // One cell of the line stays on each side.
            let place = line
                .windows(label.len() + 2)
                .position(|cells| cells.iter().all(|cell| *cell == free));
            if let Some(at) = place {
                for (cell, letter) in line[at + 1..].iter_mut().zip(label) {
                    *cell = Cell::Letter(letter);
                }
                return;
            }
        }
    }

    /// From point to point: through every column, and up or down where it's steep.
    fn curve(&mut self, index: usize, curve: &Curve) {
        let places = curve
            .points
            .iter()
            .map(|(x, y)| (self.column(*x), self.row(*y)));
        let places: Vec<(usize, usize)> = places.collect();
        let Some((mut column, mut row)) = places.first().copied() else {
            return;
        };
        self.put(row, column, index);
        for (to, end) in places {
            let (from, start) = (column, row);
            // Points within one column make a stroke of it.
            for at in (from + 1).min(to)..=to {
                let part = (at - from) as f64 / (to - from).max(1) as f64;
                let now = match to == from {
                    true => end,
                    false => (start as f64 + (end as f64 - start as f64) * part).round() as usize,
                };
                let rows = match row < now {
                    true => row + 1..=now,
                    false => now..=row.saturating_sub(1).max(now),
                };
                for row in rows {
                    self.put(row, at, index);
                }
                row = now;
            }
            column = to;
        }
    }

    fn put(&mut self, row: usize, column: usize, curve: usize) {
        let cell = &mut self.rows[row][column];
        *cell = match *cell {
            Cell::Meeting => Cell::Meeting,
            Cell::Curve(other) if other != curve => Cell::Meeting,
            Cell::Curve(_) | Cell::Blank | Cell::Limit | Cell::Letter(_) => Cell::Curve(curve),
        };
    }
}
