//! Whose container, service or sandbox a process belongs to: told by the names of
//! its cgroups and of its parents, as each maker documents or writes them. No
//! engine is asked.

use super::form::Kind;
use crate::probe::Process;
use crate::probe::cgroups::{Membership, Memberships};

/// What it is, which one, and how that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) kind: Kind,
    pub(super) id: String,
    pub(super) because: String,
}

/// Programs that shut parts of themselves in.
const BROWSERS: [&str; 16] = [
    "chrome",
    "chromium",
    "firefox",
    "firefox-esr",
    "brave",
    "msedge",
    "opera",
    "vivaldi-bin",
    "Web Content",
    "Isolated Web Co",
    "Privileged Cont",
    "WebExtensions",
    "electron",
    "code",
    "codium",
    "slack",
];

/// Judges a process by its cgroups and by those above it, the parent first.
/// `apart` tells whether it has namespaces or a root directory of its own.
pub(super) fn kind(
    process: &Process,
    parents: &[&Process],
    apart: bool,
    observer: &Process,
) -> Known {
    let place = place(&process.groups, &observer.groups);
    let by_group = of_group(&place, parents);
    let plain = matches!(
        by_group.kind,
        Kind::Service | Kind::Scope | Kind::Group | Kind::Process
    );
    match apart && plain {
        true => of_names(process, parents, &place).unwrap_or(by_group),
        false => by_group,
    }
}

/// The one path that tells most of where a process stands: of those that differ
/// from the observer's, or else of all, systemd's, then that of the unified
/// hierarchy, then the longest.
pub(super) fn place(groups: &Memberships, yours: &Memberships) -> String {
    let all: Vec<&Membership> = groups.iter().filter(|member| member.path != "/").collect();
    let other = |member: &&&Membership| !yours.iter().any(|own| own == **member);
    let differing: Vec<&Membership> = all.iter().filter(other).copied().collect();
    let some = if differing.is_empty() { all } else { differing };
    let systemd = |member: &&&Membership| member.controllers == ["name=systemd"];
    let unified = |member: &&&Membership| member.hierarchy == 0;
    some.iter()
        .find(systemd)
        .or_else(|| some.iter().find(unified))
        .or_else(|| some.iter().max_by_key(|member| member.path.len()))
        .map_or("/".into(), |member| member.path.clone())
}

fn of_group(place: &str, parents: &[&Process]) -> Known {
    let parts: Vec<&str> = place.split('/').filter(|part| !part.is_empty()).collect();
    let by = |kind, id: &str| Known {
        kind,
        id: id.into(),
        because: format!("its cgroup is {place}"),
    };
    // From the innermost outwards: a container in a container is its own.
    for (index, part) in parts.iter().enumerate().rev() {
        let above = index.checked_sub(1).map(|above| parts[above]);
        if let Some(known) = container(part, above, &parts) {
            return by(known.0, &known.1);
        }
        if is_id(part)
            && let Some((shim, client)) = shim(parents)
        {
            let kind = match client {
                Some("moby") => Kind::Docker,
                _ => Kind::Containerd,
            };
            return Known {
                kind,
                id: (*part).into(),
                because: format!(
                    "its cgroup is {place}, and process {shim} above it is a containerd-shim{}",
                    client.map_or(String::new(), |client| format!(" for {client}"))
                ),
            };
        }
        if let Some(kind) = unit(part) {
            return by(kind, part);
        }
    }
    match place {
        "/" => Known {
            kind: Kind::Process,
            id: "/".into(),
            because: "it is in the root cgroup".into(),
        },
        path => by(Kind::Group, path),
    }
}

/// A container by the name of its group, and that of the group above.
fn container(part: &str, above: Option<&str>, parts: &[&str]) -> Option<(Kind, String)> {
    let scope = part.strip_suffix(".scope").unwrap_or(part);
    for (prefix, kind) in [
        ("docker-", Kind::Docker),
        ("libpod-", Kind::Podman),
        ("cri-containerd-", Kind::Containerd),
        ("crio-", Kind::CriO),
    ] {
        if let Some(id) = scope.strip_prefix(prefix).filter(|id| is_id(id)) {
            return Some((kind, id.into()));
        }
    }
    if is_id(part) {
        match above {
            Some("docker") => return Some((Kind::Docker, part.into())),
            Some("libpod_parent") => return Some((Kind::Podman, part.into())),
            _ if parts.iter().any(|part| part.starts_with("kubepods")) => {
                return Some((Kind::Containerd, part.into()));
            }
            _ => {}
        }
    }
    if let Some(name) = part.strip_prefix("lxc.payload.") {
        return Some((Kind::Lxc, name.into()));
    }
    if above == Some("lxc") {
        return Some((Kind::Lxc, part.into()));
    }
    if let Some(name) = part.strip_prefix("systemd-nspawn@") {
        return Some((Kind::Nspawn, name.trim_end_matches(".service").into()));
    }
    if above == Some("machine.slice") && part.starts_with("machine-") {
        return Some((Kind::Nspawn, scope.trim_start_matches("machine-").into()));
    }
    if let Some(app) = scope.strip_prefix("app-flatpak-") {
        // The last number tells one start from another.
        let app = app.rsplit_once('-').map_or(app, |(app, _)| app);
        return Some((Kind::Flatpak, app.into()));
    }
    if part.starts_with("snap.") {
        return Some((Kind::Snap, part.into()));
    }
    part.starts_with("glassbox-")
        .then(|| (Kind::Glassbox, part.into()))
}

fn unit(part: &str) -> Option<Kind> {
    match part.rsplit_once('.')?.1 {
        "service" => Some(Kind::Service),
        "scope" => Some(Kind::Scope),
        _ => None,
    }
}

/// Engines name a container by 64 hexadecimal digits.
fn is_id(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn shim<'p>(parents: &[&'p Process]) -> Option<(i32, Option<&'p str>)> {
    parents
        .iter()
        .find(|parent| parent.stat.name.starts_with("containerd-shim"))
        .map(|shim| (shim.pid, shim.client.as_deref()))
}

/// By the names of the process and of those above it, where it is known to be apart.
fn of_names(process: &Process, parents: &[&Process], place: &str) -> Option<Known> {
    let chain = || std::iter::once(process).chain(parents.iter().copied());
    let named =
        |names: &[&str]| chain().find(|one| names.iter().any(|name| one.stat.name == *name));
    let known = |kind, by: &Process| Known {
        kind,
        id: place.into(),
        because: match by.pid == process.pid {
            true => format!("its name is {}", by.stat.name),
            false => format!("process {} above it is {}", by.pid, by.stat.name),
        },
    };
    if let Some(by) = named(&["bwrap"]) {
        return Some(known(Kind::Bubblewrap, by));
    }
    if let Some(by) = named(&BROWSERS) {
        return Some(known(Kind::Browser, by));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_tell_whose_they_are() {
        let id = "0123456789abcdef".repeat(4);
        for (path, kind, known) in [
            (format!("/docker/{id}"), Kind::Docker, id.as_str()),
            (
                format!("/system.slice/docker-{id}.scope"),
                Kind::Docker,
                &id,
            ),
            (
                format!(
                    "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-{id}.scope/container"
                ),
                Kind::Podman,
                &id,
            ),
            (
                format!("/machine.slice/libpod-conmon-{id}.scope"),
                Kind::Scope,
                "libpod-conmon-",
            ),
            (
                format!("/kubepods/burstable/pod1/{id}"),
                Kind::Containerd,
                &id,
            ),
            (
                format!("/kubepods.slice/kubepods-pod1.slice/cri-containerd-{id}.scope"),
                Kind::Containerd,
                &id,
            ),
            (format!("/kubepods.slice/crio-{id}.scope"), Kind::CriO, &id),
            ("/lxc/web".into(), Kind::Lxc, "web"),
            (
                "/lxc.payload.web/init.scope".into(),
                Kind::Scope,
                "init.scope",
            ),
            (
                "/machine.slice/machine-deb.scope".into(),
                Kind::Nspawn,
                "deb",
            ),
            (
                "/user.slice/app.slice/app-flatpak-org.gnome.Maps-4711.scope".into(),
                Kind::Flatpak,
                "org.gnome.Maps",
            ),
            (
                "/system.slice/snap.lxd.daemon.service".into(),
                Kind::Snap,
                "snap.lxd",
            ),
            (
                "/system.slice/ssh.service".into(),
                Kind::Service,
                "ssh.service",
            ),
            (
                "/user.slice/session-2.scope".into(),
                Kind::Scope,
                "session-2.scope",
            ),
            ("/mine/docker".into(), Kind::Group, "/mine/docker"),
            ("/docker/short".into(), Kind::Group, "/docker/short"),
            ("/".into(), Kind::Process, "/"),
        ] {
            let found = of_group(&path, &[]);
            assert_eq!(found.kind, kind, "{path}");
            assert!(found.id.starts_with(known), "{path}: {}", found.id);
        }
    }
}
