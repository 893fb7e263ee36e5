//! Bodies of answers: short ones whole, files a piece at a time.

use hyper::body::{Body as HttpBody, Bytes, Frame, SizeHint};
use std::fs::File;
use std::io::{self, Read};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::task::{JoinHandle, spawn_blocking};

/// How much of a file is in memory at once.
const PIECE: u64 = 64 << 10;

/// The body of an answer.
pub(super) enum Body {
    /// All of it; none once it has been sent.
    Whole(Option<Bytes>),
    /// What is left of a part of a file. While nobody takes it, nothing is read.
    File { state: State, left: u64 },
}

/// Who has the file.
pub(super) enum State {
    Here(File),
    Read(JoinHandle<io::Result<(File, Bytes)>>),
    Gone,
}

impl Body {
    pub(super) fn empty() -> Body {
        Body::Whole(None)
    }

    /// So many bytes of a file, from where it stands.
    pub(super) fn file(file: File, left: u64) -> Body {
        let state = State::Here(file);
        Body::File { state, left }
    }
}

/// Reads the next piece. A file that is shorter than it was breaks the answer off:
/// whoever reads it then knows that it isn't whole.
fn piece(mut file: File, length: u64) -> io::Result<(File, Bytes)> {
    let mut bytes = vec![0; length as usize];
    file.read_exact(&mut bytes)?;
    Ok((file, bytes.into()))
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let (state, left) = match &mut *self {
            Body::Whole(bytes) => {
                return Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes))));
            }
            Body::File { left: 0, .. } => return Poll::Ready(None),
            Body::File { state, left } => (state, left),
        };
        if let State::Here(_) = state
            && let State::Here(file) = std::mem::replace(state, State::Gone)
        {
            let length = PIECE.min(*left);
            *state = State::Read(spawn_blocking(move || piece(file, length)));
        }
        let State::Read(handle) = state else {
            return Poll::Ready(None);
        };
        let read = ready!(Pin::new(handle).poll(context));
        let read = read.unwrap_or_else(|_| Err(io::ErrorKind::Interrupted.into()));
        Poll::Ready(Some(match read {
            Ok((file, bytes)) => {
                *left -= bytes.len() as u64;
                *state = State::Here(file);
                Ok(Frame::data(bytes))
            }
            Err(error) => {
                *state = State::Gone;
                Err(error)
            }
        }))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Body::Whole(None) | Body::File { left: 0, .. })
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(match self {
            Body::Whole(bytes) => bytes.as_ref().map_or(0, |bytes| bytes.len() as u64),
            Body::File { left, .. } => *left,
        })
    }
}
