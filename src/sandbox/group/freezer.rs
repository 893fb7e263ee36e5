//! The freezer: version 1 has a controller for it, version 2 a file in each group.

use super::calls::{Caller, Refused, write};
use super::groups::Groups;
use crate::base::Errno;
use crate::plan::{BoxName, Controller};
use crate::probe::cgroups::{self, Version};
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

impl Groups {
    /// Freezes or thaws a group, and awaits that the kernel says so.
    pub(in crate::sandbox) fn freeze(
        &self,
        name: &BoxName,
        frozen: bool,
        call: Caller<'_>,
    ) -> Result<(), Refused> {
        let controller = Controller::Freezer;
        let lacking = || Refused {
            controller,
            stage: format!("the group `{name}`"),
            errno: None,
        };
        let group = self.known.get(name).ok_or_else(lacking)?;
        let v2 = || {
            group
                .values()
                .flatten()
                .find(|part| part.version == Version::V2)
        };
        let part = group
            .get(&controller)
            .and_then(|parts| parts.first())
            .or_else(v2)
            .ok_or_else(lacking)?;
        let (path, line) = freezer(part, frozen);
        write(
            &path,
            line,
            if frozen {
                "stop every member"
            } else {
                "let them go on"
            },
            call,
        )
        .map_err(|errno| Refused {
            controller,
            stage: format!("write({}, {line})", path.display()),
            errno: Some(errno),
        })?;
        let started = Instant::now();
        while is_frozen(part) != frozen {
            if started.elapsed() > Duration::from_secs(5) {
                let stage = format!("write({}, {line})", path.display());
                return Err(Refused {
                    controller,
                    stage,
                    errno: Some(Errno(libc::ETIMEDOUT)),
                });
            }
            // Version 1 has no event for it, so the state is read again.
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }
}

fn freezer(part: &cgroups::Group, frozen: bool) -> (PathBuf, &'static str) {
    match (part.version, frozen) {
        (Version::V1, true) => (part.directory.join("freezer.state"), "FROZEN"),
        (Version::V1, false) => (part.directory.join("freezer.state"), "THAWED"),
        (Version::V2, true) => (part.directory.join("cgroup.freeze"), "1"),
        (Version::V2, false) => (part.directory.join("cgroup.freeze"), "0"),
    }
}

fn is_frozen(part: &cgroups::Group) -> bool {
    let read = |file: &str| fs::read_to_string(part.directory.join(file)).unwrap_or_default();
    match part.version {
        Version::V1 => read("freezer.state").trim() == "FROZEN",
        Version::V2 => read("cgroup.events").lines().any(|line| line == "frozen 1"),
    }
}
