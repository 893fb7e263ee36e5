//! What the terminal sends: read by a thread of its own, cut into wholes, understood.
//!
//! ```text
//! bytes ─> split (where does one end, and how long may it take) ─> heard (what is it)
//! ```
//!
//! A terminal sends keys and its replies on one line, in pieces of any size. So
//! nothing is decided by what one read(2) happens to return: a sequence is held until
//! it is whole, and what never becomes whole holds up no key that is pressed later.

mod heard;
mod split;
#[cfg(test)]
mod tests;

use super::msg::Msg;
use super::theme::Theme;
use heard::{Heard, meaning};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use split::Splitter;
use std::collections::VecDeque;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

/// How long the terminal may take to tell its background before the first picture
/// is drawn. What it tells later is heeded, too.
const PATIENCE: Duration = Duration::from_millis(150);

/// As much as a pseudo-terminal holds for its reader.
const MOST: usize = 4096;

/// The input of the terminal that the program was started in.
#[derive(Default)]
pub(super) struct Input {
    splitter: Splitter,
    /// What was heard and not yet taken.
    heard: VecDeque<Heard>,
}

impl Input {
    /// Asks the terminal for its background and waits for the reply, but not for
    /// long: `None` if it says nothing now. Keys that come meanwhile are kept.
    ///
    /// # Errors
    /// Those of write(2), poll(2) and read(2) on the terminal.
    pub(super) fn background(&mut self) -> io::Result<Option<Theme>> {
        // Every terminal answers the second question, most the first one: with the
        // answer to the second there will be none to the first.
        io::stdout().write_all(b"\x1b]11;?\x1b\\\x1b[c")?;
        io::stdout().flush()?;
        let until = Instant::now() + PATIENCE;
        loop {
            let found = self.heard.iter().position(|heard| match heard {
                Heard::Background(_) | Heard::Attributes => true,
                Heard::Msg(_) => false,
            });
            match found.and_then(|at| self.heard.remove(at)) {
                Some(Heard::Background(theme)) => return Ok(Some(theme)),
                Some(Heard::Attributes | Heard::Msg(_)) => return Ok(None),
                None if Instant::now() >= until => return Ok(None),
                None => self.read(Some(until))?,
            }
        }
    }

    /// Sends all that comes, until nobody receives it or the terminal fails.
    pub(super) fn send(mut self, sender: &SyncSender<Msg>) {
        loop {
            while let Some(heard) = self.heard.pop_front() {
                let msg = match heard {
                    Heard::Msg(msg) => msg,
                    Heard::Background(theme) => Msg::Background(theme),
                    Heard::Attributes => continue,
                };
                if sender.send(msg).is_err() {
                    return;
                }
            }
            if let Err(why) = self.read(None) {
                // The loop has ended if it can't be told.
                let _ = sender.send(Msg::InputLost(why));
                return;
            }
        }
    }

    /// Waits for input until then, or for as long as it takes, and takes it in.
    fn read(&mut self, until: Option<Instant>) -> io::Result<()> {
        let stdin = io::stdin();
        let until = until.into_iter().chain(self.splitter.deadline()).min();
        let timeout = until.map_or(PollTimeout::NONE, |until| {
            let left = until.saturating_duration_since(Instant::now());
            // Rounded up, or it would turn until the last fraction is over.
            PollTimeout::try_from(left + Duration::from_millis(1)).unwrap_or(PollTimeout::MAX)
        });
        let mut fds = [PollFd::new(stdin.as_fd(), PollFlags::POLLIN)];
        let units = match poll(&mut fds, timeout) {
            Err(Errno::EINTR) => return Ok(()),
            Err(errno) => return Err(errno.into()),
            Ok(0) => self.splitter.silence(Instant::now()),
            Ok(_) => {
                let mut bytes = [0; MOST];
                match nix::unistd::read(stdin.as_fd(), &mut bytes) {
                    Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                    Ok(n) => self.splitter.feed(&bytes[..n], Instant::now()),
                    Err(Errno::EINTR | Errno::EAGAIN) => return Ok(()),
                    Err(errno) => return Err(errno.into()),
                }
            }
        };
        for unit in units {
            self.heard.extend(meaning(unit));
        }
        Ok(())
    }
}
