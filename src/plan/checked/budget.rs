//! What all actions of a plan take together: a plan of a hundred actions, each
//! of which is fine, mustn't be too much for a learner's machine.

use super::flaw::{Flaw, Part, path};
use super::limits::{MOST_FORKS, MOST_MEMORY, MOST_PROCESSES};
use crate::base::Bytes;
use crate::plan::action::Action;
use crate::plan::layers::MOST_STORE;
use crate::plan::verb::{Verb, Workload};
use std::collections::BTreeMap;

/// The most files that are followed from copy to copy.
const MOST_FILES: usize = 10_000;

/// Judges what the actions take together; told once, of the action that is too much.
pub(super) fn check(parts: &[Part<Action>], flaws: &mut Vec<Flaw>) {
    let mut taken = Taken::default();
    for (index, part) in parts.iter().enumerate() {
        let Some(action) = part.read() else { continue };
        let Some((key, message, help)) = taken.add(&action.verb) else {
            continue;
        };
        let name = action.verb.name();
        let at = path(&["action", &index.to_string(), "do", name, key]);
        flaws.push(Flaw::new("too-much", at, message, help));
        return;
    }
}

#[derive(Default)]
struct Taken {
    processes: u64,
    forks: u64,
    memory: u64,
    /// The length of each file that the plan fills, and of their copies.
    files: BTreeMap<String, u64>,
}

/// The key that is too much, what is wrong, and the most.
type Over = (&'static str, String, String);

impl Taken {
    fn add(&mut self, verb: &Verb) -> Option<Over> {
        if let Verb::Spawn(spawn) = verb {
            return self.spawn(u64::from(spawn.count), &spawn.workload);
        }
        if let Verb::Fill(fill) = verb {
            self.files.insert(fill.path.clone(), fill.size.0);
            return self.room("size");
        }
        let Verb::Copy(copy) = verb else { return None };
        let below = format!("{}/", copy.from.trim_end_matches('/'));
        let of_it = |(path, size): (&String, &u64)| {
            let rest = path.strip_prefix(&below)?;
            Some((rest.to_string(), *size))
        };
        let copied: Vec<(String, u64)> = self.files.iter().filter_map(of_it).collect();
        for number in 1..=copy.count.unwrap_or(1).min(crate::plan::layers::MOST_TREES) {
            let to = &copy.to;
            let files = copied.iter();
            self.files
                .extend(files.map(|(rest, size)| (format!("{to}-{number}/{rest}"), *size)));
        }
        self.room("from")
    }

    fn spawn(&mut self, count: u64, workload: &Workload) -> Option<Over> {
        self.processes = self.processes.saturating_add(count);
        if self.processes > MOST_PROCESSES {
            let message = format!("the demo starts {} processes in all", self.processes);
            return Some(("count", message, format!("{MOST_PROCESSES} at most")));
        }
        if let Workload::Storm(forks) = workload {
            let forks = u64::from(*forks).saturating_mul(count);
            self.forks = self.forks.saturating_add(forks);
            if self.forks > MOST_FORKS {
                let message = format!("the demo forks {} times in all", self.forks);
                return Some(("workload", message, format!("{MOST_FORKS} at most")));
            }
        }
        if let Workload::Hog(size) | Workload::Grow(size) = workload {
            self.memory = self.memory.saturating_add(size.0.saturating_mul(count));
            if self.memory > MOST_MEMORY.0 {
                let all = Bytes(self.memory);
                let message = format!("the demo takes {all} of memory in all");
                return Some(("workload", message, format!("{MOST_MEMORY} at most")));
            }
        }
        None
    }

    fn room(&self, key: &'static str) -> Option<Over> {
        let all = self
            .files
            .values()
            .fold(0u64, |all, size| all.saturating_add(*size));
        let over = all > MOST_STORE.0 || self.files.len() > MOST_FILES;
        over.then(|| {
            let message = format!("the demo's files take {} in all", Bytes(all));
            (key, message, format!("{MOST_STORE} at most"))
        })
    }
}
