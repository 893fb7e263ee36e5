//! What a demo must keep to beyond its shape: names that exist, an order that
//! can be carried out, and effects that stay inside.

use super::demo::{Demo, DemoSource, Figure};
use super::facts::{Boxes, Judge, Yields, filled};
use super::meta::Quiz;
use super::schema::Part;
use super::source::{Scope, Sink};
use super::tree::{self, Node, Trust, Value};
use super::{charts, draft, knobs, shape};
use crate::base::nearest;
use crate::plan::{Action, BoxName, BoxSpec, CgroupSpec, MOST_PARTS, Of, Place};
use std::ops::Range;

/// A demo that has been judged.
pub(super) struct Judged {
    /// It, if there is no error in it.
    pub(super) demo: Option<Demo>,
    /// What a quiz can be judged by, if that much could be read.
    pub(super) seen: Option<(Yields, Boxes)>,
}

/// Reads a demo and tells every mistake, with each knob at each of its values.
pub(super) fn demo(sink: &mut Sink<'_>, body: Range<usize>, opening: Range<usize>) -> Judged {
    let before = sink.len();
    let (root, trust) = tree::parse(sink, body, opening.clone());
    if trust != Trust::Whole {
        shape::check(sink, Part::Demo, &root, trust);
        return Judged {
            demo: None,
            seen: None,
        };
    }
    if root
        .get("action")
        .is_none_or(|node| node.items().is_empty())
        && root
            .entries()
            .iter()
            .all(|entry| nearest(&entry.key, ["action"]).is_none())
    {
        sink.error(
            "empty-demo",
            opening,
            "the demo does nothing",
            "give it an `[[action]]`, or leave the block out",
        );
    }
    if root.get("action").is_some()
        && root.get("expect").is_none()
        && root
            .entries()
            .iter()
            .all(|entry| nearest(&entry.key, ["expect"]).is_none())
    {
        sink.warning(
            "no-claim",
            root.span.clone(),
            "the demo claims nothing, so nothing tells when it goes wrong",
            "give it an `[[expect]]`",
        );
    }
    if let Some(long) = root
        .entries()
        .iter()
        .find(|e| e.node.items().len() > MOST_PARTS)
    {
        sink.error(
            "too-many",
            long.key_span.clone(),
            format!("`{}` is there {} times", long.key, long.node.items().len()),
            format!("{MOST_PARTS} at most: nobody follows a longer demo"),
        );
        return Judged {
            demo: None,
            seen: None,
        };
    }
    let settings = knobs::check(sink, &root);
    let judged = match sink.scope {
        Scope::Everything => settings.len(),
        Scope::Shipped => 1,
    };
    let mut seen = None;
    for (index, setting) in settings.iter().take(judged).enumerate() {
        sink.try_with(knobs::difference(setting, &settings[0]));
        let root = root.filled(setting);
        shape::check(sink, Part::Demo, &root, trust);
        let judged = scene(sink, &root);
        if index == 0 {
            seen = Some(judged);
        }
        if !sink.failed_since(before)
            && let Some((span, reason)) = unreadable(&root)
        {
            sink.error(
                "bad-demo",
                span,
                format!("this can't be read: {reason}"),
                "compare it with the schema: `glassbox schema`",
            );
        }
    }
    sink.try_with(None);
    let demo = (!sink.failed_since(before)).then(|| Demo {
        knobs: root
            .get("knob")
            .map_or(&[][..], Node::items)
            .iter()
            .filter_map(Node::read)
            .collect(),
        predicts: root.get("predict").is_some(),
        template: match root.plain() {
            Some(toml::Value::Table(table)) => table,
            _ => toml::Table::new(),
        },
    });
    Judged { demo, seen }
}

/// What of a demo the types refuse though the schema doesn't, and why: the
/// part of it, if it is one.
fn unreadable(root: &Node) -> Option<(Range<usize>, String)> {
    fn refused<T: serde::de::DeserializeOwned>(node: &Node) -> Option<(Range<usize>, String)> {
        let plain = node.plain()?;
        let error = plain.try_into::<T>().err()?;
        Some((node.span.clone(), error.message().trim().to_string()))
    }
    let all = refused::<DemoSource>(root)?;
    let items = |key: &str| root.get(key).map_or(&[][..], Node::items).iter();
    items("cgroup")
        .find_map(refused::<CgroupSpec>)
        .or_else(|| items("box").find_map(refused::<BoxSpec>))
        .or_else(|| items("action").find_map(refused::<Action>))
        .or(Some(all))
}

/// A part of the demo: its type, if it has that shape, and where it is written.
pub(super) type Read<'n, T> = (Option<T>, &'n Node);

fn parts<'n, T: serde::de::DeserializeOwned>(root: &'n Node, key: &str) -> Vec<Read<'n, T>> {
    let items = root.get(key).map_or(&[][..], Node::items);
    items.iter().map(|node| (node.read(), node)).collect()
}

/// Judges a demo whose knobs are set.
fn scene(sink: &mut Sink<'_>, root: &Node) -> (Yields, Boxes) {
    let specs: Vec<Read<BoxSpec>> = parts(root, "box");
    let actions: Vec<Read<Action>> = parts(root, "action");
    let mut boxes = declared(&specs);
    let read = actions.iter().filter_map(|(action, _)| action.as_ref());
    boxes.declared.extend(read.flat_map(processes));
    let yields = Yields::of(&actions);
    draft::check(sink, root, &mut boxes);
    charts::check(sink, root);
    let mut judge = Judge {
        sink,
        yields: &yields,
        boxes: &mut boxes,
    };
    if let Some(predict) = root.get("predict") {
        judge.question(predict);
    }
    for node in root.get("show").map_or(&[][..], Node::items) {
        judge.row(node);
    }
    for node in root.get("expect").map_or(&[][..], Node::items) {
        filled(judge.sink, node, "claim");
        filled(judge.sink, node, "holds-anyway");
        let and = node.get("and").map_or(&[][..], Node::items);
        for test in node.get("when").into_iter().chain(and) {
            judge.test(test);
        }
    }
    for node in root.get("knob").map_or(&[][..], Node::items) {
        filled(judge.sink, node, "label");
    }
    for node in root.get("bars").map_or(&[][..], Node::items) {
        judge.bars(node);
    }
    match root.get("figure").and_then(|node| node.read::<Figure>()) {
        Some(Figure::Layers(id)) => judge.layers(&id, root.at(&["figure"])),
        Some(Figure::Namespaces) => namespaces_rules(sink, root, &specs, &yields),
        None => {}
    }
    boxes.tell(sink);
    (yields, boxes)
}

/// The boxes that are declared; one whose name can't be read, or is another's,
/// may be any.
fn declared(specs: &[Read<BoxSpec>]) -> Boxes {
    let mut boxes = Boxes::default();
    for (_, node) in specs {
        let name = node.text_of("name").and_then(|name| name.parse().ok());
        match name {
            Some(name) if !boxes.declared.contains(&name) => boxes.declared.push(name),
            Some(_) | None => boxes.unnamed = true,
        }
    }
    boxes
}

/// The engine and the containers that an action gives a name to.
fn processes(action: &Action) -> Vec<BoxName> {
    let names = action.verb.about().names.into_iter();
    names
        .filter(|named| named.of == Of::NewProcess)
        .flat_map(|named| named.name.parse())
        .collect()
}

/// The table of namespaces is drawn from facts that must be there.
fn namespaces_rules(sink: &mut Sink<'_>, root: &Node, specs: &[Read<BoxSpec>], yields: &Yields) {
    let first = specs.first().and_then(|(_, node)| node.text_of("name"));
    if !specs.is_empty() && first.is_none_or(|name| name.parse::<BoxName>().is_err()) {
        return;
    }
    let first = first.and_then(|name| name.parse().ok()).map(Place::Box);
    let places = [Some(Place::Host), first];
    let missing = places.iter().find(|place| {
        place
            .as_ref()
            .is_none_or(|place| !yields.has(place, "ns.uts"))
    });
    if let Some(place) = missing {
        sink.error(
            "figure-without-facts",
            root.at(&["figure"]),
            "the figure `namespaces` has nothing to draw",
            match place {
                Some(place) => format!("add the probe `ns` in `{place}`"),
                None => "declare a box, and add the probe `ns` in it".into(),
            },
        );
    }
}

/// Judges a quiz by what the demo yields.
pub(super) fn quiz(
    sink: &mut Sink<'_>,
    body: Range<usize>,
    opening: Range<usize>,
    seen: Option<(Yields, Boxes)>,
) -> Option<Quiz> {
    let before = sink.len();
    let (root, trust) = tree::parse(sink, body, opening);
    knobs::none_in(sink, &root);
    shape::check(sink, Part::Quiz, &root, trust);
    if trust != Trust::Whole {
        return None;
    }
    let questions = root.get("question").map_or(&[][..], Node::items);
    if questions.is_empty()
        && root
            .get("question")
            .is_some_and(|node| matches!(node.value, Value::List(_)))
    {
        sink.error(
            "empty-quiz",
            root.at(&["question"]),
            "the quiz asks nothing",
            "give it a `[[question]]`",
        );
    }
    if let Some((yields, mut boxes)) = seen {
        boxes.forget();
        let mut judge = Judge {
            sink,
            yields: &yields,
            boxes: &mut boxes,
        };
        questions.iter().for_each(|node| judge.question(node));
        boxes.tell(sink);
    }
    match sink.failed_since(before) {
        true => None,
        false => root.read(),
    }
}
