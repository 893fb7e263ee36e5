//! A bordered pane of scrolled lines, with marks for what is out of sight.

use super::chart;
use super::look::{part, styled};
use crate::tui::layout;
use crate::tui::model::Model;
use crate::tui::rows::Row;
use crate::tui::screen::Tab;
use crate::tui::theme::Part;
use ratatui::buffer::Buffer;
use ratatui::layout::{Alignment, Rect, Size};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType};

/// What stands around the text.
pub(super) struct Frame {
    pub(super) title: String,
    /// The tab that is shown, if the title is a row of tabs.
    pub(super) tabs: Option<Tab>,
    pub(super) focused: bool,
    /// Nothing is drawn around it but how much there is more.
    pub(super) bare: bool,
}

/// Draws a pane: its first `pinned` lines, and below them what is left of the
/// others without the first `scroll`.
pub(super) fn draw(
    model: &Model,
    frame: &mut ratatui::Frame,
    area: Rect,
    border: &Frame,
    rows: &[Row],
    pinned: usize,
    scroll: usize,
) {
    let inner = layout::inner(area);
    let below = rows
        .len()
        .saturating_sub(scroll + usize::from(inner.height));
    frame.render_widget(block(model, border, scroll, below), area);
    // The chart that was drawn last: all of its rows follow each other.
    let mut drawn: Option<(usize, Buffer)> = None;
    let (fixed, moving) = rows.split_at(pinned.min(rows.len()));
    let seen = fixed.iter().chain(moving.iter().skip(scroll));
    for (y, row) in (inner.y..inner.bottom()).zip(seen) {
        if let Some(slice) = row.chart {
            if drawn.as_ref().is_none_or(|(last, _)| *last != slice.plot) {
                let plot = model.content.plots.get(slice.plot);
                drawn = plot.map(|plot| {
                    let size = Size::new(inner.width, slice.of as u16);
                    (slice.plot, chart::draw(model, plot, size))
                });
            }
            if let Some((_, picture)) = &drawn {
                copy(picture, slice.row as u16, frame.buffer_mut(), inner, y);
            }
            continue;
        }
        let mut line = styled(model, &row.line);
        if row.selected {
            line = line.patch_style(part(model, Part::Selected));
        }
        frame.render_widget(
            line,
            Rect {
                y,
                height: 1,
                ..inner
            },
        );
    }
}

/// Puts one row of a picture into a pane.
fn copy(picture: &Buffer, row: u16, to: &mut Buffer, inner: Rect, y: u16) {
    if row < picture.area.height {
        for x in 0..picture.area.width.min(inner.width) {
            to[(inner.x + x, y)] = picture[(x, row)].clone();
        }
    }
}

/// The border: thick where the focus is, so that it shows without colour.
fn block<'a>(model: &Model, border: &'a Frame, above: usize, below: usize) -> Block<'a> {
    let (kind, style) = match border.focused {
        true => (BorderType::Thick, part(model, Part::Focus)),
        false => (BorderType::Rounded, part(model, Part::Border)),
    };
    let mut block = match border.bare {
        true => Block::new(),
        false => Block::bordered(),
    };
    block = block.border_type(kind).border_style(style);
    block = match border.tabs {
        Some(_) if border.bare => block,
        Some(selected) => block.title(tab_row(model, selected, border.focused)),
        None => block.title(Line::styled(
            border.title.as_str(),
            title_style(model, border.focused),
        )),
    };
    let mark = |count: usize, sign: &str| {
        let lines = if count == 1 { "line" } else { "lines" };
        let text = format!(" {sign} {count} more {lines} ");
        Line::styled(text, part(model, Part::Key))
    };
    if above > 0 {
        block = block.title_bottom(mark(above, "↑").alignment(Alignment::Left));
    }
    if below > 0 {
        block = block.title_bottom(mark(below, "↓").alignment(Alignment::Right));
    }
    block
}

/// The tabs as a title; it starts one cell right of the corner, and
/// [`layout::tabs`] counts from the corner.
fn tab_row(model: &Model, selected: Tab, focused: bool) -> Line<'static> {
    let border = match focused {
        true => part(model, Part::Focus),
        false => part(model, Part::Border),
    };
    let filler = if focused { "━" } else { "─" };
    let mut spans = vec![Span::styled(filler, border)];
    for (_, label, tab) in layout::tabs(selected) {
        let style = match tab == selected {
            true => title_style(model, true),
            // A title inherits the border's look; these don't share it.
            false => Style::reset(),
        };
        spans.push(Span::styled(label, style));
    }
    Line::from(spans)
}

fn title_style(model: &Model, strong: bool) -> Style {
    part(model, if strong { Part::Focus } else { Part::Bar })
}
