//! What passes between a person, a client, the engine and its containers, as a
//! sequence diagram that grows; drawn from messages alone.
//!
//! ```text
//!   you            docker CLI        engine (dockerd)      box
//!    ├─ run tools ls ─▸│                    │
//!    │                 ├ POST start ───────▸│
//!    │                 │                    ├ runs 1a ─────▸│ pid 71
//!  ▸ │                 │◂────────── 204 ────┤               │
//! ```
//! Everything that was said is in one row: a line, a request, an answer, a piece of a
//! body, bytes of a stream, a beginning and an end. Pieces of one stream that follow
//! each other share a row. That a connection is opened or closed says nothing.

use super::line::{Line, Role, Span, width as columns};
use super::message::messages;
use super::said::{Talk, Turn};
use super::text::visible;
use crate::plan::History;
use crate::record::Beat;

/// Wider, the arrows are only longer.
const WIDEST: usize = 124;
/// Narrower, there is no place for arrows: then each message is a line of text.
const NARROWEST: usize = 60;
/// What stands left of the first column, with the sign of the newest.
const LEFT: usize = 5;
/// What stands right of the last one.
const RIGHT: usize = 12;

/// All that was said until the end of a beat, in `most` lines at most: what is older
/// is counted in one. What the beat added is brighter, its newest marked.
pub fn sequence(history: &History, beat: &Beat, most: usize, width: usize) -> Vec<Line> {
    let talk = Talk::of(history, beat);
    if talk.turns.iter().all(|turn| !turn.new) {
        return Vec::new();
    }
    if width < NARROWEST {
        return messages(history, beat, width);
    }
    drawn(&talk, most, width)
}

/// What was said in a beat, all of it.
pub(super) fn whole(history: &History, beat: &Beat, width: usize) -> Vec<Line> {
    let mut talk = Talk::of(history, beat);
    talk.turns.retain(|turn| turn.new);
    if talk.turns.is_empty() {
        return Vec::new();
    }
    if width < NARROWEST {
        return messages(history, beat, width);
    }
    drawn(&talk, usize::MAX, width)
}

fn drawn(talk: &Talk, most: usize, width: usize) -> Vec<Line> {
    let place = Place::of(width);
    let turns = &talk.turns;
    // Another client than before is named in a line of its own.
    let named = |at: usize| {
        let before = turns[..at].iter().rev().find_map(|turn| turn.client);
        turns[at]
            .client
            .filter(|name| before.is_some_and(|before| before != *name))
    };
    // The names above take one line, and what counts the older ones another.
    let mut room = most.saturating_sub(1).max(2);
    let mut from = turns.len();
    while let Some(next) = from.checked_sub(1) {
        let size = 1 + usize::from(from < turns.len() && named(from).is_some());
        let counts = usize::from(next > 0);
        if size + counts > room {
            break;
        }
        room -= size;
        from = next;
    }
    let first = turns[from..].iter().find_map(|turn| turn.client);
    let names = ["you", first.unwrap_or("client"), &talk.engine, "box"];
    let mut lines = vec![place.names(names)];
    if from > 0 {
        let said: usize = turns[..from].iter().map(|turn| turn.count).sum();
        let text = format!("{}… {said} earlier", " ".repeat(LEFT));
        lines.push(Line::of(text, Role::Dim));
    }
    for (at, turn) in turns.iter().enumerate().skip(from) {
        if let Some(name) = named(at).filter(|_| at > from) {
            lines.push(place.name(name, turn));
        }
        lines.push(place.arrow(turn, at + 1 == turns.len()));
    }
    lines
}

/// Where the columns stand.
struct Place {
    at: [usize; 4],
    width: usize,
}

impl Place {
    fn of(width: usize) -> Place {
        let width = width.min(WIDEST);
        let last = width - RIGHT;
        let span = last - LEFT;
        let at = [LEFT, LEFT + span * 27 / 100, LEFT + span * 70 / 100, last];
        Place { at, width }
    }

    /// The names, each above its column.
    fn names(&self, names: [&str; 4]) -> Line {
        let mut text = String::new();
        for (at, name) in self.at.iter().zip(names) {
            let begin = at.saturating_sub(columns(name) / 2);
            let begin = begin.min(self.width.saturating_sub(columns(name)));
            text += &" ".repeat(begin.saturating_sub(columns(&text)));
            text += name;
        }
        Line::of(text, Role::Label)
    }

    /// The columns that nothing crosses, from one cell to before another.
    fn lifelines(&self, from: usize, to: usize, box_lives: bool) -> String {
        let on = |cell: &usize| {
            let column = self.at.iter().position(|at| at == cell);
            column.is_some_and(|column| column < 3 || box_lives)
        };
        (from..to)
            .map(|cell| if on(&cell) { '│' } else { ' ' })
            .collect()
    }

    /// The name of another client than before, in its column.
    fn name(&self, name: &str, turn: &Turn) -> Line {
        let begin = self.at[1].saturating_sub(columns(name) / 2);
        let lives = turn.lives && turn.to != 3;
        Line {
            spans: vec![
                Span::new(" ".repeat(3) + &self.lifelines(3, begin, lives), Role::Dim),
                Span::new(name, Role::Label),
                Span::new(
                    self.lifelines(begin + columns(name), self.at[3] + 1, lives),
                    Role::Dim,
                ),
            ],
        }
    }

    /// A row.
    fn arrow(&self, turn: &Turn, newest: bool) -> Line {
        let (role, word) = match (turn.new, turn.bad) {
            (true, true) => (Role::Body, Role::Bad),
            (true, false) => (Role::Body, Role::Observed),
            (false, _) => (Role::Dim, Role::Dim),
        };
        let right = turn.from < turn.to;
        let (low, high) = (turn.from.min(turn.to), turn.from.max(turn.to));
        let (begin, end) = (self.at[low], self.at[high]);
        let inner = end - begin - 1;
        let label = cut(&visible(&turn.label), inner - 4);
        let dashes = "─".repeat(inner - 3 - columns(&label));
        let (before, after) = match right {
            true => ("├ ".to_string(), format!(" {dashes}▸│")),
            false => {
                let tail = dashes.chars().count().min(3);
                let (head, tail) = ("─".repeat(dashes.chars().count() - tail), "─".repeat(tail));
                (format!("│◂{head} "), format!(" {tail}┤"))
            }
        };
        let sign = match newest && turn.new {
            true => Span::new(" ▸ ", Role::Strong),
            false => Span::new("   ", Role::Body),
        };
        let rest = self.lifelines(end + 1, self.at[3] + 1, turn.lives);
        let beside = cut(&visible(&turn.beside), self.width - self.at[3] - 2);
        let beside = if beside.is_empty() {
            beside
        } else {
            format!(" {beside}")
        };
        Line {
            spans: vec![
                sign,
                Span::new(self.lifelines(3, begin, turn.lives), Role::Dim),
                Span::new(before, role),
                Span::new(label, word),
                Span::new(after, role),
                Span::new(rest, Role::Dim),
                Span::new(beside, word),
            ],
        }
    }
}

/// A text of that many cells at most; `…` stands for what is left out, which the
/// message itself has.
fn cut(text: &str, most: usize) -> String {
    if columns(text) <= most {
        return text.to_string();
    }
    let mut cut = String::new();
    for character in text.chars() {
        if columns(&cut) + columns(character.encode_utf8(&mut [0; 4])) + 1 > most {
            break;
        }
        cut.push(character);
    }
    cut + "…"
}
