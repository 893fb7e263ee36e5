//! Files as the kernel shows them: what they are, what is in them, what they cost.

use super::Observation;
use super::observe::{plain, seen, shown};
use super::tree::{self, Next, Node, Trouble};
use crate::plan::{EntryKind, Unit, Value};
use sha2::{Digest, Sha256};
use std::collections::HashSet;
use std::fs::{self, Metadata};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// The most names that `hash` and `usage` look at.
const MOST_NAMES: usize = 100_000;
/// The most bytes that `hash` reads.
const MOST_BYTES: u64 = 1 << 30;
/// What st_blocks of stat(3type) counts in.
const BLOCK: u64 = 512;

/// `stat:PATH`
pub(super) fn stat(path: &str) -> Vec<Observation> {
    let call = format!("lstat(2) of {path}");
    let fact = |name: &str, source: &str, value| {
        let name = format!("stat:{path}.{name}");
        seen(&name, source, value)
    };
    let meta = fs::symlink_metadata(path);
    let missing = matches!(&meta, Err(error) if tree::is_missing(error));
    let meta = meta.map_err(|error| match missing {
        true => format!("there is no {path}"),
        false => plain(path, &error),
    });
    let opaque = ["trusted.overlay.opaque", "user.overlay.opaque"];
    let (kind, source) = match &meta {
        Ok(meta) if meta.is_dir() => {
            let kind = match tree::is_opaque(Path::new(path), &opaque) {
                true => EntryKind::Opaque,
                false => EntryKind::Directory,
            };
            let attribute = "lgetxattr(2) overlay.opaque";
            (Ok(word(kind)), format!("{call}, {attribute}"))
        }
        Ok(meta) => (Ok(word(tree::kind_of(meta))), call.clone()),
        Err(_) if missing => (Ok("none"), call.clone()),
        Err(because) => (Err(because.clone()), call.clone()),
    };
    let of = |read: &dyn Fn(&Metadata) -> Value| meta.as_ref().map(read).map_err(String::clone);
    let number = |n: u64, unit| Value::Number(i64::try_from(n).unwrap_or(i64::MAX), unit);
    vec![
        fact("type", &source, kind.map(|word| Value::Text(word.into()))),
        fact("size", &call, of(&|meta| number(meta.size(), Unit::Bytes))),
        fact("inode", &call, of(&|meta| number(meta.ino(), Unit::Inode))),
        fact("device", &call, of(&|meta| Value::Text(device(meta.dev())))),
    ]
}

fn word(kind: EntryKind) -> &'static str {
    match kind {
        EntryKind::File => "file",
        EntryKind::Directory => "directory",
        EntryKind::Opaque => "opaque",
        EntryKind::Symlink => "symlink",
        EntryKind::Whiteout => "whiteout",
        EntryKind::Special => "special",
    }
}

/// A filesystem without a disk has no major number.
fn device(dev: u64) -> String {
    match (nix::sys::stat::major(dev), nix::sys::stat::minor(dev)) {
        (0, minor) => minor.to_string(),
        (major, minor) => format!("{major}:{minor}"),
    }
}

/// `hash:PATH`
pub(super) fn hash(path: &str) -> Observation {
    let top = Path::new(path);
    let value = fs::symlink_metadata(top)
        .map_err(|error| plain(path, &error))
        .and_then(|meta| match tree::kind_of(&meta) {
            EntryKind::File => {
                let mut sum = Sum::new();
                sum.contents(top, meta.len()).map(|()| sum)
            }
            EntryKind::Directory | EntryKind::Opaque => of_directory(top),
            EntryKind::Symlink | EntryKind::Whiteout | EntryKind::Special => {
                Err(format!("{path} is neither a file nor a directory"))
            }
        })
        .map(|sum| Value::Digest(format!("{:x}", sum.hash.finalize())));
    seen(
        &format!("hash:{path}"),
        &format!("SHA-256 of {path}"),
        value,
    )
}

/// The hash of all that is in a directory, name by name in the order of the
/// paths. Of each: its path, type and mode; of a file its size and contents, of
/// a symbolic link its target, of a device its number. Each part comes behind
/// its length, so that no two trees are one text. Left out is what a copy
/// wouldn't have: inode numbers, times, the sizes of directories.
fn of_directory(top: &Path) -> Result<Sum, String> {
    let mut sum = Sum::new();
    let mut names = 0;
    let mut refused = None;
    let walked = tree::walk(top, &mut |node| {
        names += 1;
        let added = match names > MOST_NAMES {
            true => Err(format!("more than {MOST_NAMES} names are in it")),
            false => sum.add(node),
        };
        Ok(match added {
            Ok(()) => Next::Enter,
            Err(because) => {
                refused = Some(because);
                Next::Stop
            }
        })
    });
    walked.map_err(|Trouble { path, error }| plain(&shown(&path), &error))?;
    match refused {
        Some(because) => Err(because),
        None => Ok(sum),
    }
}

/// A hash that grows, with the bytes that may still be read for it.
struct Sum {
    hash: Sha256,
    left: u64,
}

impl Sum {
    fn new() -> Sum {
        Sum {
            hash: Sha256::new(),
            left: MOST_BYTES,
        }
    }

    fn add(&mut self, node: &Node<'_>) -> Result<(), String> {
        let kind = tree::kind_of(node.meta);
        self.part(node.relative.as_os_str().as_bytes());
        self.part(word(kind).as_bytes());
        self.part(&(node.meta.mode() & 0o7777).to_le_bytes());
        match kind {
            EntryKind::File => {
                self.part(&node.meta.len().to_le_bytes());
                self.contents(node.path, node.meta.len())?;
            }
            EntryKind::Symlink => {
                let target = fs::read_link(node.path);
                let target = target.map_err(|error| plain(&shown(node.path), &error))?;
                self.part(target.as_os_str().as_bytes());
            }
            EntryKind::Whiteout | EntryKind::Special => {
                self.part(&node.meta.rdev().to_le_bytes());
                self.part(&(node.meta.mode() & libc::S_IFMT).to_le_bytes());
            }
            EntryKind::Directory | EntryKind::Opaque => {}
        }
        Ok(())
    }

    fn part(&mut self, bytes: &[u8]) {
        self.hash.update((bytes.len() as u64).to_le_bytes());
        self.hash.update(bytes);
    }

    /// A file's contents, which must be as long as its size said: a file that
    /// is being written has no hash.
    fn contents(&mut self, path: &Path, size: u64) -> Result<(), String> {
        self.left = self.left.checked_sub(size).ok_or_else(|| {
            let most = crate::base::Bytes(MOST_BYTES);
            format!("there are more than {most} to read")
        })?;
        let trouble = |error| plain(&shown(path), &error);
        let mut file = tree::open(path).map_err(trouble)?.take(size + 1);
        let mut chunk = vec![0; 64 << 10];
        let mut total = 0;
        loop {
            match file.read(&mut chunk).map_err(trouble)? {
                0 if total == size => return Ok(()),
                0 => break,
                n => {
                    total += n as u64;
                    self.hash.update(&chunk[..n]);
                }
            }
        }
        Err(format!("{} changed while it was read", path.display()))
    }
}

/// `usage:PATH`
pub(super) fn usage(path: &str) -> Vec<Observation> {
    let counted = count(Path::new(path));
    let fact = |name: &str, source: String, value: Result<i64, String>, unit| {
        let value = value.map(|n| Value::Number(n, unit));
        seen(&format!("usage:{path}.{name}"), &source, value)
    };
    let (bytes, inodes) = match counted {
        Ok((bytes, inodes)) => (Ok(bytes), Ok(inodes)),
        Err(because) => (Err(because.clone()), Err(because)),
    };
    vec![
        fact(
            "bytes",
            format!("lstat(2) st_blocks in {path}"),
            bytes,
            Unit::Bytes,
        ),
        fact(
            "inodes",
            format!("lstat(2) st_ino in {path}"),
            inodes,
            Unit::Count,
        ),
    ]
}

/// Bytes and inodes of a directory and all that is in it.
fn count(top: &Path) -> Result<(i64, i64), String> {
    let trouble = |Trouble { path, error }| plain(&shown(&path), &error);
    let mut inodes = HashSet::new();
    let mut blocks = 0;
    let mut names = 0;
    let mut add = |meta: &Metadata| {
        if inodes.insert((meta.dev(), meta.ino())) {
            blocks += meta.blocks();
        }
    };
    let meta = fs::symlink_metadata(top)
        .map_err(tree::at(top))
        .map_err(trouble)?;
    let device = meta.dev();
    add(&meta);
    if meta.is_dir() {
        tree::walk(top, &mut |node| {
            names += 1;
            // The root of what is mounted there belongs to that.
            if !node.meta.is_dir() || node.meta.dev() == device {
                add(node.meta);
            }
            Ok(match names > MOST_NAMES {
                true => Next::Stop,
                false => Next::Enter,
            })
        })
        .map_err(trouble)?;
    }
    if names > MOST_NAMES {
        return Err(format!("more than {MOST_NAMES} names are in it"));
    }
    let number = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    Ok((number(blocks * BLOCK), number(inodes.len() as u64)))
}
