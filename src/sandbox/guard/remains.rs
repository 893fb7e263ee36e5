//! What there is of runs on this host, by marks and by names: whose it is, and not
//! yet whether that one is gone.

use super::unseen::Unseen;
use crate::base::Errno;
use crate::plan::Member;
use crate::probe::Subject;
use crate::probe::cgroups::Mounts;
use crate::sandbox::base::anew::{SUPERVISOR, SUPERVISOR_COMM};
use crate::sandbox::base::members::stat;
use crate::sandbox::base::owner::{Mark, Owner};
use crate::sandbox::group::cgroup::first_name;
use std::cmp::Reverse;
use std::collections::{HashSet, VecDeque};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// A process of a run.
pub(super) struct Marked {
    pub(super) owner: Owner,
    pub(super) mark: Mark,
    pub(super) process: Member,
    pub(super) guards: bool,
    pub(super) stopped: bool,
    /// Whether the program that started the run is its parent no more.
    pub(super) orphan: bool,
}

impl Marked {
    /// Looks at a process; `None` if it bears no mark that can be judged here.
    pub(super) fn read(pid: i32, me: &Owner) -> Option<Marked> {
        let mark = Mark::of(pid).filter(|mark| mark.can_be_judged(me))?;
        let stat = stat(pid).filter(|stat| !stat.has_ended())?;
        let owner = me.beside(pid, stat.start);
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let named = line
            .split(|byte| *byte == 0)
            .any(|word| word == SUPERVISOR.as_bytes());
        let orphan = stat.parent != mark.main.pid || mark.main.is_gone(me);
        Some(Marked {
            owner,
            // Its forks have its arguments, but not its name. A child of the program's
            // with these arguments is on the way to be it, through systemd-run perhaps.
            guards: named && (!orphan || stat.name == SUPERVISOR_COMM),
            stopped: stat.is_stopped(),
            orphan,
            process: Member {
                pid,
                name: stat.name,
            },
            mark,
        })
    }
}

/// A group with a name of ours, or one that was made with such a name.
pub(super) struct OursGroup {
    pub(super) path: PathBuf,
    pub(super) owner: Owner,
}

/// All groups of ours in all hierarchies that are mounted here, the inner before
/// the outer; level by level, until `most` groups were looked into; those as well
/// that were `renamed`. Those of other users are nothing of ours.
pub(super) fn groups_of_ours(
    most: usize,
    renamed: bool,
    me: &Owner,
) -> (Vec<OursGroup>, Vec<Unseen>) {
    let Ok(mounts) = Mounts::read(Path::new("/proc"), &Subject::Myself) else {
        return Default::default();
    };
    let mut walk = Walk {
        renamed,
        ..Walk::default()
    };
    for hierarchy in mounts.iter() {
        if let Ok(root) = hierarchy.point.symlink_metadata() {
            walk.meet(hierarchy.point.clone(), &root);
        }
    }
    for _ in 0..most {
        let Some((directory, device)) = walk.next.pop_front() else {
            break;
        };
        walk.look_into(&directory, device);
    }
    // No group outlives a boot: with another boot id it is of a container that
    // was given one of its own.
    walk.found.retain(|group| group.owner.is_of_boot(me));
    walk.found
        .sort_by_key(|group| Reverse(group.path.components().count()));
    (walk.found, walk.unseen)
}

#[derive(Default)]
struct Walk {
    /// Whether each is asked for the name that it was made with.
    renamed: bool,
    /// The same hierarchy may be mounted in several places.
    seen: HashSet<(u64, u64)>,
    /// Those with groups in them, and the file system of each.
    next: VecDeque<(PathBuf, u64)>,
    found: Vec<OursGroup>,
    unseen: Vec<Unseen>,
}

impl Walk {
    /// Notes a group. Whether it hasn't been met before.
    fn meet(&mut self, directory: PathBuf, meta: &fs::Metadata) -> bool {
        let new = self.seen.insert((meta.dev(), meta.ino()));
        // The links of a directory of a cgroup are itself, its name above, and
        // one for each group in it: without these its files needn't be read.
        if new && meta.nlink() != 2 {
            self.next.push_back((directory, meta.dev()));
        }
        new
    }

    fn look_into(&mut self, directory: &Path, device: u64) {
        let euid = nix::unistd::geteuid();
        let entries = fs::read_dir(directory).map_err(|error| {
            let errno = Errno::from(error);
            // One that has ended meanwhile isn't there to be seen.
            if !matches!(errno.0, libc::ENOENT | libc::ENODEV) {
                let path = directory.to_path_buf();
                self.unseen.push(Unseen::Directory { path, errno });
            }
        });
        for entry in entries.into_iter().flatten().flatten() {
            if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                continue;
            }
            // Of the entry itself, so neither a link nor a mount is followed.
            let path = entry.path();
            let Ok(meta) = path.symlink_metadata() else {
                continue;
            };
            if meta.dev() != device || !self.meet(path.clone(), &meta) {
                continue;
            }
            if meta.uid() != euid.as_raw() && !euid.is_root() {
                continue;
            }
            let owner = entry.file_name().to_str().and_then(Owner::parse);
            let owner = match owner {
                None if self.renamed => first_name(&path).and_then(|name| Owner::parse(&name)),
                named => named,
            };
            if let Some(owner) = owner {
                self.found.push(OursGroup { path, owner });
            }
        }
    }
}
