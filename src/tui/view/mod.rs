//! Draws the model. No I/O, no parsing, no change: what is drawn twice is the
//! same twice.

mod bars;
mod chart;
mod look;
mod pane;

use super::content::popup;
use super::layout::{self, LEAST, layout};
use super::model::Model;
use super::screen::Pane;
use crate::render::Signs;
use pane::Frame as Border;
use ratatui::Frame;
use ratatui::layout::{Alignment, Rect};
use ratatui::style::Color;
use ratatui::widgets::{Clear, Paragraph, Wrap};
use unicode_width::UnicodeWidthStr;

/// Draws the whole screen.
pub(super) fn view(model: &Model, frame: &mut Frame) {
    let Some(areas) = layout(&model.screen) else {
        too_small(model, frame);
        in_signs(model, frame);
        return;
    };
    bars::header(model, frame, areas.header);
    for pane in [Pane::Prose, Pane::Stage] {
        let area = areas.pane(pane);
        if area.width > 0 {
            draw_pane(model, frame, pane, area);
        }
    }
    if let Some(top) = model.popups.last() {
        let rows = popup::top_rows(model);
        let area = popup::area(model, &rows);
        clear(frame, area);
        let border = Border {
            title: format!(" {} ", top.title()),
            tabs: None,
            focused: true,
            bare: false,
        };
        pane::draw(model, frame, area, &border, &rows, 0, top.scroll);
    }
    bars::footer(model, frame, areas.footer);
    ground(model, frame);
    in_signs(model, frame);
}

/// In big mode the background is ours, too: what is on it can be read in any room.
fn ground(model: &Model, frame: &mut Frame) {
    if !model.screen.big || !model.settings.color {
        return;
    }
    let (text, ground) = model.settings.theme.ground();
    for cell in &mut frame.buffer_mut().content {
        if cell.bg == Color::Reset {
            cell.bg = ground;
        }
        if cell.fg == Color::Reset {
            cell.fg = text;
        }
    }
}

/// Where the terminal doesn't show all characters: what is drawn with those that
/// it has.
fn in_signs(model: &Model, frame: &mut Frame) {
    let signs = model.settings.signs;
    if signs == Signs::Unicode {
        return;
    }
    let cells = &mut frame.buffer_mut().content;
    for at in 0..cells.len() {
        if cells[at].symbol().is_ascii() {
            continue;
        }
        // A sign may need the blank behind it.
        let blank = cells.get(at + 1).is_some_and(|next| next.symbol() == " ");
        let pair = format!("{} ", cells[at].symbol());
        let text = signs.text(if blank { &pair } else { pair.trim_end() });
        let mut forms = text.chars();
        let first = forms.next().unwrap_or(' ');
        cells[at].set_char(first);
        if let Some(second) = forms.next()
            && let Some(next) = cells.get_mut(at + 1)
        {
            next.set_char(second);
        }
    }
}

/// Empties the place of a popup. Half of a wide character can't be drawn, so
/// one that reaches into the place goes as a whole.
fn clear(frame: &mut Frame, area: Rect) {
    frame.render_widget(Clear, area);
    if let Some(x) = area.x.checked_sub(1) {
        for y in area.y..area.bottom() {
            let cell = &mut frame.buffer_mut()[(x, y)];
            if UnicodeWidthStr::width(cell.symbol()) > 1 {
                cell.set_symbol(" ");
            }
        }
    }
}

fn draw_pane(model: &Model, frame: &mut Frame, pane: Pane, area: Rect) {
    let focused = model.screen.focus == pane && model.popups.is_empty();
    match pane {
        Pane::Prose => {
            let border = Border {
                title: " Explanation ".into(),
                tabs: None,
                focused,
                bare: false,
            };
            let rows = &model.content.prose;
            pane::draw(model, frame, area, &border, rows, 0, model.screen.prose);
        }
        Pane::Stage => {
            let border = Border {
                title: String::new(),
                tabs: Some(model.screen.tab),
                focused,
                bare: model.screen.big,
            };
            let scroll = model.screen.tabs[model.screen.tab as usize];
            let page = usize::from(layout::inner(area).height);
            let pinned = model.content.pinned(pane, page);
            pane::draw(
                model,
                frame,
                area,
                &border,
                &model.content.stage,
                pinned,
                scroll,
            );
        }
    }
}

/// What there is to say when nothing fits.
fn too_small(model: &Model, frame: &mut Frame) {
    let (width, height) = model.screen.size;
    let text = format!(
        "This window is too small: {width}×{height}.\nGlassbox needs {}×{}.\n\
         Make it larger, or press q to quit.",
        LEAST.0, LEAST.1
    );
    let area = frame.area();
    let middle = Rect {
        y: area.y + area.height.saturating_sub(3) / 2,
        height: area.height.min(3),
        ..area
    };
    let words = Paragraph::new(text)
        .alignment(Alignment::Center)
        .wrap(Wrap { trim: true });
    // Where even three lines are too few, the first ones count.
    let place = if area.height < 5 { area } else { middle };
    frame.render_widget(words, place);
}
