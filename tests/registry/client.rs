//! A registry of a test's own, and raw requests to it.

#![allow(dead_code, missing_docs, unreachable_pub)]

use crate::support::{Bounded, Limit, PATIENCE, User, glassbox};
use sha2::{Digest, Sha256, Sha512};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

/// How long an answer may take.
pub const ANSWER: Duration = Duration::from_secs(60);
/// The types of manifests.
pub const IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";
pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// A registry.
pub struct Registry {
    child: Bounded,
    address: SocketAddr,
    dir: tempfile::TempDir,
    more: Vec<String>,
}

/// One that is still there ends as it would for its user.
impl Drop for Registry {
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
    pub body: Vec<u8>,
}

impl Reply {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    pub fn location(&self) -> String {
        self.header("location").expect("no Location").to_string()
    }

    pub fn json(&self) -> serde_json::Value {
        let text = String::from_utf8_lossy(&self.body);
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    /// The code of the only error.
    pub fn code(&self) -> String {
        let document = self.json();
        let errors = document["errors"].as_array().unwrap();
        assert_eq!(errors.len(), 1, "{document}");
        let message = errors[0]["message"].as_str().unwrap();
        assert!(message.len() > 8, "{document}");
        assert_eq!(self.header("content-type"), Some("application/json"));
        errors[0]["code"].as_str().unwrap().to_string()
    }
}

/// The digest of bytes.
pub fn sha256(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

pub fn sha512(bytes: &[u8]) -> String {
    let digest = Sha512::digest(bytes);
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha512:{hex}")
}

impl Registry {
    pub fn start() -> Registry {
        Registry::start_with(&[])
    }

    pub fn start_with(more: &[&str]) -> Registry {
        let dir = tempfile::Builder::new()
            .prefix("gbtest-")
            .tempdir()
            .unwrap();
        let more: Vec<String> = more.iter().map(ToString::to_string).collect();
        let (child, address) = spawn(&dir.path().join("root"), "127.0.0.1:0", &more);
        Registry {
            child,
            address,
            dir,
            more,
        }
    }

    /// Another one in the place of one that has ended, with the same directory.
    pub fn again(&mut self) {
        (self.child, self.address) = spawn(&self.root(), "127.0.0.1:0", &self.more);
    }

    pub fn root(&self) -> PathBuf {
        self.dir.path().join("root")
    }

    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Kills it, and awaits its end.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait();
    }

    /// Asks it to end, and awaits that: its status.
    pub fn end(&mut self) -> Option<i32> {
        let pid = nix::unistd::Pid::from_raw(self.child.id().cast_signed());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
        self.child.wait().code()
    }

    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(ANSWER)).unwrap();
        stream.set_write_timeout(Some(ANSWER)).unwrap();
        stream
    }

    /// Sends a request with these headers, and hears the whole answer.
    pub fn ask_with(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Reply {
        let mut stream = self.connect();
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: r\r\n");
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        if !headers
            .iter()
            .any(|(name, _)| *name == "Content-Length" || *name == "Transfer-Encoding")
        {
            head += &format!("Content-Length: {}\r\n", body.len());
        }
        // It may have answered, and closed, before it has read all.
        let _ = stream.write_all(format!("{head}\r\n").as_bytes());
        let _ = stream.write_all(body);
        reply(&mut stream, method == "HEAD")
    }

    pub fn ask(&self, method: &str, path: &str, body: &[u8]) -> Reply {
        self.ask_with(method, path, &[], body)
    }

    pub fn get(&self, path: &str) -> Reply {
        self.ask("GET", path, b"")
    }

    /// Begins an upload: where it goes on.
    pub fn begin(&self, name: &str) -> String {
        let begun = self.ask("POST", &format!("/v2/{name}/blobs/uploads/"), b"");
        assert_eq!(begun.status, 202, "{begun:?}");
        begun.location()
    }

    /// Pushes a blob: its digest.
    pub fn push_blob(&self, name: &str, bytes: &[u8]) -> String {
        let digest = sha256(bytes);
        let to = self.begin(name);
        let done = self.ask("PUT", &format!("{to}?digest={digest}"), bytes);
        assert_eq!(done.status, 201, "{done:?}");
        digest
    }

    pub fn put_manifest(&self, name: &str, reference: &str, kind: &str, text: &str) -> Reply {
        let path = format!("/v2/{name}/manifests/{reference}");
        self.ask_with("PUT", &path, &[("Content-Type", kind)], text.as_bytes())
    }

    /// Pushes an image of one layer: its manifest.
    pub fn push_image(&self, name: &str, tag: &str, layer: &[u8]) -> String {
        let layers = [(self.push_blob(name, layer), layer.len())];
        let config = format!("{{\"made\":\"{}\"}}", layers[0].0);
        self.push_blob(name, config.as_bytes());
        let text = manifest(config.as_bytes(), &layers, "");
        let done = self.put_manifest(name, tag, IMAGE, &text);
        assert_eq!(done.status, 201, "{done:?}");
        text
    }

    pub fn tags(&self, name: &str) -> Vec<String> {
        let listed = self.get(&format!("/v2/{name}/tags/list"));
        assert_eq!(listed.status, 200, "{listed:?}");
        serde_json::from_value(listed.json()["tags"].clone()).unwrap()
    }
}

/// A manifest; `more` is what else is in it.
pub fn manifest(config: &[u8], layers: &[(String, usize)], more: &str) -> String {
    let layers: Vec<String> = layers
        .iter()
        .map(|(digest, size)| {
            format!(
                r#"{{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"{digest}","size":{size}}}"#
            )
        })
        .collect();
    format!(
        r#"{{"schemaVersion":2,"mediaType":"{IMAGE}","config":{{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"{}","size":{}}},"layers":[{}]{more}}}"#,
        sha256(config),
        config.len(),
        layers.join(",")
    )
}

/// Starts the program, and awaits that it listens.
fn spawn(root: &Path, listen: &str, more: &[String]) -> (Bounded, SocketAddr) {
    let mut command = glassbox(User::Me);
    command.args(["registry", "--listen", listen, "--root"]);
    command.arg(root).args(more);
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = command.within(PATIENCE).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    let address = line.trim_end().strip_prefix("Listening on http://");
    let address = address.unwrap_or_else(|| panic!("{line}")).parse().unwrap();
    // What else it says is read, so that it never waits for it.
    std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
    (child, address)
}

/// Reads a whole answer.
pub fn reply(stream: &mut TcpStream, head_only: bool) -> Reply {
    let mut seen = Vec::new();
    let mut bytes = [0; 65_536];
    loop {
        if let Some(reply) = complete(&seen, head_only) {
            return reply;
        }
        match stream.read(&mut bytes) {
            Ok(0) => {
                return complete(&seen, true).unwrap_or(Reply {
                    status: 0,
                    head: String::new(),
                    body: seen,
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
    let status: u16 = head.split(' ').nth(1)?.parse().ok()?;
    let mut reply = Reply {
        status,
        head,
        body: Vec::new(),
    };
    if status == 100 {
        return complete(&seen[at + 4..], head_only);
    }
    let rest = &seen[at + 4..];
    let length = reply.header("content-length");
    let length: usize = length.map_or(0, |text| text.parse().unwrap());
    if !head_only && rest.len() < length {
        return None;
    }
    reply.body = rest[..rest.len().min(length)].to_vec();
    Some(reply)
}
