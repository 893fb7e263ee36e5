//! A directory as a layer of an image: one tar archive, the same bytes for the
//! same tree, by the OCI Image Format Specification, "Image Layer Filesystem
//! Changeset" (layer.md).
//!
//! What overlayfs writes into an upper is translated: a character device 0:0
//! becomes `.wh.NAME`, the attribute `overlay.opaque` a file `.wh..wh..opq`.
//! What a layer can't hold is refused, never left out.

use super::limits::MOST_ENTRIES;
use super::steps::Error;
use nix::fcntl::OFlag;
use std::collections::BTreeMap;
use std::fs::{self, DirEntry, File, Metadata, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use tar::{Builder, EntryType, Header};

/// What begins the name of a whiteout in a layer.
pub(super) const WHITEOUT: &str = ".wh.";
/// A file of this name makes its directory opaque.
pub(super) const OPAQUE: &str = ".wh..wh..opq";
/// The attribute that holds a file's capabilities, capabilities(7).
pub(super) const CAPABILITY: &str = "security.capability";
/// The key by which an archive has it, pax(1) as star, GNU tar and the engines
/// write it.
pub(super) const PAX_CAPABILITY: &str = "SCHILY.xattr.security.capability";
/// How many bytes a field of a link's target has in a header.
const LINK_FIELD: usize = 100;

/// The namespace of extended attributes in which an overlay mount keeps its own,
/// kernel Documentation/filesystems/overlayfs.rst.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OverlayXattrs {
    /// `trusted.overlay.`, for root of the initial user namespace alone.
    Trusted,
    /// `user.overlay.`, of a mount with the option `userxattr`.
    User,
}

impl OverlayXattrs {
    /// What the names of the attributes begin with.
    pub fn prefix(self) -> &'static str {
        match self {
            OverlayXattrs::Trusted => "trusted.overlay.",
            OverlayXattrs::User => "user.overlay.",
        }
    }

    /// For tests: those that this user may set.
    #[cfg(test)]
    pub(super) fn own() -> OverlayXattrs {
        match nix::unistd::geteuid().is_root() {
            true => OverlayXattrs::Trusted,
            false => OverlayXattrs::User,
        }
    }
}

/// Writes the archive of what is in `layer`.
///
/// # Errors
/// What can't be read, and what a layer can't hold: sockets, pipes, devices,
/// names that begin with `.wh.`, and directories or files that overlayfs only
/// refers to (`redirect_dir`, `metacopy`).
pub fn archive(layer: &Path, to: &mut dyn Write) -> Result<(), Error> {
    let mut walk = Walk {
        layer: layer.into(),
        tar: Builder::new(to),
        linked: BTreeMap::new(),
        entries: 0,
    };
    walk.directory(Path::new(""))?;
    walk.tar
        .into_inner()
        .map(drop)
        .map_err(|error| Error::io("write", layer, &error))
}

/// One walk through a layer.
struct Walk<'w> {
    layer: PathBuf,
    tar: Builder<&'w mut dyn Write>,
    /// Files of several names, by their inode: the name that came first.
    linked: BTreeMap<(u64, u64), PathBuf>,
    entries: usize,
}

impl Walk<'_> {
    /// All that is in a directory, in the order of the names' bytes: the order
    /// of readdir(3) is the filesystem's own.
    fn directory(&mut self, below: &Path) -> Result<(), Error> {
        let here = self.layer.join(below);
        if self.attribute(&here, "opaque")?.as_deref() == Some(b"y") {
            self.empty_file(&below.join(OPAQUE))?;
        }
        let trouble = |error: &io::Error| Error::io("open", &here, error);
        let entries = fs::read_dir(&here).map_err(|error| trouble(&error))?;
        let mut entries: Vec<DirEntry> = entries
            .take(MOST_ENTRIES + 1)
            .collect::<Result<_, _>>()
            .map_err(|error| trouble(&error))?;
        entries.sort_by_key(DirEntry::file_name);
        for entry in entries {
            self.entry(&below.join(entry.file_name()))?;
        }
        Ok(())
    }

    fn entry(&mut self, name: &Path) -> Result<(), Error> {
        self.entries += 1;
        let path = self.layer.join(name);
        let wrong = |what: String| Error::Wrong(format!("`{}` {what}", path.display()));
        if self.entries > MOST_ENTRIES {
            let layer = self.layer.display();
            return Err(Error::Wrong(format!(
                "`{layer}` has more than {MOST_ENTRIES} names: make smaller layers"
            )));
        }
        let last = name.file_name().unwrap_or_default();
        if last.as_bytes().starts_with(WHITEOUT.as_bytes()) {
            return Err(wrong(format!(
                "can't be in a layer: there, `{WHITEOUT}` begins the name of what is deleted"
            )));
        }
        let meta = path
            .symlink_metadata()
            .map_err(|error| Error::io("lstat", &path, &error))?;
        let kind = meta.file_type();
        if kind.is_dir() {
            self.refuse_references(&path, "redirect")?;
            let mut slashed = name.as_os_str().to_owned();
            slashed.push("/");
            self.append(&slashed.into(), EntryType::Directory, &meta, io::empty())?;
            self.directory(name)
        } else if kind.is_file() {
            self.refuse_references(&path, "metacopy")?;
            self.file(name, &path, &meta)
        } else if kind.is_symlink() {
            let target =
                fs::read_link(&path).map_err(|error| Error::io("readlink", &path, &error))?;
            self.link(
                name,
                EntryType::Symlink,
                &meta,
                target.as_os_str().as_bytes(),
            )
        } else if kind.is_char_device() && meta.rdev() == 0 {
            let mut marked = std::ffi::OsString::from(WHITEOUT);
            marked.push(last);
            self.empty_file(&name.with_file_name(marked))
        } else {
            Err(wrong(
                "is a pipe, a socket or a device: a layer is made of files, directories and links"
                    .into(),
            ))
        }
    }

    /// A regular file, or another name of one that is in the archive already.
    fn file(&mut self, name: &Path, path: &Path, meta: &Metadata) -> Result<(), Error> {
        if meta.nlink() > 1 {
            let inode = (meta.dev(), meta.ino());
            if let Some(first) = self.linked.get(&inode) {
                let first = first.as_os_str().as_bytes().to_vec();
                return self.link(name, EntryType::Link, meta, &first);
            }
            self.linked.insert(inode, name.into());
        }
        let file = open(path).map_err(|error| Error::io("open", path, &error))?;
        match xattr::get(path, CAPABILITY) {
            Ok(None) => {}
            Ok(Some(value)) => {
                let extension = [(PAX_CAPABILITY, value.as_slice())];
                self.tar
                    .append_pax_extensions(extension)
                    .map_err(|error| Error::io("write", name, &error))?;
            }
            // A filesystem without attributes has none of these.
            Err(error) if error.raw_os_error() == Some(libc::EOPNOTSUPP) => {}
            Err(error) => return Err(Error::io("lgetxattr", path, &error)),
        }
        // A file that is cut or grows meanwhile must not tear the archive.
        let data = file.chain(io::repeat(0)).take(meta.len());
        self.append(&name.into(), EntryType::Regular, meta, data)
    }

    /// A name with a target, which is kept to the byte. The header has room for
    /// short ones; a longer one stands before it in an entry of its own, as GNU
    /// tar does it.
    fn link(
        &mut self,
        name: &Path,
        kind: EntryType,
        meta: &Metadata,
        target: &[u8],
    ) -> Result<(), Error> {
        let trouble = |error: io::Error| Error::io("write", name, &error);
        let mut header = header(kind, meta);
        if target.len() <= LINK_FIELD {
            header.set_link_name_literal(target).map_err(trouble)?;
        } else {
            let mut long = Header::new_gnu();
            long.set_path_absolute("././@LongLink").map_err(trouble)?;
            long.set_mode(0o644);
            long.set_uid(0);
            long.set_gid(0);
            long.set_mtime(0);
            long.set_entry_type(EntryType::GNULongLink);
            long.set_size(target.len() as u64 + 1);
            long.set_cksum();
            self.tar
                .append(&long, target.chain(&b"\0"[..]))
                .map_err(trouble)?;
        }
        self.tar
            .append_data(&mut header, name, io::empty())
            .map_err(trouble)
    }

    fn append(
        &mut self,
        name: &PathBuf,
        kind: EntryType,
        meta: &Metadata,
        data: impl Read,
    ) -> Result<(), Error> {
        let mut header = header(kind, meta);
        if kind == EntryType::Regular {
            header.set_size(meta.len());
        }
        self.tar
            .append_data(&mut header, name, data)
            .map_err(|error| Error::io("write", name, &error))
    }

    /// What stands for something that is not there: always the same.
    fn empty_file(&mut self, name: &Path) -> Result<(), Error> {
        let mut header = Header::new_gnu();
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_size(0);
        header.set_entry_type(EntryType::Regular);
        self.tar
            .append_data(&mut header, name, io::empty())
            .map_err(|error| Error::io("write", name, &error))
    }

    /// An attribute of overlayfs, from whichever namespace has it.
    fn attribute(&self, path: &Path, name: &str) -> Result<Option<Vec<u8>>, Error> {
        for space in [OverlayXattrs::Trusted, OverlayXattrs::User] {
            match xattr::get(path, format!("{}{name}", space.prefix())) {
                Ok(None) => {}
                Ok(found) => return Ok(found),
                // A filesystem without attributes has none of these.
                Err(error) if error.raw_os_error() == Some(libc::EOPNOTSUPP) => {}
                Err(error) => return Err(Error::io("lgetxattr", path, &error)),
            }
        }
        Ok(None)
    }

    /// An upper may only refer to what is in a lower: a layer alone would lack it.
    fn refuse_references(&self, path: &Path, name: &str) -> Result<(), Error> {
        match self.attribute(path, name)? {
            None => Ok(()),
            Some(_) => Err(Error::Wrong(format!(
                "`{}` has the attribute `overlay.{name}`: its content is still in a layer below; copy it to a new name first",
                path.display()
            ))),
        }
    }
}

/// A header with what a layer keeps of a file: kind, mode and the owner's
/// numbers as they are seen here; no times, and no names of users, which mean
/// nothing elsewhere. GNU's format, because it holds names of any length and
/// any bytes.
fn header(kind: EntryType, meta: &Metadata) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(meta.mode() & 0o7777);
    header.set_uid(u64::from(meta.uid()));
    header.set_gid(u64::from(meta.gid()));
    header.set_mtime(0);
    header.set_size(0);
    header
}

/// Opens a file for reading that may not be a link.
pub(super) fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .custom_flags((OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits())
        .open(path)
}
