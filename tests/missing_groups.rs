//! Groups that may be missing (`missing-ok`): where the host refuses them, the
//! demo goes on, and only what doesn't depend on them is judged.

#![allow(missing_docs)]

mod support;

use std::fs;
use std::path::Path;
use support::pack::{public_tempdir, verify};
use support::{
    Limit, PATIENCE, User, alone, assert_nothing_left, can_make_groups, glassbox, is_root,
    may_make_boxes, state,
};

const DEMO: &str = r#"
[[cgroup]]
name = "above"
missing-ok = true
controllers = ["pids"]

[[cgroup]]
name = "below"
in = "above"
limits = { pids = 20 }

[[box]]
name = "box"
namespaces = ["user", "uts"]
cgroup = "below"

[[action]]
in = "host"
do.spawn = { workload = { burn = "20ms" }, cgroup = "below" }
as = "burner"

[[action]]
in = "host"
do.spawn = { workload = "sleep" }
as = "sleeper"

[[action]]
in = "host"
do.join = { process = "sleeper", cgroup = "below" }
as = "joined"

[[action]]
in = "host"
do.set-limits = { cgroup = "below", limits = { pids = 30 } }
as = "limited"

[[action]]
in = "host"
do.watch = { groups = ["below"], every = "10ms", time = "5s", until = "burner" }
as = "seen"

[[action]]
in = "host"
do.wait = "burner"

[[action]]
in = "host"
do.probe = ["hostname", "group:below", "group:above"]

[[chart]]
title = "Members"
[[chart.line]]
fact = "host/below.pids.current"
label = "below"

[[expect]]
claim = "the limit is what was written"
when = { fact = "host/below.pids.max", is = 30 }

[[expect]]
claim = "both groups can be made"
when = { fact = "host/above.processes", is = 0 }

[[expect]]
claim = "it can be moved"
when = { fact = "host/joined", is = "ok" }

[[expect]]
claim = "it can be limited"
when = { fact = "host/limited", is = "ok" }

[[expect]]
claim = "it works until it is done"
when = { fact = "host/burner.end", is = "exit 0" }
"#;

/// A claim that needs no group.
const WRONG: &str = r#"
[[expect]]
claim = "the host has no name"
when = { fact = "host/hostname", is = "" }
"#;

/// A claim that the group would have to make true.
const MEMBER: &str = r#"
[[expect]]
claim = "a limit ends it"
when = { fact = "host/burner.end", is = "SIGKILL" }
"#;

/// Writes the demo with these claims more as a pack of one step.
fn pack(dir: &Path, more: &str) {
    write_pack(dir, &format!("{DEMO}{more}"));
}

/// Writes a demo as a pack of one step, `without`.
fn write_pack(dir: &Path, demo: &str) {
    let lesson = dir.join("01-groups");
    fs::create_dir(&lesson).unwrap();
    let head = "title = \"Groups\"\nsummary = \"s\"\nlock = \"l\"\nminutes = 1\n";
    fs::write(lesson.join("lesson.toml"), head).unwrap();
    let step = format!(
        "+++\nid = \"without\"\ntitle = \"Without\"\nminutes = 1\n+++\n\nText.\n\n\
         ```demo\n{demo}\n```\n"
    );
    fs::write(lesson.join("01-without.md"), step).unwrap();
}

/// Whether an ordinary user is refused every group here.
fn ordinary_is_refused() -> bool {
    Path::new("/sys/fs/cgroup/pids").exists()
}

#[test]
fn the_step_passes_without_its_groups_and_with_them() {
    let _turn = alone();
    let dir = public_tempdir();
    pack(dir.path(), "");
    let before = state();
    if can_make_groups() && may_make_boxes(User::Me) {
        let (code, text) = verify(dir.path(), "without", User::Me);
        assert_eq!(code, Some(0), "{text}");
        assert!(!text.contains("refused"), "{text}");
    }
    let user = if is_root() { User::Ordinary } else { User::Me };
    if ordinary_is_refused() && may_make_boxes(user) {
        let (code, text) = verify(dir.path(), "without", user);
        assert_eq!(code, Some(0), "{text}");
        assert!(!text.contains("SKIP"), "{text}");
        let output = glassbox(user)
            .args(["--lessons", dir.path().to_str().unwrap()])
            .args(["run", "--trust", "--json", "without"])
            .within(PATIENCE)
            .output()
            .unwrap();
        let json = String::from_utf8_lossy(&output.stdout).into_owned();
        for part in [
            "this host refused the group `above`",
            "it would be in `above`",
            "in version 1 the cgroups belong to root",
        ] {
            assert!(json.contains(part), "{part}: {json}");
        }
        let output = glassbox(user)
            .args(["--lessons", dir.path().to_str().unwrap()])
            .args(["run", "--trust", "without"])
            .within(PATIENCE)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(text.ends_with("passed: 1 claim checked, 4 not\n"), "{text}");
    }
    assert_nothing_left(&before, "a run without groups");
}

#[test]
fn a_claim_that_needs_no_group_still_fails() {
    let _turn = alone();
    let dir = public_tempdir();
    pack(dir.path(), WRONG);
    for user in support::users() {
        let (code, text) = verify(dir.path(), "without", user);
        assert_eq!(code, Some(1), "{user:?}: {text}");
    }
}

#[test]
fn what_the_group_would_do_is_not_refuted_by_its_absence() {
    let _turn = alone();
    let dir = public_tempdir();
    pack(dir.path(), MEMBER);
    if can_make_groups() && may_make_boxes(User::Me) {
        let (code, text) = verify(dir.path(), "without", User::Me);
        assert_eq!(code, Some(1), "{text}");
    }
    let user = if is_root() { User::Ordinary } else { User::Me };
    if ordinary_is_refused() && may_make_boxes(user) {
        let (code, text) = verify(dir.path(), "without", user);
        assert_eq!(code, Some(3), "{text}");
        assert!(
            text.contains("in version 1 the cgroups belong to root"),
            "{text}"
        );
    }
}

/// Version 1 makes the group, and then has no file for one of its limits.
#[test]
fn nobody_joins_a_group_that_was_made_in_part() {
    if !can_make_groups() {
        return;
    }
    let _turn = alone();
    let dir = public_tempdir();
    write_pack(
        dir.path(),
        r#"
[[cgroup]]
name = "part"
missing-ok = true
limits = { memory = "64MiB", oom-group = true }

[[action]]
in = "host"
do.spawn = { workload = "sleep", cgroup = "part" }
as = "sleeper"

[[action]]
in = "host"
do.probe = ["group:part"]

[[expect]]
claim = "it has a member"
when = { fact = "host/part.processes", is = 1 }

[[expect]]
claim = "it can be started"
when = { fact = "host/sleeper", is = "ok" }
"#,
    );
    let before = state();
    let output = glassbox(User::Me)
        .args(["--lessons", dir.path().to_str().unwrap()])
        .args(["run", "--trust", "--json", "without"])
        .within(PATIENCE)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{text}");
    let joins =
        text.matches("-part/cgroup.procs").count() + text.matches("CLONE_INTO_CGROUP").count();
    match text.contains("memory.oom.group came with version 2") {
        true => assert_eq!(joins, 0, "{text}"),
        false => assert!(joins > 0, "{text}"),
    }
    assert_nothing_left(&before, "a group made in part");
}
