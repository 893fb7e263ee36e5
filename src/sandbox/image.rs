//! OCI images: directories become layers, tar archives under their digests, and
//! layers become directories again.

use super::agent::Agent;
use super::verbs::Answer;
use super::wire::Task;
use crate::plan::{Image, Unpack};

impl Agent {
    /// `image`
    pub(super) fn image(&mut self, _task: &Task, _spec: &Image) -> Answer {
        Err(self.teller.broken("not built".into()))
    }

    /// `unpack`
    pub(super) fn unpack(&mut self, _task: &Task, _spec: &Unpack) -> Answer {
        Err(self.teller.broken("not built".into()))
    }
}
