//! A demo without one of its groups: what is left of an action when this host
//! refused a group that the lesson can do without (`missing-ok`). Pure.

use crate::plan::{Action, BoxName, Probe, Spawn, Verb, Watch};
use std::collections::BTreeMap;

/// The groups that aren't there, and for each the reason, which is that of
/// every fact that it would have had.
pub(super) type Missing = BTreeMap<BoxName, String>;

/// An action without the groups that aren't there.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Rest {
    /// What can still be done; `None` if it was all about them.
    pub(super) action: Option<Action>,
    /// The names of the facts that can't be had, and of the groups that they are of.
    pub(super) unseen: Vec<(String, BoxName)>,
}

/// Takes out of an action what concerns these groups. Processes that would be
/// in one are started all the same: they stay where their maker is.
pub(super) fn without(action: &Action, missing: &Missing) -> Rest {
    let gone = |name: &BoxName| missing.contains_key(name);
    let with = |verb| {
        Some(Action {
            verb,
            ..action.clone()
        })
    };
    let mut unseen = Vec::new();
    let rest = match &action.verb {
        Verb::Spawn(spawn) if spawn.cgroup.as_ref().is_some_and(gone) => with(Verb::Spawn(Spawn {
            cgroup: None,
            ..spawn.clone()
        })),
        Verb::Watch(watch) if watch.groups.iter().any(gone) => {
            let (absent, groups): (Vec<_>, Vec<_>) = watch.groups.iter().cloned().partition(gone);
            // Its time passes as well without a group: what it ends with may matter.
            let of = |groups| {
                with(Verb::Watch(Watch {
                    groups,
                    ..watch.clone()
                }))
            };
            for group in absent {
                let facts = of(vec![group.clone()]).map(|watch| watch.fact_names());
                let facts = facts.into_iter().flatten();
                unseen.extend(facts.map(|fact| (fact, group.clone())));
            }
            of(groups)
        }
        Verb::Probe(probes) => {
            let group = |probe: &Probe| match probe {
                Probe::Group(name) if gone(name) => Some(name.clone()),
                _ => None,
            };
            for probe in probes {
                if let Some(name) = group(probe) {
                    let facts = probe.facts(action.of.is_some()).into_iter();
                    unseen.extend(facts.map(|fact| (fact, name.clone())));
                }
            }
            let left: Vec<Probe> = probes
                .iter()
                .filter(|probe| group(probe).is_none())
                .cloned()
                .collect();
            match left.is_empty() && !probes.is_empty() {
                true => None,
                false => with(Verb::Probe(left)),
            }
        }
        // Of any other verb nothing is left without its group.
        verb => {
            let absent = verb
                .groups()
                .find_map(|group| missing.keys().find(|name| name.as_str() == group));
            match absent {
                Some(group) => {
                    let facts = action.fact_names().into_iter();
                    unseen.extend(facts.map(|fact| (fact, group.clone())));
                    None
                }
                None => Some(action.clone()),
            }
        }
    };
    Rest {
        action: rest,
        unseen,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{GROUP_FACTS, MOVING_FACTS};

    fn action(text: &str) -> Action {
        toml::from_str(&format!("in = 'host'\n{text}")).unwrap()
    }

    #[test]
    fn an_action_keeps_what_no_missing_group_takes() {
        let missing: Missing = [("gone".parse().unwrap(), "refused".to_string())].into();
        for (text, left, unseen) in [
            (
                "do = { freeze = 'there' }\nas = 'f'",
                Some("do = { freeze = 'there' }\nas = 'f'"),
                vec![],
            ),
            ("do = { freeze = 'gone' }", None, vec![]),
            (
                "do = { freeze = 'gone' }\nas = 'f'",
                None,
                vec!["f".to_string()],
            ),
            ("do = { thaw = 'gone' }\nas = 't'", None, vec!["t".into()]),
            (
                "do = { join = { process = 'p', cgroup = 'gone' } }\nas = 'j'",
                None,
                vec!["j".into()],
            ),
            (
                "do = { set-limits = { cgroup = 'gone', limits = { pids = 1 } } }\nas = 's'",
                None,
                vec!["s".into()],
            ),
            (
                "do = { spawn = { workload = 'sleep', cgroup = 'gone' } }\nas = 'p'",
                Some("do = { spawn = { workload = 'sleep' } }\nas = 'p'"),
                vec![],
            ),
            (
                "do = { probe = ['group:gone', 'hostname'] }",
                Some("do = { probe = ['hostname'] }"),
                GROUP_FACTS.map(|fact| format!("gone.{fact}")).into(),
            ),
            (
                "do = { probe = ['group:gone'] }",
                None,
                GROUP_FACTS.map(|fact| format!("gone.{fact}")).into(),
            ),
            (
                "do = { watch = { groups = ['gone', 'there'], every = '10ms', time = '1s' } }\nas = 'w'",
                Some(
                    "do = { watch = { groups = ['there'], every = '10ms', time = '1s' } }\nas = 'w'",
                ),
                MOVING_FACTS.map(|fact| format!("w.gone.{fact}")).into(),
            ),
            (
                "do = { watch = { groups = ['gone'], every = '10ms', time = '1s' } }",
                Some("do = { watch = { groups = [], every = '10ms', time = '1s' } }"),
                vec![],
            ),
        ] {
            let rest = without(&action(text), &missing);
            assert_eq!(rest.action, left.map(action), "{text}");
            let names: Vec<String> = rest.unseen.into_iter().map(|(fact, _)| fact).collect();
            assert_eq!(names, unseen, "{text}");
        }
    }
}
