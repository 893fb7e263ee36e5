//! A server and a client on the loopback device, tcp(7): what tells network
//! namespaces apart.

use crate::base::Errno;
use crate::plan::{Listen, Unit, Value};
use crate::sandbox::agent::{Agent, Answer};
use crate::sandbox::wire::Task;
use crate::sandbox::wire::tracer::Told;
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, SockaddrIn, bind, connect, getsockname, listen,
    setsockopt, socket, sockopt,
};
use nix::sys::time::TimeVal;
use std::os::fd::{AsRawFd, OwnedFd};

impl Agent {
    /// `listen`
    pub(in crate::sandbox) fn listen(&mut self, task: &Task, spec: &Listen) -> Answer {
        let port = match spec {
            Listen::Port(port) => *port,
            Listen::SamePortAs(name) => self.port(task, name)?,
        };
        let made = (|| {
            let fd = self.stream_socket()?;
            let address = SockaddrIn::new(127, 0, 0, 1, port);
            self.tracer.call(
                "bind",
                format!("{}, 127.0.0.1:{port}", fd.as_raw_fd()),
                "",
                || bind(fd.as_raw_fd(), &address).map_err(Errno::from),
            )?;
            self.tracer
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
                self.tracer
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
            self.tracer.call(
                "connect",
                format!("{}, 127.0.0.1:{port}", fd.as_raw_fd()),
                "",
                || connect(fd.as_raw_fd(), &address).map_err(Errno::from),
            )
        })())
    }

    fn port(&mut self, task: &Task, name: &str) -> Result<u16, Told> {
        task.ports.get(name).copied().ok_or_else(|| {
            self.tracer
                .broken(format!("no `listen` named `{name}` has got a port yet"))
        })
    }

    fn stream_socket(&mut self) -> Result<OwnedFd, Errno> {
        let fd = self
            .tracer
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
