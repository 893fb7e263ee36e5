//! The last test program of `cargo test`, by its name: prints what the others
//! have skipped, and how much that is.

#[path = "support/skip.rs"]
mod skip;

use std::collections::BTreeSet;
use std::fs;

fn main() {
    if std::env::args().any(|argument| argument == "--list") {
        return;
    }
    let Some(record) = skip::record() else { return };
    let text = fs::read_to_string(&record).unwrap_or_default();
    let lines: BTreeSet<&str> = text.lines().collect();
    println!();
    for line in &lines {
        println!("{line}");
    }
    println!("tests skipped, in whole or in part: {}\n", lines.len());
    let _ = fs::remove_file(&record);
    // Those of earlier ones that never came to their end.
    let records = fs::read_dir(record.parent().expect("a file in a directory"));
    for other in records.into_iter().flatten().flatten() {
        if !skip::is_current(&other.path()) {
            let _ = fs::remove_file(other.path());
        }
    }
}
