//! Every `unsafe` line of the project: system calls that neither nix nor rustix
//! has a safe function for, each with the reason why it is sound here.
//!
//! The helper is single-threaded from its first instruction (it is a fresh
//! `execve` of this program), so a forked child may run ordinary Rust code.

#![allow(unsafe_code)]

mod answer;
mod memory;
mod mounts;
mod process;
mod signals;
mod sockets;
mod trial;

pub(in crate::sandbox) use memory::{Mapping, msgget};
pub(in crate::sandbox) use mounts::guard_all_mounts;
pub(in crate::sandbox) use process::*;
pub(in crate::sandbox) use signals::*;
pub(in crate::sandbox) use sockets::receive;
pub(in crate::sandbox) use trial::without_arguments;
