//! Carries a [`Plan`](crate::plan::Plan) out on the real kernel, and leaves no trace of it.
//!
//! ```text
//! glassbox (threads) ── socket ── supervisor (this program, executed anew; one thread)
//!                                   ├ host agent: observes, stands nowhere special
//!                                   ├ base agent: an ordinary user's outer user namespace
//!                                   └ pid 1 of each box: acts inside of it
//! ```
//! Invariants: whatever a run makes has one owner, the supervisor, and is gone
//! when the supervisor ends, however that comes about; it watches the main
//! process through a pidfd, so that even SIGKILL to that one is noticed. Nobody
//! waits for another process without a deadline: one that is stopped, or says
//! what is no message, costs what it stands for and nothing else. No
//! action reaches a kernel object that the run didn't make
//! ([`Plan::breach`](crate::plan::Plan::breach)), judged by the namespaces that
//! each box really got. Everything made for the learner's sake is told as an
//! [`Event`](crate::plan::Event). This module
//! knows nothing of lessons, expectations or screens.

mod agent;
mod base;
mod control;
mod docker;
mod group;
mod guard;
mod layers;
mod net;
mod place;
mod sys;
mod wire;

pub use base::inherited::{enough, enter_main, heeded};
pub use base::search::find_program;
pub use base::service::{
    Answer, Ends, Execute, First, Held, Lease, MountSource, Program, Request, RequestId, Root,
    RootMount, Size, Stdio, Tenant,
};
pub use base::trial::trial;
pub use control::{Control, start};
pub use guard::kept::Kept;
pub use guard::sweep::{Depth, Removed, Swept, sweep};
pub use guard::unseen::Unseen;

use base::inherited;
use guard::scope::Way;
use guard::supervise::supervise;
use std::ffi::{OsStr, OsString};
use std::io;
use std::process::ExitCode;

/// Lives the life of a supervisor, if this process was started as one. To be
/// called first in `main`, before any thread.
pub fn helper_main() -> Option<ExitCode> {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let words: Vec<&OsStr> = arguments.iter().map(OsString::as_os_str).collect();
    if let Some(code) = base::trial::live(&words) {
        return Some(code);
    }
    let way = Way::of(&words)?;
    inherited::enter_guardian();
    let main_pid = words.last().and_then(|word| word.to_str()?.parse().ok());
    let wire = std::os::fd::AsFd::as_fd(&io::stdin()).try_clone_to_owned();
    let one = sys::OneThread::claim();
    let wire = one.zip(wire.ok());
    let wire = wire.and_then(|(one, wire)| sys::keep_only(one, wire).ok());
    match (one, main_pid, wire) {
        (Some(one), Some(pid), Some(wire)) => Some(supervise(one, wire, pid, way == Way::InScope)),
        _ => Some(ExitCode::FAILURE),
    }
}
