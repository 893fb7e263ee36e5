//! The body of a request into a file, a piece at a time.

use super::problem::{Code, Problem};
use http_body_util::BodyExt;
use hyper::StatusCode;
use hyper::body::{Bytes, Incoming};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout};

/// How much is in memory before it is written.
const PIECE: usize = 256 << 10;
/// What has to come in each span of patience, in bytes: a client that sends a byte
/// now and then is none.
const LEAST: u64 = 1 << 10;
/// How much of a body is read that nobody wants, so that the client hears why.
const MOST_UNWANTED: u64 = 16 << 20;

/// Who sends, and what of it is wanted.
pub(super) struct Receive<'r> {
    pub(super) body: &'r mut Incoming,
    /// How long it may be silent.
    pub(super) patience: Duration,
    /// The most bytes that are taken.
    pub(super) most: u64,
    /// What is said of one that is longer.
    pub(super) too_long: &'r dyn Fn() -> Problem,
}

impl Receive<'_> {
    /// Writes the body from `at` on; tells how many bytes it had. What has come before
    /// an end that shouldn't be is in the file.
    ///
    /// # Errors
    /// 408 for a client that is silent, 400 for one that is gone before its end, and
    /// what the disk refuses.
    pub(super) async fn into(self, file: &Arc<File>, at: u64) -> Result<u64, Problem> {
        let mut pace = Pace::of(self.patience);
        let mut length = 0;
        let mut pieces = Vec::new();
        let mut waiting = 0;
        let ended = loop {
            let data = match pace.next(self.body).await {
                Ok(Some(data)) => data,
                Ok(None) => break Ok(()),
                Err(problem) => break Err(problem),
            };
            if length + waiting as u64 + data.len() as u64 > self.most {
                break Err((self.too_long)());
            }
            waiting += data.len();
            pieces.push(data);
            if waiting >= PIECE {
                write(file, std::mem::take(&mut pieces), at + length).await?;
                length += std::mem::take(&mut waiting) as u64;
            }
        };
        write(file, pieces, at + length).await?;
        ended.map(|()| length + waiting as u64)
    }
}

async fn write(file: &Arc<File>, pieces: Vec<Bytes>, mut at: u64) -> Result<(), Problem> {
    if pieces.is_empty() {
        return Ok(());
    }
    let file = Arc::clone(file);
    let written = spawn_blocking(move || {
        for piece in pieces {
            file.write_all_at(&piece, at)?;
            at += piece.len() as u64;
        }
        Ok(())
    });
    let written = written
        .await
        .unwrap_or_else(|_| Err(std::io::ErrorKind::Interrupted.into()));
    written.map_err(|error| Problem::disk("what was sent can't be kept", &error))
}

/// Reads what nobody wants, as long as it comes; so the client takes the answer
/// before it notices that nobody listens.
pub(super) async fn drain(body: &mut Incoming, patience: Duration) {
    let mut pace = Pace::of(patience);
    let mut length = 0;
    while let Ok(Some(data)) = pace.next(body).await {
        length += data.len() as u64;
        if length > MOST_UNWANTED {
            return;
        }
    }
}

/// How fast a body comes.
struct Pace {
    patience: Duration,
    since: Instant,
    came: u64,
}

impl Pace {
    fn of(patience: Duration) -> Pace {
        Pace {
            patience,
            since: Instant::now(),
            came: 0,
        }
    }

    /// The next bytes; none at the end.
    async fn next(&mut self, body: &mut Incoming) -> Result<Option<Bytes>, Problem> {
        loop {
            let Ok(frame) = timeout(self.patience, body.frame()).await else {
                return Err(self.slow());
            };
            let data = match frame {
                None => return Ok(None),
                Some(Ok(frame)) => frame.into_data().unwrap_or_default(),
                Some(Err(error)) => {
                    let message = format!("the body ended before its end: {error}");
                    let mut problem = Problem::bad(Code::SizeInvalid, message);
                    problem.hang_up = true;
                    return Err(problem);
                }
            };
            self.came += data.len() as u64;
            if self.since.elapsed() >= self.patience {
                if self.came < LEAST {
                    return Err(self.slow());
                }
                (self.since, self.came) = (Instant::now(), 0);
            }
            if !data.is_empty() {
                return Ok(Some(data));
            }
        }
    }

    fn slow(&self) -> Problem {
        let message = format!(
            "fewer than {LEAST} bytes have come in {} s: what came is kept, ask for its status \
             and go on from there",
            self.patience.as_secs()
        );
        let status = StatusCode::REQUEST_TIMEOUT;
        let mut problem = Problem::new(status, Code::BlobUploadInvalid, message);
        problem.hang_up = true;
        problem
    }
}
