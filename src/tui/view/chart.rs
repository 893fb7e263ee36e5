//! A chart, drawn by ratatui on a canvas of its own, whose rows the pane then
//! takes like any other lines: so a chart scrolls with what stands around it.

use super::look::look;
use crate::render::{Plot, Role};
use crate::tui::model::Model;
use ratatui::buffer::Buffer;
use ratatui::layout::{Alignment, Position, Rect, Size};
use ratatui::style::Style;
use ratatui::symbols::Marker;
use ratatui::text::Line;
use ratatui::widgets::{Axis, Chart, Dataset, GraphType, Widget};

/// What the curves are drawn with: told apart by shape, not by colour. Fine
/// dots for the first, as its height is what most charts are about.
const MARKERS: [Marker; 3] = [Marker::Braille, Marker::Dot, Marker::Custom('×')];
const LIMIT: char = '╌';

/// Draws a chart of this size.
pub(super) fn draw(model: &Model, plot: &Plot, size: Size) -> Buffer {
    let area = Rect::from((Position::ORIGIN, size));
    let mut buffer = Buffer::empty(area);
    let style = |role| look(model, role);
    let steps: Vec<[(f64, f64); 2]> = plot
        .steps()
        .iter()
        .map(|(from, to, height)| [(*from, *height), (*to, *height)])
        .collect();
    let limits = steps.iter().map(|step| {
        Dataset::default()
            .marker(Marker::Custom(LIMIT))
            .graph_type(GraphType::Line)
            .style(style(Role::Warn))
            .data(step)
    });
    // What is a little above the axis is drawn on its end.
    let onto = |(x, y): &(f64, f64)| (*x, y.min(plot.value.max));
    let points: Vec<Vec<(f64, f64)>> = plot
        .curves
        .iter()
        .map(|curve| curve.points.iter().map(onto).collect())
        .collect();
    let curves = points.iter().enumerate().map(|(index, points)| {
        Dataset::default()
            .marker(MARKERS[index % MARKERS.len()])
            .graph_type(GraphType::Line)
            .style(style(Plot::role(index)))
            .data(points)
    });
    let axis = |axis: &crate::render::Axis| {
        let labels = axis.labels().into_iter();
        Axis::default()
            .bounds([0.0, axis.max])
            .style(style(Role::Dim))
            .labels(labels.map(|label| Line::styled(label, style(Role::Dim))))
    };
    // The first curve is the one that matters most: on top.
    let mut datasets: Vec<Dataset> = limits.collect();
    datasets.extend(curves.rev());
    Chart::new(datasets)
        .legend_position(None)
        .x_axis(axis(&plot.time).labels_alignment(Alignment::Right))
        .y_axis(axis(&plot.value).labels_alignment(Alignment::Right))
        .render(area, &mut buffer);
    label(&mut buffer, plot, style(Role::Warn));
    buffer
}

/// Writes on each part of the limit how high it is: where no curve is in the
/// way, on the line or above it. The words above the chart tell it, too.
fn label(buffer: &mut Buffer, plot: &Plot, style: Style) {
    let area = buffer.area;
    let symbol = |buffer: &Buffer, x, y| buffer[(x, y)].symbol().chars().next();
    // The parts follow each other from left to right.
    let mut from = 0;
    for (_, _, height) in plot.steps() {
        let text = format!(" limit {} ", plot.value.quantity.text(*height));
        let size = text.chars().count() as u16 + 2;
        let places = (from..area.width).flat_map(|x| (0..area.height).map(move |y| (x, y)));
        let Some((start, row)) = places
            .into_iter()
            .find(|(x, y)| symbol(buffer, *x, *y) == Some(LIMIT))
        else {
            return;
        };
        let line = |x: &u16| symbol(buffer, *x, row) == Some(LIMIT);
        let end = (start..area.width).rev().find(line).unwrap_or(start);
        let free = |(x, y, sign): &(u16, u16, char)| {
            (*x..x + size).all(|x| symbol(buffer, x, *y) == Some(*sign))
        };
        let last = (end + 1).saturating_sub(size);
        let on_it = (start..=last).map(|x| (x, row, LIMIT));
        let above = (start..=last)
            .filter(|_| row > 0)
            .map(|x| (x, row.saturating_sub(1), ' '));
        if let Some((x, y, _)) = on_it.chain(above).find(free) {
            buffer.set_string(x + 1, y, &text, style);
        }
        from = end + 1;
    }
}
