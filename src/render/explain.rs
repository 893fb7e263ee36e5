//! What a process is made of, and what runs on the machine: `explain` as lines.

use super::layers::layers;
use super::line::{Line, Role, Span};
use super::table::{Cell, Table};
use super::text::{bullet, hang, visible, wrap};
use crate::explain::{Answer, Entry, Fact, List, Report, Row, Warning};

/// A container's id is shown this long, as its engine shows it.
const SHORT_ID: usize = 12;

/// One process beside the observer.
pub fn explain(report: &Report, width: usize) -> Vec<Line> {
    let mut lines = title(report, width);
    lines.push(Line::default());
    lines.extend(say(&report.verdict.sentence, Role::Strong, width));
    let verdict = &report.verdict;
    let unknown = match verdict.unknown {
        0 => String::new(),
        n => format!("; {n} can't be told from here"),
    };
    let count = verdict.holds + verdict.fails + verdict.unknown;
    let heading = format!(
        "How far is it from a container? {} of {count} facts hold{unknown}",
        verdict.holds
    );
    head(&mut lines, &heading, width);
    for fact in &report.facts {
        lines.extend(of_fact(fact, width));
    }
    if !report.warnings.is_empty() {
        head(&mut lines, "What would get out", width);
        for warning in &report.warnings {
            lines.extend(of_warning(warning, width));
        }
    }
    for section in &report.sections {
        head(&mut lines, &section.title, width);
        let table = Table {
            aligns: Vec::new(),
            head: Vec::new(),
            rows: section.rows.iter().map(of_row).collect(),
            ruled: false,
        };
        lines.extend(table.lines(width));
        let has_layers = section.rows.iter().any(|row| row.id == "layers");
        if let (true, Some(stack)) = (has_layers, &report.layers) {
            lines.push(Line::default());
            lines.extend(layers(stack, width));
        }
    }
    lines
}

/// What is isolated in some way, a line each.
pub fn isolated(list: &List, width: usize) -> Vec<Line> {
    let label = |text: &str| Cell::from(vec![Span::new(text, Role::Label)]);
    let table = Table {
        aligns: Vec::new(),
        head: ["what", "which", "oldest", "whose", "namespaces", "held to"]
            .map(label)
            .to_vec(),
        rows: list.entries.iter().map(of_entry).collect(),
        ruled: true,
    };
    let mut lines = match list.entries.is_empty() {
        true => say(
            "Nothing that you can see is isolated from you in any way.",
            Role::Body,
            width,
        ),
        false => table.lines(width),
    };
    let unread = match list.unread {
        0 => String::new(),
        n => format!("; the namespaces of {n} may be read by their own users and root only"),
    };
    let sum = format!("{} processes were looked at{unread}.", list.processes);
    lines.push(Line::default());
    lines.extend(say(&sum, Role::Dim, width));
    lines
}

fn title(report: &Report, width: usize) -> Vec<Line> {
    let spans = [
        Span::new(
            format!("{} ({})", visible(&report.name), report.pid),
            Role::Heading,
        ),
        Span::new(
            format!(": {} {}", report.kind.word(), visible(&report.id)),
            Role::Body,
        ),
    ];
    let mut lines = wrap(&spans, width);
    lines.extend(say(&report.because, Role::Dim, width));
    lines
}

fn head(lines: &mut Vec<Line>, text: &str, width: usize) {
    lines.push(Line::default());
    lines.extend(say(text, Role::Heading, width));
}

/// A text that may hold anything: on one line before it is wrapped.
fn say(text: &str, role: Role, width: usize) -> Vec<Line> {
    wrap(&[span(text, role)], width)
}

fn span(text: &str, role: Role) -> Span {
    Span::new(visible(text), role)
}

/// Where a row is explained, and how it is seen without this program.
fn see(step: &str, command: &str) -> Span {
    span(&format!("step {step} · {command}"), Role::Dim)
}

fn of_fact(fact: &Fact, width: usize) -> Vec<Line> {
    let (sign, role) = match fact.holds {
        Some(true) => ("✓ ", Role::Good),
        Some(false) => ("✗ ", Role::Bad),
        None => ("? ", Role::Warn),
    };
    let because = match fact.holds {
        Some(_) => fact.evidence.clone(),
        None => format!("unavailable: {}", fact.evidence),
    };
    let mut lines = bullet(
        Span::new(sign, role),
        &[
            span(&fact.claim, Role::Body),
            span(&format!(": {because}"), Role::Observed),
        ],
        width,
    );
    lines.extend(below(see(&fact.step, &fact.command), width));
    lines
}

fn of_warning(warning: &Warning, width: usize) -> Vec<Line> {
    let text = [span(&warning.text, Role::Body)];
    let mut lines = bullet(Span::new("! ", Role::Warn), &text, width);
    lines.extend(below(see(&warning.step, &warning.command), width));
    lines
}

fn below(text: Span, width: usize) -> Vec<Line> {
    let indent = || Span::new("  ", Role::Body);
    hang(indent(), indent(), &[text], width)
}

fn of_row(row: &Row) -> Vec<Cell> {
    let mut text = answer(&row.theirs, Role::Observed);
    // What is the same on both sides is said once.
    let same = row.yours.as_ref() == Some(&row.theirs);
    if let (Some(yours), false) = (&row.yours, same) {
        text.push(Span::new("\nyours: ", Role::Dim));
        text.extend(answer(yours, Role::Body));
    }
    if let Some(means) = &row.means {
        text.push(Span::new("\n", Role::Body));
        text.push(span(means, Role::Body));
    } else if same {
        text.push(Span::new(", as yours", Role::Body));
    }
    text.push(Span::new("\n", Role::Body));
    text.push(see(&row.step, &row.command));
    let label = vec![span(&row.label, Role::Label)];
    vec![label.into(), text.into()]
}

fn answer(answer: &Answer, role: Role) -> Vec<Span> {
    match answer {
        Answer::Seen(value) => vec![span(value, role)],
        Answer::Unavailable { because, shown_by } => {
            let mut spans = vec![span(&format!("? unavailable: {because}"), Role::Warn)];
            if let Some(command) = shown_by {
                spans.push(span(&format!("; it would show with: {command}"), Role::Dim));
            }
            spans
        }
    }
}

fn of_entry(entry: &Entry) -> Vec<Cell> {
    let cell = |text: String, role| Cell::from(vec![span(&text, role)]);
    let id = match entry.id.len() {
        64 => entry.id.chars().take(SHORT_ID).chain(['…']).collect(),
        _ => entry.id.clone(),
    };
    let more = match entry.processes {
        1 => String::new(),
        n => format!(" and {} more", n - 1),
    };
    let whose = match (&entry.user, entry.uid) {
        (Some(user), _) => user.clone(),
        (None, Some(uid)) => uid.to_string(),
        (None, None) => "?".into(),
    };
    let mut own = match &entry.namespaces {
        None => "? can't be read".into(),
        Some(own) if own.is_empty() => "yours".into(),
        Some(own) => own.join(" "),
    };
    if let Some(root) = &entry.root {
        own.push_str(&format!("; its / is {root}"));
    }
    let mut held = entry.limits.clone();
    if entry.seccomp {
        held.push("seccomp".into());
    }
    vec![
        cell(entry.kind.word().into(), Role::Strong),
        cell(id, Role::Body),
        cell(format!("{} {}{more}", entry.pid, entry.name), Role::Body),
        cell(whose, Role::Body),
        cell(own, Role::Observed),
        cell(held.join(", "), Role::Body),
    ]
}
