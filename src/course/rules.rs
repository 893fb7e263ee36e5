//! What a demo must keep to beyond its shape: names that exist, an order that
//! can be carried out, and effects that stay inside.

use super::demo::{Demo, DemoSource, Figure};
use super::facts::{Boxes, Judge, Yields, filled};
use super::schema::Part;
use super::source::Sink;
use super::tree::{self, Node, Trust};
use super::{knobs, shape};
use crate::base::nearest;
use crate::plan::{Action, BoxName, BoxSpec, Listen, Namespace, Place, Plan, Verb};
use std::{collections::BTreeSet, net::Ipv4Addr, ops::Range};

/// What mount(2) is let do.
const FILESYSTEMS: [&str; 3] = ["tmpfs", "proc", "mqueue"];

/// A demo that has been judged.
pub(super) struct Judged {
    /// It, if there is no error in it.
    pub(super) demo: Option<Demo>,
    /// What a quiz can be judged by, if that much could be read.
    pub(super) seen: Option<(Yields, Boxes)>,
}

/// Reads a demo and tells every mistake, with each knob at each of its values.
pub(super) fn demo(sink: &mut Sink<'_>, body: Range<usize>, opening: Range<usize>) -> Judged {
    let before = sink.len();
    let (root, trust) = tree::parse(sink, body, opening.clone());
    if trust != Trust::Whole {
        shape::check(sink, Part::Demo, &root, trust);
        return Judged {
            demo: None,
            seen: None,
        };
    }
    if root
        .get("action")
        .is_none_or(|node| node.items().is_empty())
        && root
            .entries()
            .iter()
            .all(|entry| nearest(&entry.key, ["action"]).is_none())
    {
        sink.error(
            "empty-demo",
            opening,
            "the demo does nothing",
            "give it an `[[action]]`, or leave the block out",
        );
    }
    if root.get("action").is_some()
        && root.get("expect").is_none()
        && root
            .entries()
            .iter()
            .all(|entry| nearest(&entry.key, ["expect"]).is_none())
    {
        sink.warning(
            "no-claim",
            root.span.clone(),
            "the demo claims nothing, so nothing tells when it goes wrong",
            "give it an `[[expect]]`",
        );
    }
    let settings = knobs::check(sink, &root);
    let mut seen = None;
    for (index, setting) in settings.iter().enumerate() {
        let changed = setting
            .iter()
            .zip(&settings[0])
            .find(|(now, start)| now != start);
        sink.try_with(
            changed.map(|((name, value), _)| format!("with the knob `{name}` at `{value}`")),
        );
        let root = root.filled(setting);
        shape::check(sink, Part::Demo, &root, trust);
        let judged = scene(sink, &root);
        if index == 0 {
            seen = Some(judged);
        }
        if !sink.failed_since(before) && root.read::<DemoSource>().is_none() {
            sink.error(
                "bad-demo",
                root.span.clone(),
                "the demo can't be read",
                "compare it with the schema: `glassbox schema`",
            );
        }
    }
    sink.try_with(None);
    let demo = (!sink.failed_since(before)).then(|| Demo {
        knobs: root
            .get("knob")
            .map_or(&[][..], Node::items)
            .iter()
            .filter_map(Node::read)
            .collect(),
        predicts: root.get("predict").is_some(),
        template: match root.plain() {
            Some(toml::Value::Table(table)) => table,
            _ => toml::Table::new(),
        },
    });
    Judged { demo, seen }
}

/// A part of the demo: its type, if it has that shape, and where it is written.
type Read<'n, T> = (Option<T>, &'n Node);

fn parts<'n, T: serde::de::DeserializeOwned>(root: &'n Node, key: &str) -> Vec<Read<'n, T>> {
    let items = root.get(key).map_or(&[][..], Node::items);
    items.iter().map(|node| (node.read(), node)).collect()
}

/// Judges a demo whose knobs are set.
fn scene(sink: &mut Sink<'_>, root: &Node) -> (Yields, Boxes) {
    let specs: Vec<Read<BoxSpec>> = parts(root, "box");
    let actions: Vec<Read<Action>> = parts(root, "action");
    let mut boxes = declared(sink, &specs);
    box_rules(sink, &mut boxes, &specs);
    let yields = Yields::of(&actions);
    let mut walk = Walk {
        boxes: &mut boxes,
        made: Vec::new(),
        late: created_later(&actions),
        specs: &specs,
        sink,
    };
    for (action, node) in &actions {
        walk.action(action.as_ref(), node);
    }
    containment(sink, &specs, &actions, &boxes);
    let mut judge = Judge {
        sink,
        yields: &yields,
        boxes: &mut boxes,
    };
    if let Some(predict) = root.get("predict") {
        judge.question(predict);
    }
    for node in root.get("show").map_or(&[][..], Node::items) {
        judge.row(node);
    }
    for node in root.get("expect").map_or(&[][..], Node::items) {
        filled(judge.sink, node, "claim");
        if let Some(when) = node.get("when") {
            judge.test(when);
        }
    }
    for node in root.get("knob").map_or(&[][..], Node::items) {
        filled(judge.sink, node, "label");
    }
    if let Some(figure) = root.get("figure").and_then(|node| node.read::<Figure>()) {
        figure_rules(sink, root, figure, &specs, &yields);
    }
    boxes.tell(sink);
    (yields, boxes)
}

fn declared(sink: &mut Sink<'_>, specs: &[Read<BoxSpec>]) -> Boxes {
    let mut boxes = Boxes::default();
    for (_, node) in specs {
        match node
            .text_of("name")
            .and_then(|name| name.parse::<BoxName>().ok())
        {
            Some(name) if boxes.declared.contains(&name) => sink.error(
                "duplicate-box",
                node.at(&["name"]),
                format!("there are two boxes `{name}`"),
                "give each its own name",
            ),
            Some(name) => boxes.declared.push(name),
            None => boxes.unnamed = true,
        }
    }
    boxes
}

fn box_rules(sink: &mut Sink<'_>, boxes: &mut Boxes, specs: &[Read<BoxSpec>]) {
    for (index, (spec, node)) in specs.iter().enumerate() {
        if let Some(parent) = node
            .text_of("in")
            .and_then(|name| name.parse::<BoxName>().ok())
        {
            let earlier = |node: &Node| node.text_of("name") == Some(parent.as_str());
            if boxes.mention(&parent, node.at(&["in"]))
                && !specs[..index].iter().any(|(_, n)| earlier(n))
            {
                sink.error(
                    "parent-after-child",
                    node.at(&["in"]),
                    format!("the box `{parent}` is declared only later"),
                    "declare a box before those that are made in it",
                );
            }
        }
        let Some(spec) = spec else { continue };
        for (key, ns, named) in [
            ("clocks", Namespace::Time, "time"),
            ("propagation", Namespace::Mount, "mount"),
        ] {
            if let Some(entry) = node.entry(key)
                && !spec.has(ns)
            {
                sink.error(
                    "needs-namespace",
                    entry.key_span.clone(),
                    format!("`{key}` means nothing without a {named} namespace"),
                    format!("add \"{named}\" to the box's namespaces"),
                );
            }
        }
        if let Some(entry) = node.entry("proc")
            && spec.proc == Some(true)
            && !spec.has(Namespace::Mount)
        {
            sink.error(
                "needs-namespace",
                entry.key_span.clone(),
                "a /proc of its own needs a mount namespace to be mounted in",
                "add \"mount\" to the box's namespaces",
            );
        }
        for (i, ns) in spec.namespaces.iter().enumerate() {
            if spec.namespaces[..i].contains(ns) {
                sink.error(
                    "duplicate-namespace",
                    node.at(&["namespaces", &i.to_string()]),
                    format!("the {ns} namespace is there twice"),
                    "keep one of the two",
                );
            }
        }
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
            Verb::Probe(_) | Verb::Create(_) | Verb::Wait(_)
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
            Verb::Wait(name) => self.earlier(name, Kind::Spawn, "spawn", at(&[])),
            Verb::Kill(kill) => match kill.to.parse::<BoxName>() {
                Ok(name) if self.boxes.declared.contains(&name) => self.present(&name, at(&["to"])),
                _ if self.boxes.unnamed => {}
                _ => self.earlier(&kill.to, Kind::Spawn, "spawn", at(&["to"])),
            },
            Verb::AwaitEnd(name) => self.present(name, at(&[])),
            Verb::Connect(_)
            | Verb::Ping(_)
            | Verb::Listen(Listen::Port(_))
            | Verb::SetHostname(_)
            | Verb::LinkUp(_)
            | Verb::MakeQueue(_)
            | Verb::FindQueue(_)
            | Verb::Spawn(_)
            | Verb::SetClocks(_) => {}
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
        if parent != action.place {
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

/// The containment rule, for every action whose place is known for certain.
fn containment(
    sink: &mut Sink<'_>,
    specs: &[Read<BoxSpec>],
    actions: &[Read<Action>],
    boxes: &Boxes,
) {
    if boxes.unnamed || specs.iter().any(|(spec, _)| spec.is_none()) {
        return;
    }
    let known = |action: &Action| {
        let ends: &[BoxName] = match &action.verb {
            Verb::Veth(veth) => &veth.between,
            _ => &[],
        };
        let place = match &action.place {
            Place::Host => None,
            Place::Box(name) => Some(name),
        };
        place
            .into_iter()
            .chain(ends)
            .all(|name| boxes.declared.contains(name))
    };
    let (nodes, actions): (Vec<&Node>, Vec<Action>) = actions
        .iter()
        .filter_map(|(action, node)| Some((*node, action.clone().filter(known)?)))
        .unzip();
    let plan = Plan {
        boxes: specs.iter().filter_map(|(spec, _)| spec.clone()).collect(),
        actions,
    };
    for breach in plan.breaches() {
        let node = nodes[breach.action];
        let key = node.get("do").and_then(|verb| verb.entry(breach.verb));
        sink.error(
            "not-contained",
            key.map_or(node.span.clone(), |entry| entry.key_span.clone()),
            format!(
                "`{}` in `{}` would reach beyond the demo",
                breach.verb, breach.place
            ),
            breach.why,
        );
    }
}

/// A figure is drawn from facts that must be there.
fn figure_rules(
    sink: &mut Sink<'_>,
    root: &Node,
    figure: Figure,
    specs: &[Read<BoxSpec>],
    yields: &Yields,
) {
    match figure {
        Figure::Namespaces => {
            let first = specs.first().and_then(|(spec, _)| spec.as_ref());
            let first = first.map(|spec| Place::Box(spec.name.clone()));
            let places = [Some(Place::Host), first];
            let missing = places.iter().find(|place| {
                place
                    .as_ref()
                    .is_none_or(|place| !yields.has(place, "ns.uts"))
            });
            if let Some(place) = missing {
                sink.error(
                    "figure-without-facts",
                    root.at(&["figure"]),
                    "the figure `namespaces` has nothing to draw",
                    match place {
                        Some(place) => format!("add the probe `ns` in `{place}`"),
                        None => "declare a box, and add the probe `ns` in it".into(),
                    },
                );
            }
        }
    }
}

/// Judges a quiz by what the demo yields.
pub(super) fn quiz(
    sink: &mut Sink<'_>,
    body: Range<usize>,
    opening: Range<usize>,
    seen: Option<(Yields, Boxes)>,
) -> Option<super::Quiz> {
    let before = sink.len();
    let (root, trust) = tree::parse(sink, body, opening);
    knobs::none_in(sink, &root);
    shape::check(sink, Part::Quiz, &root, trust);
    if trust != Trust::Whole {
        return None;
    }
    let questions = root.get("question").map_or(&[][..], Node::items);
    if questions.is_empty() && root.get("question").is_some() {
        sink.error(
            "empty-quiz",
            root.at(&["question"]),
            "the quiz asks nothing",
            "give it a `[[question]]`",
        );
    }
    if let Some((yields, mut boxes)) = seen {
        boxes.forget();
        let mut judge = Judge {
            sink,
            yields: &yields,
            boxes: &mut boxes,
        };
        questions.iter().for_each(|node| judge.question(node));
        boxes.tell(sink);
    }
    match sink.failed_since(before) {
        true => None,
        false => root.read(),
    }
}
