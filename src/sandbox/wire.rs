//! The wire between main process, supervisor and agents: frames of JSON behind
//! a 32-bit length on a Unix stream socket; and beside it one byte that
//! carries a descriptor or the sender's credentials.

use super::own::OwnMounts;
use super::scope::Scope;
use crate::base::Errno;
use crate::plan::{Action, BoxName, BoxSpec, Ending, Event, Namespace, Need, Plan, SetLimits};
use crate::probe::Directories;
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, UnixCredentials, recvmsg, sendmsg,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::collections::BTreeMap;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

/// What the main process asks of the supervisor.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Order {
    /// Carry this out. With `hold`, let the boxes stand until `Finish`.
    Carry {
        plan: Plan,
        hold: bool,
        scope: Scope,
    },
    /// Limit a group of the plan to this from now on, whatever is under way.
    Limit(SetLimits),
    /// End the `watch` that is under way, if there is one, and go on.
    Enough,
    /// Take everything down.
    Finish,
}

/// What the supervisor asks of an agent.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Request {
    /// Make a box; the descriptor of its channel follows.
    Create(Box<Creation>),
    /// The box may set itself up: its guardian knows it.
    Go,
    /// Carry out an action.
    Do(Box<Task>),
    /// Await the end of a box that this agent created.
    Reap { child: i32 },
    /// That the `watch` is to end. It has no answer, as it may come too late.
    Enough,
}

/// A box to make.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Creation {
    /// What it is to be.
    pub(super) spec: BoxSpec,
    /// The cgroup directories to join first, made and owned by the supervisor.
    pub(super) cgroups: Vec<PathBuf>,
    /// The ids that 0 becomes outside, where the creator may choose them.
    pub(super) map_to: Option<(u32, u32)>,
    /// The mounts of the run's own that the creator sees; it adds them itself.
    #[serde(skip)]
    pub(super) own: OwnMounts,
}

/// An action with what its agent needs to know of the others.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Task {
    /// What to do.
    pub(super) action: Action,
    /// The boxes that stand: host pid and pid namespace.
    pub(super) boxes: BTreeMap<BoxName, Standing>,
    /// The TCP ports that `listen` actions got, by their names.
    pub(super) ports: BTreeMap<String, u16>,
    /// The cgroups of the run, by their names.
    pub(super) groups: BTreeMap<BoxName, Directories>,
    /// The kinds of which this place has a namespace that the run made; none if
    /// nothing contains what a program does here.
    pub(super) held: Vec<Namespace>,
    /// The run's own directory on a disk, for a `store`; made by the supervisor,
    /// which removes it.
    pub(super) disk: Option<PathBuf>,
}

impl Task {
    /// The directories that a process joins to be in a group.
    pub(super) fn directories(&self, name: &BoxName) -> Vec<PathBuf> {
        self.groups.get(name).map(directories).unwrap_or_default()
    }
}

/// The distinct directories of a group.
pub(super) fn directories(group: &Directories) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = Vec::new();
    for part in group.values().flatten() {
        if !found.contains(&part.directory) {
            found.push(part.directory.clone());
        }
    }
    found
}

/// A box as the host sees it.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Standing {
    /// Its pid 1, as the host counts.
    pub(super) pid: i32,
    /// The nsfs inode of its pid namespace.
    pub(super) pid_namespace: Option<u64>,
}

/// What an agent answers.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Reply {
    /// Something happened on the way.
    Event(Event),
    /// The host refused something: the call, its answer, and the AppArmor
    /// profile of the process that made it.
    Refused {
        need: Need,
        stage: String,
        errno: Option<Errno>,
        profile: Option<String>,
    },
    /// A box's pid 1 exists, with this id in the creator's pid namespace; it
    /// waits for `Go`.
    Created { child: i32 },
    /// A box that this agent created has ended.
    Ended(Ending),
    /// The request has been carried out.
    Done,
    /// The request could not be carried out; the reason was told as an event.
    Failed,
}

/// One end of a wire.
pub(super) struct Channel {
    stream: UnixStream,
}

/// The largest frame that is read: a plan or an output, with room to spare.
const MAX_FRAME: usize = 4 << 20;

impl Channel {
    /// The two ends of a new wire.
    pub(super) fn pair() -> io::Result<(Channel, Channel)> {
        let (a, b) = UnixStream::pair()?;
        Ok((Channel { stream: a }, Channel { stream: b }))
    }

    /// A second handle on the same end.
    pub(super) fn try_clone(&self) -> io::Result<Channel> {
        Ok(Channel {
            stream: self.stream.try_clone()?,
        })
    }

    /// Sends one message.
    pub(super) fn send<T: Serialize>(&mut self, message: &T) -> io::Result<()> {
        let body = serde_json::to_vec(message)?;
        let mut frame = (body.len() as u32).to_le_bytes().to_vec();
        frame.extend(body);
        self.stream.write_all(&frame)
    }

    /// Awaits one message; an end of the wire is `UnexpectedEof`.
    pub(super) fn receive<T: DeserializeOwned>(&mut self) -> io::Result<T> {
        let mut length = [0; 4];
        self.stream.read_exact(&mut length)?;
        let length = u32::from_le_bytes(length) as usize;
        if length > MAX_FRAME {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "frame too long"));
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        Ok(serde_json::from_slice(&body)?)
    }

    /// Sends a descriptor, unix(7) SCM_RIGHTS.
    pub(super) fn send_fd(&self, fd: BorrowedFd<'_>) -> io::Result<()> {
        let fds = [fd.as_raw_fd()];
        let rights = [ControlMessage::ScmRights(&fds)];
        sendmsg::<()>(
            self.stream.as_raw_fd(),
            &[IoSlice::new(b"f")],
            &rights,
            MsgFlags::MSG_NOSIGNAL,
            None,
        )?;
        Ok(())
    }

    /// Awaits a descriptor.
    pub(super) fn receive_fd(&self) -> io::Result<OwnedFd> {
        let mut byte = [0; 1];
        let mut space = nix::cmsg_space!([std::os::fd::RawFd; 1]);
        let mut parts = [IoSliceMut::new(&mut byte)];
        let message = recvmsg::<()>(
            self.stream.as_raw_fd(),
            &mut parts,
            Some(&mut space),
            MsgFlags::MSG_CMSG_CLOEXEC,
        )?;
        for control in message.cmsgs()? {
            if let ControlMessageOwned::ScmRights(fds) = control
                && let Some(fd) = fds.first()
            {
                return Ok(super::sys::own(*fd));
            }
        }
        Err(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            "no descriptor came",
        ))
    }

    /// Lets this end learn who sends, unix(7) SO_PASSCRED.
    pub(super) fn want_credentials(&self) -> io::Result<()> {
        nix::sys::socket::setsockopt(&self.stream, nix::sys::socket::sockopt::PassCred, &true)?;
        Ok(())
    }

    /// Tells the other end that this process exists.
    pub(super) fn send_hello(&self) -> io::Result<()> {
        (&self.stream).write_all(b"h")
    }

    /// Awaits the hello and returns the sender's pid, translated by the kernel
    /// into the receiver's pid namespace.
    pub(super) fn receive_hello(&self) -> io::Result<i32> {
        let mut byte = [0; 1];
        let mut space = nix::cmsg_space!(UnixCredentials);
        let mut parts = [IoSliceMut::new(&mut byte)];
        let message = recvmsg::<()>(
            self.stream.as_raw_fd(),
            &mut parts,
            Some(&mut space),
            MsgFlags::empty(),
        )?;
        if message.bytes == 1 {
            for control in message.cmsgs()? {
                if let ControlMessageOwned::ScmCredentials(credentials) = control {
                    return Ok(credentials.pid());
                }
            }
        }
        Err(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            "no hello came",
        ))
    }
}

impl From<OwnedFd> for Channel {
    fn from(fd: OwnedFd) -> Self {
        Channel { stream: fd.into() }
    }
}

impl From<Channel> for OwnedFd {
    fn from(channel: Channel) -> Self {
        channel.stream.into()
    }
}

impl AsFd for Channel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_descriptors_and_credentials_cross() {
        let (mut a, mut b) = Channel::pair().unwrap();
        a.send(&Order::Finish).unwrap();
        assert!(matches!(b.receive().unwrap(), Order::Finish));

        let (mut c, d) = Channel::pair().unwrap();
        a.send_fd(d.as_fd()).unwrap();
        let mut received = Channel::from(b.receive_fd().unwrap());
        c.send(&Request::Go).unwrap();
        assert!(matches!(received.receive().unwrap(), Request::Go));

        b.want_credentials().unwrap();
        a.send_hello().unwrap();
        assert_eq!(b.receive_hello().unwrap(), std::process::id() as i32);
        drop(a);
        assert_eq!(
            b.receive::<Order>().unwrap_err().kind(),
            io::ErrorKind::UnexpectedEof
        );
    }
}
