//! What a learner did, kept from one start to the next.
//!
//! One small file of JSON with a version, for all packs, keyed by the ids of packs
//! and steps, so that it outlives a renamed file and another order. Three things
//! hold whatever happens:
//!
//! - The file is the old one or the new one: a new one is written beside it, and
//!   renamed when it is on the disk ([`Store::save`]).
//! - One program writes: who has the lock. Any other reads, and says so.
//! - It is the learner's: under sudo the caller's, and written with no more rights
//!   than theirs ([`Home`]). Nothing below the program's own directory is reached
//!   through a link, and what can't be read is kept aside, never written over.
//!
//! This room knows nothing of lessons: an answer is kept by its text, so that a
//! question that was written anew is asked anew.

mod error;
mod form;
mod home;
mod store;

pub use error::Error;
pub use form::{Answer, Pack, Progress, Said, Settings, Step, VERSION};
pub use home::Home;
pub use store::{Opened, Store, look, open};
