//! The header says where the learner is; the footer which keys apply now.

use super::look::{part, styled};
use crate::render::{Line, Role, Span, visible};
use crate::session::Outcome;
use crate::tui::keymap;
use crate::tui::model::Model;
use crate::tui::theme::Part;
use crate::tui::way::Showing;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text;

/// Lesson, step and title.
pub(super) fn header(model: &Model, frame: &mut Frame, area: Rect) {
    let (step, steps) = model.position();
    let lesson = model.lesson();
    let mark = mark(model);
    let lesson = format!(" {:02} {}", lesson.number, lesson.meta.title);
    let place = format!("  {step}/{steps}  ");
    // For a room, the title alone.
    let (lesson, place) = match model.screen.big {
        true => (" ".to_string(), String::new()),
        false => (lesson, place),
    };
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
    let mark = text::Line::styled(mark.as_str(), part(model, Part::Key)).right_aligned();
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

/// How far the demo is: `●` while its boxes stand.
fn mark(model: &Model) -> String {
    let all = model.beat_count();
    let beat = |beat: usize| format!("beat {} of {all} ", beat + 1);
    match (model.showing(), model.busy()) {
        (Showing::Beat(at), true) if model.paused().is_some() && at == model.newest() => {
            format!("‖ {}", beat(at))
        }
        (Showing::Beat(at), true) => format!("● {}", beat(at)),
        (Showing::Beat(at), false) => format!("recorded: {}", beat(at)),
        (Showing::Nothing | Showing::Verdict, true) => "● running ".into(),
        (Showing::Nothing | Showing::Verdict, false) if !model.settings.mouse => {
            "mouse selects text ".into()
        }
        (Showing::Verdict, false) => verdict(model),
        (Showing::Nothing, false) => length(model),
    }
}

/// The route, if one is followed, and how long the step takes.
fn length(model: &Model) -> String {
    let route = model.route().filter(|_| model.is_on_route(model.at));
    let minutes = model.step().meta.minutes;
    let parts = route.map(|route| visible(&route.name)).into_iter();
    let parts = parts.chain(minutes.map(|minutes| format!("{minutes} min")));
    let parts: Vec<String> = parts.collect();
    match parts.is_empty() {
        true => String::new(),
        false => format!("{} ", parts.join(" · ")),
    }
}

/// The sum of the claims.
fn verdict(model: &Model) -> String {
    let Some(record) = &model.state().record else {
        return String::new();
    };
    let hold = record
        .verdicts
        .iter()
        .filter(|verdict| verdict.holds())
        .count();
    match &record.outcome {
        Outcome::Passed if hold == 1 => "✓ 1 claim holds ".into(),
        Outcome::Passed => format!("✓ {hold} claims hold "),
        Outcome::Failed => format!("✗ {hold} of {} claims hold ", record.verdicts.len()),
        Outcome::Skipped(_) => "! not on this host ".into(),
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
    let mut spans = vec![text::Span::raw(" ")];
    for hint in keymap::hints(model, usize::from(area.width)) {
        let key = hint.key.to_string();
        spans.push(text::Span::styled(key, part(model, Part::Key)));
        let what = format!(" {}   ", hint.what);
        spans.push(text::Span::styled(what, part(model, Part::Bar)));
    }
    frame.render_widget(text::Line::from(spans), area);
}
