//! Messages in the few words that stand on an arrow, and who says them to whom.

use crate::plan::{Event, History, Message, Said, Side};
use crate::record::Beat;
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// The columns: who speaks.
pub(super) const YOU: usize = 0;
pub(super) const CLIENT: usize = 1;
pub(super) const ENGINE: usize = 2;
pub(super) const BOX: usize = 3;

/// A row of the diagram.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Turn {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) label: String,
    /// What stands at its right end.
    pub(super) beside: String,
    /// How many messages it stands for.
    pub(super) count: usize,
    /// Of the beat that is shown.
    pub(super) new: bool,
    /// An error.
    pub(super) bad: bool,
    /// The client that asks, where it is known.
    pub(super) client: Option<&'static str>,
    /// Whether a container's program runs by then.
    pub(super) lives: bool,
    /// How many bytes of a stream.
    bytes: usize,
    /// The connection and the side of a stream, whose pieces share a row.
    stream: Option<(u64, usize)>,
}

/// All that was said until the end of a beat.
pub(super) struct Talk {
    pub(super) turns: Vec<Turn>,
    /// The engine, as its answers name it.
    pub(super) engine: String,
}

impl Talk {
    pub(super) fn of(history: &History, beat: &Beat) -> Talk {
        let mut talk = Talk {
            turns: Vec::new(),
            engine: "engine".into(),
        };
        let mut known = Known::default();
        for (message, new) in turns(history, beat) {
            if let Some(name) = engine(&message.said) {
                talk.engine = name;
            }
            let Some(turn) = known.turn(message, new) else {
                continue;
            };
            match talk.turns.last_mut() {
                Some(last)
                    if last.stream.is_some() && last.stream == turn.stream && last.new == new =>
                {
                    last.count += turn.count;
                    last.bytes += turn.bytes;
                }
                _ => talk.turns.push(turn),
            }
        }
        for turn in talk.turns.iter_mut().filter(|turn| turn.stream.is_some()) {
            turn.label = match turn.count {
                1 => format!("{} bytes: {}", turn.bytes, turn.label),
                pieces => format!("{} bytes in {pieces} pieces", turn.bytes),
            };
        }
        talk
    }
}

/// All messages until the end of a beat, in the order of their times; and whether each
/// is of that beat. What the engine tells of containers may come after what was said
/// later.
pub(super) fn turns<'h>(history: &'h History, beat: &Beat) -> Vec<(&'h Message, bool)> {
    let end = beat.events.end.min(history.events().len());
    let begin = beat.events.start.min(end);
    let mut all = Vec::new();
    for (range, new) in [(0..begin, false), (begin..end, true)] {
        let events = history.events()[range].iter();
        let said = events.filter_map(|event| match event {
            Event::Message(message) => Some((message, new)),
            _ => None,
        });
        let mut said: Vec<(&Message, bool)> = said.collect();
        said.sort_by_key(|(message, _)| message.at);
        all.extend(said);
    }
    all
}

/// What an answer says of who answers.
fn engine(said: &Said) -> Option<String> {
    let Said::Response { headers, .. } = said else {
        return None;
    };
    let server = headers.get("server")?;
    Some(match server.split('/').next()? {
        "Docker" => "engine (dockerd)".into(),
        "Glassbox" => "engine (Glassbox)".into(),
        _ => "engine".into(),
    })
}

/// What earlier messages tell of later ones.
#[derive(Default)]
struct Known {
    /// What was asked last on each connection, in a word, and by which client.
    asked: BTreeMap<u64, (String, &'static str)>,
    /// The connection of the last request, while nothing else was said.
    last: Option<u64>,
    /// How many containers run.
    running: usize,
}

impl Known {
    /// The row of a message; none for what says nothing.
    fn turn(&mut self, message: &Message, new: bool) -> Option<Turn> {
        let connection = message.connection;
        let direct = self.last.take() == Some(connection);
        let mut turn = Turn {
            from: CLIENT,
            to: ENGINE,
            label: String::new(),
            beside: String::new(),
            count: 1,
            new,
            bad: false,
            client: self.asked.get(&connection).map(|(_, client)| *client),
            lives: self.running > 0,
            bytes: 0,
            stream: None,
        };
        let answers = |turn: &mut Turn| (turn.from, turn.to) = (ENGINE, CLIENT);
        match &message.said {
            Said::Connected { .. } | Said::Closed { .. } => {
                self.last = direct.then_some(connection);
                return None;
            }
            Said::Command { argv, ours } => {
                (turn.from, turn.to) = (YOU, CLIENT);
                turn.client = Some(if *ours { OURS } else { DOCKER });
                turn.label = argv.get(1..).unwrap_or_default().join(" ");
            }
            Said::Request {
                method,
                path,
                headers,
                ..
            } => {
                let client = client(headers.get("user-agent").map_or("", String::as_str));
                let what = what(path);
                turn.client = Some(client);
                turn.label = format!("{method} {what}");
                let word = what.split(' ').next().unwrap_or_default().to_string();
                self.asked.insert(connection, (word, client));
                self.last = Some(connection);
            }
            Said::Response {
                status,
                headers,
                body,
            } => {
                answers(&mut turn);
                turn.bad = *status >= 400;
                turn.label = answer(*status, headers, body.as_ref());
                self.of(connection, direct, &mut turn);
            }
            Said::Body { side, content } => {
                if *side == Side::Engine {
                    answers(&mut turn);
                }
                turn.label = content_in_words(content);
                self.of(connection, direct, &mut turn);
            }
            Said::Stream { side, bytes, text } => {
                if *side == Side::Engine {
                    answers(&mut turn);
                }
                turn.label = printable(text);
                turn.bytes = *bytes;
                turn.stream = Some((connection, turn.from));
            }
            Said::Began { container, pid, .. } => {
                self.running += 1;
                (turn.from, turn.to, turn.lives) = (ENGINE, BOX, true);
                turn.label = format!("runs {container}");
                turn.beside = pid.map_or(String::new(), |pid| format!("pid {pid}"));
            }
            Said::Ended {
                container, status, ..
            } => {
                self.running = self.running.saturating_sub(1);
                (turn.from, turn.to) = (BOX, ENGINE);
                turn.label = format!("exit {status}");
                turn.beside = container.clone();
            }
        }
        Some(turn)
    }

    /// An answer that doesn't follow its request says to what it is one.
    fn of(&self, connection: u64, direct: bool, turn: &mut Turn) {
        if let Some((word, _)) = self.asked.get(&connection).filter(|_| !direct) {
            turn.label = format!("{} to {word}", turn.label);
        }
    }
}

const DOCKER: &str = "docker CLI";
const OURS: &str = "course's client";
pub(super) const PLAIN: &str = "plain HTTP";

/// Who asks, by what it calls itself.
pub(super) fn client(agent: &str) -> &'static str {
    match agent.split('/').next() {
        Some("Docker-Client") => DOCKER,
        Some("Glassbox-Client") => OURS,
        _ => PLAIN,
    }
}

/// What a path is about: `start 3f9a…`, `create`, `images`, `/_ping`.
fn what(path: &str) -> String {
    let path = path.split('?').next().unwrap_or_default();
    let rest = path
        .strip_prefix("/v1.")
        .and_then(|rest| Some(&rest[rest.find('/')?..]));
    let path = rest.unwrap_or(path);
    let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    match parts.as_slice() {
        ["containers", "create"] => "create".into(),
        [kind @ ("containers" | "images" | "volumes"), "json"] => (*kind).to_string(),
        ["containers", id, "json"] => format!("container {}", short(id)),
        ["exec", id, "json"] => format!("exec {}", short(id)),
        ["exec", id, verb] => format!("exec/{verb} {}", short(id)),
        ["containers", id, verb] => format!("{verb} {}", short(id)),
        ["containers", id] => format!("container {}", short(id)),
        ["images", name @ .., "json"] => format!("image {}", name.join("/")),
        ["images", name @ .., verb @ ("history" | "tag")] => format!("{verb} {}", name.join("/")),
        _ => path.to_string(),
    }
}

/// An id in four digits; a name as it is.
fn short(id: &str) -> String {
    match id.len() >= 12 && id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        true => format!("{}…", &id[..4]),
        false => id.to_string(),
    }
}

/// A status, and what of the answer says most.
fn answer(status: u16, headers: &BTreeMap<String, String>, body: Option<&Json>) -> String {
    let text = |field: &str| body.and_then(|body| body[field].as_str());
    if let Some(message) = text("message").filter(|_| status >= 400) {
        return format!("{status} {message}");
    }
    if let Some(id) = text("Id").or(text("ID")) {
        return format!("{status} {}", short(id.trim_start_matches("sha256:")));
    }
    match (
        body,
        headers.get("api-version"),
        headers.get("content-length"),
    ) {
        // Of an answer without a document what it says of the version is the news.
        (None, Some(version), Some(length)) if length == "0" => format!("{status} {version}"),
        (Some(Json::Array(rows)), ..) => format!("{status} [{}]", rows.len()),
        _ => status.to_string(),
    }
}

/// A piece of a body.
fn content_in_words(content: &Json) -> String {
    match (&content["StatusCode"], content) {
        (Json::Number(code), _) => format!("status {code}"),
        (_, Json::String(text)) => printable(text),
        (_, other) => other.to_string(),
    }
}

/// What of a stream is text: without the headers between its pieces.
fn printable(text: &str) -> String {
    let mut shown = String::new();
    let mut rest = text;
    // A piece begins with its stream's number, three zeros and its length.
    while let Some(at) = rest.find("\0\0\0") {
        let (before, header) = rest.split_at(at);
        shown += before.trim_end_matches(['\u{1}', '\u{2}']);
        rest = header.get(7..).unwrap_or_default();
    }
    shown += rest;
    shown
        .trim_end()
        .chars()
        .map(|c| if c == '\n' { ' ' } else { c })
        .collect()
}
