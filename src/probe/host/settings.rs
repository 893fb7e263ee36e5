//! The settings of this host that may explain a refusal, as they are read.

use crate::base::kernel::field;
use crate::base::{Errno, kernel};
use crate::plan::Namespace;
use crate::probe::cgroups::{Memberships, Version};
use crate::probe::mountinfo;
use crate::probe::subject::Subject;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// The capabilities that may be missed, each with its bit, capabilities(7).
const CAPABILITIES: [(&str, u32); 9] = [
    ("CAP_CHOWN", 0),
    ("CAP_DAC_OVERRIDE", 1),
    ("CAP_SETGID", 6),
    ("CAP_SETUID", 7),
    ("CAP_NET_ADMIN", 12),
    ("CAP_SYS_CHROOT", 18),
    ("CAP_SYS_ADMIN", 21),
    ("CAP_MKNOD", 27),
    ("CAP_SETFCAP", 31),
];

/// PROC_CGROUP_INIT_INO in <linux/proc_ns.h>.
const INITIAL_CGROUP_NAMESPACE: &str = "cgroup:[4026531835]";

/// What may explain a refusal. What this kernel doesn't have is `None`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Settings {
    /// uname(2) release.
    pub release: String,
    /// Who runs the course.
    pub caller: Caller,
    /// The container that the course runs in.
    pub container: Option<Container>,
    /// `kernel.unprivileged_userns_clone`, a switch of Debian's kernels.
    pub userns_clone: Option<bool>,
    /// `user.max_*_namespaces`.
    pub max_namespaces: BTreeMap<Namespace, u64>,
    /// AppArmor.
    pub apparmor: AppArmor,
    /// Whether the caller's root directory is no mount point, as in a chroot.
    /// A chroot into a mount point can't be told.
    pub chroot: bool,
    /// Mount points that cover parts of /proc.
    pub proc_covered: Vec<String>,
    /// The cgroups that the caller is in: V2 where there are no others.
    pub cgroups: Option<Version>,
    /// Whether the caller is in another cgroup namespace than the initial one.
    pub cgroup_namespace: bool,
    /// Whether systemd manages this machine.
    pub systemd: bool,
    /// What a process of its own found to stand before the kernel. Not a file's:
    /// whoever had it tried sets it.
    pub trial: Trial,
    /// What systemd-run answered when it was asked for a scope for this run.
    /// Not a file's: whoever asked sets it.
    pub no_scope: Option<String>,
}

/// What a process of its own found by calls whose arguments are all invalid, and
/// by making namespaces: a check, where a setting is a guess.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Trial {
    /// The calls that something before the kernel answers, and what it answers.
    pub refused: BTreeMap<String, Errno>,
    /// The kinds of namespaces that could be made just now, one in the other.
    pub made: BTreeSet<Namespace>,
}

/// Who runs the course.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Caller {
    /// Its effective user id.
    pub uid: u32,
    /// Whether it has CAP_SYS_ADMIN: what makes root the root of namespaces.
    pub sys_admin: bool,
    /// Those of the capabilities that a root has, and that it hasn't.
    pub lacks: Vec<&'static str>,
    /// Whether a seccomp filter stands between it and the kernel.
    pub seccomp_filter: bool,
    /// Whether its user namespace maps some ids only, so isn't the initial one.
    pub nested_user_namespace: bool,
}

/// AppArmor as it concerns user namespaces.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AppArmor {
    /// `kernel.apparmor_restrict_unprivileged_userns`, since Ubuntu 23.10.
    pub restricts_userns: bool,
    /// The profile that confines the caller; `None` if it is unconfined.
    pub profile: Option<String>,
}

/// A kind of container, by what its maker leaves behind in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Container {
    /// Docker: `/.dockerenv`.
    Docker,
    /// Podman: `/run/.containerenv`.
    Podman,
    /// LXC or Incus: lxcfs over /proc, or systemd's word for it.
    Lxc,
    /// Another one, by the name that systemd found.
    Other(String),
}

impl Settings {
    /// Reads the settings of the machine below these roots, usually `/proc`
    /// and `/sys`. What can't be read is taken as absent.
    pub fn read(proc_root: &Path, sys_root: &Path) -> Settings {
        let text = |path: &str| text(proc_root, path);
        let number = |path: &str| text(path)?.parse::<u64>().ok();
        let mountinfo = text("self/mountinfo").unwrap_or_default();
        let mounts = mountinfo::parse(&mountinfo);
        let max_namespaces = Namespace::ALL
            .iter()
            .filter_map(|ns| {
                let limit = number(&format!("sys/user/max_{}_namespaces", ns.proc_name()))?;
                Some((*ns, limit))
            })
            .collect();
        Settings {
            release: text("sys/kernel/osrelease").unwrap_or_default(),
            caller: Caller::read(
                &text("self/status").unwrap_or_default(),
                text("self/uid_map").as_deref(),
            ),
            // Through `self/root`, so that both roots suffice to describe a machine.
            container: Container::find(&proc_root.join("self/root"), &mounts),
            userns_clone: number("sys/kernel/unprivileged_userns_clone").map(|n| n != 0),
            max_namespaces,
            apparmor: AppArmor {
                restricts_userns: number("sys/kernel/apparmor_restrict_unprivileged_userns")
                    .is_some_and(|n| n != 0),
                profile: profile(proc_root, sys_root),
            },
            chroot: !mounts.is_empty() && mounts.iter().all(|mount| mount.point != "/"),
            proc_covered: covers(&mounts),
            cgroups: cgroups(proc_root),
            cgroup_namespace: fs::read_link(proc_root.join("self/ns/cgroup"))
                .is_ok_and(|link| link.as_os_str() != INITIAL_CGROUP_NAMESPACE),
            systemd: proc_root.join("self/root/run/systemd/system").is_dir(),
            trial: Trial::default(),
            no_scope: None,
        }
    }

    /// The session's settings, with the AppArmor profile ([`profile`]) of the
    /// process in which a call has just failed: it may have got that with its
    /// user namespace.
    pub fn at_failure(mut self, profile: Option<String>) -> Settings {
        if profile.is_some() {
            self.apparmor.profile = profile;
        }
        self
    }

    /// Whether the kernel is older than this version, as far as its release tells.
    pub(crate) fn before(&self, major: u32, minor: u32) -> bool {
        let mut numbers = self
            .release
            .split(|c: char| !c.is_ascii_digit())
            .map(str::parse::<u32>);
        match (numbers.next(), numbers.next()) {
            (Some(Ok(a)), Some(Ok(b))) => (a, b) < (major, minor),
            _ => false,
        }
    }

    /// Whether this is WSL 1, which has no Linux kernel (`4.4.0-19041-Microsoft`).
    pub fn is_wsl1(&self) -> bool {
        self.release.ends_with("-Microsoft")
    }

    /// Whether this is WSL 2 (`5.15.90.1-microsoft-standard-WSL2`).
    pub fn is_wsl2(&self) -> bool {
        self.release.to_lowercase().contains("microsoft") && !self.is_wsl1()
    }
}

impl Caller {
    fn read(status: &str, uid_map: Option<&str>) -> Caller {
        let effective = field(status, "Uid").and_then(|ids| ids.split_ascii_whitespace().nth(1));
        let capabilities =
            field(status, "CapEff").and_then(|mask| u64::from_str_radix(mask, 16).ok());
        let uid = effective.and_then(|id| id.parse().ok()).unwrap_or(0);
        let lacks: Vec<&str> = CAPABILITIES
            .into_iter()
            .filter(|(_, bit)| capabilities.unwrap_or(0) & (1 << bit) == 0)
            .map(|(name, _)| name)
            .collect();
        let map: Option<Vec<&str>> = uid_map.map(|map| map.split_ascii_whitespace().collect());
        Caller {
            uid,
            sys_admin: !lacks.contains(&"CAP_SYS_ADMIN"),
            // Nobody expects them of an ordinary user, or where nothing is told.
            lacks: match uid == 0 && capabilities.is_some() {
                true => lacks,
                false => Vec::new(),
            },
            seccomp_filter: field(status, "Seccomp") == Some("2"),
            // The initial user namespace maps every id to itself.
            nested_user_namespace: map.is_some_and(|map| map != ["0", "0", "4294967295"]),
        }
    }
}

impl Container {
    fn find(root: &Path, mounts: &[mountinfo::Mount]) -> Option<Container> {
        let named = || {
            let name = fs::read_to_string(root.join("run/systemd/container")).ok()?;
            match name.trim() {
                "" | "wsl" => None,
                "docker" => Some(Container::Docker),
                "podman" => Some(Container::Podman),
                "lxc" | "lxc-libvirt" => Some(Container::Lxc),
                other => Some(Container::Other(other.into())),
            }
        };
        let lxcfs = |mount: &mountinfo::Mount| {
            mount.fstype == "fuse.lxcfs" && mount.point.starts_with("/proc/")
        };
        if root.join(".dockerenv").exists() {
            Some(Container::Docker)
        } else if root.join("run/.containerenv").exists() {
            Some(Container::Podman)
        } else if mounts.iter().any(lxcfs) {
            Some(Container::Lxc)
        } else {
            named()
        }
    }
}

/// A file of procfs without the white space around it.
fn text(proc_root: &Path, path: &str) -> Option<String> {
    let text = kernel::read_text(proc_root.join(path)).ok()?;
    Some(text.trim().to_string())
}

/// The AppArmor profile that confines this process.
pub fn profile(proc_root: &Path, sys_root: &Path) -> Option<String> {
    let enabled = kernel::read_text(sys_root.join("module/apparmor/parameters/enabled"));
    if !enabled.is_ok_and(|enabled| enabled.trim() == "Y") {
        // `attr/current` may then hold the label of another security module.
        return None;
    }
    let label = text(proc_root, "self/attr/apparmor/current")
        .or_else(|| text(proc_root, "self/attr/current"))?;
    // `docker-default (enforce)`
    let name = label
        .split(" (")
        .next()
        .unwrap_or("")
        .trim_end_matches('\0');
    (!name.is_empty() && name != "unconfined").then(|| name.to_string())
}

/// Mounts on files and directories of /proc. The kernel gives a user
/// namespace a fresh procfs only where it already sees all of an old one;
/// binfmt_misc is mounted on a directory that is always empty, so it hides nothing.
fn covers(mounts: &[mountinfo::Mount]) -> Vec<String> {
    mounts
        .iter()
        .filter(|mount| mount.point.starts_with("/proc/"))
        .filter(|mount| mount.point != "/proc/sys/fs/binfmt_misc")
        .filter(|mount| mountinfo::is_visible(mount, mounts))
        .map(|mount| mount.point.clone())
        .collect()
}

fn cgroups(proc_root: &Path) -> Option<Version> {
    let memberships = Memberships::read(proc_root, &Subject::Myself).ok()?;
    memberships
        .iter()
        // A hybrid host limits by version 1; its unified hierarchy has no controllers.
        .map(|member| member.version())
        .min()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A machine with these files, `proc` and `sys` below one directory.
    fn check(files: &[(&str, &str)], expected: Settings) {
        let root = tempfile::tempdir().unwrap();
        for (file, text) in files {
            let path = root.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let found = Settings::read(&root.path().join("proc"), &root.path().join("sys"));
        assert_eq!(found, expected);
    }

    #[test]
    fn an_empty_machine_explains_nothing() {
        check(&[], Settings::default());
    }

    #[test]
    fn ubuntu_for_an_ordinary_user() {
        check(
            &[
                ("proc/sys/kernel/osrelease", "6.8.0-45-generic\n"),
                (
                    "proc/self/status",
                    "Uid:\t1000\t1000\t1000\t1000\nCapEff:\t0000000000000000\nSeccomp:\t0\n",
                ),
                ("proc/self/uid_map", "         0          0 4294967295\n"),
                ("proc/self/cgroup", "0::/user.slice/user-1000.slice\n"),
                ("proc/self/root/run/systemd/system/x", ""),
                (
                    "proc/self/attr/apparmor/current",
                    "unprivileged_userns (enforce)\n",
                ),
                (
                    "proc/sys/kernel/apparmor_restrict_unprivileged_userns",
                    "1\n",
                ),
                ("proc/sys/kernel/unprivileged_userns_clone", "0\n"),
                ("proc/sys/user/max_user_namespaces", "0\n"),
                ("proc/sys/user/max_mnt_namespaces", "96365\n"),
                ("sys/module/apparmor/parameters/enabled", "Y\n"),
            ],
            Settings {
                release: "6.8.0-45-generic".into(),
                caller: Caller {
                    uid: 1000,
                    ..Caller::default()
                },
                userns_clone: Some(false),
                max_namespaces: [(Namespace::User, 0), (Namespace::Mount, 96365)].into(),
                apparmor: AppArmor {
                    restricts_userns: true,
                    profile: Some("unprivileged_userns".into()),
                },
                cgroups: Some(Version::V2),
                systemd: true,
                ..Settings::default()
            },
        );
    }

    #[test]
    fn only_the_profile_is_read_again_at_a_failure() {
        let root = tempfile::tempdir().unwrap();
        let (proc_root, sys_root) = (root.path().join("proc"), root.path().join("sys"));
        fs::create_dir_all(proc_root.join("self/attr")).unwrap();
        fs::create_dir_all(sys_root.join("module/apparmor/parameters")).unwrap();
        fs::write(sys_root.join("module/apparmor/parameters/enabled"), "Y\n").unwrap();
        let attr = proc_root.join("self/attr/current");
        fs::write(&attr, "unconfined\n").unwrap();
        let session = Settings::read(&proc_root, &sys_root);
        let now = || profile(&proc_root, &sys_root);
        assert_eq!(session.clone().at_failure(now()), session);
        // As in a user namespace that Ubuntu has stripped of its rights.
        fs::write(&attr, "unprivileged_userns (enforce)\n").unwrap();
        fs::write(proc_root.join("self/uid_map"), "0 1000 1\n").unwrap();
        let failed = session.clone().at_failure(now());
        assert_eq!(
            failed.apparmor.profile.as_deref(),
            Some("unprivileged_userns")
        );
        assert_eq!(failed.caller, session.caller);
    }

    #[test]
    fn a_docker_container() {
        check(
            &[
                (
                    "proc/self/status",
                    "Uid:\t0\t0\t0\t0\nCapEff:\t00000000a80425fb\nSeccomp:\t2\n",
                ),
                ("proc/self/uid_map", "         0     100000      65536\n"),
                ("proc/self/cgroup", "4:memory:/docker/4f\n0::/docker/4f\n"),
                (
                    "proc/self/mountinfo",
                    "1 0 0:4 / / rw - overlay none rw\n\
                     2 1 0:5 / /proc rw - proc proc rw\n\
                     3 2 0:5 /bus /proc/bus ro - proc proc rw\n\
                     4 2 0:9 / /proc/sys/fs/binfmt_misc rw - binfmt_misc none rw\n",
                ),
                ("proc/self/root/.dockerenv", ""),
                ("proc/self/attr/current", "system_u:system_r:container_t\n"),
            ],
            Settings {
                caller: Caller {
                    uid: 0,
                    sys_admin: false,
                    lacks: vec!["CAP_NET_ADMIN", "CAP_SYS_ADMIN"],
                    seccomp_filter: true,
                    nested_user_namespace: true,
                },
                container: Some(Container::Docker),
                proc_covered: vec!["/proc/bus".into()],
                cgroups: Some(Version::V1),
                ..Settings::default()
            },
        );
    }

    #[test]
    fn a_chroot_has_no_mount_at_its_root() {
        let mounts = "63 43 254:0 /usr /usr rw - ext4 /dev/vda rw\n";
        check(
            &[("proc/self/mountinfo", mounts)],
            Settings {
                chroot: true,
                ..Settings::default()
            },
        );
    }

    #[test]
    fn containers_are_told_by_what_they_leave() {
        let lxcfs = "5 1 0:40 /proc/meminfo /proc/meminfo rw - fuse.lxcfs lxcfs rw\n";
        for (file, text, expected) in [
            (".dockerenv", "", Some(Container::Docker)),
            ("run/.containerenv", "", Some(Container::Podman)),
            ("run/systemd/container", "lxc\n", Some(Container::Lxc)),
            (
                "run/systemd/container",
                "systemd-nspawn\n",
                Some(Container::Other("systemd-nspawn".into())),
            ),
            ("run/systemd/container", "wsl\n", None),
            ("mountinfo", lxcfs, Some(Container::Lxc)),
            ("nothing", "", None),
        ] {
            let root = tempfile::tempdir().unwrap();
            let path = root.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
            let mounts = mountinfo::parse(text);
            assert_eq!(
                Container::find(root.path(), &mounts),
                expected,
                "{file} {text}"
            );
        }
    }

    #[test]
    fn windows_is_told_by_the_release() {
        for (release, wsl1, wsl2) in [
            ("4.4.0-19041-Microsoft", true, false),
            ("5.15.90.1-microsoft-standard-WSL2", false, true),
            ("6.18.44", false, false),
        ] {
            let settings = Settings {
                release: release.into(),
                ..Settings::default()
            };
            assert_eq!(
                (settings.is_wsl1(), settings.is_wsl2()),
                (wsl1, wsl2),
                "{release}"
            );
        }
    }

    #[test]
    fn this_machine_can_be_read() {
        let found = Settings::read(Path::new("/proc"), Path::new("/sys"));
        let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
        assert_eq!(found.release, release.trim());
        assert_eq!(found.caller.uid, nix::unistd::geteuid().as_raw());
    }
}
