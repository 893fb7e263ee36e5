//! The claims and the questions that a lesson makes, and what judges them.

use crate::plan::FactRef;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A claim about the kernel, and the test that it must stand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Expectation {
    /// The claim in one sentence, as the learner reads it.
    pub claim: String,
    /// The test.
    pub when: Test,
    /// What must stand beside it, where one comparison doesn't say all of the claim.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub and: Vec<Test>,
    /// The fact is one that not every kernel has: where it is unavailable, the
    /// claim is shown with the reason and fails nothing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub missing_ok: bool,
    /// Why no change of the demo makes it false, such as that this would have to reach
    /// the machine itself. `verify --mutate` tells it instead of a survivor, for 3 %
    /// of a pack's claims at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holds_anyway: Option<String>,
}

/// A test of one fact: `{ fact = "box/pid", is = 1 }`. Exactly one comparison.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Test {
    /// The fact that is looked at.
    pub fact: FactRef,
    /// Equal to this value. Sizes and durations are written with their unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is: Option<Literal>,
    /// Different from this value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_not: Option<Literal>,
    /// Equal to another fact (`plus` and `within` make it approximate).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub same_as: Option<FactRef>,
    /// Different from another fact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub differs_from: Option<FactRef>,
    /// A number at least this large.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<Literal>,
    /// A number at most this large.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<Literal>,
    /// A number smaller than that of another fact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub less_than: Option<FactRef>,
    /// A list that has this item, or a text that has this part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contains: Option<String>,
    /// A list or a text without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lacks: Option<String>,
    /// With `same-as`: added to the other fact before comparing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plus: Option<Literal>,
    /// With `same-as`: the other fact is multiplied by this first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<i64>,
    /// With `same-as`: how far apart the two may lie, in the fact's unit or in
    /// percent of what is expected (`15%`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<Literal>,
}

impl Expectation {
    /// All that must stand.
    pub fn tests(&self) -> impl Iterator<Item = &Test> {
        std::iter::once(&self.when).chain(&self.and)
    }
}

impl Test {
    /// Every fact that it looks at.
    pub fn facts(&self) -> impl Iterator<Item = &FactRef> {
        let others = [&self.same_as, &self.differs_from, &self.less_than];
        std::iter::once(&self.fact).chain(others.into_iter().flatten())
    }

    /// The same test of other facts.
    pub fn about(&self, other: impl Fn(&FactRef) -> FactRef) -> Test {
        Test {
            fact: other(&self.fact),
            same_as: self.same_as.as_ref().map(&other),
            differs_from: self.differs_from.as_ref().map(&other),
            less_than: self.less_than.as_ref().map(&other),
            ..self.clone()
        }
    }
}

/// A value as an author writes it; text is read in the unit of the fact that
/// it is compared with (`10d`, `64MiB`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Literal {
    /// `true`, `false`.
    Flag(bool),
    /// A whole number.
    Number(i64),
    /// Text, a size or a duration.
    Text(String),
    /// A list of names.
    List(Vec<String>),
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Literal::Flag(flag) => flag.fmt(f),
            Literal::Number(number) => number.fmt(f),
            Literal::Text(text) => write!(f, "`{text}`"),
            Literal::List(names) => write!(f, "`{}`", names.join("`, `")),
        }
    }
}

/// A question with choices; the right one is found by observation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Question {
    /// The question.
    pub ask: String,
    /// At least two choices; exactly one test may hold. Not with `number`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub choice: Vec<Choice>,
    /// The answer is this fact, a number that the learner types. Not with `choice`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<FactRef>,
    /// Said after the comparison, whatever the learner chose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub then: Option<String>,
    /// In a quiz: the id of the step to look at again, for whoever was wrong. That of
    /// a prediction is its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub see: Option<String>,
}

/// One possible answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Choice {
    /// The answer.
    pub text: String,
    /// Holds exactly when this answer is right.
    pub when: Test,
    /// Said to whoever chose it where it is wrong: what would have to be so for
    /// it to be true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
}

/// The judgement of one test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "verdict")]
pub enum Verdict {
    /// It stands.
    Holds {
        /// What was observed, as shown.
        actual: String,
    },
    /// It does not.
    Fails {
        /// What the lesson says.
        expected: String,
        /// What was observed.
        actual: String,
    },
    /// It can't be judged: the fact is missing or unavailable.
    Unknown {
        /// Why.
        because: String,
    },
}

impl Verdict {
    /// Whether the test stands.
    pub fn holds(&self) -> bool {
        matches!(self, Verdict::Holds { .. })
    }
}
