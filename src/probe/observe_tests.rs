use super::*;
use crate::base::Errno;
use crate::base::deadline::{Limit, PATIENCE};
use crate::base::skip::{has_programs, skip};
use crate::plan::Cut;
use crate::probe::View;
use std::io::{BufRead, Write};
use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};
use std::str::FromStr;
use tempfile::TempDir;

const STATUS: &str = "Name:\tglassbox\nState:\tS (sleeping)\nPid:\t4892\nPPid:\t4890\n\
    Uid:\t1000\t1001\t1002\t1003\nGid:\t100\t101\t102\t103\nNSpid:\t4892\t12\t1\n\
    CapEff:\t000001fffeffffff\n";
const MOUNTINFO: &str = "27 1 254:0 / / rw - ext4 /dev/vda rw\n\
    30 27 0:40 / /mnt rw - tmpfs none rw\n\
    31 30 0:41 / /mnt rw - overlay none rw\n\
    32 27 0:42 / /a\\040b rw - tmpfs none rw\n";
const DEV: &str = "Inter-|   Receive   |  Transmit\n face |bytes packets|bytes packets\n\
    \x20   lo:     100       1     100       1\n  eth0: 5 1 5 1\n vb-1.2:5 1 5 1\n";
const IGMP: &str = "Idx\tDevice    : Count Querier\tGroup    Users Timer\tReporter\n\
    1\tlo        :     1      V3\n\t\t\t\t010000E0     1 0:00000000\t\t0\n\
    2\teth0      :     2      V3\n\t\t\t\tFB0000E0     1 0:00000000\t\t0\n\
    3\tvb-1.2    :     2      V3\n\t\t\t\tFB0000E0     1 0:00000000\t\t0\n\
    \t\t\t\t010000E0     1 0:00000000\t\t0\n";
const TCP: &str = "  sl  local_address rem_address   st\n\
    \x20  0: 0100007F:1F90 00000000:0000 0A 0\n   1: 0100007F:0050 00000000:0000 0A 0\n\
    \x20  2: 0100007F:0051 0100007F:1F90 01 0\n";
const TCP6: &str = "  sl  local_address rem_address   st\n\
    \x20  0: 00000000000000000000000001000000:0050 00000000000000000000000000000000:0000 0A 0\n\
    \x20  1: 00000000000000000000000000000000:0016 00000000000000000000000000000000:0000 0A 0\n";

/// A procfs with the files of one process, under `self` and under its pid.
fn machine() -> TempDir {
    let root = tempfile::tempdir().unwrap();
    let write = |file: &str, text: &str| {
        let path = root.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    for (file, text) in [
        ("status", STATUS),
        ("comm", "glassbox\n"),
        ("mountinfo", MOUNTINFO),
        ("net/dev", DEV),
        ("net/igmp", IGMP),
        ("net/tcp", TCP),
        ("net/tcp6", TCP6),
        (
            "uid_map",
            "         0       1000          1\n  1 100000 65536\n",
        ),
        ("gid_map", "         0        100          1\n"),
        ("cgroup", "9:cpu,cpuacct:/b\n2:name=systemd:/a:c\n0::/b\n"),
    ] {
        write(&format!("4892/{file}"), text);
    }
    write("meminfo", "MemTotal:  2048 kB\nMemFree:  1024 kB\n");
    write("17/comm", "bash\n");
    write("version", "not a process\n");
    symlink("4892", root.path().join("self")).unwrap();
    for (pid, inode) in [(4892, 4026531836u64), (17, 99)] {
        let ns = root.path().join(format!("{pid}/ns"));
        fs::create_dir(&ns).unwrap();
        for kind in Namespace::ALL {
            // A kernel before 5.6.
            if kind != Namespace::Time {
                let name = kind.proc_name();
                symlink(format!("{name}:[{inode}]"), ns.join(name)).unwrap();
            }
        }
    }
    root
}

fn outside(root: &Path, pid: i32) -> View {
    View {
        groups: Default::default(),
        proc_root: root.into(),
        subject: Subject::Process {
            pid,
            pid_namespace: None,
        },
    }
}

fn inside(root: &Path) -> View {
    View {
        groups: Default::default(),
        proc_root: root.into(),
        subject: Subject::Myself,
    }
}

/// One fact as text with its source, the root of procfs written as `/proc`.
fn check(view: &View, fact: &str, value: &str, source: &str) {
    let probe = every_probe()
        .into_iter()
        .chain([Probe::MountAt("/a b".into()), Probe::MountAt("/".into())])
        .find(|probe| probe.facts(view.from_outside()).contains(&fact.to_string()))
        .unwrap();
    let found = observe(view, &probe);
    let found = found.iter().find(|seen| seen.name == fact).unwrap();
    let real = view.proc_root.display().to_string();
    let text = match &found.value {
        Ok(value) => value.to_string(),
        Err(reason) => format!("! {reason}"),
    };
    assert_eq!(text.replace(&real, "/proc"), value, "{fact}");
    assert_eq!(found.source.replace(&real, "/proc"), source, "{fact}");
}

fn every_probe() -> Vec<Probe> {
    Probe::names()
        .map(|name| match name {
            "dir" | "file" | "mount" | "stack" | "origin" | "stat" | "hash" | "usage" => {
                format!("{name}:/mnt")
            }
            "group" => "group:small".to_string(),
            plain => plain.to_string(),
        })
        .map(|text| Probe::from_str(&text).unwrap())
        .collect()
}

#[test]
fn every_probe_yields_the_facts_that_it_names() {
    let root = machine();
    let views = [
        inside(root.path()),
        outside(root.path(), 4892),
        outside(root.path(), 1),
        View::myself(),
        outside(Path::new("/proc"), std::process::id() as i32),
        outside(Path::new("/nonexistent"), 1),
    ];
    for view in &views {
        for probe in every_probe() {
            let names: Vec<String> = observe(view, &probe)
                .into_iter()
                .map(|seen| {
                    assert!(!seen.source.is_empty(), "{probe}");
                    seen.name
                })
                .collect();
            assert_eq!(names, probe.facts(view.from_outside()), "{probe} {view:?}");
        }
    }
}

#[test]
fn from_outside_all_comes_from_the_process_directory() {
    let root = machine();
    let view = outside(root.path(), 4892);
    for (fact, value, source) in [
        ("ns.uts", "4026531836", "/proc/4892/ns/uts"),
        ("ns.mnt", "4026531836", "/proc/4892/ns/mnt"),
        (
            "ns.time",
            "! this kernel has no time namespaces: there is no /proc/4892/ns/time",
            "/proc/4892/ns/time",
        ),
        ("pid", "4892", "/proc/4892/status"),
        ("nspid", "4892 12 1", "/proc/4892/status"),
        ("ppid", "4890", "/proc/4892/status"),
        ("parent", "?", "/proc/4892/status"),
        ("parents", "?", "/proc/4892/status"),
        ("members", "1", "/proc/*/ns/pid"),
        ("mounts", "4", "/proc/4892/mountinfo"),
        ("mount:/mnt", "overlay", "/proc/4892/mountinfo"),
        ("mount:/a b", "tmpfs", "/proc/4892/mountinfo"),
        ("mount:/", "ext4", "/proc/4892/mountinfo"),
        ("links", "eth0 lo vb-1.2", "/proc/4892/net/dev"),
        ("links-up", "lo vb-1.2", "/proc/4892/net/igmp"),
        (
            "listening",
            "22 80 8080",
            "/proc/4892/net/tcp, /proc/4892/net/tcp6",
        ),
        ("uid", "1000", "/proc/4892/status"),
        ("gid", "100", "/proc/4892/status"),
        ("uid-map", "0 1000 1; 1 100000 65536", "/proc/4892/uid_map"),
        ("gid-map", "0 100 1", "/proc/4892/gid_map"),
        ("capabilities", "40", "/proc/4892/status"),
        ("capability-set", "000001fffeffffff", "/proc/4892/status"),
        ("cgroup", "/a:c /b", "/proc/4892/cgroup"),
        (
            "hostname",
            "! only a process inside the box can see this",
            "uname(2)",
        ),
    ] {
        check(&view, fact, value, source);
    }
}

#[test]
fn from_inside_files_come_from_self() {
    let root = machine();
    let view = inside(root.path());
    for (fact, value, source) in [
        ("ns.uts", "4026531836", "/proc/self/ns/uts"),
        ("mount:/mnt", "overlay", "/proc/self/mountinfo"),
        ("links", "eth0 lo vb-1.2", "/proc/self/net/dev"),
        ("processes", "2", "/proc/[1-9]*"),
        ("process-names", "bash glassbox", "/proc/*/comm"),
        ("members", "1", "/proc/*/ns/pid"),
        ("memory.total", "2 MiB", "/proc/meminfo"),
        ("users", "1", "stat(2) /proc/[1-9]*"),
        ("uid-map", "0 1000 1; 1 100000 65536", "/proc/self/uid_map"),
    ] {
        check(&view, fact, value, source);
    }
}

#[test]
fn what_is_missing_is_said_in_plain_words() {
    let root = machine();
    fs::remove_file(root.path().join("4892/net/tcp6")).unwrap();
    fs::remove_file(root.path().join("4892/cgroup")).unwrap();
    fs::write(root.path().join("17/status"), "State:\tZ (zombie)\n").unwrap();
    fs::remove_file(root.path().join("17/ns/uts")).unwrap();
    let live = outside(root.path(), 4892);
    let listen = "/proc/4892/net/tcp, /proc/4892/net/tcp6";
    check(&live, "listening", "80 8080", listen);
    check(
        &live,
        "cgroup",
        "! there is no /proc/4892/cgroup",
        "/proc/4892/cgroup",
    );
    check(
        &inside(Path::new("/nonexistent")),
        "ns.uts",
        "! there is no /proc/self/ns/uts",
        "/proc/self/ns/uts",
    );
    for (pid, fact, file) in [
        (17, "ns.uts", "ns/uts"),
        (17, "mounts", "mountinfo"),
        (5, "ns.uts", "ns/uts"),
        (5, "uid", "status"),
    ] {
        check(
            &outside(root.path(), pid),
            fact,
            &format!("! process {pid} has ended"),
            &format!("/proc/{pid}/{file}"),
        );
    }
}

#[test]
fn members_can_be_counted_after_the_end_of_pid_1() {
    let root = machine();
    let mut view = outside(root.path(), 5);
    for (inode, expected) in [(99, "1"), (4026531836, "1"), (7, "0")] {
        view.subject = Subject::Process {
            pid: 5,
            pid_namespace: Some(inode),
        };
        check(&view, "members", expected, "/proc/*/ns/pid");
    }
}

#[test]
fn files_and_directories_are_what_they_hold() {
    let root = tempfile::tempdir().unwrap();
    let at = |name: &str| root.path().join(name).display().to_string();
    let fifo = root.path().join("fifo");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
    fs::write(at("text"), "two\nlines\n\n").unwrap();
    fs::write(at("long"), "x".repeat(5000)).unwrap();
    fs::write(at("cut"), format!("x{}", "é".repeat(3000))).unwrap();
    fs::write(at("odd"), b"\x1b[31m\xff").unwrap();
    let text = |s: &str| Ok(Value::Text(s.into()));
    let cut = |s: String, total| {
        let (shown, total) = (s, Some(total));
        Ok(Value::Cut(Cut::Text { shown, total }))
    };
    for (probe, expected) in [
        (Probe::File(at("text")), text("two\nlines\n")),
        (Probe::File(at("long")), cut("x".repeat(4096), 5000)),
        (
            Probe::File(at("cut")),
            cut(format!("x{}", "é".repeat(2047)), 6001),
        ),
        (Probe::File(at("odd")), text("\x1b[31m\u{fffd}")),
        (Probe::File(at("fifo")), text("")),
        (
            Probe::File(at("none")),
            Err(Unavailable::Missing(at("none"))),
        ),
        (
            Probe::Dir(at("")),
            Ok(Value::List(
                ["cut", "fifo", "long", "odd", "text"]
                    .map(String::from)
                    .into(),
            )),
        ),
        (
            Probe::Dir(at("text")),
            Err(Unavailable::Unread {
                path: at("text"),
                errno: Errno(libc::ENOTDIR),
            }),
        ),
    ] {
        assert_eq!(
            observe(&View::myself(), &probe)[0].value,
            expected,
            "{probe}"
        );
    }
}

fn value(view: &View, probe: Probe, fact: &str) -> Value {
    let all = observe(view, &probe);
    let found = all.iter().find(|seen| seen.name == fact).unwrap();
    found
        .value
        .clone()
        .unwrap_or_else(|why| panic!("{fact}: {why}"))
}

/// This very process on this very kernel, from inside and from outside: what
/// can be seen both ways must be the same.
#[test]
fn both_views_of_this_process_agree() {
    let inside = View::myself();
    let outside = outside(Path::new("/proc"), std::process::id() as i32);
    for probe in every_probe() {
        if !probe.works_from_outside() {
            continue;
        }
        for seen in observe(&outside, &probe) {
            if !probe.facts(false).contains(&seen.name) || seen.value.is_err() {
                continue;
            }
            // Other tests start processes, and other programs listen.
            if seen.name == "members" || seen.name == "listening" {
                continue;
            }
            let same = value(&inside, probe.clone(), &seen.name);
            assert_eq!(seen.value, Ok(same), "{}", seen.name);
        }
    }
    let uname = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let name = value(&inside, Probe::Hostname, "hostname");
    assert_eq!(name, Value::Text(uname.trim_end().into()));
    let Value::Number(boot, Unit::Nanos) = value(&inside, Probe::Clocks, "clock.boottime") else {
        panic!("a clock counts nanoseconds");
    };
    let uptime = fs::read_to_string("/proc/uptime").unwrap();
    let seconds: f64 = uptime.split(' ').next().unwrap().parse().unwrap();
    assert!((boot as f64 / 1e9 - seconds).abs() < 5.0, "{boot} {uptime}");
}

#[test]
fn a_child_that_has_ended_is_told_from_a_live_one() {
    let mut child = Command::new("cat")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .within(PATIENCE)
        .spawn()
        .unwrap();
    let view = outside(Path::new("/proc"), child.id() as i32);
    let uts = |view: &View| observe(view, &Probe::Ns).pop().unwrap();
    let mine = value(&View::myself(), Probe::Ns, "ns.uts");
    assert_eq!(uts(&view).value, Ok(mine));
    drop(child.stdin.take());
    child.wait();
    let gone = Unavailable::Ended(child.id() as i32);
    assert_eq!(uts(&view).value, Err(gone));
}

/// A real box, made by unshare(1): what is seen from outside follows what
/// happens inside.
#[test]
fn a_network_namespace_is_seen_from_outside() {
    if !has_programs(&["unshare"]) {
        return;
    }
    let script = "echo up; read go; ip link set lo up && echo lo; read end";
    let mut child = Command::new("unshare")
        .args([
            "--user",
            "--map-root-user",
            "--net",
            "--uts",
            "sh",
            "-c",
            script,
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .within(PATIENCE)
        .spawn()
        .unwrap();
    let mut lines = io::BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = || lines.next().and_then(Result::ok).unwrap_or_default();
    if next() != "up" {
        skip("this host lets nobody make a user namespace");
        child.wait();
        return;
    }
    let (here, box_) = (
        View::myself(),
        outside(Path::new("/proc"), child.id() as i32),
    );
    let list = |names: &[&str]| Value::List(names.iter().map(|n| n.to_string()).collect());
    for (fact, same) in [("ns.net", false), ("ns.uts", false), ("ns.pid", true)] {
        let mine = value(&here, Probe::Ns, fact);
        assert_eq!(mine == value(&box_, Probe::Ns, fact), same, "{fact}");
    }
    assert_eq!(value(&box_, Probe::Links, "links"), list(&["lo"]));
    assert_eq!(value(&box_, Probe::Links, "links-up"), list(&[]));
    assert_eq!(value(&box_, Probe::Listening, "listening"), list(&[]));
    let uid = nix::unistd::getuid();
    let map = Value::Text(format!("0 {uid} 1"));
    assert_eq!(value(&box_, Probe::Ids, "uid-map"), map);
    let mut stdin = child.stdin.take().unwrap();
    if has_programs(&["ip"]) {
        stdin.write_all(b"go\n").unwrap();
        assert_eq!(next(), "lo");
        assert_eq!(value(&box_, Probe::Links, "links-up"), list(&["lo"]));
    }
    drop(stdin);
    child.wait();
}

/// Runs itself as pid 1 of a pid namespace that still has the old /proc:
/// there its numbers must not be taken for those of its children.
#[test]
fn the_proc_of_another_pid_namespace_is_not_trusted() {
    let me = std::process::id();
    let pids = observe(&outside(Path::new("/proc"), me as i32), &Probe::Pid);
    if me == 1 {
        assert!(pids.iter().all(|seen| {
            let why = seen.value.clone().unwrap_err().to_string();
            why.contains("another pid namespace")
        }));
        let inode = fs::read_link("/proc/self/ns/pid").unwrap();
        let seen = value(&View::myself(), Probe::Ns, "ns.pid");
        assert!(inode.display().to_string().contains(&seen.to_string()));
        return;
    }
    assert!(pids.iter().all(|seen| seen.value.is_ok()));
    if !has_programs(&["unshare"]) {
        return;
    }
    let name = "probe::observe::tests::the_proc_of_another_pid_namespace_is_not_trusted";
    let again = Command::new("unshare")
        .args(["--user", "--map-root-user", "--pid", "--fork"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", name])
        .within(PATIENCE)
        .output()
        .unwrap();
    let (stdout, stderr) = (
        String::from_utf8_lossy(&again.stdout),
        String::from_utf8_lossy(&again.stderr),
    );
    if stderr.contains("unshare failed") {
        skip("this host lets nobody make a user namespace");
        return;
    }
    assert!(
        again.status.success() && stdout.contains("1 passed"),
        "{stdout}{stderr}"
    );
}
