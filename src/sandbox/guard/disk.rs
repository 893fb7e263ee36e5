//! The run's own directory on a disk, for stores of layers that a tmpfs can't
//! hold. It is the one thing of a run that a file system would keep: so its
//! name tells its owner, as that of a cgroup does, and the sweep (`disks`) finds what
//! a guardian that was killed itself left behind.
//!
//! Several machines, and containers, may share a directory for temporary files, and
//! none can look at another's processes. So it also tells its machine, and the
//! guardian holds a lock on it. And it tells where it was made, for somebody may
//! move it.

use crate::base::Errno;
use crate::plan::Leftover;
use crate::sandbox::base::owner::name_for;
use crate::sandbox::base::removal::remove_what_can_be;
use nix::fcntl::{Flock, FlockArg};
use nix::unistd::{Gid, Uid};
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, Permissions};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// What its name ends with.
pub(super) const NAME: &str = "layers";

/// What the kernel adds to the name of a directory that has none any more.
const DELETED: &[u8] = b" (deleted)";
/// The file in it that tells on which machine it was made, machine-id(5).
const MACHINE: &str = "machine-id";
/// The file in it that tells where it was made.
const MADE_AT: &str = "made-at";
/// No path that the kernel takes is longer, PATH_MAX.
const LONGEST: u64 = 4096;

/// The directory. Without [`Disk::remove`] it stays, and the next sweep finds it.
pub(super) struct Disk {
    path: PathBuf,
    /// The directory itself, wherever it is moved to.
    directory: File,
    /// Its lock; not every file system has them.
    _lock: Option<Flock<File>>,
}

impl Disk {
    /// Removes it with all that is in it: to be called when no process of the
    /// run is left that could add to it.
    ///
    /// # Errors
    /// What is left of it.
    pub(super) fn remove(self) -> Result<(), Leftover> {
        let Ok(held) = self.directory.metadata() else {
            return remove(self.path);
        };
        let named = self.path.symlink_metadata();
        if named.is_ok_and(|named| (named.dev(), named.ino()) == (held.dev(), held.ino())) {
            return remove(self.path);
        }
        let link = format!("/proc/self/fd/{}", self.directory.as_raw_fd());
        match fs::read_link(link) {
            // A directory that was removed has no link, and the kernel says so.
            Ok(path) if held.nlink() > 0 && !path.as_os_str().as_bytes().ends_with(DELETED) => {
                // Something is mounted in front of it.
                if path == self.path {
                    let (at, errno) = (path.clone(), Errno(libc::ENODEV));
                    return Err(Leftover::Directory { path, at, errno });
                }
                let from = self.path;
                Err(Leftover::Moved { path, from })
            }
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// Makes it where files outlive a reboot: on a disk, mostly.
    pub(super) fn make() -> Result<Disk, (PathBuf, Errno)> {
        let mut refused = (PathBuf::from("/var/tmp"), Errno(libc::ENOENT));
        let Some(name) = name_for(NAME) else {
            return Err(refused);
        };
        for directory in places() {
            let path = directory.join(&name);
            match make_directory(&path).and_then(|()| Disk::hold(&path)) {
                Ok(disk) => return Ok(disk),
                Err(errno) => refused = (path, errno),
            }
        }
        Err(refused)
    }

    /// One that was just made.
    fn hold(path: &Path) -> Result<Disk, Errno> {
        let directory = File::open(path).map_err(Errno::from)?;
        let lock = directory.try_clone().ok().and_then(lock);
        // On a full disk the store itself will say so.
        let _ = machine().map(|machine| fs::write(path.join(MACHINE), machine));
        let _ = fs::write(path.join(MADE_AT), path.as_os_str().as_bytes());
        Ok(Disk {
            path: path.into(),
            directory,
            _lock: lock,
        })
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

/// The lock of a directory; `None` if another process has it.
fn lock(directory: File) -> Option<Flock<File>> {
    Flock::lock(directory, FlockArg::LockExclusiveNonblock).ok()
}

/// Which machine this is, machine-id(5); `None` where nobody says.
fn machine() -> Option<String> {
    let text = fs::read_to_string("/etc/machine-id").ok()?;
    let hex = |text: &str| text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit());
    Some(text.trim().to_string()).filter(|text| hex(text))
}

/// Whether a directory of another boot was made on this machine, before it was
/// started anew, and nobody holds it.
pub(super) fn is_of_an_earlier_boot(path: &Path) -> bool {
    let said = fs::read_to_string(path.join(MACHINE)).ok();
    said.is_some() && said == machine() && File::open(path).ok().and_then(lock).is_some()
}

/// Where a run made a directory of this user's; `None` if it is none of a run's.
pub(super) fn made_at(path: &Path) -> Option<PathBuf> {
    let mine = |meta: &fs::Metadata| meta.uid() == Uid::effective().as_raw();
    path.symlink_metadata()
        .ok()
        .filter(|meta| meta.is_dir() && mine(meta))?;
    let file = path.join(MADE_AT);
    // Whatever else has that name may keep its reader waiting.
    file.symlink_metadata()
        .ok()
        .filter(|meta| meta.is_file() && mine(meta) && meta.len() < LONGEST)?;
    Some(OsString::from_vec(fs::read(file).ok()?).into())
}

/// A directory of this process's own, that outlives no process: like that of a
/// run, its name tells its owner, and the sweep removes what a killed one left.
pub(super) struct Directory(Disk);

impl Directory {
    /// Makes one.
    ///
    /// # Errors
    /// Where it could not be made, and why.
    pub(super) fn make() -> Result<Directory, (PathBuf, Errno)> {
        Disk::make().map(Directory)
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.0.path
    }

    /// Removes it with all that is in it.
    ///
    /// # Errors
    /// What is left of it.
    pub(super) fn remove(self) -> Result<(), Leftover> {
        self.0.remove()
    }
}

pub(super) fn remove(path: PathBuf) -> Result<(), Leftover> {
    remove_what_can_be(&path).map_err(|(at, errno)| Leftover::Directory { path, at, errno })
}

/// Where it may be made, the best place first; by their true paths, since
/// `/var/tmp` may be a link and removal follows none.
pub(super) fn places() -> Vec<PathBuf> {
    let wanted = [PathBuf::from("/var/tmp"), std::env::temp_dir()];
    let mut places: Vec<PathBuf> = wanted.iter().flat_map(fs::canonicalize).collect();
    places.dedup();
    places
}

/// Where one may lie that was moved: in those places, above them as far as their
/// names lead, and at home. rename(2) leaves no mount, and within it leads anywhere.
pub(super) fn places_moved_to() -> BTreeSet<PathBuf> {
    let places = places();
    let above = places.iter().flat_map(|place| place.ancestors());
    let home = std::env::home_dir().and_then(|home| fs::canonicalize(home).ok());
    above.map(Path::to_path_buf).chain(home).collect()
}

/// mkdir(2), which fails if anything has that name, even a symbolic link.
fn make_directory(path: &Path) -> Result<(), Errno> {
    DirBuilder::new()
        .mode(0o700)
        .create(path)
        .map_err(|error| Errno::of(&error).unwrap_or(Errno(libc::EIO)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_taken_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(dir.path().join("new"), &link).unwrap();
        assert_eq!(make_directory(&link), Err(Errno(libc::EEXIST)));
        assert!(!dir.path().join("new").exists());
    }
}
