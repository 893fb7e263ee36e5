//! How much the client takes, and for how long it waits.

use std::time::Duration;

/// The longest document that is read, in bytes.
pub(super) const MOST_DOCUMENT: usize = 64 << 20;
/// The longest line of a document that comes line by line.
pub(super) const MOST_LINE: usize = 1 << 20;
/// How long the engine may take to say that it is there. What it does then takes
/// as long as it takes: the user can end the client.
pub(super) const TO_PING: Duration = Duration::from_secs(30);
