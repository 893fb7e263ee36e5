//! How text and parts of the screen look: by the theme, or as big mode wants it.

use crate::render::{self, Role};
use crate::tui::model::Model;
use crate::tui::theme::Part;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

/// A line in the theme's look.
pub(super) fn styled<'a>(model: &Model, line: &'a render::Line) -> Line<'a> {
    line.spans
        .iter()
        .map(|span| Span::styled(span.text.as_str(), look(model, span.role)))
        .collect()
}

/// How a text of this role looks.
pub(super) fn look(model: &Model, role: Role) -> Style {
    let settings = &model.settings;
    match model.screen.big {
        true => settings.theme.big(role, settings.color),
        false => settings.theme.role(role, settings.color),
    }
}

/// How a part of the screen looks.
pub(super) fn part(model: &Model, part: Part) -> Style {
    match (model.screen.big, part) {
        (false, part) => model.settings.theme.part(part, model.settings.color),
        (true, Part::Bar | Part::Border) => look(model, Role::Body),
        (true, Part::Focus | Part::Key) => look(model, Role::Label),
        (true, Part::Selected) => look(model, Role::Strong),
    }
}
