//! The program from outside: what it prints, where, and how it exits.

mod support;

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use support::{Limit, PATIENCE, User, may_make_boxes};

const HELP: &str = "a piped program has nobody to show colours to";

/// A pack of one lesson with one step, `hello`, whose demo has the knob `name`.
fn pack(demo: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let lesson = dir.path().join("01-names");
    std::fs::create_dir(&lesson).unwrap();
    let write = |file: &str, text: &str| std::fs::write(lesson.join(file), text).unwrap();
    write(
        "lesson.toml",
        "title = 'Names'\nsummary = 'A box has a name.'\nlock = 'A name of its own.'\nminutes = 1\n",
    );
    write(
        "01-hello.md",
        &format!(
            "+++\nid = \"hello\"\ntitle = \"Hello\"\n+++\n\nSee for yourself.\n\n```demo\n{demo}```\n"
        ),
    );
    dir
}

const DEMO: &str = r#"
[[knob]]
name = "name"
label = "Host name"
values = ["kettle", "teapot"]

[[box]]
name = "box"
namespaces = ["uts"]

[[action]]
in = "box"
do.set-hostname = "${name}"
as = "rename"

[[action]]
in = "box"
do.probe = ["hostname", "ns"]

[[action]]
in = "host"
do.probe = ["hostname", "ns"]

[[show]]
label = "hostname"
inside = "box/hostname"
outside = "host/hostname"

[[expect]]
claim = "The box has the new name."
when = { fact = "box/hostname", is = "${name}" }
"#;

fn glassbox(args: &[&str]) -> Output {
    let output = Command::new(env!("CARGO_BIN_EXE_glassbox"))
        .args(args)
        .within(PATIENCE)
        .output()
        .unwrap();
    for stream in [&output.stdout, &output.stderr] {
        assert!(!stream.contains(&0x1b), "{args:?}: {HELP}");
    }
    output
}

fn in_pack(pack: &Path, args: &[&str]) -> Output {
    let mut all = vec!["--lessons", pack.to_str().unwrap()];
    all.extend(args);
    glassbox(&all)
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn json_lines(output: &Output) -> Vec<serde_json::Value> {
    out(output)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{line}: {e}")))
        .collect()
}

#[test]
fn wrong_usage_and_bad_input_exit_with_2_and_say_what_to_do() {
    let good = pack(DEMO);
    let good = good.path().to_str().unwrap();
    for (args, part) in [
        (vec![], "glassbox list"),
        (vec!["vrify"], "verify"),
        (vec!["run"], "STEP"),
        (vec!["list", "--json", "--bad"], "--bad"),
        (vec!["--step", "uts", "list"], "interactive"),
        (
            vec!["--lessons", good, "run", "helo"],
            "did you mean `hello`?",
        ),
        (
            vec!["--lessons", good, "run", "hello", "--set", "nam=kettle"],
            "did you mean `name`?",
        ),
        (
            vec!["--lessons", good, "run", "hello", "--set", "name=ketle"],
            "did you mean `kettle`?",
        ),
        (vec!["--lessons", good, "verify", "99"], "glassbox list"),
        (
            vec!["--lessons", "/nowhere/at/all", "list"],
            "/nowhere/at/all",
        ),
        (vec!["lint", "/nowhere/at/all"], "/nowhere/at/all"),
    ] {
        let output = glassbox(&args);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {}", err(&output));
        assert!(err(&output).contains(part), "{args:?}: {}", err(&output));
        assert_eq!(out(&output), "", "{args:?}");
    }
}

#[test]
fn help_and_version_exit_with_0() {
    for args in [["--help"], ["--version"]] {
        let output = glassbox(&args);
        assert_eq!(output.status.code(), Some(0));
        assert!(out(&output).contains("glassbox"));
    }
}

#[test]
fn list_tells_lessons_and_steps() {
    let pack = pack(DEMO);
    let output = in_pack(pack.path(), &["list"]);
    assert_eq!(
        out(&output),
        "01 names  Names  (1 min)\n  01/01  hello  Hello  [demo]\n"
    );
    let json = &json_lines(&in_pack(pack.path(), &["list", "--json"]))[0];
    assert_eq!(json["lessons"][0]["steps"][0]["id"], "hello");
    assert_eq!(json["lessons"][0]["steps"][0]["demo"], true);
    assert_eq!(
        json["lessons"][0]["steps"][0]["knobs"][0]["start"],
        "kettle"
    );
}

#[test]
fn the_core_takes_fifty_minutes_at_most() {
    let list = |path: &str| glassbox(&["list", "--path", path, "--json"]);
    let core = &json_lines(&list("core"))[0]["paths"][0];
    let minutes = core["minutes"].as_u64().unwrap();
    assert!((25..=50).contains(&minutes), "{minutes} min");
    let text = out(&glassbox(&["list", "--path", "core"]));
    let last = text.lines().last().unwrap();
    let steps = core["steps"].as_array().unwrap();
    assert_eq!(last, format!("{} steps, {minutes} min", steps.len()));
    assert_eq!(text.lines().count(), steps.len() + 2);
    // Propagation, the hardest idea of the first lesson, can wait.
    assert!(!steps.iter().any(|id| id == "mount"), "{text}");
    let deep = &json_lines(&list("deep"))[0]["paths"][0];
    let all = &json_lines(&glassbox(&["list", "--json"]))[0];
    let all = all["lessons"].as_array().unwrap().iter();
    let all: usize = all
        .map(|lesson| lesson["steps"].as_array().unwrap().len())
        .sum();
    assert_eq!(deep["steps"].as_array().unwrap().len(), all);
    let wrong = list("cor");
    assert_eq!(wrong.status.code(), Some(2));
    assert!(
        err(&wrong).contains("did you mean `core`?"),
        "{}",
        err(&wrong)
    );
}

#[test]
fn the_built_in_course_lists_and_lints_without_a_mistake() {
    let output = glassbox(&["list"]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    assert!(
        out(&output).starts_with("01 namespaces"),
        "{}",
        out(&output)
    );
    let output = glassbox(&["lint"]);
    let text = out(&output);
    let [places, unheld, sum] = text.lines().collect::<Vec<_>>()[..] else {
        panic!("{text}");
    };
    assert!(places.starts_with("Right answers: a "), "{text}");
    assert!(unheld.contains("03-shares.md "), "{text}");
    assert_eq!(sum, "0 errors, 0 warnings");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn lint_shows_the_place_and_what_was_meant() {
    let pack = pack(&DEMO.replace("namespaces =", "namepsaces ="));
    let path = pack.path().to_str().unwrap();
    let output = glassbox(&["lint", path]);
    assert_eq!(output.status.code(), Some(2));
    let text = out(&output);
    for part in [
        "01-names/01-hello.md:",
        "namepsaces = [\"uts\"]",
        "^^^^",
        "namespaces",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    let last = text.lines().last().unwrap();
    assert!(
        last.ends_with(" warnings") && !last.starts_with('0'),
        "{last}"
    );

    let first = &json_lines(&glassbox(&["lint", "--json", path]))[0];
    assert_eq!(first["code"], "unknown-key");
    assert_eq!(first["severity"], "error");

    // A pack with mistakes opens nowhere, and says how to see them.
    let output = in_pack(pack.path(), &["list"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(err(&output).contains("glassbox lint"), "{}", err(&output));
}

#[test]
fn schema_and_completions_are_printed() {
    let schema: serde_json::Value = serde_json::from_str(&out(&glassbox(&["schema"]))).unwrap();
    assert!(schema.to_string().contains("set-hostname"));
    // The copy for editors is the types' own.
    let shipped = include_str!("../assets/lessons.schema.json");
    let shipped: serde_json::Value = serde_json::from_str(shipped).unwrap();
    assert!(
        schema == shipped,
        "glassbox schema > assets/lessons.schema.json"
    );
    for shell in ["bash", "zsh", "fish"] {
        let output = glassbox(&["completions", shell]);
        assert!(out(&output).contains("verify"), "{shell}");
    }
}

#[test]
fn a_pack_from_a_directory_runs_only_when_trusted() {
    let pack = pack(DEMO);
    for command in ["run", "verify"] {
        let output = in_pack(pack.path(), &[command, "hello"]);
        assert_eq!(output.status.code(), Some(2));
        let text = err(&output);
        for part in ["a box `box`", "set the hostname to `kettle`", "--trust"] {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert_eq!(out(&output), "");
    }
}

#[test]
fn a_closed_pipe_ends_it_quietly() {
    // Closed before the program starts, so that no buffer can take the text.
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut child = Command::new(env!("CARGO_BIN_EXE_glassbox"))
        .args(["completions", "zsh"])
        .stdout(writer)
        .stderr(Stdio::piped())
        .within(PATIENCE)
        .spawn()
        .unwrap();
    let status = child.wait();
    let mut said = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut said)
        .unwrap();
    assert_eq!((status.code(), said.as_str()), (Some(141), ""));
}

#[test]
fn clean_finds_nothing_to_do() {
    let output = glassbox(&["clean", "--dry-run"]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
}

#[test]
fn doctor_tells_of_each_need_what_it_is_and_what_it_costs() {
    let output = glassbox(&["doctor", "01/03", "time"]);
    assert!(matches!(output.status.code(), Some(0 | 3)));
    let text = out(&output);
    assert!(text.starts_with("Linux "), "{text}");
    let last = text.lines().last().unwrap();
    assert!(last.ends_with(" demos can run here"), "{last}");

    let report = &json_lines(&glassbox(&["doctor", "--json", "01"]))[0];
    let abilities = report["abilities"].as_array().unwrap();
    for name in ["UTS namespace", "Time namespace", "veth pair"] {
        let Some(ability) = abilities.iter().find(|a| a["name"] == name) else {
            // Not even a run can be started.
            assert_eq!(abilities.len(), 1, "{abilities:?}");
            continue;
        };
        // Either it works, or it is told why not.
        assert_eq!(ability["ok"], ability["refusal"].is_null(), "{ability}");
    }
    let costs_uts = |a: &&serde_json::Value| {
        let costs = a["costs"].as_array().unwrap();
        costs.iter().any(|step| step == "uts")
    };
    assert!(abilities.iter().any(|a| costs_uts(&a)));
}

#[test]
fn verify_checks_a_claim_on_this_kernel() {
    if !may_make_boxes(User::Me) {
        return;
    }
    let right = pack(DEMO);
    let report = right.path().join("junit.xml");
    let junit = report.to_str().unwrap();
    let args = [
        "verify", "hello", "--trust", "--repeat", "2", "--junit", junit,
    ];
    let output = in_pack(right.path(), &args);
    let text = out(&output);
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.starts_with("ok 01/01 hello  Hello  ("), "{text}");
    assert_eq!(text.lines().last(), Some("2 passed, 0 failed, 0 skipped"));
    let report = std::fs::read_to_string(report).unwrap();
    assert!(
        report.contains("tests=\"2\"") && report.contains("01/01 hello"),
        "{report}"
    );

    // The same with another call than the one that makes it true.
    let wrong = pack(&DEMO.replace(
        "do.set-hostname = \"${name}\"",
        "do.set-hostname = \"imposter\"",
    ));
    let output = in_pack(wrong.path(), &["verify", "--trust"]);
    let text = out(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    for part in [
        "FAIL 01/01 hello",
        "The box has the new name.",
        "expected: kettle",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert_eq!(text.lines().last(), Some("0 passed, 1 failed, 0 skipped"));
}

#[test]
fn run_prints_evidence_as_text_and_as_json() {
    if !may_make_boxes(User::Me) {
        return;
    }
    let pack = pack(DEMO);
    let output = in_pack(
        pack.path(),
        &["run", "hello", "--trust", "--set", "name=teapot"],
    );
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    assert!(out(&output).contains("teapot"), "{}", out(&output));

    let lines = json_lines(&in_pack(
        pack.path(),
        &["run", "hello", "--trust", "--json"],
    ));
    let kinds: Vec<&str> = lines.iter().map(|l| l["event"].as_str().unwrap()).collect();
    assert_eq!(kinds[0], "started");
    assert_eq!(kinds[kinds.len() - 3..], ["cleaned", "verdict", "outcome"]);
    assert_eq!(lines.last().unwrap()["outcome"], "passed");
}

#[test]
fn hold_keeps_the_box_until_it_is_told_to_end() {
    if !may_make_boxes(User::Me) {
        return;
    }
    let pack = pack(DEMO);
    let path = pack.path().to_str().unwrap();
    for signal in [None, Some(libc::SIGTERM), Some(libc::SIGINT)] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_glassbox"))
            .args(["--lessons", path, "run", "hello", "--trust", "--hold"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .within(PATIENCE)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let pid: i32 = loop {
            let line = lines.next().expect("the box's line comes").unwrap();
            if let Some(pid) = line.strip_prefix("box: pid ") {
                break pid.parse().unwrap();
            }
        };
        let inode = |pid: &str| std::fs::read_link(format!("/proc/{pid}/ns/uts"));
        assert_ne!(inode(&pid.to_string()).unwrap(), inode("self").unwrap());
        match signal {
            None => drop(child.stdin.take()),
            Some(signal) => {
                let child = nix::unistd::Pid::from_raw(child.id().cast_signed());
                nix::sys::signal::kill(child, nix::sys::signal::Signal::try_from(signal).unwrap())
                    .unwrap();
            }
        }
        let rest: Vec<String> = lines.map(Result::unwrap).collect();
        assert_eq!(child.wait().code(), Some(0), "{signal:?}: {rest:?}");
        assert_eq!(rest, ["passed: 1 claim checked"]);
        assert!(inode(&pid.to_string()).is_err(), "the box is gone");
    }
}

/// What a host can't do is skipped with its reason, also in a step that goes on
/// without what was refused: it is no failure of the lesson.
#[test]
fn a_refused_namespace_is_no_failure() {
    if !may_make_boxes(User::Me) {
        return;
    }
    for kind in ["uts", "pid", "mnt", "net"] {
        let program = env!("CARGO_BIN_EXE_glassbox");
        let script = format!(
            "echo 0 > /proc/sys/user/max_{kind}_namespaces; {program} verify lock; echo code $?"
        );
        // A user namespace has such sysctls of its own: the host's stay.
        let output = Command::new("unshare")
            .args(["--map-root-user", "sh", "-c", &script])
            .within(PATIENCE)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            said.contains("skip ") && said.contains("ENOSPC"),
            "{kind}:\n{said}"
        );
        assert!(said.contains("code 3"), "{kind}:\n{said}");
    }
}
