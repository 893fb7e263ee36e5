//! What the kernel says of the mount that a file lies on.

use crate::base::{Errno, kernel};
use rustix::fs::{AtFlags, Mode, OFlags, StatxFlags, statx};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::path::Path;

/// What the kernel says of the mount that a path leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sandbox) struct Mounted {
    /// Its number: unique as long as the mount exists, and never used again
    /// where the kernel can promise that (Linux 6.8).
    pub(in crate::sandbox) id: u64,
    /// The device and the inode of the file itself.
    file: (u32, u32, u64),
}

impl Mounted {
    /// Whether the two are the same directory, seen through two mounts.
    pub(in crate::sandbox) fn is_copy_of(&self, other: &Mounted) -> bool {
        self.file == other.file
    }
}

/// The mount that a path lies on, statx(2). A symbolic link isn't followed.
pub(in crate::sandbox) fn mounted(path: &Path) -> Result<Mounted, Errno> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let open = rustix::fs::open(path, flags, Mode::empty())?;
    mounted_fd(open.as_fd())
}

/// The mount of the nearest directory that a path still leads to. Once another
/// answers than before, what isn't found there has not gone: it is hidden.
pub(in crate::sandbox) fn mount_towards(path: &Path) -> Option<u64> {
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    let nearest = path
        .ancestors()
        .find_map(|path| rustix::fs::open(path, flags, Mode::empty()).ok())?;
    Some(mounted_fd(nearest.as_fd()).ok()?.id)
}

/// The mount that an open file was reached by.
pub(in crate::sandbox) fn mounted_fd(fd: BorrowedFd<'_>) -> Result<Mounted, Errno> {
    /// `STATX_MNT_ID_UNIQUE` of Linux 6.8.
    const UNIQUE: StatxFlags = StatxFlags::from_bits_retain(0x4000);
    let ids = StatxFlags::MNT_ID | UNIQUE;
    let flags = AtFlags::EMPTY_PATH | AtFlags::NO_AUTOMOUNT;
    let found = statx(fd, c"", flags, StatxFlags::INO | ids)?;
    let id = match StatxFlags::from_bits_retain(found.stx_mask).intersects(ids) {
        true => found.stx_mnt_id,
        // Before Linux 5.8: proc_pid_fdinfo(5).
        false => kernel::read_text(format!("/proc/self/fdinfo/{}", fd.as_raw_fd()))
            .ok()
            .and_then(|text| kernel::field(&text, "mnt_id")?.parse().ok())
            .ok_or(Errno(libc::ENOSYS))?,
    };
    Ok(Mounted {
        id,
        file: (found.stx_dev_major, found.stx_dev_minor, found.stx_ino),
    })
}
