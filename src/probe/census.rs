//! All processes of the machine at one look: of each what tells whom it is
//! isolated from, and no more, because there may be thousands.

use super::cgroups::Memberships;
use super::process::{Stat, nsfs_inode, pids, stat};
use super::status::Status;
use super::subject::Subject;
use crate::base::kernel;
use crate::plan::Namespace;
use std::io;
use std::path::{Path, PathBuf};

/// The nsfs inodes of a process's namespaces, in the order of
/// [`Namespace::ALL`]; `None` for one that couldn't be read.
pub type Inodes = [Option<u64>; 8];

/// One process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its id in the observer's pid namespace.
    pub pid: i32,
    /// Name, parent, state, start.
    pub stat: Stat,
    /// Its namespaces.
    pub namespaces: Inodes,
    /// Its cgroups.
    pub groups: Memberships,
    /// Its ids, capabilities and seccomp mode.
    pub status: Status,
    /// Where its root directory is, as the observer sees it; `None` if it may
    /// not be read.
    pub root: Option<PathBuf>,
    /// Of a shim of containerd's: for which of its namespaces it works, `moby`
    /// for Docker's containers, `k8s.io` for those of Kubernetes.
    pub client: Option<String>,
}

impl Process {
    /// Reads of one process; `None` for one that is gone, a zombie or a thread
    /// of the kernel's.
    pub fn read(proc_root: &Path, pid: i32) -> Option<Process> {
        const PF_KTHREAD: u32 = 0x0020_0000;
        let stat = stat(proc_root, pid)?;
        if stat.has_ended() || stat.flags & PF_KTHREAD != 0 {
            return None;
        }
        let dir = proc_root.join(pid.to_string());
        let subject = Subject::Process {
            pid,
            pid_namespace: None,
        };
        let namespaces = inodes(&dir);
        if namespaces.iter().all(Option::is_none)
            && super::process::stat(proc_root, pid).is_none_or(|stat| stat.is_ending())
        {
            // It ends just now: what it was in is gone before its number is.
            return None;
        }
        Some(Process {
            pid,
            namespaces,
            groups: Memberships::read(proc_root, &subject).ok()?,
            status: Status::read(proc_root, &pid.to_string()).ok()?,
            root: std::fs::read_link(dir.join("root")).ok(),
            client: stat
                .name
                .starts_with("containerd-shim")
                .then(|| client(&dir))
                .flatten(),
            stat,
        })
    }
}

/// All that live, by their ids.
///
/// # Errors
/// When procfs can't be read.
pub fn census(proc_root: &Path) -> io::Result<Vec<Process>> {
    let all = pids(proc_root)?;
    let read = |pid| Process::read(proc_root, pid);
    Ok(all.into_iter().filter_map(read).collect())
}

/// What follows `-namespace` on a shim's command line.
fn client(dir: &Path) -> Option<String> {
    let line = kernel::read_text(dir.join("cmdline")).ok()?;
    let mut words = line.split('\0');
    words.find(|word| word.trim_start_matches('-') == "namespace")?;
    words.next().map(String::from)
}

/// The namespaces that a directory of procfs tells: `/proc/PID`.
pub(super) fn inodes(dir: &Path) -> Inodes {
    let links = dir.join("ns");
    let mut refused = false;
    Namespace::ALL.map(|kind| {
        // Who may not read one link may read none: no need to ask for the others.
        if refused {
            return None;
        }
        let inode = nsfs_inode(&links.join(kind.proc_name()));
        let denied = |error: &io::Error| error.kind() == io::ErrorKind::PermissionDenied;
        refused = inode.as_ref().is_err_and(denied);
        inode.ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_among_them() {
        let me = std::process::id() as i32;
        let all = census(Path::new("/proc")).unwrap();
        let found = all.iter().find(|process| process.pid == me).unwrap();
        assert!(found.namespaces.iter().flatten().count() >= 7);
        assert_eq!(found.status.numbers.first(), Some(&me));
        assert!(found.groups.iter().count() > 0);
        assert!(all.is_sorted_by_key(|process| process.pid));
        assert_eq!(Process::read(Path::new("/proc"), -1), None);
    }
}
