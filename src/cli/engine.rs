//! `glassbox engine`: an engine that Docker's clients drive, until it is ended.

use super::args::EngineArgs;
use super::failure::{Exit, Failure};
use super::printer::{Printer, visible};
use crate::engine::{self, Options};
use std::io::Write;
use std::path::PathBuf;

/// Serves.
pub(crate) fn serve(args: EngineArgs, out: &mut Printer) -> Result<Exit, Failure> {
    let socket = match args.socket {
        Some(socket) => socket,
        None => usual_socket()?,
    };
    let options = Options {
        socket,
        root: args.root,
        binds: args.bind,
        quota: args.quota.0,
        bounded: args.bounded,
        mirrors: args.mirror,
    };
    let mut printed = Ok(());
    let served = engine::serve(&options, &mut |line| {
        let done = writeln!(out, "{}", visible(line)).and_then(|()| out.flush());
        if printed.is_ok() {
            printed = done;
        }
    });
    served.map_err(|error| Failure::host(error.to_string()))?;
    // An output that nobody reads is no reason to end; it is one to say so.
    printed?;
    Ok(Exit::Well)
}

/// The directory of the usual socket, where there is one.
pub(crate) fn usual_place() -> Option<PathBuf> {
    let base = match std::env::var_os("XDG_RUNTIME_DIR") {
        Some(directory) if !directory.is_empty() => PathBuf::from(directory),
        _ if nix::unistd::geteuid().is_root() => PathBuf::from("/run"),
        _ => return None,
    };
    Some(base.join("glassbox"))
}

/// Where the socket is if nobody says.
fn usual_socket() -> Result<PathBuf, Failure> {
    let directory = own_place()
        .map_err(|failure| failure.hint("name a place: glassbox engine --socket PATH"))?;
    Ok(directory.join("engine.sock"))
}

/// That directory, this user's alone, made if it isn't there.
pub(super) fn own_place() -> Result<PathBuf, Failure> {
    let directory = usual_place()
        .ok_or_else(|| Failure::input("there is no usual place here: XDG_RUNTIME_DIR isn't set"))?;
    let mut made = std::fs::DirBuilder::new();
    std::os::unix::fs::DirBuilderExt::mode(&mut made, 0o700);
    made.recursive(true)
        .create(&directory)
        .map_err(|error| Failure::host(format!("{}: {error}", directory.display())))?;
    Ok(directory)
}
