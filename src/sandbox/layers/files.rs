//! What lessons do to files in layers: make them, change them in the middle,
//! copy and remove trees. Only on mounts that the run made, and never through
//! a symbolic link.

use super::steps::Many;
use crate::base::{Bytes, Errno, literal};
use crate::image::Step;
use crate::plan::{Copy, Fill, MOST_FILE, Overwrite};
use crate::sandbox::agent::{Agent, Answer};
use crate::sandbox::base::mounted::mounted;
use crate::sandbox::base::removal::remove_tree;
use nix::fcntl::{OFlag, copy_file_range};
use nix::sys::stat::{Mode, SFlag, mknod};
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The most that one `copy` may write; a store on a disk has no other bound.
const MOST_COPIED: Bytes = Bytes(256 << 20);
/// So many calls of one verb are told one by one.
const TOLD: usize = 20;

impl Agent {
    /// `fill`
    pub(in crate::sandbox) fn fill(&mut self, spec: &Fill) -> Answer {
        if let Err(errno) = self.on_own_mount(&spec.path)? {
            return Ok(Err(errno));
        }
        if spec.size > MOST_FILE {
            let message = format!("`fill`: {} is more than {MOST_FILE}", spec.size);
            return Err(self.tracer.broken(message));
        }
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_TRUNC;
        let shown = "O_WRONLY|O_CREAT|O_TRUNC|O_NOFOLLOW|O_CLOEXEC, 0644";
        let mut file = match self.open(&spec.path, flags, shown) {
            Ok(file) => file,
            Err(errno) => return Ok(Err(errno)),
        };
        let args = format!(
            "{}, /* bytes without a pattern */, {}",
            file.as_raw_fd(),
            spec.size.0
        );
        // One line for many calls of 64 KiB.
        let written = self.tracer.call("write", args, "", || {
            let mut done = 0;
            while done < spec.size.0 {
                let bytes = noise(done, (spec.size.0 - done).min(64 << 10) as usize);
                file.write_all(&bytes).map_err(Errno::from)?;
                done += bytes.len() as u64;
            }
            Ok(done as i64)
        });
        Ok(written.map(drop))
    }

    /// `overwrite`
    pub(in crate::sandbox) fn overwrite(&mut self, spec: &Overwrite) -> Answer {
        if let Err(errno) = self.on_own_mount(&spec.path)? {
            return Ok(Err(errno));
        }
        let (at, length) = (u64::from(spec.at), spec.text.len() as u64);
        if at + length > MOST_FILE.0 {
            let message = format!("`overwrite`: the file would be longer than {MOST_FILE}");
            return Err(self.tracer.broken(message));
        }
        // Without O_TRUNC: the rest of the file stays as it is.
        let opened = self.open(&spec.path, OFlag::O_WRONLY, "O_WRONLY|O_NOFOLLOW|O_CLOEXEC");
        let file = match opened {
            Ok(file) => file,
            Err(errno) => return Ok(Err(errno)),
        };
        let args = format!(
            "{}, {}, {length}, {at}",
            file.as_raw_fd(),
            literal(&spec.text)
        );
        let written = self.tracer.call("pwrite64", args, "", || {
            let written = file.write_at(spec.text.as_bytes(), at);
            written.map(|n| n as i64).map_err(Errno::from)
        });
        Ok(written.map(drop))
    }

    fn open(&mut self, path: &str, flags: OFlag, shown: &str) -> Result<File, Errno> {
        let flags = flags | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let opened: Result<OwnedFd, Errno> = self.tracer.call(
            "open",
            format!("{path}, {shown}", path = literal(path)),
            "",
            || {
                let mode = Mode::from_bits_truncate(0o644);
                nix::fcntl::open(path, flags, mode).map_err(Errno::from)
            },
        );
        opened.map(File::from)
    }

    /// `copy`
    pub(in crate::sandbox) fn copy(&mut self, spec: &Copy) -> Answer {
        if let Err(errno) = self.own_directory(&spec.from)? {
            return Ok(Err(errno));
        }
        let suffixes = self.suffixes("copy", spec.count)?;
        let targets: Vec<String> = suffixes
            .iter()
            .map(|suffix| format!("{}{suffix}", spec.to))
            .collect();
        for target in &targets {
            if let Err(errno) = self.on_own_mount(target)? {
                return Ok(Err(errno));
            }
            // A copy in what is copied would have no end.
            if Path::new(target).starts_with(&spec.from) {
                let message = format!("`copy`: `{target}` lies in `{}` itself", spec.from);
                return Err(self.tracer.broken(message));
            }
        }
        let mut many = Many::new(&mut self.tracer, TOLD);
        let mut left = MOST_COPIED.0;
        let mut done = Ok(());
        for target in &targets {
            let mut copying = Copying {
                mount: mounted(Path::new(&spec.from)).map_or(0, |found| found.id),
                left: &mut left,
                linked: HashMap::new(),
                many: &mut many,
            };
            done = done.and_then(|()| copying.entry(Path::new(&spec.from), Path::new(target)));
        }
        many.finish();
        Ok(done)
    }

    /// `remove`
    pub(in crate::sandbox) fn remove(&mut self, path: &str) -> Answer {
        if let Err(errno) = self.on_own_mount(path)? {
            return Ok(Err(errno));
        }
        let mut many = Many::new(&mut self.tracer, TOLD);
        let removed = remove_tree(Path::new(path), &mut |args, result, took| {
            many.hear(Step {
                name: "unlinkat",
                args,
                why: "",
                result: result.map(|()| 0),
                took,
            });
        });
        many.finish();
        Ok(removed)
    }
}

/// One copy of a tree.
struct Copying<'c, 't> {
    /// The mount that is copied: what is mounted below isn't.
    mount: u64,
    /// How many bytes may still be written.
    left: &'c mut u64,
    /// Where files with several names went, by device and inode.
    linked: HashMap<(u64, u64), PathBuf>,
    many: &'c mut Many<'t>,
}

impl Copying<'_, '_> {
    fn entry(&mut self, from: &Path, to: &Path) -> Result<(), Errno> {
        let meta = from.symlink_metadata().map_err(Errno::from)?;
        let kind = meta.file_type();
        let mode = meta.mode() & 0o7777;
        let shown = to.display().to_string();
        if kind.is_dir() {
            self.many.call(
                "mkdir",
                format!("{shown}, {mode:04o}", shown = literal(&shown)),
                || nix::unistd::mkdir(to, Mode::S_IRWXU).map_err(Errno::from),
            )?;
            if mounted(from)?.id == self.mount {
                let mut names = Vec::new();
                for entry in fs::read_dir(from).map_err(Errno::from)? {
                    names.push(entry.map_err(Errno::from)?.file_name());
                }
                names.sort();
                for name in names {
                    self.entry(&from.join(&name), &to.join(&name))?;
                }
            }
            set_mode(to, mode)?;
            return copy_mark(from, to);
        }
        if let Some(first) = self.linked.get(&(meta.dev(), meta.ino())) {
            let args = format!("{}, {shown}", literal(first), shown = literal(&shown));
            return self.many.call("link", args, || {
                fs::hard_link(first, to).map_err(Errno::from)
            });
        }
        if kind.is_symlink() {
            let target = fs::read_link(from).map_err(Errno::from)?;
            let args = format!("{}, {}", literal(&target), literal(to));
            return self.many.call("symlink", args, || {
                std::os::unix::fs::symlink(&target, to).map_err(Errno::from)
            });
        }
        if kind.is_char_device() && meta.rdev() == 0 {
            // A whiteout, which anybody may make (Linux 5.8).
            let args = format!("{shown}, S_IFCHR, makedev(0, 0)", shown = literal(&shown));
            return self.many.call("mknod", args, || {
                mknod(to, SFlag::S_IFCHR, Mode::empty(), 0).map_err(Errno::from)
            });
        }
        if !kind.is_file() {
            return Err(Errno(libc::EOPNOTSUPP));
        }
        self.file(from, to, meta.len())?;
        self.capabilities(from, to)?;
        set_mode(to, mode)?;
        if meta.nlink() > 1 {
            self.linked.insert((meta.dev(), meta.ino()), to.into());
        }
        Ok(())
    }

    /// A file's capabilities, capabilities(7), after its content: a write takes them
    /// away. Where they can't be set the call tells it.
    fn capabilities(&mut self, from: &Path, to: &Path) -> Result<(), Errno> {
        let name = "security.capability";
        let value = match xattr::get(from, name).map_err(Errno::from) {
            Ok(Some(value)) => value,
            Ok(None) | Err(Errno(libc::EOPNOTSUPP)) => return Ok(()),
            Err(errno) => return Err(errno),
        };
        let args = format!(
            "{}, {name}, …, {}, 0",
            literal(to),
            value.len(),
            name = literal(name)
        );
        let set = self.many.call("lsetxattr", args, || {
            xattr::set(to, name, &value).map_err(Errno::from)
        });
        match set {
            Ok(()) | Err(Errno(libc::EPERM | libc::EOPNOTSUPP)) => Ok(()),
            Err(errno) => Err(errno),
        }
    }

    fn file(&mut self, from: &Path, to: &Path, length: u64) -> Result<(), Errno> {
        let source = fs::OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_NOFOLLOW)
            .open(from);
        let target = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(to);
        let (mut source, mut target) = (source.map_err(Errno::from)?, target.map_err(Errno::from)?);
        *self.left = self.left.checked_sub(length).ok_or(Errno(libc::EFBIG))?;
        let args = format!(
            "{}<{}>, NULL, {}<{}>, NULL, {length}, 0",
            source.as_raw_fd(),
            from.display(),
            target.as_raw_fd(),
            to.display()
        );
        let copied = self.many.call("copy_file_range", args, || {
            let mut done = 0;
            while done < length {
                let some = (length - done) as usize;
                match copy_file_range(&source, None, &target, None, some)? {
                    0 => break,
                    n => done += n as u64,
                }
            }
            Ok(done as i64)
        });
        match copied {
            Ok(_) => Ok(()),
            // Between two file systems, or on an older kernel: by hand.
            Err(Errno(libc::EXDEV | libc::EINVAL | libc::EOPNOTSUPP | libc::ENOSYS)) => {
                let args = format!("{}, …, {length}", target.as_raw_fd());
                self.many.call("write", args, || {
                    let mut bytes = Vec::new();
                    Read::by_ref(&mut source)
                        .take(length)
                        .read_to_end(&mut bytes)
                        .map_err(Errno::from)?;
                    target.write_all(&bytes).map_err(Errno::from)?;
                    Ok(bytes.len() as i64)
                })?;
                Ok(())
            }
            Err(errno) => Err(errno),
        }
    }
}

/// chmod(2) of what was just made here: not a link.
fn set_mode(path: &Path, mode: u32) -> Result<(), Errno> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).map_err(Errno::from)
}

/// A directory that hides those below it hides them in the copy, too.
fn copy_mark(from: &Path, to: &Path) -> Result<(), Errno> {
    for name in ["user.overlay.opaque", "trusted.overlay.opaque"] {
        match xattr::get(from, name).map_err(Errno::from) {
            Ok(Some(value)) => xattr::set(to, name, &value).map_err(Errno::from)?,
            Ok(None) | Err(Errno(libc::EOPNOTSUPP)) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

/// Bytes of a file from a position on, without a pattern and always the same:
/// the mixing of splitmix64, of the position alone.
fn noise(position: u64, length: usize) -> Vec<u8> {
    let byte = |at: u64| {
        let mut z = (at / 8 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ z >> 31).to_le_bytes()[(at % 8) as usize]
    };
    (position..position + length as u64).map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_depends_on_the_position_alone() {
        let whole = noise(0, 1000);
        assert_eq!([noise(0, 333), noise(333, 667)].concat(), whole);
        // Every byte occurs, none too often.
        let mut counts = [0; 256];
        noise(0, 1 << 16)
            .iter()
            .for_each(|b| counts[usize::from(*b)] += 1);
        assert!(counts.iter().all(|n| (150..400).contains(n)), "{counts:?}");
    }
}
