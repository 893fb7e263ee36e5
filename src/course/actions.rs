//! A demo's actions, in their order: what each refers to must be there by then.

use super::facts::{Boxes, filled};
use super::rules::Read;
use super::shape;
use super::source::Sink;
use super::tree::Node;
use crate::base::{Bytes, nearest};
use crate::plan::{
    Action, BoxName, BoxSpec, Listen, MOST_FILE, MOST_STORE, MOST_TREES, Place, Spawn, Verb,
    Workload,
};
use std::{collections::BTreeSet, net::Ipv4Addr, ops::Range};

/// The most processes of one `spawn`.
const MOST_PROCESSES: u32 = 256;
/// The most forks of one `spawn`.
const MOST_FORKS: u64 = 512;
/// The most memory of one `spawn`.
const MOST_MEMORY: Bytes = Bytes(1 << 30);
/// The most programs of one `root-fs`.
const MOST_PROGRAMS: usize = 32;
/// The most layers of one `image`.
const MOST_LAYERS: usize = 20;
/// The longest tag of an image.
const MOST_TAG: usize = 64;
/// What mount(2) is let do.
const FILESYSTEMS: [&str; 3] = ["tmpfs", "proc", "mqueue"];

/// Walks through the actions in their order.
pub(super) fn check(
    sink: &mut Sink<'_>,
    boxes: &mut Boxes,
    specs: &[Read<BoxSpec>],
    actions: &[Read<Action>],
) {
    let mut walk = Walk {
        sink,
        boxes,
        specs,
        made: Vec::new(),
        late: created_later(actions),
    };
    for (action, node) in actions {
        walk.action(action.as_ref(), node);
    }
}

/// The boxes that an action makes, and not the start of the run.
fn created_later(actions: &[Read<Action>]) -> Vec<BoxName> {
    let created = actions
        .iter()
        .filter_map(|(action, _)| match &action.as_ref()?.verb {
            Verb::Create(name) => Some(name.clone()),
            _ => None,
        });
    created.collect::<BTreeSet<_>>().into_iter().collect()
}

/// What an action's `as` names.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Listen,
    Spawn,
    Other,
    /// The action could not be read.
    Unknown,
}

/// One walk through the actions, in their order.
struct Walk<'w, 's, 'a> {
    sink: &'s mut Sink<'a>,
    boxes: &'w mut Boxes,
    specs: &'w [Read<'w, BoxSpec>],
    /// What the earlier actions gave a name to.
    made: Vec<(String, Kind)>,
    /// The boxes that are not there yet.
    late: Vec<BoxName>,
}

impl Walk<'_, '_, '_> {
    fn action(&mut self, action: Option<&Action>, node: &Node) {
        if let Some(Ok(Place::Box(name))) = node.text_of("in").map(str::parse) {
            self.present(&name, node.at(&["in"]));
        }
        if let Some(Ok(name)) = node.text_of("of").map(str::parse) {
            self.present(&name, node.at(&["of"]));
        }
        filled(self.sink, node, "say");
        let kind = match action {
            None => Kind::Unknown,
            Some(action) => {
                self.keys(action, node);
                self.verb(action, node);
                match action.verb {
                    Verb::Listen(_) => Kind::Listen,
                    Verb::Spawn(_) => Kind::Spawn,
                    _ => Kind::Other,
                }
            }
        };
        if let Some(name) = node.text_of("as") {
            if name.is_empty() || name.contains(['/', '@', '.', ' ']) {
                self.sink.error(
                    "bad-result-name",
                    node.at(&["as"]),
                    format!("`{name}` can't name a result"),
                    "expected lowercase letters, digits and `-`",
                );
            }
            self.made.push((name.into(), kind));
        }
    }

    /// A mention of a box that must be there by now.
    fn present(&mut self, name: &BoxName, span: Range<usize>) {
        if self.boxes.mention(name, span.clone()) && self.late.contains(name) {
            self.sink.error(
                "not-created-yet",
                span,
                format!("the box `{name}` is created only by a later action"),
                "move the `create` before it",
            );
        }
    }

    /// Keys that belong to some verbs only.
    fn keys(&mut self, action: &Action, node: &Node) {
        let verb = action.verb.name();
        for key in ["of", "at"] {
            if let Some(entry) = node.entry(key)
                && !matches!(action.verb, Verb::Probe(_))
            {
                self.sink.error(
                    "only-with-probe",
                    entry.key_span.clone(),
                    format!("`{key}` means nothing with `{verb}`"),
                    "it belongs to `do.probe`; leave it out here",
                );
            }
        }
        let nameless = matches!(
            action.verb,
            Verb::Probe(_) | Verb::Create(_) | Verb::Wait(_) | Verb::Stage(_)
        );
        if let Some(entry) = node.entry("as")
            && nameless
        {
            self.sink.error(
                "no-result",
                entry.key_span.clone(),
                format!("`{verb}` has no result to name"),
                "leave `as` out",
            );
        }
        if let Some(entry) = node.entry("of")
            && action.place != Place::Host
            && matches!(action.verb, Verb::Probe(_))
        {
            self.sink.error(
                "only-from-host",
                entry.key_span.clone(),
                "only the host can look at a box from outside",
                "write `in = \"host\"`, or leave `of` out",
            );
        }
    }

    fn verb(&mut self, action: &Action, node: &Node) {
        let name = action.verb.name();
        let at = |path: &[&str]| node.at(&[&["do", name], path].concat());
        match &action.verb {
            Verb::Probe(probes) => {
                if probes.is_empty() {
                    self.empty(
                        at(&[]),
                        "there is nothing to look at",
                        "name a probe, such as \"hostname\"",
                    );
                }
                for (index, probe) in probes.iter().enumerate() {
                    if action.of.is_some() && !probe.works_from_outside() {
                        self.sink.error(
                            "not-from-outside",
                            at(&[&index.to_string()]),
                            format!("the host can't answer `{probe}` about a box"),
                            "probe it inside: `in` is the box's name, without `of`",
                        );
                    }
                }
            }
            Verb::Create(name) => self.create(name, action, at(&[])),
            Verb::Run(argv) => {
                if argv.first().is_none_or(|program| program.trim().is_empty()) {
                    self.empty(
                        at(&[]),
                        "there is no program to run",
                        "expected the program and its arguments",
                    );
                }
            }
            Verb::Mount(mount) => {
                if !FILESYSTEMS.contains(&mount.fstype.as_str()) {
                    self.sink.error(
                        "unknown-filesystem",
                        at(&["type"]),
                        format!("`{}` can't be mounted here", mount.fstype),
                        shape::did_you_mean(nearest(&mount.fstype, FILESYSTEMS), FILESYSTEMS),
                    );
                }
                self.path(&mount.path, at(&["path"]));
                if mount.path.starts_with('/')
                    && mount.path.bytes().all(|b| matches!(b, b'/' | b'.'))
                {
                    self.sink.error(
                        "bad-path",
                        at(&["path"]),
                        "what is mounted on `/` is never seen",
                        "a process keeps the root that it has; mount on a directory, such as `/mnt`",
                    );
                }
            }
            Verb::Propagate { path, .. } | Verb::Chown { path, .. } => {
                self.path(path, at(&["path"]))
            }
            Verb::Mkdir(path) => self.path(path, at(&[])),
            Verb::Write(write) => self.path(&write.path, at(&["path"])),
            Verb::Veth(veth) => {
                for (index, end) in veth.between.iter().enumerate() {
                    self.present(end, at(&["between", &index.to_string()]));
                }
                if veth.between[0] == veth.between[1] {
                    self.sink.error(
                        "same-ends",
                        at(&["between"]),
                        "both ends of the pair are in the same box",
                        "name two boxes",
                    );
                }
                for (index, address) in veth.addresses.iter().enumerate() {
                    let parts = address.split_once('/');
                    let good = parts.is_some_and(|(ip, prefix)| {
                        ip.parse::<Ipv4Addr>().is_ok()
                            && prefix.parse::<u8>().is_ok_and(|n| n <= 32)
                    });
                    if !good {
                        self.address(
                            address,
                            "10.0.0.1/24",
                            at(&["addresses", &index.to_string()]),
                        );
                    }
                }
                if action.place != Place::Host {
                    self.sink.error(
                        "only-from-host",
                        node.at(&["in"]),
                        "a veth pair is made by the host",
                        "write `in = \"host\"`",
                    );
                }
            }
            Verb::Listen(Listen::SamePortAs(name)) => {
                self.earlier(name, Kind::Listen, "listen", at(&["same-port-as"]));
            }
            Verb::Connect(to) if to.parse::<u16>().is_err() => {
                self.earlier(to, Kind::Listen, "listen", at(&[]));
            }
            Verb::Ping(address) if address.parse::<Ipv4Addr>().is_err() => {
                self.address(address, "10.0.0.2", at(&[]));
            }
            Verb::Join(join) => {
                self.earlier(&join.process, Kind::Spawn, "spawn", at(&["process"]));
            }
            Verb::Watch(watch) => {
                if let Some(until) = &watch.until {
                    self.earlier(until, Kind::Spawn, "spawn", at(&["until"]));
                }
            }
            Verb::Spawn(spawn) => self.spawn(spawn, &at),
            Verb::Wait(name) => self.earlier(name, Kind::Spawn, "spawn", at(&[])),
            Verb::Kill(kill) => match kill.to.parse::<BoxName>() {
                Ok(name) if self.boxes.declared.contains(&name) => self.present(&name, at(&["to"])),
                _ if self.boxes.unnamed => {}
                _ => self.earlier(&kill.to, Kind::Spawn, "spawn", at(&["to"])),
            },
            Verb::AwaitEnd(name) => self.present(name, at(&[])),
            Verb::Store(store) => {
                self.path(&store.path, at(&["path"]));
                self.size(store.size, MOST_STORE, at(&["size"]));
            }
            Verb::Overlay(overlay) => {
                for (index, lower) in overlay.lower.iter().enumerate() {
                    self.path(lower, at(&["lower", &index.to_string()]));
                }
                if let Some(upper) = &overlay.upper {
                    self.path(upper, at(&["upper"]));
                }
                self.path(&overlay.at, at(&["at"]));
                self.count(overlay.count, at(&["count"]));
                if overlay.lower.is_empty() {
                    self.empty(
                        at(&["lower"]),
                        "there is no layer to see",
                        "name a directory, such as \"/mnt/base\"",
                    );
                }
            }
            Verb::Unmount(path)
            | Verb::Remove(path)
            | Verb::DefaultFilesystems(path)
            | Verb::PivotRoot(path) => self.path(path, at(&[])),
            Verb::Fill(fill) => {
                self.path(&fill.path, at(&["path"]));
                self.size(Some(fill.size), MOST_FILE, at(&["size"]));
            }
            Verb::Overwrite(overwrite) => {
                self.path(&overwrite.path, at(&["path"]));
                let end = u64::from(overwrite.at) + overwrite.text.len() as u64;
                self.size(Some(Bytes(end)), MOST_FILE, at(&["at"]));
            }
            Verb::Copy(copy) => {
                self.path(&copy.from, at(&["from"]));
                self.path(&copy.to, at(&["to"]));
                self.count(copy.count, at(&["count"]));
            }
            Verb::RootFs(root) => {
                self.path(&root.to, at(&["to"]));
                self.amount(
                    (root.programs.len(), MOST_PROGRAMS, "programs"),
                    at(&["programs"]),
                );
                for (index, program) in root.programs.iter().enumerate() {
                    self.file_name(program, at(&["programs", &index.to_string()]));
                }
            }
            Verb::Image(image) => {
                self.path(&image.layout, at(&["layout"]));
                self.tag(&image.tag, at(&["tag"]));
                self.amount((image.layers.len(), MOST_LAYERS, "layers"), at(&["layers"]));
                for (index, layer) in image.layers.iter().enumerate() {
                    self.path(layer, at(&["layers", &index.to_string()]));
                }
            }
            Verb::Unpack(unpack) => {
                self.path(&unpack.layout, at(&["layout"]));
                self.tag(&unpack.tag, at(&["tag"]));
                self.path(&unpack.to, at(&["to"]));
            }
            Verb::Stage(_) => {
                if let Some(verb) = node.get("do") {
                    filled(self.sink, verb, "stage");
                }
                if action.place != Place::Host {
                    self.sink.error(
                        "only-from-host",
                        node.at(&["in"]),
                        "a stage is one of the whole demo",
                        "write `in = \"host\"`",
                    );
                }
            }
            Verb::Connect(_)
            | Verb::Ping(_)
            | Verb::Listen(Listen::Port(_))
            | Verb::SetHostname(_)
            | Verb::LinkUp(_)
            | Verb::MakeQueue(_)
            | Verb::FindQueue(_)
            | Verb::SetLimits(_)
            | Verb::Freeze(_)
            | Verb::Thaw(_)
            | Verb::SetClocks(_) => {}
        }
    }

    /// How much room something takes.
    fn size(&mut self, size: Option<Bytes>, most: Bytes, span: Range<usize>) {
        if let Some(size) = size.filter(|size| *size > most) {
            let message = format!("{size} is more than a demo may take here");
            self.sink
                .error("too-much", span, message, format!("{most} at most"));
        }
    }

    /// How many trees an action makes.
    fn count(&mut self, count: Option<u32>, span: Range<usize>) {
        if let Some(count) = count.filter(|count| !(1..=MOST_TREES).contains(count)) {
            let message = format!("`count` is {count}");
            let help = format!("expected 1 to {MOST_TREES}");
            self.sink.error("too-much", span, message, help);
        }
    }

    /// What a learner's machine bears, whatever else it does just now.
    fn spawn(&mut self, spawn: &Spawn, at: &dyn Fn(&[&str]) -> Range<usize>) {
        let too_much = |sink: &mut Sink<'_>, path: &[&str], message: String, most: String| {
            sink.error("too-much", at(path), message, format!("{most} at most"));
        };
        if spawn.count > MOST_PROCESSES {
            let message = format!("`spawn` starts {} processes", spawn.count);
            let most = MOST_PROCESSES.to_string();
            too_much(self.sink, &["count"], message, most);
        }
        if let Workload::Storm(forks) = spawn.workload
            && u64::from(forks) * u64::from(spawn.count) > MOST_FORKS
        {
            let message = format!("`spawn` forks {forks} times in each of {}", spawn.count);
            too_much(self.sink, &["workload"], message, MOST_FORKS.to_string());
        }
        if let Workload::Hog(size) | Workload::Grow(size) = spawn.workload {
            let all = Bytes(size.0.saturating_mul(u64::from(spawn.count)));
            if all > MOST_MEMORY {
                let message = format!("`spawn` takes {all} of memory in all");
                too_much(self.sink, &["workload"], message, MOST_MEMORY.to_string());
            }
        }
    }

    fn create(&mut self, name: &BoxName, action: &Action, span: Range<usize>) {
        if !self.boxes.mention(name, span.clone()) {
            return;
        }
        match self.late.iter().position(|late| late == name) {
            Some(at) => drop(self.late.remove(at)),
            None => self.sink.error(
                "created-twice",
                span.clone(),
                format!("the box `{name}` is created twice"),
                "declare a second box",
            ),
        }
        let spec = self
            .specs
            .iter()
            .filter_map(|(spec, _)| spec.as_ref())
            .find(|spec| &spec.name == name);
        let Some(spec) = spec else { return };
        let parent = spec.parent.clone().map_or(Place::Host, Place::Box);
        let told = matches!(&parent, Place::Box(name) if !self.boxes.declared.contains(name));
        if parent != action.place && !told {
            self.sink.error(
                "wrong-parent",
                span,
                format!(
                    "the box `{name}` is declared in `{parent}`, but created in `{}`",
                    action.place
                ),
                "make the two agree: a box's own `in` says where it is made",
            );
        }
    }

    /// A reference to what an earlier action named.
    fn earlier(&mut self, name: &str, kind: Kind, verb: &str, span: Range<usize>) {
        let fits = |made: &Kind| *made == kind || *made == Kind::Unknown;
        if self.made.iter().any(|(made, k)| made == name && fits(k)) {
            return;
        }
        let names: Vec<&str> = self
            .made
            .iter()
            .filter(|(_, k)| fits(k))
            .map(|(name, _)| name.as_str())
            .collect();
        let mut known = names.clone();
        if verb == "spawn" {
            known.extend(self.boxes.declared.iter().map(BoxName::as_str));
        }
        let help = match nearest(name, known) {
            Some(close) => format!("did you mean `{close}`?"),
            None if names.is_empty() => {
                format!("give an earlier `{verb}` the name: `as = \"{name}\"`")
            }
            None => format!("expected one of: {}", names.join(", ")),
        };
        self.sink.error(
            "unknown-name",
            span,
            format!("no earlier `{verb}` is called `{name}`"),
            help,
        );
    }

    fn path(&mut self, path: &str, span: Range<usize>) {
        if !path.starts_with('/') || path.split('/').any(|part| part == "..") {
            self.sink.error(
                "bad-path",
                span,
                format!("`{path}` is not an absolute path without `..`"),
                "begin it with `/`, such as `/mnt/secret`",
            );
        }
    }

    /// A list that may be neither empty nor too long: its length, the most, and
    /// what is in it.
    fn amount(&mut self, (length, most, what): (usize, usize, &str), span: Range<usize>) {
        if length == 0 {
            self.empty(span, &format!("there are no {what}"), "name one at least");
        } else if length > most {
            self.sink.error(
                "too-much",
                span,
                format!("there are {length} {what}"),
                format!("{most} at most"),
            );
        }
    }

    /// The name of a program without the directory that it is in.
    fn file_name(&mut self, name: &str, span: Range<usize>) {
        if matches!(name, "" | "." | "..") || name.contains(['/', '\0']) {
            self.sink.error(
                "bad-program",
                span,
                format!("`{name}` is not the name of a program"),
                "expected one without `/`, such as `sh`: it is looked up on the machine's PATH",
            );
        }
    }

    /// What an image may be called.
    fn tag(&mut self, tag: &str, span: Range<usize>) {
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
        if tag.is_empty() || tag.len() > MOST_TAG || !tag.bytes().all(plain) {
            self.sink.error(
                "bad-tag",
                span,
                format!("`{tag}` can't name an image"),
                format!("expected letters, digits, `.`, `_` and `-`, {MOST_TAG} at most"),
            );
        }
    }

    fn address(&mut self, address: &str, example: &str, span: Range<usize>) {
        self.sink.error(
            "bad-address",
            span,
            format!("`{address}` is not an address"),
            format!("expected IPv4, such as `{example}`"),
        );
    }

    fn empty(&mut self, span: Range<usize>, message: &str, help: &str) {
        self.sink.error("empty-list", span, message, help);
    }
}
