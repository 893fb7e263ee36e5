//! The program: the sandbox's helper if it is started as one, else the
//! interactive course or a command.

use glassbox::cli::{self, Next};
use std::process::ExitCode;

fn main() -> ExitCode {
    // The helper must be single-threaded, so this comes before everything else.
    if let Some(code) = glassbox::sandbox::helper_main() {
        return code;
    }
    match cli::start() {
        Next::Exit(code) => code,
        Next::Interactive { .. } => cli::give_up(
            "the interactive course is not part of this build",
            "glassbox list, run and verify work without it",
        ),
    }
}
