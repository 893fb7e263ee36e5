//! A demo's charts: each line is what a `watch` samples of a group.

use super::shape::did_you_mean;
use super::source::Sink;
use super::tree::Node;
use crate::base::nearest;
use crate::plan::{FactRef, MOVING_FACTS, Place};

/// Judges the charts.
pub(super) fn check(sink: &mut Sink<'_>, root: &Node) {
    let groups: Vec<&str> = items(root, "cgroup")
        .iter()
        .filter_map(|node| node.text_of("name"))
        .collect();
    for chart in items(root, "chart") {
        for line in items(chart, "line") {
            sampled(sink, line, &groups);
        }
        let lines = items(chart, "line").len();
        if !(1..=3).contains(&lines) {
            sink.error(
                "bad-chart",
                chart.span.clone(),
                format!("the chart has {lines} lines"),
                "expected one to three",
            );
        }
    }
}

fn items<'n>(node: &'n Node, key: &str) -> &'n [Node] {
    node.get(key).map_or(&[][..], Node::items)
}

/// A line of a chart is a statistic of a group, as the host sees it.
fn sampled(sink: &mut Sink<'_>, node: &Node, groups: &[&str]) {
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
            if !groups.contains(&group) {
                let help = match nearest(group, groups.iter().copied()) {
                    Some(close) => format!("did you mean `{close}`?"),
                    None => format!("declare it first: `[[cgroup]]`, `name = \"{group}\"`"),
                };
                let message = format!("there is no cgroup `{group}`");
                sink.error("unknown-cgroup", span, message, help);
            }
        }
        Some((_, fact)) => {
            let help = did_you_mean(nearest(fact, MOVING_FACTS), MOVING_FACTS);
            sink.error(
                "unknown-statistic",
                span,
                format!("`{fact}` is not what a `watch` samples"),
                help,
            );
        }
        None => sink.error(
            "unknown-statistic",
            span,
            format!("`{id}` is not a statistic of a cgroup"),
            "expected one such as `host/small.memory.current`",
        ),
    }
}
