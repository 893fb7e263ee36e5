//! The verbs that are one call or two: names, mounts, files, queues.

use super::create::propagation;
use crate::base::{Errno, literal};
use crate::plan::{Kill, Mount, Place, Probe, Propagation, Signal, Write};
use crate::probe::{Subject, View, observe};
use crate::sandbox::agent::own::Uncovered;
use crate::sandbox::agent::{Agent, Answer};
use crate::sandbox::sys;
use crate::sandbox::wire::Task;
use nix::mount::{MsFlags, mount};
use nix::unistd::Pid;
use std::os::fd::{AsRawFd, OwnedFd};

impl Agent {
    /// `probe`: the facts seen from here, about this place or about a box.
    pub(in crate::sandbox) fn look(&mut self, task: &Task, probes: &[Probe]) {
        let about = task.action.of.clone();
        let subject = match &about {
            None => Subject::Myself,
            Some(name) => match task.boxes.get(name) {
                Some(standing) => Subject::Process {
                    pid: standing.pid,
                    pid_namespace: standing.pid_namespace,
                },
                None => {
                    for name in probes.iter().flat_map(|probe| probe.facts(true)) {
                        let because = Err("the box does not exist".to_string());
                        let moment = task.action.at.clone();
                        self.tracer
                            .observed(about.clone(), moment, name, because, String::new());
                    }
                    return;
                }
            },
        };
        let view = View {
            proc_root: "/proc".into(),
            subject,
            groups: task.groups.clone(),
        };
        for probe in probes {
            for seen in observe(&view, probe) {
                let moment = task.action.at.clone();
                self.tracer
                    .observed(about.clone(), moment, seen.name, seen.value, seen.source);
            }
        }
    }

    /// `set-hostname`
    pub(in crate::sandbox) fn set_hostname(&mut self, name: &str) -> Result<(), Errno> {
        self.tracer.call(
            "sethostname",
            format!("{name}, {}", name.len(), name = literal(name)),
            "",
            || nix::unistd::sethostname(name).map_err(Errno::from),
        )
    }

    /// `mount`
    pub(in crate::sandbox) fn mount(&mut self, spec: &Mount) -> Result<(), Errno> {
        let (fstype, path) = (spec.fstype.as_str(), spec.path.as_str());
        let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
        // A tmpfs without a size would be half of the machine's memory.
        let data = (fstype == "tmpfs").then_some("size=16m,mode=0755");
        let shown = data.map_or("NULL".to_string(), literal);
        let args = format!(
            "{fstype}, {path}, {fstype}, MS_NOSUID|MS_NODEV, {shown}",
            fstype = literal(fstype),
            path = literal(path)
        );
        let covered = Uncovered::look(path);
        self.tracer.call("mount", args, "", || {
            mount(Some(fstype), path, Some(fstype), flags, data).map_err(Errno::from)
        })?;
        if fstype == "tmpfs"
            && let Some(point) = covered
        {
            self.own.add(point);
        }
        Ok(())
    }

    /// `propagate`
    pub(in crate::sandbox) fn propagate(
        &mut self,
        path: &str,
        to: Propagation,
    ) -> Result<(), Errno> {
        let (flag, shown) = propagation(to);
        self.tracer.call(
            "mount",
            format!("NULL, {path}, NULL, {shown}, NULL", path = literal(path)),
            "",
            || mount(None::<&str>, path, None::<&str>, flag, None::<&str>).map_err(Errno::from),
        )
    }

    /// `mkdir`
    pub(in crate::sandbox) fn mkdir(&mut self, path: &str) -> Answer {
        if let Err(errno) = self.on_own_mount(path)? {
            return Ok(Err(errno));
        }
        Ok(self.tracer.call(
            "mkdir",
            format!("{path}, 0755", path = literal(path)),
            "",
            || {
                nix::unistd::mkdir(path, nix::sys::stat::Mode::from_bits_truncate(0o755))
                    .map_err(Errno::from)
            },
        ))
    }

    /// `write`
    pub(in crate::sandbox) fn write(&mut self, write: &Write) -> Answer {
        if let Err(errno) = self.on_own_mount(&write.path)? {
            return Ok(Err(errno));
        }
        let path = write.path.as_str();
        let opened = self.tracer.call(
            "open",
            format!(
                "{path}, O_WRONLY|O_CREAT|O_TRUNC|O_CLOEXEC, 0644",
                path = literal(path)
            ),
            "",
            || {
                std::fs::File::create(path)
                    .map(OwnedFd::from)
                    .map_err(Errno::from)
            },
        );
        Ok(opened.and_then(|fd| {
            let args = format!(
                "{}, {}, {}",
                fd.as_raw_fd(),
                literal(&write.text),
                write.text.len()
            );
            let written = self.tracer.call("write", args, "", || {
                nix::unistd::write(&fd, write.text.as_bytes())
                    .map(|n| n as i64)
                    .map_err(Errno::from)
            });
            written.map(drop)
        }))
    }

    /// `chown`
    pub(in crate::sandbox) fn chown(&mut self, path: &str, uid: u32) -> Answer {
        if let Err(errno) = self.on_own_mount(path)? {
            return Ok(Err(errno));
        }
        Ok(self.tracer.call(
            "chown",
            format!("{path}, {uid}, -1", path = literal(path)),
            "",
            || {
                nix::unistd::chown(path, Some(nix::unistd::Uid::from_raw(uid)), None)
                    .map_err(Errno::from)
            },
        ))
    }

    /// `make-queue`, `find-queue`
    pub(in crate::sandbox) fn queue(&mut self, key: u32, flags: i32) -> Result<(), Errno> {
        let shown = if flags == 0 {
            "0"
        } else {
            "IPC_CREAT|IPC_EXCL|0600"
        };
        let made = self
            .tracer
            .call("msgget", format!("{key:#x}, {shown}"), "", || {
                sys::msgget(key, flags)
            });
        made.map(drop)
    }

    /// `kill`
    pub(in crate::sandbox) fn kill(&mut self, task: &Task, kill: &Kill) -> Answer {
        let (signal, shown) = match kill.signal {
            Signal::TERM => (nix::sys::signal::SIGTERM, "SIGTERM"),
            Signal::INT => (nix::sys::signal::SIGINT, "SIGINT"),
            Signal::KILL => (nix::sys::signal::SIGKILL, "SIGKILL"),
            Signal::STOP => (nix::sys::signal::SIGSTOP, "SIGSTOP"),
            Signal::CONT => (nix::sys::signal::SIGCONT, "SIGCONT"),
            Signal::USR1 => (nix::sys::signal::SIGUSR1, "SIGUSR1"),
        };
        let here = task.action.place.to_string() == kill.to;
        let target = match task.boxes.iter().find(|(name, _)| name.as_str() == kill.to) {
            Some(_) if here => Some(vec![nix::unistd::getpid()]),
            // The number is the host's: in a box it may be somebody else's.
            Some(_) if task.action.place != Place::Host => None,
            Some((_, standing)) => Some(vec![Pid::from_raw(standing.pid)]),
            None => self.children.pids(&kill.to),
        };
        let Some(target) = target else {
            return Err(self
                .tracer
                .broken(format!("`kill`: there is no `{}` here", kill.to)));
        };
        for pid in target {
            let sent = self.tracer.call("kill", format!("{pid}, {shown}"), "", || {
                nix::sys::signal::kill(pid, signal).map_err(Errno::from)
            });
            if sent.is_err() {
                return Ok(sent);
            }
        }
        Ok(Ok(()))
    }
}
