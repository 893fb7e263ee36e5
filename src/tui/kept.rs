//! What is kept of the model, and taken up again: where the learner was, what they
//! answered and chose. Observations are not kept: they would be of another time.

use super::model::Model;
use super::popup::{Kind, Popup};
use super::question::{Answer, Asked, compare};
use super::screen::Tab;
use super::theme::Theme;
use crate::base::chain;
use crate::check::Question;
use crate::course::{KnobValue, KnobValues};
use crate::plan::History;
use crate::progress::{self, Pack, Progress, Said};
use std::collections::BTreeMap;

/// The colours that were chosen before.
pub(super) fn theme(settings: &progress::Settings) -> Option<Theme> {
    let name = settings.theme.as_deref()?;
    Theme::ALL.into_iter().find(|theme| theme.name() == name)
}

/// What the learner has to know at the start.
pub(super) fn notes(aside: Option<String>, unkept: Option<&progress::Error>) -> Vec<String> {
    let unkept = unkept.map(|error| match error {
        progress::Error::Busy => "Another Glassbox of yours is open. This one knows what you did \
             before it was started, and keeps nothing of what you do here."
            .into(),
        _ => format!("What you do now is not kept: {}.", chain(error)),
    });
    aside.into_iter().chain(unkept).collect()
}

impl Model {
    /// Says something of the learner's progress, in front of all else.
    pub(super) fn tell(&mut self, notes: Vec<String>) {
        if !notes.is_empty() {
            self.popups.push(Popup::new(Kind::Notice(notes)));
            self.changed();
        }
    }

    /// Takes up what was kept.
    pub(super) fn recall(&mut self, kept: Progress) {
        self.kept = kept;
        let pack = self.kept.packs.get(&self.course.id()).cloned();
        let pack = pack.unwrap_or_default();
        for place in 0..self.count() {
            // What was opened before knew nothing of it.
            self.states[place].opened = place == self.at;
            if let Some(step) = pack.steps.get(&self.step_at(place).meta.id.0) {
                let (seen, done) = (step.seen, step.done);
                let state = &mut self.states[place];
                state.visited |= seen;
                state.done |= done;
            }
        }
        let here = self.step().meta.id.0.clone();
        if pack.at.is_some_and(|at| at == here) {
            let tab = pack.tab.unwrap_or_default();
            let tab = Tab::ALL.into_iter().find(|known| known.name() == tab);
            self.screen.tab = tab.unwrap_or(Tab::Evidence);
        }
        self.recall_step();
        self.changed();
    }

    /// What was kept of the step that is open: its knobs and its answers, as far as
    /// they are still among its values and choices.
    pub(super) fn recall_step(&mut self) {
        let id = &self.step().meta.id.0;
        let pack = self.kept.packs.get(&self.course.id());
        let Some(kept) = pack.and_then(|pack| pack.steps.get(id)).cloned() else {
            return;
        };
        let demo = self.step().demo();
        let knobs = demo.into_iter().flat_map(|demo| &demo.knobs);
        let values = knobs.filter_map(|knob| {
            let value = kept.knobs.get(&knob.name)?.clone();
            let value: KnobValue = serde_json::from_value(value).ok()?;
            knob.values
                .contains(&value)
                .then(|| (knob.name.clone(), value))
        });
        self.state_mut().knobs = values.collect();
        self.instantiate();
        let predict = self
            .scenario()
            .and_then(|scenario| scenario.predict.as_ref());
        // Who went on without a word is asked again.
        let spoken = kept.predicted.as_ref();
        let spoken = spoken.filter(|said| said.answer != progress::Answer::Skipped);
        let predicted = predict.zip(spoken);
        let predicted = predicted.and_then(|(question, said)| asked(question, said));
        let quiz = self.step().quiz();
        let questions = quiz.into_iter().flat_map(|quiz| &quiz.question);
        let answered: Vec<Asked> = questions
            .zip(&kept.quiz)
            .map_while(|(question, said)| asked(question, said))
            .collect();
        let state = self.state_mut();
        state.prediction = predicted.unwrap_or_default();
        state.quiz.resume(answered);
    }

    /// All that is to be kept.
    pub(super) fn remember(&self) -> Progress {
        let mut progress = self.kept.clone();
        progress.settings.sources = self.settings.sources;
        progress.settings.claims = self.settings.claims;
        let pack = progress.packs.entry(self.course.id()).or_default();
        pack.at = Some(self.step().meta.id.0.clone());
        pack.tab = Some(self.screen.tab.name().into());
        for place in 0..self.count() {
            if self.states[place].opened {
                self.remember_step(place, pack);
            }
        }
        progress
    }

    fn remember_step(&self, place: usize, pack: &mut Pack) {
        let (step, state) = (self.step_at(place), &self.states[place]);
        let kept = pack.steps.entry(step.meta.id.0.clone()).or_default();
        kept.seen = state.visited;
        kept.done = state.done;
        kept.knobs = knobs(&state.knobs);
        let history = state.record.as_ref().map(|record| &record.history);
        let scenario = state.scenario.as_ref().and_then(|made| made.as_ref().ok());
        let question = scenario.and_then(|scenario| scenario.predict.as_ref());
        kept.predicted = question.and_then(|question| {
            let before = kept.predicted.as_ref();
            said(question, state.prediction.answer, history, before)
        });
        let questions = step.quiz().into_iter().flat_map(|quiz| &quiz.question);
        let answers = questions.enumerate().map_while(|(index, question)| {
            let before = kept.quiz.get(index);
            said(question, state.quiz.asked(index).answer, history, before)
        });
        kept.quiz = answers.collect();
    }
}

fn knobs(values: &KnobValues) -> BTreeMap<String, serde_json::Value> {
    let values = values.iter().filter_map(|(name, value)| {
        let value = serde_json::to_value(value).ok()?;
        Some((name.clone(), value))
    });
    values.collect()
}

/// An answer with what the kernel said to it: now, or else before.
fn said(
    question: &Question,
    answer: Option<Answer>,
    history: Option<&History>,
    before: Option<&Said>,
) -> Option<Said> {
    let answer = answer?;
    let text = match answer {
        Answer::Choice(index) => progress::Answer::Choice(question.choice.get(index)?.text.clone()),
        Answer::Number(number) => progress::Answer::Number(number),
        Answer::Skipped => progress::Answer::Skipped,
    };
    let now = history.and_then(|history| compare(question, Some(answer), history).right);
    let before = before.filter(|before| before.answer == text);
    Some(Said {
        right: now.or(before.and_then(|before| before.right)),
        answer: text,
    })
}

/// An answer that was kept, if the question still has it.
fn asked(question: &Question, said: &Said) -> Option<Asked> {
    let choice = |text: &String| question.choice.iter().position(|it| it.text == *text);
    let mut asked = Asked::default();
    asked.answer = Some(match &said.answer {
        progress::Answer::Choice(text) => {
            asked.cursor = choice(text)?;
            Answer::Choice(asked.cursor)
        }
        progress::Answer::Number(number) => {
            question.number.as_ref()?;
            asked.typed = number.to_string();
            Answer::Number(*number)
        }
        progress::Answer::Skipped => Answer::Skipped,
    });
    Some(asked)
}
