//! Beats: a demo in the pieces in which it is told. An action that says something
//! begins one; what is done without a word belongs to the beat before.
//!
//! Where somebody sits in front of it, the run waits between two beats, so that
//! the boxes can be looked at just then; but never where the wait would change what
//! is measured.

use super::action::{Action, Plan};
use super::probe::Probe;
use super::verb::{Signal, Verb, Workload};

impl Plan {
    /// The index of each beat's first action. The first beat begins with the demo.
    pub fn beats(&self) -> Vec<usize> {
        let mut begun = vec![0];
        // What is done before the first word belongs to it.
        let mut silent = true;
        for (index, action) in self.actions.iter().enumerate() {
            let after_stage = index > 0 && is_stage(&self.actions[index - 1]);
            if index > 0 && (after_stage || action.say.is_some() && !silent) {
                begun.push(index);
            }
            silent &= action.say.is_none() && !is_stage(action);
        }
        begun
    }

    /// Whether a run that is told beat by beat waits before the action of this
    /// index; that of their number stands for the end. At a stage it has waited.
    pub fn waits_before(&self, index: usize) -> bool {
        let between = match index {
            0 => false,
            end if end == self.actions.len() => true,
            index => self.beats().contains(&index),
        };
        let done = &self.actions[..index.min(self.actions.len())];
        between && !done.last().is_some_and(is_stage) && self.may_wait(index)
    }

    /// Whether nothing that is measured goes on before the action of this index.
    fn may_wait(&self, index: usize) -> bool {
        let (done, rest) = self.actions.split_at(index.min(self.actions.len()));
        let at_once = rest.first().is_some_and(|action| action.at_once);
        // What is compared of two looks at a clock is the time between them.
        let clocks = done.iter().any(reads_clocks) && rest.iter().any(reads_clocks);
        !at_once && !clocks && !at_work(done)
    }
}

fn is_stage(action: &Action) -> bool {
    matches!(action.verb, Verb::Stage(_))
}

fn reads_clocks(action: &Action) -> bool {
    matches!(&action.verb, Verb::Probe(probes) if probes.contains(&Probe::Clocks))
}

/// Whether a process that these actions have started still does what it is
/// started for: it computes, takes memory, forks or reads.
fn at_work(done: &[Action]) -> bool {
    let mut working: Vec<&Action> = Vec::new();
    for action in done {
        match &action.verb {
            Verb::Spawn(spawn) => match spawn.workload {
                Workload::Burn(_)
                | Workload::Grow(_)
                | Workload::Storm(_)
                | Workload::DirectRead(_)
                | Workload::CachedRead(_) => working.push(action),
                // These have what they want at once, and sleep.
                Workload::Sleep | Workload::Hog(_) | Workload::Map(_) => {}
            },
            Verb::Wait(name) => working.retain(|one| one.result.as_ref() != Some(name)),
            Verb::Kill(kill) if kill.signal == Signal::KILL => working.retain(|one| {
                one.result.as_ref() != Some(&kill.to) && one.place.to_string() != kill.to
            }),
            Verb::AwaitEnd(name) => working.retain(|one| one.place.to_string() != name.as_str()),
            _ => {}
        }
    }
    !working.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(actions: &str) -> Plan {
        #[derive(serde::Deserialize)]
        struct Actions {
            action: Vec<Action>,
        }
        let actions = actions.lines().map(|line| {
            let line = line.trim().replace("; ", "\n");
            format!("[[action]]\nin = 'host'\n{line}\n")
        });
        let read: Actions = toml::from_str(&actions.collect::<String>()).unwrap();
        Plan {
            actions: read.action,
            ..Plan::default()
        }
    }

    fn waits(plan: &Plan) -> Vec<usize> {
        let all = 0..=plan.actions.len();
        all.filter(|index| plan.waits_before(*index)).collect()
    }

    #[test]
    fn what_says_something_begins_a_beat() {
        for (actions, beats, waited) in [
            ("do.probe = ['pid']", vec![0], vec![1]),
            (
                "do.probe = ['pid']\n\
                 do.probe = ['pid']; say = 'first'\n\
                 do.probe = ['pid']; say = 'second'\n\
                 do.probe = ['pid']",
                vec![0, 2],
                vec![2, 4],
            ),
            (
                "do.probe = ['pid']; say = 'a'\n\
                 do.stage = 'look'\n\
                 do.probe = ['pid']\n\
                 do.probe = ['pid']; say = 'b'\n\
                 do.probe = ['pid']; say = 'c'; at-once = true",
                vec![0, 2, 3, 4],
                vec![3, 5],
            ),
        ] {
            let plan = plan(actions);
            assert_eq!(plan.beats(), beats, "{actions}");
            assert_eq!(waits(&plan), waited, "{actions}");
        }
    }

    #[test]
    fn nobody_is_waited_for_while_something_is_measured() {
        for (begin, end, waited) in [
            (
                "do.spawn = { workload = { burn = '1s' } }; as = 'w'",
                "do.wait = 'w'",
                false,
            ),
            (
                "do.spawn = { workload = { storm = 9 } }; as = 'w'",
                "do.wait = 'w'",
                false,
            ),
            (
                "do.spawn = { workload = { grow = '1MiB' } }; as = 'w'",
                "do.kill = { signal = 'KILL', to = 'w' }",
                false,
            ),
            (
                "do.spawn = { workload = { cached-read = '1MiB' } }; as = 'w'",
                "do.wait = 'w'",
                false,
            ),
            (
                "do.spawn = { workload = { hog = '1MiB' } }; as = 'w'",
                "do.wait = 'w'",
                true,
            ),
            (
                "do.spawn = { workload = 'sleep' }; as = 'w'",
                "do.wait = 'w'",
                true,
            ),
            (
                "do.probe = ['clocks']",
                "do.probe = ['pid', 'clocks']",
                false,
            ),
            ("do.probe = ['clocks']", "do.probe = ['pid']", true),
        ] {
            let plan = plan(&format!("{begin}; say = 'a'\n{end}; say = 'b'"));
            assert_eq!(plan.waits_before(1), waited, "{begin}");
            assert!(plan.waits_before(2), "{begin}: it is over");
        }
        let other = plan(
            "do.spawn = { workload = { burn = '1s' } }; as = 'w'; say = 'a'\n\
             do.kill = { signal = 'KILL', to = 'another' }; say = 'b'",
        );
        assert!(!other.waits_before(2), "it goes on");
    }
}
