//! `glassbox clean`: what runs that were killed, guardian and all, have left.

use super::failure::{Exit, Failure};
use super::printer::Printer;
use crate::sandbox;
use std::io::Write;

/// Removes it, or only says what it would remove.
pub(crate) fn clean(dry_run: bool, out: &mut Printer) -> Result<Exit, Failure> {
    let found = sandbox::sweep(dry_run)
        .map_err(|error| Failure::host(format!("what is left over can't be removed: {error}")))?;
    let verb = if dry_run { "would remove" } else { "removed" };
    for path in &found {
        writeln!(out, "{verb} {}", path.display())?;
    }
    if found.is_empty() {
        writeln!(out, "nothing is left over")?;
    }
    Ok(Exit::Well)
}
