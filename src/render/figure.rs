//! The table of namespaces, drawn from what was observed.

use super::table::{Cell, Table};
use super::text::{bullet, wrap};
use super::{Line, Role, Span};
use crate::course::{Align, Scenario};
use crate::plan::{FactRef, History, Namespace, Need, Place, Provenance, Value};

/// From this width on a namespace takes one row of a six-column table.
const WIDE: usize = 110;

/// The eight namespaces: what each isolates, and its inode outside and inside
/// the first box; what changed is marked, what is missing says why.
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
        "outside",
        "inside",
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
                    vec![row.inode(&row.outside, Role::Observed)].into(),
                    vec![row.inode(&row.inside, row.inside_role())].into(),
                ]
            })
            .collect(),
        ruled: true,
    }
    .lines(width)
}

/// Name, flag and inodes on one line where they fit, the words below.
fn narrow(rows: &[Row], width: usize) -> Vec<Line> {
    let mut lines = Vec::new();
    for row in rows {
        let mut first = vec![
            Span::new(format!("{:<8} ", row.ns.title()), Role::Strong),
            Span::new(row.ns.flag(), Role::Code),
        ];
        let inodes = [
            Span::new("outside ", Role::Dim),
            row.inode(&row.outside, Role::Observed),
            Span::new("  inside ", Role::Dim),
            row.inode(&row.inside, row.inside_role()),
        ];
        // 2 + 9 + 15, then the inodes' column.
        let size: usize = inodes
            .iter()
            .map(|span| super::text::width(&span.text))
            .sum();
        let words = [
            Span::new(row.ns.isolates(), Role::Body),
            Span::new(format!(" · {}", row.ns.page()), Role::Dim),
        ];
        if 28 + size <= width {
            let gap = 17 - row.ns.flag().len();
            first.push(Span::new(" ".repeat(gap), Role::Body));
            first.extend(inodes);
            lines.extend(bullet(row.sign(), &first, width));
            lines.extend(bullet(Span::new("           ", Role::Body), &words, width));
        } else {
            lines.extend(bullet(row.sign(), &first, width));
            lines.extend(bullet(Span::new("    ", Role::Body), &words, width));
            lines.extend(bullet(Span::new("    ", Role::Body), &inodes, width));
        }
    }
    lines
}
