//! What the supervisor has to know of the host and of its own place on it.

use super::NOBODY;
use crate::base::kernel;
use crate::plan::Namespace;
use crate::probe::{self, nsfs_inode};
use nix::unistd::Pid;
use std::path::Path;

/// Whether this process may make namespaces without a user namespace and map
/// ids that aren't its own: root with its capabilities. Root in a container
/// may have neither.
pub(in crate::sandbox) fn privileged() -> bool {
    const CAP_SETUID: u64 = 1 << 7;
    const CAP_SYS_ADMIN: u64 = 1 << 21;
    let status = kernel::read_text("/proc/self/status").unwrap_or_default();
    let effective = status
        .lines()
        .find_map(|line| line.strip_prefix("CapEff:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
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

/// This process's children: those that have ended as well until they are
/// awaited. Asked of the kernel, proc_pid_task_tid_children(5); one without that
/// file (CONFIG_PROC_CHILDREN) has each process of the host asked for its parent.
///
/// The manual warns that a child may be missing when another one is reaped
/// meanwhile. Only this process reaps its children, and it has one thread.
pub(in crate::sandbox) fn children() -> Vec<Pid> {
    told_children("/proc/thread-self/children").unwrap_or_else(sought_children)
}

/// The ids in a list of children; `None` if the kernel keeps none.
fn told_children(list: &str) -> Option<Vec<Pid>> {
    let text = kernel::read_text(list).ok()?;
    let ids = text.split_ascii_whitespace();
    ids.map(|id| id.parse().ok().map(Pid::from_raw)).collect()
}

/// All whose `stat` says that this process is their parent.
fn sought_children() -> Vec<Pid> {
    let proc = Path::new("/proc");
    let me = std::process::id() as i32;
    probe::pids(proc)
        .unwrap_or_default()
        .into_iter()
        .filter(|pid| probe::stat(proc, *pid).is_some_and(|stat| stat.parent == me))
        .map(Pid::from_raw)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    #[test]
    fn the_kernel_tells_the_same_children_as_a_search() {
        // Tests have threads, and a child is listed with the one that forked it;
        // other tests' children come and go meanwhile.
        let start = || {
            let mut command = Command::new("cat");
            command.stdin(Stdio::piped()).stdout(Stdio::null());
            command.spawn().unwrap()
        };
        let mut three = [start(), start(), start()];
        let ids = three
            .each_ref()
            .map(|child| Pid::from_raw(child.id() as i32));
        // One of them has ended and was not awaited.
        drop(three[1].stdin.take());
        let exited = nix::sys::wait::WaitPidFlag::WEXITED | nix::sys::wait::WaitPidFlag::WNOWAIT;
        nix::sys::wait::waitid(nix::sys::wait::Id::Pid(ids[1]), exited).unwrap();
        let sought = sought_children();
        assert!(ids.iter().all(|id| sought.contains(id)), "{sought:?}");
        if let Some(told) = told_children("/proc/thread-self/children") {
            assert_eq!(told, ids);
        }
        for child in &mut three {
            drop(child.stdin.take());
            child.wait().unwrap();
        }
        assert_eq!(told_children("/proc/thread-self/no-such-list"), None);
    }
}
