//! Rows of the root directory: what it is, of which layers, and what is bound in.

use super::container::at;
use super::form::{Answer, Row};
use super::sides::Sides;
use crate::base::quoted;
use crate::plan::Namespace;
use crate::probe::Unread;
use crate::probe::mountinfo::{self, Mount};
use std::path::{Path, PathBuf};

/// More binds than this aren't told one by one.
const MOST_BINDS: usize = 40;

/// Its root, what is mounted there, the layers of that, and binds.
pub(super) fn root(sides: &Sides) -> Vec<Row> {
    let pid = sides.pid();
    let link = |side: &crate::probe::Target| {
        let root = side
            .process
            .root
            .as_ref()
            .map(|root| root.display().to_string());
        root.ok_or_else(|| sides.denied("root"))
    };
    let command = format!("readlink /proc/{pid}/root");
    let mut rows = vec![Row {
        yours: link(sides.yours).ok().map(Answer::Seen),
        means: match link(sides.theirs).as_deref() {
            Ok("/") | Err(_) => None,
            Ok(_) => Some("a directory of the mounts around it, not their top".into()),
        },
        ..Row::new(
            "root",
            "Root directory",
            sides.answer(link(sides.theirs), &command, |root| root),
            "by-hand",
            command.clone(),
        )
    }];
    let mounts = sides.theirs.mounts.as_ref().map_err(Unread::clone);
    let command = format!("findmnt --task {pid} /");
    rows.push(Row::new(
        "root-mount",
        "What is mounted on /",
        sides.answer(mounts, &command, |_| match sides.root_mount() {
            Some(mount) => match mount.root.as_str() {
                "/" => mount.fstype.clone(),
                root => format!("{} of {}, {}", root, mount.device, mount.fstype),
            },
            None => "nothing: it is a directory of another mount".into(),
        }),
        "mount",
        command.clone(),
    ));
    if sides
        .root_mount()
        .is_some_and(|mount| mount.fstype == "overlay")
    {
        let layers = sides.theirs.layers.as_ref().map_err(Unread::clone);
        rows.push(Row::new(
            "layers",
            "Its layers",
            sides.answer(layers, &command, |stack| {
                let paths: Vec<&str> = stack
                    .layers
                    .iter()
                    .map(|layer| layer.path.as_str())
                    .collect();
                paths.join(", ")
            }),
            "figure",
            format!("findmnt --task {pid} --output OPTIONS /"),
        ));
    }
    if sides.has(Namespace::Mount) != Some(false) {
        rows.extend(binds(sides));
    }
    rows
}

/// What is bound into its mounts, and from where.
fn binds(sides: &Sides) -> Vec<Row> {
    let Ok(mounts) = &sides.theirs.mounts else {
        return Vec::new();
    };
    let yours = sides.yours.mounts.as_deref().unwrap_or_default();
    let bound: Vec<&Mount> = mounts
        .iter()
        .filter(|mount| mount.root != "/" && !mount.fstype.starts_with("cgroup"))
        .filter(|mount| mountinfo::is_visible(mount, mounts))
        // What you have at the same place came with the copy of your mounts.
        .filter(|mount| {
            !yours.iter().any(|other| {
                (&other.device, &other.root, &other.point)
                    == (&mount.device, &mount.root, &mount.point)
            })
        })
        .collect();
    let command = |point: &str| format!("findmnt --task {} {}", sides.pid(), quoted(point));
    let mut rows: Vec<Row> = bound
        .iter()
        .take(MOST_BINDS)
        .map(|mount| {
            let whole: Vec<Mount> = mounts
                .iter()
                .filter(|one| one.root == "/")
                .cloned()
                .collect();
            let from = match (place_of(mount, yours), place_of(mount, &whole)) {
                (Some(path), _) => path.display().to_string(),
                (None, Some(path)) => format!("{} of its own", path.display()),
                (None, None) => format!("{} of device {}", mount.root, mount.device),
            };
            Row::new(
                "bind",
                &format!("Bound at {}", at(mount)),
                Answer::Seen(format!("from {from}")),
                "mount",
                command(&mount.point),
            )
        })
        .collect();
    if bound.len() > MOST_BINDS {
        rows.push(Row::new(
            "binds",
            "Bound in all",
            Answer::Seen(format!("{}; the first {MOST_BINDS} are above", bound.len())),
            "mount",
            format!("findmnt --task {}", sides.pid()),
        ));
    }
    rows
}

/// Where the observer has what a mount shows.
fn place_of(mount: &Mount, yours: &[Mount]) -> Option<PathBuf> {
    yours
        .iter()
        .filter(|other| other.device == mount.device && mountinfo::is_visible(other, yours))
        .find_map(|other| {
            let below = Path::new(&mount.root).strip_prefix(&other.root).ok()?;
            let path = Path::new(&other.point).components();
            Some(path.chain(below.components()).collect())
        })
}
