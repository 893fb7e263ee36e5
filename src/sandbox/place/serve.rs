//! An agent: the one process that acts at a place. Pid 1 of each box is one;
//! so are the observer on the host and, for an ordinary user, `base`, the root
//! of an outer user namespace.
//!
//! It is a loop over its wire, the ends of its children and what they write.
//! What takes time is a [`Job`]: it is stepped when something of that happened,
//! or when it is due, and never waits itself, so that several go on at once.
//! Whatever ends in here and belongs to nobody is reaped, as every pid 1 has to.

use super::create::{create, set_clocks};
use super::ids::enter_base;
use crate::base::{Errno, chain};
use crate::plan::{Ending, Place, Verb};
use crate::sandbox::agent::{Agent, Job};
use crate::sandbox::base::limits;
use crate::sandbox::sys::{self, OneThread};
use crate::sandbox::wire::tracer::{Told, Tracer};
use crate::sandbox::wire::{Asked, Id, Received, Reply, Request, Task, Wire};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::Pid;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

/// How long the end of a box may be awaited.
const AWAIT_END: Duration = Duration::from_secs(30);

/// How an action goes on.
enum Act {
    Done(Result<(), Errno>),
    Told,
    Later(Box<dyn Job>),
}

/// The two agents that the supervisor forks itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sandbox) enum Outer {
    /// Stands on the host, with nothing of its own.
    Host,
    /// Stands in an outer user namespace, for an ordinary user's boxes.
    Base,
}

/// The life of an agent that the supervisor forked.
pub(in crate::sandbox) fn outer(
    one: OneThread,
    kind: Outer,
    end: OwnedFd,
    supervisor: nix::unistd::Pid,
) -> ! {
    let Ok(end) = sys::keep_only(one, end) else {
        sys::exit_now(1)
    };
    sys::default_signals();
    let armed = nix::sys::prctl::set_pdeathsig(nix::sys::signal::Signal::SIGKILL);
    // The supervisor may have died before the line above.
    if armed.is_err() || nix::unistd::getppid() != supervisor {
        sys::exit_now(1);
    }
    let mut tracer = Tracer::new(Place::Host, Wire::from(end), one);
    tracer.end_on_panic();
    let ready = match kind {
        Outer::Host => {
            limits::agent("glassbox-host");
            Ok(())
        }
        Outer::Base => {
            limits::agent("glassbox-base");
            enter_base(&mut tracer)
        }
    };
    match ready {
        Ok(()) => tracer.reply(Reply::Done),
        Err(Told) => {
            tracer.reply(Reply::Failed);
            sys::exit_now(1)
        }
    }
    Agent::new(tracer).serve()
}

impl Agent {
    /// Carries out requests until the supervisor is gone.
    pub(in crate::sandbox) fn serve(mut self) -> ! {
        loop {
            loop {
                match self.tracer.wire().next::<Asked>() {
                    Ok(Some(received)) => self.begin(received),
                    Ok(None) => break,
                    Err(_) => sys::exit_now(1),
                }
            }
            let mut jobs = std::mem::take(&mut self.jobs);
            jobs.retain_mut(|(id, job)| {
                self.tracer.about = *id;
                match job.step(&mut self) {
                    Some(answer) => {
                        self.tracer.reply(answer.unwrap_or(Reply::Failed));
                        false
                    }
                    None => true,
                }
            });
            self.jobs = jobs;
            self.hear();
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
        let wire = self.tracer.as_fd();
        let jobs = self.jobs.iter().flat_map(|(_, job)| job.wakes());
        let tap = self.served.as_ref().and_then(|served| served.wakes());
        let all = [wire, self.ends.as_fd()].into_iter().chain(jobs).chain(tap);
        let mut fds: Vec<PollFd<'_>> = all.map(|fd| PollFd::new(fd, PollFlags::POLLIN)).collect();
        let _ = poll(&mut fds, limit);
        let ready = |at: usize| fds[at].any().unwrap_or(false);
        let (asked, ended) = (ready(0), ready(1));
        drop(fds);
        if asked && self.tracer.wire().fill().is_err() {
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
        self.tracer.about = id;
        let answer = match request {
            Request::Enough => {
                let jobs = self.jobs.iter_mut().filter(|(job, _)| *job == id);
                jobs.for_each(|(_, job)| job.enough());
                return;
            }
            Request::Create(creation) => {
                let Some(end) = received.descriptors.into_iter().next() else {
                    sys::exit_now(1)
                };
                create(&mut self.tracer, &creation, &self.own, end).map(|child| {
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
                Err(error) => Ok(Reply::Unable(chain(&error))),
            },
            Request::Root(root) => {
                let taken = self.take_root(&root);
                let up = match root.own_network {
                    true => self.link_up("lo").map_err(|errno| format!("lo: {errno}")),
                    false => Ok(()),
                };
                Ok(taken.and(up).map_or_else(Reply::Unable, |()| Reply::Done))
            }
            Request::Execute(execute) => match self.execute(&execute) {
                Ok(Ok(job)) => {
                    self.jobs.push((id, job));
                    return;
                }
                Ok(Err(errno)) => Ok(Reply::Ended(Ending::NotRun(errno))),
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
        self.tracer.reply(answer.unwrap_or(Reply::Failed));
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
            Verb::SetClocks(clocks) => set_clocks(&mut self.tracer, clocks),
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
            Verb::Engine(_) => return self.engine(task).map(Act::Later),
            Verb::Docker(argv) => return self.docker(task, argv).map(Act::Later),
            Verb::Api(api) => return self.api(task, api).map(Act::Later),
            Verb::Container(name) => return self.container(task, name).map(Act::Later),
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
        (Instant::now() >= self.deadline).then(|| Err(agent.tracer.broken(message.into())))
    }

    fn wakes(&self) -> Vec<BorrowedFd<'_>> {
        Vec::new()
    }

    fn due(&self) -> Option<Instant> {
        Some(self.deadline)
    }
}
