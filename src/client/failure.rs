//! Why a line could not be carried out, in the words of Docker's CLI.

use std::path::Path;

/// What is told on standard error, and the exit code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    /// Told as it is; nothing if it is empty.
    pub(super) text: String,
    pub(super) code: u8,
    /// The status of the answer, if it was one.
    pub(super) status: Option<u16>,
}

impl Failure {
    pub(super) fn of(text: impl Into<String>) -> Failure {
        Failure {
            text: text.into(),
            code: 1,
            status: None,
        }
    }

    /// A line that can't be understood.
    pub(super) fn usage(text: impl Into<String>, code: u8) -> Failure {
        Failure {
            code,
            ..Failure::of(text)
        }
    }

    /// What was to be said has been said.
    pub(super) fn told() -> Failure {
        Failure::of("")
    }

    /// The engine has refused.
    pub(super) fn daemon(status: u16, message: &str) -> Failure {
        Failure {
            text: format!("Error response from daemon: {}", message.trim_end()),
            code: 1,
            status: Some(status),
        }
    }

    pub(super) fn no_daemon(host: &str, path: &Path, error: &std::io::Error) -> Failure {
        use std::io::ErrorKind::PermissionDenied;
        Failure::of(match error.kind() {
            PermissionDenied => format!(
                "permission denied while trying to connect to the Docker daemon socket at {host}: \
                 dial unix {}: connect: permission denied",
                path.display()
            ),
            _ => format!(
                "Cannot connect to the Docker daemon at {host}. Is the docker daemon running?"
            ),
        })
    }

    /// The connection broke, or what came is no answer.
    pub(super) fn broken(error: &dyn std::fmt::Display) -> Failure {
        Failure::of(format!(
            "the conversation with the daemon broke off: {error}"
        ))
    }

    /// As `docker run` tells it: 127 where the program isn't there, 126 where it
    /// can't be started, else 125.
    pub(super) fn of_run(self) -> Failure {
        let any = |texts: &[&str]| texts.iter().any(|text| self.text.contains(text));
        let code = if any(&["executable file not found", "no such file or directory"]) {
            127
        } else if any(&["permission denied", "is a directory"]) {
            126
        } else {
            125
        };
        let text = format!(
            "docker: {}\n\nRun 'docker run --help' for more information",
            self.text
        );
        Failure { text, code, ..self }
    }
}
