//! Plans in TOML, and what becomes of them.

use super::*;
use crate::plan::{Action, BoxSpec, CgroupSpec};

/// A plan as a lesson writes it.
fn plan(text: &str) -> Plan {
    #[derive(serde::Deserialize)]
    struct Written {
        #[serde(default, rename = "cgroup")]
        cgroups: Vec<CgroupSpec>,
        #[serde(default, rename = "box")]
        boxes: Vec<BoxSpec>,
        #[serde(default, rename = "action")]
        actions: Vec<Action>,
    }
    let written: Written = toml::from_str(text).unwrap();
    let plan = Plan {
        cgroups: written.cgroups,
        boxes: written.boxes,
        actions: written.actions,
        ..Plan::default()
    };
    plan.check().unwrap().into_plan()
}

const HOSTNAME: &str = "
    box = [{ name = 'box', namespaces = ['uts'] }]
    action = [
      { in = 'host', do.probe = ['hostname', 'ns'] },
      { in = 'box', do.run = ['hostname', 'kettle'], as = 'rename' },
      { in = 'box', do.probe = ['hostname', 'ns'] },
    ]
";

const LAYERS: &str = "
    box = [{ name = 'box', namespaces = ['mount'] }]
    action = [
      { in = 'box', do.store = { path = '/mnt' } },
      { in = 'box', do.mkdir = '/mnt/a' },
      { in = 'box', do.mkdir = '/mnt/b' },
      { in = 'box', do.write = { path = '/mnt/a/file', text = 'x' } },
      { in = 'box', do.overlay = { lower = ['/mnt/a', '/mnt/b'], upper = '/mnt/up', at = '/mnt/v' } },
      { in = 'box', do.remove = '/mnt/v/file' },
      { in = 'box', do.probe = ['dir:/mnt/v'] },
    ]
";

const LIMITS: &str = "
    cgroup = [{ name = 'group', limits = { pids = 8 }, controllers = ['cpu', 'memory'] }]
    action = [
      { in = 'host', do.spawn = { workload = { storm = 20 }, cgroup = 'group' }, as = 'storm' },
      { in = 'host', do.wait = 'storm' },
      { in = 'host', do.set-limits = { cgroup = 'group', limits = { cpu-max = '20%' } } },
      { in = 'host', do.probe = ['group:group'] },
    ]
";

#[test]
fn everything_that_a_demo_is_about_is_changed() {
    for (text, changes) in [
        (
            HOSTNAME,
            &[
                "without action 2",
                "as a program that does nothing",
                "as a program that fails",
                "action 2 (in `box`: run the command  hostname kettle) before action 1",
                "`box` without a UTS namespace of its own",
                "on a machine played by a box",
                "`box` with all namespaces of its own",
                "the whole run with 20% of a CPU",
                "its boxes on one CPU",
            ][..],
        ),
        (
            LAYERS,
            &[
                "with /mnt/a missing",
                "without /mnt/b",
                "upside down",
                "without an upper layer",
                "as a copy of /mnt/a",
                "in the layer, /mnt/a/file",
                "with /mnt/a/file changed after action 5",
                "with /mnt/v/file changed after action 5",
                "with another text",
                "where a directory is",
                "without action 4",
            ],
        ),
        (
            LIMITS,
            &[
                "`group` without its limit of processes",
                "with 16 processes at most",
                "with 4 processes at most",
                "with a limit of cpu",
                "with a limit of memory",
                "without its ceiling of CPU time",
                "with a ceiling of 40% of a CPU",
                "with a ceiling of 10% of a CPU",
                "outside of the group",
            ],
        ),
    ] {
        let told: Vec<String> = mutants(&plan(text))
            .into_iter()
            .map(|it| it.change)
            .collect();
        for change in changes {
            let found = told.iter().any(|it| it.contains(change));
            assert!(found, "{change} is not among:\n{}", told.join("\n"));
        }
    }
}

/// Each mutant is another plan than the demo and than each other one, looks at
/// what the demo looks at, and doesn't write to what the host has mounted.
#[test]
fn a_mutant_is_another_plan_that_sees_the_same() {
    for text in [HOSTNAME, LAYERS, LIMITS] {
        let plan = plan(text);
        let looks = |plan: &Plan| -> Vec<Verb> {
            let all = plan.actions.iter().map(|action| action.verb.clone());
            all.filter(|verb| matches!(verb, Verb::Probe(_))).collect()
        };
        let all = mutants(&plan);
        for (index, mutant) in all.iter().enumerate() {
            assert_eq!(looks(&mutant.plan), looks(&plan), "{}", mutant.change);
            assert!(mutant.plan.guarded, "{}", mutant.change);
            assert!(all[..index].iter().all(|it| it.plan != mutant.plan));
        }
    }
}

/// What a box without its namespace would do to the machine, it does to a box that
/// has one, or doesn't do.
#[test]
fn no_mutant_reaches_the_machine() {
    let of = |told: &str| -> Vec<Mutant> {
        let all = mutants(&plan(HOSTNAME)).into_iter();
        all.filter(|it| it.change.starts_with(told)).collect()
    };
    let without = of("`box` without a UTS namespace of its own");
    assert_eq!(without.len(), 2);
    for mutant in without {
        let named = |action: &&Action| action.result.as_deref() == Some("rename");
        let rename = mutant.plan.actions.iter().find(named).unwrap();
        match &mutant.machine {
            Some(machine) => {
                let place = Place::Box("box".parse().unwrap());
                assert!(mutant.plan.contained(&place, crate::plan::Namespace::Uts));
                let box_ = mutant.plan.find(&"box".parse().unwrap()).unwrap();
                assert_eq!(box_.parent.as_ref(), Some(machine));
                assert_eq!(mutant.plan.actions[0].place, Place::Box(machine.clone()));
            }
            None => assert_eq!(rename.verb, Verb::Run(vec!["true".into()])),
        }
    }
}
