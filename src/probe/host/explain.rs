//! From a failed call to its cause and what to do about it. Pure.
//!
//! Remedies come most harmless first: what changes only how the course is
//! started, then what changes one program, then what changes the machine.

use super::child_cgroup::child_cgroup;
use super::forbidden::{apparmor, filtered, forbidden, no_call};
use super::remedy::{self, Why, unexplained, why};
use super::settings::{Container, Settings};
use crate::base::Errno;
use crate::plan::{Controller, Namespace, Need, Refusal};

/// Says why `stage` failed with `errno`, as far as this host's settings tell.
/// Without an errno no call failed: what is needed simply isn't there.
///
/// `stage` begins with the call's name (`unshare(CLONE_NEWUSER)`,
/// `write(/proc/self/uid_map)`): the same errno means another thing in another
/// call. `settings` are those of the session, from before it made anything,
/// see [`Settings::at_failure`].
pub fn explain(need: &Need, stage: &str, errno: Option<Errno>, settings: &Settings) -> Refusal {
    let code = errno.map_or(0, |Errno(code)| code);
    let why = not_linux(settings).unwrap_or_else(|| match need {
        Need::Namespace(ns) => namespace(*ns, stage, code, settings),
        Need::Proc => proc(stage, code, settings),
        Need::Veth => veth(stage, code, settings),
        Need::ChildCgroup => child_cgroup(stage, code, settings),
        Need::Cgroup(controller) => match code {
            // Who else is in the session's group was read, no call failed.
            0 if stage.ends_with("cgroup.procs") => child_cgroup(stage, libc::EBUSY, settings),
            libc::ENODEV if *controller == Controller::Io => why(
                "the files of this program lie on no disk of their own (btrfs, overlay and tmpfs have none)",
                ["put glassbox on a disk with ext4 or xfs and start it from there".into()],
            ),
            0 => why(
                format!("no cgroup hierarchy of this host has the {controller} controller"),
                [
                    "see which there are: `cat /proc/cgroups /sys/fs/cgroup/cgroup.controllers`"
                        .into(),
                ],
            ),
            libc::ENOENT if stage.contains("memory.oom.group") => why(
                "in version 1 the members of a group are killed one by one; the switch \
                 memory.oom.group came with version 2",
                ["use a machine whose memory controller is in version 2 \
                     (with systemd: boot with `systemd.unified_cgroup_hierarchy=1`)"
                    .into()],
            ),
            _ => child_cgroup(stage, code, settings),
        },
        Need::Overlay => overlay(stage, code, settings),
        Need::Program(name) => program(name, code, settings),
        Need::Guardian => guardian(stage, code, settings),
        Need::Call(_) if code == libc::ENOSYS => no_call(stage, settings),
        Need::Call(_)
        | Need::Hostname(_)
        | Need::Loopback
        | Need::OtherId
        | Need::Queues
        | Need::Engine
        | Need::CgroupTree => {
            forbidden(stage, code, settings).unwrap_or_else(|| unexplained(settings))
        }
    });
    Refusal {
        need: need.clone(),
        stage: stage.into(),
        errno,
        cause: why.cause,
        remedy: why.remedy,
    }
}

fn not_linux(settings: &Settings) -> Option<Why> {
    settings.is_wsl1().then(|| {
        why(
            "this is WSL 1, which imitates system calls and has no Linux kernel",
            ["change to WSL 2, from Windows: `wsl --set-version DISTRIBUTION 2`".into()],
        )
    })
}

fn namespace(ns: Namespace, stage: &str, code: i32, settings: &Settings) -> Why {
    let shown_by_file = stage.contains("/ns/") || stage.contains("timens_offsets");
    match code {
        0 => not_built(ns),
        libc::ENOENT if shown_by_file => not_built(ns),
        libc::EINVAL if at_birth(stage) => not_built(ns),
        libc::EINVAL if stage.starts_with("mount") && settings.chroot => why(
            "this session runs in a chroot, whose root directory is no mount point",
            ["start glassbox outside of the chroot".into()],
        ),
        libc::ERANGE => why(
            "with that offset the clock would be negative or beyond its range",
            ["choose an offset smaller than the time since boot, see `uptime`".into()],
        ),
        // EUSERS is what kernels before 4.9 answered.
        libc::ENOSPC | libc::EUSERS => limit(ns, settings),
        libc::ENOSYS => no_call(stage, settings),
        _ => forbidden(stage, code, settings).unwrap_or_else(|| unexplained(settings)),
    }
}

/// Whether the call is the one that makes the namespace.
fn at_birth(stage: &str) -> bool {
    stage.starts_with("clone") || stage.starts_with("unshare")
}

fn not_built(ns: Namespace) -> Why {
    let option = match ns {
        Namespace::Cgroup => "CONFIG_CGROUPS, Linux 4.6 or later",
        Namespace::Ipc => "CONFIG_IPC_NS",
        Namespace::Net => "CONFIG_NET_NS",
        Namespace::Mount => "CONFIG_NAMESPACES",
        Namespace::Pid => "CONFIG_PID_NS",
        Namespace::Time => "CONFIG_TIME_NS, Linux 5.6 or later",
        Namespace::User => "CONFIG_USER_NS",
        Namespace::Uts => "CONFIG_UTS_NS",
    };
    why(
        format!(
            "this kernel has no {} namespaces",
            ns.title().to_lowercase()
        ),
        [format!("start a kernel that is built with {option}")],
    )
}

/// ENOSPC: user.max_*_namespaces, or 32 levels of nesting. The kernel answers
/// both alike; which it is shows where one more can be made at the session's level.
fn limit(ns: Namespace, settings: &Settings) -> Why {
    let name = |ns: Namespace| format!("user.max_{}_namespaces", ns.proc_name());
    let of = |ns: Namespace| settings.max_namespaces.get(&ns).copied();
    let raise = |ns: Namespace, to: u64| {
        format!(
            "allow more, until the next boot: `sudo sysctl {}={to}`",
            name(ns)
        )
    };
    // A user namespace is made along with the others, so its limit counts too.
    let zero = [ns, Namespace::User]
        .into_iter()
        .find(|ns| of(*ns) == Some(0));
    if let Some(ns) = zero {
        return why(
            format!("the sysctl {} is 0: nobody may make one", name(ns)),
            [raise(ns, 10_000)],
        );
    }
    if settings.trial.made.contains(&ns) {
        return why(
            "namespaces of this kind nest 32 deep at most, and this one would be deeper: \
             another, less deep, was made just now",
            ["start glassbox outside of the namespaces that this session runs in".into()],
        );
    }
    why(
        format!(
            "either this user has reached the limit {}{}, or this session runs in namespaces \
             that are nested 32 deep: the kernel answers both alike",
            name(ns),
            of(ns).map_or(String::new(), |n| format!(" ({n})")),
        ),
        ["see who holds them with `lsns`, and end what is left over".to_string()]
            .into_iter()
            .chain(of(ns).map(|n| raise(ns, n.saturating_mul(2)))),
    )
}

fn proc(stage: &str, code: i32, settings: &Settings) -> Why {
    match code {
        // AppArmor mediates mounts itself, and says EACCES; EPERM is also the
        // kernel's own answer where /proc is covered.
        libc::EACCES => filtered(stage, code, settings)
            .or_else(|| apparmor(settings))
            .or_else(|| covered(settings)),
        libc::EPERM => filtered(stage, code, settings).or_else(|| covered(settings)),
        _ => None,
    }
    .or_else(|| forbidden(stage, code, settings))
    .unwrap_or_else(|| unexplained(settings))
}

/// The rule that nobody may look under what covers /proc by mounting a new one.
fn covered(settings: &Settings) -> Option<Why> {
    let rule = "the kernel mounts a new /proc only where all of an old one can be seen";
    let example = match settings.proc_covered.as_slice() {
        [] => return None,
        [only] => format!(" (here {only})"),
        [first, rest @ ..] => format!(" (here {first} and {} more)", rest.len()),
    };
    if let Some(container) = &settings.container {
        // LXC has a setting for just this; to leave the container is no milder.
        let outside = (*container != Container::Lxc).then(|| remedy::outside(container));
        return Some(why(
            format!(
                "{rule}, and this {} container covers parts of it{example}",
                remedy::name(container)
            ),
            outside.into_iter().chain(remedy::loosened(container)),
        ));
    }
    Some(why(
        format!("{rule}, and parts of it are covered{example}"),
        ["see what covers it: `grep ' /proc/' /proc/self/mountinfo`".to_string()]
            .into_iter()
            .chain(remedy::sudo(settings)),
    ))
}

fn veth(stage: &str, code: i32, settings: &Settings) -> Why {
    match code {
        libc::EOPNOTSUPP | libc::ENODEV => why(
            "this kernel has no veth driver, or it isn't loaded",
            [
                "load it: `sudo modprobe veth`".into(),
                "or start a kernel that is built with CONFIG_VETH".into(),
            ],
        ),
        libc::EAFNOSUPPORT | libc::EPROTONOSUPPORT => filtered(stage, code, settings)
            .unwrap_or_else(|| {
                why(
                    match settings.caller.seccomp_filter {
                        true => {
                            "this kernel has no netlink for network devices, or the seccomp \
                             filter around this session says so in its place"
                        }
                        false => "this kernel has no netlink for network devices",
                    },
                    ["start a kernel that is built with CONFIG_NET".into()],
                )
            }),
        libc::ENOSYS => no_call(stage, settings),
        _ => forbidden(stage, code, settings).unwrap_or_else(|| unexplained(settings)),
    }
}

/// Why an overlay can't be had. Stages: `mount("overlay") on tmpfs`, `unlinkat
/// on disk`, `mkdir(/var/tmp/…)` and the like.
fn overlay(stage: &str, code: i32, settings: &Settings) -> Why {
    let mounting = stage.starts_with("mount(\"overlay\")");
    let on_disk = stage.ends_with("on disk");
    match code {
        libc::ENODEV if mounting => why(
            "this kernel has no overlayfs, or it isn't loaded",
            [
                "load it: `sudo modprobe overlay`".into(),
                "or start a kernel that is built with CONFIG_OVERLAY_FS".into(),
            ],
        ),
        // Before 5.11 overlayfs is for the machine's root alone.
        libc::EPERM if mounting && settings.before(5, 11) => why(
            "overlays in a user namespace came with Linux 5.11, and this kernel is older",
            remedy::sudo(settings)
                .into_iter()
                .chain(["start a newer kernel".into()]),
        ),
        // The file system below the upper lacks something: attributes, d_type,
        // or it is an overlay itself.
        libc::EINVAL if mounting && on_disk => why(
            "the file system of /var/tmp can't hold the writable layer of an overlay \
             (another overlay, NFS and FAT can't)",
            [
                "see which it is: `findmnt --target /var/tmp`".to_string(),
                "set TMPDIR to a directory on ext4, xfs or btrfs, if /var/tmp can't be written"
                    .into(),
            ]
            .into_iter()
            .chain(settings.container.as_ref().map(remedy::outside)),
        ),
        libc::EIO | libc::EOPNOTSUPP | libc::ENODATA | 0 if !on_disk && !mounting => why(
            "a tmpfs keeps the marks that an overlay needs in a user namespace only since Linux 6.6",
            ["let the demo choose, or make the `store` `on = \"disk\"`".to_string()]
                .into_iter()
                .chain(remedy::sudo(settings)),
        ),
        libc::EIO | libc::EOPNOTSUPP | libc::ENODATA | 0 if !mounting => why(
            "the file system of /var/tmp doesn't keep the marks that an overlay needs \
             (extended attributes of the kind `user.`)",
            ["see which it is: `findmnt --target /var/tmp`".to_string()]
                .into_iter()
                .chain(remedy::sudo(settings)),
        ),
        libc::ENOSPC | libc::EDQUOT => why(
            "there is no room left on the disk, or for this user",
            ["see how much there is: `df /var/tmp`".into()],
        ),
        libc::EROFS => why(
            "/var/tmp is mounted read-only",
            ["set TMPDIR to a directory that can be written".into()],
        ),
        libc::EACCES | libc::EPERM if stage.starts_with("mkdir(") => why(
            "this user may make no directory in /var/tmp",
            ["see its permissions: `ls -ld /var/tmp` (1777 is usual)".into()],
        ),
        _ => forbidden(stage, code, settings).unwrap_or_else(|| unexplained(settings)),
    }
}

/// Why this program could not be executed anew.
fn guardian(stage: &str, code: i32, settings: &Settings) -> Why {
    if stage.contains("/dev/null") {
        return why(
            "there is no /dev/null here that can be opened",
            ["make it, as root: `mknod -m 666 /dev/null c 1 3`".into()],
        );
    }
    match code {
        0 => why(
            "the /proc here belongs to another pid namespace, with other numbers",
            [
                "mount the one that belongs to this one, as root: `mount -t proc proc /proc`"
                    .into(),
            ],
        ),
        libc::ENOENT => why(
            "no procfs is mounted on /proc",
            ["mount it, as root: `mount -t proc proc /proc`".into()],
        ),
        libc::EAGAIN | libc::ENOMEM => why(
            "there is no room for another process: of this user's, of this cgroup's, or in memory",
            [
                "see the limits: `ulimit -u`, and `pids.max` of the groups in /proc/self/cgroup"
                    .into(),
            ],
        ),
        _ => forbidden(stage, code, settings).unwrap_or_else(|| unexplained(settings)),
    }
}

fn program(name: &str, code: i32, settings: &Settings) -> Why {
    match code {
        0 | libc::ENOENT => {
            let install = match remedy::package(name) {
                Some(package) => {
                    format!("install it: the package `{package}` has it on Debian and Ubuntu")
                }
                None => format!("install a package that has `{name}`"),
            };
            why(
                format!("`{name}` is neither in a directory of PATH nor in a usual one"),
                [install],
            )
        }
        libc::EACCES | libc::EPERM => why(
            format!("this user may not execute `{name}`"),
            [format!("see its permissions: `ls -l $(command -v {name})`")],
        ),
        libc::ENOEXEC => why(
            format!("`{name}` is built for another kind of machine"),
            [format!("see what it is: `file $(command -v {name})`")],
        ),
        _ => unexplained(settings),
    }
}

#[cfg(test)]
#[path = "explain_tests.rs"]
mod tests;
