//! `glassbox tap`: between a client and an engine, every message as it passes.

use super::args::TapArgs;
use super::failure::{Exit, Failure};
use super::printer::{Printer, visible};
use crate::engine::{self, TapOptions};
use std::io::Write;

/// Tells what passes, until it is ended.
pub(crate) fn listen(args: TapArgs, out: &mut Printer) -> Result<Exit, Failure> {
    let options = TapOptions {
        listen: args.listen,
        to: args.to,
    };
    let mut printed = Ok(());
    let done = engine::tap(&options, &mut |message| {
        let line = match args.json {
            true => serde_json::to_string(&message).unwrap_or_default(),
            false => visible(&message.to_string()),
        };
        printed = writeln!(out, "{line}").and_then(|()| out.flush());
        printed.is_ok()
    });
    done.map_err(|error| Failure::host(error.to_string()))?;
    printed?;
    Ok(Exit::Well)
}
