//! `/proc/PID/mountinfo`, proc_pid_mountinfo(5).

/// One mount, as a process sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// Its number, unique in this file.
    id: u64,
    /// The number of the mount that it is mounted on.
    parent: u64,
    /// The filesystem's device, `major:minor`: the same wherever it is mounted.
    pub device: String,
    /// Which directory of the filesystem is mounted; `/` for the whole.
    pub root: String,
    /// Where, relative to the process's root directory.
    pub point: String,
    /// Options of this mount, comma-separated: `ro,nosuid`.
    pub options: String,
    /// The filesystem's type.
    pub fstype: String,
    /// Options of the filesystem itself, shared by all its mounts, escaped as
    /// they stand there: an unescaped comma in a value would look like the next.
    pub super_options: Vec<String>,
}

impl Mount {
    /// Whether each answer of the filesystem comes from the kernel itself, and
    /// not from a process or another machine that may never give it.
    pub fn is_local(&self) -> bool {
        const REMOTE: [&str; 9] = [
            "fuse", "nfs", "cifs", "smb", "9p", "autofs", "ceph", "virtiofs", "afs",
        ];
        !REMOTE.iter().any(|name| self.fstype.starts_with(name))
    }
}

/// All mounts in the file's order. Lines without the expected shape are passed over.
pub fn parse(text: &str) -> Vec<Mount> {
    text.lines().filter_map(parse_line).collect()
}

/// Where each mount is, its own options, comma-separated, and its filesystem's type.
pub fn mount_points(text: &str) -> Vec<(String, String, String)> {
    let line = |line: &str| {
        let mut fields = line.split(' ').skip(4);
        let (point, options) = (unescape(fields.next()?), fields.next()?.to_string());
        let mut rest = fields.skip_while(|field| *field != "-").skip(1);
        Some((point, options, rest.next()?.to_string()))
    };
    text.lines().filter_map(line).collect()
}

/// Whether a path can still lead to this one of `mounts`: not if a later mount
/// covers it.
///
/// The order of the lines doesn't tell, because a mount can be moved (that of
/// `/` often comes after that of `/proc`); the tree of parents does.
pub fn is_visible(mount: &Mount, mounts: &[Mount]) -> bool {
    let mut below = None;
    let mut at = mount;
    // A damaged file could hold a loop; a chain is never longer than the list.
    for _ in 0..mounts.len() {
        let covers = |other: &&Mount| {
            // The first root file system is its own parent.
            other.id != at.id
                && other.id != other.parent
                && if other.parent == at.id {
                    other.point == at.point && Some(other.id) != below
                } else {
                    other.parent == at.parent && is_above(&other.point, &at.point)
                }
        };
        if mounts.iter().any(|other| covers(&other)) {
            return false;
        }
        below = Some(at.id);
        match mounts.iter().find(|other| other.id == at.parent) {
            Some(parent) if parent.id != at.id => at = parent,
            Some(_) | None => return true,
        }
    }
    false
}

/// The mount that a path shows if it is a mount point: the one on top of all
/// that are mounted there.
pub fn topmost<'a>(mounts: &'a [Mount], path: &str) -> Option<&'a Mount> {
    let path = match path.trim_end_matches('/') {
        "" => "/",
        trimmed => trimmed,
    };
    mounts
        .iter()
        .rev()
        .find(|mount| mount.point == path && is_visible(mount, mounts))
}

/// The mount that a path lies in: that of the nearest mount point at it or above
/// it. The path is taken by its text; no symbolic link is followed.
pub fn holding<'a>(mounts: &'a [Mount], path: &str) -> Option<&'a Mount> {
    let ancestors = std::path::Path::new(path).ancestors();
    ancestors
        .filter_map(std::path::Path::to_str)
        .find_map(|ancestor| topmost(mounts, ancestor))
}

/// Whether one directory is a proper ancestor of the other.
fn is_above(ancestor: &str, path: &str) -> bool {
    ancestor != path && std::path::Path::new(path).starts_with(ancestor)
}

fn parse_line(line: &str) -> Option<Mount> {
    // A varying number of optional fields ends with a lone hyphen.
    let (before, after) = line.split_once(" - ")?;
    let mut before = before.split(' ');
    let mut after = after.split(' ');
    let (id, parent) = (before.next()?.parse().ok()?, before.next()?.parse().ok()?);
    Some(Mount {
        id,
        parent,
        device: before.next()?.into(),
        root: unescape(before.next()?),
        point: unescape(before.next()?),
        options: before.next().unwrap_or("").into(),
        fstype: unescape(after.next()?),
        super_options: after
            .nth(1)
            .unwrap_or("")
            .split(',')
            .map(String::from)
            .collect(),
    })
}

/// Space, tab, newline, `#` and backslash are written as `\` and three octal digits.
pub(super) fn unescape(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut i = 0;
    while i < bytes.len() {
        let code = bytes.get(i + 1..i + 4).and_then(octal);
        match code {
            Some(byte) if bytes[i] == b'\\' => {
                out.push(byte);
                i += 4;
            }
            _ => {
                out.push(bytes[i]);
                i += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn octal(digits: &[u8]) -> Option<u8> {
    digits.iter().try_fold(0u8, |sum, digit| match digit {
        b'0'..=b'7' => sum.checked_mul(8)?.checked_add(digit - b'0'),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_every_shape() {
        let mount = |(id, parent, device): (u64, u64, &str),
                     root: &str,
                     point: &str,
                     own: &str,
                     fstype: &str,
                     options: &str| Mount {
            id,
            parent,
            device: device.into(),
            root: root.into(),
            point: point.into(),
            options: own.into(),
            fstype: fstype.into(),
            super_options: options.split(',').map(String::from).collect(),
        };
        for (line, expected) in [
            (
                "22 27 0:21 / /proc rw,relatime - proc proc rw",
                Some(mount(
                    (22, 27, "0:21"),
                    "/",
                    "/proc",
                    "rw,relatime",
                    "proc",
                    "rw",
                )),
            ),
            (
                r"36 35 98:0 /a\040b /mnt/x\134\011y rw shared:1 master:2 - ext3 /dev/root rw,errors=continue",
                Some(mount(
                    (36, 35, "98:0"),
                    "/a b",
                    "/mnt/x\\\ty",
                    "rw",
                    "ext3",
                    "rw,errors=continue",
                )),
            ),
            // Not an escape: too short, not octal, or beyond a byte.
            (
                r"1 2 0:1 / /a\04 rw - tmpfs none rw",
                Some(mount((1, 2, "0:1"), "/", r"/a\04", "rw", "tmpfs", "rw")),
            ),
            (
                r"1 2 0:1 / /a\049\777 rw - fuse.x none rw",
                Some(mount(
                    (1, 2, "0:1"),
                    "/",
                    r"/a\049\777",
                    "rw",
                    "fuse.x",
                    "rw",
                )),
            ),
            ("", None),
            ("22 27 0:21 / /proc rw", None),
        ] {
            assert_eq!(parse(line).pop(), expected, "{line}");
        }
    }

    #[test]
    fn what_is_covered_is_not_visible() {
        let line = |(id, parent, point): &(u64, u64, &str)| {
            format!("{id} {parent} 0:{id} / {point} rw - tmpfs t rw\n")
        };
        for (tree, expected) in [
            // `/` after what is mounted on it.
            (&[(22, 27, "/proc"), (27, 1, "/")][..], &[22, 27][..]),
            // Two mounts on top of one another.
            (
                &[(1, 0, "/"), (2, 1, "/mnt"), (3, 2, "/mnt"), (4, 3, "/mnt")],
                &[1, 4],
            ),
            // A child of the lower one can't be reached; one of the upper can.
            (
                &[
                    (1, 0, "/"),
                    (2, 1, "/m"),
                    (3, 2, "/m/a"),
                    (4, 2, "/m"),
                    (5, 4, "/m/b"),
                ],
                &[1, 4, 5],
            ),
            // A mount at a directory above, made later on the same parent.
            (&[(1, 0, "/"), (2, 1, "/a/b"), (3, 1, "/a")], &[1, 3]),
            // Neighbours whose names begin alike.
            (&[(1, 0, "/"), (2, 1, "/ab"), (3, 1, "/a")], &[1, 2, 3]),
            // A root that is its own parent, and a loop.
            (&[(1, 1, "/"), (2, 1, "/a")], &[1, 2]),
            (&[(1, 2, "/a"), (2, 1, "/b")], &[]),
        ] {
            let text: String = tree.iter().map(line).collect();
            let mounts = parse(&text);
            let ids: Vec<u64> = mounts
                .iter()
                .filter(|mount| is_visible(mount, &mounts))
                .map(|mount| mount.id)
                .collect();
            assert_eq!(ids, expected, "{text}");
        }
    }
}
