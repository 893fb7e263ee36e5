//! The commands of *By hand* and *In Docker*, pasted as a learner would: into
//! one login shell, in the order of the lesson. The start is a hostile one: a
//! directory of the learner's with files in it, no directory where TMPDIR points
//! to, and variables that are already used.

use super::lesson::{can_paste, scripts, the_course};
use super::{Limit, ORDINARY, User, is_root};
use glassbox::course::{Document, Step};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{Seek, Write};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// What a lesson's commands may take in all; an emulated CPU is slow.
const A_LESSON: Duration = Duration::from_secs(280);

/// What a block says to somebody who may not do it.
pub const NEEDS_ROOT: &str = "This needs root.";

/// Names of files, and of variables, that lessons use as well.
const FILES: [&str; 12] = [
    "base",
    "blobs",
    "copy",
    "image",
    "layer.tar",
    "library",
    "lower",
    "red",
    "tools",
    "upper",
    "view",
    "work",
];
const VARIABLES: [&str; 12] = [
    "dir", "red", "blue", "one", "two", "made", "off", "sleeper", "file", "from", "disk", "c",
];

/// A block, and what became of it.
pub struct Pasted {
    pub step: String,
    pub script: String,
    /// Standard output and standard error, as they came.
    pub said: String,
    /// The exit status of its last command.
    pub status: i32,
}

impl Pasted {
    /// Whether it is one of those that only root can do.
    pub fn needs_root(&self) -> bool {
        self.script.contains(NEEDS_ROOT)
    }

    /// The groups that it makes in the top of a hierarchy.
    pub fn groups(&self) -> BTreeSet<String> {
        groups_of(&self.script)
    }
}

fn groups_of(script: &str) -> BTreeSet<String> {
    let words = script.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'));
    let names = words.filter(|word| word.starts_with("glassbox-"));
    names.map(String::from).collect()
}

/// Somebody's directory, and what is in it.
struct Home {
    dir: tempfile::TempDir,
    before: BTreeMap<PathBuf, String>,
}

impl Home {
    fn new(user: User) -> Home {
        let dir = tempfile::Builder::new()
            .prefix("gbtest-")
            .tempdir()
            .unwrap();
        let own = |path: &Path| {
            fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
            if user == User::Ordinary {
                chown(path, Some(ORDINARY), Some(ORDINARY)).unwrap();
            }
        };
        own(dir.path());
        for name in FILES {
            let path = dir.path().join(name);
            if name.contains('.') {
                fs::write(&path, name).unwrap();
            } else {
                fs::create_dir(&path).unwrap();
                fs::write(path.join("mine"), name).unwrap();
                own(&path.join("mine"));
            }
            own(&path);
        }
        let before = content(dir.path());
        Home { dir, before }
    }

    fn assert_as_it_was(&self) {
        assert_eq!(content(self.dir.path()), self.before, "the learner's files");
    }
}

/// Every file below a directory, and what it holds.
fn content(dir: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    super::state::walk(dir, &mut |dir| {
        found.insert(dir.to_path_buf(), "a directory".into());
        for entry in fs::read_dir(dir).unwrap().flatten() {
            if entry.file_type().unwrap().is_file() {
                let text = fs::read_to_string(entry.path()).unwrap();
                found.insert(entry.path(), text);
            }
        }
    });
    found
}

/// A login shell of the learner's, if it is a usual one.
fn login_shell() -> &'static str {
    match Path::new("/bin/bash").exists() {
        true => "exec /bin/bash -l 2>&1",
        false => "exec sh -l 2>&1",
    }
}

/// Which page of a step.
pub type Page = fn(&Step) -> &Document;

/// Pastes every block of a lesson's page whose programs are here, as that user.
/// Asserts that the shell is where it was after each of them, and the
/// directory as it was at the end.
pub fn paste(lesson: &str, page: Page, user: User, environment: &[(&str, &str)]) -> Vec<Pasted> {
    let home = Home::new(user);
    let course = the_course();
    let mut pasted = Vec::new();
    let mut text = "echo; echo \"@@ $? $PWD\"\n".to_string();
    for (_, step) in course.select(lesson) {
        for script in scripts(page(step)) {
            if !can_paste(step, script) {
                continue;
            }
            text.push_str(script);
            text.push_str("\necho; echo \"@@ $? $PWD\"\n");
            pasted.push(Pasted {
                step: step.meta.id.0.clone(),
                script: script.into(),
                said: String::new(),
                status: 0,
            });
        }
    }
    let mut input = tempfile::tempfile().unwrap();
    input.write_all(text.as_bytes()).unwrap();
    input.rewind().unwrap();
    let mut shell = Command::new("sh");
    shell
        .args(["-c", login_shell()])
        .current_dir(home.dir.path())
        .env("TMPDIR", home.dir.path().join("not-there"))
        .envs(VARIABLES.map(|name| (name, home.dir.path().join("base"))))
        .envs(environment.iter().copied())
        .stdin(Stdio::from(input))
        .stdout(Stdio::piped());
    if user == User::Ordinary {
        shell.uid(ORDINARY).gid(ORDINARY);
    }
    let output = shell.within(A_LESSON).spawn().unwrap().output();
    let said = String::from_utf8_lossy(&output.stdout);
    let mut parts = said.split("\n@@ ");
    parts.next();
    let mut parts = parts.map(|part| part.split_once('\n').unwrap_or((part, "")));
    let Some((_, mut said)) = parts.next() else {
        panic!("{lesson} as {user:?}: the shell ended early: {said}")
    };
    for block in &mut pasted {
        let what = format!("{} as {user:?}:\n{}\n{said}", block.step, block.script);
        let (mark, next) = parts.next().unwrap_or_else(|| panic!("the last: {what}"));
        let (status, place) = mark.split_once(' ').unwrap();
        assert_eq!(Path::new(place), home.dir.path(), "it moved: {what}");
        block.said = said.into();
        block.status = status.parse().unwrap();
        said = next;
        assert!(!block.said.contains('\0'), "{what}");
    }
    home.assert_as_it_was();
    pasted
}

/// Asserts that each block which only root can do says so to an ordinary user
/// at once, and nothing else.
pub fn assert_refused(pasted: &[Pasted]) {
    for block in pasted.iter().filter(|block| block.needs_root()) {
        assert_eq!(block.said.trim(), NEEDS_ROOT, "{}", block.script);
        let first = block.script.lines().nth(1).unwrap_or_default();
        assert!(first.contains(NEEDS_ROOT), "{}", block.script);
    }
}

/// Groups of somebody else's, with a process and a limit, under names that a
/// lesson uses: in each hierarchy's top.
pub struct Taken {
    groups: Vec<(PathBuf, String)>,
    sleepers: Vec<super::Bounded>,
}

impl Taken {
    pub fn make(names: &BTreeSet<String>) -> Taken {
        let mut taken = Taken {
            groups: Vec::new(),
            sleepers: Vec::new(),
        };
        for (_, top, _) in super::state::own_groups() {
            for name in names {
                let group = top.join(name);
                fs::create_dir(&group).unwrap();
                let mut sleep = Command::new("sleep");
                let sleeper = sleep.arg("600").within(A_LESSON * 2).spawn().unwrap();
                // cpuset takes no member before it has CPUs.
                let _ = fs::write(group.join("cgroup.procs"), sleeper.id().to_string());
                let _ = fs::write(group.join("pids.max"), "77");
                taken.sleepers.push(sleeper);
                taken.groups.push((group, String::new()));
            }
        }
        for (group, state) in &mut taken.groups {
            *state = state_of(group);
        }
        taken
    }

    pub fn assert_as_they_were(&self) {
        for (group, before) in &self.groups {
            assert_eq!(&state_of(group), before, "{}", group.display());
        }
    }
}

/// What somebody would miss.
fn state_of(group: &Path) -> String {
    let files = [
        "cgroup.procs",
        "pids.max",
        "cgroup.freeze",
        "freezer.state",
        "memory.max",
        "memory.limit_in_bytes",
        "cpu.max",
        "cpu.cfs_quota_us",
        "cpu.weight",
        "cpu.shares",
    ];
    let read = |name| fs::read_to_string(group.join(name)).unwrap_or_default();
    let inner = fs::read_dir(group).map_or(0, |all| {
        all.flatten().filter(|entry| entry.path().is_dir()).count()
    });
    format!("{inner} {:?}", files.map(read))
}

impl Drop for Taken {
    fn drop(&mut self) {
        for sleeper in &mut self.sleepers {
            let _ = sleeper.kill();
            let _ = std::process::Child::wait(sleeper);
        }
        for (group, _) in &self.groups {
            // A member's end is the kernel's own affair for a moment.
            until(|| fs::remove_dir(group).is_ok() || !group.exists());
        }
    }
}

/// Awaits what has no event for us.
fn until(mut done: impl FnMut() -> bool) -> bool {
    let started = Instant::now();
    while !done() {
        if started.elapsed() > Duration::from_secs(30) {
            return false;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    true
}

/// Presses Ctrl-C, and the like, in the middle of each block of a lesson that
/// makes groups, in two shells: as soon as one has a member. Asserts that the
/// groups go.
pub fn interrupt(lesson: &str) {
    assert!(is_root());
    let course = the_course();
    let shells = ["/bin/bash", "/bin/dash"];
    let shells = shells.into_iter().filter(|shell| Path::new(shell).exists());
    for shell in shells {
        for (number, (_, step)) in course.select(lesson).into_iter().enumerate() {
            for script in scripts(&step.by_hand) {
                if !script.contains(NEEDS_ROOT) || !can_paste(step, script) {
                    continue;
                }
                let signals = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP];
                cut_short(shell, script, signals[number % 3], &step.meta.id.0);
            }
        }
    }
}

fn cut_short(shell: &str, script: &str, signal: Signal, step: &str) {
    let tops: Vec<PathBuf> = super::state::own_groups()
        .into_iter()
        .map(|(_, top, _)| top)
        .collect();
    let names = groups_of(script);
    let groups = || {
        let tops = tops.iter();
        tops.flat_map(|top| names.iter().map(move |name| top.join(name)))
            .filter(|group| group.exists())
    };
    let mut command = Command::new(shell);
    command
        .args(["-c", script])
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut child = command.within(A_LESSON).spawn().unwrap();
    let busy = |group: &Path| {
        let mut populated = false;
        super::state::walk(group, &mut |dir| {
            let list = fs::read_to_string(dir.join("cgroup.procs")).unwrap_or_default();
            populated |= !list.is_empty();
        });
        populated
    };
    // Some have no member for longer than a moment: their end is as good.
    until(|| groups().any(|group| busy(&group)) || child.try_wait().unwrap().is_some());
    let _ = killpg(Pid::from_raw(child.id() as i32), signal);
    let _ = std::process::Child::wait(&mut child);
    let gone = until(|| groups().next().is_none());
    let left: Vec<PathBuf> = groups().collect();
    assert!(gone, "{step} in {shell}, after {signal}, left {left:?}");
}
