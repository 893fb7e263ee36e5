//! What a test needs and this machine doesn't have: the test is skipped by
//! name, with the reason, in one form, `skipped: TEST: REASON`.
//!
//! libtest knows no test that is skipped at run time, and shows nothing of one
//! that passed. So each line goes to standard error *and* to a file below the
//! target directory that all test programs of one `cargo test` share: they are
//! children of the same process. `tests/zz_skipped.rs`, the last of them, prints
//! it. A reason of another kind than these is a failure of the test.

#![allow(dead_code, missing_docs, unreachable_pub)]

use std::collections::BTreeSet;
use std::fmt::Display;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// How each line begins, wherever it is told.
pub const SKIPPED: &str = "skipped: ";

/// Programs that tests and the lessons' commands run and a small machine may
/// lack, with Debian's package. What isn't here has to be there.
const PACKAGES: [(&str, &str); 36] = [
    ("bwrap", "bubblewrap"),
    ("busybox", "busybox-static"),
    ("capsh", "libcap2-bin"),
    ("containerd", "containerd"),
    ("crane", "crane"),
    ("crun", "crun"),
    ("docker", "docker.io"),
    ("docker-registry", "docker-registry"),
    ("dockerd", "docker.io"),
    ("findmnt", "util-linux"),
    ("getfattr", "attr"),
    ("hostname", "hostname"),
    ("ip", "iproute2"),
    ("ipcmk", "util-linux"),
    ("ipcrm", "util-linux"),
    ("ipcs", "util-linux"),
    ("ldd", "libc-bin"),
    ("lsblk", "util-linux"),
    ("lsns", "util-linux"),
    ("nsenter", "util-linux"),
    ("oras", "oras"),
    ("ping", "iputils-ping"),
    ("podman", "podman"),
    ("ps", "procps"),
    ("python3", "python3"),
    ("readelf", "binutils"),
    ("runc", "runc"),
    ("setpriv", "util-linux"),
    ("skopeo", "skopeo"),
    ("ss", "iproute2"),
    ("strace", "strace"),
    ("systemd-run", "systemd"),
    ("taskset", "util-linux"),
    ("umoci", "umoci"),
    ("unshare", "util-linux"),
    ("vi", "vim-tiny"),
];

/// Says that the test, or the part of it that the reason names, is skipped.
#[track_caller]
pub fn skip(reason: impl Display) {
    let caller = std::panic::Location::caller();
    let thread = std::thread::current();
    // libtest names its threads after the tests, but for the main one.
    let name = match thread.name() {
        Some(name) if name != "main" => name.to_string(),
        _ => format!("{}:{}", caller.file(), caller.line()),
    };
    let reason = reason.to_string();
    let reason: Vec<&str> = reason.split_whitespace().collect();
    let line = format!("{SKIPPED}{}{name}: {}\n", program(), reason.join(" "));
    static TOLD: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let mut told = TOLD.lock().unwrap_or_else(PoisonError::into_inner);
    if !told.insert(line.clone()) {
        return;
    }
    eprint!("{line}");
    let Some(record) = record() else { return };
    let file = fs::create_dir_all(record.parent().unwrap())
        .and_then(|()| fs::File::options().create(true).append(true).open(&record));
    // In one write: tests run beside each other.
    if let Err(error) = file.and_then(|mut file| file.write_all(line.as_bytes())) {
        eprintln!(
            "{}: {error}: it will be missing in the count",
            record.display()
        );
    }
}

/// Whether all of these programs are in the PATH; skips where one isn't.
#[track_caller]
pub fn has_programs(names: &[&str]) -> bool {
    let missing = missing(names);
    if let Some(missing) = &missing {
        skip(format_args!("needs {missing}"));
    }
    missing.is_none()
}

/// Those of these programs that are not in the PATH, with their packages.
pub fn missing(names: &[&str]) -> Option<String> {
    let missing: Vec<String> = names
        .iter()
        .filter(|name| !is_in_path(name))
        .map(|name| match package(name) {
            Some(package) => format!("`{name}` ({package})"),
            None => format!("`{name}`"),
        })
        .collect();
    (!missing.is_empty()).then(|| missing.join(", "))
}

/// The programs of the table that a shell script names.
pub fn programs_of(script: &str) -> Vec<&'static str> {
    let words: BTreeSet<&str> = script
        .split(|c: char| !(c.is_ascii_alphanumeric() || "-_./".contains(c)))
        .collect();
    let named = PACKAGES.iter().map(|(name, _)| *name);
    named.filter(|name| words.contains(name)).collect()
}

fn package(name: &str) -> Option<&'static str> {
    let (_, package) = PACKAGES.iter().find(|(program, _)| *program == name)?;
    Some(package)
}

fn is_in_path(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|dir| {
        let meta = fs::metadata(dir.join(name));
        meta.is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
    })
}

/// The test program's name, as a path to its tests; nothing for the library.
fn program() -> String {
    let exe = std::env::current_exe().unwrap_or_default();
    let stem = exe.file_stem().unwrap_or_default().to_string_lossy();
    match stem.rsplit_once('-') {
        Some((name, _)) if name != "glassbox" => format!("{name}::"),
        _ => String::new(),
    }
}

/// The file of this `cargo test`: named after the process that started this
/// one and its start time. None for a copy elsewhere.
pub fn record() -> Option<PathBuf> {
    let exe = std::env::current_exe().ok()?;
    let dir = exe.parent().filter(|dir| dir.ends_with("deps"))?.parent()?;
    let parent = nix::unistd::getppid();
    Some(
        dir.join("skipped")
            .join(format!("{parent}-{}", start_time(&parent.to_string())?)),
    )
}

/// Whether the process that a record is named after is there.
pub fn is_current(record: &Path) -> bool {
    let name = record.file_name().unwrap_or_default().to_string_lossy();
    let parts = name.split_once('-');
    parts.is_some_and(|(pid, started)| start_time(pid).as_deref() == Some(started))
}

/// When a process was started, in clock ticks after boot (proc_pid_stat(5)).
fn start_time(pid: &str) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, after_the_name) = stat.rsplit_once(')')?;
    after_the_name.split_whitespace().nth(19).map(String::from)
}
