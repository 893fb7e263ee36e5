//! Lesson 01, looked at as a learner would who tries everything: every value of
//! every knob, every question, and every command that is there to be pasted.

#![allow(missing_docs)]

mod support;

use support::lesson::{self, assert_well_spelt, can_paste, scripts, the_course};
use support::{alone, assert_nothing_left, shell, state, users};

#[test]
fn every_value_of_every_knob_keeps_the_claims_and_leaves_one_right_answer() {
    let _turn = alone();
    lesson::every_knob_keeps_the_claims_and_leaves_one_right_answer("01");
}

#[test]
fn every_step_predicts_and_shows_and_claims_and_explains() {
    lesson::every_step_predicts_and_shows_and_claims_and_explains("01");
}

#[test]
fn the_commands_work_when_pasted_and_leave_nothing() {
    let _turn = alone();
    let before = state();
    for user in users() {
        for (_, step) in the_course().select("01") {
            for script in scripts(&step.by_hand) {
                if !can_paste(step, script) {
                    continue;
                }
                // As in a terminal, a command that fails doesn't end the rest.
                let output = shell(user, &format!("set +e\n{script}"));
                let errors = String::from_utf8_lossy(&output.stderr);
                // Some of them are there to be refused; none to be misspelt.
                assert_well_spelt(&errors, &format!("{} as {user:?}", step.meta.id));
                let meant = step.meta.id.0 == "user";
                assert!(
                    meant || errors.is_empty(),
                    "{} as {user:?}:\n{script}\n{errors}",
                    step.meta.id
                );
            }
        }
    }
    assert_nothing_left(&before, "the commands of lesson 01");
}
