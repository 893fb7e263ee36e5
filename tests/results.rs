//! What an action comes to is what the manual says of its call: an errno as
//! documented, a limit that is refused, a mode that stays, a name as it is.

#![allow(missing_docs)]

mod support;

use serde_json::Value;
use std::fs;
use support::pack::public_tempdir;
use support::{Limit, PATIENCE, User, can_make_groups, glassbox, users};

/// What a run of a demo told.
struct Ran {
    events: Vec<Value>,
    told: String,
    code: Option<i32>,
}

/// Runs a demo as a step of a pack.
fn run(user: User, demo: &str) -> Ran {
    let dir = public_tempdir();
    let lesson = dir.path().join("01-x");
    fs::create_dir_all(&lesson).unwrap();
    let facts = "title = 'T'\nsummary = 'S'\nlock = 'L'\nminutes = 1\n";
    fs::write(lesson.join("lesson.toml"), facts).unwrap();
    let step = format!("+++\nid = 'x'\ntitle = 'T'\n+++\n\nText.\n\n```demo\n{demo}\n```\n");
    fs::write(lesson.join("01-x.md"), step).unwrap();
    let output = glassbox(user)
        .args(["--lessons", dir.path().to_str().unwrap()])
        .args(["run", "x", "--trust", "--json"])
        .within(PATIENCE)
        .output()
        .unwrap();
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    Ran {
        events: out
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect(),
        told: out + &String::from_utf8_lossy(&output.stderr),
        code: output.status.code(),
    }
}

impl Ran {
    /// A fact's text or number.
    #[track_caller]
    fn fact(&self, id: &str) -> String {
        let found = self
            .events
            .iter()
            .find(|event| event["event"] == "fact" && event["id"] == id);
        let value = &found.unwrap_or_else(|| panic!("no {id} in {}", self.told))["value"];
        match &value {
            Value::Object(one) => match one.values().next() {
                Some(Value::String(text)) => text.clone(),
                Some(Value::Array(number)) => number[0].to_string(),
                other => panic!("{other:?} in {}", self.told),
            },
            other => panic!("{id} is {other} in {}", self.told),
        }
    }
}

/// In a box with a store on /mnt.
fn in_box(actions: &str) -> String {
    let lines = actions.lines().filter(|line| !line.trim().is_empty());
    let actions: Vec<String> = lines
        .map(|line| {
            format!(
                "[[action]]\nin = 'box'\n{}\n",
                line.trim().replace(" ;; ", "\n")
            )
        })
        .collect();
    format!(
        "[[box]]\nname = 'box'\nnamespaces = ['user', 'mount', 'pid']\n\
         [[action]]\nin = 'box'\ndo.store = {{ path = '/mnt' }}\n{}\
         [[expect]]\nclaim = 'c'\nwhen = {{ fact = 'box/r', is-not = '' }}",
        actions.concat()
    )
}

#[test]
fn a_path_that_is_not_there_is_the_kernels_answer() {
    let rows = [
        ("do.mkdir = '/mnt/none/x'", "ENOENT"),
        ("do.write = { path = '/mnt/none/x', text = 't' }", "ENOENT"),
        (
            "do.fill = { path = '/mnt/none/x/y', size = '1KiB' }",
            "ENOENT",
        ),
        ("do.chown = { path = '/mnt/none/x', uid = 0 }", "ENOENT"),
        ("do.remove = '/mnt/none/x'", "ENOENT"),
        (
            "do.overlay = { lower = ['/mnt/none'], upper = '/mnt/up', at = '/mnt/view' }",
            "ENOENT",
        ),
        (
            "do.overlay = { lower = ['/mnt/f'], upper = '/mnt/up', at = '/mnt/view' }",
            "ENOTDIR",
        ),
        (
            "do.copy = { from = '/mnt/none', to = '/mnt/copy' }",
            "ENOENT",
        ),
        ("do.copy = { from = '/mnt/f', to = '/mnt/copy' }", "ENOTDIR"),
        ("do.mkdir = '/mnt/f/x'", "ENOTDIR"),
        (
            "do.image = { layout = '/mnt/img', tag = 't', layers = ['/mnt/none'] }",
            "ENOENT",
        ),
        (
            "do.unpack = { layout = '/mnt/none', tag = 't', to = '/mnt/out' }",
            "ENOENT",
        ),
        ("do.mkdir = '/mnt/f2/'", "ok"),
    ];
    for user in users() {
        for (action, expected) in rows {
            let ran = run(
                user,
                &in_box(&format!(
                    "do.write = {{ path = '/mnt/f', text = 'x' }}\nas = 'r' ;; {action}"
                )),
            );
            assert_eq!(
                ran.fact("box/r"),
                expected,
                "{user:?} {action}: {}",
                ran.told
            );
        }
    }
}

/// Elsewhere nobody is told what there is.
#[test]
fn what_lies_off_the_runs_mounts_is_no_answer() {
    for user in users() {
        for action in [
            "do.mkdir = '/none/x'",
            "do.copy = { from = '/etc/none', to = '/mnt/c' }",
        ] {
            let ran = run(user, &in_box(&format!("as = 'r' ;; {action}")));
            assert_eq!(ran.code, Some(1), "{}", ran.told);
            assert!(
                ran.told.contains("not on a mount that this run made"),
                "{}",
                ran.told
            );
        }
    }
}

#[test]
fn modes_and_names_stay() {
    for user in users() {
        let ran = run(
            user,
            &in_box(
                r#"do.mkdir = "/mnt/l"
                do.mkdir = "/mnt/l/d"
                do.write = { path = "/mnt/l/p", text = "x" }
                as = "r" ;; do.run = ["chmod", "4755", "/mnt/l/p"]
                do.run = ["chmod", "3777", "/mnt/l/d"]
                do.image = { layout = "/mnt/img", tag = "t", layers = ["/mnt/l"] }
                do.unpack = { layout = "/mnt/img", tag = "t", to = "/mnt/out" }
                as = "unpacked" ;; do.run = ["stat", "-c", "%a", "/mnt/out/1/p", "/mnt/out/1/d"]
                do.copy = { from = "/mnt/l", to = "/mnt/copy" }
                as = "copied" ;; do.run = ["stat", "-c", "%a", "/mnt/copy/p", "/mnt/copy/d"]"#,
            ),
        );
        assert_eq!(ran.fact("box/r"), "exit 0", "{}", ran.told);
        assert_eq!(ran.fact("box/unpacked.out"), "4755\n3777", "{}", ran.told);
        assert_eq!(ran.fact("box/copied.out"), "4755\n3777", "{}", ran.told);
    }
}

/// A name is raw where it is a fact, and quoted once, as C does it, in the line of
/// a call.
#[test]
fn names_are_quoted_once_in_calls_and_not_in_facts() {
    let names = [
        (r"l\\1", r"l\1", r#"mkdir("/mnt/l\\1", 0755)"#),
        (r"l\n1", "l\n1", r#"mkdir("/mnt/l\n1", 0755)"#),
        (r"l\t1", "l\t1", r#"mkdir("/mnt/l\t1", 0755)"#),
        (r#"l\"1"#, "l\"1", r#"mkdir("/mnt/l\"1", 0755)"#),
        (r"l'1", "l'1", r#"mkdir("/mnt/l'1", 0755)"#),
        (r"end\\", r"end\", r#"mkdir("/mnt/end\\", 0755)"#),
    ];
    for user in users() {
        for (toml, raw, call) in names {
            let ran = run(
                user,
                &in_box(&format!(
                    "do.mkdir = \"/mnt/{toml}\"\n\
                     do.write = {{ path = \"/mnt/{toml}/f\", text = \"a\" }}\n\
                     as = 'r' ;; do.overlay = {{ lower = [\"/mnt/{toml}\"], upper = '/mnt/u', at = '/mnt/v' }}\n\
                     do.probe = ['origin:/mnt/v/f']"
                )),
            );
            assert_eq!(ran.fact("box/r"), "ok", "{}", ran.told);
            assert_eq!(ran.fact("box/origin:/mnt/v/f"), raw, "{}", ran.told);
            let calls = ran
                .events
                .iter()
                .filter(|event| event["event"] == "syscall");
            let mut lines = calls.map(|one| {
                let word = |key: &str| one[key].as_str().unwrap_or_default().to_string();
                format!("{}({})", word("name"), word("args"))
            });
            assert!(lines.any(|line| line == call), "{call} in {}", ran.told);
        }
    }
}

fn in_group(limits: &str, actions: &str) -> String {
    format!(
        "[[cgroup]]\nname = 'g'\nlimits = {limits}\n{actions}\n\
         [[expect]]\nclaim = 'c'\nwhen = {{ fact = 'host/g.processes', at-least = 0 }}"
    )
}

/// Version 1 can't take so much back, and says EBUSY; version 2 kills.
#[test]
fn a_limit_below_what_is_used_is_a_fact() {
    if !can_make_groups() {
        return;
    }
    let demo = in_group(
        "{ memory = '64MiB' }",
        "[[action]]\nin = 'host'\nas = 'w'\ndo.spawn = { workload.hog = '24MiB', cgroup = 'g' }\n\
         [[action]]\nin = 'host'\nas = 'set'\ndo.set-limits = { cgroup = 'g', limits = { memory = '8MiB' } }\n\
         [[action]]\nin = 'host'\ndo.probe = ['group:g']",
    );
    let ran = run(User::Me, &demo);
    assert_eq!(ran.code, Some(0), "{}", ran.told);
    match ran.fact("host/set").as_str() {
        "EBUSY" => assert_eq!(ran.fact("host/g.memory.max"), (64 << 20).to_string()),
        "ok" => assert_eq!(ran.fact("host/g.memory.max"), (8 << 20).to_string()),
        other => panic!("{other}: {}", ran.told),
    }
}

/// The same in both versions: what is born in a full group is refused.
#[test]
fn no_more_processes_start_in_a_group_than_it_may_have() {
    if !can_make_groups() {
        return;
    }
    for (most, count, expected) in [
        (1, 3, "EAGAIN"),
        (2, 3, "EAGAIN"),
        (3, 3, "ok"),
        (0, 1, "EAGAIN"),
    ] {
        let demo = in_group(
            &format!("{{ pids = {most} }}"),
            &format!(
                "[[action]]\nin = 'host'\nas = 'w'\n\
                 do.spawn = {{ workload = 'sleep', cgroup = 'g', count = {count} }}\n\
                 [[action]]\nin = 'host'\ndo.probe = ['group:g']"
            ),
        );
        let ran = run(User::Me, &demo);
        assert_eq!(ran.fact("host/w"), expected, "{most}: {}", ran.told);
        let now: u64 = ran.fact("host/g.pids.current").parse().unwrap();
        assert!(now <= most, "{now} of {most}: {}", ran.told);
    }
}

#[test]
fn a_weight_is_the_same_part_of_the_default_in_both_versions() {
    if !can_make_groups() {
        return;
    }
    for (weight, percent) in [(100, "100"), (250, "250"), (1, "1"), (10_000, "10000")] {
        let demo = in_group(
            &format!("{{ cpu-weight = {weight} }}"),
            "[[action]]\nin = 'host'\ndo.probe = ['group:g']",
        );
        let ran = run(User::Me, &demo);
        assert_eq!(
            ran.fact("host/g.cpu.weight.percent"),
            percent,
            "{}",
            ran.told
        );
    }
}
