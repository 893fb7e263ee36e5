//! After something was asked of the engine: all that was said about it is told, and
//! what became of containers, before the next action.

use super::http::{Answer, Exchange};
use crate::plan::{Event, Message, Said};
use crate::sandbox::agent::Agent;
use crate::sandbox::agent::served::{Served, real_time};
use serde_json::Value;
use std::io;
use std::os::fd::BorrowedFd;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// How long the tap and the engine may take to tell.
const TO_TELL: Duration = Duration::from_secs(5);

/// A settling under way.
pub(in crate::sandbox) struct Settling {
    /// The pause of the tap's that is waited for; none once it has been seen.
    pause: Option<u64>,
    /// The engine's events, then the look at each container that began.
    asked: Option<Exchange>,
    events: Option<Vec<Value>>,
    told: Vec<Message>,
    deadline: Instant,
}

impl Settling {
    /// Begins.
    pub(in crate::sandbox) fn begin(agent: &mut Agent) -> Settling {
        let served = agent.served.as_mut();
        let (pause, asked) = served.map_or((None, None), |served| {
            let (since, until) = (served.since, real_time());
            served.since = until + 1;
            let path = format!("/events?since={}&until={}", seconds(since), seconds(until));
            (served.pause().ok(), ask(served, &path).ok())
        });
        Settling {
            pause,
            asked,
            events: None,
            told: Vec::new(),
            deadline: Instant::now() + TO_TELL,
        }
    }

    /// Goes on; whether it is done.
    pub(in crate::sandbox) fn step(&mut self, agent: &mut Agent) -> bool {
        agent.hear();
        let paused = agent.served.as_ref().map_or(0, |served| served.pauses);
        if self.pause.is_some_and(|pause| paused >= pause) {
            self.pause = None;
        }
        while let Some(answer) = self.asked.as_mut().and_then(Exchange::step) {
            self.asked = None;
            self.answered(agent, answer.ok());
        }
        let done = self.pause.is_none() && self.asked.is_none();
        if !done && Instant::now() < self.deadline {
            return false;
        }
        for message in std::mem::take(&mut self.told) {
            agent.tracer.tell(Event::Message(message));
        }
        true
    }

    /// Takes in an answer, and asks what is to be asked next.
    fn answered(&mut self, agent: &mut Agent, answer: Option<Answer>) {
        let answer = answer.filter(Answer::is_done);
        match &mut self.events {
            None => {
                let text = answer.map(|it| String::from_utf8_lossy(&it.body).into_owned());
                let lines = text.iter().flat_map(|text| text.lines());
                let events = lines.flat_map(serde_json::from_str::<Value>);
                let containers = events.filter(|event| event["Type"] == "container");
                // They are taken from the end.
                let mut events: Vec<Value> = containers.collect();
                events.reverse();
                self.events = Some(events);
            }
            Some(_) => {
                let pid = answer.and_then(|it| it.document()["State"]["Pid"].as_i64());
                let pid = pid.and_then(|pid| i32::try_from(pid).ok());
                if let Some(Said::Began { pid: unknown, .. }) =
                    self.told.last_mut().map(|message| &mut message.said)
                {
                    *unknown = pid.filter(|pid| *pid > 0);
                }
            }
        }
        let Some(served) = agent.served.as_ref() else {
            return;
        };
        let now = real_time();
        while let Some(event) = self.events.as_mut().and_then(Vec::pop) {
            let of = &event["Actor"]["Attributes"];
            let text = |field: &str| of[field].as_str().unwrap_or_default().to_string();
            let (container, image) = (text("name"), text("image"));
            let passed = now - event["timeNano"].as_i64().unwrap_or(now);
            let began = i64::try_from(agent.began.elapsed().as_nanos()).unwrap_or(i64::MAX);
            let mut tell = |said| {
                self.told.push(Message {
                    at: began - passed,
                    connection: 0,
                    said,
                });
            };
            match event["Action"].as_str() {
                Some("start") => {
                    tell(Said::Began {
                        container,
                        image,
                        pid: None,
                    });
                    let id = event["Actor"]["ID"].as_str().unwrap_or_default();
                    self.asked = ask(served, &format!("/containers/{id}/json")).ok();
                    if self.asked.is_some() {
                        return;
                    }
                }
                Some("die") => tell(Said::Ended {
                    container,
                    image,
                    status: text("exitCode").parse().unwrap_or_default(),
                }),
                Some(_) | None => {}
            }
        }
    }

    /// What it waits for, besides the tap.
    pub(in crate::sandbox) fn wakes(&self) -> Option<BorrowedFd<'_>> {
        self.asked.as_ref().map(Exchange::wakes)
    }

    /// When it waits no longer.
    pub(in crate::sandbox) fn due(&self) -> Instant {
        self.deadline
    }
}

/// Asks the engine itself, past the tap.
fn ask(served: &Served, path: &str) -> io::Result<Exchange> {
    Exchange::begin(UnixStream::connect(served.socket())?, "GET", path, None)
}

/// As the API writes a moment.
fn seconds(nanos: i64) -> String {
    format!("{}.{:09}", nanos / 1_000_000_000, nanos % 1_000_000_000)
}
