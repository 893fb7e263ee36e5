//! An agent: the one process that acts at a place. Pid 1 of each box is one;
//! so are the observer on the host and, for an ordinary user, `base`, the root
//! of an outer user namespace. It carries out one request after the other.

use super::create::{create, enter_base};
use super::own::OwnMounts;
use super::programs::Children;
use super::sys;
use super::trace::{Teller, Told};
use super::wire::{Asked, Reply, Request, Task, Wire};
use crate::base::Errno;
use crate::plan::{Place, Value, Verb};
use std::os::fd::OwnedFd;

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
    /// When it began: what the times of samples count from.
    pub(super) began: std::time::Instant,
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
pub(super) fn outer(kind: Outer, end: OwnedFd, supervisor: nix::unistd::Pid) -> ! {
    let Ok(end) = sys::keep_only(end) else {
        sys::exit_now(1)
    };
    sys::default_signals();
    let armed = nix::sys::prctl::set_pdeathsig(nix::sys::signal::Signal::SIGKILL);
    // The supervisor may have died before the line above.
    if armed.is_err() || nix::unistd::getppid() != supervisor {
        sys::exit_now(1);
    }
    let mut teller = Teller::new(Place::Host, Wire::from(end));
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
    pub(super) fn new(teller: Teller) -> Agent {
        Agent {
            teller,
            children: Children::default(),
            listeners: Vec::new(),
            own: OwnMounts::default(),
            initial_user: in_initial_user_namespace(),
            pivoted: false,
            began: std::time::Instant::now(),
        }
    }

    /// Carries out requests until the supervisor is gone.
    pub(super) fn serve(mut self) -> ! {
        loop {
            let Ok(Some(received)) = self.teller.wire().receive(None) else {
                sys::exit_now(0)
            };
            let Asked { id, request } = received.message;
            self.teller.about = id;
            let answer = match request {
                // A watch that was under way has ended because this came.
                Request::Enough => continue,
                Request::Create(mut creation) => {
                    let Some(end) = received.descriptors.into_iter().next() else {
                        sys::exit_now(1)
                    };
                    creation.own = self.own.clone();
                    create(&mut self.teller, &creation, end).map(|child| Reply::Created { child })
                }
                Request::Go => Ok(Reply::Done),
                Request::Do(task) => self.act(&task).map(|()| Reply::Done),
                Request::Reap { child } => self.reap(child),
            };
            self.teller.reply(answer.unwrap_or(Reply::Failed));
        }
    }

    /// Carries out an action and tells its result.
    fn act(&mut self, task: &Task) -> Result<(), Told> {
        let action = &task.action;
        let result: Result<(), Errno> = match &action.verb {
            Verb::Probe(probes) => {
                self.look(task, probes);
                return Ok(());
            }
            Verb::Run(argv) => return self.run(task, argv),
            Verb::Spawn(spawn) => self.spawn(task, spawn)?,
            Verb::Wait(name) => return self.wait(name),
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
            Verb::Watch(watch) => {
                self.watch(task, watch);
                return Ok(());
            }
            // The supervisor does these itself, or turns them into `Create` and `Reap`.
            Verb::Create(_)
            | Verb::Stage(_)
            | Verb::AwaitEnd(_)
            | Verb::SetLimits(_)
            | Verb::Freeze(_)
            | Verb::Thaw(_) => Ok(()),
        };
        self.settle(task, result)
    }

    /// A named result is a fact, whatever it is; without a name it must succeed.
    fn settle(&mut self, task: &Task, result: Result<(), Errno>) -> Result<(), Told> {
        let action = &task.action;
        match (&action.result, result) {
            (Some(name), result) => {
                let text = result.err().map_or("ok".to_string(), Errno::name);
                let source = action.verb.about().call.to_string();
                self.teller.fact(name.clone(), Value::Text(text), source);
                Ok(())
            }
            (None, Ok(())) => Ok(()),
            (None, Err(errno)) => Err(self.teller.broken(format!(
                "`{}` in `{}` failed: {errno}; give the action a name with `as` if it is meant to",
                action.verb.name(),
                action.place
            ))),
        }
    }
}

/// Whether this process's user namespace is the initial one, which maps every
/// id to itself, user_namespaces(7).
pub(super) fn in_initial_user_namespace() -> bool {
    let map = crate::base::kernel::read_text("/proc/self/uid_map").unwrap_or_default();
    map.split_whitespace().eq(["0", "0", "4294967295"])
}
