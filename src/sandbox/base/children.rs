//! The children of this process, to be awaited.

use crate::base::kernel;
use crate::probe;
use nix::unistd::Pid;
use std::path::Path;

/// This process's children: those that have ended as well until they are
/// awaited. Asked of the kernel, proc_pid_task_tid_children(5); one without that
/// file (CONFIG_PROC_CHILDREN) has each process of the host asked for its parent.
///
/// The manual warns that a child may be missing when another one is reaped
/// meanwhile. Only this process reaps its children, and it has one thread.
pub(in crate::sandbox) fn children() -> Vec<Pid> {
    told_children(Path::new("/proc/thread-self/children")).unwrap_or_else(sought_children)
}

/// The same of a process that may have several threads: each has its list.
pub(in crate::sandbox) fn all_children() -> Vec<Pid> {
    let lists = std::fs::read_dir("/proc/self/task").map(|threads| {
        let lists = threads
            .flatten()
            .map(|thread| thread.path().join("children"));
        lists
            .map(|list| told_children(&list))
            .collect::<Option<Vec<_>>>()
    });
    match lists {
        Ok(Some(lists)) => lists.concat(),
        // A thread may have ended meanwhile.
        Ok(None) | Err(_) => sought_children(),
    }
}

/// The ids in a list of children; `None` if the kernel keeps none.
fn told_children(list: &Path) -> Option<Vec<Pid>> {
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

/// A process's number as this process counts, from that which /proc shows: a box
/// may see the /proc of where it was made. `NSpid` in proc_pid_status(5).
pub(in crate::sandbox) fn own_number(shown: Pid) -> Option<Pid> {
    let status = kernel::read_text(format!("/proc/{shown}/status")).ok()?;
    let numbers = kernel::field(&status, "NSpid")?;
    let own = numbers.split_whitespace().last()?;
    own.parse().ok().map(Pid::from_raw)
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
        let all = all_children();
        assert!(ids.iter().all(|id| all.contains(id)), "{all:?}");
        if let Some(told) = told_children(Path::new("/proc/thread-self/children")) {
            assert_eq!(told, ids);
        }
        for child in &mut three {
            drop(child.stdin.take());
            child.wait().unwrap();
        }
        assert_eq!(
            told_children(Path::new("/proc/thread-self/no-such-list")),
            None
        );
    }
}
