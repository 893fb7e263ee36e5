//! A controller that somebody takes away from a group of ours in the middle of a
//! run: an administrator's `-io`, a systemd that reloads its units and puts its
//! own groups in order. The group's limits and files go with it, and what the
//! demo shows from then on shows nothing. So each run can tell: it holds a file
//! of each controller open, and once the kernel has removed that, reading it is
//! ENODEV (kernfs), also if the controller has been given back since.

use crate::base::Errno;
use crate::plan::{Controller, Need, Refusal};
use crate::probe::cgroups::available;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// A controller that a group of this run's was given.
pub(super) struct Given {
    controller: Controller,
    /// The group.
    group: PathBuf,
    /// One of the controller's own files in it.
    path: PathBuf,
    file: File,
}

/// One that it doesn't have any more.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::sandbox) struct Taken {
    /// Which one.
    pub(in crate::sandbox) controller: Controller,
    /// What it was taken from.
    group: PathBuf,
    /// The file that is gone.
    path: PathBuf,
    how: How,
}

#[derive(Debug, PartialEq, Eq)]
enum How {
    /// The group isn't there any more.
    Removed,
    /// This group above has it, and doesn't hand it down.
    NotHandedDown(PathBuf),
    /// It has been given back: without the limits.
    GivenBack,
}

impl Given {
    /// Notes that a group of version 2 has a controller; `None` if it has no
    /// file that would tell.
    pub(super) fn note(controller: Controller, group: &Path) -> Option<Given> {
        let file = match controller {
            Controller::Cpu => "cpu.weight",
            Controller::Memory => "memory.current",
            Controller::Pids => "pids.current",
            Controller::Io => "io.stat",
            // Part of every group.
            Controller::Freezer => return None,
        };
        let path = group.join(file);
        Some(Given {
            controller,
            group: group.into(),
            file: File::open(&path).ok()?,
            path,
        })
    }

    /// Whether the group has that name.
    pub(super) fn is_of(&self, group: Option<&str>) -> bool {
        group.is_some() && self.group.file_name().and_then(|name| name.to_str()) == group
    }

    /// Looks whether it was taken away.
    pub(super) fn taken(&self) -> Option<Taken> {
        let error = self.file.read_at(&mut [0], 0).err()?;
        if error.raw_os_error() != Some(libc::ENODEV) {
            return None;
        }
        Some(Taken {
            controller: self.controller,
            group: self.group.clone(),
            path: self.path.clone(),
            how: how(self.controller, &self.group)?,
        })
    }
}

/// What became of a controller, as the groups show it now; `None` if they don't.
fn how(controller: Controller, group: &Path) -> Option<How> {
    let name = controller.v2()?;
    let has = |dir: &&Path| available(dir).iter().any(|has| has == name);
    if !group.exists() {
        return Some(How::Removed);
    }
    if has(&group) {
        return Some(How::GivenBack);
    }
    let above = group.ancestors().skip(1).find(has)?;
    Some(How::NotHandedDown(above.into()))
}

impl Taken {
    /// Whether somebody has said above that it isn't handed down, rather than
    /// removed this one group.
    pub(super) fn is_from_above(&self) -> bool {
        match self.how {
            How::NotHandedDown(_) | How::GivenBack => true,
            How::Removed => false,
        }
    }

    /// The refusal that it is: by this call, or, where none has failed yet, by
    /// the one that showed it.
    pub(in crate::sandbox) fn refusal(&self, failed: Option<(&str, Option<Errno>)>) -> Refusal {
        let (group, controller) = (self.group.display(), self.controller);
        let read = format!("read({})", self.path.display());
        let (stage, errno) = failed.unwrap_or((&read, Some(Errno(libc::ENODEV))));
        let (cause, look) = match &self.how {
            How::Removed => (
                format!("the group {group} was removed while the demo ran"),
                None,
            ),
            How::NotHandedDown(above) => (
                format!(
                    "{controller} was taken away from {group} while the demo ran: {} doesn't \
                     hand it down any more",
                    above.display()
                ),
                Some(above.as_path()),
            ),
            How::GivenBack => (
                format!(
                    "{controller} was taken away from {group} while the demo ran, and given back \
                     without its limits"
                ),
                self.group.parent(),
            ),
        };
        let look = look.map(|dir| {
            let file = dir.join("cgroup.subtree_control");
            format!("see what it hands down: `cat {}`", file.display())
        });
        Refusal {
            need: Need::Cgroup(self.controller),
            stage: stage.into(),
            errno,
            cause,
            remedy: ["run it again".to_string()]
                .into_iter()
                .chain(look)
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn what_the_groups_show_is_the_cause() {
        let root = tempfile::tempdir().unwrap();
        let (above, group) = (root.path().join("a"), root.path().join("a/g"));
        fs::create_dir_all(&group).unwrap();
        let lists = |dir: &Path, text: &str| {
            fs::write(dir.join("cgroup.controllers"), text).unwrap();
        };
        lists(root.path(), "cpu io memory\n");
        lists(&above, "cpu memory\n");
        lists(&group, "cpu\n");
        for (controller, expected) in [
            (Controller::Io, Some(How::NotHandedDown(root.path().into()))),
            (Controller::Memory, Some(How::NotHandedDown(above.clone()))),
            (Controller::Cpu, Some(How::GivenBack)),
            // Nowhere: no cause that was seen.
            (Controller::Pids, None),
            (Controller::Freezer, None),
        ] {
            assert_eq!(how(controller, &group), expected, "{controller}");
        }
        let gone = root.path().join("a/gone");
        assert_eq!(how(Controller::Io, &gone), Some(How::Removed));
        let refusal = Taken {
            controller: Controller::Io,
            path: group.join("io.stat"),
            group,
            how: How::NotHandedDown(root.path().into()),
        };
        assert!(refusal.is_from_above());
        let refusal = refusal.refusal(Some(("write(io.max)", Some(Errno(libc::ENOENT)))));
        assert_eq!(refusal.stage, "write(io.max)");
        let cause = refusal
            .cause
            .replace(&root.path().display().to_string(), "");
        assert_eq!(
            cause,
            "io was taken away from /a/g while the demo ran:  doesn't hand it down any more"
        );
        assert_eq!(refusal.remedy.len(), 2);
    }

    #[test]
    fn a_file_that_can_be_read_was_not_taken() {
        let group = tempfile::tempdir().unwrap();
        assert!(Given::note(Controller::Io, group.path()).is_none());
        fs::write(group.path().join("io.stat"), "").unwrap();
        let given = Given::note(Controller::Io, group.path()).unwrap();
        assert_eq!(given.taken(), None);
        let name = group.path().file_name().and_then(|name| name.to_str());
        assert!(given.is_of(name) && !given.is_of(Some("other")) && !given.is_of(None));
        assert!(Given::note(Controller::Freezer, group.path()).is_none());
    }
}
