//! The table of namespaces, drawn from what was observed.

use super::line::{Line, Role, Span};
use super::table::{Cell, Table};
use super::text::{bullet, wrap};
use crate::course::{Align, Scenario};
use crate::plan::{FactRef, History, Namespace, Need, Place, Provenance, Value};

/// From this width on a namespace takes one row of a six-column table.
const WIDE: usize = 110;

/// The eight namespaces: what each isolates, and its inode inside the first
/// box and outside; what changed is marked, what is missing says why.
pub(super) fn namespaces(scenario: &Scenario, history: &History, width: usize) -> Vec<Line> {
    let rows: Vec<Row> = Namespace::ALL
        .into_iter()
        .map(|ns| Row::new(ns, scenario, history))
        .collect();
    let mut lines = if width >= WIDE {
        wide(&rows, width)
    } else {
        narrow(&rows, width)
    };
    let changed = rows.iter().filter(|row| row.changed).count();
    let legend = format!("≠ marks a namespace of the box's own: {changed} of 8.");
    if rows
        .iter()
        .any(|row| row.outside.is_ok() || row.inside.is_ok())
    {
        lines.extend(wrap(&[Span::new(legend, Role::Dim)], width));
    }
    lines
}

struct Row {
    ns: Namespace,
    /// The inode, or why there is none.
    outside: Result<String, String>,
    inside: Result<String, String>,
    changed: bool,
}

impl Row {
    fn new(ns: Namespace, scenario: &Scenario, history: &History) -> Row {
        let look = |place: Place| -> Result<Value, String> {
            let id = FactRef {
                seen_from: place,
                about: None,
                name: format!("ns.{}", ns.proc_name()),
                moment: None,
            };
            let fact = history.fact(&id).ok_or("not observed")?;
            match (&fact.value, &fact.provenance) {
                (Some(value), _) => Ok(value.clone()),
                (None, Provenance::Unavailable { because }) => Err(because.clone()),
                (None, Provenance::Observed | Provenance::Recorded { .. }) => {
                    Err("no value".into())
                }
            }
        };
        let outside = look(Place::Host);
        let inside = match scenario.plan.boxes.first() {
            Some(spec) => look(Place::Box(spec.name.clone())),
            None => Err("this step makes no box".into()),
        };
        let changed = matches!((&outside, &inside), (Ok(out), Ok(inner)) if out != inner);
        // The kernel's own reason says more than an inode that did not change.
        let refusal = history
            .refusals()
            .find(|refusal| refusal.need == Need::Namespace(ns));
        let inside = match refusal {
            Some(refusal) if !changed => Err(format!("refused: {refusal}")),
            Some(_) | None => inside.map(|value| value.to_string()),
        };
        Row {
            ns,
            outside: outside.map(|value| value.to_string()),
            inside,
            changed,
        }
    }

    fn sign(&self) -> Span {
        match (self.changed, &self.inside) {
            (true, _) => Span::new("≠ ", Role::Changed),
            (false, Err(why)) if why.starts_with("refused") => Span::new("! ", Role::Warn),
            (false, Ok(_)) if self.outside.is_ok() => Span::new("= ", Role::Dim),
            (false, Ok(_) | Err(_)) => Span::new("  ", Role::Dim),
        }
    }

    fn inode(&self, value: &Result<String, String>, role: Role) -> Span {
        match value {
            Ok(inode) => Span::new(inode, role),
            Err(why) => Span::new(
                why,
                if why == "not observed" {
                    Role::Dim
                } else {
                    Role::Warn
                },
            ),
        }
    }

    fn inside_role(&self) -> Role {
        if self.changed {
            Role::Changed
        } else {
            Role::Observed
        }
    }
}

fn wide(rows: &[Row], width: usize) -> Vec<Line> {
    let head = [
        "  Namespace",
        "Flag",
        "Manual page",
        "Isolates",
        "inside",
        "outside",
    ];
    Table {
        aligns: vec![Align::Left; head.len()],
        head: head
            .map(|text| vec![Span::new(text, Role::Label)].into())
            .into(),
        rows: rows
            .iter()
            .map(|row| {
                vec![
                    Cell {
                        sign: row.sign(),
                        text: vec![Span::new(row.ns.title(), Role::Strong)],
                    },
                    vec![Span::new(row.ns.flag(), Role::Code)].into(),
                    vec![Span::new(row.ns.page(), Role::Body)].into(),
                    vec![Span::new(row.ns.isolates(), Role::Body)].into(),
                    vec![row.inode(&row.inside, row.inside_role())].into(),
                    vec![row.inode(&row.outside, Role::Observed)].into(),
                ]
            })
            .collect(),
        ruled: true,
    }
    .lines(width)
}

/// The cells of name, flag and inode inside in the narrow form, and what
/// they take together with sign and gaps.
const NAME: usize = 9;
const FLAG: usize = 15;
const INODE: usize = 12;
const COLUMNS: usize = 2 + NAME + 1 + FLAG + 2 + INODE + 2;

/// Name, flag and inodes on one line where they fit, the words below.
fn narrow(rows: &[Row], width: usize) -> Vec<Line> {
    let mut lines = Vec::new();
    let aligned = COLUMNS + INODE <= width;
    if aligned {
        let head = format!(
            "  {:NAME$} {:FLAG$}  {:INODE$}  outside",
            "Namespace", "Flag", "inside"
        );
        lines.push(Line::of(head, Role::Label));
    }
    for row in rows {
        let words = [
            Span::new(row.ns.isolates(), Role::Body),
            Span::new(format!(" · {}", row.ns.page()), Role::Dim),
        ];
        let name = Span::new(format!("{:NAME$} ", row.ns.title()), Role::Strong);
        let flag = Span::new(format!("{:FLAG$}  ", row.ns.flag()), Role::Code);
        let (outside, inside) = (
            row.inode(&row.outside, Role::Observed),
            row.inode(&row.inside, row.inside_role()),
        );
        let below = Span::new("    ", Role::Body);
        if !aligned {
            lines.extend(bullet(row.sign(), &[name, flag], width));
            lines.extend(bullet(below.clone(), &words, width));
            let label = |text: &str| Span::new(text, Role::Dim);
            let inodes = [label("inside "), inside, label("  outside "), outside];
            lines.extend(bullet(below, &inodes, width));
            continue;
        }
        // A reason is longer than its column: it goes below the words.
        let mut reasons = Vec::new();
        let mut short = |span: Span| {
            if super::line::width(&span.text) <= INODE {
                return span;
            }
            reasons.push(span.clone());
            Span::new("none", span.role)
        };
        let (mut inside, outside) = (short(inside), short(outside));
        inside.text = format!("{:INODE$}  ", inside.text);
        lines.extend(bullet(row.sign(), &[name, flag, inside, outside], width));
        lines.extend(bullet(below.clone(), &words, width));
        for reason in reasons {
            lines.extend(bullet(below.clone(), &[reason], width));
        }
    }
    lines
}
