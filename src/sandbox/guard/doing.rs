//! The action that is under way, and the learner's word that it is enough.

use crate::sandbox::wire::Id;

/// What an order to go on can be about. It may be late: then its action is over,
/// and another one is none of its business. No two actions of a run have one
/// number, be they the plan's or beyond it.
#[derive(Debug, Default)]
pub(super) struct Doing {
    action: Option<usize>,
    /// How many there were beyond the plan.
    beyond: usize,
    released: bool,
    /// The request of a `watch` that is under way.
    watch: Option<Id>,
}

impl Doing {
    /// An action of the plan begins.
    pub(super) fn begin(&mut self, action: usize) {
        self.over();
        self.action = Some(action);
    }

    /// An action beyond a plan of so many begins; its number.
    pub(super) fn begin_beyond(&mut self, planned: usize) -> usize {
        let action = planned + self.beyond;
        self.beyond += 1;
        self.begin(action);
        action
    }

    /// It is over.
    pub(super) fn over(&mut self) {
        (self.action, self.released, self.watch) = (None, false, None);
    }

    /// It is a `watch`, asked for by this request.
    pub(super) fn watch(&mut self, id: Id) {
        self.watch = Some(id);
    }

    /// Another word for it is awaited.
    pub(super) fn hold(&mut self) {
        self.released = false;
    }

    /// Whether the learner has seen enough of it.
    pub(super) fn is_released(&self) -> bool {
        self.released
    }

    /// The order to go on: the `watch` that is to be ended by it.
    pub(super) fn enough(&mut self, action: usize) -> Option<Id> {
        if self.action != Some(action) {
            return None;
        }
        self.released = true;
        self.watch
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_order_releases_nothing_else() {
        let mut doing = Doing::default();
        assert_eq!(doing.enough(0), None);
        doing.begin(0);
        assert!(!doing.is_released(), "an order may not come early either");
        doing.watch(7);
        assert_eq!(doing.enough(1), None);
        assert!(!doing.is_released());
        assert_eq!(doing.enough(0), Some(7));
        assert!(doing.is_released());
        // The same order again, and again, when the next is under way.
        doing.begin(1);
        for late in [0, 0] {
            assert_eq!(doing.enough(late), None);
            assert!(!doing.is_released());
        }
        doing.over();
        assert_eq!(doing.enough(1), None);
        assert!(!doing.is_released());
    }

    #[test]
    fn actions_beyond_the_plan_have_numbers_of_their_own() {
        let mut doing = Doing::default();
        let first = doing.begin_beyond(2);
        doing.over();
        let second = doing.begin_beyond(2);
        assert_eq!((first, second), (2, 3));
        assert_eq!(doing.enough(first), None);
        assert!(!doing.is_released());
        doing.enough(second);
        assert!(doing.is_released());
    }
}
