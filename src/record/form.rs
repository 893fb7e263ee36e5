//! The forms: a type of its own for all that a record holds, with what turns it
//! into the vocabulary's type and back. A field that is added there doesn't
//! compile until somebody has said what it is here.

use crate::base::{Bytes, Errno};
use crate::plan::{BoxName, Count, FactRef, Limit, Percent, Place};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::path::PathBuf;
use std::str::FromStr;

/// The version that is written. Version 1 didn't tell; 2 does, and knows values
/// that were cut; 3 knows messages.
pub const VERSION: u32 = 3;

/// Headers of a request or an answer, by their names in small letters.
type Headers = BTreeMap<String, String>;

/// The types that these are forms of.
mod of {
    pub(super) use crate::check::Verdict;
    pub(super) use crate::plan::{
        Controller, Cut, Ending, Entry, EntryKind, Event, Fact, Layer, Leftover, Limits, Member,
        Message, Namespace, Need, Observer, Output, Provenance, Refusal, Retuned, Said, Sample,
        Seen, SetLimits, Side, Stack, Syscall, Unit, Value,
    };
}

/// The form of a type of the vocabulary.
pub(super) trait Form<T> {
    /// As it is recorded.
    fn of(value: &T) -> Self;
    /// As it was.
    fn back(self) -> T;
}

/// Structs with the fields of their namesakes in [`of`].
macro_rules! structs {
    ($( $name:ident { $( $(#[$attr:meta])* $field:ident: $type:ty, )* } )*) => { $(
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub(super) struct $name { $( $(#[$attr])* $field: $type, )* }
        impl Form<of::$name> for $name {
            fn of(value: &of::$name) -> Self {
                $name { $( $field: Form::of(&value.$field), )* }
            }
            fn back(self) -> of::$name {
                of::$name { $( $field: Form::back(self.$field), )* }
            }
        }
    )* };
}

/// Enums with the variants of their namesakes in [`of`].
macro_rules! enums {
    ($( $(#[$meta:meta])* $name:ident { $( $variant:ident
        $( ( $( $arg:ident: $held:ty ),* ) )?
        $( { $( $field:ident: $type:ty, )* } )?,
    )* } )*) => { $(
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        $(#[$meta])*
        pub(super) enum $name { $(
            $variant $( ( $( $held ),* ) )? $( { $( $field: $type, )* } )?,
        )* }
        impl Form<of::$name> for $name {
            fn of(value: &of::$name) -> Self {
                match value { $(
                    of::$name::$variant $( ( $( $arg ),* ) )? $( { $( $field, )* } )? =>
                        $name::$variant
                            $( ( $( Form::of($arg) ),* ) )?
                            $( { $( $field: Form::of($field), )* } )?,
                )* }
            }
            fn back(self) -> of::$name {
                match self { $(
                    $name::$variant $( ( $( $arg ),* ) )? $( { $( $field, )* } )? =>
                        of::$name::$variant
                            $( ( $( Form::back($arg) ),* ) )?
                            $( { $( $field: Form::back($field), )* } )?,
                )* }
            }
        }
        #[cfg(test)]
        impl $name {
            #[allow(dead_code)]
            pub(super) const KINDS: &'static [&'static str] = &[$( stringify!($variant) ),*];
        }
    )* };
}

enums! {
    #[serde(tag = "event")]
    Event {
        Started(observer: Observer),
        Doing { action: usize, },
        Syscall(call: Syscall),
        Output(output: Output),
        BoxUp { name: Text<BoxName>, pid: i32, },
        BoxDown { name: Text<BoxName>, ending: Ending, },
        Fact(fact: Fact),
        Sample(sample: Sample),
        Message(message: Message),
        Retuned(retuned: Retuned),
        Paused,
        Refused(refusal: Refusal),
        Broken { message: String, },
        Holding,
        Cleaned,
        Left { left: Vec<Leftover>, },
        Forced { message: String, },
    }
    Ending {
        Exit(status: i32),
        Signal(name: String),
        NotRun(errno: i32),
    }
    Value {
        Flag(flag: bool),
        Number(number: i64, unit: Unit),
        Text(text: String),
        List(items: Vec<String>),
        Cut(cut: Cut),
        Digest(digest: String),
        Stack(stack: Box<Stack>),
    }
    Unit { Count, Bytes, Nanos, Inode, Id, Percent, }
    Cut {
        List { shown: Vec<String>, total: u64, },
        Text { shown: String, total: Option<u64>, },
    }
    Side { Client, Engine, }
    Said {
        Command { argv: Vec<String>, ours: bool, },
        Connected { pid: Option<i32>, program: Option<String>, },
        Request { method: String, path: String, headers: Headers, body: Option<Json>, },
        Response { status: u16, headers: Headers, body: Option<Json>, },
        Body { side: Side, content: Json, },
        Stream { side: Side, bytes: usize, text: String, },
        Closed { side: Side, },
        Began { container: String, image: String, pid: Option<i32>, },
        Ended { container: String, image: String, status: i64, },
    }
    EntryKind { File, Directory, Opaque, Symlink, Whiteout, Special, }
    #[serde(tag = "label")]
    Provenance {
        Observed,
        Recorded { kernel: String, },
        Unavailable { because: String, },
    }
    Need {
        Namespace(ns: Namespace),
        Proc,
        Veth,
        ChildCgroup,
        Cgroup(controller: Controller),
        Overlay,
        Program(name: String),
        Guardian,
        Call(name: String),
        Hostname(name: String),
        Loopback,
        OtherId,
        Queues,
        CgroupTree,
        Engine,
    }
    Namespace { Cgroup, Ipc, Mount, Net, Pid, Time, User, Uts, }
    Controller { Cpu, Memory, Pids, Io, Freezer, }
    #[serde(tag = "kind")]
    Leftover {
        Cgroup { path: PathBuf, errno: Option<i32>, members: Vec<Member>, groups: Vec<String>, },
        Directory { path: PathBuf, at: PathBuf, errno: i32, },
        Moved { path: PathBuf, from: PathBuf, },
        Others { path: PathBuf, uid: u32, },
        Process { process: Member, errno: Option<i32>, },
        Controllers { path: PathBuf, line: String, errno: i32, groups: Vec<String>, },
    }
    #[serde(tag = "verdict")]
    Verdict {
        Holds { actual: String, },
        Fails { expected: String, actual: String, },
        Unknown { because: String, },
    }
}

structs! {
    Syscall {
        place: Text<Place>,
        name: String,
        args: String,
        result: Result<i64, i32>,
        nanos: u64,
        why: String,
    }
    Output {
        place: Text<Place>,
        argv: Vec<String>,
        ending: Ending,
        stdout: String,
        stderr: String,
    }
    Fact {
        id: Text<FactRef>,
        value: Option<Value>,
        source: String,
        provenance: Provenance,
    }
    Sample {
        at: i64,
        values: Vec<(Text<FactRef>, Value)>,
    }
    Message {
        at: i64,
        connection: u64,
        said: Said,
    }
    Retuned {
        set: SetLimits,
        refused: Option<String>,
    }
    SetLimits {
        cgroup: Text<BoxName>,
        limits: Limits,
    }
    Limits {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cpu_weight: Option<u32>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cpu_max: Option<Ceiling>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        memory: Option<Ceiling>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        oom_group: Option<bool>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pids: Option<Ceiling>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        read_rate: Option<Ceiling>,
    }
    Refusal {
        need: Need,
        stage: String,
        errno: Option<i32>,
        cause: String,
        remedy: Vec<String>,
    }
    Member {
        pid: i32,
        name: String,
    }
    Stack {
        at: String,
        layers: Vec<Layer>,
        view: Vec<Seen>,
        cut: bool,
    }
    Layer {
        name: String,
        path: String,
        writable: bool,
        entries: Vec<Entry>,
    }
    Entry {
        path: String,
        kind: EntryKind,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        text: Option<String>,
    }
    Seen {
        path: String,
        kind: EntryKind,
        from: Vec<usize>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        text: Option<String>,
    }
}

/// What `started` tells: with it the version that all the events are in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Observer {
    #[serde(default)]
    version: u32,
    kernel: String,
    uid: u32,
    supervisor: i32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
}

impl Form<of::Observer> for Observer {
    fn of(value: &of::Observer) -> Self {
        let of::Observer {
            kernel,
            uid,
            supervisor,
            scope,
        } = value.clone();
        Observer {
            version: VERSION,
            kernel,
            uid,
            supervisor,
            scope,
        }
    }
    fn back(self) -> of::Observer {
        of::Observer {
            kernel: self.kernel,
            uid: self.uid,
            supervisor: self.supervisor,
            scope: self.scope,
        }
    }
}

/// A limit: a number, or `"max"`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Ceiling {
    Max,
    #[serde(untagged)]
    At(u64),
}

/// Limits of these kinds hold a number of that type.
macro_rules! ceilings {
    ($( $kind:ident($number:ty) )*) => { $(
        impl Form<Limit<$kind>> for Ceiling {
            fn of(limit: &Limit<$kind>) -> Self {
                match limit {
                    Limit::Max => Ceiling::Max,
                    Limit::At($kind(number)) => Ceiling::At(u64::from(*number)),
                }
            }
            fn back(self) -> Limit<$kind> {
                match self {
                    Ceiling::Max => Limit::Max,
                    Ceiling::At(number) => {
                        Limit::At($kind(<$number>::try_from(number).unwrap_or(<$number>::MAX)))
                    }
                }
            }
        }
    )* };
}
ceilings! { Percent(u32) Bytes(u64) Count(u64) }

/// A name that is one word of text: a fact's, a box's, a place's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Text<T>(T);

impl<T: Clone> Form<T> for Text<T> {
    fn of(value: &T) -> Self {
        Text(value.clone())
    }
    fn back(self) -> T {
        self.0
    }
}

impl<T: Display> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(&self.0)
    }
}

impl<'de, T: FromStr<Err: Display>> Deserialize<'de> for Text<T> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        text.parse().map(Text).map_err(de::Error::custom)
    }
}

impl Form<Errno> for i32 {
    fn of(errno: &Errno) -> Self {
        errno.0
    }
    fn back(self) -> Errno {
        Errno(self)
    }
}

/// Types that are recorded as they are.
macro_rules! plain {
    ($( $type:ty )*) => { $(
        impl Form<$type> for $type {
            fn of(value: &$type) -> Self {
                value.clone()
            }
            fn back(self) -> $type {
                self
            }
        }
    )* };
}
plain! { bool i32 i64 u16 u32 u64 usize String PathBuf Json Headers }

impl<T, F: Form<T>> Form<Vec<T>> for Vec<F> {
    fn of(values: &Vec<T>) -> Self {
        values.iter().map(F::of).collect()
    }
    fn back(self) -> Vec<T> {
        self.into_iter().map(F::back).collect()
    }
}

impl<T, F: Form<T>> Form<Option<T>> for Option<F> {
    fn of(value: &Option<T>) -> Self {
        value.as_ref().map(F::of)
    }
    fn back(self) -> Option<T> {
        self.map(F::back)
    }
}

impl<T, F: Form<T>> Form<Box<T>> for Box<F> {
    fn of(value: &Box<T>) -> Self {
        Box::new(F::of(value))
    }
    fn back(self) -> Box<T> {
        Box::new((*self).back())
    }
}

impl<T, E, F: Form<T>, G: Form<E>> Form<Result<T, E>> for Result<F, G> {
    fn of(value: &Result<T, E>) -> Self {
        value.as_ref().map(F::of).map_err(G::of)
    }
    fn back(self) -> Result<T, E> {
        self.map(F::back).map_err(G::back)
    }
}

impl<A, B, F: Form<A>, G: Form<B>> Form<(A, B)> for (F, G) {
    fn of((a, b): &(A, B)) -> Self {
        (F::of(a), G::of(b))
    }
    fn back(self) -> (A, B) {
        (self.0.back(), self.1.back())
    }
}
