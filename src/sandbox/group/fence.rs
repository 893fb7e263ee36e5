//! The group of the programs that a demo runs: what they may use of the machine
//! together, however many processes they make.
//!
//! rlimits can't say that. RLIMIT_NPROC counts all processes of a user, and none
//! of root's; those on memory hold for each process alone. But for a net that is
//! not what the lesson is about, nothing of the host's may be changed: the group
//! is made only where the kernel's files allow it as they are.

use super::calls::{v1_bases, writable};
use super::cgroup::Group;
use super::groups::Groups;
use super::leaf;
use super::switched;
use crate::plan::{Controller, RUN_MEMORY, RUN_PROCESSES};
use crate::probe::Subject;
use crate::probe::cgroups::{Memberships, Mounts};
use crate::sandbox::base::owner::name_for;
use std::fs;
use std::path::{Path, PathBuf};

/// What its name ends with; no name of a lesson's has a dot.
const NAME: &str = "run.programs";

impl Groups {
    /// Its directories: one for each hierarchy of version 1, or one of version 2;
    /// none where it can't be made.
    pub(in crate::sandbox) fn fence(&mut self) -> &[PathBuf] {
        if self.fence.is_none() {
            self.fence = Some(self.make_fence().unwrap_or_default());
        }
        self.fence.as_deref().unwrap_or_default()
    }

    fn make_fence(&mut self) -> Option<Vec<PathBuf>> {
        let proc = Path::new("/proc");
        let members = Memberships::read(proc, &Subject::Myself).ok()?;
        let mounts = Mounts::read(proc, &Subject::Myself).ok()?;
        let name = name_for(NAME)?;
        let mut found: Vec<PathBuf> = Vec::new();
        let mut unified = Vec::new();
        for controller in [Controller::Pids, Controller::Memory] {
            match v1_bases(controller, &members, &mounts, None) {
                Some(bases) => found.extend(bases.iter().map(|base| base.join(&name))),
                None => unified.extend(controller.v2()),
            }
        }
        found.extend(
            self.handing_down(&unified, &members, &mounts)
                .map(|base| base.join(&name)),
        );
        found.sort();
        found.dedup();
        found.retain(|path| fs::create_dir(path).is_ok());
        for path in &found {
            self.made.push(Group::made(path.clone()));
            // A fork bomb gets EAGAIN; whoever takes more memory, swap included, is
            // ended by the kernel.
            for (file, most) in [
                ("pids.max", RUN_PROCESSES),
                ("memory.limit_in_bytes", RUN_MEMORY.0),
                ("memory.memsw.limit_in_bytes", RUN_MEMORY.0),
                ("memory.max", RUN_MEMORY.0),
                ("memory.swap.max", 0),
            ] {
                // Those of the other version, or of another hierarchy, aren't there.
                let _ = fs::write(path.join(file), most.to_string());
            }
        }
        Some(found)
    }

    /// The nearest group of version 2 that hands these controllers down already.
    fn handing_down(
        &self,
        wanted: &[&str],
        members: &Memberships,
        mounts: &Mounts,
    ) -> Option<PathBuf> {
        if wanted.is_empty() {
            return None;
        }
        let root = mounts.unified()?;
        let own = mounts.directory(members.unified()?)?;
        let levels = if self.delegated { 1 } else { usize::MAX };
        let mut chain = leaf::home_of(&own)
            .ancestors()
            .take(levels)
            .take_while(|dir| dir.starts_with(&root.point));
        let hands_down = |dir: &Path| {
            let on = switched::handed_down(dir);
            writable(dir) && wanted.iter().all(|name| on.iter().any(|on| on == name))
        };
        chain.find(|dir| hands_down(dir)).map(Path::to_path_buf)
    }
}
