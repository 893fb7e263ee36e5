//! The parts of a Docker installation, and which of them act: the overview's fourth
//! figure, from messages alone.

use super::line::{Line, Role, Span, width as columns};
use super::said::{client, turns};
use super::text::{visible, wrap};
use crate::plan::{History, Message, Said};
use crate::record::Beat;

/// The inner widths of the outer boxes, and how wide the one between them may be.
const CLIENT: usize = 20;
const SERVER: std::ops::RangeInclusive<usize> = 24..=48;
const REGISTRY: usize = 10;
/// What stands between two of them.
const BETWEEN: [&str; 2] = ["     ", "────▸"];
/// What a box has around its inside.
const BORDERS: usize = 4;

/// What is known of a part by the end of a beat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum State {
    /// Nothing was seen of it.
    Unseen,
    /// It acted before.
    Seen,
    /// It acts in the beat.
    Acts,
}

/// A part, in its box.
struct Part {
    name: String,
    state: State,
    /// Belongs to Docker Engine, which is open source.
    engine: bool,
}

/// What was seen of all of them.
#[derive(Default)]
struct Seen {
    command: Option<State>,
    other: Option<State>,
    api: Option<State>,
    daemon: Option<State>,
    registry: Option<State>,
    /// Images in the order in which they were seen, and their containers.
    images: Vec<(String, State, Vec<Container>)>,
}

struct Container {
    name: String,
    state: State,
    /// What it does by then.
    does: String,
}

/// The figure by the end of a beat: what acts in it is marked, what was never seen is
/// dim.
pub fn parts(history: &History, beat: &Beat, width: usize) -> Vec<Line> {
    let mut seen = Seen::default();
    for (message, new) in turns(history, beat) {
        let state = if new { State::Acts } else { State::Seen };
        seen.take(message, state);
    }
    let boxes = seen.boxes(width);
    let [one, two, three] = &boxes;
    let wide = one[0].width() + two[0].width() + three[0].width() + 10 <= width;
    let mut lines = match wide {
        true => beside(&boxes),
        false => boxes.concat(),
    };
    lines.push(Line::default());
    for text in [
        "▸ acts in this beat   · not seen so far",
        "● is a part of Docker Engine, which is open source",
    ] {
        lines.extend(wrap(&[Span::new(text, Role::Dim)], width));
    }
    lines
}

impl Seen {
    fn take(&mut self, message: &Message, state: State) {
        let raise = |part: &mut Option<State>| *part = Some(part.unwrap_or(state).max(state));
        match &message.said {
            Said::Connected { .. } | Said::Closed { .. } => {}
            Said::Command { .. } => raise(&mut self.command),
            Said::Request {
                path,
                headers,
                body,
                ..
            } => {
                let agent = headers.get("user-agent").map_or("", String::as_str);
                match client(agent) {
                    super::said::PLAIN => raise(&mut self.other),
                    _ => raise(&mut self.command),
                }
                raise(&mut self.api);
                if path.contains("/images/create?") || path.ends_with("/push") {
                    // The tap doesn't hear it; that it is asked is the client's wish.
                    self.registry.get_or_insert(State::Unseen);
                }
                let image = body.as_ref().and_then(|body| body["Image"].as_str());
                if let Some(image) = image.filter(|_| path.contains("/containers/create")) {
                    self.image(image, state);
                }
            }
            Said::Response { .. } => {
                raise(&mut self.api);
                raise(&mut self.daemon);
            }
            Said::Body { content, .. } => {
                raise(&mut self.api);
                let status = content["status"].as_str().unwrap_or_default();
                // What only a registry could have told.
                if self.registry.is_some() && status.starts_with("Digest:") {
                    raise(&mut self.registry);
                }
            }
            Said::Stream { .. } => raise(&mut self.api),
            Said::Began {
                container, image, ..
            } => {
                raise(&mut self.daemon);
                self.container(image, container, "runs".into(), state);
            }
            Said::Ended {
                container,
                image,
                status,
            } => {
                raise(&mut self.daemon);
                self.container(image, container, format!("exit {status}"), state);
            }
        }
    }

    fn image(&mut self, name: &str, state: State) -> &mut Vec<Container> {
        let at = self.images.iter().position(|(image, ..)| image == name);
        let at = at.unwrap_or_else(|| {
            self.images.push((name.to_string(), state, Vec::new()));
            self.images.len() - 1
        });
        let image = &mut self.images[at];
        image.1 = image.1.max(state);
        &mut image.2
    }

    fn container(&mut self, image: &str, name: &str, does: String, state: State) {
        let all = self.image(image, state);
        match all.iter_mut().find(|container| container.name == name) {
            Some(known) => (known.does, known.state) = (does, known.state.max(state)),
            None => all.push(Container {
                name: name.to_string(),
                state,
                does,
            }),
        }
    }

    fn boxes(&self, width: usize) -> [Vec<Line>; 3] {
        let part = |name: &str, state: Option<State>, engine: bool| Part {
            name: name.to_string(),
            state: state.unwrap_or(State::Unseen),
            engine,
        };
        let clients = [
            part("command line", self.command, true),
            part("graphical interface", None, false),
            part("credential helpers", None, false),
            part("extensions", None, false),
            part("any other program", self.other, false),
        ];
        let mut server = vec![
            part("API", self.api, true),
            part("daemon", self.daemon, true),
        ];
        // The figure has two images; what there is beyond it has its place, too.
        for number in 0..self.images.len().max(2) {
            let Some((name, state, containers)) = self.images.get(number) else {
                let many: &[&str] = if number == 0 { &["a", "b"] } else { &[""] };
                for letter in many {
                    server.push(part(
                        &format!("container {}{letter}", number + 1),
                        None,
                        false,
                    ));
                }
                server.push(part(&format!("image {}", number + 1), None, false));
                continue;
            };
            for (index, container) in containers.iter().enumerate() {
                let letter = char::from(b'a' + (index % 26) as u8);
                let label = format!(
                    "container {}{letter}  {} {}",
                    number + 1,
                    container.name,
                    container.does
                );
                server.push(part(&label, Some(container.state), false));
            }
            server.push(part(
                &format!("image {}  {name}", number + 1),
                Some(*state),
                false,
            ));
        }
        let most = width.saturating_sub(BORDERS);
        let room = width.saturating_sub(CLIENT + REGISTRY + 3 * BORDERS + 10);
        let between = room.clamp(*SERVER.start(), *SERVER.end());
        let registry = [part("images", self.registry, false)];
        [
            boxed("Client", &clients, CLIENT.min(most)),
            boxed("Server: Linux", &server, between.min(most)),
            boxed("Registry", &registry, REGISTRY.min(most)),
        ]
    }
}

/// A box with its parts.
fn boxed(title: &str, parts: &[Part], inner: usize) -> Vec<Line> {
    let rule = "─".repeat(inner.saturating_sub(columns(title)));
    let mut lines = vec![Line {
        spans: vec![
            Span::new("╭ ", Role::Dim),
            Span::new(title, Role::Label),
            Span::new(format!(" {rule}╮"), Role::Dim),
        ],
    }];
    for part in parts {
        let (sign, role) = match part.state {
            State::Unseen => ("· ", Role::Dim),
            State::Seen => ("  ", Role::Body),
            State::Acts => ("▸ ", Role::Strong),
        };
        let mark = if part.engine { " ●" } else { "" };
        let name = wrap(&[Span::new(visible(&part.name), role)], inner - 2);
        for (index, line) in name.iter().enumerate() {
            let (sign, mark) = if index == 0 { (sign, mark) } else { ("  ", "") };
            let rest = inner - 2 - line.width().min(inner - 2);
            let fill = " ".repeat(rest.saturating_sub(columns(mark)));
            let mut spans = vec![Span::new("│ ", Role::Dim), Span::new(sign, role)];
            spans.extend(line.spans.clone());
            spans.push(Span::new(format!("{fill}{mark}"), role));
            spans.push(Span::new(" │", Role::Dim));
            lines.push(Line { spans });
        }
    }
    lines.push(Line::of(format!("╰{}╯", "─".repeat(inner + 2)), Role::Dim));
    lines
}

/// The boxes side by side, joined at their first part.
fn beside(boxes: &[Vec<Line>; 3]) -> Vec<Line> {
    let height = boxes.iter().map(Vec::len).max().unwrap_or_default();
    let row = |row: usize| {
        let mut spans = Vec::new();
        for (index, lines) in boxes.iter().enumerate() {
            if index > 0 {
                // An arrow from the command line to the API, and on to the registry.
                spans.push(Span::new(BETWEEN[usize::from(row == 1)], Role::Dim));
            }
            match lines.get(row) {
                Some(line) => spans.extend(line.spans.clone()),
                None => spans.push(Span::new(" ".repeat(lines[0].width()), Role::Body)),
            }
        }
        Line { spans }
    };
    (0..height).map(row).collect()
}
