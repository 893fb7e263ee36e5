//! The workloads that are built in, because no usual tool does them: they say
//! when they are ready, and what the kernel accounted to them when they end.

use crate::base::Errno;
use crate::plan::{Spawn, Unit, Value, Workload};
use crate::probe::{Subject, memory_of, share_of_mapping, throttled};
use crate::sandbox::sys::{self, Forked, Mapping, OneThread};
use nix::fcntl::{OFlag, open};
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::sys::signal::Signal;
use nix::sys::stat::Mode;
use nix::sys::uio::pread;
use nix::sys::wait::waitpid;
use nix::time::{ClockId, clock_gettime};
use nix::unistd::Pid;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::Path;

/// What a workload tells at its end: a fact's suffix, its value or why there
/// is none, and its source.
pub(in crate::sandbox) type Report = Vec<(String, Result<Value, String>, String)>;

/// The facts of a `wait` for a workload that did not live to report.
pub(in crate::sandbox) fn unreported() -> Report {
    ["cpu", "wall", "queued", "share", "rss"]
        .into_iter()
        .map(|suffix| {
            let ended = "it did not live to report".to_string();
            (suffix.to_string(), Err(ended), String::new())
        })
        .collect()
}

/// The word to a workload to begin.
pub(in crate::sandbox) const GO: u8 = b'g';
/// The word to one that was moved into a group which now holds more than its
/// limit on processes: to fork once, which the kernel judges, before it begins.
pub(in crate::sandbox) const FORK_FIRST: u8 = b'f';
/// The first word of a workload: it is ready.
pub(in crate::sandbox) const READY: u8 = b'r';
/// The first word of a workload that was refused something: four bytes of
/// errno follow.
pub(in crate::sandbox) const REFUSED: u8 = b'e';
/// How long the answer of a mapper is, whom one byte asks for its share: bytes,
/// or [`u64::MAX`] if procfs doesn't tell.
pub(in crate::sandbox) const SHARE: usize = size_of::<u64>();

/// The life of a workload, the process of that number of its `spawn`: a child
/// of an agent, to whom `end` leads.
pub(in crate::sandbox) fn run(
    one: OneThread,
    spawn: &Spawn,
    number: u32,
    parent: Pid,
    mut end: UnixStream,
) -> ! {
    sys::default_signals();
    sys::unblock_signals();
    let armed = nix::sys::prctl::set_pdeathsig(Signal::SIGKILL).is_ok();
    // In a new pid namespace the parent is pid 1, and getppid() tells it.
    if !armed || nix::unistd::getppid() != parent {
        sys::exit_now(1);
    }
    // The agent puts it into its cgroup first.
    let mut word = [0];
    if end.read_exact(&mut word).is_err() {
        sys::exit_now(1);
    }
    if word == [FORK_FIRST]
        && let Err(errno) = fork_once(one)
    {
        refused(&mut end, errno);
    }
    if spawn.one_cpu
        && let Err(errno) = keep_to_one_cpu()
    {
        refused(&mut end, errno);
    }
    let report = match &spawn.workload {
        Workload::Sleep => {
            crate::sandbox::base::limits::agent("sleeper");
            ready(&mut end);
            pause_forever()
        }
        Workload::Hog(size) => {
            crate::sandbox::base::limits::workload("hog");
            // A byte other than zero in each page: reading or zeroing alone
            // would leave them unbacked.
            let memory = vec![1u8; size.0 as usize];
            std::hint::black_box(&memory);
            ready(&mut end);
            pause_forever()
        }
        Workload::Burn(cpu) => {
            crate::sandbox::base::limits::workload("burner");
            ready(&mut end);
            burn(cpu.0)
        }
        Workload::Grow(size) => {
            crate::sandbox::base::limits::workload("grower");
            ready(&mut end);
            Ok(grow(size.0 as usize))
        }
        Workload::DirectRead(size) => {
            crate::sandbox::base::limits::workload("reader");
            ready(&mut end);
            read_program(size.0, OFlag::O_DIRECT)
        }
        Workload::CachedRead(size) => {
            crate::sandbox::base::limits::workload("reader");
            ready(&mut end);
            read_program(size.0, OFlag::empty())
        }
        Workload::Map(path) => {
            crate::sandbox::base::limits::workload("mapper");
            match map(&path.replace("{}", &number.to_string())) {
                Ok(mapping) => {
                    ready(&mut end);
                    tell_share(&mapping, &mut end)
                }
                Err(errno) => refused(&mut end, errno),
            }
        }
        Workload::Storm(most) => {
            crate::sandbox::base::limits::workload("storm");
            ready(&mut end);
            Ok(storm(one, *most))
        }
    };
    let told = report.and_then(|report| {
        let words = serde_json::to_vec(&report).map_err(|_| Errno(libc::EINVAL))?;
        end.write_all(&words).map_err(|_| Errno(libc::EPIPE))
    });
    sys::exit_now(i32::from(told.is_err()))
}

fn ready(end: &mut UnixStream) {
    if end.write_all(&[READY]).is_err() {
        sys::exit_now(1);
    }
}

/// Makes a child that ends at once.
fn fork_once(one: OneThread) -> Result<(), Errno> {
    match sys::fork(one)? {
        Forked::Child => sys::exit_now(0),
        Forked::Parent(child) => waitpid(child, None).map(drop).map_err(Errno::from),
    }
}

/// Says why it can't work, and ends.
fn refused(end: &mut UnixStream, errno: Errno) -> ! {
    let mut words = vec![REFUSED];
    words.extend(errno.0.to_le_bytes());
    let _ = end.write_all(&words);
    sys::exit_now(1)
}

/// Maps a file and touches each of its pages.
fn map(path: &str) -> Result<Mapping, Errno> {
    // Without waiting, in case that it is a FIFO.
    let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    let file = open(path, flags, Mode::empty())?;
    let length = nix::sys::stat::fstat(&file)?.st_size;
    let length = usize::try_from(length).map_err(|_| Errno(libc::EFBIG))?;
    let page = nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE)?.unwrap_or(4096);
    // MAP_SHARED: a private mapping would count alike as long as it is only
    // read, but this one is the page cache by its very definition.
    let mapping = Mapping::shared(file.as_fd(), length)?;
    // A page counts from its first use on.
    mapping.touch(page as usize);
    Ok(mapping)
}

/// Tells its share of what it has mapped, as often as it is asked. The process
/// itself reads it, by the mapping's address: seen from elsewhere its pid may be
/// another's, and the file may be shown under another name.
fn tell_share(mapping: &Mapping, end: &mut UnixStream) -> ! {
    while end.read_exact(&mut [0]).is_ok() {
        let share = share_of_mapping(Path::new("/proc"), mapping.address());
        let words: [u8; SHARE] = share.unwrap_or(u64::MAX).to_le_bytes();
        if end.write_all(&words).is_err() {
            break;
        }
    }
    pause_forever()
}

fn pause_forever() -> ! {
    loop {
        nix::unistd::pause();
    }
}

/// Keeps to the first CPU that this process may use: the same one for all.
pub(super) fn keep_to_one_cpu() -> Result<(), Errno> {
    let me = Pid::from_raw(0);
    let allowed = sched_getaffinity(me)?;
    let mut one = CpuSet::new();
    for cpu in 0..CpuSet::count() {
        if allowed.is_set(cpu)? {
            one.set(cpu)?;
            break;
        }
    }
    Ok(sched_setaffinity(me, &one)?)
}

fn fact(
    suffix: &str,
    value: Result<Value, String>,
    source: &str,
) -> (String, Result<Value, String>, String) {
    (suffix.into(), value, source.into())
}

/// Computes until this much CPU time has been used.
fn burn(cpu: i64) -> Result<Report, Errno> {
    let started = (
        now(ClockId::CLOCK_PROCESS_CPUTIME_ID)?,
        now(ClockId::CLOCK_MONOTONIC)?,
    );
    let queued_before = queued();
    let held_before = held_back();
    let mut state = 1u64;
    loop {
        for _ in 0..10_000 {
            state = std::hint::black_box(
                state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1),
            );
        }
        let used = now(ClockId::CLOCK_PROCESS_CPUTIME_ID)? - started.0;
        if used >= cpu {
            let wall = now(ClockId::CLOCK_MONOTONIC)? - started.1;
            let waited = queued()
                .zip(queued_before)
                .map(|(after, before)| after - before);
            let held = held_back()
                .zip(held_before)
                .map(|(after, before)| after - before);
            return Ok(burned(used, wall, waited, held));
        }
    }
}

/// How long a ceiling has stopped this process, if its group can be seen from here.
fn held_back() -> Option<i64> {
    throttled(Path::new("/proc"), &Subject::Myself).0.ok()
}

/// What a burner reports; `queued` is `None` where the kernel doesn't count it, and
/// `held` where its group is out of sight.
fn burned(cpu: i64, wall: i64, queued: Option<i64>, held: Option<i64>) -> Report {
    let uncounted = || "this kernel does not count the time in the run queue".to_string();
    let nanos = |n: i64| Value::Number(n, Unit::Nanos);
    let share = queued.ok_or_else(uncounted).map(|queued| {
        // The kernel counts the time that a ceiling took as queued.
        let waited = (queued - held.unwrap_or(0)).max(0);
        let percent = share(cpu, wall, waited).unwrap_or(100);
        Value::Number(percent, Unit::Percent)
    });
    vec![
        fact(
            "cpu",
            Ok(nanos(cpu)),
            "clock_gettime(2) CLOCK_PROCESS_CPUTIME_ID",
        ),
        fact("wall", Ok(nanos(wall)), "clock_gettime(2) CLOCK_MONOTONIC"),
        fact(
            "queued",
            queued.map(nanos).ok_or_else(uncounted),
            "/proc/self/schedstat",
        ),
        fact("share", share, "cpu / (wall - queued + throttled)"),
        rss(),
    ]
}

/// Percent of the time in which it could have had a CPU that it ran.
fn share(cpu: i64, wall: i64, queued: i64) -> Option<i64> {
    let could = wall - queued;
    (could > 0).then(|| (cpu * 100 / could).min(100))
}

fn rss() -> (String, Result<Value, String>, String) {
    let resident = memory_of(Path::new("/proc"), nix::unistd::getpid().as_raw())
        .and_then(|bytes| i64::try_from(bytes).ok())
        .map(|bytes| Value::Number(bytes, Unit::Bytes))
        .ok_or_else(|| "/proc does not show this process".to_string());
    fact("rss", resident, "/proc/self/status VmRSS")
}

/// Takes memory in steps of 1 MiB and touches each page of it, slowly enough
/// for a watch to see it grow.
fn grow(size: usize) -> Report {
    const STEP: usize = 1 << 20;
    const PAUSE: std::time::Duration = std::time::Duration::from_millis(10);
    let mut taken: Vec<Vec<u8>> = Vec::new();
    while taken.len() * STEP < size {
        taken.push(vec![1u8; STEP]);
        std::hint::black_box(&taken);
        std::thread::sleep(PAUSE);
    }
    vec![rss()]
}

/// Reads the beginning of this program's own file again and again until `size`
/// bytes are read.
fn read_program(size: u64, flags: OFlag) -> Result<Report, Errno> {
    /// What O_DIRECT wants of addresses, offsets and lengths on any disk.
    const ALIGN: usize = 4096;
    const CHUNK: usize = 256 << 10;
    const REGION: i64 = 8 << 20;
    let file = open(
        "/proc/self/exe",
        OFlag::O_RDONLY | OFlag::O_CLOEXEC | flags,
        Mode::empty(),
    )?;
    let mut memory = vec![0u8; CHUNK + ALIGN];
    let start = memory.as_ptr().align_offset(ALIGN);
    let buffer = &mut memory[start..start + CHUNK];
    let (mut total, mut offset) = (0u64, 0i64);
    let before = now(ClockId::CLOCK_MONOTONIC)?;
    while total < size {
        match pread(&file, buffer, offset)? {
            // The last chunk may be a part of one: from the start again.
            n if n < CHUNK => {
                if offset == 0 {
                    return Err(Errno(libc::ENODATA));
                }
                total += n as u64;
                offset = 0;
            }
            n => {
                total += n as u64;
                offset = (offset + n as i64) % REGION;
            }
        }
    }
    let wall = (now(ClockId::CLOCK_MONOTONIC)? - before).max(1);
    let rate = (i128::from(total) * 1_000_000_000 / i128::from(wall)) as i64;
    let bytes = |n: i64| Ok(Value::Number(n, Unit::Bytes));
    Ok(vec![
        fact("read", bytes(total as i64), "pread(2)"),
        fact(
            "wall",
            Ok(Value::Number(wall, Unit::Nanos)),
            "clock_gettime(2) CLOCK_MONOTONIC",
        ),
        fact("rate", bytes(rate), "read / wall"),
    ])
}

/// Forks processes that wait for its end, until the kernel refuses.
fn storm(one: OneThread, most: u32) -> Report {
    let me = nix::unistd::getpid();
    let mut children = Vec::new();
    let mut refused = None;
    while (children.len() as u32) < most.min(512) {
        match sys::fork(one) {
            Ok(Forked::Parent(pid)) => children.push(pid),
            Ok(Forked::Child) => {
                let armed = nix::sys::prctl::set_pdeathsig(Signal::SIGKILL).is_ok();
                if !armed || nix::unistd::getppid() != me {
                    sys::exit_now(1);
                }
                pause_forever()
            }
            Err(errno) => {
                refused = Some(errno);
                break;
            }
        }
    }
    let forks = Value::Number(children.len() as i64, Unit::Count);
    for child in children {
        let _ = nix::sys::signal::kill(child, Signal::SIGKILL);
        let _ = waitpid(child, None);
    }
    let errno = refused.map_or("ok".to_string(), Errno::name);
    vec![
        fact("forks", Ok(forks), "fork(2)"),
        fact("errno", Ok(Value::Text(errno)), "fork(2)"),
        rss(),
    ]
}

fn now(clock: ClockId) -> Result<i64, Errno> {
    let time = clock_gettime(clock)?;
    Ok(time.tv_sec() * 1_000_000_000 + time.tv_nsec())
}

/// The second number of `/proc/self/schedstat`.
fn queued() -> Option<i64> {
    let text = crate::base::kernel::read_text("/proc/self/schedstat").ok()?;
    text.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burners_share_leaves_out_the_time_in_the_queue() {
        assert_eq!(share(90, 110, 10), Some(90));
        assert_eq!(share(100, 100, 0), Some(100));
        assert_eq!(share(0, 10, 10), None);
        let uncounted = burned(90, 110, None, None);
        let share = uncounted
            .iter()
            .find(|(suffix, ..)| suffix == "share")
            .unwrap();
        assert!(share.1.is_err());
    }
}
