//! Calls that can change nothing, to see whether they reach the kernel.

use crate::base::Errno;

/// Makes the call of that name without one valid argument, so that it changes
/// nothing: a kernel in which the caller may make it answers EINVAL, EFAULT or
/// EBADF. `None` of a call that isn't in the table.
pub(in crate::sandbox) fn without_arguments(name: &str) -> Option<Result<(), Errno>> {
    // No address (0), no descriptor, size, kind or flags (-1).
    let (number, [a, b, c]): (_, [libc::c_long; 3]) = match name {
        "unshare" => (libc::SYS_unshare, [-1, 0, 0]),
        "clone3" => (libc::SYS_clone3, [0, 0, 0]),
        "setns" => (libc::SYS_setns, [-1, 0, 0]),
        "mount" => (libc::SYS_mount, [0, 0, 0]),
        "umount2" => (libc::SYS_umount2, [0, 0, 0]),
        "pivot_root" => (libc::SYS_pivot_root, [0, 0, 0]),
        "sethostname" => (libc::SYS_sethostname, [0, -1, 0]),
        "socket" => (libc::SYS_socket, [-1, -1, -1]),
        "bind" => (libc::SYS_bind, [-1, 0, 0]),
        "listen" => (libc::SYS_listen, [-1, 0, 0]),
        "connect" => (libc::SYS_connect, [-1, 0, 0]),
        // Without IPC_CREAT it only looks.
        "msgget" => (libc::SYS_msgget, [-1, 0, 0]),
        "memfd_create" => (libc::SYS_memfd_create, [0, -1, 0]),
        "mkdirat" => (libc::SYS_mkdirat, [-1, 0, 0]),
        "mknodat" => (libc::SYS_mknodat, [-1, 0, 0]),
        "fchownat" => (libc::SYS_fchownat, [-1, 0, 0]),
        "symlinkat" => (libc::SYS_symlinkat, [0, -1, 0]),
        "kill" => (libc::SYS_kill, [0, -1, 0]),
        "openat" => (libc::SYS_openat, [-1, 0, 0]),
        "unlinkat" => (libc::SYS_unlinkat, [-1, 0, 0]),
        "fchmodat" => (libc::SYS_fchmodat, [-1, 0, 0]),
        "lsetxattr" => (libc::SYS_lsetxattr, [0, 0, 0]),
        "sendfile" => (libc::SYS_sendfile, [-1, -1, 0]),
        "copy_file_range" => (libc::SYS_copy_file_range, [-1, 0, -1]),
        "pidfd_open" => (libc::SYS_pidfd_open, [-1, -1, 0]),
        "sched_setaffinity" => (libc::SYS_sched_setaffinity, [0, 0, 0]),
        // -1 leaves each id as it is.
        "setresuid" => (libc::SYS_setresuid, [-1, -1, -1]),
        "setresgid" => (libc::SYS_setresgid, [-1, -1, -1]),
        #[cfg(target_arch = "x86_64")]
        "mkdir" => (libc::SYS_mkdir, [0, 0, 0]),
        #[cfg(target_arch = "x86_64")]
        "mknod" => (libc::SYS_mknod, [0, 0, 0]),
        #[cfg(target_arch = "x86_64")]
        "chown" => (libc::SYS_chown, [0, -1, -1]),
        #[cfg(target_arch = "x86_64")]
        "lchown" => (libc::SYS_lchown, [0, -1, -1]),
        #[cfg(target_arch = "x86_64")]
        "symlink" => (libc::SYS_symlink, [0, 0, 0]),
        #[cfg(target_arch = "x86_64")]
        "unlink" => (libc::SYS_unlink, [0, 0, 0]),
        #[cfg(target_arch = "x86_64")]
        "rmdir" => (libc::SYS_rmdir, [0, 0, 0]),
        #[cfg(target_arch = "x86_64")]
        "chmod" => (libc::SYS_chmod, [0, 0, 0]),
        _ => return None,
    };
    // SAFETY: each address is null, each descriptor and signal is none that is
    // ever valid, so the kernel neither reads nor writes memory, and changes nothing.
    let answer = unsafe { libc::syscall(number, a, b, c, 0, 0) };
    Some(super::answer::answer(answer).map(drop))
}
