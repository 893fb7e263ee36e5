//! A plan that can be carried out: [`Plan::check`] is the one way to it, and a
//! [`Checked`] plan the one thing that the sandbox accepts.
//!
//! Whoever reads plans that people write wants every flaw, in as much as could
//! be read, with the place where it stands: that is [`Draft::flaws`], the same
//! rules and the same words. Nothing here looks at the host: a flaw is what no
//! host can do, or none should be asked to. Ranges are the kernel's as it
//! documents them; budgets are what a learner's machine bears beside its work.

mod actions;
mod boxes;
mod budget;
mod groups;
mod limits;
mod values;

pub use limits::MOST_PARTS;

use super::{Action, BoxName, BoxSpec, CgroupSpec, Event, Plan, SetLimits, Verb};
use std::fmt;
use std::ops::Deref;

/// A plan without a flaw.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Checked(Plan);

/// Something that makes a plan one that can't be, or mustn't be, carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flaw {
    /// Its kind, the same for all of that kind.
    pub code: &'static str,
    /// Where it is: the keys and indices from the plan's top, as TOML has them.
    pub at: Vec<String>,
    /// Whether the key at the end of that path is meant, and not its value.
    pub key: bool,
    /// What is wrong.
    pub message: String,
    /// What was expected.
    pub help: String,
    /// The box that it mentions, if the flaw is that there is none of that name.
    pub undeclared: Option<BoxName>,
}

/// As much of a plan as could be read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Draft {
    /// Its cgroups.
    pub cgroups: Vec<Part<CgroupSpec>>,
    /// Its boxes.
    pub boxes: Vec<Part<BoxSpec>>,
    /// Its actions.
    pub actions: Vec<Part<Action>>,
}

/// A part of a plan: it, or what is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part<T> {
    /// It could be read.
    Read(T),
    /// It couldn't, which has been told. What it could be is never held against
    /// the rest.
    Unread {
        /// Its `name`, or its `as`.
        name: Option<String>,
        /// Its `in`.
        place: Option<String>,
        /// Its `of`.
        of: Option<String>,
    },
}

impl Plan {
    /// The plan, if it can be carried out.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn check(mut self) -> Result<Checked, Vec<Flaw>> {
        let read = Draft {
            cgroups: self.cgroups.iter().cloned().map(Part::Read).collect(),
            boxes: self.boxes.iter().cloned().map(Part::Read).collect(),
            actions: self.actions.iter().cloned().map(Part::Read).collect(),
        };
        let flaws = read.flaws();
        if !flaws.is_empty() {
            return Err(flaws);
        }
        for action in &mut self.actions {
            values::tidy(&mut action.verb);
        }
        Ok(Checked(self))
    }
}

impl Checked {
    /// The plan for somebody who sits in front of it: a `stage` waits for them,
    /// and a `watch` with a time for that takes it.
    pub fn attended(mut self) -> Checked {
        self.0.attended = true;
        for action in &mut self.0.actions {
            if let Verb::Watch(watch) = &mut action.verb {
                watch.time = watch.live.unwrap_or(watch.time);
            }
        }
        self
    }

    /// The plan with or without somebody whose word its stages await.
    pub fn with_stages(mut self, awaited: bool) -> Checked {
        self.0.attended = awaited;
        self
    }

    /// The plan that was checked, to be changed: then it is checked no more.
    pub fn into_plan(self) -> Plan {
        self.0
    }
}

impl Deref for Checked {
    type Target = Plan;
    fn deref(&self) -> &Plan {
        &self.0
    }
}

impl SetLimits {
    /// What is wrong with a change of limits, as such.
    pub fn flaws(&self) -> Vec<Flaw> {
        let mut flaws = Vec::new();
        limits::check(&self.limits, &path(&["limits"]), &mut flaws);
        flaws
    }
}

impl Draft {
    /// Everything that is wrong with it.
    pub fn flaws(&self) -> Vec<Flaw> {
        let mut flaws = Vec::new();
        for (key, length) in [
            ("cgroup", self.cgroups.len()),
            ("box", self.boxes.len()),
            ("action", self.actions.len()),
        ] {
            if length > MOST_PARTS {
                let message = format!("`{key}` is there {length} times");
                let help = format!("{MOST_PARTS} at most: nobody follows a longer demo");
                flaws.push(Flaw::of_key("too-many", path(&[key]), message, help));
            }
        }
        // What is too long to be followed is too long to be judged.
        if flaws.is_empty() {
            let groups = groups::check(&self.cgroups, &mut flaws);
            let boxes = boxes::check(&self.boxes, &groups, &mut flaws);
            actions::check(self, &groups, &boxes, &mut flaws);
            budget::check(&self.actions, &mut flaws);
        }
        flaws
    }
}

impl<T> Part<T> {
    /// It, if it could be read.
    pub fn read(&self) -> Option<&T> {
        match self {
            Part::Read(part) => Some(part),
            Part::Unread { .. } => None,
        }
    }
}

impl Flaw {
    fn new(
        code: &'static str,
        at: Vec<String>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Flaw {
        Flaw {
            code,
            at,
            key: false,
            message: message.into(),
            help: help.into(),
            undeclared: None,
        }
    }

    /// One of a key.
    fn of_key(
        code: &'static str,
        at: Vec<String>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Flaw {
        Flaw {
            key: true,
            ..Flaw::new(code, at, message, help)
        }
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.at.join("."), self.message, self.help)
    }
}

impl From<&[Flaw]> for Event {
    /// What a run says that was asked to carry out such a plan.
    fn from(flaws: &[Flaw]) -> Event {
        let told: Vec<String> = flaws.iter().map(Flaw::to_string).collect();
        Event::Broken {
            message: format!("the plan can't be carried out: {}", told.join(" · ")),
        }
    }
}

fn path(parts: &[&str]) -> Vec<String> {
    parts.iter().map(ToString::to_string).collect()
}

/// A path that goes on.
fn below(at: &[String], parts: &[&str]) -> Vec<String> {
    at.iter().cloned().chain(path(parts)).collect()
}

/// Text of the plan's within a message: whole, on one line and not too long.
fn shown(text: &str) -> String {
    const MOST: usize = 60;
    let short: String = text.chars().take(MOST).collect();
    let cut = if short.len() < text.len() { "…" } else { "" };
    let safe: String = short.chars().flat_map(escaped).collect();
    format!("`{safe}{cut}`")
}

fn escaped(c: char) -> Vec<char> {
    match c.is_control() {
        true => c.escape_default().collect(),
        false => vec![c],
    }
}

#[cfg(test)]
mod tests;
