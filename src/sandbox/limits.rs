//! Dead-man limits: what ends a demo's process if everything else fails.

use crate::plan::MOST_FILE;
use nix::sys::resource::{Resource, setrlimit};
use std::fs;

/// CPU seconds that one process of a demo may use.
pub(super) const CPU_SECONDS: u64 = 60;

/// For an agent: a name for ps(1), and limits that its children inherit. The
/// kernel may refuse some of them; they are the second net, not the first.
pub(super) fn agent(name: &str) {
    if let Ok(name) = std::ffi::CString::new(name) {
        let _ = nix::sys::prctl::set_name(&name);
    }
    let _ = setrlimit(Resource::RLIMIT_CPU, CPU_SECONDS, CPU_SECONDS);
    let _ = setrlimit(Resource::RLIMIT_FSIZE, MOST_FILE.0, MOST_FILE.0);
    let _ = setrlimit(Resource::RLIMIT_CORE, 0, 0);
    // First in line when memory runs out: never the learner's own programs.
    let _ = fs::write("/proc/self/oom_score_adj", "1000");
}

/// For a background process: as above, and an alarm that ends it.
pub(super) fn workload(name: &str) {
    agent(name);
    nix::unistd::alarm::set(600);
}
