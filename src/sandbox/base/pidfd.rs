//! Processes by a descriptor, which can't come to mean another one.

use crate::base::Errno;
use nix::unistd::Pid;
use rustix::process::{PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use std::os::fd::{AsFd, OwnedFd};

/// pidfd_open(2).
pub(in crate::sandbox) fn open(pid: Pid) -> Result<OwnedFd, Errno> {
    let pid = rustix::process::Pid::from_raw(pid.as_raw()).ok_or(Errno(libc::EINVAL))?;
    Ok(pidfd_open(pid, PidfdFlags::empty())?)
}

/// SIGKILL by pidfd_send_signal(2).
pub(in crate::sandbox) fn kill(pidfd: impl AsFd) -> Result<(), Errno> {
    Ok(pidfd_send_signal(pidfd, Signal::KILL)?)
}
