//! Scrolling: panes, popups, and lists that follow their cursor.

use crate::tui::content::{self, popup};
use crate::tui::keymap::Scroll;
use crate::tui::layout;
use crate::tui::model::Model;
use crate::tui::rows::Row;
use crate::tui::screen::Pane;

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
    let page = layout::page(&model.screen, pane);
    let pinned = model.content.pinned(pane, page);
    let count = model.content.rows(pane).len().saturating_sub(pinned);
    let tab = model.screen.tab as usize;
    let at = match pane {
        Pane::Prose => &mut model.screen.prose,
        Pane::Stage => &mut model.screen.tabs[tab],
    };
    *at = scrolled(*at, by, page - pinned, count);
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

/// After text or size changed, no pane is scrolled past its end; and what is on the
/// screen now has been there.
pub(super) fn clamp(model: &mut Model) {
    for pane in [Pane::Prose, Pane::Stage] {
        scroll_pane(model, pane, Scroll::Lines(0));
        let shown = layout::layout(&model.screen).is_some_and(|it| it.pane(pane).height > 0);
        if shown && model.popups.is_empty() {
            let seen = model.screen.scroll(pane) + layout::page(&model.screen, pane);
            let share = model.screen.share(pane);
            let read = &mut model.screen.read[share];
            *read = seen.max(*read);
        }
    }
    if !model.popups.is_empty() {
        scroll_popup(model, Scroll::Lines(0));
    }
}

/// Moves the cursor: of a popup's list, of a question, or among the knobs.
pub(super) fn cursor(model: &mut Model, by: isize) {
    if let Some(popup) = model.popups.last() {
        let cursor = moved(popup.cursor, by, popup.entries(model));
        if let Some(popup) = model.popups.last_mut() {
            popup.cursor = cursor;
        }
        reveal_entry(model);
        return;
    }
    let choices = model
        .open_question()
        .map_or(0, |question| question.choice.len());
    if let Some(asked) = model.open_answer() {
        asked.cursor = moved(asked.cursor, by, choices);
    } else {
        let knobs = model.step().demo().map_or(0, |demo| demo.knobs.len());
        let state = model.state_mut();
        state.knob = moved(state.knob, by, knobs);
    }
    model.changed();
    content::refresh(model);
    let selected = |row: &Row| row.selected;
    let first = model.content.stage.iter().position(selected);
    let last = model.content.stage.iter().rposition(selected);
    if let (Some(first), Some(last)) = (first, last) {
        let page = layout::page(&model.screen, Pane::Stage);
        let pinned = model.content.pinned(Pane::Stage, page);
        let at = &mut model.screen.tabs[model.screen.tab as usize];
        if first >= pinned {
            *at = revealed(*at, page - pinned, first - pinned, last - pinned);
        }
    }
}

fn moved(at: usize, by: isize, count: usize) -> usize {
    at.saturating_add_signed(by).min(count.saturating_sub(1))
}
