//! What a plan will do to this machine, in words, for someone who must agree.

use super::syscalls::quoted;
use super::text::{bullet, wrap};
use super::{Line, Role, Span};
use crate::plan::{
    Action, BoxSpec, CgroupSpec, Listen, Medium, Place, Plan, Propagation, Verb, Workload,
};

/// The plan as a list of sentences: first the boxes, then every action.
pub fn consent(plan: &Plan, width: usize) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut part = |head: &str, items: Vec<String>| {
        if items.is_empty() {
            return;
        }
        if !lines.is_empty() {
            lines.push(Line::default());
        }
        lines.extend(wrap(&[Span::new(head, Role::Label)], width));
        for item in items {
            let spans = [Span::new(item, Role::Body)];
            lines.extend(bullet(Span::new("• ", Role::Dim), &spans, width));
        }
    };
    let groups = plan.cgroups.iter().map(grouped);
    part(
        "It makes:",
        groups.chain(plan.boxes.iter().map(made)).collect(),
    );
    let (host, boxed): (Vec<_>, Vec<_>) = plan
        .actions
        .iter()
        .partition(|action| action.place == Place::Host);
    part(
        "On the host itself, as you:",
        host.iter().map(|a| done(a)).collect(),
    );
    part(
        "Inside the boxes:",
        boxed
            .iter()
            .map(|a| format!("{}: {}", a.place, done(a)))
            .collect(),
    );
    let runs = |action: &Action| matches!(action.verb, Verb::Run(_));
    if plan.actions.iter().any(runs) {
        let mind = "! No box hides your files from a command: it may change what you may change.";
        lines.push(Line::default());
        lines.extend(wrap(&[Span::new(mind, Role::Warn)], width));
    }
    if lines.is_empty() {
        lines.extend(wrap(&[Span::new("It does nothing.", Role::Body)], width));
    }
    lines
}

fn grouped(spec: &CgroupSpec) -> String {
    let limited: Vec<_> = spec.needs().iter().map(ToString::to_string).collect();
    match limited.is_empty() {
        true => format!("a cgroup `{}`", spec.name),
        false => format!("a cgroup `{}`, for: {}", spec.name, limited.join(", ")),
    }
}

fn made(spec: &BoxSpec) -> String {
    let own: Vec<_> = spec.namespaces.iter().map(|ns| ns.title()).collect();
    let mut text = format!("a box `{}`", spec.name);
    if let Some(parent) = &spec.parent {
        text.push_str(&format!(" inside `{parent}`"));
    }
    text.push_str(&match own.len() {
        0 => ", without any namespace of its own".to_string(),
        1 => format!(", with a {} namespace of its own", own[0]),
        _ => format!(", with namespaces of its own: {}", own.join(", ")),
    });
    if spec.cgroup.is_some() {
        text.push_str(", in a new cgroup");
    }
    match spec.propagation {
        Propagation::Private | Propagation::Unchanged => {}
        Propagation::Slave => text.push_str(", which receives the host's mount events"),
        Propagation::Shared => text.push_str(", which shares mount events"),
    }
    text
}

fn done(action: &Action) -> String {
    match &action.verb {
        Verb::Probe(probes) => {
            let names: Vec<_> = probes.iter().map(ToString::to_string).collect();
            let of = action
                .of
                .as_ref()
                .map_or(String::new(), |name| format!(" of `{name}`"));
            format!("look at {}{of}", names.join(", "))
        }
        Verb::Create(name) => format!("make the box `{name}`"),
        Verb::Run(argv) => {
            let argv: Vec<_> = argv.iter().map(|arg| quoted(arg)).collect();
            format!("run the command  {}", argv.join(" "))
        }
        Verb::SetHostname(name) => format!("set the hostname to `{name}`"),
        Verb::Mount(mount) => format!("mount a {} on {}", mount.fstype, mount.path),
        Verb::Propagate { path, to } => {
            let to = match to {
                Propagation::Private => "private",
                Propagation::Slave => "slave",
                Propagation::Shared => "shared",
                Propagation::Unchanged => "unchanged",
            };
            format!("make the mount point {path} {to}")
        }
        Verb::Mkdir(path) => format!("make the directory {path}"),
        Verb::Write(write) => format!("write {} bytes to {}", write.text.len(), write.path),
        Verb::Chown { path, uid } => format!("give {path} to user {uid}"),
        Verb::LinkUp(name) => format!("bring the network device {name} up"),
        Verb::Veth(veth) => format!(
            "join `{}` and `{}` by a pair of virtual network devices, {} and {}",
            veth.between[0], veth.between[1], veth.addresses[0], veth.addresses[1]
        ),
        Verb::Listen(Listen::Port(0)) => "listen on a free TCP port of 127.0.0.1".to_string(),
        Verb::Listen(Listen::Port(port)) => format!("listen on TCP port {port} of 127.0.0.1"),
        Verb::Listen(Listen::SamePortAs(name)) => {
            format!("listen on 127.0.0.1, on the same port as `{name}`")
        }
        Verb::Connect(to) => format!("connect to a TCP port of 127.0.0.1: {to}"),
        Verb::Ping(address) => format!("send one ping to {address}"),
        Verb::MakeQueue(key) => format!("make a System V message queue with key {key}"),
        Verb::FindQueue(key) => format!("look for a System V message queue with key {key}"),
        Verb::Spawn(spawn) => {
            let what = match &spawn.workload {
                Workload::Sleep => "that sleep".to_string(),
                Workload::Burn(time) => format!("that use a CPU for {time}"),
                Workload::Hog(size) => format!("that take {size} of memory"),
                Workload::Grow(size) => format!("that grow up to {size} of memory"),
                Workload::DirectRead(size) => format!("that read {size} from the disk"),
                Workload::CachedRead(size) => format!("that read {size} from the page cache"),
                Workload::Map(path) => format!("that map the file {path}"),
                Workload::Storm(most) => format!("that fork up to {most} times"),
            };
            format!("start {} process(es) {what}", spawn.count)
        }
        Verb::Wait(name) => format!("await the end of `{name}`"),
        Verb::Kill(kill) => format!("send SIG{:?} to `{}`", kill.signal, kill.to),
        Verb::AwaitEnd(name) => format!("await the end of the box `{name}`"),
        Verb::SetLimits(set) => format!("change the limits of the cgroup `{}`", set.cgroup),
        Verb::Join(join) => format!("move `{}` into the cgroup `{}`", join.process, join.cgroup),
        Verb::Freeze(name) => format!("freeze the cgroup `{name}`"),
        Verb::Thaw(name) => format!("thaw the cgroup `{name}`"),
        Verb::Watch(watch) => {
            let names: Vec<_> = watch.groups.iter().map(|name| name.to_string()).collect();
            format!("watch {} for {}", names.join(", "), watch.time)
        }
        Verb::Store(store) => match store.on {
            Medium::Tmpfs => format!("mount a tmpfs on {}, for layers", store.path),
            Medium::Auto | Medium::Disk => format!(
                "make room for layers on {}; on a disk that is a directory in /var/tmp, removed at the end",
                store.path
            ),
        },
        Verb::Overlay(overlay) => match overlay.count {
            None => format!("mount an overlay on {}", overlay.at),
            Some(count) => format!("mount {count} overlays on {}-1 and so on", overlay.at),
        },
        Verb::Unmount(path) => format!("unmount {path}"),
        Verb::Fill(fill) => format!("make the file {} of {}", fill.path, fill.size),
        Verb::Overwrite(change) => format!("change {} bytes of {}", change.text.len(), change.path),
        Verb::Copy(copy) => match copy.count {
            None => format!("copy {} to {}", copy.from, copy.to),
            Some(count) => format!(
                "copy {} to {}-1 and so on, {count} times",
                copy.from, copy.to
            ),
        },
        Verb::Remove(path) => format!("remove {path} with all that is in it"),
        Verb::RootFs(root) => format!(
            "copy these programs of the machine, with their libraries, to {}: {}",
            root.to,
            root.programs.join(", ")
        ),
        Verb::Image(image) => format!(
            "make an OCI image of {} layers in {}",
            image.layers.len(),
            image.layout
        ),
        Verb::Unpack(unpack) => format!("unpack the image in {} to {}", unpack.layout, unpack.to),
        Verb::DefaultFilesystems(path) => {
            format!("mount /proc, /sys and /dev as a container has them in {path}")
        }
        Verb::PivotRoot(path) => format!("make {path} the root"),
        Verb::Stage(words) => format!("begin a stage: {words}"),
        Verb::SetClocks(_) => "set the offsets of the clocks for new processes".to_string(),
    }
}
