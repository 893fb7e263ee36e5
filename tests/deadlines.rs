//! The tests of the tests: a process that hangs is killed and its test fails,
//! a skip is counted, and no test waits in another way.

#![allow(missing_docs)]

mod support;

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use support::skip::{programs_of, record};
use support::{Limit, PATIENCE, deadline, has_programs, skip};

const SHORT: Duration = Duration::from_millis(300);

/// How the test of such a script fails.
fn failure(script: &str) -> String {
    let mut shell = Command::new("sh");
    shell.args(["-c", script]);
    let started = Instant::now();
    let caught = catch_unwind(AssertUnwindSafe(|| shell.within(SHORT).output()));
    let failure = caught.expect_err("it must fail");
    assert!(started.elapsed() >= SHORT && started.elapsed() < PATIENCE / 2);
    failure.downcast_ref::<String>().unwrap().clone()
}

#[test]
fn one_that_hangs_is_killed_and_what_it_said_is_told() {
    let said = failure("echo heard; echo too >&2; exec sleep 1000");
    for part in ["took too long", "heard", "too\n", "sleep 1000"] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

/// A child of the shell's that holds the pipe is killed with it.
#[test]
fn its_children_are_killed_as_well() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("pid");
    failure(&format!("sleep 1000 & echo $! >{}; wait", file.display()));
    let pid = fs::read_to_string(file).unwrap();
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    assert!(stat.is_empty() || stat.contains(") Z "), "{stat}");
}

/// One that has left the session, as a guardian does, isn't killed, and isn't
/// waited for either.
#[test]
fn a_pipe_that_stays_open_is_not_waited_for() {
    let said = failure("setsid sleep 8 & echo heard");
    assert!(said.contains("heard"), "{said}");
}

#[test]
fn reading_a_pipe_of_one_that_hangs_ends() {
    let mut child = Command::new("sleep")
        .arg("1000")
        .stdout(Stdio::piped())
        .within(SHORT)
        .spawn()
        .unwrap();
    let output = child.stdout.take().unwrap();
    assert_eq!(std::io::read_to_string(output).unwrap(), "");
    let ended = catch_unwind(AssertUnwindSafe(|| child.wait()));
    assert!(ended.is_err());
}

#[test]
fn one_that_ends_in_time_is_as_without_a_deadline() {
    let output = Command::new("sh")
        .args(["-c", "echo out; echo err >&2; exit 7"])
        .within(PATIENCE)
        .output()
        .unwrap();
    assert_eq!(
        (output.stdout, output.stderr),
        (b"out\n".to_vec(), b"err\n".to_vec())
    );
    assert_eq!(output.status.code(), Some(7));
    assert!(Command::new("/nowhere").within(PATIENCE).output().is_err());
}

#[test]
fn a_script_needs_the_programs_that_it_names() {
    assert_eq!(
        programs_of("ip link\nsudo unshare -n sh -c 'ping x'"),
        ["ip", "ping", "unshare"]
    );
    assert!(programs_of("echo ./ip tip zip-file ipcs-not").is_empty());
    assert!(has_programs(&["sh", "cat"]));
}

/// What isn't in the PATH is skipped by the name of the test, in the one file
/// that the last test program reads. It counts, so it is taken out again.
#[test]
fn a_skip_is_told_with_its_test() {
    let Some(record) = record() else { return };
    let name = "a_skip_is_told_with_its_test";
    assert!(!has_programs(&["sh", "no-such-program"]));
    skip("for\n two  lines");
    let text = fs::read_to_string(&record).unwrap();
    let (own, others): (Vec<&str>, Vec<&str>) = text.lines().partition(|line| line.contains(name));
    let expected = ["needs `no-such-program`", "for two lines"];
    let expected = expected.map(|why| format!("skipped: deadlines::{name}: {why}"));
    assert_eq!(own, expected);
    let others: String = others.iter().map(|line| format!("{line}\n")).collect();
    fs::write(&record, others).unwrap();
}

/// `cargo test &` in a script ignores SIGINT, and under nohup(1) SIGHUP: what a
/// test starts heeds them all the same.
#[test]
fn what_a_test_starts_heeds_signals() {
    for signal in ["INT", "HUP", "QUIT TERM"] {
        let script = format!("trap '' {signal}; exec \"$@\"");
        let test = "with_ignored_signals";
        let mut shell = Command::new("sh");
        shell.args(["-c", &script, "sh"]);
        shell.arg(std::env::current_exe().unwrap());
        shell.args(["--ignored", "--exact", test]);
        let output = shell.within(PATIENCE).output().unwrap();
        assert!(output.status.success(), "{signal}: {output:?}");
    }
}

#[test]
#[ignore = "what_a_test_starts_heeds_signals runs it"]
fn with_ignored_signals() {
    let signals = [1, 2, 3, 15];
    let ignored = signals.iter().any(|signal| deadline::ignores(*signal));
    assert!(ignored, "it is to be started so");
    for signal in signals {
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("kill -{signal} $$")]);
        let status = shell.within(PATIENCE).status().unwrap();
        assert_eq!(status.signal(), Some(signal));
    }
}

/// `.output()`, `.status()` and `.spawn()` of a command come after `.within`.
#[test]
fn no_test_starts_a_process_without_a_deadline() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for dir in ["tests", "tests/support", "tests/kernels", "tests/lint"] {
        let entries = fs::read_dir(root.join(dir)).unwrap().flatten();
        files.extend(entries.map(|entry| entry.path()));
    }
    files.retain(|file| file.extension().is_some_and(|end| end == "rs"));
    assert!(files.len() > 20, "only {} files were found", files.len());
    // The one that does it, and the remover of the copy, which nobody awaits.
    let own = ["deadline.rs", "deadlines.rs", "mod.rs"];
    let exempt = |file: &PathBuf| own.iter().any(|name| file.ends_with(name));
    files.retain(|file| !exempt(file));
    let mut wrong = String::new();
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let text: String = text.split_whitespace().collect();
        for call in [".output()", ".status()", ".spawn()"] {
            for (at, _) in text.match_indices(call) {
                let before = &text[at.saturating_sub(60)..at];
                let bounded = before
                    .rfind(".within(")
                    .is_some_and(|at| before[at..].ends_with(')') && !before[at..].contains(';'));
                if !bounded {
                    wrong += &format!("{}: …{before}{call}\n", file.display());
                }
            }
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}
