//! The trace: every call that is made for the learner's sake becomes an event,
//! with what it was given, what it answered and how long it took.

use super::channel::Wire;
use super::frame::TooLarge;
use super::messages::{Id, Reply, Said};
use crate::base::{Errno, literal};
use crate::image::Returned;
use crate::plan::{BoxName, Event, Fact, FactRef, Need, Place, Provenance, Syscall, Value};
use crate::probe::host::profile;
use crate::sandbox::sys::{self, OneThread};
use std::fmt;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant};

/// Why an agent can't go on. The reason has been told as an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sandbox) struct Told;

/// Traces what is done at a place: tells each call, as strace(1) would show it, and
/// what was seen, to the supervisor. It traces its own process: no ptrace(2).
pub(in crate::sandbox) struct Tracer {
    /// Where this process stands.
    pub(in crate::sandbox) place: Place,
    /// That it may fork.
    pub(in crate::sandbox) one: OneThread,
    /// The request that is being carried out.
    pub(in crate::sandbox) about: Id,
    wire: Wire,
}

impl Tracer {
    /// Speaks for `place` on `wire`.
    pub(in crate::sandbox) fn new(place: Place, wire: Wire, one: OneThread) -> Tracer {
        let about = 0;
        Tracer {
            place,
            one,
            about,
            wire,
        }
    }

    /// Tells a panic and ends the process there: it must not unwind into what
    /// this process was forked from.
    pub(in crate::sandbox) fn end_on_panic(&self) {
        let end = self.wire.as_fd().try_clone_to_owned();
        std::panic::set_hook(Box::new(move |panic| {
            if let Ok(Ok(end)) = end.as_ref().map(OwnedFd::try_clone) {
                let message = format!("a helper process panicked, please report this: {panic}");
                let reply = Reply::Event(Event::Broken { message });
                let _ = Wire::from(end).send(&Said { id: 0, reply }, Vec::new());
            }
            sys::exit_now(101)
        }));
    }

    /// The wire to the supervisor.
    pub(in crate::sandbox) fn wire(&mut self) -> &mut Wire {
        &mut self.wire
    }

    /// Sends a reply. Without a supervisor there is nobody left to serve.
    pub(in crate::sandbox) fn reply(&mut self, reply: Reply) {
        let id = self.about;
        let said = Said { id, reply };
        let sent = self.wire.send(&said, Vec::new());
        let sent = sent.or_else(|TooLarge { kind, bytes }| {
            let message = format!(
                "{kind} in `{}` has {bytes} bytes, more than can be told: look at less of it",
                self.place
            );
            let reply = Reply::Event(Event::Broken { message });
            self.wire.send(&Said { id, reply }, Vec::new())
        });
        if !matches!(sent, Ok(Ok(()))) {
            sys::exit_now(1);
        }
    }

    /// Sends a reply that descriptors belong to.
    pub(in crate::sandbox) fn reply_with(&mut self, reply: Reply, descriptors: Vec<OwnedFd>) {
        let id = self.about;
        let sent = self.wire.send(&Said { id, reply }, descriptors);
        if !matches!(sent, Ok(Ok(()))) {
            sys::exit_now(1);
        }
    }

    /// Tells an event.
    pub(in crate::sandbox) fn tell(&mut self, event: Event) {
        self.reply(Reply::Event(event));
    }

    /// Tells that the run can't go on, and why.
    pub(in crate::sandbox) fn broken(&mut self, message: String) -> Told {
        self.tell(Event::Broken { message });
        Told
    }

    /// Tells that the host refused something, with cause and remedy.
    pub(in crate::sandbox) fn refused(
        &mut self,
        need: Need,
        stage: &str,
        errno: Option<Errno>,
    ) -> Told {
        // The cause is looked for by the supervisor: in here a user namespace
        // may already hide what the host is like.
        let stage = stage.to_string();
        let profile = profile(Path::new("/proc"), Path::new("/sys"));
        self.reply(Reply::Refused {
            need,
            stage,
            errno,
            profile,
        });
        Told
    }

    /// Makes a call and tells it.
    pub(in crate::sandbox) fn call<T: Returned>(
        &mut self,
        name: &str,
        args: impl Into<String>,
        why: &str,
        make: impl FnOnce() -> Result<T, Errno>,
    ) -> Result<T, Errno> {
        let before = Instant::now();
        let result = make();
        self.timed(name, args.into(), why, &result, before.elapsed());
        result
    }

    /// Writes a line to a kernel file, and tells it as the write(2) that it is.
    pub(in crate::sandbox) fn write(
        &mut self,
        path: &str,
        line: &str,
        why: &str,
    ) -> Result<(), Errno> {
        let written = self.call(
            "write",
            format!("{path}, {line}", path = literal(path), line = literal(line)),
            why,
            || {
                let mut file = OpenOptions::new().write(true).open(path)?;
                // One call: the kernel reads such a file's new value as a whole.
                file.write(line.as_bytes())
                    .map(|n| n as i64)
                    .map_err(Errno::from)
            },
        );
        written.map(drop)
    }

    /// Tells a call that was made and timed elsewhere.
    pub(in crate::sandbox) fn timed<T: Returned>(
        &mut self,
        name: &str,
        args: String,
        why: &str,
        result: &Result<T, Errno>,
        took: Duration,
    ) {
        let place = self.place.clone();
        self.tell(Event::Syscall(syscall(
            place, name, args, why, result, took,
        )));
    }

    /// Tells a fact that was observed from here.
    pub(in crate::sandbox) fn fact(&mut self, name: String, value: Value, source: String) {
        self.observed(None, None, name, Ok::<_, String>(value), source);
    }

    /// Tells a fact, or why there is none.
    pub(in crate::sandbox) fn observed(
        &mut self,
        about: Option<BoxName>,
        moment: Option<String>,
        name: String,
        value: Result<Value, impl fmt::Display>,
        source: String,
    ) {
        let (value, provenance) = match value {
            Ok(value) => (Some(value.bounded()), Provenance::Observed),
            Err(why) => {
                let because = why.to_string();
                (None, Provenance::Unavailable { because })
            }
        };
        let id = FactRef {
            seen_from: self.place.clone(),
            about,
            name,
            moment,
        };
        self.tell(Event::Fact(Fact {
            id,
            value,
            source,
            provenance,
        }));
    }
}

impl AsFd for Tracer {
    /// The wire's, to be polled.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.wire.as_fd()
    }
}

/// A call as an event.
pub(in crate::sandbox) fn syscall<T: Returned>(
    place: Place,
    name: &str,
    args: String,
    why: &str,
    result: &Result<T, Errno>,
    took: Duration,
) -> Syscall {
    Syscall {
        place,
        name: name.into(),
        args,
        result: result
            .as_ref()
            .map(Returned::number)
            .map_err(|errno| *errno),
        nanos: took.as_nanos() as u64,
        why: why.into(),
    }
}
