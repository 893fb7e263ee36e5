//! The shared vocabulary: what a demo asks for, what happened, what was seen.
//!
//! A [`Plan`] is data that a lesson declares. The sandbox carries it out and
//! answers with [`Event`]s; the [`History`] is their fold. These are the only
//! types that cross the wire between the two processes, so each of them is
//! plain, closed and serializable. Nothing here does I/O.

mod about;
mod action;
mod beat;
mod cgroup;
mod checked;
mod containment;
mod docker;
mod event;
mod fact;
mod layers;
mod left;
mod message;
mod namespace;
mod of_engine;
mod probe;
mod refusal;
mod table;
mod value;
mod verb;

pub use about::{About, Effect, Facts, Named, Of, Where};
pub use action::{Action, BoxSpec, CHILD_CGROUP, Plan};
pub use cgroup::{CgroupSpec, Controller, Count, Join, Limit, Limits, Percent, SetLimits, Watch};
pub use checked::{Checked, Draft, Flaw, MOST_PARTS, Part, told};
pub use containment::{RUN_MEMORY, RUN_PROCESSES, Unsafe};
pub use docker::{Api, SOCKET, STAND_IN};
pub use event::{Ending, Event, History, Observer, Output, Retuned, Sample, Syscall};
pub use fact::{BoxName, Fact, FactRef, Place, Provenance, RefError};
pub use layers::{
    Copy, Entry, EntryKind, Fill, Image, Layer, MOST_FILE, MOST_STORE, MOST_TREES, Medium, Overlay,
    Overwrite, RootFs, Seen, Stack, Store, Unpack,
};
pub use left::{Leftover, Member};
pub use message::{Message, Said, Side};
pub use namespace::{Namespace, Propagation, TimeOffsets};
pub use probe::{GROUP_FACTS, LIMIT_FACTS, MOVING_FACTS, Probe, ProbeError};
pub use refusal::{Need, Refusal};
pub use value::{Cut, FirstNames, Unit, Value};
pub use verb::{Kill, Listen, Mount, Signal, Spawn, Verb, Veth, Workload, Write};
