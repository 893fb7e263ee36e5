//! What the supervisor has to know of the host and of its own place on it.

use crate::base::kernel;
use crate::plan::Namespace;
use crate::probe::nsfs_inode;
use std::path::Path;

/// The id that root inside a box is outside, when root runs the course:
/// `nobody`, the kernel's overflow id.
pub(super) const NOBODY: (u32, u32) = (65_534, 65_534);

/// Whether this process may make namespaces without a user namespace and map
/// ids that aren't its own: root with its capabilities. Root in a container
/// may have neither.
pub(super) fn privileged() -> bool {
    const CAP_SETUID: u64 = 1 << 7;
    const CAP_SYS_ADMIN: u64 = 1 << 21;
    let status = kernel::read_text("/proc/self/status").unwrap_or_default();
    let effective = kernel::field(&status, "CapEff")
        .and_then(|mask| u64::from_str_radix(mask, 16).ok())
        .unwrap_or(0);
    let wanted = CAP_SETUID | CAP_SYS_ADMIN;
    nix::unistd::geteuid().is_root() && effective & wanted == wanted
}

/// Whether the id of nobody exists here: a rootless container may have the
/// learner's alone.
pub(super) fn maps_nobody() -> bool {
    ["uid_map", "gid_map"].iter().all(|file| {
        let map = kernel::read_text(format!("/proc/self/{file}")).unwrap_or_default();
        map.lines().any(|line| {
            let numbers: Vec<u64> = line.split_whitespace().flat_map(str::parse).collect();
            matches!(numbers[..], [first, _, length]
                if (first..first.saturating_add(length)).contains(&u64::from(NOBODY.0)))
        })
    })
}

/// The nsfs inode of a namespace that a process is in.
pub(super) fn inode(pid: &str, ns: Namespace) -> Option<u64> {
    nsfs_inode(Path::new(&format!("/proc/{pid}/ns/{}", ns.proc_name()))).ok()
}
