//! What a word on the command line means: a process's number, or something of
//! the list by its unit, container id or name.

use super::form::{Entry, List};
use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// One process.
    Process(i32),
    /// More than one entry, those of the same id and name as the word first.
    Several(Vec<Entry>),
    /// Nothing.
    Nothing,
}

/// The shortest part of a container's id that is taken for one, as Docker shows it.
const SHORTEST_ID: usize = 4;

/// Looks a word up.
pub fn find(word: &str, list: &List) -> Found {
    if let Ok(pid) = word.parse() {
        return Found::Process(pid);
    }
    // The first of these ways that leads anywhere is the one that was meant.
    let ways: [&dyn Fn(&Entry) -> bool; 4] = [
        &|entry| entry.id == word,
        &|entry| {
            word.len() >= SHORTEST_ID
                && entry.id.len() == 64
                && entry.id.starts_with(&word.to_lowercase())
        },
        &|entry| entry.name == word || entry.id.rsplit_once('.').is_some_and(|id| id.0 == word),
        &|entry| fuzzy(word, entry),
    ];
    for way in ways {
        let found: Vec<Entry> = list
            .entries
            .iter()
            .filter(|entry| way(entry))
            .cloned()
            .collect();
        match found.as_slice() {
            [] => {}
            [one] => return Found::Process(one.pid),
            _ => return Found::Several(found),
        }
    }
    Found::Nothing
}

fn fuzzy(word: &str, entry: &Entry) -> bool {
    let pattern = Pattern::parse(word, CaseMatching::Ignore, Normalization::Smart);
    let mut buffer = Vec::new();
    let text = format!("{} {} {}", entry.kind.word(), entry.id, entry.name);
    let mut matcher = Matcher::new(Config::DEFAULT);
    pattern
        .score(Utf32Str::new(&text, &mut buffer), &mut matcher)
        .is_some()
}

#[cfg(test)]
mod tests {
    use super::super::form::{Kind, VERSION};
    use super::*;

    fn entry(pid: i32, kind: Kind, id: &str, name: &str) -> Entry {
        Entry {
            kind,
            id: id.into(),
            because: format!("its cgroup is /system.slice/{id}"),
            pid,
            name: name.into(),
            processes: 1,
            uid: Some(0),
            user: None,
            namespaces: None,
            root: None,
            seccomp: false,
            limits: Vec::new(),
        }
    }

    #[test]
    fn a_word_means_the_most_exact_thing_that_it_fits() {
        let id = "4f".repeat(32);
        let list = List {
            version: VERSION,
            entries: vec![
                entry(10, Kind::Service, "ssh.service", "sshd"),
                entry(11, Kind::Service, "sshd-keygen.service", "sh"),
                entry(12, Kind::Docker, &id, "nginx"),
                entry(13, Kind::Group, "/web", "nginx"),
            ],
            processes: 4,
            unread: 0,
        };
        for (word, expected) in [
            ("4711", Some(4711)),
            ("ssh.service", Some(10)),
            ("ssh", Some(10)),
            ("sshd", Some(10)),
            ("4f4f4f", Some(12)),
            ("/web", Some(13)),
            ("keygen", Some(11)),
            ("nginx", None),
            ("service", None),
        ] {
            match (find(word, &list), expected) {
                (Found::Process(pid), Some(expected)) => assert_eq!(pid, expected, "{word}"),
                (Found::Several(some), None) => assert_eq!(some.len(), 2, "{word}"),
                (other, _) => panic!("{word}: {other:?}"),
            }
        }
        assert_eq!(find("nothing like it", &list), Found::Nothing);
    }
}
