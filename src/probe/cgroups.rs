//! Where a process stands in the cgroup hierarchies, and which directories
//! stand for that, cgroups(7).
//!
//! A host may have version 1, version 2 or some of each; so the version is a
//! property of a controller, not of the host. No path is taken for granted:
//! both halves come from the kernel, `/proc/PID/cgroup` and mountinfo.

use super::mountinfo::{self, Mount};
use super::subject::{Subject, process_file};
use crate::base::kernel;
use serde::{Deserialize, Serialize};
use std::io;
use std::path::{Component, Path, PathBuf};

/// The interface that a controller is used through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Version {
    /// A hierarchy of its own, shared with few other controllers.
    V1,
    /// The unified hierarchy.
    V2,
}

/// A process's place in one hierarchy: one line of `/proc/PID/cgroup`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// The hierarchy's number; 0 is the unified one.
    pub hierarchy: u32,
    /// Version 1: the controllers, and `name=…` for a named hierarchy. Empty for version 2.
    pub controllers: Vec<String>,
    /// The cgroup, relative to the root of the observer's cgroup namespace;
    /// it starts with `/..` when it lies outside of that.
    pub path: String,
    /// Whether the cgroup was removed while the process was in it.
    pub deleted: bool,
}

/// A process's place in every hierarchy.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Memberships(Vec<Membership>);

/// Where the hierarchies are mounted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Mounts(Vec<Hierarchy>);

/// One mount of a hierarchy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hierarchy {
    /// Version 1 or 2.
    pub version: Version,
    /// Version 1: its controllers, and `name=…` for a named one. Empty for version 2.
    pub controllers: Vec<String>,
    /// The mount point.
    pub point: PathBuf,
    /// The cgroup that the mount point stands for, as the observer's cgroup
    /// namespace names it.
    pub root: String,
}

/// The cgroup in which a process is subject to a controller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// How the controller's files are named.
    pub version: Version,
    /// The directory.
    pub directory: PathBuf,
}

impl Memberships {
    /// Reads `/proc/PID/cgroup`.
    ///
    /// # Errors
    /// When the process is gone, or the kernel is built without cgroups.
    pub fn read(proc_root: &Path, subject: &Subject) -> io::Result<Memberships> {
        let text = kernel::read_text(process_file(proc_root, subject, "cgroup"))?;
        Ok(Memberships::parse(&text))
    }

    /// Lines without the expected shape are passed over.
    fn parse(text: &str) -> Memberships {
        Memberships(text.lines().filter_map(Membership::parse).collect())
    }

    /// One for each hierarchy, in the file's order.
    pub fn iter(&self) -> impl Iterator<Item = &Membership> {
        self.0.iter()
    }

    /// The place in the unified hierarchy.
    pub fn unified(&self) -> Option<&Membership> {
        self.iter().find(|member| member.version() == Version::V2)
    }

    /// The place in the version 1 hierarchy that has this controller.
    pub fn of_controller(&self, controller: &str) -> Option<&Membership> {
        self.iter()
            .find(|member| member.controllers.iter().any(|name| name == controller))
    }

    /// Whether the process stands at the root everywhere, so that its paths
    /// would look the same in a cgroup namespace of its own.
    pub fn at_every_root(&self) -> bool {
        self.iter().all(|member| member.path == "/")
    }
}

impl Membership {
    /// Version 2 is the hierarchy without controllers in its line.
    pub fn version(&self) -> Version {
        match self.hierarchy {
            0 => Version::V2,
            _ => Version::V1,
        }
    }

    fn parse(line: &str) -> Option<Membership> {
        // The path comes last: it alone may hold colons.
        let mut fields = line.splitn(3, ':');
        let hierarchy = fields.next()?.parse().ok()?;
        let controllers = split(fields.next()?);
        let path = fields.next()?;
        let live = path.strip_suffix(" (deleted)");
        Some(Membership {
            hierarchy,
            controllers,
            path: live.unwrap_or(path).to_string(),
            deleted: live.is_some(),
        })
    }
}

impl Mounts {
    /// Reads the mounts that the process can reach, from `/proc/PID/mountinfo`.
    ///
    /// # Errors
    /// When the process is gone.
    pub fn read(proc_root: &Path, subject: &Subject) -> io::Result<Mounts> {
        let text = kernel::read_text(process_file(proc_root, subject, "mountinfo"))?;
        Ok(Mounts::parse(&text))
    }

    fn parse(text: &str) -> Mounts {
        let all = mountinfo::parse(text);
        let visible = |mount: &&Mount| mountinfo::is_visible(mount, &all);
        Mounts(
            all.iter()
                .filter(|mount| mount.fstype.starts_with("cgroup"))
                .filter(visible)
                .filter_map(Hierarchy::of)
                .collect(),
        )
    }

    /// Every mount of a hierarchy, in the file's order. A hierarchy may be
    /// mounted more than once, or nowhere.
    pub fn iter(&self) -> impl Iterator<Item = &Hierarchy> {
        self.0.iter()
    }

    /// The unified hierarchy: the mount that shows most of it.
    pub fn unified(&self) -> Option<&Hierarchy> {
        self.iter()
            .filter(|mount| mount.version == Version::V2)
            .min_by_key(|mount| Path::new(&mount.root).components().count())
    }

    /// Whether the whole of a process's hierarchy can be reached, or only a part;
    /// `None` if it is not mounted.
    pub fn shows(&self, member: &Membership) -> Option<bool> {
        let mut all = self.iter().filter(|mount| mount.holds(member)).peekable();
        all.peek()?;
        // What starts above the root of the observer's namespace shows more than that.
        Some(all.any(|mount| mount.root == "/" || mount.root.starts_with("/..")))
    }

    /// The directory that stands for a membership; `None` if its hierarchy is
    /// not mounted, or only parts that don't contain it.
    pub fn directory(&self, member: &Membership) -> Option<PathBuf> {
        self.iter()
            .filter(|mount| mount.holds(member))
            .find_map(|mount| mount.directory_of(&member.path))
    }

    /// Where a controller limits the process. The kernel binds a controller
    /// to one hierarchy at a time, so version 1 is asked first: there it is
    /// named in the membership. In version 2 it counts as present where
    /// `cgroup.controllers` of the process's own cgroup lists it.
    pub fn group_of(&self, memberships: &Memberships, controller: &str) -> Option<Group> {
        if let Some(member) = memberships.of_controller(controller) {
            return self.directory(member).map(|directory| Group {
                version: Version::V1,
                directory,
            });
        }
        let directory = self.directory(memberships.unified()?)?;
        available(&directory)
            .iter()
            .any(|name| name == controller)
            .then_some(Group {
                version: Version::V2,
                directory,
            })
    }
}

/// The controllers that a version 2 cgroup may use: its `cgroup.controllers`.
/// None where there is no such file.
pub fn available(directory: &Path) -> Vec<String> {
    let text = kernel::read_text(directory.join("cgroup.controllers")).unwrap_or_default();
    text.split_ascii_whitespace().map(String::from).collect()
}

impl Hierarchy {
    fn of(mount: &Mount) -> Option<Hierarchy> {
        let (version, controllers) = match mount.fstype.as_str() {
            "cgroup" => (
                Version::V1,
                mount
                    .super_options
                    .iter()
                    .filter(|option| !is_plain_option(option))
                    .cloned()
                    .collect(),
            ),
            "cgroup2" => (Version::V2, Vec::new()),
            _ => return None,
        };
        Some(Hierarchy {
            version,
            controllers,
            point: PathBuf::from(&mount.point),
            root: mount.root.clone(),
        })
    }

    /// Whether a membership is one in this hierarchy.
    fn holds(&self, member: &Membership) -> bool {
        self.version == member.version()
            && member
                .controllers
                .iter()
                .all(|name| self.controllers.contains(name))
    }

    fn directory_of(&self, path: &str) -> Option<PathBuf> {
        let below = Path::new(path).strip_prefix(&self.root).ok()?;
        // `/..` stands for a cgroup above the namespace's root. Its names are
        // unknown, and going up from the mount point would leave the hierarchy.
        below
            .components()
            .all(|part| matches!(part, Component::Normal(_)))
            .then(|| self.point.components().chain(below.components()).collect())
    }
}

/// The options of a version 1 mount that are not controllers.
fn is_plain_option(option: &str) -> bool {
    matches!(
        option,
        "" | "rw"
            | "ro"
            | "all"
            | "none"
            | "noprefix"
            | "clone_children"
            | "xattr"
            | "cpuset_v2_mode"
            | "favordynmods"
            | "nofavordynmods"
            | "seclabel"
    ) || option.starts_with("release_agent=")
}

fn split(list: &str) -> Vec<String> {
    list.split(',')
        .filter(|name| !name.is_empty())
        .map(String::from)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::skip::skip;
    use std::fs;

    const HYBRID: &str = "\
        27 1 254:0 / / rw - ext4 /dev/vda rw\n\
        31 27 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n\
        32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n\
        35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory,release_agent=/x\n\
        40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd\n\
        41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw,nsdelegate\n";
    const PURE: &str = "\
        1 0 8:1 / / rw - ext4 /dev/sda rw\n\
        2 1 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
    /// A container of version 1 without a cgroup namespace: its own group is bound in.
    const BOUND: &str = "\
        1 0 0:50 / / rw - overlay overlay rw\n\
        2 1 0:51 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n\
        3 2 0:32 /docker/4f /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n\
        4 2 0:29 /../.. /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n";

    #[test]
    fn memberships_of_every_shape() {
        for (line, expected) in [
            ("0::/", Some((0, vec![], "/", false))),
            (
                "0::/user.slice/a:b",
                Some((0, vec![], "/user.slice/a:b", false)),
            ),
            (
                "9:name=systemd:/",
                Some((9, vec!["name=systemd"], "/", false)),
            ),
            (
                "4:cpu,cpuacct:/x y",
                Some((4, vec!["cpu", "cpuacct"], "/x y", false)),
            ),
            ("0::/gone (deleted)", Some((0, vec![], "/gone", true))),
            ("", None),
            ("0:/", None),
            ("x::/", None),
        ] {
            let expected = expected.map(|(hierarchy, controllers, path, deleted)| Membership {
                hierarchy,
                controllers: controllers.into_iter().map(String::from).collect(),
                path: path.into(),
                deleted,
            });
            assert_eq!(Membership::parse(line), expected, "{line}");
        }
    }

    #[test]
    fn every_membership_finds_its_directory() {
        for (mounts, line, expected) in [
            (
                HYBRID,
                "1:cpu,cpuacct:/",
                Some("/sys/fs/cgroup/cpu,cpuacct"),
            ),
            (HYBRID, "4:memory:/a/b", Some("/sys/fs/cgroup/memory/a/b")),
            (
                HYBRID,
                "9:name=systemd:/s",
                Some("/sys/fs/cgroup/systemd/s"),
            ),
            (HYBRID, "0::/u", Some("/sys/fs/cgroup/unified/u")),
            (HYBRID, "3:pids:/a", None),
            (
                PURE,
                "0::/user.slice/x",
                Some("/sys/fs/cgroup/user.slice/x"),
            ),
            (PURE, "0::/", Some("/sys/fs/cgroup")),
            (PURE, "0::/../other", None),
            (PURE, "4:memory:/a", None),
            (BOUND, "4:memory:/docker/4f", Some("/sys/fs/cgroup/memory")),
            (
                BOUND,
                "4:memory:/docker/4f/box",
                Some("/sys/fs/cgroup/memory/box"),
            ),
            (BOUND, "4:memory:/docker/4f5", None),
            (BOUND, "4:memory:/", None),
            (BOUND, "1:cpu:/../../a", Some("/sys/fs/cgroup/cpu/a")),
            (BOUND, "1:cpu:/../../../a", None),
            (BOUND, "1:cpu:/", None),
        ] {
            let member = Membership::parse(line).unwrap();
            let found = Mounts::parse(mounts).directory(&member);
            assert_eq!(found, expected.map(PathBuf::from), "{line}");
        }
    }

    #[test]
    fn the_second_mount_serves_where_the_first_does_not() {
        let mounts = Mounts::parse(
            "1 0 0:1 / / rw - ext4 none rw\n\
             2 1 0:9 /other /one rw - cgroup2 none rw\n\
             3 1 0:9 / /two rw - cgroup2 none rw\n\
             4 3 0:4 / /two rw - tmpfs none rw\n\
             5 1 0:9 / /three rw - cgroup2 none rw\n",
        );
        let member = Membership::parse("0::/mine").unwrap();
        assert_eq!(mounts.directory(&member), Some("/three/mine".into()));
        assert_eq!(
            mounts.unified().map(|m| m.point.clone()),
            Some("/three".into())
        );
        assert_eq!(mounts.iter().count(), 2);
    }

    #[test]
    fn the_version_belongs_to_the_controller() {
        let root = tempfile::tempdir().unwrap();
        let base = root.path().display();
        fs::create_dir(root.path().join("u")).unwrap();
        fs::write(root.path().join("u/cgroup.controllers"), "io pids\n").unwrap();
        let mounts = Mounts::parse(&format!(
            "1 0 0:1 / / rw - ext4 none rw\n\
             2 1 0:2 / {base} rw - cgroup2 none rw\n\
             3 1 0:3 / /v1/memory rw - cgroup none rw,memory\n"
        ));
        let memberships = Memberships::parse("3:memory:/m\n2:cpu:/\n0::/u\n");
        for (controller, expected) in [
            ("memory", Some((Version::V1, PathBuf::from("/v1/memory/m")))),
            ("io", Some((Version::V2, root.path().join("u")))),
            ("pids", Some((Version::V2, root.path().join("u")))),
            // Bound to version 1, but mounted nowhere.
            ("cpu", None),
            // Not delegated to this cgroup.
            ("cpuset", None),
        ] {
            let found = mounts.group_of(&memberships, controller);
            let expected = expected.map(|(version, directory)| Group { version, directory });
            assert_eq!(found, expected, "{controller}");
        }
    }

    #[test]
    fn at_the_root_of_every_hierarchy() {
        for (text, expected) in [
            ("0::/\n", true),
            ("2:cpu:/\n0::/\n", true),
            ("2:cpu:/\n0::/a\n", false),
            ("2:cpu:/a\n0::/\n", false),
            ("0::/..\n", false),
        ] {
            assert_eq!(Memberships::parse(text).at_every_root(), expected, "{text}");
        }
    }

    /// Where this very process stands, the kernel must list it.
    #[test]
    fn this_process_is_where_it_is_said_to_be() {
        let proc_root = Path::new("/proc");
        let Ok(memberships) = Memberships::read(proc_root, &Subject::Myself) else {
            skip("a kernel without cgroups");
            return;
        };
        let mounts = Mounts::read(proc_root, &Subject::Myself).unwrap();
        for member in memberships.iter() {
            let Some(directory) = mounts.directory(member) else {
                skip(format_args!("{member:?} is not mounted here"));
                continue;
            };
            let procs = fs::read_to_string(directory.join("cgroup.procs")).unwrap();
            let pid = std::process::id().to_string();
            assert!(procs.lines().any(|line| line == pid), "{directory:?}");
        }
    }
}
