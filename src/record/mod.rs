//! The record of a run: its events as lines of JSON, in a form with a version.
//! `run --json` prints it, and the recordings that are shipped beside steps are it.
//!
//! A record outlives the program that wrote it. So its form is a set of types
//! of its own, with one conversion to the vocabulary of `plan` and one back; the
//! wire between our processes is free to change. docs/record.md tells each field.
//!
//! It must not know how a run comes about, nor where a record is kept.

mod beats;
mod form;

use crate::check::Verdict;
use crate::plan::{Event, Leftover, Need, Refusal};
pub use beats::{Beat, Change, beats};
use form::Form;
pub use form::VERSION;
use serde::Serialize;
use serde_json::Value;
use thiserror::Error;

/// An event as it is recorded.
pub fn event(event: &Event) -> impl Serialize {
    form::Event::of(event)
}

/// What the host refused.
pub fn refusal(refusal: &Refusal) -> impl Serialize {
    form::Refusal::of(refusal)
}

/// What a step needs.
pub fn need(need: &Need) -> impl Serialize {
    form::Need::of(need)
}

/// What is left of a run.
pub fn leftover(left: &Leftover) -> impl Serialize {
    form::Leftover::of(left)
}

/// What became of a claim.
pub fn verdict(claim: &str, verdict: &Verdict) -> impl Serialize {
    #[derive(Serialize)]
    struct Judged {
        event: &'static str,
        claim: String,
        #[serde(flatten)]
        verdict: form::Verdict,
    }
    Judged {
        event: "verdict",
        claim: claim.into(),
        verdict: form::Verdict::of(verdict),
    }
}

/// Why a line is no part of a record.
#[derive(Debug, Error)]
pub enum ReadError {
    /// It isn't JSON.
    #[error("this is not a JSON object: {0}")]
    Json(serde_json::Error),
    /// It is something else.
    #[error("this is not an event of a run: {0}")]
    Event(serde_json::Error),
    /// It comes from a later program.
    #[error(
        "this record has version {0}, and this program knows {VERSION} at most: read it with a newer one"
    )]
    Newer(u64),
}

/// Reads a line of a record, of any version up to this one. `None` for what
/// follows the events: how they were judged.
///
/// # Errors
/// The line is no event, or of a version that isn't known.
pub fn read(line: &str) -> Result<Option<Event>, ReadError> {
    let line: Value = serde_json::from_str(line).map_err(ReadError::Json)?;
    match line["event"].as_str() {
        Some("verdict" | "outcome") => return Ok(None),
        Some("started") => match line["version"].as_u64() {
            Some(version) if version > u64::from(VERSION) => {
                return Err(ReadError::Newer(version));
            }
            Some(_) | None => {}
        },
        Some(_) | None => {}
    }
    let event: form::Event = serde_json::from_value(line).map_err(ReadError::Event)?;
    Ok(Some(event.back()))
}

#[cfg(test)]
mod tests;
