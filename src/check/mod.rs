//! Expectation × history → verdict. Pure: no kernel, no clock, no terminal.
//!
//! A claim that a lesson makes is a [`Test`] of a fact. So is the choice in a
//! prediction or a quiz: the right answer is the one whose test holds on what
//! was observed, never one that the author wrote down.
//!
//! A claim that can't fail says nothing. What a demo could have been instead is
//! here, too: its [`mutants`].

mod expectation;
mod judge;
mod mutate;

pub use expectation::{Choice, Expectation, Literal, Question, Test, Verdict};
pub use judge::{judge, judge_claim, judge_test};
pub use mutate::{Mutant, mutants};
