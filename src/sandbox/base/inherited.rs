//! What a process has from whoever started it: signals, limits, a umask and
//! more, all kept over execve(2). None of it may matter to a demo, so each kind
//! of process puts itself into a known state first: the main process by
//! [`enter_main`], the guardian, from which every process of a run descends, by
//! [`enter_guardian`]. What a user may well have meant stays: the CPUs, the
//! niceness, a hang-up that is ignored for nohup(1), and hard limits.

use super::anew::OWN_FILE;
use super::limits::CPU_SECONDS;
use crate::base::{Errno, chain, kernel};
use crate::plan::{MOST_FILE, Need, Refusal};
use crate::probe::host::{Settings, explain};
use crate::sandbox::sys;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::stat::{Mode, umask};
use std::fs::File;
use std::io;
use std::path::Path;
use thiserror::Error;

/// A resource limit and what a run needs of it, getrlimit(2).
struct Least {
    resource: Resource,
    /// As the manual names it.
    name: &'static str,
    /// What it limits.
    what: &'static str,
    /// In the unit of the resource: bytes, seconds, or a count.
    least: u64,
}

/// What a run may need. The sizes leave room for the largest process of a
/// demo, and for what a C library reserves for each thread.
const LEAST: [Least; 6] = [
    least(Resource::RLIMIT_NOFILE, "RLIMIT_NOFILE", "open files", 256),
    least(
        Resource::RLIMIT_FSIZE,
        "RLIMIT_FSIZE",
        "the size of a file",
        MOST_FILE.0,
    ),
    least(
        Resource::RLIMIT_CPU,
        "RLIMIT_CPU",
        "seconds of CPU time",
        CPU_SECONDS,
    ),
    least(
        Resource::RLIMIT_AS,
        "RLIMIT_AS",
        "the address space",
        1 << 30,
    ),
    least(
        Resource::RLIMIT_DATA,
        "RLIMIT_DATA",
        "data in memory",
        512 << 20,
    ),
    least(Resource::RLIMIT_STACK, "RLIMIT_STACK", "the stack", 1 << 20),
];

/// Processes beside those that a user has already. A limit on them holds an
/// ordinary user only, and counts all that this user has on the machine.
const PROCESSES: u64 = 64;
/// A limit on processes above this one isn't worth a count of them.
const MANY_PROCESSES: u64 = 4096;

const fn least(resource: Resource, name: &'static str, what: &'static str, least: u64) -> Least {
    Least {
        resource,
        name,
        what,
        least,
    }
}

/// A limit that is lower than what a run needs, and that can't be raised.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "the limit on {what} ({name}) is {hard}, a run needs {least}, and raising it was refused: \
     setrlimit(2): {errno}; start from a shell with a higher one, or as root"
)]
pub struct TooLow {
    name: &'static str,
    what: &'static str,
    hard: u64,
    least: u64,
    errno: Errno,
}

impl TooLow {
    fn refusal(&self) -> Refusal {
        Refusal {
            need: Need::Guardian,
            stage: format!("setrlimit({})", self.name),
            errno: Some(self.errno),
            cause: format!(
                "the limit on {} is {}, a run needs {}, and raising it was refused",
                self.what, self.hard, self.least
            ),
            remedy: vec!["start from a shell with a higher one, or as root".into()],
        }
    }
}

impl Least {
    /// Raises the limit to what is needed if it is lower: the soft one alone
    /// where that is enough, which every process may do.
    fn raise(&self) -> Result<(), TooLow> {
        // That it can't be read is no reason to take it for too low.
        let Ok((soft, hard)) = getrlimit(self.resource) else {
            return Ok(());
        };
        if soft >= self.least {
            return Ok(());
        }
        setrlimit(self.resource, self.least, hard.max(self.least)).map_err(|errno| {
            // As much as there is, for what can do with less.
            let _ = setrlimit(self.resource, hard, hard);
            TooLow {
                name: self.name,
                what: self.what,
                hard,
                least: self.least,
                errno: errno.into(),
            }
        })
    }
}

/// The known state of the main process. To be called before any thread is made.
pub fn enter_main() {
    // A signal that was blocked would never end it, and without SIGCHLD's default
    // nobody can await a child.
    sys::unblock_signals();
    sys::heed_children();
    enter_any();
    // What is too low all the same matters once something is run.
    for limit in &LEAST {
        let _ = limit.raise();
    }
    let _ = raise_processes();
}

/// The known state of the guardian and of all that descends from it.
pub(in crate::sandbox) fn enter_guardian() {
    sys::reset_signals();
    enter_any();
    // Files and directories get the modes that are meant.
    umask(Mode::from_bits_truncate(0o022));
    // The release and the machine's name as they are, personality(2).
    let _ = nix::sys::personality::set(nix::sys::personality::Persona::empty());
    // Real-time processes are above every limit on CPU time.
    sys::leave_real_time();
}

/// Of a program that its user may not read, the kernel gives /proc/self to
/// root, prctl(2) PR_SET_DUMPABLE; and our files in there have to be written.
fn enter_any() {
    let _ = nix::sys::prctl::set_dumpable(true);
}

/// What a run would lack.
#[derive(Debug, Error)]
pub enum Lack {
    /// A limit that could not be raised.
    #[error(transparent)]
    Limit(#[from] TooLow),
    /// Room for its processes.
    #[error(
        "the limit on processes of this user (RLIMIT_NPROC) is {limit}, {running} exist, and a \
         run needs room for {PROCESSES}; end some, or start from a shell with a higher limit"
    )]
    Processes {
        /// The limit.
        limit: u64,
        /// How many count.
        running: u64,
    },
    /// Something of the host that no guardian can do without.
    #[error("{0}")]
    Host(Box<Refusal>),
}

impl Lack {
    /// As the refusal of a run.
    pub(in crate::sandbox) fn refusal(self) -> Refusal {
        match self {
            Lack::Limit(low) => low.refusal(),
            Lack::Processes { limit, running } => Refusal {
                need: Need::Guardian,
                stage: "getrlimit(RLIMIT_NPROC)".into(),
                errno: None,
                cause: format!(
                    "the limit on processes of this user is {limit}, {running} exist, and a run \
                     needs room for {PROCESSES}"
                ),
                remedy: vec!["end some, or start from a shell with a higher limit".into()],
            },
            Lack::Host(refusal) => *refusal,
        }
    }
}

/// An error again, by its number.
fn copied(error: &io::Error) -> io::Error {
    io::Error::from_raw_os_error(error.raw_os_error().unwrap_or(libc::EIO))
}

/// Why this program can't be executed anew.
#[derive(Debug, Error)]
#[error(
    "execve({file}): the file lies on a mount with the option noexec; start a copy that lies \
     elsewhere"
)]
struct OnNoexec {
    file: String,
    #[source]
    errno: Errno,
}

/// Whether a run has what it needs.
///
/// # Errors
/// The limit that is too low, with what its raising was answered; or what else
/// no guardian can do without.
pub fn enough() -> Result<(), Lack> {
    for limit in &LEAST {
        limit.raise()?;
    }
    let opened = File::options().read(true).write(true).open("/dev/null");
    let own = std::fs::read_link("/proc/self");
    for (stage, error) in [
        ("open(/dev/null)", opened.err()),
        ("readlink(/proc/self)", own.as_ref().err().map(copied)),
    ] {
        if let Some(error) = error {
            return Err(Lack::Host(Box::new(not_started(stage, &error))));
        }
    }
    // An old one shows other processes by the numbers of these.
    let number = own.ok().and_then(|own| own.to_str()?.parse().ok());
    if number != Some(std::process::id()) {
        let settings = Settings::read(Path::new("/proc"), Path::new("/sys"));
        let (need, stage) = (Need::Guardian, "readlink(/proc/self)");
        let refusal = explain(&need, stage, None, &settings);
        return Err(Lack::Host(Box::new(refusal)));
    }
    let Some(limit) = raise_processes() else {
        return Ok(());
    };
    let running = processes_of_this_user();
    match running + PROCESSES <= limit {
        true => Ok(()),
        false => Err(Lack::Processes { limit, running }),
    }
}

/// Why no guardian can be started.
fn not_started(stage: &str, error: &io::Error) -> Refusal {
    let settings = Settings::read(Path::new("/proc"), Path::new("/sys"));
    // Each step of a start wraps the kernel's error once.
    let inner = error.get_ref().and_then(|error| error.source());
    let inner = inner.and_then(|error| error.downcast_ref::<io::Error>());
    match Errno::of(error).or_else(|| Errno::of(inner?)) {
        Some(errno) => explain(&Need::Guardian, stage, Some(errno), &settings),
        None => Refusal {
            need: Need::Guardian,
            stage: stage.into(),
            errno: None,
            cause: chain(error),
            remedy: vec!["try it from another shell, or on another machine".into()],
        },
    }
}

/// Why this program could not be started as a guardian.
pub(in crate::sandbox) fn not_executed(error: io::Error) -> Refusal {
    not_started("execve(/proc/self/exe)", &error)
}

/// What a POSIX message queue takes by default, mq_overview(7): ten messages of
/// 8 KiB, and what the kernel keeps of them.
const QUEUE: u64 = 96 << 10;

/// Sees to it that a POSIX message queue can be made.
///
/// # Errors
/// The limit on their bytes, and what its raising was answered.
pub(in crate::sandbox) fn room_for_queues() -> Result<(), (u64, Errno)> {
    let limit = least(
        Resource::RLIMIT_MSGQUEUE,
        "RLIMIT_MSGQUEUE",
        "queues",
        QUEUE,
    );
    limit.raise().map_err(|low| (low.hard, low.errno))
}

/// Raises the limit on processes as far as this process may; what it is then, if
/// it holds this user and is low.
fn raise_processes() -> Option<u64> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NPROC).ok()?;
    if soft >= MANY_PROCESSES {
        return None;
    }
    // Root is free of it, but not what root makes in a user namespace.
    if setrlimit(
        Resource::RLIMIT_NPROC,
        MANY_PROCESSES,
        hard.max(MANY_PROCESSES),
    )
    .is_ok()
    {
        return None;
    }
    let _ = setrlimit(Resource::RLIMIT_NPROC, hard, hard);
    Some(hard)
}

/// The processes and threads with this process's real user id,
/// proc_pid_status(5).
fn processes_of_this_user() -> u64 {
    let me = nix::unistd::getuid().to_string();
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let threads = entries.filter_map(|entry| {
        let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
        let status = kernel::read_text(format!("/proc/{pid}/status")).ok()?;
        let field = |name| kernel::field(&status, name)?.split_whitespace().next();
        match field("Uid") == Some(&me) {
            true => field("Threads")?.parse::<u64>().ok(),
            false => None,
        }
    });
    threads.sum()
}

/// Why this program could not be executed anew, where a cause can be seen: its
/// file may lie on a mount that has become `noexec` since.
pub(in crate::sandbox) fn why_not_executed(error: io::Error) -> io::Error {
    let noexec = nix::sys::statvfs::statvfs(OWN_FILE).is_ok_and(|mount| {
        mount
            .flags()
            .contains(nix::sys::statvfs::FsFlags::ST_NOEXEC)
    });
    if error.raw_os_error() != Some(libc::EACCES) || !noexec {
        return error;
    }
    let file = std::fs::read_link(OWN_FILE).unwrap_or_default();
    io::Error::other(OnNoexec {
        file: file.display().to_string(),
        errno: Errno(libc::EACCES),
    })
}

/// Those signals that whoever started this process has not made it ignore: a
/// program that was started with nohup(1), or in the background of a script,
/// goes on ignoring what it was told to.
pub fn heeded(signals: &[i32]) -> Vec<i32> {
    let signals = signals.iter().copied();
    signals.filter(|signal| !sys::is_ignored(*signal)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_that_is_too_low_is_told_with_its_numbers() {
        let low = TooLow {
            name: "RLIMIT_NOFILE",
            what: "open files",
            hard: 10,
            least: 256,
            errno: Errno(libc::EPERM),
        };
        let told = low.refusal().to_string();
        for part in ["open files", "RLIMIT_NOFILE", "is 10", "needs 256", "EPERM"] {
            assert!(told.contains(part), "{told}");
        }
    }

    #[test]
    fn this_user_has_at_least_this_process() {
        assert!(processes_of_this_user() >= 1);
    }
}
