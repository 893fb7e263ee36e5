//! An engine of a test's own, and raw requests to it.

#![allow(dead_code, missing_docs, unreachable_pub)]

use crate::support::{Bounded, Limit, PATIENCE, User, glassbox};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::Shutdown;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// How long an answer may take.
pub const ANSWER: Duration = Duration::from_secs(60);

/// An engine.
pub struct Engine {
    child: Bounded,
    dir: tempfile::TempDir,
}

/// One that is still there ends as it would for its user, with all that it keeps.
impl Drop for Engine {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            let status = self.end();
            assert!(status == Some(0) || std::thread::panicking(), "{status:?}");
        }
    }
}

/// An answer.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Engine {
    pub fn start() -> Engine {
        Engine::start_as(User::Me, &[])
    }

    pub fn start_as(user: User, more: &[&str]) -> Engine {
        let dir = tempfile::Builder::new()
            .prefix("gbtest-")
            .tempdir()
            .unwrap();
        let named = dir.path().join("named");
        std::fs::create_dir(&named).unwrap();
        std::fs::write(named.join("file"), "from the host\n").unwrap();
        for path in [dir.path(), &named] {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o777)).unwrap();
        }
        let child = Engine::spawn(user, dir.path(), more);
        Engine { child, dir }
    }

    /// Starts the program, and awaits that it listens.
    fn spawn(user: User, dir: &Path, more: &[&str]) -> Bounded {
        let mut command = glassbox(user);
        command
            .arg("engine")
            .args(["--socket"])
            .arg(dir.join("sock"));
        command.arg("--bind").arg(dir.join("named")).args(more);
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.within(PATIENCE).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        lines.read_line(&mut line).unwrap();
        assert!(line.starts_with("Listening on "), "{line}");
        // What else it says is read, so that it never waits for it.
        std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
        child
    }

    /// Another one in the place of one that has ended.
    pub fn again(&mut self, more: &[&str]) {
        self.child = Engine::spawn(User::Me, self.dir.path(), more);
    }

    pub fn pid(&self) -> i32 {
        self.child.id() as i32
    }

    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    pub fn socket(&self) -> PathBuf {
        self.dir.path().join("sock")
    }

    /// Kills it, and awaits its end.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait();
    }

    /// Asks it to end, and awaits that: its status.
    pub fn end(&mut self) -> Option<i32> {
        let pid = nix::unistd::Pid::from_raw(self.pid());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
        self.child.wait().code()
    }

    pub fn connect(&self) -> UnixStream {
        let stream = UnixStream::connect(self.socket()).unwrap();
        stream.set_read_timeout(Some(ANSWER)).unwrap();
        stream.set_write_timeout(Some(ANSWER)).unwrap();
        stream
    }

    /// Sends a request with these lines of headers, and hears the whole answer.
    pub fn ask_with(&self, method: &str, path: &str, headers: &str, body: &str) -> Reply {
        let mut stream = self.connect();
        let length = body.len();
        // It may have answered, and closed, before it has read all.
        let _ = write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: d\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
        );
        reply(&mut stream, method == "HEAD")
    }

    pub fn ask(&self, method: &str, path: &str, body: &str) -> Reply {
        let headers = match body {
            "" => "",
            _ => "Content-Type: application/json\r\n",
        };
        self.ask_with(method, path, headers, body)
    }

    /// Asks, and takes the document.
    pub fn document(&self, method: &str, path: &str, body: &str) -> serde_json::Value {
        let reply = self.ask(method, path, body);
        assert!(reply.status < 300, "{method} {path}: {reply:?}");
        serde_json::from_str(&reply.body).unwrap_or_default()
    }

    /// Makes a container, and tells its id.
    pub fn create(&self, name: &str, body: &str) -> String {
        let path = format!("/containers/create?name={name}");
        let made = self.document("POST", &path, body);
        made["Id"].as_str().unwrap().to_string()
    }

    pub fn done(&self, method: &str, path: &str) {
        let reply = self.ask(method, path, "");
        assert!(reply.status < 300, "{method} {path}: {reply:?}");
    }

    /// Awaits that this is so.
    pub fn until(&self, what: &str, is_so: impl Fn(&Engine) -> bool) {
        let end = Instant::now() + ANSWER;
        while !is_so(self) {
            assert!(Instant::now() < end, "not in time: {what}");
            std::thread::yield_now();
        }
    }

    /// The real CLI, with a configuration of its own.
    pub fn docker(&self, words: &[&str]) -> Command {
        let mut command = Command::new("docker");
        command
            .args(words)
            .env("DOCKER_HOST", format!("unix://{}", self.socket().display()))
            .env("DOCKER_CONFIG", self.dir().join("config"))
            .env("DOCKER_BUILDKIT", "0")
            .env_remove("DOCKER_CONTEXT")
            .stdin(Stdio::null());
        command
    }

    /// What the CLI says: its status, its output and its errors.
    pub fn cli(&self, words: &[&str]) -> (i32, String, String) {
        let output: Output = self.docker(words).within(ANSWER).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        (
            output.status.code().unwrap_or(-1),
            text(output.stdout),
            text(output.stderr),
        )
    }
}

/// Reads from a connection until that is there.
pub fn until(stream: &mut UnixStream, wanted: &str) -> String {
    let mut seen = Vec::new();
    let mut bytes = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&seen).into_owned();
        if text.contains(wanted) {
            return text;
        }
        match stream.read(&mut bytes) {
            Ok(0) => panic!("it ended without {wanted:?}: {text}"),
            Ok(count) => seen.extend_from_slice(&bytes[..count]),
            Err(error) => panic!("{error} without {wanted:?}: {text}"),
        }
    }
}

/// Reads a whole answer.
pub fn reply(stream: &mut UnixStream, head_only: bool) -> Reply {
    let mut seen = Vec::new();
    let mut bytes = [0; 4096];
    loop {
        if let Some(reply) = complete(&seen, head_only) {
            return reply;
        }
        match stream.read(&mut bytes) {
            Ok(0) => {
                return complete(&seen, true).unwrap_or(Reply {
                    status: 0,
                    head: String::new(),
                    body: String::from_utf8_lossy(&seen).into_owned(),
                });
            }
            Ok(count) => seen.extend_from_slice(&bytes[..count]),
            Err(error) => panic!("{error}: {}", String::from_utf8_lossy(&seen)),
        }
    }
}

/// The answer, if all of it is there.
fn complete(seen: &[u8], head_only: bool) -> Option<Reply> {
    let at = seen.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&seen[..at]).into_owned();
    let rest = &seen[at + 4..];
    let status: u16 = head.split(' ').nth(1)?.parse().ok()?;
    let header = |name: &str| {
        head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name)
                .then(|| value.trim().to_string())
        })
    };
    let body = if header("transfer-encoding").is_some() && !head_only {
        chunks(rest)?
    } else {
        let length: usize = header("content-length").map_or(0, |text| text.parse().unwrap());
        let all = head_only || rest.len() >= length;
        all.then(|| rest[..rest.len().min(length)].to_vec())?
    };
    let body = String::from_utf8_lossy(&body).into_owned();
    Some(Reply { status, head, body })
}

fn chunks(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|two| two == b"\r\n")?;
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..end]).ok()?, 16).ok()?;
        let data = rest.get(end + 2..end + 2 + size)?;
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(data);
        rest = rest.get(end + 2 + size + 2..)?;
    }
}

/// Half-closes a connection: what is left to say has been said.
pub fn no_more(stream: &UnixStream) {
    stream.shutdown(Shutdown::Write).unwrap();
}
