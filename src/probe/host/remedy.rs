//! What to do about a refusal: sentences that more than one cause shares.

use super::settings::{Container, Settings};

/// For a machine that is nobody's but the learner's own to lose.
const DISPOSABLE: &str = "on a disposable machine only";

/// Run the course as root, unless it already is.
pub(super) fn sudo(settings: &Settings) -> Option<String> {
    (settings.caller.uid != 0).then(|| "run it as root: `sudo glassbox`".into())
}

/// Leave the container.
pub(super) fn outside(container: &Container) -> String {
    format!(
        "run glassbox on the machine itself, outside of this {} container",
        name(container)
    )
}

/// What a container is called.
pub(super) fn name(container: &Container) -> &str {
    match container {
        Container::Docker => "Docker",
        Container::Podman => "Podman",
        Container::Lxc => "LXC",
        Container::Other(name) => name,
    }
}

/// Start the container with fewer protections: of its seccomp filter, its
/// AppArmor profile and the covers over /proc.
pub(super) fn loosened(container: &Container) -> Vec<String> {
    match container {
        Container::Docker => vec![format!(
            "start the container with `docker run --security-opt seccomp=unconfined \
             --security-opt apparmor=unconfined --security-opt systempaths=unconfined …`, {DISPOSABLE}"
        )],
        Container::Podman => vec![format!(
            "start the container with `podman run --security-opt seccomp=unconfined \
             --security-opt apparmor=unconfined --security-opt unmask=ALL …`, {DISPOSABLE}"
        )],
        Container::Lxc => nesting(),
        Container::Other(_) => Vec::new(),
    }
}

/// Let an LXC container hold containers.
pub(super) fn nesting() -> Vec<String> {
    vec![
        "allow nesting, from the host: `incus config set NAME security.nesting=true` \
         (or `lxc config set …`), then restart the container"
            .into(),
    ]
}

/// Start the container with cgroups that it may write to.
pub(super) fn writable_cgroups(container: &Container) -> Vec<String> {
    match container {
        Container::Docker => vec![
            format!(
                "start the container with `docker run --cgroupns=private \
                 --security-opt writable-cgroups=true …` (Docker 28 or later), {DISPOSABLE}"
            ),
            format!("with an older Docker, `docker run --privileged …`, {DISPOSABLE}"),
        ],
        Container::Podman => vec![format!(
            "start the container with `podman run --privileged …`, {DISPOSABLE}"
        )],
        Container::Lxc => nesting(),
        Container::Other(_) => Vec::new(),
    }
}

/// The package that has a program, as Debian names it.
pub(super) fn package(program: &str) -> Option<&'static str> {
    Some(match program {
        "hostname" => "hostname",
        "ps" | "free" | "top" | "pgrep" | "uptime" | "sysctl" | "kill" => "procps",
        "ip" | "ss" | "tc" => "iproute2",
        "ping" => "iputils-ping",
        "unshare" | "nsenter" | "lsns" | "ipcs" | "ipcmk" | "ipcrm" | "findmnt" => "util-linux",
        "mount" | "umount" => "mount",
        "cat" | "ls" | "id" | "readlink" | "sleep" | "chown" | "mkdir" | "nproc" | "uname"
        | "whoami" | "stat" | "date" | "touch" | "wc" | "head" | "tail" => "coreutils",
        "getpcaps" | "capsh" => "libcap2-bin",
        _ => return None,
    })
}

/// Why, and what to do.
pub(super) struct Why {
    pub(super) cause: String,
    pub(super) remedy: Vec<String>,
}

/// A cause, with its remedies.
pub(super) fn why(cause: impl Into<String>, remedy: impl IntoIterator<Item = String>) -> Why {
    Why {
        cause: cause.into(),
        remedy: remedy.into_iter().collect(),
    }
}

pub(super) fn unexplained(settings: &Settings) -> Why {
    why(
        "none of the known settings of this host explains it",
        sudo(settings)
            .into_iter()
            .chain(["try it on another machine, such as a fresh virtual one".into()]),
    )
}
