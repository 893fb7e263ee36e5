//! What comes on a socket beside its bytes: descriptors and credentials.

use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// What one recvmsg(2) brought.
pub(in crate::sandbox) struct Received {
    /// How many bytes; 0 at the end.
    pub(in crate::sandbox) count: usize,
    /// What came by SCM_RIGHTS.
    pub(in crate::sandbox) descriptors: Vec<OwnedFd>,
    /// Who sent it, by SCM_CREDENTIALS.
    pub(in crate::sandbox) sender: Option<i32>,
}

/// recvmsg(2), without waiting; `space` is for the control messages, cmsg(3).
pub(in crate::sandbox) fn receive(
    socket: BorrowedFd<'_>,
    bytes: &mut [u8],
    space: &mut [u8],
) -> Result<Received, nix::errno::Errno> {
    let mut parts = [io::IoSliceMut::new(bytes)];
    let flags = MsgFlags::MSG_CMSG_CLOEXEC | MsgFlags::MSG_DONTWAIT;
    let message = recvmsg::<()>(socket.as_raw_fd(), &mut parts, Some(space), flags)?;
    let (mut descriptors, mut sender) = (Vec::new(), None);
    for control in message.cmsgs().into_iter().flatten() {
        match control {
            ControlMessageOwned::ScmRights(fds) => {
                // SAFETY: the kernel just made these descriptors for this process,
                // and nobody else knows of them.
                let owned = fds
                    .into_iter()
                    .map(|fd| unsafe { OwnedFd::from_raw_fd(fd) });
                descriptors.extend(owned);
            }
            ControlMessageOwned::ScmCredentials(from) => sender = Some(from.pid()),
            _ => {}
        }
    }
    Ok(Received {
        count: message.bytes,
        descriptors,
        sender,
    })
}
