//! A layer's archive as a directory again, in the form that overlayfs reads:
//! whiteouts are character devices 0:0, opaque directories have an attribute.
//!
//! An archive is untrusted input. Each name is walked part by part from the
//! descriptor of the layer's own directory, and no part is ever followed if it
//! is a link (O_NOFOLLOW); so a target may say what it likes, it is only kept.
//! Nothing that exists is written to. Devices and pipes don't come out of an
//! archive here; all belongs to whoever unpacks, and keeps its mode and its file
//! capabilities: the mounts of a run are `nosuid`, where neither counts.

use super::archive::{CAPABILITY, OPAQUE, OverlayXattrs, PAX_CAPABILITY, WHITEOUT};
use super::limits::{MOST_BYTES, MOST_ENTRIES, longest_file};
use super::steps::{Error, Step, Steps, step};
use crate::base::{Errno, literal};
use crate::plan::Need;
use nix::fcntl::{AtFlags, OFlag, openat};
use nix::sys::stat::{Mode, SFlag, fchmod, fstatat, makedev, mkdirat, mknodat};
use nix::unistd::{linkat, symlinkat};
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Instant;
use tar::{Archive, Entry, EntryType};
use xattr::FileExt;

/// The longest name, PATH_MAX.
const MOST_NAME: usize = 4096;

/// Unpacks an archive into a directory that is empty.
///
/// # Errors
/// An archive that is torn or too large, names that lead out of the directory
/// or stand twice, kinds of files that a layer has not, and what the kernel
/// refuses: whiteouts, before Linux 5.8 in a user namespace.
pub fn unpack(
    from: impl Read,
    to: &Path,
    xattrs: OverlayXattrs,
    steps: Steps<'_>,
) -> Result<(), Error> {
    let root = nix::fcntl::open(to, DIRECTORY, Mode::empty())
        .map_err(|errno| Error::Kernel(format!("open({})", literal(to)), errno.into()))?;
    let mut target = Target {
        path: to.into(),
        root,
        modes: BTreeMap::new(),
        room: MOST_BYTES,
        xattrs,
        steps,
    };
    let mut archive = Archive::new(from);
    let torn = |error: io::Error| match Errno::of(&error) {
        Some(errno) => Error::Kernel("read(…)".into(), errno),
        None => Error::Wrong(format!("the archive can't be read: {error}")),
    };
    for (count, entry) in archive.entries().map_err(torn)?.enumerate() {
        if count >= MOST_ENTRIES {
            return Err(Error::Wrong(format!(
                "the archive has more than {MOST_ENTRIES} entries"
            )));
        }
        target.entry(&mut entry.map_err(torn)?)?;
    }
    target.finish()
}

const DIRECTORY: OFlag = OFlag::O_RDONLY
    .union(OFlag::O_DIRECTORY)
    .union(OFlag::O_NOFOLLOW)
    .union(OFlag::O_CLOEXEC);

/// The directory of a layer that is being unpacked.
struct Target<'s> {
    path: PathBuf,
    root: OwnedFd,
    /// What the directories become at the end; until then they are writable.
    modes: BTreeMap<Vec<OsString>, u32>,
    /// How many bytes may still be written.
    room: u64,
    /// Where opaque directories are marked.
    xattrs: OverlayXattrs,
    steps: Steps<'s>,
}

impl Target<'_> {
    fn entry(&mut self, entry: &mut Entry<'_, impl Read>) -> Result<(), Error> {
        let kind = entry.header().entry_type();
        // Comments on the whole archive.
        if kind == EntryType::XGlobalHeader {
            return Ok(());
        }
        let name = parts(&entry.path_bytes())?;
        let Some((last, above)) = name.split_last() else {
            return Ok(());
        };
        let mode = entry.header().mode().unwrap_or(0);
        let marked = last.as_bytes().strip_prefix(WHITEOUT.as_bytes());
        match (kind, marked) {
            (EntryType::Regular, Some(_)) if last == OPAQUE => self.opaque(above),
            (EntryType::Regular, Some(hidden)) => self.whiteout(above, OsStr::from_bytes(hidden)),
            (_, Some(_)) => Err(self.wrong(&name, "is named like a whiteout, but is none")),
            (EntryType::Regular, None) => self.file(&name, mode, entry),
            (EntryType::Directory, None) => {
                self.directory(&name)?;
                self.modes.insert(name, mode & 0o7777);
                Ok(())
            }
            (EntryType::Symlink, None) => {
                let to = entry.link_name_bytes().unwrap_or_default().into_owned();
                let parent = self.directory(above)?;
                self.made(
                    "symlink",
                    &name,
                    symlinkat(OsStr::from_bytes(&to), &parent, last.as_os_str()),
                )
            }
            (EntryType::Link, None) => {
                let to = parts(&entry.link_name_bytes().unwrap_or_default())?;
                self.hard_link(&name, &to)
            }
            _ => Err(self.wrong(
                &name,
                "is neither a file nor a directory nor a link: a layer here has nothing else",
            )),
        }
    }

    fn wrong(&self, name: &[OsString], what: &str) -> Error {
        let name: PathBuf = name.iter().collect();
        Error::Wrong(format!("`{}` in the archive {what}", name.display()))
    }

    /// What came of making something.
    fn made(&self, call: &str, name: &[OsString], result: nix::Result<()>) -> Result<(), Error> {
        match result.map_err(Errno::from) {
            Ok(()) => Ok(()),
            Err(Errno(libc::EEXIST)) => Err(self.wrong(name, "stands there twice")),
            Err(errno) => {
                let path = self.path.join(name.iter().collect::<PathBuf>());
                Err(Error::Kernel(format!("{call}({})", literal(&path)), errno))
            }
        }
    }

    /// The directory of that name, made if it isn't there, by descriptors: what
    /// is no directory, such as a link to one, is not walked through.
    fn directory(&self, name: &[OsString]) -> Result<OwnedFd, Error> {
        let private = Mode::from_bits_truncate(0o700);
        let copied = self.root.try_clone();
        let mut here = copied.map_err(|error| Error::io("dup", &self.path, &error))?;
        for (index, part) in name.iter().enumerate() {
            let part = part.as_os_str();
            let made = mkdirat(&here, part, private);
            if made != Err(nix::errno::Errno::EEXIST) {
                self.made("mkdir", &name[..=index], made)?;
            }
            here = match openat(&here, part, DIRECTORY, Mode::empty()) {
                Ok(fd) => fd,
                Err(nix::errno::Errno::ENOTDIR | nix::errno::Errno::ELOOP) => {
                    return Err(self.wrong(&name[..=index], "is used as a directory, and is none"));
                }
                Err(errno) => {
                    self.made("open", &name[..=index], Err(errno))?;
                    continue;
                }
            };
            // A parent that the archive doesn't list.
            if made.is_ok() {
                let open = Mode::from_bits_truncate(0o755);
                self.made("fchmod", &name[..=index], fchmod(&here, open))?;
            }
        }
        Ok(here)
    }

    fn file(
        &mut self,
        name: &[OsString],
        mode: u32,
        entry: &mut Entry<'_, impl Read>,
    ) -> Result<(), Error> {
        let (last, above) = name
            .split_last()
            .ok_or_else(|| self.wrong(name, "is empty"))?;
        let size = entry.size();
        if size > self.room.min(longest_file()) {
            return Err(self.wrong(
                name,
                "is too large: 64 MiB a layer, and what RLIMIT_FSIZE allows a file",
            ));
        }
        self.room -= size;
        let capabilities = capabilities_of(entry);
        let parent = self.directory(above)?;
        let new =
            OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let private = Mode::from_bits_truncate(0o600);
        let fd = match openat(&parent, last.as_os_str(), new, private) {
            Ok(fd) => fd,
            Err(errno) => return self.made("open", name, Err(errno)),
        };
        let mut file = File::from(fd);
        let path = self.path.join(name.iter().collect::<PathBuf>());
        let before = Instant::now();
        // What an archive says of a length and what it holds may differ.
        let copied = io::copy(&mut entry.take(size), &mut file);
        let copied = copied.map_err(|error| {
            let failed = Error::io("write", &path, &error);
            if let Error::Kernel(_, errno) = &failed {
                (self.steps)(Step {
                    name: "write",
                    args: format!("{}<{}>, …, {size}", file.as_raw_fd(), path.display()),
                    why: "",
                    result: Err(*errno),
                    took: before.elapsed(),
                });
            }
            failed
        })?;
        if copied != size {
            return Err(self.wrong(name, "is cut off: the archive ends too soon"));
        }
        // Capabilities after the content, and the mode last: a write takes away both
        // setuid and capabilities, capabilities(7).
        if let Some(value) = capabilities {
            let args = format!(
                "{}, \"{CAPABILITY}\", …, {}, 0",
                literal(&path),
                value.len()
            );
            let set = step(
                self.steps,
                ("fsetxattr", args),
                "its file capabilities",
                || file.set_xattr(CAPABILITY, &value).map_err(Errno::from),
            );
            match set {
                // Told as a call; a file system, or a user, may have none.
                Ok(()) | Err(Error::Kernel(_, Errno(libc::EPERM | libc::EOPNOTSUPP))) => {}
                Err(error) => return Err(error),
            }
        }
        self.made(
            "fchmod",
            name,
            fchmod(&file, Mode::from_bits_truncate(mode & 0o7777)),
        )
    }

    /// Another name for a file that came out of this archive.
    fn hard_link(&self, name: &[OsString], to: &[OsString]) -> Result<(), Error> {
        let (Some((last, above)), Some((old, old_above))) = (name.split_last(), to.split_last())
        else {
            return Err(self.wrong(name, "is a link to nothing"));
        };
        let (from, into) = (self.directory(old_above)?, self.directory(above)?);
        let old = old.as_os_str();
        let meta = fstatat(&from, old, AtFlags::AT_SYMLINK_NOFOLLOW);
        let regular = meta.is_ok_and(|meta| {
            SFlag::from_bits_truncate(meta.st_mode) & SFlag::S_IFMT == SFlag::S_IFREG
        });
        if !regular {
            return Err(self.wrong(name, "is a link to what is no file of this archive"));
        }
        self.made(
            "link",
            name,
            linkat(&from, old, &into, last.as_os_str(), AtFlags::empty()),
        )
    }

    /// `.wh.NAME`: what NAME is in the layers below is not in the view.
    fn whiteout(&mut self, above: &[OsString], hidden: &OsStr) -> Result<(), Error> {
        let reserved = hidden.as_bytes().starts_with(WHITEOUT.as_bytes());
        let mut name = above.to_vec();
        name.push(hidden.into());
        if reserved || hidden.is_empty() || hidden == "." || hidden == ".." {
            return Err(self.wrong(&name, "can't be deleted by a whiteout"));
        }
        let parent = self.directory(above)?;
        let path = self.path.join(name.iter().collect::<PathBuf>());
        let args = format!("{}, S_IFCHR, makedev(0, 0)", literal(&path));
        let stage = format!("mknod({args})");
        let made = step(
            self.steps,
            ("mknod", args),
            "a whiteout: this name is deleted",
            || {
                let mode = Mode::empty();
                mknodat(&parent, hidden, SFlag::S_IFCHR, mode, makedev(0, 0)).map_err(Errno::from)
            },
        );
        match made {
            // In a user namespace since Linux 5.8: mknod(2).
            Err(Error::Kernel(_, errno @ Errno(libc::EPERM))) => {
                Err(Error::Refused(Need::Overlay, stage, errno))
            }
            Err(Error::Kernel(_, Errno(libc::EEXIST))) => {
                Err(self.wrong(&name, "stands there twice"))
            }
            other => other,
        }
    }

    /// `.wh..wh..opq`: nothing of the layers below is in this directory.
    fn opaque(&mut self, name: &[OsString]) -> Result<(), Error> {
        let directory = File::from(self.directory(name)?);
        let attribute = format!("{}opaque", self.xattrs.prefix());
        let path = self.path.join(name.iter().collect::<PathBuf>());
        let args = format!(
            "{}, {attribute}, \"y\", 1, 0",
            literal(&path),
            attribute = literal(&attribute)
        );
        let stage = format!("fsetxattr({args})");
        let set = step(
            self.steps,
            ("fsetxattr", args),
            "opaque: nothing below shows through",
            || directory.set_xattr(&attribute, b"y").map_err(Errno::from),
        );
        match set {
            // `user.` on a tmpfs since Linux 6.6.
            Err(Error::Kernel(_, errno @ Errno(libc::EPERM | libc::EOPNOTSUPP))) => {
                Err(Error::Refused(Need::Overlay, stage, errno))
            }
            other => other,
        }
    }

    /// Gives the directories their modes, the lowest first: one may take away
    /// the way to those in it.
    fn finish(self) -> Result<(), Error> {
        for (name, mode) in self.modes.iter().rev() {
            let directory = self.directory(name)?;
            self.made(
                "fchmod",
                name,
                fchmod(&directory, Mode::from_bits_truncate(*mode)),
            )?;
        }
        // Whatever the umask was when it was made.
        self.made(
            "fchmod",
            &[],
            fchmod(&self.root, Mode::from_bits_truncate(0o755)),
        )
    }
}

/// The file capabilities that stand before an entry, if they do: no other
/// attribute of an archive is ever set.
fn capabilities_of(entry: &mut Entry<'_, impl Read>) -> Option<Vec<u8>> {
    let extensions = entry.pax_extensions().ok()??;
    let mut found = extensions.flatten();
    let found = found.find(|one| one.key_bytes() == PAX_CAPABILITY.as_bytes())?;
    Some(found.value_bytes().to_vec())
}

/// The parts of a name, which all lead down.
fn parts(name: &[u8]) -> Result<Vec<OsString>, Error> {
    let shown = || String::from_utf8_lossy(name.get(..200).unwrap_or(name)).into_owned();
    let escapes = name.starts_with(b"/") || name.split(|b| *b == b'/').any(|part| part == b"..");
    if escapes || name.len() >= MOST_NAME || name.contains(&0) {
        return Err(Error::Wrong(format!(
            "the name `{}` in the archive would lead out of the layer's directory, or is too long",
            shown()
        )));
    }
    Ok(name
        .split(|byte| *byte == b'/')
        .filter(|part| !part.is_empty() && *part != b".")
        .map(|part| OsStr::from_bytes(part).to_owned())
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::fs;
    use std::os::unix::fs::MetadataExt;
    use tar::{Builder, Header};

    /// One entry: kind, name, target, content. What the crate's own builder
    /// refuses to write is put into the header's bytes.
    fn put(archive: &mut Builder<Vec<u8>>, (kind, name, target, data): Item<'_>) {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(0o7777);
        header.set_size(data.len() as u64);
        let fields = header.as_mut_bytes();
        fields[..name.len()].copy_from_slice(name.as_bytes());
        fields[157..157 + target.len()].copy_from_slice(target.as_bytes());
        header.set_cksum();
        archive.append(&header, data).unwrap();
    }

    type Item<'a> = (EntryType, &'a str, &'a str, &'a [u8]);

    fn archive(items: &[Item<'_>]) -> Vec<u8> {
        let mut archive = Builder::new(Vec::new());
        items.iter().for_each(|item| put(&mut archive, *item));
        archive.into_inner().unwrap()
    }

    const FILE: EntryType = EntryType::Regular;
    const DIR: EntryType = EntryType::Directory;
    const SYM: EntryType = EntryType::Symlink;
    const HARD: EntryType = EntryType::Link;

    /// Unpacks into `in/1` of a directory whose other files must stay as they are.
    fn out(bytes: &[u8]) -> (tempfile::TempDir, Result<(), Error>) {
        let dir = tempfile::tempdir().unwrap();
        let to = dir.path().join("in/1");
        fs::create_dir_all(&to).unwrap();
        fs::write(dir.path().join("secret"), "mine").unwrap();
        let result = unpack(bytes, &to, OverlayXattrs::own(), &mut |_| {});
        let outside: Vec<_> = fs::read_dir(dir.path()).unwrap().collect();
        assert_eq!(outside.len(), 2, "{outside:?}");
        assert_eq!(fs::read_dir(dir.path().join("in")).unwrap().count(), 1);
        let secret = dir.path().join("secret");
        assert_eq!(fs::read_to_string(&secret).unwrap(), "mine");
        assert_eq!(secret.metadata().unwrap().nlink(), 1);
        (dir, result)
    }

    #[test]
    fn nothing_escapes() {
        let cases: [(&[Item<'_>], &str); 17] = [
            (&[(FILE, "../x", "", b"")], "lead out"),
            (&[(FILE, "a/../../x", "", b"")], "lead out"),
            (&[(FILE, "/x", "", b"")], "lead out"),
            (&[(DIR, "..", "", b"")], "lead out"),
            (
                &[(SYM, "s", "../..", b""), (FILE, "s/x", "", b"")],
                "used as a directory",
            ),
            (
                &[(SYM, "s", "../..", b""), (DIR, "s/x", "", b"")],
                "used as a directory",
            ),
            (
                &[(SYM, "s", "../../secret", b""), (FILE, "s", "", b"bad")],
                "twice",
            ),
            (&[(HARD, "h", "../../secret", b"")], "lead out"),
            (&[(HARD, "h", "/etc/passwd", b"")], "lead out"),
            (
                &[(SYM, "s", "../../secret", b""), (HARD, "h", "s", b"")],
                "no file of this",
            ),
            (
                &[(SYM, "s", "../..", b""), (HARD, "h", "s/secret", b"")],
                "used as a directory",
            ),
            (&[(EntryType::Char, "null", "", b"")], "neither a file"),
            (&[(EntryType::Block, "sda", "", b"")], "neither a file"),
            (&[(EntryType::Fifo, "p", "", b"")], "neither a file"),
            (
                &[(FILE, "a", "", b""), (FILE, "a/b", "", b"")],
                "used as a directory",
            ),
            (&[(FILE, ".wh...", "", b"")], "can't be deleted"),
            (&[(SYM, ".wh.x", "y", b"")], "like a whiteout"),
        ];
        for (items, part) in cases {
            let (_dir, result) = out(&archive(items));
            let error = crate::base::chain(&result.unwrap_err());
            assert!(error.contains(part), "{items:?}: {error}");
        }
    }

    #[test]
    fn a_symbolic_link_is_kept_as_it_is() {
        let (dir, result) = out(&archive(&[(SYM, "s", "/etc/passwd", b"")]));
        result.unwrap();
        let target = fs::read_link(dir.path().join("in/1/s")).unwrap();
        assert_eq!(target, Path::new("/etc/passwd"));
    }

    #[test]
    fn an_archive_is_bounded() {
        let mut archive = Builder::new(Vec::new());
        for name in 0..=MOST_ENTRIES {
            put(&mut archive, (SYM, &name.to_string(), "x", b""));
        }
        let (_dir, result) = out(&archive.into_inner().unwrap());
        let error = crate::base::chain(&result.unwrap_err());
        assert!(error.contains("more than 10000 entries"), "{error}");
        // What it says of a length is more than it holds, or than may be.
        for (size, part) in [(1u64 << 40, "too large"), (1 << 20, "cut off")] {
            let mut header = Header::new_gnu();
            header.set_path("f").unwrap();
            header.set_size(size);
            header.set_cksum();
            let (_dir, result) = out(&[header.as_bytes(), &[0u8; 512][..]].concat());
            let error = crate::base::chain(&result.unwrap_err());
            assert!(error.contains(part), "{error}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        /// `out` looks at what lies outside, whatever the answer is.
        #[test]
        fn a_damaged_archive_does_no_harm(
            changes in prop::collection::vec((0usize..8 * 512, any::<u8>()), 0..6),
            fixed in any::<bool>(),
        ) {
            let mut bytes = archive(&[
                (DIR, "d/", "", b""),
                (FILE, "d/f", "", b"text"),
                (SYM, "d/s", "../../../secret", b""),
                (HARD, "h", "d/f", b""),
                (FILE, ".wh.w", "", b""),
                (FILE, "d/.wh..wh..opq", "", b""),
            ]);
            for (at, byte) in changes {
                bytes[at] = byte;
                if fixed {
                    let block = at / 512 * 512;
                    let mut header = Header::new_old();
                    header.as_mut_bytes().copy_from_slice(&bytes[block..block + 512]);
                    header.set_cksum();
                    bytes[block..block + 512].copy_from_slice(header.as_bytes());
                }
            }
            let _ = out(&bytes);
        }
    }
}
