//! Walking a directory: every name below it in one order, each by lstat(2),
//! no symbolic link followed, no mount below it entered.

use crate::plan::EntryKind;
use std::collections::BinaryHeap;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// A name below the directory that is walked.
pub(super) struct Node<'a> {
    /// Its path below that directory.
    pub(super) relative: &'a Path,
    /// Its path, to open it by.
    pub(super) path: &'a Path,
    /// What lstat(2) says.
    pub(super) meta: &'a Metadata,
    /// 1 for what is directly in the directory.
    pub(super) level: usize,
}

/// How a walk goes on after a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// With what is in it, if it is a directory.
    Enter,
    /// With the name behind it.
    Pass,
    /// Not at all.
    Stop,
}

/// A call that failed, and on which path.
#[derive(Debug)]
pub(super) struct ReadError {
    /// Where.
    pub(super) path: PathBuf,
    /// Why.
    pub(super) error: io::Error,
}

/// Visits every name below `top` in the order of the paths' components, so that
/// a directory comes before what is in it; of a directory with more than `most`
/// names, as many of the first, and no more are held in memory.
///
/// A name that readdir(3) gives and lstat(2) doesn't know is passed over: it was
/// removed just now, or it is a whiteout in a directory that overlayfs hands
/// through as it is.
///
/// # Errors
/// The first call that failed.
pub(super) fn walk(
    top: &Path,
    most: usize,
    visit: &mut dyn FnMut(&Node<'_>) -> Result<Next, ReadError>,
) -> Result<(), ReadError> {
    let device = fs::symlink_metadata(top).map_err(at(top))?.dev();
    let mut walk = Walk {
        device,
        most,
        visit,
    };
    walk.descend(top, Path::new(""), 1).map(drop)
}

/// A walk that is under way.
struct Walk<'a> {
    /// The filesystem of the top: directories of others are mounted there.
    device: u64,
    most: usize,
    visit: &'a mut dyn FnMut(&Node<'_>) -> Result<Next, ReadError>,
}

impl Walk<'_> {
    /// Whether the walk goes on.
    fn descend(&mut self, dir: &Path, relative: &Path, level: usize) -> Result<bool, ReadError> {
        let mut names = BinaryHeap::new();
        for entry in fs::read_dir(dir).map_err(at(dir))? {
            names.push(entry.map_err(at(dir))?.file_name());
            if names.len() > self.most {
                names.pop();
            }
        }
        for name in names.into_sorted_vec() {
            let (path, relative) = (dir.join(&name), relative.join(&name));
            let meta = match fs::symlink_metadata(&path) {
                Ok(meta) => meta,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(ReadError { path, error }),
            };
            let node = Node {
                relative: &relative,
                path: &path,
                meta: &meta,
                level,
            };
            let goes_on = match (self.visit)(&node)? {
                Next::Stop => false,
                Next::Pass => true,
                Next::Enter if meta.is_dir() && meta.dev() == self.device => {
                    self.descend(&path, &relative, level + 1)?
                }
                Next::Enter => true,
            };
            if !goes_on {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// An error with the path that it happened on.
pub(super) fn at(path: &Path) -> impl FnOnce(io::Error) -> ReadError + '_ {
    |error| ReadError {
        path: path.into(),
        error,
    }
}

/// What a name is; whether a directory is opaque, its attributes tell.
pub(super) fn kind_of(meta: &Metadata) -> EntryKind {
    let kind = meta.file_type();
    if kind.is_file() {
        EntryKind::File
    } else if kind.is_dir() {
        EntryKind::Directory
    } else if kind.is_symlink() {
        EntryKind::Symlink
    } else if kind.is_char_device() && meta.rdev() == 0 {
        EntryKind::Whiteout
    } else {
        EntryKind::Special
    }
}

/// Whether a directory has one of these attributes with the value `y`,
/// overlayfs, "Opaque directories". Where there are no attributes, none is set;
/// `trusted` ones are shown to the machine's root alone.
pub(super) fn is_opaque(path: &Path, attributes: &[&str]) -> bool {
    attributes
        .iter()
        .any(|name| matches!(xattr::get(path, name), Ok(Some(value)) if value == b"y"))
}

/// Opens a regular file to read; not what somebody has put in its place since.
pub(super) fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(path)
}

/// Whether there is nothing at a path.
pub(super) fn is_missing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

/// A path as text, as it is; only what isn't UTF-8 is written as `\xNN`, byte by byte.
pub(super) fn written(path: &Path) -> String {
    let mut out = String::new();
    for chunk in path.as_os_str().as_bytes().utf8_chunks() {
        out.push_str(chunk.valid());
        for byte in chunk.invalid() {
            out.push_str(&format!("\\x{byte:02x}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsStr;

    #[test]
    fn names_are_written_so_that_they_can_be_read_back() {
        for (name, expected) in [
            (&b"plain name, with: signs"[..], "plain name, with: signs"),
            ("ünï/код".as_bytes(), "ünï/код"),
            (b"a\nb\x7f\x1b", "a\nb\x7f\x1b"),
            (b"a\\nb", r"a\nb"),
            (b"\xff\xfea\xc3", r"\xff\xfea\xc3"),
            // A control character of two bytes.
            ("\u{85}".as_bytes(), "\u{85}"),
        ] {
            assert_eq!(written(Path::new(OsStr::from_bytes(name))), expected);
        }
    }

    #[test]
    fn a_directory_comes_before_what_is_in_it() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["b", "a/x/y", "a.b", "a/.z"] {
            fs::create_dir_all(dir.path().join(name)).unwrap();
        }
        std::os::unix::fs::symlink("a", dir.path().join("link")).unwrap();
        let names = |next: &dyn Fn(&Node<'_>) -> Next| {
            let mut seen = Vec::new();
            walk(dir.path(), usize::MAX, &mut |node| {
                seen.push(written(node.relative));
                Ok(next(node))
            })
            .unwrap();
            seen
        };
        let all = ["a", "a/.z", "a/x", "a/x/y", "a.b", "b", "link"];
        assert_eq!(names(&|_| Next::Enter), all);
        let flat = ["a", "a.b", "b", "link"];
        assert_eq!(names(&|_| Next::Pass), flat);
        let until = |node: &Node<'_>| {
            if node.relative == Path::new("a/x") {
                Next::Stop
            } else {
                Next::Enter
            }
        };
        assert_eq!(names(&until), ["a", "a/.z", "a/x"]);
        let missing = walk(&dir.path().join("missing"), 1, &mut |_| Ok(Next::Enter));
        assert_eq!(missing.unwrap_err().path, dir.path().join("missing"));
    }
}
