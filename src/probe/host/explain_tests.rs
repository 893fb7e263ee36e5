use super::super::{AppArmor, Caller, Trial};
use super::*;
use crate::probe::cgroups::Version;

/// An ordinary user's plain machine, on which nothing explains a refusal.
fn plain() -> Settings {
    Settings {
        release: "6.12.0".into(),
        caller: Caller {
            uid: 1000,
            ..Caller::default()
        },
        cgroups: Some(Version::V2),
        systemd: true,
        ..Settings::default()
    }
}

fn with(change: impl FnOnce(&mut Settings)) -> Settings {
    let mut settings = plain();
    change(&mut settings);
    settings
}

fn root() -> Settings {
    with(|s| {
        s.caller.uid = 0;
        s.caller.sys_admin = true;
    })
}

/// A trial that has found these calls refused.
fn refuses(calls: &[(&str, i32)]) -> Trial {
    let refused = calls
        .iter()
        .map(|(call, code)| (call.to_string(), Errno(*code)));
    Trial {
        refused: refused.collect(),
        ..Trial::default()
    }
}

fn docker() -> Settings {
    with(|s| {
        s.caller.uid = 0;
        s.caller.seccomp_filter = true;
        s.trial = refuses(&[
            ("unshare", libc::EPERM),
            ("clone3", libc::ENOSYS),
            ("mount", libc::EPERM),
        ]);
        s.container = Some(Container::Docker);
        s.proc_covered = vec!["/proc/bus".into(), "/proc/kcore".into()];
    })
}

/// Root without a capability.
fn lacks(name: &'static str) -> Settings {
    with(|s| {
        s.caller.uid = 0;
        s.caller.sys_admin = name != "CAP_SYS_ADMIN";
        s.caller.lacks = vec![name];
    })
}

fn ubuntu() -> Settings {
    with(|s| s.apparmor.restricts_userns = true)
}

fn lxc() -> Settings {
    with(|s| {
        s.caller.uid = 0;
        s.caller.sys_admin = true;
        s.caller.nested_user_namespace = true;
        s.container = Some(Container::Lxc);
    })
}

/// One row: what failed, on which host; a part of the cause, and a part of
/// each remedy in its order.
type Row = (
    Need,
    &'static str,
    i32,
    Settings,
    &'static str,
    &'static [&'static str],
);

fn check(rows: Vec<Row>) {
    for (need, stage, code, settings, cause, remedies) in rows {
        let errno = (code != 0).then_some(Errno(code));
        let refusal = explain(&need, stage, errno, &settings);
        let context = format!("{need}, {stage}: {refusal:#?}");
        assert!(refusal.cause.contains(cause), "`{cause}` in {context}");
        assert_eq!(refusal.remedy.len(), remedies.len(), "{context}");
        for (remedy, part) in refusal.remedy.iter().zip(remedies) {
            assert!(remedy.contains(part), "`{part}` in {context}");
        }
        assert_eq!((refusal.need, refusal.errno), (need, errno));
        assert_eq!(refusal.stage, stage);
    }
}

use Namespace::{Net, Pid, Time, User, Uts};

#[test]
fn namespaces() {
    let ns = Need::Namespace;
    let unshare = "unshare(CLONE_NEWUSER)";
    check(vec![
        // Ubuntu: the namespace is made, then its map or a mount is refused.
        (
            ns(User),
            "write(/proc/4892/uid_map)",
            libc::EPERM,
            ubuntu(),
            "AppArmor",
            &[
                "sudo glassbox",
                "`userns,`",
                "apparmor_restrict_unprivileged_userns=0",
            ],
        ),
        (
            ns(Namespace::Mount),
            "mount(MS_REC|MS_PRIVATE)",
            libc::EACCES,
            with(|s| {
                s.apparmor = AppArmor {
                    restricts_userns: false,
                    profile: Some("unprivileged_userns".into()),
                }
            }),
            "AppArmor",
            &["sudo glassbox", "`userns,`", "=0"],
        ),
        // The restriction doesn't concern one that has the capability.
        (
            ns(Uts),
            "unshare(CLONE_NEWUTS)",
            libc::EPERM,
            with(|s| {
                s.caller.uid = 0;
                s.caller.sys_admin = true;
                s.apparmor.restricts_userns = true;
            }),
            "none of the known settings",
            &["another machine"],
        ),
        // Debian.
        (
            ns(User),
            unshare,
            libc::EPERM,
            with(|s| s.userns_clone = Some(false)),
            "kernel.unprivileged_userns_clone is 0",
            &["sudo glassbox", "sysctl kernel.unprivileged_userns_clone=1"],
        ),
        (
            ns(User),
            unshare,
            libc::EPERM,
            with(|s| s.userns_clone = Some(true)),
            "none of the known settings",
            &["sudo glassbox", "another machine"],
        ),
        // The sysctls: the namespace's own, or the user namespace's.
        (
            ns(User),
            unshare,
            libc::ENOSPC,
            with(|s| s.max_namespaces = [(User, 0)].into()),
            "user.max_user_namespaces is 0",
            &["sudo sysctl user.max_user_namespaces="],
        ),
        (
            ns(Net),
            "clone3(CLONE_NEWNET)",
            libc::ENOSPC,
            with(|s| s.max_namespaces = [(Net, 0), (User, 5)].into()),
            "user.max_net_namespaces is 0",
            &["sudo sysctl user.max_net_namespaces="],
        ),
        (
            ns(Net),
            "clone3(CLONE_NEWUSER|CLONE_NEWNET)",
            libc::ENOSPC,
            with(|s| s.max_namespaces = [(Net, 5), (User, 0)].into()),
            "user.max_user_namespaces is 0",
            &["sudo sysctl user.max_user_namespaces="],
        ),
        (
            ns(Pid),
            "clone3(CLONE_NEWPID)",
            libc::ENOSPC,
            with(|s| s.max_namespaces = [(Pid, 7), (User, 7)].into()),
            "user.max_pid_namespaces (7), or this session runs in namespaces",
            &["lsns", "sudo sysctl user.max_pid_namespaces=14"],
        ),
        // Another one can be made, less deep: it is the depth.
        (
            ns(Pid),
            "clone3(CLONE_NEWPID)",
            libc::ENOSPC,
            with(|s| {
                s.max_namespaces = [(Pid, 96_365), (User, 96_365)].into();
                s.trial.made = [Pid, User].into();
            }),
            "nest 32 deep at most",
            &["outside of the namespaces"],
        ),
        (
            ns(User),
            "unshare(CLONE_NEWUSER)",
            libc::EUSERS,
            with(|s| s.trial.made = [User].into()),
            "nest 32 deep at most",
            &["outside of the namespaces"],
        ),
        (
            ns(Uts),
            "unshare(CLONE_NEWUTS)",
            libc::ENOSPC,
            with(|s| s.max_namespaces = [(Uts, 3)].into()),
            "user.max_uts_namespaces (3)",
            &["lsns", "user.max_uts_namespaces=6"],
        ),
        // Docker's filter: EPERM for unshare, ENOSYS for clone3.
        (
            ns(User),
            unshare,
            libc::EPERM,
            docker(),
            "seccomp filter of this Docker container",
            &[
                "outside of this Docker container",
                "docker run --security-opt seccomp=unconfined",
            ],
        ),
        (
            ns(Pid),
            "clone3(CLONE_NEWPID)",
            libc::ENOSYS,
            docker(),
            "seccomp filter of this Docker container",
            &[
                "outside of this Docker container",
                "on a disposable machine only",
            ],
        ),
        (
            ns(Pid),
            "clone3(CLONE_NEWPID)",
            libc::ENOSYS,
            with(|s| {
                s.caller.seccomp_filter = true;
                s.trial = refuses(&[("clone3", libc::ENOSYS)]);
            }),
            "seccomp filter around this session refuses clone3",
            &["plain terminal"],
        ),
        (
            ns(Pid),
            "clone3(CLONE_NEWPID)",
            libc::ENOSYS,
            plain(),
            "doesn't have the system call",
            &["Linux 5.3"],
        ),
        // It is there, and hasn't been shown to be why.
        (
            ns(User),
            unshare,
            libc::EPERM,
            with(|s| s.caller.seccomp_filter = true),
            "no check of this host shows why; it may be the seccomp filter",
            &["plain terminal"],
        ),
        (
            ns(User),
            unshare,
            libc::EPERM,
            with(|s| {
                s.caller.uid = 0;
                s.container = Some(Container::Docker);
            }),
            "it may be how this Docker container was set up",
            &[
                "outside of this Docker container",
                "docker run --security-opt",
            ],
        ),
        // A capability that the call takes.
        (
            ns(User),
            "write(/proc/4892/uid_map)",
            libc::EPERM,
            lacks("CAP_SETFCAP"),
            "root here lacks the capability CAP_SETFCAP",
            &["all capabilities"],
        ),
        (
            ns(User),
            "write(/proc/4892/gid_map)",
            libc::EPERM,
            lacks("CAP_SETGID"),
            "root here lacks the capability CAP_SETGID",
            &["all capabilities"],
        ),
        (
            ns(Uts),
            "unshare(CLONE_NEWUTS)",
            libc::EPERM,
            with(|s| {
                *s = lacks("CAP_SYS_ADMIN");
                s.container = Some(Container::Podman);
            }),
            "CAP_SYS_ADMIN",
            &[
                "outside of this Podman container",
                "podman run --cap-add SYS_ADMIN",
            ],
        ),
        (
            ns(User),
            "write(/proc/self/uid_map)",
            libc::EPERM,
            with(|s| {
                *s = lacks("CAP_SETUID");
                s.caller.lacks.push("CAP_SETFCAP");
            }),
            "root here lacks the capability CAP_SETFCAP",
            &["all capabilities"],
        ),
        // One that has nothing to do with it.
        (
            ns(User),
            "write(/proc/4892/gid_map)",
            libc::EPERM,
            lacks("CAP_MKNOD"),
            "none of the known settings",
            &["another machine"],
        ),
        // Docker on an Ubuntu host: its filter answers first.
        (
            ns(User),
            unshare,
            libc::EPERM,
            with(|s| {
                *s = docker();
                s.apparmor.restricts_userns = true;
            }),
            "seccomp filter of this Docker container",
            &["outside", "seccomp=unconfined"],
        ),
        (
            ns(User),
            "write(/proc/self/uid_map)",
            libc::EPERM,
            with(|s| {
                *s = docker();
                s.apparmor.restricts_userns = true;
            }),
            "AppArmor",
            &["`userns,`", "=0"],
        ),
        // Another profile.
        (
            ns(Namespace::Mount),
            "mount(MS_REC|MS_PRIVATE)",
            libc::EACCES,
            with(|s| s.apparmor.profile = Some("snap.code".into())),
            "profile `snap.code`",
            &["no profile confines"],
        ),
        // Unprivileged LXC.
        (
            ns(User),
            unshare,
            libc::EPERM,
            lxc(),
            "it may be the user namespace that this session runs in or how this LXC container",
            &["outside of this LXC container", "security.nesting=true"],
        ),
        // Kernels without it.
        (
            ns(Time),
            "unshare(CLONE_NEWTIME)",
            libc::EINVAL,
            root(),
            "no time namespaces",
            &["CONFIG_TIME_NS, Linux 5.6"],
        ),
        (
            ns(Time),
            "readlink(/proc/self/ns/time)",
            libc::ENOENT,
            root(),
            "no time namespaces",
            &["CONFIG_TIME_NS"],
        ),
        (
            ns(Time),
            "looking",
            0,
            root(),
            "no time namespaces",
            &["CONFIG_TIME_NS"],
        ),
        (
            ns(User),
            "write(/proc/5/uid_map)",
            libc::EINVAL,
            root(),
            "none of the known settings",
            &["another machine"],
        ),
        (
            ns(Uts),
            "clone3(CLONE_NEWUSER|CLONE_NEWUTS)",
            libc::EPERM,
            plain(),
            "none of the known settings",
            &["sudo glassbox", "another machine"],
        ),
        // A chroot forbids user namespaces, and no others.
        (
            ns(User),
            unshare,
            libc::EPERM,
            with(|s| s.chroot = true),
            "in a chroot",
            &["outside of the chroot"],
        ),
        (
            ns(Uts),
            "unshare(CLONE_NEWUTS)",
            libc::EPERM,
            with(|s| s.chroot = true),
            "none of the known settings",
            &["sudo glassbox", "another machine"],
        ),
        (
            ns(Namespace::Mount),
            "mount(MS_REC|MS_PRIVATE)",
            libc::EINVAL,
            with(|s| s.chroot = true),
            "no mount point",
            &["outside of the chroot"],
        ),
        // The same errno in another call says nothing about the kernel's build.
        (
            ns(Namespace::Mount),
            "mount(MS_REC|MS_PRIVATE)",
            libc::EINVAL,
            root(),
            "none of the known settings",
            &["another machine"],
        ),
        (
            ns(Time),
            "write(/proc/self/timens_offsets)",
            libc::ENOENT,
            root(),
            "no time namespaces",
            &["CONFIG_TIME_NS"],
        ),
        (
            ns(Time),
            "write(/proc/self/timens_offsets)",
            libc::ERANGE,
            root(),
            "would be negative",
            &["uptime"],
        ),
        // Windows.
        (
            ns(Uts),
            "unshare(CLONE_NEWUTS)",
            libc::EINVAL,
            with(|s| s.release = "4.4.0-19041-Microsoft".into()),
            "WSL 1",
            &["wsl --set-version"],
        ),
    ]);
}

#[test]
fn procfs() {
    let mount = "mount(proc)";
    check(vec![
        (
            Need::Proc,
            mount,
            libc::EPERM,
            with(|s| {
                *s = docker();
                s.trial = Trial::default();
            }),
            "Docker container covers parts of it (here /proc/bus and 1 more)",
            &["outside", "systempaths=unconfined"],
        ),
        (
            Need::Proc,
            mount,
            libc::EPERM,
            with(|s| {
                s.container = Some(Container::Podman);
                s.proc_covered = vec!["/proc/kcore".into()];
            }),
            "Podman container covers parts",
            &["outside", "unmask=ALL"],
        ),
        (
            Need::Proc,
            mount,
            libc::EPERM,
            with(|s| {
                *s = lxc();
                s.proc_covered = vec!["/proc/cpuinfo".into()];
            }),
            "LXC container covers parts",
            &["security.nesting=true"],
        ),
        // Nothing covers it.
        (
            Need::Proc,
            mount,
            libc::EPERM,
            with(|s| s.container = Some(Container::Docker)),
            "it may be how this Docker container was set up",
            &["outside", "systempaths=unconfined"],
        ),
        (
            Need::Proc,
            mount,
            libc::EPERM,
            with(|s| s.caller.nested_user_namespace = true),
            "it may be the user namespace that this session runs in",
            &["outside of that user namespace"],
        ),
        (
            Need::Proc,
            mount,
            libc::EPERM,
            with(|s| s.proc_covered = vec!["/proc/cpuinfo".into()]),
            "parts of it are covered (here /proc/cpuinfo",
            &["mountinfo", "sudo glassbox"],
        ),
        (
            Need::Proc,
            mount,
            libc::EACCES,
            ubuntu(),
            "AppArmor",
            &["sudo glassbox", "`userns,`", "=0"],
        ),
        (
            Need::Proc,
            mount,
            libc::EPERM,
            ubuntu(),
            "AppArmor",
            &["sudo glassbox", "`userns,`", "=0"],
        ),
        (
            Need::Proc,
            mount,
            libc::EPERM,
            with(|s| {
                *s = docker();
                s.trial = Trial::default();
                s.apparmor.restricts_userns = true;
            }),
            "covers parts of it",
            &["outside", "systempaths=unconfined"],
        ),
        (
            Need::Proc,
            mount,
            libc::ENODEV,
            root(),
            "none of the known settings",
            &["another machine"],
        ),
    ]);
}

#[test]
fn veth_pairs() {
    let create = "RTM_NEWLINK(veth)";
    check(vec![
        (
            Need::Veth,
            create,
            libc::EOPNOTSUPP,
            plain(),
            "no veth driver",
            &["modprobe veth", "CONFIG_VETH"],
        ),
        (
            Need::Veth,
            create,
            libc::EPERM,
            ubuntu(),
            "AppArmor",
            &["sudo glassbox", "`userns,`", "=0"],
        ),
        (
            Need::Veth,
            "socket(AF_NETLINK)",
            libc::EAFNOSUPPORT,
            with(|s| {
                s.caller.seccomp_filter = true;
                s.trial = refuses(&[("socket", libc::EAFNOSUPPORT)]);
            }),
            "seccomp filter around this session",
            &["plain terminal"],
        ),
        (
            Need::Veth,
            create,
            libc::EPERM,
            lacks("CAP_NET_ADMIN"),
            "CAP_NET_ADMIN",
            &["all capabilities"],
        ),
    ]);
}

#[test]
fn cgroups() {
    let mkdir = "mkdir(/sys/fs/cgroup/a/glassbox)";
    let none: &[&str] = &[];
    check(vec![
        (
            Need::ChildCgroup,
            mkdir,
            libc::EACCES,
            plain(),
            "not delegated",
            &[
                "systemd-run --user --scope -p Delegate=yes",
                "sudo glassbox",
            ],
        ),
        (
            Need::ChildCgroup,
            mkdir,
            libc::EACCES,
            with(|s| s.no_scope = Some("No medium found".into())),
            "not delegated",
            &[
                "log in as yourself (at a console or by ssh, not through su or sudo), so that \
                 `systemd-run --user --scope -p Delegate=yes glassbox` works; asked just now, it \
                 answered: No medium found",
                "sudo glassbox",
            ],
        ),
        (
            Need::ChildCgroup,
            mkdir,
            libc::EACCES,
            with(|s| s.systemd = false),
            "not delegated",
            &["sudo glassbox"],
        ),
        (
            Need::ChildCgroup,
            mkdir,
            libc::EACCES,
            with(|s| s.cgroups = Some(Version::V1)),
            "in version 1 the cgroups belong to root",
            &["sudo glassbox"],
        ),
        (
            Need::ChildCgroup,
            mkdir,
            libc::EROFS,
            docker(),
            "cgroup filesystem of this Docker container is read-only",
            &["outside", "writable-cgroups=true", "--privileged"],
        ),
        (
            Need::ChildCgroup,
            mkdir,
            libc::EROFS,
            plain(),
            "mounted read-only",
            &["mountinfo"],
        ),
        (
            Need::ChildCgroup,
            "write(cgroup.procs)",
            libc::EBUSY,
            plain(),
            "not both",
            &["systemd-run --user --scope", "child cgroup first"],
        ),
        (
            Need::Cgroup(Controller::Io),
            "write(cgroup.subtree_control)",
            libc::EBUSY,
            with(|s| {
                s.caller.uid = 0;
                s.caller.sys_admin = true;
                s.no_scope = Some("Access denied".into());
            }),
            "not both",
            &[
                "see to it that `systemd-run --scope -p Delegate=yes glassbox` works; asked just \
                 now, it answered: Access denied",
                "child cgroup first",
            ],
        ),
        (
            Need::Cgroup(Controller::Io),
            "flock(/sys/fs/cgroup)",
            libc::EAGAIN,
            plain(),
            "another process holds the lock",
            &["lslocks"],
        ),
        // The same number for another reason: a group that holds more than its limit.
        (
            Need::Cgroup(Controller::Memory),
            "write(/sys/fs/cgroup/memory/a/memory.limit_in_bytes, 8388608)",
            libc::EBUSY,
            with(|s| s.cgroups = Some(Version::V1)),
            "can't take so much memory back",
            &["memory.usage_in_bytes"],
        ),
        (
            Need::ChildCgroup,
            "write(cgroup.procs)",
            libc::EBUSY,
            with(|s| s.cgroups = Some(Version::V1)),
            "none of the known settings",
            &["sudo glassbox", "another machine"],
        ),
        (
            Need::Cgroup(Controller::Cpu),
            "write(/sys/fs/cgroup/cgroup.subtree_control, +cpu)",
            libc::ENOENT,
            with(|s| s.cgroup_namespace = true),
            "a cgroup namespace whose root was not handed the controller",
            &["outside of that cgroup namespace"],
        ),
        // user@.service is no help to root, or without systemd.
        (
            Need::Cgroup(Controller::Cpu),
            "write(/sys/fs/cgroup/cgroup.subtree_control, +cpu)",
            libc::ENOENT,
            root(),
            "cgroup.controllers doesn't list it",
            &["cgroup.subtree_control"],
        ),
        (
            Need::ChildCgroup,
            mkdir,
            libc::EACCES,
            lacks("CAP_DAC_OVERRIDE"),
            "CAP_DAC_OVERRIDE",
            &["all capabilities"],
        ),
        (
            Need::ChildCgroup,
            "write(cgroup.subtree_control)",
            libc::ENOENT,
            plain(),
            "cgroup.controllers doesn't list it",
            &["user@.service.d"],
        ),
        (
            Need::ChildCgroup,
            mkdir,
            libc::ENOENT,
            with(|s| s.release = "5.15.90.1-microsoft-standard-WSL2".into()),
            "WSL 2",
            &["systemd=true"],
        ),
        (
            Need::ChildCgroup,
            mkdir,
            libc::ENOENT,
            plain(),
            "no cgroup filesystem",
            &["mountinfo"],
        ),
        (
            Need::ChildCgroup,
            "/proc/self/cgroup",
            0,
            with(|s| s.systemd = false),
            "root of every hierarchy",
            &["sudo glassbox"],
        ),
        (
            Need::ChildCgroup,
            mkdir,
            libc::EAGAIN,
            with(|s| s.systemd = false),
            "cgroup.max.descendants",
            none,
        ),
    ]);
}

#[test]
fn programs() {
    let program = |name: &str| Need::Program(name.into());
    check(vec![
        (
            program("ps"),
            "execve(ps)",
            libc::ENOENT,
            plain(),
            "`ps` is neither in a directory of PATH nor in a usual one",
            &["`procps`"],
        ),
        (
            program("kettle"),
            "execve(kettle)",
            0,
            plain(),
            "`kettle` is neither in a directory of PATH nor in a usual one",
            &["a package that has `kettle`"],
        ),
        (
            program("ip"),
            "execve(ip)",
            libc::EACCES,
            plain(),
            "may not execute",
            &["ls -l"],
        ),
        (
            program("ip"),
            "execve(ip)",
            libc::ENOEXEC,
            plain(),
            "another kind of machine",
            &["file"],
        ),
    ]);
}

/// Whoever is root already is never told to become root.
#[test]
fn overlays() {
    let old = |release: &str| with(|s| s.release = release.into());
    let mount = "mount(\"overlay\") on tmpfs";
    check(vec![
        (
            Need::Overlay,
            mount,
            libc::ENODEV,
            plain(),
            "no overlayfs",
            &["modprobe overlay", "CONFIG_OVERLAY_FS"],
        ),
        (
            Need::Overlay,
            mount,
            libc::EPERM,
            old("5.10.0-30-cloud-amd64"),
            "came with Linux 5.11",
            &["sudo glassbox", "newer kernel"],
        ),
        // A newer one has another reason.
        (
            Need::Overlay,
            mount,
            libc::EPERM,
            old("5.11.0"),
            "none of the known settings",
            &["sudo glassbox", "another machine"],
        ),
        (
            Need::Overlay,
            mount,
            libc::EACCES,
            ubuntu(),
            "AppArmor",
            &["sudo glassbox", "`userns,`", "=0"],
        ),
        (
            Need::Overlay,
            mount,
            libc::EPERM,
            docker(),
            "seccomp filter of this Docker container refuses mount",
            &["on the machine itself", "docker run"],
        ),
        (
            Need::Overlay,
            "mount(\"overlay\") on disk",
            libc::EINVAL,
            plain(),
            "file system of /var/tmp",
            &["findmnt", "TMPDIR"],
        ),
        (
            Need::Overlay,
            "mount(\"overlay\") on disk",
            libc::EINVAL,
            docker(),
            "another overlay",
            &["findmnt", "TMPDIR", "on the machine itself"],
        ),
        (
            Need::Overlay,
            "unlinkat(AT_REMOVEDIR) on tmpfs",
            libc::EIO,
            old("6.1.0"),
            "only since Linux 6.6",
            &["disk", "sudo glassbox"],
        ),
        (
            Need::Overlay,
            "lgetxattr(overlay.opaque) on tmpfs",
            0,
            root(),
            "only since Linux 6.6",
            &["disk"],
        ),
        (
            Need::Overlay,
            "unlinkat(AT_REMOVEDIR) on disk",
            libc::EIO,
            plain(),
            "extended attributes",
            &["findmnt", "sudo glassbox"],
        ),
        (
            Need::Overlay,
            "mkdir(/var/tmp/glassbox-1)",
            libc::ENOSPC,
            plain(),
            "no room left",
            &["df /var/tmp"],
        ),
        (
            Need::Overlay,
            "mkdir(/var/tmp/glassbox-1)",
            libc::EROFS,
            plain(),
            "read-only",
            &["TMPDIR"],
        ),
        (
            Need::Overlay,
            "mkdir(/var/tmp/glassbox-1)",
            libc::EACCES,
            plain(),
            "no directory in /var/tmp",
            &["ls -ld"],
        ),
    ]);
}

#[test]
fn versions_are_compared_as_numbers() {
    for (release, expected) in [
        ("5.4.0-150-generic", true),
        ("5.9.1", true),
        ("4.19.0", true),
        ("5.11.0", false),
        ("5.100.2", false),
        ("6.1.0-13-amd64", false),
        ("7.0-rc1", false),
        ("", false),
        ("unknown", false),
    ] {
        let settings = with(|s| s.release = release.into());
        assert_eq!(settings.before(5, 11), expected, "{release}");
    }
}

#[test]
fn root_is_not_sent_to_sudo() {
    let needs = [
        Need::Namespace(User),
        Need::Proc,
        Need::Veth,
        Need::ChildCgroup,
        Need::Overlay,
        Need::Program("ps".into()),
    ];
    let mut as_root = root();
    as_root.caller.sys_admin = false;
    as_root.apparmor.restricts_userns = true;
    as_root.userns_clone = Some(false);
    for need in &needs {
        for code in 0..134 {
            let errno = (code != 0).then_some(Errno(code));
            let refusal = explain(need, "stage", errno, &as_root);
            assert!(!refusal.cause.is_empty(), "{need} {code}");
            assert!(
                refusal
                    .remedy
                    .iter()
                    .all(|remedy| !remedy.contains("sudo glassbox")),
                "{need} {code}: {refusal:?}"
            );
        }
    }
}
