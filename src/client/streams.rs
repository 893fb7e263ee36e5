//! Bytes of programs: from a connection to this program's outputs, and from its
//! standard input to the connection.

use super::failure::Failure;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use std::io::{self, Read, Write};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc::{self, Receiver};
use tokio::task::spawn_local;

/// How much is read at once.
const PIECE: usize = 32 << 10;
/// The header before each piece of a divided stream: whose it is, and its length.
const HEADER: usize = 8;

/// Prints on standard output; what nobody reads is nobody's loss.
pub(super) fn say(text: &str) {
    let _ = write_to(1, text.as_bytes());
}

/// Prints a line on standard error, unless it is empty.
pub(super) fn complain(text: &str) {
    if !text.is_empty() {
        let _ = write_to(2, format!("{text}\n").as_bytes());
    }
}

/// Writes to standard output, or for 2 to standard error.
fn write_to(stream: u8, bytes: &[u8]) -> io::Result<()> {
    match stream {
        2 => io::stderr().lock().write_all(bytes),
        _ => {
            let mut out = io::stdout().lock();
            out.write_all(bytes).and_then(|()| out.flush())
        }
    }
}

/// Puts a stream apart that may be divided: each piece has a header that says
/// whether it is of standard output or of standard error.
#[derive(Default)]
pub(super) struct Apart {
    /// What has come and isn't written yet: a header that isn't whole.
    header: Vec<u8>,
    /// Whose the piece is that is being written, and how much of it is to come.
    piece: (u8, usize),
    whole: bool,
}

impl Apart {
    /// `tty`: a terminal's stream isn't divided.
    pub(super) fn of(tty: bool) -> Apart {
        Apart {
            whole: tty,
            ..Apart::default()
        }
    }

    /// Hands the pieces of what came to `write`, with the stream's number.
    pub(super) fn take(
        &mut self,
        mut bytes: &[u8],
        write: &mut dyn FnMut(u8, &[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        if self.whole {
            return write(1, bytes);
        }
        while !bytes.is_empty() {
            let (stream, left) = self.piece;
            if left > 0 {
                let (now, later) = bytes.split_at(left.min(bytes.len()));
                write(stream, now)?;
                self.piece.1 -= now.len();
                bytes = later;
                continue;
            }
            let (now, later) = bytes.split_at((HEADER - self.header.len()).min(bytes.len()));
            self.header.extend_from_slice(now);
            bytes = later;
            if let [stream, _, _, _, a, b, c, d] = self.header[..] {
                self.piece = (stream, u32::from_be_bytes([a, b, c, d]) as usize);
                self.header.clear();
            }
        }
        Ok(())
    }

    /// Writes what came to this program's outputs.
    pub(super) fn print(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.take(bytes, &mut |stream, bytes| write_to(stream, bytes))
            .map_err(|error| Failure::of(format!("the output can't be written: {error}")))
    }
}

/// What comes on standard input, from a thread of its own: it may be a terminal
/// that nobody types at.
pub(super) fn input() -> Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel(8);
    std::thread::spawn(move || {
        let mut bytes = [0; PIECE];
        let mut stdin = io::stdin().lock();
        loop {
            match stdin.read(&mut bytes) {
                Ok(0) => return,
                Ok(count) => {
                    if sender.blocking_send(bytes[..count].to_vec()).is_err() {
                        return;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return,
            }
        }
    });
    receiver
}

/// Prints what comes on a connection until it ends, and sends on it what is typed;
/// the end of that closes this half.
pub(super) async fn converse(
    connection: Upgraded,
    tty: bool,
    input: Option<Receiver<Vec<u8>>>,
) -> Result<(), Failure> {
    let (mut reader, mut writer) = tokio::io::split(TokioIo::new(connection));
    let typing = spawn_local(async move {
        let Some(mut input) = input else {
            // Kept: its end would close the half that is read, too.
            return std::future::pending().await;
        };
        while let Some(bytes) = input.recv().await {
            if writer.write_all(&bytes).await.is_err() {
                return;
            }
        }
        // One that has ended already needs no end.
        let _ = writer.shutdown().await;
        std::future::pending().await
    });
    let mut apart = Apart::of(tty);
    let mut bytes = vec![0; PIECE];
    let done = loop {
        match reader.read(&mut bytes).await {
            Ok(0) => break Ok(()),
            Ok(count) => {
                if let Err(failure) = apart.print(&bytes[..count]) {
                    break Err(failure);
                }
            }
            Err(error) => break Err(Failure::broken(&error)),
        }
    };
    typing.abort();
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_divided_stream_is_put_apart_wherever_it_is_cut() {
        let bytes = b"\x01\0\0\0\0\0\0\x03out\x02\0\0\0\0\0\0\x04err\n\x01\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\x01!";
        for size in 1..bytes.len() {
            let (mut apart, mut said) = (Apart::of(false), [String::new(), String::new()]);
            for piece in bytes.chunks(size) {
                apart
                    .take(piece, &mut |stream, bytes| {
                        said[usize::from(stream) - 1] += std::str::from_utf8(bytes).unwrap();
                        Ok(())
                    })
                    .unwrap();
            }
            assert_eq!(said, ["out!", "err\n"], "pieces of {size}");
        }
    }
}
