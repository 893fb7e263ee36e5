//! The way through `systemd-run` to a group of one's own, with scripts in its
//! place: one that does what it does, and some that fail in the ways it can.
//! The real one is in the kernel matrix (docs/kernels.md).

#![allow(missing_docs)]

mod support;

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use support::pack::public_tempdir;
use support::{
    Limit, PATIENCE, User, alone, assert_nothing_left, glassbox, is_root, may_make_boxes, skip,
    state,
};

/// The step that needs a group of any kind, and the codes that it ends with
/// where an ordinary user can have one or not.
const STEP: &str = "cgroup-ns";
/// As long as a supervisor's hello is awaited.
const HELLO: Duration = Duration::from_secs(5);

/// An ordinary user's run with this script as `systemd-run`.
fn run_with(script: &Path, arguments: &[&str]) -> Command {
    let user = if is_root() { User::Ordinary } else { User::Me };
    let mut command = glassbox(user);
    let path = std::env::var("PATH").unwrap();
    let first = script.parent().unwrap().display();
    command
        .env("PATH", format!("{first}:{path}"))
        .args(arguments);
    command
}

/// Writes a `systemd-run`, which notes that it was asked.
fn systemd_run(dir: &Path, script: &str) -> PathBuf {
    let path = dir.join("systemd-run");
    let asked = dir.join("asked");
    fs::write(&asked, "").unwrap();
    fs::set_permissions(&asked, fs::Permissions::from_mode(0o666)).unwrap();
    let text = format!("#!/bin/sh\necho \"$*\" >>{}\n{script}\n", asked.display());
    // A script that is open for writing can't be executed: a child copies it.
    let draft = dir.join("draft");
    fs::write(&draft, text).unwrap();
    assert!(
        Command::new("cp")
            .arg(&draft)
            .arg(&path)
            .within(PATIENCE)
            .status()
            .unwrap()
            .success()
    );
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

/// How often it was asked.
fn asked(dir: &Path) -> usize {
    fs::read_to_string(dir.join("asked"))
        .unwrap()
        .lines()
        .count()
}

/// The directory of this process's group of version 2.
fn own_group() -> Option<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
    let point = mounts.lines().find_map(|line| {
        let words: Vec<&str> = line.split(' ').collect();
        (words.get(2) == Some(&"cgroup2")).then(|| words[1])
    })?;
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap();
    let path = groups.lines().find_map(|line| line.strip_prefix("0::"))?;
    Some(Path::new(point).join(path.trim_start_matches('/')))
}

/// Whether an ordinary user here has reason to ask systemd.
fn has_reason() -> bool {
    let user = if is_root() { User::Ordinary } else { User::Me };
    if !may_make_boxes(user) {
        return false;
    }
    let theirs = |group: PathBuf| {
        !is_root()
            && Command::new("test")
                .arg("-w")
                .arg(group)
                .within(PATIENCE)
                .status()
                .unwrap()
                .success()
    };
    let reason = own_group().is_some_and(|group| !theirs(group));
    if !reason {
        skip("an ordinary user needs no scope here, or version 2 isn't mounted");
    }
    reason
}

/// A run comes to what it would without any systemd-run.
fn assert_as_without(text: &str, code: Option<i32>) {
    assert!(matches!(code, Some(0 | 3)), "{code:?}: {text}");
    assert!(text.contains(r#""event":"cleaned""#), "{text}");
    assert!(!text.contains(r#""scope""#), "{text}");
}

#[test]
fn the_run_is_in_the_scope_that_it_asked_for() {
    if !is_root() {
        skip("the groups are made as root");
        return;
    }
    if !has_reason() {
        return;
    }
    let _turn = alone();
    // What the user's systemd has: a group delegated to the user, below which
    // the session isn't theirs.
    let delegated = own_group()
        .unwrap()
        .join(format!("gbtest-{}", std::process::id()));
    let session = delegated.join("session");
    fs::create_dir(&delegated).unwrap();
    fs::create_dir(&session).unwrap();
    for file in ["", "cgroup.procs", "cgroup.subtree_control"] {
        chown(delegated.join(file), Some(65_534), Some(65_534)).unwrap();
    }
    let dir = public_tempdir();
    let script = systemd_run(
        dir.path(),
        &format!(
            "for word; do\n\
             \x20   shift\n\
             \x20   case $word in --unit=*) unit=${{word#--unit=}} ;; --) break ;; esac\n\
             done\n\
             group={}/$unit\n\
             mkdir \"$group\" && echo $$ >\"$group/cgroup.procs\" && exec \"$@\"",
            delegated.display()
        ),
    );
    let before = state();
    let inner = run_with(&script, &[]);
    let program = inner.get_program();
    let output = Command::new("sh")
        .args(["-c", "echo $$ >\"$0/cgroup.procs\"; exec setpriv --reuid 65534 --regid 65534 --clear-groups \"$@\""])
        .arg(&session)
        .arg(program)
        .args(["run", "--json", STEP])
        .envs(inner.get_envs().filter_map(|(key, value)| Some((key, value?))))
        .within(PATIENCE)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    // systemd removes the empty scopes of the runs.
    let scopes: Vec<_> = fs::read_dir(&delegated)
        .unwrap()
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().ends_with(".scope"))
        .map(|entry| fs::remove_dir(entry.path()).map(|()| entry.file_name()))
        .collect();
    fs::remove_dir(&session).unwrap();
    fs::remove_dir(&delegated).unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let unit = text
        .split_once(r#""scope":"#)
        .and_then(|(_, rest)| rest.split('"').nth(1))
        .unwrap_or_default();
    assert!(unit.starts_with("glassbox-"), "{text}");
    // The box is in a group below that of the scope.
    assert!(text.contains(&format!("/{unit}/glassbox-")), "{text}");
    assert!(
        scopes.iter().any(|scope| scope
            .as_ref()
            .is_ok_and(|name| name.to_string_lossy() == unit)),
        "{scopes:?}: a scope that isn't empty"
    );
    assert_nothing_left(&before, "a run in a scope");
}

#[test]
fn without_a_scope_the_run_goes_on_in_the_session() {
    if !has_reason() {
        return;
    }
    let _turn = alone();
    let before = state();
    for script in [
        "echo 'Failed to connect to bus: No medium found' >&2; exit 1",
        // It ends well and has started nothing.
        "exit 0",
        // The command isn't executed in its place, but as its child.
        "for word; do shift; [ \"$word\" = -- ] && break; done; \"$@\"",
        // Nobody moved it: its group is still the session's.
        "for word; do shift; [ \"$word\" = -- ] && break; done; exec \"$@\"",
        // It can't be executed.
        "for word; do shift; [ \"$word\" = -- ] && break; done; exec /nowhere \"$@\"",
    ] {
        let dir = public_tempdir();
        let fake = systemd_run(dir.path(), script);
        let started = Instant::now();
        let output = run_with(&fake, &["run", "--json", STEP])
            .within(PATIENCE)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(asked(dir.path()), 1, "{script}");
        assert_as_without(&text, output.status.code());
        assert!(started.elapsed() < HELLO, "{script}");
        // Version 1 has another reason to refuse, which no scope changes.
        let only_v2 = fs::read_to_string("/proc/self/cgroup")
            .unwrap()
            .lines()
            .count()
            == 1;
        if only_v2 && output.status.code() == Some(3) && script.contains("medium") {
            assert!(
                text.contains("it answered: Failed to connect to bus"),
                "{text}"
            );
        }
    }
    assert_nothing_left(&before, "runs without a scope");
}

#[test]
fn one_that_hangs_is_awaited_once_and_killed() {
    if !has_reason() {
        return;
    }
    let _turn = alone();
    let dir = public_tempdir();
    let fake = systemd_run(dir.path(), "exec sleep 1000");
    let before = state();
    let started = Instant::now();
    // Two runs in one process.
    let output = run_with(&fake, &["verify", "--repeat", "2", STEP])
        .within(PATIENCE)
        .output()
        .unwrap();
    let took = started.elapsed();
    assert!(matches!(output.status.code(), Some(0 | 3)), "{output:?}");
    assert_eq!(asked(dir.path()), 1);
    assert!(took >= HELLO && took < HELLO * 2, "{took:?}");
    assert_nothing_left(&before, "a systemd-run that hangs");
}

#[test]
fn it_ends_with_the_program_that_asked() {
    if !has_reason() {
        return;
    }
    let _turn = alone();
    let dir = public_tempdir();
    let fake = systemd_run(dir.path(), "exec sleep 1000");
    let before = state();
    let mut child = run_with(&fake, &["run", STEP])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .within(PATIENCE)
        .spawn()
        .unwrap();
    while asked(dir.path()) == 0 {
        assert!(
            child.try_wait().unwrap().is_none(),
            "it ended without asking"
        );
        std::thread::sleep(Duration::from_millis(1));
    }
    // Its own child: not reaped yet, so the pid can't be another's.
    child.kill().unwrap();
    child.wait();
    assert_nothing_left(&before, "SIGKILL while systemd-run hangs");
}

/// The word that makes a supervisor is an ordinary wrong one to everybody else.
#[test]
fn nobody_becomes_a_supervisor_from_a_shell() {
    let mut command = glassbox(User::Me);
    let output = command
        .args(["glassbox-supervisor", &std::process::id().to_string()])
        .stdin(Stdio::null())
        .within(PATIENCE)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(!output.stderr.is_empty());
}
