//! The verbs: what an action can do, each with what it takes to do it. What
//! else is known of them stands in one table ([`Verb::about`]).

use super::cgroup::{Join, SetLimits, Watch};
use super::docker::Api;
use super::fact::BoxName;
use super::layers::{Copy, Fill, Image, Overlay, Overwrite, RootFs, Store, Unpack};
use super::namespace::{Propagation, TimeOffsets};
use super::probe::Probe;
use crate::base::{Bytes, Nanos, named};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The verbs. Results are facts `NAME` (`ok` or the errno's name, unless said
/// otherwise) and `NAME.…`, where NAME is the action's `as`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Verb {
    /// Look: the facts of these probes.
    Probe(Vec<Probe>),
    /// Make a box now instead of before the first action. `in` is where it is made.
    Create(BoxName),
    /// Run one of the machine's own programs, without a shell. Facts: NAME
    /// (`exit 0`, `SIGKILL`, or `ENOENT` when it isn't there), NAME.out, NAME.err.
    Run(Vec<String>),
    /// sethostname(2).
    SetHostname(String),
    /// mount(2).
    Mount(Mount),
    /// Change how an existing mount point propagates.
    Propagate {
        /// The mount point.
        path: String,
        /// What it becomes.
        to: Propagation,
    },
    /// mkdir(2), mode 0755.
    Mkdir(String),
    /// Create a file and write to it.
    Write(Write),
    /// chown(2) to this user id.
    Chown {
        /// The file.
        path: String,
        /// The new owner's id, as seen here.
        uid: u32,
    },
    /// Bring a network device up.
    LinkUp(String),
    /// Join two boxes by a veth pair; `in` is `host`.
    Veth(Veth),
    /// Listen on a TCP port of 127.0.0.1. Facts: NAME, NAME.port.
    Listen(Listen),
    /// Connect to a TCP port of 127.0.0.1: a number, or the NAME of a `listen`.
    Connect(String),
    /// Send one ICMP echo request and await the reply. Facts: NAME, NAME.rtt.
    Ping(String),
    /// Make a System V message queue with this key, msgget(2) with IPC_CREAT.
    MakeQueue(u32),
    /// Look for a System V message queue by its key, msgget(2).
    FindQueue(u32),
    /// Start processes that go on in the background. Facts: NAME,
    /// NAME.count, NAME.rss (bytes, of the first); of `map` also NAME.pss (bytes
    /// of the page cache that all of them have mapped, each page counted once).
    Spawn(Spawn),
    /// Await the end of a `spawn` by its NAME. Facts: NAME.end (`exit 0`,
    /// `SIGKILL`), NAME.cpu, NAME.wall, NAME.queued (waiting for a CPU),
    /// NAME.share (percent of the time it could have had that it ran; what a ceiling took of it, it could have had), NAME.rss.
    Wait(String),
    /// kill(2).
    Kill(Kill),
    /// Await the end of a box's pid 1. Fact: NAME (`exit 0`, `SIGKILL`).
    AwaitEnd(BoxName),
    /// Write to `/proc/self/timens_offsets`.
    SetClocks(TimeOffsets),
    /// Change a cgroup's limits; `in` is `host`.
    SetLimits(SetLimits),
    /// Move background processes of the host into a cgroup; `in` is `host`.
    Join(Join),
    /// Freeze a cgroup and await that it is; `in` is `host`.
    Freeze(BoxName),
    /// Thaw a cgroup; `in` is `host`.
    Thaw(BoxName),
    /// Look at cgroups again and again while something runs; `in` is `host`.
    /// The samples make the charts. Facts: NAME.GROUP.STATISTIC, by how much it
    /// grew from the first sample to the last, of each statistic that moves.
    Watch(Watch),
    /// Make room for layers. Facts: NAME, NAME.type (of its filesystem).
    Store(Store),
    /// Mount an overlay: read-only layers and, mostly, a writable one. Facts:
    /// NAME, NAME.options (as mount(2) got them).
    Overlay(Overlay),
    /// Take the mount on this path away, umount2(2).
    Unmount(String),
    /// Make a file of this size.
    Fill(Fill),
    /// Change bytes in the middle of a file.
    Overwrite(Overwrite),
    /// Copy a directory with all that is in it.
    Copy(Copy),
    /// Remove a file, or a directory with all that is in it.
    Remove(String),
    /// Make a root filesystem of the machine's own programs. Facts: NAME,
    /// NAME.files, NAME.size.
    RootFs(RootFs),
    /// Make an OCI image of directories. Facts: NAME, NAME.manifest (its
    /// digest), NAME.layers (the digests, the lowest layer first), NAME.written
    /// and NAME.reused (how many layers), NAME.size (bytes of all blobs).
    Image(Image),
    /// Unpack the layers of an OCI image, each checked against its digest.
    /// Facts: NAME, NAME.layers (how many).
    Unpack(Unpack),
    /// Mount in this directory what every container has, by the OCI Runtime
    /// Specification: /proc, /sys, /dev with its devices.
    DefaultFilesystems(String),
    /// Make this mount point the root, and let go of the old one, pivot_root(2).
    PivotRoot(String),
    /// Start the course's own engine and a tap before its socket, in a directory of
    /// the run's own, with which both go; `in` is `host`. The name is for probes with
    /// `of`; a run has one engine, and a second `engine` only gives it another. Facts: NAME, NAME.images (those it has), NAME.api (its version).
    Engine(BoxName),
    /// Hand this line to a Docker client, with a configuration of its own and the
    /// tap for its engine: the machine's `docker`, else the course's own client. In
    /// its arguments `{host}` is the directory that stands for the host's `/`, and
    /// `{socket}` the engine's socket; `in` is `host`. Facts: NAME (`exit 0`),
    /// NAME.out, NAME.err, NAME.client (`docker` or `glassbox`).
    Docker(Vec<String>),
    /// Send one request over HTTP through the tap, without a client; `in` is
    /// `host`. Facts: NAME (the status), NAME.body (text; what a container wrote is
    /// put together), NAME.FIELD of each field in `show`.
    Api(Api),
    /// Ask the engine for a container of this name: from then on probes with `of`
    /// look at its first process. Fact: NAME (`ok`, or why there is none); `in` is
    /// `host`.
    Container(BoxName),
    /// A stage of the demo begins, with these words. Where somebody sits in
    /// front of it, it waits for them. `in` is `host`.
    Stage(String),
}

/// A filesystem to mount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Mount {
    /// `tmpfs`, `proc` or `mqueue`.
    #[serde(rename = "type")]
    pub fstype: String,
    /// The mount point; it must exist.
    pub path: String,
}

/// A file to write.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Write {
    /// The file; it is created or emptied.
    pub path: String,
    /// What it will hold.
    pub text: String,
}

/// Two virtual network devices joined back to back, veth(4).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Veth {
    /// The two boxes; each has a network namespace of its own.
    pub between: [BoxName; 2],
    /// The IPv4 address of each end, with its prefix length: `10.0.0.1/24`.
    pub addresses: [String; 2],
}

/// Where to listen: a port, or the same port as an earlier `listen`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Listen {
    /// This TCP port; 0 lets the kernel choose a free one.
    Port(u16),
    /// The port that the `listen` with this NAME got.
    SamePortAs(String),
}

/// Processes that go on in the background.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Spawn {
    /// What they do.
    pub workload: Workload,
    /// How many, 1 if absent.
    #[serde(default = "one")]
    pub count: u32,
    /// The cgroup that they start in; only on the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cgroup: Option<BoxName>,
    /// Keep them all on one CPU, the same for every `spawn`: then they compete.
    #[serde(default)]
    pub one_cpu: bool,
}

fn one() -> u32 {
    1
}

/// What is built into the binary because no usual tool does it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Workload {
    /// Sleeps until it is killed.
    Sleep,
    /// Computes until it has used this much CPU time, then exits with 0.
    Burn(Nanos),
    /// Touches every page of this much memory, then sleeps until it is killed.
    Hog(Bytes),
    /// Takes memory page by page up to this much; exits with 0 if it got it all.
    Grow(Bytes),
    /// Forks until it is refused, up to this many times; exits with 0. Facts:
    /// NAME.forks, NAME.errno.
    Storm(u32),
    /// Reads this much from the disk that holds this program, past the page
    /// cache (O_DIRECT), then exits with 0. Facts: NAME.read, NAME.rate (bytes
    /// a second).
    DirectRead(Bytes),
    /// Reads this much of the same file through the page cache, which holds it.
    CachedRead(Bytes),
    /// Maps this file and reads every page of it, mmap(2), then sleeps until it
    /// is killed. Of several processes, number N maps the file at this path with
    /// `{}` replaced by N.
    Map(String),
}

/// A signal to send.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Kill {
    /// Which one.
    pub signal: Signal,
    /// A box (its pid 1) or the NAME of a `spawn`.
    pub to: String,
}

/// The signals that lessons use, signal(7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum Signal {
    TERM,
    INT,
    KILL,
    STOP,
    CONT,
    USR1,
}

impl std::fmt::Display for Signal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Signal::TERM => "SIGTERM",
            Signal::INT => "SIGINT",
            Signal::KILL => "SIGKILL",
            Signal::STOP => "SIGSTOP",
            Signal::CONT => "SIGCONT",
            Signal::USR1 => "SIGUSR1",
        })
    }
}

impl Verb {
    /// Every path that it names. Those of probes are part of their facts' names,
    /// and stay as they are written.
    pub(super) fn paths_mut(&mut self) -> Vec<&mut String> {
        match self {
            Verb::Mkdir(path)
            | Verb::Unmount(path)
            | Verb::Remove(path)
            | Verb::DefaultFilesystems(path)
            | Verb::PivotRoot(path)
            | Verb::Propagate { path, .. }
            | Verb::Chown { path, .. } => vec![path],
            Verb::Mount(mount) => vec![&mut mount.path],
            Verb::Write(write) => vec![&mut write.path],
            Verb::Store(store) => vec![&mut store.path],
            Verb::Overlay(overlay) => {
                let (upper, at) = (overlay.upper.as_mut(), &mut overlay.at);
                overlay.lower.iter_mut().chain(upper).chain([at]).collect()
            }
            Verb::Fill(fill) => vec![&mut fill.path],
            Verb::Overwrite(change) => vec![&mut change.path],
            Verb::Copy(copy) => vec![&mut copy.from, &mut copy.to],
            Verb::RootFs(root) => vec![&mut root.to],
            Verb::Image(image) => {
                let layers = image.layers.iter_mut();
                layers.chain([&mut image.layout]).collect()
            }
            Verb::Unpack(unpack) => vec![&mut unpack.layout, &mut unpack.to],
            Verb::Spawn(spawn) => match &mut spawn.workload {
                Workload::Map(path) => vec![path],
                Workload::Sleep
                | Workload::Burn(_)
                | Workload::Hog(_)
                | Workload::Grow(_)
                | Workload::Storm(_)
                | Workload::DirectRead(_)
                | Workload::CachedRead(_) => Vec::new(),
            },
            Verb::Probe(_)
            | Verb::Create(_)
            | Verb::Run(_)
            | Verb::SetHostname(_)
            | Verb::LinkUp(_)
            | Verb::Veth(_)
            | Verb::Listen(_)
            | Verb::Connect(_)
            | Verb::Ping(_)
            | Verb::MakeQueue(_)
            | Verb::FindQueue(_)
            | Verb::Wait(_)
            | Verb::Kill(_)
            | Verb::AwaitEnd(_)
            | Verb::SetClocks(_)
            | Verb::SetLimits(_)
            | Verb::Join(_)
            | Verb::Freeze(_)
            | Verb::Thaw(_)
            | Verb::Watch(_)
            | Verb::Engine(_)
            | Verb::Docker(_)
            | Verb::Api(_)
            | Verb::Container(_)
            | Verb::Stage(_) => Vec::new(),
        }
    }
}

impl Workload {
    /// What its processes do, for someone who must agree.
    pub(super) fn in_words(&self) -> String {
        match self {
            Workload::Sleep => "that sleep".to_string(),
            Workload::Burn(time) => format!("that use a CPU for {time}"),
            Workload::Hog(size) => format!("that take {size} of memory"),
            Workload::Grow(size) => format!("that grow up to {size} of memory"),
            Workload::DirectRead(size) => format!("that read {size} from the disk"),
            Workload::CachedRead(size) => format!("that read {size} from the page cache"),
            Workload::Map(path) => format!("that map the file {}", named(path)),
            Workload::Storm(most) => format!("that fork up to {most} times"),
        }
    }
}
