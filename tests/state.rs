//! The look at the machine that all of *leave no trace* rests on must see: each
//! of these tests changes one thing, and expects to be told of it and of
//! nothing else.

#![allow(missing_docs)]

mod support;

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use support::decoys::{Decoy, Decoys};
use support::state::{Host, as_run, own_groups};
use support::{Bounded, Limit, PATIENCE, User, alone, glassbox, is_root, skip};

/// Changes something, and returns what undoes it; `None` where it can't be done.
type Change<'a> = &'a dyn Fn(&Host) -> Option<Box<dyn FnOnce()>>;

/// Asserts that a change is told in these words, and isn't once it's undone.
fn assert_told(host: &Host, what: &str, words: &[&str], change: Change<'_>) {
    assert_eq!(host.changes(), Vec::<String>::new(), "before {what}");
    let Some(undo) = change(host) else {
        skip(format_args!("{what} can't be done here"));
        return;
    };
    let changes = host.changes();
    assert!(
        changes
            .iter()
            .any(|change| words.iter().all(|word| change.contains(word))),
        "{what} was told as {changes:?}"
    );
    undo();
    let left = host.changes_within(Duration::from_secs(5));
    assert_eq!(left, Vec::<String>::new(), "after {what}");
}

fn sleeper() -> Command {
    let mut command = Command::new("sleep");
    command.arg("600").stdin(Stdio::null());
    command
}

fn ended(mut child: Bounded) -> Box<dyn FnOnce()> {
    Box::new(move || {
        child.kill().unwrap();
        child.wait();
    })
}

fn write_back(file: PathBuf, text: &str) -> Option<Box<dyn FnOnce()>> {
    let before = fs::read_to_string(&file).ok()?;
    fs::write(&file, text).ok()?;
    Some(Box::new(move || fs::write(&file, before).unwrap()))
}

/// The first decoy of a kind.
fn find<'a, T>(host: &'a Host, pick: impl FnMut(&'a Decoy) -> Option<T>) -> Option<T> {
    host.decoys().made().iter().find_map(pick)
}

fn group_with<'a>(host: &'a Host, file: &'a str) -> Option<PathBuf> {
    find(host, |decoy| match decoy {
        Decoy::Group(path) if path.join(file).exists() => Some(path.join(file)),
        _ => None,
    })
}

fn file(host: &Host) -> &Path {
    find(host, |decoy| match decoy {
        Decoy::File(path) => Some(path.as_path()),
        _ => None,
    })
    .expect("a decoy in a public directory")
}

#[test]
fn what_appears_is_told() {
    let _turn = alone();
    let host = Host::beside(Decoys::make());
    eprintln!("not made here: {:#?}", host.decoys().missing);
    assert_told(&host, "a child", &["appeared: process"], &|_| {
        Some(ended(sleeper().within(PATIENCE).spawn().unwrap()))
    });
    assert_told(&host, "a namespace", &["appeared: namespace uts"], &|_| {
        let user = if is_root() { "-u" } else { "-ru" };
        let mut command = Command::new("unshare");
        command.args([user, "sleep", "600"]);
        let child = command.within(PATIENCE).spawn().ok()?;
        let began = std::time::Instant::now();
        while !fs::read_to_string(format!("/proc/{}/comm", child.id()))
            .unwrap()
            .starts_with("sleep")
        {
            assert!(began.elapsed() < Duration::from_secs(5));
        }
        Some(ended(child))
    });
    assert_told(&host, "a name", &["appeared: file", "glassbox-x"], &|_| {
        let path = format!("/tmp/glassbox-x-{}", std::process::id());
        fs::write(&path, "").unwrap();
        Some(Box::new(move || fs::remove_file(path).unwrap()))
    });
    assert_told(
        &host,
        "a run's name",
        &["appeared: file", "/tmp/other-"],
        &|_| {
            let path = format!("/tmp/other-{}", std::process::id());
            let mut command = Command::new("touch");
            as_run(&mut command, User::Me).arg(&path);
            assert!(command.within(PATIENCE).status().unwrap().success());
            let undo = move || fs::remove_file(path).unwrap();
            match is_root() {
                true => Some(Box::new(undo)),
                // Here nothing tells who made it.
                false => {
                    undo();
                    None
                }
            }
        },
    );
    for (own, _, _) in own_groups() {
        let path = own.join(format!("glassbox-x-{}", std::process::id()));
        let what = format!("{}", path.display());
        assert_told(&host, &what, &["appeared: cgroup", &what], &|_| {
            fs::create_dir(&path).ok()?;
            let path = path.clone();
            Some(Box::new(move || fs::remove_dir(path).unwrap()))
        });
    }
}

#[test]
fn what_vanishes_or_changes_is_told() {
    let _turn = alone();
    let host = Host::beside(Decoys::make());
    assert_told(&host, "a file's content", &["changed", "File"], &|host| {
        // Back with the time that it had.
        let path = file(host).join("box-0/file");
        let (text, time) = (fs::read(&path).unwrap(), fs::metadata(&path).unwrap());
        fs::write(&path, "x").unwrap();
        Some(Box::new(move || {
            fs::write(&path, text).unwrap();
            let written = fs::File::options().write(true).open(&path).unwrap();
            written.set_modified(time.modified().unwrap()).unwrap();
        }))
    });
    assert_told(&host, "a file's end", &["-> gone", "File"], &|host| {
        let path = file(host).to_path_buf();
        let aside = path.with_file_name(format!("decoy-aside-{}", std::process::id()));
        fs::rename(&path, &aside).unwrap();
        Some(Box::new(move || fs::rename(aside, path).unwrap()))
    });
    assert_told(&host, "a limit", &["changed", "pids.max: 9"], &|host| {
        write_back(group_with(host, "pids.max")?, "9")
    });
    assert_told(&host, "a thawed group", &["changed", "THAWED"], &|host| {
        let frozen = find(host, |decoy| match decoy {
            Decoy::Group(path) => fs::read_to_string(path.join("freezer.state"))
                .is_ok_and(|state| state.trim() == "FROZEN")
                .then(|| path.join("freezer.state")),
            _ => None,
        });
        write_back(frozen?, "THAWED")
    });
    assert_told(
        &host,
        "a controller",
        &["changed", "cgroup.subtree_control"],
        &|host| {
            let on = find(host, |decoy| match decoy {
                Decoy::Group(path) => {
                    let file = path.join("cgroup.subtree_control");
                    let on = fs::read_to_string(&file).ok()?;
                    Some((file, on.split_whitespace().next()?.to_string()))
                }
                _ => None,
            });
            let (file, controller) = on?;
            fs::write(&file, format!("-{controller}")).unwrap();
            Some(Box::new(move || {
                fs::write(file, format!("+{controller}")).unwrap();
            }))
        },
    );
    assert_told(
        &host,
        "a member that moved",
        &["changed", "cgroup.procs"],
        &|host| {
            let procs = group_with(host, "cgroup.procs")?;
            let pid = fs::read_to_string(&procs).ok()?;
            fs::write(procs.parent()?.parent()?.join("cgroup.procs"), &pid).ok()?;
            Some(Box::new(move || fs::write(procs, pid).unwrap()))
        },
    );
    assert_told(
        &host,
        "a process that goes on",
        &["changed", "Process"],
        &|host| {
            let stopped = find(host, |decoy| match decoy {
                Decoy::Process(pid) => fs::read_to_string(format!("/proc/{pid}/stat"))
                    .is_ok_and(|stat| stat.contains(") T "))
                    .then(|| nix::unistd::Pid::from_raw(*pid)),
                _ => None,
            });
            let pid = stopped.expect("one was stopped");
            nix::sys::signal::kill(pid, nix::sys::signal::SIGCONT).unwrap();
            // To be blocked doesn't keep SIGCONT from waking it: it is stopped again.
            Some(Box::new(move || {
                nix::sys::signal::kill(pid, nix::sys::signal::SIGSTOP).unwrap();
            }))
        },
    );
}

/// What can't be undone, each with decoys of its own.
#[test]
fn what_is_lost_for_good_is_told() {
    let _turn = alone();
    let process = |host: &Host| {
        find(host, |decoy| match decoy {
            Decoy::Process(pid) => Some(nix::unistd::Pid::from_raw(*pid)),
            _ => None,
        })
        .unwrap()
    };
    let host = Host::beside(Decoys::make());
    nix::sys::signal::kill(process(&host), nix::sys::signal::SIGUSR1).unwrap();
    let changes = host.changes();
    assert!(
        matches!(&changes[..], [one] if one.contains("ShdPnd")),
        "a signal: {changes:?}"
    );
    drop(host);

    let host = Host::beside(Decoys::make());
    nix::sys::signal::kill(process(&host), nix::sys::signal::SIGKILL).unwrap();
    let told = |changes: &[String]| changes.iter().any(|change| change.contains("-> gone"));
    let began = std::time::Instant::now();
    while !told(&host.changes()) {
        assert!(began.elapsed() < Duration::from_secs(5), "a killed decoy");
    }
    drop(host);

    let host = Host::beside(Decoys::make());
    let queue = find(&host, |decoy| match decoy {
        Decoy::Queue(id) => Some(id.clone()),
        _ => None,
    });
    if let Some(id) = queue {
        let removed = Command::new("ipcrm")
            .args(["-q", &id])
            .within(PATIENCE)
            .status()
            .unwrap();
        assert!(removed.success());
        assert!(told(&host.changes()), "a queue: {:?}", host.changes());
    }
}

/// Decoys go with their maker, also when that is killed.
#[test]
fn decoys_leave_nothing_themselves() {
    let _turn = alone();
    let host = Host::look();
    drop(Host::beside(Decoys::make()));
    let left = host.changes_within(Duration::from_secs(5));
    assert_eq!(left, Vec::<String>::new());
}

/// What another run makes meanwhile is none of ours while its owner lives.
#[test]
fn another_run_is_left_out() {
    let _turn = alone();
    let host = Host::look();
    // The pid of something that is neither ours nor about to end: init.
    let (boot, start) = (
        fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap(),
        support::state::Stat::of(1).unwrap().start,
    );
    let own = fs::metadata("/proc/self/ns/pid").unwrap().ino();
    let name = |namespace: u64, start: u64| {
        let boot = &boot[..8];
        format!("/tmp/glassbox-{boot}-{namespace}-1-{start}-layers")
    };
    let [living, gone] = [start, start + 1].map(|start| name(own, start));
    // None that these tests start is of another pid namespace.
    let elsewhere = name(own - 1, start + 1);
    fs::create_dir(&living).unwrap();
    let of_a_living = host.changes();
    fs::rename(&living, &gone).unwrap();
    let of_a_gone = host.changes();
    fs::rename(&gone, &elsewhere).unwrap();
    let of_another_namespace = host.changes();
    fs::remove_dir(&elsewhere).unwrap();
    assert_eq!(of_a_living, Vec::<String>::new());
    assert_eq!(of_a_gone.len(), 1, "{of_a_gone:?}");
    assert_eq!(of_another_namespace, Vec::<String>::new());

    // Nor is a process that doesn't descend from us.
    let mut other = glassbox(User::Me);
    other
        .env_remove("GLASSBOX_TESTS")
        .process_group(0)
        .arg("list");
    assert!(other.within(PATIENCE).output().unwrap().status.success());
    assert_eq!(host.changes(), Vec::<String>::new());
}
