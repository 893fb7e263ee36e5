//! No test waits for a process without a deadline: what is started here is
//! killed when its time is over, and the test fails with what it has said.

#![allow(dead_code, missing_docs, unreachable_pub)]

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, getsid};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use std::fs;
use std::io::{self, Read};
use std::ops::{Deref, DerefMut};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, Once, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// What any one process of a test may take; generous, since the machine may be
/// busy. A run of the program ends itself after 120 s (`sandbox`).
pub const PATIENCE: Duration = Duration::from_secs(150);

/// How long the output of a process that was killed may stay open.
const GRACE: Duration = Duration::from_secs(5);

/// Kills a process, unless it is dropped before its time is over.
pub struct Watch {
    disarm: Option<Sender<()>>,
    thread: Option<JoinHandle<bool>>,
}

impl Watch {
    /// On a process of the test's own that lives.
    pub fn on(pid: u32, patience: Duration) -> Watch {
        let pid = Pid::from_raw(pid.cast_signed());
        let started = start_time(pid);
        let (disarm, disarmed) = channel::<()>();
        let thread = thread::spawn(move || {
            let over = disarmed.recv_timeout(patience) == Err(RecvTimeoutError::Timeout);
            // Of another start time it is another process.
            let expired = over && started.is_some() && start_time(pid) == started;
            if expired {
                kill_with_its_children(pid);
            }
            expired
        });
        Watch {
            disarm: Some(disarm),
            thread: Some(thread),
        }
    }

    /// Disarms it. Whether it had to kill.
    pub fn expired(&mut self) -> bool {
        drop(self.disarm.take());
        let thread = self.thread.take();
        thread.is_some_and(|thread| thread.join().unwrap_or(false))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.expired();
    }
}

/// Kills a process and, of its descendants, those of its session: a guardian
/// has left that, and takes its demo down by itself when the program is gone.
fn kill_with_its_children(pid: Pid) {
    let session = getsid(Some(pid));
    let mut all = vec![pid];
    let mut next = 0;
    while let Some(parent) = all.get(next).copied() {
        let tasks = fs::read_dir(format!("/proc/{parent}/task")).into_iter();
        for task in tasks.flatten().flatten() {
            let children = fs::read_to_string(task.path().join("children")).unwrap_or_default();
            let children = children
                .split_whitespace()
                .filter_map(|pid| pid.parse().ok());
            all.extend(children.map(Pid::from_raw));
        }
        next += 1;
    }
    for pid in all {
        if getsid(Some(pid)) == session {
            let _ = kill(pid, Signal::SIGKILL);
        }
    }
}

/// When a process was started, in clock ticks after boot (proc_pid_stat(5)).
fn start_time(pid: Pid) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, after_the_name) = stat.rsplit_once(')')?;
    after_the_name.split_whitespace().nth(19)?.parse().ok()
}

/// What starts the tests in the background lets them ignore SIGINT, or SIGHUP as
/// nohup(1) does, and with them each process that a test wants to interrupt. What
/// is caught here is at its default there (execve(2)), and has no effect here.
fn heed_signals() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        for signal in [SIGHUP, SIGINT, SIGQUIT, SIGTERM] {
            if ignores(signal) {
                signal_hook::flag::register(signal, Arc::default()).unwrap();
            }
        }
    });
}

/// Whether this process ignores a signal, by proc_pid_status(5).
pub fn ignores(signal: i32) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = u64::from_str_radix(mask.unwrap().trim(), 16).unwrap();
    mask & 1 << (signal - 1) != 0
}

/// A child with a deadline. Whoever drops it kills it.
pub struct Bounded {
    child: Child,
    watch: Watch,
    what: String,
    deadline: Instant,
}

/// [`Command::spawn`], [`Command::output`] and [`Command::status`] of a process
/// that may live so long.
pub struct Within<'a> {
    command: &'a mut Command,
    patience: Duration,
}

/// `command.within(PATIENCE).output()`
pub trait Limit {
    fn within(&mut self, patience: Duration) -> Within<'_>;
}

impl Limit for Command {
    fn within(&mut self, patience: Duration) -> Within<'_> {
        Within {
            command: self,
            patience,
        }
    }
}

impl Within<'_> {
    pub fn spawn(self) -> io::Result<Bounded> {
        heed_signals();
        let child = self.command.spawn()?;
        Ok(Bounded {
            watch: Watch::on(child.id(), self.patience),
            child,
            what: format!("{:?}", self.command),
            deadline: Instant::now() + self.patience,
        })
    }

    pub fn output(self) -> io::Result<Output> {
        let command = self.command.stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        Ok(self.spawn()?.output())
    }

    pub fn status(self) -> io::Result<ExitStatus> {
        Ok(self.spawn()?.wait())
    }
}

impl Bounded {
    /// Waits for its end.
    pub fn wait(&mut self) -> ExitStatus {
        let status = self.child.wait().unwrap();
        let expired = self.watch.expired();
        assert!(!expired, "it took too long and was killed: {}", self.what);
        status
    }

    /// Waits for its end. What it has said in the pipes that nobody took.
    pub fn output(mut self) -> Output {
        drop(self.child.stdin.take());
        let (stdout, stderr) = (self.child.stdout.take(), self.child.stderr.take());
        let (stdout, stderr) = (stdout.map(Reading::of), stderr.map(Reading::of));
        let until = self.deadline + GRACE;
        let (stdout, whole) = stdout.map_or((Vec::new(), true), |it| it.until(until));
        let (stderr, both) = stderr.map_or((Vec::new(), true), |it| it.until(until));
        let status = self.child.wait().unwrap();
        let output = Output {
            status,
            stdout,
            stderr,
        };
        assert!(
            !self.watch.expired() && whole && both,
            "it took too long and was killed: {}\n{}{}",
            self.what,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        output
    }
}

impl Deref for Bounded {
    type Target = Child;

    fn deref(&self) -> &Child {
        &self.child
    }
}

impl DerefMut for Bounded {
    fn deref_mut(&mut self) -> &mut Child {
        &mut self.child
    }
}

impl Drop for Bounded {
    fn drop(&mut self) {
        // Who isn't awaited yet keeps its pid.
        if self.child.try_wait().is_ok_and(|ended| ended.is_none()) {
            kill_with_its_children(Pid::from_raw(self.child.id().cast_signed()));
            let _ = self.child.wait();
        }
    }
}

/// A pipe that is read to its end by a thread. A process that was started by
/// the one that was killed, and has left its session, may keep it open.
struct Reading {
    bytes: Arc<Mutex<Vec<u8>>>,
    end: Receiver<()>,
}

impl Reading {
    fn of(mut pipe: impl Read + Send + 'static) -> Reading {
        let bytes = Arc::<Mutex<Vec<u8>>>::default();
        let (ended, end) = channel();
        let read = Arc::clone(&bytes);
        thread::spawn(move || {
            let mut buffer = [0; 8192];
            while let Ok(n @ 1..) = pipe.read(&mut buffer) {
                let mut read = read.lock().unwrap_or_else(PoisonError::into_inner);
                read.extend_from_slice(&buffer[..n]);
            }
            drop(ended);
        });
        Reading { bytes, end }
    }

    /// What was read until then, and whether that is all.
    fn until(self, deadline: Instant) -> (Vec<u8>, bool) {
        let left = deadline.saturating_duration_since(Instant::now());
        let whole = self.end.recv_timeout(left) == Err(RecvTimeoutError::Disconnected);
        let mut bytes = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        (std::mem::take(&mut *bytes), whole)
    }
}
