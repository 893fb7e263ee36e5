//! Reads one side of a conversation along: HTTP/1.1, until it becomes something
//! else. What it keeps is bounded, whatever passes.

use super::message::{Side, What};
use serde_json::Value;
use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

/// The longest head that is read.
const MOST_HEAD: usize = 64 << 10;
/// How much of a body is kept.
const MOST_BODY: usize = 16 << 10;
/// How much of a stream's text is told.
const MOST_TEXT: usize = 4 << 10;
/// The headers that change something.
const HEADERS: [&str; 12] = [
    "api-version",
    "connection",
    "content-length",
    "content-type",
    "server",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "x-docker-container-path-stat",
    "x-registry-auth",
    "x-registry-config",
    "authorization",
];
/// Those of them that hold a secret, and the fields of documents that do.
const SECRET: [&str; 9] = [
    "x-registry-auth",
    "x-registry-config",
    "authorization",
    "password",
    "identitytoken",
    "registrytoken",
    "auth",
    "token",
    "secret",
];
/// What is told instead.
const MASK: &str = "***";

/// What both sides have to know of each other.
#[derive(Default)]
pub(super) struct Exchange {
    /// The methods of requests that aren't answered yet.
    asked: VecDeque<String>,
    /// From here on it is no HTTP.
    raw: bool,
}

/// Reads one side.
pub(super) struct Sniffer {
    side: Side,
    exchange: Rc<RefCell<Exchange>>,
    /// What isn't understood yet.
    buffer: Vec<u8>,
    state: State,
}

enum State {
    Head,
    /// So many bytes of a body are to come; the message is told with them.
    Counted {
        left: usize,
        kept: Vec<u8>,
        what: Box<What>,
    },
    /// The size of the next piece is to come.
    Size,
    /// So many bytes of a piece, and the line's end after it.
    Piece {
        left: usize,
        kept: Vec<u8>,
    },
    /// The lines after the last piece.
    Trailer,
    /// A body until the connection ends, or no HTTP at all.
    Raw,
}

impl Sniffer {
    pub(super) fn new(side: Side, exchange: Rc<RefCell<Exchange>>) -> Sniffer {
        Sniffer {
            side,
            exchange,
            buffer: Vec::new(),
            state: State::Head,
        }
    }

    pub(super) fn side(&self) -> Side {
        self.side
    }

    /// What these bytes say, with those before.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Vec<What> {
        self.buffer.extend_from_slice(bytes);
        let mut told = Vec::new();
        while self.step(&mut told) {}
        told
    }

    /// Nothing comes any more.
    pub(super) fn end(&mut self) -> Vec<What> {
        match std::mem::replace(&mut self.state, State::Raw) {
            State::Counted { kept, what, .. } => vec![with_body(*what, &kept)],
            State::Piece { kept, .. } if !kept.is_empty() => vec![What::Body(shown(&kept))],
            _ if !self.buffer.is_empty() => {
                let rest = std::mem::take(&mut self.buffer);
                vec![stream(&rest)]
            }
            _ => Vec::new(),
        }
    }

    /// Goes on by one part, if it is there.
    fn step(&mut self, told: &mut Vec<What>) -> bool {
        match std::mem::replace(&mut self.state, State::Raw) {
            State::Head => self.head(told),
            State::Counted {
                left,
                mut kept,
                what,
            } => {
                let left = left - take(&mut self.buffer, left, &mut kept);
                if left > 0 {
                    self.state = State::Counted { left, kept, what };
                    return false;
                }
                told.push(with_body(*what, &kept));
                self.state = State::Head;
                !self.buffer.is_empty()
            }
            State::Size => match self.line() {
                Some(line) => {
                    let size = line.split(';').next().unwrap_or_default().trim();
                    self.state = match usize::from_str_radix(size, 16) {
                        Ok(0) => State::Trailer,
                        Ok(left) => State::Piece {
                            left,
                            kept: Vec::new(),
                        },
                        Err(_) => State::Raw,
                    };
                    true
                }
                None => self.wait(State::Size),
            },
            State::Piece { left, mut kept } => {
                let left = left - take(&mut self.buffer, left, &mut kept);
                if left > 0 {
                    self.state = State::Piece { left, kept };
                    return false;
                }
                // The end of the line after it.
                match self.line() {
                    Some(_) => {
                        told.push(What::Body(shown(&kept)));
                        self.state = State::Size;
                        true
                    }
                    None => self.wait(State::Piece { left, kept }),
                }
            }
            State::Trailer => match self.line() {
                Some(line) if line.is_empty() => {
                    self.state = State::Head;
                    true
                }
                Some(_) => {
                    self.state = State::Trailer;
                    true
                }
                None => self.wait(State::Trailer),
            },
            State::Raw => {
                let bytes = std::mem::take(&mut self.buffer);
                if !bytes.is_empty() {
                    told.push(stream(&bytes));
                }
                false
            }
        }
    }

    /// More has to come, unless it is too much already.
    fn wait(&mut self, state: State) -> bool {
        match self.buffer.len() > MOST_HEAD {
            true => {
                self.state = State::Raw;
                true
            }
            false => {
                self.state = state;
                false
            }
        }
    }

    /// A line, without its end.
    fn line(&mut self) -> Option<String> {
        let at = self.buffer.windows(2).position(|two| two == b"\r\n")?;
        let line = String::from_utf8_lossy(&self.buffer[..at]).into_owned();
        self.buffer.drain(..at + 2);
        Some(line)
    }

    fn head(&mut self, told: &mut Vec<What>) -> bool {
        // The other side has left HTTP; an answer before that still comes.
        if self.side == Side::Client && self.exchange.borrow().raw {
            return true;
        }
        let end = self.buffer.windows(4).position(|four| four == b"\r\n\r\n");
        let Some(end) = end else {
            return self.wait(State::Head);
        };
        let head = String::from_utf8_lossy(&self.buffer[..end]).into_owned();
        self.buffer.drain(..end + 4);
        let mut lines = head.lines();
        let first = lines.next().unwrap_or_default().to_string();
        let all: BTreeMap<String, String> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.trim().to_lowercase(), value.trim().to_string()))
            .collect();
        let headers: BTreeMap<String, String> = all
            .iter()
            .filter(|(name, _)| HEADERS.contains(&name.as_str()))
            .map(|(name, value)| match SECRET.contains(&name.as_str()) {
                true => (name.clone(), MASK.into()),
                false => (name.clone(), value.clone()),
            })
            .collect();
        let mut words = first.split(' ');
        let (one, two) = (
            words.next().unwrap_or_default(),
            words.next().unwrap_or_default(),
        );
        let mut bodiless = false;
        let what = match self.side {
            Side::Client => {
                self.exchange.borrow_mut().asked.push_back(one.into());
                if all.contains_key("upgrade") {
                    // What follows its body waits for the answer, and is no HTTP.
                    self.exchange.borrow_mut().raw = true;
                }
                What::Request {
                    method: one.into(),
                    path: two.into(),
                    headers,
                    body: None,
                }
            }
            Side::Engine => {
                let status = two.parse().unwrap_or_default();
                let asked = self.exchange.borrow_mut().asked.pop_front();
                bodiless =
                    asked.as_deref() == Some("HEAD") || matches!(status, 100..=199 | 204 | 304);
                let what = What::Response {
                    status,
                    headers,
                    body: None,
                };
                if status == 101 {
                    told.push(what);
                    self.state = State::Raw;
                    return true;
                }
                what
            }
        };
        let divided = all
            .get("transfer-encoding")
            .is_some_and(|value| value.to_lowercase().contains("chunked"));
        let length = all
            .get("content-length")
            .and_then(|value| value.parse::<usize>().ok());
        self.state = match (bodiless, divided, length) {
            (false, true, _) => {
                told.push(what);
                State::Size
            }
            (false, false, Some(left @ 1..)) => State::Counted {
                left,
                kept: Vec::new(),
                what: Box::new(what),
            },
            // An answer without a length goes on until the connection ends.
            (false, false, None) if self.side == Side::Engine => {
                told.push(what);
                State::Raw
            }
            _ => {
                told.push(what);
                State::Head
            }
        };
        true
    }
}

/// Takes up to so many bytes, and keeps as many as may be kept: how many.
fn take(buffer: &mut Vec<u8>, most: usize, kept: &mut Vec<u8>) -> usize {
    let count = most.min(buffer.len());
    let room = MOST_BODY.saturating_sub(kept.len()).min(count);
    kept.extend_from_slice(&buffer[..room]);
    buffer.drain(..count);
    count
}

fn with_body(what: What, kept: &[u8]) -> What {
    let content = Some(shown(kept));
    match what {
        What::Request {
            method,
            path,
            headers,
            ..
        } => What::Request {
            method,
            path,
            headers,
            body: content,
        },
        What::Response {
            status, headers, ..
        } => What::Response {
            status,
            headers,
            body: content,
        },
        other => other,
    }
}

/// A body as a document, or as text.
fn shown(bytes: &[u8]) -> Value {
    match serde_json::from_slice::<Value>(bytes) {
        Ok(mut document) => {
            mask(&mut document);
            document
        }
        Err(_) => Value::String(text(bytes)),
    }
}

/// Hides what is secret in a document.
fn mask(document: &mut Value) {
    match document {
        Value::Object(fields) => {
            for (name, value) in fields {
                match SECRET.contains(&name.to_lowercase().as_str()) && value.is_string() {
                    true => *value = MASK.into(),
                    false => mask(value),
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(mask),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn stream(bytes: &[u8]) -> What {
    What::Stream {
        bytes: bytes.len(),
        text: text(bytes),
    }
}

fn text(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(MOST_TEXT)]).into_owned();
    match bytes.len() > MOST_TEXT {
        true => text + "…",
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::super::message::Message;
    use super::*;
    use proptest::prelude::*;

    const REQUESTS: &str = "HEAD /_ping HTTP/1.1\r\nHost: d\r\n\r\n\
        POST /auth HTTP/1.1\r\nX-Registry-Auth: c2VjcmV0\r\nContent-Length: 41\r\n\r\n\
        {\"username\":\"me\",\"Password\":\"c2VjcmV0!\"}\n\
        POST /attach HTTP/1.1\r\nUpgrade: tcp\r\nContent-Length: 0\r\n\r\ntyped";
    const ANSWERS: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n\
        HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
        7\r\n{\"a\":1}\r\n3;x=y\r\nabc\r\n0\r\n\r\n\
        HTTP/1.1 101 UPGRADED\r\nUpgrade: tcp\r\n\r\n\u{1}out";

    fn told(requests: &[&[u8]], answers: &[&[u8]]) -> Vec<String> {
        let exchange = Rc::new(RefCell::new(Exchange::default()));
        let mut lines = Vec::new();
        for (side, pieces) in [(Side::Client, requests), (Side::Engine, answers)] {
            let mut sniffer = Sniffer::new(side, Rc::clone(&exchange));
            let mut all: Vec<What> = pieces.iter().flat_map(|one| sniffer.feed(one)).collect();
            all.extend(sniffer.end());
            lines.extend(
                all.into_iter()
                    .map(|what| Message::now(1, side, what).to_string()),
            );
        }
        lines
    }

    #[test]
    fn a_conversation_is_told_and_no_secret_of_it() {
        let lines = told(&[REQUESTS.as_bytes()], &[ANSWERS.as_bytes()]);
        let expected = [
            "c1 > HEAD /_ping",
            "c1 > POST /auth  {\"Password\":\"***\",\"username\":\"me\"}",
            "c1 > POST /attach  upgrade: tcp",
            "c1 > [5] \"typed\"",
            "c1 < 200",
            "c1 < 200",
            "c1 < {\"a\":1}",
            "c1 < \"abc\"",
            "c1 < 101",
            "c1 < [4] \"\\u0001out\"",
        ];
        assert_eq!(lines, expected);
        let all = format!("{lines:?}");
        assert!(!all.contains("c2VjcmV0"), "{all}");
    }

    #[test]
    fn what_is_no_http_goes_on_unread() {
        let endless = vec![b'x'; MOST_HEAD + 1];
        let lines = told(&[&endless, b"more"], &[b"\x16\x03\x01"]);
        assert!(lines[0].starts_with("c1 > [65537] "), "{lines:?}");
        assert_eq!(lines[2], "c1 < [3] \"\\u0016\\u0003\\u0001\"");
    }

    proptest! {
        /// However the bytes are divided, the same is told of heads and bodies.
        #[test]
        fn pieces_change_nothing(cuts in prop::collection::vec(1usize..400, 0..12)) {
            let whole = told(&[REQUESTS.as_bytes()], &[ANSWERS.as_bytes()]);
            let bytes = REQUESTS.as_bytes();
            let end = bytes.len() - "typed".len();
            let mut at: Vec<usize> = cuts.into_iter().filter(|cut| *cut < end).collect();
            at.extend([0, end, bytes.len()]);
            at.sort_unstable();
            at.dedup();
            let pieces: Vec<&[u8]> = at.windows(2).map(|two| &bytes[two[0]..two[1]]).collect();
            prop_assert_eq!(told(&pieces, &[ANSWERS.as_bytes()]), whole);
        }

        #[test]
        fn nothing_makes_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            told(&[&bytes], &[&bytes]);
        }
    }
}
