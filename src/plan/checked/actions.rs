//! A plan's actions, in their order: what each refers to must be there by then.

use super::boxes::Boxes;
use super::flaw::{Draft, Flaw, Part, below, path, shown};
use super::groups::Groups;
use super::values;
use crate::base::nearest;
use crate::plan::about::{Facts, Named, Of, Where};
use crate::plan::action::Action;
use crate::plan::fact::{BoxName, Place};
use crate::plan::namespace::Namespace;
use crate::plan::verb::Verb;

/// What an action's `as` names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Listen,
    Spawn,
    Other,
    /// The action could not be read.
    Unknown,
}

/// What an earlier action gave a name to, and where that was done.
struct Made {
    name: String,
    kind: Kind,
    place: Option<Place>,
}

/// One walk through the actions, in their order.
struct Walk<'w> {
    boxes: &'w Boxes,
    groups: &'w Groups,
    flaws: &'w mut Vec<Flaw>,
    made: Vec<Made>,
    /// The boxes that are not there yet.
    late: Vec<BoxName>,
    /// Those that are there no more.
    ended: Vec<BoxName>,
    /// The engines and containers that were named.
    processes: Vec<BoxName>,
}

/// Judges the actions.
pub(super) fn check(draft: &Draft, groups: &Groups, boxes: &Boxes, flaws: &mut Vec<Flaw>) {
    let mut walk = Walk {
        boxes,
        groups,
        flaws,
        made: Vec::new(),
        late: created_later(&draft.actions),
        ended: Vec::new(),
        processes: Vec::new(),
    };
    for (index, part) in draft.actions.iter().enumerate() {
        let at = path(&["action", &index.to_string()]);
        match part {
            Part::Read(action) => walk.action(action, &at),
            Part::Unread { name, place, of } => walk.unread(name, place, of, &at),
        }
    }
}

/// The boxes that an action makes, and not the start of the run.
fn created_later(parts: &[Part<Action>]) -> Vec<BoxName> {
    let actions = parts.iter().filter_map(Part::read);
    let mut late: Vec<BoxName> = Vec::new();
    for action in actions {
        if let Verb::Create(name) = &action.verb
            && !late.contains(name)
        {
            late.push(name.clone());
        }
    }
    late
}

impl Walk<'_> {
    /// What is left of an action that can't be read.
    fn unread(
        &mut self,
        name: &Option<String>,
        place: &Option<String>,
        of: &Option<String>,
        at: &[String],
    ) {
        let place = place.as_ref().and_then(|text| text.parse().ok());
        if let Some(Place::Box(name)) = &place {
            self.present(name, below(at, &["in"]));
        }
        if let Some(name) = of.as_ref().and_then(|text| text.parse().ok()) {
            self.present(&name, below(at, &["of"]));
        }
        if let Some(name) = name {
            self.name(name, Kind::Unknown, place, at);
        }
    }

    fn action(&mut self, action: &Action, at: &[String]) {
        let about = action.verb.about();
        if let Place::Box(name) = &action.place {
            self.present(name, below(at, &["in"]));
        }
        if let Some(name) = action.of.as_ref().filter(|of| !self.processes.contains(of)) {
            // The host may look at what has ended.
            let ended = std::mem::take(&mut self.ended);
            self.present(name, below(at, &["of"]));
            self.ended = ended;
        }
        self.keys(action, at);
        if let Where::Host(why) = about.place
            && action.place != Place::Host
        {
            self.flaws.push(Flaw::new(
                "only-from-host",
                below(at, &["in"]),
                format!("{why}: `{}`", about.name),
                "write `in = \"host\"`",
            ));
        }
        let verb = below(at, &["do", about.name]);
        values::check(action, &verb, self.flaws);
        for named in &about.names {
            let path: Vec<String> = verb.iter().chain(&named.at).cloned().collect();
            self.named(action, named, path);
        }
        self.contained(action, at);
        if let Verb::AwaitEnd(name) = &action.verb {
            self.ended.push(name.clone());
        }
        if let Some(name) = &action.result {
            let kind = match &action.verb {
                Verb::Listen(_) => Kind::Listen,
                Verb::Spawn(_) => Kind::Spawn,
                _ => Kind::Other,
            };
            self.name(name, kind, Some(action.place.clone()), at);
        }
    }

    /// A name for what comes of an action.
    fn name(&mut self, name: &str, kind: Kind, place: Option<Place>, at: &[String]) {
        if name.is_empty() || name.contains(['/', '@', '.', ' ']) || name.contains(char::is_control)
        {
            self.flaws.push(Flaw::new(
                "bad-result-name",
                below(at, &["as"]),
                format!("{} can't name a result", shown(name)),
                "expected lowercase letters, digits and `-`",
            ));
        }
        self.made.push(Made {
            name: name.into(),
            kind,
            place,
        });
    }

    /// A mention of a box that must be there at this moment.
    fn present(&mut self, name: &BoxName, at: Vec<String>) {
        self.boxes.mention(name, at.clone(), self.flaws);
        if self.late.contains(name) {
            self.flaws.push(Flaw::new(
                "not-created-yet",
                at,
                format!("the box `{name}` is created only by a later action"),
                "move the `create` before it",
            ));
        } else if self.ended.contains(name) {
            self.flaws.push(Flaw::new(
                "has-ended",
                at,
                format!("the end of the box `{name}` was awaited by an earlier action"),
                "move this before the `await-end`",
            ));
        }
    }

    /// Keys that belong to some verbs only.
    fn keys(&mut self, action: &Action, at: &[String]) {
        let about = action.verb.about();
        let looks = matches!(about.facts, Facts::Probes(_));
        for (key, there) in [("of", action.of.is_some()), ("at", action.at.is_some())] {
            if there && !looks {
                self.flaws.push(Flaw::of_key(
                    "only-with-probe",
                    below(at, &[key]),
                    format!("`{key}` means nothing with `{}`", about.name),
                    "it belongs to `do.probe`; leave it out here",
                ));
            }
        }
        let nameless = match about.facts {
            Facts::Nothing | Facts::Probes(_) | Facts::End(_) => true,
            Facts::Result(_) | Facts::Grown(_) | Facts::Fields(_) => false,
        };
        if nameless && action.result.is_some() {
            self.flaws.push(Flaw::of_key(
                "no-result",
                below(at, &["as"]),
                format!("`{}` has no result to name", about.name),
                "leave `as` out",
            ));
        }
        if looks && action.of.is_some() && action.place != Place::Host {
            self.flaws.push(Flaw::of_key(
                "only-from-host",
                below(at, &["of"]),
                "only the host can look at a box from outside",
                "write `in = \"host\"`, or leave `of` out",
            ));
        }
    }

    /// What a verb refers to by a name.
    fn named(&mut self, action: &Action, named: &Named<'_>, at: Vec<String>) {
        let name = named.name;
        match &named.of {
            Of::Box => {
                if let Ok(name) = name.parse() {
                    self.present(&name, at);
                }
            }
            Of::NewProcess => {
                if let Ok(name) = name.parse() {
                    self.process(name, at);
                }
            }
            Of::NewBox => {
                if let Ok(name) = name.parse() {
                    self.create(&name, action, at);
                }
            }
            Of::Group(controllers) => {
                self.groups.reference(name, &at, self.flaws);
                self.groups.controlled(name, controllers, &at, self.flaws);
            }
            Of::Home => self.groups.reference(name, &at, self.flaws),
            Of::Spawn => self.earlier(name, Kind::Spawn, "spawn", Some(&action.place), at),
            Of::Listen => self.earlier(name, Kind::Listen, "listen", None, at),
            Of::Process => match name.parse::<BoxName>() {
                Ok(name) if self.boxes.declared.contains(&name) => self.present(&name, at),
                _ if self.boxes.unnamed => {}
                _ => self.earlier(name, Kind::Spawn, "spawn", Some(&action.place), at),
            },
        }
    }

    /// A process that gets a name by which probes know it.
    fn process(&mut self, name: BoxName, at: Vec<String>) {
        if self.boxes.declared.contains(&name) {
            self.flaws.push(Flaw::new(
                "duplicate-box",
                at,
                format!("a box is called `{name}`, too"),
                "give each its own name",
            ));
        }
        self.processes.push(name);
    }

    fn create(&mut self, name: &BoxName, action: &Action, at: Vec<String>) {
        self.boxes.mention(name, at.clone(), self.flaws);
        if !self.boxes.declared.contains(name) && !self.boxes.unnamed {
            return;
        }
        match self.late.iter().position(|late| late == name) {
            Some(index) => drop(self.late.remove(index)),
            None => self.flaws.push(Flaw::new(
                "created-twice",
                at.clone(),
                format!("the box `{name}` is created twice"),
                "declare a second box",
            )),
        }
        let Some(spec) = self.boxes.find(name) else {
            return;
        };
        let parent = spec.parent.clone().map_or(Place::Host, Place::Box);
        let told = matches!(&parent, Place::Box(name) if !self.boxes.declared.contains(name));
        if parent != action.place && !told {
            self.flaws.push(Flaw::new(
                "wrong-parent",
                at,
                format!(
                    "the box `{name}` is declared in `{parent}`, but created in `{}`",
                    action.place
                ),
                "make the two agree: a box's own `in` says where it is made",
            ));
        }
    }

    /// A reference to what an earlier action named; of a process, at its own place.
    fn earlier(
        &mut self,
        name: &str,
        kind: Kind,
        verb: &str,
        place: Option<&Place>,
        at: Vec<String>,
    ) {
        let fits = |made: &&Made| made.kind == kind || made.kind == Kind::Unknown;
        let fitting: Vec<&Made> = self.made.iter().filter(fits).collect();
        let found: Vec<&&Made> = fitting.iter().filter(|made| made.name == name).collect();
        let same =
            |made: &&&Made| place.is_none() || made.place.is_none() || made.place.as_ref() == place;
        if found.iter().any(same) {
            return;
        }
        if let Some(Made {
            place: Some(other), ..
        }) = found.first()
        {
            self.flaws.push(Flaw::new(
                "other-place",
                at,
                format!("the `{verb}` `{name}` was done in `{other}`"),
                format!("only there it is known: write `in = \"{other}\"`"),
            ));
            return;
        }
        let names: Vec<&str> = fitting.iter().map(|made| made.name.as_str()).collect();
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
        self.flaws.push(Flaw::new(
            "unknown-name",
            at,
            format!("no earlier `{verb}` is called {}", shown(name)),
            help,
        ));
    }

    /// The containment rule, where the place is known for certain.
    fn contained(&mut self, action: &Action, at: &[String]) {
        let about = action.verb.about();
        let place = match &action.place {
            Place::Host => None,
            Place::Box(name) => Some(name.as_str()),
        };
        let boxes = about.names.iter().filter(|named| named.of == Of::Box);
        let mut mentioned = place.into_iter().chain(boxes.map(|named| named.name));
        let declared = |name: &str| {
            self.boxes
                .declared
                .iter()
                .any(|known| known.as_str() == name)
        };
        let Some(plan) = self.boxes.plan.as_ref().filter(|_| mentioned.all(declared)) else {
            return;
        };
        if let Some(breach) = plan.breach(action) {
            self.flaws.push(Flaw::of_key(
                "not-contained",
                below(at, &["do", breach.verb]),
                format!(
                    "`{}` in `{}` would reach beyond the demo",
                    breach.verb, breach.place
                ),
                breach.why,
            ));
        }
        if let Verb::Mount(mount) = &action.verb
            && mount.fstype == "proc"
            && action.result.is_none()
            && plan.contained(&action.place, Namespace::Mount)
            && !plan.may_mount_proc(&action.place)
        {
            self.flaws.push(Flaw::new(
                "needs-namespace",
                below(at, &["do", about.name, "type"]),
                format!("no kernel mounts proc in `{}`: EPERM", action.place),
                "add \"pid\" to the box's namespaces, or show the refusal: give the action a name",
            ));
        }
    }
}
