//! The header says where the learner is; the footer which keys apply now.

use super::pane::{part, styled};
use crate::render::{Line, Role, Span, visible};
use crate::tui::keymap;
use crate::tui::model::Model;
use crate::tui::theme::Part;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text;

/// Lesson, step and title.
pub(super) fn header(model: &Model, frame: &mut Frame, area: Rect) {
    let (step, steps) = model.position();
    let lesson = model.lesson();
    let mark = match (model.busy(), model.settings.mouse) {
        (true, _) if model.paused().is_some() => "‖ waits for you ",
        (true, _) => "● running ",
        (false, false) => "mouse selects text ",
        (false, true) => "",
    };
    let lesson = format!(" {:02} {}", lesson.number, lesson.meta.title);
    let place = format!("  {step}/{steps}  ");
    let width = usize::from(area.width);
    let used = |line: &Line| line.width();
    let mut line = Line {
        spans: vec![
            Span::new(visible(&lesson), Role::Dim),
            Span::new(place, Role::Label),
            Span::new(visible(&model.step().meta.title), Role::Heading),
        ],
    };
    // The title of the lesson gives way to that of the step.
    if used(&line) + mark.chars().count() > width {
        line.spans[0] = Span::new(format!(" {:02}", model.lesson().number), Role::Dim);
    }
    let room = width.saturating_sub(mark.chars().count());
    if used(&line) > room {
        let head = used(&line)
            - Line {
                spans: vec![line.spans[2].clone()],
            }
            .width();
        line.spans[2].text = shortened(&line.spans[2].text, room.saturating_sub(head));
    }
    frame.render_widget(styled(model, &line), area);
    let mark = text::Line::styled(mark, part(model, Part::Key)).right_aligned();
    if !mark.spans.is_empty() {
        let width = mark.width() as u16;
        let right = Rect {
            x: area.right().saturating_sub(width),
            width: width.min(area.width),
            ..area
        };
        frame.render_widget(mark, right);
    }
}

/// The text with `…` in place of what doesn't fit; the explanation has it whole
/// in the outline.
fn shortened(text: &str, width: usize) -> String {
    use unicode_segmentation::UnicodeSegmentation;
    let mut out = String::new();
    for cluster in text.graphemes(true) {
        let longer = format!("{out}{cluster}…");
        if Line::of(longer.as_str(), Role::Body).width() > width {
            break;
        }
        out.push_str(cluster);
    }
    out + "…"
}

/// The keys that apply now, as many as fit; `?` shows them all.
pub(super) fn footer(model: &Model, frame: &mut Frame, area: Rect) {
    let context = keymap::context(model);
    let mut hints: Vec<(&str, &str)> = Vec::new();
    for binding in keymap::applying(model, context) {
        let taken = hints.iter().any(|(key, _)| *key == binding.shown);
        if !binding.hint.is_empty() && !taken {
            hints.push((binding.shown, binding.hint));
        }
    }
    let last: &[(&str, &str)] = match context {
        keymap::Context::Panes => &[("?", "all keys"), ("q", "quit")],
        keymap::Context::List | keymap::Context::Ask | keymap::Context::Read => &[],
    };
    let size = |hint: &(&str, &str)| hint.0.chars().count() + 1 + hint.1.chars().count() + 3;
    let mut room = usize::from(area.width).saturating_sub(1 + last.iter().map(size).sum::<usize>());
    let mut spans = vec![text::Span::raw(" ")];
    let fitting = hints.iter().take_while(|hint| {
        let fits = size(hint) <= room;
        room = room.saturating_sub(size(hint));
        fits
    });
    for (key, what) in fitting.chain(last) {
        spans.push(text::Span::styled(
            (*key).to_string(),
            part(model, Part::Key),
        ));
        spans.push(text::Span::styled(
            format!(" {what}   "),
            part(model, Part::Bar),
        ));
    }
    frame.render_widget(text::Line::from(spans), area);
}
