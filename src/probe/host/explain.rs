//! From a failed call to its cause and what to do about it. Pure.
//!
//! Remedies come most harmless first: what changes only how the course is
//! started, then what changes one program, then what changes the machine.

use super::child_cgroup::child_cgroup;
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
        Need::Proc => proc(code, settings),
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
        libc::ENOSYS => no_call(settings),
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

/// ENOSPC: user.max_*_namespaces, or 32 levels of nesting.
fn limit(ns: Namespace, settings: &Settings) -> Why {
    let name = |ns: Namespace| format!("user.max_{}_namespaces", ns.proc_name());
    let of = |ns: Namespace| settings.max_namespaces.get(&ns).copied();
    // A user namespace is made along with the others, so its limit counts too.
    let zero = [ns, Namespace::User]
        .into_iter()
        .find(|ns| of(*ns) == Some(0));
    match zero {
        Some(ns) => why(
            format!("the sysctl {} is 0: nobody may make one", name(ns)),
            [format!(
                "allow some, until the next boot: `sudo sysctl {}=10000`",
                name(ns)
            )],
        ),
        None => why(
            format!(
                "this user has reached the limit {}{}, or namespaces are nested 32 deep",
                name(ns),
                of(ns).map_or(String::new(), |n| format!(" ({n})")),
            ),
            [
                "see who holds them with `lsns`, and end what is left over".into(),
                format!(
                    "raise it, until the next boot: `sudo sysctl {}=10000`",
                    name(ns)
                ),
            ],
        ),
    }
}

/// ENOSYS: a filter that plays an old kernel, or an old kernel.
fn no_call(settings: &Settings) -> Why {
    filtered(settings).unwrap_or_else(|| {
        why(
            "this kernel doesn't have the system call",
            ["start a newer kernel (clone3 came with Linux 5.3)".into()],
        )
    })
}

/// EPERM and EACCES: what may stand in the way of every kind of namespace.
fn forbidden(stage: &str, code: i32, settings: &Settings) -> Option<Why> {
    if code != libc::EPERM && code != libc::EACCES {
        return None;
    }
    // A container's filter refuses to make the namespace; AppArmor lets it be
    // made, and refuses what comes after.
    let contained = settings.container.as_ref().filter(|_| at_birth(stage));
    chroot(stage, settings)
        .or_else(|| userns_clone(settings))
        .or_else(|| contained.and_then(|_| filtered(settings)))
        .or_else(|| apparmor(settings))
        .or_else(|| filtered(settings))
        .or_else(|| {
            let container = settings.container.as_ref()?;
            Some(why(
                format!(
                    "this {} container doesn't allow it",
                    remedy::name(container)
                ),
                [remedy::outside(container)]
                    .into_iter()
                    .chain(remedy::loosened(container)),
            ))
        })
        .or_else(|| confined(code, settings))
}

/// clone(2), EPERM: a user namespace would hold the right to leave the chroot.
fn chroot(stage: &str, settings: &Settings) -> Option<Why> {
    (settings.chroot && stage.contains("CLONE_NEWUSER")).then(|| {
        why(
            "this session runs in a chroot, and the kernel makes no user namespace there",
            ["start glassbox outside of the chroot".into()],
        )
    })
}

/// Debian's own switch.
fn userns_clone(settings: &Settings) -> Option<Why> {
    let off = settings.userns_clone == Some(false) && !settings.caller.sys_admin;
    off.then(|| {
        let sysctl = "kernel.unprivileged_userns_clone";
        why(
            format!("ordinary users may not make user namespaces here: {sysctl} is 0"),
            remedy::sudo(settings).into_iter().chain([format!(
                "allow it, until the next boot: `sudo sysctl {sysctl}=1`"
            )]),
        )
    })
}

/// Any other AppArmor profile. The kernel itself answers EPERM where it can
/// choose; EACCES to one that has the right is a security module's answer.
fn confined(code: i32, settings: &Settings) -> Option<Why> {
    let profile = settings.apparmor.profile.as_ref()?;
    (code == libc::EACCES).then(|| {
        why(
            format!("the AppArmor profile `{profile}` confines this session and may forbid it"),
            ["start glassbox from a session that no profile confines".into()],
        )
    })
}

/// Ubuntu since 23.10: the user namespace is made, and then has no rights.
fn apparmor(settings: &Settings) -> Option<Why> {
    let profile = settings.apparmor.profile.as_deref();
    let restricted = profile == Some("unprivileged_userns")
        || settings.apparmor.restricts_userns && !settings.caller.sys_admin;
    restricted.then(|| {
        let sysctl = "kernel.apparmor_restrict_unprivileged_userns";
        why(
            "AppArmor takes all rights from a user namespace that an ordinary user makes",
            remedy::sudo(settings).into_iter().chain([
                "give glassbox an AppArmor profile with the rule `userns,`".into(),
                format!(
                    "lift it for every program, until the next boot: `sudo sysctl {sysctl}=0` \
                     (that weakens the whole machine)"
                ),
            ]),
        )
    })
}

/// A seccomp filter: it answers with any errno that it likes.
fn filtered(settings: &Settings) -> Option<Why> {
    settings.caller.seccomp_filter.then(|| match &settings.container {
        Some(container) => why(
            format!(
                "the seccomp filter of this {} container refuses the call before the kernel sees it",
                remedy::name(container)
            ),
            [remedy::outside(container)]
                .into_iter()
                .chain(remedy::loosened(container)),
        ),
        None => why(
            "a seccomp filter around this session refuses the call before the kernel sees it",
            ["start glassbox from a plain terminal, outside of any sandbox (Flatpak, Snap, a service)".into()],
        ),
    })
}

fn proc(code: i32, settings: &Settings) -> Why {
    match code {
        // AppArmor mediates mounts itself, and says EACCES; EPERM is also the
        // kernel's own answer where /proc is covered.
        libc::EACCES => apparmor(settings)
            .or_else(|| covered(settings))
            .or_else(|| confined(code, settings)),
        libc::EPERM if settings.proc_covered.is_empty() => {
            apparmor(settings).or_else(|| covered(settings))
        }
        libc::EPERM => covered(settings),
        _ => None,
    }
    .unwrap_or_else(|| unexplained(settings))
}

/// The rule that nobody may look under what covers /proc by mounting a new one.
fn covered(settings: &Settings) -> Option<Why> {
    let rule = "the kernel mounts a new /proc only where all of an old one can be seen";
    let example = match settings.proc_covered.as_slice() {
        [] => String::new(),
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
    if settings.caller.nested_user_namespace {
        return Some(why(
            format!("{rule}, and this session runs in a user namespace{example}"),
            ["start glassbox outside of that user namespace".to_string()]
                .into_iter()
                .chain(remedy::nesting()),
        ));
    }
    (!settings.proc_covered.is_empty()).then(|| {
        why(
            format!("{rule}, and parts of it are covered{example}"),
            ["see what covers it: `grep ' /proc/' /proc/self/mountinfo`".to_string()]
                .into_iter()
                .chain(remedy::sudo(settings)),
        )
    })
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
        libc::EAFNOSUPPORT | libc::EPROTONOSUPPORT => filtered(settings).unwrap_or_else(|| {
            why(
                "this kernel has no netlink for network devices",
                ["start a kernel that is built with CONFIG_NET".into()],
            )
        }),
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
