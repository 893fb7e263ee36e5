//! Conversations on a bare connection: attach, exec, and logs that are followed.

use super::container::Container;
use super::output::{Chunk, PIECE, Stream, Typed};
use crate::base::time::Time;
use hyper::body::Bytes;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use std::rc::Rc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc::{Receiver, Sender};

/// The kind of a stream that isn't divided, and of one that is.
pub(super) const RAW: &str = "application/vnd.docker.raw-stream";
pub(super) const MULTIPLEXED: &str = "application/vnd.docker.multiplexed-stream";

/// Which streams are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) stdout: bool,
    pub(super) stderr: bool,
}

impl Wanted {
    pub(super) fn has(self, stream: Stream) -> bool {
        match stream {
            Stream::Stdout => self.stdout,
            Stream::Stderr => self.stderr,
        }
    }
}

/// The kind of a stream's answer: divided ones are named since 1.42, if the
/// client asked for the bare connection.
pub(super) fn kind(version: (u32, u32), tty: bool, upgrade: bool) -> &'static str {
    match !tty && upgrade && version >= (1, 42) {
        true => MULTIPLEXED,
        false => RAW,
    }
}

/// What is said and heard on a connection.
pub(super) struct Conversation {
    pub(super) tty: bool,
    pub(super) wanted: Wanted,
    /// What is told first.
    pub(super) before: Vec<Bytes>,
    /// What comes.
    pub(super) chunks: Receiver<Chunk>,
    /// Where what is typed goes.
    pub(super) typed: Option<Sender<Typed>>,
    /// Whether its end is the end of what is typed.
    pub(super) ends_input: bool,
    /// The keys that leave the program alone.
    pub(super) leave: Leave,
}

impl Conversation {
    /// On the connection that the client asked for.
    pub(super) async fn hold(self, upgrade: OnUpgrade) {
        let Ok(upgraded) = upgrade.await else {
            return;
        };
        let Conversation {
            tty,
            wanted,
            before,
            mut chunks,
            typed,
            ends_input,
            leave,
        } = self;
        let (mut from, mut to) = tokio::io::split(TokioIo::new(upgraded));
        let tell = async move {
            for bytes in before {
                to.write_all(&bytes).await?;
            }
            while let Some(chunk) = chunks.recv().await {
                if wanted.has(chunk.stream) {
                    to.write_all(&chunk.framed(tty)).await?;
                    to.flush().await?;
                }
            }
            to.shutdown().await
        };
        let hear = async move {
            hear(&mut from, typed, ends_input, leave).await;
        };
        tokio::select! {
            _ = tell => {}
            () = hear => {}
        }
    }

    /// In the body of an answer.
    pub(super) async fn pour(mut self, to: Sender<Bytes>) {
        for bytes in self.before {
            if to.send(bytes).await.is_err() {
                return;
            }
        }
        while let Some(chunk) = self.chunks.recv().await {
            if self.wanted.has(chunk.stream) && to.send(chunk.framed(self.tty)).await.is_err() {
                return;
            }
        }
    }
}

/// Hears what is typed. Returns when the client leaves the program alone; a
/// half-closed connection is the end of what is typed, and no more than that.
async fn hear(
    from: &mut (impl AsyncReadExt + Unpin),
    typed: Option<Sender<Typed>>,
    ends_input: bool,
    mut leave: Leave,
) {
    let mut buffer = vec![0; PIECE];
    if let Some(typed) = typed {
        while let Ok(count @ 1..) = from.read(&mut buffer).await {
            let left = leave.is_said(&buffer[..count]);
            let bytes = Bytes::copy_from_slice(&buffer[..count]);
            if left {
                return;
            }
            if typed.send(Typed::Bytes(bytes)).await.is_err() {
                break;
            }
        }
        if ends_input {
            let _ = typed.send(Typed::End).await;
        }
    } else {
        // Read, so that one who goes on writing isn't held up.
        while let Ok(1..) = from.read(&mut buffer).await {}
    }
    std::future::pending().await
}

/// The keys by which a client leaves a program that goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Leave {
    keys: Vec<u8>,
    said: usize,
}

impl Leave {
    /// `ctrl-p,ctrl-q`, or as it is asked for; none without a terminal.
    pub(super) fn new(tty: bool, asked: Option<&str>) -> Leave {
        let keys = asked.unwrap_or("ctrl-p,ctrl-q");
        let key = |key: &str| match key.strip_prefix("ctrl-") {
            Some(letter) => Some(letter.bytes().next()? & 0x1f),
            None => key.bytes().next(),
        };
        Leave {
            keys: match tty {
                true => keys.split(',').filter_map(key).collect(),
                false => Vec::new(),
            },
            said: 0,
        }
    }

    /// Whether the keys are complete with this.
    fn is_said(&mut self, bytes: &[u8]) -> bool {
        for byte in bytes.iter().filter(|_| !self.keys.is_empty()) {
            self.said = match self.keys[self.said] == *byte {
                true => self.said + 1,
                false => usize::from(self.keys[0] == *byte),
            };
            if self.said == self.keys.len() {
                return true;
            }
        }
        false
    }
}

/// What of a log is wanted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lines {
    pub(super) wanted: Wanted,
    pub(super) follow: bool,
    pub(super) timestamps: bool,
    /// So many from the end.
    pub(super) tail: Option<usize>,
    pub(super) since: Option<Time>,
    pub(super) until: Option<Time>,
}

impl Lines {
    /// A line as it travels, if it is one of those.
    fn framed(&self, entry: &super::logs::Entry, tty: bool) -> Option<Bytes> {
        let stream = match entry.stream.as_str() {
            "stderr" => Stream::Stderr,
            _ => Stream::Stdout,
        };
        let after = |time: Time| entry.time >= time.text_full();
        let before = |time: Time| entry.time <= time.text_full();
        let asked = self.wanted.has(stream)
            && self.since.is_none_or(after)
            && self.until.is_none_or(before);
        if !asked {
            return None;
        }
        let line = match self.timestamps {
            true => format!("{} {}", entry.time, entry.log),
            false => entry.log.clone(),
        };
        let chunk = Chunk {
            stream,
            bytes: line.into(),
        };
        Some(chunk.framed(tty))
    }

    /// Those that are there, for one who wants what comes as well.
    pub(super) fn all(&self, container: &Container) -> Vec<Bytes> {
        let mut reader = container.log.reader();
        std::iter::from_fn(|| reader.next())
            .filter_map(|entry| self.framed(&entry, container.config.tty))
            .collect()
    }

    /// Pours them into the body of an answer.
    pub(super) async fn pour(self, container: Rc<Container>, to: Sender<Bytes>) {
        let tty = container.config.tty;
        let mut grown = container.log.grown.subscribe();
        let mut reader = container.log.reader();
        if let Some(tail) = self.tail {
            let mut count = container.log.reader();
            let all = std::iter::from_fn(|| count.next());
            let all = all
                .filter(|entry| self.framed(entry, tty).is_some())
                .count();
            let mut left = all.saturating_sub(tail);
            while left > 0
                && let Some(entry) = reader.next()
            {
                left -= usize::from(self.framed(&entry, tty).is_some());
            }
        }
        loop {
            grown.borrow_and_update();
            let goes_on = container.task.borrow().is_some();
            let mut piece = Vec::new();
            while let Some(entry) = reader.next() {
                piece.extend(self.framed(&entry, tty).into_iter().flatten());
                if piece.len() >= PIECE && to.send(std::mem::take(&mut piece).into()).await.is_err()
                {
                    return;
                }
            }
            if !piece.is_empty() && to.send(piece.into()).await.is_err() {
                return;
            }
            if !self.follow || !goes_on {
                return;
            }
            tokio::select! {
                changed = grown.changed() => if changed.is_err() { return },
                // Who follows has gone.
                () = to.closed() => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keys_to_leave_may_come_in_pieces() {
        let mut leave = Leave::new(true, None);
        assert!(!leave.is_said(b"ab\x10"));
        assert!(!leave.is_said(b"\x10"));
        assert!(leave.is_said(b"\x11"));
        assert!(Leave::new(true, Some("ctrl-a,x")).is_said(b"\x01x"));
        assert!(!Leave::new(false, None).is_said(b"\x10\x11"));
    }

    #[test]
    fn the_kind_tells_whether_it_is_divided() {
        for (version, tty, upgrade, expected) in [
            ((1, 51), false, true, MULTIPLEXED),
            ((1, 41), false, true, RAW),
            ((1, 51), true, true, RAW),
            ((1, 51), false, false, RAW),
        ] {
            assert_eq!(kind(version, tty, upgrade), expected);
        }
    }
}
