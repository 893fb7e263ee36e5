//! `pack.toml`: what holds for a pack as a whole. It may be left out.

use super::facts::filled;
use super::meta::{BUILT_IN, PackMeta, Route};
use super::schema::Part;
use super::shape;
use super::source::{Sink, Source};
use super::tree::{self, Node, Trust};
use crate::base::{Diagnostic, nearest};
use std::collections::BTreeMap;

/// A step as a path names it: its id, and whether it says how long it takes.
pub(super) type Known<'a> = BTreeMap<&'a str, bool>;

/// Reads it, and tells every mistake in it.
pub(super) fn examine(source: &Source, steps: &Known<'_>) -> (PackMeta, Vec<Diagnostic>) {
    let mut sink = Sink::new(source);
    let meta = read(&mut sink, steps);
    (meta, sink.into_found())
}

fn read(sink: &mut Sink<'_>, steps: &Known<'_>) -> PackMeta {
    let end = sink.source().text.len();
    let (node, trust) = tree::parse(sink, 0..end, 0..0);
    shape::check(sink, Part::Pack, &node, trust);
    if node.text_of("id") == Some(BUILT_IN) {
        sink.error(
            "taken-id",
            node.at(&["id"]),
            format!("`{BUILT_IN}` is the id of the built-in course"),
            "progress goes by it: give the pack its own",
        );
    }
    let paths = node.get("path").map_or(&[][..], Node::items);
    let mut names: Vec<&str> = Vec::new();
    for path in paths {
        filled(sink, path, "title");
        let Some(name) = path.text_of("name") else {
            continue;
        };
        if names.contains(&name) {
            sink.error(
                "duplicate-path",
                path.at(&["name"]),
                format!("there is a path `{name}` already"),
                "give each its own name",
            );
        }
        names.push(name);
        stations(sink, path, name, steps);
    }
    let read = node.read().filter(|_| trust == Trust::Whole);
    read.unwrap_or_default()
}

/// The steps of a path: each there, and named once.
fn stations(sink: &mut Sink<'_>, path: &Node, name: &str, steps: &Known<'_>) {
    let listed = path.get("steps").map_or(&[][..], Node::items);
    if path.get("steps").is_some() && listed.is_empty() {
        sink.error(
            "empty-path",
            path.at(&["steps"]),
            format!("the path `{name}` has no step"),
            "name some, or leave `steps` out: then it has them all",
        );
    }
    let mut named: Vec<&str> = Vec::new();
    for node in listed {
        let Some(id) = node.text() else {
            continue;
        };
        if named.contains(&id) {
            sink.error(
                "twice-on-path",
                node.span.clone(),
                format!("the path `{name}` names `{id}` twice"),
                "it goes through a step once",
            );
        }
        named.push(id);
        match steps.get(id) {
            Some(true) => {}
            Some(false) => sink.warning(
                "no-minutes",
                node.span.clone(),
                format!("`{id}` doesn't say how long it takes, so the path `{name}` can't"),
                "give the step `minutes` in its front matter",
            ),
            None => {
                let help = match nearest(id, steps.keys().copied()) {
                    Some(close) => format!("did you mean `{close}`?"),
                    None => "a path names steps by their ids".into(),
                };
                sink.error(
                    "unknown-step",
                    node.span.clone(),
                    format!("there is no step `{id}`"),
                    help,
                );
            }
        }
    }
}

impl PackMeta {
    /// The route of that name.
    pub fn route(&self, name: &str) -> Option<&Route> {
        self.path.iter().find(|route| route.name == name)
    }
}
