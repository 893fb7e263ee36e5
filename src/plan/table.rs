//! The table of verbs: one row for each, which says all that [`About`] asks.
//! A new verb compiles only when it has its row.

use super::about::{About, Effect, Facts, Named, Of, Where};
use super::cgroup::Controller;
use super::fact::BoxName;
use super::layers::Medium;
use super::namespace::{Namespace, Propagation};
use super::of_engine;
use super::probe::Probe;
use super::refusal::Need;
use super::verb::{Listen, Verb, Workload};
use crate::base::named;

/// `ok`, or the errno's name.
const OK: Facts<'static> = Facts::Result(&[""]);
/// Groups are directories of the host's, which only the supervisor may write to.
const GROUPS: Where = Where::Host("a box can't reach the cgroups of the demo");

impl Verb {
    /// Its row of the table.
    pub fn about(&self) -> About<'_> {
        match self {
            Verb::Probe(probes) => About {
                name: "probe",
                call: "",
                place: match probes.iter().any(|probe| probe.group().is_some()) {
                    true => GROUPS,
                    false => Where::Anywhere,
                },
                effect: Effect::Nothing,
                facts: Facts::Probes(probes),
                names: probes.iter().enumerate().filter_map(looked_at).collect(),
                needs: Vec::new(),
                consent: format!("look at {}", list(probes)),
            },
            Verb::Create(name) => About {
                name: "create",
                call: "",
                place: Where::Anywhere,
                effect: Effect::Own,
                facts: Facts::Nothing,
                names: vec![Named::new(name.as_str(), Of::NewBox, &[])],
                needs: Vec::new(),
                consent: format!("make the box `{name}`"),
            },
            Verb::Run(argv) => About {
                name: "run",
                call: "wait(2)",
                place: Where::Anywhere,
                effect: Effect::User,
                facts: Facts::Result(&["", ".out", ".err"]),
                names: Vec::new(),
                needs: argv.iter().take(1).cloned().map(Need::Program).collect(),
                consent: format!("run the command  {}", of_engine::words(argv)),
            },
            Verb::SetHostname(name) => About {
                name: "set-hostname",
                call: "sethostname(2)",
                place: Where::Anywhere,
                effect: Effect::Held(
                    &[Namespace::Uts, Namespace::User],
                    "it needs a uts namespace, or a user namespace that makes it fail",
                ),
                facts: OK,
                names: Vec::new(),
                needs: Vec::new(),
                consent: format!("set the hostname to `{}`", named(name)),
            },
            Verb::Mount(mount) => mounts(
                "mount",
                "mount(2)",
                format!("mount a {} on {}", named(&mount.fstype), named(&mount.path)),
            ),
            Verb::Propagate { path, to } => mounts(
                "propagate",
                "mount(2)",
                format!("make the mount point {} {}", named(path), propagation(*to)),
            ),
            Verb::Mkdir(path) => files(
                "mkdir",
                "mkdir(2)",
                format!("make the directory {}", named(path)),
            ),
            Verb::Write(write) => files(
                "write",
                "write(2)",
                format!("write {} bytes to {}", write.text.len(), named(&write.path)),
            ),
            Verb::Chown { path, uid } => files(
                "chown",
                "chown(2)",
                format!("give {} to user {uid}", named(path)),
            ),
            Verb::LinkUp(name) => About {
                name: "link-up",
                call: "rtnetlink(7)",
                place: Where::Anywhere,
                effect: Effect::Held(&[Namespace::Net], "it needs a network namespace"),
                facts: OK,
                names: Vec::new(),
                needs: Vec::new(),
                consent: format!("bring the network device {} up", named(name)),
            },
            Verb::Veth(veth) => About {
                name: "veth",
                call: "rtnetlink(7)",
                place: Where::Host("a veth pair is made by the host"),
                effect: Effect::Ends(
                    &veth.between,
                    Namespace::Net,
                    "both ends need a network namespace",
                ),
                facts: OK,
                names: vec![
                    Named::new(veth.between[0].as_str(), Of::Box, &["between", "0"]),
                    Named::new(veth.between[1].as_str(), Of::Box, &["between", "1"]),
                ],
                needs: vec![Need::Veth],
                consent: format!(
                    "join `{}` and `{}` by a pair of virtual network devices, {} and {}",
                    veth.between[0], veth.between[1], veth.addresses[0], veth.addresses[1]
                ),
            },
            Verb::Listen(listen) => About {
                name: "listen",
                call: "bind(2)",
                place: Where::Anywhere,
                effect: Effect::Own,
                facts: Facts::Result(&["", ".port"]),
                names: match listen {
                    Listen::Port(_) => Vec::new(),
                    Listen::SamePortAs(name) => {
                        vec![Named::new(name, Of::Listen, &["same-port-as"])]
                    }
                },
                needs: Vec::new(),
                consent: match listen {
                    Listen::Port(0) => "listen on a free TCP port of 127.0.0.1".into(),
                    Listen::Port(port) => format!("listen on TCP port {port} of 127.0.0.1"),
                    Listen::SamePortAs(name) => {
                        format!("listen on 127.0.0.1, on the same port as `{name}`")
                    }
                },
            },
            Verb::Connect(to) => About {
                name: "connect",
                call: "connect(2)",
                place: Where::Anywhere,
                effect: Effect::Own,
                facts: OK,
                names: match to.parse::<u16>() {
                    Ok(_) => Vec::new(),
                    Err(_) => vec![Named::new(to, Of::Listen, &[])],
                },
                needs: Vec::new(),
                consent: format!("connect to a TCP port of 127.0.0.1: {}", named(to)),
            },
            Verb::Ping(address) => About {
                name: "ping",
                call: "icmp(7)",
                place: Where::Anywhere,
                effect: Effect::Own,
                facts: Facts::Result(&["", ".rtt"]),
                names: Vec::new(),
                needs: Vec::new(),
                consent: format!("send one ping to {}", named(address)),
            },
            Verb::MakeQueue(key) => About {
                name: "make-queue",
                call: "msgget(2)",
                place: Where::Anywhere,
                effect: Effect::Held(&[Namespace::Ipc], "it needs an ipc namespace"),
                facts: OK,
                names: Vec::new(),
                needs: Vec::new(),
                consent: format!("make a System V message queue with key {key}"),
            },
            Verb::FindQueue(key) => About {
                name: "find-queue",
                call: "msgget(2)",
                place: Where::Anywhere,
                effect: Effect::Nothing,
                facts: OK,
                names: Vec::new(),
                needs: Vec::new(),
                consent: format!("look for a System V message queue with key {key}"),
            },
            Verb::Spawn(spawn) => About {
                name: "spawn",
                call: match matches!(spawn.workload, Workload::Map(_)) {
                    true => "fork(2), mmap(2)",
                    false => "fork(2)",
                },
                place: match spawn.cgroup {
                    Some(_) => GROUPS,
                    None => Where::Anywhere,
                },
                effect: Effect::Own,
                facts: match matches!(spawn.workload, Workload::Map(_)) {
                    true => Facts::Result(&["", ".count", ".rss", ".pss"]),
                    false => Facts::Result(&["", ".count", ".rss"]),
                },
                names: spawn
                    .cgroup
                    .iter()
                    .map(|name| Named::new(name.as_str(), Of::Home, &["cgroup"]))
                    .collect(),
                needs: Vec::new(),
                consent: format!(
                    "start {} process(es) {}",
                    spawn.count,
                    spawn.workload.in_words()
                ),
            },
            Verb::Wait(name) => About {
                name: "wait",
                call: "wait(2)",
                place: Where::Anywhere,
                effect: Effect::Nothing,
                facts: Facts::End(name),
                names: vec![Named::new(name, Of::Spawn, &[])],
                needs: Vec::new(),
                consent: format!("await the end of `{name}`"),
            },
            Verb::Kill(kill) => About {
                name: "kill",
                call: "kill(2)",
                place: Where::Anywhere,
                effect: Effect::Own,
                facts: OK,
                names: vec![Named::new(&kill.to, Of::Process, &["to"])],
                needs: Vec::new(),
                consent: format!("send {} to `{}`", kill.signal, kill.to),
            },
            Verb::AwaitEnd(name) => About {
                name: "await-end",
                call: "wait(2)",
                place: Where::Anywhere,
                effect: Effect::Nothing,
                facts: OK,
                names: vec![Named::new(name.as_str(), Of::Box, &[])],
                needs: Vec::new(),
                consent: format!("await the end of the box `{name}`"),
            },
            Verb::SetClocks(_) => About {
                name: "set-clocks",
                call: "write(2) to /proc/self/timens_offsets",
                place: Where::Anywhere,
                // The kernel lets nobody change those of a time namespace that a
                // process is in, so never the host's.
                effect: Effect::Own,
                facts: OK,
                names: Vec::new(),
                needs: Vec::new(),
                consent: "set the offsets of the clocks for new processes".into(),
            },
            Verb::SetLimits(set) => of_group(
                "set-limits",
                vec![group(&set.cgroup, set.limits.controllers(), &["cgroup"])],
                format!("change the limits of the cgroup `{}`", set.cgroup),
            ),
            Verb::Join(join) => of_group(
                "join",
                vec![
                    Named::new(&join.process, Of::Spawn, &["process"]),
                    Named::new(join.cgroup.as_str(), Of::Home, &["cgroup"]),
                ],
                format!("move `{}` into the cgroup `{}`", join.process, join.cgroup),
            ),
            Verb::Freeze(name) => of_group(
                "freeze",
                vec![group(name, vec![Controller::Freezer], &[])],
                format!("freeze the cgroup `{name}`"),
            ),
            Verb::Thaw(name) => of_group(
                "thaw",
                vec![group(name, vec![Controller::Freezer], &[])],
                format!("thaw the cgroup `{name}`"),
            ),
            Verb::Watch(watch) => About {
                name: "watch",
                call: "",
                place: GROUPS,
                effect: Effect::Nothing,
                facts: Facts::Grown(&watch.groups),
                names: watch
                    .groups
                    .iter()
                    .enumerate()
                    .map(|(index, name)| group(name, Vec::new(), &["groups", &index.to_string()]))
                    .collect(),
                needs: Vec::new(),
                consent: format!("watch {} for {}", list(&watch.groups), watch.time),
            },
            Verb::Store(store) => About {
                facts: Facts::Result(&["", ".type"]),
                needs: vec![Need::Overlay],
                ..mounts(
                    "store",
                    "mount(2)",
                    match store.on {
                        Medium::Tmpfs => {
                            format!("mount a tmpfs on {}, for layers", named(&store.path))
                        }
                        Medium::Auto | Medium::Disk => format!(
                            "make room for layers on {}; on a disk that is a directory in /var/tmp, removed at the end",
                            named(&store.path)
                        ),
                    },
                )
            },
            Verb::Overlay(overlay) => About {
                facts: Facts::Result(&["", ".options"]),
                needs: vec![Need::Overlay],
                ..mounts(
                    "overlay",
                    "mount(2)",
                    match overlay.count {
                        None => format!("mount an overlay on {}", named(&overlay.at)),
                        Some(count) => {
                            format!(
                                "mount {count} overlays on {}-1 and so on",
                                named(&overlay.at)
                            )
                        }
                    },
                )
            },
            Verb::Unmount(path) => {
                mounts("unmount", "umount2(2)", format!("unmount {}", named(path)))
            }
            Verb::Fill(fill) => files(
                "fill",
                "write(2)",
                format!("make the file {} of {}", named(&fill.path), fill.size),
            ),
            Verb::Overwrite(change) => files(
                "overwrite",
                "write(2)",
                format!(
                    "change {} bytes of {}",
                    change.text.len(),
                    named(&change.path)
                ),
            ),
            Verb::Copy(copy) => files(
                "copy",
                "copy_file_range(2)",
                match copy.count {
                    None => format!("copy {} to {}", named(&copy.from), named(&copy.to)),
                    Some(count) => format!(
                        "copy {} to {}-1 and so on, {count} times",
                        named(&copy.from),
                        named(&copy.to)
                    ),
                },
            ),
            Verb::Remove(path) => files(
                "remove",
                "unlink(2)",
                format!("remove {} with all that is in it", named(path)),
            ),
            Verb::RootFs(root) => About {
                facts: Facts::Result(&["", ".files", ".size"]),
                needs: root.programs.iter().cloned().map(Need::Program).collect(),
                ..files(
                    "root-fs",
                    "sendfile(2)",
                    format!(
                        "copy these programs of the machine, with their libraries, to {}: {}",
                        named(&root.to),
                        root.programs.join(", ")
                    ),
                )
            },
            Verb::Image(image) => About {
                facts: Facts::Result(&["", ".manifest", ".layers", ".written", ".reused", ".size"]),
                ..files(
                    "image",
                    "SHA-256",
                    format!(
                        "make an OCI image of {} layers in {}",
                        image.layers.len(),
                        named(&image.layout)
                    ),
                )
            },
            Verb::Unpack(unpack) => About {
                facts: Facts::Result(&["", ".layers"]),
                ..files(
                    "unpack",
                    "SHA-256",
                    format!(
                        "unpack the image in {} to {}",
                        named(&unpack.layout),
                        named(&unpack.to)
                    ),
                )
            },
            Verb::DefaultFilesystems(path) => mounts(
                "default-filesystems",
                "mount(2)",
                format!(
                    "mount /proc, /sys and /dev as a container has them in {}",
                    named(path)
                ),
            ),
            Verb::PivotRoot(path) => mounts(
                "pivot-root",
                "pivot_root(2)",
                format!("make {} the root", named(path)),
            ),
            Verb::Engine(name) => of_engine::engine(name),
            Verb::Docker(argv) => of_engine::docker(argv),
            Verb::Api(api) => of_engine::api(api),
            Verb::Container(name) => of_engine::container(name),
            Verb::Stage(words) => About {
                name: "stage",
                call: "",
                place: Where::Host("a stage is one of the whole demo"),
                effect: Effect::Nothing,
                facts: Facts::Nothing,
                names: Vec::new(),
                needs: Vec::new(),
                consent: format!("begin a stage: {words}"),
            },
        }
    }
}

/// A change of the box's tree of mounts.
fn mounts(name: &'static str, call: &'static str, consent: String) -> About<'static> {
    About {
        name,
        call,
        place: Where::Anywhere,
        effect: Effect::Held(&[Namespace::Mount], "it needs a mount namespace"),
        facts: OK,
        names: Vec::new(),
        needs: Vec::new(),
        consent,
    }
}

/// A change of files, which are written only on mounts that the run has made.
fn files(name: &'static str, call: &'static str, consent: String) -> About<'static> {
    About {
        effect: Effect::Held(
            &[Namespace::Mount],
            "files are written only below a mount namespace's own mounts",
        ),
        ..mounts(name, call, consent)
    }
}

/// A change of a group that the run has made.
fn of_group<'a>(name: &'static str, names: Vec<Named<'a>>, consent: String) -> About<'a> {
    About {
        name,
        call: "write(2)",
        place: GROUPS,
        effect: Effect::Own,
        facts: OK,
        names,
        needs: Vec::new(),
        consent,
    }
}

fn group<'a>(name: &'a BoxName, controllers: Vec<Controller>, at: &[&str]) -> Named<'a> {
    Named::new(name.as_str(), Of::Group(controllers), at)
}

/// The group that a probe is about.
fn looked_at((index, probe): (usize, &Probe)) -> Option<Named<'_>> {
    let name = probe.group()?;
    Some(group(name, Vec::new(), &[&index.to_string()]))
}

fn list<T: ToString>(items: &[T]) -> String {
    let words: Vec<String> = items.iter().map(T::to_string).collect();
    words.join(", ")
}

fn propagation(to: Propagation) -> &'static str {
    match to {
        Propagation::Private => "private",
        Propagation::Slave => "slave",
        Propagation::Shared => "shared",
        Propagation::Unchanged => "unchanged",
    }
}
