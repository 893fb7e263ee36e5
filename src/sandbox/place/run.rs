//! `run`: one of the machine's own programs, with what it writes captured.

use super::confine::{Confinement, Privilege};
use crate::base::{Errno, chain, literal};
use crate::plan::{Ending, Event, Namespace, Need, Output, Value};
use crate::sandbox::agent::{Agent, Job};
use crate::sandbox::base::owner::{MARK, Mark};
use crate::sandbox::base::search;
use crate::sandbox::base::service::Tenant;
use crate::sandbox::wire::tracer::Told;
use crate::sandbox::wire::{Reply, Task};
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::io::{self, PipeReader, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

/// How long a program of a demo may run.
const PROGRAM: Duration = Duration::from_secs(10);
/// How much of a program's output is kept.
const OUTPUT_BYTES: usize = 64 << 10;
/// How much is read before something else gets its turn.
const TURN_BYTES: usize = 1 << 20;

/// A program with its arguments, as it is started and as it is told.
pub(super) struct Line {
    /// What it is called, its argument 0.
    pub(super) program: String,
    /// The file behind it.
    pub(super) file: PathBuf,
    pub(super) arguments: Vec<String>,
    /// What of its environment is its own.
    pub(super) environment: Vec<(&'static str, String)>,
    /// As a person would have typed it.
    pub(super) shown: Vec<String>,
}

/// A program that runs, or one that could not be started.
pub(super) struct Running {
    place: crate::plan::Place,
    name: Option<String>,
    argv: Vec<String>,
    state: State,
    out: Captured,
    err: Captured,
    deadline: Instant,
}

enum State {
    Runs(Pid),
    Ended(Ending),
}

/// One of its outputs: what is kept of it, and how much there was.
struct Captured {
    pipe: PipeReader,
    open: bool,
    kept: Vec<u8>,
    written: u64,
}

impl Agent {
    /// `run`
    pub(in crate::sandbox) fn run(
        &mut self,
        task: &Task,
        argv: &[String],
    ) -> Result<Box<dyn Job>, Told> {
        let shown = self.placed(argv);
        let Some((program, arguments)) = shown.split_first() else {
            return Err(self.tracer.broken("`run` needs a program".into()));
        };
        let found = search::find(program, &self.path());
        let line = Line {
            program: program.clone(),
            file: found.unwrap_or_else(|| program.into()),
            arguments: arguments.to_vec(),
            environment: Vec::new(),
            shown,
        };
        let running = self.start_line(task, line)?;
        Ok(Box::new(running))
    }

    /// Where programs are looked up. A root of the box's own has nothing of what the
    /// learner's PATH names.
    fn path(&self) -> String {
        match self.pivoted {
            true => search::USUAL.to_string(),
            false => search::path(),
        }
    }

    /// Starts a program, confined.
    pub(super) fn start_line(&mut self, task: &Task, line: Line) -> Result<Running, Told> {
        let program = &line.program;
        let how = Confinement {
            tenant: Tenant::Demo,
            privilege: Privilege::at(&task.held, self.initial_user, self.pivoted),
            apart: !task.held.contains(&Namespace::Mount),
            groups: task.fence.clone(),
        };
        let outputs = Captured::new().and_then(|out| Ok((out, Captured::new()?)));
        let ((out, to_out), (err, to_err)) = outputs.map_err(|error| {
            self.tracer
                .broken(format!("the pipes of `{program}`: {}", chain(&error)))
        })?;
        let mut command = Command::new(&line.file);
        command
            .arg0(program)
            .args(&line.arguments)
            .env_clear()
            .envs([
                ("PATH", self.path().as_str()),
                ("LC_ALL", "C"),
                ("TERM", "dumb"),
                ("HOME", "/"),
            ])
            .envs(line.environment)
            .envs(Mark::own().map(|mark| (MARK, mark.to_string())))
            .current_dir("/");
        let confined = self.tracer.confine(&mut command, how);
        let report = confined.map_err(|error| {
            self.tracer
                .broken(format!("memfd_create for `{program}`: {}", chain(&error)))
        })?;
        let before = Instant::now();
        // Returns once execve(2) has succeeded or failed in the child.
        let spawned = (|| {
            // Empty like /dev/null, which a root of the box's own may not have.
            command.stdin(memfd_create(c"stdin", MFdFlags::MFD_CLOEXEC)?);
            command.stdout(to_out).stderr(to_err);
            command.spawn()
        })();
        // It holds the other ends of the pipes.
        drop(command);
        let shown: Vec<String> = line.shown.iter().map(literal).collect();
        let args = format!("[{}]", shown.join(", "));
        let call = spawned
            .as_ref()
            .map(|_| 0i64)
            .map_err(|error| Errno::of(error).unwrap_or(Errno(libc::EIO)));
        self.tracer.timed(
            "execve",
            args,
            "the learner's own command, in a child",
            &call,
            before.elapsed(),
        );
        self.tracer.tell_confined(report);
        let state = match spawned {
            Err(error) => {
                let errno = Errno::from(error);
                if errno.0 == libc::ENOENT {
                    let need = Need::Program(program.clone());
                    return Err(self.tracer.refused(
                        need,
                        &format!("execve({program})"),
                        Some(errno),
                    ));
                }
                State::Ended(Ending::NotRun(errno))
            }
            Ok(child) => {
                let pid = Pid::from_raw(child.id() as i32);
                self.adopt(pid);
                State::Runs(pid)
            }
        };
        Ok(Running {
            place: task.action.place.clone(),
            name: task.action.result.clone(),
            argv: line.shown,
            state,
            out,
            err,
            deadline: Instant::now() + PROGRAM,
        })
    }
}

impl Job for Running {
    fn step(&mut self, agent: &mut Agent) -> Option<Result<Reply, Told>> {
        if let State::Runs(pid) = self.state {
            if let Some(ended) = agent.ended(pid) {
                self.state = State::Ended(ended);
            } else if Instant::now() >= self.deadline {
                // Its end is noticed as any other.
                let _ = kill(pid, Signal::SIGKILL);
                self.deadline += PROGRAM;
            }
        }
        // After its end, so that all it wrote is there: a pipe holds less than is
        // taken in one turn. What a child of its own writes later is lost.
        self.out.read();
        self.err.read();
        let State::Ended(ending) = &self.state else {
            return None;
        };
        let command = self.argv.join(" ");
        if let Some(name) = &self.name {
            let value = Value::Text(ending.to_string());
            let source = format!("`{command}`, wait(2)");
            agent.tracer.fact(name.clone(), value, source);
            for (suffix, what, captured) in [
                ("out", "standard output", &self.out),
                ("err", "standard error", &self.err),
            ] {
                let source = format!("`{command}`, {what}");
                let name = format!("{name}.{suffix}");
                agent.tracer.fact(name, captured.value(), source);
            }
        }
        agent.tracer.tell(Event::Output(Output {
            place: self.place.clone(),
            argv: std::mem::take(&mut self.argv),
            ending: ending.clone(),
            stdout: self.out.text(),
            stderr: self.err.text(),
        }));
        Some(Ok(Reply::Done))
    }

    fn wakes(&self) -> Vec<BorrowedFd<'_>> {
        let open = [&self.out, &self.err].into_iter().filter(|one| one.open);
        open.map(|one| one.pipe.as_fd()).collect()
    }

    fn due(&self) -> Option<Instant> {
        match self.state {
            State::Runs(_) => Some(self.deadline),
            State::Ended(_) => Some(Instant::now()),
        }
    }
}

impl Captured {
    /// With the end to write to.
    fn new() -> io::Result<(Captured, io::PipeWriter)> {
        let (pipe, writer) = io::pipe()?;
        fcntl(&pipe, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        let captured = Captured {
            pipe,
            open: true,
            kept: Vec::new(),
            written: 0,
        };
        Ok((captured, writer))
    }

    /// Takes what is there, but no more than a turn's worth.
    fn read(&mut self) {
        let mut bytes = [0; 64 << 10];
        let mut taken = 0;
        while self.open && taken < TURN_BYTES {
            match self.pipe.read(&mut bytes) {
                Ok(0) => self.open = false,
                Ok(count) => {
                    let room = OUTPUT_BYTES - self.kept.len();
                    self.kept.extend_from_slice(&bytes[..count.min(room)]);
                    self.written += count as u64;
                    taken += count;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return,
            }
        }
    }

    /// What is kept, as a value: without the newlines at its end, if that is known.
    fn value(&self) -> Value {
        if self.is_cut() {
            return Value::cut_text(self.kept.clone(), Some(self.written));
        }
        let text = String::from_utf8_lossy(&self.kept);
        Value::Text(text.trim_end_matches('\n').into())
    }

    /// The same for a person, cut with a word about it.
    fn text(&self) -> String {
        let mut text = String::from_utf8_lossy(&self.kept).into_owned();
        if self.is_cut() {
            let written = self.written;
            text.push_str(&format!("\n… cut here: {written} bytes were written\n"));
        }
        text
    }

    fn is_cut(&self) -> bool {
        self.written > OUTPUT_BYTES as u64
    }
}
