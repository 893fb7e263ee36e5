//! What a tap tells.

use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use tokio::net::UnixStream;

/// Something that passed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Message {
    /// When: nanoseconds, CLOCK_MONOTONIC.
    pub at: i64,
    /// The number of the connection, from 1.
    pub connection: u64,
    /// Who said it.
    pub side: Side,
    /// What.
    #[serde(flatten)]
    pub what: What,
}

/// One of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// Who asks.
    Client,
    /// Who answers.
    Engine,
}

/// What was said.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "message", content = "of")]
pub enum What {
    /// The tap listens, on this socket; on no connection.
    Listening(String),
    /// A client is there.
    Connected(Who),
    /// The engine isn't: why.
    Unreachable(String),
    /// The head of a request, with its body if that isn't divided.
    Request {
        /// GET and so on.
        method: String,
        /// The path with its query.
        path: String,
        /// The headers that change something; what is secret in them is `***`.
        headers: BTreeMap<String, String>,
        /// JSON, or text; cut.
        body: Option<serde_json::Value>,
    },
    /// The same of an answer.
    Response {
        /// The status.
        status: u16,
        /// As above.
        headers: BTreeMap<String, String>,
        /// As above.
        body: Option<serde_json::Value>,
    },
    /// A piece of a body that is divided.
    Body(serde_json::Value),
    /// Bytes that are no HTTP: an attached terminal's, or another protocol.
    Stream {
        /// How many.
        bytes: usize,
        /// What of it is text; cut.
        text: String,
    },
    /// This side says no more.
    Closed,
}

/// A client, as the kernel knows it: SO_PEERCRED, unix(7).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Who {
    /// Its process, if it is in this pid namespace.
    pub pid: Option<i32>,
    /// Its user.
    pub uid: Option<u32>,
    /// Its program's name, proc_pid_comm(5).
    pub program: Option<String>,
}

impl Message {
    /// Something that passes now.
    pub(super) fn now(connection: u64, side: Side, what: What) -> Message {
        let now = nix::time::ClockId::CLOCK_MONOTONIC.now();
        Message {
            at: now.map_or(0, |now| now.tv_sec() * 1_000_000_000 + now.tv_nsec()),
            connection,
            side,
            what,
        }
    }
}

impl Who {
    pub(super) fn of(client: &UnixStream) -> Who {
        let known = client.peer_cred().ok();
        let pid = known.and_then(|known| known.pid()).filter(|pid| *pid > 0);
        let name =
            pid.and_then(|pid| crate::base::kernel::read_text(format!("/proc/{pid}/comm")).ok());
        Who {
            pid,
            uid: known.map(|known| known.uid()),
            program: name.map(|name| name.trim().to_string()),
        }
    }
}

impl fmt::Display for Message {
    /// One line, as the recordings of such conversations have it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let arrow = match self.side {
            Side::Client => '>',
            Side::Engine => '<',
        };
        write!(f, "c{} {arrow} ", self.connection)?;
        let body = |body: &Option<serde_json::Value>| match body {
            Some(body) => format!("  {body}"),
            None => String::new(),
        };
        match &self.what {
            What::Connected(who) => {
                let program = who.program.as_deref().unwrap_or("somebody");
                let pid = who.pid.map(|pid| format!(" ({pid})")).unwrap_or_default();
                write!(f, "{program}{pid} connects")
            }
            What::Listening(socket) => write!(f, "listens on {socket}"),
            What::Unreachable(why) => write!(f, "no engine: {why}"),
            What::Request {
                method,
                path,
                headers,
                body: content,
            } => {
                write!(f, "{method} {path}")?;
                if let Some(protocol) = headers.get("upgrade") {
                    write!(f, "  upgrade: {protocol}")?;
                }
                f.write_str(&body(content))
            }
            What::Response {
                status,
                body: content,
                ..
            } => write!(f, "{status}{}", body(content)),
            What::Body(content) => write!(f, "{content}"),
            What::Stream { bytes, text } => {
                write!(f, "[{bytes}] {}", serde_json::Value::from(text.as_str()))
            }
            What::Closed => f.write_str("says no more"),
        }
    }
}
