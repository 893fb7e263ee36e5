//! One end of the wire between main process, supervisor and agents: frames
//! ([`frame`]) on a Unix stream socket, each an order, a request or an answer.
//!
//! No end of a wire trusts the other one. Reading never waits for the rest of a
//! frame; writing never waits for a reader: what the socket doesn't take stays
//! in a queue that its owner looks at. What isn't a frame ends the wire with a
//! reason. Who may wait for whom, and for how long, is not decided here.

use super::frame::{self, Decoder, Frame, Malformed, Message, TooLarge};
use crate::base::Errno;
use crate::sandbox::sys;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{ControlMessage, MsgFlags, UnixCredentials, sendmsg};
use serde::de::DeserializeOwned;
use std::collections::VecDeque;
use std::io::IoSlice;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::time::Instant;
use thiserror::Error;

/// How much one read takes.
const READ_BYTES: usize = 32 << 10;
/// From here on a queue is full: whoever feeds it should wait.
const FULL_BYTES: usize = 1 << 20;
/// SCM_MAX_FD of the kernel's: the most descriptors that one read can bring. With
/// room for all none is lost unseen.
const MOST_AT_ONCE: usize = 253;

/// Why nothing more comes from a wire.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(in crate::sandbox) enum Lost {
    /// The other end was closed.
    #[error("it ended")]
    Ended,
    /// The other end was closed within a message.
    #[error("it ended in the middle of a message")]
    EndedAmid,
    /// What came is no message.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// A call failed.
    #[error("{call}: {errno}")]
    Call {
        /// Its name.
        call: &'static str,
        /// The kernel's answer.
        errno: Errno,
    },
}

/// A message that came, with what came with it.
#[derive(Debug)]
pub(in crate::sandbox) struct Received<T> {
    /// The message.
    pub(in crate::sandbox) message: T,
    /// Its descriptors.
    pub(in crate::sandbox) descriptors: Vec<OwnedFd>,
}

/// One end of a wire.
pub(in crate::sandbox) struct Wire {
    stream: UnixStream,
    decoder: Decoder,
    queue: VecDeque<Waiting>,
    /// The bytes in the queue.
    queued: usize,
    /// Who sent what was read last, if it was asked for.
    sender: Option<i32>,
}

/// A frame that isn't sent, or in part.
struct Waiting {
    bytes: Vec<u8>,
    sent: usize,
    descriptors: Vec<OwnedFd>,
}

impl Wire {
    /// The two ends of a new wire.
    ///
    /// # Errors
    /// Of socketpair(2).
    pub(in crate::sandbox) fn pair() -> std::io::Result<(Wire, Wire)> {
        let (a, b) = UnixStream::pair()?;
        Ok((Wire::from(OwnedFd::from(a)), Wire::from(OwnedFd::from(b))))
    }

    /// Puts a message into the queue; [`Wire::flush`] sends it.
    ///
    /// # Errors
    /// It is too large for a frame: nothing is sent of it.
    pub(in crate::sandbox) fn queue<T: Message>(
        &mut self,
        message: &T,
        descriptors: Vec<OwnedFd>,
    ) -> Result<(), TooLarge> {
        let bytes = frame::encode(message, descriptors.len())?;
        self.queued += bytes.len();
        self.queue.push_back(Waiting {
            bytes,
            sent: 0,
            descriptors,
        });
        Ok(())
    }

    /// Whether something waits to be sent.
    pub(in crate::sandbox) fn is_waiting(&self) -> bool {
        !self.queue.is_empty()
    }

    /// Whether so much waits that nothing should be added.
    pub(in crate::sandbox) fn is_full(&self) -> bool {
        self.queued >= FULL_BYTES
    }

    /// What poll(2) is to ask of this end.
    pub(in crate::sandbox) fn interest(&self, reading: bool) -> PollFlags {
        let mut flags = PollFlags::empty();
        flags.set(PollFlags::POLLIN, reading);
        flags.set(PollFlags::POLLOUT, self.is_waiting());
        flags
    }

    /// Sends what the other end has room for, without waiting.
    ///
    /// # Errors
    /// Nobody reads any more; what was to be sent is forgotten.
    pub(in crate::sandbox) fn flush(&mut self) -> Result<(), Lost> {
        let sent = self.send_waiting();
        if sent.is_err() {
            self.queue.clear();
            self.queued = 0;
        }
        sent
    }

    fn send_waiting(&mut self) -> Result<(), Lost> {
        while let Some(first) = self.queue.front_mut() {
            let raw: Vec<RawFd> = first.descriptors.iter().map(AsRawFd::as_raw_fd).collect();
            // They travel with the first byte that goes out with them, so
            // nothing of a frame is sent before they are.
            let rights = [ControlMessage::ScmRights(&raw)];
            let rights: &[ControlMessage<'_>] = if raw.is_empty() { &[] } else { &rights };
            let sent = sendmsg::<()>(
                self.stream.as_raw_fd(),
                &[IoSlice::new(&first.bytes[first.sent..])],
                rights,
                MsgFlags::MSG_NOSIGNAL | MsgFlags::MSG_DONTWAIT,
                None,
            );
            match sent {
                Ok(count) => {
                    first.descriptors.clear();
                    first.sent += count;
                    self.queued -= count;
                    if first.sent == first.bytes.len() {
                        self.queue.pop_front();
                    }
                }
                Err(nix::errno::Errno::EINTR) => {}
                Err(nix::errno::Errno::EAGAIN) => return Ok(()),
                Err(nix::errno::Errno::EPIPE | nix::errno::Errno::ECONNRESET) => {
                    return Err(Lost::Ended);
                }
                Err(errno) => {
                    let errno = errno.into();
                    return Err(Lost::Call {
                        call: "sendmsg",
                        errno,
                    });
                }
            }
        }
        Ok(())
    }

    /// Takes in what has arrived, once, without waiting. The messages are taken
    /// out by [`Wire::next`].
    ///
    /// # Errors
    /// Nothing more comes.
    pub(in crate::sandbox) fn fill(&mut self) -> Result<(), Lost> {
        let mut bytes = [0; READ_BYTES];
        let mut space = nix::cmsg_space!([RawFd; MOST_AT_ONCE], UnixCredentials);
        let received = match sys::receive(self.stream.as_fd(), &mut bytes, &mut space) {
            Ok(received) => received,
            Err(nix::errno::Errno::EINTR | nix::errno::Errno::EAGAIN) => return Ok(()),
            Err(nix::errno::Errno::ECONNRESET) => return Err(self.ended()),
            Err(errno) => {
                let errno = errno.into();
                return Err(Lost::Call {
                    call: "recvmsg",
                    errno,
                });
            }
        };
        self.sender = received.sender;
        let count = received.count;
        if count == 0 {
            return Err(self.ended());
        }
        self.decoder.push(&bytes[..count], received.descriptors);
        Ok(())
    }

    fn ended(&self) -> Lost {
        match self.decoder.is_amid() {
            true => Lost::EndedAmid,
            false => Lost::Ended,
        }
    }

    /// Takes out the next message that has arrived whole.
    ///
    /// # Errors
    /// The other end speaks another language.
    pub(in crate::sandbox) fn next<T: DeserializeOwned>(
        &mut self,
    ) -> Result<Option<Received<T>>, Lost> {
        let Some(Frame { body, descriptors }) = self.decoder.next()? else {
            return Ok(None);
        };
        match serde_json::from_slice(&body) {
            Ok(message) => Ok(Some(Received {
                message,
                descriptors,
            })),
            Err(error) => Err(Malformed::NoMessage(error.to_string()).into()),
        }
    }

    /// Sends a message and waits until it is gone. For a process that serves
    /// the one at the other end, and lives no longer than that one does.
    ///
    /// # Errors
    /// It is too large, or nobody reads any more.
    pub(in crate::sandbox) fn send<T: Message>(
        &mut self,
        message: &T,
        descriptors: Vec<OwnedFd>,
    ) -> Result<Result<(), Lost>, TooLarge> {
        self.queue(message, descriptors)?;
        loop {
            if let Err(lost) = self.flush() {
                return Ok(Err(lost));
            }
            if !self.is_waiting() {
                return Ok(Ok(()));
            }
            let mut fds = [PollFd::new(self.stream.as_fd(), PollFlags::POLLOUT)];
            let _ = poll(&mut fds, PollTimeout::NONE);
        }
    }

    /// Awaits a message, for as long as the deadline allows; without one, for
    /// as long as there is somebody at the other end.
    ///
    /// # Errors
    /// Nothing more comes. `Ok(None)`: not in time.
    pub(in crate::sandbox) fn receive<T: DeserializeOwned>(
        &mut self,
        deadline: Option<Instant>,
    ) -> Result<Option<Received<T>>, Lost> {
        loop {
            if let Some(received) = self.next()? {
                return Ok(Some(received));
            }
            let limit = match deadline {
                None => PollTimeout::NONE,
                Some(deadline) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return Ok(None);
                    }
                    PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)
                }
            };
            let mut fds = [PollFd::new(self.stream.as_fd(), PollFlags::POLLIN)];
            if poll(&mut fds, limit).is_ok_and(|ready| ready > 0) {
                self.fill()?;
            }
        }
    }

    /// Lets this end learn who sends, unix(7) SO_PASSCRED.
    pub(in crate::sandbox) fn want_credentials(&self) -> std::io::Result<()> {
        nix::sys::socket::setsockopt(&self.stream, nix::sys::socket::sockopt::PassCred, &true)?;
        Ok(())
    }

    /// The pid of whoever sent what was read last, translated by the kernel
    /// into this process's pid namespace; if it was asked for.
    pub(in crate::sandbox) fn sender(&self) -> Option<i32> {
        self.sender
    }
}

impl From<OwnedFd> for Wire {
    fn from(fd: OwnedFd) -> Self {
        Wire {
            stream: fd.into(),
            decoder: Decoder::default(),
            queue: VecDeque::new(),
            queued: 0,
            sender: None,
        }
    }
}

impl From<Wire> for OwnedFd {
    fn from(wire: Wire) -> Self {
        wire.stream.into()
    }
}

impl AsFd for Wire {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
