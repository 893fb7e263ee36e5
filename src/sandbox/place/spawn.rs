//! `spawn`, `wait` and `join`: processes in the background that do what no usual
//! tool does.

use super::workload;
use crate::base::{Errno, chain, literal};
use crate::plan::{Ending, Join, Spawn, Unit, Value, Workload};
use crate::sandbox::agent::background::{Child, Report};
use crate::sandbox::agent::{Agent, Answer, Job};
use crate::sandbox::base::pidfd;
use crate::sandbox::sys::{self, Forked};
use crate::sandbox::wire::tracer::Told;
use crate::sandbox::wire::{Reply, Task};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long one process may take to be ready, or to be over.
const PATIENCE: Duration = Duration::from_secs(30);

/// How many milliseconds a killed one is waited for.
const DYING: u16 = 500;

/// A `spawn` under way.
struct Spawning {
    task: Task,
    spawn: Spawn,
    name: String,
    members: Vec<Child>,
    /// The one that isn't ready yet.
    starting: Option<Child>,
    /// `map`: what those until now have of the page cache, once all are ready,
    /// and whether the next one has been asked.
    shares: Vec<Result<u64, String>>,
    asked: bool,
    deadline: Instant,
}

impl Agent {
    /// `spawn`
    pub(in crate::sandbox) fn spawn(
        &mut self,
        task: &Task,
        spawn: &Spawn,
    ) -> Result<Box<dyn Job>, Told> {
        let Some(name) = task.action.result.clone() else {
            return Err(self
                .tracer
                .broken("`spawn` needs a name: give it one with `as`".into()));
        };
        Ok(Box::new(Spawning {
            task: task.clone(),
            spawn: spawn.clone(),
            name,
            members: Vec::new(),
            starting: None,
            shares: Vec::new(),
            asked: false,
            deadline: Instant::now() + PATIENCE,
        }))
    }

    /// Makes one background process, in its cgroup, and lets it begin.
    fn start(
        &mut self,
        task: &Task,
        spawn: &Spawn,
        number: u32,
    ) -> Result<Result<Child, Errno>, Told> {
        let ends = UnixStream::pair();
        let (ours, theirs) = ends.map_err(|error| {
            self.tracer
                .broken(format!("socketpair for a `spawn`: {}", chain(&error)))
        })?;
        let report = Report::new(ours);
        let mut report = report.map_err(|error| {
            self.tracer
                .broken(format!("fcntl for a `spawn`: {}", chain(&error)))
        })?;
        let cgroups = spawn
            .cgroup
            .as_ref()
            .map(|name| task.directories(name))
            .unwrap_or_default();
        let parent = nix::unistd::getpid();
        let (pid, born_inside) = match self.fork_into(&cgroups) {
            Err(errno) => return Ok(Err(errno)),
            Ok((0, _)) => match sys::keep_only(self.tracer.one, theirs.into()) {
                Ok(end) => workload::run(self.tracer.one, spawn, number, parent, end.into()),
                Err(_) => sys::exit_now(1),
            },
            Ok((pid, born_inside)) => (Pid::from_raw(pid as i32), born_inside),
        };
        self.adopt(pid);
        drop(theirs);
        let mut prepare = || -> Result<(), Errno> {
            for directory in cgroups.iter().filter(|_| !born_inside) {
                let path = format!("{}/cgroup.procs", directory.display());
                self.tracer
                    .write(&path, &pid.to_string(), "into the group before it works")?;
            }
            // Version 1 lets a process be moved into a full group, where version 2
            // lets none be born: a fork in there is refused by both.
            let word = match !born_inside && cgroups.iter().any(|dir| is_overfull(dir)) {
                true => workload::FORK_FIRST,
                false => workload::GO,
            };
            report.stream.write_all(&[word]).map_err(Errno::from)
        };
        match prepare() {
            Ok(()) => Ok(Ok(Child { pid, report })),
            Err(errno) => {
                self.discard(pid);
                Ok(Err(errno))
            }
        }
    }

    /// Makes a child: in its cgroup from its first instruction where the kernel
    /// can (clone3 with CLONE_INTO_CGROUP, version 2 since Linux 5.7), which is
    /// told by the second value. `(0, _)` in the child.
    fn fork_into(&mut self, cgroups: &[PathBuf]) -> Result<(i64, bool), Errno> {
        let why = "a process in the background";
        if let [directory] = cgroups
            && directory.join("cgroup.controllers").exists()
            && let Ok(open) = File::open(directory)
        {
            let before = Instant::now();
            let result = sys::clone3_into(self.tracer.one, open.as_fd());
            if result == Ok(0) {
                return Ok((0, true));
            }
            let args = format!("{{flags=CLONE_INTO_CGROUP, cgroup={}}}", literal(directory));
            self.tracer
                .timed("clone3", args, why, &result, before.elapsed());
            if let Ok(pid) = result {
                return Ok((pid, true));
            }
        }
        let before = Instant::now();
        match sys::fork(self.tracer.one)? {
            Forked::Child => Ok((0, false)),
            Forked::Parent(pid) => {
                let pid = i64::from(pid.as_raw());
                self.tracer
                    .timed("fork", String::new(), why, &Ok(pid), before.elapsed());
                Ok((pid, false))
            }
        }
    }

    /// `wait`
    pub(in crate::sandbox) fn wait_for(&mut self, name: &str) -> Result<Box<dyn Job>, Told> {
        let Some(group) = self.children.groups.remove(name) else {
            return Err(self
                .tracer
                .broken(format!("`wait`: there is no `{name}` here")));
        };
        Ok(Box::new(Waiting {
            name: name.into(),
            left: group.into(),
            deadline: Instant::now() + PATIENCE,
        }))
    }

    /// `join`
    pub(in crate::sandbox) fn join(&mut self, task: &Task, join: &Join) -> Answer {
        let Some(pids) = self.children.pids(&join.process) else {
            let message = format!("`join`: there is no `{}` here", join.process);
            return Err(self.tracer.broken(message));
        };
        for directory in task.directories(&join.cgroup) {
            let path = format!("{}/cgroup.procs", directory.display());
            for pid in &pids {
                let why = "a process moves by its id being written here";
                if let Err(errno) = self.tracer.write(&path, &pid.to_string(), why) {
                    return Ok(Err(errno));
                }
            }
        }
        Ok(Ok(()))
    }
}

/// Whether a group of version 1, or one above it, holds more processes than its
/// limit, as a move into it may bring about.
fn is_overfull(directory: &Path) -> bool {
    let number = |path: PathBuf| -> Option<u64> {
        let text = crate::base::kernel::read_text(path).ok()?;
        text.trim().parse().ok()
    };
    directory.ancestors().any(|above| {
        let limit = number(above.join("pids.max"));
        limit.is_some_and(|limit| number(above.join("pids.current")) > Some(limit))
    })
}

impl Job for Spawning {
    fn step(&mut self, agent: &mut Agent) -> Option<Result<Reply, Told>> {
        while (self.members.len() as u32) < self.spawn.count.min(256) {
            let Some(mut child) = self.starting.take() else {
                let number = self.members.len() as u32 + 1;
                match agent.start(&self.task, &self.spawn, number) {
                    Ok(Ok(child)) => {
                        self.starting = Some(child);
                        self.deadline = Instant::now() + PATIENCE;
                    }
                    Ok(Err(errno)) => return Some(agent.settle(&self.task, Err(errno))),
                    Err(told) => return Some(Err(told)),
                }
                continue;
            };
            child.report.read();
            match child.report.said.as_slice() {
                [workload::REFUSED, errno @ ..] if errno.len() >= 4 || !child.report.open => {
                    let errno = errno.first_chunk().map(|bytes| i32::from_le_bytes(*bytes));
                    agent.discard(child.pid);
                    let errno = Errno(errno.unwrap_or(libc::EIO));
                    return Some(agent.settle(&self.task, Err(errno)));
                }
                [workload::READY, ..] => {
                    child.report.said.remove(0);
                    self.members.push(child);
                    self.deadline = Instant::now() + PATIENCE;
                }
                _ if !child.report.open || Instant::now() >= self.deadline => {
                    let how = match agent.discard(child.pid) {
                        Some(ending) => format!("it ended before: {ending}"),
                        None => format!("not within {} s", PATIENCE.as_secs()),
                    };
                    let name = &self.name;
                    let message = format!("a process of `{name}` did not get ready: {how}");
                    return Some(Err(agent.tracer.broken(message)));
                }
                _ => {
                    self.starting = Some(child);
                    return None;
                }
            }
        }
        if let Workload::Map(_) = self.spawn.workload
            && !self.has_all_shares()
        {
            return None;
        }
        self.tell(agent);
        let members = std::mem::take(&mut self.members);
        let name = std::mem::take(&mut self.name);
        agent.children.groups.insert(name, members);
        Some(agent.settle(&self.task, Ok(())))
    }

    fn wakes(&self) -> Vec<BorrowedFd<'_>> {
        let next = self.members.get(self.shares.len());
        let asked = next.filter(|_| self.asked && self.starting.is_none());
        let awaited = self.starting.iter().chain(asked);
        awaited.map(|child| child.report.stream.as_fd()).collect()
    }

    fn due(&self) -> Option<Instant> {
        Some(self.deadline)
    }
}

impl Spawning {
    /// `map`: asks each for its share of the pages that it maps, now that all of
    /// them do.
    fn has_all_shares(&mut self) -> bool {
        while let Some(child) = self.members.get_mut(self.shares.len()) {
            if !self.asked {
                let _ = child.report.stream.write_all(b"s");
                self.asked = true;
            }
            let share = match child.report.take().map(u64::from_le_bytes) {
                Some(u64::MAX) => Err("/proc/self/smaps does not show the mapping".to_string()),
                Some(share) => Ok(share),
                None if child.report.open && Instant::now() < self.deadline => return false,
                None => Err(format!("process {} did not live to tell", child.pid)),
            };
            self.shares.push(share);
            self.asked = false;
            self.deadline = Instant::now() + PATIENCE;
        }
        true
    }

    fn tell(&self, agent: &mut Agent) {
        let name = &self.name;
        let first = self.members.first().map(|child| child.pid.as_raw());
        let count = Value::Number(self.members.len() as i64, Unit::Count);
        agent
            .tracer
            .fact(format!("{name}.count"), count, "fork(2)".into());
        let rss = first
            .and_then(|pid| crate::probe::memory_of(Path::new("/proc"), pid))
            .and_then(|bytes| i64::try_from(bytes).ok())
            .map(|bytes| Value::Number(bytes, Unit::Bytes))
            .ok_or_else(|| "/proc does not show this process".to_string());
        let source = format!("/proc/{}/status VmRSS", first.unwrap_or_default());
        agent
            .tracer
            .observed(None, None, format!("{name}.rss"), rss, source);
        if let Workload::Map(_) = self.spawn.workload {
            let sum = self.shares.iter().cloned().sum::<Result<u64, String>>();
            let sum = sum
                .map(|bytes| Value::Number(i64::try_from(bytes).unwrap_or(i64::MAX), Unit::Bytes));
            let source = match self.members.as_slice() {
                [only] => format!("/proc/{}/smaps Pss", only.pid),
                _ => "/proc/PID/smaps Pss, added up".to_string(),
            };
            agent
                .tracer
                .observed(None, None, format!("{name}.pss"), sum, source);
        }
    }
}

/// A `wait` under way.
struct Waiting {
    name: String,
    left: std::collections::VecDeque<Child>,
    deadline: Instant,
}

impl Job for Waiting {
    fn step(&mut self, agent: &mut Agent) -> Option<Result<Reply, Told>> {
        let name = &self.name;
        while let Some(child) = self.left.front_mut() {
            let Some(ending) = agent.ended(child.pid) else {
                if Instant::now() < self.deadline {
                    return None;
                }
                let message = format!("`{name}` did not end in {} s", PATIENCE.as_secs());
                return Some(Err(agent.tracer.broken(message)));
            };
            self.deadline = Instant::now() + PATIENCE;
            let end = Value::Text(ending.to_string());
            agent
                .tracer
                .fact(format!("{name}.end"), end, "wait(2)".into());
            // It has ended: all that it said is there.
            child.report.read();
            let report: workload::Report = serde_json::from_slice(&child.report.said)
                .unwrap_or_else(|_| workload::unreported());
            for (suffix, value, source) in report {
                agent
                    .tracer
                    .observed(None, None, format!("{name}.{suffix}"), value, source);
            }
            self.left.pop_front();
        }
        Some(Ok(Reply::Done))
    }

    fn wakes(&self) -> Vec<BorrowedFd<'_>> {
        Vec::new()
    }

    fn due(&self) -> Option<Instant> {
        Some(self.deadline)
    }
}

impl Agent {
    /// Ends a child that is of no use, and awaits that; how it had ended if it had.
    fn discard(&mut self, pid: Pid) -> Option<Ending> {
        if let Some(ending) = self.ended(pid) {
            return Some(ending);
        }
        let _ = kill(pid, Signal::SIGKILL);
        // Its group counts it until it is reaped: soon, but if it is frozen.
        if let Ok(end) = pidfd::open(pid) {
            let mut fds = [PollFd::new(end.as_fd(), PollFlags::POLLIN)];
            let _ = poll(&mut fds, PollTimeout::from(DYING));
        }
        // Nobody asks for it any more: it is reaped as an orphan is.
        self.disown(pid);
        None
    }
}
