//! What may stand in the way of any call: what has been checked comes before
//! what is merely there, which is called no cause.

use super::remedy::{self, Why, why};
use super::settings::{Container, Settings};
use crate::base::Errno;

const PLAIN_TERMINAL: &str =
    "start glassbox from a plain terminal, outside of any sandbox (Flatpak, Snap, a service)";

/// EPERM and EACCES: what may stand in the way of any call. First what has been
/// checked, then what is merely there.
pub(super) fn forbidden(stage: &str, code: i32, settings: &Settings) -> Option<Why> {
    if code != libc::EPERM && code != libc::EACCES {
        return None;
    }
    chroot(stage, settings)
        .or_else(|| userns_clone(settings))
        .or_else(|| filtered(stage, code, settings))
        .or_else(|| lacking(stage, settings))
        .or_else(|| apparmor(settings))
        .or_else(|| confined(code, settings))
        .or_else(|| candidates(settings))
}

/// A capability that the call takes, and that this root hasn't: namespaces(7),
/// user_namespaces(7), capabilities(7).
fn lacking(stage: &str, settings: &Settings) -> Option<Why> {
    let call = stage
        .split(|c: char| !c.is_alphanumeric() && c != '_')
        .next();
    let needed: &[&str] = match call.unwrap_or_default() {
        // One's own id alone takes none, but if it is 0 (Linux 5.12).
        "write" if stage.contains("/self/uid_map") => &["CAP_SETFCAP"],
        "write" if stage.contains("/self/gid_map") => &[],
        "write" if stage.contains("uid_map") => &["CAP_SETUID", "CAP_SETFCAP"],
        "write" if stage.contains("gid_map") => &["CAP_SETGID"],
        "setresuid" => &["CAP_SETUID"],
        "setresgid" | "setgroups" => &["CAP_SETGID"],
        "unshare" | "clone" | "clone3" if stage.contains("CLONE_NEWUSER") => &[],
        "unshare" | "clone" | "clone3" | "setns" | "mount" | "umount2" | "pivot_root"
        | "sethostname" => &["CAP_SYS_ADMIN"],
        "RTM_NEWLINK" | "RTM_SETLINK" => &["CAP_NET_ADMIN"],
        "mkdir" | "open" => &["CAP_DAC_OVERRIDE"],
        "chown" => &["CAP_CHOWN"],
        "mknod" => &["CAP_MKNOD"],
        _ => &[],
    };
    let lacks = &settings.caller.lacks;
    let missing = needed.iter().find(|name| lacks.contains(name))?;
    let short = missing.trim_start_matches("CAP_");
    let add = match &settings.container {
        Some(Container::Docker) => Some("docker"),
        Some(Container::Podman) => Some("podman"),
        _ => None,
    };
    Some(why(
        format!("root here lacks the capability {missing}, which the call takes"),
        [match &settings.container {
            Some(container) => remedy::outside(container),
            None => "start glassbox from a session of root's that has all capabilities, \
                     see `grep CapEff /proc/self/status`"
                .into(),
        }]
        .into_iter()
        .chain(
            add.map(|engine| {
                format!("start the container with `{engine} run --cap-add {short} …`")
            }),
        ),
    ))
}

/// What is there and may be why, where nothing has been shown to be.
fn candidates(settings: &Settings) -> Option<Why> {
    let mut may = Vec::new();
    let mut remedy = Vec::new();
    let container = settings.container.as_ref();
    if settings.caller.seccomp_filter {
        may.push("the seccomp filter around this session".to_string());
        if container.is_none() {
            remedy.push(PLAIN_TERMINAL.to_string());
        }
    }
    if let Some(profile) = &settings.apparmor.profile {
        may.push(format!("the AppArmor profile `{profile}`"));
        remedy.push("start glassbox from a session that no profile confines".into());
    }
    if settings.caller.nested_user_namespace {
        may.push("the user namespace that this session runs in".into());
        if container.is_none() {
            remedy.push("start glassbox outside of that user namespace".into());
        }
    }
    if let Some(container) = container {
        may.push(format!(
            "how this {} container was set up",
            remedy::name(container)
        ));
        remedy.push(remedy::outside(container));
        remedy.extend(remedy::loosened(container));
    }
    let may = match may.as_slice() {
        [] => return None,
        [only] => only.clone(),
        [rest @ .., last] => format!("{} or {last}", rest.join(", ")),
    };
    Some(why(
        format!("no check of this host shows why; it may be {may}"),
        remedy,
    ))
}

/// clone(2), EPERM: a user namespace would hold the right to leave the chroot.
fn chroot(stage: &str, settings: &Settings) -> Option<Why> {
    (settings.chroot && stage.contains("CLONE_NEWUSER")).then(|| {
        why(
            "this session runs in a chroot, and the kernel makes no user namespace there",
            ["start glassbox outside of the chroot".into()],
        )
    })
}

/// Debian's own switch.
fn userns_clone(settings: &Settings) -> Option<Why> {
    let off = settings.userns_clone == Some(false) && !settings.caller.sys_admin;
    off.then(|| {
        let sysctl = "kernel.unprivileged_userns_clone";
        why(
            format!("ordinary users may not make user namespaces here: {sysctl} is 0"),
            remedy::sudo(settings).into_iter().chain([format!(
                "allow it, until the next boot: `sudo sysctl {sysctl}=1`"
            )]),
        )
    })
}

/// Any other AppArmor profile. The kernel itself answers EPERM where it can
/// choose; EACCES to one that has the right is a security module's answer.
fn confined(code: i32, settings: &Settings) -> Option<Why> {
    let profile = settings.apparmor.profile.as_ref()?;
    (code == libc::EACCES).then(|| {
        why(
            format!("the AppArmor profile `{profile}` confines this session and may forbid it"),
            ["start glassbox from a session that no profile confines".into()],
        )
    })
}

/// Ubuntu since 23.10: the user namespace is made, and then has no rights.
pub(super) fn apparmor(settings: &Settings) -> Option<Why> {
    let profile = settings.apparmor.profile.as_deref();
    let restricted = profile == Some("unprivileged_userns")
        || settings.apparmor.restricts_userns && !settings.caller.sys_admin;
    restricted.then(|| {
        let sysctl = "kernel.apparmor_restrict_unprivileged_userns";
        why(
            "AppArmor takes all rights from a user namespace that an ordinary user makes",
            remedy::sudo(settings).into_iter().chain([
                "give glassbox an AppArmor profile with the rule `userns,`".into(),
                format!(
                    "lift it for every program, until the next boot: `sudo sysctl {sysctl}=0` \
                     (that weakens the whole machine)"
                ),
            ]),
        )
    })
}

/// What stands before the kernel, as a trial has shown: it answers without a
/// look at the arguments, with any errno that it likes.
pub(super) fn filtered(stage: &str, code: i32, settings: &Settings) -> Option<Why> {
    let call = stage.split('(').next().unwrap_or_default();
    let shown = |call: &&str| settings.trial.refused.get(*call) == Some(&Errno(code));
    tried_as(call).iter().find(|call| shown(call))?;
    if !settings.caller.seccomp_filter {
        return Some(why(
            format!(
                "{call} is refused before the kernel looks at its arguments, and no seccomp filter \
                 stands before it: a security module may"
            ),
            ["see which are active: `cat /sys/kernel/security/lsm`".into()],
        ));
    }
    Some(match &settings.container {
        Some(container) => why(
            format!(
                "the seccomp filter of this {} container refuses {call} before the kernel sees it",
                remedy::name(container)
            ),
            [remedy::outside(container)]
                .into_iter()
                .chain(remedy::loosened(container)),
        ),
        None => why(
            format!(
                "a seccomp filter around this session refuses {call} before the kernel sees it"
            ),
            [PLAIN_TERMINAL.into()],
        ),
    })
}

/// The calls of the kernel's that a call by the C library's name may be, of those
/// that are tried.
pub fn tried_as(call: &str) -> Vec<&str> {
    let at = match call {
        "mkdir" => "mkdirat",
        "mknod" => "mknodat",
        "chown" | "lchown" => "fchownat",
        "symlink" => "symlinkat",
        "open" => "openat",
        "chmod" => "fchmodat",
        "unlink" | "rmdir" => "unlinkat",
        "setxattr" => "lsetxattr",
        "fork" => "clone",
        _ => return vec![call],
    };
    vec![call, at]
}

/// ENOSYS: a filter that plays an old kernel, or an old kernel.
pub(super) fn no_call(stage: &str, settings: &Settings) -> Why {
    filtered(stage, libc::ENOSYS, settings).unwrap_or_else(|| {
        why(
            match settings.caller.seccomp_filter {
                true => {
                    "this kernel doesn't have the system call, or the seccomp filter around \
                     this session says so in its place"
                }
                false => "this kernel doesn't have the system call",
            },
            ["start a newer kernel (clone3 came with Linux 5.3)".into()],
        )
    })
}
