//! The form of the file: docs/progress.md. What this version doesn't know is kept as
//! it is (`more`), so that a later one may add to it without another number.

use super::error::Error;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The version that this program writes. Another one only when what is there means
/// something else.
pub const VERSION: u64 = 1;

/// More than all that a learner could do.
pub(super) const LARGEST: u64 = 1 << 20;

/// All of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Progress {
    /// The version of this form.
    pub version: u64,
    /// What holds in all packs.
    #[serde(default)]
    pub settings: Settings,
    /// By the ids of the packs.
    #[serde(default)]
    pub packs: BTreeMap<String, Pack>,
    /// What a later version added.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// What the learner chose for the screen.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Settings {
    /// The colours: `dark`, `light`, `high-contrast`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub theme: Option<String>,
    /// Sources are shown.
    pub sources: bool,
    /// Claims are shown one by one.
    pub claims: bool,
    /// What a later version added.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// The way through one pack.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Pack {
    /// The id of the step that was open last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// The tab that was shown there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tab: Option<String>,
    /// The route that was taken; none is all steps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// By the ids of the steps.
    pub steps: BTreeMap<String, Step>,
    /// What a later version added.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// What was done with one step.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Step {
    /// It was opened.
    pub seen: bool,
    /// Its demo went to its end here, and its claims held.
    pub done: bool,
    /// The values that were turned, by the names of the knobs.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub knobs: BTreeMap<String, Value>,
    /// What was predicted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub predicted: Option<Said>,
    /// What was answered in its quiz, one after the other.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub quiz: Vec<Said>,
    /// What a later version added: hints that were taken, points of an exercise.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// An answer, and what the kernel said to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Said {
    /// What was said.
    pub answer: Answer,
    /// Whether it was so; absent where nothing was observed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub right: Option<bool>,
}

/// What was said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// The text of the choice.
    Choice(String),
    /// A number.
    Number(i64),
    /// Nothing: the learner went on without.
    Skipped,
}

impl Default for Progress {
    fn default() -> Self {
        Progress {
            version: VERSION,
            settings: Settings::default(),
            packs: BTreeMap::new(),
            more: Map::new(),
        }
    }
}

impl Progress {
    /// Reads what [`Progress::to_bytes`] has written.
    ///
    /// # Errors
    /// [`Error::Newer`] for one of a later version, [`Error::Damaged`] for all else.
    pub fn from_bytes(bytes: &[u8]) -> Result<Progress, Error> {
        let damaged = |error: serde_json::Error| Error::Damaged(format!("it is damaged: {error}"));
        if bytes.len() as u64 > LARGEST {
            return Err(Error::Damaged("it is larger than 1 MiB".into()));
        }
        let whole: Value = serde_json::from_slice(bytes).map_err(damaged)?;
        match whole.get("version").and_then(Value::as_u64) {
            Some(VERSION) => serde_json::from_value(whole).map_err(damaged),
            Some(version) if version > VERSION => Err(Error::Newer {
                version,
                known: VERSION,
            }),
            Some(_) | None => Err(Error::Damaged("it is damaged: it has no version".into())),
        }
    }

    /// The file's text.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_kept() {
        let text =
            br#"{"version":1,"later":[1],"settings":{"big":true},"packs":{"p":{"bookmark":"x",
            "steps":{"s":{"seen":true,"hints":3,"predicted":{"answer":{"choice":"a"},"right":true},
            "quiz":[{"answer":"skipped"},{"answer":{"number":-7}}]}}}}}"#;
        let read = Progress::from_bytes(text).unwrap();
        let step = &read.packs["p"].steps["s"];
        assert_eq!(step.more["hints"], 3);
        assert_eq!(step.quiz[1].answer, Answer::Number(-7));
        let again: Value = serde_json::from_slice(&read.to_bytes()).unwrap();
        assert_eq!(again["later"][0], 1);
        assert_eq!(again["settings"]["big"], true);
        assert_eq!(again["packs"]["p"]["bookmark"], "x");
        assert_eq!(again["packs"]["p"]["steps"]["s"]["hints"], 3);
        assert_eq!(Progress::from_bytes(&read.to_bytes()).unwrap(), read);
    }

    #[test]
    fn anything_else_is_damaged_and_a_later_version_is_newer() {
        let whole = Progress::default().to_bytes();
        for cut in 0..whole.len() - 2 {
            let read = Progress::from_bytes(&whole[..cut]);
            assert!(matches!(read, Err(Error::Damaged(_))), "{cut}");
        }
        for text in [
            "{}",
            "[]",
            "null",
            r#"{"version":"1"}"#,
            r#"{"version":0}"#,
            "\0\0\0",
            r#"{"version":1,"packs":[]}"#,
            r#"{"version":1,"packs":{"p":{"steps":{"s":{"seen":7}}}}}"#,
        ] {
            let read = Progress::from_bytes(text.as_bytes());
            assert!(matches!(read, Err(Error::Damaged(_))), "{text}");
        }
        let read = Progress::from_bytes(br#"{"version":2,"packs":7}"#);
        assert!(matches!(read, Err(Error::Newer { version: 2, .. })));
        let large = vec![b' '; LARGEST as usize + 1];
        assert!(matches!(
            Progress::from_bytes(&large),
            Err(Error::Damaged(_))
        ));
    }
}
