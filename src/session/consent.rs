//! Consent: what may be carried out on this machine. The types leave no other
//! way: a run starts from an [`Agreed`] plan, and only these functions make one.

use crate::course::Origin;
use crate::plan::Checked;

/// A plan that may be carried out: one of the course's own, reviewed and
/// shipped in the binary, or one that the user read the summary of and said yes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agreed(Checked);

/// A plan from a directory, about which the user has to be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question(Checked);

/// Whether a plan may be carried out, by where it comes from.
///
/// # Errors
/// The question that has to be put to the user first.
pub fn ask(origin: &Origin, plan: &Checked) -> Result<Agreed, Question> {
    match origin {
        Origin::Embedded => Ok(Agreed(plan.clone())),
        Origin::Disk(_) => Err(Question(plan.clone())),
    }
}

impl Question {
    /// What it is about.
    pub fn plan(&self) -> &Checked {
        &self.0
    }

    /// The user has read what the plan does, and agrees.
    pub fn yes(self) -> Agreed {
        Agreed(self.0)
    }
}

impl Agreed {
    /// What was agreed to.
    pub fn plan(&self) -> &Checked {
        &self.0
    }

    /// The same for somebody who sits in front of it ([`Checked::attended`]):
    /// it does no other thing, and waits for them.
    pub fn attended(self) -> Agreed {
        Agreed(self.0.attended())
    }

    /// The same, with or without somebody whose word its stages await.
    pub fn with_stages(self, awaited: bool) -> Agreed {
        Agreed(self.0.with_stages(awaited))
    }

    /// A plan of this program's own making.
    pub(super) fn own(plan: Checked) -> Agreed {
        Agreed(plan)
    }
}
