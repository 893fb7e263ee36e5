//! A container's log: a line of JSON for each line that came, as the `json-file`
//! driver writes it.

use super::output::{Chunk, Stream};
use crate::base::time::Time;
use serde::{Deserialize, Serialize};
use std::cell::RefCell;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use tokio::sync::watch;

/// A longer line is divided, as Docker does it.
const MOST_LINE: usize = 16 << 10;
/// How much of what came is kept.
const MOST_LOG: u64 = 512 << 20;

/// One line.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) log: String,
    pub(super) stream: String,
    pub(super) time: String,
}

/// The log.
pub(super) struct Log {
    path: PathBuf,
    state: RefCell<Writing>,
    /// Changes when there is more, or when there won't be.
    pub(super) grown: watch::Sender<u64>,
}

#[derive(Default)]
struct Writing {
    file: Option<File>,
    length: u64,
    /// What has no newline yet, of each stream.
    partial: [Vec<u8>; 2],
}

impl Log {
    pub(super) fn at(path: PathBuf) -> Log {
        Log {
            path,
            state: RefCell::default(),
            grown: watch::Sender::new(0),
        }
    }

    /// Keeps what came.
    pub(super) fn write(&self, chunk: &Chunk) {
        let mut state = self.state.borrow_mut();
        let state = &mut *state;
        let partial = &mut state.partial[chunk.stream as usize - 1];
        partial.extend(&chunk.bytes);
        let (mut lines, mut begin) = (Vec::new(), 0);
        loop {
            let rest = &partial[begin..];
            let end = rest.iter().take(MOST_LINE).position(|byte| *byte == b'\n');
            let length = match end {
                Some(at) => at + 1,
                None if rest.len() >= MOST_LINE => MOST_LINE,
                None => break,
            };
            lines.extend(line(&rest[..length], chunk.stream));
            begin += length;
        }
        partial.drain(..begin);
        self.append(&lines, state);
    }

    /// Keeps what has no newline: no more will come.
    pub(super) fn flush(&self) {
        let mut state = self.state.borrow_mut();
        let state = &mut *state;
        for (index, stream) in [Stream::Stdout, Stream::Stderr].into_iter().enumerate() {
            let rest = std::mem::take(&mut state.partial[index]);
            if !rest.is_empty() {
                self.append(&line(&rest, stream), state);
            }
        }
        state.file = None;
        self.wake();
    }

    /// Has those look who follow it.
    pub(super) fn wake(&self) {
        self.grown.send_modify(|count| *count += 1);
    }

    fn append(&self, lines: &[u8], state: &mut Writing) {
        if lines.is_empty() || state.length > MOST_LOG {
            return;
        }
        if state.file.is_none() {
            let opened = OpenOptions::new()
                .append(true)
                .create(true)
                .open(&self.path);
            state.length = opened
                .as_ref()
                .ok()
                .and_then(|file| file.metadata().ok())
                .map_or(0, |meta| meta.len());
            state.file = opened.ok();
        }
        // A disk that is full must not end the container.
        if let Some(file) = &mut state.file
            && file.write_all(lines).is_ok()
        {
            state.length += lines.len() as u64;
        }
        self.wake();
    }

    /// Reads it from its beginning.
    pub(super) fn reader(&self) -> Reader {
        Reader {
            path: self.path.clone(),
            file: None,
            at: 0,
        }
    }
}

fn line(bytes: &[u8], stream: Stream) -> Vec<u8> {
    let entry = Entry {
        log: String::from_utf8_lossy(bytes).into_owned(),
        stream: match stream {
            Stream::Stdout => "stdout".into(),
            Stream::Stderr => "stderr".into(),
        },
        time: Time::now().text_full(),
    };
    let mut line = serde_json::to_vec(&entry).unwrap_or_default();
    line.push(b'\n');
    line
}

/// Reads a log that may still grow.
pub(super) struct Reader {
    path: PathBuf,
    file: Option<BufReader<File>>,
    /// Where the next line begins.
    at: u64,
}

impl Reader {
    /// The next line, if all of it is there.
    pub(super) fn next(&mut self) -> Option<Entry> {
        if self.file.is_none() {
            let mut file = BufReader::new(open(&self.path).ok()?);
            file.seek(SeekFrom::Start(self.at)).ok()?;
            self.file = Some(file);
        }
        let mut text = Vec::new();
        let file = self.file.as_mut()?;
        let read = file.read_until(b'\n', &mut text);
        if read.is_ok() && text.ends_with(b"\n") {
            self.at += text.len() as u64;
            return serde_json::from_slice(&text).ok();
        }
        // From where it began, once there is more.
        self.file = None;
        None
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_whole_and_in_their_order() {
        let dir = tempfile::tempdir().unwrap();
        let log = Log::at(dir.path().join("log"));
        let mut reader = log.reader();
        assert!(reader.next().is_none());
        let write = |stream, text: &str| {
            log.write(&Chunk {
                stream,
                bytes: text.to_owned().into(),
            });
        };
        write(Stream::Stdout, "one\ntw");
        write(Stream::Stderr, "err");
        let entry = |reader: &mut Reader| reader.next().map(|entry| (entry.log, entry.stream));
        let said = |text: &str, stream: &str| Some((text.to_string(), stream.to_string()));
        assert_eq!(entry(&mut reader), said("one\n", "stdout"));
        assert_eq!(entry(&mut reader), None);
        write(Stream::Stdout, "o\n");
        assert_eq!(entry(&mut reader), said("two\n", "stdout"));
        let long = "x".repeat(MOST_LINE + 1);
        write(Stream::Stdout, &long);
        log.flush();
        assert_eq!(entry(&mut reader).unwrap().0.len(), MOST_LINE);
        assert_eq!(entry(&mut reader), said("x", "stdout"));
        assert_eq!(entry(&mut reader), said("err", "stderr"));
        assert_eq!(entry(&mut reader), None);
    }
}
