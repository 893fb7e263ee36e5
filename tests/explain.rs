//! `glassbox explain` on targets that are known because the test made them: what
//! it shows is what lsns, findmnt, capsh, /proc and `docker inspect` say; as root
//! and as an ordinary user, who is told what they may not see.

#![allow(missing_docs)]

mod support;

use glassbox::explain::{Answer, Kind, List, Report};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::io::{BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use support::held::{Held, IMAGE, line};
use support::{
    Limit, PATIENCE, User, alone, can_be_ordinary, can_make_groups, glassbox, has_programs,
    is_root, may_make_boxes, skip, users,
};

/// What `explain --json` says of a process.
fn report(user: User, pid: &str) -> Report {
    let output = glassbox(user)
        .args(["explain", "--json", pid])
        .within(PATIENCE)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    // Unknown fields are errors: what is written is what the form says.
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The same, by another word than a number.
fn named(word: &str) -> Report {
    report(User::Me, word)
}

fn all(user: User, words: &[&str]) -> List {
    let output = glassbox(user)
        .args(["explain", "--json"])
        .args(words)
        .within(PATIENCE)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A row's value.
fn theirs<'r>(report: &'r Report, id: &str) -> &'r Answer {
    let mut rows = report.sections.iter().flat_map(|section| &section.rows);
    &rows.find(|row| row.id == id).expect(id).theirs
}

fn seen<'r>(report: &'r Report, id: &str) -> &'r str {
    let answer = theirs(report, id);
    answer.seen().unwrap_or_else(|| panic!("{id}: {answer:?}"))
}

/// The ids of the facts that hold.
fn holding(report: &Report) -> BTreeSet<&str> {
    let holds = report.facts.iter().filter(|fact| fact.holds == Some(true));
    holds.map(|fact| fact.id.as_str()).collect()
}

fn warned(report: &Report) -> BTreeSet<&str> {
    report.warnings.iter().map(|one| one.id.as_str()).collect()
}

fn set<'s>(words: &[&'s str]) -> BTreeSet<&'s str> {
    words.iter().copied().collect()
}

fn says(program: &str, args: &[&str]) -> String {
    let output = Command::new(program)
        .args(args)
        .stderr(Stdio::null())
        .within(PATIENCE)
        .output()
        .unwrap();
    String::from_utf8_lossy(&output.stdout).trim().to_string()
}

/// Holds every row that another program can tell against that program.
fn others_agree(pid: &str, report: &Report) {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_else(|| panic!("{name}")).trim().to_string()
    };
    // It gives up where a process ends while it reads of it; others end here at any time.
    let listed = (0..20)
        .map(|_| says("lsns", &["--noheadings", "--output", "NS", "--task", pid]))
        .find(|listed| !listed.is_empty())
        .unwrap_or_default();
    for kind in ["cgroup", "ipc", "net", "mnt", "pid", "time", "user", "uts"] {
        let link = fs::read_link(format!("/proc/{pid}/ns/{kind}")).unwrap();
        let link = link.to_str().unwrap();
        assert_eq!(seen(report, &format!("ns.{kind}")), link);
        let inode = link.trim_end_matches(']').rsplit('[').next().unwrap();
        assert!(listed.contains(inode), "lsns: {listed} has {inode}");
    }
    let root = fs::read_link(format!("/proc/{pid}/root")).unwrap();
    assert_eq!(Path::new(seen(report, "root")), root);
    let mounted = says(
        "findmnt",
        &["--task", pid, "--noheadings", "--output", "FSTYPE", "/"],
    );
    if root == Path::new("/") {
        // The last one is on top.
        let mounted = mounted.lines().last().unwrap_or("");
        let shown = seen(report, "root-mount");
        assert!(shown.ends_with(mounted), "{shown}, findmnt: {mounted}");
    }
    let effective = field("CapEff:");
    let decoded = says("capsh", &[&format!("--decode={effective}")]);
    let decoded: BTreeSet<String> = decoded
        .split_once('=')
        .map_or("", |(_, names)| names)
        .split(',')
        .filter(|name| !name.is_empty())
        .map(|name| name.trim_start_matches("cap_").to_uppercase())
        .collect();
    let shown = seen(report, "cap.effective");
    let shown: BTreeSet<String> = match shown.split_once(": ") {
        Some((_, names)) => names.split(' ').map(String::from).collect(),
        None => BTreeSet::new(),
    };
    assert_eq!(shown, decoded, "capsh --decode={effective}");
    let set = if field("NoNewPrivs:") == "1" {
        "set"
    } else {
        "not set"
    };
    assert_eq!(seen(report, "no-new-privs"), set);
    let numbers = field("NSpid:");
    let numbers: Vec<&str> = numbers.split_whitespace().collect();
    assert_eq!(seen(report, "pid"), numbers.join(", then "));
    let uid = field("Uid:");
    assert_eq!(Some(seen(report, "uid")), uid.split_whitespace().nth(1));
}

/// What must be the same of a process for somebody who may see less: nothing is
/// told wrongly, and what isn't told says why and what would show it.
fn the_ordinary_agree(pid: &str, full: &Report) {
    if !is_root() || !can_be_ordinary() {
        return;
    }
    let less = report(User::Ordinary, pid);
    for (fact, known) in less.facts.iter().zip(&full.facts) {
        assert_eq!(fact.id, known.id);
        if fact.holds.is_some() {
            assert_eq!(fact.holds, known.holds, "{fact:?} and {known:?}");
        }
    }
    for row in less.sections.iter().flat_map(|section| &section.rows) {
        match &row.theirs {
            Answer::Unavailable { because, shown_by } => {
                assert!(!because.is_empty(), "{row:?}");
                let command = shown_by.as_deref().unwrap_or("sudo ");
                assert!(command.starts_with("sudo "), "{row:?}");
            }
            Answer::Seen(value) if row.id != "bind" && !row.id.ends_with("used") => {
                if let Answer::Seen(known) = theirs(full, &row.id) {
                    let parts = ["parents", "layers", "sockets"];
                    assert!(
                        value == known || parts.contains(&row.id.as_str()),
                        "{row:?}"
                    );
                }
            }
            Answer::Seen(_) => {}
        }
    }
    let own = fs::metadata(format!("/proc/{pid}")).unwrap();
    if std::os::unix::fs::MetadataExt::uid(&own) == 0 {
        assert!(theirs(&less, "ns.uts").seen().is_none());
        assert!(less.verdict.unknown > 0);
    }
}

/// A shell that prints its number when it stands, and goes on until its input ends.
const STAND: &str = "echo $$; read end || true";

/// Starts a command that stands so, and looks at the process that it prints, as
/// the number that it has here.
fn standing(command: Command, check: impl FnOnce(&str, &Report)) {
    let (held, mut output) = Held::start(command);
    let inside = line(&mut output);
    assert!(inside.parse::<u32>().is_ok(), "it doesn't stand: {inside}");
    let pid = number_here(held.pid(), &inside);
    let report = report(User::Me, &pid);
    others_agree(&pid, &report);
    check(&pid, &report);
    the_ordinary_agree(&pid, &report);
    held.end();
}

/// A process below `top` by the number that it has in its innermost pid namespace.
fn number_here(top: u32, inside: &str) -> String {
    let mut below = vec![top.to_string()];
    let mut at = 0;
    while at < below.len() {
        let pid = below[at].clone();
        at += 1;
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
        let children = children.unwrap_or_default();
        below.extend(children.split_whitespace().map(String::from));
    }
    let is_it = |pid: &&String| {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let numbers = status.lines().find_map(|line| line.strip_prefix("NSpid:"));
        numbers.is_some_and(|numbers| numbers.split_whitespace().last() == Some(inside))
    };
    // The innermost: its parents may have the same number in theirs.
    below
        .iter()
        .rev()
        .find(is_it)
        .cloned()
        .unwrap_or_else(|| panic!("{inside} in {below:?}"))
}

const TOOLS: [&str; 3] = ["lsns", "findmnt", "capsh"];

#[test]
fn namespaces_in_odd_combinations() {
    if !is_root() || !has_programs(&TOOLS) || !may_make_boxes(User::Me) {
        return;
    }
    let _turn = alone();
    for (options, own, facts, warnings) in [
        (
            &["--uts"][..],
            &["uts"][..],
            &["own-hostname"][..],
            &["almighty"][..],
        ),
        (
            &["--net", "--ipc"],
            &["ipc", "net"],
            &["own-network", "own-ipc"],
            &["almighty"],
        ),
        // A pid namespace with the /proc of the machine.
        (
            &["--pid", "--fork"],
            &["pid"],
            &["number-one"],
            &["almighty"],
        ),
        (
            &["--cgroup", "--time", "--fork", "--mount"],
            &["cgroup", "mnt", "time"],
            &[],
            &[
                "almighty",
                "machine-root",
                "machine-pids",
                "machine-network",
            ],
        ),
        (
            &[
                "--map-root-user",
                "--mount",
                "--pid",
                "--fork",
                "--mount-proc",
            ],
            &["mnt", "pid", "user"],
            &["number-one", "own-proc", "privileges"],
            &["machine-root", "machine-network"],
        ),
    ] {
        let mut command = Command::new("unshare");
        command.args(options).args(["sh", "-c", STAND]);
        standing(command, |_, report| {
            let differing: Vec<&str> = report
                .sections
                .iter()
                .flat_map(|section| &section.rows)
                .filter(|row| row.id.starts_with("ns.") && row.yours.as_ref() != Some(&row.theirs))
                .map(|row| &row.id[3..])
                .collect();
            let mut differing = differing;
            differing.sort_unstable();
            assert_eq!(differing, own, "{options:?}");
            assert_eq!(report.kind, Kind::Namespaces);
            let holds = holding(report);
            let groups = set(&["memory", "pids"]);
            let holds: BTreeSet<&str> = holds.difference(&groups).copied().collect();
            assert_eq!(holds, set(facts), "{options:?}");
            // Whether the machine's /dev is a devtmpfs depends on the machine.
            let mut warned = warned(report);
            warned.remove("machine-devices");
            assert_eq!(warned, set(warnings), "{options:?}");
        });
    }
}

#[test]
fn an_ordinary_user_sees_all_of_their_own() {
    if !has_programs(&["unshare"]) {
        return;
    }
    for user in users() {
        let _turn = alone();
        let mut command = match user {
            User::Me => Command::new("unshare"),
            User::Ordinary => {
                let mut command = Command::new("setpriv");
                command.args([
                    "--reuid=65534",
                    "--regid=65534",
                    "--clear-groups",
                    "unshare",
                ]);
                command
            }
        };
        command.current_dir("/");
        command.args([
            "--map-root-user",
            "--uts",
            "--net",
            "--pid",
            "--fork",
            "--mount-proc",
        ]);
        command.args(["sh", "-c", STAND]);
        let (held, mut output) = Held::start(command);
        let pid = number_here(held.pid(), &line(&mut output));
        let report = report(user, &pid);
        let expected = [
            "number-one",
            "own-proc",
            "own-hostname",
            "own-network",
            "privileges",
        ];
        assert!(holding(&report).is_superset(&set(&expected)), "{report:?}");
        assert_eq!(report.verdict.unknown, 0, "{report:?}");
        let map = fs::read_to_string(format!("/proc/{pid}/uid_map")).unwrap();
        let outside = map.split_whitespace().nth(1).unwrap();
        assert_eq!(
            seen(&report, "uid-map"),
            format!("0 inside is {outside} here")
        );
        held.end();
    }
}

#[test]
fn a_chroot_alone() {
    if !is_root() || !has_programs(&TOOLS) || !has_programs(&["busybox", "chroot"]) {
        return;
    }
    let _turn = alone();
    let dir = tempfile::Builder::new()
        .prefix("gbtest-")
        .tempdir()
        .unwrap();
    let busybox = says("sh", &["-c", "command -v busybox"]);
    fs::copy(busybox, dir.path().join("busybox")).unwrap();
    let mut command = Command::new("chroot");
    command
        .arg(dir.path())
        .args(["/busybox", "sh", "-c", STAND]);
    standing(command, |_, report| {
        assert_eq!(report.kind, Kind::Chroot);
        assert_eq!(
            report.verdict.sentence,
            "Another root directory and no namespaces: a chroot."
        );
        assert_eq!(warned(report), set(&["chroot"]));
        assert!(!holding(report).contains("own-root"));
        assert_eq!(Path::new(seen(report, "root")), dir.path());
    });
}

#[test]
fn one_in_another() {
    if !is_root() || !has_programs(&TOOLS) || !may_make_boxes(User::Me) {
        return;
    }
    let _turn = alone();
    let mut command = Command::new("unshare");
    command.args(["--pid", "--fork", "--mount-proc", "--uts"]);
    command.args([
        "unshare",
        "--pid",
        "--fork",
        "--mount-proc",
        "--ipc",
        "sh",
        "-c",
        STAND,
    ]);
    standing(command, |pid, report| {
        assert!(holding(report).is_superset(&set(&[
            "number-one",
            "own-proc",
            "own-hostname",
            "own-ipc"
        ])));
        assert_eq!(seen(report, "pid").split(", then ").count(), 3);
        assert!(seen(report, "pid").ends_with(", then 1"));
        // Found again in the list, among those that are isolated alike.
        let list = all(User::Me, &[]);
        let entry = list
            .entries
            .iter()
            .find(|entry| entry.pid.to_string() == pid);
        let own = entry.unwrap().namespaces.clone().unwrap();
        assert_eq!(own, ["ipc", "mnt", "pid", "uts"]);
    });
}

/// Groups that go with the test, the inner ones first.
struct Groups(Vec<std::path::PathBuf>);

impl Drop for Groups {
    fn drop(&mut self) {
        for group in &self.0 {
            let _ = fs::remove_dir(group);
        }
    }
}

#[test]
fn a_group_is_held_to_the_least_of_its_ancestors() {
    if !can_make_groups() {
        return;
    }
    let _turn = alone();
    // By hand, in whichever version the pids controller is.
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
    let version_1 = mounts.lines().find_map(|line| {
        let words: Vec<&str> = line.split(' ').collect();
        let has = words[3].split(',').any(|option| option == "pids");
        (words[2] == "cgroup" && has).then(|| words[1].to_string())
    });
    let top = version_1.unwrap_or_else(|| "/sys/fs/cgroup".into());
    let name = format!("gbtest-explain-{}", std::process::id());
    let outer = Path::new(&top).join(&name);
    let inner = outer.join("in\u{202e}ner");
    let _groups = Groups(vec![inner.clone(), outer.clone()]);
    fs::create_dir(&outer).unwrap();
    if !outer.join("pids.max").exists() {
        skip("the pids controller isn't handed down from the root group here");
        return;
    }
    fs::write(outer.join("pids.max"), "77").unwrap();
    let _ = fs::write(outer.join("cgroup.subtree_control"), "+pids");
    fs::create_dir(&inner).unwrap();
    fs::write(inner.join("pids.max"), "500").unwrap();
    let mut command = Command::new("sh");
    let enter = format!("echo $$ >'{}/cgroup.procs'; {STAND}", inner.display());
    command.args(["-c", &enter]);
    let (held, mut output) = Held::start(command);
    let pid = line(&mut output);
    let found = report(User::Me, &pid);
    let ordinary = can_be_ordinary().then(|| report(User::Ordinary, &pid));
    let plain = glassbox(User::Me)
        .args(["explain", &pid])
        .within(PATIENCE)
        .output()
        .unwrap();
    // By the group's path, as cgroupfs has it.
    let by_path = report(User::Me, inner.to_str().unwrap());
    held.end();
    for report in [Some(&found), ordinary.as_ref(), Some(&by_path)]
        .into_iter()
        .flatten()
    {
        assert_eq!(report.pid.to_string(), pid);
        assert_eq!(seen(report, "pids.max"), "77 at most");
        assert!(holding(report).contains("pids"));
        let fact = report.facts.iter().find(|fact| fact.id == "pids").unwrap();
        assert_eq!(
            fact.evidence,
            format!("77, by {}/pids.max", outer.display())
        );
        assert_eq!(fact.command, format!("cat {}/pids.max", outer.display()));
    }
    assert_eq!(found.kind, Kind::Group);
    assert_eq!(
        found.verdict.sentence,
        "A cgroup, no namespaces: a group of processes."
    );
    let plain = String::from_utf8(plain.stdout).unwrap();
    assert!(
        plain.contains("in<U+202E>ner") && !plain.contains('\u{202e}'),
        "{plain}"
    );
}

/// A container of an OCI runtime's, from the configuration that its `spec` makes.
fn by_runtime(runtime: &str) {
    if !is_root() || !can_make_groups() || !has_programs(&TOOLS) {
        return;
    }
    if !has_programs(&[runtime, "ldd"]) {
        return;
    }
    let _turn = alone();
    let bundle = tempfile::Builder::new()
        .prefix("gbtest-")
        .tempdir()
        .unwrap();
    let made = Command::new(runtime)
        .arg("spec")
        .current_dir(bundle.path())
        .within(PATIENCE)
        .status();
    assert!(made.unwrap().success());
    let text = fs::read_to_string(bundle.path().join("config.json")).unwrap();
    let mut config: Value = serde_json::from_str(&text).unwrap();
    let asked = config["linux"]["namespaces"].as_array().unwrap().clone();
    config["process"]["terminal"] = false.into();
    config["process"]["args"] = serde_json::json!(["/bin/sleep", "600"]);
    config["linux"]["resources"] = serde_json::json!({"pids": {"limit": 9}});
    config["root"]["readonly"] = false.into();
    let name = format!("gbtest-{runtime}-{}", std::process::id());
    config["linux"]["cgroupsPath"] = format!("/{name}").into();
    let mounts = config["mounts"].as_array_mut().unwrap();
    mounts.retain(|mount| mount["type"] != "cgroup");
    mounts.push(serde_json::json!({
        "destination": "/from outside", "type": "bind", "source": "/etc", "options": ["bind", "ro"]
    }));
    let script = format!(
        "{IMAGE}
        cat >config.json <<'END'\n{config}\nEND
        mount -t overlay root rootfs -o lowerdir=$PWD/image,upperdir=$PWD/upper,workdir=$PWD/work
        run() {{ {runtime} --root \"$PWD/state\" \"$@\"; }}
        end() {{
            run delete --force {name} || true
            # Its groups are busy until its last process is gone.
            timeout 10 tail --pid=$(cat pid) -f /dev/null
            find /sys/fs/cgroup -depth -type d -name {name} -exec rmdir {{}} +
        }}
        trap end EXIT
        run run --detach --pid-file pid {name} </dev/null >&2
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
        "{runtime} runs no container here: {pid}"
    );
    let report = report(User::Me, &pid);
    others_agree(&pid, &report);
    let own: BTreeSet<String> = asked
        .iter()
        .map(|ns| match ns["type"].as_str().unwrap() {
            "network" => "net".to_string(),
            "mount" => "mnt".to_string(),
            other => other.to_string(),
        })
        .collect();
    let list = all(User::Me, &[]);
    let entry = list
        .entries
        .iter()
        .find(|entry| entry.pid.to_string() == pid);
    let namespaces: BTreeSet<String> = entry
        .unwrap()
        .namespaces
        .clone()
        .unwrap()
        .into_iter()
        .collect();
    assert_eq!(namespaces, own);
    assert!(
        entry.unwrap().limits.contains(&"pids 9".to_string()),
        "{entry:?}"
    );
    let mut expected: Vec<&str> = report.facts.iter().map(|fact| fact.id.as_str()).collect();
    // Nobody asked for a limit of memory.
    expected.retain(|id| *id != "memory");
    let facts = holding(&report);
    assert_eq!(
        facts
            .difference(&set(&["memory"]))
            .copied()
            .collect::<BTreeSet<_>>(),
        set(&expected)
    );
    assert!(
        report
            .verdict
            .sentence
            .ends_with("a / of layers: a container."),
        "{:?}",
        report.verdict
    );
    assert!(report.warnings.is_empty(), "{:?}", report.warnings);
    let mut rows = report.sections.iter().flat_map(|section| &section.rows);
    let bind = rows
        .find(|row| row.label == "Bound at /from outside (ro)")
        .unwrap();
    assert_eq!(bind.theirs, Answer::Seen("from /etc".into()));
    the_ordinary_agree(&pid, &report);
    held.end();
}

#[test]
fn a_container_of_crun() {
    by_runtime("crun");
}

#[test]
fn a_container_of_runc() {
    by_runtime("runc");
}

/// Lines that start a daemon of the test's own, after these others and with these
/// words more on its command line, and import ./image.
fn dockerd(group: &str, before: &str, words: &str) -> String {
    format!(
        "{IMAGE}
        {before}
        export DOCKER_HOST=unix://$PWD/socket
        dockerd --data-root \"$PWD/data\" --exec-root \"$PWD/exec\" --pidfile \"$PWD/dockerd\" \\
            --host \"$DOCKER_HOST\" --cgroup-parent /{group} --bridge none --iptables=false \\
            --ip6tables=false --ip-forward=false --ip-masq=false {words} >log 2>&1 &
        # Its log tells when it listens; tail(1) ends with it.
        (tail -n +1 -f --pid=$! log 2>/dev/null &) | grep -q 'API listen on' || cat log >&2
        tar -C image -c . | docker import - gbtest >&2
        "
    )
}

/// Starts containers, each with its options of `docker run`, and looks at each.
fn by_docker(
    (before, words): (&str, &str),
    runs: &[&str],
    check: impl Fn(&str, &str, &Report, &Value),
) {
    let tools = ["dockerd", "containerd", "docker", "ldd"];
    if !is_root() || !can_make_groups() || !has_programs(&TOOLS) || !has_programs(&tools) {
        return;
    }
    let _turn = alone();
    let dir = tempfile::Builder::new()
        .prefix("gbtest-")
        .tempdir()
        .unwrap();
    // Another user's root has to reach what is in it.
    fs::set_permissions(dir.path(), PermissionsExt::from_mode(0o755)).unwrap();
    let group = format!("gbtest-{}", std::process::id());
    let each: String = runs
        .iter()
        .map(|options| {
            format!(
                "docker inspect $(docker run --detach {options} gbtest /bin/sleep 600) |
                    tr -d '\\n'; echo\n"
            )
        })
        .collect();
    let script = format!(
        "{}
        end() {{
            trap - EXIT
            # Whatever fails here, the daemon is to end.
            set +e
            docker rm --force $(docker ps --quiet) >&2
            kill $(cat dockerd); wait
            find /sys/fs/cgroup -depth -type d -path '*/{group}*' -exec rmdir {{}} ';'
        }}
        trap end EXIT
        {each}
        read end || true",
        dockerd(&group, before, words)
    );
    let mut command = Command::new("unshare");
    command
        .args(["--mount", "sh", "-c", &script])
        .current_dir(dir.path());
    let (held, mut output) = Held::start(command);
    for options in runs {
        let inspected = line(&mut output);
        let inspected: Value = serde_json::from_str(&inspected)
            .unwrap_or_else(|error| panic!("docker run {options}: {error}: {inspected}"));
        let inspected = &inspected[0];
        let pid = inspected["State"]["Pid"].to_string();
        let report = report(User::Me, &pid);
        others_agree(&pid, &report);
        assert_eq!(report.kind, Kind::Docker, "{options}: {}", report.because);
        assert_eq!(inspected["Id"], report.id.as_str());
        let config = &inspected["HostConfig"];
        if let Some(most) = config["Memory"].as_u64().filter(|bytes| *bytes > 0) {
            let words = format!("{} at most", glassbox::base::Bytes(most));
            assert_eq!(seen(&report, "memory.max"), words);
        }
        if let Some(most) = config["PidsLimit"].as_u64().filter(|most| *most > 0) {
            assert_eq!(seen(&report, "pids.max"), format!("{most} at most"));
        }
        // By the first digits of its id, as Docker shows it.
        let short = &report.id[..12];
        assert_eq!(named(short).pid.to_string(), pid);
        check(options, &pid, &report, inspected);
        the_ordinary_agree(&pid, &report);
    }
    held.end();
}

const TEN: [&str; 10] = [
    "number-one",
    "own-proc",
    "layers",
    "own-root",
    "own-hostname",
    "own-network",
    "own-ipc",
    "memory",
    "pids",
    "privileges",
];

/// All facts but these.
fn but(lost: &[&str]) -> BTreeSet<&'static str> {
    TEN.into_iter().filter(|id| !lost.contains(id)).collect()
}

#[test]
fn containers_of_docker() {
    let limits = "--memory 64m --pids-limit 20";
    let runs = [
        format!("--network none {limits}"),
        format!("--network none {limits} --cap-add SYS_ADMIN --cap-add SYS_PTRACE"),
        format!("--network none {limits} --pid host"),
        format!("--network host {limits}"),
        "--network none --volume /:/house --volume $PWD/socket:/run/docker.sock".to_string(),
    ];
    let runs: Vec<&str> = runs.iter().map(String::as_str).collect();
    by_docker(("", ""), &runs, |options, _, report, inspected| {
        let (lost, warnings): (&[&str], &[&str]) = match options {
            _ if options.contains("--pid host") => (&["number-one", "own-proc"], &["machine-pids"]),
            _ if options.contains("--network host") => (&["own-network"], &["machine-network"]),
            _ if options.contains("/house") => (
                &["own-root", "memory", "pids"],
                &["machine-root", "engine-socket"],
            ),
            _ => (&[], &[]),
        };
        assert_eq!(holding(report), but(lost), "{options}: {:?}", report.facts);
        // What else is mounted below /house depends on the machine.
        let mut warned = warned(report);
        warned.remove("machine-devices");
        assert_eq!(warned, set(warnings), "{options}: {:?}", report.warnings);
        let capabilities = if options.contains("--cap-add") {
            16
        } else {
            14
        };
        let shown = seen(report, "cap.effective");
        assert!(
            shown.starts_with(&format!("{capabilities}: ")),
            "{options}: {shown}"
        );
        assert_ne!(seen(report, "seccomp"), "none");
        let sentence = &report.verdict.sentence;
        if lost.is_empty() {
            assert!(
                sentence.ends_with("a / of layers: a container."),
                "{sentence}"
            );
        }
        // The picture of its layers is of the directories that Docker tells.
        let layers = seen(report, "layers");
        let data = &inspected["GraphDriver"]["Data"];
        let upper = data["UpperDir"].as_str().unwrap();
        assert!(layers.starts_with(upper), "{layers}");
        for lower in data["LowerDir"].as_str().unwrap().split(':') {
            let there = layers.contains(lower) || layers.contains("/l/");
            assert!(there, "{layers} has {lower}");
        }
    });
}

#[test]
fn a_container_of_docker_in_a_user_namespace() {
    // The daemon looks its user's ids up: in a copy of /etc that only it sees.
    let before = "cp -a /etc etc; mount --bind etc /etc
        for file in subuid subgid; do echo nobody:100000:65536 >/etc/$file; done";
    by_docker(
        (before, "--userns-remap=nobody:nogroup"),
        &["--network none --memory 64m --pids-limit 20"],
        |_, pid, report, _| {
            assert_eq!(holding(report), but(&[]));
            let map = fs::read_to_string(format!("/proc/{pid}/uid_map")).unwrap();
            let outside: u64 = map.split_whitespace().nth(1).unwrap().parse().unwrap();
            assert!(outside > 0);
            assert_eq!(
                seen(report, "uid-map"),
                format!(
                    "0 to 65535 inside are {outside} to {} here",
                    outside + 65535
                )
            );
            assert!(report.verdict.sentence.contains("in a user namespace"));
        },
    );
}

#[test]
fn a_container_of_podman() {
    if !is_root() || !has_programs(&TOOLS) || !has_programs(&["podman", "ldd"]) {
        return;
    }
    let _turn = alone();
    let dir = tempfile::Builder::new()
        .prefix("gbtest-")
        .tempdir()
        .unwrap();
    let script = format!(
        "{IMAGE}
        podman() {{ command podman --root \"$PWD/data\" --runroot \"$PWD/run\" \\
            --tmpdir \"$PWD/tmp\" --cgroup-manager cgroupfs \"$@\"; }}
        tar -C image -c . | podman import - gbtest >&2
        podman run --detach --network none --name gbtest gbtest /bin/sleep 600 >&2
        podman inspect --format '{{{{.State.Pid}}}}' gbtest
        read end || true
        podman rm --force --time 0 gbtest >&2"
    );
    let mut command = Command::new("unshare");
    command
        .args(["--mount", "sh", "-c", &script])
        .stderr(Stdio::null())
        .current_dir(dir.path());
    let (held, mut output) = Held::start(command);
    let pid = line(&mut output);
    if pid.parse::<u32>().is_err() {
        held.end();
        skip(format_args!("podman runs no container here"));
        return;
    }
    let report = report(User::Me, &pid);
    others_agree(&pid, &report);
    assert_eq!(report.kind, Kind::Podman, "{}", report.because);
    the_ordinary_agree(&pid, &report);
    held.end();
}

#[test]
fn a_service_of_systemd() {
    if !is_root() || !has_programs(&TOOLS) || !has_programs(&["systemd-run"]) {
        return;
    }
    if !Path::new("/run/systemd/system").exists() {
        skip("systemd isn't the first process here");
        return;
    }
    let _turn = alone();
    let unit = format!("gbtest-{}", std::process::id());
    let mut command = Command::new("systemd-run");
    command.args(["--quiet", "--pipe", "--collect", "--unit", &unit]);
    command.args([
        "--property",
        "PrivateTmp=yes",
        "--property",
        "PrivateNetwork=yes",
    ]);
    command.args([
        "--property",
        "NoNewPrivileges=yes",
        "--property",
        "TasksMax=33",
    ]);
    command.args(["sh", "-c", STAND]);
    let (held, mut output) = Held::start(command);
    let pid = line(&mut output);
    let report = report(User::Me, &pid);
    others_agree(&pid, &report);
    assert_eq!(
        (report.kind, report.id.as_str()),
        (Kind::Service, format!("{unit}.service").as_str())
    );
    assert_eq!(seen(&report, "pids.max"), "33 at most");
    assert_eq!(seen(&report, "no-new-privs"), "set");
    assert!(holding(&report).is_superset(&set(&["own-network", "pids"])));
    assert_eq!(named(&unit).pid.to_string(), pid);
    held.end();
}

#[test]
fn a_sandbox_of_bubblewrap() {
    if !is_root() || !has_programs(&TOOLS) || !has_programs(&["bwrap"]) {
        return;
    }
    let _turn = alone();
    let mut command = Command::new("bwrap");
    command.args(["--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev"]);
    command.args(["--unshare-pid", "--unshare-net", "--cap-drop", "ALL"]);
    command.args(["sh", "-c", STAND]);
    standing(command, |_, report| {
        assert_eq!(report.kind, Kind::Bubblewrap);
        let holds = holding(report);
        assert!(holds.is_superset(&set(&["own-proc", "own-network", "privileges"])));
        assert!(!holds.contains("own-root"));
        assert!(warned(report).contains("machine-root"));
    });
}

#[test]
fn the_form_is_the_one_that_is_documented() {
    let schema = serde_json::json!({
        "list": schemars::schema_for!(List),
        "report": schemars::schema_for!(Report),
    });
    let now = format!("{schema:#}\n");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/explain.schema.json");
    if std::env::var_os("GLASSBOX_WRITE_SCHEMA").is_some() {
        fs::write(&path, &now).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == now,
        "{} isn't what the program writes: GLASSBOX_WRITE_SCHEMA=1 cargo test --test explain",
        path.display()
    );
}

#[test]
fn every_row_names_a_step_of_the_course() {
    let course = glassbox::course::embedded().unwrap();
    let steps: BTreeSet<&str> = course
        .steps()
        .map(|(_, step)| step.meta.id.0.as_str())
        .collect();
    let report = report(User::Me, &std::process::id().to_string());
    let rows = report.sections.iter().flat_map(|section| &section.rows);
    let named = rows.map(|row| (&row.step, &row.command));
    let facts = report.facts.iter().map(|fact| (&fact.step, &fact.command));
    let mut count = 0;
    for (step, command) in named.chain(facts) {
        assert!(steps.contains(step.as_str()), "{step}");
        assert!(!command.is_empty());
        count += 1;
    }
    assert!(count > 30);
}

#[test]
fn a_process_that_ends_is_said_to_have_ended() {
    let mut command = Command::new("sh");
    command.args(["-c", STAND]);
    let (held, mut output) = Held::start(command);
    let pid = line(&mut output);
    let mut watch = glassbox(User::Me)
        .args(["explain", "--watch", &pid])
        .stdout(Stdio::piped())
        .within(PATIENCE)
        .spawn()
        .unwrap();
    let mut told = BufReader::new(watch.stdout.take().unwrap());
    // The whole report first.
    while line(&mut told) != "Sockets" {}
    held.end();
    let mut rest = String::new();
    told.read_to_string(&mut rest).unwrap();
    assert!(watch.wait().success());
    assert!(
        rest.ends_with(&format!("process {pid} has ended\n")),
        "{rest}"
    );
    let output = glassbox(User::Me)
        .args(["explain", &pid])
        .within(PATIENCE)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains(&format!("no running process {pid}")),
        "{said}"
    );
}

#[test]
fn hostile_names_never_reach_the_terminal() {
    if !is_root() || !may_make_boxes(User::Me) {
        return;
    }
    let _turn = alone();
    let dir = tempfile::Builder::new()
        .prefix("gbtest-")
        .tempdir()
        .unwrap();
    // In comm, in a mount point, in a hostname, in a socket's path, in a root.
    let script = "
        mount -t tmpfs t .
        cd \"$PWD\"
        evil=$(printf 'a\\nb\\033[31m\\302\\233m\\342\\200\\256')
        long=$(printf '%0200d' 0)
        hostname $(printf 'h\\033[2J') || true
        mkdir -p \"$evil/$long/$long\" at
        mount --bind \"$evil\" at
        mount --bind at \"$evil/$long\"
        printf \"$evil\" >/proc/$$/comm
        echo $$; read end || true";
    let mut command = Command::new("unshare");
    command.args(["--mount", "--uts", "sh", "-c", script]);
    command.current_dir(dir.path());
    let (held, mut output) = Held::start(command);
    let pid = line(&mut output);
    let mut outputs = Vec::new();
    for words in [vec!["explain"], vec!["explain", &pid]] {
        for json in [false, true] {
            let mut command = glassbox(User::Me);
            command.args(&words).args(json.then_some("--json"));
            let output = command.within(PATIENCE).output().unwrap();
            outputs.push((words.len(), json, String::from_utf8(output.stdout).unwrap()));
        }
    }
    held.end();
    for (words, json, text) in outputs {
        let bad = |c: &char| glassbox::render::is_unseen(*c) && *c != '\n';
        assert_eq!(text.chars().find(bad), None, "{text}");
        if json && words == 2 {
            let report: Report = serde_json::from_str(&text).unwrap();
            assert!(
                report.name.starts_with("a\nb\u{1b}[31m"),
                "{:?}",
                report.name
            );
            let mut rows = report.sections.iter().flat_map(|section| &section.rows);
            assert!(rows.any(|row| row.label.contains("a\nb\u{1b}[31m\u{9b}m\u{202e}/0000")));
        }
    }
}
