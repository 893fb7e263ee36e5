//! `glassbox list`: lessons and steps.

use super::failure::{Exit, Failure};
use super::pack;
use super::printer::{Printer, Tone, visible};
use crate::course::{Course, Lesson, Route, Step};
use serde_json::{Value, json};
use std::io::Write;

/// Lists the course, or one of its routes.
pub(crate) fn list(
    course: &Course,
    path: Option<&str>,
    json: bool,
    out: &mut Printer,
) -> Result<Exit, Failure> {
    let route = path.map(|name| pack::route(course, name)).transpose()?;
    match (json, route) {
        (true, route) => {
            let lessons: Vec<Value> = course.lessons.iter().map(lesson_json).collect();
            let routes = course.meta.path.iter();
            let routes = routes.filter(|it| route.is_none_or(|route| route == *it));
            let routes: Vec<Value> = routes.map(|it| route_json(course, it)).collect();
            out.json(&json!({ "lessons": lessons, "paths": routes }))?;
        }
        (false, Some(route)) => one_route(course, route, out)?,
        (false, None) => all(course, out)?,
    }
    Ok(Exit::Well)
}

fn all(course: &Course, out: &mut Printer) -> Result<(), Failure> {
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
            line(course, lesson, step, out)?;
        }
    }
    if !course.meta.path.is_empty() {
        writeln!(out)?;
    }
    for route in &course.meta.path {
        let title = out.paint(Tone::Label, &visible(&route.title));
        let (steps, minutes) = sum(course, route);
        let name = visible(&route.name);
        writeln!(
            out,
            "--path {name}  {title}  ({steps} steps, {minutes} min)"
        )?;
    }
    Ok(())
}

fn one_route(course: &Course, route: &Route, out: &mut Printer) -> Result<(), Failure> {
    let title = out.paint(Tone::Label, &visible(&route.title));
    writeln!(out, "{}  {title}", visible(&route.name))?;
    for (lesson, step) in course.stations(route) {
        line(course, lesson, step, out)?;
    }
    let (steps, minutes) = sum(course, route);
    writeln!(out, "{steps} steps, {minutes} min")?;
    Ok(())
}

/// How many steps a route has, and how long they take together.
fn sum(course: &Course, route: &Route) -> (usize, u32) {
    let stations = course.stations(route);
    let minutes = stations.iter().filter_map(|(_, step)| step.meta.minutes);
    (stations.len(), minutes.sum())
}

/// A step in a line.
fn line(course: &Course, lesson: &Lesson, step: &Step, out: &mut Printer) -> Result<(), Failure> {
    let widths = course.steps().map(|(_, step)| step.meta.id.0.len());
    let width = widths.max().unwrap_or(0);
    let marks = out.paint(Tone::Dim, &marks(step));
    let line = format!(
        "  {:02}/{:02}  {:width$}  {}{marks}",
        lesson.number,
        step.number,
        step.meta.id.0,
        visible(&step.meta.title)
    );
    Ok(writeln!(out, "{line}")?)
}

fn route_json(course: &Course, route: &Route) -> Value {
    let stations = course.stations(route);
    let steps = stations.iter().map(|(_, step)| &step.meta.id);
    json!({
        "name": route.name,
        "title": route.title,
        "minutes": sum(course, route).1,
        "steps": steps.collect::<Vec<_>>(),
    })
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
