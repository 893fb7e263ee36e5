//! The processes that a `spawn` leaves in the background of its place.

use nix::unistd::Pid;
use std::collections::BTreeMap;
use std::io::{self, Read};
use std::os::unix::net::UnixStream;

/// Background processes of one agent, by the name of their `spawn`.
#[derive(Default)]
pub(in crate::sandbox) struct Children {
    pub(in crate::sandbox) groups: BTreeMap<String, Vec<Child>>,
}

/// One of them, with the wire on which it says how it fares.
pub(in crate::sandbox) struct Child {
    pub(in crate::sandbox) pid: Pid,
    pub(in crate::sandbox) report: Report,
}

/// What a process has said so far. Never waited for: it may be stopped.
pub(in crate::sandbox) struct Report {
    pub(in crate::sandbox) stream: UnixStream,
    pub(in crate::sandbox) said: Vec<u8>,
    pub(in crate::sandbox) open: bool,
}

impl Children {
    /// The processes of a `spawn`, as this place counts.
    pub(in crate::sandbox) fn pids(&self, name: &str) -> Option<Vec<Pid>> {
        let group = self.groups.get(name)?;
        Some(group.iter().map(|child| child.pid).collect())
    }
}

impl Report {
    pub(in crate::sandbox) fn new(stream: UnixStream) -> io::Result<Report> {
        stream.set_nonblocking(true)?;
        Ok(Report {
            stream,
            said: Vec::new(),
            open: true,
        })
    }

    /// Takes what has been said.
    pub(in crate::sandbox) fn read(&mut self) {
        let mut bytes = [0; 4096];
        while self.open {
            match self.stream.read(&mut bytes) {
                Ok(0) => self.open = false,
                Ok(count) => self.said.extend_from_slice(&bytes[..count]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(_) => self.open = false,
            }
        }
    }

    /// The next so many bytes, once they have been said.
    pub(in crate::sandbox) fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.read();
        let bytes = self.said.first_chunk::<N>().copied()?;
        self.said.drain(..N);
        Some(bytes)
    }
}
