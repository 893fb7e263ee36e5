//! Processes: forks and clones of a helper with one thread, pidfds, and what a
//! child does before it executes a program.

use super::answer::answer;
use crate::base::Errno;
use nix::unistd::Pid;
use std::io;
use std::marker::PhantomData;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Which side of a fork the caller finds itself on.
pub(in crate::sandbox) enum Forked {
    /// The child.
    Child,
    /// The parent, with the child's id.
    Parent(Pid),
}

/// That this process has one thread: a child by fork(2) may then run ordinary code.
/// It stays in the thread that it was given to, which starts no other, and goes over
/// to what that forks.
#[derive(Debug, Clone, Copy)]
pub(in crate::sandbox) struct OneThread(PhantomData<*const ()>);

impl OneThread {
    /// Asked of the kernel, proc_pid_task(5); for the first line of a helper. `None`
    /// if there are more, or nothing tells.
    pub(in crate::sandbox) fn claim() -> Option<OneThread> {
        let threads = std::fs::read_dir("/proc/self/task").ok()?;
        (threads.count() == 1).then_some(OneThread(PhantomData))
    }
}

/// fork(2).
pub(in crate::sandbox) fn fork(_: OneThread) -> Result<Forked, Errno> {
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
pub(in crate::sandbox) fn clone3(
    one: OneThread,
    flags: u64,
    exit_signal: u64,
) -> Result<i64, Errno> {
    let args = CloneArgs {
        flags,
        exit_signal,
        ..CloneArgs::default()
    };
    clone3_with(one, &args, CLONE_ARGS_SIZE_VER0)
}

/// clone3(2) like fork, with the child in a version 2 cgroup from its first
/// instruction: CLONE_INTO_CGROUP, Linux 5.7.
pub(in crate::sandbox) fn clone3_into(
    one: OneThread,
    cgroup: BorrowedFd<'_>,
) -> Result<i64, Errno> {
    let args = CloneArgs {
        flags: 0x2_0000_0000,
        exit_signal: libc::SIGCHLD as u64,
        cgroup: cgroup.as_raw_fd() as u64,
        ..CloneArgs::default()
    };
    clone3_with(one, &args, size_of::<CloneArgs>())
}

fn clone3_with(_: OneThread, args: &CloneArgs, size: usize) -> Result<i64, Errno> {
    // SAFETY: `args` lives across the call and is at least `size` bytes long;
    // without CLONE_VM the child has its own copy of this one-threaded process.
    answer(unsafe { libc::syscall(libc::SYS_clone3, std::ptr::from_ref(args), size) })
}

/// clone(2) without a new stack, like fork. `Ok(0)` in the child.
pub(in crate::sandbox) fn clone(_: OneThread, flags: u64) -> Result<i64, Errno> {
    // SAFETY: a null stack without CLONE_VM means a copy of the caller's; the
    // other pointers are unused by these flags. The argument order differs
    // between architectures only behind the first two (s390 is not built for).
    let result = unsafe { libc::syscall(libc::SYS_clone, flags, 0usize, 0usize, 0usize, 0usize) };
    answer(result)
}

/// Moves `keep` to descriptor 3, points 0, 1 and 2 at /dev/null and closes all
/// others: a forked child must not hold its parent's sockets open.
pub(in crate::sandbox) fn keep_only(_: OneThread, keep: OwnedFd) -> Result<OwnedFd, Errno> {
    // SAFETY: dup2 and close_range take integers. Descriptors that Rust values
    // of the parent's still name are closed under them; those values are never
    // used or dropped again, because a child ends by `exit_now`.
    unsafe {
        let mut null = libc::open(c"/dev/null".as_ptr(), libc::O_RDWR);
        if null < 0 {
            let errno = io::Error::last_os_error().raw_os_error().unwrap_or(0);
            // A root of the box's own may have no /dev; what an agent was
            // started with is the null device already.
            let stat = nix::sys::stat::fstat(BorrowedFd::borrow_raw(0))?;
            if stat.st_rdev != libc::makedev(1, 3) {
                return Err(Errno(errno));
            }
            null = 0;
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
            // Before Linux 5.9: one by one, however many there are.
            let open = std::fs::read_dir("/proc/self/fd").into_iter().flatten();
            let names = open.flatten().map(|entry| entry.file_name());
            let fds: Vec<i32> = names.filter_map(|fd| fd.to_str()?.parse().ok()).collect();
            for fd in fds.into_iter().filter(|fd| *fd > 3) {
                libc::close(fd);
            }
        }
        Ok(OwnedFd::from_raw_fd(3))
    }
}

/// Ends a forked child without running the parent's destructors or exit handlers.
pub(in crate::sandbox) fn exit_now(status: i32) -> ! {
    // SAFETY: never returns; skips destructors on purpose.
    unsafe { libc::_exit(status) }
}

/// Makes a program die with this process, and does `enter` in the child before
/// it is executed.
pub(in crate::sandbox) fn enter_first(
    _: OneThread,
    command: &mut Command,
    mut enter: impl FnMut() -> io::Result<()> + Send + Sync + 'static,
) {
    let parent = nix::unistd::getpid();
    // SAFETY: the closure runs between fork and exec of a one-threaded process,
    // which may do there whatever it may do elsewhere.
    unsafe {
        command.pre_exec(move || {
            die_with(parent)?;
            enter()
        });
    }
}

/// Makes a program the leader of a session of its own, with its standard input
/// for a controlling terminal if that is one.
pub(in crate::sandbox) fn lead_session(command: &mut Command, terminal: bool) {
    // SAFETY: the closure runs between fork and exec of a one-threaded process
    // and makes only system calls; TIOCSCTTY takes an integer.
    unsafe {
        command.pre_exec(move || {
            nix::unistd::setsid()?;
            if terminal && libc::ioctl(0, libc::TIOCSCTTY, 0) != 0 {
                return Err(io::Error::last_os_error());
            }
            Ok(())
        });
    }
}

/// Makes a program die with the thread that starts it, unless it wants it
/// otherwise (prctl(2), PR_SET_PDEATHSIG).
pub(in crate::sandbox) fn die_with_this_thread(command: &mut Command) {
    let parent = nix::unistd::getpid();
    // SAFETY: the closure runs in a forked child and makes only system calls,
    // which is all that a child of a process with threads may do.
    unsafe {
        command.pre_exec(move || die_with(parent));
    }
}

/// Ties a new child to its parent, which may have ended in the meantime.
fn die_with(parent: Pid) -> io::Result<()> {
    nix::sys::prctl::set_pdeathsig(nix::sys::signal::Signal::SIGKILL)?;
    // 0: it is of an outer pid namespace, and its end is this one's end.
    match nix::unistd::getppid() {
        pid if pid == parent || pid.as_raw() == 0 => Ok(()),
        _ => Err(io::Error::from_raw_os_error(libc::ESRCH)),
    }
}
