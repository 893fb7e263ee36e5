//! What a container has changed: `docker diff`, read from its writable layer.

use crate::image::OverlayXattrs;
use serde::Serialize;
use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

/// A change.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Change {
    pub(super) path: String,
    /// 0 changed, 1 added, 2 deleted.
    pub(super) kind: u8,
}

/// All of them, in the order of their paths; `lowers` are the layers below, the
/// uppermost first.
pub(super) fn changes(upper: &Path, lowers: &[String], xattrs: OverlayXattrs) -> Vec<Change> {
    let below = Below { lowers, xattrs };
    let mut found = Vec::new();
    walk(upper, &PathBuf::new(), &below, &mut found);
    found
}

fn walk(upper: &Path, at: &Path, below: &Below<'_>, found: &mut Vec<Change>) {
    let entries = fs::read_dir(upper.join(at)).into_iter().flatten().flatten();
    let mut entries: Vec<_> = entries.collect();
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = at.join(entry.file_name());
        let Ok(meta) = entry.metadata() else {
            continue;
        };
        let kind = match (is_whiteout(&meta), below.has(&name)) {
            (true, _) => 2,
            (false, true) => 0,
            (false, false) => 1,
        };
        found.push(Change {
            path: format!("/{}", name.display()),
            kind,
        });
        if meta.is_dir() {
            walk(upper, &name, below, found);
        }
    }
}

fn is_whiteout(meta: &fs::Metadata) -> bool {
    meta.file_type().is_char_device() && meta.rdev() == 0
}

struct Below<'l> {
    lowers: &'l [String],
    xattrs: OverlayXattrs,
}

impl Below<'_> {
    /// Whether the layers below show something of that name.
    fn has(&self, name: &Path) -> bool {
        let opaque = format!("{}opaque", self.xattrs.prefix());
        for lower in self.lowers.iter().map(Path::new) {
            let mut hides = false;
            for part in name.ancestors().collect::<Vec<_>>().into_iter().rev() {
                let path = lower.join(part);
                match path.symlink_metadata() {
                    Ok(meta) if is_whiteout(&meta) => return false,
                    Ok(_) if part == name => return true,
                    Ok(meta) if !meta.is_dir() => return false,
                    Ok(_) => hides |= matches!(xattr::get(&path, &opaque), Ok(Some(_))),
                    Err(_) => break,
                }
            }
            if hides {
                return false;
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::stat::{Mode, SFlag, makedev, mknod};

    #[test]
    fn what_was_added_changed_and_deleted() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        for name in ["upper/etc", "upper/new", "top/etc", "low/etc", "low/gone"] {
            fs::create_dir_all(path(name)).unwrap();
        }
        for name in ["low/etc/a", "low/gone/b", "upper/etc/a", "upper/new/c"] {
            fs::write(path(name), "").unwrap();
        }
        let whiteout = |name: &str| {
            mknod(&path(name), SFlag::S_IFCHR, Mode::empty(), makedev(0, 0)).unwrap();
        };
        whiteout("top/gone");
        whiteout("upper/etc/x");
        fs::create_dir_all(path("upper/gone")).unwrap();
        let lowers = ["top", "low"].map(|name| path(name).display().to_string());
        let found = changes(&path("upper"), &lowers, OverlayXattrs::User);
        let expected = [
            ("/etc", 0),
            ("/etc/a", 0),
            ("/etc/x", 2),
            ("/gone", 1),
            ("/new", 1),
            ("/new/c", 1),
        ];
        let found: Vec<(&str, u8)> = found
            .iter()
            .map(|change| (change.path.as_str(), change.kind))
            .collect();
        assert_eq!(found, expected);
    }
}
