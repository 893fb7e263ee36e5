//! Read-only views of the kernel.
//!
//! Everything that a lesson shows as *observed* passes through [`observe`]: one
//! [`Probe`] in, exactly the facts that [`Probe::facts`] names out, each with
//! the file or the call where anyone can look again. What can't be seen is an
//! `Err` with the reason in plain words; no value is ever made up.
//!
//! The other parts answer questions of the sandbox: where a cgroup stands in
//! the filesystem ([`cgroups`]), which of the host's settings explain a
//! refusal ([`host`]), whether a pid is still the same process ([`start_time`]);
//! and those of `glassbox explain`: who runs here ([`census`]), and what can be
//! seen of one process from outside ([`target`]).
//!
//! Invariants: nothing in here changes the host; the root of procfs is a
//! parameter, so that tests describe machines that they don't run on; every
//! file of the kernel is parsed leniently, because its lines grow over the years.
//! It must not know how a box is made, nor what a lesson claims about it.

pub mod cgroups;
pub mod host;
pub mod limits;
pub mod mountinfo;

mod census;
mod files;
mod inside;
mod layers;
mod observation;
mod observe;
mod parents;
mod process;
mod sockets;
mod statistics;
mod status;
mod subject;
mod target;
mod throttled;
mod tree;
mod unavailable;
mod view;

pub use census::{Inodes, Process, census};
pub use layers::visible;
pub use mountinfo::mount_points;
pub use observation::{Observation, Unread};
pub use observe::observe;
pub use process::{
    Stat, boot_id, living_thread, memory_of, nsfs_inode, pids, share_of_mapping, start_time, stat,
};
pub use sockets::Sockets;
pub use statistics::{Directories, directories_of, samples, statistics};
pub use status::{Capabilities, Status};
pub use subject::Subject;
pub use target::{Engine, First, Limited, Lost, Target, Told, target};
pub use throttled::throttled;
pub use unavailable::Unavailable;
pub use view::View;

#[cfg(doc)]
use crate::plan::Probe;
