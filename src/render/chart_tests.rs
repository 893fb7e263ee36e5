//! Charts as a reader sees them, and the invariants on any samples.

use super::plot::tests::sample;
use super::*;
use crate::course::{Chart, Scenario};
use crate::plan::{Checked, Event, History, Unit, Value};
use proptest::prelude::*;

fn scenario(charts: &[&str]) -> Scenario {
    Scenario {
        plan: Checked::default(),
        predict: None,
        expectations: Vec::new(),
        charts: charts
            .iter()
            .map(|chart| toml::from_str::<Chart>(chart).unwrap())
            .collect(),
        show: Vec::new(),
        bars: Vec::new(),
        figure: None,
        knobs: Vec::new(),
    }
}

const MEMORY: &str = "
title = 'Memory of the group'
limit = 'host/small.memory.max'
line = [
  { label = 'all of it', fact = 'host/small.memory.current' },
  { label = 'anon', fact = 'host/small.memory.anon' },
]";

const SHARES: &str = "
title = 'CPU time, percent of one CPU'
rate = true
line = [
  { label = 'light', fact = 'host/light.cpu.usage' },
  { label = 'heavy', fact = 'host/heavy.cpu.usage' },
]";

/// A group that grows by 1 MiB each 20 ms until it meets 32 MiB.
fn growth() -> Vec<Event> {
    let bytes = |n: i64| Value::Number(n << 18, Unit::Bytes);
    let grown = |step: i64| bytes((17 + step * 4).min(128));
    (0..36)
        .map(|step| {
            sample(
                step * 20,
                &[
                    ("host/small.memory.current", grown(step)),
                    ("host/small.memory.anon", bytes((step * 4).min(108))),
                    ("host/small.memory.max", bytes(128)),
                ],
            )
        })
        .collect()
}

/// Two groups that share a CPU 1 : 3; after a second one of them stops.
fn sharing() -> Vec<Event> {
    let (mut light, mut heavy) = (0, 0);
    let mut events = Vec::new();
    for step in 0..=30 {
        let values = [
            ("host/light.cpu.usage", Value::Number(light, Unit::Nanos)),
            ("host/heavy.cpu.usage", Value::Number(heavy, Unit::Nanos)),
        ];
        events.push(sample(step * 50, &values));
        let ms = 1_000_000;
        light += if step < 20 { 12 * ms } else { 50 * ms };
        heavy += if step < 20 { 38 * ms } else { 0 };
    }
    events
}

#[test]
fn a_limit_and_two_lines_without_colour() {
    let memory = plain(&charts(&scenario(&[MEMORY]), &growth().into(), 80));
    insta::assert_snapshot!("chart-memory", memory);
    let shares = plain(&charts(&scenario(&[SHARES]), &sharing().into(), 60));
    insta::assert_snapshot!("chart-shares", shares);
    let narrow = plain(&charts(&scenario(&[MEMORY, SHARES]), &growth().into(), 20));
    insta::assert_snapshot!("chart-narrow", narrow);
}

#[test]
fn a_limit_that_is_changed_is_a_step() {
    let chart = "title = 'CPU'\nrate = true\nlimit = 'host/g.cpu.max@then'\n\
                 line = [{ label = 'g', fact = 'host/g.cpu.usage' }]";
    let mut used = 0;
    let mut events = Vec::new();
    for step in 0..=30 {
        let (ceiling, limit) = match step {
            0..10 => (20, Value::Number(20, Unit::Percent)),
            10..20 => (50, Value::Number(50, Unit::Percent)),
            _ => (100, Value::Text("max".into())),
        };
        events.push(sample(
            step * 100,
            &[
                ("host/g.cpu.usage", Value::Number(used, Unit::Nanos)),
                ("host/g.cpu.max", limit),
            ],
        ));
        used += ceiling * 1_000_000;
    }
    let text = plain(&charts(&scenario(&[chart]), &events.into(), 80));
    insta::assert_snapshot!("chart-steps", text);
}

#[test]
fn without_samples_there_is_no_chart() {
    assert_eq!(charts(&scenario(&[MEMORY]), &History::default(), 80), []);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn charts_fit(
        values in prop::collection::vec((0i64..1 << 40, any::<i64>(), any::<i64>(), 0..6u8), 0..40),
        rate in any::<bool>(),
        title in super::tests::awkward(),
        label in super::tests::awkward(),
        width in 20usize..140,
    ) {
        let mut scenario = scenario(&[MEMORY]);
        scenario.charts[0].rate = rate;
        scenario.charts[0].title = format!("x{}", title.replace('\n', " "));
        scenario.charts[0].line[0].label = format!("x{label}");
        let units = [Unit::Bytes, Unit::Nanos, Unit::Count, Unit::Percent, Unit::Id];
        let mut at = 0;
        let mut events = Vec::new();
        for (pause, one, two, kind) in values {
            at += pause / 1_000_000;
            let unit = units[usize::from(kind) % units.len()];
            let limit = match kind {
                0..4 => Value::Number(two, Unit::Bytes),
                _ => Value::Text("max".into()),
            };
            events.push(sample(at, &[
                ("host/small.memory.current", Value::Number(one, unit)),
                ("host/small.memory.anon", Value::Number(two, unit)),
                ("host/small.memory.max", limit),
            ]));
        }
        let lines = charts(&scenario, &events.into(), width);
        let out = super::tests::checked(&lines, width);
        if !lines.is_empty() {
            let marks = super::tests::marks;
            let title = visible(&format!("x{}", title.replace('\n', " ")));
            prop_assert!(marks(&title).chars().all(|c| marks(&out).contains(c)));
        }
    }
}
