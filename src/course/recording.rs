//! What a step showed on another kernel, shipped beside it for hosts that
//! refuse: `NN-name.recorded.jsonl`, as `glassbox run STEP --json` printed it.

use crate::base::{Diagnostic, Severity};
use crate::plan::{Event, Provenance};
use crate::record;
use std::path::Path;

/// A recorded run, at the knobs' starts.
#[derive(Debug, Clone, PartialEq)]
pub struct Recording {
    /// The kernel that it was recorded on, uname(2) release.
    pub kernel: String,
    /// Its facts, samples and messages, in order; every fact is labelled as recorded.
    pub events: Vec<Event>,
}

/// Reads a recording.
pub(super) fn read(file: &Path, text: &str) -> Result<Recording, Box<Diagnostic>> {
    let mistake = |line: usize, message: String| {
        Box::new(Diagnostic {
            code: "bad-recording",
            severity: Severity::Error,
            file: file.into(),
            span: None,
            line,
            column: 1,
            message,
            help: Some("record it anew: `glassbox run STEP --json > FILE`".into()),
        })
    };
    let mut kernel = None;
    let mut events = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let event = record::read(line).map_err(|error| mistake(index + 1, error.to_string()))?;
        // What `run` adds behind the events is their judgement, made anew here.
        let Some(event) = event else { continue };
        match event {
            Event::Started(observer) => kernel = Some(observer.kernel),
            Event::Fact(mut fact) => {
                if fact.value.is_some() {
                    let kernel = kernel.clone().unwrap_or_default();
                    fact.provenance = Provenance::Recorded { kernel };
                }
                events.push(Event::Fact(fact));
            }
            Event::Sample(_) | Event::Message(_) => events.push(event),
            // A recording is made with nobody at the knobs.
            Event::Retuned(_) => {}
            Event::Refused(_) | Event::Broken { .. } | Event::Forced { .. } => {
                return Err(mistake(
                    index + 1,
                    "this run did not come to its end".into(),
                ));
            }
            Event::Doing { .. }
            | Event::Syscall(_)
            | Event::Output(_)
            | Event::Paused
            | Event::BoxUp { .. }
            | Event::BoxDown { .. }
            | Event::Holding
            | Event::Cleaned
            | Event::Left { .. } => {}
        }
    }
    let kernel = kernel.ok_or_else(|| mistake(1, "the event `started` is missing".into()))?;
    Ok(Recording { kernel, events })
}

#[cfg(test)]
mod tests {
    use super::*;

    const STARTED: &str = r#"{"event":"started","kernel":"6.1.0","uid":0,"supervisor":1}"#;
    const FACT: &str = r#"{"event":"fact","id":"host/x","value":{"text":"y"},"source":"z","provenance":{"label":"observed"}}"#;

    #[test]
    fn every_fact_is_labelled_with_the_kernel() {
        let text = format!("{STARTED}\n{FACT}\n{{\"event\":\"outcome\",\"outcome\":\"passed\"}}\n");
        let recording = read(Path::new("x"), &text).unwrap();
        assert_eq!(recording.kernel, "6.1.0");
        let [Event::Fact(fact)] = &recording.events[..] else {
            panic!("one fact")
        };
        assert_eq!(
            fact.provenance,
            Provenance::Recorded {
                kernel: "6.1.0".into()
            }
        );
    }

    #[test]
    fn what_is_no_recording_is_told_by_its_line() {
        for (text, line) in [
            (format!("{STARTED}\nnot json"), 2),
            (STARTED.replace("\"kernel\"", "\"version\":9,\"kernel\""), 1),
            (format!("{STARTED}\n{{\"event\":\"dance\"}}"), 2),
            (
                format!("{STARTED}\n{{\"event\":\"broken\",\"message\":\"x\"}}"),
                2,
            ),
            (FACT.to_string(), 1),
            (String::new(), 1),
        ] {
            assert_eq!(
                read(Path::new("x"), &text).unwrap_err().line,
                line,
                "{text}"
            );
        }
    }
}
