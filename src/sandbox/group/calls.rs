//! How groups are changed: calls that are handed on to be told, and their refusals.

use crate::base::{Errno, literal};
use crate::plan::Controller;
use crate::probe::Directories;
use crate::probe::cgroups::{Memberships, Mounts, Version};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

/// A refused step of making or changing a group.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::sandbox) struct Refused {
    /// For which controller.
    pub(in crate::sandbox) controller: Controller,
    /// The call, as `mkdir(…)` or `write(…)`.
    pub(in crate::sandbox) stage: String,
    /// The kernel's answer; `None`: there is no such controller.
    pub(in crate::sandbox) errno: Option<Errno>,
}

impl Refused {
    /// Whether the kernel had something against the value that was written, not
    /// against its being written: a group that holds more than the limit (EBUSY),
    /// and values without meaning or out of range.
    pub(in crate::sandbox) fn is_of_the_value(&self) -> bool {
        let value = [libc::EBUSY, libc::EINVAL, libc::ERANGE];
        self.stage.starts_with("write(") && self.errno.is_some_and(|errno| value.contains(&errno.0))
    }
}

/// Makes a call and tells it: name, arguments, why, the call itself.
pub(in crate::sandbox) type Caller<'a> = &'a mut dyn FnMut(
    &str,
    String,
    &str,
    &mut dyn FnMut() -> Result<i64, Errno>,
) -> Result<i64, Errno>;

/// Whether this user may make groups in one.
pub(in crate::sandbox) fn writable(dir: &Path) -> bool {
    nix::unistd::access(dir, nix::unistd::AccessFlags::W_OK).is_ok()
}

pub(in crate::sandbox) fn write(
    path: &Path,
    line: &str,
    why: &str,
    call: Caller<'_>,
) -> Result<(), Errno> {
    let args = format!("{}, {line}", literal(path), line = literal(line));
    let written = call("write", args, why, &mut || {
        let mut file = fs::OpenOptions::new()
            .write(true)
            .open(path)
            .map_err(Errno::from)?;
        file.write(line.as_bytes())
            .map(|n| n as i64)
            .map_err(Errno::from)
    });
    written.map(drop)
}

/// The directories below which a version 1 group is made, one for each
/// hierarchy that it takes; `None` if version 1 doesn't have the controller here.
pub(super) fn v1_bases(
    controller: Controller,
    members: &Memberships,
    mounts: &Mounts,
    parent: Option<&Directories>,
) -> Option<Vec<PathBuf>> {
    let mut bases: Vec<PathBuf> = Vec::new();
    for name in controller.v1() {
        let group = mounts
            .group_of(members, name)
            .filter(|group| group.version == Version::V1)?;
        if !bases.contains(&group.directory) {
            bases.push(group.directory);
        }
    }
    let above = parent.and_then(|parent| parent.get(&controller));
    match above {
        Some(parts) => Some(parts.iter().map(|part| part.directory.clone()).collect()),
        None => Some(bases),
    }
}
