//! A demo's knobs: what they are, where `${…}` refers to them, and every
//! setting that the demo has to make sense with.

use super::demo::{Knob, KnobKind, KnobValue};
use super::source::Sink;
use super::tree::{Node, Value};
use crate::base::nearest;
use std::collections::BTreeSet;

/// More knobs than these don't fit below the stage.
const MOST_KNOBS: usize = 3;
/// More values than these are tedious to walk through with the arrow keys, and
/// lint tries every setting of all knobs.
const MOST_VALUES: usize = 10;

/// What the knobs are set to.
pub(super) type Setting = Vec<(String, KnobValue)>;

/// Judges the knobs and every `${…}`; the settings to try, the first of them
/// with every knob at its start. Knobs that are not fit are tried there only.
pub(super) fn check(sink: &mut Sink<'_>, root: &Node) -> Vec<Setting> {
    let nodes = root.get("knob").map_or(&[][..], Node::items);
    if let Some(fourth) = nodes.get(MOST_KNOBS) {
        sink.error(
            "too-many-knobs",
            fourth.span.clone(),
            format!("the demo has {} knobs", nodes.len()),
            format!("{MOST_KNOBS} at most: keep those that teach something"),
        );
    }
    let mut knobs: Vec<Knob> = Vec::new();
    // The names, as far as they can be read: a broken knob is still one.
    let mut names: Vec<&str> = Vec::new();
    let mut fit = nodes.len() <= MOST_KNOBS;
    // One that can't be read, or has another's name, may be the one that is meant.
    let mut complete = nodes.iter().all(|node| node.text_of("name").is_some());
    for node in nodes {
        let name = node.text_of("name");
        if let Some(name) = name {
            if names.contains(&name) {
                sink.error(
                    "duplicate-knob",
                    node.at(&["name"]),
                    format!("there are two knobs `{name}`"),
                    "give each its own name",
                );
                fit = false;
                complete = false;
                continue;
            }
            names.push(name);
        }
        match node.read::<Knob>() {
            Some(knob) => {
                fit &= judge(sink, node, &knob);
                if !knob.values.is_empty() {
                    knobs.push(knob);
                }
            }
            None => fit = false,
        }
    }
    let mut used = BTreeSet::new();
    for entry in root.entries() {
        if entry.key == "knob" {
            entry.node.items().iter().for_each(|node| plain(sink, node));
        } else {
            references(sink, &entry.node, &names, complete, &mut used);
        }
    }
    for node in nodes {
        if let Some(name) = node.text_of("name")
            && !used.contains(name)
        {
            sink.warning(
                "unused-knob",
                node.at(&["name"]),
                format!("the knob `{name}` changes nothing"),
                format!("write `${{{name}}}` where its value belongs"),
            );
        }
    }
    for (node, knob) in nodes
        .iter()
        .filter_map(|node| Some((node, node.read::<Knob>()?)))
    {
        if knob.live {
            live(sink, root, node, &knob.name);
        }
    }
    match fit {
        true => settings(&knobs),
        // Too many values, or of two types: only the start is sure to mean something.
        false => vec![
            knobs
                .iter()
                .map(|knob| (knob.name.clone(), knob.start().clone()))
                .collect(),
        ],
    }
}

fn judge(sink: &mut Sink<'_>, node: &Node, knob: &Knob) -> bool {
    let before = sink.len();
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if knob.name.is_empty() || !knob.name.bytes().all(plain) {
        sink.error(
            "bad-knob-name",
            node.at(&["name"]),
            format!("`{}` is not a knob's name", knob.name),
            "expected lowercase letters, digits and `-`",
        );
    }
    let Some(first) = knob.values.first() else {
        sink.error(
            "no-values",
            node.at(&["values"]),
            format!("the knob `{}` has no values", knob.name),
            "list what the arrow keys walk through",
        );
        return false;
    };
    if knob.values.len() > MOST_VALUES {
        sink.error(
            "too-many-values",
            node.at(&["values"]),
            format!("the knob `{}` has {} values", knob.name, knob.values.len()),
            format!("{MOST_VALUES} at most"),
        );
    }
    if let Some(other) = knob
        .values
        .iter()
        .position(|value| kind(value) != kind(first))
    {
        sink.error(
            "mixed-values",
            node.at(&["values", &other.to_string()]),
            format!("the values of the knob `{}` are of two types", knob.name),
            "write either only numbers or only text",
        );
    }
    for (index, value) in knob.values.iter().enumerate() {
        if knob.values[..index].contains(value) {
            sink.error(
                "duplicate-value",
                node.at(&["values", &index.to_string()]),
                format!("the value `{value}` is there twice"),
                "keep one of the two",
            );
        }
    }
    if let Some(start) = &knob.start
        && !knob.values.contains(start)
    {
        let known: Vec<String> = knob.values.iter().map(KnobValue::to_string).collect();
        sink.error(
            "bad-start",
            node.at(&["start"]),
            format!("the start `{start}` is not one of the knob's values"),
            format!("expected one of: {}", known.join(", ")),
        );
    }
    sink.len() == before
}

fn kind(value: &KnobValue) -> KnobKind {
    match value {
        KnobValue::Number(_) => KnobKind::Number,
        KnobValue::Text(_) => KnobKind::Text,
    }
}

/// Every setting there is, the start first and those with fewer changes before
/// those with more. All of them, because two values that are harmless by
/// themselves may together put an action outside of its box.
fn settings(knobs: &[Knob]) -> Vec<Setting> {
    let mut all: Vec<Setting> = vec![Vec::new()];
    for knob in knobs {
        let others = knob.values.iter().filter(|value| *value != knob.start());
        let values: Vec<&KnobValue> = std::iter::once(knob.start()).chain(others).collect();
        all = all
            .iter()
            .flat_map(|setting| {
                values.iter().map(|value| {
                    let mut setting = setting.clone();
                    setting.push((knob.name.clone(), (*value).clone()));
                    setting
                })
            })
            .collect();
    }
    let start = all[0].clone();
    all.sort_by_key(|setting| changes(setting, &start).count());
    all
}

/// The knobs that stand elsewhere than at the start.
fn changes<'s>(
    setting: &'s Setting,
    start: &'s Setting,
) -> impl Iterator<Item = &'s (String, KnobValue)> {
    setting
        .iter()
        .zip(start)
        .filter(|(now, start)| now != start)
        .map(|(now, _)| now)
}

/// How a setting differs from the start, as the end of a sentence.
pub(super) fn difference(setting: &Setting, start: &Setting) -> Option<String> {
    let parts: Vec<String> = changes(setting, start)
        .map(|(name, value)| format!("the knob `{name}` at `{value}`"))
        .collect();
    (!parts.is_empty()).then(|| format!("with {}", parts.join(" and ")))
}

/// Every `${…}` in a text: what it names, and whether it is closed.
fn names_in(text: &str) -> impl Iterator<Item = (&str, bool)> {
    text.split("${")
        .skip(1)
        .map(|rest| match rest.split_once('}') {
            Some((name, _)) => (name, true),
            None => (rest, false),
        })
}

fn references<'n>(
    sink: &mut Sink<'_>,
    node: &'n Node,
    names: &[&str],
    complete: bool,
    used: &mut BTreeSet<&'n str>,
) {
    let Value::Text(text) = &node.value else {
        for item in node.items() {
            references(sink, item, names, complete, used);
        }
        for entry in node.entries() {
            references(sink, &entry.node, names, complete, used);
        }
        return;
    };
    for (name, closed) in names_in(text) {
        if !closed {
            sink.error(
                "unclosed-knob",
                node.span.clone(),
                "this `${` has no `}`",
                "write `${name}` with the name of a knob",
            );
        } else if !names.contains(&name) && complete {
            let help = match (nearest(name, names.iter().copied()), names) {
                (Some(close), _) => format!("did you mean `${{{close}}}`?"),
                (None, []) => "this demo has no knob; a `[[knob]]` declares one".into(),
                (None, names) => format!("the knobs are: {}", names.join(", ")),
            };
            sink.error(
                "unknown-knob",
                reference_span(sink, node, name),
                format!("there is no knob `{name}`"),
                help,
            );
        }
        used.insert(name);
    }
}

/// Where exactly the reference stands, if the text is written as it reads.
fn reference_span(sink: &Sink<'_>, node: &Node, name: &str) -> std::ops::Range<usize> {
    let written = sink.source().text.get(node.span.clone()).unwrap_or("");
    let reference = format!("${{{name}}}");
    match written.find(&reference) {
        Some(at) => node.span.start + at..node.span.start + at + reference.len(),
        None => node.span.clone(),
    }
}

/// A live knob is turned while a `watch` looks, and only limits can follow it.
fn live(sink: &mut Sink<'_>, root: &Node, knob: &Node, name: &str) {
    let items = |key: &str| root.get(key).map_or(&[][..], Node::items);
    let reference = format!("${{{name}}}");
    let mentions = |node: &Node| mention(node, &reference);
    let watches = |action: &Node| {
        action
            .get("do")
            .is_some_and(|verb| verb.get("watch").is_some())
    };
    if !items("action").iter().any(watches) {
        sink.error(
            "live-without-watch",
            knob.at(&["live"]),
            format!("nobody could turn `{name}` while the demo runs: nothing is watched"),
            "give the demo an action `do.watch`, or leave `live` out",
        );
    }
    let mut limits = false;
    let mut elsewhere = Vec::new();
    for group in items("cgroup") {
        for entry in group.entries() {
            match entry.key.as_str() {
                "limits" => limits |= mentions(&entry.node).is_some(),
                _ => elsewhere.extend(mentions(&entry.node)),
            }
        }
    }
    elsewhere.extend(items("box").iter().filter_map(mentions));
    for action in items("action") {
        let entries = action.entries().iter().filter(|entry| entry.key != "say");
        elsewhere.extend(entries.filter_map(|entry| mentions(&entry.node)));
    }
    for span in elsewhere {
        sink.error(
            "live-not-a-limit",
            span,
            format!("the live knob `{name}` can't change this while the demo runs"),
            "it may stand in `limits` of a `[[cgroup]]`, and in texts",
        );
    }
    if !limits {
        sink.error(
            "live-not-a-limit",
            knob.at(&["live"]),
            format!("the live knob `{name}` is in no `limits` of a `[[cgroup]]`"),
            "only limits can be changed while the demo runs",
        );
    }
}

/// Where a node first holds this text.
fn mention(node: &Node, text: &str) -> Option<std::ops::Range<usize>> {
    if node.text().is_some_and(|own| own.contains(text)) {
        return Some(node.span.clone());
    }
    let entries = node.entries().iter().map(|entry| &entry.node);
    node.items()
        .iter()
        .chain(entries)
        .find_map(|inner| mention(inner, text))
}

/// A knob's own texts refer to no knob.
fn plain(sink: &mut Sink<'_>, node: &Node) {
    if node.text().is_some_and(|text| text.contains("${")) {
        sink.error(
            "knob-in-knob",
            node.span.clone(),
            "a knob can't refer to a knob",
            "write the text itself",
        );
    }
    node.items().iter().for_each(|item| plain(sink, item));
    node.entries()
        .iter()
        .for_each(|entry| plain(sink, &entry.node));
}

/// A quiz is read once, so it can't follow a knob.
pub(super) fn none_in(sink: &mut Sink<'_>, node: &Node) {
    if node.text().is_some_and(|text| text.contains("${")) {
        sink.error(
            "knob-in-quiz",
            node.span.clone(),
            "a quiz can't refer to a knob",
            "compare with another fact instead",
        );
    }
    node.items().iter().for_each(|item| none_in(sink, item));
    node.entries()
        .iter()
        .for_each(|entry| none_in(sink, &entry.node));
}

#[cfg(test)]
mod tests {
    use crate::course::lint::demo_from_toml;

    const LIVE: &str = r#"
[[knob]]
name = "percent"
label = "Ceiling"
values = [20, 50]
live = true

[[cgroup]]
name = "capped"
limits = { cpu-max = "${percent}%" }

[[action]]
in = "host"
do.watch = { groups = ["capped"], every = "50ms", time = "1s" }
say = "At most ${percent} %."

[[action]]
in = "host"
do.probe = ["group:capped"]

[[expect]]
claim = "The ceiling is ${percent} %."
when = { fact = "host/capped.cpu.max", is = "${percent} %" }
"#;

    #[test]
    fn a_live_knob_is_a_limit_of_something_that_is_watched() {
        assert!(demo_from_toml(LIVE).is_ok());
        for (from, to, code) in [
            (
                r#"do.watch = { groups = ["capped"], every = "50ms", time = "1s" }"#,
                r#"do.probe = ["cpus"]"#,
                "live-without-watch",
            ),
            (r#""${percent}%" }"#, r#""20%" }"#, "live-not-a-limit"),
            (
                r#"every = "50ms""#,
                r#"every = "${percent}ms""#,
                "live-not-a-limit",
            ),
        ] {
            let found = demo_from_toml(&LIVE.replacen(from, to, 1)).unwrap_err();
            let codes: Vec<&str> = found.iter().map(|d| d.code).collect();
            assert!(codes.contains(&code), "{to}: {codes:?}");
            // What stays right is not told as wrong.
            let not_live = LIVE
                .replacen(from, to, 1)
                .replace("live = true", "live = false");
            if let Err(found) = demo_from_toml(&not_live) {
                assert!(found.iter().all(|d| !d.code.starts_with("live")), "{to}");
            }
        }
    }
}
