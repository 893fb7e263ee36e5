//! What happened, call by call, as the helper made them.

use super::line::{Line, Role, Span};
use super::message::message;
use super::text::{bullet, wrap, wrap_code};
use crate::base::{Nanos, quoted};
use crate::course::Scenario;
use crate::plan::{Ending, Event, History, Leftover, Output, Syscall};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// From so many calls on they are counted.
const FEW: usize = 10;

/// Every call with its place, result and time; between them what the lesson
/// says, and what commands wrote.
pub fn syscalls(scenario: &Scenario, history: &History, width: usize) -> Vec<Line> {
    happened(scenario, history, history.events(), width)
}

/// The same for some events of the history.
pub(super) fn happened(
    scenario: &Scenario,
    history: &History,
    events: &[Event],
    width: usize,
) -> Vec<Line> {
    let mut lines = Vec::new();
    for event in events {
        match event {
            Event::Started(observer) => {
                let text = format!(
                    "A helper, process {}, makes these calls and undoes them.",
                    observer.supervisor
                );
                lines.extend(wrap(&[Span::new(text, Role::Dim)], width));
                if let Some(counted) = counted(history) {
                    lines.extend(wrap(&[Span::new(counted, Role::Dim)], width));
                }
                if let Some(scope) = &observer.scope {
                    let text = format!(
                        "systemd-run put it into a scope of its own, delegated to you: {scope}"
                    );
                    lines.extend(wrap(&[Span::new(text, Role::Dim)], width));
                }
            }
            Event::Doing { action } => {
                if let Some(stage) = stage(scenario, *action) {
                    lines.push(Line::default());
                    lines.extend(wrap(&[Span::new(stage, Role::Heading)], width));
                }
                let action = scenario.plan.actions.get(*action);
                if let Some(say) = action.and_then(|action| action.say.as_ref()) {
                    lines.push(Line::default());
                    lines.extend(wrap(&[Span::new(say, Role::Strong)], width));
                }
            }
            Event::Syscall(call) => lines.extend(syscall(call, width)),
            Event::Output(output) => lines.extend(command(output, width)),
            Event::BoxUp { name, pid } => {
                let text = format!("{name} is up: process {pid} on the host");
                lines.extend(note("▲ ", Role::Dim, text, width));
            }
            Event::BoxDown { name, ending } => {
                let text = format!("{name} is down: its process ended, {ending}");
                lines.extend(note("▼ ", Role::Dim, text, width));
            }
            Event::Message(one) => lines.extend(message(one, width)),
            // Facts have a tab of their own.
            Event::Fact(_) | Event::Sample(_) | Event::Retuned(_) | Event::Paused => {}
            Event::Refused(refusal) => {
                let text = format!("refused: {refusal}");
                lines.extend(note("! ", Role::Warn, text, width));
            }
            Event::Broken { message } => {
                let text = format!("broke off: {message}");
                lines.extend(note("✗ ", Role::Bad, text, width));
            }
            Event::Holding => {
                let text = "All actions are done.".to_string();
                lines.extend(note("  ", Role::Dim, text, width));
            }
            Event::Forced { message } => {
                lines.push(Line::default());
                lines.extend(note("! ", Role::Warn, message.clone(), width));
            }
            Event::Cleaned => {
                let text = "Everything that was made is gone again.".to_string();
                lines.push(Line::default());
                lines.extend(note("✓ ", Role::Dim, text, width));
            }
            Event::Left { left } => {
                lines.push(Line::default());
                lines.extend(leftovers(left, width));
            }
        }
    }
    lines
}

/// How many calls there are and which, the most frequent first: `14 so far:
/// mount 9, mkdir 5.` `None` where a glance at the list tells as much.
fn counted(history: &History) -> Option<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for call in history.syscalls() {
        *counts.entry(&call.name).or_default() += 1;
    }
    let all: usize = counts.values().sum();
    let mut counts: Vec<(&str, usize)> = counts.into_iter().collect();
    counts.sort_by_key(|(name, count)| (Reverse(*count), *name));
    let list: Vec<String> = counts
        .iter()
        .map(|(name, count)| format!("{name} {count}"))
        .collect();
    let so_far = match history.is_taken_down() {
        true => "in all",
        false => "so far",
    };
    (all >= FEW).then(|| format!("{all} {so_far}: {}.", list.join(", ")))
}

/// A stage of the demo in its words: `Stage 2 of 5: namespaces`. `None` if that
/// action begins none.
pub fn stage(scenario: &Scenario, action: usize) -> Option<String> {
    let (number, words) = scenario.plan.stage(action)?;
    let total = scenario.plan.stages();
    Some(format!("Stage {number} of {total}: {words}"))
}

/// What is left of a run, and what to do about each of it.
pub fn leftovers(left: &[Leftover], width: usize) -> Vec<Line> {
    // A name of somebody else's may have a newline in it, and makes no line.
    let one_line = |text: String| text.replace('\n', " ↵ ");
    let mut lines = Vec::new();
    for one in left {
        let told = one_line(format!("left: {one}"));
        lines.extend(note("! ", Role::Warn, told, width));
        let remedy = one_line(format!("try: {}", one.remedy()));
        lines.extend(note("  ", Role::Body, remedy, width));
    }
    lines
}

fn note(sign: &str, role: Role, text: String, width: usize) -> Vec<Line> {
    bullet(Span::new(sign, role), &[Span::new(text, role)], width)
}

pub(super) fn syscall(call: &Syscall, width: usize) -> Vec<Line> {
    let (result, role) = match &call.result {
        Ok(value) => (value.to_string(), Role::Observed),
        Err(errno) => (format!("-1 {errno}"), Role::Warn),
    };
    let time = Nanos(i64::try_from(call.nanos).unwrap_or(i64::MAX));
    // A number and its unit stay together.
    let time = time.to_string().replace(' ', "\u{a0}");
    let mut spans = vec![
        Span::new(&call.name, Role::Function),
        Span::new(format!("({})", call.args), Role::Code),
        Span::new(" = ", Role::Dim),
        Span::new(result, role),
        Span::new(format!("  {time}"), Role::Dim),
    ];
    let place = Span::new(format!("{:<5} ", call.place.to_string()), Role::Label);
    // A long name of a box must leave room for the call.
    let place = match super::line::width(&place.text) * 2 <= width {
        true => place,
        false => Span::new("  ", Role::Body),
    };
    let indent = super::line::width(&place.text);
    // The reason stands beside the call, or else on lines of its own.
    let why = Span::new(format!("  — {}", call.why), Role::Dim);
    let size: usize = spans
        .iter()
        .chain([&why])
        .map(|s| super::line::width(&s.text))
        .sum();
    if call.why.is_empty() {
        return bullet(place, &spans, width);
    }
    if indent + size <= width {
        spans.push(why);
        return bullet(place, &spans, width);
    }
    let mut lines = bullet(place, &spans, width);
    let below = Span::new(" ".repeat(indent), Role::Body);
    lines.extend(bullet(below, &[Span::new(&call.why, Role::Dim)], width));
    lines
}

/// A command as it would look in a terminal: prompt, output, and how it ended
/// if that isn't plain success.
pub(super) fn command(output: &Output, width: usize) -> Vec<Line> {
    let argv = output.argv.iter().map(|arg| quoted(arg));
    let prompt = [
        Span::new(format!("{} $ ", output.place), Role::Label),
        Span::new(
            argv.collect::<Vec<_>>().join(" ").replace('\n', "␊"),
            Role::Code,
        ),
    ];
    let mut lines = wrap_code(&prompt, width);
    let inner = width.saturating_sub(2);
    for (text, role) in [
        (&output.stdout, Role::Observed),
        (&output.stderr, Role::Warn),
    ] {
        for line in text.lines() {
            let wrapped = wrap_code(&[Span::new(line, role)], inner);
            lines.extend(
                wrapped
                    .into_iter()
                    .map(|l| l.prefixed(Span::new("  ", role))),
            );
        }
    }
    let ending = match &output.ending {
        Ending::Exit(0) => return lines,
        Ending::Exit(status) => format!("exit status {status}"),
        Ending::Signal(name) => format!("ended by {name}"),
        Ending::NotRun(errno) => format!("not run: {errno}"),
    };
    lines.extend(note("  ", Role::Warn, ending, width));
    lines
}
