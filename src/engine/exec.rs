//! A program that is started beside a container's first one.

use super::document::document;
use super::failure::Failure;
use crate::sandbox::RequestId;
use serde::Deserialize;
use std::cell::RefCell;
use std::collections::BTreeMap;

/// What is to be started.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct ExecConfig {
    pub(super) user: String,
    pub(super) privileged: bool,
    pub(super) tty: bool,
    pub(super) console_size: Option<[u16; 2]>,
    pub(super) attach_stdin: bool,
    pub(super) attach_stdout: bool,
    pub(super) attach_stderr: bool,
    pub(super) detach: bool,
    pub(super) detach_keys: String,
    pub(super) env: Option<Vec<String>>,
    pub(super) working_dir: String,
    pub(super) cmd: Option<Vec<String>>,
    #[serde(flatten)]
    rest: BTreeMap<String, serde_json::Value>,
}

impl ExecConfig {
    /// Reads one.
    ///
    /// # Errors
    /// Of JSON, without a program, and of what isn't done here.
    pub(super) fn parse(body: &[u8]) -> Result<ExecConfig, Failure> {
        let config: ExecConfig = document(body)?;
        if config.cmd.as_ref().is_none_or(Vec::is_empty) {
            return Err(Failure::bad("No exec command specified"));
        }
        if config.privileged {
            return Err(Failure::refused(
                "a privileged exec: a program here gets what the container has",
            ));
        }
        let unknown = config
            .rest
            .iter()
            .find(|(_, value)| !super::config::is_zero(value));
        match unknown {
            Some((name, _)) => Err(Failure::refused(format!(
                "the field {name} of an exec isn't known here: leave it out"
            ))),
            None => Ok(config),
        }
    }
}

/// Where it stands.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ExecState {
    /// It has been started.
    pub(super) begun: bool,
    pub(super) running: bool,
    pub(super) code: Option<i32>,
    pub(super) pid: i32,
    /// The request that started it.
    pub(super) program: Option<RequestId>,
}

/// One of them.
pub(super) struct Exec {
    pub(super) id: String,
    pub(super) container: String,
    pub(super) config: ExecConfig,
    pub(super) state: RefCell<ExecState>,
}
