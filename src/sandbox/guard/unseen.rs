//! What a look for leftovers could not see or judge: nothing is claimed of it.

use crate::base::Errno;
use crate::probe::Subject;
use crate::probe::cgroups::{Memberships, Mounts};
use std::fmt;
use std::path::{Path, PathBuf};

/// Something of which nobody can tell from here whether it is left over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unseen {
    /// The groups of a hierarchy that isn't mounted here.
    Hierarchy {
        /// Its controllers; none for version 2.
        controllers: Vec<String>,
        /// Whether a part of it is.
        in_part: bool,
    },
    /// A directory that can't be read.
    Directory {
        /// Which.
        path: PathBuf,
        /// The kernel's answer.
        errno: Errno,
    },
    /// A run's directory on a disk that was made under another boot id.
    Elsewhere {
        /// Which.
        path: PathBuf,
    },
}

impl fmt::Display for Unseen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unseen::Hierarchy {
                controllers,
                in_part,
            } => {
                let how = match in_part {
                    true => "only a part of it is mounted here",
                    false => "it isn't mounted here",
                };
                match controllers.as_slice() {
                    [] => write!(f, "the cgroups of version 2: {how}"),
                    names => write!(f, "the cgroups of {}: {how}", names.join(",")),
                }
            }
            Unseen::Directory { path, errno } => write!(f, "{}: {errno}", path.display()),
            Unseen::Elsewhere { path } => {
                let path = path.display();
                write!(
                    f,
                    "{path}: made before this boot, or by another machine or container \
                     that shares the directory and may still use it; if none does, rm -r {path}"
                )
            }
        }
    }
}

/// The hierarchies whose groups can't all be seen.
pub(super) fn hierarchies() -> Vec<Unseen> {
    let proc = Path::new("/proc");
    // A kernel without cgroups has no such file, and nothing to be seen.
    let Ok(members) = Memberships::read(proc, &Subject::Myself) else {
        return Vec::new();
    };
    let mounts = Mounts::read(proc, &Subject::Myself).unwrap_or_default();
    let partly = members
        .iter()
        .filter_map(|member| match mounts.shows(member) {
            Some(true) => None,
            shown => Some((member, shown.is_some())),
        });
    partly
        .map(|(member, in_part)| Unseen::Hierarchy {
            controllers: member.controllers.clone(),
            in_part,
        })
        .collect()
}
