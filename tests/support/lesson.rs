//! What is asked of every lesson: each value of each knob, each question, and
//! each command that is there to be pasted.

use super::paste::Pasted;
use super::skip::{missing, programs_of};
use super::{Limit, PATIENCE, User, glassbox as program, skip, users};
use glassbox::check::{Question, judge};
use glassbox::course::{self, Block, Course, Document, KnobValues, Scenario, Step};
use glassbox::plan::{Event, History, Value};

pub fn the_course() -> Course {
    course::embedded().unwrap_or_else(|mistakes| panic!("{mistakes:?}"))
}

/// A step's demo with its knobs at their start.
pub fn scenario_of(step: &Step) -> Scenario {
    let demo = step.demo().unwrap();
    demo.scenario(&KnobValues::new()).unwrap()
}

/// Every combination of a step's knobs: one `KnobValues` each.
fn combinations(step: &Step) -> Vec<KnobValues> {
    let knobs = step.demo().into_iter().flat_map(|demo| &demo.knobs);
    knobs.fold(vec![KnobValues::new()], |all, knob| {
        let set = |before: &KnobValues, value: &course::KnobValue| {
            let mut values = before.clone();
            values.insert(knob.name.clone(), value.clone());
            values
        };
        all.iter()
            .flat_map(|before| knob.values.iter().map(move |value| set(before, value)))
            .collect()
    })
}

/// The exit code of `glassbox run --json`, what it tells, and why it is refused.
fn run(user: User, step: &Step, values: &KnobValues) -> (Option<i32>, History, String) {
    let mut command = program(user);
    command.args(["run", "--json", &step.meta.id.0]);
    for (name, value) in values {
        command.args(["--set", &format!("{name}={value}")]);
    }
    let output = command.within(PATIENCE).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    // Of a step that is skipped the last line tells the call and the error.
    let last = text.lines().last().unwrap_or_default();
    let last = serde_json::from_str::<serde_json::Value>(last).unwrap_or_default();
    let part = |name: &str| last["refusal"][name].as_str().unwrap_or_default();
    let why = format!("{}: {}", part("stage"), part("cause"));
    let events = text
        .lines()
        .filter_map(|line| serde_json::from_str::<Event>(line).ok());
    (
        output.status.code(),
        History::from(events.collect::<Vec<_>>()),
        why,
    )
}

/// A question has one right answer: exactly one choice holds, or its fact is a number.
fn has_one_answer(question: &Question, history: &History) -> bool {
    match &question.number {
        Some(id) => history
            .fact(id)
            .is_some_and(|fact| matches!(fact.value, Some(Value::Number(..)))),
        None => {
            let right = question
                .choice
                .iter()
                .filter(|choice| judge(&choice.when, history).holds());
            right.count() == 1
        }
    }
}

/// Asserts it of each step of a lesson, for each user that the tests can play.
pub fn every_knob_keeps_the_claims_and_leaves_one_right_answer(lesson: &str) {
    const PASSED: i32 = 0;
    const NOT_HERE: i32 = 3;
    let course = the_course();
    for user in users() {
        for (_, step) in course.select(lesson) {
            for values in combinations(step) {
                let what = format!("{} with {values:?} as {user:?}", step.meta.id);
                let (code, history, why) = run(user, step, &values);
                if code == Some(NOT_HERE) {
                    let id = &step.meta.id;
                    skip(format_args!("this host can't do {id} as {user:?}: {why}"));
                    continue;
                }
                assert_eq!(code, Some(PASSED), "{what}");
                let scenario = step.demo().unwrap().scenario(&values).unwrap();
                let quiz = step.quiz().into_iter().flat_map(|quiz| &quiz.question);
                for question in scenario.predict.iter().chain(quiz) {
                    assert!(
                        has_one_answer(question, &history),
                        "{what}: {}",
                        question.ask
                    );
                }
            }
        }
    }
}

/// Asserts it of each step of a lesson.
pub fn every_step_predicts_and_shows_and_claims_and_explains(lesson: &str) {
    for (_, step) in the_course().select(lesson) {
        let id = &step.meta.id;
        let scenario = scenario_of(step);
        assert!(scenario.predict.is_some(), "{id} asks nothing");
        assert!(!scenario.show.is_empty(), "{id} shows nothing");
        assert!(scenario.expectations.len() >= 3, "{id} claims too little");
        assert!(!scripts(&step.by_hand).is_empty(), "{id} has no commands");
        assert!(
            !step.in_docker.blocks.is_empty(),
            "{id} says nothing of Docker"
        );
        assert!(!step.notes.is_empty(), "{id} has no speaker's note");
    }
}

/// Asserts it of each step of a lesson: every value of its evidence table is
/// there, from one named kernel on which every claim held.
pub fn every_step_has_a_recording_that_bears_its_claims_out(lesson: &str) {
    let course = the_course();
    let steps = course.select(lesson);
    assert!(!steps.is_empty());
    for (_, step) in steps {
        let id = &step.meta.id;
        let scenario = scenario_of(step);
        let events = step.recorded_events(&scenario);
        assert!(!events.is_empty(), "{id} has no recording");
        let history = History::from(events.to_vec());
        assert!(
            history
                .recorded_on()
                .is_some_and(|kernel| !kernel.is_empty()),
            "{id}"
        );
        for expectation in scenario.expectations.iter().filter(|e| !e.missing_ok) {
            let verdict = judge(&expectation.when, &history);
            assert!(verdict.holds(), "{id}: {}: {verdict:?}", expectation.claim);
        }
        let shown = scenario
            .show
            .iter()
            .flat_map(|row| [&row.inside, &row.outside]);
        for fact in shown.flatten() {
            assert!(history.fact(fact).is_some(), "{id} has not recorded {fact}");
        }
    }
}

/// Whether the programs that a step's commands name are here; else skips it.
#[track_caller]
pub fn can_paste(step: &Step, script: &str) -> bool {
    let missing = missing(&programs_of(script));
    if let Some(missing) = &missing {
        skip(format_args!("{} needs {missing}", step.meta.id));
    }
    missing.is_none()
}

/// The shell commands of a page.
pub fn scripts(page: &Document) -> Vec<&str> {
    page.blocks
        .iter()
        .filter_map(|block| match block {
            Block::Code(language, text) if language == "sh" => Some(text.as_str()),
            _ => None,
        })
        .collect()
}

/// Asserts that a shell has understood every command, whatever the kernel said,
/// and of each step listed that its blocks, together, have said all of this.
pub fn assert_said(pasted: &[Pasted], expected: &[(&str, &[&str])]) {
    for block in pasted {
        assert_well_spelt(&block.said, &format!("{}:\n{}", block.step, block.script));
    }
    for (step, parts) in expected {
        let blocks = pasted.iter().filter(|block| block.step == *step);
        let said: Vec<&str> = blocks.map(|block| block.said.as_str()).collect();
        let said = said.concat();
        for part in *parts {
            // A step of which nothing could be pasted has been told as skipped.
            assert!(said.is_empty() || said.contains(part), "{step}: {said}");
        }
    }
}

/// Asserts that a shell has understood every command, whatever the kernel said.
pub fn assert_well_spelt(errors: &str, what: &str) {
    for blunder in [
        "not found",
        "syntax error",
        "Usage",
        "unrecognized",
        "invalid option",
    ] {
        assert!(!errors.contains(blunder), "{what}: {errors}");
    }
}
