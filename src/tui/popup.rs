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
    /// The parts of an installation, and which of them act.
    Parts,
    /// What the messages of a beat hold.
    Contents,
    /// What a pack's demo will do, before it may.
    Consent,
    /// What a run could not remove.
    Left(Vec<Leftover>),
    /// A lesson is through, or the course.
    End(End),
    /// What is to be known of the learner's progress.
    Notice(Vec<String>),
}

/// What there is to say at an end.
#[derive(Debug)]
pub(super) struct End {
    /// It is that of the course.
    pub(super) whole: bool,
    /// How many steps there are on the way, and how many of them are done.
    pub(super) steps: usize,
    pub(super) done: usize,
    /// How many answers the kernel has judged, and how many of them were right.
    pub(super) judged: usize,
    pub(super) right: usize,
    /// What was missed.
    pub(super) again: Vec<Again>,
}

/// An answer that wasn't right.
#[derive(Debug)]
pub(super) struct Again {
    /// Where to look again.
    pub(super) place: usize,
    /// The question; empty for a step's own prediction.
    pub(super) question: String,
    pub(super) said: String,
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
            Kind::Parts => "The parts",
            Kind::Contents => "The messages of this beat, the newest first",
            Kind::Consent => "May this step run?",
            Kind::Left(_) => "Not everything is gone",
            Kind::End(End { whole: false, .. }) => "The end of the lesson",
            Kind::End(End { whole: true, .. }) => "The end of the course",
            Kind::Notice(_) => "Your progress",
        }
    }
}
