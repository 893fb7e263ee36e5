//! Errands: a child that does one thing for an agent, which awaits it, because
//! doing it changes the process for good.

use crate::base::Errno;
use crate::plan::Ending;
use crate::sandbox::base::pidfd;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};
use thiserror::Error;

/// How long an errand may take: those of a healthy host take milliseconds.
pub(in crate::sandbox) const PATIENCE: Duration = Duration::from_secs(10);
/// How long a killed child may take to end: a frozen one doesn't until it is thawed.
const END: Duration = Duration::from_secs(1);

/// Awaits something to read from a descriptor, or its end. Whether it came in time.
pub(in crate::sandbox) fn has_come(from: impl AsFd, deadline: Instant) -> bool {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let left = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
        let mut fds = [PollFd::new(from.as_fd(), PollFlags::POLLIN)];
        match poll(&mut fds, left) {
            Err(nix::errno::Errno::EINTR) => {}
            Ok(0) | Err(_) => return false,
            Ok(_) => return true,
        }
    }
}

/// What is to be said of a child that did not end by itself.
#[derive(Debug, Error)]
pub(in crate::sandbox) enum Unended {
    #[error("gave no answer within {} s, and was killed", PATIENCE.as_secs())]
    Late,
    #[error("can't be awaited")]
    Call(#[from] Errno),
}

/// Awaits the end of a child, and reaps it. One that goes on at the deadline is
/// killed.
///
/// # Errors
/// It was killed, or can't be awaited.
pub(in crate::sandbox) fn end_of(child: Pid, deadline: Instant) -> Result<Ending, Unended> {
    let pidfd = pidfd::open(child)?;
    let late = !has_come(&pidfd, deadline);
    if late {
        let _ = pidfd::kill(&pidfd);
        has_come(&pidfd, Instant::now() + END);
    }
    match waitpid(child, Some(WaitPidFlag::WNOHANG)).map_err(Errno::from)? {
        _ if late => Err(Unended::Late),
        WaitStatus::Exited(_, status) => Ok(Ending::Exit(status)),
        WaitStatus::Signaled(_, signal, _) => Ok(Ending::Signal(signal.as_str().into())),
        _ => Err(Unended::Late),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn a_child_is_awaited_until_a_deadline_and_never_longer() {
        for (script, ended) in [
            ("exit 3", Ok("exit 3")),
            ("kill -TERM $$", Ok("SIGTERM")),
            ("kill -STOP $$", Err("gave no answer")),
        ] {
            let mut started = Command::new("sh").args(["-c", script]).spawn().unwrap();
            let child = Pid::from_raw(started.id() as i32);
            let before = Instant::now();
            let patience = Duration::from_millis(if ended.is_ok() { 5_000 } else { 50 });
            let end = end_of(child, before + patience);
            match (end, ended) {
                (Ok(end), Ok(wanted)) => assert_eq!(end.to_string(), wanted),
                (Err(why), Err(wanted)) => assert!(why.to_string().contains(wanted), "{why}"),
                (end, _) => panic!("{script}: {end:?}"),
            }
            assert!(before.elapsed() < Duration::from_secs(5));
            // It has been reaped.
            assert!(started.wait().is_err(), "{script}");
        }
    }
}
