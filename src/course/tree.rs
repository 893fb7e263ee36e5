//! TOML as a tree in which every key and value knows where it is written.
//!
//! The parser goes on after a mistake, so that several are told at once; what
//! stands around a mistake may then be misread, and [`parse`] says so.

use super::demo::{KnobValue, fill_text};
use super::source::Sink;
use std::{collections::BTreeSet, ops::Range};
use toml::de::{DeTable, DeValue};

/// A value and where it is written.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) span: Range<usize>,
    pub(super) value: Value,
    /// The knob that it comes from.
    pub(super) knob: Option<String>,
}

#[derive(Debug, Clone)]
pub(super) enum Value {
    Text(String),
    /// `None`: it has more than 64 bits.
    Number(Option<i64>),
    Flag(bool),
    /// No lesson has a use for these: a float or a date.
    Other(&'static str),
    List(Vec<Node>),
    Table(Vec<Entry>),
}

/// A key with its value.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) key_span: Range<usize>,
    pub(super) node: Node,
}

/// How far a tree can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trust {
    /// It is what is written.
    Whole,
    /// Some of it is missing.
    Partial,
    /// The parser lost its way.
    Lost,
}

/// Parses the TOML at `span`; mistakes of syntax go to the sink. `place` is
/// where to point when something is missing from the whole.
pub(super) fn parse(sink: &mut Sink<'_>, span: Range<usize>, place: Range<usize>) -> (Node, Trust) {
    let text = sink.source().text.get(span.clone()).unwrap_or("");
    let shift = span.start;
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut errors: Vec<(Range<usize>, &str)> = errors
        .iter()
        .map(|error| {
            let at = error.span().unwrap_or(0..0);
            (at.start + shift..at.end + shift, error.message())
        })
        .collect();
    errors.sort_by_key(|(at, _)| at.start);
    let lost = |message: &str| {
        message.contains("unclosed array")
            || message.contains("literal string, expected `")
            || message.contains("inline table")
    };
    let trust = match errors.is_empty() {
        true => Trust::Whole,
        false if errors.iter().any(|(_, message)| lost(message)) => Trust::Lost,
        false => Trust::Partial,
    };
    let mut lines = BTreeSet::new();
    for (at, message) in errors {
        // What follows on the same line is mostly an echo of the first.
        let line = sink.source().line_of(at.start);
        if lines.contains(&line) || (trust == Trust::Lost && !lines.is_empty()) {
            continue;
        }
        lines.insert(line);
        syntax(sink, at, message);
    }
    let mut root = table_node(table.get_ref(), place, shift);
    if trust == Trust::Partial {
        // What is left of a broken line means nothing.
        root.drop_lines(&|at| lines.contains(&sink.source().line_of(at)));
    }
    (root, trust)
}

fn syntax(sink: &mut Sink<'_>, at: Range<usize>, message: &str) {
    let (message, help) = match message {
        "duplicate key" => (
            "this key is there twice",
            "keep one of the two; where there may be several, write each as `[[…]]`",
        ),
        m if m.starts_with("string values must be quoted") && at.is_empty() => {
            ("the key has no value", "write a value after `=`")
        }
        m if m.starts_with("string values must be quoted") => {
            ("text without quotes", "put it between double quotes")
        }
        m if m.starts_with("key with no value") => ("the key has no value", "write `key = value`"),
        m => (m, "this is not TOML; see https://toml.io"),
    };
    sink.error("toml-syntax", at, message, help);
}

fn table_node(table: &DeTable<'_>, span: Range<usize>, shift: usize) -> Node {
    let mut entries: Vec<Entry> = table
        .iter()
        .map(|(key, value)| Entry {
            key: key.get_ref().to_string(),
            key_span: key.span().start + shift..key.span().end + shift,
            node: node(value, shift),
        })
        .collect();
    entries.sort_by_key(|entry| entry.key_span.start);
    Node::new(span, Value::Table(entries))
}

fn node(value: &toml::Spanned<DeValue<'_>>, shift: usize) -> Node {
    let span = value.span().start + shift..value.span().end + shift;
    let value = match value.get_ref() {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(n) => Value::Number(i64::from_str_radix(n.as_str(), n.radix()).ok()),
        DeValue::Float(_) => Value::Other("a number with a fraction"),
        DeValue::Boolean(flag) => Value::Flag(*flag),
        DeValue::Datetime(_) => Value::Other("a date or time"),
        DeValue::Array(items) => Value::List(items.iter().map(|item| node(item, shift)).collect()),
        DeValue::Table(table) => return table_node(table, span, shift),
    };
    Node::new(span, value)
}

impl Node {
    fn new(span: Range<usize>, value: Value) -> Node {
        Node {
            span,
            value,
            knob: None,
        }
    }

    /// The entries, if it is a table.
    pub(super) fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Table(entries) => entries,
            _ => &[],
        }
    }

    /// The items, if it is a list.
    pub(super) fn items(&self) -> &[Node] {
        match &self.value {
            Value::List(items) => items,
            _ => &[],
        }
    }

    /// The text, if it is text.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The entry of that key.
    pub(super) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key == key)
    }

    /// The value of that key.
    pub(super) fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.node)
    }

    /// The text of that key.
    pub(super) fn text_of(&self, key: &str) -> Option<&str> {
        self.get(key).and_then(Node::text)
    }

    /// Where the value at the end of this path is written, or the closest
    /// thing to it. A number is the index in a list.
    pub(super) fn at(&self, path: &[&str]) -> Range<usize> {
        self.walk(path).span.clone()
    }

    /// Where that key of the table at the end of this path is written.
    pub(super) fn key_at(&self, path: &[&str], key: &str) -> Range<usize> {
        let node = self.walk(path);
        node.entry(key)
            .map_or(&node.span, |entry| &entry.key_span)
            .clone()
    }

    fn walk(&self, path: &[&str]) -> &Node {
        let mut node = self;
        for part in path {
            let next = match part.parse::<usize>() {
                Ok(index) => node.items().get(index),
                Err(_) => node.get(part),
            };
            match next {
                Some(next) => node = next,
                None => break,
            }
        }
        node
    }

    /// What kind of value it is, with its article.
    pub(super) fn kind(&self) -> &'static str {
        match self.value {
            Value::Text(_) => "text",
            Value::Number(_) => "a number",
            Value::Flag(_) => "`true` or `false`",
            Value::Other(kind) => kind,
            Value::List(_) => "a list",
            Value::Table(_) => "a table",
        }
    }

    /// The tree as plain TOML; `None` when it holds what no lesson can.
    pub(super) fn plain(&self) -> Option<toml::Value> {
        Some(match &self.value {
            Value::Text(text) => toml::Value::String(text.clone()),
            Value::Number(n) => toml::Value::Integer((*n)?),
            Value::Flag(flag) => toml::Value::Boolean(*flag),
            Value::Other(_) => return None,
            Value::List(items) => {
                toml::Value::Array(items.iter().map(Node::plain).collect::<Option<_>>()?)
            }
            Value::Table(entries) => toml::Value::Table(
                entries
                    .iter()
                    .map(|entry| Some((entry.key.clone(), entry.node.plain()?)))
                    .collect::<Option<_>>()?,
            ),
        })
    }

    /// The tree as a type of the lesson format, if it has that shape.
    pub(super) fn read<T: serde::de::DeserializeOwned>(&self) -> Option<T> {
        self.plain()?.try_into().ok()
    }

    /// The tree with every `${knob}` replaced.
    pub(super) fn filled(&self, knobs: &[(String, KnobValue)]) -> Node {
        let mut node = self.clone();
        // A knob's own texts stay as they are written.
        if let Value::Table(entries) = &mut node.value {
            let others = entries.iter_mut().filter(|entry| entry.key != "knob");
            others.for_each(|entry| entry.node.fill(knobs));
        }
        node
    }

    fn fill(&mut self, knobs: &[(String, KnobValue)]) {
        match &mut self.value {
            Value::Text(text) if text.contains("${") => {
                self.knob = knobs
                    .iter()
                    .map(|(name, _)| name)
                    .find(|name| text.contains(&format!("${{{name}}}")))
                    .cloned();
                self.value = match fill_text(text, knobs) {
                    KnobValue::Number(n) => Value::Number(Some(n)),
                    KnobValue::Text(text) => Value::Text(text),
                };
            }
            Value::List(items) => items.iter_mut().for_each(|item| item.fill(knobs)),
            Value::Table(entries) => entries.iter_mut().for_each(|entry| entry.node.fill(knobs)),
            Value::Text(_) | Value::Number(_) | Value::Flag(_) | Value::Other(_) => {}
        }
    }

    fn drop_lines(&mut self, broken: &dyn Fn(usize) -> bool) {
        if let Value::Table(entries) = &mut self.value {
            entries.retain(|entry| !broken(entry.key_span.start));
            entries
                .iter_mut()
                .for_each(|entry| entry.node.drop_lines(broken));
        }
    }
}
