//! The trace: every call that is made for the learner's sake becomes an event,
//! with what it was given, what it answered and how long it took.

use super::wire::{Channel, Reply};
use crate::base::Errno;
use crate::image::Returned;
use crate::plan::{BoxName, Event, Fact, FactRef, Need, Place, Provenance, Syscall, Value};
use crate::probe::host::profile;
use std::path::Path;
use std::time::{Duration, Instant};

/// Why an agent can't go on. The reason has been told as an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Told;

/// A place's voice: tells events about it to the supervisor.
pub(super) struct Teller {
    /// Where this process stands.
    pub(super) place: Place,
    channel: Channel,
}

impl Teller {
    /// Speaks for `place` on `channel`.
    pub(super) fn new(place: Place, channel: Channel) -> Teller {
        Teller { place, channel }
    }

    /// Tells a panic and ends the process there: it must not unwind into what
    /// this process was forked from.
    pub(super) fn end_on_panic(&self) {
        let channel = self.channel.try_clone();
        std::panic::set_hook(Box::new(move |panic| {
            if let Ok(channel) = &channel
                && let Ok(mut channel) = channel.try_clone()
            {
                let message = format!("a helper process panicked, please report this: {panic}");
                let _ = channel.send(&Reply::Event(Event::Broken { message }));
            }
            super::sys::exit_now(101)
        }));
    }

    /// The same wire, for a process that stands elsewhere.
    pub(super) fn channel(&mut self) -> &mut Channel {
        &mut self.channel
    }

    /// Sends a reply. Without a supervisor there is nobody left to serve.
    pub(super) fn reply(&mut self, reply: &Reply) {
        if self.channel.send(reply).is_err() {
            super::sys::exit_now(1);
        }
    }

    /// Tells an event.
    pub(super) fn tell(&mut self, event: Event) {
        self.reply(&Reply::Event(event));
    }

    /// Tells that the run can't go on, and why.
    pub(super) fn broken(&mut self, message: String) -> Told {
        self.tell(Event::Broken { message });
        Told
    }

    /// Tells that the host refused something, with cause and remedy.
    pub(super) fn refused(&mut self, need: Need, stage: &str, errno: Option<Errno>) -> Told {
        // The cause is looked for by the supervisor: in here a user namespace
        // may already hide what the host is like.
        let stage = stage.to_string();
        let profile = profile(Path::new("/proc"), Path::new("/sys"));
        self.reply(&Reply::Refused {
            need,
            stage,
            errno,
            profile,
        });
        Told
    }

    /// Makes a call and tells it.
    pub(super) fn call<T: Returned>(
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

    /// Tells a call that was made and timed elsewhere.
    pub(super) fn timed<T: Returned>(
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
    pub(super) fn fact(&mut self, name: String, value: Value, source: String) {
        self.observed(None, None, name, Ok(value), source);
    }

    /// Tells a fact, or why there is none.
    pub(super) fn observed(
        &mut self,
        about: Option<BoxName>,
        moment: Option<String>,
        name: String,
        value: Result<Value, String>,
        source: String,
    ) {
        let (value, provenance) = match value {
            Ok(value) => (Some(value), Provenance::Observed),
            Err(because) => (None, Provenance::Unavailable { because }),
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

/// A call as an event.
pub(super) fn syscall<T: Returned>(
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
