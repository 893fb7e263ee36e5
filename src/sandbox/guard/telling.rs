//! What is told to the main process: events, refusals with their cause, and the
//! last words.

use super::broken::End;
use super::clock::TICK;
use super::run::Run;
use crate::base::Errno;
use crate::plan::{Event, Need, Refusal};
use crate::probe::host::{Settings, explain};
use crate::sandbox::wire::{Scope, Told};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::os::fd::AsFd;
use std::path::Path;
use std::time::Duration;

/// How long the last words wait for a main process that runs and doesn't read.
const FAREWELL: Duration = Duration::from_secs(10);

impl Run {
    /// Tells that the host refused something, with cause and remedy.
    pub(super) fn refused(
        &mut self,
        need: &Need,
        stage: &str,
        errno: Option<Errno>,
        profile: Option<String>,
    ) -> Result<(), End> {
        let refusal = self.explained(need, stage, errno, profile);
        self.tell(Event::Refused(refusal))
    }

    /// Why the run broke off: what it says, unless a controller was taken away
    /// from it, which nothing that a demo does is meant for.
    pub(super) fn broken(&self, message: String) -> Event {
        match self.groups.taken(None) {
            Some(taken) => Event::Refused(taken.refusal(None)),
            None => Event::Broken { message },
        }
    }

    /// A refusal with the cause and the remedy that this host's settings tell.
    pub(super) fn explained(
        &mut self,
        need: &Need,
        stage: &str,
        errno: Option<Errno>,
        profile: Option<String>,
    ) -> Refusal {
        if let Need::Cgroup(controller) = need
            && let Some(taken) = self.groups.taken(Some(*controller))
        {
            return taken.refusal(Some((stage, errno)));
        }
        let mut settings =
            Settings::read(Path::new("/proc"), Path::new("/sys")).at_failure(profile);
        if let Scope::Refused(answer) = &self.scope {
            settings.no_scope = Some(answer.clone());
        }
        // What a check can show is worth the few milliseconds of one.
        let shows = [
            libc::EPERM,
            libc::EACCES,
            libc::ENOSYS,
            libc::ENOSPC,
            libc::EUSERS,
        ];
        if errno.is_some_and(|errno| shows.contains(&errno.0)) {
            settings.trial = self.trial().clone();
        }
        explain(need, stage, errno, &settings)
    }

    /// Tells the main process; if it is gone the run ends.
    pub(super) fn tell(&mut self, event: Event) -> Result<(), End> {
        if self.note_failure(&event) {
            return Ok(());
        }
        let refusal = self.note(&event);
        self.queue(event)?;
        refusal.map_or(Ok(()), |refusal| self.queue(Event::Refused(refusal)))
    }

    fn queue(&mut self, event: Event) -> Result<(), End> {
        self.main.queue(&Told::Event(event), Vec::new())?;
        self.main.flush().map_err(|_| End::Asked)
    }

    /// Tells the main process, whom nobody else would tell, that this goes on.
    pub(super) fn sign_of_life(&mut self) {
        let _ = self.main.queue(&Told::TakingDown, Vec::new());
        let _ = self.main.flush();
    }

    /// Sees to it that what was told last arrives, if somebody reads it.
    pub(super) fn say_farewell(&mut self) {
        let limit = self.clock.now() + FAREWELL;
        while self.main.flush().is_ok() && self.main.is_waiting() {
            let mut fds = [
                PollFd::new(self.main_pidfd.as_fd(), PollFlags::POLLIN),
                PollFd::new(self.main.as_fd(), PollFlags::POLLOUT),
            ];
            let patience = PollTimeout::try_from(TICK).unwrap_or(PollTimeout::MAX);
            let _ = poll(&mut fds, patience);
            let gone = fds[0].any().unwrap_or(true);
            self.clock.look(self.main_pid);
            if gone || self.clock.now() >= limit {
                return;
            }
        }
    }
}
