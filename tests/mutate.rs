//! `verify --mutate`: the claims that can't fail are found, whatever a mutant does
//! stays in its boxes, and a signal ends it with all that it made.

#![allow(missing_docs)]

mod support;

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use support::pack::public_tempdir;
use support::{Limit, PATIENCE, User, glassbox, users};

/// A pack of one step with this demo.
fn pack(dir: &Path, demo: &str) {
    let lesson = dir.join("01-box");
    fs::create_dir(&lesson).unwrap();
    let about = "title = 'Box'\nsummary = 'A box.'\nlock = 'A box is a box.'\nminutes = 1\n";
    fs::write(lesson.join("lesson.toml"), about).unwrap();
    let step =
        format!("+++\nid = \"box\"\ntitle = \"A box\"\n+++\n\nText.\n\n```demo\n{demo}\n```\n");
    fs::write(lesson.join("01-box.md"), step).unwrap();
}

fn mutate(dir: &Path, user: User, more: &[&str]) -> (Option<i32>, String) {
    let output = glassbox(user)
        .args(["--lessons", dir.to_str().unwrap(), "verify", "--mutate"])
        .args(more)
        .within(PATIENCE)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    (output.status.code(), text)
}

const UTS: &str = "
[[box]]
name = 'box'
namespaces = ['uts']
[[action]]
in = 'host'
do.probe = ['ns', 'hostname', 'pid']
[[action]]
in = 'box'
do.set-hostname = 'kettle'
[[action]]
in = 'box'
do.probe = ['ns', 'hostname', 'pid']
[[expect]]
claim = 'The box has its own name.'
when = { fact = 'box/hostname', is = 'kettle' }
[[expect]]
claim = 'The host keeps its name.'
when = { fact = 'host/hostname', is-not = 'kettle' }
";

#[test]
fn a_claim_that_cannot_fail_survives() {
    let _turn = support::alone();
    for user in users() {
        let dir = public_tempdir();
        pack(dir.path(), UTS);
        let (code, text) = mutate(dir.path(), user, &[]);
        assert_eq!(code, Some(2), "nobody has agreed: {text}");
        assert!(text.contains("times more"), "{text}");

        // The second claim looks at the host before anything happens.
        let (code, text) = mutate(dir.path(), user, &["--trust"]);
        let told = text.contains("survivor: The host keeps its name.");
        let unknown = text.contains("not known: The host keeps its name.");
        match user {
            User::Me => assert!(told && code == Some(1), "{text}"),
            // Where an ordinary user has no groups, not everything was tried.
            _ => assert!(told && code == Some(1) || unknown, "{text}"),
        }
        assert!(text.contains("1 of 2 claims made false"), "{text}");
        assert!(
            !text.contains("survivor: The box has its own name."),
            "{text}"
        );
    }
}

#[test]
fn a_reason_is_told_instead_but_not_for_many() {
    let _turn = support::alone();
    let Some(user) = users().first().copied() else {
        return;
    };
    let reason = "holds-anyway = 'it is looked at before'\n";
    let other = "[[expect]]\nclaim = 'The box has its own name.'\n\
                 when = { fact = 'box/hostname', is = 'kettle' }\n";
    for (claims, code) in [(0, 1), (40, 0)] {
        let dir = public_tempdir();
        pack(
            dir.path(),
            &format!("{UTS}{reason}{}", other.repeat(claims)),
        );
        let (got, text) = mutate(dir.path(), user, &["--trust"]);
        assert_eq!(got, Some(code), "{text}");
        assert!(text.contains("because: it is looked at before"), "{text}");
        assert_eq!(text.contains("more than 3 %"), code == 1, "{text}");
    }
}

/// A program writes to a mount that a mutant leaves out.
#[test]
fn what_a_program_of_a_mutant_writes_stays_in_its_box() {
    let _turn = support::alone();
    let before = names("/mnt");
    for user in users() {
        let dir = public_tempdir();
        pack(
            dir.path(),
            "
            [[box]]
            name = 'box'
            namespaces = ['mount']
            [[action]]
            in = 'box'
            do.mount = { type = 'tmpfs', path = '/mnt' }
            [[action]]
            in = 'box'
            do.run = ['touch', '/mnt/glassbox-mutant']
            as = 'touch'
            [[action]]
            in = 'box'
            do.probe = ['dir:/mnt']
            [[expect]]
            claim = 'The file is there.'
            when = { fact = 'box/dir:/mnt', contains = 'glassbox-mutant' }
            ",
        );
        let (code, text) = mutate(dir.path(), user, &["--trust"]);
        assert_eq!(names("/mnt"), before, "{text}");
        assert_eq!(code, Some(0), "{text}");
    }
}

fn names(path: &str) -> Vec<std::ffi::OsString> {
    let mut names: Vec<_> = fs::read_dir(path)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    names.sort();
    names
}

/// It comes in the middle of a step, after the line of the one before.
#[test]
fn a_signal_ends_it() {
    let _turn = support::alone();
    let Some(user) = users().first().copied() else {
        return;
    };
    let before = support::state();
    let dir = public_tempdir();
    pack(dir.path(), UTS);
    let step = fs::read_to_string(dir.path().join("01-box/01-box.md")).unwrap();
    let slow = "[[action]]\nin = 'box'\ndo.run = ['sleep', '2']\nas = 'sleep'\n[[expect]]";
    let step = step.replacen("[[expect]]", slow, 1);
    let step = step.replacen("id = \"box\"", "id = \"slow\"", 1);
    fs::write(dir.path().join("01-box/02-slow.md"), step).unwrap();
    let mut child = glassbox(user)
        .args(["--lessons", dir.path().to_str().unwrap()])
        .args(["verify", "--mutate", "--trust"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .within(PATIENCE)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let first = lines.next().expect("the line of a step comes").unwrap();
    assert!(first.contains("01/01 box"), "{first}");
    let pid = nix::unistd::Pid::from_raw(child.id().cast_signed());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).unwrap();
    let rest: Vec<String> = lines.map(Result::unwrap).collect();
    assert_eq!(child.wait().signal(), Some(libc::SIGINT), "{rest:?}");
    assert!(
        rest.iter().all(|line| !line.contains("02 slow")),
        "{rest:?}"
    );
    support::assert_nothing_left(&before, "a signal in the middle of the mutants");
}

/// Every claim of a lesson is made false by some mutant, or says why not; what this
/// host refuses is told.
fn no_claim_survives(lesson: &str, user: User) {
    let _turn = support::alone();
    if !users().contains(&user) {
        support::skip("this user can't make boxes here");
        return;
    }
    let steps = std::env::var("GLASSBOX_STEPS").unwrap_or_else(|_| lesson.into());
    let output = glassbox(user)
        .args(["verify", "--mutate"])
        .args(steps.split(','))
        .within(LESSON)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    println!("{text}");
    // A lesson that this host refuses as a whole has none to try.
    let code = output.status.code();
    assert!(code == Some(0) || code == Some(3), "{code:?}: {text}");
}

/// What the mutants of a lesson may take; `.ci/full` has a limit of its own.
const LESSON: Duration = Duration::from_secs(1150);

/// One test for each lesson and user: the pieces of `.ci/full mutations`.
macro_rules! lessons {
    ($($name:ident: $lesson:literal, $user:ident;)*) => {$(
        #[test]
        #[ignore = "takes minutes: .ci/full mutations"]
        fn $name() {
            no_claim_survives($lesson, User::$user);
        }
    )*};
}
lessons! {
    lesson_01_as_me: "01", Me;
    lesson_01_as_another: "01", Ordinary;
    lesson_02_as_me: "02", Me;
    lesson_02_as_another: "02", Ordinary;
    lesson_03_as_me: "03", Me;
    lesson_03_as_another: "03", Ordinary;
    lesson_04_as_me: "04", Me;
    lesson_04_as_another: "04", Ordinary;
}
