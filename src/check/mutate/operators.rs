//! The changes of actions and of boxes, and the list of all.

use super::change::{Change, missing, told};
use super::engine;
use super::{layers, limits, whole};
use crate::base::{Bytes, Nanos};
use crate::plan::{
    Action, BoxName, BoxSpec, Listen, Namespace, Plan, Propagation, Signal, Spawn, Verb, Workload,
};

/// Every change of a plan.
pub(super) fn all(plan: &Plan) -> Vec<Change> {
    let mut changes = Vec::new();
    for (index, action) in plan.actions.iter().enumerate() {
        if !action.verb.changes() {
            continue;
        }
        changes.push(without(plan, index));
        changes.extend(early(plan, index));
        changes.extend(first(plan, index));
        changes.extend(twice(plan, index));
        changes.extend(blocked(plan, index));
        for (how, verb) in instead(&action.verb) {
            let mut plan = plan.clone();
            let what = told(index, action);
            plan.actions[index].verb = verb;
            if matches!(action.verb, Verb::Kill(_)) {
                unawaited(&mut plan, &action.verb);
            }
            changes.push(Change::new(format!("{what} {how}"), plan));
        }
    }
    for index in 0..plan.boxes.len() {
        changes.extend(boxes(plan, index));
    }
    for ns in Namespace::ALL {
        changes.extend(no_box_has(plan, ns));
    }
    changes.extend(limits::changes(plan));
    changes.extend(layers::changes(plan));
    changes.extend(whole::capped(plan));
    changes.push(whole::on_one_cpu(plan));
    changes
}

/// Without an action, and without waiting for what it would have ended.
fn without(plan: &Plan, index: usize) -> Change {
    let mut changed = plan.clone();
    let action = changed.actions.remove(index);
    unawaited(&mut changed, &action.verb);
    Change::new(format!("without {}", told(index, &action)), changed)
}

/// A plan that doesn't wait for what this no longer ends.
fn unawaited(plan: &mut Plan, verb: &Verb) {
    if let Verb::Kill(kill) = verb {
        plan.actions.retain(|action| match &action.verb {
            Verb::AwaitEnd(name) => name.as_str() != kill.to,
            Verb::Wait(name) => *name != kill.to,
            _ => true,
        });
    }
}

/// An action before the looks that were to be taken before it.
fn early(plan: &Plan, index: usize) -> Option<Change> {
    let looks = |action: &Action| matches!(action.verb, Verb::Probe(_));
    let last = plan.actions[..index].iter().rposition(looks)?;
    let before = plan.actions[..last].iter().rev();
    let first = last - before.take_while(|action| looks(action)).count();
    let mut changed = plan.clone();
    let action = changed.actions.remove(index);
    let told = format!("{} before action {}", told(index, &action), first + 1);
    changed.actions.insert(first, action);
    Some(Change::new(told, changed))
}

/// What is started and awaited, before the first look.
fn first(plan: &Plan, index: usize) -> Option<Change> {
    let action = &plan.actions[index];
    let Verb::Spawn(_) = action.verb else {
        return None;
    };
    let waits =
        |it: &Action| matches!(&it.verb, Verb::Wait(name) if Some(name) == action.result.as_ref());
    let wait = index + plan.actions[index..].iter().position(waits)?;
    let looks = |action: &Action| matches!(action.verb, Verb::Probe(_));
    let look = plan.actions[..index].iter().position(looks)?;
    let mut changed = plan.clone();
    let wait = changed.actions.remove(wait);
    let action = changed.actions.remove(index);
    let told = format!(
        "{} and its end before action {}",
        told(index, &action),
        look + 1
    );
    changed.actions.splice(look..look, [action, wait]);
    Some(Change::new(told, changed))
}

/// An action that has been done before: the second time is the one that counts.
fn twice(plan: &Plan, index: usize) -> Option<Change> {
    let action = &plan.actions[index];
    // What is started or ended twice is another demo.
    let whole = matches!(
        action.verb,
        Verb::Spawn(_) | Verb::Run(_) | Verb::Kill(_) | Verb::Create(_)
    );
    let mut changed = plan.clone();
    changed.actions.insert(index, action.clone());
    (!whole).then(|| Change::new(format!("{} twice", told(index, action)), changed))
}

/// A file that can't be written, because a directory has its name.
fn blocked(plan: &Plan, index: usize) -> Option<Change> {
    let action = &plan.actions[index];
    let Verb::Write(write) = &action.verb else {
        return None;
    };
    let mut changed = plan.clone();
    let mut directory = action.clone();
    directory.verb = Verb::Mkdir(write.path.clone());
    directory.result = None;
    changed.actions.insert(index, directory);
    let told = told(index, action);
    Some(Change::new(format!("{told} where a directory is"), changed))
}

/// What an action could do instead, and how that is called.
fn instead(verb: &Verb) -> Vec<(String, Verb)> {
    match verb {
        Verb::Run(argv) => programs(argv),
        Verb::Spawn(spawn) => spawned(spawn),
        Verb::Kill(kill) => {
            let (other, word) = match kill.signal {
                Signal::KILL => (Signal::CONT, "SIGCONT"),
                Signal::TERM | Signal::INT | Signal::STOP | Signal::CONT | Signal::USR1 => {
                    (Signal::KILL, "SIGKILL")
                }
            };
            let mut changed = kill.clone();
            changed.signal = other;
            vec![(format!("with {word} instead"), Verb::Kill(changed))]
        }
        Verb::SetHostname(name) => {
            let other = format!("{name}-2");
            vec![(format!("as `{other}` instead"), Verb::SetHostname(other))]
        }
        Verb::MakeQueue(key) => vec![(
            "with another key".into(),
            Verb::MakeQueue(key.wrapping_add(1).max(1)),
        )],
        Verb::Listen(Listen::SamePortAs(_)) => {
            vec![("on any port".into(), Verb::Listen(Listen::Port(0)))]
        }
        Verb::Chown { path, uid } => vec![
            (
                "to user 0 instead".into(),
                Verb::Chown {
                    path: path.clone(),
                    uid: 0,
                },
            ),
            (
                "of a file that isn't there".into(),
                Verb::Chown {
                    path: missing(path),
                    uid: *uid,
                },
            ),
        ],
        Verb::Overwrite(change) => {
            let mut changed = change.clone();
            changed.path = missing(&change.path);
            vec![(
                "of a file that isn't there".into(),
                Verb::Overwrite(changed),
            )]
        }
        Verb::Write(write) => {
            let (mut changed, mut nowhere) = (write.clone(), write.clone());
            changed.text = format!("{}?", write.text);
            nowhere.path = in_missing(&write.path);
            vec![
                ("with another text".into(), Verb::Write(changed)),
                (NOWHERE.into(), Verb::Write(nowhere)),
            ]
        }
        Verb::Mount(mount) => {
            let mut changed = mount.clone();
            changed.path = missing(&mount.path);
            vec![(NOWHERE.into(), Verb::Mount(changed))]
        }
        Verb::Propagate { path, to } => vec![(
            NOWHERE.into(),
            Verb::Propagate {
                path: missing(path),
                to: *to,
            },
        )],
        Verb::Store(store) => {
            let mut changed = store.clone();
            changed.path = missing(&store.path);
            vec![(NOWHERE.into(), Verb::Store(changed))]
        }
        Verb::Fill(fill) => {
            let mut smaller = fill.clone();
            smaller.size.0 = (fill.size.0 / 2).max(1);
            vec![("of half the size".into(), Verb::Fill(smaller))]
        }
        Verb::Unmount(path) => vec![(NOWHERE.into(), Verb::Unmount(missing(path)))],
        Verb::DefaultFilesystems(path) => {
            vec![(NOWHERE.into(), Verb::DefaultFilesystems(missing(path)))]
        }
        Verb::PivotRoot(path) => vec![(NOWHERE.into(), Verb::PivotRoot(missing(path)))],
        Verb::LinkUp(name) => {
            let other = format!("{name}-2");
            vec![("of a device that isn't there".into(), Verb::LinkUp(other))]
        }
        Verb::Veth(veth) => {
            let mut other = veth.clone();
            other.addresses = ["192.0.2.1/32".into(), "198.51.100.1/32".into()];
            vec![("with other addresses".into(), Verb::Veth(other))]
        }
        Verb::Remove(path) => vec![(
            "with a file that isn't there".into(),
            Verb::Remove(missing(path)),
        )],
        Verb::Copy(copy) => {
            let mut changed = copy.clone();
            changed.from = missing(&copy.from);
            let mut fewer = copy.clone();
            fewer.count = copy.count.map(|count| (count / 2).max(1));
            vec![
                (
                    "of a directory that isn't there".into(),
                    Verb::Copy(changed),
                ),
                ("half as often".into(), Verb::Copy(fewer)),
            ]
        }
        Verb::Image(image) => (0..image.layers.len())
            .flat_map(|index| {
                let mut fewer = image.clone();
                let layer = fewer.layers.remove(index);
                let mut gone = image.clone();
                gone.layers[index] = missing(&layer);
                [
                    (format!("without the layer {layer}"), Verb::Image(fewer)),
                    (format!("with {layer} missing"), Verb::Image(gone)),
                ]
            })
            .collect(),
        Verb::Unpack(unpack) => {
            let mut changed = unpack.clone();
            changed.layout = missing(&unpack.layout);
            vec![("of a layout that isn't there".into(), Verb::Unpack(changed))]
        }
        Verb::SetClocks(_)
        | Verb::Probe(_)
        | Verb::Create(_)
        | Verb::Mkdir(_)
        | Verb::Listen(Listen::Port(_))
        | Verb::Connect(_)
        | Verb::Ping(_)
        | Verb::FindQueue(_)
        | Verb::Wait(_)
        | Verb::AwaitEnd(_)
        | Verb::SetLimits(_)
        | Verb::Join(_)
        | Verb::Freeze(_)
        | Verb::Thaw(_)
        | Verb::Watch(_)
        | Verb::Overlay(_)
        | Verb::RootFs(_)
        | Verb::Engine(_)
        | Verb::Stage(_) => Vec::new(),
        Verb::Docker(argv) => engine::lines(argv),
        Verb::Api(api) => engine::requests(api),
        Verb::Container(name) => engine::containers(name),
    }
}

const NOWHERE: &str = "where nothing is";

/// A file in a directory that isn't there.
fn in_missing(path: &str) -> String {
    match path.rsplit_once('/') {
        Some((directory, name)) => format!("{}/{name}", missing(directory)),
        None => missing(path),
    }
}

/// A program that does nothing, one that fails, and one for each file that it is
/// told of, without the file.
fn programs(argv: &[String]) -> Vec<(String, Verb)> {
    let words = |words: &[&str]| Verb::Run(words.iter().map(ToString::to_string).collect());
    // A root of the box's own may have no other program than its shell.
    let (nothing, fails): (&[&str], &[&str]) = match argv.first().is_some_and(|it| it == "sh") {
        true => (&["sh", "-c", ":"], &["sh", "-c", "exit 7"]),
        false => (&["true"], &["false"]),
    };
    let mut found = vec![
        (does_nothing(), words(nothing)),
        ("as a program that fails".into(), words(fails)),
    ];
    for (index, word) in argv.iter().enumerate().skip(1) {
        let start = word.find("=/").map_or(0, |at| at + 1);
        if word[start..].starts_with('/') {
            let mut changed = argv.to_vec();
            changed[index] = missing(word);
            let how = format!("with {} missing", &word[start..]);
            found.push((how, Verb::Run(changed)));
        }
    }
    found
}

fn does_nothing() -> String {
    "as a program that does nothing".into()
}

/// The same processes with next to nothing to do, with fewer of them, outside of
/// their group, and free to choose a CPU.
fn spawned(spawn: &Spawn) -> Vec<(String, Verb)> {
    const LITTLE: Bytes = Bytes(64 << 10);
    const SHORT: Nanos = Nanos(1_000_000);
    let workload = match &spawn.workload {
        Workload::Sleep => Workload::Burn(SHORT),
        Workload::Burn(_) => Workload::Burn(SHORT),
        Workload::Hog(_) => Workload::Hog(LITTLE),
        Workload::Grow(_) => Workload::Grow(LITTLE),
        Workload::Storm(_) => Workload::Storm(1),
        Workload::DirectRead(_) => Workload::DirectRead(LITTLE),
        Workload::CachedRead(_) => Workload::CachedRead(LITTLE),
        Workload::Map(path) => Workload::Map(missing(path)),
    };
    let with = |how: String, change: &dyn Fn(&mut Spawn)| {
        let mut changed = spawn.clone();
        change(&mut changed);
        (how, Verb::Spawn(changed))
    };
    let mut past_the_cache = Vec::new();
    if let Workload::CachedRead(size) = spawn.workload {
        let read = Workload::DirectRead(Bytes(size.0.min(8 << 20)));
        past_the_cache.push(with("past the page cache".into(), &|it| {
            it.workload = read.clone();
        }));
    }
    let others = [
        with(does_nothing(), &|it| it.workload = workload.clone()),
        with("only once".into(), &|it| it.count = 1),
        with("outside of the group".into(), &|it| it.cgroup = None),
        with("on any CPU".into(), &|it| it.one_cpu = false),
    ];
    others.into_iter().chain(past_the_cache).collect()
}

/// Without each namespace, with each other one, with all; without its clocks, its
/// group and its own /proc, and with its mounts tied otherwise.
fn boxes(plan: &Plan, index: usize) -> Vec<Change> {
    let spec = &plan.boxes[index];
    let name = &spec.name;
    let mut changes = Vec::new();
    let mut change = |told: String, edit: &dyn Fn(&mut Plan)| {
        let mut plan = plan.clone();
        edit(&mut plan);
        changes.push(Change::new(told, plan));
    };
    change(format!("`{name}` with its clocks as they are"), &|plan| {
        plan.boxes[index].clocks = None;
    });
    change(format!("`{name}` outside of its group"), &|plan| {
        plan.boxes[index].cgroup = None;
    });
    change(format!("`{name}` with the old /proc"), &|plan| {
        plan.boxes[index].proc = Some(false);
    });
    for (to, word) in [
        (Propagation::Private, "private"),
        (Propagation::Slave, "slave"),
        (Propagation::Shared, "shared"),
        (Propagation::Unchanged, "unchanged"),
    ] {
        change(format!("`{name}` with its mounts {word}"), &|plan| {
            plan.boxes[index].propagation = to;
        });
    }
    for ns in Namespace::ALL {
        if !spec.has(ns) {
            change(
                format!("`{name}` with a {ns} namespace of its own"),
                &|plan| {
                    plan.boxes[index].namespaces.push(ns);
                },
            );
        }
    }
    change(
        format!("`{name}` with all namespaces of its own"),
        &|plan| {
            plan.boxes[index].namespaces = Namespace::ALL.to_vec();
        },
    );
    for ns in spec.namespaces.iter().copied() {
        let mut without = plan.clone();
        take(&mut without.boxes[index], ns);
        let told = format!("`{name}` without a {ns} namespace of its own");
        changes.extend(whole::on_a_machine(&without, ns, &told));
        changes.push(Change::new(
            told,
            whole::harmless(without, ns, std::slice::from_ref(name)),
        ));
    }
    let mut bare = plan.clone();
    let spec = &mut bare.boxes[index];
    Namespace::ALL.into_iter().for_each(|ns| take(spec, ns));
    let told = format!("`{name}` without any namespace of its own");
    changes.extend(whole::on_a_machine(&bare, Namespace::Uts, &told));
    let bare = whole::harmless(bare, Namespace::Pid, std::slice::from_ref(name));
    changes.push(Change::new(told, bare));
    changes
}

/// The boxes without a namespace that several of them have.
fn no_box_has(plan: &Plan, ns: Namespace) -> Vec<Change> {
    let having = plan.boxes.iter().filter(|spec| spec.has(ns));
    let names: Vec<BoxName> = having.map(|spec| spec.name.clone()).collect();
    if names.len() < 2 {
        return Vec::new();
    }
    let mut without = plan.clone();
    without.boxes.iter_mut().for_each(|spec| take(spec, ns));
    let told = format!("no box with a {ns} namespace of its own");
    let machine = whole::on_a_machine(&without, ns, &told);
    let alone = Change::new(told, whole::harmless(without, ns, &names));
    machine.into_iter().chain([alone]).collect()
}

/// Takes a namespace from a box, with what means nothing without it.
fn take(spec: &mut BoxSpec, ns: Namespace) {
    spec.namespaces.retain(|it| *it != ns);
    match ns {
        Namespace::Time => spec.clocks = None,
        Namespace::Mount => {
            spec.propagation = Propagation::default();
            spec.proc = None;
        }
        Namespace::Pid => spec.proc = None,
        Namespace::Cgroup | Namespace::Ipc | Namespace::Net | Namespace::User | Namespace::Uts => {}
    }
}
