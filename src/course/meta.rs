//! The tables of a pack that are TOML, but for demos: `pack.toml`, `lesson.toml`, a
//! step's front matter, and its quiz.

use crate::check::Question;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A stable name that progress and links use; it survives renaming the file:
/// lowercase letters, digits and `-`. Unique in a course.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(transparent)]
pub struct StepId(#[schemars(regex(pattern = r"^[a-z][a-z0-9-]*$"))] pub String);

/// The id of the built-in course.
pub(super) const BUILT_IN: &str = "glassbox";

/// `pack.toml`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct PackMeta {
    /// The stable name that progress goes by; if absent, it goes by where the pack
    /// lies.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<StepId>,
    /// The routes through its steps.
    pub path: Vec<Route>,
}

/// A route through the steps of a pack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Route {
    /// What `--path` calls it.
    pub name: String,
    /// What it is for.
    pub title: String,
    /// The ids of its steps, in its order; if absent, all of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<StepId>,
}

/// `lesson.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct LessonMeta {
    /// The lesson's title.
    pub title: String,
    /// What the learner will have seen, in one or two sentences.
    pub summary: String,
    /// The one-line lock: the sentence to remember.
    pub lock: String,
    /// How long it takes, in minutes.
    pub minutes: u32,
}

/// The front matter of a step's Markdown file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct StepMeta {
    /// The stable name.
    pub id: StepId,
    /// The step's title.
    pub title: String,
    /// How long it takes, in minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minutes: Option<u32>,
}

/// A fenced `quiz` block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Quiz {
    /// The questions, in order.
    pub question: Vec<Question>,
}

impl fmt::Display for StepId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
