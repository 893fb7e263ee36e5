//! Tables: samples in, numbers out.

use super::*;
use crate::plan::{Event, Fact};

const MIB: i64 = 1 << 20;

pub(in crate::render) fn sample(millis: i64, values: &[(&str, Value)]) -> Event {
    Event::Sample(Sample {
        at: millis * 1_000_000,
        values: values
            .iter()
            .map(|(id, value)| (id.parse().unwrap(), value.clone()))
            .collect(),
    })
}

fn chart(rate: bool, limit: Option<&str>) -> Chart {
    Chart {
        title: "What moves".into(),
        line: vec![ChartLine {
            label: "it".into(),
            fact: "host/g.x".parse().unwrap(),
        }],
        rate,
        limit: limit.map(|id| id.parse().unwrap()),
    }
}

fn history(unit: Unit, values: &[(i64, i64)]) -> History {
    let events = values
        .iter()
        .map(|(at, n)| sample(*at, &[("host/g.x", Value::Number(*n, unit))]));
    History::from(events.collect::<Vec<_>>())
}

/// Why, whether a rate, the unit, samples (ms, value), points.
type Row = (
    &'static str,
    bool,
    Unit,
    &'static [(i64, i64)],
    &'static [(f64, f64)],
);

#[test]
fn samples_become_points_in_the_facts_unit() {
    const MS: i64 = 1_000_000;
    #[rustfmt::skip]
    let table: [Row; 6] = [
        ("the clock starts at the first sample", false, Unit::Count,
            &[(500, 1), (1500, 3)], &[(0.0, 1.0), (1.0, 3.0)]),
        ("nanoseconds are shown as seconds", false, Unit::Nanos,
            &[(0, 500 * MS)], &[(0.0, 0.5)]),
        ("CPU time becomes percent of one CPU", true, Unit::Nanos,
            &[(0, 0), (100, 20 * MS), (200, 70 * MS)], &[(0.1, 20.0), (0.2, 50.0)]),
        ("a rate is the mean of a period, however often one looks", true, Unit::Nanos,
            &[(0, 0), (50, 20 * MS), (100, 20 * MS), (150, 40 * MS), (200, 40 * MS)],
            &[(0.1, 20.0), (0.15, 20.0), (0.2, 20.0)]),
        ("the time between two watches counts", true, Unit::Nanos,
            &[(0, 0), (100, 100 * MS), (1100, 100 * MS)], &[(0.1, 100.0), (1.1, 0.0)]),
        ("bytes grow by the second", true, Unit::Bytes,
            &[(0, 0), (500, MIB)], &[(0.5, 2.0 * MIB as f64)]),
    ];
    for (why, rate, unit, values, expected) in table {
        let plot = Plot::new(&chart(rate, None), &history(unit, values)).expect(why);
        let got = &plot.curves[0].points;
        let close = |a: f64, b: f64| (a - b).abs() < 1e-6;
        assert!(
            got.len() == expected.len()
                && got
                    .iter()
                    .zip(expected)
                    .all(|(a, b)| close(a.0, b.0) && close(a.1, b.1)),
            "{why}: {got:?}"
        );
    }
    assert_eq!(Plot::new(&chart(false, None), &History::default()), None);
    let one = history(Unit::Nanos, &[(0, 0)]);
    assert_eq!(
        Plot::new(&chart(true, None), &one),
        None,
        "no rate of one sample"
    );
}

#[test]
fn axes_end_on_a_label_that_is_easy_to_read() {
    #[rustfmt::skip]
    let table: [(Quantity, f64, &[&str]); 9] = [
        (Quantity::Bytes, 33.9 * MIB as f64, &["0 B", "8 MiB", "16 MiB", "24 MiB", "32 MiB", "40 MiB"]),
        (Quantity::Bytes, 0.0, &["0 B", "1 KiB"]),
        (Quantity::Bytes, 5000.0, &["0 B", "1 KiB", "2 KiB", "3 KiB", "4 KiB", "5 KiB"]),
        (Quantity::BytesPerSecond, 3.0 * MIB as f64, &["0 B/s", "1 MiB/s", "2 MiB/s", "3 MiB/s"]),
        (Quantity::Percent, 21.2, &["0 %", "5 %", "10 %", "15 %", "20 %", "25 %"]),
        (Quantity::Percent, 99.0, &["0 %", "20 %", "40 %", "60 %", "80 %", "100 %"]),
        (Quantity::Count, 10.6, &["0", "5", "10", "15"]),
        (Quantity::Count, 0.0, &["0", "1"]),
        (Quantity::Seconds, 0.9, &["0 s", "0.2 s", "0.4 s", "0.6 s", "0.8 s", "1 s"]),
    ];
    for (quantity, highest, expected) in table {
        let axis = Axis::of_values(highest, quantity);
        assert_eq!(axis.labels(), expected, "{quantity:?} {highest}");
        assert!(axis.max >= highest);
        for most in 1..20 {
            let (rows, steps) = (axis.rows(most), axis.labels().len() - 1);
            assert_eq!((rows - 1) % steps, 0, "each label has its row");
            assert!(rows <= most.max(steps + 1) && rows + steps > most);
        }
    }
    for (last, expected) in [
        (0.0, ["0 s", "0.05 s", "0.1 s"]),
        (0.62, ["0 s", "0.4 s", "0.8 s"]),
        (1.0, ["0 s", "0.5 s", "1 s"]),
        (1.3, ["0 s", "0.8 s", "1.6 s"]),
        (65.0, ["0 s", "40 s", "80 s"]),
    ] {
        let axis = Axis::of_time(last);
        assert_eq!(axis.labels(), expected, "{last}");
        assert!(axis.max >= last);
    }
}

#[test]
fn the_limit_is_what_was_read_or_says_why_not() {
    let observed = |value: Value| Fact {
        id: "host/g.max@end".parse().unwrap(),
        value: Some(value),
        source: String::new(),
        provenance: Provenance::Observed,
    };
    let absent = Fact {
        value: None,
        provenance: Provenance::Unavailable {
            because: "there is no such file".into(),
        },
        ..observed(Value::Flag(true))
    };
    let mib = |n: i64| Value::Number(n * MIB, Unit::Bytes);
    let max = || Value::Text("max".into());
    let known = |steps: &[(f64, f64, f64)], words: &str| Bound::Known {
        steps: steps
            .iter()
            .map(|(from, to, y)| (*from, *to, y * MIB as f64))
            .collect(),
        words: words.into(),
    };
    let unknown = |because: &str| Bound::Unknown {
        because: because.into(),
    };
    #[rustfmt::skip]
    let table: [(Vec<Value>, Option<Fact>, Bound); 9] = [
        (vec![], Some(observed(mib(32))), known(&[(0.0, 1.0, 32.0)], "32 MiB")),
        (vec![], Some(observed(max())), known(&[], "none")),
        (vec![], Some(absent), unknown("there is no such file")),
        (vec![], None, unknown("it has not been read")),
        (vec![], Some(observed(Value::Number(3, Unit::Count))), unknown("it counts something else than the lines do")),
        (vec![mib(8), mib(8), mib(8)], Some(observed(mib(32))), known(&[(0.0, 1.0, 8.0)], "8 MiB")),
        (vec![mib(8), mib(16), mib(16)], None, known(&[(0.0, 0.5, 8.0), (0.5, 1.0, 16.0)], "8 MiB, then 16 MiB")),
        (vec![mib(8), max(), mib(8)], None, known(&[(0.0, 0.5, 8.0), (1.0, 1.0, 8.0)], "8 MiB, then none, then 8 MiB")),
        (vec![max(), max(), max()], None, known(&[], "none")),
    ];
    for (sampled, fact, expected) in table {
        let mut events: Vec<Event> = (0..3)
            .map(|index| {
                let mut values = vec![("host/g.x", mib(index))];
                values.extend(
                    sampled
                        .get(index as usize)
                        .map(|v| ("host/g.max", v.clone())),
                );
                sample(index * 500, &values)
            })
            .collect();
        events.extend(fact.map(Event::Fact));
        let plot = Plot::new(
            &chart(false, Some("host/g.max@end")),
            &History::from(events),
        );
        assert_eq!(plot.unwrap().limit, Some(expected));
    }
}

#[test]
fn values_are_written_as_people_read_them() {
    for (quantity, value, expected) in [
        (Quantity::Percent, 19.6, "20 %"),
        (Quantity::Percent, 4.55, "4.5 %"),
        (Quantity::Percent, -0.1, "0 %"),
        (Quantity::PerSecond, 1.0, "1/s"),
        (Quantity::Count, 7.0, "7"),
        (Quantity::Bytes, 1.5 * MIB as f64, "1.5 MiB"),
        (Quantity::Seconds, 0.25, "250.0 ms"),
    ] {
        assert_eq!(quantity.text(value), expected);
    }
}
