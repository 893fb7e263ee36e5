//! A root filesystem, made offline of the machine's own programs.

use super::agent::Agent;
use super::verbs::Answer;
use super::wire::Task;
use crate::plan::RootFs;

impl Agent {
    /// `root-fs`
    pub(super) fn root_fs(&mut self, _task: &Task, _spec: &RootFs) -> Answer {
        Err(self.teller.broken("not built".into()))
    }
}
