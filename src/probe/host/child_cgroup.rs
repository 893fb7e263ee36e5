//! Why no group can be made for a run.

use super::forbidden::forbidden;
use super::remedy::{self, Why, unexplained, why};
use super::settings::Settings;
use crate::probe::cgroups::Version;

pub(super) fn child_cgroup(stage: &str, code: i32, settings: &Settings) -> Why {
    // The machine's root has its manager to ask, anybody else their own.
    let root = settings.caller.uid == 0 && settings.caller.sys_admin;
    let by_hand = match root {
        true => "`systemd-run --scope -p Delegate=yes glassbox`",
        false => "`systemd-run --user --scope -p Delegate=yes glassbox`",
    };
    let scope = || match &settings.no_scope {
        Some(answer) if root => Some(format!(
            "see to it that {by_hand} works; asked just now, it answered: {answer}"
        )),
        Some(answer) => Some(format!(
            "log in as yourself (at a console or by ssh, not through su or sudo), so that \
             {by_hand} works; asked just now, it answered: {answer}"
        )),
        None => settings
            .systemd
            .then(|| format!("start it in a group of its own: {by_hand}")),
    };
    match code {
        0 => why(
            "this session stands at the root of every hierarchy, so there is nothing to hide",
            scope().into_iter().chain(remedy::sudo(settings)),
        ),
        libc::EROFS => match &settings.container {
            Some(container) => why(
                format!(
                    "the cgroup filesystem of this {} container is read-only",
                    remedy::name(container)
                ),
                [remedy::outside(container)]
                    .into_iter()
                    .chain(remedy::writable_cgroups(container)),
            ),
            None => why(
                "the cgroup filesystem is mounted read-only",
                ["see how: `grep cgroup /proc/self/mountinfo`".into()],
            ),
        },
        libc::EACCES | libc::EPERM
            if settings.caller.uid != 0 && settings.cgroups == Some(Version::V1) =>
        {
            why(
                "in version 1 the cgroups belong to root",
                remedy::sudo(settings),
            )
        }
        libc::EACCES | libc::EPERM if settings.caller.uid == 0 => {
            forbidden(stage, code, settings).unwrap_or_else(|| unexplained(settings))
        }
        libc::EACCES | libc::EPERM => why(
            "this session's cgroup is not delegated to this user",
            scope().into_iter().chain(remedy::sudo(settings)),
        ),
        // cgroup-v2.rst, "No Internal Process Constraint": no other reason there.
        libc::EBUSY if stage.contains("cgroup.subtree_control") || joining_v2(stage, settings) => {
            why(
                "a cgroup has either processes of its own or children with controllers, not both",
                scope()
                    .into_iter()
                    .chain(["move the session's processes to a child cgroup first".into()]),
            )
        }
        libc::EBUSY if stage.contains("memory.") => why(
            "version 1 can't take so much memory back from who is in the group",
            ["choose a limit above what they use, see `memory.usage_in_bytes`".into()],
        ),
        libc::ENOENT if stage.contains("subtree_control") && settings.cgroup_namespace => why(
            "this session runs in a cgroup namespace whose root was not handed the controller: \
             cgroup.controllers doesn't list it",
            ["start glassbox outside of that cgroup namespace".into()],
        ),
        libc::ENOENT if stage.contains("subtree_control") && (root || !settings.systemd) => why(
            "the controller is not handed down to this cgroup: cgroup.controllers doesn't list it",
            [
                "see where it ends: `cat /sys/fs/cgroup/cgroup.subtree_control`, and the same \
              file of each group down to the one in `/proc/self/cgroup`"
                    .into(),
            ],
        ),
        libc::ENOENT if stage.contains("subtree_control") => why(
            "the controller is not handed down to this cgroup: cgroup.controllers doesn't list it",
            [
                "as root, put `Delegate=cpu cpuset io memory pids` below `[Service]` into \
              /etc/systemd/system/user@.service.d/delegate.conf, then log in again"
                    .into(),
            ],
        ),
        libc::ENOENT if settings.is_wsl2() => why(
            "WSL 2 doesn't show the cgroups where other machines do",
            [
                "let systemd manage them: `[boot]` and `systemd=true` in /etc/wsl.conf, then \
              `wsl --shutdown` from Windows"
                    .into(),
            ],
        ),
        libc::ENOENT => why(
            "no cgroup filesystem is mounted that shows this session's cgroup",
            ["see what is mounted: `grep cgroup /proc/self/mountinfo`".into()],
        ),
        libc::EAGAIN if stage.starts_with("flock(") => why(
            "another process holds the lock on the cgroup's directory",
            ["see which: `lslocks`; another run holds it for a moment only".into()],
        ),
        libc::EAGAIN => why(
            "the cgroup above allows no more descendants (cgroup.max.descendants)",
            scope(),
        ),
        _ => unexplained(settings),
    }
}

/// Whether a process was to join a group of version 2.
fn joining_v2(stage: &str, settings: &Settings) -> bool {
    stage.contains("cgroup.procs") && settings.cgroups == Some(Version::V2)
}
