//! The state of one run, from the first agent to the last word.

use super::broken::{Broken, End};
use super::clock::Clock;
use super::disk::Disk;
use super::doing::Doing;
use super::found::Found;
use super::missing::Missing;
use super::peers::{Actor, Peer, StandingBox};
use super::service::Service;
use crate::plan::{BoxName, Plan};
use crate::sandbox::group::groups::Groups;
use crate::sandbox::sys::OneThread;
use crate::sandbox::wire::{Id, Reply, Scope, Standing, Wire};
use nix::sys::signalfd::SignalFd;
use nix::unistd::Pid;
use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::time::Duration;

/// How long a run may take before it has to hold or to end.
pub(super) const RUN_LIMIT: Duration = Duration::from_secs(120);
/// One run.
pub(super) struct Run {
    pub(super) one: OneThread,
    pub(super) main: Wire,
    pub(super) main_pid: i32,
    pub(super) main_pidfd: OwnedFd,
    /// The time in which the main process ran.
    pub(super) clock: Clock,
    /// When on that clock the run has to hold or to be over.
    pub(super) limit: Option<Duration>,
    pub(super) plan: Plan,
    pub(super) privileged: bool,
    /// SIGCHLD, which is blocked.
    pub(super) ends: SignalFd,
    /// The processes of the outer agents: all other children are orphans.
    pub(super) outer: Vec<Pid>,
    pub(super) host: Option<Peer>,
    pub(super) base: Option<Peer>,
    pub(super) newcomer: Option<Peer>,
    /// The number of the last request.
    pub(super) last_id: Id,
    /// The request that is waited for, and its answer.
    pub(super) awaited: Option<(Id, Option<Reply>)>,
    /// The action that is under way.
    pub(super) doing: Doing,
    /// When on the clock the agent that is waited for has taken too long, and how
    /// long that is.
    pub(super) until: Option<(Duration, Duration)>,
    /// What is served beyond the plan.
    pub(super) service: Service,
    pub(super) boxes: BTreeMap<BoxName, StandingBox>,
    /// The boxes that stood once: their namespaces can still be asked about.
    pub(super) known: BTreeMap<BoxName, Standing>,
    pub(super) ports: BTreeMap<String, u16>,
    pub(super) groups: Groups,
    /// The process of the course's engine, which the host's agent never reaps.
    pub(super) engine: Option<i32>,
    /// The run's own directory on a disk, once a `store` may need it.
    pub(super) disk: Option<Disk>,
    pub(super) scope: Scope,
    /// The groups that this host refused, and that the plan can do without.
    pub(super) missing: Missing,
    /// What has been found of this host.
    pub(super) found: Found,
    /// Whether a box had to do without a namespace that it asked for.
    pub(super) lacking: bool,
}

impl Run {
    /// Whoever acts, with the wire to it.
    pub(super) fn peer(&mut self, actor: &Actor) -> Result<&mut Peer, End> {
        let found = match actor {
            Actor::Host => self.host.as_mut(),
            Actor::Base => self.base.as_mut(),
            Actor::Newcomer => self.newcomer.as_mut(),
            Actor::Box(name) => self.boxes.get_mut(name).map(|standing| &mut standing.peer),
        };
        let missing = || match actor {
            Actor::Box(name) => Broken::Down(name.clone()),
            Actor::Host | Actor::Base | Actor::Newcomer => Broken::NoObserver,
        };
        found.ok_or_else(|| missing().into())
    }

    /// All of them.
    pub(super) fn peers(&mut self) -> impl Iterator<Item = (Actor, &mut Peer)> {
        let outer = [
            (Actor::Host, self.host.as_mut()),
            (Actor::Base, self.base.as_mut()),
            (Actor::Newcomer, self.newcomer.as_mut()),
        ];
        let outer = outer
            .into_iter()
            .filter_map(|(actor, peer)| Some((actor, peer?)));
        let boxes = self.boxes.iter_mut();
        outer.chain(boxes.map(|(name, standing)| (Actor::Box(name.clone()), &mut standing.peer)))
    }
}
