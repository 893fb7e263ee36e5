//! What acts at a place: the agents, the boxes that they make, and the programs
//! and verbs that they carry out there.
//!
//! ```text
//! outer agent ── create ─> pid 1 of a box ── create ─> pid 1 of a box in the box
//!      └ serve: its loop       └ the same loop
//! ```
//! An agent acts where it stands and nowhere else, waits for nothing but in its one
//! poll(2), and knows neither the plan nor the other agents: all that it needs is
//! in the request.

mod apart;
mod client;
mod confine;
mod create;
mod execute;
mod ids;
mod program;
mod run;
pub(in crate::sandbox) mod serve;
mod spawn;
mod verbs;
mod watch;
mod workload;
