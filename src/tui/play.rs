//! The learner's place in a demo that is told beat by beat. What is on the screen may
//! lag behind what has happened: each beat is shown, whether or not the run could
//! wait at it.

/// The place among the beats of a step's run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Play {
    /// The beat that is shown; `None` stands for the end, where the verdict is.
    pub(super) at: Option<usize>,
    /// The furthest that has been shown; the verdict is beyond all beats.
    pub(super) furthest: usize,
    /// It goes through at the pace of the events.
    pub(super) through: bool,
    /// The next thing comes by itself after a while.
    pub(super) leaning: bool,
    /// The next beat is to be shown as soon as it begins.
    pub(super) onward: bool,
}

impl Play {
    /// A run begins.
    pub(super) fn begun(through: bool) -> Play {
        Play {
            at: Some(0),
            through,
            ..Play::default()
        }
    }

    /// Shows the end.
    pub(super) fn end(&mut self) {
        (self.at, self.furthest, self.onward) = (None, usize::MAX, false);
    }

    /// Shows this beat.
    pub(super) fn show(&mut self, beat: usize) {
        self.at = Some(beat);
        self.furthest = self.furthest.max(beat);
    }
}
