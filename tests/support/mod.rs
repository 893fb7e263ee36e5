//! What several tests need: the binary as root and as an ordinary user, and
//! the state of the machine that a run must leave as it was.

#![allow(dead_code, unused_macros, missing_docs, unreachable_pub)]

pub mod lesson;
pub mod pack;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// The user id that stands for an ordinary user when the tests run as root.
const ORDINARY: u32 = 65_534;

/// Who runs the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum User {
    /// Whoever runs the tests.
    Me,
    /// Somebody without any privilege.
    Ordinary,
}

/// Those users that the tests can play here: both for root, else one.
pub fn users() -> Vec<User> {
    if is_root() {
        vec![User::Me, User::Ordinary]
    } else {
        vec![User::Me]
    }
}

pub fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|meta| std::os::unix::fs::MetadataExt::uid(&meta) == 0)
}

/// A copy of the binary where every user can reach it, removed at the end.
fn public_binary() -> &'static Path {
    static COPY: OnceLock<(Child, PathBuf)> = OnceLock::new();
    let (_, path) = COPY.get_or_init(|| {
        let dir = tempfile::Builder::new()
            .prefix("gbtest-")
            .tempdir()
            .unwrap()
            .keep();
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o755)).unwrap();
        // Nothing drops a static: the end of this process, whatever it is, ends
        // the input of a shell that then removes the copy.
        let remover = Command::new("sh")
            .args(["-c", "trap '' INT TERM HUP; cat; rm -r \"$1\"", "sh"])
            .arg(&dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let path = dir.join("glassbox");
        // By a child: a descriptor open for writing here could be inherited by
        // what another test starts just now, and make the copy "busy".
        let copied = Command::new("cp")
            .arg(env!("CARGO_BIN_EXE_glassbox"))
            .arg(&path)
            .status();
        assert!(copied.unwrap().success());
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        (remover, path)
    });
    path
}

/// A variable in the environment of every process that these tests start.
fn mark() -> String {
    format!("GLASSBOX_TESTS={}", std::process::id())
}

/// The program, to be run by that user.
pub fn glassbox(user: User) -> Command {
    let mut command = match user {
        User::Me => Command::new(env!("CARGO_BIN_EXE_glassbox")),
        User::Ordinary => {
            let mut command = Command::new(public_binary());
            command.uid(ORDINARY).gid(ORDINARY).current_dir("/");
            command
        }
    };
    command.env("GLASSBOX_TESTS", std::process::id().to_string());
    command
}

/// A shell, to be used by that user.
pub fn shell(user: User, script: &str) -> Output {
    let mut command = Command::new("sh");
    command.arg("-ec").arg(script).current_dir("/");
    if user == User::Ordinary {
        command.uid(ORDINARY).gid(ORDINARY);
    }
    command.output().unwrap()
}

/// A turn for tests of one file that look at the whole machine or share its CPUs.
pub fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a run must leave as it was: each line one thing that exists.
pub fn state() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut note = |kind: &str, what: String| {
        found.insert(format!("{kind} {what}"));
    };
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.bytes().all(|b| b.is_ascii_digit()) {
            continue;
        }
        for link in fs::read_dir(entry.path().join("ns"))
            .into_iter()
            .flatten()
            .flatten()
        {
            if let Ok(target) = fs::read_link(link.path()) {
                note("namespace", target.to_string_lossy().into_owned());
            }
        }
        // A learner may use the course while its tests run: only ours count.
        let environ = fs::read(entry.path().join("environ")).unwrap_or_default();
        if environ
            .split(|byte| *byte == 0)
            .any(|variable| variable == mark().as_bytes())
        {
            let comm = fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
            note("process", format!("{name} {}", comm.trim()));
        }
    }
    for line in fs::read_to_string("/proc/self/mountinfo").unwrap().lines() {
        note("mount", line.to_string());
    }
    for line in fs::read_to_string("/proc/self/net/dev").unwrap().lines() {
        note(
            "link",
            line.split(':')
                .next()
                .unwrap_or_default()
                .trim()
                .to_string(),
        );
    }
    for kind in ["msg", "sem", "shm"] {
        let table = fs::read_to_string(format!("/proc/sysvipc/{kind}")).unwrap_or_default();
        for line in table.lines().skip(1) {
            let id: Vec<&str> = line.split_whitespace().take(2).collect();
            note("sysvipc", format!("{kind} {}", id.join(" ")));
        }
    }
    for directory in ["/tmp", "/var/tmp", "/run", "/dev/shm", "/mnt"] {
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if directory == "/mnt" || name.contains("glassbox") {
                note("file", format!("{directory}/{name}"));
            }
        }
    }
    walk(Path::new("/sys/fs/cgroup"), 6, &mut |path| {
        if path.to_string_lossy().contains("glassbox") {
            note("cgroup", path.display().to_string());
        }
    });
    found
}

fn walk(dir: &Path, depth: u32, visit: &mut dyn FnMut(&Path)) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            visit(&entry.path());
            if depth > 0 {
                walk(&entry.path(), depth - 1, visit);
            }
        }
    }
}

/// Asserts that nothing exists that did not before. The kernel ends the last
/// processes of a killed run on its own time, so it is given a while.
pub fn assert_nothing_left(before: &BTreeSet<String>, after_what: &str) {
    let started = Instant::now();
    loop {
        let left: Vec<String> = state().difference(before).cloned().collect();
        if left.is_empty() {
            return;
        }
        assert!(
            started.elapsed() < Duration::from_secs(15),
            "left after {after_what}:\n{}",
            left.join("\n")
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A small pseudo-random sequence, so that a failure can be repeated.
pub struct Random(pub u64);

impl Random {
    /// The next number below `limit`.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}
