//! What several tests need: the binary as root and as an ordinary user, and
//! the state of the machine that a run must leave as it was.

#![allow(dead_code, unused_imports, missing_docs, unreachable_pub)]

pub mod deadline;
pub mod decoys;
pub mod held;
pub mod host;
pub mod lesson;
pub mod pack;
pub mod paste;
pub mod skip;
pub mod state;
pub mod wire;

use state::Host;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

pub use deadline::{Bounded, Limit, PATIENCE};
pub use host::{can_be_ordinary, can_make_groups, may_make_boxes, users};
pub use skip::{has_programs, skip};

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

pub fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|meta| std::os::unix::fs::MetadataExt::uid(&meta) == 0)
}

/// The program under test: that of this build, or `$GLASSBOX_PROGRAM` where the
/// tests run on another machine than they were built on.
pub fn program() -> PathBuf {
    std::env::var_os("GLASSBOX_PROGRAM")
        .map_or_else(|| env!("CARGO_BIN_EXE_glassbox").into(), PathBuf::from)
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
            .arg(program())
            .arg(&path)
            .within(PATIENCE)
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
        User::Me => Command::new(program()),
        User::Ordinary => {
            let mut command = Command::new(public_binary());
            command.uid(ORDINARY).gid(ORDINARY).current_dir("/");
            command
        }
    };
    command.env("GLASSBOX_TESTS", std::process::id().to_string());
    // Nothing can be made there: no test finds or changes anybody's progress.
    command.env("XDG_STATE_HOME", "/dev/null/state");
    command
}

/// A shell, to be used by that user.
pub fn shell(user: User, script: &str) -> Output {
    let mut command = Command::new("sh");
    command.arg("-ec").arg(script).current_dir("/");
    if user == User::Ordinary {
        command.uid(ORDINARY).gid(ORDINARY);
    }
    command.within(PATIENCE).output().unwrap()
}

/// A turn for tests of one file that look at the whole machine or share its CPUs.
pub fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The machine as a run must leave it.
pub fn state() -> Host {
    // Else the first who runs it as that user starts the remover of the copy.
    if is_root() && can_be_ordinary() {
        public_binary();
    }
    Host::look()
}

/// Asserts that the machine is as it was: nothing has appeared, vanished or
/// changed. The kernel ends the last processes of a killed run on its own time,
/// so it is given a while.
pub fn assert_nothing_left(before: &Host, after_what: &str) {
    let changes = before.changes_within(Duration::from_secs(15));
    assert!(
        changes.is_empty(),
        "the host isn't as it was after {after_what}:\n{}",
        changes.join("\n")
    );
}

/// The seed of what this run draws.
pub fn seed() -> u64 {
    let given = std::env::var("GLASSBOX_SEED").ok();
    let seed = given.map_or_else(
        || {
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
            now.unwrap().as_micros() as u64
        },
        |text| text.parse().expect("GLASSBOX_SEED is a number"),
    );
    // The generator stays at 0 if it begins there.
    let seed = seed.max(1);
    println!("GLASSBOX_SEED={seed}");
    seed
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
