//! The ledger of the overview: what it names is there, and can fail.

#![allow(missing_docs)]

mod support;

use glassbox::course::{KnobValues, Shown, StepId, claimed, embedded, ledger};
use serde_json::Value;
use support::{Limit, PATIENCE, Random, alone, glassbox, seed, users};

#[test]
fn what_the_ledger_names_is_there() {
    let course = embedded().unwrap();
    let ledger = ledger();
    assert!(ledger.len() >= 59, "{} statements", ledger.len());
    let mut missing = Vec::new();
    for (index, statement) in ledger.iter().enumerate() {
        let id = &statement.id;
        let known = ledger[..index].iter().any(|other| other.id == *id);
        assert!(!known, "{id} is there twice");
        assert!(!statement.says.is_empty(), "{id} says nothing");
        match &statement.shown {
            Shown::By(step, claim) => {
                let mut steps = course.steps().map(|(_, step)| step);
                let found = steps.find(|it| it.meta.id == *step);
                let demo = found.and_then(|step| step.demo());
                let there = demo.is_some_and(|demo| {
                    let scenario = demo.scenario(&KnobValues::new()).unwrap();
                    claimed(claim, &scenario).is_some()
                });
                if !there {
                    missing.push(format!("{id}: `{claim}` of {}", step.0));
                }
            }
            Shown::Later(lesson) => assert_eq!(lesson, "lesson 04", "{id}"),
            Shown::Not(reason) => assert!(!reason.is_empty(), "{id}"),
        }
    }
    assert!(missing.is_empty(), "not there:\n{}", missing.join("\n"));
    let not = |shown: &Shown| matches!(shown, Shown::Not(_));
    let unseen = ledger.iter().filter(|it| not(&it.shown)).count();
    assert!(unseen <= 3, "{unseen} statements aren't shown");
}

/// Steps whose mutants take a minute and more: `.ci/full mutations` has them.
const LONG: [&str; 8] = [
    "hungry",
    "shares",
    "ceiling",
    "memory",
    "reads",
    "stages",
    "waste",
    "two-containers",
];
/// How many statements are drawn.
const SAMPLE: usize = 2;

#[test]
fn a_sample_of_the_ledger_dies_under_mutation() {
    let _turn = alone();
    let Some(user) = users().first().copied() else {
        return;
    };
    let mut random = Random(seed());
    let shown: Vec<(StepId, String)> = ledger()
        .into_iter()
        .filter_map(|statement| match statement.shown {
            Shown::By(step, claim) if !LONG.contains(&step.0.as_str()) => Some((step, claim)),
            Shown::By(..) | Shown::Later(_) | Shown::Not(_) => None,
        })
        .collect();
    for _ in 0..SAMPLE {
        let (step, claim) = &shown[random.below(shown.len() as u64) as usize];
        let output = glassbox(user)
            .args(["verify", "--mutate", "--json", &step.0])
            .within(PATIENCE)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        let line: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        // A step that this host refuses has a status instead.
        if line["status"] == "skipped" {
            continue;
        }
        let course = embedded().unwrap();
        let (_, found) = course.steps().find(|(_, it)| it.meta.id == *step).unwrap();
        let demo = found.demo().unwrap();
        let number = claimed(claim, &demo.scenario(&KnobValues::new()).unwrap()).unwrap();
        let lot = &line["claims"][number]["lot"];
        assert!(
            lot == "killed" || lot == "unknown",
            "{}: {claim}: {line}",
            step.0
        );
    }
}
