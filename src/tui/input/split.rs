//! Bytes of a terminal → characters, sequences and pastes, each whole.
//!
//! The grammar is that of ECMA-48: `ESC [` … final byte, `ESC O` one byte, and strings
//! (`ESC ]`, `ESC P` …) up to `ESC \` or BEL. What it doesn't tell is how long to wait:
//!
//! - `ESC` alone is a key when nothing follows for a moment.
//! - What has begun and doesn't end is never awaited: after a lull a key that comes
//!   alone is a key. Nobody presses several within one read, and of what a terminal
//!   sends in parts the last one is seldom a single key.

use std::time::{Duration, Instant};

/// How long `ESC` alone may be the start of something.
const MOMENT: Duration = Duration::from_millis(100);
/// After this a string or a paste that goes on comes in more than a key's length.
const LULL: Duration = Duration::from_millis(200);
/// The same for a short sequence: its last byte alone looks like a key.
const LONG_LULL: Duration = Duration::from_secs(1);
/// What was begun this long ago and has had nothing since is given up.
const GIVEN_UP: Duration = Duration::from_secs(2);

/// No sequence of a key or reply is longer.
const LONGEST: usize = 64;
/// No string that a terminal replies is longer.
const LONGEST_STRING: usize = 4096;
/// As much of a paste as is told at once.
const PART: usize = 65_536;

const ESC: u8 = 0x1b;
const BEL: u8 = 0x07;
const PASTE: &[u8] = b"\x1b[200~";
const PASTED: &[u8] = b"\x1b[201~";

/// One whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unit {
    /// A character, or a sequence with its introducer and its end.
    Bytes(Vec<u8>),
    /// Text that was pasted, or the next part of it.
    Paste(String),
}

/// What is being read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    #[default]
    Ground,
    /// A character of several bytes, of which this many are still to come; after
    /// `ESC`, too.
    Character(usize),
    /// Behind `ESC`.
    Escape,
    /// Behind `ESC [`.
    Control,
    /// This many bytes are the rest, whatever they are.
    Rest(usize),
    /// A string.
    Text,
    /// Text between the two marks of a paste.
    Paste,
}

/// Cuts a terminal's bytes.
#[derive(Debug, Default)]
pub(super) struct Splitter {
    state: State,
    /// What was read of the unit that has begun.
    held: Vec<u8>,
    /// When the last byte came.
    last: Option<Instant>,
    /// The last unit was `ESC`, which may have been the start of more.
    escaped: bool,
}

impl Splitter {
    /// Takes in what one read returned, and tells what is whole with it.
    pub(super) fn feed(&mut self, bytes: &[u8], now: Instant) -> Vec<Unit> {
        let silent = self
            .last
            .map_or(Duration::ZERO, |last| now.saturating_duration_since(last));
        self.last = Some(now);
        if self.is_given_up(bytes, silent) {
            self.reset();
        }
        if std::mem::take(&mut self.escaped) && silent < GIVEN_UP && continues(bytes) {
            self.begin(ESC);
        }
        let mut units = Vec::new();
        for byte in bytes {
            self.push(*byte, &mut units);
        }
        if self.state == State::Paste && self.held.len() >= PART {
            units.extend(self.part());
        }
        units
    }

    /// When [`Splitter::silence`] has something to tell if nothing comes until then.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let after = match self.state {
            State::Escape => MOMENT,
            State::Paste if self.told() > 0 => LULL,
            _ => return None,
        };
        self.last.map(|last| last + after)
    }

    /// Nothing has come until now.
    pub(super) fn silence(&mut self, now: Instant) -> Vec<Unit> {
        if self.deadline().is_none_or(|deadline| deadline > now) {
            return Vec::new();
        }
        match self.state {
            State::Escape => {
                self.reset();
                self.escaped = true;
                vec![Unit::Bytes(vec![ESC])]
            }
            _ => self.part().into_iter().collect(),
        }
    }

    /// Whether what has begun is over, though its end was not seen.
    fn is_given_up(&self, bytes: &[u8], silent: Duration) -> bool {
        let lull = match self.state {
            State::Ground | State::Escape => return false,
            State::Text | State::Paste => LULL,
            State::Character(_) | State::Control | State::Rest(_) => LONG_LULL,
        };
        let ends = match self.state {
            State::Text => bytes == [BEL] || bytes == [ESC, b'\\'] || self.held.ends_with(&[ESC]),
            State::Paste => self.keeps() > 0 || bytes == PASTED,
            _ => false,
        };
        silent >= GIVEN_UP || silent >= lull && !ends && is_one_key(bytes)
    }

    fn push(&mut self, byte: u8, units: &mut Vec<Unit>) {
        match self.state {
            State::Ground => {
                self.held.clear();
                self.start(byte, units);
            }
            State::Character(more) => match (byte, more) {
                (0x80..=0xbf, 1) => self.whole(byte, units),
                (0x80..=0xbf, more) => {
                    self.held.push(byte);
                    self.state = State::Character(more - 1);
                }
                _ => self.anew(byte, units),
            },
            State::Escape => match byte {
                b'[' => self.go(byte, State::Control),
                b'O' => self.go(byte, State::Rest(1)),
                b']' | b'P' | b'_' | b'^' | b'X' => self.go(byte, State::Text),
                ESC => {
                    units.push(Unit::Bytes(vec![ESC]));
                    self.begin(ESC);
                }
                _ => self.start(byte, units),
            },
            State::Control => match byte {
                // The function keys of the Linux console: `ESC [ [ A`.
                b'[' if self.held.len() == 2 => self.go(byte, State::Rest(1)),
                // A click in the old form: button, column and row, a byte each.
                b'M' if self.held.len() == 2 => self.go(byte, State::Rest(3)),
                0x20..=0x3f if self.held.len() < LONGEST => self.held.push(byte),
                0x40..=0x7e => {
                    self.whole(byte, units);
                    if units.last() == Some(&Unit::Bytes(PASTE.to_vec())) {
                        units.pop();
                        self.state = State::Paste;
                    }
                }
                _ => self.anew(byte, units),
            },
            State::Rest(1) => self.whole(byte, units),
            State::Rest(more) => self.go(byte, State::Rest(more - 1)),
            State::Text => match (byte, self.held.ends_with(&[ESC])) {
                (BEL, _) | (b'\\', true) => self.whole(byte, units),
                // Not the end of the string, so it begins something else.
                (_, true) => {
                    self.begin(ESC);
                    self.push(byte, units);
                }
                (0x20.. | ESC, false) if self.held.len() < LONGEST_STRING => self.held.push(byte),
                (_, false) => self.anew(byte, units),
            },
            State::Paste => {
                self.held.push(byte);
                if self.held.ends_with(PASTED) {
                    self.held.truncate(self.held.len() - PASTED.len());
                    units.push(pasted(&self.held));
                    self.reset();
                }
            }
        }
    }

    /// The first byte of a character, behind `ESC` or not.
    fn start(&mut self, byte: u8, units: &mut Vec<Unit>) {
        match byte {
            ESC => self.begin(ESC),
            0xc2..=0xdf => self.go(byte, State::Character(1)),
            0xe0..=0xef => self.go(byte, State::Character(2)),
            0xf0..=0xf4 => self.go(byte, State::Character(3)),
            // What is no UTF-8 is no key.
            0x80.. => self.reset(),
            _ => self.whole(byte, units),
        }
    }

    fn begin(&mut self, byte: u8) {
        self.held.clear();
        self.go(byte, State::Escape);
    }

    fn go(&mut self, byte: u8, state: State) {
        self.held.push(byte);
        self.state = state;
    }

    fn whole(&mut self, byte: u8, units: &mut Vec<Unit>) {
        self.held.push(byte);
        units.push(Unit::Bytes(std::mem::take(&mut self.held)));
        self.state = State::Ground;
    }

    /// What was begun is broken off; the byte counts.
    fn anew(&mut self, byte: u8, units: &mut Vec<Unit>) {
        self.reset();
        self.start(byte, units);
    }

    fn reset(&mut self) {
        self.held.clear();
        self.state = State::Ground;
    }

    /// How many of the last bytes of a paste may be the start of its end.
    fn keeps(&self) -> usize {
        let most = PASTED.len().min(self.held.len() + 1);
        let mut lengths = (1..most).rev();
        lengths
            .find(|n| self.held.ends_with(&PASTED[..*n]))
            .unwrap_or(0)
    }

    /// How many bytes of a paste can be told: all but a start of its end, and but a
    /// character of which bytes are missing.
    fn told(&self) -> usize {
        let text = &self.held[..self.held.len() - self.keeps()];
        match std::str::from_utf8(text) {
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            _ => text.len(),
        }
    }

    /// What has come of a paste.
    fn part(&mut self) -> Option<Unit> {
        let text: Vec<u8> = self.held.drain(..self.told()).collect();
        (!text.is_empty()).then(|| pasted(&text))
    }
}

fn pasted(bytes: &[u8]) -> Unit {
    Unit::Paste(String::from_utf8_lossy(bytes).into_owned())
}

/// Whether this is the rest of a sequence whose `ESC` came alone: several bytes at
/// once, as no hand types them.
fn continues(bytes: &[u8]) -> bool {
    matches!(
        bytes,
        [b']', b'0'..=b'9', ..] | [b'[', b'0'..=b'9' | b'?' | b'<' | b'A'..=b'H', ..]
    )
}

/// Whether these bytes are what one press of a key sends.
fn is_one_key(bytes: &[u8]) -> bool {
    let mut alone = Splitter::default();
    let mut units = Vec::new();
    for byte in bytes {
        alone.push(*byte, &mut units);
    }
    match (alone.state, units.len()) {
        (State::Ground, count) => count == 1,
        (State::Escape, count) => count == 0,
        _ => false,
    }
}
