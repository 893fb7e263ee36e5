//! The table at the end, and what is wrong below it.

use super::results::{Session, Status, Tested};
use std::fmt::Write;

/// How much of a console is shown of a guest that broke.
const TAIL_LINES: usize = 25;

/// A line of the table.
#[derive(Debug)]
pub struct Row {
    kernel: String,
    release: String,
    user: String,
    /// Passed, failed, skipped; none where nothing ran.
    counts: Option<[usize; 3]>,
    seconds: f64,
    /// Why nothing of it was seen here: a word, and the reason.
    absent: Option<(&'static str, String)>,
    complaints: Vec<String>,
}

impl Row {
    fn new(kernel: &str, release: &str, user: &str) -> Row {
        Row {
            kernel: kernel.into(),
            release: release.into(),
            user: user.into(),
            counts: None,
            seconds: 0.0,
            absent: None,
            complaints: Vec::new(),
        }
    }

    /// A session that was judged.
    pub fn of(kernel: &str, release: &str, session: &Session, complaints: Vec<String>) -> Row {
        let count = |status| {
            session
                .runs
                .iter()
                .map(|run| run.status)
                .chain(session.tests.iter().map(Tested::result))
                .filter(|of_run| *of_run == status)
                .count()
        };
        Row {
            counts: Some([Status::Passed, Status::Failed, Status::Skipped].map(count)),
            seconds: session.seconds,
            complaints,
            ..Row::new(kernel, release, &session.user)
        }
    }

    /// A kernel that can't be had here: no failure by itself.
    pub fn missing(kernel: &str, why: &str) -> Row {
        Row {
            absent: Some(("missing", why.into())),
            ..Row::new(kernel, "", "")
        }
    }

    /// A kernel that this machine's CPU can't run: no failure of anybody's.
    pub fn unable(kernel: &str, why: &str) -> Row {
        Row {
            absent: Some(("skipped", why.into())),
            ..Row::new(kernel, "", "")
        }
    }

    /// A guest that did not come to its end.
    pub fn broken(kernel: &str, release: &str, why: &str, console: Vec<String>) -> Row {
        let mut complaints = vec![why.to_string()];
        complaints.extend(console.into_iter().map(|line| format!("  | {line}")));
        Row {
            complaints,
            ..Row::new(kernel, release, "")
        }
    }

    /// Whether all is as it should be, as far as it could be seen.
    pub fn is_good(&self) -> bool {
        self.complaints.is_empty()
    }
}

/// The end of a console: from where the kernel panicked, or its last lines.
pub fn tail(console: &str) -> Vec<String> {
    let lines: Vec<&str> = console.lines().map(str::trim_end).collect();
    let last = lines.len().saturating_sub(TAIL_LINES);
    let from = lines.iter().position(|line| line.contains("Kernel panic"));
    let shown = lines.iter().skip(from.unwrap_or(last)).take(TAIL_LINES);
    shown.map(|line| (*line).into()).collect()
}

/// The table, then every complaint.
pub fn text(rows: &[Row]) -> String {
    let mut out = format!(
        "{:<11} {:<28} {:<5} {:>6} {:>6} {:>7} {:>7}\n",
        "kernel", "release", "user", "passed", "failed", "skipped", "seconds"
    );
    for row in rows {
        let _ = write!(
            out,
            "{:<11} {:<28} {:<5}",
            row.kernel, row.release, row.user
        );
        let end = match (&row.counts, &row.absent) {
            (Some([passed, failed, skipped]), _) => {
                format!("{passed:>6} {failed:>6} {skipped:>7} {:>7.1}", row.seconds)
            }
            (None, Some((word, _))) => (*word).into(),
            (None, None) => "broken".into(),
        };
        let _ = writeln!(out, " {end}");
    }
    for row in rows {
        let place = format!("{} {}", row.kernel, row.user);
        if let Some((word, why)) = &row.absent {
            for line in why.lines() {
                let _ = writeln!(out, "{word}: {}: {line}", place.trim());
            }
        }
        for complaint in &row.complaints {
            let _ = writeln!(out, "WRONG: {}: {complaint}", place.trim());
        }
    }
    out
}
