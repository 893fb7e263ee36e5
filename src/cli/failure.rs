//! Exit codes, and errors as people read them.

use super::printer::{Printer, Tone, visible};
use crate::base::chain;
use crate::session::explain::{Blind, Lost};
use std::io::{self, Write};
use std::process::ExitCode;

/// How a command ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// All well.
    Well = 0,
    /// An expectation failed.
    ClaimFailed = 1,
    /// Wrong usage or bad input.
    BadInput = 2,
    /// This host can't do it.
    HostCant = 3,
    /// Something that a run made is still there. Told before all other codes:
    /// the machine isn't as it was.
    Left = 4,
    /// The reader of standard output has gone: what a shell reports for SIGPIPE.
    ClosedPipe = 141,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

/// Why a command could not be carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    exit: Exit,
    message: String,
    hints: Vec<String>,
}

impl Failure {
    /// Wrong usage or bad input.
    pub(crate) fn input(message: impl Into<String>) -> Failure {
        Failure::new(Exit::BadInput, message)
    }

    /// This host can't do it.
    pub(crate) fn host(message: impl Into<String>) -> Failure {
        Failure::new(Exit::HostCant, message)
    }

    /// What could not be done, without the hints.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    fn new(exit: Exit, message: impl Into<String>) -> Failure {
        Failure {
            exit,
            message: message.into(),
            hints: Vec::new(),
        }
    }

    /// Adds what to try.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Failure {
        self.hints.push(hint.into());
        self
    }

    /// Adds what was probably meant, if anything is near enough.
    pub(crate) fn did_you_mean(self, nearest: Option<&str>) -> Failure {
        match nearest {
            Some(word) => self.hint(format!("did you mean `{word}`?")),
            None => self,
        }
    }

    /// The exit code.
    pub(crate) fn exit(&self) -> Exit {
        self.exit
    }

    /// Message and hints; nothing at all where the reader has gone.
    pub(crate) fn print(&self, out: &mut Printer) -> io::Result<()> {
        if self.exit == Exit::ClosedPipe {
            return Ok(());
        }
        let error = out.paint(Tone::Bad, "error");
        // A message may quote a stranger's pack, line by line.
        let lines: Vec<String> = self.message.lines().map(visible).collect();
        writeln!(out, "{error}: {}", lines.join("\n"))?;
        for hint in &self.hints {
            let label = out.paint(Tone::Label, "hint");
            writeln!(out, " {label}: {}", visible(hint))?;
        }
        Ok(())
    }
}

impl From<Blind> for Failure {
    /// Why `explain` has no answer, and what to try.
    fn from(error: Blind) -> Failure {
        let message = error.to_string();
        match error {
            Blind::OtherProc => Failure::host(message).hint(
                "start it where /proc is that of the same pid namespace: \
                 unshare --mount-proc, or outside",
            ),
            Blind::Lost(Lost::Nobody(_)) => {
                Failure::input(message).hint("without an argument explain lists what is isolated")
            }
            Blind::Lost(Lost::Ended(_)) => Failure::host(message),
        }
    }
}

impl From<io::Error> for Failure {
    /// An error in writing what a command says.
    fn from(error: io::Error) -> Failure {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::new(Exit::ClosedPipe, ""),
            _ => Failure::host(format!("the output can't be written: {}", chain(&error))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(failure: &Failure) -> String {
        let mut bytes = Vec::new();
        let mut printer = Printer::new(&mut bytes, false);
        failure.print(&mut printer).unwrap();
        drop(printer);
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn an_error_is_a_sentence_with_hints() {
        let failure = Failure::input("there is no step `utz`").did_you_mean(Some("uts"));
        assert_eq!(
            shown(&failure),
            "error: there is no step `utz`\n hint: did you mean `uts`?\n"
        );
        assert_eq!(failure.exit(), Exit::BadInput);
    }

    #[test]
    fn a_closed_pipe_is_quiet() {
        let failure = Failure::from(io::Error::from(io::ErrorKind::BrokenPipe));
        assert_eq!(shown(&failure), "");
        assert_eq!(failure.exit(), Exit::ClosedPipe);
    }
}
