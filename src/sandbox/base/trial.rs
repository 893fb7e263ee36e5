//! A counter-experiment: what stands between this session and the kernel, tried
//! by a process of its own, which ends with its answer.
//!
//! It goes into a new namespace of each kind that it can get, where it is root
//! of all that those hold, and makes calls without one valid argument. A kernel
//! that lets it in would find fault with the arguments; whoever answers EPERM,
//! EACCES or ENOSYS has not looked at them, and stands before the kernel.

use super::anew::OWN_FILE;
use crate::plan::Namespace;
use crate::probe::host::Trial;
use crate::sandbox::sys;
use nix::sched::{CloneFlags, unshare};
use std::ffi::OsStr;
use std::io::{Read, Write};
use std::process::{Command, ExitCode, Stdio};

/// The argument with which this program, executed anew, is a trial.
const TRIAL: &str = "glassbox-trial";
/// How many seconds it may take, alarm(2).
const SECONDS: u32 = 5;
/// The calls that are tried, of which an architecture may lack some.
const CALLS: [&str; 36] = [
    "unshare",
    "clone3",
    "setns",
    "mount",
    "umount2",
    "pivot_root",
    "sethostname",
    "socket",
    "bind",
    "listen",
    "connect",
    "msgget",
    "memfd_create",
    "mkdirat",
    "mknodat",
    "fchownat",
    "symlinkat",
    "kill",
    "openat",
    "unlinkat",
    "fchmodat",
    "lsetxattr",
    "sendfile",
    "copy_file_range",
    "pidfd_open",
    "sched_setaffinity",
    "setresuid",
    "setresgid",
    "mkdir",
    "mknod",
    "chown",
    "lchown",
    "symlink",
    "unlink",
    "rmdir",
    "chmod",
];

/// Has it tried. A host on which no process can be started shows nothing.
pub fn trial() -> Trial {
    let started = Command::new(OWN_FILE)
        .args([TRIAL])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut child) = started else {
        return Trial::default();
    };
    let mut told = Vec::new();
    let read = child
        .stdout
        .take()
        .map(|mut out| out.read_to_end(&mut told));
    // Whoever reaps all children here may have been first.
    let _ = child.wait();
    match read {
        Some(Ok(_)) => serde_json::from_slice(&told).unwrap_or_default(),
        Some(Err(_)) | None => Trial::default(),
    }
}

/// Lives the life of a trial, if this process was started as one.
pub(in crate::sandbox) fn live(arguments: &[&OsStr]) -> Option<ExitCode> {
    match arguments {
        [_, word] if *word == TRIAL => {}
        _ => return None,
    }
    sys::reset_signals();
    nix::unistd::alarm::set(SECONDS);
    let told = serde_json::to_vec(&tried()).unwrap_or_default();
    Some(match std::io::stdout().write_all(&told) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    })
}

fn tried() -> Trial {
    let mut trial = Trial::default();
    // The user namespace before the others: it gives the rights to make them.
    let kinds = Namespace::ALL
        .into_iter()
        .filter(|ns| *ns != Namespace::User);
    for ns in [Namespace::User].into_iter().chain(kinds) {
        let flag = CloneFlags::from_bits_retain(ns.clone_flag() as i32);
        if unshare(flag).is_ok() {
            trial.made.insert(ns);
        }
    }
    for name in CALLS {
        if let Some(Err(errno)) = sys::without_arguments(name)
            && [libc::EPERM, libc::EACCES, libc::ENOSYS].contains(&errno.0)
            && owned(name, &trial)
        {
            trial.refused.insert(name.into(), errno);
        }
    }
    trial
}

/// Whether the kernel itself has nothing against the call: what it checks before
/// the arguments is a capability in the namespace that the call changes.
fn owned(name: &str, trial: &Trial) -> bool {
    let made = |ns| trial.made.contains(&ns);
    match name {
        "mount" | "umount2" | "pivot_root" => made(Namespace::User) && made(Namespace::Mount),
        "sethostname" => made(Namespace::User) && made(Namespace::Uts),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_call_is_in_the_table_and_changes_nothing() {
        for name in CALLS {
            // This process may lack the capability, and nothing else is let through.
            let answer = sys::without_arguments(name);
            let kept = ["setresuid", "setresgid"].contains(&name);
            assert!(
                answer.is_none_or(|answer| answer.is_err() != kept),
                "{name}"
            );
        }
        assert_eq!(sys::without_arguments("reboot"), None);
    }
}
