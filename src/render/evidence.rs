//! The evidence of a run: figure, table of inside and outside, claims.

use super::figure::namespaces;
use super::layers;
use super::line::{Line, Role, Span};
use super::table::{Cell, Table};
use super::text::{bullet, wrap};
use crate::check::Verdict;
use crate::course::{Align, Figure, Scenario, ShowRow};
use crate::plan::{Event, Fact, FactRef, History, Provenance};

/// What was observed, and what became of the claims. During a run it shows what
/// is known so far; `verdicts` is empty until the run has been judged.
pub fn evidence(
    scenario: &Scenario,
    history: &History,
    verdicts: &[Verdict],
    width: usize,
) -> Vec<Line> {
    let figure = figure(scenario, history, width);
    let mut parts = vec![observer(history, width), figure];
    parts.push(findings(scenario, history, verdicts, true, width));
    parts.retain(|part| !part.is_empty());
    parts.join(&Line::default())
}

/// The scenario's figure of what is known so far, if it has one.
pub fn figure(scenario: &Scenario, history: &History, width: usize) -> Vec<Line> {
    match &scenario.figure {
        Some(Figure::Namespaces) => namespaces(scenario, history, width),
        Some(Figure::Layers(id)) => layers::figure(id, history, width),
        None => Vec::new(),
    }
}

/// Table, troubles and claims: the evidence below its figure, with or without the
/// sources of its values.
pub fn findings(
    scenario: &Scenario,
    history: &History,
    verdicts: &[Verdict],
    sources: bool,
    width: usize,
) -> Vec<Line> {
    let all: Vec<_> = scenario.show.iter().map(|row| (row, Mark::None)).collect();
    let table = rows(&all, history, sources, width);
    let mut parts: Vec<Vec<Line>> = Vec::new();
    if let Some(kernel) = history.recorded_on() {
        parts.push(troubles(history, width));
        parts.push(elsewhere(kernel, width));
        parts.push(table);
    } else {
        parts.push(table);
        parts.push(troubles(history, width));
    }
    parts.push(claims(scenario, verdicts, width));
    parts.retain(|part| !part.is_empty());
    parts.join(&Line::default())
}

/// Which kernel answered, and to whom.
pub fn observer(history: &History, width: usize) -> Vec<Line> {
    history
        .events()
        .iter()
        .find_map(|event| match event {
            Event::Started(observer) => Some(observer),
            _ => None,
        })
        .map_or(Vec::new(), |observer| {
            let who = match observer.uid {
                0 => "as root".to_string(),
                uid => format!("as user {uid}, without root"),
            };
            let text = format!("Observed just now on Linux {}, {who}.", observer.kernel);
            wrap(&[Span::new(text, Role::Dim)], width)
        })
}

/// That what follows is not of this machine.
fn elsewhere(kernel: &str, width: usize) -> Vec<Line> {
    let text = format!("So this was not seen here. It was recorded on Linux {kernel}:");
    wrap(&[Span::new(text, Role::Warn)], width)
}

/// What is said of a row besides its values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// Nothing.
    None,
    /// It was made just now.
    New,
    /// It was changed just now.
    Changed,
    /// It is what a question asks for.
    Answer,
}

/// Rows of the evidence table.
pub fn rows(
    show: &[(&ShowRow, Mark)],
    history: &History,
    sources: bool,
    width: usize,
) -> Vec<Line> {
    if show.is_empty() {
        return Vec::new();
    }
    let (inside, outside) = (
        show.iter().any(|(row, _)| row.inside.is_some()),
        show.iter().any(|(row, _)| row.outside.is_some()),
    );
    let marked = show.iter().any(|(_, mark)| *mark != Mark::None);
    let worded = |mark: &Mark| matches!(mark, Mark::New | Mark::Changed);
    let words = show.iter().any(|(_, mark)| worded(mark));
    let label = |text: &str| Cell::from(vec![Span::new(text, Role::Label)]);
    let mut head = vec![Cell::default()];
    if inside {
        head.push(label("  inside"));
    }
    if outside {
        head.push(label("  outside"));
    }
    let mut rows = Vec::new();
    for (row, mark) in show {
        let relation = relation(row, history);
        let mut first = label(&row.label);
        if marked {
            let sign = if *mark == Mark::None { "  " } else { "▸ " };
            first.sign = Span::new(sign, Role::Label);
        }
        let mut cells = vec![first];
        if inside {
            cells.push(cell(row.inside.as_ref(), history, relation, sources));
        }
        if outside {
            // The sign stands once, beside what is inside.
            let relation = match (relation, &row.inside) {
                (Relation::Differs, Some(_)) => Relation::Shown,
                (relation, _) => relation,
            };
            cells.push(cell(row.outside.as_ref(), history, relation, sources));
        }
        if words {
            let word = match mark {
                Mark::New => "new",
                Mark::Changed => "changed",
                Mark::None | Mark::Answer => "",
            };
            cells.push(vec![Span::new(word, Role::Changed)].into());
        }
        rows.push(cells);
    }
    if words {
        head.push(Cell::default());
    }
    Table {
        aligns: vec![Align::Left; head.len()],
        head,
        rows,
        ruled: false,
    }
    .lines(width)
}

/// A row by itself: what is compared, and each side on a line of its own.
pub fn pair(row: &ShowRow, history: &History, width: usize) -> Vec<Line> {
    let relation = relation(row, history);
    let side = |name: &str, id: &Option<FactRef>, relation| {
        let id = id.as_ref()?;
        let name = Cell::from(vec![Span::new(name, Role::Label)]);
        Some(vec![name, cell(Some(id), history, relation, false)])
    };
    let beside = match (relation, &row.inside) {
        (Relation::Differs, Some(_)) => Relation::Shown,
        (relation, _) => relation,
    };
    let sides = [
        side("inside", &row.inside, relation),
        side("outside", &row.outside, beside),
    ];
    let mut lines = wrap(&[Span::new(&row.label, Role::Label)], width);
    lines.push(Line::default());
    let table = Table {
        aligns: vec![Align::Left; 2],
        head: Vec::new(),
        rows: sides.into_iter().flatten().collect(),
        ruled: false,
    };
    lines.extend(table.lines(width));
    lines
}

/// How the two values of a row stand to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Relation {
    /// Both are known and differ.
    Differs,
    /// Both are known and equal.
    Same,
    /// There is nothing to compare.
    Shown,
}

fn relation(row: &ShowRow, history: &History) -> Relation {
    let value = |id: &Option<FactRef>| {
        let fact = history.fact(id.as_ref()?)?;
        fact.value.as_ref()
    };
    match (value(&row.inside), value(&row.outside)) {
        (Some(inside), Some(outside)) => match inside.is_same(outside) {
            Some(true) => Relation::Same,
            Some(false) => Relation::Differs,
            None => Relation::Shown,
        },
        (None, _) | (_, None) => Relation::Shown,
    }
}

/// A value with its sign, and below it, if that is asked for, where it comes from.
fn cell(id: Option<&FactRef>, history: &History, relation: Relation, sources: bool) -> Cell {
    let missing = |text: &str| Cell {
        sign: Span::new("  ", Role::Dim),
        text: vec![Span::new(text, Role::Dim)],
    };
    let Some(id) = id else {
        return missing("–");
    };
    let Some(fact) = history.fact(id) else {
        // Until the end it may still come.
        return missing(if history.is_over() {
            "not observed"
        } else {
            "…"
        });
    };
    let mut cell = value(fact, relation);
    if sources && !fact.source.is_empty() {
        let source = Span::new(format!("\n{}", shortened(&fact.source)), Role::Dim);
        cell.text.push(source);
    }
    cell
}

/// A source without what is long and says little: from the mount of the cgroups
/// to the name that the lesson gave a group, `/sys/fs/cgroup/…-small/cpu.max`.
/// The whole path stands among the calls, where the group was made.
fn shortened(source: &str) -> String {
    const TREE: &str = "/sys/fs/cgroup/";
    let group = source.strip_prefix(TREE).and_then(|rest| {
        // Behind it: boot id, pid namespace, pid and start of the owner.
        let (_, ours) = rest.split_once("glassbox-")?;
        ours.splitn(5, '-').nth(4)
    });
    group.map_or(source.into(), |group| format!("{TREE}…-{group}"))
}

fn value(fact: &Fact, relation: Relation) -> Cell {
    let (sign, role) = match relation {
        Relation::Differs => ("≠ ", Role::Changed),
        Relation::Same => ("= ", Role::Observed),
        Relation::Shown => ("  ", Role::Observed),
    };
    let shown = match fact.value.as_ref().map(ToString::to_string) {
        // An empty text is a value too, and must be seen.
        Some(text) if text.is_empty() => Span::new("(empty)", role),
        Some(text) => Span::new(text, role),
        None => Span::default(),
    };
    let (sign, text) = match &fact.provenance {
        Provenance::Observed => (Span::new(sign, role), vec![shown]),
        Provenance::Recorded { kernel } => {
            let label = Span::new(format!("\nrecorded on {kernel}"), Role::Warn);
            (Span::new(sign, role), vec![shown, label])
        }
        Provenance::Unavailable { because } => {
            let text = Span::new(format!("unavailable: {because}"), Role::Warn);
            (Span::new("? ", Role::Warn), vec![text])
        }
    };
    Cell { sign, text }
}

/// What the host refused, and why the run broke off.
pub fn troubles(history: &History, width: usize) -> Vec<Line> {
    let mut lines = Vec::new();
    for because in history.retuned().filter_map(|r| r.refused.as_ref()) {
        let text = format!("This limit was refused while it ran: {because}");
        lines.extend(bullet(
            Span::new("! ", Role::Warn),
            &[Span::new(text, Role::Warn)],
            width,
        ));
    }
    for refusal in history.refusals() {
        let spans = [Span::new(
            format!("This host refused: {}. {refusal}", refusal.need),
            Role::Warn,
        )];
        lines.extend(bullet(Span::new("! ", Role::Warn), &spans, width));
        for remedy in &refusal.remedy {
            let spans = [Span::new(remedy, Role::Body)];
            lines.extend(bullet(Span::new("  → ", Role::Dim), &spans, width));
        }
    }
    if let Some(message) = history.broken() {
        let spans = [Span::new(
            format!("The run broke off: {message}"),
            Role::Bad,
        )];
        lines.extend(bullet(Span::new("✗ ", Role::Bad), &spans, width));
    }
    lines
}

/// The claims as a checklist; nothing before they were judged.
fn claims(scenario: &Scenario, verdicts: &[Verdict], width: usize) -> Vec<Line> {
    let mut lines = Vec::new();
    for (expectation, verdict) in scenario.expectations.iter().zip(verdicts) {
        let (sign, role, why) = match verdict {
            Verdict::Holds { .. } => ("✓ ", Role::Good, None),
            Verdict::Fails { expected, actual } => (
                "✗ ",
                Role::Bad,
                Some(format!("expected {expected}, observed {actual}")),
            ),
            Verdict::Unknown { because } => ("? ", Role::Warn, Some(format!("because {because}"))),
        };
        let claim = [Span::new(&expectation.claim, Role::Body)];
        lines.extend(bullet(Span::new(sign, role), &claim, width));
        if let Some(why) = why {
            lines.extend(bullet(
                Span::new("  ", role),
                &[Span::new(why, role)],
                width,
            ));
        }
    }
    if !lines.is_empty() {
        let head = "What this step claims, checked against the above:";
        let mut headed = wrap(&[Span::new(head, Role::Label)], width);
        headed.append(&mut lines);
        lines = headed;
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::shortened;

    #[test]
    fn the_path_of_a_group_is_shortened() {
        for (source, expected) in [
            (
                "/sys/fs/cgroup/cpu/a/glassbox-4b18c089-4026531836-29-149-small/cpu.shares",
                "/sys/fs/cgroup/…-small/cpu.shares",
            ),
            (
                "/sys/fs/cgroup/glassbox-4b18c089-4026531836-29-149-a-b/pids.events max",
                "/sys/fs/cgroup/…-a-b/pids.events max",
            ),
            ("/sys/fs/cgroup/a/pids.max", "/sys/fs/cgroup/a/pids.max"),
            ("/proc/29/cgroup", "/proc/29/cgroup"),
            ("/sys/fs/cgroup/glassbox-1/x", "/sys/fs/cgroup/glassbox-1/x"),
        ] {
            assert_eq!(shortened(source), expected);
        }
    }
}
