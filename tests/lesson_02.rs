//! Lesson 02, looked at as a learner would who tries everything; and what must
//! fail when a limit isn't there, or the process isn't below it.

#![allow(missing_docs)]

mod support;

use std::collections::BTreeSet;
use std::path::Path;
use support::lesson::{self, scenario_of, the_course};
use support::pack::{lacks_a_program, list, pack_with, public_tempdir, verify};
use support::paste::{Pasted, Taken, assert_refused, interrupt, paste};
use support::{
    User, alone, assert_nothing_left, can_make_groups, is_root, may_make_boxes, skip, state, users,
};
use toml::{Table, Value};

const LESSON: &str = "02-cgroups";

#[test]
fn every_value_of_every_knob_keeps_the_claims_and_leaves_one_right_answer() {
    let _turn = alone();
    lesson::every_knob_keeps_the_claims_and_leaves_one_right_answer("02");
}

#[test]
fn every_step_predicts_and_shows_and_claims_and_explains() {
    lesson::every_step_predicts_and_shows_and_claims_and_explains("02");
}

/// What moves in time is watched, and drawn with its limit where it has one.
#[test]
fn what_moves_is_drawn() {
    for (_, step) in the_course().select("02") {
        let scenario = scenario_of(step);
        let watched = scenario
            .plan
            .actions
            .iter()
            .any(|action| action.verb.name() == "watch");
        assert_eq!(
            watched,
            !scenario.charts.is_empty(),
            "{} watches in vain, or draws what it hasn't watched",
            step.meta.id
        );
    }
}

/// What each step's blocks must print at least, as root.
fn said() -> [(&'static str, &'static [&'static str]); 11] {
    let version_2 = Path::new("/sys/fs/cgroup/cgroup.controllers").exists();
    [
        ("controllers", &["hierarchy"]),
        ("group", &["inner: ", "Device or resource busy"]),
        ("shares", &["glassbox-light ", "glassbox-heavy "]),
        ("ceiling", &["nr_throttled"]),
        // The kernel may count a process that it kills more than once.
        ("memory", &["MemTotal", "oom_kill "]),
        (
            "oom-group",
            if version_2 {
                &["oom_kill "]
            } else {
                &["needs version 2"]
            },
        ),
        ("reads", &["copied"]),
        ("pids", &["max "]),
        ("freezer", &["frozen", "thawed"]),
        ("pressure", &["/sys/fs/cgroup"]),
        ("stages", &["container", "0m0."]),
    ]
}

/// Whether a block was right to say that it found no disk: what the files lie on
/// is no device that could be looked at (in a root filesystem on somebody else's).
fn has_no_disk(pasted: &[Pasted]) -> bool {
    let said = pasted.iter().flat_map(|block| block.said.lines());
    let mut from = said.filter_map(|line| line.strip_prefix("no disk is found below "));
    from.next()
        .is_some_and(|device| !Path::new(device).exists())
}

/// The commands of the page `By hand`, in either version. Of an ordinary user's
/// they say in their first line that they need root.
#[test]
fn the_commands_work_when_pasted_and_leave_nothing() {
    let _turn = alone();
    let before = state();
    for user in users() {
        let pasted = paste("02", |step| &step.by_hand, user, &[]);
        if user == User::Me && is_root() {
            if can_make_groups() {
                let mut said = said().to_vec();
                if has_no_disk(&pasted) {
                    skip("reads: the disk of this machine's files has no node in /dev");
                    said.retain(|(step, _)| *step != "reads");
                }
                lesson::assert_said(&pasted, &said);
                let killed = |block: &Pasted| block.said.contains("oom_kill 0");
                assert!(!pasted.iter().any(killed));
            }
        } else {
            assert_refused(&pasted);
        }
    }
    assert_nothing_left(&before, "the commands of lesson 02");
}

/// Where somebody has groups of these names, a block leaves them alone.
#[test]
fn the_commands_spare_groups_that_are_somebody_elses() {
    if !is_root() || !can_make_groups() {
        return;
    }
    let _turn = alone();
    let before = state();
    let names = |lesson: &str| {
        let scripts = paste(lesson, |step| &step.by_hand, User::Ordinary, &[]);
        scripts.iter().flat_map(Pasted::groups).collect::<Vec<_>>()
    };
    let mut all: BTreeSet<String> = ["02", "03/by-hand"].into_iter().flat_map(names).collect();
    // What temporary directories begin with.
    all.remove("glassbox-XXXXXX");
    assert!(all.len() >= 10, "{all:?}");
    let taken = Taken::make(&all);
    for lesson in ["02", "03/by-hand"] {
        for block in paste(lesson, |step| &step.by_hand, User::Me, &[]) {
            let stopped = ["File exists", "needs version 2", "no disk is found"];
            assert!(
                !block.needs_root() || stopped.iter().any(|said| block.said.contains(said)),
                "{}:\n{}",
                block.script,
                block.said
            );
        }
        taken.assert_as_they_were();
    }
    drop(taken);
    assert_nothing_left(&before, "groups of the names in lesson 02");
}

#[test]
fn the_commands_undo_what_they_did_when_they_are_interrupted() {
    if !is_root() || !can_make_groups() {
        return;
    }
    let _turn = alone();
    let before = state();
    interrupt("02");
    interrupt("03/by-hand");
    assert_nothing_left(&before, "interrupted commands");
}

/// The limits of the first group of a demo.
fn limits(demo: &mut Table) -> Option<&mut Table> {
    list(demo, "cgroup")?.first_mut()?["limits"].as_table_mut()
}

/// Lets no process into a group.
fn stay_out(demo: &mut Table) -> Option<()> {
    let mut found = None;
    for action in list(demo, "action")? {
        if let Some(spawn) = action["do"].get_mut("spawn").and_then(Value::as_table_mut)
            && spawn.remove("cgroup").is_some()
        {
            found = Some(());
        }
    }
    for spec in demo
        .get_mut("box")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
    {
        if spec.as_table_mut()?.remove("cgroup").is_some() {
            found = Some(());
        }
    }
    found
}

#[test]
fn without_its_limit_or_outside_of_the_group_a_step_fails() {
    if !can_make_groups() || !may_make_boxes(User::Me) {
        return;
    }
    let _turn = alone();
    type Change = (&'static str, fn(&mut Table) -> Option<()>);
    let unlimited: Change = ("without its limit", |demo| {
        let limits = limits(demo)?;
        let keys = ["memory", "pids", "cpu-max"];
        let key = keys.into_iter().find(|key| limits.contains_key(*key))?;
        limits.insert(key.into(), "max".into()).map(drop)
    });
    let equal: Change = ("with equal weights", |demo| {
        for group in list(demo, "cgroup")? {
            group["limits"]
                .as_table_mut()?
                .insert("cpu-weight".into(), 100.into());
        }
        Some(())
    });
    let apart: Change = ("with a CPU for each", |demo| {
        for action in list(demo, "action")? {
            if let Some(spawn) = action["do"].get_mut("spawn") {
                spawn.as_table_mut()?.remove("one-cpu");
            }
        }
        Some(())
    });
    let unset: Change = ("without its limits", |demo| {
        let action = list(demo, "action")?
            .iter_mut()
            .find(|action| action["do"].get("set-limits").is_some())?;
        let limits = action["do"]["set-limits"]["limits"].as_table_mut()?;
        for (_, value) in limits.iter_mut() {
            *value = "max".into();
        }
        Some(())
    });
    let never_frozen: Change = ("without the freeze", |demo| {
        list(demo, "action")?.iter_mut().for_each(|action| {
            if let Some(name) = action["do"].get("freeze").cloned() {
                action["do"] = Table::from_iter([("thaw".to_string(), name)]).into();
            }
        });
        Some(())
    });
    let outside: Change = ("outside of its group", stay_out);
    let mut changes: Vec<(&str, &str, Vec<Change>)> = vec![
        ("02-group.md", "group", vec![unlimited, outside]),
        ("03-shares.md", "shares", vec![equal, outside]),
        ("04-ceiling.md", "ceiling", vec![unlimited, outside]),
        ("05-memory.md", "memory", vec![unlimited, outside]),
        ("08-pids.md", "pids", vec![unlimited, outside]),
        ("09-freezer.md", "freezer", vec![never_frozen, outside]),
        ("10-pressure.md", "pressure", vec![outside]),
        ("11-stages.md", "stages", vec![unset, outside]),
    ];
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    if cpus > 1 {
        changes[1].2.push(apart);
    } else {
        skip("this machine has one CPU, on which all compete");
    }
    for (file, step, changes) in changes {
        let dir = public_tempdir();
        // As it is, the copy passes: the failures below have one cause each.
        pack_with(dir.path(), LESSON, file, &|_| Some(())).unwrap();
        let verdict = verify(dir.path(), step, User::Me);
        if lacks_a_program(&verdict) {
            continue;
        }
        let (code, text) = verdict;
        assert_eq!(code, Some(0), "{step} unchanged: {text}");
        for (what, change) in changes {
            let change = |demo: &mut Table| {
                // Without its limit a live knob would have nothing to turn.
                for knob in list(demo, "knob").into_iter().flatten() {
                    knob.as_table_mut()?.remove("live");
                }
                change(demo)
            };
            pack_with(dir.path(), LESSON, file, &change)
                .unwrap_or_else(|| panic!("{file} can't be had {what}"));
            let (code, text) = verify(dir.path(), step, User::Me);
            assert_eq!(code, Some(1), "{step} {what}: {text}");
            assert!(text.contains("FAIL"), "{text}");
        }
    }
}

/// What a host without these groups shows instead.
#[test]
fn every_step_has_a_recording_that_bears_its_claims_out() {
    lesson::every_step_has_a_recording_that_bears_its_claims_out("02");
}
