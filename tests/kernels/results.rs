//! What a guest wrote: the lines of `glassbox verify --json`, or of tests that
//! it ran instead, fenced by lines that start with `@@`.

use glassbox::plan::Refusal;
use serde::Deserialize;
use std::fmt;

/// All that one guest reported.
#[derive(Debug, Default)]
pub struct Guest {
    /// Its kernel, as `uname -r` says.
    pub release: String,
    /// One for each user.
    pub sessions: Vec<Session>,
    /// Whether its last words arrived.
    complete: bool,
}

/// What was done as one user: one call of `verify`, or some tests.
#[derive(Debug, Default)]
pub struct Session {
    /// `root` or `user`.
    pub user: String,
    /// A line for each step.
    pub runs: Vec<Run>,
    /// A line for each test.
    pub tests: Vec<Tested>,
    /// What the next test to end has said.
    said: Vec<String>,
    /// What was there afterwards and not before, or the other way round.
    pub left: Vec<String>,
    /// The exit status.
    pub status: i32,
    /// By the guest's clock.
    pub seconds: f64,
    /// Whether it came to its end.
    pub ended: bool,
}

/// One test, with what it said.
#[derive(Debug)]
pub struct Tested {
    /// `PROGRAM::TEST`.
    pub name: String,
    /// The exit status of its program; 127 for one that isn't there.
    pub status: i32,
    pub said: Vec<String>,
}

/// One step, as `verify --json` tells it.
#[derive(Debug, Deserialize)]
pub struct Run {
    pub step: String,
    pub status: Status,
    pub problems: Vec<Problem>,
    pub refusal: Option<Refusal>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    Passed,
    Failed,
    Skipped,
}

/// A claim that did not hold.
#[derive(Debug, Deserialize)]
pub struct Problem {
    claim: String,
    expected: String,
    observed: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Problem {
            claim,
            expected,
            observed,
        } = self;
        write!(f, "{claim}: expected {expected}, observed {observed}")
    }
}

impl Tested {
    pub fn result(&self) -> Status {
        match self.status {
            0 => Status::Passed,
            _ => Status::Failed,
        }
    }
}

impl Run {
    /// The refusal in one line.
    pub fn refusal_text(&self) -> String {
        self.refusal
            .as_ref()
            .map_or_else(|| "no reason was given".into(), Refusal::to_string)
    }
}

impl Session {
    /// That `verify` ended in a way of which its lines say nothing: they tell
    /// of failed claims (1) and of skips (3).
    pub fn odd(&self) -> Option<String> {
        let usual = !self.ended || matches!(self.status, 0 | 1 | 3);
        (!usual).then(|| format!("as {}, verify ended with {}", self.user, self.status))
    }
}

impl Guest {
    /// Reads a `results` file, as far as it goes. What is neither a marker nor
    /// a step's line is noise; a step that is missing then is noticed later.
    pub fn read(text: &str) -> Guest {
        let mut guest = Guest::default();
        for line in text.lines().map(str::trim) {
            match line.strip_prefix("@@ ") {
                Some(marker) => guest.mark(marker),
                None => {
                    let session = guest.sessions.last_mut().filter(|session| !session.ended);
                    if let (Some(session), Ok(run)) = (session, serde_json::from_str(line)) {
                        session.runs.push(run);
                    }
                }
            }
        }
        guest
    }

    fn mark(&mut self, marker: &str) {
        let (word, rest) = marker.split_once(' ').unwrap_or((marker, ""));
        match (word, self.sessions.last_mut()) {
            ("guest", _) => self.release = rest.into(),
            ("begin", _) => self.sessions.push(Session {
                user: rest.into(),
                ..Session::default()
            }),
            ("said", Some(session)) => session.said.push(rest.into()),
            ("test", Some(session)) => {
                // NAME STATUS FROM TO
                let mut words = rest.split(' ');
                let name = words.next().unwrap_or_default().into();
                let status = words.next().and_then(|n| n.parse().ok()).unwrap_or(-1);
                let said = std::mem::take(&mut session.said);
                session.tests.push(Tested { name, status, said });
            }
            ("left", Some(session)) => session.left.push(rest.into()),
            ("end", Some(session)) => {
                // WHO STATUS FROM TO
                let mut words = rest.split(' ').skip(1);
                session.status = words.next().and_then(|n| n.parse().ok()).unwrap_or(-1);
                let times: Vec<f64> = words.filter_map(|n| n.parse().ok()).collect();
                session.seconds = match times[..] {
                    [from, to] => to - from,
                    _ => 0.0,
                };
                session.ended = true;
            }
            ("off", _) => self.complete = true,
            _ => {}
        }
    }

    /// That nobody tried the lessons as one of the two users. On the machine's
    /// own kernel an ordinary user can only try them as that.
    pub fn absent(&self, own: bool) -> Option<String> {
        let users: Vec<&str> = self.sessions.iter().map(|s| s.user.as_str()).collect();
        let enough = users == ["root", "user"] || own && users == ["user"];
        (!enough).then(|| format!("verify ran as {users:?}, not as root and as user"))
    }

    /// Why the guest's word is not whole, if it isn't; `boot` holds the exit
    /// status of the machine and the seconds that it ran. The status of one
    /// that said its last words doesn't matter: User-Mode Linux ends with 1.
    pub fn broken(&self, boot: &str) -> Option<String> {
        if self.complete && self.sessions.iter().all(|session| session.ended) {
            return None;
        }
        let (status, seconds) = boot.trim().split_once(' ').unwrap_or(("?", "?"));
        Some(match (status, self.release.is_empty()) {
            // The status of timeout(1), and of its SIGKILL.
            ("124" | "137", _) => format!("the guest was ended after {seconds} s: it was not done"),
            (_, true) => format!("the guest did not get to its first program (status {status})"),
            (_, false) => format!("the guest did not come to its end (status {status})"),
        })
    }
}
