//! Scrolling: panes, popups, and lists that follow their cursor.

use super::cursor;
use crate::tui::content::Row;
use crate::tui::keymap::Scroll;
use crate::tui::layout;
use crate::tui::model::{Model, Pane};
use crate::tui::popup;

/// The scrolling nearest to `at` with which the lines `first..=last` are seen.
pub(super) fn revealed(at: usize, page: usize, first: usize, last: usize) -> usize {
    at.max((last + 1).saturating_sub(page)).min(first)
}

pub(super) fn reveal_entry(model: &mut Model) {
    let rows = popup::top_rows(model);
    let page = popup_page(model, &rows);
    let first = rows.iter().position(|row| row.selected);
    let last = rows.iter().rposition(|row| row.selected);
    if let (Some(first), Some(last), Some(popup)) = (first, last, model.popups.last_mut()) {
        popup.scroll = match popup.cursor {
            // The head above the first entry is seen again with it.
            0 => 0,
            _ => revealed(popup.scroll, page, first, last),
        };
    }
}

fn popup_page(model: &Model, rows: &[Row]) -> usize {
    usize::from(layout::inner(popup::area(model, rows)).height).max(1)
}

/// In a list the keys that scroll move the cursor, and the list follows it.
pub(super) fn scroll_focused(model: &mut Model, by: Scroll) {
    let Some(popup) = model.popups.last() else {
        scroll_pane(model, model.screen.focus, by);
        return;
    };
    let entries = popup.entries(model);
    if entries == 0 {
        scroll_popup(model, by);
        return;
    }
    let page = popup_page(model, &popup::top_rows(model));
    match by {
        Scroll::Lines(n) => cursor(model, n),
        Scroll::Pages(n) => cursor(model, n * page.saturating_sub(1).max(1) as isize),
        Scroll::Start => cursor(model, -(entries as isize)),
        Scroll::End => cursor(model, entries as isize),
    }
}

pub(super) fn scroll_pane(model: &mut Model, pane: Pane, by: Scroll) {
    let page = layout::page(model, pane);
    let (count, at) = match pane {
        Pane::Prose => (model.content.prose.len(), &mut model.screen.prose),
        Pane::Stage => {
            let tab = model.screen.tab as usize;
            (model.content.stage.len(), &mut model.screen.tabs[tab])
        }
    };
    *at = scrolled(*at, by, page, count);
}

pub(super) fn scroll_popup(model: &mut Model, by: Scroll) {
    let rows = popup::top_rows(model);
    let page = popup_page(model, &rows);
    if let Some(popup) = model.popups.last_mut() {
        popup.scroll = scrolled(popup.scroll, by, page, rows.len());
    }
}

fn scrolled(at: usize, by: Scroll, page: usize, count: usize) -> usize {
    let last = count.saturating_sub(page);
    let to = match by {
        Scroll::Lines(n) => at.saturating_add_signed(n),
        // One line of the old page stays in sight.
        Scroll::Pages(n) => at.saturating_add_signed(n * page.saturating_sub(1).max(1) as isize),
        Scroll::Start => 0,
        Scroll::End => last,
    };
    to.min(last)
}

/// After text or size changed, no pane is scrolled past its end.
pub(super) fn clamp(model: &mut Model) {
    scroll_pane(model, Pane::Prose, Scroll::Lines(0));
    scroll_pane(model, Pane::Stage, Scroll::Lines(0));
    if !model.popups.is_empty() {
        scroll_popup(model, Scroll::Lines(0));
    }
}
