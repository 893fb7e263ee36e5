//! A run leaves nothing behind: after 200 runs, and after SIGKILL of the main
//! process at 50 random moments, the machine is as it was.
//!
//! One test, because it looks at the whole machine.

#![allow(missing_docs)]

mod support;

use std::process::Stdio;
use std::time::{Duration, Instant};
use support::{Random, User, assert_nothing_left, glassbox, is_root, state, users};

/// Steps that between them make everything that a run can make.
const STEPS: [&str; 6] = ["table", "mount", "net", "ipc", "cgroup-ns", "pid"];

/// Steps whose groups hold out longest, with their duration in milliseconds.
const GROUP_STEPS: [(&str, u64); 3] = [("memory", 400), ("pids", 60), ("freezer", 1200)];

/// Starts a step and kills the main process with SIGKILL at that moment.
fn kill_after(user: User, step: &str, moment: Duration) {
    let mut child = glassbox(user)
        .args(["run", step])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    std::thread::sleep(moment);
    // Its own child: not reaped yet, so the pid can't be another's.
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn nothing_is_left_behind() {
    // The copy for the ordinary user exists before the first look.
    for user in users() {
        assert!(
            glassbox(user)
                .arg("list")
                .output()
                .unwrap()
                .status
                .success()
        );
    }
    let before = state();

    let mut slowest = Duration::ZERO;
    for round in 0..200 {
        let user = users()[round % users().len()];
        let step = STEPS[round % STEPS.len()];
        let started = Instant::now();
        let output = glassbox(user).args(["run", step]).output().unwrap();
        slowest = slowest.max(started.elapsed());
        let code = output.status.code();
        // 3: an ordinary user at the root of every hierarchy has no cgroup to see.
        let expected = code == Some(0) || (step == "cgroup-ns" && code == Some(3));
        assert!(expected, "{step} as {user:?}: {output:?}");
    }
    assert_nothing_left(&before, "200 runs");

    let mut random = Random(0x6c61_7373_626f_7821);
    for round in 0..50 {
        let user = users()[round % users().len()];
        let step = STEPS[round % STEPS.len()];
        let moment = Duration::from_micros(random.below(slowest.as_micros() as u64));
        kill_after(user, step, moment);
        assert_nothing_left(
            &before,
            &format!("SIGKILL of `run {step}` as {user:?} after {moment:?}"),
        );
    }

    // A group at its limit, a storm of forks, a frozen group: what holds out
    // longest against being killed.
    if is_root() {
        for round in 0..100 {
            let (step, longest) = GROUP_STEPS[round % GROUP_STEPS.len()];
            let moment = Duration::from_micros(random.below(longest * 1000));
            kill_after(User::Me, step, moment);
            assert_nothing_left(
                &before,
                &format!("SIGKILL of `run {step}` after {moment:?}"),
            );
        }
    }

    // Held boxes, killed while they stand.
    for user in users() {
        let mut child = glassbox(user)
            .args(["run", "--hold", "table"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut first = String::new();
        let stdout = child.stdout.as_mut().unwrap();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(stdout), &mut first).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        assert_nothing_left(&before, "SIGKILL of `run --hold`");
    }
}
