//! What is known of a container.

use super::config::Config;
use super::host_config::HostConfig;
use super::logs::Log;
use super::output::{Input, Output};
use super::task::Task;
use crate::base::time::Time;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::rc::Rc;
use tokio::sync::watch;

/// Where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Phase {
    Created,
    /// Its first start or another one is under way.
    Starting,
    Running,
    Paused,
    Exited,
    Removing,
}

impl Phase {
    /// In the API's words.
    pub(super) fn name(self) -> &'static str {
        match self {
            Phase::Created | Phase::Starting => "created",
            Phase::Running => "running",
            Phase::Paused => "paused",
            Phase::Exited => "exited",
            Phase::Removing => "removing",
        }
    }
}

/// What changes of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct State {
    pub(super) phase: Phase,
    pub(super) pid: i32,
    pub(super) exit_code: i32,
    pub(super) error: String,
    pub(super) started: Option<Time>,
    pub(super) finished: Option<Time>,
}

/// What is waited for.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Progress {
    /// How often it has ended.
    pub(super) exits: u64,
    /// With what, the last time.
    pub(super) code: i32,
    /// It is no more.
    pub(super) removed: bool,
}

/// A volume that it has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Volume {
    pub(super) name: String,
    pub(super) target: String,
    pub(super) read_only: bool,
    /// Nobody named it, so it goes with the container if that is asked for.
    pub(super) anonymous: bool,
}

/// A container.
pub(super) struct Container {
    pub(super) id: String,
    pub(super) created: Time,
    /// The digest of its image's configuration.
    pub(super) image: String,
    pub(super) config: Config,
    /// What the client said of the host's part.
    pub(super) given: Value,
    pub(super) host: HostConfig,
    pub(super) volumes: Vec<Volume>,
    /// What is its own in the store.
    pub(super) directory: PathBuf,
    pub(super) name: RefCell<String>,
    pub(super) state: RefCell<State>,
    pub(super) task: RefCell<Option<Rc<Task>>>,
    pub(super) output: Output,
    pub(super) input: RefCell<Input>,
    pub(super) log: Log,
    pub(super) progress: watch::Sender<Progress>,
    /// Programs that were started beside its first one.
    pub(super) execs: RefCell<Vec<String>>,
}

impl Container {
    pub(super) fn phase(&self) -> Phase {
        self.state.borrow().phase
    }

    /// Whether its programs are there, frozen or not.
    pub(super) fn runs(&self) -> bool {
        matches!(self.phase(), Phase::Running | Phase::Paused)
    }

    /// The task, if it runs.
    pub(super) fn running(&self) -> Option<Rc<Task>> {
        let task = self.task.borrow().clone();
        task.filter(|_| self.runs())
    }

    /// What its events say of it.
    pub(super) fn attributes(&self) -> BTreeMap<String, String> {
        let mut all = self.config.labels.clone().unwrap_or_default();
        all.insert("image".into(), self.config.image.clone());
        all.insert("name".into(), self.name.borrow().clone());
        all
    }

    /// The program and its arguments.
    pub(super) fn command(&self) -> (String, Vec<String>) {
        let mut argv = self.config.argv().into_iter();
        (argv.next().unwrap_or_default(), argv.collect())
    }
}
