//! The end of a lesson, and of the course: what was done and right, what was missed,
//! and where to look again. It counts what is kept, so earlier sittings count too.

use super::model::Model;
use super::popup::{Again, End};
use crate::progress::{Answer, Said};

impl Model {
    /// The end of the lesson that is open, or of the whole course.
    pub(super) fn ending(&self, whole: bool) -> End {
        let kept = self.remember();
        let pack = kept.packs.get(&self.course.id());
        let mut end = End {
            whole,
            steps: 0,
            done: 0,
            judged: 0,
            right: 0,
            again: Vec::new(),
        };
        let here = |place: &usize| whole || self.lesson_at(*place).number == self.lesson().number;
        let places = (0..self.count()).filter(|place| self.is_on_route(*place));
        for place in places.filter(here) {
            end.steps += 1;
            let step = self.step_at(place);
            let Some(known) = pack.and_then(|pack| pack.steps.get(&step.meta.id.0)) else {
                continue;
            };
            // A page without a demo is done once it was read.
            end.done += usize::from(known.done || known.seen && !step.has_demo());
            let predicted = known.predicted.iter();
            predicted.for_each(|said| end.count(said, place, ""));
            let questions = step.quiz().into_iter().flat_map(|quiz| &quiz.question);
            for (said, question) in known.quiz.iter().zip(questions) {
                let see = question.see.as_ref();
                let seen = see
                    .and_then(|id| (0..self.count()).find(|at| self.step_at(*at).meta.id.0 == *id));
                end.count(said, seen.unwrap_or(place), &question.ask);
            }
        }
        end
    }
}

impl End {
    fn count(&mut self, said: &Said, place: usize, question: &str) {
        let Some(right) = said.right else {
            return;
        };
        self.judged += 1;
        self.right += usize::from(right);
        if !right {
            self.again.push(Again {
                place,
                question: question.into(),
                said: match &said.answer {
                    Answer::Choice(text) => text.clone(),
                    Answer::Number(number) => number.to_string(),
                    Answer::Skipped => "nothing".into(),
                },
            });
        }
    }
}
