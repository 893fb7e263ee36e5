//! Layers: room for them, overlay mounts, and what lessons do to files in them.

use super::agent::Agent;
use super::verbs::Answer;
use super::wire::Task;
use crate::plan::{Copy, Fill, Overlay, Overwrite, Store};

impl Agent {
    /// `store`
    pub(super) fn store(&mut self, _task: &Task, _spec: &Store) -> Answer {
        Err(self.teller.broken("not built".into()))
    }

    /// `overlay`
    pub(super) fn overlay(&mut self, _task: &Task, _spec: &Overlay) -> Answer {
        Err(self.teller.broken("not built".into()))
    }

    /// `unmount`
    pub(super) fn unmount(&mut self, _path: &str) -> Answer {
        Err(self.teller.broken("not built".into()))
    }

    /// `fill`
    pub(super) fn fill(&mut self, _spec: &Fill) -> Answer {
        Err(self.teller.broken("not built".into()))
    }

    /// `overwrite`
    pub(super) fn overwrite(&mut self, _spec: &Overwrite) -> Answer {
        Err(self.teller.broken("not built".into()))
    }

    /// `copy`
    pub(super) fn copy(&mut self, _spec: &Copy) -> Answer {
        Err(self.teller.broken("not built".into()))
    }

    /// `remove`
    pub(super) fn remove(&mut self, _path: &str) -> Answer {
        Err(self.teller.broken("not built".into()))
    }
}
