//! Which course, and which of its steps the words on the command line mean.

use super::failure::Failure;
use crate::base::{Diagnostic, Severity, nearest};
use crate::course::{self, Course, KnobValues, Lesson, Route, Scenario, Step};
use std::path::Path;

/// The course: the built-in one, or the pack in a directory.
pub(crate) fn load(lessons: Option<&Path>) -> Result<Course, Failure> {
    match lessons {
        None => {
            course::embedded().map_err(|mistakes| unusable("the built-in pack", None, &mistakes))
        }
        Some(path) => course::load(path).map_err(|mistakes| {
            let name = format!("the lesson pack in {}", path.display());
            unusable(&name, Some(path), &mistakes)
        }),
    }
}

/// A pack that can't be loaded: the first mistake, how many, and how to see all.
fn unusable(name: &str, path: Option<&Path>, mistakes: &[Diagnostic]) -> Failure {
    let errors = mistakes
        .iter()
        .filter(|mistake| mistake.severity == Severity::Error);
    let count = errors.clone().count();
    let place = |mistake: &Diagnostic| match mistake.span {
        Some(_) => format!(
            "{}:{}:{}: ",
            mistake.file.display(),
            mistake.line,
            mistake.column
        ),
        None => format!("{}: ", mistake.file.display()),
    };
    let first = errors.clone().next();
    let first = first.map_or_else(String::new, |mistake| {
        format!(": {}{}", place(mistake), mistake.message)
    });
    let argument = path.map_or_else(String::new, |path| format!(" {}", path.display()));
    Failure::input(format!("{name} can't be used{first}")).hint(format!(
        "glassbox lint{argument} shows every mistake ({count})"
    ))
}

/// The one step that a word means.
pub(crate) fn one_step<'a>(
    course: &'a Course,
    word: &str,
) -> Result<(&'a Lesson, &'a Step), Failure> {
    match some_steps(course, word)?.as_slice() {
        [one] => Ok(*one),
        several => {
            let ids: Vec<&str> = several
                .iter()
                .map(|(_, step)| step.meta.id.0.as_str())
                .collect();
            Err(
                Failure::input(format!("`{word}` means {} steps", several.len()))
                    .hint(format!("name one of them: {}", ids.join(", "))),
            )
        }
    }
}

/// A step whose demo is about to run.
pub(crate) struct Chosen<'a> {
    /// Its lesson.
    pub(crate) lesson: &'a Lesson,
    /// The step.
    pub(crate) step: &'a Step,
    /// Its demo, with the knobs at their start.
    pub(crate) scenario: Scenario,
}

impl Chosen<'_> {
    /// `01/03 uts`
    pub(crate) fn label(&self) -> String {
        label(self.lesson, self.step)
    }
}

/// How a step is called in the output of every command: `01/03 uts`.
pub(crate) fn label(lesson: &Lesson, step: &Step) -> String {
    format!("{:02}/{:02} {}", lesson.number, step.number, step.meta.id)
}

/// The demos of the steps that the words mean, in reading order and each once;
/// all of them without a word.
pub(crate) fn demos<'a>(course: &'a Course, words: &[String]) -> Result<Vec<Chosen<'a>>, Failure> {
    let mut wanted = Vec::new();
    for word in words {
        wanted.extend(
            some_steps(course, word)?
                .into_iter()
                .map(|(_, step)| &step.meta.id),
        );
    }
    let mut chosen = Vec::new();
    for (lesson, step) in course.steps() {
        let Some(demo) = step.demo() else { continue };
        if words.is_empty() || wanted.contains(&&step.meta.id) {
            let scenario = demo
                .scenario(&KnobValues::new())
                .map_err(|error| Failure::input(format!("{}: {error}", label(lesson, step))))?;
            chosen.push(Chosen {
                lesson,
                step,
                scenario,
            });
        }
    }
    if chosen.is_empty() {
        return Err(Failure::input("none of these steps has a demo")
            .hint("glassbox list shows which steps have one"));
    }
    Ok(chosen)
}

/// The route of that name.
pub(crate) fn route<'a>(course: &'a Course, name: &str) -> Result<&'a Route, Failure> {
    course.meta.route(name).ok_or_else(|| {
        let names = course.meta.path.iter().map(|route| route.name.as_str());
        let all: Vec<&str> = names.clone().collect();
        let failure = Failure::input(format!("this course has no path `{name}`"));
        match all.is_empty() {
            true => failure.hint("it names none: leave --path out"),
            false => failure
                .did_you_mean(nearest(name, names))
                .hint(format!("it has: {}", all.join(", "))),
        }
    })
}

/// The steps that a word means; at least one.
pub(crate) fn some_steps<'a>(
    course: &'a Course,
    word: &str,
) -> Result<Vec<(&'a Lesson, &'a Step)>, Failure> {
    let found = course.select(word);
    if !found.is_empty() {
        return Ok(found);
    }
    let names = course
        .lessons
        .iter()
        .map(|lesson| lesson.name.as_str())
        .chain(course.steps().map(|(_, step)| step.meta.id.0.as_str()));
    Err(
        Failure::input(format!("there is no step or lesson `{word}`"))
            .did_you_mean(nearest(word, names))
            .hint("glassbox list shows them all"),
    )
}
