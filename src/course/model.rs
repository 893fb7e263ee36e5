//! The model: a course of lessons of steps.

use super::blocks::Blocks;
use super::demo::{Demo, Scenario};
use super::document::Document;
use super::meta::{BUILT_IN, LessonMeta, PackMeta, Quiz, Route, StepId, StepMeta};
use crate::plan::Event;
use std::path::PathBuf;

/// Where a course comes from, which decides whether it is trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Shipped in the binary.
    Embedded,
    /// A directory given by the user: its demos need the user's approval.
    Disk(PathBuf),
}

/// A pack of lessons that has passed lint.
#[derive(Debug, Clone, PartialEq)]
pub struct Course {
    /// Where it comes from.
    pub origin: Origin,
    /// In the order of their folders' names.
    pub lessons: Vec<Lesson>,
    /// `pack.toml`; its defaults where there is none.
    pub meta: PackMeta,
}

/// One folder of a pack.
#[derive(Debug, Clone, PartialEq)]
pub struct Lesson {
    /// The folder's number: 1 for `01-namespaces`.
    pub number: u32,
    /// The folder's name after the number: `namespaces`.
    pub name: String,
    /// `lesson.toml`.
    pub meta: LessonMeta,
    /// In the order of their files' names.
    pub steps: Vec<Step>,
}

/// One Markdown file of a lesson.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// The file, relative to the pack: `01-namespaces/03-uts.md`.
    pub file: PathBuf,
    /// The file's number: 3 for `03-uts.md`.
    pub number: u32,
    /// The front matter.
    pub meta: StepMeta,
    /// The explanation before the observation: everything that isn't one of the
    /// parts below.
    pub prose: Document,
    /// What follows `<!-- result -->`: shown with an observation, a recording or
    /// a refusal.
    pub result: Document,
    /// What stands under the heading `## By hand`.
    pub by_hand: Document,
    /// What stands under the heading `## In Docker`.
    pub in_docker: Document,
    /// The speaker's notes, `<!-- note: … -->`.
    pub notes: Vec<String>,
    /// The blocks of data.
    pub(crate) blocks: Blocks,
}

impl Step {
    /// The block `demo`, if there is one.
    pub fn demo(&self) -> Option<&Demo> {
        self.blocks.parts().demo.as_ref()
    }

    /// Whether there is one, without reading it.
    pub fn has_demo(&self) -> bool {
        self.blocks.has_demo
    }

    /// The block `quiz`, if there is one; judged by the demo's observations.
    pub fn quiz(&self) -> Option<&Quiz> {
        self.blocks.parts().quiz.as_ref()
    }

    /// Whether there is one, without reading it.
    pub fn has_quiz(&self) -> bool {
        self.blocks.has_quiz
    }

    /// The step with these blocks, whatever it had.
    #[cfg(test)]
    pub(crate) fn with(mut self, demo: Option<Demo>, quiz: Option<Quiz>) -> Step {
        let recorded = None;
        self.blocks = super::blocks::Parts {
            demo,
            quiz,
            recorded,
        }
        .into();
        self
    }

    /// What was recorded of this scenario on another kernel; a recording shows
    /// the knobs at their starts.
    pub fn recorded_events(&self, scenario: &Scenario) -> &[Event] {
        let at_start = self.demo().is_some_and(|demo| {
            let knobs = demo.knobs.iter().zip(&scenario.knobs);
            knobs
                .into_iter()
                .all(|(knob, (_, value))| knob.start() == value)
        });
        match &self.blocks.parts().recorded {
            Some(recording) if at_start => &recording.events,
            Some(_) | None => &[],
        }
    }
}

impl Course {
    /// The name that progress goes by: that of the pack, or else where it lies.
    pub fn id(&self) -> String {
        match (&self.origin, &self.meta.id) {
            (Origin::Embedded, _) => BUILT_IN.into(),
            (Origin::Disk(_), Some(id)) => id.0.clone(),
            (Origin::Disk(dir), None) => {
                let real = dir.canonicalize().unwrap_or_else(|_| dir.clone());
                real.display().to_string()
            }
        }
    }

    /// The steps of a route with their lessons, in its order.
    pub fn stations(&self, route: &Route) -> Vec<(&Lesson, &Step)> {
        let find = |id: &StepId| self.steps().find(|(_, step)| step.meta.id == *id);
        match route.steps.is_empty() {
            true => self.steps().collect(),
            false => route.steps.iter().filter_map(find).collect(),
        }
    }

    /// Every step with its lesson, in reading order.
    pub fn steps(&self) -> impl Iterator<Item = (&Lesson, &Step)> {
        self.lessons
            .iter()
            .flat_map(|lesson| lesson.steps.iter().map(move |step| (lesson, step)))
    }

    /// The steps that a word on the command line means: a step's id (`uts`), a
    /// lesson's number or folder (`01`, `1`, `namespaces`, `01-namespaces`), or
    /// both with a slash or dot (`01/3`, `1.3`, `namespaces/uts`).
    pub fn select(&self, word: &str) -> Vec<(&Lesson, &Step)> {
        let lesson_is = |lesson: &Lesson, name: &str| {
            name.parse() == Ok(lesson.number)
                || name == lesson.name
                || name == format!("{:02}-{}", lesson.number, lesson.name)
        };
        let by_id: Vec<_> = self
            .steps()
            .filter(|(_, step)| step.meta.id.0 == word)
            .collect();
        if !by_id.is_empty() {
            return by_id;
        }
        let (name, step) = match word.split_once(['/', '.']) {
            Some((name, step)) => (name, Some(step)),
            None => (word, None),
        };
        self.steps()
            .filter(|(l, s)| {
                lesson_is(l, name)
                    && step.is_none_or(|step| step.parse() == Ok(s.number) || step == s.meta.id.0)
            })
            .collect()
    }
}
