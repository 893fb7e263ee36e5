//! Popups: values in a stack, the last on top. Their lines are made in `content`.

use super::search::Hit;
use crate::plan::Leftover;

/// Something in front of the panes.
#[derive(Debug)]
pub(super) struct Popup {
    pub(super) kind: Kind,
    /// The entry that Enter takes, in the popups that are lists.
    pub(super) cursor: usize,
    /// The first line shown.
    pub(super) scroll: usize,
}

/// What it is.
#[derive(Debug)]
pub(super) enum Kind {
    /// The keys that apply now.
    Help,
    /// All steps, to jump to one.
    Outline,
    /// All steps that hold a query.
    Search { query: String, hits: Vec<Hit> },
    /// What a pack's demo will do, before it may.
    Consent,
    /// What a run could not remove.
    Left(Vec<Leftover>),
    /// What is to be known of the learner's progress.
    Notice(Vec<String>),
}

impl Popup {
    pub(super) fn new(kind: Kind) -> Popup {
        Popup {
            kind,
            cursor: 0,
            scroll: 0,
        }
    }

    pub(super) fn title(&self) -> &'static str {
        match self.kind {
            Kind::Help => "Keys",
            Kind::Outline => "Outline",
            Kind::Search { .. } => "Search",
            Kind::Consent => "May this step run?",
            Kind::Left(_) => "Not everything is gone",
            Kind::Notice(_) => "Your progress",
        }
    }
}
