//! The supervisor: the guardian of one run. It is armed before anything is
//! made, it outlives the main process, and it takes everything down.

mod arrival;
mod cgroups;
mod clock;
mod disk;
mod host;
mod missing;
mod serve;
mod waiting;

use arrival::accepted;
use disk::Disk;
pub(super) use disk::sweep_disks;
pub(super) use host::privileged;

use clock::{Clock, TICK};
use host::{inode, maps_nobody};
use missing::Missing;
use serve::Service;
use waiting::out_of_turn;

use super::agent::{self, Outer};
use super::anew::SUPERVISOR_COMM;
use super::children::children;
use super::groups::Groups;
use super::members::{end_all, is_of_this_run};
use super::own::OwnMounts;
use super::scope::{self, Scope};
use super::sys::{self, Forked, OneThread};
use super::wire::{
    Creation, Id, Lost, Order, Received, Reply, Request, Standing, Task, Told, Wire,
};
use crate::base::Errno;
use crate::plan::{
    Action, BoxName, BoxSpec, Ending, Event, Fact, FactRef, Leftover, Namespace, Need, Observer,
    Place, Plan, Provenance, Refusal, Value, Verb,
};
use crate::probe::host::{Settings, explain};
use nix::sys::signalfd::SignalFd;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use std::collections::BTreeMap;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant};

/// How long a run may take before it has to hold or to end.
const RUN_LIMIT: Duration = Duration::from_secs(120);
/// How long killed processes may take to end. A kill is a matter of milliseconds,
/// but for a process that waits in the kernel for a device or a frozen group.
const END_LIMIT: Duration = Duration::from_secs(10);
/// The id that root inside a box is outside, when root runs the course:
/// `nobody`, the kernel's overflow id.
const NOBODY: (u32, u32) = (65_534, 65_534);

/// Why a run ends.
#[derive(Debug)]
enum End {
    /// The main process is gone, or has asked to finish.
    Asked,
    /// It can't go on, and the reason has been told.
    Told,
    /// It can't go on.
    Broken(String),
}

impl From<std::io::Error> for End {
    fn from(error: std::io::Error) -> Self {
        End::Broken(format!("the wire to a helper broke: {error}"))
    }
}

/// Who acts: an outer agent or the pid 1 of a box.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Actor {
    Host,
    Base,
    /// The pid 1 of a box that is being made.
    Newcomer,
    Box(BoxName),
}

/// An agent as the supervisor sees it.
struct Peer {
    wire: Wire,
    /// Why nothing more comes from it.
    lost: Option<Lost>,
}

impl From<Wire> for Peer {
    fn from(wire: Wire) -> Self {
        Peer { wire, lost: None }
    }
}

/// A box that stands, and what it takes to end it.
struct StandingBox {
    peer: Peer,
    pidfd: OwnedFd,
    standing: Standing,
    creator: Actor,
    /// Its pid as its creator counts.
    child: i32,
}

/// One run.
struct Run {
    one: OneThread,
    main: Wire,
    main_pid: i32,
    main_pidfd: OwnedFd,
    /// The time in which the main process ran.
    clock: Clock,
    /// When on that clock the run has to hold or to be over.
    limit: Option<Duration>,
    plan: Plan,
    privileged: bool,
    /// SIGCHLD, which is blocked.
    ends: SignalFd,
    /// The processes of the outer agents: all other children are orphans.
    outer: Vec<Pid>,
    host: Option<Peer>,
    base: Option<Peer>,
    newcomer: Option<Peer>,
    /// The number of the last request.
    last_id: Id,
    /// The request that is waited for, and its answer.
    awaited: Option<(Id, Option<Reply>)>,
    /// The action of the plan that is under way, and whether the learner has
    /// seen enough of it.
    doing: Option<usize>,
    released: bool,
    /// The request of a `watch` that is under way.
    watch: Option<Id>,
    /// When on the clock the agent that is waited for has taken too long, and how
    /// long that is.
    until: Option<(Duration, Duration)>,
    /// What is served beyond the plan.
    service: Service,
    boxes: BTreeMap<BoxName, StandingBox>,
    /// The boxes that stood once: their namespaces can still be asked about.
    known: BTreeMap<BoxName, Standing>,
    ports: BTreeMap<String, u16>,
    groups: Groups,
    /// The run's own directory on a disk, once a `store` may need it.
    disk: Option<Disk>,
    scope: Scope,
    /// The groups that this host refused, and that the plan can do without.
    missing: Missing,
    /// Whether a box had to do without a namespace that it asked for.
    lacking: bool,
}

/// The whole life of the supervisor: `wire` leads to the main process, which
/// awaits a hello from one that systemd-run has started.
pub(super) fn supervise(
    one: OneThread,
    wire: OwnedFd,
    main_pid: i32,
    hello: bool,
) -> std::process::ExitCode {
    let failed = std::process::ExitCode::FAILURE;
    sys::ignore_signals();
    // A session of its own: neither Ctrl-C nor a closed terminal reaches it.
    let _ = nix::unistd::setsid();
    // Where the learner stands must stay free to be unmounted or removed.
    let _ = nix::unistd::chdir("/");
    if let Ok(name) = std::ffi::CString::new(SUPERVISOR_COMM) {
        let _ = nix::sys::prctl::set_name(&name);
    }
    // Orphans of the boxes come to us, so that none is missed.
    if nix::sys::prctl::set_child_subreaper(true).is_err() {
        return failed;
    }
    // The pidfd before the question whether its owner still lives: a pid that
    // is still our parent's now can't have been recycled in between.
    let main_pidfd = sys::pidfd_open(Pid::from_raw(main_pid));
    if nix::unistd::getppid().as_raw() != main_pid {
        return failed;
    }
    let mut main = Wire::from(wire);
    if hello {
        // From here on it is the pidfd that tells of our owner's end.
        let _ = nix::sys::prctl::set_pdeathsig(None);
        if !matches!(main.send(&Told::Hello, Vec::new()), Ok(Ok(()))) {
            return failed;
        }
    }
    // Nothing has been made yet: the end of the wire is as good as a pidfd.
    let Ok(Some(Received {
        message: Order::Carry { plan, hold, scope },
        ..
    })) = main.receive(None)
    else {
        return failed;
    };
    let plan = match accepted(plan) {
        Ok(plan) => plan,
        Err(message) => {
            for event in [Event::Broken { message }, Event::Cleaned] {
                let _ = main.send(&Told::Event(event), Vec::new());
            }
            return failed;
        }
    };
    let scope = scope.seen_from_inside();
    let delegated = matches!(scope, Scope::Own(_)) || scope::has_own_group(&plan, main_pid);
    let main_pidfd = match main_pidfd {
        Ok(main_pidfd) => main_pidfd,
        // Nothing has been made yet, and nothing will be without a guardian.
        Err(errno) => {
            let message = format!(
                "pidfd_open({main_pid}): {errno}; it needs Linux 5.6, and no filter that forbids it"
            );
            for event in [Event::Broken { message }, Event::Cleaned] {
                let _ = main.send(&Told::Event(event), Vec::new());
            }
            return failed;
        }
    };
    let Ok(ends) = sys::watch_children() else {
        return failed;
    };
    let mut run = Run {
        one,
        main,
        main_pid,
        main_pidfd,
        clock: Clock::new(),
        limit: Some(RUN_LIMIT),
        plan,
        privileged: privileged(),
        ends,
        outer: Vec::new(),
        host: None,
        base: None,
        newcomer: None,
        last_id: 0,
        awaited: None,
        doing: None,
        released: false,
        watch: None,
        until: None,
        service: Service::default(),
        boxes: BTreeMap::new(),
        known: BTreeMap::new(),
        ports: BTreeMap::new(),
        groups: Groups::new(delegated),
        scope,
        disk: None,
        missing: Missing::new(),
        lacking: false,
    };
    let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run.carry(hold)));
    let message = match ended {
        Ok(Ok(()) | Err(End::Asked | End::Told)) => None,
        Ok(Err(End::Broken(message))) => Some(message),
        Err(_) => Some("the helper panicked; please report this".into()),
    };
    if let Some(message) = message {
        let broken = run.broken(message);
        let _ = run.tell(broken);
    }
    let left = run.take_down();
    let last = match left.is_empty() {
        true => Event::Cleaned,
        false => Event::Left { left },
    };
    let _ = run.tell(last);
    run.say_farewell();
    std::process::ExitCode::SUCCESS
}

impl Run {
    /// Carries the plan out.
    fn carry(&mut self, hold: bool) -> Result<(), End> {
        let kernel = nix::sys::utsname::uname().map_or(String::new(), |uts| {
            uts.release().to_string_lossy().into_owned()
        });
        let observer = Observer {
            kernel,
            uid: nix::unistd::getuid().as_raw(),
            supervisor: std::process::id() as i32,
            scope: match &self.scope {
                Scope::Own(unit) => Some(unit.clone()),
                Scope::NotAsked | Scope::Refused(_) => None,
            },
        };
        self.tell(Event::Started(observer))?;
        self.host = Some(self.start_outer(Outer::Host)?);
        self.await_done(&Actor::Host, 0)?;
        let later: Vec<BoxName> = self
            .plan
            .actions
            .iter()
            .filter_map(|action| match &action.verb {
                Verb::Create(name) => Some(name.clone()),
                _ => None,
            })
            .collect();
        for spec in self.plan.cgroups.clone() {
            let needs = self.plan.controllers_of(&spec);
            self.make_group(&spec, &needs)?;
        }
        for spec in self.plan.boxes.clone() {
            if !later.contains(&spec.name) {
                self.create(&spec)?;
            }
        }
        for (index, action) in self.plan.actions.clone().into_iter().enumerate() {
            (self.doing, self.released) = (Some(index), false);
            self.tell(Event::Doing { action: index })?;
            self.act(index, &action)?;
        }
        // What was seen without it shows nothing, whatever it was.
        if let Some(taken) = self.groups.taken(None) {
            self.tell(Event::Refused(taken.refusal(None)))?;
            return Err(End::Told);
        }
        (self.doing, self.limit) = (None, None);
        self.tell(Event::Holding)?;
        match hold {
            true => self.serve(),
            false => Ok(()),
        }
    }

    /// Tells that the host refused something, with cause and remedy.
    fn refused(
        &mut self,
        need: &Need,
        stage: &str,
        errno: Option<Errno>,
        profile: Option<String>,
    ) -> Result<(), End> {
        let refusal = self.explained(need, stage, errno, profile);
        self.tell(Event::Refused(refusal))
    }

    /// Why the run broke off: what it says, unless a controller was taken away
    /// from it, which nothing that a demo does is meant for.
    fn broken(&self, message: String) -> Event {
        match self.groups.taken(None) {
            Some(taken) => Event::Refused(taken.refusal(None)),
            None => Event::Broken { message },
        }
    }

    /// A refusal with the cause and the remedy that this host's settings tell.
    fn explained(
        &self,
        need: &Need,
        stage: &str,
        errno: Option<Errno>,
        profile: Option<String>,
    ) -> Refusal {
        if let Need::Cgroup(controller) = need
            && let Some(taken) = self.groups.taken(Some(*controller))
        {
            return taken.refusal(Some((stage, errno)));
        }
        let mut settings =
            Settings::read(Path::new("/proc"), Path::new("/sys")).at_failure(profile);
        if let Scope::Refused(answer) = &self.scope {
            settings.no_scope = Some(answer.clone());
        }
        explain(need, stage, errno, &settings)
    }

    /// Forks an agent that stands outside of every box.
    fn start_outer(&mut self, kind: Outer) -> Result<Peer, End> {
        let (ours, theirs) = Wire::pair()?;
        let me = nix::unistd::getpid();
        match sys::fork(self.one).map_err(|errno| End::Broken(format!("fork: {errno}")))? {
            Forked::Child => agent::outer(self.one, kind, theirs.into(), me),
            Forked::Parent(pid) => {
                self.outer.push(pid);
                Ok(ours.into())
            }
        }
    }

    /// Makes a box and knows it before it may do anything.
    fn create(&mut self, spec: &BoxSpec) -> Result<(), End> {
        if let Some(why) = self.plan.leak(spec) {
            return Err(End::Broken(format!("the box `{}`: {why}", spec.name)));
        }
        let creator = self.creator_of(spec)?;
        let cgroups = self.cgroups_for(spec)?;
        let inside_user = spec.parent.as_ref().is_some_and(|parent| {
            self.plan
                .contained(&Place::Box(parent.clone()), Namespace::User)
        });
        let choose = self.privileged && !inside_user && spec.has(Namespace::User) && maps_nobody();
        let creation = Creation {
            spec: spec.clone(),
            cgroups,
            map_to: choose.then_some(NOBODY),
            own: OwnMounts::default(),
        };
        let (ours, theirs) = Wire::pair()?;
        ours.want_credentials()?;
        let request = Request::Create(Box::new(creation));
        let asked = self.ask(&creator, request, vec![theirs.into()])?;
        let child = match self.await_reply(&creator, asked)? {
            Reply::Created { child } => child,
            Reply::Failed => return Err(End::Told),
            _ => return Err(out_of_turn()),
        };
        self.newcomer = Some(ours.into());
        let said = self.await_reply(&Actor::Newcomer, 0)?;
        // Nothing more has come since: it waits for its go.
        let peer = self.newcomer.take();
        let (Reply::Hello, Some(peer)) = (said, peer) else {
            return Err(out_of_turn());
        };
        let pid = peer.wire.sender().ok_or_else(out_of_turn)?;
        let pidfd = sys::pidfd_open(Pid::from_raw(pid))
            .map_err(|errno| End::Broken(format!("pidfd_open({pid}): {errno}")))?;
        let standing = Standing {
            pid,
            pid_namespace: inode(&pid.to_string(), Namespace::Pid),
        };
        self.note_what_it_got(spec, pid);
        let name = spec.name.clone();
        self.known.insert(name.clone(), standing);
        self.boxes.insert(
            name.clone(),
            StandingBox {
                peer,
                pidfd,
                standing,
                creator,
                child,
            },
        );
        let actor = Actor::Box(name.clone());
        let going = self.ask(&actor, Request::Go, Vec::new())?;
        self.await_done(&actor, going)?;
        self.tell(Event::BoxUp { name, pid })
    }

    /// The agent that makes a box: its parent, or one that stands outside.
    fn creator_of(&mut self, spec: &BoxSpec) -> Result<Actor, End> {
        if let Some(parent) = &spec.parent {
            return Ok(Actor::Box(parent.clone()));
        }
        let plain = spec.namespaces.is_empty();
        if self.privileged || plain || spec.has(Namespace::User) {
            return Ok(Actor::Host);
        }
        if self.base.is_none() {
            self.base = Some(self.start_outer(Outer::Base)?);
            self.await_done(&Actor::Base, 0)?;
        }
        Ok(Actor::Base)
    }

    /// Corrects the plan to the namespaces that a box really has of its own:
    /// the containment rule is judged by what is, not by what was asked for.
    fn note_what_it_got(&mut self, spec: &BoxSpec, pid: i32) {
        let pid = pid.to_string();
        let own = |ns: &Namespace| {
            let theirs = inode(&pid, *ns);
            theirs.is_some() && theirs != inode("self", *ns)
        };
        if let Some(planned) = self
            .plan
            .boxes
            .iter_mut()
            .find(|planned| planned.name == spec.name)
        {
            planned.namespaces.retain(own);
            self.lacking |= planned.namespaces.len() < spec.namespaces.len();
        }
    }

    /// Carries out one action.
    fn act(&mut self, index: usize, action: &Action) -> Result<(), End> {
        if let Some(breach) = self.plan.breach(action) {
            // The refusal that left a box without the namespace has been told.
            return Err(match self.lacking {
                true => End::Told,
                false => End::Broken(breach.to_string()),
            });
        }
        let Some(action) = &self.without_missing(action)? else {
            return Ok(());
        };
        match &action.verb {
            Verb::Create(name) => {
                let spec = self.plan.find(name).cloned();
                let spec = spec.ok_or_else(|| End::Broken(format!("there is no box `{name}`")))?;
                self.create(&spec)
            }
            Verb::AwaitEnd(name) => self.await_end(action, name),
            Verb::Stage(_) => match self.plan.attended {
                true => {
                    self.tell(Event::Paused)?;
                    self.await_word()
                }
                false => Ok(()),
            },
            Verb::SetLimits(set) => {
                self.with_groups(|groups, call| groups.limit(&set.cgroup, &set.limits, call))?;
                self.tell_done(action)
            }
            Verb::Freeze(name) => {
                self.with_groups(|groups, call| groups.freeze(name, true, call))?;
                self.tell_done(action)
            }
            Verb::Thaw(name) => {
                self.with_groups(|groups, call| groups.freeze(name, false, call))?;
                self.tell_done(action)
            }
            // Its process id may be another's by now.
            Verb::Kill(kill) if self.has_ended(&kill.to) => Err(End::Broken(format!(
                "`kill`: the box `{}` has ended, and its process id is free for another",
                kill.to
            ))),
            _ => {
                let actor = self.actor_for(action);
                let held = Namespace::ALL
                    .into_iter()
                    .filter(|ns| self.plan.contained(&action.place, *ns))
                    .collect();
                let disk = self.disk_for(index, action)?;
                let fence = self.fence_for(action);
                let task = Task {
                    action: action.clone(),
                    boxes: self.known.clone(),
                    ports: self.ports.clone(),
                    groups: self.groups.known().clone(),
                    held,
                    fence,
                    disk,
                };
                let id = self.ask(&actor, Request::Do(Box::new(task)), Vec::new())?;
                self.watch = matches!(action.verb, Verb::Watch(_)).then_some(id);
                let done = self.await_done(&actor, id);
                self.watch = None;
                done
            }
        }
    }

    /// Whether this is a box that stood once and has been awaited since.
    fn has_ended(&self, name: &str) -> bool {
        self.known.keys().any(|known| known.as_str() == name)
            && self.boxes.keys().all(|standing| standing.as_str() != name)
    }

    /// Who carries an action out. A veth pair is the one thing done from
    /// outside that takes capabilities in the boxes' user namespace.
    fn actor_for(&self, action: &Action) -> Actor {
        match (&action.place, &action.verb) {
            (Place::Box(name), _) => Actor::Box(name.clone()),
            (Place::Host, Verb::Veth(_)) if self.base.is_some() => Actor::Base,
            (Place::Host, _) => Actor::Host,
        }
    }

    /// `await-end`: only its creator can wait for it.
    fn await_end(&mut self, action: &Action, name: &BoxName) -> Result<(), End> {
        let Some(pid) = self.boxes.get(name).map(|standing| standing.standing.pid) else {
            return Err(End::Broken(format!(
                "`await-end`: the box `{name}` does not stand"
            )));
        };
        let ending = self.await_box(name)?;
        self.tell(Event::BoxDown {
            name: name.clone(),
            ending: ending.clone(),
        })?;
        let source = format!("wait(2) for pid {pid}");
        self.tell_result(action, ending.to_string(), source)
    }

    /// Awaits the end of a box that stands.
    fn await_box(&mut self, name: &BoxName) -> Result<Ending, End> {
        let Some(standing) = self.boxes.remove(name) else {
            return Err(End::Broken(format!("the box `{name}` does not stand")));
        };
        let child = standing.child;
        let asked = self.ask(&standing.creator, Request::Reap { child }, Vec::new())?;
        match self.await_reply(&standing.creator, asked)? {
            Reply::Ended(ending) => Ok(ending),
            Reply::Failed => Err(End::Told),
            _ => Err(out_of_turn()),
        }
    }

    /// The result of a change that the kernel accepted.
    fn tell_done(&mut self, action: &Action) -> Result<(), End> {
        self.tell_result(action, "ok".into(), "write(2)".into())
    }

    /// The fact that has the action's `as` for a name.
    fn tell_result(&mut self, action: &Action, value: String, source: String) -> Result<(), End> {
        let Some(result) = &action.result else {
            return Ok(());
        };
        let fact = Fact {
            id: FactRef {
                seen_from: action.place.clone(),
                about: None,
                name: result.clone(),
                moment: None,
            },
            value: Some(Value::Text(value)),
            source,
            provenance: Provenance::Observed,
        };
        self.tell(Event::Fact(fact))
    }

    /// Undoes everything: kills every process of the run and awaits their end,
    /// then removes the cgroups and the directory on a disk. The rest (mounts,
    /// links, queues, namespaces) lived in the boxes and is gone with them.
    /// Returns what is left in spite of it.
    fn take_down(&mut self) -> Vec<Leftover> {
        for standing in self.boxes.values() {
            let _ = sys::pidfd_kill(standing.pidfd.as_fd(), libc::SIGKILL);
        }
        self.groups.disarm(&is_of_this_run);
        // Closed wires end the agents; but a stopped one would not notice.
        self.boxes.clear();
        (self.host, self.base, self.newcomer) = (None, None, None);
        let mut left = self.end_children(Instant::now() + END_LIMIT);
        self.sign_of_life();
        left.extend(self.groups.remove(&is_of_this_run));
        self.sign_of_life();
        left.extend(self.disk.take().and_then(|disk| disk.remove().err()));
        left
    }

    /// Kills and awaits every child, and every orphan that comes to us meanwhile.
    /// Returns who has not ended until the deadline.
    fn end_children(&mut self, deadline: Instant) -> Vec<Leftover> {
        loop {
            self.sign_of_life();
            let pids: Vec<i32> = children().into_iter().map(Pid::as_raw).collect();
            // A while at a time: the main process is to hear of us.
            let soon = deadline.min(Instant::now() + TICK);
            let left = end_all(&pids, &|_| true, soon);
            loop {
                match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                    Ok(WaitStatus::StillAlive) => break,
                    Ok(_) | Err(nix::errno::Errno::EINTR) => {}
                    Err(_) => return Vec::new(),
                }
            }
            if Instant::now() > deadline {
                return left;
            }
            if pids.is_empty() {
                // One that was born just now; /proc shows it in a moment.
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    }
}
