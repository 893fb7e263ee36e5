//! Waiting until the user has seen enough: Enter, the end of standard input,
//! or a signal that asks this process to end.

use super::interrupt::Interrupt;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

/// What ended the waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HoldEnd {
    /// A line on standard input.
    Enter,
    /// The end of standard input, or a signal.
    End,
}

/// Listens for the end of a hold; signals take the run down again once it is
/// dropped.
pub(crate) struct Release<'i> {
    interrupt: &'i Interrupt,
    signals: UnixStream,
}

impl Release<'_> {
    /// From now on a signal ends the hold instead of the process.
    pub(crate) fn listen(interrupt: &Interrupt) -> io::Result<Release<'_>> {
        Ok(Release {
            interrupt,
            signals: interrupt.ring()?,
        })
    }

    /// Returns on the first of: a line on standard input, its end, a signal.
    pub(crate) fn wait(&self) -> io::Result<HoldEnd> {
        let stdin = io::stdin();
        loop {
            let mut fds = [
                PollFd::new(self.signals.as_fd(), PollFlags::POLLIN),
                PollFd::new(stdin.as_fd(), PollFlags::POLLIN),
            ];
            match poll(&mut fds, PollTimeout::NONE) {
                Ok(_) => {}
                Err(nix::errno::Errno::EINTR) => continue,
                Err(errno) => return Err(errno.into()),
            }
            let ready = |fd: &PollFd| fd.any().unwrap_or(true);
            if ready(&fds[0]) {
                return Ok(HoldEnd::End);
            }
            if ready(&fds[1])
                && let Some(word) = line_or_end(&stdin)?
            {
                return Ok(word);
            }
        }
    }
}

/// Reads what is there, without waiting for a whole line: a signal must still
/// be heard. Unbuffered on purpose.
fn line_or_end(stdin: &io::Stdin) -> io::Result<Option<HoldEnd>> {
    let mut bytes = [0; 256];
    match nix::unistd::read(stdin, &mut bytes) {
        Ok(0) => Ok(Some(HoldEnd::End)),
        Ok(n) => Ok(bytes[..n].contains(&b'\n').then_some(HoldEnd::Enter)),
        Err(nix::errno::Errno::EINTR | nix::errno::Errno::EAGAIN) => Ok(None),
        Err(errno) => Err(errno.into()),
    }
}

impl Drop for Release<'_> {
    fn drop(&mut self) {
        self.interrupt.stop_ringing();
    }
}
