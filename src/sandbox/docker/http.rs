//! One request over HTTP/1.1 on a Unix socket, and its answer: what anybody could
//! send who may write to it.

use serde_json::Value;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// The longest answer that is kept.
const MOST: usize = 1 << 20;
/// How long the other side may take to take a request in.
const TO_TAKE: Duration = Duration::from_secs(2);

/// A request that was sent.
pub(super) struct Exchange {
    stream: UnixStream,
    got: Vec<u8>,
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// The body, put together.
    pub(super) body: Vec<u8>,
}

impl Exchange {
    /// Sends it; the connection is for nothing else.
    pub(super) fn begin(
        mut stream: UnixStream,
        method: &str,
        path: &str,
        body: Option<&str>,
    ) -> io::Result<Exchange> {
        let mut request =
            format!("{method} {path} HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n");
        if let Some(body) = body {
            let length = body.len();
            request += &format!("Content-Type: application/json\r\nContent-Length: {length}\r\n");
        }
        request += "\r\n";
        request += body.unwrap_or_default();
        stream.set_write_timeout(Some(TO_TAKE))?;
        stream.write_all(request.as_bytes())?;
        stream.set_nonblocking(true)?;
        Ok(Exchange {
            stream,
            got: Vec::new(),
        })
    }

    /// The answer, once all of it is there.
    pub(super) fn step(&mut self) -> Option<io::Result<Answer>> {
        let mut bytes = [0; 16 << 10];
        loop {
            match self.stream.read(&mut bytes) {
                Ok(0) => {
                    let wrong = || io::Error::new(io::ErrorKind::InvalidData, "no answer in HTTP");
                    return Some(answer(&self.got).ok_or_else(wrong));
                }
                Ok(count) if self.got.len() + count > MOST => {
                    return Some(Err(io::ErrorKind::FileTooLarge.into()));
                }
                Ok(count) => self.got.extend_from_slice(&bytes[..count]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
                Err(error) => return Some(Err(error)),
            }
        }
    }

    pub(super) fn wakes(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

impl Answer {
    /// The document that it is.
    pub(super) fn document(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// Whether the engine did it.
    pub(super) fn is_done(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// What it says to a person.
    pub(super) fn told(&self) -> String {
        match self.document()["message"].as_str() {
            Some(message) => message.into(),
            None => format!("status {}", self.status),
        }
    }
}

/// All that was said until the connection's end.
fn answer(got: &[u8]) -> Option<Answer> {
    let end = got.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&got[..end]).to_lowercase();
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let rest = &got[end + 4..];
    let body = match head.contains("transfer-encoding: chunked") {
        true => undivided(rest)?,
        false => rest.to_vec(),
    };
    let framed = head.contains("multiplexed-stream") || head.contains("raw-stream");
    let body = match framed {
        true => unframed(&body).unwrap_or(body),
        false => body,
    };
    Some(Answer { status, body })
}

/// A body that came in pieces, RFC 9112 section 7.1.
fn undivided(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = rest.windows(2).position(|two| two == b"\r\n")?;
        let size = std::str::from_utf8(&rest[..line]).ok()?;
        let size = usize::from_str_radix(size.split(';').next()?.trim(), 16).ok()?;
        rest = &rest[line + 2..];
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(rest.get(..size)?);
        rest = rest.get(size + 2..)?;
    }
}

/// What a container wrote, without the eight bytes that stand before each piece:
/// which stream, three zeros, and how long it is.
fn unframed(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    while !rest.is_empty() {
        let (head, more) = rest.split_first_chunk::<8>()?;
        let [0..=2, 0, 0, 0, length @ ..] = head else {
            return None;
        };
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        text.extend_from_slice(more.get(..length)?);
        rest = &more[length..];
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_put_together() {
        let framed = b"\x01\0\0\0\0\0\0\x02hi\x02\0\0\0\0\0\0\x01!";
        let logs = [
            b"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.multiplexed-stream\r\n\
              Transfer-Encoding: chunked\r\n\r\n13\r\n"
                .as_slice(),
            framed,
            b"\r\n0\r\n\r\n",
        ]
        .concat();
        for (got, status, body) in [
            (b"HTTP/1.1 204 No Content\r\n\r\n".as_slice(), 204, ""),
            (b"HTTP/1.1 201 C\r\nContent-Length: 2\r\n\r\n{}", 201, "{}"),
            (
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\na\r\n\r\n1;x\r\nb\r\n0\r\n\r\n",
                200,
                "a\r\nb",
            ),
            (&logs, 200, "hi!"),
        ] {
            let answer = answer(got).unwrap();
            assert_eq!((answer.status, answer.body.as_slice()), (status, body.as_bytes()));
        }
        for garbage in [
            "",
            "HTTP/1.1 200 OK\r\n",
            "hello\r\n\r\n",
            "HTTP/1.1 x\r\n\r\n",
        ] {
            assert_eq!(answer(garbage.as_bytes()), None, "{garbage}");
        }
        assert_eq!(unframed(b"\x01\0\0\0\0\0\0\x09hi"), None);
        assert_eq!(unframed(b"plain text"), None);
    }
}
