//! Bars as they stand on the screen.

use super::*;
use crate::plan::{Checked, Event, Fact};
use crate::render::plain;
use crate::render::tests::{awkward, checked, marks};
use proptest::prelude::*;

fn scenario(title: &str, bars: &[(&str, &str)]) -> Scenario {
    let bar = |(label, fact): &(&str, &str)| Bar {
        label: (*label).into(),
        fact: fact.parse().unwrap(),
    };
    Scenario {
        plan: Checked::default(),
        predict: None,
        expectations: Vec::new(),
        show: Vec::new(),
        charts: Vec::new(),
        bars: vec![Bars {
            title: title.into(),
            bar: bars.iter().map(bar).collect(),
        }],
        figure: None,
        knobs: Vec::new(),
    }
}

fn fact(id: &str, value: Option<Value>, provenance: Provenance) -> Event {
    Event::Fact(Fact {
        id: id.parse().unwrap(),
        value,
        source: "statx(2)".into(),
        provenance,
    })
}

fn bytes(id: &str, bytes: i64) -> Event {
    let value = Value::Number(bytes, Unit::Bytes);
    fact(id, Some(value), Provenance::Observed)
}

fn disk() -> Scenario {
    scenario(
        "What ten of them take on the disk",
        &[
            ("ten copies", "box/copies"),
            ("ten overlays", "box/overlays"),
            ("their uppers alone", "box/uppers"),
            ("nothing at all", "box/nothing"),
        ],
    )
}

#[test]
fn bars_at_three_widths() {
    let history = History::from(vec![
        bytes("box/copies", 640 << 20),
        bytes("box/overlays", 65 << 20),
        bytes("box/uppers", 40 << 10),
        bytes("box/nothing", 0),
    ]);
    for width in [30, 56, 100] {
        let lines = bars(&disk(), &history, width);
        checked(&lines, width);
        insta::assert_snapshot!(format!("bars-{width}"), plain(&lines));
    }
}

#[test]
fn what_is_no_number_says_why() {
    let kernel = "6.1.0".to_string();
    let because = "the store is gone".to_string();
    let history = History::from(vec![
        fact(
            "box/copies",
            Some(Value::Number(3 << 20, Unit::Bytes)),
            Provenance::Recorded { kernel },
        ),
        fact(
            "box/overlays",
            Some(Value::Number(7, Unit::Count)),
            Provenance::Observed,
        ),
        fact("box/uppers", None, Provenance::Unavailable { because }),
    ]);
    let lines = bars(&disk(), &history, 56);
    checked(&lines, 56);
    insta::assert_snapshot!("bars-missing", plain(&lines));
    let over = History::from(vec![Event::Cleaned]);
    assert!(plain(&bars(&disk(), &over, 56)).contains("not observed"));
    assert_eq!(bars(&scenario("none", &[]), &over, 56).len(), 1);
}

#[test]
fn only_more_than_nothing_has_a_bar_and_the_longest_ends_where_the_place_does() {
    let scale = Scale {
        most: 100,
        room: 10,
    };
    for (number, expected) in [
        (0, ""),
        (-5, ""),
        (1, "▏"),
        (5, "▌"),
        (50, "█████"),
        (99, "██████████"),
        (100, "██████████"),
    ] {
        assert_eq!(scale.bar(number), expected, "{number}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bars_fit(
        texts in prop::collection::vec(awkward(), 3),
        numbers in prop::collection::vec(any::<i64>(), 2),
        width in 20usize..120,
    ) {
        let texts: Vec<String> = texts.iter().map(|text| format!("x{text}")).collect();
        let scenario = scenario(&texts[0], &[(&texts[1], "box/a"), (&texts[2], "box/b")]);
        let history = History::from(vec![
            bytes("box/a", numbers[0]),
            bytes("box/b", numbers[1]),
        ]);
        let out = marks(&checked(&bars(&scenario, &history, width), width));
        for text in &texts {
            let shown = marks(&visible(&text.replace('\n', " ")));
            prop_assert!(shown.chars().all(|c| out.contains(c)), "{}", text);
        }
    }
}
