//! The guardian of a run: it owns whatever the run makes, outlives the program that
//! asked for it, and takes everything down, however the end comes about.
//!
//! `supervise` is its life, [`run::Run`] its state, of which each other file does one
//! part; `waiting` is the one place where it waits, always for everything at once.
//! The sweep removes what a guardian left behind that was killed itself.

mod arrival;
mod boxes;
mod broken;
mod carry;
mod cgroups;
mod clock;
mod conditions;
pub(in crate::sandbox) mod disk;
mod disks;
mod doing;
mod found;
mod host;
pub(in crate::sandbox) mod kept;
mod leases;
mod missing;
pub(in crate::sandbox) mod orphans;
mod peers;
mod remains;
mod run;
pub(in crate::sandbox) mod scope;
mod serve;
mod service;
pub(in crate::sandbox) mod supervise;
pub(in crate::sandbox) mod sweep;
mod take_down;
mod telling;
pub(in crate::sandbox) mod unseen;
mod waiting;
