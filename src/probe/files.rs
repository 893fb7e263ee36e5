//! Files as the kernel shows them: what they are, what is in them, what they cost.

use super::observation::Observation;
use super::observation::{seen, shown};
use super::tree::{self, Next, Node, ReadError};
use super::unavailable::Unavailable;
use crate::base::Bytes;
use crate::plan::{EntryKind, Unit, Value};
use sha2::{Digest, Sha256};
use std::collections::HashSet;
use std::fs::{self, Metadata};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
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
        true => Unavailable::Missing(path.into()),
        false => Unavailable::of(path, &error),
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
    let of =
        |read: &dyn Fn(&Metadata) -> Value| meta.as_ref().map(read).map_err(Unavailable::clone);
    let number = |n: u64, unit| Value::Number(i64::try_from(n).unwrap_or(i64::MAX), unit);
    vec![
        fact("type", &source, kind.map(|word| Value::Text(word.into()))),
        fact("size", &call, of(&|meta| number(meta.size(), Unit::Bytes))),
        fact("inode", &call, of(&|meta| number(meta.ino(), Unit::Inode))),
        fact("device", &call, meta.and_then(|meta| device(path, &meta))),
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

/// The numbers of a device: which driver, and which of its devices.
fn device(path: &str, meta: &Metadata) -> Result<Value, Unavailable> {
    let kind = meta.file_type();
    if !(kind.is_char_device() || kind.is_block_device()) {
        return Err(Unavailable::NoDevice(path.into()));
    }
    let (major, minor) = (
        nix::sys::stat::major(meta.rdev()),
        nix::sys::stat::minor(meta.rdev()),
    );
    Ok(Value::Text(format!("{major}:{minor}")))
}

/// `hash:PATH`
pub(super) fn hash(path: &str) -> Observation {
    let top = Path::new(path);
    let value = fs::symlink_metadata(top)
        .map_err(|error| Unavailable::of(path, &error))
        .and_then(|meta| match tree::kind_of(&meta) {
            EntryKind::File => {
                let mut sum = Sum::new();
                sum.contents(top, meta.len()).map(|()| sum)
            }
            EntryKind::Directory | EntryKind::Opaque => of_directory(top),
            EntryKind::Symlink | EntryKind::Whiteout | EntryKind::Special => {
                Err(Unavailable::NoContents(path.into()))
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
fn of_directory(top: &Path) -> Result<Sum, Unavailable> {
    let mut sum = Sum::new();
    let mut names = 0;
    let mut refused = None;
    let walked = tree::walk(top, usize::MAX, &mut |node| {
        names += 1;
        let added = match names > MOST_NAMES {
            true => Err(Unavailable::TooManyNames(MOST_NAMES)),
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
    walked.map_err(|ReadError { path, error }| Unavailable::of(&shown(&path), &error))?;
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

    fn add(&mut self, node: &Node<'_>) -> Result<(), Unavailable> {
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
                let target = target.map_err(|error| Unavailable::of(&shown(node.path), &error))?;
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
    fn contents(&mut self, path: &Path, size: u64) -> Result<(), Unavailable> {
        self.left = self
            .left
            .checked_sub(size)
            .ok_or(Unavailable::TooLong(Bytes(MOST_BYTES)))?;
        let trouble = |error| Unavailable::of(&shown(path), &error);
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
        Err(Unavailable::Changed(shown(path)))
    }
}

/// `usage:PATH`
pub(super) fn usage(path: &str) -> Vec<Observation> {
    let counted = count(Path::new(path));
    let fact = |name: &str, source: String, value: Result<i64, Unavailable>, unit| {
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
fn count(top: &Path) -> Result<(i64, i64), Unavailable> {
    let trouble = |ReadError { path, error }| Unavailable::of(&shown(&path), &error);
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
        tree::walk(top, usize::MAX, &mut |node| {
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
        return Err(Unavailable::TooManyNames(MOST_NAMES));
    }
    let number = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    Ok((number(blocks * BLOCK), number(inodes.len() as u64)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::deadline::{Limit, PATIENCE};
    use nix::sys::stat::{Mode, SFlag, mknod};
    use std::fs::Permissions;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::process::Command;

    fn value(observation: &Observation) -> String {
        match &observation.value {
            Ok(value) => value.to_string(),
            Err(because) => format!("! {because}"),
        }
    }

    #[test]
    fn what_a_name_is() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name).to_str().unwrap().to_string();
        fs::write(path("file"), "12345").unwrap();
        fs::create_dir(path("directory")).unwrap();
        symlink("nowhere", path("symlink")).unwrap();
        nix::unistd::mkfifo(path("special").as_str(), Mode::S_IRWXU).unwrap();
        let mut kinds = vec!["file", "directory", "symlink", "special"];
        // Allowed to anyone since Linux 5.8.
        if mknod(path("whiteout").as_str(), SFlag::S_IFCHR, Mode::S_IRWXU, 0).is_ok() {
            kinds.push("whiteout");
        }
        // On a tmpfs since Linux 6.6.
        fs::create_dir(path("opaque")).unwrap();
        if xattr::set(path("opaque"), "user.overlay.opaque", b"y").is_ok() {
            kinds.push("opaque");
        }
        for kind in kinds {
            let path = path(kind);
            let facts = stat(&path);
            let meta = fs::symlink_metadata(&path).unwrap();
            assert_eq!(value(&facts[0]), kind);
            let size = Value::Number(meta.len() as i64, Unit::Bytes);
            assert_eq!(facts[1].value, Ok(size), "{kind}");
            assert_eq!(value(&facts[2]), meta.ino().to_string());
            let expected = match kind {
                "whiteout" => "0:0".to_string(),
                _ => format!("! {path} is not a device"),
            };
            assert_eq!(value(&facts[3]), expected);
        }
        // null(4)
        assert_eq!(value(&stat("/dev/null")[3]), "1:3");
        for missing in [path("none"), path("file/none")] {
            let facts = stat(&missing);
            assert_eq!(facts[0].name, format!("stat:{missing}.type"));
            assert_eq!(value(&facts[0]), "none");
            for fact in &facts[1..] {
                assert_eq!(fact.value, Err(Unavailable::Missing(missing.clone())));
            }
        }
    }

    #[test]
    fn a_file_has_the_hash_that_everyone_computes() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        // Longer than a chunk.
        fs::write(&file, vec![7; 100_000]).unwrap();
        let theirs = Command::new("sha256sum")
            .arg(&file)
            .within(PATIENCE)
            .output()
            .unwrap();
        let theirs = String::from_utf8(theirs.stdout).unwrap();
        let Ok(Value::Digest(ours)) = hash(file.to_str().unwrap()).value else {
            panic!("{:?}", hash(file.to_str().unwrap()));
        };
        assert_eq!(Some(ours.as_str()), theirs.split_whitespace().next());
        let link = dir.path().join("link");
        symlink(&file, &link).unwrap();
        assert!(hash(link.to_str().unwrap()).value.is_err());
        assert!(hash("/dev/null").value.is_err());
        assert!(hash("/no/such/file").value.is_err());
    }

    #[test]
    fn a_directory_has_the_hash_of_its_copies_and_no_other() {
        let dir = tempfile::tempdir().unwrap();
        let make = |name: &str, change: &dyn Fn(&Path)| {
            let top = dir.path().join(name);
            fs::create_dir_all(top.join("d/e")).unwrap();
            fs::write(top.join("d/f"), "one").unwrap();
            fs::write(top.join("g"), "two").unwrap();
            symlink("g", top.join("l")).unwrap();
            change(&top);
            hash(top.to_str().unwrap()).value.unwrap()
        };
        let plain = make("plain", &|_| {});
        assert_eq!(make("copy", &|_| {}), plain);
        // What a copy doesn't have isn't counted.
        let touched = make("touched", &|top| {
            fs::write(top.join("g"), "two").unwrap();
            fs::write(top.join("h"), "").unwrap();
            fs::remove_file(top.join("h")).unwrap();
        });
        assert_eq!(touched, plain);
        type Change<'a> = (&'a str, &'a dyn Fn(&Path));
        let changes: [Change<'_>; 8] = [
            ("contents", &|top| fs::write(top.join("g"), "owt").unwrap()),
            ("size", &|top| fs::write(top.join("g"), "two\n").unwrap()),
            ("name", &|top| {
                fs::rename(top.join("g"), top.join("h")).unwrap()
            }),
            ("place", &|top| {
                fs::rename(top.join("d/f"), top.join("f")).unwrap()
            }),
            ("mode", &|top| {
                fs::set_permissions(top.join("d/f"), Permissions::from_mode(0o600)).unwrap();
            }),
            ("target", &|top| {
                fs::remove_file(top.join("l")).unwrap();
                symlink("d", top.join("l")).unwrap();
            }),
            ("type", &|top| {
                fs::remove_file(top.join("l")).unwrap();
                fs::write(top.join("l"), "g").unwrap();
            }),
            ("more", &|top| fs::create_dir(top.join("d/e/x")).unwrap()),
        ];
        for (what, change) in changes {
            assert_ne!(make(what, change), plain, "{what}");
        }
    }

    #[test]
    fn usage_is_what_du_and_find_count() {
        let dir = tempfile::tempdir().unwrap();
        let top = dir.path().to_str().unwrap();
        fs::create_dir_all(dir.path().join("a/b")).unwrap();
        fs::write(dir.path().join("a/file"), vec![1; 70_000]).unwrap();
        fs::hard_link(dir.path().join("a/file"), dir.path().join("again")).unwrap();
        symlink("a", dir.path().join("link")).unwrap();
        let sparse = fs::File::create(dir.path().join("sparse")).unwrap();
        sparse.set_len(1 << 20).unwrap();
        // On `/dev` other filesystems are mounted nearly everywhere.
        for top in [top, "/dev"] {
            let script = "du -s --block-size=1 -x \"$1\" | cut -f1\n\
                find \"$1\" -xdev -printf '%D %i\\n' | sort -u | grep -c \"^$(stat -c %d \"$1\") \"";
            let shell = Command::new("sh")
                .args(["-ec", script, "sh", top])
                .within(PATIENCE)
                .output();
            let theirs = String::from_utf8(shell.unwrap().stdout).unwrap();
            let ours: Vec<String> = usage(top)
                .iter()
                .map(|fact| match fact.value {
                    Ok(Value::Number(n, _)) => n.to_string(),
                    ref other => format!("{other:?}"),
                })
                .collect();
            let theirs: Vec<&str> = theirs.split_whitespace().collect();
            assert_eq!(ours, theirs, "{top}");
        }
        let missing = usage("/no/such/directory");
        assert!(missing.iter().all(|fact| fact.value.is_err()));
    }
}
