//! The verbs that are one call or two: names, mounts, files, sockets, queues.

use super::create::propagation;
use crate::base::{Errno, literal};
use crate::plan::{Kill, Listen, Mount, Place, Probe, Propagation, Signal, Unit, Value, Write};
use crate::probe::{Subject, View, observe};
use crate::sandbox::agent::own::Uncovered;
use crate::sandbox::agent::{Agent, Answer};
use crate::sandbox::sys;
use crate::sandbox::wire::Task;
use crate::sandbox::wire::teller::Told;
use nix::mount::{MsFlags, mount};
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, SockaddrIn, bind, connect, getsockname, listen,
    setsockopt, socket, sockopt,
};
use nix::sys::time::TimeVal;
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
                        self.teller
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
                self.teller
                    .observed(about.clone(), moment, seen.name, seen.value, seen.source);
            }
        }
    }

    /// `set-hostname`
    pub(in crate::sandbox) fn set_hostname(&mut self, name: &str) -> Result<(), Errno> {
        self.teller.call(
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
        self.teller.call("mount", args, "", || {
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
        self.teller.call(
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
        Ok(self.teller.call(
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
        let opened = self.teller.call(
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
            let written = self.teller.call("write", args, "", || {
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
        Ok(self.teller.call(
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
            .teller
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
                .teller
                .broken(format!("`kill`: there is no `{}` here", kill.to)));
        };
        for pid in target {
            let sent = self.teller.call("kill", format!("{pid}, {shown}"), "", || {
                nix::sys::signal::kill(pid, signal).map_err(Errno::from)
            });
            if sent.is_err() {
                return Ok(sent);
            }
        }
        Ok(Ok(()))
    }

    /// `listen`
    pub(in crate::sandbox) fn listen(&mut self, task: &Task, spec: &Listen) -> Answer {
        let port = match spec {
            Listen::Port(port) => *port,
            Listen::SamePortAs(name) => self.port(task, name)?,
        };
        let made = (|| {
            let fd = self.stream_socket()?;
            let address = SockaddrIn::new(127, 0, 0, 1, port);
            self.teller.call(
                "bind",
                format!("{}, 127.0.0.1:{port}", fd.as_raw_fd()),
                "",
                || bind(fd.as_raw_fd(), &address).map_err(Errno::from),
            )?;
            self.teller
                .call("listen", format!("{}, 1", fd.as_raw_fd()), "", || {
                    let backlog = Backlog::new(1).map_err(Errno::from)?;
                    listen(&fd, backlog).map_err(Errno::from)
                })?;
            let bound: SockaddrIn = getsockname(fd.as_raw_fd()).map_err(Errno::from)?;
            Ok((fd, bound.port()))
        })();
        Ok(made.map(|(fd, port)| {
            self.listeners.push(fd);
            if let Some(name) = &task.action.result {
                let value = Value::Number(i64::from(port), Unit::Id);
                self.teller
                    .fact(format!("{name}.port"), value, "getsockname(2)".into());
            }
        }))
    }

    /// `connect`
    pub(in crate::sandbox) fn connect(&mut self, task: &Task, to: &str) -> Answer {
        let port = match to.parse() {
            Ok(port) => port,
            Err(_) => self.port(task, to)?,
        };
        Ok((|| {
            let fd = self.stream_socket()?;
            let address = SockaddrIn::new(127, 0, 0, 1, port);
            self.teller.call(
                "connect",
                format!("{}, 127.0.0.1:{port}", fd.as_raw_fd()),
                "",
                || connect(fd.as_raw_fd(), &address).map_err(Errno::from),
            )
        })())
    }

    fn port(&mut self, task: &Task, name: &str) -> Result<u16, Told> {
        task.ports.get(name).copied().ok_or_else(|| {
            self.teller
                .broken(format!("no `listen` named `{name}` has got a port yet"))
        })
    }

    fn stream_socket(&mut self) -> Result<OwnedFd, Errno> {
        let fd = self
            .teller
            .call("socket", "AF_INET, SOCK_STREAM|SOCK_CLOEXEC, 0", "", || {
                socket(
                    AddressFamily::Inet,
                    SockType::Stream,
                    SockFlag::SOCK_CLOEXEC,
                    None,
                )
                .map_err(Errno::from)
            })?;
        // A connect(2) that nobody answers must not stall the run.
        setsockopt(&fd, sockopt::SendTimeout, &TimeVal::new(2, 0)).map_err(Errno::from)?;
        Ok(fd)
    }
}
