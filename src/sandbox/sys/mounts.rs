//! What is said to the kernel of all mounts at once.

use super::answer::answer;
use crate::base::Errno;

/// Makes every mount below the root read-only, and, with `nodev`, what device nodes
/// are on them without effect: mount_setattr(2), ENOSYS before Linux 5.12.
pub(in crate::sandbox) fn guard_all_mounts(nodev: bool) -> Result<(), Errno> {
    /// `struct mount_attr`, MOUNT_ATTR_SIZE_VER0.
    #[repr(C)]
    struct Attributes {
        set: u64,
        clear: u64,
        propagation: u64,
        user_namespace: u64,
    }
    const MOUNT_ATTR_RDONLY: u64 = 0x1;
    const MOUNT_ATTR_NODEV: u64 = 0x4;
    let attributes = Attributes {
        set: MOUNT_ATTR_RDONLY | if nodev { MOUNT_ATTR_NODEV } else { 0 },
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
