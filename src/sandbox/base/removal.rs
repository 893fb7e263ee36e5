//! Removes a tree, for the verb `remove` and for the guardian.
//!
//! Each directory is opened below its parent's descriptor and never through a
//! symbolic link, so nobody can lead the removal astray by renaming things under
//! it; and none is entered that is a mount of its own.

use super::mounted::mounted_fd;
use crate::base::{Errno, literal};
use nix::dir::Dir;
use nix::errno::Errno as Code;
use nix::fcntl::{AtFlags, OFlag, openat};
use nix::sys::stat::{FchmodatFlags, Mode, SFlag, fchmodat, fstatat};
use nix::unistd::{UnlinkatFlags, unlinkat};
use std::ffi::{CStr, CString, OsStr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// One unlinkat(2) that was made: its arguments, its answer, how long it took.
pub(in crate::sandbox) type Heard<'h> = &'h mut dyn FnMut(String, &Result<(), Errno>, Duration);

/// Removes what has that name in a directory, and all that is below it.
///
/// # Errors
/// Of the first call that fails; what was removed until then is gone.
pub(in crate::sandbox) fn remove_tree(path: &Path, heard: Heard<'_>) -> Result<(), Errno> {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(Errno(libc::EINVAL));
    };
    let name = CString::new(name.as_bytes()).map_err(|_| Errno(libc::EINVAL))?;
    let parent = open_parent(parent)?;
    let mount = mounted_fd(parent.as_fd())?.id;
    let mut removal = Removal {
        mount,
        heard,
        go_on: false,
        first: None,
    };
    removal.entry(parent.as_fd(), &name)
}

/// The same, but it goes on with the rest where something can't be removed, and
/// what is gone already is no failure: others may be removing it, too.
///
/// # Errors
/// The first call that failed, and on which path.
pub(in crate::sandbox) fn remove_what_can_be(path: &Path) -> Result<(), (PathBuf, Errno)> {
    let all = || -> Result<Option<(PathBuf, Errno)>, Errno> {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(Errno(libc::EINVAL));
        };
        let name = CString::new(name.as_bytes()).map_err(|_| Errno(libc::EINVAL))?;
        let parent = open_parent(parent)?;
        let mut removal = Removal {
            mount: mounted_fd(parent.as_fd())?.id,
            heard: &mut |_, _, _| {},
            go_on: true,
            first: None,
        };
        removal.entry(parent.as_fd(), &name)?;
        Ok(removal.first)
    };
    match all() {
        Ok(None) | Err(Errno(libc::ENOENT)) => Ok(()),
        Ok(Some(first)) => Err(first),
        Err(errno) => Err((path.into(), errno)),
    }
}

fn open_parent(parent: &Path) -> Result<OwnedFd, Errno> {
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    Ok(nix::fcntl::open(parent, flags, Mode::empty())?)
}

struct Removal<'h> {
    /// The mount that it stays on.
    mount: u64,
    heard: Heard<'h>,
    /// Whether to go on after a failure, which is then kept here.
    go_on: bool,
    first: Option<(PathBuf, Errno)>,
}

impl Removal<'_> {
    fn entry(&mut self, parent: BorrowedFd<'_>, name: &CStr) -> Result<(), Errno> {
        match self.whole_entry(parent, name) {
            Err(Errno(libc::ENOENT)) if self.go_on => Ok(()),
            Err(errno) if self.go_on => {
                let where_ = path_of(parent).join(OsStr::from_bytes(name.to_bytes()));
                self.first.get_or_insert((where_, errno));
                Ok(())
            }
            other => other,
        }
    }

    fn whole_entry(&mut self, parent: BorrowedFd<'_>, name: &CStr) -> Result<(), Errno> {
        let stat = fstatat(parent, name, AtFlags::AT_SYMLINK_NOFOLLOW)?;
        if stat.st_mode & SFlag::S_IFMT.bits() != SFlag::S_IFDIR.bits() {
            return self.unlink(parent, name, UnlinkatFlags::NoRemoveDir);
        }
        let directory = open_directory(parent, name)?;
        // What is mounted here isn't ours to empty; the kernel says so below.
        if mounted_fd(directory.as_fd())?.id == self.mount {
            for child in names(&directory)? {
                self.entry(directory.as_fd(), &child)?;
            }
        }
        drop(directory);
        self.unlink(parent, name, UnlinkatFlags::RemoveDir)
    }

    fn unlink(
        &mut self,
        parent: BorrowedFd<'_>,
        name: &CStr,
        kind: UnlinkatFlags,
    ) -> Result<(), Errno> {
        let before = Instant::now();
        let result = unlinkat(parent, name, kind).map_err(Errno::from);
        let flag = match kind {
            UnlinkatFlags::RemoveDir => "AT_REMOVEDIR",
            UnlinkatFlags::NoRemoveDir => "0",
        };
        // As strace(1) -y shows a descriptor: with where it leads.
        let fd = parent.as_raw_fd();
        let directory = path_of(parent);
        let args = format!(
            "{fd}<{}>, {}, {flag}",
            directory.display(),
            literal(OsStr::from_bytes(name.to_bytes()))
        );
        (self.heard)(args, &result, before.elapsed());
        result
    }
}

/// Where a descriptor leads.
fn path_of(directory: BorrowedFd<'_>) -> PathBuf {
    std::fs::read_link(format!("/proc/self/fd/{}", directory.as_raw_fd())).unwrap_or_default()
}

/// Opens a directory to be emptied. overlayfs leaves one of mode 000 in its work
/// directory, which its owner must open up first.
fn open_directory(parent: BorrowedFd<'_>, name: &CStr) -> Result<OwnedFd, Errno> {
    let flags = OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let open = |flag| openat(parent, name, flags | flag, Mode::empty());
    match open(OFlag::O_RDONLY) {
        Err(Code::EACCES) => {}
        opened => {
            let opened = opened?;
            // A directory that can be read may still not let go of its names.
            let stat = nix::sys::stat::fstat(&opened)?;
            if stat.st_mode & 0o300 != 0o300 && !nix::unistd::geteuid().is_root() {
                nix::sys::stat::fchmod(&opened, Mode::S_IRWXU)?;
            }
            return Ok(opened);
        }
    }
    // By its inode, which a name could no longer mean: chmod(2) has no flag
    // against symbolic links on older kernels.
    let inode = open(OFlag::O_PATH)?;
    let by_inode = format!("/proc/self/fd/{}", inode.as_raw_fd());
    fchmodat(
        nix::fcntl::AT_FDCWD,
        by_inode.as_str(),
        Mode::S_IRWXU,
        FchmodatFlags::FollowSymlink,
    )?;
    Ok(openat(
        &inode,
        c".",
        flags | OFlag::O_RDONLY,
        Mode::empty(),
    )?)
}

fn names(directory: &OwnedFd) -> Result<Vec<CString>, Errno> {
    let own = openat(
        directory,
        c".",
        OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC,
        Mode::empty(),
    )?;
    let mut found = Vec::new();
    for entry in Dir::from_fd(own)?.iter() {
        let name = entry?.file_name().to_owned();
        if name.as_c_str() != c"." && name.as_c_str() != c".." {
            found.push(name);
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn a_tree_goes_and_what_links_lead_to_stays() {
        let dir = tempfile::tempdir().unwrap();
        let kept = dir.path().join("kept");
        fs::create_dir(&kept).unwrap();
        fs::write(kept.join("file"), "x").unwrap();
        let tree = dir.path().join("tree");
        fs::create_dir_all(tree.join("a/work")).unwrap();
        fs::write(tree.join("a/file"), "x").unwrap();
        symlink(&kept, tree.join("a/link")).unwrap();
        symlink("/nowhere", tree.join("dangling")).unwrap();
        for (path, mode) in [("a/work", 0o000), ("a", 0o500)] {
            let mode = fs::Permissions::from_mode(mode);
            fs::set_permissions(tree.join(path), mode).unwrap();
        }
        let mut calls = Vec::new();
        remove_tree(&tree, &mut |args, _, _| calls.push(args)).unwrap();
        assert!(!tree.exists());
        assert_eq!(fs::read_to_string(kept.join("file")).unwrap(), "x");
        // Depth first: what is in a directory, then itself.
        let expected = ["file", "link", "work", "a", "dangling", "tree"];
        let all = calls.iter().zip(expected);
        assert_eq!(calls.len(), expected.len(), "{calls:?}");
        for (call, name) in all {
            assert!(call.contains(&format!(", \"{name}\", ")), "{calls:?}");
        }
        // The root of the removal itself may be a link.
        let link = dir.path().join("link");
        symlink(&kept, &link).unwrap();
        remove_tree(&link, &mut |_, _, _| {}).unwrap();
        assert!(kept.join("file").exists() && link.symlink_metadata().is_err());
    }
}
