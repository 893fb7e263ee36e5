//! Judging and printing, without a kernel.

use super::*;
use crate::plan::{Fact, Need, Provenance, Unit};
use crate::plan::{Leftover, Refusal};
use std::time::Duration;

fn scenario(toml: &str) -> crate::course::Scenario {
    let source: crate::course::DemoSource = toml::from_str(toml).unwrap();
    crate::course::Scenario {
        plan: crate::plan::Checked::default(),
        predict: source.predict,
        expectations: source.expectations,
        charts: Vec::new(),
        show: Vec::new(),
        bars: Vec::new(),
        figure: None,
        knobs: Vec::new(),
    }
}

fn record(toml: &str, outcome: Outcome, mut events: Vec<Event>) -> Record {
    let scenario = scenario(toml);
    events.push(Event::Cleaned);
    let history = History::from(events);
    Record {
        verdicts: scenario
            .expectations
            .iter()
            .map(|expectation| judge(&expectation.when, &history))
            .collect(),
        scenario,
        history,
        outcome,
    }
}

fn fact(id: &str, value: Value) -> Event {
    Event::Fact(Fact {
        id: id.parse().unwrap(),
        value: Some(value),
        source: "uname(2)".into(),
        provenance: Provenance::Observed,
    })
}

const DEMO: &str = r#"
    [predict]
    ask = "What becomes of it?"
    choice = [
        { text = "new", when = { fact = "host/hostname", is = "kettle" } },
        { text = "kept", when = { fact = "host/hostname", is-not = "kettle" } },
    ]
    [[expect]]
    claim = "The box has the new name."
    when = { fact = "box/hostname", is = "kettle" }
"#;

#[test]
fn a_step_passes_when_claims_hold_and_one_answer_is_right() {
    let text = |s: &str| Value::Text(s.into());
    let good = vec![
        fact("box/hostname", text("kettle")),
        fact("host/hostname", text("vm")),
    ];
    assert_eq!(
        judge_record(&record(DEMO, Outcome::Passed, good.clone()), None),
        Status::Passed
    );

    let wrong = vec![
        fact("box/hostname", text("vm")),
        fact("host/hostname", text("vm")),
    ];
    assert_eq!(
        judge_record(&record(DEMO, Outcome::Failed, wrong), None),
        Status::Failed(vec![Problem {
            claim: "The box has the new name.".into(),
            expected: "kettle".into(),
            observed: "vm".into(),
        }])
    );

    let no_answer = vec![good[0].clone()];
    let Status::Failed(problems) = judge_record(&record(DEMO, Outcome::Passed, no_answer), None)
    else {
        panic!("a question without a right answer must fail");
    };
    assert_eq!(problems[0].expected, "exactly one right answer");
    assert_eq!(
        problems[0].observed,
        "none: `host/hostname` was not observed"
    );
}

#[test]
fn two_right_answers_are_one_too_many() {
    let quiz: Quiz = toml::from_str(
        r#"
        [[question]]
        ask = "How many?"
        choice = [
            { text = "some", when = { fact = "box/links", at-least = 1 } },
            { text = "one", when = { fact = "box/links", is = 1 } },
        ]
        [[question]]
        ask = "And in numbers?"
        number = "box/pid"
        "#,
    )
    .unwrap();
    let events = vec![fact("box/links", Value::Number(1, Unit::Count))];
    let record = record("", Outcome::Passed, events);
    let Status::Failed(problems) = judge_record(&record, Some(&quiz)) else {
        panic!("must fail");
    };
    let observed: Vec<&str> = problems.iter().map(|p| p.observed.as_str()).collect();
    assert_eq!(observed, ["2: some | one", "nothing"]);
}

#[test]
fn a_run_must_say_that_it_is_taken_down() {
    let mut record = record("", Outcome::Passed, Vec::new());
    record.history = History::default();
    assert!(matches!(judge_record(&record, None), Status::Failed(_)));
    // What is left is told beside the claims, which hold all the same.
    let left = vec![group_with_a_stranger()];
    record.history = History::from(vec![Event::Left { left }]);
    assert_eq!(judge_record(&record, None), Status::Passed);
}

fn group_with_a_stranger() -> Leftover {
    Leftover::Cgroup {
        path: "/sys/fs/cgroup/glassbox-x".into(),
        errno: None,
        members: vec![crate::plan::Member {
            pid: 77,
            name: "ba\x1bs\nh".into(),
        }],
        groups: Vec::new(),
    }
}

#[test]
fn the_exit_code_follows_the_tally() {
    for (passed, failed, skipped, left, exit) in [
        (3, 0, 0, 0, Exit::Well),
        (3, 0, 1, 0, Exit::Well),
        (3, 1, 1, 0, Exit::ClaimFailed),
        (0, 0, 2, 0, Exit::HostCant),
        (3, 0, 0, 1, Exit::Left),
        (3, 1, 1, 1, Exit::Left),
        (0, 0, 2, 2, Exit::Left),
    ] {
        let tally = Tally {
            passed,
            failed,
            skipped,
            left,
        };
        assert_eq!(tally.exit(), exit, "{tally:?}");
    }
}

#[test]
fn each_result_has_its_lines() {
    let lesson_meta = r#"
        title = "Namespaces"
        summary = "s"
        lock = "l"
        minutes = 1
    "#;
    let step = crate::course::Step {
        file: "01-namespaces/03-uts.md".into(),
        number: 3,
        meta: toml::from_str("id = 'uts'\ntitle = 'A hostname of its own'").unwrap(),
        prose: Default::default(),
        by_hand: Default::default(),
        result: Default::default(),
        in_docker: Default::default(),
        notes: Vec::new(),
        blocks: Default::default(),
    };
    let lesson = crate::course::Lesson {
        number: 1,
        name: "namespaces".into(),
        meta: toml::from_str(lesson_meta).unwrap(),
        steps: Vec::new(),
    };
    let chosen = Chosen {
        lesson: &lesson,
        step: &step,
        scenario: scenario(""),
    };
    let shown_with = |status, tell_round, left| {
        let mut bytes = Vec::new();
        let mut printer = Printer::new(&mut bytes, false);
        let finding = Finding {
            chosen: &chosen,
            round: 2,
            took: Duration::from_millis(12),
            status,
            verdicts: Vec::new(),
            left,
        };
        print(&finding, tell_round, &mut printer).unwrap();
        drop(printer);
        String::from_utf8(bytes).unwrap()
    };
    let shown = |status, tell_round| shown_with(status, tell_round, Vec::new());
    let left = vec![group_with_a_stranger()];
    assert_eq!(
        shown_with(Status::Passed, false, left),
        "ok 01/03 uts  A hostname of its own  (12 ms)\n\
         ! left: the cgroup /sys/fs/cgroup/glassbox-x: in it is process 77 (ba␛s ↵ h), not known to be \
         the run's\n  \
         try: `glassbox clean` once process 77 (ba␛s ↵ h) has left the group\n"
    );
    assert_eq!(
        shown(Status::Passed, false),
        "ok 01/03 uts  A hostname of its own  (12 ms)\n"
    );
    let problem = Problem {
        claim: "The box has the new name.".into(),
        expected: "kettle".into(),
        observed: "vm\x1b[2J".into(),
    };
    assert_eq!(
        shown(Status::Failed(vec![problem]), true),
        "FAIL 01/03 uts  A hostname of its own  (12 ms, round 2)\n     \
         The box has the new name.\n       expected: kettle\n       observed: vm␛[2J\n"
    );
    let refusal = Refusal {
        need: Need::Namespace(crate::plan::Namespace::Uts),
        stage: "unshare(CLONE_NEWUTS)".into(),
        errno: Some(crate::base::Errno(libc::EPERM)),
        cause: "user namespaces are off".into(),
        remedy: vec!["run it with sudo".into()],
    };
    assert_eq!(
        shown(Status::Skipped(refusal), false),
        "skip 01/03 uts  A hostname of its own  (12 ms)\n     missing: UTS namespace\n     \
         unshare(CLONE_NEWUTS): EPERM (Operation not permitted): user namespaces are off\n     \
         try: run it with sudo\n"
    );
}
