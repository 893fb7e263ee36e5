//! `glassbox list`: lessons and steps.

use super::failure::{Exit, Failure};
use super::printer::{Printer, Tone, visible};
use crate::course::{Course, Lesson, Step};
use serde_json::{Value, json};
use std::io::Write;

/// Lists the course.
pub(crate) fn list(course: &Course, json: bool, out: &mut Printer) -> Result<Exit, Failure> {
    if json {
        let lessons: Vec<Value> = course.lessons.iter().map(lesson_json).collect();
        out.json(&json!({ "lessons": lessons }))?;
        return Ok(Exit::Well);
    }
    let width = course
        .steps()
        .map(|(_, step)| step.meta.id.0.len())
        .max()
        .unwrap_or(0);
    for (index, lesson) in course.lessons.iter().enumerate() {
        if index > 0 {
            writeln!(out)?;
        }
        let title = out.paint(Tone::Label, &visible(&lesson.meta.title));
        let minutes = lesson.meta.minutes;
        writeln!(
            out,
            "{:02} {}  {title}  ({minutes} min)",
            lesson.number, lesson.name
        )?;
        for step in &lesson.steps {
            let marks = marks(step);
            let marks = out.paint(Tone::Dim, &marks);
            let line = format!(
                "  {:02}/{:02}  {:width$}  {}{marks}",
                lesson.number,
                step.number,
                step.meta.id.0,
                visible(&step.meta.title)
            );
            writeln!(out, "{line}")?;
        }
    }
    Ok(Exit::Well)
}

/// What stands in brackets after a step's title.
fn marks(step: &Step) -> String {
    let mut marks = Vec::new();
    if let Some(minutes) = step.meta.minutes {
        marks.push(format!("{minutes} min"));
    }
    if step.has_demo() {
        marks.push("demo".into());
    }
    if step.has_quiz() {
        marks.push("quiz".into());
    }
    if marks.is_empty() {
        return String::new();
    }
    format!("  [{}]", marks.join(", "))
}

fn lesson_json(lesson: &Lesson) -> Value {
    json!({
        "number": lesson.number,
        "name": lesson.name,
        "title": lesson.meta.title,
        "summary": lesson.meta.summary,
        "lock": lesson.meta.lock,
        "minutes": lesson.meta.minutes,
        "steps": lesson.steps.iter().map(step_json).collect::<Vec<_>>(),
    })
}

fn step_json(step: &Step) -> Value {
    let knobs: Vec<Value> = step
        .demo()
        .into_iter()
        .flat_map(|demo| &demo.knobs)
        .map(|knob| {
            json!({
                "name": knob.name,
                "label": knob.label,
                "values": knob.values,
                "start": knob.start(),
            })
        })
        .collect();
    json!({
        "id": step.meta.id,
        "number": step.number,
        "title": step.meta.title,
        "minutes": step.meta.minutes,
        "demo": step.has_demo(),
        "quiz": step.has_quiz(),
        "knobs": knobs,
    })
}
