//! Signals: their actions, which of them are blocked, and how a process is scheduled
//! that was started with others.

use crate::base::Errno;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

/// Puts every signal, real-time ones as well, back to its default, and unblocks
/// all: what execve(2) keeps of a parent that ignored or blocked some.
pub(in crate::sandbox) fn reset_signals() {
    for signal in 1..=64 {
        default_signal(signal);
    }
    unblock_signals();
}

/// Unblocks every signal. By the raw call, because the C library hides the
/// signals of its own from us, and hangs if they are blocked.
pub(in crate::sandbox) fn unblock_signals() {
    let none = 0u64;
    // SAFETY: the kernel reads the eight bytes of `none`, its signal set, and
    // writes nothing.
    unsafe {
        libc::syscall(
            libc::SYS_rt_sigprocmask,
            libc::SIG_SETMASK,
            &raw const none,
            std::ptr::null_mut::<u64>(),
            size_of::<u64>(),
        )
    };
}

/// Blocks SIGCHLD, and has the ends of children told by a descriptor instead,
/// signalfd(2).
pub(in crate::sandbox) fn watch_children() -> Result<SignalFd, Errno> {
    let mut ends = SigSet::empty();
    ends.add(Signal::SIGCHLD);
    ends.thread_block()?;
    let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
    Ok(SignalFd::with_flags(&ends, flags)?)
}

/// Children can be awaited again: an ignored SIGCHLD has the kernel forget them,
/// wait(2). And a file that may not grow is an error of the write, not an end.
pub(in crate::sandbox) fn heed_children() {
    default_signal(libc::SIGCHLD);
    // SAFETY: to ignore a signal runs no code of ours.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
}

/// By the raw call, as above. SIGKILL and SIGSTOP have no other action: EINVAL.
fn default_signal(signal: i32) {
    /// More than the kernel's `struct sigaction` on any architecture.
    const ACTION: [u64; 8] = [0; 8];
    // SAFETY: all zeros are SIG_DFL with no flags and an empty mask; the kernel
    // reads them and writes nothing.
    unsafe {
        libc::syscall(
            libc::SYS_rt_sigaction,
            signal,
            ACTION.as_ptr(),
            std::ptr::null_mut::<u64>(),
            size_of::<u64>(),
        )
    };
}

/// Whether this process ignores a signal.
pub(in crate::sandbox) fn is_ignored(signal: i32) -> bool {
    // SAFETY: all-zero bytes are a valid `struct sigaction`, and a null one asks
    // for the action that there is, which is written to `found`.
    let found = unsafe {
        let mut found: libc::sigaction = std::mem::zeroed();
        match libc::sigaction(signal, std::ptr::null(), &raw mut found) {
            0 => found.sa_sigaction,
            _ => libc::SIG_DFL,
        }
    };
    found == libc::SIG_IGN
}

/// Gives up a real-time scheduling policy, sched(7), for the ordinary one; any
/// other stays.
pub(in crate::sandbox) fn leave_real_time() {
    // SAFETY: the parameters live across the call; 0 is this process.
    unsafe {
        let policy = libc::sched_getscheduler(0) & !libc::SCHED_RESET_ON_FORK;
        if matches!(
            policy,
            libc::SCHED_FIFO | libc::SCHED_RR | libc::SCHED_DEADLINE
        ) {
            let parameters: libc::sched_param = std::mem::zeroed();
            libc::sched_setscheduler(0, libc::SCHED_OTHER, &raw const parameters);
        }
    }
}

/// What a guardian does with the signals of a terminal that closes or is tired
/// of waiting: it has to outlive them, to clean up.
pub(in crate::sandbox) fn ignore_signals() {
    set_signals(libc::SIG_IGN);
}

/// Undoes `ignore_signals`, which children inherit across fork and execve.
pub(in crate::sandbox) fn default_signals() {
    set_signals(libc::SIG_DFL);
}

fn set_signals(action: libc::sighandler_t) {
    for signal in [
        libc::SIGHUP,
        libc::SIGINT,
        libc::SIGTERM,
        libc::SIGQUIT,
        libc::SIGPIPE,
    ] {
        // SAFETY: neither action runs code of ours.
        unsafe { libc::signal(signal, action) };
    }
}
