//! How far is it from a container? Ten things that `docker run` makes, each of
//! which can be had without the others.

use super::capabilities;
use super::form::Fact;
use super::sides::{Sides, amount, index};
use crate::base::quoted;
use crate::plan::Namespace;
use crate::probe::limits::{Ceiling, Held};
use crate::probe::mountinfo::Mount;

/// The most that a container may have to count as held, as the course asks of one.
const MOST_MEMORY: u64 = 512 << 20;
const MOST_PIDS: u64 = 1000;
/// Docker leaves 14 capabilities to a container.
const MOST_CAPABILITIES: u32 = 20;

/// What was seen, and whether the claim holds by it.
type Judged = (Option<bool>, String);

/// The ten facts, in the order in which a runtime makes them.
pub(super) fn facts(sides: &Sides) -> Vec<Fact> {
    let pid = sides.pid();
    let fact =
        |id: &str, claim: &str, (holds, evidence): Judged, step: &str, command: String| Fact {
            id: id.into(),
            claim: claim.into(),
            holds,
            evidence,
            step: step.into(),
            command,
        };
    let link = |kind: Namespace| format!("readlink /proc/{pid}/ns/{}", kind.proc_name());
    vec![
        fact(
            "number-one",
            "It is number 1 of a pid namespace of its own",
            number_one(sides),
            "pid",
            format!("grep NSpid /proc/{pid}/status"),
        ),
        fact(
            "own-proc",
            "Process 1 of its /proc is one of its own",
            own_proc(sides),
            "pid",
            format!("readlink /proc/{pid}/root/proc/1/ns/pid /proc/{pid}/ns/pid"),
        ),
        fact(
            "layers",
            "Its / is an overlay with a layer to write to",
            layers(sides),
            "figure",
            format!("findmnt --task {pid} /"),
        ),
        fact(
            "own-root",
            "The machine's root directory can't be reached from its own",
            own_root(sides),
            "by-hand",
            format!("readlink /proc/{pid}/root; findmnt --task {pid}"),
        ),
        fact(
            "own-hostname",
            "Its hostname is its own",
            own(sides, Namespace::Uts),
            "uts",
            link(Namespace::Uts),
        ),
        fact(
            "own-network",
            "Its network is its own",
            own(sides, Namespace::Net),
            "net",
            link(Namespace::Net),
        ),
        fact(
            "own-ipc",
            "Its message queues and shared memory are its own",
            own(sides, Namespace::Ipc),
            "ipc",
            link(Namespace::Ipc),
        ),
        fact(
            "memory",
            "It is held to 512 MiB of memory or less",
            held(sides, Ceiling::Memory, MOST_MEMORY),
            "memory",
            limit_command(sides, Ceiling::Memory),
        ),
        fact(
            "pids",
            "It is held to 1,000 processes or fewer",
            held(sides, Ceiling::Pids, MOST_PIDS),
            "pids",
            limit_command(sides, Ceiling::Pids),
        ),
        fact(
            "privileges",
            "It has a user namespace of its own, or 20 capabilities at most",
            privileges(sides),
            "user",
            format!("grep CapEff /proc/{pid}/status; readlink /proc/{pid}/ns/user"),
        ),
    ]
}

/// The command that shows a limit, or that the group has no such file.
pub(super) fn limit_command(sides: &Sides, ceiling: Ceiling) -> String {
    let held = sides
        .limited(ceiling)
        .and_then(|one| one.held.as_ref().ok());
    match held {
        Some(Held {
            least: Some(least), ..
        }) => format!("cat {}", quoted(&least.file.display().to_string())),
        Some(held) => file_command(sides, held, ceiling, ceiling.file(held.group.version)),
        None => format!("cat /proc/{}/cgroup", sides.pid()),
    }
}

/// The command that shows a file of its group; the root group has none of them, so
/// there it is the one that shows that it stands there.
pub(super) fn file_command(sides: &Sides, held: &Held, ceiling: Ceiling, file: &str) -> String {
    let groups = &sides.theirs.process.groups;
    let member = groups
        .of_controller(ceiling.controller())
        .or_else(|| groups.unified());
    match member {
        Some(member) if member.path != "/" => {
            let path = held.group.directory.join(file);
            format!("cat {}", quoted(&path.display().to_string()))
        }
        Some(_) | None => format!("cat /proc/{}/cgroup", sides.pid()),
    }
}

fn number_one(sides: &Sides) -> Judged {
    let numbers = &sides.theirs.process.status.numbers;
    let yours = sides.yours.process.status.numbers.len();
    match numbers.as_slice() {
        [] => (None, "this kernel writes no line NSpid".into()),
        all if all.len() <= yours => (
            Some(false),
            format!("it is number {} among yours", all[all.len() - 1]),
        ),
        all => {
            let last = all[all.len() - 1];
            let inside = format!("it is {} here, and {last} in its own", all[0]);
            (Some(last == 1), inside)
        }
    }
}

fn own_proc(sides: &Sides) -> Judged {
    let theirs = sides.theirs.process.namespaces[index(Namespace::Pid)];
    match (&sides.theirs.first, sides.has(Namespace::Pid)) {
        (_, Some(false)) => (
            Some(false),
            "it has no pid namespace of its own to show".into(),
        ),
        (Err(unread), _) => {
            // That there is none is seen; that it can't be read, is not.
            let because = unread.because.as_str();
            let seen = because.starts_with("on its /proc") || because.starts_with("nothing is");
            (seen.then_some(false), because.into())
        }
        (Ok(first), _) => match (first.namespace, theirs) {
            (Some(shown), Some(own)) if shown == own => (
                Some(true),
                format!("process 1 there is in pid:[{own}], as it is"),
            ),
            (Some(shown), Some(own)) => (
                Some(false),
                format!("process 1 there is in pid:[{shown}], it itself in pid:[{own}]"),
            ),
            _ => (None, "the link to a pid namespace can't be read".into()),
        },
    }
}

fn layers(sides: &Sides) -> Judged {
    if let Err(unread) = &sides.theirs.mounts {
        return (None, unread.because.clone());
    }
    match sides.root_mount() {
        Some(mount) if mount.fstype == "overlay" => {
            let upper = mount
                .super_options
                .iter()
                .any(|option| option.starts_with("upperdir="));
            let words = match upper {
                true => "its / is an overlay with an upper layer",
                false => "its / is an overlay of read-only layers",
            };
            (Some(upper), words.into())
        }
        Some(mount) => (Some(false), format!("its / is of type {}", mount.fstype)),
        None => (
            Some(false),
            "nothing is mounted on its /: it is a directory of another mount".into(),
        ),
    }
}

fn own_root(sides: &Sides) -> Judged {
    let roots = match sides.machine_roots() {
        Ok(roots) => roots,
        Err(unread) => return (None, unread.because),
    };
    if let [first, rest @ ..] = roots.as_slice() {
        let more = match rest.len() {
            0 => String::new(),
            n => format!(", and at {n} more"),
        };
        return (Some(false), format!("it is mounted at {}{more}", at(first)));
    }
    match &sides.theirs.process.root {
        None => (None, format!("/proc/{}/root can't be read", sides.pid())),
        Some(root) if root.as_os_str() == "/" => (
            Some(true),
            "no line of its mountinfo shows it, and its root link is /".into(),
        ),
        Some(root) => (
            Some(false),
            format!(
                "its root is {}: a directory that the rest lies around",
                root.display()
            ),
        ),
    }
}

/// Where a mount is, and whether it can be written to.
pub(super) fn at(mount: &Mount) -> String {
    let ro = mount.options.split(',').any(|option| option == "ro");
    format!("{} ({})", mount.point, if ro { "ro" } else { "rw" })
}

fn own(sides: &Sides, kind: Namespace) -> Judged {
    let name = kind.proc_name();
    let inode = |side: &crate::probe::Target| side.process.namespaces[index(kind)].unwrap_or(0);
    match sides.has(kind) {
        Some(true) => (
            Some(true),
            format!(
                "{name}:[{}], yours {name}:[{}]",
                inode(sides.theirs),
                inode(sides.yours)
            ),
        ),
        Some(false) => (
            Some(false),
            format!("{name}:[{}] is yours as well", inode(sides.theirs)),
        ),
        None => (
            None,
            format!("/proc/{}/ns/{name} can't be read", sides.pid()),
        ),
    }
}

fn held(sides: &Sides, ceiling: Ceiling, most: u64) -> Judged {
    match sides.least(ceiling) {
        Err(unread) => (None, unread.because),
        Ok(None) => (Some(false), "no group above it sets a limit".into()),
        Ok(Some(least)) => (
            Some(least.value <= most),
            format!(
                "{}, by {}",
                amount(ceiling, least.value),
                least.file.display()
            ),
        ),
    }
}

fn privileges(sides: &Sides) -> Judged {
    let Some(set) = sides.effective() else {
        return (None, "its status tells no capabilities".into());
    };
    let count = set.count_ones();
    let words = match sides.is_almighty() {
        true => format!("all {count} capabilities that there are here"),
        false => format!("{count} capabilities"),
    };
    match sides.has(Namespace::User) {
        Some(true) => (
            Some(true),
            format!("{words}, in a user namespace of its own"),
        ),
        Some(false) => (
            Some(count <= MOST_CAPABILITIES),
            format!("{words}, in your user namespace"),
        ),
        // Few are few wherever they are.
        None if count <= MOST_CAPABILITIES => (Some(true), words),
        None => (
            None,
            format!("{words}; whether in a user namespace of its own can't be read"),
        ),
    }
}

/// Whether it may call chroot(2), and so leave a directory that is all that holds it.
pub(super) fn may_leave_a_chroot(sides: &Sides) -> bool {
    sides
        .effective()
        .is_some_and(|set| capabilities::has(set, "SYS_CHROOT"))
}
