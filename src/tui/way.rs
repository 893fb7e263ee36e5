//! The way through a step: what is shown, and the natural next thing.

use super::model::Model;
use super::screen::{Pane, Tab};
use crate::plan::{Event, History};
use crate::record::{Beat, beats};

/// What the evidence shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Showing {
    /// Nothing has been run.
    Nothing,
    /// This beat of the run that is under way, or of the last one.
    Beat(usize),
    /// The run has ended: what was said, and what was observed.
    Verdict,
}

/// The natural next thing, which Enter does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// There is more to read in this pane.
    Read(Pane),
    /// There is a question, elsewhere than where the learner is.
    Question,
    /// The question that is on wants its answer.
    Answer,
    Run,
    /// A beat that has happened already.
    Beat,
    /// The run waits for the word.
    Word,
    /// A `watch` goes on for as long as the learner likes.
    Enough,
    /// Something is being done; there is nothing to do meanwhile.
    Wait,
    Verdict,
    /// The quiz goes on.
    Quiz,
    Step,
    /// That was the lesson: its end has a page.
    Lesson,
}

impl Model {
    /// What the evidence shows.
    pub(super) fn showing(&self) -> Showing {
        match (self.observed(), self.state().play.at) {
            (None, _) => Showing::Nothing,
            (Some(_), Some(beat)) => Showing::Beat(beat.min(self.newest())),
            (Some(_), None) if self.running().is_some() => Showing::Beat(self.newest()),
            (Some(_), None) => Showing::Verdict,
        }
    }

    /// The beats that have begun.
    pub(super) fn beats(&self) -> Vec<Beat> {
        self.observed().map_or(Vec::new(), |(scenario, history)| {
            beats(&scenario.plan, history)
        })
    }

    /// The beat that is shown, or the last one before it in which something was said.
    pub(super) fn talk(&self) -> Option<(&History, Beat)> {
        let (_, history) = self.observed()?;
        let last = match self.showing() {
            Showing::Nothing => return None,
            Showing::Beat(number) => number,
            Showing::Verdict => usize::MAX,
        };
        let said = |event: &Event| matches!(event, Event::Message(_));
        let beats = self.beats();
        let shown = beats.into_iter().enumerate().filter(|(at, _)| *at <= last);
        let mut talked = shown.filter(|(_, beat)| beat.of(history).iter().any(said));
        talked.next_back().map(|(_, beat)| (history, beat))
    }

    /// The newest of them.
    pub(super) fn newest(&self) -> usize {
        self.beats().len().saturating_sub(1)
    }

    /// How many the demo has.
    pub(super) fn beat_count(&self) -> usize {
        self.observed()
            .map_or(0, |(scenario, _)| scenario.plan.beats().len())
    }

    /// How many lines of a pane have never been on the screen.
    pub(super) fn unread(&self, pane: Pane) -> usize {
        // It isn't there to be read.
        if self.screen.big && pane == Pane::Prose {
            return 0;
        }
        let read = self.screen.read[self.screen.share(pane)];
        self.content.rows(pane).len().saturating_sub(read)
    }

    /// The natural next thing. Nothing is left unread for it.
    pub(super) fn natural(&self) -> Next {
        let focus = self.screen.focus;
        if self.unread(focus) > 0 {
            return Next::Read(focus);
        }
        if self.open_question().is_some() {
            let here = focus == Pane::Stage
                && self.screen.tab == Tab::Evidence
                && !self.state().quiz.aside;
            return if here { Next::Answer } else { Next::Question };
        }
        if self.runs.queued == Some(self.at) {
            return Next::Wait;
        }
        match self.showing() {
            Showing::Nothing if self.scenario().is_some() => return Next::Run,
            Showing::Nothing => {}
            Showing::Beat(beat) if beat < self.newest() => return Next::Beat,
            Showing::Beat(_) if self.paused().is_some() => return Next::Word,
            Showing::Beat(_) if self.live() => return Next::Enough,
            Showing::Beat(_) if self.busy() => return Next::Wait,
            Showing::Beat(_) => return Next::Verdict,
            Showing::Verdict => {}
        }
        if self.unread(Pane::Prose) > 0 {
            return Next::Read(Pane::Prose);
        }
        if self.state().record.is_some() && !self.quiz_done() {
            return Next::Quiz;
        }
        match self.beside(true) {
            Some(next) if self.lesson_at(next).number == self.lesson().number => Next::Step,
            Some(_) | None => Next::Lesson,
        }
    }
}
