//! `/proc/PID/mountinfo`, proc_pid_mountinfo(5).

/// One mount, as a process sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mount {
    /// Which directory of the filesystem is mounted; `/` for the whole.
    pub(super) root: String,
    /// Where, relative to the process's root directory.
    pub(super) point: String,
    /// The filesystem's type.
    pub(super) fstype: String,
    /// Options of the filesystem itself, shared by all its mounts.
    pub(super) super_options: Vec<String>,
}

/// All mounts in the file's order. Lines without the expected shape are passed over.
pub(super) fn parse(text: &str) -> impl DoubleEndedIterator<Item = Mount> {
    text.lines().filter_map(parse_line)
}

fn parse_line(line: &str) -> Option<Mount> {
    // A varying number of optional fields ends with a lone hyphen.
    let (before, after) = line.split_once(" - ")?;
    let mut before = before.split(' ').skip(3);
    let mut after = after.split(' ');
    Some(Mount {
        root: unescape(before.next()?),
        point: unescape(before.next()?),
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
fn unescape(text: &str) -> String {
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
        let mount = |root: &str, point: &str, fstype: &str, options: &str| Mount {
            root: root.into(),
            point: point.into(),
            fstype: fstype.into(),
            super_options: options.split(',').map(String::from).collect(),
        };
        for (line, expected) in [
            (
                "22 27 0:21 / /proc rw,relatime - proc proc rw",
                Some(mount("/", "/proc", "proc", "rw")),
            ),
            (
                r"36 35 98:0 /a\040b /mnt/x\134\011y rw shared:1 master:2 - ext3 /dev/root rw,errors=continue",
                Some(mount("/a b", "/mnt/x\\\ty", "ext3", "rw,errors=continue")),
            ),
            // Not an escape: too short, not octal, or beyond a byte.
            (
                r"1 2 0:1 / /a\04 rw - tmpfs none rw",
                Some(mount("/", r"/a\04", "tmpfs", "rw")),
            ),
            (
                r"1 2 0:1 / /a\049\777 rw - fuse.x none rw",
                Some(mount("/", r"/a\049\777", "fuse.x", "rw")),
            ),
            ("", None),
            ("22 27 0:21 / /proc rw", None),
        ] {
            assert_eq!(parse(line).next(), expected, "{line}");
        }
    }
}
