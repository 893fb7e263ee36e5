//! Questions and what answers them: which choice is right as far as a pack tells
//! by itself, where it stands among the others, and whether the text beside the
//! question gives it away.
//!
//! The kernel judges an answer, not the pack. But a choice whose test a claim
//! makes too is the one that holds wherever the step does; and a recording has
//! the facts themselves.

use super::document::Document;
use super::model::{Course, Step};
use super::source::{Sink, Source};
use crate::base::{Diagnostic, nearest};
use crate::check::{Expectation, Question, Test, Verdict, judge};
use crate::plan::History;
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;

/// At which places the right answers of a course's questions stand.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Positions {
    /// How often the first choice is right, the second, and so on.
    pub right: Vec<usize>,
    /// Questions with choices of which neither claims nor a recording tell.
    pub unknown: usize,
}

/// Counts the places of the right answers, with the knobs at their starts.
pub(super) fn positions(course: &Course) -> Positions {
    let mut positions = Positions::default();
    for (_, step) in course.steps() {
        for (right, _) in asked(step) {
            match right {
                Some(index) => {
                    let longest = positions.right.len().max(index + 1);
                    positions.right.resize(longest, 0);
                    positions.right[index] += 1;
                }
                None => positions.unknown += 1,
            }
        }
    }
    positions
}

/// Every question of the step that has choices, the prediction first, with the
/// right one.
fn asked(step: &Step) -> Vec<(Option<usize>, Question)> {
    let Some(demo) = step.demo() else {
        return Vec::new();
    };
    let Ok(scenario) = demo.scenario(&Default::default()) else {
        return Vec::new();
    };
    let recorded = History::from(step.recorded_events(&scenario).to_vec());
    let quiz = step
        .quiz()
        .into_iter()
        .flat_map(|quiz| quiz.question.clone());
    let questions = scenario.predict.clone().into_iter().chain(quiz);
    questions
        .filter(|question| !question.choice.is_empty())
        .map(|question| {
            let right = right(&question, &scenario.expectations, &recorded);
            (right, question)
        })
        .collect()
}

/// The choice that holds where all claims do.
fn right(question: &Question, claims: &[Expectation], recorded: &History) -> Option<usize> {
    let holds = |test: &Test| match judge(test, recorded) {
        Verdict::Holds { .. } => Some(true),
        Verdict::Fails { .. } => Some(false),
        Verdict::Unknown { .. } => None,
    };
    let claimed = |test: &Test| claims.iter().any(|claim| &claim.when == test);
    let tests = || question.choice.iter().map(|choice| &choice.when);
    tests()
        .position(|test| holds(test) == Some(true))
        .or_else(|| tests().position(claimed))
}

/// Judges the mark `<!-- result -->` of a step.
pub(super) fn mark(sink: &mut Sink<'_>, at: Range<usize>, demo: bool, result: &Document) {
    if !demo {
        sink.error(
            "result-without-demo",
            at,
            "nothing is observed in this step, so what follows the mark would never appear",
            "leave the mark out, or give the step a block `demo`",
        );
    } else if result.blocks.is_empty() {
        sink.warning(
            "empty-result",
            at,
            "no text follows the mark `result`",
            "put behind it what the observation shows, or leave it out",
        );
    }
}

/// Tells of a text before the mark that has the key words of the right choice.
pub(super) fn told(sink: &mut Sink<'_>, mark: Range<usize>, step: &Step) {
    let predicts = step.demo().is_some_and(|demo| demo.predicts);
    let Some((Some(right), question)) = asked(step).into_iter().next().filter(|_| predicts) else {
        return;
    };
    let keys = key_words(&question, right);
    let texts = step.prose.texts();
    let tells = |text: &&String| {
        let words = words(text);
        keys.iter().all(|key| words.contains(key))
    };
    if !keys.is_empty()
        && let Some(text) = texts.iter().find(tells)
    {
        let start: String = text.chars().take(40).collect();
        sink.warning(
            "told-before",
            mark,
            format!(
                "a paragraph before the mark has the words of the right choice ({})",
                keys.join(", ")
            ),
            format!("put it behind the mark: `{start}…`"),
        );
    }
}

/// What a choice says that neither the question nor another choice does.
fn key_words(question: &Question, choice: usize) -> Vec<String> {
    let mut common = words(&question.ask);
    for (index, other) in question.choice.iter().enumerate() {
        if index != choice {
            common.extend(words(&other.text));
        }
    }
    let mut own = words(&question.choice[choice].text);
    own.retain(|word| !common.contains(word));
    own.sort();
    own.dedup();
    own
}

/// Words that say nothing by themselves.
const EMPTY: &str = " also because been does from have into itself just more much only other \
                     same some still than that their them then there they this what when which \
                     will with would your ";

/// The words that carry a meaning, numbers among them, each without the endings
/// that one and the same word takes.
fn words(text: &str) -> Vec<String> {
    let lower = text.to_lowercase();
    lower
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| word.parse::<i64>().is_ok() || word.chars().count() >= 4)
        .filter(|word| !EMPTY.contains(&format!(" {word} ")))
        .map(|word| {
            let stem = ["ing", "ed", "es", "s"];
            let cut = stem.iter().find_map(|end| word.strip_suffix(end));
            cut.filter(|cut| cut.len() >= 3).unwrap_or(word).to_string()
        })
        .collect()
}

/// Where a question sends whoever was wrong has to be there.
pub(super) fn seen_again(
    step: &Step,
    sources: &BTreeMap<PathBuf, String>,
    ids: &[String],
) -> Vec<Diagnostic> {
    let Some(text) = sources.get(&step.file) else {
        return Vec::new();
    };
    let source = Source::new(step.file.clone(), text.clone());
    let mut sink = Sink::new(&source);
    let place = |id: &str| {
        let quoted = format!("\"{id}\"");
        let mut keys = text.match_indices("see");
        let at = keys.find_map(|(at, _)| {
            let line = text[at..].lines().next().unwrap_or_default();
            line.find(&quoted).map(|column| at + column)
        });
        at.map_or(0..0, |at| at..at + quoted.len())
    };
    let questions = step.quiz().into_iter().flat_map(|quiz| &quiz.question);
    for id in questions.filter_map(|question| question.see.as_ref()) {
        if !ids.contains(id) {
            let help = match nearest(id, ids.iter().map(String::as_str)) {
                Some(close) => format!("did you mean `{close}`?"),
                None => "name the step to look at again by its id".into(),
            };
            sink.error(
                "unknown-step",
                place(id),
                format!("there is no step `{id}`"),
                help,
            );
        }
    }
    let scenario = step.demo().map(|demo| demo.scenario(&Default::default()));
    let predict = scenario.and_then(Result::ok).and_then(|it| it.predict);
    if let Some(id) = predict.and_then(|question| question.see) {
        sink.warning(
            "see-in-predict",
            place(&id),
            "a prediction is looked at again where it was made",
            "leave `see` out",
        );
    }
    sink.into_found()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(choices: &[(&str, &str)]) -> Question {
        let choices = choices.iter().map(|(text, when)| {
            format!("[[choice]]\ntext = {text:?}\nwhen = {{ fact = 'box/x', {when} }}\n")
        });
        let text = format!("ask = 'Is it dropped?'\n{}", choices.collect::<String>());
        toml::from_str(&text).unwrap()
    }

    #[test]
    fn the_right_choice_is_the_one_that_a_claim_makes() {
        let asked = question(&[("Yes", "is = 1"), ("No", "is = 0")]);
        let claim = |when: &str| -> Expectation {
            toml::from_str(&format!("claim = 'c'\nwhen = {{ fact = 'box/x', {when} }}")).unwrap()
        };
        for (claims, expected) in [
            (vec![claim("is = 0")], Some(1)),
            (vec![claim("is = 2"), claim("is = 1")], Some(0)),
            (vec![claim("at-least = 0")], None),
            (vec![], None),
        ] {
            assert_eq!(right(&asked, &claims, &History::default()), expected);
        }
    }

    #[test]
    fn a_recording_tells_more_than_claims() {
        let asked = question(&[("Yes", "is = 1"), ("No", "is = 0")]);
        let fact = r#"{"event":"fact","id":"box/x","value":{"number":[0,"count"]},"source":"s","provenance":{"label":"observed"}}"#;
        let Ok(Some(event)) = crate::record::read(fact) else {
            panic!("{:?}", crate::record::read(fact));
        };
        let recorded = History::from(vec![event]);
        assert_eq!(right(&asked, &[], &recorded), Some(1));
    }

    #[test]
    fn key_words_are_what_one_choice_alone_says() {
        let asked = question(&[
            ("The kernel drops it, silently", "is = 1"),
            ("The kernel kills 7 processes", "is = 0"),
        ]);
        assert_eq!(key_words(&asked, 0), ["drop", "silently"]);
        assert_eq!(key_words(&asked, 1), ["7", "kill", "process"]);
    }
}
