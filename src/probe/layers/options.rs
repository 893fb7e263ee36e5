//! The layers of an overlay as its mount options tell them.
//!
//! They are escaped twice. procfs writes a comma, white space and `\` as `\` and
//! three octal digits; below that lies the spelling of overlayfs itself, in
//! which `\` goes before a `:`, a `,` or a `\` that belongs to a path.

use crate::probe::mountinfo::unescape;

/// What an overlay was told.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Options {
    /// The upper layer, in the ways that it may have been meant, the likeliest
    /// first: some kernels show it as it was spelled, others as it was understood.
    pub(super) upper: Option<Vec<String>>,
    /// The lower layers, the topmost first.
    pub(super) lower: Vec<String>,
    /// `userxattr`: marks are kept in `user.overlay.` instead of `trusted.overlay.`.
    pub(super) user_attributes: bool,
}

/// Reads the options of a line of mountinfo, still escaped. Layers that hold
/// data only (`datadir+`, or behind `::`) show no names and are left out.
pub(super) fn parse(options: &[String]) -> Options {
    let mut found = Options::default();
    for option in options {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        let value = unescape(value);
        match name {
            "lowerdir" => found.lower.extend(split(&value)),
            // One by one, since Linux 6.8: as it is.
            "lowerdir+" => found.lower.push(value),
            "upperdir" => {
                let mut ways = vec![plain(&value), value];
                ways.dedup();
                found.upper = Some(ways);
            }
            "userxattr" => found.user_attributes = true,
            _ => {}
        }
    }
    found
}

/// The paths of a `lowerdir`, up to a `::`.
fn split(list: &str) -> Vec<String> {
    let mut paths = vec![String::new()];
    let mut chars = list.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            ':' if chars.peek() == Some(&':') => break,
            ':' => paths.push(String::new()),
            '\\' => paths
                .last_mut()
                .unwrap_or(&mut String::new())
                .push(chars.next().unwrap_or('\\')),
            c => paths.last_mut().unwrap_or(&mut String::new()).push(c),
        }
    }
    paths
}

/// One path without the escapes of overlayfs.
fn plain(path: &str) -> String {
    let mut out = String::new();
    let mut chars = path.chars();
    while let Some(c) = chars.next() {
        out.push(if c == '\\' {
            chars.next().unwrap_or('\\')
        } else {
            c
        });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_escapings_are_taken_off() {
        for (text, upper, lower, user_attributes) in [
            (
                "rw,lowerdir=/l/2:/l/1,upperdir=/u,workdir=/w,uuid=on",
                &["/u"][..],
                &["/l/2", "/l/1"][..],
                false,
            ),
            // As Linux 6.18 shows directories called `l:1`, `l,2`, `l\3`, `l 4`.
            (
                r"rw,lowerdir=l\134:1:l\134\0542:l\134\1343:/tmp/l\0404,upperdir=u:p,userxattr",
                &["u:p"],
                &["l:1", "l,2", r"l\3", "/tmp/l 4"],
                true,
            ),
            // `u\q,r:s` as it was spelled, and as it may have been understood.
            (
                r"ro,lowerdir=/a,upperdir=/u\134\134q\134\054r\134:s",
                &[r"/u\q,r:s", r"/u\\q\,r\:s"],
                &["/a"],
                false,
            ),
            (
                r"ro,lowerdir+=/a\134b:c,lowerdir+=/d,datadir+=/data",
                &[],
                &[r"/a\b:c", "/d"],
                false,
            ),
            (
                "ro,lowerdir=/a:/b::/data1::/data2",
                &[],
                &["/a", "/b"],
                false,
            ),
            (r"ro,lowerdir=/end\134", &[], &[r"/end\"], false),
        ] {
            let options: Vec<String> = text.split(',').map(String::from).collect();
            let strings = |list: &[&str]| list.iter().map(|s| s.to_string()).collect::<Vec<_>>();
            let expected = Options {
                upper: (!upper.is_empty()).then(|| strings(upper)),
                lower: strings(lower),
                user_attributes,
            };
            assert_eq!(parse(&options), expected, "{text}");
        }
    }
}
