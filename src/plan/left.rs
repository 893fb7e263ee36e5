//! What a run could not take away again, and what to do about it.

use crate::base::Errno;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::PathBuf;

/// How many processes or groups are named in a sentence.
const NAMED: usize = 3;

/// Something of a run's that is still there after its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Leftover {
    /// A cgroup that rmdir(2) did not remove: one with a member, or with a group
    /// in it, can't be (cgroups(7)).
    Cgroup {
        /// Its directory.
        path: PathBuf,
        /// The kernel's answer; `None` if it wasn't asked because of what is
        /// in the group.
        errno: Option<Errno>,
        /// Who is in it, and isn't known to be the run's.
        members: Vec<Member>,
        /// The names of the groups in it.
        groups: Vec<String>,
    },
    /// A directory on a disk, unlinkat(2).
    Directory {
        /// The run's own directory.
        path: PathBuf,
        /// What in it could not be removed first.
        at: PathBuf,
        /// The kernel's answer.
        errno: Errno,
    },
    /// A directory on a disk that somebody has moved: what they want with it, they
    /// know.
    Moved {
        /// Where it is now.
        path: PathBuf,
        /// Where the run made it.
        from: PathBuf,
    },
    /// A directory on a disk of a dead run of another user's, who alone may
    /// remove it.
    Others {
        /// Where it is.
        path: PathBuf,
        /// Whose it is.
        uid: u32,
    },
    /// A process of the run that has not ended.
    Process {
        /// Which one.
        process: Member,
        /// Why it could not be killed; `None`: it was, and hasn't ended in time.
        errno: Option<Errno>,
    },
    /// Controllers that a run switched on for the children of a group that
    /// isn't its own, and that could not be switched off again.
    Controllers {
        /// The file `cgroup.subtree_control`.
        path: PathBuf,
        /// What had to be written into it, such as `-io`.
        line: String,
        /// The kernel's answer.
        errno: Errno,
        /// The names of the groups in it that hand the controller down to their
        /// own children: as long as there are such, the answer is EBUSY.
        groups: Vec<String>,
    },
}

/// A process.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Its id as the host counts; 0 if it is in a pid namespace that can't be
    /// seen from here (cgroups(7)).
    pub pid: i32,
    /// Its name, `/proc/PID/comm`.
    pub name: String,
}

impl Leftover {
    /// What to do about it, in a sentence.
    pub fn remedy(&self) -> String {
        let clean = "`glassbox clean`";
        match self {
            Leftover::Cgroup {
                errno,
                members,
                groups,
                ..
            } => match (members.as_slice(), groups.as_slice()) {
                ([], []) if *errno == Some(Errno(libc::ENODEV)) => format!(
                    "{clean} where that hierarchy is mounted; nothing of it is to be seen here"
                ),
                ([], []) => format!("{clean} tries it again"),
                ([], groups) => format!(
                    "remove {} with rmdir, then {clean}",
                    some(groups.iter().map(|name| format!("the group `{name}`")))
                ),
                (members, []) => format!("{clean} once {} left the group", have(members)),
                (members, groups) => format!(
                    "{clean} once {} left the group and {} removed",
                    have(members),
                    match groups {
                        [one] => format!("`{one}` is"),
                        several => format!("the {} groups in it are", several.len()),
                    }
                ),
            },
            Leftover::Directory { at, errno, .. } => {
                let at = at.display();
                match errno.0 {
                    libc::ENODEV => format!("unmount what hides {at}, then {clean}"),
                    libc::EBUSY => format!("unmount what is mounted at {at}, then {clean}"),
                    libc::EPERM => format!(
                        "see with `lsattr -d {at}` whether it may not be changed \
                         (`chattr -i` allows it), then {clean}"
                    ),
                    _ => format!("{clean} tries it again; dmesg may tell more of the disk"),
                }
            }
            Leftover::Moved { path, .. } => {
                format!("rm -r {}, unless it is to be kept", path.display())
            }
            Leftover::Others { uid, .. } => format!("{clean} as the user with the id {uid}"),
            Leftover::Process {
                process,
                errno: Some(_),
            } => format!("end {process} as its owner, then {clean}"),
            Leftover::Process {
                process,
                errno: None,
            } => format!(
                "`cat /proc/{}/wchan` names what it waits for in the kernel; {clean} once it has ended",
                process.pid
            ),
            Leftover::Controllers {
                path, line, groups, ..
            } => {
                let groups = some(groups.iter().map(|name| format!("`{name}`")));
                let when = match groups.is_empty() {
                    true => String::new(),
                    false => format!(", once {groups} can do without"),
                };
                format!("as root{when}: echo {line} > {}", path.display())
            }
        }
    }
}

/// What is left, and why.
impl fmt::Display for Leftover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Leftover::Cgroup {
                path,
                errno,
                members,
                groups,
            } => {
                write!(f, "the cgroup {}: ", path.display())?;
                let named = members.iter().map(Member::to_string);
                let groups = groups.iter().map(|name| format!("the group `{name}`"));
                let inside: Vec<String> = [some(named), some(groups)]
                    .into_iter()
                    .filter(|words| !words.is_empty())
                    .collect();
                match (inside.as_slice(), errno) {
                    ([], Some(Errno(libc::ENODEV))) => {
                        f.write_str("its hierarchy isn't mounted any more")
                    }
                    ([], Some(errno)) => write!(f, "rmdir says {errno}"),
                    ([], None) => f.write_str("it isn't empty"),
                    (inside, _) => write!(
                        f,
                        "in it {} {}, not known to be the run's",
                        if members.len() + groups_of(self) == 1 {
                            "is"
                        } else {
                            "are"
                        },
                        inside.join(" and ")
                    ),
                }
            }
            Leftover::Directory { path, at, errno } => {
                write!(f, "the directory {}: ", path.display())?;
                if errno.0 == libc::ENODEV {
                    return f.write_str("something else is mounted in front of it");
                }
                f.write_str("unlinkat ")?;
                if at != path {
                    write!(
                        f,
                        "of {} in it ",
                        at.strip_prefix(path).unwrap_or(at).display()
                    )?;
                }
                write!(f, "says {errno}")
            }
            Leftover::Moved { path, from } => write!(
                f,
                "the directory {}: somebody has moved it from {}",
                path.display(),
                from.display()
            ),
            Leftover::Others { path, uid } => write!(
                f,
                "the directory {}: it is of a run of another user, {uid}, that has ended",
                path.display()
            ),
            Leftover::Process { process, errno } => match errno {
                Some(errno) => write!(f, "{process}: kill says {errno}"),
                None => write!(f, "{process}: it was killed, and has not ended yet"),
            },
            Leftover::Controllers {
                path,
                line,
                errno,
                groups,
            } => {
                let path = path.display();
                write!(f, "the controllers in {path}: writing {line} says {errno}")?;
                match groups.is_empty() {
                    true => Ok(()),
                    false => {
                        let groups = some(groups.iter().map(|name| format!("`{name}`")));
                        write!(f, ", for by now others use it: {groups}")
                    }
                }
            }
        }
    }
}

impl fmt::Display for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.pid {
            0 => f.write_str("a process of another pid namespace"),
            pid => write!(f, "process {pid} ({})", self.name),
        }
    }
}

fn groups_of(left: &Leftover) -> usize {
    match left {
        Leftover::Cgroup { groups, .. } => groups.len(),
        Leftover::Directory { .. }
        | Leftover::Moved { .. }
        | Leftover::Others { .. }
        | Leftover::Process { .. }
        | Leftover::Controllers { .. } => 0,
    }
}

/// `process 7 (sh) has`, `process 7 (sh) and process 8 (sh) have`
fn have(members: &[Member]) -> String {
    let named = some(members.iter().map(Member::to_string));
    format!(
        "{named} {}",
        if members.len() == 1 { "has" } else { "have" }
    )
}

/// The first few of them, and how many more.
fn some(names: impl Iterator<Item = String>) -> String {
    let names: Vec<String> = names.collect();
    match names.as_slice() {
        [] => String::new(),
        [one] => one.clone(),
        [before @ .., last] if names.len() <= NAMED => {
            format!("{} and {last}", before.join(", "))
        }
        all => format!("{} and {} more", all[..NAMED].join(", "), all.len() - NAMED),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(pid: i32) -> Member {
        Member {
            pid,
            name: "sh".into(),
        }
    }

    fn group(members: &[i32], groups: &[&str], errno: Option<i32>) -> Leftover {
        Leftover::Cgroup {
            path: "/g".into(),
            errno: errno.map(Errno),
            members: members.iter().map(|pid| member(*pid)).collect(),
            groups: groups.iter().map(|name| name.to_string()).collect(),
        }
    }

    #[test]
    fn each_is_a_sentence_with_a_remedy() {
        let directory = |at: &str, errno| Leftover::Directory {
            path: "/d".into(),
            at: at.into(),
            errno: Errno(errno),
        };
        for (left, told, remedy) in [
            (
                group(&[7], &[], None),
                "the cgroup /g: in it is process 7 (sh), not known to be the run's",
                "`glassbox clean` once process 7 (sh) has left the group",
            ),
            (
                group(&[7, 8], &["own"], None),
                "the cgroup /g: in it are process 7 (sh) and process 8 (sh) and the group `own`, not known to be the run's",
                "`glassbox clean` once process 7 (sh) and process 8 (sh) have left the group and `own` is removed",
            ),
            (
                group(&[], &["a", "b", "c", "d", "e"], Some(libc::EBUSY)),
                "the cgroup /g: in it are the group `a`, the group `b`, the group `c` and 2 more, not known to be the run's",
                "remove the group `a`, the group `b`, the group `c` and 2 more with rmdir, then `glassbox clean`",
            ),
            (
                group(&[0], &[], None),
                "the cgroup /g: in it is a process of another pid namespace, not known to be the run's",
                "`glassbox clean` once a process of another pid namespace has left the group",
            ),
            (
                group(&[], &[], Some(libc::EBUSY)),
                "the cgroup /g: rmdir says EBUSY (Device or resource busy)",
                "`glassbox clean` tries it again",
            ),
            (
                directory("/d/box/m", libc::EBUSY),
                "the directory /d: unlinkat of box/m in it says EBUSY (Device or resource busy)",
                "unmount what is mounted at /d/box/m, then `glassbox clean`",
            ),
            (
                directory("/d", libc::EIO),
                "the directory /d: unlinkat says EIO (I/O error)",
                "`glassbox clean` tries it again; dmesg may tell more of the disk",
            ),
            (
                Leftover::Moved {
                    path: "/e".into(),
                    from: "/d".into(),
                },
                "the directory /e: somebody has moved it from /d",
                "rm -r /e, unless it is to be kept",
            ),
            (
                Leftover::Others {
                    path: "/d".into(),
                    uid: 7,
                },
                "the directory /d: it is of a run of another user, 7, that has ended",
                "`glassbox clean` as the user with the id 7",
            ),
            (
                Leftover::Process {
                    process: member(9),
                    errno: None,
                },
                "process 9 (sh): it was killed, and has not ended yet",
                "`cat /proc/9/wchan` names what it waits for in the kernel; `glassbox clean` once it has ended",
            ),
            (
                Leftover::Controllers {
                    path: "/c".into(),
                    line: "-io".into(),
                    errno: Errno(libc::EACCES),
                    groups: Vec::new(),
                },
                "the controllers in /c: writing -io says EACCES (Permission denied)",
                "as root: echo -io > /c",
            ),
            (
                Leftover::Controllers {
                    path: "/c".into(),
                    line: "-io".into(),
                    errno: Errno(libc::EBUSY),
                    groups: vec!["theirs".into()],
                },
                "the controllers in /c: writing -io says EBUSY (Device or resource busy), for by now others use it: `theirs`",
                "as root, once `theirs` can do without: echo -io > /c",
            ),
        ] {
            assert_eq!(left.to_string(), told);
            assert_eq!(left.remedy(), remedy);
        }
    }
}
