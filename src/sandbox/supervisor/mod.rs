//! The supervisor: the guardian of one run. It is armed before anything is
//! made, it outlives the main process, and it takes everything down.

mod cgroups;
mod disk;
mod host;
mod missing;
mod waiting;

use disk::Disk;
pub(super) use disk::sweep_disks;
pub(super) use host::privileged;

use host::{children, inode, maps_nobody};
use missing::Missing;

use super::SUPERVISOR_COMM;
use super::agent::{self, Outer};
use super::groups::Groups;
use super::members::{end_all, is_of_this_run};
use super::own::OwnMounts;
use super::scope::{self, Scope};
use super::sys::{self, Forked};
use super::wire::{Channel, Creation, Order, Reply, Request, Standing, Task};
use crate::base::Errno;
use crate::plan::{
    Action, BoxName, BoxSpec, Event, Fact, FactRef, Leftover, Namespace, Need, Observer, Place,
    Plan, Provenance, Refusal, Value, Verb,
};
use crate::probe::host::{Settings, explain};
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
    Box(BoxName),
}

/// A box that stands, and what it takes to end it.
struct Standee {
    channel: Channel,
    pidfd: OwnedFd,
    standing: Standing,
    creator: Actor,
    /// Its pid as its creator counts.
    child: i32,
}

/// One run.
struct Run {
    main: Channel,
    main_pidfd: OwnedFd,
    plan: Plan,
    privileged: bool,
    deadline: Instant,
    host: Option<Channel>,
    base: Option<Channel>,
    boxes: BTreeMap<BoxName, Standee>,
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
pub(super) fn supervise(wire: OwnedFd, main_pid: i32, hello: bool) -> std::process::ExitCode {
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
    let mut main = Channel::from(wire);
    if hello {
        // From here on it is the pidfd that tells of our owner's end.
        let _ = nix::sys::prctl::set_pdeathsig(None);
        if main.send_hello().is_err() {
            return failed;
        }
    }
    let Ok(Order::Carry { plan, hold, scope }) = main.receive() else {
        return failed;
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
            let _ = main.send(&Event::Broken { message });
            let _ = main.send(&Event::Cleaned);
            return failed;
        }
    };
    let mut run = Run {
        main,
        main_pidfd,
        plan,
        privileged: privileged(),
        deadline: Instant::now() + RUN_LIMIT,
        host: None,
        base: None,
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
        let _ = run.main.send(&run.broken(message));
    }
    let left = run.take_down();
    let last = match left.is_empty() {
        true => Event::Cleaned,
        false => Event::Left { left },
    };
    let _ = run.main.send(&last);
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
        self.await_done(&Actor::Host)?;
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
            self.tell(Event::Doing { action: index })?;
            self.act(index, &action)?;
        }
        // What was seen without it shows nothing, whatever it was.
        if let Some(taken) = self.groups.taken(None) {
            self.tell(Event::Refused(taken.refusal(None)))?;
            return Err(End::Told);
        }
        self.tell(Event::Holding)?;
        if hold {
            self.await_message(None)?;
        }
        Ok(())
    }

    /// Tells the main process; if it is gone the run ends.
    fn tell(&mut self, event: Event) -> Result<(), End> {
        self.main.send(&event).map_err(|_| End::Asked)
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
    fn start_outer(&mut self, kind: Outer) -> Result<Channel, End> {
        let (ours, theirs) = Channel::pair()?;
        let me = nix::unistd::getpid();
        match sys::fork().map_err(|errno| End::Broken(format!("fork: {errno}")))? {
            Forked::Child => agent::outer(kind, theirs.into(), me),
            Forked::Parent(_) => Ok(ours),
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
        let (mut ours, theirs) = Channel::pair()?;
        ours.want_credentials()?;
        let wire = self.wire(&creator)?;
        wire.send(&Request::Create(Box::new(creation)))?;
        wire.send_fd(theirs.as_fd())?;
        drop(theirs);
        let child = match self.await_reply(&creator)? {
            Reply::Created { child } => child,
            Reply::Failed => return Err(End::Told),
            other => return Err(unexpected(&other)),
        };
        let pid = ours.receive_hello()?;
        let pidfd = sys::pidfd_open(Pid::from_raw(pid))
            .map_err(|errno| End::Broken(format!("pidfd_open({pid}): {errno}")))?;
        let standing = Standing {
            pid,
            pid_namespace: inode(&pid.to_string(), Namespace::Pid),
        };
        self.note_what_it_got(spec, pid);
        ours.send(&Request::Go)?;
        let name = spec.name.clone();
        self.known.insert(name.clone(), standing);
        self.boxes.insert(
            name.clone(),
            Standee {
                channel: ours,
                pidfd,
                standing,
                creator,
                child,
            },
        );
        self.await_done(&Actor::Box(name.clone()))?;
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
            self.await_done(&Actor::Base)?;
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
                let task = Task {
                    action: action.clone(),
                    boxes: self.known.clone(),
                    ports: self.ports.clone(),
                    groups: self.groups.known().clone(),
                    held,
                    disk,
                };
                self.wire(&actor)?.send(&Request::Do(Box::new(task)))?;
                self.await_done(&actor)
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
        let Some(standee) = self.boxes.remove(name) else {
            return Err(End::Broken(format!(
                "`await-end`: the box `{name}` does not stand"
            )));
        };
        self.wire(&standee.creator)?.send(&Request::Reap {
            child: standee.child,
        })?;
        let ending = match self.await_reply(&standee.creator)? {
            Reply::Ended(ending) => ending,
            Reply::Failed => return Err(End::Told),
            other => return Err(unexpected(&other)),
        };
        self.tell(Event::BoxDown {
            name: name.clone(),
            ending: ending.clone(),
        })?;
        let source = format!("wait(2) for pid {}", standee.standing.pid);
        self.tell_result(action, ending.to_string(), source)
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
        for standee in self.boxes.values() {
            let _ = sys::pidfd_kill(standee.pidfd.as_fd(), libc::SIGKILL);
        }
        self.groups.disarm(&is_of_this_run);
        // Closed wires end the agents; but a stopped one would not notice.
        self.boxes.clear();
        self.host = None;
        self.base = None;
        let mut left = end_children(Instant::now() + END_LIMIT);
        left.extend(self.groups.remove(&is_of_this_run));
        left.extend(self.disk.take().and_then(|disk| disk.remove().err()));
        left
    }
}

/// Kills and awaits every child, and every orphan that comes to us meanwhile.
/// Returns who has not ended until the deadline.
fn end_children(deadline: Instant) -> Vec<Leftover> {
    loop {
        let pids: Vec<i32> = children().into_iter().map(Pid::as_raw).collect();
        let left = end_all(&pids, &|_| true, deadline);
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

fn unexpected(reply: &Reply) -> End {
    End::Broken(format!("an agent gave an answer out of turn: {reply:?}"))
}
