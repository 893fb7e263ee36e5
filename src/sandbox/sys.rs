//! Every `unsafe` line of the project: system calls that no safe wrapper
//! offers, each with the reason why it is sound here.
//!
//! The helper is single-threaded from its first instruction (it is a fresh
//! `execve` of this program), so a forked child may run ordinary Rust code.

#![allow(unsafe_code)]

use crate::base::Errno;
use nix::unistd::Pid;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Which side of a fork the caller finds itself on.
pub(super) enum Forked {
    /// The child.
    Child,
    /// The parent, with the child's id.
    Parent(Pid),
}

/// fork(2).
pub(super) fn fork() -> Result<Forked, Errno> {
    // SAFETY: the process has one thread, so the child may allocate and lock.
    match unsafe { nix::unistd::fork() }? {
        nix::unistd::ForkResult::Child => Ok(Forked::Child),
        nix::unistd::ForkResult::Parent { child } => Ok(Forked::Parent(child)),
    }
}

/// `struct clone_args` of CLONE_ARGS_SIZE_VER2.
#[repr(C, align(8))]
#[derive(Default)]
struct CloneArgs {
    flags: u64,
    pidfd: u64,
    child_tid: u64,
    parent_tid: u64,
    exit_signal: u64,
    stack: u64,
    stack_size: u64,
    tls: u64,
    set_tid: u64,
    set_tid_size: u64,
    cgroup: u64,
}

/// CLONE_ARGS_SIZE_VER0, up to `tls`: what the first kernels with clone3 know.
const CLONE_ARGS_SIZE_VER0: usize = 64;

/// clone3(2) with no stack of its own, like fork. `Ok(0)` in the child.
pub(super) fn clone3(flags: u64, exit_signal: u64) -> Result<i64, Errno> {
    let args = CloneArgs {
        flags,
        exit_signal,
        ..CloneArgs::default()
    };
    clone3_with(&args, CLONE_ARGS_SIZE_VER0)
}

/// clone3(2) like fork, with the child in a version 2 cgroup from its first
/// instruction: CLONE_INTO_CGROUP, Linux 5.7.
pub(super) fn clone3_into(cgroup: BorrowedFd<'_>) -> Result<i64, Errno> {
    let args = CloneArgs {
        flags: 0x2_0000_0000,
        exit_signal: libc::SIGCHLD as u64,
        cgroup: cgroup.as_raw_fd() as u64,
        ..CloneArgs::default()
    };
    clone3_with(&args, size_of::<CloneArgs>())
}

fn clone3_with(args: &CloneArgs, size: usize) -> Result<i64, Errno> {
    // SAFETY: `args` lives across the call and is at least `size` bytes long;
    // without CLONE_VM the child has its own copy of this one-threaded process.
    answer(unsafe { libc::syscall(libc::SYS_clone3, std::ptr::from_ref(args), size) })
}

/// clone(2) without a new stack, like fork. `Ok(0)` in the child.
pub(super) fn clone(flags: u64) -> Result<i64, Errno> {
    // SAFETY: a null stack without CLONE_VM means a copy of the caller's; the
    // other pointers are unused by these flags. The argument order differs
    // between architectures only behind the first two (s390 is not built for).
    let result = unsafe { libc::syscall(libc::SYS_clone, flags, 0usize, 0usize, 0usize, 0usize) };
    answer(result)
}

/// pidfd_open(2).
pub(super) fn pidfd_open(pid: Pid) -> Result<OwnedFd, Errno> {
    // SAFETY: takes two integers.
    let fd = answer(unsafe { libc::syscall(libc::SYS_pidfd_open, pid.as_raw(), 0) })?;
    // SAFETY: the kernel just made this descriptor for us, and nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as RawFd) })
}

/// pidfd_send_signal(2): cannot hit a recycled pid.
pub(super) fn pidfd_kill(pidfd: BorrowedFd<'_>, signal: i32) -> Result<(), Errno> {
    // SAFETY: a null siginfo means "as kill(2) would fill it".
    let result = unsafe {
        libc::syscall(
            libc::SYS_pidfd_send_signal,
            pidfd.as_raw_fd(),
            signal,
            std::ptr::null::<libc::siginfo_t>(),
            0,
        )
    };
    answer(result).map(drop)
}

/// Moves `keep` to descriptor 3, points 0, 1 and 2 at /dev/null and closes all
/// others: a forked child must not hold its parent's sockets open.
pub(super) fn keep_only(keep: OwnedFd) -> Result<OwnedFd, Errno> {
    // SAFETY: dup2 and close_range take integers. Descriptors that Rust values
    // of the parent's still name are closed under them; those values are never
    // used or dropped again, because a child ends by `exit_now`.
    unsafe {
        let null = libc::open(c"/dev/null".as_ptr(), libc::O_RDWR);
        if null < 0 {
            return Err(Errno(
                io::Error::last_os_error().raw_os_error().unwrap_or(0),
            ));
        }
        let raw = libc::fcntl(keep.as_raw_fd(), libc::F_DUPFD, 4);
        std::mem::forget(keep);
        for fd in 0..3 {
            libc::dup2(null, fd);
        }
        if libc::dup3(raw, 3, libc::O_CLOEXEC) < 0 {
            return Err(Errno(
                io::Error::last_os_error().raw_os_error().unwrap_or(0),
            ));
        }
        if libc::syscall(libc::SYS_close_range, 4u32, u32::MAX, 0u32) != 0 {
            // Before Linux 5.9: one by one.
            for fd in 4..1024 {
                libc::close(fd);
            }
        }
        Ok(OwnedFd::from_raw_fd(3))
    }
}

/// Ends a forked child without running the parent's destructors or exit handlers.
pub(super) fn exit_now(status: i32) -> ! {
    // SAFETY: never returns; skips destructors on purpose.
    unsafe { libc::_exit(status) }
}

/// msgget(2).
pub(super) fn msgget(key: u32, flags: i32) -> Result<i64, Errno> {
    // SAFETY: takes two integers.
    answer(i64::from(unsafe {
        libc::msgget(key as libc::key_t, flags)
    }))
}

/// How far a program that a demo runs is trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Privilege {
    /// As the box has it.
    Kept,
    /// No capability at all: the program stands where nothing contains it.
    Dropped,
}

/// Makes a program die with this process and never gain privileges by execve.
pub(super) fn confine(command: &mut Command, privilege: Privilege) {
    let parent = nix::unistd::getpid();
    // SAFETY: the closure runs between fork and exec of a one-threaded process
    // and makes only system calls.
    unsafe {
        command.pre_exec(move || {
            nix::sys::prctl::set_pdeathsig(nix::sys::signal::Signal::SIGKILL)?;
            if nix::unistd::getppid() != parent {
                return Err(io::Error::from_raw_os_error(libc::ESRCH));
            }
            nix::sys::prctl::set_no_new_privs()?;
            if privilege == Privilege::Dropped {
                drop_capabilities().map_err(|errno| io::Error::from_raw_os_error(errno.0))?;
            }
            Ok(())
        });
    }
}

/// Makes a program die with the thread that starts it, unless it wants it
/// otherwise (prctl(2), PR_SET_PDEATHSIG).
pub(super) fn die_with_this_thread(command: &mut Command) {
    let parent = nix::unistd::getpid();
    // SAFETY: the closure runs in a forked child and makes only system calls,
    // which is all that a child of a process with threads may do.
    unsafe {
        command.pre_exec(move || {
            nix::sys::prctl::set_pdeathsig(nix::sys::signal::Signal::SIGKILL)?;
            if nix::unistd::getppid() != parent {
                return Err(io::Error::from_raw_os_error(libc::ESRCH));
            }
            Ok(())
        });
    }
}

/// Gives up every capability, and with the bounding set the way back through
/// the execve(2) rule for uid 0; capabilities(7).
fn drop_capabilities() -> Result<(), Errno> {
    #[repr(C)]
    struct Header {
        version: u32,
        pid: i32,
    }
    /// `_LINUX_CAPABILITY_VERSION_3`.
    const VERSION_3: u32 = 0x2008_0522;
    let mut header = Header {
        version: VERSION_3,
        pid: 0,
    };
    let data = [0u32; 6];
    // SAFETY: prctl takes integers; capset reads a header and the two
    // three-word sets that version 3 prescribes, both live across the call.
    unsafe {
        for capability in 0..64 {
            if libc::prctl(libc::PR_CAPBSET_DROP, capability, 0, 0, 0) != 0 {
                break;
            }
        }
        answer(libc::syscall(
            libc::SYS_capset,
            &raw mut header,
            data.as_ptr(),
        ))
        .map(drop)
    }
}

/// The raw result of a system call made through libc as value or errno.
fn answer(result: i64) -> Result<i64, Errno> {
    if result < 0 {
        Err(Errno(
            io::Error::last_os_error().raw_os_error().unwrap_or(0),
        ))
    } else {
        Ok(result)
    }
}

/// Takes ownership of a descriptor that the kernel just handed over with SCM_RIGHTS.
pub(super) fn own(fd: RawFd) -> OwnedFd {
    // SAFETY: the caller got it from recvmsg(2), which made it for this process.
    unsafe { OwnedFd::from_raw_fd(fd) }
}

/// What a guardian does with the signals of a terminal that closes or is tired
/// of waiting: it has to outlive them, to clean up.
pub(super) fn ignore_signals() {
    set_signals(libc::SIG_IGN);
}

/// Undoes `ignore_signals`, which children inherit across fork and execve.
pub(super) fn default_signals() {
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
