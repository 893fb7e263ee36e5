//! Questions: what the learner answered, and what the kernel answers.

use crate::check::{Question, Test, Verdict, judge};
use crate::plan::{History, Value};

/// An answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// One of the choices.
    Choice(usize),
    /// A number.
    Number(i64),
    /// The learner went on without one.
    Skipped,
}

/// The learner's side of a question.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Asked {
    /// The choice under the cursor.
    pub(super) cursor: usize,
    /// The digits typed so far.
    pub(super) typed: String,
    pub(super) answer: Option<Answer>,
}

/// The learner's way through a quiz.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Questioning {
    /// The question that is on; one past the last when all are done.
    pub(super) at: usize,
    /// The learner has seen the last picture, and goes on.
    pub(super) begun: bool,
    /// The open question has made room for the evidence.
    pub(super) aside: bool,
    asked: Vec<Asked>,
}

impl Questioning {
    pub(super) fn asked(&self, index: usize) -> Asked {
        self.asked.get(index).cloned().unwrap_or_default()
    }

    /// Goes on behind what was answered before.
    pub(super) fn resume(&mut self, answered: Vec<Asked>) {
        self.at = answered.len();
        self.asked = answered;
    }

    pub(super) fn asked_mut(&mut self) -> &mut Asked {
        if self.asked.len() <= self.at {
            self.asked.resize(self.at + 1, Asked::default());
        }
        &mut self.asked[self.at]
    }
}

/// What the kernel says to an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Comparison {
    /// What the learner said; `None` if nothing.
    pub(super) said: Option<String>,
    /// What was observed, or why that can't be told.
    pub(super) observed: Result<String, String>,
    /// `None` without an answer or an observation.
    pub(super) right: Option<bool>,
    /// What would have to be so for a wrong answer to be true.
    pub(super) because: Option<String>,
}

/// Compares an answer with what was observed.
pub(super) fn compare(
    question: &Question,
    answer: Option<Answer>,
    history: &History,
) -> Comparison {
    match &question.number {
        Some(id) => {
            let observed = match history.fact(id).and_then(|fact| fact.value.as_ref()) {
                Some(value @ Value::Number(n, _)) => Ok((*n, value.to_string())),
                Some(value) => Err(format!("`{value}` is not a number")),
                None => Err(unavailable(question, history)),
            };
            let said = match answer {
                Some(Answer::Number(n)) => Some(n),
                Some(Answer::Choice(_) | Answer::Skipped) | None => None,
            };
            Comparison {
                said: said.map(|n| n.to_string()),
                right: match (&observed, said) {
                    (Ok((n, _)), Some(said)) => Some(*n == said),
                    (Ok(_) | Err(_), _) => None,
                },
                observed: observed.map(|(_, text)| text),
                because: None,
            }
        }
        None => {
            let right = question
                .choice
                .iter()
                .position(|c| judge(&c.when, history).holds());
            let said = match answer {
                Some(Answer::Choice(index)) => Some(index),
                Some(Answer::Number(_) | Answer::Skipped) | None => None,
            };
            let chosen = said.and_then(|index| question.choice.get(index));
            let wrong = right.is_some() && right != said;
            Comparison {
                because: chosen.filter(|_| wrong).and_then(|c| c.because.clone()),
                said: chosen.map(|c| c.text.clone()),
                observed: match right {
                    Some(index) => Ok(question.choice[index].text.clone()),
                    None => Err(unavailable(question, history)),
                },
                right: right.and_then(|right| said.map(|said| said == right)),
            }
        }
    }
}

/// Why no answer is the right one.
fn unavailable(question: &Question, history: &History) -> String {
    let unknown = |test: &Test| match judge(test, history) {
        Verdict::Unknown { because } => Some(because),
        Verdict::Holds { .. } | Verdict::Fails { .. } => None,
    };
    let because = question
        .choice
        .iter()
        .find_map(|choice| unknown(&choice.when));
    match (because, &question.number) {
        (Some(because), _) => because,
        (None, Some(id)) => format!("`{id}` was not observed"),
        (None, None) => "none of these answers is what was observed".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Event, Fact, Provenance, Unit};

    fn history(n: i64) -> History {
        History::from(vec![Event::Fact(Fact {
            id: "box/pid".parse().unwrap(),
            value: Some(Value::Number(n, Unit::Id)),
            source: "getpid(2)".into(),
            provenance: Provenance::Observed,
        })])
    }

    #[test]
    fn the_right_answer_is_the_one_observed() {
        let choices: Question = toml::from_str(
            "ask = 'Pid?'\n[[choice]]\ntext = 'one'\nwhen = { fact = 'box/pid', is = 1 }\n\
             [[choice]]\ntext = 'many'\nwhen = { fact = 'box/pid', is-not = 1 }\n\
             because = 'the numbers would go on from the outer ones'",
        )
        .unwrap();
        let number: Question = toml::from_str("ask = 'Pid?'\nnumber = 'box/pid'").unwrap();
        for (question, answer, pid, observed, right) in [
            (&choices, Some(Answer::Choice(0)), 1, "one", Some(true)),
            (&choices, Some(Answer::Choice(0)), 7, "many", Some(false)),
            (&choices, Some(Answer::Skipped), 7, "many", None),
            (&number, Some(Answer::Number(7)), 7, "7", Some(true)),
            (&number, Some(Answer::Number(1)), 7, "7", Some(false)),
            (&number, None, 7, "7", None),
        ] {
            let found = compare(question, answer, &history(pid));
            assert_eq!(found.observed.as_deref(), Ok(observed));
            assert_eq!(found.right, right, "{answer:?} {pid}");
        }
        for (answer, pid, said) in [(1, 1, true), (1, 7, false), (0, 7, false)] {
            let found = compare(&choices, Some(Answer::Choice(answer)), &history(pid));
            assert_eq!(found.because.is_some(), said, "{answer} {pid}");
        }
        let found = compare(&choices, Some(Answer::Choice(0)), &History::default());
        assert_eq!(found.right, None);
        assert!(found.observed.is_err());
    }
}
