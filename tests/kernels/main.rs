//! Judges what the guests of `tests/kernels/run` reported: every claim holds,
//! and a step is skipped exactly where `expected.toml` says so, for the reason
//! that it gives.
//!
//! Of guests that ran tests of this package instead (`tests` tells which), that
//! each of them passed.
//!
//! `run` leaves a directory for each kernel in `$GLASSBOX_MATRIX`:
//! `results` (what `tests/kernels/init` wrote), `console` (what the kernel
//! said), `boot` (exit status and seconds of the guest), or only `missing`
//! (why there is no such kernel here), or `unable` (why this machine can't run
//! it). The judgement goes to `report` beside them.

#![allow(missing_docs, unreachable_pub)]

mod expected;
mod report;
mod results;

use expected::{Expected, Skip};
use glassbox::course;
use glassbox::plan::Refusal;
use report::Row;
use results::{Guest, Session, Status};
use std::path::{Path, PathBuf};
use std::{env, fs};

/// The steps whose demos `verify` runs.
fn steps_of_the_course() -> Vec<String> {
    let course = course::embedded().expect("the embedded course passes lint");
    let steps = course.lessons.into_iter().flat_map(|lesson| lesson.steps);
    steps
        .filter(|step| step.has_demo())
        .map(|step| step.meta.id.to_string())
        .collect()
}

/// The names in the table `kernels`, after the machine's own.
fn kernel_names() -> Vec<String> {
    let table = include_str!("kernels");
    let lines = table.lines().filter(|line| !line.starts_with('#'));
    let names = lines.filter_map(|line| line.split_whitespace().next());
    std::iter::once("own")
        .chain(names)
        .map(String::from)
        .collect()
}

fn expected() -> Expected {
    Expected::read(
        include_str!("expected.toml"),
        &kernel_names(),
        &steps_of_the_course(),
    )
    .unwrap_or_else(|why| panic!("tests/kernels/expected.toml: {why}"))
}

/// Everything about one session that is not as it should be.
fn judge(
    kernel: &str,
    session: &Session,
    expected: &Expected,
    steps: &[String],
    strict: bool,
) -> Vec<String> {
    let mut complaints = Vec::new();
    for step in steps {
        let Some(run) = session.runs.iter().find(|run| &run.step == step) else {
            // Of a session that was cut off, the guest's own row tells.
            if !session.ended {
                break;
            }
            complaints.push(format!("{step}: verify told nothing of it"));
            continue;
        };
        let skip = expected.skip(step, kernel, &session.user);
        match (&run.status, skip) {
            (Status::Failed, _) => {
                for problem in &run.problems {
                    complaints.push(format!("{step}: {problem}"));
                }
            }
            (Status::Passed, Some(skip)) if strict && skip.depends_on.is_none() => {
                complaints.push(format!(
                    "{step}: passed, and expected.toml says that it is skipped: {}",
                    skip.why
                ))
            }
            (Status::Passed, _) => {}
            (Status::Skipped, None) => complaints.push(format!(
                "{step}: skipped, which expected.toml doesn't allow: {}",
                run.refusal_text()
            )),
            (Status::Skipped, Some(skip)) => {
                complaints.extend(
                    other_reason(run.refusal.as_ref(), skip).map(|why| format!("{step}: {why}")),
                );
            }
        }
    }
    complaints.extend(left_behind(session));
    complaints
}

fn left_behind(session: &Session) -> impl Iterator<Item = String> {
    session
        .left
        .iter()
        .map(|left| format!("left behind: {left}"))
}

/// Everything about the tests of one session that is not as it should be.
fn judge_tests(session: &Session, asked: &[String]) -> Vec<String> {
    let mut complaints = Vec::new();
    for name in asked {
        match session.tests.iter().find(|tested| &tested.name == name) {
            Some(tested) if tested.status == 0 => {}
            Some(tested) => {
                complaints.push(match tested.status {
                    127 => format!("{name}: there is no such test"),
                    status => format!("{name}: ended with {status}"),
                });
                complaints.extend(tested.said.iter().map(|line| format!("  | {line}")));
            }
            // Of a session that was cut off, the guest's own row tells.
            None if !session.ended => break,
            None => complaints.push(format!("{name}: did not run")),
        }
    }
    complaints.extend(left_behind(session));
    complaints
}

/// How the reason for a skip differs from the written one.
fn other_reason(refusal: Option<&Refusal>, skip: &Skip) -> Option<String> {
    let Some(refusal) = refusal else {
        return Some("skipped without a reason".into());
    };
    let errno = refusal.errno.map(|errno| errno.name());
    if refusal.need == skip.need && errno == skip.errno {
        return None;
    }
    Some(format!(
        "skipped for want of {}, not of {}: {refusal}",
        Skip::reason(&refusal.need, errno.as_deref()),
        Skip::reason(&skip.need, skip.errno.as_deref()),
    ))
}

/// The row, and the complaints, of each session of one kernel.
fn judge_kernel(
    dir: &Path,
    name: &str,
    expected: &Expected,
    steps: &[String],
    tests: &[String],
) -> Vec<Row> {
    let read = |file: &str| fs::read_to_string(dir.join(file)).unwrap_or_default();
    if let Ok(why) = fs::read_to_string(dir.join("missing")) {
        return vec![Row::missing(name, why.trim())];
    }
    if let Ok(why) = fs::read_to_string(dir.join("unable")) {
        return vec![Row::unable(name, why.trim())];
    }
    // The list says of `own` what the project's test machine refuses; another
    // machine may refuse less.
    let strict = name != "own" || env::var_os("CI").is_some_and(|ci| ci == "true");
    let guest = Guest::read(&read("results"));
    let mut rows: Vec<Row> = guest
        .sessions
        .iter()
        .map(|session| {
            let complaints = match tests {
                [] => judge(name, session, expected, steps, strict),
                tests => judge_tests(session, tests),
            };
            Row::of(name, &guest.release, session, complaints)
        })
        .collect();
    let odd = guest.sessions.iter().find_map(Session::odd);
    let absent = guest.absent(name == "own");
    if let Some(why) = guest.broken(&read("boot")).or(odd).or(absent) {
        let tail = report::tail(&read("console"));
        rows.push(Row::broken(name, &guest.release, &why, tail));
    }
    rows
}

#[test]
#[ignore = "tests/kernels/run boots the kernels, then calls it"]
fn every_kernel_agrees() {
    let matrix = PathBuf::from(env::var_os("GLASSBOX_MATRIX").expect("GLASSBOX_MATRIX is set"));
    let (expected, steps) = (expected(), steps_of_the_course());
    let tests = fs::read_to_string(matrix.join("tests")).unwrap_or_default();
    let tests: Vec<String> = tests.lines().map(String::from).collect();
    let mut rows = Vec::new();
    for name in kernel_names() {
        let dir = matrix.join(&name);
        if dir.is_dir() {
            rows.extend(judge_kernel(&dir, &name, &expected, &steps, &tests));
        }
    }
    fs::write(matrix.join("report"), report::text(&rows)).unwrap();
    assert!(!rows.is_empty(), "there is nothing to judge");
    let bad = rows.iter().filter(|row| !row.is_good()).count();
    assert_eq!(bad, 0, "see the report");
}

#[test]
fn the_written_list_is_about_kernels_and_steps_that_exist() {
    expected();
}

mod judgement {
    use super::*;

    #[test]
    fn a_kernel_that_the_cpu_cannot_run_is_told_and_no_failure() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("boot"), "134 2").unwrap();
        let rows = || judge_kernel(dir.path(), "uml", &expected(), &[], &[]);
        assert!(!rows()[0].is_good(), "it ended without a reason");
        fs::write(dir.path().join("unable"), "no room\n").unwrap();
        assert!(rows()[0].is_good());
        let told = report::text(&rows());
        assert!(told.contains("skipped: uml: no room"), "{told}");
    }

    const EXPECTED: &str = "
        [[skip]]
        steps = ['time']
        kernels = ['uml']
        users = ['root']
        need = { namespace = 'time' }
        errno = 'EINVAL'
        why = 'built without'
    ";
    const PASSED: &str = r#"{"step":"time","status":"passed","problems":[],"refusal":null}"#;
    const FAILED: &str = r#"{"step":"time","status":"failed","refusal":null,
        "problems":[{"claim":"c","expected":"1","observed":"2"}]}"#;

    fn skipped(need: &str, errno: &str) -> String {
        format!(
            r#"{{"step":"time","status":"skipped","problems":[],"refusal":
            {{"need":{need},"stage":"s","errno":{errno},"cause":"c","remedy":[]}}}}"#
        )
    }

    /// What is said of one session that reported `line`, on User-Mode Linux.
    fn complaints(user: &str, line: &str, strict: bool) -> String {
        let steps = ["time".to_string()];
        let expected = Expected::read(EXPECTED, &kernel_names(), &steps).unwrap();
        let text = format!(
            "@@ guest 6.1\n@@ begin {user}\n{}\n@@ end {user} 0 1.0 2.5\n@@ off\n",
            line.replace('\n', "")
        );
        let guest = Guest::read(&text);
        assert_eq!(guest.sessions.len(), 1, "{text}");
        judge("uml", &guest.sessions[0], &expected, &steps, strict).join("\n")
    }

    #[test]
    fn a_skip_must_be_listed_and_a_listed_skip_must_happen() {
        let time = skipped(r#"{"namespace":"time"}"#, "22");
        for (user, line, strict, complaint) in [
            ("root", time.as_str(), true, ""),
            (
                "root",
                PASSED,
                true,
                "says that it is skipped: built without",
            ),
            ("root", PASSED, false, ""),
            ("user", PASSED, true, ""),
            ("user", &time, true, "doesn't allow: s: EINVAL"),
            ("user", &time, false, "doesn't allow: s: EINVAL"),
            ("root", FAILED, true, "c: expected 1, observed 2"),
            ("user", FAILED, true, "c: expected 1, observed 2"),
            ("root", "", true, "told nothing of it"),
            (
                "root",
                &skipped(r#"{"namespace":"time"}"#, "1"),
                true,
                "(EPERM), not of",
            ),
            (
                "root",
                &skipped(r#""veth""#, "22"),
                true,
                "veth pair (EINVAL), not of",
            ),
            (
                "root",
                &skipped(r#"{"namespace":"time"}"#, "null"),
                true,
                "namespace, not of",
            ),
        ] {
            let found = complaints(user, line, strict);
            match complaint {
                "" => assert_eq!(found, "", "{user} {line}"),
                part => assert!(found.contains(part), "{user} {line}: {found}"),
            }
        }
    }

    #[test]
    fn a_guest_must_come_to_its_end() {
        let whole = "@@ guest 6.1\n@@ begin root\n@@ end root 0 1.0 2.5\n\
                     @@ begin user\n@@ end user 0 2.5 3.0\n@@ off\n";
        let cut = |at: &str| &whole[..whole.find(at).unwrap()];
        for (results, boot, broken) in [
            (whole, "0 12", None),
            (whole, "1 12", None),
            (cut("@@ off"), "0 12", Some("did not come to its end")),
            (cut("@@ end user"), "0 12", Some("did not come to its end")),
            (cut("@@ end user"), "124 180", Some("was ended after 180 s")),
            ("", "1 3", Some("did not get to its first program")),
        ] {
            let why = Guest::read(results).broken(boot);
            match (broken, &why) {
                (None, None) => {}
                (Some(part), Some(why)) if why.contains(part) => {}
                other => panic!("{results} {boot}: {other:?}"),
            }
        }
    }

    #[test]
    fn both_users_must_have_been_there() {
        let session = |user| format!("@@ begin {user}\n@@ end {user} 0 1.0 2.5\n");
        for (users, own, good) in [
            (&["root", "user"][..], false, true),
            (&["root", "user"], true, true),
            // Who isn't root can't play root.
            (&["user"], true, true),
            (&["user"], false, false),
            (&["root"], true, false),
            (&[], true, false),
        ] {
            let text: String = users.iter().map(session).collect();
            assert_eq!(Guest::read(&text).absent(own).is_none(), good, "{users:?}");
        }
    }

    #[test]
    fn each_test_that_was_asked_for_must_have_passed() {
        let asked = ["kills::a".to_string(), "kills::b".to_string()];
        let session = |middle: &str| {
            format!("@@ guest 6.1\n@@ begin root\n{middle}@@ end root 0 1.0 2.5\n@@ off\n")
        };
        for (middle, complaint) in [
            ("@@ test kills::a 0 1 2\n@@ test kills::b 0 2 3\n", ""),
            ("@@ test kills::a 0 1 2\n", "kills::b: did not run"),
            (
                "@@ test kills::a 0 1 2\n@@ test kills::b 127 2 3\n",
                "kills::b: there is no such test",
            ),
            (
                "@@ said x\n@@ test kills::a 101 1 2\n@@ test kills::b 0 2 3\n",
                "kills::a: ended with 101\n  | x",
            ),
            (
                "@@ test kills::a 0 1 2\n@@ test kills::b 0 2 3\n@@ left > /tmp/x\n",
                "left behind: > /tmp/x",
            ),
        ] {
            let guest = Guest::read(&session(middle));
            let found = judge_tests(&guest.sessions[0], &asked).join("\n");
            assert_eq!(found, complaint, "{middle}");
        }
    }

    #[test]
    fn noise_on_the_line_hides_nothing() {
        let text = format!(
            "@@ guest 6.1\r\n\r\n@@ begin root\r\n[ 1.2] a kernel message\r\n{PASSED}\r\n\
             @@ left + /tmp/x\r\n@@ end root 0 1.0 2.5\r\n"
        );
        let guest = Guest::read(&text);
        let session = &guest.sessions[0];
        assert_eq!((session.runs.len(), session.left.len()), (1, 1));
        assert_eq!(session.left[0], "+ /tmp/x");
    }
}
