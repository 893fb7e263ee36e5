//! The whole life of a supervisor: armed before anything is made, it outlives the
//! main process, and takes everything down.

use super::arrival::accepted;
use super::broken::End;
use super::clock::Clock;
use super::doing::Doing;
use super::found::Found;
use super::host::privileged;
use super::missing::Missing;
use super::run::{RUN_LIMIT, Run};
use super::scope;
use super::service::Service;
use crate::base::chain;
use crate::plan::{Event, Need};
use crate::probe::host::{Settings, explain};
use crate::sandbox::base::anew::SUPERVISOR_COMM;
use crate::sandbox::base::pidfd;
use crate::sandbox::base::trial::trial;
use crate::sandbox::group::groups::Groups;
use crate::sandbox::sys::{self, OneThread};
use crate::sandbox::wire::{Order, Received, Scope, Told, Wire};
use nix::unistd::Pid;
use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::path::Path;

/// The whole life of the supervisor: `wire` leads to the main process, which
/// awaits a hello from one that systemd-run has started.
pub(in crate::sandbox) fn supervise(
    one: OneThread,
    wire: OwnedFd,
    main_pid: i32,
    hello: bool,
) -> std::process::ExitCode {
    let failed = std::process::ExitCode::FAILURE;
    sys::ignore_signals();
    // A session of its own: neither Ctrl-C nor a closed terminal reaches it.
    let _ = nix::unistd::setsid();
    // Where the learner stands must stay free to be unmounted or removed.
    let _ = nix::unistd::chdir("/");
    if let Ok(name) = std::ffi::CString::new(SUPERVISOR_COMM) {
        let _ = nix::sys::prctl::set_name(&name);
    }
    // Orphans of the boxes come to us, so that none is missed.
    if nix::sys::prctl::set_child_subreaper(true).is_err() {
        return failed;
    }
    // The pidfd before the question whether its owner still lives: a pid that
    // is still our parent's now can't have been recycled in between.
    let main_pidfd = pidfd::open(Pid::from_raw(main_pid));
    if nix::unistd::getppid().as_raw() != main_pid {
        return failed;
    }
    let mut main = Wire::from(wire);
    if hello {
        // From here on it is the pidfd that tells of our owner's end.
        let _ = nix::sys::prctl::set_pdeathsig(None);
        if !matches!(main.send(&Told::Hello, Vec::new()), Ok(Ok(()))) {
            return failed;
        }
    }
    // Nothing has been made yet: the end of the wire is as good as a pidfd.
    let Ok(Some(Received {
        message: Order::Carry { plan, hold, scope },
        ..
    })) = main.receive(None)
    else {
        return failed;
    };
    let plan = match accepted(plan) {
        Ok(plan) => plan,
        Err(broken) => {
            let message = chain(&broken);
            for event in [Event::Broken { message }, Event::Cleaned] {
                let _ = main.send(&Told::Event(event), Vec::new());
            }
            return failed;
        }
    };
    let scope = scope.seen_from_inside();
    let delegated = matches!(scope, Scope::Own(_)) || scope::has_own_group(&plan, main_pid);
    let main_pidfd = match main_pidfd {
        Ok(main_pidfd) => main_pidfd,
        // Nothing has been made yet, and nothing will be without a guardian.
        Err(errno) => {
            let mut settings = Settings::read(Path::new("/proc"), Path::new("/sys"));
            settings.trial = trial();
            let stage = format!("pidfd_open({main_pid})");
            let refusal = explain(&Need::Guardian, &stage, Some(errno), &settings);
            for event in [Event::Refused(refusal), Event::Cleaned] {
                let _ = main.send(&Told::Event(event), Vec::new());
            }
            return failed;
        }
    };
    let Ok(ends) = sys::watch_children() else {
        return failed;
    };
    let mut run = Run {
        one,
        main,
        main_pid,
        main_pidfd,
        clock: Clock::new(),
        limit: Some(RUN_LIMIT),
        plan,
        privileged: privileged(),
        ends,
        outer: Vec::new(),
        host: None,
        base: None,
        newcomer: None,
        last_id: 0,
        awaited: None,
        doing: Doing::default(),
        until: None,
        service: Service::default(),
        boxes: BTreeMap::new(),
        known: BTreeMap::new(),
        ports: BTreeMap::new(),
        groups: Groups::new(delegated),
        scope,
        engine: None,
        disk: None,
        missing: Missing::new(),
        found: Found::default(),
        lacking: false,
    };
    let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run.carry(hold)));
    let message = match ended {
        Ok(Ok(()) | Err(End::Asked | End::Told)) => None,
        Ok(Err(End::Broken(broken))) => Some(chain(&broken)),
        Err(_) => Some("the helper panicked; please report this".into()),
    };
    if let Some(message) = message {
        let broken = run.broken(message);
        let _ = run.tell(broken);
    }
    let _ = run.tell_hidden();
    let left = run.take_down();
    let last = match left.is_empty() {
        true => Event::Cleaned,
        false => Event::Left { left },
    };
    let _ = run.tell(last);
    run.say_farewell();
    std::process::ExitCode::SUCCESS
}
