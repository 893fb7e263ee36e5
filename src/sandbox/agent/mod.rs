//! An agent's state: what the verbs have to work with at one place. Each of them
//! is a method of [`Agent`], in the room of what it is about; `place` has the loop
//! that calls them.
//!
//! The outer `Result` of an [`Answer`] says whether the run can go on, the inner
//! one is what the kernel answered.

pub(in crate::sandbox) mod background;
pub(in crate::sandbox) mod errand;
pub(in crate::sandbox) mod own;
pub(in crate::sandbox) mod served;

use crate::base::Errno;
use crate::plan::{Ending, Value};
use crate::sandbox::base::children::{children, own_number};
use crate::sandbox::base::service::{First, Size};
use crate::sandbox::sys;
use crate::sandbox::wire::tracer::{Told, Tracer};
use crate::sandbox::wire::{Id, Reply, Task};
use background::Children;
use nix::sys::signalfd::SignalFd;
use nix::sys::wait::{Id as Which, WaitPidFlag, WaitStatus, waitid, waitpid};
use nix::unistd::Pid;
use own::OwnMounts;
use served::Served;
use std::collections::BTreeSet;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::{Component, Path};
use std::time::Instant;

/// What the kernel answered, or that the run can't go on.
pub(in crate::sandbox) type Answer = Result<Result<(), Errno>, Told>;

/// An agent's state: what its actions left standing at its place.
pub(in crate::sandbox) struct Agent {
    pub(in crate::sandbox) tracer: Tracer,
    /// Background processes by the name of the `spawn`.
    pub(in crate::sandbox) children: Children,
    /// Sockets that listen until the end of the run.
    pub(in crate::sandbox) listeners: Vec<OwnedFd>,
    /// The mounts that this run made and this agent sees: where it may write.
    pub(in crate::sandbox) own: OwnMounts,
    /// Whether it stands in the initial user namespace: what its root may do, it
    /// may do to the machine.
    pub(in crate::sandbox) initial_user: bool,
    /// Whether it has a root of its own, by pivot_root(2).
    pub(in crate::sandbox) pivoted: bool,
    /// Whether it has a mount namespace of its own.
    pub(in crate::sandbox) own_mounts: bool,
    /// What its children are, once it has a root of layers.
    pub(in crate::sandbox) first: Option<First>,
    /// Its children are in a pid namespace inside of its own: whether that has its
    /// pid 1 already.
    pub(in crate::sandbox) inside: Option<bool>,
    /// The device of the devpts that it was made with.
    pub(in crate::sandbox) devpts: Option<u64>,
    /// When it began: what the times of samples count from.
    pub(in crate::sandbox) began: Instant,
    /// The course's engine, once it serves here.
    pub(in crate::sandbox) served: Option<Served>,
    /// What is under way, by the number of its request.
    pub(in crate::sandbox) jobs: Vec<(Id, Box<dyn Job>)>,
    /// The children whose end somebody asks for.
    adopted: BTreeSet<Pid>,
    /// SIGCHLD, which is blocked.
    pub(in crate::sandbox) ends: SignalFd,
}

/// A request whose answer comes later.
pub(in crate::sandbox) trait Job {
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

impl Agent {
    /// An agent that has done nothing yet.
    pub(in crate::sandbox) fn new(mut tracer: Tracer) -> Agent {
        let ends = sys::watch_children().unwrap_or_else(|errno| {
            let _ = tracer.broken(format!("signalfd(SIGCHLD): {errno}"));
            tracer.reply(Reply::Failed);
            sys::exit_now(1)
        });
        Agent {
            tracer,
            children: Children::default(),
            listeners: Vec::new(),
            own: OwnMounts::default(),
            initial_user: in_initial_user_namespace(),
            pivoted: false,
            own_mounts: false,
            first: None,
            inside: None,
            devpts: nix::sys::stat::stat("/dev/pts")
                .ok()
                .map(|stat| stat.st_dev),
            began: Instant::now(),
            served: None,
            jobs: Vec::new(),
            adopted: BTreeSet::new(),
            ends,
        }
    }

    /// Somebody will ask for this child's end: until then it isn't reaped.
    pub(in crate::sandbox) fn adopt(&mut self, pid: Pid) {
        self.adopted.insert(pid);
    }

    /// Nobody asks for a child's end any more.
    pub(in crate::sandbox) fn disown(&mut self, pid: Pid) {
        self.adopted.remove(&pid);
        // It may have ended before.
        let _ = waitpid(pid, Some(WaitPidFlag::WNOHANG));
    }

    /// How a child ended, once it has: then it is reaped.
    pub(in crate::sandbox) fn ended(&mut self, pid: Pid) -> Option<Ending> {
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
    pub(in crate::sandbox) fn reap_orphans(&mut self) {
        for child in children().into_iter().filter_map(own_number) {
            if !self.adopted.contains(&child) {
                let _ = waitpid(child, Some(WaitPidFlag::WNOHANG));
            }
        }
    }

    /// A named result is a fact, whatever it is; without a name it must succeed.
    pub(in crate::sandbox) fn settle(
        &mut self,
        task: &Task,
        result: Result<(), Errno>,
    ) -> Result<Reply, Told> {
        let action = &task.action;
        match (&action.result, result) {
            (Some(name), result) => {
                let text = result.err().map_or("ok".to_string(), Errno::name);
                let source = action.verb.about().call.to_string();
                self.tracer.fact(name.clone(), Value::Text(text), source);
                Ok(Reply::Done)
            }
            (None, Ok(())) => Ok(Reply::Done),
            (None, Err(errno)) => Err(self.tracer.broken(format!(
                "`{}` in `{}` failed: {errno}; give the action a name with `as` if it is meant to",
                action.verb.name(),
                action.place
            ))),
        }
    }

    /// Files are changed only on a mount that this run made, and never through
    /// a symbolic link, which could lead off it. `path` need not exist; its
    /// parent must, and is judged: without one the answer is the kernel's.
    pub(in crate::sandbox) fn on_own_mount(&mut self, path: &str) -> Answer {
        let path = Path::new(path);
        let parent = path.parent().unwrap_or(path);
        if let Some(errno) = self.nothing_there(parent) {
            return Ok(Err(errno));
        }
        // What is there may be a link, or have a mount of its own, as a device has.
        let there = path.symlink_metadata();
        let good =
            there.is_err() || there.is_ok_and(|meta| !meta.is_symlink()) && self.own.hold(path);
        match is_plain(path) && is_real(parent) && self.own.hold(parent) && good {
            true => Ok(Ok(())),
            false => Err(self.not_own(path)),
        }
    }

    /// A directory that is there and lies on a mount that this run made, or is
    /// the root of one: what may be read as a layer, or copied. What isn't there,
    /// or is no directory, is the kernel's answer.
    pub(in crate::sandbox) fn own_directory(&mut self, path: &str) -> Answer {
        let path = Path::new(path);
        if let Some(errno) = self.nothing_there(path) {
            return Ok(Err(errno));
        }
        match is_plain(path) && is_real(path) && self.own.hold(path) {
            true if path.is_dir() => Ok(Ok(())),
            true => Ok(Err(Errno(libc::ENOTDIR))),
            false => Err(self.not_own(path)),
        }
    }

    /// What the kernel answers to a look at something below a mount of this run's
    /// that isn't there. Elsewhere nobody is told what there is.
    fn nothing_there(&self, path: &Path) -> Option<Errno> {
        let errno = Errno::of(&path.symlink_metadata().err()?)?;
        let known = [libc::ENOENT, libc::ENOTDIR].contains(&errno.0);
        let above = path
            .ancestors()
            .find(|above| above.symlink_metadata().is_ok())?;
        (known && is_plain(path) && is_real(above) && self.own.hold(above)).then_some(errno)
    }

    fn not_own(&mut self, path: &Path) -> Told {
        self.tracer.broken(format!(
            "`{}` is not on a mount that this run made: mount one first (`mount`, `store`, \
             `overlay`), and stay below it, without symbolic links",
            path.display()
        ))
    }
}

/// Absolute, and without a way up.
fn is_plain(path: &Path) -> bool {
    path.is_absolute() && !path.components().any(|part| part == Component::ParentDir)
}

/// Whether no part of it is a symbolic link.
fn is_real(path: &Path) -> bool {
    // Comparing components: `/mnt/` and `/mnt` are one.
    std::fs::canonicalize(path).is_ok_and(|real| real == path)
}

/// Whether a child has ended, and waits to be reaped.
pub(in crate::sandbox) fn has_ended(pid: Pid) -> bool {
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT | WaitPidFlag::WNOHANG;
    !matches!(waitid(Which::Pid(pid), flags), Ok(WaitStatus::StillAlive))
}

/// Whether this process's user namespace is the initial one, which maps every
/// id to itself, user_namespaces(7).
pub(in crate::sandbox) fn in_initial_user_namespace() -> bool {
    let map = crate::base::kernel::read_text("/proc/self/uid_map").unwrap_or_default();
    map.split_whitespace().eq(["0", "0", "4294967295"])
}
