//! What the program has from whoever starts it must not matter: in each odd
//! state a demo gives what it gives without it, or is refused for the true cause.

#![allow(missing_docs)]

mod support;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;
use support::pack::public_tempdir;
use support::{Limit, User, glassbox, has_programs, may_make_boxes, users};

/// No command in here takes seconds.
const DEADLINE: Duration = Duration::from_secs(60);

/// What is run in each state: no demo, two with boxes, one with a group, one
/// with an overlay.
const COMMANDS: [&[&str]; 5] = [
    &["list"],
    &["run", "uts"],
    &["run", "pid"],
    &["run", "group"],
    &["run", "figure"],
];

/// What happens in a state.
enum Then {
    /// The same as without it.
    Same,
    /// A demo is refused with this word to who may not lift the limit.
    Refused(&'static str),
}
use Then::{Refused, Same};

/// Each state as words of bash(1), which then executes the program: `"$@"`.
const STATES: &[(&str, &str, Then)] = &[
    ("SIGCHLD is ignored", "trap '' CHLD; exec \"$@\"", Same),
    ("nohup", "trap '' HUP; exec \"$@\"", Same),
    ("in the background", "trap '' INT QUIT; exec \"$@\"", Same),
    (
        "all signals are blocked",
        "exec env --block-signal \"$@\"",
        Same,
    ),
    (
        "all signals are ignored",
        "exec env --ignore-signal \"$@\"",
        Same,
    ),
    (
        "real-time signals are both",
        "exec env --block-signal=RTMIN,RTMAX,RTMIN+3 --ignore-signal=RTMIN,RTMAX,RTMAX-1 \"$@\"",
        Same,
    ),
    ("few files, softly", "ulimit -Sn 10; exec \"$@\"", Same),
    (
        "few files",
        "ulimit -n 10; exec \"$@\"",
        Refused("RLIMIT_NOFILE"),
    ),
    ("empty files, softly", "ulimit -Sf 0; exec \"$@\"", Same),
    (
        "empty files",
        "ulimit -f 0; exec \"$@\"",
        Refused("RLIMIT_FSIZE"),
    ),
    (
        "small files",
        "ulimit -f 64; exec \"$@\"",
        Refused("RLIMIT_FSIZE"),
    ),
    (
        "little CPU time",
        "ulimit -t 20; exec \"$@\"",
        Refused("RLIMIT_CPU"),
    ),
    ("little CPU time, softly", "ulimit -St 1; exec \"$@\"", Same),
    (
        "little memory, softly",
        "ulimit -Sv 500000; exec \"$@\"",
        Same,
    ),
    (
        "little memory",
        "ulimit -v 500000; exec \"$@\"",
        Refused("RLIMIT_AS"),
    ),
    (
        "little data",
        "ulimit -d 300000; exec \"$@\"",
        Refused("RLIMIT_DATA"),
    ),
    ("a small stack", "ulimit -Ss 256; exec \"$@\"", Same),
    (
        "a stack without end",
        "ulimit -Ss unlimited; exec \"$@\"",
        Same,
    ),
    (
        "few processes",
        "ulimit -u 3; exec \"$@\"",
        Refused("RLIMIT_NPROC"),
    ),
    ("few processes, softly", "ulimit -Su 3; exec \"$@\"", Same),
    (
        "no queues, no signals, no locks, no real time",
        "ulimit -q 0; ulimit -i 0; ulimit -l 0; ulimit -x 0; ulimit -r 0; ulimit -c 0; exec \"$@\"",
        Same,
    ),
    ("umask 0777", "umask 0777; exec \"$@\"", Same),
    ("umask 077", "umask 077; exec \"$@\"", Same),
    ("umask 0", "umask 0; exec \"$@\"", Same),
    (
        "a helper's name",
        "exec -a glassbox-supervisor \"$@\"",
        Same,
    ),
    ("no name", "exec -a '' \"$@\"", Same),
    ("an odd name", "exec -a $'\\xff\\x01/' \"$@\"", Same),
    ("closed: 0", "exec \"$@\" 0<&-", Same),
    ("closed: 1", "exec \"$@\" 1>&-", Same),
    ("closed: 2", "exec \"$@\" 2>&-", Same),
    ("closed: 0, 1", "exec \"$@\" 0<&- 1>&-", Same),
    ("closed: 0, 2", "exec \"$@\" 0<&- 2>&-", Same),
    ("closed: 1, 2", "exec \"$@\" 1>&- 2>&-", Same),
    ("closed: 0, 1, 2", "exec \"$@\" 0<&- 1>&- 2>&-", Same),
    (
        "hundreds of descriptors",
        "for fd in {3..9} {20..500}; do eval \"exec $fd</dev/null\"; done; exec \"$@\"",
        Same,
    ),
    (
        "a directory that is gone",
        "d=$(mktemp -d); cd \"$d\"; rmdir \"$d\"; exec \"$@\"",
        Same,
    ),
    ("an empty environment", "exec env -i \"$@\"", Same),
    ("no PATH", "unset PATH; exec \"$@\"", Same),
    (
        "a PATH of nothing",
        "PATH=.:bin::/none:/root; exec \"$@\"",
        Same,
    ),
    (
        "odd variables",
        "export TMPDIR=none HOME=/none LC_ALL=xx_YY RUST_BACKTRACE=full MALLOC_ARENA_MAX=1; exec \"$@\"",
        Same,
    ),
    (
        "no new privileges",
        "exec setpriv --no-new-privs \"$@\"",
        Same,
    ),
    (
        "another personality",
        "exec setarch -R --uname-2.6 -X \"$@\"",
        Same,
    ),
    ("niceness", "exec nice -n 19 \"$@\"", Same),
    ("one CPU", "exec taskset -c 0 \"$@\"", Same),
    (
        "first in line",
        "echo 900 >/proc/self/oom_score_adj; exec \"$@\"",
        Same,
    ),
];

/// The program in a state.
fn in_state(user: User, state: &str, arguments: &[&str]) -> Output {
    let program = glassbox(user);
    let mut command = Command::new("bash");
    command
        .args(["-c", state, "bash"])
        .arg(program.get_program());
    command.args(arguments).current_dir("/");
    if user == User::Ordinary {
        command.uid(65_534).gid(65_534);
    }
    command.within(DEADLINE).output().unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn has_bash() -> bool {
    has_programs(&["bash"])
}

#[test]
fn an_odd_state_does_not_matter_or_is_refused_for_its_cause() {
    if !has_bash() {
        return;
    }
    for user in users() {
        let usual = COMMANDS.map(|command| in_state(user, "exec \"$@\"", command).status.code());
        assert_eq!(usual[0], Some(0), "{user:?}");
        let lifts = may_lift_limits(user);
        for (name, state, then) in STATES {
            for (command, usual) in COMMANDS.iter().zip(usual) {
                let output = in_state(user, state, command);
                let told = format!("{name}, {user:?}, {command:?}:\n{}", text(&output));
                assert!(!told.contains("panicked"), "{told}");
                match then {
                    Refused(limit) if command[0] == "run" && !lifts => {
                        assert_eq!(output.status.code(), Some(3), "{told}");
                        assert!(told.contains(limit), "{told}");
                    }
                    Refused(_) | Same => assert_eq!(output.status.code(), usual, "{told}"),
                }
            }
        }
    }
}

/// Whether this user may raise a hard limit: CAP_SYS_RESOURCE, which root in a
/// container may lack.
fn may_lift_limits(user: User) -> bool {
    let script = "ulimit -n 10 && ulimit -n 256";
    let mut command = Command::new("bash");
    command.args(["-c", script]).stderr(Stdio::null());
    if user == User::Ordinary {
        command.uid(65_534).gid(65_534);
    }
    command.within(DEADLINE).status().unwrap().success()
}

/// Runs a pack of one step with one program in a box, as bash(1) starts it. The
/// program's standard output.
fn program(user: User, state: &str, argv: &str) -> Result<String, String> {
    let dir = public_tempdir();
    let lesson = dir.path().join("01-x");
    fs::create_dir(&lesson).unwrap();
    let facts = "title = 'T'\nsummary = 'S'\nlock = 'L'\nminutes = 1\n";
    fs::write(lesson.join("lesson.toml"), facts).unwrap();
    let demo = format!(
        "[[box]]\nname = 'box'\nnamespaces = ['user', 'uts', 'mount', 'pid']\n\
         [[action]]\nin = 'box'\ndo.run = {argv}\nas = 'it'\n\
         [[expect]]\nclaim = 'c'\nwhen = {{ fact = 'box/it', is = 'exit 0' }}"
    );
    let step = format!("+++\nid = 'x'\ntitle = 'T'\n+++\n\nText.\n\n```demo\n{demo}\n```\n");
    fs::write(lesson.join("01-x.md"), step).unwrap();
    let pack = dir.path().to_str().unwrap();
    let arguments = ["--lessons", pack, "run", "x", "--trust", "--json"];
    let output = in_state(user, state, &arguments);
    let told = text(&output);
    told.lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .find(|line| line["event"] == "output")
        .and_then(|line| Some(line["stdout"].as_str()?.to_string()))
        .ok_or(told)
}

#[test]
fn a_program_in_a_box_starts_in_a_known_state() {
    if !has_bash() {
        return;
    }
    let grep = "['grep', '-E', '^(SigBlk|SigIgn|Umask|NoNewPrivs):', '/proc/self/status']";
    for user in users() {
        for state in [
            "exec \"$@\"",
            "umask 0777; exec env --block-signal --ignore-signal \"$@\"",
            "trap '' CHLD HUP RTMAX; umask 0; exec env --block-signal=RTMIN+5 \"$@\"",
        ] {
            let status = match program(user, state, grep) {
                Ok(status) => status,
                // A host without namespaces for this user has nothing to show.
                Err(told) if told.contains("\"skipped\"") => continue,
                Err(told) => panic!("{state} {user:?}:\n{told}"),
            };
            let mut words: Vec<&str> = status.lines().collect();
            words.sort_unstable();
            let expected = [
                "NoNewPrivs:\t0",
                "SigBlk:\t0000000000000000",
                "SigIgn:\t0000000000000000",
                "Umask:\t0022",
            ];
            assert_eq!(words, expected, "{state} {user:?}");
        }
        let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
        let odd = "exec setarch --uname-2.6 \"$@\"";
        if let Ok(told) = program(user, odd, "['uname', '-r']") {
            assert_eq!(told, release);
        }
        let descriptors =
            "for fd in {3..9} {20..300}; do eval \"exec $fd</dev/null\"; done; exec \"$@\"";
        if let Ok(told) = program(user, descriptors, "['ls', '/proc/self/fd']") {
            // The last one is the directory itself.
            assert_eq!(
                told.split_whitespace().collect::<Vec<_>>(),
                ["0", "1", "2", "3"]
            );
        }
    }
}

/// Not every machine keeps its programs where most do.
#[test]
fn a_program_is_found_where_the_users_path_says_and_where_most_are() {
    if !has_bash() {
        return;
    }
    let dir = public_tempdir();
    let file = dir.path().join("only-here");
    fs::write(&file, "#!/bin/sh\necho found by $0\n").unwrap();
    fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let with = |path: &str| format!("export PATH='{path}'; exec \"$@\"");
    let (here, bash) = (dir.path().display(), "/usr/bin:/bin");
    for user in users() {
        let found = program(user, &with(&format!("{bash}:{here}")), "['only-here']");
        match found {
            Ok(told) => assert_eq!(told, format!("found by {}\n", file.display())),
            Err(told) => {
                assert!(told.contains("\"skipped\""), "{told}");
                continue;
            }
        }
        // Nowhere; below where it stands; and in a directory that it may not search.
        for path in [
            bash.to_string(),
            format!(".{here}"),
            format!("/root:{bash}:bin"),
        ] {
            let told = program(user, &with(&path), "['only-here']").unwrap_err();
            assert!(
                told.contains("neither in a directory of PATH"),
                "{user:?} {path}: {told}"
            );
        }
        let told = program(user, &with("/none"), "['uname', '-s']");
        assert_eq!(told, Ok("Linux\n".into()), "{user:?}");
        let told = program(
            user,
            &with(&format!("{here}:/none")),
            "['sh', '-c', 'only-here; uname']",
        );
        let both = format!("found by {}\nLinux\n", file.display());
        assert_eq!(told, Ok(both), "{user:?}");
    }
}

/// A binary that was moved, replaced, removed or that may not be read.
#[test]
fn the_file_of_the_program_may_change_while_it_runs() {
    for user in users() {
        let dir = public_tempdir();
        let file = dir.path().join("glassbox");
        let copy = || {
            let copied = Command::new("cp")
                .arg(env!("CARGO_BIN_EXE_glassbox"))
                .arg(&file)
                .within(DEADLINE)
                .status();
            assert!(copied.unwrap().success());
        };
        let usual = in_state(user, "exec \"$@\"", &["run", "uts"]).status.code();
        copy();
        let chmod = |mode| {
            let mode = std::os::unix::fs::PermissionsExt::from_mode(mode);
            fs::set_permissions(&file, mode).unwrap();
        };
        let run = |script: &str| {
            let mut command = Command::new("sh");
            command.args(["-c", script]).arg(&file).current_dir("/");
            if user == User::Ordinary {
                command.uid(65_534).gid(65_534);
            }
            command.within(DEADLINE).output().unwrap()
        };
        chmod(0o111);
        let output = run("exec \"$0\" run uts");
        assert_eq!(
            output.status.code(),
            usual,
            "unreadable, {user:?}: {}",
            text(&output)
        );
        chmod(0o755);
        hold_while(user, &file, || fs::remove_file(&file).unwrap());
        copy();
        hold_while(user, &file, || {
            let other = dir.path().join("other");
            fs::write(&other, "#!/bin/false\n").unwrap();
            fs::rename(&other, &file).unwrap();
        });
    }
}

/// Changes the program's file between its being found and its being executed.
fn hold_while(user: User, file: &Path, change: impl FnOnce()) {
    // Executed by its descriptor: the kernel then knows the file by its inode alone.
    let script = "exec 7<\"$0\"; echo ready; read line; exec /proc/self/fd/7 run uts";
    let mut command = Command::new("sh");
    command.args(["-c", script]).arg(file);
    command.current_dir("/");
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    if user == User::Ordinary {
        command.uid(65_534).gid(65_534);
    }
    let usual = in_state(user, "exec \"$@\"", &["run", "uts"]).status.code();
    let mut child = command.within(DEADLINE).spawn().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    change();
    child.stdin.take().unwrap().write_all(b"\n").unwrap();
    let mut told = String::new();
    output.read_to_string(&mut told).unwrap();
    assert_eq!(child.wait().code(), usual, "{user:?}: {told}");
}

/// nohup(1) means it: what was ignored at the start is not heeded later.
#[test]
fn a_hold_goes_on_ignoring_what_it_was_told_to_ignore() {
    if !may_make_boxes(User::Me) {
        return;
    }
    for (state, ignored) in [("trap '' HUP", 1u64), ("trap '' INT", 2), (":", 0)] {
        let program = glassbox(User::Me);
        let script = format!("{state}; echo $$; exec \"$@\"");
        let mut command = Command::new("sh");
        command.args(["-c", &script, "sh"]);
        command
            .arg(program.get_program())
            .args(["run", "uts", "--hold"]);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .within(DEADLINE)
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        let pid: u32 = line.trim().parse().unwrap();
        while output.read_line(&mut line).unwrap() > 0 && !line.contains(": pid ") {
            line.clear();
        }
        assert!(line.contains(": pid "), "it does not hold");
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let mask = |name: &str| {
            let line = status
                .lines()
                .find_map(|line| line.strip_prefix(name))
                .unwrap();
            u64::from_str_radix(line.trim(), 16).unwrap()
        };
        let wanted = [1, 2, 15].into_iter().filter(|signal| *signal != ignored);
        assert_eq!(mask("SigBlk:"), 0, "{state}");
        assert!(
            ignored == 0 || mask("SigIgn:") & 1 << (ignored - 1) != 0,
            "{state}"
        );
        for signal in wanted {
            assert_ne!(mask("SigCgt:") & 1 << (signal - 1), 0, "{state} {signal}");
        }
        // The end of its input ends it.
        drop(child.stdin.take());
        let mut rest = String::new();
        output.read_to_string(&mut rest).unwrap();
        assert!(child.wait().success());
    }
}

/// Whoever started it may be killed while it is executed.
#[test]
fn a_supervisor_that_comes_too_late_ends_and_is_nothing_else() {
    let parent = std::process::id() + 1;
    for words in [
        &["glassbox-supervisor"][..],
        &["glassbox", "glassbox-supervisor"],
    ] {
        let (_ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_glassbox"));
        command
            .arg0(words[0])
            .args(&words[1..])
            .arg(parent.to_string());
        command.stdin(std::os::fd::OwnedFd::from(theirs));
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let late = command.within(DEADLINE).spawn().unwrap();
        let output = support::deadline::Bounded::output(late);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(
            output.stdout.is_empty() && output.stderr.is_empty(),
            "{output:?}"
        );
    }
}
