//! The page at the end of a lesson or of the course.

use crate::render::{Role, Span};
use crate::tui::model::Model;
use crate::tui::popup::{End, Popup};
use crate::tui::rows::{Row, signed, text};

/// Its lines. The first entry goes on: it stands above what may be long.
pub(super) fn page(popup: &Popup, model: &Model, end: &End, width: usize) -> Vec<Row> {
    let mut rows = Vec::new();
    let lessons = model.course.lessons.iter();
    for lesson in lessons.filter(|lesson| end.whole || lesson.number == model.lesson().number) {
        if end.whole {
            let title = format!("{:02} {}", lesson.number, lesson.meta.title);
            rows.extend(text(title, Role::Label, width));
        }
        let lock = [Span::new(&lesson.meta.lock, Role::Strong)];
        rows.extend(signed("▎ ", &lock, width, None));
    }
    rows.push(Row::default());
    rows.extend(text(sum(end), Role::Body, width));
    if end.whole {
        rows.extend(text(sitting(model), Role::Dim, width));
    }
    rows.push(Row::default());
    let onward = [Span::new(onward(model, end), Role::Body)];
    rows.extend(popup.entry(0, Span::default(), &onward, width));
    if !end.again.is_empty() {
        rows.push(Row::default());
        rows.extend(text("Missed; Enter looks again:", Role::Label, width));
    }
    for (index, again) in end.again.iter().enumerate() {
        let (lesson, step) = (model.lesson_at(again.place), model.step_at(again.place));
        let place = format!("{:02}/{} {}", lesson.number, step.number, step.meta.title);
        let question = match again.question.as_str() {
            "" => String::new(),
            question => format!("  {question}"),
        };
        let spans = [
            Span::new(place, Role::Body),
            Span::new(question, Role::Dim),
            Span::new(format!("  You said: {}", again.said), Role::Dim),
        ];
        rows.extend(popup.entry(index + 1, Span::default(), &spans, width));
    }
    rows
}

/// What was done and right.
fn sum(end: &End) -> String {
    let done = format!("{} of {} steps done here", end.done, end.steps);
    match end.judged {
        0 => format!("{done}; nothing was predicted or answered."),
        judged => format!("{done}; {} of {judged} answers right.", end.right),
    }
}

/// What the kernel was asked in this sitting.
fn sitting(model: &Model) -> String {
    let records = model
        .states
        .iter()
        .filter_map(|state| state.record.as_ref());
    let demos = records.clone().count();
    let verdicts = records.flat_map(|record| &record.verdicts);
    let held = verdicts.filter(|verdict| verdict.holds()).count();
    format!(
        "In this sitting {demos} demos ran on this machine's kernel, and {held} claims held. \
         glassbox progress export FILE takes your answers along; glassbox explain shows the \
         same things of your own containers."
    )
}

fn onward(model: &Model, end: &End) -> String {
    match (end.whole, model.beside(true)) {
        (false, Some(next)) => {
            let lesson = model.lesson_at(next);
            format!("Go on to {:02} {}", lesson.number, lesson.meta.title)
        }
        (false, None) => "Go on to the end of the course".into(),
        (true, _) if model.route().is_some() => {
            "Stay here. glassbox --path deep leads through every step; o opens any.".into()
        }
        (true, _) => "Stay here; o opens any step.".into(),
    }
}
