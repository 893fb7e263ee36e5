//! What is left of a run is told, what isn't a run's is never touched, and what a
//! dead run has left is found wherever it lies. From outside, with decoys: a
//! learner's own process and a learner's own group in a group of a demo.

#![allow(missing_docs)]

mod support;

use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};
use support::pack::{list, pack_with, public_tempdir};
use support::state::children_of;
use support::{
    Bounded, Limit, PATIENCE, User, alone, glassbox, has_programs, is_root, skip, users,
};

/// A demo whose boxes stand.
struct Held {
    main: Bounded,
    lines: Receiver<Value>,
    supervisor: i32,
    boxes: Vec<i32>,
}

impl Held {
    /// Starts a program that runs `run --hold --json`, and awaits that it holds.
    fn start(mut command: Command) -> Held {
        let mut main = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .within(PATIENCE)
            .spawn()
            .unwrap();
        let stdout = BufReader::new(main.stdout.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                let _ = sender.send(serde_json::from_str(&line).unwrap_or_default());
            }
        });
        let (mut supervisor, mut boxes) = (0, Vec::new());
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let event: Value = lines.recv_timeout(left).expect("it comes to hold");
            match event["event"].as_str() {
                Some("started") => supervisor = event["supervisor"].as_i64().unwrap() as i32,
                Some("box-up") => boxes.push(event["pid"].as_i64().unwrap() as i32),
                Some("holding") => break,
                _ => {}
            }
        }
        Held {
            main,
            lines,
            supervisor,
            boxes,
        }
    }

    fn of(user: User, step: &str) -> Held {
        let mut command = glassbox(user);
        command.args(["run", "--hold", "--json", step]);
        Held::start(command)
    }

    /// Of a pack with one step, which may be trusted.
    fn of_pack(user: User, pack: &Path, step: &str) -> Held {
        let mut command = glassbox(user);
        command.arg("--lessons").arg(pack);
        command.args(["run", "--trust", "--hold", "--json", step]);
        Held::start(command)
    }

    /// Its groups in all hierarchies, the outer before the inner.
    fn groups(&self) -> Vec<PathBuf> {
        groups_of(self.supervisor)
    }

    /// Lets it end: its exit code, and its outcome.
    fn end(mut self) -> (Option<i32>, Value) {
        self.main.stdin.take().unwrap().write_all(b"\n").unwrap();
        let mut outcome = Value::Null;
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(event) if event["event"] == "outcome" => outcome = event,
                Ok(_) => {}
                Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => break,
                Err(error) => panic!("it does not end: {error}"),
            }
        }
        (self.main.wait().code(), outcome)
    }

    /// Kills the guardian and the program, and awaits the end of the boxes. Either
    /// would take down when the other is gone, so both are stopped before.
    fn kill(mut self) {
        let main = self.main.id() as i32;
        for pid in [self.supervisor, main] {
            kill(pid, "STOP");
            await_that("it is stopped", || state_of(pid) == Some('T'));
        }
        kill(self.supervisor, "KILL");
        self.main.kill().unwrap();
        self.main.wait();
        for pid in self.boxes.iter().chain([&self.supervisor]) {
            await_that("all of it ends", || !is_alive(*pid));
        }
    }
}

/// A process that isn't the run's; killed when dropped.
struct Stranger(Bounded);

impl Stranger {
    fn new() -> Stranger {
        Stranger::of(Command::new("sleep").arg("600"))
    }

    fn of(command: &mut Command) -> Stranger {
        Stranger(command.within(PATIENCE).spawn().unwrap())
    }

    fn in_group(group: &Path) -> Stranger {
        let stranger = Stranger::new();
        fs::write(group.join("cgroup.procs"), stranger.pid().to_string()).unwrap();
        stranger
    }

    fn pid(&self) -> i32 {
        self.0.id() as i32
    }

    fn lives(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }
}

/// A group that isn't the run's; removed when dropped, thawed before that.
struct Decoy(PathBuf);

impl Decoy {
    fn new(path: PathBuf) -> Decoy {
        fs::create_dir(&path).unwrap();
        Decoy(path)
    }
}

impl Drop for Decoy {
    fn drop(&mut self) {
        let _ = fs::write(self.0.join("freezer.state"), "THAWED");
        let deadline = Instant::now() + Duration::from_secs(5);
        // Its last member may be about to end.
        while self.0.exists() && fs::remove_dir(&self.0).is_err() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

fn groups_of(guardian: i32) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mark = format!("-{guardian}-");
    walk(Path::new("/sys/fs/cgroup"), &mut |path| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name.starts_with("glassbox-") && name.contains(&mark) {
            found.push(path.to_path_buf());
        }
    });
    found
}

fn walk(dir: &Path, visit: &mut dyn FnMut(&Path)) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            visit(&entry.path());
            walk(&entry.path(), visit);
        }
    }
}

fn kill(pid: i32, signal: &str) {
    let named = format!("SIG{signal}").parse::<nix::sys::signal::Signal>();
    let killed = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), named.unwrap());
    assert_eq!(killed, Ok(()), "kill -{signal} {pid}");
}

fn state_of(pid: i32) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.trim_start().chars().next()
}

fn is_alive(pid: i32) -> bool {
    state_of(pid).is_some_and(|state| !matches!(state, 'Z' | 'X'))
}

fn await_that(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "{what}: not in time");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// `glassbox clean`: its exit code, and what it says in one line.
fn clean(user: User, arguments: &[&str]) -> (Option<i32>, String) {
    let output = glassbox(user)
        .arg("clean")
        .args(arguments)
        .within(PATIENCE)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let words: Vec<&str> = text.split_whitespace().collect();
    (output.status.code(), words.join(" "))
}

/// Whether groups can be made and looked into here, as the tests need it.
fn has_groups() -> bool {
    if !is_root() {
        skip("an ordinary user has no groups to put strangers into");
        return false;
    }
    true
}

fn own_owner(pid: i32, start: u64) -> String {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    let namespace = fs::read_link("/proc/self/ns/pid").unwrap();
    let namespace = namespace.to_string_lossy().into_owned();
    let inode = namespace
        .trim_start_matches("pid:[")
        .trim_end_matches(']')
        .to_string();
    let boot: String = boot
        .chars()
        .filter(char::is_ascii_hexdigit)
        .take(8)
        .collect();
    format!("{boot}-{inode}-{pid}-{start}")
}

/// An owner that has ended.
fn dead_owner() -> String {
    let mut child = Command::new("sleep");
    let mut child = child.arg("0").within(PATIENCE).spawn().unwrap();
    let pid = child.id() as i32;
    child.wait();
    own_owner(pid, 1)
}

/// A stranger's process and a stranger's group, in groups of all kinds of
/// hierarchies, are told at the end of the run, by `clean`, and outlive both and
/// every start of another run.
#[test]
fn strangers_in_a_group_are_told_and_left() {
    let _turn = alone();
    if !has_groups() {
        return;
    }
    for (step, dead) in [
        ("memory", false),
        ("ceiling", false),
        ("pids", false),
        ("pids", true),
        ("shares", true),
        ("freezer", true),
    ] {
        let held = Held::of(User::Me, step);
        let groups = held.groups();
        // A member of a version 2 group that hands controllers down would make its
        // children a threaded subtree, which none can join (cgroup-v2.rst, "Threads").
        let hands_down = |group: &&PathBuf| {
            fs::read_to_string(group.join("cgroup.subtree_control"))
                .is_ok_and(|on| !on.trim().is_empty())
        };
        let Some(with_process) = groups.iter().find(|group| !hands_down(group)) else {
            skip(format_args!("`{step}` has no group on this host"));
            held.end();
            continue;
        };
        let with_group = groups.last().unwrap().clone();
        let limit = fs::read_to_string(with_process.join("pids.max")).ok();
        let mut stranger = Stranger::in_group(with_process);
        let own = Decoy::new(with_group.join("own"));
        let mut inside = Stranger::in_group(&own.0);
        let name = format!("process {} (sleep)", stranger.pid());

        if dead {
            held.kill();
            // As a guardian does that is killed while it takes down.
            if limit.is_some() {
                fs::write(with_process.join("pids.max"), "0").unwrap();
            }
        } else {
            let (code, outcome) = held.end();
            assert_eq!(code, Some(4), "{step}: {outcome}");
            assert_eq!(outcome["outcome"], "passed", "{step}: {outcome}");
            let left = outcome["left"].as_array().unwrap();
            let told = |path: &Path| {
                let mut all = left.iter();
                all.find(|one| one["path"] == path.to_str().unwrap())
                    .cloned()
            };
            let one = told(with_process).unwrap();
            assert_eq!(one["members"][0]["pid"], stranger.pid(), "{outcome}");
            assert!(one["told"].as_str().unwrap().contains(&name), "{outcome}");
            assert!(one["remedy"].as_str().unwrap().contains(&name), "{outcome}");
            assert_eq!(told(&with_group).unwrap()["groups"][0], "own", "{outcome}");
        }
        let told = |code: Option<i32>, text: &str, what: &str| {
            assert_eq!(code, Some(4), "{step}, {what}: {text}");
            assert!(text.contains(&name), "{step}, {what}: {text}");
            assert!(text.contains("`own`"), "{step}, {what}: {text}");
        };
        let (code, text) = clean(User::Me, &["--dry-run"]);
        told(code, &text, "dry run");
        let (code, text) = clean(User::Me, &[]);
        told(code, &text, "clean");
        // Old left-overs are no reason not to start, and none of the new run's.
        let mut run = glassbox(User::Me);
        let run = run.args(["run", "uts"]).within(PATIENCE).output().unwrap();
        assert_eq!(run.status.code(), Some(0), "{step}: {run:?}");
        assert!(stranger.lives() && inside.lives(), "{step}");
        let now = fs::read_to_string(with_process.join("pids.max")).ok();
        match dead {
            false => assert_eq!(now, limit, "{step}: strangers can fork as before"),
            true => assert_ne!(now.as_deref(), Some("0\n"), "{step}: strangers can fork"),
        }
        drop((stranger, inside, own));
        let (code, text) = clean(User::Me, &[]);
        assert_eq!(code, Some(0), "{step}: {text}");
        for group in groups {
            assert!(!group.exists(), "{step}: {}", group.display());
        }
    }
}

/// A left-over is told before a claim that failed.
#[test]
fn left_overs_win_over_failed_claims() {
    let _turn = alone();
    if !has_groups() {
        return;
    }
    let dir = public_tempdir();
    pack_with(dir.path(), "02-cgroups", "05-memory.md", &|demo| {
        for expectation in list(demo, "expect")? {
            let when = expectation
                .as_table_mut()?
                .get_mut("when")?
                .as_table_mut()?;
            when.retain(|key, _| key == "fact");
            when.insert("is".into(), "nonsense".into());
        }
        Some(())
    })
    .unwrap();
    let held = Held::of_pack(User::Me, dir.path(), "memory");
    let groups = held.groups();
    let Some(group) = groups.first() else {
        skip("`memory` has no group on this host");
        held.end();
        return;
    };
    let own = Decoy::new(group.join("own"));
    let (code, outcome) = held.end();
    assert_eq!(outcome["outcome"], "failed", "{outcome}");
    assert_eq!(code, Some(4), "{outcome}");
    drop(own);
    assert_eq!(clean(User::Me, &[]).0, Some(0));
}

/// A guardian that was killed leaves groups in any hierarchy, nested ones too.
#[test]
fn the_groups_of_a_killed_guardian_are_found_everywhere() {
    let _turn = alone();
    if !has_groups() {
        return;
    }
    let dir = public_tempdir();
    // A guest has the program, and not the sources of its lessons.
    let has_lessons = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("lessons")
        .exists();
    if has_lessons {
        pack_with(dir.path(), "02-cgroups", "05-memory.md", &nested).unwrap();
    }
    for step in ["ceiling", "reads", "pids", "nested", "controllers"] {
        let held = match step {
            "nested" if !has_lessons => continue,
            "nested" => Held::of_pack(User::Me, dir.path(), "memory"),
            step => Held::of(User::Me, step),
        };
        let groups = held.groups();
        held.kill();
        let (code, text) = clean(User::Me, &[]);
        assert_eq!(code, Some(0), "{step}: {text}");
        for group in groups {
            assert!(text.contains(group.to_str().unwrap()), "{step}: {text}");
            assert!(!group.exists(), "{step}: {}", group.display());
        }
    }
    // Of dead owners, in every hierarchy that there is.
    let owner = dead_owner();
    let mut made = Vec::new();
    for hierarchy in fs::read_dir("/sys/fs/cgroup").unwrap().flatten() {
        let outer = hierarchy.path().join(format!("glassbox-{owner}-outer"));
        let inner = outer.join(format!("glassbox-{owner}-inner"));
        if hierarchy.file_type().unwrap().is_dir()
            && hierarchy.path().join("cgroup.procs").exists()
            && fs::create_dir_all(&inner).is_ok()
        {
            made.push(outer);
        }
    }
    let (code, text) = clean(User::Me, &[]);
    assert_eq!(code, Some(0), "{text}");
    for group in &made {
        assert!(!group.exists(), "{}", group.display());
    }
    eprintln!("{} hierarchies", made.len());
}

/// A group in that of lesson 02's step `memory`.
fn nested(demo: &mut toml::Table) -> Option<()> {
    let inner = "name = 'inner'\nin = 'small'\nlimits = { pids = 40, memory = '8MiB' }";
    let inner: toml::Table = toml::from_str(inner).unwrap();
    list(demo, "cgroup")?.push(toml::Value::Table(inner));
    Some(())
}

/// Two at once get in each other's way nowhere.
#[test]
fn two_cleaners_at_once() {
    let _turn = alone();
    if !has_groups() {
        return;
    }
    let base = ["pids", "freezer", "."]
        .map(|name| Path::new("/sys/fs/cgroup").join(name))
        .into_iter()
        .find(|path| path.join("cgroup.procs").exists());
    let Some(base) = base else {
        skip("no hierarchy at the usual place");
        return;
    };
    for _ in 0..5 {
        let owner = dead_owner();
        for number in 0..40 {
            let outer = base.join(format!("glassbox-{owner}-g{number}"));
            fs::create_dir_all(outer.join(format!("glassbox-{owner}-inner"))).unwrap();
        }
        // A living owner's.
        let start = fs::read_to_string("/proc/self/stat").unwrap();
        let start = start.rsplit_once(')').unwrap().1;
        let start = start.split_whitespace().nth(19).unwrap().parse().unwrap();
        let alive = own_owner(std::process::id() as i32, start);
        let live = Decoy::new(base.join(format!("glassbox-{alive}-live")));
        let cleaners: Vec<Bounded> = (0..3)
            .map(|_| {
                glassbox(User::Me)
                    .arg("clean")
                    .stdout(Stdio::piped())
                    .within(PATIENCE)
                    .spawn()
                    .unwrap()
            })
            .collect();
        for cleaner in cleaners {
            let output = Bounded::output(cleaner);
            assert_eq!(output.status.code(), Some(0), "{output:?}");
        }
        let left: Vec<_> = fs::read_dir(&base)
            .unwrap()
            .flatten()
            .filter(|entry| entry.file_name().to_string_lossy().contains(&owner))
            .collect();
        assert!(left.is_empty(), "{left:?}");
        assert!(live.0.exists());
    }
}

/// A stopped guardian can't do its duty when its program is gone.
#[test]
fn a_stopped_guardian_without_its_program_counts_as_dead() {
    let _turn = alone();
    for user in users() {
        for step in ["memory", "table", "net"] {
            if user == User::Ordinary && step == "memory" {
                continue;
            }
            let mut held = Held::of(user, step);
            let groups = held.groups();
            // Somebody else's, of whatever name and state.
            let mut decoy = Command::new("sleep");
            decoy.arg0("glassbox-supervisor").arg("600");
            let mut decoy = Stranger::of(&mut decoy);
            kill(decoy.pid(), "STOP");
            kill(held.supervisor, "STOP");
            await_that("it is stopped", || state_of(held.supervisor) == Some('T'));
            // While its program is there, it is none of anybody's business.
            let (code, text) = clean(user, &[]);
            assert_eq!((code, text.as_str()), (Some(0), "nothing is left over"));
            assert!(is_alive(held.supervisor) && held.boxes.iter().all(|pid| is_alive(*pid)));

            held.main.kill().unwrap();
            held.main.wait();
            let (code, text) = clean(user, &["--dry-run"]);
            assert_eq!(code, Some(0), "{step} as {user:?}: {text}");
            let named = format!("would remove process {}", held.supervisor);
            assert!(text.contains(&named), "{step} as {user:?}: {text}");
            assert!(is_alive(held.supervisor));
            let (code, text) = clean(user, &[]);
            assert_eq!(code, Some(0), "{step} as {user:?}: {text}");
            assert!(!is_alive(held.supervisor), "{step} as {user:?}: {text}");
            for pid in &held.boxes {
                await_that("the boxes end", || !is_alive(*pid));
            }
            assert!(groups.iter().all(|group| !group.exists()), "{text}");
            assert!(decoy.lives(), "{step} as {user:?}: {text}");
        }
    }
}

/// A guardian that is killed while its program goes on: that removes what was left
/// at once, tells that the run broke off, and of what it could not remove.
#[test]
fn the_program_takes_down_for_a_guardian_that_was_killed() {
    let _turn = alone();
    for user in users() {
        for (step, strangers) in [("table", false), ("ceiling", false), ("freezer", true)] {
            if step != "table" && (user == User::Ordinary || !is_root()) {
                continue;
            }
            let held = Held::of(user, step);
            let groups = held.groups();
            let stranger = match (groups.first(), strangers) {
                (Some(group), true) => Some(Stranger::in_group(group)),
                _ => None,
            };
            kill(held.supervisor, "KILL");
            // At once: the program still waits for the word to end.
            let boxes = held.boxes.clone();
            let remain = || groups.iter().filter(|group| group.exists()).count();
            await_that("it takes down", || {
                remain() == usize::from(stranger.is_some())
                    && !boxes.iter().any(|pid| is_alive(*pid))
            });
            let (code, outcome) = held.end();
            let told = format!("{step} as {user:?}: {outcome}");
            assert!(outcome["broken"].is_string(), "{told}");
            match &stranger {
                None => {
                    assert_eq!(code, Some(1), "{told}");
                    assert!(outcome["left"].is_null(), "{told}");
                }
                Some(stranger) => {
                    assert_eq!(code, Some(4), "{told}");
                    let member = &outcome["left"][0]["members"][0]["pid"];
                    assert_eq!(*member, stranger.pid(), "{told}");
                }
            }
            drop(stranger);
            assert_eq!(clean(user, &[]).0, Some(0), "{step} as {user:?}");
        }
    }
}

/// What has cleared its environment, and with it the mark, and has left its session:
/// it lives on where no pid namespace ends it, and is known by who adopts it.
#[test]
fn orphans_without_a_mark_end_with_their_guardian() {
    let _turn = alone();
    let dir = public_tempdir();
    let argument = format!("{}", 100_000 + std::process::id());
    // One that was forked at once, and one that forks all the time.
    let once = format!("setsid env -i sleep {argument} >/dev/null 2>&1 </dev/null &");
    let again = format!(
        "exec >/dev/null 2>&1 </dev/null; exec env -i PATH=$PATH setsid sh -c 'while :; do sleep 0.{argument}; done' &"
    );
    pack_with(dir.path(), "01-namespaces", "03-uts.md", &|demo| {
        for script in [&once, &again] {
            let action = format!("in = 'box'\ndo.run = ['sh', '-c', {script:?}]");
            let action: toml::Table = toml::from_str(&action).unwrap();
            list(demo, "action")?.push(toml::Value::Table(action));
        }
        Some(())
    })
    .unwrap();
    if !has_programs(&["setsid"]) {
        return;
    }
    for user in users() {
        for stopped in [false, true] {
            let held = Held::of_pack(user, dir.path(), "uts");
            await_that("it runs", || running(&argument).len() >= 3);
            // A guardian that doesn't answer is killed by the program itself.
            kill(held.supervisor, if stopped { "STOP" } else { "KILL" });
            let (code, outcome) = match stopped {
                true => held.end(),
                false => {
                    await_that("all of it ends", || running(&argument).is_empty());
                    held.end()
                }
            };
            let told = format!("{user:?}, {stopped}: {outcome}");
            assert_eq!(running(&argument), [0; 0], "{told}");
            assert!(outcome["left"].is_null(), "{told}");
            assert_ne!(code, Some(4), "{told}");
            assert_eq!(clean(user, &[]).1, "nothing is left over", "{told}");
        }
    }
}

/// A group of version 1 that somebody has renamed is still the run's: it goes with
/// it, or is told under its new name; and so does what a killed guardian has left.
/// What has taken the old name is somebody else's.
#[test]
fn renamed_groups_are_still_the_runs() {
    let _turn = alone();
    if !has_groups() {
        return;
    }
    let dir = public_tempdir();
    pack_with(dir.path(), "02-cgroups", "05-memory.md", &nested).unwrap();
    for (end, step) in [
        ("itself", "memory"),
        ("stranger", "memory"),
        ("guardian killed", "memory"),
        ("all killed", "memory"),
        ("frozen", "freezer"),
    ] {
        let held = match step {
            "memory" => Held::of_pack(User::Me, dir.path(), step),
            step => Held::of(User::Me, step),
        };
        let renamed: Vec<(PathBuf, PathBuf)> = held
            .groups()
            .into_iter()
            .enumerate()
            .filter_map(|(index, group)| {
                let new = group.with_file_name(format!("renamed-{}-{index}", held.supervisor));
                fs::rename(&group, &new).ok()?;
                Some((group, new))
            })
            .collect();
        let Some((old, first)) = renamed.first() else {
            skip("no group of version 1");
            held.end();
            return;
        };
        // Of a dead guardian's groups the name is what tells them.
        let taken = !end.ends_with("killed");
        if taken {
            fs::create_dir(old).unwrap();
        }
        let stranger = (end == "stranger").then(|| Stranger::in_group(first));
        if end == "frozen" {
            let freezer = renamed.iter().map(|(_, new)| new.join("freezer.state"));
            freezer
                .filter(|file| file.exists())
                .for_each(|file| fs::write(file, "FROZEN").unwrap());
        }
        match end {
            "all killed" => {
                held.kill();
                let (code, text) = clean(User::Me, &[]);
                let told = first.display().to_string();
                assert!(code == Some(0) && text.contains(&told), "{end}: {text}");
            }
            "guardian killed" => {
                kill(held.supervisor, "KILL");
                let (_, outcome) = held.end();
                assert!(outcome["left"].is_null(), "{end}: {outcome}");
            }
            _ => {
                let asked = Instant::now();
                let (code, outcome) = held.end();
                let expected = if stranger.is_some() { 4 } else { 0 };
                assert_eq!(code, Some(expected), "{end}: {outcome}");
                assert!(asked.elapsed() < Duration::from_secs(8), "{end}");
                let path = &outcome["left"][0]["path"];
                assert!(
                    stranger.is_none() || path == first.to_str().unwrap(),
                    "{outcome}"
                );
            }
        }
        let there = renamed.iter().filter(|(_, new)| new.exists()).count();
        assert_eq!(there, usize::from(stranger.is_some()), "{end}: {renamed:?}");
        assert_eq!(old.exists(), taken, "{end}: somebody else's group");
        let _ = fs::remove_dir(old);
        drop(stranger);
        assert_eq!(clean(User::Me, &[]).0, Some(0), "{end}");
        assert!(!first.exists(), "{end}");
    }
}

/// The processes that have this in an argument.
fn running(argument: &str) -> Vec<i32> {
    let all = support::state::processes().into_iter();
    all.filter(|(pid, stat)| {
        let line = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        stat.state != "Z" && line.contains(argument)
    })
    .map(|(pid, _)| pid)
    .collect()
}

/// Only a process with the mark of a dead run in its initial environment is one.
#[test]
fn processes_are_known_by_their_mark() {
    let _turn = alone();
    for user in users() {
        let held = Held::of(user, "table");
        let marked = |value: &str| {
            let mut command = Command::new("sleep");
            command.arg("600").env("GLASSBOX_RUN", value);
            if user == User::Ordinary {
                command.uid(65_534).gid(65_534);
            }
            Stranger::of(&mut command)
        };
        let environment = fs::read(format!("/proc/{}/environ", held.boxes[0])).unwrap();
        let own = environment
            .split(|byte| *byte == 0)
            .find_map(|variable| variable.strip_prefix(b"GLASSBOX_RUN="))
            .expect("a box's pid 1 bears the mark");
        let own = String::from_utf8_lossy(own).into_owned();
        let dead = dead_owner();
        let elsewhere = own.replacen(own.split('-').nth(1).unwrap(), "1", 1);
        let mut kept = [
            marked("1"),
            marked(&dead),
            marked(&elsewhere),
            marked(&format!("{dead}-x")),
            marked(&own),
        ];
        let mut gone = marked(&format!("{dead}-1"));
        let (code, text) = clean(user, &[]);
        assert_eq!(code, Some(0), "{user:?}: {text}");
        assert!(
            text.contains(&format!("process {} (sleep)", gone.pid())),
            "{text}"
        );
        assert!(!gone.lives());
        for (index, one) in kept.iter_mut().enumerate() {
            assert!(one.lives(), "{index} as {user:?}: {text}");
        }
        let (code, outcome) = held.end();
        assert_eq!(code, Some(0), "{user:?}: {outcome}");
    }
}

/// What a box runs bears the mark as well.
#[test]
fn programs_in_boxes_bear_the_mark() {
    let _turn = alone();
    let dir = public_tempdir();
    pack_with(dir.path(), "01-namespaces", "03-uts.md", &|demo| {
        let action: toml::Table = toml::from_str("in = 'box'\ndo.run = ['env']").unwrap();
        list(demo, "action")?.push(toml::Value::Table(action));
        Some(())
    })
    .unwrap();
    for user in users() {
        let output = glassbox(user)
            .arg("--lessons")
            .arg(dir.path())
            .args(["run", "--trust", "--json", "uts"])
            .within(PATIENCE)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let told = text
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .find(|event| event["event"] == "output" && event["argv"][0] == "env")
            .unwrap_or_else(|| panic!("{user:?}: {output:?}"));
        let variables = told["stdout"].as_str().unwrap();
        assert!(variables.contains("GLASSBOX_RUN="), "{user:?}: {variables}");
    }
}

/// A run with a store on a disk, in a mount namespace of its own, in which a script
/// is run first.
fn with_a_disk(dir: &Path, script: &str) -> Option<(Held, PathBuf)> {
    pack_with(dir, "03-overlayfs", "02-lowers.md", &|demo| {
        for action in list(demo, "action")? {
            let verbs = action.as_table_mut()?.get_mut("do")?.as_table_mut()?;
            if let Some(store) = verbs.get_mut("store") {
                store.as_table_mut()?.insert("on".into(), "disk".into());
            }
        }
        Some(())
    })
    .unwrap();
    let mut command = Command::new("unshare");
    command
        .args(["--mount", "--propagation", "private", "sh", "-ec"])
        .arg(format!("{script}; exec \"$@\""))
        .arg("sh")
        .arg(glassbox(User::Me).get_program())
        .arg("--lessons")
        .arg(dir)
        .args(["run", "--trust", "--hold", "--json", "lowers"]);
    let held = Held::start(command);
    let mark = format!("-{}-", held.supervisor);
    let disk = fs::read_dir("/var/tmp").unwrap().flatten().find(|entry| {
        let name = entry.file_name().to_string_lossy().into_owned();
        name.starts_with("glassbox-") && name.contains(&mark)
    });
    match disk {
        Some(disk) => Some((held, disk.path())),
        None => {
            skip("no store on a disk here");
            held.end();
            None
        }
    }
}

/// What is mounted in the run's directory is told; the rest goes all the same.
#[test]
fn a_mount_in_the_directory_on_a_disk_is_told() {
    let _turn = alone();
    if !is_root() {
        skip("an ordinary user mounts nothing there");
        return;
    }
    let dir = public_tempdir();
    let Some((held, disk)) = with_a_disk(dir.path(), ":") else {
        return;
    };
    fs::create_dir(disk.join("first")).unwrap();
    fs::write(disk.join("last"), "x").unwrap();
    let status = Command::new("nsenter")
        .args(["-t", &held.supervisor.to_string(), "-m"])
        .args(["mount", "-t", "tmpfs", "decoy"])
        .arg(disk.join("first"))
        .within(PATIENCE)
        .status();
    assert!(status.unwrap().success());
    let (code, outcome) = held.end();
    assert_eq!(code, Some(4), "{outcome}");
    let left = &outcome["left"][0];
    assert_eq!(left["kind"], "directory", "{outcome}");
    assert_eq!(
        left["at"],
        disk.join("first").to_str().unwrap(),
        "{outcome}"
    );
    assert_eq!(left["errno"], 16, "{outcome}");
    assert!(
        left["remedy"].as_str().unwrap().contains("unmount"),
        "{outcome}"
    );
    let names = |path: &Path| -> BTreeSet<_> {
        let entries = fs::read_dir(path).unwrap().flatten();
        entries.map(|entry| entry.file_name()).collect()
    };
    assert_eq!(names(&disk), ["first".into()].into(), "the rest is gone");
    // The mount went with its namespace.
    assert_eq!(clean(User::Me, &[]).0, Some(0));
    assert!(!disk.exists());
}

/// A file that may not be changed is told, by the run and by `clean`.
#[test]
fn a_file_that_may_not_be_changed_is_told() {
    let _turn = alone();
    if !is_root() {
        skip("only root makes a file immutable");
        return;
    }
    let dir = public_tempdir();
    let Some((held, disk)) = with_a_disk(dir.path(), ":") else {
        return;
    };
    let file = disk.join("decoy");
    fs::write(&file, "x").unwrap();
    let chattr = |flag: &str| {
        let mut chattr = Command::new("chattr");
        let status = chattr.arg(flag).arg(&file).within(PATIENCE).status();
        status.is_ok_and(|status| status.success())
    };
    if !chattr("+i") {
        skip("chattr(1) can't make a file immutable here");
        held.end();
        return;
    }
    let (code, outcome) = held.end();
    let by_run = (code, outcome["left"][0]["at"].clone());
    let (code, text) = clean(User::Me, &[]);
    assert!(chattr("-i"));
    assert_eq!(
        by_run,
        (Some(4), file.to_str().unwrap().into()),
        "{outcome}"
    );
    assert_eq!(outcome["left"][0]["errno"], 1, "{outcome}");
    assert_eq!(code, Some(4), "{text}");
    assert!(
        text.contains("unlinkat of decoy in it says EPERM"),
        "{text}"
    );
    assert_eq!(clean(User::Me, &[]).0, Some(0));
    assert!(!disk.exists());
}

/// A process that does not end is told, and nobody waits for it for ever.
#[test]
fn a_process_that_does_not_end_is_told() {
    let _turn = alone();
    let freezer = Path::new("/sys/fs/cgroup/freezer");
    if !is_root() || !freezer.join("cgroup.procs").exists() {
        skip("only a frozen group of version 1 keeps SIGKILL waiting");
        return;
    }
    let held = Held::of(User::Me, "table");
    let pid = held.boxes[0];
    let ice = Decoy::new(freezer.join(format!("gbtest-{}", std::process::id())));
    fs::write(ice.0.join("cgroup.procs"), pid.to_string()).unwrap();
    fs::write(ice.0.join("freezer.state"), "FROZEN").unwrap();
    let (code, outcome) = held.end();
    let (cleaned, text) = clean(User::Me, &[]);
    fs::write(ice.0.join("freezer.state"), "THAWED").unwrap();
    await_that("it ends", || !is_alive(pid));
    drop(ice);
    assert_eq!(code, Some(4), "{outcome}");
    let left = &outcome["left"][0];
    assert_eq!(left["kind"], "process", "{outcome}");
    assert_eq!(left["process"]["pid"], pid, "{outcome}");
    assert_eq!(cleaned, Some(4), "{text}");
    assert!(text.contains(&format!("process {pid} ")), "{text}");
    assert_eq!(clean(User::Me, &[]).0, Some(0));
}

/// `verify` tells it as well, beside claims that hold.
#[test]
fn verify_tells_what_a_run_has_left() {
    let _turn = alone();
    if !has_groups() {
        return;
    }
    let dir = public_tempdir();
    let report = dir.path().join("report.xml");
    let verify = glassbox(User::Me)
        .args(["verify", "freezer", "--junit"])
        .arg(&report)
        .stdout(Stdio::piped())
        .within(PATIENCE)
        .spawn()
        .unwrap();
    let deadline = Instant::now() + PATIENCE;
    let own = loop {
        assert!(Instant::now() < deadline, "no group in time");
        let guardian = children_of(verify.id() as i32).first().copied();
        let group = guardian.and_then(|pid| groups_of(pid).pop());
        if let Some(own) = group.map(|group| group.join("own"))
            && fs::create_dir(&own).is_ok()
        {
            break Decoy(own);
        }
        std::thread::sleep(Duration::from_millis(1));
    };
    let output = Bounded::output(verify);
    drop(own);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(4), "{text}");
    let last = text.lines().last();
    assert_eq!(
        last,
        Some("1 passed, 0 failed, 0 skipped, 1 left something"),
        "{text}"
    );
    assert!(text.contains("`own`") && text.contains("rmdir"), "{text}");
    let report = fs::read_to_string(report).unwrap();
    assert!(
        report.contains("<error") && report.contains("`own`"),
        "{report}"
    );
    assert_eq!(clean(User::Me, &[]).0, Some(0));
}

/// Somebody's own things may be named much like a run's: none is touched by any
/// start, nor by `clean`.
#[test]
fn what_is_only_named_much_like_a_runs_is_kept() {
    let _turn = alone();
    let dir = public_tempdir();
    let owner = dead_owner();
    let [boot, namespace, pid, start] = *owner.split('-').collect::<Vec<_>>() else {
        panic!("{owner}");
    };
    let kept = [
        "glassbox-2026-11-26-1-layers".to_string(),
        format!("glassbox-20261126-11-26-{start}-layers"),
        format!("glassbox-notes-{namespace}-{pid}-{start}-layers"),
        format!("glassbox-{boot}-{namespace}-0{pid}-{start}-layers"),
        format!("glassbox-{boot}-{namespace}-+{pid}-{start}-layers"),
        format!("glassbox-{owner}-old-layers"),
    ];
    for name in &kept {
        fs::create_dir_all(dir.path().join(name).join("inside")).unwrap();
    }
    let dead = dir.path().join(format!("glassbox-{owner}-layers"));
    fs::create_dir_all(dead.join("inside")).unwrap();
    // A link to the place is as good as the place.
    let link = dir.path().join("link");
    std::os::unix::fs::symlink(dir.path(), &link).unwrap();
    for arguments in [&["run", "uts"][..], &["clean"]] {
        let mut command = glassbox(User::Me);
        command.env("TMPDIR", &link).args(arguments);
        let output = command.within(PATIENCE).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {output:?}");
        for name in &kept {
            assert!(dir.path().join(name).join("inside").exists(), "{name}");
        }
        assert!(!dead.exists(), "{arguments:?}");
    }
}

/// The kernel adds the reader's offset to the start of a process: a look from
/// another time namespace takes no run for a dead one.
#[test]
fn a_look_from_another_time_namespace_takes_nothing_from_a_run() {
    let _turn = alone();
    if !has_groups() || !Path::new("/proc/self/ns/time").exists() {
        skip("no time namespaces here");
        return;
    }
    let held = Held::of(User::Me, "freezer");
    let groups = held.groups();
    let mut look = Command::new("unshare");
    look.args(["--time", "--boottime", "864000", "--fork"])
        .arg(glassbox(User::Me).get_program())
        .args(["clean", "--dry-run"]);
    let output = look.within(PATIENCE).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mark = format!("-{}-", held.supervisor);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(!text.contains(&mark), "{text}");
    assert!(groups.iter().all(|group| group.exists()));
    assert_eq!(held.end().0, Some(0));
}

/// A thread that outlives the first one of its process, pthread_exit(3).
const WITHOUT_ITS_FIRST_THREAD: &str = "
import ctypes, threading, time
threading.Thread(target=time.sleep, args=(600,)).start()
ctypes.CDLL(None).pthread_exit(None)
";

/// A stranger whose first thread has ended is one as well, told by its name.
#[test]
fn a_stranger_without_its_first_thread_is_told() {
    let _turn = alone();
    if !has_groups() {
        return;
    }
    if !has_programs(&["python3"]) {
        return;
    }
    let held = Held::of(User::Me, "pids");
    let groups = held.groups();
    let Some(group) = groups.first() else {
        skip("`pids` has no group on this host");
        held.end();
        return;
    };
    let mut stranger = Stranger::of(
        Command::new("python3")
            .args(["-c", WITHOUT_ITS_FIRST_THREAD])
            .stdout(Stdio::null()),
    );
    let pid = stranger.pid();
    let threads = || fs::read_dir(format!("/proc/{pid}/task")).map_or(0, Iterator::count);
    await_that("its first thread ends", || {
        state_of(pid) == Some('Z') && threads() > 0
    });
    fs::write(group.join("cgroup.procs"), pid.to_string()).unwrap();
    let (code, outcome) = held.end();
    let (cleaned, text) = clean(User::Me, &[]);
    assert_eq!(code, Some(4), "{outcome}");
    assert_eq!(outcome["left"][0]["members"][0]["pid"], pid, "{outcome}");
    assert_eq!(cleaned, Some(4), "{text}");
    assert!(text.contains(&format!("process {pid} ")), "{text}");
    assert!(stranger.lives());
    drop(stranger);
    assert_eq!(clean(User::Me, &[]).0, Some(0));
}

/// What another boot made may be in use on another machine or in a container: it goes
/// only if this machine made it, and nobody holds it. What can't be told is told.
#[test]
fn a_directory_of_another_boot_is_kept_unless_it_is_known_to_be_left() {
    let _turn = alone();
    if !is_root() {
        skip("only root can run under another boot id");
        return;
    }
    let dir = public_tempdir();
    let id = dir.path().join("boot_id");
    fs::write(&id, "0123abcd-0123-4567-89ab-0123456789ab\n").unwrap();
    let other = format!(
        "mount --bind {} /proc/sys/kernel/random/boot_id",
        id.display()
    );
    let Some((held, disk)) = with_a_disk(dir.path(), &other) else {
        return;
    };
    let name = disk.file_name().unwrap().to_string_lossy().into_owned();
    assert!(name.starts_with("glassbox-0123abcd-"), "{name}");
    let told = || {
        let (code, text) = clean(User::Me, &[]);
        assert_eq!(code, Some(0), "{text}");
        text.contains(&format!("not judged: {}", disk.display()))
    };
    assert!(told() && disk.exists(), "somebody holds it");
    held.kill();
    if !Path::new("/etc/machine-id").exists() {
        assert!(
            told() && disk.exists(),
            "nobody knows which machine made it"
        );
        fs::write(disk.join("machine-id"), "").unwrap();
    } else {
        let machine = fs::read(disk.join("machine-id")).unwrap();
        fs::write(disk.join("machine-id"), "0123456789abcdef0123456789abcdef").unwrap();
        assert!(told() && disk.exists(), "another machine made it");
        fs::remove_file(disk.join("machine-id")).unwrap();
        assert!(
            told() && disk.exists(),
            "nobody knows which machine made it"
        );
        fs::write(disk.join("machine-id"), machine).unwrap();
        let (code, text) = clean(User::Me, &[]);
        assert_eq!(code, Some(0), "{text}");
        assert!(
            text.contains(&format!("removed {}", disk.display())),
            "{text}"
        );
    }
    let _ = fs::remove_dir_all(&disk);
}

/// A directory that somebody has moved is told where it is, and left.
#[test]
fn a_directory_that_was_moved_is_told() {
    let _turn = alone();
    if !is_root() {
        skip("the store on a disk is made as root");
        return;
    }
    let dir = public_tempdir();
    let kept = Path::new("/var/tmp").join(format!("gbtest-kept-{}", std::process::id()));
    let Some((held, disk)) = with_a_disk(dir.path(), ":") else {
        return;
    };
    fs::rename(&disk, &kept).unwrap();
    fs::create_dir(&disk).unwrap();
    let (code, outcome) = held.end();
    let left = &outcome["left"][0];
    assert_eq!(code, Some(4), "{outcome}");
    assert_eq!(
        (&left["kind"], &left["path"]),
        (&"moved".into(), &kept.to_str().unwrap().into())
    );
    assert!(kept.exists() && disk.exists(), "{outcome}");
    fs::remove_dir_all(&kept).unwrap();
    fs::remove_dir(&disk).unwrap();
    // With guardian and program killed, `clean` tells where it is, and leaves it.
    let (var, home) = (Path::new("/var"), std::env::home_dir().unwrap());
    for place in [Path::new("/var/tmp"), var, &home] {
        let (held, disk) = with_a_disk(dir.path(), ":").unwrap();
        let kept = place.join(format!("gbtest-kept-{}", std::process::id()));
        if fs::rename(&disk, &kept).is_err() {
            skip(format_args!("{} is another file system", place.display()));
            held.end();
            continue;
        }
        held.kill();
        let (code, text) = clean(User::Me, &[]);
        let kept_it = kept.exists();
        fs::remove_dir_all(&kept).unwrap();
        assert!(kept_it && code == Some(4), "{text}");
        for path in [&disk, &kept] {
            assert!(text.contains(path.to_str().unwrap()), "{text}");
        }
        assert_eq!(clean(User::Me, &[]).0, Some(0));
    }
    // One that was removed isn't there to be told.
    let (held, disk) = with_a_disk(dir.path(), ":").unwrap();
    fs::remove_dir_all(&disk).unwrap();
    assert_eq!(held.end().0, Some(0));
}

/// What is hidden by a mount at the end isn't gone: nobody can see it, and it is told.
#[test]
fn what_a_mount_hides_is_not_gone() {
    let _turn = alone();
    if !has_groups() || !has_programs(&["nsenter"]) {
        return;
    }
    let dir = public_tempdir();
    let path = |path: &Path| path.to_str().unwrap().to_string();
    let hide = |held: &Held, mount_of: &[&str]| {
        let mut mount = Command::new("nsenter");
        let pid = held.supervisor.to_string();
        mount.args(["-t", &pid, "-m", "mount"]).args(mount_of);
        assert!(mount.within(PATIENCE).status().unwrap().success());
    };
    // By a mount of any kind, and by one of the same.
    for bound in [false, true] {
        let mut command = Command::new("unshare");
        command.args(["--mount", "--propagation", "private"]);
        command.arg(glassbox(User::Me).get_program());
        command.args(["run", "--hold", "--json", "pids"]);
        let held = Held::start(command);
        let groups = held.groups();
        let Some(first) = groups.first() else {
            skip("no group is made here");
            held.end();
            return;
        };
        let decoy = Decoy::new(first.with_file_name(format!("gbtest-{}", std::process::id())));
        match (bound, first.parent()) {
            (true, Some(above)) => hide(&held, &["--bind", &path(&decoy.0), &path(above)]),
            _ => hide(&held, &["-t", "tmpfs", "none", "/sys/fs/cgroup"]),
        }
        let (code, outcome) = held.end();
        assert_eq!(code, Some(4), "{outcome}");
        let told = outcome["left"].as_array().unwrap();
        assert!(
            told.iter().any(|one| one["path"] == path(first)),
            "{outcome}"
        );
        assert!(first.exists(), "{outcome}");
        assert!(bound || told.len() == groups.len(), "{outcome}");
        let (code, text) = clean(User::Me, &[]);
        assert_eq!(code, Some(0), "{text}");
        assert!(!groups.iter().any(|group| group.exists()), "{text}");
    }

    let Some((held, disk)) = with_a_disk(dir.path(), ":") else {
        return;
    };
    hide(&held, &["-t", "tmpfs", "none", "/var/tmp"]);
    let (code, outcome) = held.end();
    assert_eq!(code, Some(4), "{outcome}");
    assert_eq!(outcome["left"][0]["kind"], "directory", "{outcome}");
    assert!(disk.exists(), "{outcome}");
    let (code, text) = clean(User::Me, &[]);
    assert!(code == Some(0) && !disk.exists(), "{text}");
}

/// Those of other users' dead runs are theirs to remove, and root is told.
#[test]
fn root_is_told_of_what_others_have_left() {
    let _turn = alone();
    if !is_root() {
        skip("only root is told");
        return;
    }
    let path = Path::new("/var/tmp").join(format!("glassbox-{}-layers", dead_owner()));
    fs::create_dir(&path).unwrap();
    std::os::unix::fs::chown(&path, Some(65_533), Some(65_533)).unwrap();
    let (code, text) = clean(User::Me, &[]);
    let (ordinary, theirs) = clean(User::Ordinary, &[]);
    let there = path.exists();
    fs::remove_dir(&path).unwrap();
    assert!(there && code == Some(4), "{text}");
    let named = path.to_str().unwrap();
    assert!(text.contains(named) && text.contains("65533"), "{text}");
    assert!(ordinary == Some(0) && !theirs.contains(named), "{theirs}");
}

/// Where a hierarchy isn't mounted, or only a part of it, nothing is said of its
/// groups.
#[test]
fn clean_claims_only_what_it_can_see() {
    let _turn = alone();
    if !is_root() {
        skip("only root takes mounts away without another user's namespace");
        return;
    }
    let hides = [
        (
            "mount -t tmpfs none /sys/fs/cgroup",
            "it isn't mounted here",
        ),
        (
            "for one in $(sed -n 's,^[^ ]* \\(/sys/fs/cgroup[^ ]*\\) cgroup.*,\\1,p' /proc/mounts); do \
             mkdir $one/gbtest-part; mount --bind $one/gbtest-part $one; break; done",
            "only a part of it is mounted here",
        ),
    ];
    for (hide, why) in hides {
        let mut clean = Command::new("unshare");
        clean
            .args(["--mount", "--propagation", "private", "sh", "-ec"])
            .arg(format!("{hide}; exec \"$@\""))
            .arg("sh")
            .arg(glassbox(User::Me).get_program())
            .arg("clean");
        let output = clean.within(PATIENCE).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        for part in fs::read_dir("/sys/fs/cgroup").unwrap().flatten() {
            let _ = fs::remove_dir(part.path().join("gbtest-part"));
        }
        let _ = fs::remove_dir("/sys/fs/cgroup/gbtest-part");
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert!(!text.contains("nothing is left over"), "{hide}: {text}");
        assert!(
            text.contains("not judged: the cgroups of") && text.contains(why),
            "{text}"
        );
    }
}

/// Without a /proc of its own nobody can say that nothing is left over.
#[test]
fn without_its_proc_clean_claims_nothing() {
    let _turn = alone();
    if !is_root() {
        skip("only root makes a pid namespace without another user's");
        return;
    }
    let mut clean = Command::new("unshare");
    clean
        .args(["--pid", "--fork"])
        .arg(glassbox(User::Me).get_program())
        .arg("clean");
    let output = clean.within(PATIENCE).output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
}

/// A shell may have the mark of a dead run from somebody's `env`: `clean` in it ends
/// neither that shell nor itself, and doesn't say so.
#[test]
fn clean_in_a_shell_with_a_mark_ends_no_ancestor() {
    let _turn = alone();
    for user in users() {
        for arguments in ["clean --dry-run", "clean"] {
            let program = glassbox(user);
            let mut shell = Command::new("sh");
            shell
                .args(["-c", &format!("\"$0\" {arguments}; echo goes on")])
                .arg(program.get_program())
                .args(program.get_args())
                .env("GLASSBOX_RUN", format!("{}-1", dead_owner()));
            if user == User::Ordinary {
                shell.uid(65_534).gid(65_534);
            }
            let shell = shell
                .stdout(Stdio::piped())
                .within(PATIENCE)
                .spawn()
                .unwrap();
            let pid = shell.id();
            let output = Bounded::output(shell);
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(text.contains("goes on"), "{user:?}: {output:?}");
            assert!(!text.contains(&format!(" {pid} ")), "{user:?}: {text}");
            assert!(!text.contains("(glassbox)"), "{user:?}: {text}");
        }
    }
}

/// What a container has left that is gone, pid namespace and all, nobody else removes;
/// one that is there keeps what is its own.
#[test]
fn what_a_dead_pid_namespace_owned_is_removed() {
    let _turn = alone();
    let namespace = fs::read_link("/proc/self/ns/pid").unwrap();
    if !has_groups() || namespace != Path::new("pid:[4026531836]") {
        skip("only root of the initial pid namespace sees all others");
        return;
    }
    let living = Stranger::of(Command::new("unshare").args(["--pid", "--fork", "sleep", "600"]));
    await_that("it forks", || !children_of(living.pid()).is_empty());
    let inside = children_of(living.pid())[0];
    let inode = fs::read_link(format!("/proc/{inside}/ns/pid")).unwrap();
    let inode = inode
        .to_string_lossy()
        .replace(|c: char| !c.is_ascii_digit(), "");
    let dir = public_tempdir();
    let of = |inode: &str| {
        let owner = dead_owner().replace("4026531836", inode);
        let path = dir.path().join(format!("glassbox-{owner}-layers"));
        fs::create_dir(&path).unwrap();
        path
    };
    let (gone, kept) = (of("4294967290"), of(&inode));
    let mut clean = glassbox(User::Me);
    clean.env("TMPDIR", dir.path()).arg("clean");
    let output = clean.within(PATIENCE).output().unwrap();
    kill(inside, "KILL");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(!gone.exists() && kept.exists(), "{output:?}");
}
