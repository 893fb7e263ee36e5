//! Hosts that refuse something, each made in namespaces and limits of the test's
//! own: what `doctor` says of a step there is what `verify` comes to, with stage
//! and cause, and no claim fails for what the host is.

#![allow(missing_docs)]

mod support;

use serde_json::Value;
use std::collections::BTreeSet;
use std::process::{Command, Output};
use std::time::Duration;
use support::{Limit, User, glassbox, has_programs, is_root, may_make_boxes, skip};

/// A run of all demos takes so long at most.
const DEADLINE: Duration = Duration::from_secs(240);

/// A host: words of a shell, which then executes the program, `"$@"`; the steps
/// that are looked at; and of those, with a part of what is told, which it costs.
struct Strange {
    name: &'static str,
    made: &'static str,
    steps: &'static [&'static str],
    costs: &'static [(&'static str, &'static str)],
}

const fn host(
    name: &'static str,
    made: &'static str,
    steps: &'static [&'static str],
    costs: &'static [(&'static str, &'static str)],
) -> Strange {
    Strange {
        name,
        made,
        steps,
        costs,
    }
}

/// A mount namespace, in which `$0` changes something.
macro_rules! mounted {
    ($what:literal) => {
        concat!(
            "exec unshare --mount --propagation private sh -c '",
            $what,
            "; exec \"$@\"' - \"$@\""
        )
    };
}

/// Root without some capabilities, which it then can't get back.
macro_rules! without {
    ($what:literal) => {
        concat!(
            "exec setpriv --inh-caps=-all --bounding-set=",
            $what,
            " \"$@\""
        )
    };
}

/// A seccomp filter that answers these calls of x86-64 with that number.
macro_rules! filter {
    ($errno:literal, $calls:literal) => {
        concat!("exec perl -e \"$FILTER\" ", $errno, " ", $calls, " \"$@\"")
    };
}

/// The filter, <linux/filter.h>: LD nr; JEQ call, to the last line, each; RET
/// ALLOW; RET ERRNO.
const FILTER: &str = r#"
my ($errno, $calls, @command) = @ARGV;
my @calls = split /,/, $calls;
my ($code, $left) = (pack("SCCL", 0x20, 0, 0, 0), scalar @calls);
$code .= pack("SCCL", 0x15, $left--, 0, $_) for @calls;
$code .= pack("SCCL", 0x06, 0, 0, 0x7fff0000) . pack("SCCL", 0x06, 0, 0, 0x50000 | $errno);
my $program = pack("Sx6P", length($code) / 8, $code);
syscall(157, 38, 1, 0, 0, 0) == 0 or die "no_new_privs: $!";
syscall(157, 22, 2, $program) == 0 or die "seccomp: $!";
exec @command or die "exec: $!";
"#;

/// Steps that take no time.
const QUICK: &[&str] = &["uts", "net", "ipc", "user", "lock"];

const HOSTS: &[Strange] = &[
    host("as it is", "exec \"$@\"", QUICK, &[]),
    host(
        "called as a box is",
        "exec unshare --uts sh -c 'hostname container; exec \"$@\"' - \"$@\"",
        &["uts", "lock", "by-hand"],
        &[("by-hand", "itself called `container`")],
    ),
    // Its own name shows as well as another.
    host(
        "called as a box is that shows it",
        "exec unshare --uts sh -c 'hostname kettle; exec \"$@\"' - \"$@\"",
        &["uts", "lock"],
        &[],
    ),
    host(
        "lo is down",
        "exec unshare --net \"$@\"",
        &["net", "lock"],
        &[("net", "the device lo")],
    ),
    host(
        "an empty /proc",
        mounted!("mount -t tmpfs none /proc"),
        &["uts", "controllers"],
        &[
            ("uts", "no procfs is mounted"),
            ("controllers", "no procfs is mounted"),
        ],
    ),
    host(
        "the /proc of another pid namespace",
        "exec unshare --pid --fork --kill-child \"$@\"",
        &["uts"],
        &[("uts", "another pid namespace")],
    ),
    host(
        "no /dev/null",
        mounted!("mount -t tmpfs none /dev"),
        &["uts"],
        &[("uts", "no /dev/null")],
    ),
    host(
        "no cgroup tree",
        mounted!("umount -R -l /sys/fs/cgroup"),
        &["controllers", "group", "uts"],
        &[
            ("controllers", "no cgroup filesystem is mounted"),
            ("group", "has the pids controller"),
        ],
    ),
    host(
        "few descriptors",
        "exec setpriv --inh-caps=-all --bounding-set=-sys_resource prlimit --nofile=10:10 \"$@\"",
        &["uts"],
        &[("uts", "open files is 10")],
    ),
    host(
        "no room for queues",
        "exec setpriv --inh-caps=-all --bounding-set=-sys_resource prlimit --msgqueue=0:0 \"$@\"",
        &["ipc", "uts"],
        &[("ipc", "POSIX message queues is 0")],
    ),
    host(
        "root of a user namespace with one id",
        "exec unshare --user --map-root-user \"$@\"",
        &["user", "lock", "table"],
        &[("user", "no id but root's"), ("lock", "no id but root's")],
    ),
    host(
        "the capabilities of a Docker container",
        without!(
            "-all,+chown,+dac_override,+fowner,+fsetid,+kill,+setgid,+setuid,+setpcap,\
             +net_bind_service,+net_raw,+sys_chroot,+mknod,+audit_write,+setfcap"
        ),
        &["user", "lock", "table"],
        &[
            ("user", "lacks CAP_SYS_ADMIN or CAP_SETUID"),
            ("lock", "lacks CAP_SYS_ADMIN or CAP_SETUID"),
        ],
    ),
    host(
        "the capabilities that crun gives",
        without!("-all,+audit_write,+kill,+net_bind_service"),
        &["user", "uts"],
        &[("user", "lacks the capability CAP_SETFCAP")],
    ),
    host(
        "no CAP_SETGID",
        without!("-setgid"),
        &["user", "uts"],
        &[("user", "lacks the capability CAP_SETGID")],
    ),
    host(
        "no CAP_NET_ADMIN",
        without!("-net_admin"),
        &["net", "uts"],
        &[("net", "CAP_NET_ADMIN")],
    ),
    host(
        "a filter: sethostname",
        filter!("1", "170"),
        &["uts", "user", "net"],
        &[
            ("uts", "refuses sethostname"),
            ("user", "refuses sethostname"),
        ],
    ),
    host(
        "a filter that plays an old kernel: sethostname",
        filter!("38", "170"),
        &["uts", "net"],
        &[("uts", "refuses sethostname")],
    ),
    host(
        "a filter: socket",
        filter!("1", "41"),
        &["net", "lock", "uts"],
        &[("net", "refuses socket"), ("lock", "refuses socket")],
    ),
    host(
        "a filter: memfd_create",
        filter!("38", "319"),
        &["uts", "net"],
        &[("uts", "refuses memfd_create")],
    ),
    host(
        "a filter: pivot_root",
        filter!("1", "155"),
        &["by-hand", "uts"],
        &[("by-hand", "refuses pivot_root")],
    ),
    host(
        "a filter: msgget",
        filter!("38", "68"),
        &["ipc", "uts"],
        &[("ipc", "refuses msgget")],
    ),
    host(
        "a filter: pidfd_open",
        filter!("1", "434"),
        &["uts"],
        &[("uts", "refuses pidfd_open")],
    ),
    host(
        "a filter: sendfile and chown",
        filter!("1", "40,92"),
        &["user", "uts"],
        &[("user", "refuses chown")],
    ),
];

fn on(host: &Strange, arguments: &[&str]) -> Output {
    let program = glassbox(User::Me);
    let mut command = Command::new("sh");
    command
        .args(["-c", host.made, "sh"])
        .arg(program.get_program())
        .args(arguments)
        .env("FILTER", FILTER);
    command.within(DEADLINE).output().unwrap()
}

fn lines(output: &Output) -> Vec<Value> {
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect()
}

/// Holds both commands against each other, and what they say against what the
/// host is; `steps` instead of its own if there are some.
fn check(host: &Strange, steps: &[&str]) {
    let ask = |command: &str| on(host, &[&[command, "--json"], steps].concat());
    let (doctor, verify) = (ask("doctor"), ask("verify"));
    let told = format!(
        "{}:\n{}{}\n{}{}",
        host.name,
        String::from_utf8_lossy(&doctor.stdout),
        String::from_utf8_lossy(&doctor.stderr),
        String::from_utf8_lossy(&verify.stdout),
        String::from_utf8_lossy(&verify.stderr),
    );
    for word in ["panicked", "Some(", "Err(", "Os {"] {
        assert!(!told.contains(word), "`{word}` in {told}");
    }
    let report = lines(&doctor);
    let abilities = report
        .first()
        .and_then(|report| report["abilities"].as_array());
    let mut costs: BTreeSet<&str> = BTreeSet::new();
    for ability in abilities.unwrap_or_else(|| panic!("{told}")) {
        if ability["refusal"].is_null() {
            continue;
        }
        let steps = ability["costs"].as_array().unwrap();
        costs.extend(steps.iter().filter_map(Value::as_str));
    }
    let findings = lines(&verify);
    let mut skipped: BTreeSet<&str> = BTreeSet::new();
    for finding in findings
        .iter()
        .filter(|finding| finding["step"].is_string())
    {
        assert_ne!(finding["status"], "failed", "{finding}\n{told}");
        if finding["status"] != "skipped" {
            continue;
        }
        skipped.extend(finding["step"].as_str());
        let refusal = &finding["refusal"];
        let words = |key: &str| refusal[key].as_str().is_some_and(|text| !text.is_empty());
        assert!(words("stage") && words("cause"), "{finding}");
        assert!(
            !refusal["remedy"].as_array().unwrap().is_empty(),
            "{finding}"
        );
    }
    assert_eq!(costs, skipped, "{told}");
    let code = |output: &Output| output.status.code();
    assert_eq!(
        code(&doctor),
        Some(if costs.is_empty() { 0 } else { 3 }),
        "{told}"
    );
    if steps == host.steps {
        for (step, cause) in host.costs {
            let refusal = findings
                .iter()
                .find(|finding| finding["step"] == *step)
                .unwrap_or_else(|| panic!("{step} in {told}"));
            let found = refusal["refusal"]["cause"].as_str().unwrap_or_default();
            assert!(found.contains(cause), "`{cause}` for {step} in {told}");
        }
    }
}

/// Whether such hosts can be made here.
fn can_make_them() -> bool {
    if !is_root() || !may_make_boxes(User::Me) || !cfg!(target_arch = "x86_64") {
        skip("it takes root, namespaces and the numbers of x86-64's calls");
        return false;
    }
    has_programs(&["unshare", "setpriv", "perl", "hostname"])
}

#[test]
fn doctor_and_verify_agree_on_strange_hosts() {
    if !can_make_them() {
        return;
    }
    for host in HOSTS {
        check(host, host.steps);
    }
}

/// The same with every step of the course.
#[test]
#[ignore = "minutes; .ci/full hosts"]
fn they_agree_on_every_step() {
    if !can_make_them() {
        return;
    }
    for host in HOSTS {
        check(host, &[]);
    }
}
