//! What passes between a client and an engine, as the tap saw it.

use crate::base::quoted;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::fmt;

/// Something that was said. `Event::Message` holds one; `History::messages` lists them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Nanoseconds since the observer began, CLOCK_MONOTONIC: the clock of [`Sample`](super::Sample).
    pub at: i64,
    /// The number of the connection, from 1; 0 for what was said on none.
    pub connection: u64,
    /// What.
    pub said: Said,
}

/// Which end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// Who asks.
    Client,
    /// Who answers.
    Engine,
}

/// What was said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Said {
    /// The learner's line, handed to a client: `docker run …`.
    Command {
        /// Program and arguments, as they were written.
        argv: Vec<String>,
        /// The client is the course's own small one, not Docker's.
        ours: bool,
    },
    /// A client is there: SO_PEERCRED, unix(7).
    Connected {
        /// Its process as the host counts, if it is in this pid namespace.
        pid: Option<i32>,
        /// Its program's name, proc_pid_comm(5).
        program: Option<String>,
    },
    /// The head of a request, with its body where that isn't divided.
    Request {
        /// GET and so on.
        method: String,
        /// The path with its query.
        path: String,
        /// Those that change something, in small letters; what is secret is `***`.
        headers: BTreeMap<String, String>,
        /// JSON, or text; cut.
        body: Option<Json>,
    },
    /// The same of an answer.
    Response {
        /// The status.
        status: u16,
        /// As above.
        headers: BTreeMap<String, String>,
        /// As above.
        body: Option<Json>,
    },
    /// A piece of a divided body.
    Body {
        /// Whose.
        side: Side,
        /// JSON, or text; cut.
        content: Json,
    },
    /// Bytes that are no HTTP: an attached terminal's.
    Stream {
        /// Whose.
        side: Side,
        /// How many.
        bytes: usize,
        /// What of it is text; cut.
        text: String,
    },
    /// This side says no more.
    Closed {
        /// Which.
        side: Side,
    },
    /// The engine tells (GET /events) that the program of a container runs.
    Began {
        /// Its name.
        container: String,
        /// Its image, as the client named it.
        image: String,
        /// Its first process as the host counts.
        pid: Option<i32>,
    },
    /// That it has ended.
    Ended {
        /// Its name.
        container: String,
        /// Its image.
        image: String,
        /// Its exit status, 128 and the number of a signal.
        status: i64,
    },
}

impl fmt::Display for Message {
    /// One line: `docker (71) > POST /containers/create`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let on = match self.connection {
            0 => String::new(),
            number => format!("c{number} "),
        };
        let body = |body: &Option<Json>| match body {
            Some(body) => format!("  {body}"),
            None => String::new(),
        };
        match &self.said {
            Said::Command { argv, ours } => {
                let argv: Vec<_> = argv.iter().map(|word| quoted(word)).collect();
                let whose = if *ours {
                    "  (the course's own client)"
                } else {
                    ""
                };
                write!(f, "$ {}{whose}", argv.join(" "))
            }
            Said::Connected { pid, program } => {
                let program = program.as_deref().unwrap_or("a client");
                let pid = pid
                    .map(|pid| format!(", process {pid},"))
                    .unwrap_or_default();
                write!(f, "{on}> {program}{pid} connects")
            }
            Said::Request {
                method,
                path,
                headers,
                body: content,
            } => {
                write!(f, "{on}> {method} {path}")?;
                if let Some(protocol) = headers.get("upgrade") {
                    write!(f, "  upgrade: {protocol}")?;
                }
                f.write_str(&body(content))
            }
            Said::Response {
                status,
                body: content,
                ..
            } => {
                write!(f, "{on}< {status}{}", body(content))
            }
            Said::Body { side, content } => write!(f, "{on}{side} {content}"),
            Said::Stream { side, bytes, text } => {
                write!(f, "{on}{side} [{bytes}] {}", Json::from(text.as_str()))
            }
            Said::Closed { side } => write!(f, "{on}{side} says no more"),
            Said::Began {
                container,
                image,
                pid,
            } => {
                write!(f, "{container} of {image} runs")?;
                match pid {
                    Some(pid) => write!(f, ": process {pid} on the host"),
                    None => Ok(()),
                }
            }
            Said::Ended {
                container,
                image,
                status,
            } => {
                write!(f, "{container} of {image} has ended: exit {status}")
            }
        }
    }
}

impl fmt::Display for Side {
    /// The way that it speaks: `>` is the client's.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Side::Client => ">",
            Side::Engine => "<",
        })
    }
}
