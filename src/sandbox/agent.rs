//! An agent: the one process that acts at a place. Pid 1 of each box is one;
//! so are the observer on the host and, for an ordinary user, `base`, the root
//! of an outer user namespace.
//!
//! It is a loop over its wire, the ends of its children and what they write.
//! What takes time is a [`Job`]: it is stepped when something of that happened,
//! or when it is due, and never waits itself, so that several go on at once.
//! Whatever ends in here and belongs to nobody is reaped, as every pid 1 has to.

use super::children::children;
use super::create::{create, enter_base};
use super::own::OwnMounts;
use super::service::Size;
use super::spawn::Children;
use super::sys::{self, OneThread};
use super::trace::{Teller, Told};
use super::wire::{Asked, Id, Received, Reply, Request, Task, Wire};
use crate::base::{Errno, kernel};
use crate::plan::{Ending, Place, Value, Verb};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signalfd::SignalFd;
use nix::sys::wait::{Id as Which, WaitPidFlag, WaitStatus, waitid, waitpid};
use nix::unistd::Pid;
use std::collections::BTreeSet;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

/// How long the end of a box may be awaited.
const AWAIT_END: Duration = Duration::from_secs(30);

/// An agent's state: what its actions left standing at its place.
pub(super) struct Agent {
    pub(super) teller: Teller,
    /// Background processes by the name of the `spawn`.
    pub(super) children: Children,
    /// Sockets that listen until the end of the run.
    pub(super) listeners: Vec<OwnedFd>,
    /// The mounts that this run made and this agent sees: where it may write.
    pub(super) own: OwnMounts,
    /// Whether it stands in the initial user namespace: what its root may do, it
    /// may do to the machine.
    pub(super) initial_user: bool,
    /// Whether it has a root of its own, by pivot_root(2).
    pub(super) pivoted: bool,
    /// Whether it has a mount namespace of its own.
    pub(super) own_mounts: bool,
    /// The device of the devpts that it was made with.
    pub(super) devpts: Option<u64>,
    /// When it began: what the times of samples count from.
    pub(super) began: Instant,
    /// What is under way, by the number of its request.
    jobs: Vec<(Id, Box<dyn Job>)>,
    /// The children whose end somebody asks for.
    adopted: BTreeSet<Pid>,
    /// SIGCHLD, which is blocked.
    ends: SignalFd,
}

/// A request whose answer comes later.
pub(super) trait Job {
    /// Goes on as far as it can without waiting; its answer when it is done.
    fn step(&mut self, agent: &mut Agent) -> Option<Result<Reply, Told>>;
    /// What it reads from: it is stepped when something is there. Also when a
    /// child of the agent's has ended.
    fn wakes(&self) -> Vec<BorrowedFd<'_>>;
    /// When it is to be stepped at the latest.
    fn due(&self) -> Option<Instant>;
    /// It may come to its end.
    fn enough(&mut self) {}
    /// Sends a signal to the program that it is.
    fn signal(&mut self, _signal: i32) -> Result<(), Errno> {
        Err(Errno(libc::ESRCH))
    }
    /// Gives the program's terminal another size.
    fn resize(&mut self, _size: Size) -> Result<(), Errno> {
        Err(Errno(libc::ENOTTY))
    }
    /// Ends the program with all of its session.
    fn end(&mut self) {}
}

/// How an action goes on.
enum Act {
    Done(Result<(), Errno>),
    Told,
    Later(Box<dyn Job>),
}

/// The two agents that the supervisor forks itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outer {
    /// Stands on the host, with nothing of its own.
    Host,
    /// Stands in an outer user namespace, for an ordinary user's boxes.
    Base,
}

/// The life of an agent that the supervisor forked.
pub(super) fn outer(one: OneThread, kind: Outer, end: OwnedFd, supervisor: nix::unistd::Pid) -> ! {
    let Ok(end) = sys::keep_only(end) else {
        sys::exit_now(1)
    };
    sys::default_signals();
    let armed = nix::sys::prctl::set_pdeathsig(nix::sys::signal::Signal::SIGKILL);
    // The supervisor may have died before the line above.
    if armed.is_err() || nix::unistd::getppid() != supervisor {
        sys::exit_now(1);
    }
    let mut teller = Teller::new(Place::Host, Wire::from(end), one);
    teller.end_on_panic();
    let ready = match kind {
        Outer::Host => {
            super::limits::agent("glassbox-host");
            Ok(())
        }
        Outer::Base => {
            super::limits::agent("glassbox-base");
            enter_base(&mut teller)
        }
    };
    match ready {
        Ok(()) => teller.reply(Reply::Done),
        Err(Told) => {
            teller.reply(Reply::Failed);
            sys::exit_now(1)
        }
    }
    Agent::new(teller).serve()
}

impl Agent {
    /// An agent that has done nothing yet.
    pub(super) fn new(mut teller: Teller) -> Agent {
        let ends = sys::watch_children().unwrap_or_else(|errno| {
            let _ = teller.broken(format!("signalfd(SIGCHLD): {errno}"));
            teller.reply(Reply::Failed);
            sys::exit_now(1)
        });
        Agent {
            teller,
            children: Children::default(),
            listeners: Vec::new(),
            own: OwnMounts::default(),
            initial_user: in_initial_user_namespace(),
            pivoted: false,
            own_mounts: false,
            devpts: nix::sys::stat::stat("/dev/pts")
                .ok()
                .map(|stat| stat.st_dev),
            began: Instant::now(),
            jobs: Vec::new(),
            adopted: BTreeSet::new(),
            ends,
        }
    }

    /// Carries out requests until the supervisor is gone.
    pub(super) fn serve(mut self) -> ! {
        loop {
            loop {
                match self.teller.wire().next::<Asked>() {
                    Ok(Some(received)) => self.begin(received),
                    Ok(None) => break,
                    Err(_) => sys::exit_now(1),
                }
            }
            let mut jobs = std::mem::take(&mut self.jobs);
            jobs.retain_mut(|(id, job)| {
                self.teller.about = *id;
                match job.step(&mut self) {
                    Some(answer) => {
                        self.teller.reply(answer.unwrap_or(Reply::Failed));
                        false
                    }
                    None => true,
                }
            });
            self.jobs = jobs;
            self.wait();
        }
    }

    /// Waits for a request, for something of a job's or for a child's end.
    fn wait(&mut self) {
        let due = self.jobs.iter().filter_map(|(_, job)| job.due()).min();
        let limit = match due {
            None => PollTimeout::NONE,
            // Up to the next millisecond: not a little too early, again and again.
            Some(due) => {
                let left = due.saturating_duration_since(Instant::now());
                let left = left + Duration::from_micros(999);
                PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)
            }
        };
        let wire = self.teller.as_fd();
        let jobs = self.jobs.iter().flat_map(|(_, job)| job.wakes());
        let all = [wire, self.ends.as_fd()].into_iter().chain(jobs);
        let mut fds: Vec<PollFd<'_>> = all.map(|fd| PollFd::new(fd, PollFlags::POLLIN)).collect();
        let _ = poll(&mut fds, limit);
        let ready = |at: usize| fds[at].any().unwrap_or(false);
        let (asked, ended) = (ready(0), ready(1));
        drop(fds);
        if asked && self.teller.wire().fill().is_err() {
            sys::exit_now(0);
        }
        if ended {
            while let Ok(Some(_)) = self.ends.read_signal() {}
            self.reap_orphans();
        }
    }

    /// Carries a request out, or begins to.
    fn begin(&mut self, received: Received<Asked>) {
        let Asked { id, request } = received.message;
        self.teller.about = id;
        let answer = match request {
            Request::Enough => {
                let jobs = self.jobs.iter_mut().filter(|(job, _)| *job == id);
                jobs.for_each(|(_, job)| job.enough());
                return;
            }
            Request::Create(mut creation) => {
                let Some(end) = received.descriptors.into_iter().next() else {
                    sys::exit_now(1)
                };
                creation.own = self.own.clone();
                create(&mut self.teller, &creation, end).map(|child| {
                    self.adopt(Pid::from_raw(child));
                    Reply::Created { child }
                })
            }
            Request::Go => Ok(Reply::Done),
            Request::Do(task) => match self.act(&task) {
                Ok(Act::Done(result)) => self.settle(&task, result),
                Ok(Act::Told) => Ok(Reply::Done),
                Ok(Act::Later(job)) => {
                    self.jobs.push((id, job));
                    return;
                }
                Err(told) => Err(told),
            },
            Request::Start(start) => match self.serve_program(&start) {
                Ok(job) => {
                    self.jobs.push((id, job));
                    return;
                }
                Err(why) => Ok(Reply::Unable(why)),
            },
            Request::Signal { program, signal } => {
                Ok(self.of_program(program, |job| job.signal(signal)))
            }
            Request::Resize { program, size } => {
                Ok(self.of_program(program, |job| job.resize(size)))
            }
            Request::End { program } => Ok(self.of_program(program, |job| {
                job.end();
                Ok(())
            })),
            Request::Reap { child } => {
                let job = Box::new(Reaping {
                    pid: Pid::from_raw(child),
                    deadline: Instant::now() + AWAIT_END,
                });
                self.jobs.push((id, job));
                return;
            }
        };
        self.teller.reply(answer.unwrap_or(Reply::Failed));
    }

    /// Does something to a program that runs.
    fn of_program(
        &mut self,
        program: Id,
        act: impl FnOnce(&mut dyn Job) -> Result<(), Errno>,
    ) -> Reply {
        let job = self.jobs.iter_mut().find(|(job, _)| *job == program);
        match job.map(|(_, job)| act(job.as_mut())) {
            Some(Ok(())) => Reply::Done,
            Some(Err(errno)) => Reply::Unable(errno.to_string()),
            None => Reply::Unable("the program has ended".into()),
        }
    }

    /// Somebody will ask for this child's end: until then it isn't reaped.
    pub(super) fn adopt(&mut self, pid: Pid) {
        self.adopted.insert(pid);
    }

    /// Nobody asks for a child's end any more.
    pub(super) fn disown(&mut self, pid: Pid) {
        self.adopted.remove(&pid);
        // It may have ended before.
        let _ = waitpid(pid, Some(WaitPidFlag::WNOHANG));
    }

    /// How a child ended, once it has: then it is reaped.
    pub(super) fn ended(&mut self, pid: Pid) -> Option<Ending> {
        let ending = match waitpid(pid, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(_, status)) => Ending::Exit(status),
            Ok(WaitStatus::Signaled(_, signal, _)) => Ending::Signal(signal.as_str().into()),
            Ok(_) | Err(nix::errno::Errno::EINTR) => return None,
            Err(errno) => Ending::NotRun(errno.into()),
        };
        self.adopted.remove(&pid);
        Some(ending)
    }

    /// Reaps the children that belong to nobody: those of programs that ended
    /// before their own children did, pid_namespaces(7).
    fn reap_orphans(&mut self) {
        for child in children().into_iter().filter_map(own_number) {
            if !self.adopted.contains(&child) {
                let _ = waitpid(child, Some(WaitPidFlag::WNOHANG));
            }
        }
    }

    /// Carries out an action, or begins to.
    fn act(&mut self, task: &Task) -> Result<Act, Told> {
        let action = &task.action;
        let result: Result<(), Errno> = match &action.verb {
            Verb::Probe(probes) => {
                self.look(task, probes);
                return Ok(Act::Told);
            }
            Verb::Run(argv) => return self.run(task, argv).map(Act::Later),
            Verb::Spawn(spawn) => return self.spawn(task, spawn).map(Act::Later),
            Verb::Wait(name) => return self.wait_for(name).map(Act::Later),
            Verb::Kill(kill) => self.kill(task, kill)?,
            Verb::SetHostname(name) => self.set_hostname(name),
            Verb::Mount(spec) => self.mount(spec),
            Verb::Propagate { path, to } => self.propagate(path, *to),
            Verb::Mkdir(path) => self.mkdir(path)?,
            Verb::Write(write) => self.write(write)?,
            Verb::Chown { path, uid } => self.chown(path, *uid)?,
            Verb::LinkUp(device) => self.link_up(device),
            Verb::Veth(veth) => self.veth(task, veth)?,
            Verb::Listen(listen) => self.listen(task, listen)?,
            Verb::Connect(port) => self.connect(task, port)?,
            Verb::Ping(address) => self.ping(task, address)?,
            Verb::MakeQueue(key) => self.queue(*key, libc::IPC_CREAT | libc::IPC_EXCL | 0o600),
            Verb::FindQueue(key) => self.queue(*key, 0),
            Verb::SetClocks(clocks) => super::create::set_clocks(&mut self.teller, clocks),
            Verb::Join(join) => self.join(task, join)?,
            Verb::Store(store) => self.store(task, store)?,
            Verb::Overlay(overlay) => self.overlay(task, overlay)?,
            Verb::Unmount(path) => self.unmount(path)?,
            Verb::Fill(fill) => self.fill(fill)?,
            Verb::Overwrite(change) => self.overwrite(change)?,
            Verb::Copy(copy) => self.copy(copy)?,
            Verb::Remove(path) => self.remove(path)?,
            Verb::RootFs(root) => self.root_fs(task, root)?,
            Verb::Image(image) => self.image(task, image)?,
            Verb::Unpack(unpack) => self.unpack(task, unpack)?,
            Verb::DefaultFilesystems(path) => self.default_filesystems(task, path)?,
            Verb::PivotRoot(path) => self.pivot_root(path)?,
            Verb::Watch(watch) => return Ok(Act::Later(self.watch(task, watch))),
            // The supervisor does these itself, or turns them into `Create` and `Reap`.
            Verb::Create(_)
            | Verb::Stage(_)
            | Verb::AwaitEnd(_)
            | Verb::SetLimits(_)
            | Verb::Freeze(_)
            | Verb::Thaw(_) => Ok(()),
        };
        Ok(Act::Done(result))
    }

    /// A named result is a fact, whatever it is; without a name it must succeed.
    pub(super) fn settle(&mut self, task: &Task, result: Result<(), Errno>) -> Result<Reply, Told> {
        let action = &task.action;
        match (&action.result, result) {
            (Some(name), result) => {
                let text = result.err().map_or("ok".to_string(), Errno::name);
                let source = action.verb.about().call.to_string();
                self.teller.fact(name.clone(), Value::Text(text), source);
                Ok(Reply::Done)
            }
            (None, Ok(())) => Ok(Reply::Done),
            (None, Err(errno)) => Err(self.teller.broken(format!(
                "`{}` in `{}` failed: {errno}; give the action a name with `as` if it is meant to",
                action.verb.name(),
                action.place
            ))),
        }
    }
}

/// An `await-end` under way: the end of a box that this agent made.
struct Reaping {
    pid: Pid,
    deadline: Instant,
}

impl Job for Reaping {
    fn step(&mut self, agent: &mut Agent) -> Option<Result<Reply, Told>> {
        if let Some(ending) = agent.ended(self.pid) {
            return Some(Ok(Reply::Ended(ending)));
        }
        let message = "`await-end`: the box goes on; kill it first";
        (Instant::now() >= self.deadline).then(|| Err(agent.teller.broken(message.into())))
    }

    fn wakes(&self) -> Vec<BorrowedFd<'_>> {
        Vec::new()
    }

    fn due(&self) -> Option<Instant> {
        Some(self.deadline)
    }
}

/// Whether a child has ended, and waits to be reaped.
pub(super) fn has_ended(pid: Pid) -> bool {
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT | WaitPidFlag::WNOHANG;
    !matches!(waitid(Which::Pid(pid), flags), Ok(WaitStatus::StillAlive))
}

/// A process's number as this process counts, from that which /proc shows: a box
/// may see the /proc of where it was made. `NSpid` in proc_pid_status(5).
fn own_number(shown: Pid) -> Option<Pid> {
    let status = kernel::read_text(format!("/proc/{shown}/status")).ok()?;
    let numbers = status
        .lines()
        .find_map(|line| line.strip_prefix("NSpid:"))?;
    numbers
        .split_whitespace()
        .last()?
        .parse()
        .ok()
        .map(Pid::from_raw)
}

/// Whether this process's user namespace is the initial one, which maps every
/// id to itself, user_namespaces(7).
pub(super) fn in_initial_user_namespace() -> bool {
    let map = crate::base::kernel::read_text("/proc/self/uid_map").unwrap_or_default();
    map.split_whitespace().eq(["0", "0", "4294967295"])
}
