//! Who acts for a run, as its supervisor sees them.

use crate::plan::BoxName;
use crate::sandbox::wire::{Lost, Standing, Wire};
use std::os::fd::OwnedFd;

/// Who acts: an outer agent or the pid 1 of a box.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Actor {
    Host,
    Base,
    /// The pid 1 of a box that is being made.
    Newcomer,
    Box(BoxName),
}

/// An agent as the supervisor sees it.
pub(super) struct Peer {
    pub(super) wire: Wire,
    /// Why nothing more comes from it.
    pub(super) lost: Option<Lost>,
}

impl From<Wire> for Peer {
    fn from(wire: Wire) -> Self {
        Peer { wire, lost: None }
    }
}

/// A box that stands, and what it takes to end it.
pub(super) struct StandingBox {
    pub(super) peer: Peer,
    pub(super) pidfd: OwnedFd,
    pub(super) standing: Standing,
    pub(super) creator: Actor,
    /// Its pid as its creator counts.
    pub(super) child: i32,
}

impl Peer {
    /// Sends what it has room for. Of one that reads no more the reading tells,
    /// once all that it has said is read.
    pub(super) fn flush(&mut self) {
        let _ = self.wire.flush();
    }

    /// The first reason is the one to tell.
    pub(super) fn lose(&mut self, lost: Lost) {
        self.lost.get_or_insert(lost);
    }
}
