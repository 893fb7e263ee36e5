//! The workloads that are built in, because no usual tool does them: they say
//! when they are ready, and what the kernel accounted to them when they end.

use super::sys;
use crate::base::Errno;
use crate::plan::{Unit, Value, Workload};
use nix::sys::signal::Signal;
use nix::time::{ClockId, clock_gettime};
use nix::unistd::Pid;
use std::fs::File;
use std::io::Write;
use std::os::fd::OwnedFd;

/// What a workload tells at its end, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Report {
    cpu: i64,
    wall: i64,
    /// Time spent runnable but waiting for a CPU, `/proc/self/schedstat`;
    /// `None` where the kernel doesn't count it.
    queued: Option<i64>,
    rss: i64,
}

impl Report {
    /// Reads the words of [`Report::words`].
    pub(super) fn parse(words: &str) -> Option<Report> {
        let mut numbers = words.split_whitespace().map(str::parse::<i64>);
        let mut next = || numbers.next()?.ok();
        let (cpu, wall, queued, rss) = (next()?, next()?, next()?, next()?);
        Some(Report {
            cpu,
            wall,
            queued: (queued >= 0).then_some(queued),
            rss,
        })
    }

    fn words(self) -> String {
        format!(
            "{} {} {} {}",
            self.cpu,
            self.wall,
            self.queued.unwrap_or(-1),
            self.rss
        )
    }

    /// Percent of the time in which it could have had a CPU that it ran.
    fn share(self) -> Option<i64> {
        let could = self.wall - self.queued?;
        (could > 0).then(|| (self.cpu * 100 / could).min(100))
    }
}

/// The facts of a `wait`: suffix, value, source.
pub(super) fn facts(
    report: Option<&Report>,
) -> [(&'static str, Result<Value, String>, &'static str); 5] {
    let ended = || "it did not live to report".to_string();
    let uncounted = || "this kernel does not count the time in the run queue".to_string();
    let nanos = |n: i64| Value::Number(n, Unit::Nanos);
    let of =
        |get: &dyn Fn(&Report) -> Result<Value, String>| report.ok_or_else(ended).and_then(get);
    [
        (
            "cpu",
            of(&|r| Ok(nanos(r.cpu))),
            "clock_gettime(2) CLOCK_PROCESS_CPUTIME_ID",
        ),
        (
            "wall",
            of(&|r| Ok(nanos(r.wall))),
            "clock_gettime(2) CLOCK_MONOTONIC",
        ),
        (
            "queued",
            of(&|r| r.queued.map(nanos).ok_or_else(uncounted)),
            "/proc/self/schedstat",
        ),
        (
            "share",
            of(&|r| {
                r.share()
                    .map(|n| Value::Number(n, Unit::Percent))
                    .ok_or_else(uncounted)
            }),
            "cpu / (wall - queued)",
        ),
        (
            "rss",
            of(&|r| Ok(Value::Number(r.rss, Unit::Bytes))),
            "/proc/self/status VmRSS",
        ),
    ]
}

/// The life of a workload: a forked child of an agent.
pub(super) fn run(workload: &Workload, parent: Pid, end: OwnedFd) -> ! {
    sys::default_signals();
    let armed = nix::sys::prctl::set_pdeathsig(Signal::SIGKILL).is_ok();
    // In a new pid namespace the parent is pid 1, and getppid() tells it.
    if !armed || nix::unistd::getppid() != parent {
        sys::exit_now(1);
    }
    let mut end = File::from(end);
    match workload {
        Workload::Sleep => {
            super::limits::agent("sleeper");
            ready(&mut end);
        }
        Workload::Hog(size) => {
            super::limits::workload("hog");
            // A byte other than zero in each page: reading or zeroing alone
            // would leave them unbacked.
            let memory = vec![1u8; size.0 as usize];
            std::hint::black_box(&memory);
            ready(&mut end);
            pause_forever();
        }
        Workload::Burn(cpu) => {
            super::limits::workload("burner");
            ready(&mut end);
            let report = burn(cpu.0);
            let written = report.map(|report| end.write_all(report.words().as_bytes()));
            sys::exit_now(i32::from(!matches!(written, Ok(Ok(())))));
        }
    }
    pause_forever()
}

fn ready(end: &mut File) {
    if end.write_all(b"r").is_err() {
        sys::exit_now(1);
    }
}

fn pause_forever() -> ! {
    loop {
        nix::unistd::pause();
    }
}

/// Computes until this much CPU time has been used.
fn burn(cpu: i64) -> Result<Report, Errno> {
    let started = (
        now(ClockId::CLOCK_PROCESS_CPUTIME_ID)?,
        now(ClockId::CLOCK_MONOTONIC)?,
        queued(),
    );
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
                .zip(started.2)
                .map(|(after, before)| after - before);
            let pid = nix::unistd::getpid().as_raw();
            let rss = crate::probe::memory_of(std::path::Path::new("/proc"), pid);
            let rss = rss.and_then(|bytes| i64::try_from(bytes).ok()).unwrap_or(0);
            return Ok(Report {
                cpu: used,
                wall,
                queued: waited,
                rss,
            });
        }
    }
}

fn now(clock: ClockId) -> Result<i64, Errno> {
    let time = clock_gettime(clock)?;
    Ok(time.tv_sec() * 1_000_000_000 + time.tv_nsec())
}

/// The second number of `/proc/self/schedstat`.
fn queued() -> Option<i64> {
    let text = std::fs::read_to_string("/proc/self/schedstat").ok()?;
    text.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_crosses_the_pipe() {
        for queued in [None, Some(5)] {
            let report = Report {
                cpu: 100,
                wall: 110,
                queued,
                rss: 4096,
            };
            assert_eq!(Report::parse(&report.words()), Some(report));
        }
        assert_eq!(Report::parse("1 2 x 4"), None);
        assert_eq!(
            Report {
                cpu: 90,
                wall: 110,
                queued: Some(10),
                rss: 0
            }
            .share(),
            Some(90)
        );
        assert_eq!(
            Report {
                cpu: 90,
                wall: 110,
                queued: None,
                rss: 0
            }
            .share(),
            None
        );
    }
}
