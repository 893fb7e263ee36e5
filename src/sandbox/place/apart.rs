//! The mount namespace that a program gets for itself alone where it would
//! otherwise stand in the host's, and that is thrown away with it.
//!
//! Nothing that the program mounts is seen outside or outlives it. It sees every
//! file read-only and no device but six: no terminal to write to (an instance of
//! devpts of its own), and no disk. A program that keeps CAP_SYS_ADMIN could undo
//! all but the first: that one is trusted with the machine's devices.

use crate::base::Errno;
use crate::sandbox::base::devices::{DEVICES, LINKS, is_device};
use crate::sandbox::sys;
use nix::fcntl::{OFlag, open};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::stat::Mode;
use std::fs;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;

/// A step that the kernel refused.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::sandbox) struct Refused {
    /// The call, as `mount(…)`.
    pub(in crate::sandbox) call: &'static str,
    /// The kernel's answer.
    pub(in crate::sandbox) errno: Errno,
}

/// Takes this process into a mount namespace of its own. To be called in a child
/// that is about to execute a program.
///
/// # Errors
/// The first step that was refused; those before it have been done. Whatever
/// refuses to let us mount refuses it to the program as well, which has no more
/// capabilities.
pub(in crate::sandbox) fn enter() -> Result<(), Refused> {
    let step = |call: &'static str| {
        move |errno: nix::Error| Refused {
            call,
            errno: errno.into(),
        }
    };
    unshare(CloneFlags::CLONE_NEWNS).map_err(step("unshare(CLONE_NEWNS)"))?;
    // On most hosts the mounts are shared: what is mounted would show there.
    let none = None::<&str>;
    let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    mount(none, "/", none, private, none).map_err(step("mount(\"/\", MS_REC|MS_PRIVATE)"))?;
    // Root without any capability still owns root's files, /proc/sys among them,
    // and root's disks, whatever directory their nodes are in.
    read_only(true).map_err(|errno| Refused {
        call: "mount_setattr(\"/\", AT_RECURSIVE, MOUNT_ATTR_RDONLY|MOUNT_ATTR_NODEV)",
        errno,
    })?;
    // Of this namespace, before what holds them is covered: only what is in one's
    // own can be bound. No /dev/tty: the program has no terminal.
    let devices: Vec<(&str, OwnedFd)> = DEVICES
        .iter()
        .filter(|name| is_device(name))
        .filter_map(|name| {
            let path = format!("/dev/{name}");
            let open = open(
                path.as_str(),
                OFlag::O_PATH | OFlag::O_CLOEXEC,
                Mode::empty(),
            );
            Some((*name, open.ok()?))
        })
        .collect();
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC;
    let sized = Some("mode=0755,size=64k");
    mount(Some("tmpfs"), "/dev", Some("tmpfs"), flags, sized)
        .map_err(step("mount(\"tmpfs\", \"/dev\")"))?;
    for (name, device) in devices {
        let at = format!("/dev/{name}");
        let from = format!("/proc/self/fd/{}", device.as_raw_fd());
        let bound = fs::File::create(&at)
            .map_err(Errno::from)
            .and_then(|_| {
                let bind = mount(
                    Some(from.as_str()),
                    at.as_str(),
                    none,
                    MsFlags::MS_BIND,
                    none,
                );
                bind.map_err(Errno::from)
            })
            .and_then(|()| {
                // The copy has the flags of what it is a copy of; without MS_NODEV
                // it is a device again.
                remount(&at, MsFlags::MS_RDONLY | flags)
            });
        bound.map_err(|errno| Refused {
            call: "mount(a device, \"/dev\", MS_BIND)",
            errno,
        })?;
    }
    for (target, name) in LINKS {
        // Without such a link a program meets ENOENT.
        let _ = std::os::unix::fs::symlink(target, Path::new("/dev").join(name));
    }
    // A /dev without terminals will do where there is no devpts.
    let own = Some("newinstance,ptmxmode=0666,mode=0620");
    let _ = fs::create_dir("/dev/pts");
    let _ = mount(Some("devpts"), "/dev/pts", Some("devpts"), flags, own);
    remount("/dev", MsFlags::MS_RDONLY | flags).map_err(|errno| Refused {
        call: "mount(\"/dev\", MS_REMOUNT|MS_BIND|MS_RDONLY)",
        errno,
    })
}

/// Makes every mount of this namespace read-only, and, with `nodev`, each device on
/// it a node that can't be opened.
fn read_only(nodev: bool) -> Result<(), Errno> {
    match sys::guard_all_mounts(nodev) {
        Err(Errno(libc::ENOSYS)) => {}
        done => return done,
    }
    // Mount by mount, then. What another covers can't be reached by a path:
    // neither from here nor by the program.
    let text = crate::base::kernel::read_text("/proc/self/mountinfo").unwrap_or_default();
    for (point, options, _) in crate::probe::mount_points(&text) {
        let mut flags = flags_of(&options) | MsFlags::MS_RDONLY;
        flags.set(
            MsFlags::MS_NODEV,
            nodev || flags.contains(MsFlags::MS_NODEV),
        );
        match remount(&point, flags) {
            Err(Errno(libc::EINVAL | libc::ENOENT | libc::EACCES)) | Ok(()) => {}
            refused => return refused,
        }
    }
    Ok(())
}

/// Makes every mount read-only but those of the kernel's own by which boxes are
/// made and put into groups: procfs and cgroups.
pub(super) fn read_only_for_a_box() -> Result<(), Errno> {
    let text = crate::base::kernel::read_text("/proc/self/mountinfo").unwrap_or_default();
    read_only(false)?;
    for (point, options, fstype) in crate::probe::mount_points(&text) {
        let needed = matches!(fstype.as_str(), "proc" | "cgroup" | "cgroup2");
        let before = flags_of(&options);
        if needed && !before.contains(MsFlags::MS_RDONLY) {
            // One that another covers is out of reach.
            let _ = remount(&point, before);
        }
    }
    Ok(())
}

/// A mount's own options as flags.
fn flags_of(options: &str) -> MsFlags {
    let mut flags = MsFlags::empty();
    for option in options.split(',') {
        flags |= match option {
            "ro" => MsFlags::MS_RDONLY,
            "nodev" => MsFlags::MS_NODEV,
            "nosuid" => MsFlags::MS_NOSUID,
            "noexec" => MsFlags::MS_NOEXEC,
            "noatime" => MsFlags::MS_NOATIME,
            "nodiratime" => MsFlags::MS_NODIRATIME,
            "relatime" => MsFlags::MS_RELATIME,
            _ => MsFlags::empty(),
        };
    }
    flags
}

/// Gives a mount these flags instead of those that it has.
fn remount(point: &str, flags: MsFlags) -> Result<(), Errno> {
    let none = None::<&str>;
    let flags = MsFlags::MS_REMOUNT | MsFlags::MS_BIND | flags;
    mount(none, point, none, flags, none).map_err(Errno::from)
}
