//! The container made by hand is what runtimes make: the same namespaces are
//! its own, it is in a cgroup of its own, and its root is a mount of the same
//! type, as with `crun` and with Docker, where those are installed.

#![allow(missing_docs)]

mod support;

use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use support::held::{Held, IMAGE, line};
use support::{
    Limit, PATIENCE, User, alone, assert_nothing_left, can_make_groups, glassbox, has_programs,
    may_make_boxes, state,
};

/// What two containers are compared by.
#[derive(Debug, PartialEq, Eq)]
struct Kind {
    /// The namespaces that are other than the host's.
    own: BTreeSet<String>,
    /// Whether each of these controllers has it in another cgroup than the test.
    grouped: Vec<(&'static str, bool)>,
    /// The type of its root mount.
    root: String,
}

impl Kind {
    /// Looks at a process from outside.
    fn of(pid: &str) -> Kind {
        let link = |pid: &str, ns: &str| fs::read_link(format!("/proc/{pid}/ns/{ns}")).unwrap();
        let own = ["cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"]
            .into_iter()
            .filter(|ns| link(pid, ns) != link("self", ns))
            .map(String::from);
        let group = |pid: &str, controller: &str| {
            let text = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
            let mut lines = text.lines().map(|line| line.splitn(3, ':'));
            let mut unified = None;
            let found = lines.find_map(|mut parts| {
                let (_, controllers, path) = (parts.next(), parts.next()?, parts.next()?);
                if controllers.is_empty() {
                    unified = Some(path.to_string());
                }
                let has = controllers.split(',').any(|name| name == controller);
                has.then(|| path.to_string())
            });
            found.or(unified)
        };
        let grouped = ["memory", "pids"].map(|controller| {
            (
                controller,
                group(pid, controller) != group("self", controller),
            )
        });
        // The last line of mountinfo(5) with this mount point is on top.
        let mounts = fs::read_to_string(format!("/proc/{pid}/mountinfo")).unwrap();
        let root = mounts
            .lines()
            .filter(|line| line.split(' ').nth(4) == Some("/"))
            .filter_map(|line| line.split_once(" - ")?.1.split(' ').next())
            .next_back();
        Kind {
            own: own.collect(),
            grouped: grouped.to_vec(),
            root: root.unwrap().to_string(),
        }
    }
}

/// Our own, at its last stage.
fn by_hand() -> Kind {
    let mut command = glassbox(User::Me);
    command.args(["run", "--json", "--hold", "by-hand"]);
    let (held, mut output) = Held::start(command);
    let mut pid = None;
    loop {
        let event: Value = serde_json::from_str(&line(&mut output)).expect("a run that holds");
        match event["event"].as_str() {
            Some("box-up") if event["name"] == "container" => pid = event["pid"].as_i64(),
            Some("holding") => break,
            _ => {}
        }
    }
    let kind = Kind::of(&pid.expect("the container").to_string());
    held.end();
    kind
}

/// A container of crun's, from the configuration that `crun spec` makes, on an
/// overlay as container engines mount it.
fn crun() -> Option<(Kind, Vec<String>)> {
    if !has_programs(&["crun", "ldd"]) {
        return None;
    }
    let bundle = tempfile::Builder::new()
        .prefix("gbtest-")
        .tempdir()
        .unwrap();
    let made = Command::new("crun")
        .arg("spec")
        .current_dir(bundle.path())
        .within(PATIENCE)
        .status();
    assert!(made.unwrap().success());
    let text = fs::read_to_string(bundle.path().join("config.json")).unwrap();
    let mut config: Value = serde_json::from_str(&text).unwrap();
    let asked = config["linux"]["namespaces"].as_array().unwrap();
    let asked = asked.iter().map(|ns| ns["type"].as_str().unwrap().into());
    let asked = asked.collect();
    config["process"]["terminal"] = false.into();
    config["process"]["args"] = json!(["/bin/sleep", "600"]);
    let mounts = config["mounts"].as_array_mut().unwrap();
    mounts.retain(|mount| mount["type"] != "cgroup");
    let name = format!("gbtest-{}", std::process::id());
    let script = format!(
        "{IMAGE}
        cat >config.json <<'END'\n{config}\nEND
        mount -t overlay root rootfs -o lowerdir=image,upperdir=upper,workdir=work
        crun() {{ command crun --cgroup-manager=cgroupfs --root \"$PWD/state\" \"$@\"; }}
        end() {{
            crun delete --force {name} || true
            find /sys/fs/cgroup -depth -type d -name {name} -exec rmdir {{}} +
        }}
        trap end EXIT
        crun run --detach --pid-file pid {name} </dev/null >&2
        cat pid; echo
        read end || true"
    );
    let mut command = Command::new("unshare");
    command
        .args(["--mount", "sh", "-c", &script])
        .current_dir(bundle.path());
    let (held, mut output) = Held::start(command);
    let pid = line(&mut output);
    assert!(
        pid.parse::<u32>().is_ok(),
        "crun runs no container here: {pid}"
    );
    let kind = Kind::of(&pid);
    held.end();
    Some((kind, asked))
}

/// A container of Docker's, by a daemon of the test's own whose files are in a
/// mount namespace that ends with it.
fn docker() -> Option<Kind> {
    if !has_programs(&["dockerd", "containerd", "docker", "ldd"]) {
        return None;
    }
    let dir = tempfile::Builder::new()
        .prefix("gbtest-")
        .tempdir()
        .unwrap();
    let group = format!("gbtest-{}", std::process::id());
    let script = format!(
        "{IMAGE}
        export DOCKER_HOST=unix://$PWD/socket
        dockerd --data-root \"$PWD/data\" --exec-root \"$PWD/exec\" --pidfile \"$PWD/dockerd\" \\
            --host \"$DOCKER_HOST\" --cgroup-parent /{group} --bridge none --iptables=false \\
            --ip6tables=false --ip-forward=false --ip-masq=false >log 2>&1 &
        # Its log tells when it listens; tail(1) ends with it.
        (tail -n +1 -f --pid=$! log 2>/dev/null &) | grep -q 'API listen on'
        if tar -C image -c . | docker import - gbtest >&2 &&
            docker run --detach --name gbtest --network none \\
                gbtest /bin/sleep 600 >&2
        then docker inspect --format '{{{{.State.Pid}}}}' gbtest
        else cat log >&2; echo failed; fi
        read end || true
        docker rm --force gbtest >&2
        kill $(cat dockerd); wait
        find /sys/fs/cgroup -depth -type d -path '*/{group}*' -exec rmdir {{}} ';'"
    );
    let mut command = Command::new("unshare");
    command
        .args(["--mount", "sh", "-c", &script])
        .stderr(Stdio::null())
        .current_dir(dir.path());
    let (held, mut output) = Held::start(command);
    let pid = line(&mut output);
    assert!(
        pid.parse::<u32>().is_ok(),
        "Docker runs no container here: {pid}"
    );
    let kind = Kind::of(&pid);
    held.end();
    Some(kind)
}

#[test]
fn the_container_made_by_hand_is_what_runtimes_make() {
    // crun and Docker need root, and so does the same by hand.
    if !can_make_groups() || !may_make_boxes(User::Me) {
        return;
    }
    let _turn = alone();
    let before = state();
    let ours = by_hand();
    let namespaces = |names: &[&str]| names.iter().map(|name| name.to_string()).collect();
    let expected: BTreeSet<String> = namespaces(&["cgroup", "ipc", "mnt", "net", "pid", "uts"]);
    assert_eq!(ours.own, expected);
    assert_eq!(ours.root, "overlay");

    // Runtimes give a cgroup namespace by default only where cgroups are of
    // version 2: the one difference that is none of ours.
    let version_1 = !Path::new("/sys/fs/cgroup/cgroup.controllers").exists();
    let check = |name: &str, theirs: Kind, asks_for_cgroup: bool| {
        let mut same = ours.own.clone();
        if !asks_for_cgroup {
            same.remove("cgroup");
        }
        assert_eq!(theirs.own, same, "{name}");
        assert_eq!(theirs.grouped, ours.grouped, "{name}");
        assert_eq!(theirs.root, ours.root, "{name}");
        eprintln!("{name} agrees: {theirs:?}");
    };
    if let Some((theirs, asked)) = crun() {
        let asks_for_cgroup = asked.iter().any(|ns| ns == "cgroup");
        assert_eq!(asks_for_cgroup, !version_1);
        check("crun", theirs, asks_for_cgroup);
    }
    if let Some(theirs) = docker() {
        check("docker", theirs, !version_1);
    }
    assert_nothing_left(&before, "containers of three makers");
}
