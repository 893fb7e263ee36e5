//! A root of the box's own: what every container has mounted, and pivot_root(2).

use super::agent::Agent;
use super::verbs::Answer;

impl Agent {
    /// `default-filesystems`
    pub(super) fn default_filesystems(&mut self, _path: &str) -> Answer {
        Err(self.teller.broken("not built".into()))
    }

    /// `pivot-root`
    pub(super) fn pivot_root(&mut self, _path: &str) -> Answer {
        Err(self.teller.broken("not built".into()))
    }
}
