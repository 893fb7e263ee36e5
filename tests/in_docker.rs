//! The commands of *In Docker*, pasted, against a daemon of the test's own: it
//! has namespaces of its own, so its bridge and its mounts go with it, and an
//! image `debian` that was imported from the files of a minimal Debian
//! (`tests/bare/run` makes them).

#![allow(missing_docs)]

mod support;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use support::lesson::assert_said;
use support::paste::paste;
use support::{
    Bounded, Limit, PATIENCE, User, alone, assert_nothing_left, can_make_groups, has_programs,
    is_root, skip, state,
};

/// What each step's blocks must print at least.
const SAID: [(&str, &[&str]); 28] = [
    ("opening", &["little", "pid 1"]),
    ("table", &["uts:["]),
    ("uts", &["kettle"]),
    ("pid", &["docker-init"]),
    ("mount", &["tmpfs", "private"]),
    ("net", &["lo:"]),
    ("ipc", &["Message queue id"]),
    ("user", &["4294967295"]),
    ("cgroup-ns", &[":/"]),
    ("hungry", &["MemTotal"]),
    ("lock", &["locked"]),
    ("controllers", &["cgroupfs"]),
    ("group", &["/gbtest-"]),
    ("ceiling", &["20000"]),
    ("memory", &["exit code 137", "\ntrue\n"]),
    ("reads", &["copied"]),
    ("pids", &["fork"]),
    ("freezer", &[":"]),
    ("stages", &["container"]),
    ("waste", &["virtual"]),
    (
        "figure",
        &["C /etc/issue", "A /etc/file-3", "D /etc/debian_version"],
    ),
    ("unmerged", &["sha256:"]),
    ("copy-up", &["0B (", "MB (", "/var/lib/data"]),
    ("whiteouts", &[".wh.issue"]),
    ("two-containers", &["red\nblue\n"]),
    ("image", &["1 layers\n3 layers", "Using cache"]),
    ("gone", &["buy milk", "A /note", "cannot access"]),
    ("by-hand", &["overlay on /"]),
];

/// Names that lessons use, or would be likely to.
const CONTAINERS: [&str; 11] = [
    "glassbox-oom",
    "glassbox-ice",
    "glassbox-figure",
    "glassbox-copied",
    "glassbox-first",
    "red",
    "blue",
    "one",
    "first",
    "ice",
    "figure",
];
const IMAGES: [&str; 4] = ["glassbox-lost", "glassbox-layered", "lost", "layered"];
const VOLUMES: [&str; 2] = ["data", "glassbox-data"];

/// Where `tests/bare/run` keeps the files of a Debian.
fn debian() -> Option<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let home = variable("HOME").unwrap_or_default();
    let cache = variable("XDG_CACHE_HOME").unwrap_or_else(|| home.join(".cache"));
    let kept = variable("GLASSBOX_BARE").unwrap_or_else(|| cache.join("glassbox-bare"));
    let suite = std::env::var("GLASSBOX_BARE_SUITE").unwrap_or_else(|_| "trixie".into());
    let root = kept.join(suite).join("root.tar");
    root.exists().then_some(root)
}

/// A daemon, which is gone with all that it runs when this is dropped.
struct Daemon {
    init: Bounded,
    dir: tempfile::TempDir,
    group: String,
}

impl Daemon {
    /// Waits until it answers.
    fn start() -> Daemon {
        // On a disk, whose reads can be throttled.
        let dir = tempfile::Builder::new()
            .prefix("gbtest-")
            .tempdir_in("/var/tmp")
            .unwrap();
        let group = format!("gbtest-{}", std::process::id());
        // Some runtimes refuse a hybrid of both versions, where the second is empty.
        let script = format!(
            "set -e
            if mountpoint -q /sys/fs/cgroup/unified; then
                mkdir groups
                mount -t tmpfs groups groups
                mkdir groups/unified
                for hierarchy in /sys/fs/cgroup/*; do
                    case $hierarchy in */unified) continue ;; esac
                    mkdir \"groups/${{hierarchy##*/}}\"
                    mount --bind \"$hierarchy\" \"groups/${{hierarchy##*/}}\"
                done
                mount --move groups /sys/fs/cgroup
            fi
            exec dockerd --data-root \"$PWD/data\" --exec-root \"$PWD/exec\" \\
                --pidfile \"$PWD/dockerd\" --host \"unix://$PWD/socket\" \\
                --cgroup-parent /{group} --iptables=false --ip6tables=false \\
                --ip-masq=false >log 2>&1"
        );
        let mut command = Command::new("unshare");
        command
            .args(["--mount", "--net", "--pid", "--fork", "--kill-child"])
            .args(["--mount-proc", "sh", "-c", &script])
            .current_dir(dir.path())
            .stdin(Stdio::null());
        let init = command.within(PATIENCE * 3).spawn().unwrap();
        let daemon = Daemon { init, dir, group };
        let started = Instant::now();
        while !daemon.docker(&["version"]).0 {
            let log = std::fs::read_to_string(daemon.dir.path().join("log")).unwrap_or_default();
            let waited = started.elapsed() < Duration::from_secs(60);
            assert!(waited, "no daemon answers: {log}");
            std::thread::sleep(Duration::from_millis(50));
        }
        daemon
    }

    fn host(&self) -> String {
        format!("unix://{}", self.dir.path().join("socket").display())
    }

    /// Whether a command went well, and what it printed.
    fn docker(&self, arguments: &[&str]) -> (bool, String) {
        let mut command = Command::new("docker");
        command.env("DOCKER_HOST", self.host()).args(arguments);
        let output = command.within(PATIENCE).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).trim().to_string();
        (output.status.success(), said)
    }

    /// One that has to go well.
    fn must(&self, arguments: &[&str]) -> String {
        let (well, said) = self.docker(arguments);
        assert!(well, "docker {arguments:?}");
        said
    }

    /// All that it has: containers and whether they run, images, volumes.
    fn things(&self) -> BTreeMap<&'static str, String> {
        let sorted = |arguments: &[&str]| {
            let said = self.must(arguments);
            let mut lines: Vec<&str> = said.lines().collect();
            lines.sort_unstable();
            lines.join("\n")
        };
        let container = "{{.ID}} {{.Names}} {{.State}}";
        BTreeMap::from([
            (
                "containers",
                sorted(&["ps", "--all", "--format", container]),
            ),
            (
                "images",
                sorted(&["images", "--format", "{{.ID}} {{.Repository}}:{{.Tag}}"]),
            ),
            ("volumes", sorted(&["volume", "ls", "--quiet"])),
        ])
    }

    /// Somebody's containers, half of which run, images and volumes.
    fn decoys(&self, names: impl Fn(&str) -> bool) {
        for (number, name) in CONTAINERS.into_iter().enumerate() {
            if !names(name) {
                continue;
            }
            self.must(&["create", "--name", name, "debian", "sleep", "600"]);
            if number % 2 == 0 {
                self.must(&["start", name]);
            }
        }
        for name in IMAGES.into_iter().filter(|name| names(name)) {
            self.must(&["tag", "debian", name]);
        }
        for name in VOLUMES.into_iter().filter(|name| names(name)) {
            self.must(&["volume", "create", name]);
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Pid 1 of its namespace goes with it, and everyone with that.
        let _ = self.init.kill();
        let _ = std::process::Child::wait(&mut self.init);
        let ours = format!("*/{}*", self.group);
        let started = Instant::now();
        while started.elapsed() < Duration::from_secs(20) {
            let mut find = Command::new("find");
            find.args(["/sys/fs/cgroup", "-depth", "-type", "d", "-path", &ours]);
            let left = find.args(["-print", "-exec", "rmdir", "{}", ";"]);
            let left = left.within(PATIENCE).output().unwrap();
            if left.stdout.is_empty() {
                break;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

#[test]
fn the_commands_work_when_pasted_and_spare_what_is_somebody_elses() {
    if !is_root() || !can_make_groups() || !has_programs(&["dockerd", "containerd", "docker"]) {
        return;
    }
    let Some(debian) = debian() else {
        skip("no files of a Debian are here: tests/bare/run makes them");
        return;
    };
    let _turn = alone();
    let before = state();
    let daemon = Daemon::start();
    let host = daemon.host();
    let environment = [("DOCKER_HOST", host.as_str())];
    daemon.must(&["import", debian.to_str().unwrap(), "debian"]);
    daemon.decoys(|name| !name.starts_with("glassbox-"));
    let things = daemon.things();
    for lesson in ["01", "02", "03"] {
        let pasted = paste(lesson, |step| &step.in_docker, User::Me, &environment);
        let steps = |step: &str| pasted.iter().any(|block| block.step == step);
        let said: Vec<_> = SAID.into_iter().filter(|(step, _)| steps(step)).collect();
        assert_said(&pasted, &said);
        assert_eq!(daemon.things(), things, "after lesson {lesson}");
    }
    // Whose names are taken stops.
    daemon.decoys(|name| name.starts_with("glassbox-"));
    let things = daemon.things();
    for lesson in ["02", "03"] {
        let pasted = paste(lesson, |step| &step.in_docker, User::Me, &environment);
        for block in pasted.iter().filter(|block| !block.groups().is_empty()) {
            let stopped = ["is already in use", "an image of that name"];
            assert!(
                stopped.iter().any(|said| block.said.contains(said)),
                "{}:\n{}",
                block.script,
                block.said
            );
        }
        assert_eq!(daemon.things(), things, "after lesson {lesson}");
    }
    drop(daemon);
    assert_nothing_left(&before, "the commands of In Docker");
}
