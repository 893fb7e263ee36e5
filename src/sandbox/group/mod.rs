//! The cgroups of a run: made, limited, frozen and removed by the supervisor, which
//! owns them. What is switched on for their sake in groups of the host's is
//! remembered in the tree itself, and taken back.
//!
//! Each change is a call that is handed on to be told ([`calls::Caller`]); to whom
//! is nothing that is known in here.

pub(in crate::sandbox) mod calls;
pub(in crate::sandbox) mod cgroup;
mod fence;
mod freezer;
pub(in crate::sandbox) mod groups;
pub(in crate::sandbox) mod leaf;
mod limits;
pub(in crate::sandbox) mod switched;
mod taken;
