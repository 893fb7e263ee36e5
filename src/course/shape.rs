//! Does a tree have the shape that the schema asks for? Every mistake is told,
//! in the author's words.

use super::schema::{Part, definition};
use super::source::Sink;
use super::tree::{Node, Trust, Value};
use crate::base::{Bytes, Nanos, nearest};
use crate::plan::{BoxName, FactRef, Limit, Percent, Place, Probe, ProbeError};
use serde_json::Value as Json;
use std::fmt::Display;

/// Holds a tree against the schema of its part. Of a tree that is not whole,
/// only the keys that are there are judged.
pub(super) fn check(sink: &mut Sink<'_>, part: Part, root: &Node, trust: Trust) {
    if trust != Trust::Lost {
        let mut walk = Walk { sink, trust };
        walk.value(definition(part.definition()), root, "");
    }
}

struct Walk<'s, 'a> {
    sink: &'s mut Sink<'a>,
    trust: Trust,
}

/// One way in which a value may be written.
#[derive(Clone, Copy)]
struct Choice<'j> {
    schema: &'j Json,
    /// The definition that it came from.
    name: &'j str,
    /// Whether it is one variant of an enumeration.
    variant: bool,
}

impl Walk<'_, '_> {
    fn value(&mut self, schema: &'static Json, node: &Node, key: &str) {
        if node.text().is_some_and(|text| text.contains("${")) {
            // A knob that there isn't, which has been told.
            return;
        }
        let choices = choices(schema, "");
        let named = choices.first().map_or("", |choice| choice.name);
        if is_word(named) {
            return self.word(named, node, key);
        }
        let verbs: Vec<&'static Json> = choices
            .iter()
            .filter(|choice| choice.variant && type_of(choice.schema) == "object")
            .map(|choice| choice.schema)
            .collect();
        let words: Vec<&str> = choices.iter().flat_map(|c| constants(c.schema)).collect();
        match &node.value {
            Value::Table(_) if !verbs.is_empty() => return self.variant(named, &verbs, node),
            Value::Text(text) if !words.is_empty() => {
                return self.constant(text, &words, &verbs, node, key);
            }
            _ => {}
        }
        match choices.iter().find(|choice| fits(choice.schema, node)) {
            Some(choice) => self.inside(choice.schema, node, key),
            None => self.wrong_type(schema, &choices, node, key),
        }
    }

    /// A value of the right type: what is in it?
    fn inside(&mut self, schema: &'static Json, node: &Node, key: &str) {
        match &node.value {
            Value::Table(_) => self.table(schema, node),
            Value::List(items) => {
                let least = schema["minItems"].as_u64().unwrap_or(0);
                let most = schema["maxItems"].as_u64().unwrap_or(u64::MAX);
                if !(least..=most).contains(&(items.len() as u64)) {
                    self.sink.error(
                        "wrong-length",
                        node.span.clone(),
                        format!("`{key}` has {}", count(items.len())),
                        match least == most {
                            true => format!("expected exactly {least}"),
                            false => format!("expected at least {least}"),
                        },
                    );
                }
                for item in items {
                    self.value(&schema["items"], item, key);
                }
            }
            Value::Number(n) => {
                let least = schema["minimum"].as_i64().unwrap_or(i64::MIN);
                let most = schema["maximum"]
                    .as_i64()
                    .unwrap_or(match schema["format"].as_str() {
                        Some("uint32") => i64::from(u32::MAX),
                        _ => i64::MAX,
                    });
                if n.is_none_or(|n| !(least..=most).contains(&n)) {
                    self.sink.error(
                        "out-of-range",
                        node.span.clone(),
                        format!("`{key}` is out of range"),
                        format!("expected a whole number from {least} to {most}"),
                    );
                }
            }
            Value::Text(_) | Value::Flag(_) | Value::Other(_) => {}
        }
    }

    fn table(&mut self, schema: &'static Json, node: &Node) {
        let Some(properties) = schema["properties"].as_object() else {
            return;
        };
        let mut meant = Vec::new();
        let all = || properties.keys().map(String::as_str);
        for entry in node.entries() {
            if let Some(property) = properties.get(&entry.key) {
                self.value(property, &entry.node, &entry.key);
                continue;
            }
            let close = nearest(&entry.key, all());
            meant.extend(close);
            self.sink.error(
                "unknown-key",
                entry.key_span.clone(),
                format!("unknown key `{}`", entry.key),
                did_you_mean(close, all()),
            );
        }
        let required = schema["required"].as_array().into_iter().flatten();
        for key in required.filter_map(Json::as_str) {
            if node.get(key).is_none() && !meant.contains(&key) && self.trust == Trust::Whole {
                self.sink.error(
                    "missing-key",
                    node.span.clone(),
                    format!("the key `{key}` is missing"),
                    format!("expected `{key} = …`{}", about(&properties[key])),
                );
            }
        }
    }

    /// A table with one key that says which of several things it is.
    fn variant(&mut self, named: &str, variants: &[&'static Json], node: &Node) {
        let keys: Vec<&str> = variants.iter().copied().filter_map(variant_key).collect();
        let (what, code) = match named {
            "Verb" => ("verb", "unknown-verb"),
            _ => ("key", "unknown-key"),
        };
        match node.entries() {
            [] if self.trust == Trust::Whole => self.sink.error(
                "missing-key",
                node.span.clone(),
                format!("the {what} is missing"),
                format!("expected one of: {}", keys.join(", ")),
            ),
            [] => {}
            [entry, more @ ..] => {
                let at = keys.iter().position(|key| *key == entry.key);
                match at {
                    Some(at) => self.value(
                        &variants[at]["properties"][keys[at]],
                        &entry.node,
                        &entry.key,
                    ),
                    None => self.sink.error(
                        code,
                        entry.key_span.clone(),
                        format!("there is no {what} `{}`", entry.key),
                        did_you_mean(
                            nearest(&entry.key, keys.iter().copied()),
                            keys.iter().copied(),
                        ),
                    ),
                }
                if let Some(second) = more.first() {
                    self.sink.error(
                        "two-verbs",
                        second.key_span.clone(),
                        format!("`{}` stands beside `{}`", second.key, entry.key),
                        format!("exactly one {what} is allowed here"),
                    );
                }
            }
        }
    }

    fn constant(
        &mut self,
        text: &str,
        words: &[&str],
        variants: &[&'static Json],
        node: &Node,
        key: &str,
    ) {
        if words.contains(&text) {
            return;
        }
        let keys: Vec<&str> = variants.iter().copied().filter_map(variant_key).collect();
        if keys.contains(&text) {
            return self.sink.error(
                "bad-value",
                node.span.clone(),
                format!("`{text}` needs a value of its own"),
                format!("write `{key} = {{ {text} = … }}`"),
            );
        }
        let all = || words.iter().chain(&keys).copied();
        self.sink.error(
            "bad-value",
            node.span.clone(),
            format!("`{key}` can't be `{text}`"),
            did_you_mean(nearest(text, all()), all()),
        );
    }

    /// Text with a grammar of its own: the type that reads it judges it.
    fn word(&mut self, name: &str, node: &Node, key: &str) {
        let Some(text) = node.text() else {
            return self.wrong_type(
                definition(name),
                &[Choice {
                    schema: definition(name),
                    name,
                    variant: false,
                }],
                node,
                key,
            );
        };
        fn told<T: std::str::FromStr<Err: Display>>(text: &str) -> Result<(), String> {
            text.parse::<T>()
                .map(drop)
                .map_err(|error| error.to_string())
        }
        let (code, read) = match name {
            "Bytes" => ("bad-size", told::<Bytes>(text)),
            "Nanos" => ("bad-duration", told::<Nanos>(text)),
            "BoxName" => ("bad-box-name", told::<BoxName>(text)),
            "Place" => ("bad-box-name", told::<Place>(text)),
            "PercentLimit" => ("bad-percentage", told::<Limit<Percent>>(text)),
            "BytesLimit" => ("bad-size", told::<Limit<Bytes>>(text)),
            "FactRef" => ("bad-fact", told::<FactRef>(text)),
            "StepId" => ("bad-id", step_id(text)),
            _ => return self.probe(text, node),
        };
        let Err(message) = read else { return };
        // The types say it in one sentence: what is wrong, then what was expected.
        let (message, help) = match message.split_once(": ") {
            Some((message, help)) => (message.to_string(), help.to_string()),
            None => (message, String::new()),
        };
        self.sink.error(code, node.span.clone(), message, help);
    }

    fn probe(&mut self, text: &str, node: &Node) {
        let (code, message, help) = match text.parse::<Probe>() {
            Ok(_) => return,
            Err(error @ ProbeError::Unknown(_)) => {
                let word = text.split(':').next().unwrap_or(text);
                let help = did_you_mean(nearest(word, Probe::names()), Probe::names());
                ("unknown-probe", error.to_string(), help)
            }
            Err(ProbeError::NeedsGroup) => (
                "bad-probe",
                "the probe `group` needs the name of a cgroup".into(),
                "write it after a colon, such as `group:small`".into(),
            ),
            Err(ProbeError::NeedsPath(name)) => (
                "bad-probe",
                format!("the probe `{name}` needs an absolute path"),
                format!("write it after a colon, such as `{name}:/mnt`"),
            ),
        };
        self.sink.error(code, node.span.clone(), message, help);
    }

    fn wrong_type(&mut self, schema: &Json, choices: &[Choice<'_>], node: &Node, key: &str) {
        if self.trust == Trust::Partial && matches!(node.value, Value::Table(_)) {
            // What should have been its neighbour may be what broke.
            return;
        }
        let mut kinds: Vec<&str> = choices.iter().map(|choice| kind(choice.schema)).collect();
        kinds.dedup();
        let expected = kinds.join(" or ");
        let knob = match &node.knob {
            Some(knob) => format!(" (from the knob `{knob}`)"),
            None => String::new(),
        };
        let help = match (&node.value, choices.first().map(|c| kind(c.schema))) {
            (Value::Number(_), Some("text")) if node.knob.is_some() => {
                "put the knob's values between quotes".into()
            }
            (Value::Number(_), Some("text")) => "put it between quotes".into(),
            (Value::Text(text), Some("a whole number")) if text.parse::<i64>().is_ok() => {
                match node.knob {
                    Some(_) => "write the knob's values without quotes".into(),
                    None => "leave out the quotes".into(),
                }
            }
            (Value::Table(_), Some("a list")) if !key.is_empty() => {
                format!("write `[[{key}]]`: there may be several")
            }
            (_, Some("a list")) if kinds.len() == 1 => "put it between brackets: `[…]`".into(),
            _ => format!("expected {expected}{}", about(schema)),
        };
        self.sink.error(
            "wrong-type",
            node.span.clone(),
            format!("`{key}` must be {expected}, not {}{knob}", node.kind()),
            help,
        );
    }
}

/// Follows references and takes alternatives apart; `null` is a key left out.
fn choices(schema: &'static Json, name: &'static str) -> Vec<Choice<'static>> {
    if let Some(target) = schema["$ref"].as_str() {
        let name = target.trim_start_matches("#/$defs/");
        return choices(definition(name), name);
    }
    let one = Choice {
        schema,
        name,
        variant: false,
    };
    let alternatives = schema["oneOf"].as_array().or(schema["anyOf"].as_array());
    match alternatives {
        Some(_) if is_word(name) => vec![one],
        Some(alternatives) => alternatives
            .iter()
            .filter(|schema| schema["type"] != "null")
            .flat_map(|schema| choices(schema, name))
            .map(|choice| Choice {
                variant: choice.variant || schema["oneOf"].is_array(),
                ..choice
            })
            .collect(),
        None => vec![one],
    }
}

/// Whether a definition is read by a parser of its own.
fn is_word(name: &str) -> bool {
    matches!(
        name,
        "Bytes"
            | "Nanos"
            | "BoxName"
            | "Place"
            | "FactRef"
            | "StepId"
            | "Probe"
            | "PercentLimit"
            | "BytesLimit"
    )
}

/// Whether a text can be a step's id.
pub(super) fn step_id(text: &str) -> Result<(), String> {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    match text.starts_with(|c: char| c.is_ascii_lowercase()) && text.bytes().all(plain) {
        true => Ok(()),
        false => Err(format!(
            "`{text}` is not an id: expected lowercase letters, digits and `-`, starting with a letter"
        )),
    }
}

/// The words that an enumeration allows.
fn constants(schema: &Json) -> impl Iterator<Item = &str> {
    let listed = schema["enum"].as_array().into_iter().flatten();
    schema["const"]
        .as_str()
        .into_iter()
        .chain(listed.filter_map(Json::as_str))
}

/// The key that names a variant: `burn` in `{ burn = … }`.
fn variant_key(schema: &'static Json) -> Option<&'static str> {
    schema["required"][0].as_str()
}

/// The schema's type, with its article; a definition's own parser reads text.
fn kind(schema: &Json) -> &'static str {
    match type_of(schema) {
        "object" => "a table",
        "array" => "a list",
        "integer" => "a whole number",
        "boolean" => "`true` or `false`",
        _ => "text",
    }
}

fn count(items: usize) -> String {
    match items {
        1 => "1 item".into(),
        n => format!("{n} items"),
    }
}

fn type_of(schema: &Json) -> &str {
    let listed = schema["type"].as_array().into_iter().flatten();
    schema["type"]
        .as_str()
        .or_else(|| listed.filter_map(Json::as_str).find(|name| *name != "null"))
        .unwrap_or("string")
}

fn fits(schema: &Json, node: &Node) -> bool {
    matches!(
        (&node.value, type_of(schema)),
        (Value::Text(_), "string")
            | (Value::Number(_), "integer")
            | (Value::Flag(_), "boolean")
            | (Value::List(_), "array")
            | (Value::Table(_), "object")
    )
}

/// What the schema says about a key, as an addition to a sentence.
fn about(schema: &Json) -> String {
    match schema["description"].as_str() {
        Some(text) => format!(": {}", text.replace('\n', " ").trim_end_matches('.')),
        None => String::new(),
    }
}

/// The help for a word that isn't one of those expected.
pub(super) fn did_you_mean<'a>(
    close: Option<&str>,
    all: impl IntoIterator<Item = &'a str>,
) -> String {
    match close {
        Some(close) => format!("did you mean `{close}`?"),
        None => {
            let all: Vec<&str> = all.into_iter().collect();
            format!("expected one of: {}", all.join(", "))
        }
    }
}
