//! The mounts of the run's own: the only places where a demo changes files.
//!
//! A mount namespace is a copy of the mounts, and what lies below most of them
//! is still the learner's. So each mount that an agent makes is remembered by
//! the number that the kernel gave it (`stx_mnt_id`, statx(2)), and a path is
//! judged by the number of the mount that it leads to. The device number would
//! not do: a bind mount has that of the disk. A box that is made in another one
//! gets copies of its parent's mounts, with other numbers: it learns them from
//! the paths, before anything else could be mounted there.

use crate::sandbox::base::mounted::{Mounted, mounted};
use std::path::{Path, PathBuf};

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
struct OwnMount {
    /// Where it is, without symbolic links.
    point: PathBuf,
    /// What the kernel says of that path.
    mounted: Mounted,
}

/// Those of one agent.
#[derive(Debug, Clone, Default)]
pub(in crate::sandbox) struct OwnMounts {
    all: Vec<OwnMount>,
    /// Overlays are mounted without the option `userxattr`, because a trial
    /// showed that this kernel works so, and only so.
    pub(in crate::sandbox) default_marks: bool,
}

/// A mount point before something is mounted on it.
pub(in crate::sandbox) struct Uncovered {
    point: PathBuf,
    before: Option<u64>,
}

impl Uncovered {
    /// Looks at a path; `None` if it leads nowhere.
    pub(in crate::sandbox) fn look(path: &str) -> Option<Uncovered> {
        let point = std::fs::canonicalize(path).ok()?;
        let before = mounted(&point).ok().map(|mounted| mounted.id);
        Some(Uncovered { point, before })
    }
}

impl OwnMounts {
    /// Remembers what has just been mounted, if the path leads to it now. A
    /// process's root is not covered by what is mounted on `/`: the path still
    /// leads to the learner's own files, which are never ours to change.
    pub(in crate::sandbox) fn add(&mut self, at: Uncovered) -> bool {
        let Ok(mounted) = mounted(&at.point) else {
            return false;
        };
        let covers = Some(mounted.id) != at.before;
        if covers {
            self.all.push(OwnMount {
                point: at.point,
                mounted,
            });
        }
        covers
    }

    /// Whether the path itself, not followed if it is a symbolic link, lies on
    /// one of them.
    pub(in crate::sandbox) fn hold(&self, path: &Path) -> bool {
        mounted(path).is_ok_and(|found| self.all.iter().any(|own| own.mounted.id == found.id))
    }

    /// The number of the one that is mounted exactly there.
    pub(in crate::sandbox) fn at(&self, path: &Path) -> Option<u64> {
        let found = mounted(path).ok()?;
        let own = self.all.iter().find(|own| own.mounted.id == found.id)?;
        (own.point == path).then_some(found.id)
    }

    /// Forgets one that is there no more: the kernel may give its number to another.
    pub(in crate::sandbox) fn forget(&mut self, id: u64) {
        self.all.retain(|own| own.mounted.id != id);
    }

    /// The copies of these that a new box has, looked up from inside of it.
    pub(in crate::sandbox) fn copied(&self) -> OwnMounts {
        let copies = self.all.iter().filter_map(|own| {
            let found = mounted(&own.point).ok()?;
            // The same root of the same filesystem: nothing else covers it.
            found.is_copy_of(&own.mounted).then(|| OwnMount {
                point: own.point.clone(),
                mounted: found,
            })
        });
        OwnMounts {
            all: copies.collect(),
            default_marks: self.default_marks,
        }
    }

    /// Follows a change of the root directory to `root`, pivot_root(2): the
    /// mounts that aren't below it are gone.
    pub(in crate::sandbox) fn rebase(&mut self, root: &Path) {
        self.all
            .retain_mut(|own| match own.point.strip_prefix(root) {
                Ok(below) => {
                    own.point = Path::new("/").join(below);
                    true
                }
                Err(_) => false,
            });
    }
}
