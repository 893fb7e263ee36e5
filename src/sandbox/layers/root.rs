//! A root of the box's own: what every container has mounted, and pivot_root(2).
//!
//! What belongs there is said by the OCI Runtime Specification, config-linux.md,
//! "Default Filesystems"; which files of /proc are masked
//! or made read-only is the custom of the runtimes.

use crate::base::{Errno, literal};
use crate::plan::{Namespace, Need};
use crate::sandbox::agent::own::Uncovered;
use crate::sandbox::agent::{Agent, Answer};
use crate::sandbox::base::devices::{DEVICES, LINKS, TERMINAL, is_device};
use crate::sandbox::wire::Task;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use std::fs;
use std::os::fd::OwnedFd;
use std::path::Path;

/// What root must not change: it is the machine's, whatever namespaces it has.
pub(super) const READ_ONLY: [&str; 5] = ["bus", "fs", "irq", "sys", "sysrq-trigger"];
/// What root must not read.
pub(super) const MASKED: [&str; 6] = ["acpi", "kcore", "keys", "sched_debug", "scsi", "timer_list"];

pub(super) const NOSUID: (MsFlags, &str) = (MsFlags::MS_NOSUID, "MS_NOSUID");
pub(super) const NODEV: (MsFlags, &str) = (MsFlags::MS_NODEV, "MS_NODEV");
pub(super) const NOEXEC: (MsFlags, &str) = (MsFlags::MS_NOEXEC, "MS_NOEXEC");
pub(super) const RDONLY: (MsFlags, &str) = (MsFlags::MS_RDONLY, "MS_RDONLY");
pub(super) const BIND: (MsFlags, &str) = (MsFlags::MS_BIND, "MS_BIND");
pub(super) const REMOUNT: (MsFlags, &str) = (MsFlags::MS_REMOUNT, "MS_REMOUNT");

/// One mount(2).
pub(super) struct Mounting<'m> {
    /// The filesystem's type, or what is bound.
    pub(super) what: &'m str,
    pub(super) flags: &'m [(MsFlags, &'m str)],
    pub(super) data: Option<&'m str>,
    pub(super) why: &'m str,
}

impl Agent {
    /// `default-filesystems`
    pub(in crate::sandbox) fn default_filesystems(&mut self, task: &Task, path: &str) -> Answer {
        if let Err(errno) = self.own_directory(path)? {
            return Ok(Err(errno));
        }
        if !task.held.contains(&Namespace::Pid) {
            return Err(self.tracer.broken(
                "`default-filesystems` needs a box with a pid namespace: its /proc would be \
                 that of the host"
                    .into(),
            ));
        }
        if let Err(errno) = self.proc_of_its_own(task, path)? {
            return Ok(Err(errno));
        }
        if let Err(errno) = self.devices(path)? {
            return Ok(Err(errno));
        }
        if task.held.contains(&Namespace::Ipc) {
            let mqueue = Mounting {
                what: "mqueue",
                flags: &[NOSUID, NODEV, NOEXEC],
                data: None,
                why: "the POSIX message queues of this ipc namespace",
            };
            // Where it is refused, the box does without.
            let _ = self.mount_made(&format!("{path}/dev/mqueue"), &mqueue)?;
        }
        let sysfs = Mounting {
            what: "sysfs",
            flags: &[NOSUID, NODEV, NOEXEC, RDONLY],
            data: None,
            why: "the devices of this network namespace; needs one that belongs to the box",
        };
        let _ = self.mount_made(&format!("{path}/sys"), &sysfs)?;
        Ok(Ok(()))
    }

    /// /proc, and for real root a fence around what in it is the machine's.
    fn proc_of_its_own(&mut self, task: &Task, path: &str) -> Answer {
        let proc = format!("{path}/proc");
        let mounting = Mounting {
            what: "proc",
            flags: &[NOSUID, NODEV, NOEXEC],
            data: None,
            why: "the processes of this pid namespace",
        };
        if let Err(errno) = self.mount_made(&proc, &mounting)? {
            let stage = format!("mount(\"proc\", {proc})", proc = literal(&proc));
            return Err(self.tracer.refused(Need::Proc, &stage, Some(errno)));
        }
        if !self.initial_user || task.held.contains(&Namespace::User) {
            return Ok(Ok(()));
        }
        let there = |name: &&&str| Path::new(&format!("{proc}/{name}")).exists();
        for name in READ_ONLY.iter().filter(there) {
            let at = format!("{proc}/{name}");
            let bound = Mounting {
                what: &at,
                flags: &[BIND],
                data: None,
                why: "a mount of its own, to have flags of its own",
            };
            let fenced = Mounting {
                what: "",
                flags: &[REMOUNT, BIND, RDONLY, NOSUID, NODEV, NOEXEC],
                data: None,
                why: "no namespace holds these settings: they are the machine's",
            };
            let done = self
                .mounting(&at, &bound)
                .and_then(|()| self.mounting(&at, &fenced));
            if done.is_err() {
                return Ok(done);
            }
        }
        for name in MASKED.iter().filter(there).filter(|_| is_device("null")) {
            let at = format!("{proc}/{name}");
            let why = "the machine's secrets, which no namespace divides";
            let mask = match Path::new(&at).is_dir() {
                true => Mounting {
                    what: "tmpfs",
                    flags: &[RDONLY],
                    data: Some("size=0"),
                    why,
                },
                false => Mounting {
                    what: "/dev/null",
                    flags: &[BIND],
                    data: None,
                    why,
                },
            };
            let done = self.mounting(&at, &mask);
            if done.is_err() {
                return Ok(done);
            }
        }
        Ok(Ok(()))
    }

    /// /dev with what stands in it.
    pub(super) fn devices(&mut self, path: &str) -> Answer {
        let dev = format!("{path}/dev");
        let tmpfs = Mounting {
            what: "tmpfs",
            flags: &[NOSUID],
            data: Some("mode=0755,size=64k"),
            why: "a /dev that holds no device of the host but these",
        };
        if let Err(errno) = self.mount_made(&dev, &tmpfs)? {
            return Ok(Err(errno));
        }
        let devices = DEVICES.into_iter().chain([TERMINAL]);
        for name in devices.filter(|name| is_device(name)) {
            let (from, at) = (format!("/dev/{name}"), format!("{dev}/{name}"));
            let bind = Mounting {
                what: &from,
                flags: &[BIND],
                data: None,
                why: "",
            };
            if let Err(errno) = self.on_own_mount(&at)? {
                return Ok(Err(errno));
            }
            let made = self.tracer.call(
                "open",
                format!(
                    "{at}, O_WRONLY|O_CREAT|O_EXCL|O_CLOEXEC, 0644",
                    at = literal(&at)
                ),
                "a file to mount the device on",
                || {
                    fs::File::create_new(&at)
                        .map(OwnedFd::from)
                        .map_err(Errno::from)
                },
            );
            let done = made.and_then(|_| self.mounting(&at, &bind));
            if done.is_err() {
                return Ok(done);
            }
        }
        for (target, name) in LINKS {
            let at = format!("{dev}/{name}");
            if let Err(errno) = self.on_own_mount(&at)? {
                return Ok(Err(errno));
            }
            let args = format!(
                "{target}, {at}",
                target = literal(target),
                at = literal(&at)
            );
            let done = self.tracer.call("symlink", args, "", || {
                std::os::unix::fs::symlink(target, &at).map_err(Errno::from)
            });
            if done.is_err() {
                return Ok(done);
            }
        }
        for (name, mounting) in [
            (
                "pts",
                Mounting {
                    what: "devpts",
                    flags: &[NOSUID, NOEXEC],
                    data: Some("newinstance,ptmxmode=0666,mode=0620"),
                    why: "pseudo-terminals of the box's own",
                },
            ),
            (
                "shm",
                Mounting {
                    what: "tmpfs",
                    flags: &[NOSUID, NODEV, NOEXEC],
                    data: Some("mode=1777,size=16m"),
                    why: "POSIX shared memory",
                },
            ),
        ] {
            let done = self.mount_made(&format!("{dev}/{name}"), &mounting)?;
            if done.is_err() {
                return Ok(done);
            }
        }
        Ok(Ok(()))
    }

    /// Mounts on a directory of the run's own, made if it isn't there. A tmpfs
    /// is then one of the run's own mounts.
    pub(super) fn mount_made(&mut self, at: &str, mounting: &Mounting<'_>) -> Answer {
        if let Err(errno) = self.directory(at, "a mount point")? {
            return Ok(Err(errno));
        }
        let covered = Uncovered::look(at);
        let done = self.mounting(at, mounting);
        if done.is_ok()
            && mounting.what == "tmpfs"
            && let Some(covered) = covered
        {
            self.own.add(covered);
        }
        Ok(done)
    }

    pub(super) fn mounting(&mut self, at: &str, mounting: &Mounting<'_>) -> Result<(), Errno> {
        let binds = mounting.flags.contains(&BIND);
        let fstype = (!binds).then_some(mounting.what);
        let source = Some(mounting.what).filter(|what| !what.is_empty());
        let quoted = |text: Option<&str>| text.map_or("NULL".into(), literal);
        let shown: Vec<&str> = mounting.flags.iter().map(|(_, name)| *name).collect();
        let args = format!(
            "{}, {at}, {}, {}, {}",
            quoted(source),
            quoted(fstype),
            shown.join("|"),
            quoted(mounting.data),
            at = literal(at)
        );
        let flags: MsFlags = mounting.flags.iter().map(|(flag, _)| *flag).collect();
        self.tracer.call("mount", args, mounting.why, || {
            mount(source, at, fstype, flags, mounting.data).map_err(Errno::from)
        })
    }

    /// `pivot-root`
    pub(in crate::sandbox) fn pivot_root(&mut self, path: &str) -> Answer {
        if let Err(errno) = self.own_directory(path)? {
            return Ok(Err(errno));
        }
        if self.own.at(Path::new(path)).is_none() {
            return Err(self.tracer.broken(format!(
                "`pivot-root`: `{path}` is no mount point of this run: mount an overlay on it first"
            )));
        }
        Ok(self.pivot(path))
    }

    pub(super) fn pivot(&mut self, path: &str) -> Result<(), Errno> {
        self.tracer.call(
            "chdir",
            literal(path),
            "`.` shall mean the new root, whatever the paths mean in between",
            || nix::unistd::chdir(path).map_err(Errno::from),
        )?;
        let pivoted = self.tracer.call(
            "pivot_root",
            "\".\", \".\"",
            "the new root takes the place of the old one, which is stacked on top of it",
            || nix::unistd::pivot_root(".", ".").map_err(Errno::from),
        );
        if pivoted.is_err() {
            // Back to where a process of ours stands.
            let _ = nix::unistd::chdir("/");
            return pivoted;
        }
        // From here on every path is one below the new root.
        self.own.rebase(Path::new(path));
        self.pivoted = true;
        self.tracer.call(
            "umount2",
            "\".\", MNT_DETACH",
            "let go of the old root with all that is mounted below it: no path leads there any more",
            || umount2(".", MntFlags::MNT_DETACH).map_err(Errno::from),
        )?;
        self.tracer
            .call("chdir", "\"/\"", "and stand in the new root", || {
                nix::unistd::chdir("/").map_err(Errno::from)
            })
    }
}
