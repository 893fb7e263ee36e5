//! An engine behind a tap, and clients that speak through it.

#![allow(dead_code, missing_docs, unreachable_pub)]

use crate::client::{ANSWER, Engine};
use crate::support::{Bounded, Limit, User, glassbox};
use glassbox::plan::Message;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Instant;

/// Whose client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// Docker's.
    Theirs,
    /// The course's.
    Ours,
}

/// What a line came to.
#[derive(Debug)]
pub struct Said {
    pub code: i32,
    pub out: String,
    pub err: String,
    /// Method and path, without version and ids.
    pub requests: Vec<String>,
}

type Messages = Arc<(Mutex<Vec<Value>>, Condvar)>;

pub struct Tapped {
    // It ends before its engine.
    tap: Bounded,
    engine: Engine,
    messages: Messages,
}

impl Tapped {
    pub fn start() -> Tapped {
        let engine = Engine::start();
        let listen = engine.dir().join("tapped");
        let mut command = glassbox(User::Me);
        command.args(["tap", "--json", "--listen"]).arg(&listen);
        command.arg("--to").arg(engine.socket());
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut tap = command.within(crate::support::PATIENCE).spawn().unwrap();
        let messages = Messages::default();
        let lines = BufReader::new(tap.stdout.take().unwrap()).lines();
        let to = Arc::clone(&messages);
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let message = serde_json::from_str(&line).unwrap();
                let (all, more) = &*to;
                all.lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(message);
                more.notify_all();
            }
        });
        // The socket's name is there a moment before anybody listens.
        let (all, more) = &*messages;
        let all = all.lock().unwrap_or_else(PoisonError::into_inner);
        let heard = more.wait_timeout_while(all, ANSWER, |all| all.is_empty());
        let (all, _) = heard.unwrap_or_else(PoisonError::into_inner);
        assert!(!all.is_empty(), "the tap doesn't listen in time");
        drop(all);
        Tapped {
            tap,
            engine,
            messages,
        }
    }

    pub fn socket(&self) -> PathBuf {
        self.engine.dir().join("tapped")
    }

    /// A line, to be said by that client.
    pub fn command(&self, whose: Whose, line: &str) -> Command {
        let mut command = match whose {
            Whose::Theirs => Command::new("docker"),
            Whose::Ours => glassbox(User::Me),
        };
        if whose == Whose::Ours {
            command.arg("docker");
        }
        command
            .args(words(line))
            .env("DOCKER_HOST", format!("unix://{}", self.socket().display()))
            .env("DOCKER_CONFIG", self.engine.dir().join("config"))
            .env("TZ", "UTC")
            .env_remove("DOCKER_CONTEXT")
            .stdin(Stdio::null());
        command
    }

    /// Has it said, and awaits that all of its connections are closed.
    pub fn says(&self, whose: Whose, line: &str) -> Said {
        let begin = self.all().len();
        let output = self.command(whose, line).within(ANSWER).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Said {
            code: output.status.code().unwrap_or(-1),
            out: text(output.stdout),
            err: text(output.stderr),
            requests: self.since(begin).iter().filter_map(request).collect(),
        }
    }

    /// Awaits the answer to a request whose path ends so.
    pub fn until_answered(&self, wanted: &str) {
        let (all, more) = &*self.messages;
        let end = Instant::now() + ANSWER;
        let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
        let answered = |all: &[Value]| {
            let is = |one: &Value| request(one).is_some_and(|one| one.ends_with(wanted));
            let asked = all.iter().position(is);
            asked.is_some_and(|at| {
                let of = |one: &Value| one["connection"] == all[at]["connection"];
                let mut later = all[at..].iter().filter(|one| of(one));
                later.any(|one| one["message"] == "response")
            })
        };
        while !answered(&all) {
            let left = end.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "no answer to {wanted}");
            let waited = more.wait_timeout(all, left);
            all = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// All that has passed, as an event has it.
    pub fn messages(&self) -> Vec<Message> {
        let of = |(at, told): (usize, &Value)| {
            let what = told["message"].as_str().unwrap();
            let side = &told["side"];
            let said = match what {
                "body" => json!({ "side": side, "content": told["of"] }),
                "closed" => json!({ "side": side }),
                "stream" => json!({ "side": side, "bytes": told["of"]["bytes"],
                    "text": told["of"]["text"] }),
                _ => told["of"].clone(),
            };
            let connection = &told["connection"];
            let message = json!({ "at": at, "connection": connection, "said": { what: said } });
            serde_json::from_value(message).unwrap()
        };
        let all = self.all();
        // That it listens is the tap's own news.
        let passed = all.iter().filter(|told| told["message"] != "listening");
        passed.enumerate().map(of).collect()
    }

    fn all(&self) -> Vec<Value> {
        self.messages
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// What has passed since then, once every connection of it is closed. A request of
    /// the test's own comes after all of them, and tells that they have been told.
    pub fn since(&self, begin: usize) -> Vec<Value> {
        let mut last = UnixStream::connect(self.socket()).unwrap();
        last.set_read_timeout(Some(ANSWER)).unwrap();
        let path = format!("/_ping?after={begin}");
        write!(last, "GET {path} HTTP/1.1\r\nHost: d\r\n\r\n").unwrap();
        crate::client::reply(&mut last, false);
        drop(last);
        let (all, more) = &*self.messages;
        let end = Instant::now() + ANSWER;
        let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let now = &all[begin..];
            let own = now.iter().find(|one| one["of"]["path"] == path.as_str());
            let of = |what: &str| -> BTreeSet<u64> {
                let found = now
                    .iter()
                    .filter(|one| one["message"] == what && one["side"] == "client");
                found
                    .map(|one| one["connection"].as_u64().unwrap())
                    .collect()
            };
            if let Some(own) = own.filter(|_| of("connected").is_subset(&of("closed"))) {
                let of_own = |one: &&Value| one["connection"] == own["connection"];
                return now.iter().filter(|one| !of_own(one)).cloned().collect();
            }
            let left = end.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "connections that stay open: {now:?}");
            let waited = more.wait_timeout(all, left);
            all = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// `METHOD PATH`, without version and ids, if it is a request.
fn request(message: &Value) -> Option<String> {
    if message["message"] != "request" {
        return None;
    }
    let of = &message["of"];
    let path = of["path"].as_str()?;
    let path = match path.strip_prefix("/v1.").and_then(|rest| rest.find('/')) {
        Some(at) => &path["/v1.".len() + at..],
        None => path,
    };
    Some(format!(
        "{} {}",
        of["method"].as_str()?,
        crate::lines::plain(path)
    ))
}

/// The words of a line: quotes keep some together.
pub fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for character in line.chars() {
        match character {
            '\'' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            other => words.last_mut().unwrap().push(other),
        }
    }
    words
}
