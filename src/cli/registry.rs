//! `glassbox registry`: a registry that clients push to and pull from, until it is ended.

use super::args::RegistryArgs;
use super::failure::{Exit, Failure};
use super::printer::{Printer, visible};
use crate::registry::{self, Options};
use std::io::Write;
use std::time::Duration;

/// Serves.
pub(crate) fn serve(args: RegistryArgs, out: &mut Printer) -> Result<Exit, Failure> {
    let patience = u64::try_from(args.patience.0).unwrap_or(0);
    if patience < 1_000_000 {
        return Err(Failure::input("--patience: no client is as fast as that")
            .hint("name a second or more: --patience 30s"));
    }
    let options = Options {
        listen: args.listen,
        root: args.root,
        patience: Duration::from_nanos(patience),
    };
    let mut printed = Ok(());
    let served = registry::serve(&options, &mut |line| {
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
