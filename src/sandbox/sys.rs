//! Every `unsafe` line of the project: system calls that no safe wrapper
//! offers, each with the reason why it is sound here.
//!
//! The helper is single-threaded from its first instruction (it is a fresh
//! `execve` of this program), so a forked child may run ordinary Rust code.

#![allow(unsafe_code)]

use crate::base::Errno;
use nix::fcntl::OFlag;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};
use nix::unistd::Pid;
use std::io;
use std::marker::PhantomData;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

/// Which side of a fork the caller finds itself on.
pub(super) enum Forked {
    /// The child.
    Child,
    /// The parent, with the child's id.
    Parent(Pid),
}

/// That this process has one thread: a child by fork(2) may then run ordinary code.
/// It stays in the thread that it was given to, which starts no other, and goes over
/// to what that forks.
#[derive(Debug, Clone, Copy)]
pub(super) struct OneThread(PhantomData<*const ()>);

impl OneThread {
    /// Asked of the kernel, proc_pid_task(5); for the first line of a helper. `None`
    /// if there are more, or nothing tells.
    pub(super) fn claim() -> Option<OneThread> {
        let threads = std::fs::read_dir("/proc/self/task").ok()?;
        (threads.count() == 1).then_some(OneThread(PhantomData))
    }
}

/// fork(2).
pub(super) fn fork(_: OneThread) -> Result<Forked, Errno> {
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
pub(super) fn clone3(one: OneThread, flags: u64, exit_signal: u64) -> Result<i64, Errno> {
    let args = CloneArgs {
        flags,
        exit_signal,
        ..CloneArgs::default()
    };
    clone3_with(one, &args, CLONE_ARGS_SIZE_VER0)
}

/// clone3(2) like fork, with the child in a version 2 cgroup from its first
/// instruction: CLONE_INTO_CGROUP, Linux 5.7.
pub(super) fn clone3_into(one: OneThread, cgroup: BorrowedFd<'_>) -> Result<i64, Errno> {
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
pub(super) fn clone(_: OneThread, flags: u64) -> Result<i64, Errno> {
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

/// A file in the address space, mmap(2), until this value is dropped.
pub(super) struct Mapping {
    start: std::ptr::NonNull<libc::c_void>,
    length: usize,
}

impl Mapping {
    /// Maps the whole of a file to be read, shared with all who map it: what
    /// is mapped are the pages of the page cache themselves.
    ///
    /// # Errors
    /// EINVAL if it is empty, ENODEV if it can't be mapped.
    pub(super) fn shared(file: BorrowedFd<'_>, length: usize) -> Result<Mapping, Errno> {
        let (readable, shared) = (libc::PROT_READ, libc::MAP_SHARED);
        // SAFETY: a null address lets the kernel choose one where nothing is,
        // so no memory of this process changes.
        let start = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                length,
                readable,
                shared,
                file.as_raw_fd(),
                0,
            )
        };
        match std::ptr::NonNull::new(start) {
            Some(start) if start.as_ptr() != libc::MAP_FAILED => Ok(Mapping { start, length }),
            Some(_) | None => Err(Errno(
                io::Error::last_os_error().raw_os_error().unwrap_or(0),
            )),
        }
    }

    /// Where it begins.
    pub(super) fn address(&self) -> usize {
        self.start.as_ptr() as usize
    }

    /// Reads a byte of each page, so that all of them are mapped. If somebody
    /// has made the file shorter meanwhile, SIGBUS ends the process.
    pub(super) fn touch(&self, page: usize) {
        for offset in (0..self.length).step_by(page) {
            // SAFETY: the offset is below the length of a readable mapping,
            // which lives as long as `self`; volatile, because others may write
            // to the file.
            let byte = unsafe { self.start.as_ptr().cast::<u8>().add(offset).read_volatile() };
            std::hint::black_box(byte);
        }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the range is the one that mmap(2) gave to this value alone,
        // and no reference into it was ever handed out.
        unsafe { libc::munmap(self.start.as_ptr(), self.length) };
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

/// Makes a program die with this process, and does `enter` in the child before
/// it is executed.
pub(super) fn enter_first(
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
pub(super) fn lead_session(command: &mut Command, terminal: bool) {
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

/// The other end of a pty's master, without a path to it: TIOCGPTPEER,
/// ioctl_tty(2), Linux 4.13.
pub(super) fn pty_peer(master: BorrowedFd<'_>) -> Result<OwnedFd, Errno> {
    let unlocked = 0;
    let flags = libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC;
    // SAFETY: TIOCSPTLCK reads an integer that lives across the call, and
    // TIOCGPTPEER takes one; the descriptor that it makes is ours alone.
    unsafe {
        answer(i64::from(libc::ioctl(
            master.as_raw_fd(),
            libc::TIOCSPTLCK,
            &raw const unlocked,
        )))?;
        let peer = libc::ioctl(master.as_raw_fd(), libc::TIOCGPTPEER, flags);
        let peer = answer(i64::from(peer))?;
        Ok(OwnedFd::from_raw_fd(peer as RawFd))
    }
}

/// Tells a terminal the size of its window, TIOCSWINSZ.
pub(super) fn set_window(terminal: BorrowedFd<'_>, rows: u16, columns: u16) -> Result<(), Errno> {
    let size = libc::winsize {
        ws_row: rows,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    // SAFETY: the call reads the struct, which lives across it.
    let set = unsafe { libc::ioctl(terminal.as_raw_fd(), libc::TIOCSWINSZ, &raw const size) };
    answer(i64::from(set)).map(drop)
}

/// Makes a program die with the thread that starts it, unless it wants it
/// otherwise (prctl(2), PR_SET_PDEATHSIG).
pub(super) fn die_with_this_thread(command: &mut Command) {
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
    match nix::unistd::getppid() == parent {
        true => Ok(()),
        false => Err(io::Error::from_raw_os_error(libc::ESRCH)),
    }
}

/// Gives up every capability but these, and with the bounding set the way back
/// through the execve(2) rule for uid 0; capabilities(7). Whether that way is closed:
/// without CAP_SETPCAP it can't be.
pub(super) fn keep_capabilities(keep: u64) -> Result<bool, Errno> {
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
    // Effective, permitted and inheritable: the low 32 bits of each, then the
    // high ones.
    let mut data = [0u32; 6];
    let mut closed = true;
    // SAFETY: prctl takes integers; capget writes and capset reads a header and
    // the two three-word sets that version 3 prescribes, all live across the calls.
    unsafe {
        for capability in (0..64).filter(|capability| keep & 1 << capability == 0) {
            // 0 or 1; an error behind the last one that the kernel knows.
            let bounded = libc::prctl(libc::PR_CAPBSET_READ, capability, 0, 0, 0) == 1;
            if bounded && libc::prctl(libc::PR_CAPBSET_DROP, capability, 0, 0, 0) != 0 {
                closed = false;
            }
        }
        answer(libc::syscall(
            libc::SYS_capget,
            &raw mut header,
            data.as_mut_ptr(),
        ))?;
        // No more than it has: capset(2) takes nothing that isn't permitted.
        let permitted = u64::from(data[1]) | u64::from(data[4]) << 32;
        let left = permitted & keep;
        let (low, high) = (left as u32, (left >> 32) as u32);
        data = [low, low, 0, high, high, 0];
        answer(libc::syscall(
            libc::SYS_capset,
            &raw mut header,
            data.as_ptr(),
        ))?;
    }
    Ok(closed)
}

/// What the kernel says of the mount that a path leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mounted {
    /// Its number: unique as long as the mount exists, and never used again
    /// where the kernel can promise that (Linux 6.8).
    pub(super) id: u64,
    /// The device and the inode of the file itself.
    file: (u32, u32, u64),
}

impl Mounted {
    /// Whether the two are the same directory, seen through two mounts.
    pub(super) fn is_copy_of(&self, other: &Mounted) -> bool {
        self.file == other.file
    }
}

/// The mount that a path lies on, statx(2). A symbolic link isn't followed.
pub(super) fn mounted(path: &Path) -> Result<Mounted, Errno> {
    let open = nix::fcntl::open(
        path,
        OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC,
        nix::sys::stat::Mode::empty(),
    )?;
    mounted_fd(open.as_fd())
}

/// The mount that an open file was reached by.
pub(super) fn mounted_fd(fd: BorrowedFd<'_>) -> Result<Mounted, Errno> {
    /// `STATX_MNT_ID` of Linux 5.8 and `STATX_MNT_ID_UNIQUE` of 6.8.
    const MNT_ID: [u32; 2] = [0x1000, 0x4000];
    // SAFETY: all-zero bytes are a valid `struct statx`, a struct of integers.
    let mut found: libc::statx = unsafe { std::mem::zeroed() };
    let mask = libc::STATX_INO | MNT_ID[0] | MNT_ID[1];
    // SAFETY: the empty path is a string that ends with zero, and `found` is
    // writable; both live across the call.
    let result = unsafe {
        libc::statx(
            fd.as_raw_fd(),
            c"".as_ptr(),
            libc::AT_EMPTY_PATH | libc::AT_NO_AUTOMOUNT,
            mask,
            &raw mut found,
        )
    };
    answer(i64::from(result))?;
    let id = match found.stx_mask & (MNT_ID[0] | MNT_ID[1]) {
        // Older kernels: proc_pid_fdinfo(5).
        0 => crate::base::kernel::read_text(format!("/proc/self/fdinfo/{}", fd.as_raw_fd()))
            .unwrap_or_default()
            .lines()
            .find_map(|line| line.strip_prefix("mnt_id:")?.trim().parse().ok())
            .ok_or(Errno(libc::ENOSYS))?,
        _ => found.stx_mnt_id,
    };
    Ok(Mounted {
        id,
        file: (found.stx_dev_major, found.stx_dev_minor, found.stx_ino),
    })
}

/// Makes every mount below the root read-only, and what device nodes are on them
/// without effect: mount_setattr(2), ENOSYS before Linux 5.12.
pub(super) fn guard_all_mounts() -> Result<(), Errno> {
    /// `struct mount_attr`, MOUNT_ATTR_SIZE_VER0.
    #[repr(C)]
    struct Attributes {
        set: u64,
        clear: u64,
        propagation: u64,
        user_namespace: u64,
    }
    /// `MOUNT_ATTR_RDONLY` and `MOUNT_ATTR_NODEV`.
    const GUARDED: u64 = 0x1 | 0x4;
    let attributes = Attributes {
        set: GUARDED,
        clear: 0,
        propagation: 0,
        user_namespace: 0,
    };
    // SAFETY: the path ends with zero, and the kernel reads the struct of that
    // size; both live across the call.
    answer(unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            libc::AT_FDCWD,
            c"/".as_ptr(),
            libc::AT_RECURSIVE,
            &raw const attributes,
            size_of::<Attributes>(),
        )
    })
    .map(drop)
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

/// What one recvmsg(2) brought.
pub(super) struct Received {
    /// How many bytes; 0 at the end.
    pub(super) count: usize,
    /// What came by SCM_RIGHTS.
    pub(super) descriptors: Vec<OwnedFd>,
    /// Who sent it, by SCM_CREDENTIALS.
    pub(super) sender: Option<i32>,
}

/// recvmsg(2), without waiting; `space` is for the control messages, cmsg(3).
pub(super) fn receive(
    socket: BorrowedFd<'_>,
    bytes: &mut [u8],
    space: &mut [u8],
) -> Result<Received, nix::errno::Errno> {
    let mut parts = [io::IoSliceMut::new(bytes)];
    let flags = MsgFlags::MSG_CMSG_CLOEXEC | MsgFlags::MSG_DONTWAIT;
    let message = recvmsg::<()>(socket.as_raw_fd(), &mut parts, Some(space), flags)?;
    let (mut descriptors, mut sender) = (Vec::new(), None);
    for control in message.cmsgs().into_iter().flatten() {
        match control {
            ControlMessageOwned::ScmRights(fds) => {
                // SAFETY: the kernel just made these descriptors for this process,
                // and nobody else knows of them.
                let owned = fds
                    .into_iter()
                    .map(|fd| unsafe { OwnedFd::from_raw_fd(fd) });
                descriptors.extend(owned);
            }
            ControlMessageOwned::ScmCredentials(from) => sender = Some(from.pid()),
            _ => {}
        }
    }
    Ok(Received {
        count: message.bytes,
        descriptors,
        sender,
    })
}

/// Puts every signal, real-time ones as well, back to its default, and unblocks
/// all: what execve(2) keeps of a parent that ignored or blocked some.
pub(super) fn reset_signals() {
    for signal in 1..=64 {
        default_signal(signal);
    }
    unblock_signals();
}

/// Unblocks every signal. By the raw call, because the C library hides the
/// signals of its own from us, and hangs if they are blocked.
pub(super) fn unblock_signals() {
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
pub(super) fn watch_children() -> Result<SignalFd, Errno> {
    let mut ends = SigSet::empty();
    ends.add(Signal::SIGCHLD);
    ends.thread_block()?;
    let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
    Ok(SignalFd::with_flags(&ends, flags)?)
}

/// Children can be awaited again: an ignored SIGCHLD has the kernel forget them,
/// wait(2). And a file that may not grow is an error of the write, not an end.
pub(super) fn heed_children() {
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
pub(super) fn is_ignored(signal: i32) -> bool {
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
pub(super) fn leave_real_time() {
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
