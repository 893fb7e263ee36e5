//! `run`, `spawn` and `wait`: the machine's own programs, and the workloads
//! that no usual tool does.

use super::agent::Agent;
use super::create::write_traced;
use super::owner::{MARK, Mark};
use super::search;
use super::sys::{self, Forked, Privilege};
use super::trace::Told;
use super::verbs::Answer;
use super::wire::{Reply, Task};
use super::workload;
use crate::base::Errno;
use crate::plan::{
    Ending, Event, FactRef, Join, MOVING_FACTS, Namespace, Need, Output, Sample, Spawn, Unit,
    Value, Watch, Workload,
};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use nix::unistd::Pid;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// How long a program of a demo may run.
const PROGRAM_SECONDS: u16 = 10;
/// How long a `spawn` may take to be ready, or a `wait` to be over.
const WORKLOAD_SECONDS: u16 = 30;
/// How much of a program's output is kept.
const OUTPUT_BYTES: u64 = 64 << 10;

/// What a watch sees at one moment: statistics by name.
type Sampled = Vec<(String, Value)>;

/// Background processes of one agent, by the name of their `spawn`.
#[derive(Default)]
pub(super) struct Children {
    groups: BTreeMap<String, Group>,
}

/// The processes of one `spawn`.
struct Group {
    members: Vec<Child>,
}

/// One of them, with the wire on which it reports when it is done.
struct Child {
    pid: Pid,
    report: UnixStream,
}

impl Children {
    /// The processes of a `spawn`, as this place counts.
    pub(super) fn pids(&self, name: &str) -> Option<Vec<Pid>> {
        self.groups
            .get(name)
            .map(|group| group.members.iter().map(|child| child.pid).collect())
    }
}

impl Agent {
    /// `run`
    pub(super) fn run(&mut self, task: &Task, argv: &[String]) -> Result<(), Told> {
        let Some((program, arguments)) = argv.split_first() else {
            return Err(self.teller.broken("`run` needs a program".into()));
        };
        let privilege = match task.held.as_slice() {
            [] => Privilege::Dropped,
            // Root of a user namespace can do no more than that allows.
            held if held.contains(&Namespace::User) || !self.initial_user => Privilege::Kept,
            _ if self.pivoted => Privilege::Container,
            _ => Privilege::Box,
        };
        let outputs = memfd_create(c"stdout", MFdFlags::MFD_CLOEXEC).and_then(|out| {
            Ok((
                File::from(out),
                File::from(memfd_create(c"stderr", MFdFlags::MFD_CLOEXEC)?),
            ))
        });
        let (mut out, mut err) =
            outputs.map_err(|errno| self.teller.broken(format!("memfd_create: {errno}")))?;
        // A root of the box's own has nothing of what the learner's PATH names.
        let path = match self.pivoted {
            true => search::USUAL.to_string(),
            false => search::path(),
        };
        let found = search::find(program, &path);
        let mut command = Command::new(found.as_deref().unwrap_or(Path::new(program)));
        command
            .arg0(program)
            .args(arguments)
            .env_clear()
            .envs([
                ("PATH", path.as_str()),
                ("LC_ALL", "C"),
                ("TERM", "dumb"),
                ("HOME", "/"),
            ])
            .envs(Mark::own().map(|mark| (MARK, mark.to_string())))
            .current_dir("/");
        sys::confine(&mut command, privilege);
        let before = std::time::Instant::now();
        // Returns once execve(2) has succeeded or failed in the child.
        let spawned = (|| {
            // Empty like /dev/null, which a root of the box's own may not have.
            command.stdin(memfd_create(c"stdin", MFdFlags::MFD_CLOEXEC)?);
            command.stdout(out.try_clone()?).stderr(err.try_clone()?);
            command.spawn()
        })();
        let shown: Vec<String> = argv.iter().map(|word| format!("{word:?}")).collect();
        let args = format!("[{}]", shown.join(", "));
        let call = spawned
            .as_ref()
            .map(|_| 0i64)
            .map_err(|error| Errno::of(error).unwrap_or(Errno(libc::EIO)));
        self.teller.timed(
            "execve",
            args,
            "the learner's own command, in a child",
            &call,
            before.elapsed(),
        );
        let ending = match spawned {
            Err(error) => {
                let errno = Errno::from(error);
                if errno.0 == libc::ENOENT {
                    let need = Need::Program(program.clone());
                    return Err(self.teller.refused(
                        need,
                        &format!("execve({program})"),
                        Some(errno),
                    ));
                }
                Ending::NotRun(errno)
            }
            Ok(mut child) => {
                let pid = Pid::from_raw(child.id() as i32);
                let ended = ends_within(pid, PROGRAM_SECONDS);
                if !ended {
                    let _ = child.kill();
                }
                match child.wait() {
                    Ok(status) => ending_of(status),
                    Err(error) => Ending::NotRun(Errno::from(error)),
                }
            }
        };
        let (stdout, stderr) = (text(&mut out), text(&mut err));
        if let Some(name) = &task.action.result {
            let source = format!("`{}`, wait(2)", argv.join(" "));
            self.teller
                .fact(name.clone(), Value::Text(ending.to_string()), source);
            for (suffix, text) in [("out", &stdout), ("err", &stderr)] {
                let value = Value::Text(text.trim_end_matches('\n').into());
                let source = format!("`{}`, standard {suffix}put", argv.join(" "))
                    .replace("errput", "error");
                self.teller.fact(format!("{name}.{suffix}"), value, source);
            }
        }
        let place = task.action.place.clone();
        let argv = argv.to_vec();
        self.teller.tell(Event::Output(Output {
            place,
            argv,
            ending,
            stdout,
            stderr,
        }));
        Ok(())
    }

    /// `spawn`
    pub(super) fn spawn(&mut self, task: &Task, spawn: &Spawn) -> Answer {
        let Some(name) = task.action.result.clone() else {
            return Err(self
                .teller
                .broken("`spawn` needs a name: give it one with `as`".into()));
        };
        let mut members = Vec::new();
        for number in 1..=spawn.count.min(256) {
            match self.start(task, spawn, number)? {
                Ok(child) => members.push(child),
                Err(errno) => return Ok(Err(errno)),
            }
        }
        let proc = std::path::Path::new("/proc");
        let first = members.first().map(|child| child.pid.as_raw());
        let count = Value::Number(members.len() as i64, Unit::Count);
        self.teller
            .fact(format!("{name}.count"), count, "fork(2)".into());
        let rss = first
            .and_then(|pid| crate::probe::memory_of(proc, pid))
            .and_then(|bytes| i64::try_from(bytes).ok())
            .map(|bytes| Value::Number(bytes, Unit::Bytes))
            .ok_or_else(|| "/proc does not show this process".to_string());
        let source = format!("/proc/{}/status VmRSS", first.unwrap_or_default());
        self.teller
            .observed(None, None, format!("{name}.rss"), rss, source);
        if let Workload::Map(_) = spawn.workload {
            self.tell_shares(&name, &mut members);
        }
        self.children.groups.insert(name, Group { members });
        Ok(Ok(()))
    }

    /// `map`: what all of them have mapped of the page cache. Each tells its
    /// share of the pages that it maps, now that all of them do.
    fn tell_shares(&mut self, name: &str, members: &mut [Child]) {
        let shares = members.iter_mut().map(|child| {
            let mut words = [0; workload::SHARE];
            let told = child.report.write_all(b"s").is_ok()
                && readable_within(&child.report, WORKLOAD_SECONDS)
                && child.report.read_exact(&mut words).is_ok();
            match u64::from_le_bytes(words) {
                _ if !told => Err(format!("process {} did not live to tell", child.pid)),
                u64::MAX => Err("/proc/self/smaps does not show the mapping".to_string()),
                share => Ok(share),
            }
        });
        let sum = shares
            .sum::<Result<u64, String>>()
            .map(|bytes| Value::Number(i64::try_from(bytes).unwrap_or(i64::MAX), Unit::Bytes));
        let source = match &members {
            [only] => format!("/proc/{}/smaps Pss", only.pid),
            _ => "/proc/PID/smaps Pss, added up".to_string(),
        };
        self.teller
            .observed(None, None, format!("{name}.pss"), sum, source);
    }

    /// Makes one background process, in its cgroup, and awaits its word that it
    /// is ready.
    fn start(
        &mut self,
        task: &Task,
        spawn: &Spawn,
        number: u32,
    ) -> Result<Result<Child, Errno>, Told> {
        let ends = UnixStream::pair();
        let (mut ours, theirs) =
            ends.map_err(|error| self.teller.broken(format!("socketpair: {error}")))?;
        let cgroups = spawn
            .cgroup
            .as_ref()
            .map(|name| task.directories(name))
            .unwrap_or_default();
        let parent = nix::unistd::getpid();
        let (pid, born_inside) = match self.bear(&cgroups) {
            Err(errno) => return Ok(Err(errno)),
            Ok((0, _)) => match sys::keep_only(theirs.into()) {
                Ok(end) => workload::run(spawn, number, parent, end.into()),
                Err(_) => sys::exit_now(1),
            },
            Ok((pid, born_inside)) => (Pid::from_raw(pid as i32), born_inside),
        };
        drop(theirs);
        let mut prepare = || -> Result<(), Errno> {
            for directory in cgroups.iter().filter(|_| !born_inside) {
                let path = format!("{}/cgroup.procs", directory.display());
                write_traced(
                    &mut self.teller,
                    &path,
                    &pid.to_string(),
                    "into the group before it works",
                )?;
            }
            ours.write_all(b"g").map_err(Errno::from)
        };
        let joined = prepare();
        let mut ready = [0];
        let awaited = joined.is_ok()
            && readable_within(&ours, WORKLOAD_SECONDS)
            && ours.read_exact(&mut ready).is_ok();
        if awaited && ready == [workload::REFUSED] {
            let mut errno = [0; 4];
            let told = ours.read_exact(&mut errno).is_ok();
            let _ = waitpid(pid, None);
            let errno = i32::from_le_bytes(errno);
            return Ok(Err(Errno(if told { errno } else { libc::EIO })));
        }
        if !awaited {
            let _ = nix::sys::signal::kill(pid, nix::sys::signal::SIGKILL);
            let status = waitpid(pid, None);
            if let Err(errno) = joined {
                return Ok(Err(errno));
            }
            return Err(self
                .teller
                .broken(format!("a workload was not ready: {status:?}")));
        }
        Ok(Ok(Child { pid, report: ours }))
    }

    /// Makes a child: in its cgroup from its first instruction where the kernel
    /// can (clone3 with CLONE_INTO_CGROUP, version 2 since Linux 5.7), which is
    /// told by the second value. `(0, _)` in the child.
    fn bear(&mut self, cgroups: &[PathBuf]) -> Result<(i64, bool), Errno> {
        let why = "a process in the background";
        if let [directory] = cgroups
            && directory.join("cgroup.controllers").exists()
            && let Ok(open) = File::open(directory)
        {
            let before = std::time::Instant::now();
            let result = sys::clone3_into(open.as_fd());
            if result == Ok(0) {
                return Ok((0, true));
            }
            let args = format!(
                "{{flags=CLONE_INTO_CGROUP, cgroup=\"{}\"}}",
                directory.display()
            );
            self.teller
                .timed("clone3", args, why, &result, before.elapsed());
            if let Ok(pid) = result {
                return Ok((pid, true));
            }
        }
        let before = std::time::Instant::now();
        match sys::fork()? {
            Forked::Child => Ok((0, false)),
            Forked::Parent(pid) => {
                let pid = i64::from(pid.as_raw());
                self.teller
                    .timed("fork", String::new(), why, &Ok(pid), before.elapsed());
                Ok((pid, false))
            }
        }
    }

    /// `wait`
    pub(super) fn wait(&mut self, name: &str) -> Result<(), Told> {
        let Some(group) = self.children.groups.remove(name) else {
            return Err(self
                .teller
                .broken(format!("`wait`: there is no `{name}` here")));
        };
        for mut child in group.members {
            if !ends_within(child.pid, WORKLOAD_SECONDS) {
                return Err(self
                    .teller
                    .broken(format!("`{name}` did not end in {WORKLOAD_SECONDS} s")));
            }
            let ending = match waitpid(child.pid, None) {
                Ok(WaitStatus::Exited(_, status)) => Ending::Exit(status),
                Ok(WaitStatus::Signaled(_, signal, _)) => Ending::Signal(signal.as_str().into()),
                other => return Err(self.teller.broken(format!("wait: {other:?}"))),
            };
            let end = Value::Text(ending.to_string());
            self.teller
                .fact(format!("{name}.end"), end, "wait(2)".into());
            let mut words = String::new();
            let _ = child.report.read_to_string(&mut words);
            let report: workload::Report =
                serde_json::from_str(&words).unwrap_or_else(|_| workload::unreported());
            for (suffix, value, source) in report {
                self.teller
                    .observed(None, None, format!("{name}.{suffix}"), value, source);
            }
        }
        Ok(())
    }

    /// `join`
    pub(super) fn join(&mut self, task: &Task, join: &Join) -> Answer {
        let Some(pids) = self.children.pids(&join.process) else {
            let message = format!("`join`: there is no `{}` here", join.process);
            return Err(self.teller.broken(message));
        };
        for directory in task.directories(&join.cgroup) {
            let path = format!("{}/cgroup.procs", directory.display());
            for pid in &pids {
                let why = "a process moves by its id being written here";
                if let Err(errno) = write_traced(&mut self.teller, &path, &pid.to_string(), why) {
                    return Ok(Err(errno));
                }
            }
        }
        Ok(Ok(()))
    }

    /// `watch`
    pub(super) fn watch(&mut self, task: &Task, watch: &Watch) {
        let started = std::time::Instant::now();
        let until = watch
            .until
            .as_ref()
            .and_then(|name| self.children.pids(name)?.first().copied());
        let ended = until.and_then(|pid| sys::pidfd_open(pid).ok());
        let nanos = |nanos: crate::base::Nanos| Duration::from_nanos(nanos.0.max(0) as u64);
        let (every, time) = (
            nanos(watch.every).max(Duration::from_millis(10)),
            nanos(watch.time),
        );
        let mut next = started;
        let mut ends: Option<[Sampled; 2]> = None;
        loop {
            let values = watch
                .groups
                .iter()
                .filter_map(|name| Some((name, task.groups.get(name)?)));
            let values: Sampled = values
                .flat_map(|(name, group)| crate::probe::samples(name, group))
                .collect();
            ends = Some(match ends {
                None => [values.clone(), values.clone()],
                Some([first, _]) => [first, values.clone()],
            });
            let place = self.teller.place.clone();
            let values: Vec<_> = values
                .into_iter()
                .map(|(name, value)| {
                    (
                        FactRef {
                            seen_from: place.clone(),
                            about: None,
                            name,
                            moment: None,
                        },
                        value,
                    )
                })
                .collect();
            let at = self.began.elapsed().as_nanos() as i64;
            // Without a group there is nothing to see, but an end to await.
            if !values.is_empty() {
                self.teller.tell(Event::Sample(Sample { at, values }));
            }
            next += every;
            let left = next.saturating_duration_since(std::time::Instant::now());
            if started.elapsed() + left > time {
                break;
            }
            // The supervisor's next word ends a watch early: that it is enough,
            // or the end of the run.
            let wire = self.teller.wire();
            let mut over = vec![PollFd::new(wire.as_fd(), PollFlags::POLLIN)];
            over.extend(
                ended
                    .as_ref()
                    .map(|pidfd| PollFd::new(pidfd.as_fd(), PollFlags::POLLIN)),
            );
            if ready_before(&mut over, left) {
                break;
            }
        }
        if let (Some(name), Some([first, last])) = (&task.action.result, ends) {
            self.tell_growth(name, &first, &last);
        }
    }

    /// By how much each statistic grew while it was watched: no moment but
    /// those of the two samples counts.
    fn tell_growth(&mut self, watch: &str, first: &Sampled, last: &Sampled) {
        let moves = |fact: &str| {
            let statistic = fact.split_once('.').map(|(_, statistic)| statistic);
            statistic.is_some_and(|statistic| MOVING_FACTS.contains(&statistic))
        };
        for (fact, value) in last.iter().filter(|(fact, _)| moves(fact)) {
            let before = first.iter().find(|(name, _)| name == fact);
            if let (Some((_, Value::Number(before, _))), Value::Number(after, unit)) =
                (before, value)
            {
                let grown = Value::Number(after - before, *unit);
                let source = "the last sample minus the first".to_string();
                self.teller.fact(format!("{watch}.{fact}"), grown, source);
            }
        }
    }

    /// Awaits the end of a box that this agent created.
    pub(super) fn reap(&mut self, child: i32) -> Result<Reply, Told> {
        let pid = Pid::from_raw(child);
        if !ends_within(pid, WORKLOAD_SECONDS) {
            return Err(self
                .teller
                .broken("`await-end`: the box goes on; kill it first".into()));
        }
        let ending = match waitpid(pid, None) {
            Ok(WaitStatus::Exited(_, status)) => Ending::Exit(status),
            Ok(WaitStatus::Signaled(_, signal, _)) => Ending::Signal(signal.as_str().into()),
            other => return Err(self.teller.broken(format!("await-end: {other:?}"))),
        };
        Ok(Reply::Ended(ending))
    }
}

/// Awaits the end of a child, without reaping it.
fn ends_within(pid: Pid, seconds: u16) -> bool {
    match sys::pidfd_open(pid) {
        Ok(pidfd) => readable_within(&pidfd, seconds),
        // Before Linux 5.3 there is no pidfd: wait without a limit.
        Err(_) => waitid(Id::Pid(pid), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT).is_ok(),
    }
}

fn ready_before(fds: &mut [PollFd<'_>], limit: Duration) -> bool {
    let limit = PollTimeout::try_from(limit).unwrap_or(PollTimeout::MAX);
    poll(fds, limit).is_ok_and(|ready| ready > 0)
}

fn readable_within(fd: &impl AsFd, seconds: u16) -> bool {
    let limit = PollTimeout::from(seconds.saturating_mul(1000).min(60_000));
    let mut fds = [PollFd::new(fd.as_fd(), PollFlags::POLLIN)];
    poll(&mut fds, limit).is_ok_and(|ready| ready > 0)
}

fn ending_of(status: std::process::ExitStatus) -> Ending {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(code), _) => Ending::Exit(code),
        (None, Some(number)) => Ending::Signal(
            nix::sys::signal::Signal::try_from(number)
                .map_or(format!("signal {number}"), |signal| signal.as_str().into()),
        ),
        (None, None) => Ending::Exit(-1),
    }
}

/// What was written to a file, from its start, cut with a word about it.
fn text(file: &mut File) -> String {
    let mut bytes = Vec::new();
    let length = file.seek(std::io::SeekFrom::End(0)).unwrap_or(0);
    let _ = file.rewind();
    let _ = file.take(OUTPUT_BYTES).read_to_end(&mut bytes);
    let mut text = String::from_utf8_lossy(&bytes).into_owned();
    if length > OUTPUT_BYTES {
        text.push_str(&format!("\n… cut here: {length} bytes were written\n"));
    }
    text
}
