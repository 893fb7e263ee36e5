//! What is wrong with a plan, and as much of a plan as could be read.

use crate::plan::action::{Action, BoxSpec};
use crate::plan::cgroup::CgroupSpec;
use crate::plan::fact::BoxName;
use std::fmt;

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
    pub(super) fn new(
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
    pub(super) fn of_key(
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

pub(super) fn path(parts: &[&str]) -> Vec<String> {
    parts.iter().map(ToString::to_string).collect()
}

/// A path that goes on.
pub(super) fn below(at: &[String], parts: &[&str]) -> Vec<String> {
    at.iter().cloned().chain(path(parts)).collect()
}

/// Text of the plan's within a message: whole, on one line and not too long.
pub(super) fn shown(text: &str) -> String {
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
