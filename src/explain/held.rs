//! Rows of the cgroup: what holds a process, and what its group uses.

use super::container::{file_command, limit_command};
use super::form::{Answer, Row};
use super::sides::{Sides, amount};
use crate::probe::Unread;
use crate::probe::limits::Ceiling;

/// Its groups, and each limit beside what is used.
pub(super) fn cgroup(sides: &Sides) -> Vec<Row> {
    let pid = sides.pid();
    let paths = |side: &crate::probe::Target| {
        // In version 1 one path often stands for many hierarchies.
        let mut by_path: Vec<(&str, Vec<&str>)> = Vec::new();
        for member in side.process.groups.iter().filter(|one| one.path != "/") {
            let names = member.controllers.iter().map(String::as_str);
            match by_path.iter_mut().find(|(path, _)| *path == member.path) {
                Some((_, known)) => known.extend(names),
                None => by_path.push((&member.path, names.collect())),
            }
        }
        let words = by_path
            .into_iter()
            .map(|(path, names)| match names.as_slice() {
                [] => path.to_string(),
                names => format!("{path} ({})", names.join(", ")),
            });
        let words: Vec<String> = words.collect();
        match words.is_empty() {
            true => "/".into(),
            false => words.join("; "),
        }
    };
    let mut rows = vec![Row {
        yours: Some(Answer::Seen(paths(sides.yours))),
        ..Row::new(
            "cgroup",
            "Its groups",
            Answer::Seen(paths(sides.theirs)),
            "group",
            format!("cat /proc/{pid}/cgroup"),
        )
    }];
    for ceiling in Ceiling::ALL {
        let Some(limited) = sides.limited(ceiling) else {
            continue;
        };
        let (id, label, step) = match ceiling {
            Ceiling::Memory => ("memory", "Memory", "memory"),
            Ceiling::Pids => ("pids", "Processes", "pids"),
            Ceiling::Cpu => ("cpu", "CPU time", "ceiling"),
        };
        let command = limit_command(sides, ceiling);
        let held = limited.held.as_ref().map_err(Unread::clone);
        let theirs = sides.answer(held, &command, |held| match &held.least {
            Some(least) => format!("{} at most", amount(ceiling, least.value)),
            None => "no limit".into(),
        });
        let by = limited
            .held
            .as_ref()
            .ok()
            .and_then(|held| held.least.as_ref())
            .map(|least| {
                format!(
                    "the least over all groups above it, set by {}",
                    least.file.display()
                )
            });
        rows.push(Row {
            means: by,
            ..Row::new(&format!("{id}.max"), label, theirs, step, command)
        });
        let command = match &limited.held {
            Ok(held) => file_command(sides, held, ceiling, ceiling.usage_file(held.group.version)),
            Err(_) => format!("cat /proc/{pid}/cgroup"),
        };
        let used = limited.used.clone();
        let theirs = sides.answer(used, &command, |used| match ceiling {
            Ceiling::Memory | Ceiling::Pids => amount(ceiling, used),
            Ceiling::Cpu => {
                let nanos = i64::try_from(used).unwrap_or(i64::MAX);
                format!("{} in all", crate::base::Nanos(nanos))
            }
        });
        let label = format!("{label}, used by its group");
        rows.push(Row::new(
            &format!("{id}.used"),
            &label,
            theirs,
            step,
            command,
        ));
    }
    rows
}
