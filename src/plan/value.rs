//! Values: what a fact holds, typed and bounded. What a directory, a file or a
//! program gives has no bound of its own; what is kept of it has, and says how
//! much there was.

use super::layers::Stack;
use crate::base::{Bytes, Nanos};
use serde::{Deserialize, Serialize};
use std::collections::BinaryHeap;
use std::fmt;

/// The most names of a list that are kept.
const MOST_NAMES: usize = 1000;
/// The most bytes that are kept of a text, or of a list's names: so many names
/// have room even if each is as long as a filesystem has it (NAME_MAX, 255).
const MOST_BYTES: usize = 256 << 10;

/// What a number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// How many.
    Count,
    /// Bytes.
    Bytes,
    /// Nanoseconds.
    Nanos,
    /// An inode number of nsfs or another filesystem.
    Inode,
    /// A process, user or group id: compared, never added.
    Id,
    /// Hundredths.
    Percent,
}

/// A typed observation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Value {
    /// Yes or no.
    Flag(bool),
    /// A number with its unit.
    Number(i64, Unit),
    /// Text as the kernel or a command gave it, without the last newline.
    Text(String),
    /// Several names, in the kernel's order.
    List(Vec<String>),
    /// The beginning of a list or a text that is too long to be kept whole.
    Cut(Cut),
    /// The SHA-256 of something, 64 hexadecimal digits. People see the first 12.
    Digest(String),
    /// The layers of an overlay and its view. A figure draws it; nothing is
    /// compared with it.
    Stack(Box<Stack>),
}

/// What is known of a list or a text that is longer than what is kept of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cut {
    /// The first names of a list.
    List {
        /// Them, in the list's order.
        shown: Vec<String>,
        /// How many names the list has.
        total: u64,
    },
    /// The first bytes of a text.
    Text {
        /// Them, as UTF-8.
        shown: String,
        /// How many bytes the whole has; `None` where only its end would tell,
        /// as of a file that the kernel makes up.
        total: Option<u64>,
    },
}

/// The first names of many, in the order of their bytes, kept while the others
/// are counted: so that memory is bounded whatever a directory holds.
#[derive(Debug, Default)]
pub struct FirstNames {
    kept: BinaryHeap<String>,
    bytes: usize,
    /// The first name that found no room: nothing from here on is kept.
    end: Option<String>,
    total: u64,
}

impl FirstNames {
    /// Counts a name, and keeps it if it is among the first.
    pub fn add(&mut self, name: String) {
        self.total += 1;
        if self.end.as_ref().is_some_and(|end| *end <= name) {
            return;
        }
        self.bytes += name.len();
        self.kept.push(name);
        while self.kept.len() > MOST_NAMES || self.bytes > MOST_BYTES {
            self.end = self.kept.pop();
            self.bytes -= self.end.as_ref().map_or(0, String::len);
        }
    }
}

impl From<FirstNames> for Value {
    fn from(names: FirstNames) -> Value {
        let (shown, total) = (names.kept.into_sorted_vec(), names.total);
        match shown.len() as u64 == total {
            true => Value::List(shown),
            false => Value::Cut(Cut::List { shown, total }),
        }
    }
}

impl Value {
    /// The first bytes of a text that has `total`.
    pub fn cut_text(mut bytes: Vec<u8>, total: Option<u64>) -> Value {
        // The end may have fallen into the middle of a character.
        if let Err(error) = std::str::from_utf8(&bytes)
            && error.error_len().is_none()
        {
            bytes.truncate(error.valid_up_to());
        }
        let shown = String::from_utf8_lossy(&bytes).into_owned();
        Value::Cut(Cut::Text { shown, total })
    }

    /// Cuts a list of more than 1,000 names, and a list or a text of more than
    /// 256 KiB.
    #[must_use]
    pub fn bounded(self) -> Value {
        match self {
            Value::List(mut names) => {
                let total = names.len();
                let mut bytes = 0;
                let fits = names.iter().take(MOST_NAMES).take_while(|name| {
                    bytes += name.len();
                    bytes <= MOST_BYTES
                });
                let fits = fits.count();
                if fits == total {
                    return Value::List(names);
                }
                names.truncate(fits);
                let (shown, total) = (names, total as u64);
                Value::Cut(Cut::List { shown, total })
            }
            Value::Text(text) if text.len() > MOST_BYTES => {
                let total = text.len() as u64;
                let mut bytes = text.into_bytes();
                bytes.truncate(MOST_BYTES);
                Value::cut_text(bytes, Some(total))
            }
            Value::Flag(_)
            | Value::Number(..)
            | Value::Text(_)
            | Value::Cut(_)
            | Value::Digest(_)
            | Value::Stack(_) => self,
        }
    }

    /// Whether two values are the same; `None` if one was cut and what is kept
    /// doesn't tell.
    pub fn is_same(&self, other: &Value) -> Option<bool> {
        let ((Value::Cut(cut), whole) | (whole, Value::Cut(cut))) = (self, other) else {
            return Some(self == other);
        };
        let differ = match (cut, whole) {
            (Cut::List { shown, total }, Value::List(all)) => {
                *total != all.len() as u64 || !all.starts_with(shown)
            }
            (
                Cut::List { shown, total },
                Value::Cut(Cut::List {
                    shown: theirs,
                    total: all,
                }),
            ) => total != all || shown.iter().zip(theirs).any(|(a, b)| a != b),
            (Cut::Text { shown, total }, Value::Text(all)) => {
                all.len() <= shown.len()
                    || total.is_some_and(|total| total != all.len() as u64)
                    || !all.starts_with(shown.as_str())
            }
            (
                Cut::Text { shown, total },
                Value::Cut(Cut::Text {
                    shown: theirs,
                    total: all,
                }),
            ) => {
                total.zip(*all).is_some_and(|(a, b)| a != b)
                    || shown.bytes().zip(theirs.bytes()).any(|(a, b)| a != b)
            }
            (
                Cut::List { .. } | Cut::Text { .. },
                Value::Flag(_)
                | Value::Number(..)
                | Value::Text(_)
                | Value::List(_)
                | Value::Cut(_)
                | Value::Digest(_)
                | Value::Stack(_),
            ) => true,
        };
        differ.then_some(false)
    }
}

impl Cut {
    /// What part of the whole is kept: `17,000, the first 1,000 of them`.
    pub fn extent(&self) -> String {
        match self {
            Cut::List { shown, total } => {
                let shown = grouped(shown.len() as u64);
                format!("{}, the first {shown} of them", grouped(*total))
            }
            Cut::Text { shown, total } => {
                let whole = total.map_or("more".into(), grouped);
                format!("the first {} bytes of {whole}", grouped(shown.len() as u64))
            }
        }
    }
}

/// A number with a comma before each three digits: `17,000`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

impl fmt::Display for Value {
    /// As a person reads it: with its unit, lists joined by spaces.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Flag(true) => f.write_str("yes"),
            Value::Flag(false) => f.write_str("no"),
            Value::Number(n, Unit::Bytes) => Bytes((*n).max(0) as u64).fmt(f),
            Value::Number(n, Unit::Nanos) => Nanos(*n).fmt(f),
            Value::Number(n, Unit::Percent) => write!(f, "{n} %"),
            Value::Number(n, Unit::Count | Unit::Inode | Unit::Id) => n.fmt(f),
            Value::Text(text) => f.write_str(text),
            Value::List(items) if items.is_empty() => f.write_str("(none)"),
            Value::List(items) => f.write_str(&items.join(" ")),
            Value::Cut(cut) => {
                write!(f, "{}: ", cut.extent())?;
                match cut {
                    Cut::List { shown, .. } => f.write_str(&shown.join(" ")),
                    Cut::Text { shown, .. } => f.write_str(shown),
                }
            }
            Value::Digest(digest) => {
                let start = digest.get(..12).unwrap_or(digest);
                write!(f, "sha256:{start}…")
            }
            Value::Stack(stack) => {
                let (names, layers) = (stack.view.len(), stack.layers.len());
                match stack.cut {
                    true => write!(f, "more than {names} names from {layers} layers"),
                    false => write!(f, "{names} names from {layers} layers"),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(count: usize, length: usize) -> Vec<String> {
        (0..count).map(|n| format!("{n:0length$}")).collect()
    }

    #[test]
    fn the_first_names_are_kept_and_all_are_counted() {
        for (count, length, kept) in [
            (0, 1, 0),
            (1000, 255, 1000),
            (1001, 4, 1000),
            (17_000, 255, 1000),
            // Bounded by their bytes.
            (2000, 4095, 64),
        ] {
            let all = names(count, length);
            let mut forwards = FirstNames::default();
            all.iter().for_each(|name| forwards.add(name.clone()));
            let mut backwards = FirstNames::default();
            all.iter()
                .rev()
                .for_each(|name| backwards.add(name.clone()));
            let shown = all[..kept].to_vec();
            let expected = match kept == count {
                true => Value::List(shown),
                false => Value::Cut(Cut::List {
                    shown,
                    total: count as u64,
                }),
            };
            assert_eq!(Value::from(forwards), expected);
            assert_eq!(Value::from(backwards), expected);
            assert_eq!(Value::List(all).bounded(), expected);
        }
        // A long name without room closes the list: a short one behind it would
        // leave a gap.
        let mut uneven = FirstNames::default();
        for name in ["b".repeat(MOST_BYTES), "a".into(), "c".into()] {
            uneven.add(name);
        }
        let expected = Value::Cut(Cut::List {
            shown: vec!["a".into()],
            total: 3,
        });
        assert_eq!(Value::from(uneven), expected);
    }

    #[test]
    fn what_was_cut_says_so_and_whole_ones_are_as_before() {
        let long = Value::Text("ü".repeat(MOST_BYTES)).bounded();
        assert!(
            long.to_string()
                .starts_with("the first 262,144 bytes of 524,288: ü")
        );
        let odd = Value::Text(format!("x{}", "ü".repeat(MOST_BYTES))).bounded();
        assert!(
            odd.to_string()
                .starts_with("the first 262,143 bytes of 524,289: xü")
        );
        let list = Value::List(names(17_000, 5)).bounded();
        assert!(
            list.to_string()
                .starts_with("17,000, the first 1,000 of them: 00000 ")
        );
        for (value, json) in [
            (Value::List(names(2, 1)), r#"{"list":["0","1"]}"#),
            (
                Value::Cut(Cut::List {
                    shown: names(1, 1),
                    total: 2,
                }),
                r#"{"cut":{"list":{"shown":["0"],"total":2}}}"#,
            ),
            (
                Value::Cut(Cut::Text {
                    shown: "a".into(),
                    total: None,
                }),
                r#"{"cut":{"text":{"shown":"a","total":null}}}"#,
            ),
        ] {
            assert_eq!(serde_json::to_string(&value).unwrap(), json);
            assert_eq!(serde_json::from_str::<Value>(json).unwrap(), value);
            assert_eq!(value.clone().bounded(), value);
        }
    }

    #[test]
    fn what_was_cut_is_the_same_only_if_that_is_known() {
        let list = |shown: &str, total| {
            let shown = shown.split(' ').map(String::from).collect();
            Value::Cut(Cut::List { shown, total })
        };
        let whole = |shown: &str| Value::List(shown.split(' ').map(String::from).collect());
        let cut = |shown: &str, total| {
            let shown = shown.into();
            Value::Cut(Cut::Text { shown, total })
        };
        let text = |text: &str| Value::Text(text.into());
        for (a, b, expected) in [
            (whole("a b"), whole("a b"), Some(true)),
            (list("a", 2), whole("a b"), None),
            (list("a", 3), whole("a b"), Some(false)),
            (list("b", 2), whole("a b"), Some(false)),
            (list("a b", 9), list("a", 9), None),
            (list("a b", 9), list("a c", 9), Some(false)),
            (list("a", 9), list("a", 8), Some(false)),
            (cut("ab", None), text("abc"), None),
            (cut("ab", Some(3)), text("abc"), None),
            (cut("ab", Some(4)), text("abc"), Some(false)),
            (cut("ab", None), text("ab"), Some(false)),
            (cut("ab", None), text("axc"), Some(false)),
            (cut("ab", None), cut("abc", Some(9)), None),
            (cut("ab", Some(8)), cut("ab", Some(9)), Some(false)),
            (cut("ab", None), list("ab", 9), Some(false)),
            (cut("ab", None), Value::Flag(true), Some(false)),
        ] {
            assert_eq!(a.is_same(&b), expected, "{a} / {b}");
            assert_eq!(b.is_same(&a), expected, "{b} / {a}");
        }
    }
}
