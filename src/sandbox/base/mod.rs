//! What every room in here builds on: whose a thing is, how its end is brought
//! about, what a process may use, and the words in which a run that stands is
//! asked for more. Knows of no wire, no place and no group.

pub(in crate::sandbox) mod anew;
pub(in crate::sandbox) mod children;
pub(in crate::sandbox) mod devices;
pub(in crate::sandbox) mod inherited;
pub(in crate::sandbox) mod limits;
pub(in crate::sandbox) mod members;
pub(in crate::sandbox) mod mounted;
pub(in crate::sandbox) mod owner;
pub(in crate::sandbox) mod pidfd;
pub(in crate::sandbox) mod removal;
pub(in crate::sandbox) mod search;
pub(in crate::sandbox) mod service;
pub(in crate::sandbox) mod trial;
