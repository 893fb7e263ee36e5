//! The plan of a demo as far as it can be read, and its flaws where they are
//! written: the rules themselves are those that every plan is held to.

use super::facts::{Boxes, filled};
use super::source::Sink;
use super::tree::Node;
use crate::plan::{Draft, Flaw, Part};
use std::ops::Range;

/// Tells every flaw of the plan that a demo makes. A box that isn't declared is
/// only noted: what a lesson says of boxes elsewhere may mention it, too.
pub(super) fn check(sink: &mut Sink<'_>, root: &Node, boxes: &mut Boxes) {
    let draft = Draft {
        cgroups: parts(root, "cgroup", "name"),
        boxes: parts(root, "box", "name"),
        actions: parts(root, "action", "as"),
    };
    for flaw in draft.flaws() {
        let span = place(root, &flaw);
        match &flaw.undeclared {
            Some(name) => drop(boxes.mention(name, span)),
            None => sink.error(flaw.code, span, flaw.message, flaw.help),
        }
    }
    for node in root.get("action").map_or(&[][..], Node::items) {
        filled(sink, node, "say");
        if let Some(verb) = node.get("do") {
            filled(sink, verb, "stage");
        }
    }
}

fn parts<T: serde::de::DeserializeOwned>(root: &Node, key: &str, name: &str) -> Vec<Part<T>> {
    let nodes = root.get(key).map_or(&[][..], Node::items).iter();
    let text = |node: &Node, key| node.text_of(key).map(String::from);
    nodes
        .map(|node| match node.read() {
            Some(part) => Part::Read(part),
            None => Part::Unread {
                name: text(node, name),
                place: text(node, "in"),
                of: text(node, "of"),
            },
        })
        .collect()
}

/// Where a flaw is written.
fn place(root: &Node, flaw: &Flaw) -> Range<usize> {
    let path: Vec<&str> = flaw.at.iter().map(String::as_str).collect();
    match path.as_slice() {
        [above @ .., key] if flaw.key => root.key_at(above, key),
        path => root.at(path),
    }
}
