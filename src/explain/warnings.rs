//! What would get out, from facts alone: each is something that was seen, and
//! what it lets its holder do.

use super::container::{at, may_leave_a_chroot};
use super::form::Warning;
use super::sides::Sides;
use crate::plan::Namespace;
use crate::probe::mountinfo;

/// The warnings. None for a process that nothing holds in the first place.
pub(super) fn warnings(sides: &Sides) -> Vec<Warning> {
    let pid = sides.pid();
    let warn = |id: &str, text: String, step: &str, command: String| Warning {
        id: id.into(),
        text,
        step: step.into(),
        command,
    };
    let own = sides.own().unwrap_or_default();
    let moved = sides.theirs.process.root.is_some()
        && sides.theirs.process.root != sides.yours.process.root;
    let mut found = Vec::new();
    if own.is_empty() {
        if moved && may_leave_a_chroot(sides) {
            found.push(warn(
                "chroot",
                "It has CAP_SYS_CHROOT and the machine's mounts: a chroot doesn't hold it.".into(),
                "by-hand",
                format!("readlink /proc/{pid}/root; grep CapEff /proc/{pid}/status"),
            ));
        }
        return found;
    }
    let own_root = sides.stands_on_machine_root() == Some(false);
    for engine in sides.theirs.engines.iter().flatten() {
        // On the machine's own root everybody finds it.
        if own_root {
            let (uid, gid, mode) = engine.owner;
            found.push(warn(
                "engine-socket",
                format!(
                    "An engine listens on {} (uid {uid}, gid {gid}, mode {mode:o}): who may write \
                     to it makes containers with any directory of the machine in them.",
                    engine.path
                ),
                "mount",
                format!("ls -l /proc/{pid}/root{}", engine.path),
            ));
        }
    }
    for mount in sides.machine_roots().unwrap_or_default() {
        // A service that only has its own /tmp was never meant to lose sight of /.
        if sides.has(Namespace::Mount) == Some(true) && (own.len() > 2 || mount.point != "/") {
            found.push(warn(
                "machine-root",
                format!("The machine's root directory is mounted at {}.", at(mount)),
                "mount",
                format!("findmnt --task {pid} {}", crate::base::quoted(&mount.point)),
            ));
        }
    }
    if sides.has(Namespace::User) == Some(false) && sides.is_almighty() {
        found.push(warn(
            "almighty",
            "It has all capabilities without a user namespace: none is missing for mounting the \
             machine's disks or loading modules."
                .into(),
            "user",
            format!("grep CapEff /proc/{pid}/status"),
        ));
    }
    if own_root || sides.has(Namespace::Mount) == Some(true) && own.len() > 2 {
        for (kind, id, text) in [
            (
                Namespace::Pid,
                "machine-pids",
                "It counts the machine's processes: it sees them, and may signal those of its user.",
            ),
            (
                Namespace::Net,
                "machine-network",
                "Its network is the machine's: what listens on 127.0.0.1 or on an abstract socket \
                 is there for it.",
            ),
        ] {
            if sides.has(kind) == Some(false) {
                let name = kind.proc_name();
                let command = format!("readlink /proc/{pid}/ns/{name} /proc/self/ns/{name}");
                found.push(warn(id, text.into(), name, command));
            }
        }
    }
    if own_root && let Some(mount) = machine_devices(sides) {
        found.push(warn(
            "machine-devices",
            format!("The machine's /dev is mounted at {mount}: every device node of the machine is in there."),
            "mount",
            format!("findmnt --task {pid} --types devtmpfs"),
        ));
    }
    found
}

/// Where it has the machine's devtmpfs, if its root is its own.
fn machine_devices(sides: &Sides) -> Option<String> {
    if sides.has(Namespace::Mount) != Some(true) {
        return None;
    }
    let mounts = sides.theirs.mounts.as_ref().ok()?;
    mounts
        .iter()
        .find(|mount| {
            mount.fstype == "devtmpfs" && mount.root == "/" && mountinfo::is_visible(mount, mounts)
        })
        .map(at)
}
