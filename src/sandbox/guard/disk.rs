//! The run's own directory on a disk, for stores of layers that a tmpfs can't
//! hold. It is the one thing of a run that a file system would keep: so its
//! name tells its owner, as that of a cgroup does, and the sweep finds what a
//! guardian that was killed itself left behind.

use crate::base::Errno;
use crate::plan::Leftover;
use crate::sandbox::base::owner::{Owner, name_for, what_of};
use crate::sandbox::base::removal::remove_what_can_be;
use nix::unistd::{Gid, Uid};
use std::fs::{self, DirBuilder, Permissions};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// What its name ends with.
const NAME: &str = "layers";

/// The directory. Without [`Disk::remove`] it stays, and the next sweep finds it.
pub(super) struct Disk {
    path: PathBuf,
}

impl Disk {
    /// Removes it with all that is in it: to be called when no process of the
    /// run is left that could add to it.
    ///
    /// # Errors
    /// What is left of it.
    pub(super) fn remove(self) -> Result<(), Leftover> {
        remove(self.path)
    }

    /// Makes it where files outlive a reboot: on a disk, mostly.
    pub(super) fn make() -> Result<Disk, (PathBuf, Errno)> {
        let mut refused = (PathBuf::from("/var/tmp"), Errno(libc::ENOENT));
        let Some(name) = name_for(NAME) else {
            return Err(refused);
        };
        for directory in places() {
            let path = directory.join(&name);
            match make_directory(&path) {
                Ok(()) => return Ok(Disk { path }),
                Err(errno) => refused = (path, errno),
            }
        }
        Err(refused)
    }

    /// A directory in it for one store, that belongs to these ids.
    pub(super) fn room(&self, name: &str, owner: (u32, u32)) -> Result<PathBuf, (PathBuf, Errno)> {
        let path = self.path.join(name);
        let made = make_directory(&path).and_then(|()| {
            let me = (Uid::effective().as_raw(), Gid::effective().as_raw());
            if owner != me {
                // Others must be able to pass through to what is theirs alone.
                fs::set_permissions(&self.path, Permissions::from_mode(0o711))
                    .map_err(|error| Errno::of(&error).unwrap_or(Errno(libc::EIO)))?;
                let (uid, gid) = (Uid::from_raw(owner.0), Gid::from_raw(owner.1));
                nix::unistd::chown(&path, Some(uid), Some(gid))?;
            }
            Ok(())
        });
        match made {
            Ok(()) => Ok(path),
            Err(errno) => Err((path, errno)),
        }
    }
}

fn remove(path: PathBuf) -> Result<(), Leftover> {
    remove_what_can_be(&path).map_err(|(at, errno)| Leftover::Directory { path, at, errno })
}

/// Where it may be made, the best place first; by their true paths, since
/// `/var/tmp` may be a link and removal follows none.
fn places() -> Vec<PathBuf> {
    let wanted = [PathBuf::from("/var/tmp"), std::env::temp_dir()];
    let mut places: Vec<PathBuf> = wanted.iter().flat_map(fs::canonicalize).collect();
    places.dedup();
    places
}

/// mkdir(2), which fails if anything has that name, even a symbolic link.
fn make_directory(path: &Path) -> Result<(), Errno> {
    DirBuilder::new()
        .mode(0o700)
        .create(path)
        .map_err(|error| Errno::of(&error).unwrap_or(Errno(libc::EIO)))
}

/// Finds directories of runs whose guardian `is_gone`, and removes them unless
/// `dry_run`: what is removed, and what could not be. Only this user's own are
/// looked at: anybody may make names in a directory for temporary files.
pub(super) fn sweep_disks(
    dry_run: bool,
    is_gone: &dyn Fn(&Owner) -> bool,
) -> (Vec<PathBuf>, Vec<Leftover>) {
    sweep_in(&places(), dry_run, is_gone)
}

fn sweep_in(
    places: &[PathBuf],
    dry_run: bool,
    is_gone: &dyn Fn(&Owner) -> bool,
) -> (Vec<PathBuf>, Vec<Leftover>) {
    let (mut swept, mut left) = (Vec::new(), Vec::new());
    for place in places {
        for entry in fs::read_dir(place).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let name = name.to_str().filter(|name| what_of(name) == Some(NAME));
            let ours = name.and_then(Owner::parse).is_some_and(|o| is_gone(&o));
            // Of the entry itself: a link of that name is nothing of ours.
            let mine = || {
                let meta = entry.metadata();
                meta.is_ok_and(|meta| meta.is_dir() && meta.uid() == Uid::effective().as_raw())
            };
            if ours && mine() {
                let path = entry.path();
                match dry_run {
                    true => swept.push(path),
                    false => match remove(path.clone()) {
                        Ok(()) => swept.push(path),
                        Err(one) => left.push(one),
                    },
                }
            }
        }
    }
    (swept, left)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_left_behind_is_swept() {
        let dir = tempfile::tempdir().unwrap();
        let live = name_for(NAME).unwrap();
        // The start of an owner that is gone: this process's, and one more.
        let (stem, _) = live.rsplit_once('-').unwrap();
        let (before, start) = stem.rsplit_once('-').unwrap();
        let gone = format!("{before}-{}-{NAME}", start.parse::<u64>().unwrap() + 1);
        let other = gone.replace(NAME, "other");
        for name in [&live, &gone, &other] {
            fs::create_dir_all(dir.path().join(name).join("box-0/work")).unwrap();
        }
        fs::set_permissions(
            dir.path().join(&gone).join("box-0/work"),
            Permissions::from_mode(0o000),
        )
        .unwrap();
        let link = dir.path().join(gone.replace("glassbox-", "glassbox-0"));
        std::os::unix::fs::symlink("/", &link).unwrap();

        let places = [dir.path().to_path_buf()];
        let expected = vec![dir.path().join(&gone)];
        let me = Owner::of(std::process::id() as i32).unwrap();
        let sweep = |dry_run| sweep_in(&places, dry_run, &|owner| owner.is_gone(&me));
        assert_eq!(sweep(true), (expected.clone(), Vec::new()));
        assert!(expected[0].exists());
        assert_eq!(sweep(false), (expected.clone(), Vec::new()));
        assert!(!expected[0].exists());
        assert!(dir.path().join(&live).exists() && dir.path().join(&other).exists());
        assert!(link.symlink_metadata().is_ok());
    }

    #[test]
    fn a_name_that_is_taken_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(dir.path().join("new"), &link).unwrap();
        assert_eq!(make_directory(&link), Err(Errno(libc::EEXIST)));
        assert!(!dir.path().join("new").exists());
    }
}
