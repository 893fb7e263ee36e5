//! What processes of ours say to each other: a Unix stream socket with frames of
//! JSON, each behind its length and the number of descriptors that travel with it.
//!
//! Each end decodes what has arrived and queues what isn't read yet, so that a
//! peer that stops in the middle of a frame, never reads or sends garbage costs
//! what it stands for and nothing else. A message that is too large is an error of
//! who sends it. Nothing in here knows who its peer is, or what a message is for.

mod channel;
mod frame;
mod messages;
pub(in crate::sandbox) mod tracer;

pub(in crate::sandbox) use channel::{Lost, Received, Wire};
pub(in crate::sandbox) use frame::TooLarge;
pub(in crate::sandbox) use messages::*;
