//! The course's engine, as the agent that started it knows it: where it is, and what
//! the tap before it tells.

use crate::plan::{Message, Said, Side};
use nix::unistd::Pid;
use serde_json::Value;
use std::collections::{BTreeMap, VecDeque};
use std::io::{self, PipeReader, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Instant;

/// How much of what the tap tells is taken in at once.
const TURN_BYTES: usize = 1 << 20;

/// An engine that serves, with its tap.
pub(in crate::sandbox) struct Served {
    /// Its process, and the tap's.
    pub(in crate::sandbox) processes: [Pid; 2],
    /// The run's directory for it.
    pub(in crate::sandbox) directory: PathBuf,
    /// From when on its events haven't been asked for, in nanoseconds since 1970.
    pub(in crate::sandbox) since: i64,
    /// How many pauses in what the tap tells have been seen.
    pub(in crate::sandbox) pauses: u64,
    tap: PipeReader,
    /// What else the two say: nobody reads it, but they may write it.
    _rest: [PipeReader; 3],
    open: bool,
    unread: Vec<u8>,
    /// The connections that this process has made and the tap hasn't told yet, in
    /// their order: whether the learner is told of each.
    own: VecDeque<bool>,
    /// The tap's number of a connection, and that which the learner sees.
    numbers: BTreeMap<u64, Option<u64>>,
    shown: u64,
}

impl Served {
    /// An engine in this directory, and what its tap tells.
    pub(in crate::sandbox) fn new(
        processes: [Pid; 2],
        directory: PathBuf,
        tap: PipeReader,
        unread: Vec<u8>,
        rest: [PipeReader; 3],
    ) -> Served {
        Served {
            processes,
            directory,
            since: real_time(),
            pauses: 0,
            tap,
            _rest: rest,
            open: true,
            unread,
            own: VecDeque::new(),
            numbers: BTreeMap::new(),
            shown: 0,
        }
    }

    /// The engine's socket.
    pub(in crate::sandbox) fn socket(&self) -> PathBuf {
        self.directory.join("engine.sock")
    }

    /// The tap's.
    pub(in crate::sandbox) fn tapped(&self) -> PathBuf {
        self.directory.join("tap.sock")
    }

    /// The directory that stands for the host's `/`.
    pub(in crate::sandbox) fn stand_in(&self) -> PathBuf {
        self.directory.join("host")
    }

    /// Connects to the tap: the learner is told of what is said there.
    pub(in crate::sandbox) fn connect(&mut self) -> io::Result<UnixStream> {
        self.connected(true)
    }

    /// Has the tap tell of something that nobody else is told of: once it has, it
    /// has told all that was answered before. The number of that pause.
    pub(in crate::sandbox) fn pause(&mut self) -> io::Result<u64> {
        self.connected(false)?;
        let waiting = self.own.iter().filter(|told| !**told).count() as u64;
        Ok(self.pauses + waiting)
    }

    fn connected(&mut self, told: bool) -> io::Result<UnixStream> {
        let stream = UnixStream::connect(self.tapped())?;
        self.own.push_back(told);
        Ok(stream)
    }

    /// What the tap has told since; its times count from `began`.
    pub(in crate::sandbox) fn heard(&mut self, began: Instant) -> Vec<Message> {
        let mut bytes = [0; 16 << 10];
        let mut taken = 0;
        while self.open && taken < TURN_BYTES {
            match self.tap.read(&mut bytes) {
                Ok(0) => self.open = false,
                Ok(count) => {
                    taken += count;
                    self.unread.extend_from_slice(&bytes[..count]);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(_) => self.open = false,
            }
        }
        let mut messages = Vec::new();
        while let Some(end) = self.unread.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.unread.drain(..=end).collect();
            let line: Option<Value> = serde_json::from_slice(&line).ok();
            messages.extend(line.and_then(|line| self.message(&line, began)));
        }
        messages
    }

    /// A line of the tap's, unless it is of a pause.
    fn message(&mut self, line: &Value, began: Instant) -> Option<Message> {
        let of = &line["of"];
        let number = line["connection"].as_u64()?;
        if line["message"] == "connected" {
            let mine = of["pid"].as_i64() == Some(i64::from(std::process::id()));
            let told = !mine || self.own.pop_front().unwrap_or(true);
            match told {
                true => self.shown += 1,
                false => self.pauses += 1,
            }
            self.numbers.insert(number, told.then_some(self.shown));
        }
        let connection = (*self.numbers.get(&number)?)?;
        Some(Message {
            at: line["at"].as_i64()? - since_boot(began),
            connection,
            said: said(line, of)?,
        })
    }

    /// What the tap tells is read from here.
    pub(in crate::sandbox) fn wakes(&self) -> Option<BorrowedFd<'_>> {
        self.open.then(|| self.tap.as_fd())
    }
}

/// What a line of the tap's says (docs/engine.md, *The tap*).
fn said(line: &Value, of: &Value) -> Option<Said> {
    let side = match line["side"].as_str()? {
        "client" => Side::Client,
        _ => Side::Engine,
    };
    let text = |field: &str| of[field].as_str().map(String::from);
    let headers = || serde_json::from_value(of["headers"].clone()).unwrap_or_default();
    let body = || Some(of["body"].clone()).filter(|body| !body.is_null());
    Some(match line["message"].as_str()? {
        "connected" => Said::Connected {
            pid: of["pid"].as_i64().and_then(|pid| i32::try_from(pid).ok()),
            program: text("program"),
        },
        "request" => Said::Request {
            method: text("method")?,
            path: text("path")?,
            headers: headers(),
            body: body(),
        },
        "response" => Said::Response {
            status: of["status"].as_u64().and_then(|n| u16::try_from(n).ok())?,
            headers: headers(),
            body: body(),
        },
        "body" => Said::Body {
            side,
            content: of.clone(),
        },
        "stream" => Said::Stream {
            side,
            bytes: of["bytes"].as_u64().and_then(|n| usize::try_from(n).ok())?,
            text: text("text")?,
        },
        "closed" => Said::Closed { side },
        _ => return None,
    })
}

/// Nanoseconds since 1970, CLOCK_REALTIME.
pub(in crate::sandbox) fn real_time() -> i64 {
    nanos(nix::time::ClockId::CLOCK_REALTIME)
}

/// A moment of this process's clock as CLOCK_MONOTONIC counts, in nanoseconds.
fn since_boot(moment: Instant) -> i64 {
    let passed = i64::try_from(moment.elapsed().as_nanos()).unwrap_or(i64::MAX);
    nanos(nix::time::ClockId::CLOCK_MONOTONIC) - passed
}

fn nanos(clock: nix::time::ClockId) -> i64 {
    clock
        .now()
        .map_or(0, |now| now.tv_sec() * 1_000_000_000 + now.tv_nsec())
}
