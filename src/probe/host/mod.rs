//! What this host is like, as far as it explains why the kernel refuses something.
//!
//! [`Settings::read`] collects the few settings that matter, without trying
//! anything; a demo finds out by doing. When a call has failed, [`explain`]
//! (pure) finds the setting that accounts for its error and says what to do.
//! A setting alone never counts as a refusal, and what no setting accounts for
//! is said to be unexplained.
//!
//! The settings are the session's, so they are read before it makes its first
//! namespace: a process that stands in a new user namespace is root with every
//! capability there, and would take itself for a container.

mod child_cgroup;
mod explain;
mod forbidden;
mod remedy;
mod settings;

pub use explain::explain;
pub use forbidden::tried_as;
pub use settings::{AppArmor, Caller, Container, Settings, Trial, profile};
