//! Verbs on the course's own engine: it and the tap before it are this program,
//! executed anew as programs of the run; what is asked of it goes over its socket.
//!
//! ```text
//! a client, or a request ─> tap ─> engine ─> one guardian a container
//!                            └ lines ─> messages
//! ```
//! Nothing here imports the engine: it is a program like another, with lines of JSON
//! and HTTP for its face. It ends before the run's own things are taken down
//! (`guard::take_down`), so that its guardians can remove what is theirs.

mod ask;
mod http;
mod settle;
mod start;

pub(in crate::sandbox) use settle::Settling;
