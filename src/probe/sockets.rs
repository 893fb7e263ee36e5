//! The sockets that a process holds open: its descriptors, proc_pid_fd(5), found
//! again in the tables of its network namespace, proc_pid_net(5).

use super::observation::Unread;
use crate::base::kernel;
use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

/// More than anyone reads of one process.
const MOST: usize = 200;

/// The sockets of a process.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sockets {
    /// One line for each that a table tells: `tcp 0.0.0.0:80 listens`.
    pub lines: Vec<String>,
    /// How many there are in all; the tables that are read don't tell of all kinds.
    pub count: usize,
}

/// Reads them.
///
/// # Errors
/// Why they can't be told.
pub(super) fn sockets(proc_root: &Path, pid: i32) -> Result<Sockets, Unread> {
    let dir = proc_root.join(pid.to_string());
    let fds = dir.join("fd");
    let entries = fs::read_dir(&fds).map_err(|error| Unread::of(&fds, &error))?;
    let inodes: BTreeSet<u64> = entries
        .filter_map(|entry| fs::read_link(entry.ok()?.path()).ok())
        .filter_map(|target| socket_inode(&target.to_string_lossy()))
        .collect();
    let mut lines = Vec::new();
    if !inodes.is_empty() {
        for (protocol, file) in [
            ("tcp", "net/tcp"),
            ("tcp", "net/tcp6"),
            ("udp", "net/udp"),
            ("udp", "net/udp6"),
        ] {
            let text = kernel::read_text(dir.join(file)).unwrap_or_default();
            let of_process = internet(protocol, &text)
                .filter(|(inode, _)| inodes.contains(inode))
                .map(|(_, line)| line);
            lines.extend(of_process);
        }
        let text = kernel::read_text(dir.join("net/unix")).unwrap_or_default();
        let table = local(&text);
        let paths = inodes.iter().filter_map(|inode| table.get(inode)?.clone());
        lines.extend(paths.map(|path| format!("unix {path}")));
    }
    lines.sort();
    lines.dedup();
    lines.truncate(MOST);
    Ok(Sockets {
        lines,
        count: inodes.len(),
    })
}

fn socket_inode(target: &str) -> Option<u64> {
    let inode = target.strip_prefix("socket:[")?.strip_suffix(']')?;
    inode.parse().ok()
}

/// The lines of a table of internet sockets, with their inodes.
fn internet<'t>(protocol: &'t str, text: &'t str) -> impl Iterator<Item = (u64, String)> + 't {
    text.lines().skip(1).filter_map(move |line| {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let inode = fields.get(9)?.parse().ok()?;
        let (near, far) = (address(fields.get(1)?)?, address(fields.get(2)?)?);
        let line = match (protocol, *fields.get(3)?) {
            ("tcp", "0A") => format!("tcp {near} listens"),
            (_, _) if far.port() == 0 => format!("{protocol} {near}"),
            (_, _) => format!("{protocol} {near} to {far}"),
        };
        Some((inode, line))
    })
}

/// `0100007F:1F90`: each four bytes of the address as a number of this machine's.
fn address(text: &str) -> Option<SocketAddr> {
    let (address, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word = |at: usize| {
        let digits = address.get(at * 8..at * 8 + 8)?;
        Some(u32::from_str_radix(digits, 16).ok()?.to_ne_bytes())
    };
    let ip = match address.len() {
        8 => IpAddr::V4(Ipv4Addr::from(word(0)?)),
        32 => {
            let mut bytes = [0; 16];
            for at in 0..4 {
                bytes[at * 4..at * 4 + 4].copy_from_slice(&word(at)?);
            }
            IpAddr::V6(Ipv6Addr::from(bytes))
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

/// The paths of local sockets. The kernel writes a path as it is: one with a
/// newline can make a line that tells of another's inode, so an inode that two
/// lines claim has none.
fn local(text: &str) -> HashMap<u64, Option<String>> {
    let mut found = HashMap::new();
    for line in text.lines().skip(1) {
        // `Num RefCount Protocol Flags Type St Inode Path`
        let mut fields = line.splitn(2, ": ");
        let (Some(_), Some(rest)) = (fields.next(), fields.next()) else {
            continue;
        };
        let words: Vec<&str> = rest.split_ascii_whitespace().take(6).collect();
        let Some(inode) = words.get(5).and_then(|word| word.parse::<u64>().ok()) else {
            continue;
        };
        let path = rest.find(&format!(" {inode} ")).map(|at| {
            let after = &rest[at + 1..];
            after[after.find(' ').unwrap_or(0) + 1..].to_string()
        });
        found
            .entry(inode)
            .and_modify(|known| *known = None)
            .or_insert(path);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_the_kernel_writes_them() {
        // As a little-endian machine shows them; the others are not tested on.
        if cfg!(target_endian = "big") {
            return;
        }
        for (text, expected) in [
            ("0100007F:1F90", Some("127.0.0.1:8080")),
            ("00000000:0035", Some("0.0.0.0:53")),
            ("00000000000000000000000001000000:0016", Some("[::1]:22")),
            ("0100007F", None),
            ("xyz:1", None),
            ("01:1", None),
        ] {
            let found = address(text).map(|address| address.to_string());
            assert_eq!(found.as_deref(), expected, "{text}");
        }
        let table = "  sl  local_address rem_address   st\n   \
            0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  0 0 77 1\n   \
            1: 0100007F:1F90 0100007F:0050 01 00000000:00000000 00:00000000 00000000  0 0 78 1\n";
        let lines: Vec<_> = internet("tcp", table).collect();
        assert_eq!(lines[0], (77, "tcp 127.0.0.1:8080 listens".into()));
        assert_eq!(lines[1].1, "tcp 127.0.0.1:8080 to 127.0.0.1:80");
    }

    #[test]
    fn a_path_that_is_two_lines_speaks_for_no_other() {
        let text = "Num       RefCount Protocol Flags    Type St Inode Path\n\
            0000000000000000: 00000002 00000000 00010000 0001 01 12 /run/a b.sock\n\
            0000000000000000: 00000002 00000000 00010000 0001 01 13\n\
            0000000000000000: 00000002 00000000 00010000 0001 01 14 /x\n\
            0000000000000000: 00000002 00000000 00010000 0001 01 12 /etc/forged\n";
        let found = local(text);
        assert_eq!(found[&12], None);
        assert_eq!(found[&13], None);
        assert_eq!(found[&14].as_deref(), Some("/x"));
        let honest: String = text
            .lines()
            .take(4)
            .map(|line| format!("{line}\n"))
            .collect();
        assert_eq!(local(&honest)[&12].as_deref(), Some("/run/a b.sock"));
    }
}
