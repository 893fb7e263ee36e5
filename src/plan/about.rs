//! What is known of a verb besides how it is done. The rows are in `table`.

use super::action::Action;
use super::cgroup::Controller;
use super::fact::BoxName;
use super::namespace::Namespace;
use super::probe::{MOVING_FACTS, Probe};
use super::refusal::Need;
use super::verb::Verb;

/// Everything that is known of a verb, with what it takes, besides how it is
/// done: whoever wants to know something of verbs asks this.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About<'a> {
    /// Its name in TOML.
    pub name: &'static str,
    /// The call whose answer its result is, as the manual names it; empty if it
    /// has no result of its own.
    pub call: &'static str,
    /// Where it may act.
    pub place: Where,
    /// What it changes, and what has to contain that.
    pub effect: Effect<'a>,
    /// The facts that it yields.
    pub facts: Facts<'a>,
    /// Everything that it refers to by a name.
    pub names: Vec<Named<'a>>,
    /// What it requires of the host, besides what its box and its groups do.
    pub needs: Vec<Need>,
    /// What it does, in words, for someone who must agree.
    pub consent: String,
}

/// Where a verb may act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Where {
    /// On the host and in every box.
    Anywhere,
    /// Only in `host`, for this reason.
    Host(&'static str),
}

/// What a verb changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect<'a> {
    /// Nothing: it looks or waits.
    Nothing,
    /// Only what the run itself has made: its boxes, groups, processes and
    /// sockets, which end with it.
    Own,
    /// A kernel object that a namespace holds: one of these kinds, made for the
    /// run, must be around it, or else this is missing.
    Held(&'static [Namespace], &'static str),
    /// Objects in both of these boxes, each of which must have a namespace of
    /// that kind around it.
    Ends(&'a [BoxName; 2], Namespace, &'static str),
    /// Whatever its user may change.
    User,
}

/// The facts that a verb yields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Facts<'a> {
    /// None, so that there is no result to name.
    Nothing,
    /// NAME followed by each of these, where NAME is the action's `as`.
    Result(&'static [&'static str]),
    /// NAME, NAME.body, and NAME.FIELD of each of these.
    Fields(&'a [String]),
    /// NAME.GROUP.STATISTIC of each statistic that moves.
    Grown(&'a [BoxName]),
    /// Those of the probes.
    Probes(&'a [Probe]),
    /// Those of the end of what this `spawn` started.
    End(&'a str),
}

/// Something that a verb refers to by a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named<'a> {
    /// The name.
    pub name: &'a str,
    /// What it is the name of.
    pub of: Of,
    /// Where it stands below the verb's key in TOML: `["between", "0"]`.
    pub at: Vec<String>,
}

/// What a name in a verb is the name of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Of {
    /// A box.
    Box,
    /// A box that is made by this.
    NewBox,
    /// What an engine, or a container of one, is called for probes from then on.
    NewProcess,
    /// A group, which must have these controllers.
    Group(Vec<Controller>),
    /// A group that takes processes in: those of this verb, or of the `spawn`
    /// that it names.
    Home,
    /// An earlier `spawn`.
    Spawn,
    /// An earlier `listen`.
    Listen,
    /// A box or an earlier `spawn`.
    Process,
}

impl<'a> Named<'a> {
    pub(super) fn new(name: &'a str, of: Of, at: &[&str]) -> Named<'a> {
        Named {
            name,
            of,
            at: at.iter().map(ToString::to_string).collect(),
        }
    }
}

/// What `wait` yields; a storm alone yields `forks` and `errno`, a reader alone
/// the last two.
const END_FACTS: [&str; 10] = [
    ".end", ".cpu", ".wall", ".queued", ".share", ".rss", ".forks", ".errno", ".read", ".rate",
];

impl Verb {
    /// Its name in TOML.
    pub fn name(&self) -> &'static str {
        self.about().name
    }

    /// Whether it changes anything in the kernel.
    pub fn changes(&self) -> bool {
        self.about().effect != Effect::Nothing
    }

    /// The groups that it refers to.
    pub fn groups(&self) -> impl Iterator<Item = &str> {
        let names = self.about().names.into_iter();
        names
            .filter(|named| named.of.is_group())
            .map(|named| named.name)
    }
}

impl Of {
    /// Whether it is the name of a group.
    pub fn is_group(&self) -> bool {
        match self {
            Of::Group(_) | Of::Home => true,
            Of::Box | Of::NewBox | Of::NewProcess | Of::Spawn | Of::Listen | Of::Process => false,
        }
    }
}

impl Action {
    /// The names of the facts that this action yields, without place and moment.
    pub fn fact_names(&self) -> Vec<String> {
        let suffixed = |name: &str, suffixes: &[&str]| {
            let all = suffixes.iter();
            all.map(|suffix| format!("{name}{suffix}")).collect()
        };
        match (self.verb.about().facts, &self.result) {
            (Facts::Probes(probes), _) => {
                let all = probes.iter();
                all.flat_map(|probe| probe.facts(self.of.is_some()))
                    .collect()
            }
            (Facts::End(name), _) => suffixed(name, &END_FACTS),
            (Facts::Result(suffixes), Some(name)) => suffixed(name, suffixes),
            (Facts::Fields(fields), Some(name)) => {
                let fields = fields.iter().map(|field| format!("{name}.{field}"));
                [name.clone(), format!("{name}.body")]
                    .into_iter()
                    .chain(fields)
                    .collect()
            }
            (Facts::Grown(groups), Some(name)) => groups
                .iter()
                .flat_map(|group| MOVING_FACTS.map(|fact| format!("{name}.{group}.{fact}")))
                .collect(),
            (Facts::Nothing, _) | (Facts::Result(_) | Facts::Grown(_) | Facts::Fields(_), None) => {
                Vec::new()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::action::Plan;
    use crate::plan::fact::Place;

    /// One of each verb, with what contains it where that isn't the run itself.
    const EACH: [(&str, &[&str]); 43] = [
        ("probe = ['hostname']", &[]),
        ("create = 'b'", &[]),
        ("run = ['true']", &[]),
        ("set-hostname = 'n'", &["uts", "user"]),
        ("mount = { type = 'tmpfs', path = '/m' }", &["mount"]),
        ("propagate = { path = '/m', to = 'shared' }", &["mount"]),
        ("mkdir = '/m'", &["mount"]),
        ("write = { path = '/m', text = 't' }", &["mount"]),
        ("chown = { path = '/m', uid = 1 }", &["mount"]),
        ("link-up = 'lo'", &["net"]),
        (
            "veth = { between = ['a', 'b'], addresses = ['10.0.0.1/24', '10.0.0.2/24'] }",
            &[],
        ),
        ("listen.port = 0", &[]),
        ("connect = '80'", &[]),
        ("ping = '10.0.0.1'", &[]),
        ("make-queue = 7", &["ipc"]),
        ("find-queue = 7", &[]),
        ("spawn = { workload = 'sleep' }", &[]),
        ("wait = 's'", &[]),
        ("kill = { signal = 'KILL', to = 's' }", &[]),
        ("await-end = 'b'", &[]),
        ("set-clocks = { boottime = '1s' }", &[]),
        ("set-limits = { cgroup = 'g', limits = { pids = 1 } }", &[]),
        ("join = { process = 's', cgroup = 'g' }", &[]),
        ("freeze = 'g'", &[]),
        ("thaw = 'g'", &[]),
        ("watch = { groups = ['g'], every = '1s', time = '1s' }", &[]),
        ("store = { path = '/m' }", &["mount"]),
        ("overlay = { lower = ['/l'], at = '/m' }", &["mount"]),
        ("unmount = '/m'", &["mount"]),
        ("fill = { path = '/m', size = '1B' }", &["mount"]),
        ("overwrite = { path = '/m', text = 't' }", &["mount"]),
        ("copy = { from = '/l', to = '/m' }", &["mount"]),
        ("remove = '/m'", &["mount"]),
        ("root-fs = { programs = ['sh'], to = '/m' }", &["mount"]),
        (
            "image = { layout = '/l', tag = 't', layers = ['/m'] }",
            &["mount"],
        ),
        (
            "unpack = { layout = '/l', tag = 't', to = '/m' }",
            &["mount"],
        ),
        ("default-filesystems = '/m'", &["mount"]),
        ("pivot-root = '/m'", &["mount"]),
        ("engine = 'e'", &[]),
        ("docker = ['ps']", &[]),
        ("api = { method = 'GET', path = '/_ping' }", &[]),
        ("container = 'c'", &[]),
        ("stage = 's'", &[]),
    ];

    #[test]
    fn every_verb_is_called_as_it_is_written_and_contained_as_it_says() {
        let schema = serde_json::to_value(schemars::schema_for!(Verb)).unwrap();
        let known = schema["oneOf"].as_array().unwrap().len();
        assert_eq!(known, EACH.len(), "a verb has no sample here");
        for (text, kinds) in EACH {
            let action: Action = toml::from_str(&format!("in = 'host'\ndo.{text}")).unwrap();
            let about = action.verb.about();
            let written = serde_json::to_value(&action.verb).unwrap();
            let key = written.as_object().unwrap().keys().next().unwrap();
            assert_eq!(about.name, key);
            assert!(!about.consent.is_empty(), "{text}");
            assert_eq!(
                about.call.is_empty(),
                matches!(
                    about.facts,
                    Facts::Nothing | Facts::Probes(_) | Facts::Grown(_)
                ),
                "{text}: a result has a source"
            );

            // Without a box nothing contains it; in a box of one kind, that kind.
            let alone = Plan::default().breach(&action).is_some();
            let ends = matches!(about.effect, Effect::Ends(..));
            assert_eq!(alone, !kinds.is_empty() || ends, "{text}");
            for ns in Namespace::ALL {
                let spec = format!("name = 'x'\nnamespaces = ['{}']", kind(ns));
                let plan = Plan {
                    boxes: vec![toml::from_str(&spec).unwrap()],
                    ..Plan::default()
                };
                let mut inside = action.clone();
                inside.place = Place::Box("x".parse().unwrap());
                let breach = plan.breach(&inside).is_some();
                let held = kinds.is_empty() && !ends || kinds.contains(&kind(ns).as_str());
                assert_eq!(breach, !held, "{text} in {ns}");
            }
        }
    }

    fn kind(ns: Namespace) -> String {
        let text = serde_json::to_value(ns).unwrap();
        text.as_str().unwrap().to_string()
    }
}
