//! What passed between a client and an engine, a message a line.

use super::line::{Line, Role, width as columns};
use super::text::visible;
use crate::plan::{Event, History, Message, Said};
use crate::record::Beat;

/// The messages of a beat, in order; what is longer than a line is cut.
pub(super) fn messages(history: &History, beat: &Beat, width: usize) -> Vec<Line> {
    let events = beat.of(history).iter();
    let lines = events.filter_map(|event| match event {
        Event::Message(one) => message(one, width),
        _ => None,
    });
    lines.collect()
}

/// A message in one line; nothing for what only ends a connection.
pub(super) fn message(message: &Message, width: usize) -> Option<Line> {
    let role = match &message.said {
        Said::Command { .. } => Role::Code,
        Said::Began { .. } | Said::Ended { .. } => Role::Strong,
        Said::Connected { .. } => Role::Dim,
        Said::Request { .. } | Said::Response { .. } | Said::Body { .. } | Said::Stream { .. } => {
            Role::Observed
        }
        Said::Closed { .. } => return None,
    };
    let text = visible(&message.to_string());
    let mut cut: String = String::new();
    let mut used = 0;
    for c in text.chars() {
        used += columns(c.encode_utf8(&mut [0; 4]));
        if used >= width {
            cut.push('…');
            break;
        }
        cut.push(c);
    }
    Some(Line::of(cut, role))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_line_that_fits() {
        let said = |said| Message {
            at: 1,
            connection: 1,
            said,
        };
        let request = Said::Request {
            method: "POST".into(),
            path: "/containers/create?name=a\nb".into(),
            headers: Default::default(),
            body: Some(serde_json::json!({"Image": "容".repeat(90)})),
        };
        let ended = Said::Ended {
            container: "1a".into(),
            image: "tools".into(),
            status: 3,
        };
        for (one, begins) in [
            (said(request), "c1 > POST /containers/create?name=a␊b"),
            (said(ended), "1a of tools has ended: exit 3"),
        ] {
            for width in [40, 60, 75] {
                let line = message(&one, width).unwrap();
                assert!(line.text().starts_with(begins), "{}", line.text());
                assert!(line.width() <= width, "{}", line.text());
            }
        }
        assert!(
            message(
                &said(Said::Closed {
                    side: crate::plan::Side::Client
                }),
                40
            )
            .is_none()
        );
    }
}
