//! What only the process itself can ask: system calls, and the files that
//! its own root directory shows.

use super::observation::{Answer, Observation, seen};
use super::unavailable::Unavailable;
use crate::base::Errno;
use crate::plan::{FirstNames, Unit, Value};
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
pub(super) fn hostname() -> Answer {
    let names = nix::sys::utsname::uname().map_err(|e| refused("uname(2)", e))?;
    Ok(Value::Text(names.nodename().to_string_lossy().into_owned()))
}

/// The three clocks, each of them once.
pub(super) fn clocks() -> Vec<Observation> {
    let observed = ["REALTIME", "MONOTONIC", "BOOTTIME"].iter().map(|clock| {
        let id = format!("CLOCK_{clock}");
        seen(
            &format!("clock.{}", clock.to_lowercase()),
            &format!("clock_gettime(2) {id}"),
            self::clock(&id),
        )
    });
    observed.collect()
}

/// clock_gettime(2).
fn clock(name: &str) -> Answer {
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
pub(super) fn cpus() -> Answer {
    let set =
        sched_getaffinity(Pid::from_raw(0)).map_err(|e| refused("sched_getaffinity(2)", e))?;
    let count = (0..CpuSet::count())
        .filter(|cpu| set.is_set(*cpu) == Ok(true))
        .count();
    Ok(Value::Number(count as i64, Unit::Count))
}

/// The network devices with IFF_UP, sorted, getifaddrs(3).
pub(super) fn links_up() -> Answer {
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
    let mut names = FirstNames::default();
    for entry in fs::read_dir(path)? {
        names.add(entry?.file_name().to_string_lossy().into_owned());
    }
    Ok(names.into())
}

/// The first bytes of a file; all of it without the last newline, if it is short.
pub(super) fn file(path: &str) -> io::Result<Value> {
    // Without waiting, in case that somebody put a FIFO there.
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(path)?;
    let length = file.metadata()?.len();
    let mut bytes = Vec::new();
    // One more, to know whether there is more.
    file.take(FILE_LIMIT + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > FILE_LIMIT {
        bytes.truncate(FILE_LIMIT as usize);
        // A file that the kernel makes up has no length to go by.
        let total = Some(length).filter(|length| *length > FILE_LIMIT);
        return Ok(Value::cut_text(bytes, total));
    }
    let text = String::from_utf8_lossy(&bytes);
    Ok(Value::Text(text.strip_suffix('\n').unwrap_or(&text).into()))
}

fn refused(call: &'static str, errno: nix::errno::Errno) -> Unavailable {
    let errno = Errno::from(errno);
    Unavailable::Call { call, errno }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Cut;
    use std::fs::File;

    #[test]
    fn a_large_directory_is_counted_and_its_first_names_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        let path = |number: usize| dir.path().join(format!("{number:0255}"));
        for number in 0..17_000 {
            File::create(path(number)).unwrap();
        }
        let value = directory(dir.path().to_str().unwrap()).unwrap();
        let Value::Cut(Cut::List { shown, total }) = &value else {
            panic!("{value}");
        };
        let expected: Vec<String> = (0..1000).map(|number| format!("{number:0255}")).collect();
        assert_eq!((shown, *total), (&expected, 17_000));
    }

    #[test]
    fn a_large_file_is_read_in_part() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        let path = path.to_str().unwrap();
        for (text, expected) in [
            ("ü".repeat(2048), Value::Text("ü".repeat(2048))),
            (
                format!("x{}", "ü".repeat(2048)),
                Value::Cut(Cut::Text {
                    shown: format!("x{}", "ü".repeat(2047)),
                    total: Some(4097),
                }),
            ),
        ] {
            fs::write(path, text).unwrap();
            assert_eq!(file(path).unwrap(), expected);
        }
        File::create(path).unwrap().set_len(100 << 20).unwrap();
        let expected = Value::Cut(Cut::Text {
            shown: "\0".repeat(4096),
            total: Some(100 << 20),
        });
        assert_eq!(file(path).unwrap(), expected);
        // One without a length to go by.
        let Value::Cut(Cut::Text { total: None, .. }) = file("/proc/self/smaps").unwrap() else {
            panic!("/proc/self/smaps is long");
        };
    }
}
