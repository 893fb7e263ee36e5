//! The cgroups that a run makes: named after the process that owns them, so
//! that a later start can tell what was left behind from what is in use.

use super::leaf;
use crate::base::Errno;
use crate::plan::{Leftover, Member};
use crate::probe::Subject;
use crate::probe::cgroups::{Memberships, Mounts};
use crate::sandbox::base::members::{Ours, groups_in, member, pids_in, strangers};
use crate::sandbox::base::mounted::mount_towards;
use crate::sandbox::base::owner::name_for;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long the kernel may take to let go of a group that is empty.
const PATIENCE: Duration = Duration::from_secs(2);
/// The extended attribute in which a group keeps the name that it was made with.
const FIRST_NAME: &str = "trusted.glassbox";

/// Where a box is to be put.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::sandbox) enum Placement {
    /// Into a new group, that the caller owns.
    Made(Group),
    /// It stays in the session's own groups, at least one of which isn't a root.
    Inherited,
    /// Nothing to see: no group can be made, and the session sits at every
    /// root. The last error that making one met, and on which path.
    Nowhere(Option<(PathBuf, Errno)>),
}

/// A cgroup directory, to be removed by [`Group::remove`]. Dropped without it, it
/// is removed if that can be done at once: the last resort.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::sandbox) struct Group {
    /// The directory.
    pub(in crate::sandbox) path: PathBuf,
    /// Which one that is, whatever its name: file system and inode.
    id: Option<(u64, u64)>,
    /// The mount that it is seen through.
    mount: Option<u64>,
    /// What was in `pids.max` before forks were forbidden.
    hushed: Option<String>,
    /// Whether somebody was told that it is left.
    told: bool,
}

impl Group {
    /// A directory that was just made. It remembers its name, and with it its
    /// owner: a group of version 1 may be renamed. That takes CAP_SYS_ADMIN, xattr(7),
    /// as the renaming mostly does; without it the name is all there is.
    pub(in crate::sandbox) fn made(path: PathBuf) -> Group {
        if let Some(name) = path.file_name() {
            let _ = xattr::set(&path, FIRST_NAME, name.as_bytes());
        }
        Group::at(path)
    }

    /// A directory whose owner is gone.
    pub(in crate::sandbox) fn at(path: PathBuf) -> Group {
        Group {
            id: id_of(&path),
            mount: mount_towards(&path),
            path,
            hushed: None,
            told: false,
        }
    }

    /// Finds it again if somebody has renamed it: rename(2) leaves a group where it
    /// is (kernel: `cgroup1_rename`). Whether it is there.
    pub(in crate::sandbox) fn find(&mut self) -> bool {
        let now = id_of(&self.path);
        if self.id.is_none() || now == self.id {
            return now.is_some();
        }
        let beside = self
            .path
            .parent()
            .and_then(|parent| fs::read_dir(parent).ok());
        let mut beside = beside.into_iter().flatten().flatten();
        match beside.find(|entry| id_of(&entry.path()) == self.id) {
            Some(entry) => self.path = entry.path(),
            None => return false,
        }
        true
    }

    /// Lets nothing in it hold out against SIGKILL, if all in it is the run's:
    /// forbids forks, and kills at once where the kernel can (`cgroup.kill`,
    /// Linux 5.14). Both would reach others as well.
    pub(in crate::sandbox) fn disarm(&mut self, ours: Ours<'_>) {
        if !strangers(&self.path, ours).is_empty() {
            return;
        }
        // Files that aren't there are passed over.
        if let Ok(before) = fs::read_to_string(self.path.join("pids.max"))
            && fs::write(self.path.join("pids.max"), "0").is_ok()
        {
            self.hushed = Some(before);
        }
        let kill = self.path.join("cgroup.kill");
        if kill.exists() {
            let _ = fs::write(kill, "1");
        }
    }

    /// Removes it. rmdir(2) answers EBUSY for a moment after the last member's
    /// end: it is retried until the kernel has let go, for two seconds at most.
    ///
    /// # Errors
    /// What is left, and who is in it. Those can fork again.
    pub(in crate::sandbox) fn remove(&mut self, ours: Ours<'_>) -> Result<(), Leftover> {
        let started = Instant::now();
        loop {
            // Another cleaner may have been here, and another's group be in its place.
            let found = self.find();
            // What something else is mounted in front of can't be told of.
            let hidden = mount_towards(&self.path) != self.mount;
            if !found && !hidden {
                self.path = PathBuf::new();
                return Ok(());
            }
            let removed = match found {
                true => fs::remove_dir(&self.path).map_err(Errno::from),
                false => Err(Errno(libc::ENODEV)),
            };
            let errno = match removed {
                Ok(()) | Err(Errno(libc::ENOENT)) => {
                    self.path = PathBuf::new();
                    return Ok(());
                }
                Err(errno) => errno,
            };
            let pids = pids_in(&self.path).into_iter().filter(|pid| !ours(*pid));
            let (members, groups) = (pids.filter_map(member).collect(), groups_in(&self.path));
            let inside = |members: &Vec<Member>| !members.is_empty() || !groups.is_empty();
            // ENODEV: another cleaner is at it.
            let passes = matches!(errno.0, libc::EBUSY | libc::ENODEV);
            let patient = found && passes && started.elapsed() < PATIENCE;
            if inside(&members) || !patient {
                self.let_fork();
                self.told = true;
                return Err(Leftover::Cgroup {
                    path: self.path.clone(),
                    errno: Some(errno),
                    members,
                    groups,
                });
            }
            // The kernel has no event for the end of its own clean-up.
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Group {
    /// Lets those fork who are in it. Of a guardian that was killed nobody knows
    /// what limit there was: no demo needs it any more.
    fn let_fork(&mut self) {
        let limit = self.path.join("pids.max");
        let before = self.hushed.take();
        let hushed = || fs::read_to_string(&limit).is_ok_and(|now| now.trim() == "0");
        if before.is_some() || hushed() {
            let before = before.as_deref().unwrap_or("max");
            let _ = fs::write(&limit, before.trim());
        }
    }
}

/// Which directory has that name.
fn id_of(path: &Path) -> Option<(u64, u64)> {
    let meta = path.symlink_metadata().ok()?;
    Some((meta.dev(), meta.ino()))
}

/// The name that a group was made with, if it remembers one.
pub(in crate::sandbox) fn first_name(path: &Path) -> Option<String> {
    String::from_utf8(xattr::get(path, FIRST_NAME).ok()??).ok()
}

impl Drop for Group {
    fn drop(&mut self) {
        if self.path.is_absolute() && !self.told {
            let _ = fs::remove_dir(&self.path);
        }
    }
}

/// Lets a group go on that is frozen; one that can't be frozen is passed over.
pub(in crate::sandbox) fn thaw(path: &Path) {
    for (file, line) in [("freezer.state", "THAWED"), ("cgroup.freeze", "0")] {
        let file = path.join(file);
        if file.exists() {
            let _ = fs::write(file, line);
        }
    }
}

/// Finds a place for a box: a new group below one of the session's own, in the
/// first hierarchy that lets us.
pub(in crate::sandbox) fn place(box_name: &str) -> Placement {
    let proc = Path::new("/proc");
    let (Ok(members), Ok(mounts)) = (
        Memberships::read(proc, &Subject::Myself),
        Mounts::read(proc, &Subject::Myself),
    ) else {
        return Placement::Nowhere(None);
    };
    let mut refused = None;
    if let Some(name) = name_for(box_name) {
        for directory in candidates(&members, &mounts) {
            let path = directory.join(&name);
            match fs::create_dir(&path) {
                Ok(()) => return Placement::Made(Group::made(path)),
                Err(error) => refused = Errno::of(&error).map(|errno| (path, errno)),
            }
        }
    }
    if members.at_every_root() {
        Placement::Nowhere(refused)
    } else {
        Placement::Inherited
    }
}

/// The directories of the session's own groups, the unified hierarchy first,
/// then those whose groups have no side effect on their members.
fn candidates(members: &Memberships, mounts: &Mounts) -> Vec<PathBuf> {
    let harmless = ["pids", "freezer", "cpuacct", "memory"];
    let unified = members.unified().into_iter();
    // What has stepped into a leaf makes its groups beside it.
    let at_home = |directory: PathBuf| leaf::home_of(&directory).to_path_buf();
    let v1 = harmless
        .iter()
        .filter_map(|controller| members.of_controller(controller));
    let mut found: Vec<PathBuf> = Vec::new();
    for directory in unified
        .chain(v1)
        .filter_map(|member| mounts.directory(member).map(at_home))
    {
        if !found.contains(&directory) {
            found.push(directory);
        }
    }
    found
}
