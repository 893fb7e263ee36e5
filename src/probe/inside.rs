//! What only the process itself can ask: system calls, and the files that
//! its own root directory shows.

use crate::base::Errno;
use crate::plan::{Unit, Value};
use nix::net::if_::InterfaceFlags;
use nix::sched::{CpuSet, sched_getaffinity};
use nix::time::{ClockId, clock_gettime};
use nix::unistd::Pid;
use std::fs::{self, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;

/// At most this much of a file is shown.
const FILE_LIMIT: u64 = 4096;

/// uname(2).
pub(super) fn hostname() -> Result<Value, String> {
    let names = nix::sys::utsname::uname().map_err(|e| refused("uname(2)", e))?;
    Ok(Value::Text(names.nodename().to_string_lossy().into_owned()))
}

/// clock_gettime(2).
pub(super) fn clock(name: &str) -> Result<Value, String> {
    let id = match name {
        "CLOCK_MONOTONIC" => ClockId::CLOCK_MONOTONIC,
        "CLOCK_BOOTTIME" => ClockId::CLOCK_BOOTTIME,
        _ => ClockId::CLOCK_REALTIME,
    };
    let time = clock_gettime(id).map_err(|e| refused("clock_gettime(2)", e))?;
    let nanos = time.tv_sec() * 1_000_000_000 + time.tv_nsec();
    Ok(Value::Number(nanos, Unit::Nanos))
}

/// sched_getaffinity(2).
pub(super) fn cpus() -> Result<Value, String> {
    let set =
        sched_getaffinity(Pid::from_raw(0)).map_err(|e| refused("sched_getaffinity(2)", e))?;
    let count = (0..CpuSet::count())
        .filter(|cpu| set.is_set(*cpu) == Ok(true))
        .count();
    Ok(Value::Number(count as i64, Unit::Count))
}

/// The network devices with IFF_UP, sorted, getifaddrs(3).
pub(super) fn links_up() -> Result<Value, String> {
    let entries = nix::ifaddrs::getifaddrs().map_err(|e| refused("getifaddrs(3)", e))?;
    // Each device comes once by itself, even without an address, and once more
    // for each of its addresses.
    let mut names: Vec<String> = entries
        .filter(|entry| entry.flags.contains(InterfaceFlags::IFF_UP))
        .map(|entry| entry.interface_name)
        .collect();
    names.sort();
    names.dedup();
    Ok(Value::List(names))
}

/// The names in a directory, sorted.
pub(super) fn directory(path: &str) -> io::Result<Value> {
    let mut names = fs::read_dir(path)?
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect::<io::Result<Vec<String>>>()?;
    names.sort();
    Ok(Value::List(names))
}

/// The first bytes of a file, without the last newline.
pub(super) fn file(path: &str) -> io::Result<Value> {
    // Without waiting, in case that somebody put a FIFO there.
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(path)?;
    let mut bytes = Vec::new();
    file.take(FILE_LIMIT).read_to_end(&mut bytes)?;
    if bytes.len() as u64 == FILE_LIMIT
        && let Err(error) = std::str::from_utf8(&bytes)
        && error.error_len().is_none()
    {
        // The limit fell into the middle of a character.
        bytes.truncate(error.valid_up_to());
    }
    let text = String::from_utf8_lossy(&bytes);
    Ok(Value::Text(text.strip_suffix('\n').unwrap_or(&text).into()))
}

fn refused(call: &str, errno: nix::errno::Errno) -> String {
    format!("{call} failed: {}", Errno::from(errno))
}
