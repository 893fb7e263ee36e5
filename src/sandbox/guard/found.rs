//! What has been found of this host while a run went on.

use crate::probe::host::Trial;

/// What a run has found.
#[derive(Default)]
pub(super) struct Found {
    /// What a trial has shown, once there was a reason for one.
    pub(super) trial: Option<Trial>,
    /// The calls that were told as refused.
    pub(super) told: Vec<String>,
    /// Something failed without a word of which call it was.
    pub(super) unexplained: bool,
    /// A program has run, which may have taken a refusal for an older kernel's.
    pub(super) ran: bool,
}
