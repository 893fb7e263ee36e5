//! The mouse: what is clicked is found on the lines that are shown.

use super::act::act;
use super::choose::{accept, pick};
use super::runs::{run, turn};
use super::scroll::{scroll_pane, scroll_popup};
use crate::tui::content::popup;
use crate::tui::effect::Effect;
use crate::tui::keymap::{self, Action, Context, Scroll};
use crate::tui::layout::{self, Layout, layout};
use crate::tui::model::Model;
use crate::tui::rows::{Row, Target};
use crate::tui::screen::Pane;
use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::{Position, Rect};

pub(super) fn mouse(model: &mut Model, event: MouseEvent) -> Vec<Effect> {
    let at = Position::new(event.column, event.row);
    let Some(areas) = layout(&model.screen) else {
        return Vec::new();
    };
    match event.kind {
        MouseEventKind::ScrollDown => wheel(model, &areas, at, 3),
        MouseEventKind::ScrollUp => wheel(model, &areas, at, -3),
        MouseEventKind::Down(MouseButton::Left) => return click(model, &areas, at),
        _ => {}
    }
    Vec::new()
}

fn wheel(model: &mut Model, areas: &Layout, at: Position, by: isize) {
    model.changed();
    if !model.popups.is_empty() {
        scroll_popup(model, Scroll::Lines(by));
    } else if areas.prose.contains(at) {
        scroll_pane(model, Pane::Prose, Scroll::Lines(by));
    } else if areas.stage.contains(at) {
        scroll_pane(model, Pane::Stage, Scroll::Lines(by));
    }
}

fn click(model: &mut Model, areas: &Layout, at: Position) -> Vec<Effect> {
    model.changed();
    if keymap::context(model) != Context::Panes {
        return click_popup(model, at);
    }
    if areas.footer.contains(at) {
        let hints = keymap::hints(model, usize::from(areas.footer.width));
        let hit = hints
            .into_iter()
            .find(|hint| hint.cells.contains(&usize::from(at.x)));
        return hit.map_or(Vec::new(), |hint| act(model, hint.action));
    }
    if areas.header.contains(at) {
        return act(model, Action::Outline);
    }
    let pane = match (areas.prose.contains(at), areas.stage.contains(at)) {
        (true, _) => Pane::Prose,
        (false, true) => Pane::Stage,
        (false, false) => return Vec::new(),
    };
    let area = areas.pane(pane);
    let target = match pane {
        Pane::Prose => target(&model.content.prose, area, 0, model.screen.prose, at),
        Pane::Stage if at.y == area.y => {
            let tabs = layout::tabs(model.screen.tab);
            let hit = tabs.into_iter().find(|(x, label, _)| {
                let from = area.x + x;
                (from..from + label.chars().count() as u16).contains(&at.x)
            });
            if let Some((_, _, tab)) = hit {
                model.screen.tab = tab;
            }
            None
        }
        Pane::Stage => {
            let scroll = model.screen.tabs[model.screen.tab as usize];
            let page = usize::from(layout::inner(area).height);
            let pinned = model.content.pinned(pane, page);
            target(&model.content.stage, area, pinned, scroll, at)
        }
    };
    model.screen.focus = pane;
    match target {
        Some(Target::Choice(index)) => pick(model, index),
        Some(Target::Knob(index, way)) => return turn(model, index, way),
        Some(Target::Run) => return run(model, false),
        Some(Target::Entry(_)) | None => {}
    }
    Vec::new()
}

fn click_popup(model: &mut Model, at: Position) -> Vec<Effect> {
    let rows = popup::top_rows(model);
    let area = popup::area(model, &rows);
    let Some(popup) = model.popups.last_mut() else {
        return Vec::new();
    };
    if !area.contains(at) {
        model.popups.pop();
        return Vec::new();
    }
    match target(&rows, area, 0, popup.scroll, at) {
        Some(Target::Entry(index)) => {
            popup.cursor = index;
            accept(model)
        }
        Some(Target::Choice(_) | Target::Knob(..) | Target::Run) | None => Vec::new(),
    }
}

/// What stands at a position of a pane.
fn target(rows: &[Row], area: Rect, pinned: usize, scroll: usize, at: Position) -> Option<Target> {
    let inner = layout::inner(area);
    if !inner.contains(at) {
        return None;
    }
    let line = usize::from(at.y - inner.y);
    let row = rows.get(if line < pinned { line } else { scroll + line })?;
    let x = usize::from(at.x - inner.x);
    row.targets
        .iter()
        .find(|(cells, _)| cells.contains(&x))
        .map(|(_, target)| *target)
}
