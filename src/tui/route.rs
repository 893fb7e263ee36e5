//! The way through the course: all steps in reading order, or those of a route.

use super::model::Model;
use crate::course::Route;

impl Model {
    /// The route that is followed; `None` where that is simply all steps.
    pub(super) fn route(&self) -> Option<&Route> {
        let pack = self.kept.packs.get(&self.course.id())?;
        let route = self.course.meta.route(pack.path.as_deref()?)?;
        Some(route).filter(|route| !route.steps.is_empty())
    }

    /// Whether a place is on the route.
    pub(super) fn is_on_route(&self, place: usize) -> bool {
        self.route()
            .is_none_or(|route| route.steps.contains(&self.step_at(place).meta.id))
    }

    /// The place before or behind the one that is open. From beside the route the way
    /// leads to the nearest place on it, in reading order.
    pub(super) fn beside(&self, forth: bool) -> Option<usize> {
        let places = 0..self.count();
        let Some(route) = self.route() else {
            let to = match forth {
                true => self.at.checked_add(1),
                false => self.at.checked_sub(1),
            };
            return to.filter(|to| places.contains(to));
        };
        let ids = route.steps.iter();
        let way: Vec<usize> = ids
            .filter_map(|id| places.clone().find(|at| self.step_at(*at).meta.id == *id))
            .collect();
        match (way.iter().position(|place| *place == self.at), forth) {
            (Some(index), true) => way.get(index + 1).copied(),
            (Some(index), false) => way.get(index.checked_sub(1)?).copied(),
            (None, true) => way.into_iter().filter(|place| *place > self.at).min(),
            (None, false) => way.into_iter().filter(|place| *place < self.at).max(),
        }
    }
}
