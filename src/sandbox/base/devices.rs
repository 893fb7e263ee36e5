//! What stands in a /dev of a run's own, by the OCI Runtime Specification,
//! config-linux.md, "Default Devices", and runtime-linux.md, "/dev symbolic links".
//!
//! The devices are bound from the host's /dev, because mknod(2) of one is nothing
//! that root of a user namespace may do.

use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

/// What any program may need.
pub(in crate::sandbox) const DEVICES: [&str; 5] = ["null", "zero", "full", "random", "urandom"];
/// What only one with a terminal needs beside them.
pub(in crate::sandbox) const TERMINAL: &str = "tty";
/// Where each link leads, and its name. The last one is the master of the box's
/// own pseudo-terminals.
pub(in crate::sandbox) const LINKS: [(&str, &str); 5] = [
    ("/proc/self/fd", "fd"),
    ("/proc/self/fd/0", "stdin"),
    ("/proc/self/fd/1", "stdout"),
    ("/proc/self/fd/2", "stderr"),
    ("pts/ptmx", "ptmx"),
];

/// Whether this /dev has that one, and it is what it is called: a character device
/// of its major number (admin-guide/devices.txt: 1, and 5 for a terminal), not what
/// somebody led the name to. A host that is itself a container may lack one.
pub(in crate::sandbox) fn is_device(name: &str) -> bool {
    let major = if name == TERMINAL { 5 } else { 1 };
    Path::new("/dev")
        .join(name)
        .symlink_metadata()
        .is_ok_and(|meta| meta.file_type().is_char_device() && libc::major(meta.rdev()) == major)
}
