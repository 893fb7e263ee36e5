//! What happened, as `docker events` tells it: the last of it is kept for who asks
//! later.

use super::filters::Filters;
use crate::base::time::Time;
use serde_json::{Value, json};
use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use tokio::sync::broadcast;

/// How many are kept.
const KEPT: usize = 256;
/// The filters that events have.
pub(super) const FILTERS: [&str; 14] = [
    "config",
    "container",
    "daemon",
    "event",
    "image",
    "label",
    "network",
    "node",
    "plugin",
    "scope",
    "secret",
    "service",
    "type",
    "volume",
];

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Event {
    /// `container`, `image`, `network` or `volume`.
    pub(super) kind: &'static str,
    pub(super) action: String,
    pub(super) id: String,
    pub(super) attributes: BTreeMap<String, String>,
    pub(super) at: Time,
}

impl Event {
    /// As the API writes it.
    pub(super) fn document(&self) -> Value {
        let mut document = json!({
            "Type": self.kind,
            "Action": self.action,
            "Actor": { "ID": self.id, "Attributes": self.attributes },
            "scope": "local",
            "time": self.at.seconds(),
            "timeNano": self.at.0,
        });
        // What clients before 1.22 read, still there for these two.
        if matches!(self.kind, "container" | "image") {
            document["status"] = json!(self.action);
            document["id"] = json!(self.id);
        }
        if self.kind == "container"
            && let Some(image) = self.attributes.get("image")
        {
            document["from"] = json!(image);
        }
        document
    }

    /// Whether it is one that was asked for.
    pub(super) fn fits(&self, filters: &Filters) -> bool {
        let name = self.attributes.get("name");
        let is = |wanted: &str| self.id.starts_with(wanted) || name.is_some_and(|n| n == wanted);
        // `exec_create: sh` is an `exec_create`.
        let action = self.action.split(':').next().unwrap_or_default();
        filters.any("type", |kind| kind == self.kind)
            && filters.any("event", |event| event == action || event == self.action)
            && filters.any("scope", |scope| scope == "local")
            && filters.labels(&self.attributes)
            && ["container", "image", "network", "volume"]
                .into_iter()
                .filter(|kind| filters.has(kind))
                .all(|kind| match (kind, self.kind) {
                    ("image", "container") => {
                        let image = self.attributes.get("image").map(String::as_str);
                        filters.any("image", |wanted| image == Some(wanted))
                    }
                    (kind, own) => kind == own && filters.any(kind, is),
                })
    }
}

/// All of them.
pub(super) struct Events {
    kept: RefCell<VecDeque<Event>>,
    now: broadcast::Sender<Event>,
}

impl Events {
    pub(super) fn new() -> Events {
        Events {
            kept: RefCell::default(),
            now: broadcast::Sender::new(KEPT),
        }
    }

    /// Tells one.
    pub(super) fn tell(
        &self,
        kind: &'static str,
        action: impl Into<String>,
        id: &str,
        attributes: BTreeMap<String, String>,
    ) {
        let event = Event {
            kind,
            action: action.into(),
            id: id.into(),
            attributes,
            at: Time::now(),
        };
        let mut kept = self.kept.borrow_mut();
        if kept.len() >= KEPT {
            kept.pop_front();
        }
        kept.push_back(event.clone());
        // Nobody may be listening.
        let _ = self.now.send(event);
    }

    /// Those that are kept, and what comes from now on.
    pub(super) fn listen(&self) -> (Vec<Event>, broadcast::Receiver<Event>) {
        let kept = self.kept.borrow().iter().cloned().collect();
        (kept, self.now.subscribe())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_found_by_what_they_are_about() {
        let event = Event {
            kind: "container",
            action: "exec_create: sh -c ls".into(),
            id: "abcdef".into(),
            attributes: BTreeMap::from([
                ("image".to_string(), "base".to_string()),
                ("name".to_string(), "web".to_string()),
                ("tier".to_string(), "front".to_string()),
            ]),
            at: Time(0),
        };
        for (text, fits) in [
            (r#"{}"#, true),
            (r#"{"type":["container"]}"#, true),
            (r#"{"type":["image"]}"#, false),
            (r#"{"event":["exec_create"]}"#, true),
            (r#"{"event":["die"]}"#, false),
            (r#"{"container":["web"]}"#, true),
            (r#"{"container":["abc"]}"#, true),
            (r#"{"container":["other"]}"#, false),
            (r#"{"image":["base"]}"#, true),
            (r#"{"network":["bridge"]}"#, false),
            (r#"{"label":["tier=front"]}"#, true),
            (r#"{"label":["tier=back"]}"#, false),
        ] {
            let filters = Filters::parse(Some(text), &FILTERS).unwrap();
            assert_eq!(event.fits(&filters), fits, "{text}");
        }
        assert_eq!(event.document()["from"], json!("base"));
    }
}
