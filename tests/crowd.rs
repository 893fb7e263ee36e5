//! Two hundred runs at once on a host where much else stands, half of them
//! killed: `.ci/full kills` runs it.

#![allow(missing_docs)]

mod support;

use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use support::state::children_of;
use support::{Bounded, Limit, Random, User, assert_nothing_left, glassbox, state};

/// Processes that do nothing, beside the runs.
const IDLE: usize = 1_000;
/// How many runs there are at once.
const RUNS: usize = 200;
/// A run takes a tenth of a second when it is alone, and the guardian gives up
/// after 120 s.
const DEADLINE: Duration = Duration::from_secs(150);

#[test]
#[ignore = "takes minutes and all of the machine: .ci/full kills"]
fn of_many_runs_on_a_crowded_host_nothing_is_left() {
    // They do nothing, and are killed when this is dropped.
    let mut idle = Command::new("sh");
    let script = format!("i=0; while [ $i -lt {IDLE} ]; do sleep 1000 & i=$((i + 1)); done; wait");
    let idle = idle.args(["-c", &script]).within(DEADLINE).spawn().unwrap();
    let all_stand = || children_of(idle.id() as i32).len() == IDLE;
    let begun = Instant::now();
    while !all_stand() {
        assert!(begun.elapsed() < DEADLINE / 4, "not in time");
        thread::sleep(Duration::from_millis(20));
    }
    let before = state();
    let seed = 0x5eed_0c0d;
    println!("seed {seed:#x}");
    let mut random = Random(seed);
    let started = Instant::now();
    let runs: Vec<(String, Bounded, Option<Duration>)> = (0..RUNS)
        .map(|number| {
            let step = ["uts", "pid", "group", "figure"][number / 2 % 4];
            let mut command = glassbox(User::Me);
            command.args(["run", step]).stdin(Stdio::null());
            command.stdout(Stdio::piped()).stderr(Stdio::piped());
            // Each other one: it would hold for ever, so it ends by being killed,
            // somewhere in the time that so many take together.
            let after = (number % 2 == 1).then(|| Duration::from_millis(random.below(8_000)));
            if after.is_some() {
                command.arg("--hold").stdin(Stdio::piped());
            }
            let run = command.within(DEADLINE).spawn().unwrap();
            (format!("run {number}, `{step}`"), run, after)
        })
        .collect();
    let ends: Vec<_> = runs
        .into_iter()
        .map(|(name, run, after)| thread::spawn(move || (name, end(run, started, after))))
        .collect();
    let mut killed = 0;
    let mut failed = Vec::new();
    for thread in ends {
        let (name, output) = thread.join().unwrap();
        let said = [output.stdout, output.stderr].map(|said| String::from_utf8(said).unwrap());
        match output.status.code() {
            None => killed += 1,
            Some(0) => {}
            Some(code) => failed.push(format!("{name} ended with {code}:\n{}", said.concat())),
        }
    }
    println!("all have ended after {:?}", started.elapsed());
    assert!(all_stand(), "a process of nobody's run has ended");
    assert_nothing_left(&before, "200 runs at once, half of them killed");
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    assert_eq!(killed, RUNS / 2);
}

/// Awaits the end of a run, and kills it after a while if that is asked for.
fn end(mut run: Bounded, started: Instant, kill: Option<Duration>) -> Output {
    let Some(after) = kill else {
        return Bounded::output(run);
    };
    // A moment is what is wanted here, not an event.
    thread::sleep(after.saturating_sub(started.elapsed()));
    run.kill().unwrap();
    // Its guardian's end closes nothing of these: it has none of them.
    Bounded::output(run)
}
