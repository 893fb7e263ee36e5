//! Messages with all that they hold: headers and bodies.

use super::line::{Line, Role, Span};
use super::said::turns;
use super::text::{visible, wrap};
use crate::plan::{History, Message, Said};
use crate::record::Beat;
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// The messages of a beat, the newest first.
pub fn contents(history: &History, beat: &Beat, width: usize) -> Vec<Line> {
    let all = turns(history, beat).into_iter().rev();
    let new = all.filter(|(message, new)| {
        let said = &message.said;
        *new && !matches!(said, Said::Closed { .. } | Said::Connected { .. })
    });
    let each: Vec<Vec<Line>> = new.map(|(message, _)| content(message, width)).collect();
    each.join(&Line::default())
}

fn content(message: &Message, width: usize) -> Vec<Line> {
    let none = BTreeMap::new();
    let (headers, body, bare) = match &message.said {
        Said::Request {
            method,
            path,
            headers,
            body,
        } => (
            headers,
            body.as_ref(),
            Some(format!("c{} > {method} {path}", message.connection)),
        ),
        Said::Response {
            status,
            headers,
            body,
        } => (
            headers,
            body.as_ref(),
            Some(format!("c{} < {status}", message.connection)),
        ),
        Said::Body { side, content } => (
            &none,
            Some(content),
            Some(format!("c{} {side} a piece of a body", message.connection)),
        ),
        Said::Command { .. }
        | Said::Connected { .. }
        | Said::Stream { .. }
        | Said::Closed { .. }
        | Said::Began { .. }
        | Said::Ended { .. } => (&none, None, None),
    };
    let head = bare.unwrap_or_else(|| message.to_string());
    let mut lines = wrap(&[Span::new(visible(&head), Role::Strong)], width);
    for (name, value) in headers {
        let text = format!("{name}: {value}");
        lines.extend(wrap(&[Span::new(visible(&text), Role::Dim)], width));
    }
    let text = match body {
        None => return lines,
        Some(Json::String(text)) => text.clone(),
        Some(other) => serde_json::to_string_pretty(other).unwrap_or_default(),
    };
    for line in text.lines() {
        lines.extend(wrap(&[Span::new(visible(line), Role::Code)], width));
    }
    lines
}
