//! `glassbox clean`: what runs that were killed, guardian and all, have left.

use super::failure::{Exit, Failure};
use super::left_over;
use super::printer::{Printer, visible};
use crate::sandbox::{Depth, sweep};
use std::io::Write;

/// Removes it, or only says what it would remove.
pub(crate) fn clean(dry_run: bool, out: &mut Printer) -> Result<Exit, Failure> {
    let swept = sweep(Depth::Whole, dry_run).ok_or_else(|| {
        Failure::host("what is left over can't be told: /proc isn't that of this pid namespace")
            .hint("mount -t proc proc /proc, in this pid namespace")
    })?;
    let verb = if dry_run { "would remove" } else { "removed" };
    for one in &swept.removed {
        writeln!(out, "{verb} {}", visible(&one.to_string()))?;
    }
    left_over::print(&swept.left, out)?;
    for one in &swept.unseen {
        writeln!(out, "not judged: {}", visible(&one.to_string()))?;
    }
    if swept.removed.is_empty() && swept.left.is_empty() {
        let all = match swept.unseen.is_empty() {
            true => "nothing is left over",
            false => "nothing else is left over that can be seen from here",
        };
        writeln!(out, "{all}")?;
    }
    Ok(match swept.left.is_empty() {
        true => Exit::Well,
        false => Exit::Left,
    })
}
