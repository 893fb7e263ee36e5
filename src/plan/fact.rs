//! Facts: what was seen, by whom, about whom, and where anyone can look again.

use super::value::Value;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::{fmt, str::FromStr};
use thiserror::Error;

/// The name of a box: lowercase letters, digits and `-`, starting with a letter.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BoxName(String);

/// Somewhere that a process can stand.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// The machine itself, outside of every box: written `host`.
    Host,
    /// Inside a box: written as its name.
    Box(BoxName),
}

/// Names one fact: `box/hostname` (seen inside), `host/hostname` (seen outside),
/// `host:box/pid` (seen from outside, about the box), each with an optional
/// `@moment`; without one the newest is meant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FactRef {
    /// Where the observer stood.
    pub seen_from: Place,
    /// The box looked at, when it isn't the observer's own place.
    pub about: Option<BoxName>,
    /// What was observed, such as `hostname` or `ns.uts`.
    pub name: String,
    /// The moment that the lesson gave a name to.
    pub moment: Option<String>,
}

/// Why a reference or a name could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RefError {
    /// Not a box's name.
    #[error(
        "`{0}` is not a box name: expected lowercase letters, digits and `-`, starting with a letter, 15 at most"
    )]
    BoxName(String),
    /// Not a reference.
    #[error("`{0}` is not a fact: expected `place/fact`, such as `box/hostname` or `host:box/pid`")]
    Shape(String),
}

/// What stands behind a value on the screen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "label")]
pub enum Provenance {
    /// This kernel, just now.
    Observed,
    /// Shipped with the course.
    Recorded {
        /// The kernel that it was recorded on, as uname(2) names it.
        kernel: String,
    },
    /// There is no value.
    Unavailable {
        /// Why, in the learner's words.
        because: String,
    },
}

/// One observation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    /// Which one; `moment` is set when the lesson named the moment.
    pub id: FactRef,
    /// What was seen; `None` exactly when it is unavailable.
    pub value: Option<Value>,
    /// The file or the call that anyone can use to look for themselves,
    /// such as `/proc/4892/ns/uts` or `uname(2)`.
    pub source: String,
    /// Observed, recorded or unavailable.
    pub provenance: Provenance,
}

impl BoxName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FactRef {
    /// Whether a reference means this fact: one without a moment means any.
    pub fn is_named_by(&self, reference: &FactRef) -> bool {
        self.seen_from == reference.seen_from
            && self.about == reference.about
            && self.name == reference.name
            && (reference.moment.is_none() || self.moment == reference.moment)
    }

    /// The path of a cgroup that a demo declares: the fact that it has for as
    /// long as it is there.
    pub fn group_path(group: &BoxName) -> FactRef {
        FactRef {
            seen_from: Place::Host,
            about: None,
            name: format!("{group}.path"),
            moment: None,
        }
    }
}

impl FromStr for BoxName {
    type Err = RefError;
    fn from_str(text: &str) -> Result<Self, RefError> {
        let shape = text.starts_with(|c: char| c.is_ascii_lowercase())
            && text.len() <= 15
            && text
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if shape && text != "host" {
            Ok(BoxName(text.into()))
        } else {
            Err(RefError::BoxName(text.into()))
        }
    }
}

impl FromStr for Place {
    type Err = RefError;
    fn from_str(text: &str) -> Result<Self, RefError> {
        match text {
            "host" => Ok(Place::Host),
            name => name.parse().map(Place::Box),
        }
    }
}

impl FromStr for FactRef {
    type Err = RefError;
    fn from_str(text: &str) -> Result<Self, RefError> {
        let shape = || RefError::Shape(text.into());
        let (place, rest) = text.split_once('/').ok_or_else(shape)?;
        let (seen_from, about) = match place.split_once(':') {
            Some((from, about)) => (from.parse()?, Some(about.parse()?)),
            None => (place.parse()?, None),
        };
        let (name, moment) = match rest.rsplit_once('@') {
            Some((name, moment)) => (name, Some(moment.to_string())),
            None => (rest, None),
        };
        let name = tidy(name);
        if name.is_empty() || moment.as_deref() == Some("") {
            return Err(shape());
        }
        Ok(FactRef {
            seen_from,
            about,
            name: name.into(),
            moment,
        })
    }
}

/// The name of a probe or a fact without the `/` behind a directory's path. Where
/// it can have a meaning (lstat(2) of a symbolic link), it stays.
pub(super) fn tidy(name: &str) -> &str {
    let directory = ["mount:/", "stack:/", "dir:/"]
        .into_iter()
        .find(|start| name.starts_with(start));
    directory.map_or(name, |start| {
        &name[..name.trim_end_matches('/').len().max(start.len())]
    })
}

impl fmt::Display for BoxName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Host => f.write_str("host"),
            Place::Box(name) => name.fmt(f),
        }
    }
}

impl fmt::Display for FactRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.seen_from)?;
        if let Some(about) = &self.about {
            write!(f, ":{about}")?;
        }
        write!(f, "/{}", self.name)?;
        match &self.moment {
            Some(moment) => write!(f, "@{moment}"),
            None => Ok(()),
        }
    }
}

/// The types that are one word of text in TOML and on the wire.
macro_rules! as_text {
    ($name:ident, $pattern:literal) => {
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                String::deserialize(d)?.parse().map_err(de::Error::custom)
            }
        }
        impl JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "pattern": $pattern })
            }
        }
    };
}
as_text!(BoxName, "^[a-z][a-z0-9-]{0,14}$");
as_text!(Place, "^[a-z][a-z0-9-]{0,14}$");
as_text!(FactRef, "^[a-z][a-z0-9-]*(:[a-z][a-z0-9-]*)?/[^@]+(@.+)?$");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_round_trip() {
        for text in [
            "box/hostname",
            "host:box/pid",
            "host/dir:/mnt@before",
            "a/ns.uts",
        ] {
            assert_eq!(text.parse::<FactRef>().unwrap().to_string(), text);
        }
        for (text, tidy) in [
            ("a/mount:/mnt/@before", "a/mount:/mnt@before"),
            ("a/dir://", "a/dir:/"),
            ("a/stack:/s/view//", "a/stack:/s/view"),
            ("a/stat:/link/.type", "a/stat:/link/.type"),
        ] {
            assert_eq!(text.parse::<FactRef>().unwrap().to_string(), tidy);
        }
        for bad in [
            "hostname",
            "/x",
            "Box/x",
            "box/",
            "box/x@",
            "host:host/x",
            "a:b:c/x",
        ] {
            assert!(bad.parse::<FactRef>().is_err(), "{bad}");
        }
    }
}
