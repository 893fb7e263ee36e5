//! The time in which a peer ran. What limits a peer's patience, or how long it
//! may hold something, must not run on while the peer itself is stopped (Ctrl-Z)
//! or while nobody runs (a sleeping laptop, a paused virtual machine).

use crate::probe;
use std::path::Path;
use std::time::{Duration, Instant};

/// Counts the time in which a process ran, as far as it is looked at.
#[derive(Debug)]
pub(super) struct Clock {
    counted: Duration,
    last: Instant,
    stopped: bool,
}

/// How often it is to be looked at while something depends on it.
pub(super) const TICK: Duration = Duration::from_millis(500);

impl Clock {
    /// Begins to count.
    pub(super) fn new() -> Clock {
        Clock {
            counted: Duration::ZERO,
            last: Instant::now(),
            stopped: false,
        }
    }

    /// Looks at the process that it is of, if it was not just looked at.
    pub(super) fn look(&mut self, peer: i32) {
        let now = Instant::now();
        if now.saturating_duration_since(self.last) >= SOON {
            self.tick(now, is_stopped(peer));
        }
    }

    /// Takes note of this moment, and whether the peer is stopped at it. Time
    /// counts if the peer ran at both its ends; and never more than two ticks
    /// of it at once, as this process didn't run either if it came that late.
    fn tick(&mut self, now: Instant, stopped: bool) {
        let passed = now.saturating_duration_since(self.last);
        if !stopped && !self.stopped {
            self.counted += passed.min(2 * TICK);
        }
        (self.last, self.stopped) = (now, stopped);
    }

    /// The time that counts, since the beginning.
    pub(super) fn now(&self) -> Duration {
        self.counted
    }
}

/// What doesn't matter.
const SOON: Duration = Duration::from_millis(5);

/// Whether a process is stopped, by a signal or a tracer: `T` or `t` in
/// proc_pid_stat(5).
fn is_stopped(pid: i32) -> bool {
    probe::stat(Path::new("/proc"), pid).is_some_and(|stat| matches!(stat.state, 'T' | 't'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_time_in_which_the_peer_ran_counts() {
        let start = Instant::now();
        let mut clock = Clock::new();
        clock.last = start;
        let mut at = Duration::ZERO;
        let mut look = |passed: u64, stopped: bool| {
            at += Duration::from_millis(passed);
            clock.tick(start + at, stopped);
            clock.now().as_millis()
        };
        assert_eq!(look(400, false), 400);
        assert_eq!(look(100, true), 400, "it stopped some time in between");
        assert_eq!(look(60_000, true), 400);
        assert_eq!(look(300, false), 400, "it went on some time in between");
        assert_eq!(look(200, false), 600);
        assert_eq!(look(3_600_000, false), 1_600, "nobody ran");
    }

    #[test]
    fn a_stopped_process_is_seen_as_such() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn();
        let child = child.as_mut().unwrap();
        let pid = child.id() as i32;
        let signal = |signal| nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), signal);
        let becomes = |stopped| {
            let end = Instant::now() + Duration::from_secs(5);
            while is_stopped(pid) != stopped && Instant::now() < end {
                std::thread::yield_now();
            }
            is_stopped(pid) == stopped
        };
        assert!(!is_stopped(pid));
        signal(nix::sys::signal::SIGSTOP).unwrap();
        assert!(becomes(true));
        signal(nix::sys::signal::SIGCONT).unwrap();
        assert!(becomes(false));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!is_stopped(pid));
    }
}
