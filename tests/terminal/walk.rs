//! Every step walked with Enter alone, in a real terminal: each press shows
//! something, nothing that is said or written is skipped, and what was said stands
//! beside what was observed before the step may be left.

use super::{Session, User, is_root, may_make_boxes};
use glassbox::course::{self, Step};
use glassbox::render;
use std::collections::BTreeSet;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

/// A frame has been drawn when nothing has come for this long.
const QUIET: Duration = Duration::from_millis(40);
/// The longest way through a step, in presses.
const MOST: usize = 120;

/// What has been on the screen of one step.
#[derive(Default)]
struct Seen {
    /// The lines of the panes, without borders and blanks around them.
    lines: BTreeSet<String>,
    /// The same, joined a screen, for what is wrapped.
    texts: Vec<String>,
}

impl Seen {
    fn note(&mut self, session: &Session) {
        let (_, cols) = session.screen.screen().size();
        // As the layout divides it.
        let left = if cols >= 100 { cols * 9 / 20 } else { cols };
        for (from, to) in [(0, left.min(84)), (left.min(84), cols)] {
            let rows = session.screen.screen().rows(from, to - from);
            let rows: Vec<String> = rows.map(|row| content(&row)).collect();
            self.texts.push(
                rows.join(" ")
                    .split_whitespace()
                    .collect::<Vec<_>>()
                    .join(" "),
            );
            self.lines.extend(rows);
        }
    }

    fn says(&self, text: &str) -> bool {
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        self.texts.iter().any(|seen| seen.contains(&text))
    }
}

/// A row of a pane without its border.
fn content(row: &str) -> String {
    let row = row.trim();
    let row = row.strip_prefix(['│', '┃']).unwrap_or(row);
    row.strip_suffix(['│', '┃'])
        .unwrap_or(row)
        .trim()
        .to_string()
}

/// Awaits a whole frame in which there is something to do.
fn settled(session: &mut Session, before: &str) {
    session.until("another picture", |session| session.text() != before);
    loop {
        session.until("something to do", |session| {
            offered(session).is_some() || at_end(session)
        });
        match session.output.recv_timeout(QUIET) {
            Ok(bytes) => session.screen.process(&bytes),
            Err(RecvTimeoutError::Timeout) => return,
            Err(RecvTimeoutError::Disconnected) => panic!("it ended:\n{}", session.text()),
        }
    }
}

/// What the footer says that Enter does.
fn offered(session: &Session) -> Option<String> {
    let text = session.text();
    let footer = text
        .lines()
        .last()?
        .trim_start()
        .strip_prefix("Enter ")?
        .to_string();
    Some(footer.split("   ").next()?.trim().to_string())
}

fn at_end(session: &Session) -> bool {
    let text = session.text();
    let footer = text.lines().last().unwrap_or("");
    footer.contains("? all keys") && !footer.contains("Enter") && !text.contains('●')
}

/// Walks one step; the screen is that of its start.
fn walk(session: &mut Session, step: &Step, width: u16) -> Vec<String> {
    let name = &step.meta.id.0;
    let mut seen = Seen::default();
    let mut wrong = Vec::new();
    seen.note(session);
    for press in 0.. {
        assert!(press < MOST, "{name} has no end:\n{}", session.text());
        let offer = offered(session);
        if offer
            .as_deref()
            .is_none_or(|offer| offer == "next step" || offer == "the lesson's end")
        {
            break;
        }
        let before = session.text();
        session.press("\r");
        settled(session, &before);
        seen.note(session);
    }
    let text = session.text();
    let scenario = step
        .demo()
        .map(|demo| demo.scenario(&Default::default()).unwrap());
    if let Some(scenario) = &scenario {
        let refused = text.contains("not on this host");
        let says = scenario
            .plan
            .actions
            .iter()
            .filter_map(|action| action.say.as_ref());
        for say in says.filter(|_| !refused) {
            if !seen.says(say) {
                wrong.push(format!("{name}: `{say}` was not told"));
            }
        }
        if scenario.predict.is_some() && !step.has_quiz() {
            let here = |part: &str| text.contains(part) || text.contains("[2 ");
            if !here("You said") && width >= 100 || !seen.says("You said") {
                wrong.push(format!(
                    "{name}: no verdict before the offer to leave:\n{text}"
                ));
            }
        }
    }
    let inner = usize::from(if width >= 100 {
        (width * 9 / 20).min(84)
    } else {
        width
    }) - 4;
    for document in [&step.prose, &step.result] {
        for line in render::plain(&render::document(document, inner)).lines() {
            if !line.trim().is_empty() && !seen.lines.contains(line.trim()) {
                wrong.push(format!("{name}: `{line}` was never seen"));
            }
        }
    }
    wrong
}

fn walked(lesson: &str, rows: u16, cols: u16) {
    if !may_make_boxes(User::Me) || !is_root() {
        return;
    }
    let course = course::embedded().unwrap();
    let steps: Vec<_> = course
        .select(lesson)
        .into_iter()
        .map(|(_, step)| step)
        .collect();
    let first = steps[0].meta.id.0.as_str();
    let mut session = Session::start(&["--theme", "dark", "--step", first], rows, cols);
    settled(&mut session, "");
    let mut wrong = Vec::new();
    for (index, step) in steps.iter().enumerate() {
        let place = format!(" {}/{} ", index + 1, steps.len());
        assert!(
            session.text().contains(&place),
            "{place}:\n{}",
            session.text()
        );
        wrong.extend(walk(&mut session, step, cols));
        if index + 1 < steps.len() {
            let before = session.text();
            session.press("\r");
            settled(&mut session, &before);
        }
    }
    // The end of the lesson has a page, with its lock.
    session.press("\r").shows("The end of the lesson");
    session.shows("steps done here").press("q").press("q");
    session.end();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn namespaces_with_enter_alone() {
    walked("01", 24, 80);
}

#[test]
fn cgroups_with_enter_alone() {
    walked("02", 24, 80);
}

#[test]
fn layers_with_enter_alone() {
    walked("03", 24, 80);
}

#[test]
fn architecture_with_enter_alone() {
    walked("04", 24, 80);
}

#[test]
#[ignore = "takes minutes: .ci/full screens"]
fn each_lesson_on_larger_screens() {
    for lesson in ["01", "02", "03", "04"] {
        walked(lesson, 30, 100);
        walked(lesson, 40, 120);
    }
}
