//! What is served beyond the plan: what waits, what was asked of agents, and what is
//! held for somebody.

use super::clock::Clock;
use super::peers::Actor;
use crate::plan::{Action, BoxName, BoxSpec, CgroupSpec};
use crate::sandbox::base::service::{Lease, RequestId};
use crate::sandbox::wire::Id;
use std::collections::{BTreeMap, VecDeque};
use std::os::fd::OwnedFd;
use std::time::Duration;

/// How long an agent may take to start a program, or to see to one.
pub(super) const ANSWER: Duration = Duration::from_secs(10);
/// What is served.
#[derive(Default)]
pub(super) struct Service {
    /// What is done one after the other.
    pub(super) queue: VecDeque<Queued>,
    /// What was asked of agents, by the number that they know it by.
    pub(super) pending: BTreeMap<Id, Pending>,
    /// What is held, by the request that made it.
    pub(super) held: BTreeMap<RequestId, Holding>,
    /// The words of what failed in the request that is being carried out.
    pub(super) failed: Option<Vec<String>>,
}

/// A request that waits for those before it.
pub(super) struct Queued {
    /// Whose answer it will be; none if it is this process's own.
    pub(super) id: Option<RequestId>,
    pub(super) work: Work,
    pub(super) lease: Lease,
}

pub(super) enum Work {
    Act(Action),
    Group(CgroupSpec),
    Make(BoxSpec),
    End(BoxName),
}

/// A request that an agent sees to.
pub(super) struct Pending {
    pub(super) id: RequestId,
    pub(super) actor: Actor,
    /// When its answer would come too late; none once its program runs.
    pub(super) due: Option<Duration>,
    /// What its answer will have made.
    pub(super) lease: Option<Lease>,
}

/// Something that is held.
pub(super) struct Holding {
    pub(super) what: What,
    pub(super) time: Option<Duration>,
    /// When on its holder's clock it ends.
    pub(super) due: Option<Duration>,
    pub(super) clock: Clock,
    pub(super) holder: i32,
    /// Of a holder that isn't the main process.
    pub(super) pidfd: Option<OwnedFd>,
}

#[derive(Clone)]
pub(super) enum What {
    /// A program, by the number that its agent knows it by.
    Program {
        actor: Actor,
        start: Id,
    },
    Box(BoxName),
}
