//! A demo's cgroups: each that is mentioned is declared, and used where it can be.

use super::shape::did_you_mean;
use super::source::Sink;
use super::tree::Node;
use crate::base::nearest;
use crate::plan::{Action, CHILD_CGROUP, FactRef, MOVING_FACTS, Place};
use std::ops::Range;

/// Judges everything in a demo that has to do with cgroups.
pub(super) fn check(sink: &mut Sink<'_>, root: &Node) {
    let mut names = Names {
        sink,
        declared: Vec::new(),
    };
    for node in items(root, "cgroup") {
        names.reference(node.text_of("in"), node.at(&["in"]));
        names.declare(node);
    }
    for node in items(root, "box") {
        let name = node.text_of("cgroup").filter(|name| *name != CHILD_CGROUP);
        names.reference(name, node.at(&["cgroup"]));
    }
    for node in items(root, "action") {
        if let Some(action) = node.read::<Action>() {
            names.action(&action, node);
        }
    }
    for chart in items(root, "chart") {
        for line in items(chart, "line") {
            names.sampled(line);
        }
        let lines = items(chart, "line").len();
        if !(1..=3).contains(&lines) {
            let message = format!("the chart has {lines} lines");
            names.sink.error(
                "bad-chart",
                chart.span.clone(),
                message,
                "expected one to three",
            );
        }
    }
}

fn items<'n>(node: &'n Node, key: &str) -> &'n [Node] {
    node.get(key).map_or(&[][..], Node::items)
}

struct Names<'s, 'a> {
    sink: &'s mut Sink<'a>,
    declared: Vec<String>,
}

impl Names<'_, '_> {
    fn declare(&mut self, node: &Node) {
        let Some(name) = node.text_of("name") else {
            return;
        };
        if self.declared.iter().any(|known| known == name) {
            let message = format!("there are two cgroups `{name}`");
            self.sink.error(
                "duplicate-cgroup",
                node.at(&["name"]),
                message,
                "give each its own name",
            );
        }
        self.declared.push(name.into());
    }

    fn reference(&mut self, name: Option<&str>, span: Range<usize>) {
        let Some(name) = name else { return };
        if self.declared.iter().any(|known| known == name) {
            return;
        }
        let known = || self.declared.iter().map(String::as_str);
        let help = match nearest(name, known()) {
            Some(close) => format!("did you mean `{close}`?"),
            None => format!("declare it first: `[[cgroup]]`, `name = \"{name}\"`"),
        };
        self.sink.error(
            "unknown-cgroup",
            span,
            format!("there is no cgroup `{name}`"),
            help,
        );
    }

    fn action(&mut self, action: &Action, node: &Node) {
        let about = action.verb.about();
        let verb = about.name;
        let groups = about.names.iter().filter(|named| named.of.is_group());
        let mentioned: Vec<(&str, Range<usize>)> = groups
            .map(|named| {
                let path: Vec<&str> = named.at.iter().map(String::as_str).collect();
                (named.name, node.at(&[&["do", verb], &path[..]].concat()))
            })
            .collect();
        if let Some((_, span)) = mentioned.first()
            && action.place != Place::Host
        {
            let message = format!("a box can't reach the cgroups of the demo with `{verb}`");
            self.sink.error(
                "only-from-host",
                span.clone(),
                message,
                "write `in = \"host\"`",
            );
        }
        for (name, span) in mentioned {
            self.reference(Some(name), span);
        }
    }

    /// A line of a chart is a statistic of a group, as the host sees it.
    fn sampled(&mut self, node: &Node) {
        let Some(id) = node.get("fact").and_then(|node| node.read::<FactRef>()) else {
            return;
        };
        let span = node.at(&["fact"]);
        let statistic = id
            .name
            .split_once('.')
            .filter(|_| id.seen_from == Place::Host);
        match statistic {
            Some((group, fact)) if MOVING_FACTS.contains(&fact) => {
                self.reference(Some(group), span);
            }
            Some((_, fact)) => {
                let help = did_you_mean(nearest(fact, MOVING_FACTS), MOVING_FACTS);
                self.sink.error(
                    "unknown-statistic",
                    span,
                    format!("`{fact}` is not what a `watch` samples"),
                    help,
                );
            }
            None => self.sink.error(
                "unknown-statistic",
                span,
                format!("`{id}` is not a statistic of a cgroup"),
                "expected one such as `host/small.memory.current`",
            ),
        }
    }
}
