//! Where things are on the screen: the same for drawing, scrolling and clicking.

use super::screen::{Pane, Screen, Tab};
use ratatui::layout::Rect;

/// Below this the screen only says that it is too small.
pub(super) const LEAST: (u16, u16) = (60, 18);
/// From this width on the panes stand side by side.
pub(super) const SIDE_BY_SIDE: u16 = 100;

/// As much text as can be read from a room's last row, in columns and rows.
pub(super) const BIG: (u16, u16) = (40, 14);

/// The areas of the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) header: Rect,
    pub(super) footer: Rect,
    /// With their borders; empty if not shown.
    pub(super) prose: Rect,
    pub(super) stage: Rect,
}

/// Divides the screen; `None` if it is too small.
pub(super) fn layout(screen: &Screen) -> Option<Layout> {
    let (width, height) = screen.size;
    if width < LEAST.0 || height < LEAST.1 {
        return None;
    }
    let body = Rect::new(0, 1, width, height - 2);
    let nothing = Rect::new(0, 0, 0, 0);
    if screen.big {
        let (wide, high) = (BIG.0 + 4, BIG.1 + 2);
        let stage = Rect::new((width - wide) / 2, (height - high) / 2, wide, high);
        return Some(Layout {
            header: Rect::new(0, 0, width, 1),
            footer: Rect::new(0, height - 1, width, 1),
            prose: nothing,
            stage,
        });
    }
    let (prose, stage) = match (screen.zoom, screen.focus) {
        (true, Pane::Prose) => (body, nothing),
        (true, Pane::Stage) => (nothing, body),
        (false, _) if width >= SIDE_BY_SIDE => {
            // Lines of prose longer than 80 cells are hard to read.
            let left = (width * 9 / 20).min(84);
            (
                Rect {
                    width: left,
                    ..body
                },
                Rect {
                    x: left,
                    width: width - left,
                    ..body
                },
            )
        }
        (false, Pane::Prose) if screen.whole => (body, nothing),
        (false, Pane::Stage) if screen.whole => (nothing, body),
        (false, focus) => {
            // What has the focus gets more room.
            let top = match focus {
                Pane::Prose => body.height * 3 / 5,
                Pane::Stage => body.height * 3 / 10,
            };
            (
                Rect {
                    height: top,
                    ..body
                },
                Rect {
                    y: body.y + top,
                    height: body.height - top,
                    ..body
                },
            )
        }
    };
    Some(Layout {
        header: Rect::new(0, 0, width, 1),
        footer: Rect::new(0, height - 1, width, 1),
        prose,
        stage,
    })
}

impl Layout {
    pub(super) fn pane(&self, pane: Pane) -> Rect {
        match pane {
            Pane::Prose => self.prose,
            Pane::Stage => self.stage,
        }
    }
}

/// The place for text inside a pane: within border and a column of padding.
pub(super) fn inner(pane: Rect) -> Rect {
    Rect {
        x: pane.x + 2,
        y: pane.y + 1,
        width: pane.width.saturating_sub(4),
        height: pane.height.saturating_sub(2),
    }
}

/// The size that text in a pane is set for, also while the pane isn't shown.
pub(super) fn text_width(screen: &Screen, pane: Pane) -> usize {
    let shown = layout(screen).map_or(0, |layout| inner(layout.pane(pane)).width);
    // One pane alone has the width that the other gets when it is shown.
    let alone = match screen.zoom {
        false => screen.size.0.saturating_sub(4),
        true => LEAST.0 - 4,
    };
    usize::from(if shown > 0 {
        shown
    } else {
        alone.max(LEAST.0 - 4)
    })
}

/// How many lines of a pane are seen at once.
pub(super) fn page(screen: &Screen, pane: Pane) -> usize {
    layout(screen).map_or(1, |layout| {
        usize::from(inner(layout.pane(pane)).height).max(1)
    })
}

/// The tabs' labels and where each starts, counted from the stage's left edge.
pub(super) fn tabs(selected: Tab) -> Vec<(u16, String, Tab)> {
    let mut x = 2;
    Tab::ALL
        .into_iter()
        .enumerate()
        .map(|(index, tab)| {
            // Brackets show the selected one without colour.
            let label = match tab == selected {
                true => format!("[{} {}]", index + 1, tab.title()),
                false => format!(" {} {} ", index + 1, tab.title()),
            };
            let start = x;
            x += label.chars().count() as u16;
            (start, label, tab)
        })
        .collect()
}

/// A popup for `lines` of text, centred: with its border.
pub(super) fn popup(size: (u16, u16), lines: usize) -> Rect {
    let (width, height) = size;
    let w = width.saturating_sub(4).min(84);
    let h = height
        .saturating_sub(2)
        .min(u16::try_from(lines + 2).unwrap_or(u16::MAX))
        .max(3);
    Rect::new((width - w) / 2, (height.saturating_sub(h)) / 2, w, h)
}
