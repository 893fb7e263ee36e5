//! The evidence of a run as plain text.

use super::failure::Failure;
use super::printer::{Printer, visible};
use crate::plan::Provenance;
use crate::session::Record;
use std::io::Write;

/// Prints what was observed.
pub(crate) fn print(record: &Record, out: &mut Printer) -> Result<(), Failure> {
    for fact in record.history.facts() {
        let value = match (&fact.value, &fact.provenance) {
            (_, Provenance::Unavailable { because }) => format!("unavailable: {because}"),
            (Some(value), _) => value.to_string(),
            (None, _) => String::new(),
        };
        writeln!(out, "{} = {}  [{}]", fact.id, visible(&value), fact.source)?;
    }
    Ok(())
}
