//! A run leaves nothing behind: after hundreds of runs, and after SIGKILL of the
//! main process at random moments, the machine is as it was.
//!
//! One test at a time, because each looks at the whole machine.

#![allow(missing_docs)]

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use support::decoys::Decoys;
use support::pack::{lacks_a_program, public_tempdir};
use support::state::{Host, Stat};
use support::{
    Limit, PATIENCE, Random, User, alone, assert_nothing_left, can_make_groups, glassbox, is_root,
    users,
};

/// Steps that between them make everything that a run can make.
const STEPS: [&str; 6] = ["table", "mount", "net", "ipc", "cgroup-ns", "pid"];

/// Steps whose groups hold out longest, with their duration in milliseconds.
const GROUP_STEPS: [(&str, u64); 3] = [("memory", 400), ("pids", 60), ("freezer", 1200)];

/// Starts a program and kills it with SIGKILL at that moment.
fn kill_after(mut program: Command, moment: Duration) {
    let mut child = program
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .within(PATIENCE)
        .spawn()
        .unwrap();
    std::thread::sleep(moment);
    // Its own child: not reaped yet, so the pid can't be another's.
    child.kill().unwrap();
    child.wait();
}

/// A step of the course.
fn course(user: User, step: &str) -> Command {
    let mut command = glassbox(user);
    command.args(["run", step]);
    command
}

/// The state before; the copy for the ordinary user exists by then.
fn before() -> Host {
    for user in users() {
        let listed = glassbox(user)
            .arg("list")
            .within(PATIENCE)
            .output()
            .unwrap();
        assert!(listed.status.success());
    }
    Host::beside(Decoys::make())
}

#[test]
fn nothing_is_left_behind() {
    if users().is_empty() {
        return;
    }
    let _turn = alone();
    let before = before();

    let mut slowest = Duration::ZERO;
    for round in 0..200 {
        let user = users()[round % users().len()];
        let step = STEPS[round % STEPS.len()];
        let started = Instant::now();
        let output = glassbox(user)
            .args(["run", step])
            .within(PATIENCE)
            .output()
            .unwrap();
        slowest = slowest.max(started.elapsed());
        let code = output.status.code();
        // 3: an ordinary user at the root of every hierarchy has no cgroup to see.
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let expected = code == Some(0) || (step == "cgroup-ns" && code == Some(3));
        assert!(
            expected || lacks_a_program(&(code, text)),
            "{step} as {user:?}: {output:?}"
        );
    }
    assert_nothing_left(&before, "200 runs");

    let mut random = Random(0x6c61_7373_626f_7821);
    for round in 0..50 {
        let user = users()[round % users().len()];
        let step = STEPS[round % STEPS.len()];
        let moment = Duration::from_micros(random.below(slowest.as_micros() as u64));
        kill_after(course(user, step), moment);
        assert_nothing_left(
            &before,
            &format!("SIGKILL of `run {step}` as {user:?} after {moment:?}"),
        );
    }

    // A group at its limit, a storm of forks, a frozen group: what holds out
    // longest against being killed.
    if can_make_groups() {
        for round in 0..100 {
            let (step, longest) = GROUP_STEPS[round % GROUP_STEPS.len()];
            let moment = Duration::from_micros(random.below(longest * 1000));
            kill_after(course(User::Me, step), moment);
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
            .within(PATIENCE)
            .spawn()
            .unwrap();
        let mut first = String::new();
        let stdout = child.stdout.as_mut().unwrap();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(stdout), &mut first).unwrap();
        child.kill().unwrap();
        child.wait();
        assert_nothing_left(&before, "SIGKILL of `run --hold`");
    }
}

/// A box with room for layers, and in it one that has an overlay of them for
/// its root: all that a demo can mount.
fn demo_of_layers(medium: &str) -> String {
    let action = |place: &str, verb: &str| format!("[[action]]\nin = '{place}'\n{verb}\n");
    let actions = [
        ("runtime", "do.mkdir = '/mnt/base'"),
        ("runtime", "do.mkdir = '/mnt/base/dir'"),
        (
            "runtime",
            "do.fill = { path = '/mnt/base/dir/file', size = '256KiB' }",
        ),
        (
            "runtime",
            "do.copy = { from = '/mnt/base', to = '/mnt/copy', count = 3 }",
        ),
        ("runtime", "do.remove = '/mnt/copy-1'"),
        (
            "runtime",
            "do.overlay = { lower = ['/mnt/copy-2', '/mnt/base'], upper = '/mnt/up', at = '/mnt/view', count = 2 }",
        ),
        ("runtime", "do.remove = '/mnt/view-1/dir'"),
        ("runtime", "do.mkdir = '/mnt/view-1/dir'"),
        (
            "runtime",
            "do.overwrite = { path = '/mnt/view-2/dir/file', at = 9, text = 'x' }",
        ),
        ("runtime", "do.unmount = '/mnt/view-1'"),
        ("runtime", "do.create = 'box'"),
        (
            "box",
            "do.overlay = { lower = ['/mnt/base'], upper = '/mnt/box', at = '/mnt/root' }",
        ),
        ("box", "do.default-filesystems = '/mnt/root'"),
        ("box", "do.pivot-root = '/mnt/root'\nas = 'pivoted'"),
        ("box", "do.mkdir = '/made'"),
        ("box", "do.probe = ['dir:/']"),
    ];
    let actions: String = actions.map(|(place, verb)| action(place, verb)).concat();
    format!(
        "[[box]]\nname = 'runtime'\nnamespaces = ['mount']\n\
         [[box]]\nname = 'box'\nin = 'runtime'\nnamespaces = ['mount', 'pid', 'ipc', 'net', 'uts']\n\
         [[action]]\nin = 'runtime'\ndo.store = {{ path = '/mnt', on = '{medium}' }}\nas = 'store'\n\
         {actions}\
         [[expect]]\nclaim = 'c'\nwhen = {{ fact = 'box/dir:/', contains = 'made' }}\n\
         [[expect]]\nclaim = 'd'\nwhen = {{ fact = 'box/pivoted', is = 'ok' }}\n"
    )
}

/// The media, which are steps of those names in the pack.
const MEDIA: [&str; 2] = ["tmpfs", "disk"];

fn write_pack(dir: &Path) {
    let lesson = dir.join("01-layers");
    fs::create_dir_all(&lesson).unwrap();
    let facts = "title = 'T'\nsummary = 'S'\nlock = 'L'\nminutes = 1\n";
    fs::write(lesson.join("lesson.toml"), facts).unwrap();
    for (index, medium) in MEDIA.iter().enumerate() {
        let demo = demo_of_layers(medium);
        let step =
            format!("+++\nid = '{medium}'\ntitle = 'T'\n+++\n\nText.\n\n```demo\n{demo}\n```\n");
        fs::write(lesson.join(format!("0{}-{medium}.md", index + 1)), step).unwrap();
    }
}

/// A step of a pack.
fn of_pack(user: User, dir: &Path, medium: &str) -> Command {
    let mut command = glassbox(user);
    command
        .arg("--lessons")
        .arg(dir)
        .args(["run", "--trust", medium]);
    command
}

#[test]
fn no_layer_is_left_behind() {
    if users().is_empty() {
        return;
    }
    let _turn = alone();
    let dir = public_tempdir();
    write_pack(dir.path());
    let before = before();
    let others = on_disk();
    // Each medium as often as the other, with each user.
    let of_round = |round: usize| {
        let user = users()[round % users().len()];
        let on_disk = (round / users().len()).is_multiple_of(2);
        (user, MEDIA[usize::from(on_disk)])
    };

    let mut slowest = Duration::ZERO;
    for round in 0..400 {
        let (user, medium) = of_round(round);
        let started = Instant::now();
        let output = of_pack(user, dir.path(), medium)
            .within(PATIENCE)
            .output()
            .unwrap();
        slowest = slowest.max(started.elapsed());
        let text = String::from_utf8_lossy(&output.stdout);
        // 3: some kernels have no overlay for an ordinary user, or none on a tmpfs.
        let refused = output.status.code() == Some(3) && user == User::Ordinary;
        assert!(
            output.status.success() || refused,
            "{medium} as {user:?}:\n{text}"
        );
        // The guardian says that it has ended only when its directory is gone.
        assert_eq!(on_disk(), others, "{medium} as {user:?}:\n{text}");
    }
    assert_nothing_left(&before, "400 runs of layers");

    let mut random = Random(0x6f76_6572_6c61_7966);
    for round in 0..200 {
        let (user, medium) = of_round(round);
        let moment = Duration::from_micros(random.below(slowest.as_micros() as u64));
        kill_after(of_pack(user, dir.path(), medium), moment);
        assert_nothing_left(
            &before,
            &format!("SIGKILL of `run {medium}` as {user:?} after {moment:?}"),
        );
    }
}

/// The directories of stores that exist now, and those that only look like it.
fn on_disk() -> BTreeSet<String> {
    let entries = fs::read_dir("/var/tmp").into_iter().flatten().flatten();
    entries
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| name.starts_with("glassbox-") && name.ends_with("-layers"))
        .collect()
}

/// Root's `clean` tells of other users' directories: there is a decoy's always.
fn told(user: User, sweep: &[&str]) -> i32 {
    let tells = user == User::Me && is_root() && sweep == ["clean"];
    if tells { 4 } else { 0 }
}

/// What a guardian that was killed itself leaves is found, by the next run or
/// by `clean`, and by nobody but its owner.
#[test]
fn what_a_killed_guardian_leaves_is_swept() {
    let _turn = alone();
    let dir = public_tempdir();
    write_pack(dir.path());
    let before = before();
    let others = on_disk();
    let left_on_disk = || &on_disk() - &others;
    for user in users() {
        for sweep in [&["clean"][..], &["run", "uts"]] {
            let mut child = of_pack(user, dir.path(), "disk")
                .arg("--hold")
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .within(PATIENCE)
                .spawn()
                .unwrap();
            // It says which process its helper is, then what it does.
            let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
            let mut guardian = None;
            for line in lines.by_ref() {
                let line = line.unwrap();
                if let Some((_, rest)) = line.split_once("A helper, process ") {
                    guardian = rest.split(',').next().and_then(|pid| pid.parse().ok());
                }
                if line.contains("All actions are done") {
                    break;
                }
            }
            let guardian = nix::unistd::Pid::from_raw(guardian.expect("a helper"));
            // Alive, the main process would sweep for its guardian at once.
            let main = nix::unistd::Pid::from_raw(child.id() as i32);
            nix::sys::signal::kill(main, nix::sys::signal::Signal::SIGSTOP).unwrap();
            // A child of a child that isn't reaped: its pid can't be another's.
            nix::sys::signal::kill(guardian, nix::sys::signal::Signal::SIGKILL).unwrap();
            child.kill().unwrap();
            child.wait();
            lines.for_each(drop);
            // The kernel ends it on its own time.
            let until = Instant::now() + PATIENCE;
            while Stat::of(guardian.as_raw()).is_some_and(|stat| !stat.is_over()) {
                assert!(Instant::now() < until, "the guardian has not ended");
                std::thread::sleep(Duration::from_millis(1));
            }
            let left = left_on_disk();
            assert_eq!(left.len(), 1, "{user:?}");

            let listed = glassbox(user)
                .args(["clean", "--dry-run"])
                .within(PATIENCE)
                .output()
                .unwrap();
            let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
            let name = left.first().unwrap();
            assert!(listed.contains(&format!("/var/tmp/{name}")), "{listed}");
            assert_eq!(left_on_disk(), left);
            for other in users().into_iter().filter(|other| *other != user) {
                let swept = glassbox(other)
                    .arg("clean")
                    .within(PATIENCE)
                    .output()
                    .unwrap();
                assert_eq!(
                    swept.status.code(),
                    Some(told(other, &["clean"])),
                    "{swept:?}"
                );
                assert_eq!(left_on_disk(), left, "{other:?} swept what is {user:?}'s");
            }
            let swept = glassbox(user)
                .args(sweep)
                .within(PATIENCE)
                .output()
                .unwrap();
            assert_eq!(swept.status.code(), Some(told(user, sweep)), "{swept:?}");
            assert_nothing_left(&before, &format!("{sweep:?} as {user:?}"));
        }
    }
}
