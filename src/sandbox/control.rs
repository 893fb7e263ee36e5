//! The main process's end of a run: one thread that hears the supervisor, and
//! handles by which any other thread steers it.
//!
//! The thread waits for no supervisor that doesn't work: once the end has been
//! asked for and nothing has been heard for [`SILENCE`], it kills it, and removes
//! what the supervisor would have removed.

use crate::plan::{Checked, Event, Refusal, SetLimits};
use crate::probe;
use crate::sandbox::base::anew::{self, OWN_FILE, SUPERVISOR, on};
use crate::sandbox::base::inherited::{self, Lack, not_executed};
use crate::sandbox::base::owner::Mark;
use crate::sandbox::base::pidfd;
use crate::sandbox::base::service::{Answer, Lease, Request, RequestId};
use crate::sandbox::guard::orphans::Guardian;
use crate::sandbox::guard::scope::{self, Session};
use crate::sandbox::guard::sweep::{Known, Removed, Swept, sweep_run};
use crate::sandbox::wire::{Order, Scope, Told, Wire};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::unistd::Pid;
use std::collections::BTreeMap;
use std::io;
use std::ops::Deref;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long a supervisor that is to take everything down may be silent.
const SILENCE: Duration = Duration::from_millis(1200);
/// How often the silence is counted: what passes while this process doesn't run
/// counts as one of these at most.
const TICK: Duration = Duration::from_millis(100);
/// How long it may take in all, silent or not.
const TAKING_DOWN: Duration = Duration::from_secs(20);
/// How long the kernel may take to end what was killed.
const DYING: Duration = Duration::from_millis(500);

/// Steers a run; may be cloned and used from any thread. What is asked of a run
/// that has ended has no effect.
#[derive(Clone)]
pub struct Control {
    shared: Arc<Shared>,
}

struct Shared {
    mailbox: Mutex<Mailbox>,
    /// Written to when something is in the mailbox.
    bell: EventFd,
}

#[derive(Default)]
struct Mailbox {
    orders: Vec<Order>,
    asks: Vec<Posted>,
    /// The number of the last request.
    last: RequestId,
    finish: bool,
    /// Nobody looks into it any more.
    closed: bool,
}

/// A request on its way, and who waits for its answers.
struct Posted {
    id: RequestId,
    request: Request,
    lease: Lease,
    hear: Hearer,
}

type Hearer = Box<dyn FnMut(Answer) + Send>;

impl Control {
    /// Asks to limit a group to this from now on. What came of it is told as
    /// an event, [`Event::Retuned`].
    pub fn limit(&self, set: SetLimits) {
        self.post(|mailbox| mailbox.orders.push(Order::Limit(set)));
    }

    /// Asks to end the `watch` or the `stage` that this action of the plan is,
    /// and to go on. Without effect unless it is under way.
    pub fn enough(&self, action: usize) {
        self.post(|mailbox| mailbox.orders.push(Order::Enough { action }));
    }

    /// Asks for the end.
    pub fn finish(&self) {
        self.post(|mailbox| mailbox.finish = true);
    }

    /// Asks for something beyond the plan; the run must have been started with
    /// `hold`. `hear` is told the answer, or the two of a program, by the run's own
    /// thread: it must not wait. It is told also if the run ends instead.
    pub fn ask(
        &self,
        request: Request,
        lease: Lease,
        mut hear: impl FnMut(Answer) + Send + 'static,
    ) -> RequestId {
        let mut mailbox = self.shared.mailbox();
        mailbox.last += 1;
        let id = mailbox.last;
        if mailbox.closed {
            drop(mailbox);
            hear(Answer::Refused("the run has ended".into()));
            return id;
        }
        mailbox.asks.push(Posted {
            id,
            request,
            lease,
            hear: Box::new(hear),
        });
        drop(mailbox);
        let _ = self.shared.bell.write(1);
        id
    }

    fn post(&self, put: impl FnOnce(&mut Mailbox)) {
        put(&mut self.shared.mailbox());
        // It can't be full: the thread empties it at each ring.
        let _ = self.shared.bell.write(1);
    }
}

impl Shared {
    fn mailbox(&self) -> MutexGuard<'_, Mailbox> {
        self.mailbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Starts to carry out a plan, and returns at once. Events are told to `hear`,
/// in order, by a thread of the run's own; if it answers that nobody listens
/// any more, the run is taken down. With `hold`, the boxes stand after the last
/// action until [`Control::finish`].
///
/// The thread ends when all that the run made is gone; its result is what it had
/// to do itself for that, for a person.
///
/// # Errors
/// When this process can't have another thread or descriptor, a limit that it was
/// started with leaves no room for a run, or its own file can't be executed.
pub fn start(
    plan: Checked,
    hold: bool,
    mut hear: impl FnMut(Event) -> bool + Send + 'static,
) -> io::Result<(Control, JoinHandle<Option<String>>)> {
    let shared = Arc::new(Shared {
        mailbox: Mutex::default(),
        bell: EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)
            .map_err(|errno| on("eventfd(2)")(errno.into()))?,
    });
    let control = Control {
        shared: Arc::clone(&shared),
    };
    // A systemd that is asked may take seconds; all else is told at once.
    let asks = scope::concerns(&plan) && scope::helps(&plan, &Session::read());
    let ready = inherited::enough().map_err(Lack::refusal);
    let start = |()| (!asks).then(Helper::directly).transpose();
    let direct = match ready.and_then(|ready| start(ready).map_err(not_executed)) {
        Ok(direct) => direct,
        Err(refusal) => return Ok((control, refused(refusal, hear)?)),
    };
    let thread = std::thread::Builder::new()
        .name("run".into())
        .spawn(move || {
            let mut asked = BTreeMap::new();
            let started =
                direct.map_or_else(Helper::in_scope, |helper| Ok((helper, Scope::NotAsked)));
            let started = started.and_then(|(helper, scope)| helper.carry(&plan, hold, scope));
            let forced = match started {
                Ok(helper) => helper.attend(&shared, &mut asked, &mut hear),
                Err(error) => {
                    hear(Event::Refused(not_executed(error)));
                    hear(Event::Cleaned);
                    None
                }
            };
            let late = {
                let mut mailbox = shared.mailbox();
                mailbox.closed = true;
                std::mem::take(&mut mailbox.asks)
            };
            let late = late.into_iter().map(|posted| posted.hear);
            for mut hear in asked.into_values().chain(late) {
                hear(Answer::Refused("the run has ended".into()));
            }
            forced
        })?;
    Ok((control, thread))
}

/// A run that this host refuses before anything is made.
fn refused(
    refusal: Refusal,
    mut hear: impl FnMut(Event) -> bool + Send + 'static,
) -> io::Result<JoinHandle<Option<String>>> {
    std::thread::Builder::new()
        .name("run".into())
        .spawn(move || {
            let _ = hear(Event::Refused(refusal)) && hear(Event::Cleaned);
            None
        })
}

/// The supervisor, as this process sees it.
struct Helper {
    child: Child,
    /// As long as it is here, it is none of the orphans.
    _guardian: Guardian,
    wire: Wire,
    /// By what its remains are known, should it be killed.
    known: Option<Known>,
}

impl Helper {
    /// For a plan with groups that this user can only make in a systemd scope of
    /// their own: the supervisor is started in one, and directly where systemd
    /// refuses.
    fn in_scope() -> io::Result<(Helper, Scope)> {
        Ok(match scope::start() {
            Ok(started) => {
                let helper = Helper::new(
                    (started.child, started.guardian),
                    started.wire,
                    started.mark,
                );
                (helper, Scope::Own(started.unit))
            }
            Err(None) => (Helper::directly()?, Scope::NotAsked),
            Err(Some(answer)) => (Helper::directly()?, Scope::Refused(answer)),
        })
    }

    /// Sends the plan.
    fn carry(mut self, plan: &Checked, hold: bool, scope: Scope) -> io::Result<Helper> {
        let order = Order::Carry {
            plan: plan.deref().clone(),
            hold,
            scope,
        };
        let queued = self.wire.queue(&order, Vec::new());
        queued.map_err(io::Error::other)?;
        Ok(self)
    }

    fn new((child, guardian): (Child, Guardian), wire: Wire, mark: Option<Mark>) -> Helper {
        Helper {
            known: Known::of(child.id(), mark),
            child,
            _guardian: guardian,
            wire,
        }
    }

    /// Starts a supervisor in the session's own groups.
    fn directly() -> io::Result<Helper> {
        let (ours, theirs) = Wire::pair().map_err(on("socketpair(2)"))?;
        let mut command = Command::new(OWN_FILE);
        let mark = anew::mark(&mut command);
        command
            .arg0(SUPERVISOR)
            .arg(std::process::id().to_string())
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let started = Guardian::start(|| command.spawn())
            .map_err(inherited::why_not_executed)
            .map_err(on("the start of the supervisor"))?;
        Ok(Helper::new(started, ours, mark))
    }

    /// Hears the supervisor and hands on what is asked of it, until it has ended.
    fn attend(
        mut self,
        shared: &Shared,
        asked: &mut BTreeMap<RequestId, Hearer>,
        hear: &mut impl FnMut(Event) -> bool,
    ) -> Option<String> {
        let mut last = None;
        // When the end was asked for, and the ticks of silence since.
        let mut finishing: Option<(Instant, u32)> = None;
        let mut listening = true;
        loop {
            let (orders, asks, finish) = {
                let mut mailbox = shared.mailbox();
                let orders = std::mem::take(&mut mailbox.orders);
                let asks = std::mem::take(&mut mailbox.asks);
                (orders, asks, mailbox.finish || !listening)
            };
            for posted in asks {
                self.pass_on(posted, asked);
            }
            for order in orders {
                // An order is small.
                let _ = self.wire.queue(&order, Vec::new());
            }
            if finish && finishing.is_none() {
                let _ = self.wire.queue(&Order::Finish, Vec::new());
                finishing = Some((Instant::now(), 0));
            }
            let _ = self.wire.flush();
            let limit = match finishing {
                Some(_) => PollTimeout::try_from(TICK).unwrap_or(PollTimeout::MAX),
                None => PollTimeout::NONE,
            };
            let mut fds = [
                PollFd::new(self.wire.as_fd(), self.wire.interest(true)),
                PollFd::new(shared.bell.as_fd(), PollFlags::POLLIN),
            ];
            let ready = poll(&mut fds, limit);
            let [spoken, rung] = fds.map(|fd| fd.any().unwrap_or(false));
            if rung {
                let _ = shared.bell.read();
            }
            let ended = if spoken { self.wire.fill().err() } else { None };
            if let Some((since, silence)) = &mut finishing {
                *silence = match ready {
                    Ok(0) => *silence + 1,
                    Ok(_) | Err(_) if spoken => 0,
                    Ok(_) | Err(_) => *silence,
                };
                if TICK * *silence >= SILENCE || since.elapsed() > TAKING_DOWN {
                    return Some(self.force(hear));
                }
            }
            let mut broken = ended.is_some();
            loop {
                match self.wire.next::<Told>() {
                    Ok(None) => break,
                    Ok(Some(received)) => match received.message {
                        Told::Event(event) => {
                            last = Some(event.clone());
                            listening = listening && hear(event);
                        }
                        Told::Answer { id, told } => {
                            let answer = told.with(received.descriptors);
                            let last = answer.is_last();
                            if let Some(hear) = asked.get_mut(&id) {
                                hear(answer);
                            }
                            if last {
                                asked.remove(&id);
                            }
                        }
                        Told::Hello | Told::TakingDown => {}
                    },
                    Err(_) => {
                        broken = true;
                        break;
                    }
                }
            }
            if broken {
                break;
            }
        }
        if !self.has_ended_by(Instant::now() + SILENCE) {
            return Some(self.force(hear));
        }
        if !last.is_some_and(|event| event.is_last()) {
            let message = "the helper process ended before its work was done".into();
            hear(Event::Broken { message });
            // What it would have told, told of its remains.
            let left = self.sweep().left;
            hear(match left.is_empty() {
                true => Event::Cleaned,
                false => Event::Left { left },
            });
        }
        None
    }

    /// Sends a request, and remembers who waits for its answer.
    fn pass_on(&mut self, posted: Posted, asked: &mut BTreeMap<RequestId, Hearer>) {
        let Posted {
            id,
            request,
            lease: Lease { time, holder },
            mut hear,
        } = posted;
        let order = Order::Ask {
            id,
            request,
            lease: time,
        };
        match self.wire.queue(&order, holder.into_iter().collect()) {
            Ok(()) => drop(asked.insert(id, hear)),
            Err(large) => hear(Answer::Refused(large.to_string())),
        }
    }

    /// Removes what the supervisor has left, which has ended or can't go on.
    fn sweep(&mut self) -> Swept {
        self.known.take().map(sweep_run).unwrap_or_default()
    }

    /// Awaits the supervisor's end.
    fn has_ended_by(&mut self, deadline: Instant) -> bool {
        match pidfd::open(Pid::from_raw(self.child.id() as i32)) {
            Ok(pidfd) => {
                let ended = ends_by(&pidfd, deadline);
                // Reaped at once if it has, and never waited for if it hasn't.
                let _ = self.child.try_wait();
                ended
            }
            Err(_) => matches!(self.child.try_wait(), Ok(Some(_))),
        }
    }

    /// Ends a supervisor that doesn't end, does its work and tells what it did.
    fn force(&mut self, hear: &mut impl FnMut(Event) -> bool) -> String {
        let pid = self.child.id() as i32;
        let descendants: Vec<OwnedFd> = descendants(pid)
            .into_iter()
            .filter_map(|pid| pidfd::open(Pid::from_raw(pid)).ok())
            .collect();
        let _ = self.child.kill();
        for process in &descendants {
            let _ = pidfd::kill(process.as_fd());
        }
        let deadline = Instant::now() + DYING;
        let ended = self.has_ended_by(deadline);
        let alive = descendants
            .iter()
            .filter(|process| !ends_by(process, deadline))
            .count();
        let mut done = format!(
            "the process that guards this run (pid {pid}) gave no sign of life for {} ms: \
             it was killed, with {} processes of the run",
            SILENCE.as_millis(),
            descendants.len()
        );
        let clean = ended && alive == 0;
        if !clean {
            done.push_str("; not all of them have ended yet");
        }
        let Swept { removed, left, .. } = self.sweep();
        // Its processes were told above.
        let removed: Vec<String> = removed
            .iter()
            .filter(|what| matches!(what, Removed::Directory(_)))
            .map(ToString::to_string)
            .collect();
        if !removed.is_empty() {
            done.push_str(&format!("; removed: {}", removed.join(", ")));
        }
        let message = done.clone();
        hear(Event::Forced { message });
        if !left.is_empty() {
            hear(Event::Left { left });
        } else if clean {
            hear(Event::Cleaned);
        }
        done
    }
}

/// Awaits the end of a process.
fn ends_by(pidfd: &OwnedFd, deadline: Instant) -> bool {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let left = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
        let mut fds = [PollFd::new(pidfd.as_fd(), PollFlags::POLLIN)];
        match poll(&mut fds, left) {
            Ok(ready) => return ready > 0,
            Err(nix::errno::Errno::EINTR) => {}
            Err(_) => return false,
        }
    }
}

/// The children of a process, and theirs, as they are at this moment.
fn descendants(of: i32) -> Vec<i32> {
    let proc = Path::new("/proc");
    let parents: Vec<(i32, i32)> = probe::pids(proc)
        .unwrap_or_default()
        .into_iter()
        .filter_map(|pid| Some((pid, probe::stat(proc, pid)?.parent)))
        .collect();
    let mut found = vec![of];
    let mut next = 0;
    while let Some(of) = found.get(next).copied() {
        found.extend(
            parents
                .iter()
                .filter(|(_, parent)| *parent == of)
                .map(|(pid, _)| *pid),
        );
        next += 1;
    }
    found.split_off(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descendants_are_found_through_generations() {
        let mut child = Command::new("sh")
            .args(["-c", "sh -c 'sleep 60 & echo $!; wait'; :"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut output = io::BufReader::new(child.stdout.take().unwrap());
        io::BufRead::read_line(&mut output, &mut line).unwrap();
        let sleeper: i32 = line.trim().parse().unwrap();
        let found = descendants(child.id() as i32);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found.contains(&sleeper));
        for pid in found.into_iter().chain([child.id() as i32]) {
            let _ = nix::sys::signal::kill(Pid::from_raw(pid), nix::sys::signal::SIGKILL);
        }
        child.wait().unwrap();
    }
}
