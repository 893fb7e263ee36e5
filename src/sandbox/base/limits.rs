//! What one process may use at most. For what a group of processes may use
//! together there are cgroups; these limits need none, and end what nobody
//! watches if everything else fails.

use super::service::Tenant;
use crate::base::Errno;
use crate::plan::{MOST_FILE, RUN_MEMORY};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use std::fs;

/// CPU seconds that one process of a demo may use.
pub(in crate::sandbox) const CPU_SECONDS: u64 = 60;

/// The most memory of its own that one process of a demo's may have: what is left
/// where no group can be made. Not RLIMIT_AS, because some programs reserve terabytes
/// of addresses that they never use.
const MOST_DATA: u64 = RUN_MEMORY.0;

/// After how many seconds a background process of a demo is ended, alarm(2), if it
/// hasn't been before. A run waits at a beat for as long as its learner likes, and what
/// stands in it must stand: so this is a lesson's length and more. Who loses its parent
/// ends at once (PR_SET_PDEATHSIG), and who computes has used its CPU time long before.
const STANDING: u32 = 4 * 60 * 60;

/// How long a file may become that a person's shell writes: room for what one
/// builds or downloads, and still little of a disk.
const SHELL_FILE: u64 = 1 << 30;

/// For an agent: a name for ps(1), and limits for what it does itself. The kernel
/// may refuse some of them; they are the second net, not the first. Those that a
/// program of another kind must not inherit are soft ones: it may raise them.
pub(in crate::sandbox) fn agent(name: &str) {
    if let Ok(name) = std::ffi::CString::new(name) {
        let _ = nix::sys::prctl::set_name(&name);
    }
    soften(Resource::RLIMIT_FSIZE, MOST_FILE.0);
    let _ = setrlimit(Resource::RLIMIT_CORE, 0, 0);
}

/// First in line when memory runs out, proc_pid_oom_score_adj(5): before the learner's
/// own programs, and before the agent, which may be in the same group. What an agent
/// maps of this program's file counts for it, and its end would free none of that.
fn first_in_line() {
    let _ = fs::write("/proc/self/oom_score_adj", "1000");
}

/// For a background process of a demo: as above, and what ends it if it goes on.
pub(in crate::sandbox) fn workload(name: &str) {
    agent(name);
    let _ = of(Tenant::Demo);
    nix::unistd::alarm::set(STANDING);
}

/// For a process that is about to execute a program of that kind. Makes nothing
/// but system calls, so it may be called between fork(2) and execve(2).
///
/// # Errors
/// Of setrlimit(2): one that isn't limited must not run.
pub(in crate::sandbox) fn of(tenant: Tenant) -> Result<(), Errno> {
    match tenant {
        // `burn` uses a second or two; a minute is a program that went astray.
        Tenant::Demo => {
            first_in_line();
            harden(Resource::RLIMIT_CPU, CPU_SECONDS)?;
            harden(Resource::RLIMIT_DATA, MOST_DATA)?;
            harden(Resource::RLIMIT_FSIZE, MOST_FILE.0)
        }
        // CPU time adds up over hours in a shell and its editor. A file that
        // `yes >file` makes ends at this length, on whatever disk it is.
        Tenant::Shell => {
            first_in_line();
            harden(Resource::RLIMIT_FSIZE, SHELL_FILE)
        }
        // What the user may use: what was softened for the agent is undone.
        Tenant::Container => {
            let (_, hard) = getrlimit(Resource::RLIMIT_FSIZE)?;
            Ok(setrlimit(Resource::RLIMIT_FSIZE, hard, hard)?)
        }
    }
}

/// Limits this process, and lets its children have more.
fn soften(resource: Resource, most: u64) {
    if let Ok((soft, hard)) = getrlimit(resource) {
        let _ = setrlimit(resource, soft.min(most).min(hard), hard);
    }
}

/// Limits this process and all its children.
fn harden(resource: Resource, most: u64) -> Result<(), Errno> {
    let (_, hard) = getrlimit(resource)?;
    let most = most.min(hard);
    Ok(setrlimit(resource, most, most)?)
}
