//! Carries a [`Plan`] out on the real kernel, and leaves no trace of it.
//!
//! ```text
//! glassbox (threads) ── socket ── supervisor (this program, executed anew; one thread)
//!                                   ├ host agent: observes, stands nowhere special
//!                                   ├ base agent: an ordinary user's outer user namespace
//!                                   └ pid 1 of each box: acts inside of it
//! ```
//! Invariants: whatever a run makes has one owner, the supervisor, and is gone
//! when the supervisor ends, however that comes about; it watches the main
//! process through a pidfd, so that even SIGKILL to that one is noticed. No
//! action reaches a kernel object that the run didn't make
//! ([`Plan::breach`]), judged by the namespaces that each box really got.
//! Everything made for the learner's sake is told as an [`Event`]. This module
//! knows nothing of lessons, expectations or screens.

mod agent;
mod cgroup;
mod create;
mod files;
mod groups;
mod image;
mod inherited;
mod layers;
mod leaf;
mod limits;
mod members;
mod network;
mod own;
mod owner;
mod programs;
mod removal;
mod root;
mod scope;
mod search;
mod steps;
mod store;
mod supervisor;
mod sweep;
mod sys;
mod trace;
mod verbs;
mod wire;
mod workload;

pub use inherited::{enter_main, heeded};
pub use search::find_program;
pub use sweep::{Depth, Removed, Swept, sweep};

use crate::plan::{Event, Plan, SetLimits};
use owner::{MARK, Mark};
use scope::{Scope, Session, Way};
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitCode, Stdio};
use wire::{Channel, Order};

/// The argument with which this program, executed anew, is a supervisor.
const SUPERVISOR: &str = "glassbox-supervisor";
/// What the kernel calls it from then on, `/proc/PID/comm`; its forks take names
/// of their own.
const SUPERVISOR_COMM: &str = "glassbox-super";

/// The file that this process executes, whatever has become of its name.
const OWN_FILE: &str = "/proc/self/exe";

/// Lives the life of a supervisor, if this process was started as one. To be
/// called first in `main`, before any thread.
pub fn helper_main() -> Option<ExitCode> {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let words: Vec<&OsStr> = arguments.iter().map(OsString::as_os_str).collect();
    let way = Way::of(&words)?;
    inherited::enter_guardian();
    let main_pid = words.last().and_then(|word| word.to_str()?.parse().ok());
    let wire = std::os::fd::AsFd::as_fd(&io::stdin()).try_clone_to_owned();
    match (
        main_pid,
        wire.ok().and_then(|wire| sys::keep_only(wire).ok()),
    ) {
        (Some(pid), Some(wire)) => Some(supervisor::supervise(wire, pid, way == Way::InScope)),
        _ => Some(ExitCode::FAILURE),
    }
}

/// A run that is being carried out by a supervisor.
pub struct Helper {
    child: Child,
    wire: Channel,
}

/// Asks something of a [`Helper`]'s supervisor while a run goes on, such as to
/// take everything down; may be used from another thread than the one that
/// reads the events.
pub struct Control {
    wire: Channel,
}

impl Helper {
    /// Starts to carry out a plan. With `hold`, the boxes stand after the last
    /// action until [`Control::finish`].
    ///
    /// Where the plan needs groups that this user can only make in a systemd
    /// scope of their own, the supervisor is started in one; a systemd that
    /// doesn't answer delays the first such start by seconds.
    ///
    /// # Errors
    /// When a limit of this process is too low, when this program can't be executed
    /// anew, or the wire breaks at once.
    pub fn start(plan: &Plan, hold: bool) -> io::Result<Helper> {
        inherited::enough().map_err(io::Error::other)?;
        let asked = match scope::concerns(plan) && scope::helps(plan, &Session::read()) {
            true => scope::start(),
            false => Err(None),
        };
        let (mut helper, scope) = match asked {
            Ok(started) => {
                let (child, wire) = (started.child, started.wire);
                (Helper { child, wire }, Scope::Own(started.unit))
            }
            Err(None) => (Helper::directly()?, Scope::NotAsked),
            Err(Some(answer)) => (Helper::directly()?, Scope::Refused(answer)),
        };
        helper.wire.send(&Order::Carry {
            plan: plan.clone(),
            hold,
            scope,
        })?;
        Ok(helper)
    }

    /// Starts a supervisor in the session's own groups.
    fn directly() -> io::Result<Helper> {
        let (ours, theirs) = Channel::pair()?;
        let mut command = Command::new(OWN_FILE);
        mark(&mut command);
        let child = command
            .arg0(SUPERVISOR)
            .arg(std::process::id().to_string())
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(inherited::why_not_executed)?;
        Ok(Helper { child, wire: ours })
    }

    /// A handle that steers the run.
    ///
    /// # Errors
    /// When the process has no descriptor left.
    pub fn control(&self) -> io::Result<Control> {
        Ok(Control {
            wire: self.wire.try_clone()?,
        })
    }

    /// Awaits the next event; `None` after the last one.
    pub fn next_event(&mut self) -> Option<Event> {
        self.wire.receive().ok()
    }
}

/// Gives a supervisor, and with it all that it starts, the mark of a new run.
fn mark(command: &mut Command) {
    if let Some(mark) = Mark::new() {
        command.env(MARK, mark.to_string());
    }
}

impl Drop for Helper {
    /// Ends the run if it has not ended, and awaits that all of it is gone.
    fn drop(&mut self) {
        let _ = self.wire.send(&Order::Finish);
        while self.next_event().is_some() {}
        let _ = self.child.wait();
    }
}

impl Control {
    /// Asks to limit a group to this from now on. What came of it is told as
    /// an event, [`Event::Retuned`].
    pub fn limit(&mut self, set: SetLimits) {
        let _ = self.wire.send(&Order::Limit(set));
    }

    /// Asks to end the `watch` that is under way, and to go on.
    pub fn enough(&mut self) {
        let _ = self.wire.send(&Order::Enough);
    }

    /// Asks for the end. Without effect when the run has ended already.
    pub fn finish(&mut self) {
        let _ = self.wire.send(&Order::Finish);
    }
}
