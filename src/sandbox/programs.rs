//! `run`, `spawn` and `wait`: the machine's own programs, and the workloads
//! that no usual tool does.

use super::agent::Agent;
use super::sys::{self, Forked, Privilege};
use super::trace::Told;
use super::verbs::{Answer, io_errno};
use super::wire::{Reply, Task};
use super::workload;
use crate::base::Errno;
use crate::plan::{Ending, Event, Need, Output, Spawn, Unit, Value};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use nix::unistd::Pid;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{PipeReader, Read, Seek};
use std::os::fd::AsFd;
use std::process::{Command, Stdio};

/// How long a program of a demo may run.
const PROGRAM_SECONDS: u16 = 10;
/// How long a `spawn` may take to be ready, or a `wait` to be over.
const WORKLOAD_SECONDS: u16 = 30;
/// How much of a program's output is kept.
const OUTPUT_BYTES: u64 = 64 << 10;
/// Where programs are looked up, whatever the learner's PATH says.
pub const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Background processes of one agent, by the name of their `spawn`.
#[derive(Default)]
pub(super) struct Children {
    groups: BTreeMap<String, Group>,
}

/// The processes of one `spawn`.
struct Group {
    members: Vec<Child>,
}

/// One of them, with the pipe on which it reports when it is done.
struct Child {
    pid: Pid,
    report: PipeReader,
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
        let privilege = if task.exposed {
            Privilege::Dropped
        } else {
            Privilege::Kept
        };
        let outputs = memfd_create(c"stdout", MFdFlags::MFD_CLOEXEC).and_then(|out| {
            Ok((
                File::from(out),
                File::from(memfd_create(c"stderr", MFdFlags::MFD_CLOEXEC)?),
            ))
        });
        let (mut out, mut err) =
            outputs.map_err(|errno| self.teller.broken(format!("memfd_create: {errno}")))?;
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env_clear()
            .envs([
                ("PATH", PATH),
                ("LC_ALL", "C"),
                ("TERM", "dumb"),
                ("HOME", "/"),
            ])
            .current_dir("/")
            .stdin(Stdio::null());
        sys::confine(&mut command, privilege);
        let before = std::time::Instant::now();
        // Returns once execve(2) has succeeded or failed in the child.
        let spawned = (|| {
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
                let errno = io_errno(error);
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
                    Err(error) => Ending::NotRun(io_errno(error)),
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
        for _ in 0..spawn.count.min(256) {
            match self.start(spawn)? {
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
        self.children.groups.insert(name, Group { members });
        Ok(Ok(()))
    }

    /// Forks one background process and awaits its word that it is ready.
    fn start(&mut self, spawn: &Spawn) -> Result<Result<Child, Errno>, Told> {
        let (mut reader, writer) =
            std::io::pipe().map_err(|error| self.teller.broken(format!("pipe: {error}")))?;
        let before = std::time::Instant::now();
        let parent = nix::unistd::getpid();
        match sys::fork() {
            Err(errno) => Ok(Err(errno)),
            Ok(Forked::Child) => {
                let end = sys::keep_only(writer.into());
                match end {
                    Ok(end) => workload::run(&spawn.workload, parent, end),
                    Err(_) => sys::exit_now(1),
                }
            }
            Ok(Forked::Parent(pid)) => {
                drop(writer);
                let call: Result<i64, Errno> = Ok(i64::from(pid.as_raw()));
                self.teller.timed(
                    "fork",
                    String::new(),
                    "a process in the background",
                    &call,
                    before.elapsed(),
                );
                let mut ready = [0];
                let awaited = readable_within(&reader, WORKLOAD_SECONDS)
                    && reader.read_exact(&mut ready).is_ok();
                if !awaited {
                    let _ = nix::sys::signal::kill(pid, nix::sys::signal::SIGKILL);
                    let status = waitpid(pid, None);
                    return Err(self
                        .teller
                        .broken(format!("a workload was not ready: {status:?}")));
                }
                Ok(Ok(Child {
                    pid,
                    report: reader,
                }))
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
            let report = workload::Report::parse(&words);
            for (suffix, value, source) in workload::facts(report.as_ref()) {
                self.teller
                    .observed(None, None, format!("{name}.{suffix}"), value, source.into());
            }
        }
        Ok(())
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
