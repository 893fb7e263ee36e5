//! Lesson 01, looked at as a learner would who tries everything: every value of
//! every knob, every question, and every command that is there to be pasted.

#![allow(missing_docs)]

mod support;

use support::lesson;
use support::paste::paste;
use support::{alone, assert_nothing_left, state, users};

#[test]
fn every_value_of_every_knob_keeps_the_claims_and_leaves_one_right_answer() {
    let _turn = alone();
    lesson::every_knob_keeps_the_claims_and_leaves_one_right_answer("01");
}

#[test]
fn every_step_predicts_and_shows_and_claims_and_explains() {
    lesson::every_step_predicts_and_shows_and_claims_and_explains("01");
}

/// What each step's blocks must print at least.
const SAID: [(&str, &[&str]); 13] = [
    ("opening", &["little"]),
    ("everything", &["MemTotal"]),
    ("table", &["uts:["]),
    ("uts", &["kettle"]),
    ("pid", &["still here, pid 1", "none"]),
    ("mount", &["recipe", "/mnt/leak"]),
    ("net", &["LOOPBACK"]),
    ("ipc", &["QSIZE"]),
    ("user", &["CapEff", "kingdom", "/mnt/gift"]),
    ("cgroup-ns", &[":/"]),
    ("time", &["."]),
    ("hungry", &["67108864"]),
    ("lock", &["locked"]),
];

#[test]
fn the_commands_work_when_pasted_and_leave_nothing() {
    let _turn = alone();
    let before = state();
    for user in users() {
        let pasted = paste("01", |step| &step.by_hand, user, &[]);
        lesson::assert_said(&pasted, &SAID);
        let mut pings = pasted.iter().filter(|block| block.script.contains("ping "));
        assert!(pings.all(|block| block.said.contains("1 received")));
    }
    assert_nothing_left(&before, "the commands of lesson 01");
}
