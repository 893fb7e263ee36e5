//! Controllers that a run switches on in a group that isn't its own: shared by
//! runs, put back by the last of them or by a sweep, and told when somebody else
//! takes them away. It takes version 2, root at the root of the tree, and no
//! systemd, of which a scope would be asked: as in the guests of docs/kernels.md.

#![allow(missing_docs)]

mod support;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};
use support::pack::public_tempdir;
use support::{Bounded, Limit, User, alone, glassbox, has_programs, is_root, skip};

const ROOT: &str = "/sys/fs/cgroup";
/// How long anything here may take to happen.
const PATIENCE: Duration = Duration::from_secs(60);

/// A group with a limit, and time to take it away.
const DEMO: &str = r#"
[[cgroup]]
name = "g"
limits = { memory = "64MiB" }

[[action]]
in = "host"
do.watch = { groups = ["g"], every = "10ms", time = "3s" }

[[action]]
in = "host"
do.probe = ["group:g"]

[[expect]]
claim = "the limit stands"
when = { fact = "host/g.memory.max", is = "64MiB" }
"#;

fn write_pack(dir: &Path) {
    let lesson = dir.join("01-groups");
    fs::create_dir(&lesson).unwrap();
    let head = "title = \"Groups\"\nsummary = \"s\"\nlock = \"l\"\nminutes = 1\n";
    fs::write(lesson.join("lesson.toml"), head).unwrap();
    let step = format!(
        "+++\nid = \"limited\"\ntitle = \"Limited\"\nminutes = 1\n+++\n\nText.\n\n\
         ```demo\n{DEMO}\n```\n"
    );
    fs::write(lesson.join("01-limited.md"), step).unwrap();
}

fn control(line: &str) -> std::io::Result<()> {
    fs::write(format!("{ROOT}/cgroup.subtree_control"), line)
}

fn is_on() -> bool {
    let text = fs::read_to_string(format!("{ROOT}/cgroup.subtree_control")).unwrap();
    text.split_whitespace().any(|name| name == "memory")
}

/// What of ours is in the root group.
fn ours() -> Vec<String> {
    let entries = fs::read_dir(ROOT).unwrap().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    names.filter(|name| name.starts_with("glassbox-")).collect()
}

/// The root group with the memory controller on or off, and as it was at the end.
struct Switch {
    was_on: bool,
    _turn: std::sync::MutexGuard<'static, ()>,
}

impl Switch {
    /// `None`, with the reason printed, where it can't be tried.
    fn set(on: bool) -> Option<Switch> {
        let turn = alone();
        let own = fs::read_to_string("/proc/self/cgroup").unwrap();
        let has = fs::read_to_string(format!("{ROOT}/cgroup.controllers")).unwrap_or_default();
        let fit = is_root()
            && own.trim() == "0::/"
            && has.split_whitespace().any(|name| name == "memory")
            && !Path::new("/run/systemd/system").exists();
        let was_on = fit && is_on();
        if !fit || control(if on { "+memory" } else { "-memory" }).is_err() {
            skip("it takes root at the root of version 2, and no systemd");
            return None;
        }
        let _turn = turn;
        Some(Switch { was_on, _turn })
    }
}

impl Drop for Switch {
    fn drop(&mut self) {
        let _ = control(if self.was_on { "+memory" } else { "-memory" });
    }
}

/// A run, and the lines that it has printed.
struct Running {
    child: Bounded,
    lines: Receiver<String>,
    seen: String,
}

impl Running {
    fn start(dir: &Path, hold: bool) -> Running {
        Running::start_by(glassbox(User::Me), dir, hold)
    }

    /// By a command that starts the program, and whose process it becomes.
    fn start_by(mut command: Command, dir: &Path, hold: bool) -> Running {
        let mut child = command
            .args(["--lessons", dir.to_str().unwrap()])
            .args(["run", "--trust", "--json", "limited"])
            .args(hold.then_some("--hold"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .within(support::PATIENCE)
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        Running {
            child,
            lines,
            seen: String::new(),
        }
    }

    fn await_line(&mut self, part: &str) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = self.lines.recv_timeout(left);
            let line = line.unwrap_or_else(|_| panic!("no {part}:\n{}", self.seen));
            self.seen += &line;
            self.seen.push('\n');
            if line.contains(part) {
                return;
            }
        }
    }

    /// Ends a hold, and awaits the end: its exit code.
    fn end(&mut self) -> Option<i32> {
        drop(self.child.stdin.take());
        self.await_line(r#""event":"outcome""#);
        self.child.wait().code()
    }

    fn supervisor(&self) -> i32 {
        let (_, rest) = self.seen.split_once(r#""supervisor":"#).unwrap();
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().unwrap()
    }

    /// Both at once: nobody is left to take anything down.
    fn kill(&mut self) {
        for pid in [self.supervisor(), self.child.id() as i32] {
            kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
        }
        self.child.wait();
    }
}

fn clean() -> String {
    let output = glassbox(User::Me)
        .arg("clean")
        .within(PATIENCE)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(0), "{text}");
    text
}

#[test]
fn the_last_run_switches_off_what_the_first_switched_on() {
    let Some(_switch) = Switch::set(false) else {
        return;
    };
    let dir = public_tempdir();
    write_pack(dir.path());
    let mut first = Running::start(dir.path(), true);
    first.await_line(r#""holding""#);
    let mut second = Running::start(dir.path(), true);
    second.await_line(r#""doing""#);
    assert_eq!(first.end(), Some(0), "{}", first.seen);
    assert!(is_on());
    assert_eq!(second.end(), Some(0), "{}", second.seen);
    assert!(!is_on());
    assert_eq!(ours(), [""; 0]);
}

#[test]
fn what_the_host_has_on_stays_on() {
    let Some(_switch) = Switch::set(true) else {
        return;
    };
    let dir = public_tempdir();
    write_pack(dir.path());
    let mut run = Running::start(dir.path(), true);
    run.await_line(r#""holding""#);
    assert!(!ours().iter().any(|name| name.contains("switched")));
    assert_eq!(run.end(), Some(0), "{}", run.seen);
    assert!(is_on());
}

#[test]
fn after_a_kill_of_all_the_next_start_or_clean_switches_off() {
    let Some(_switch) = Switch::set(false) else {
        return;
    };
    let dir = public_tempdir();
    write_pack(dir.path());
    let mut killed = Running::start(dir.path(), true);
    killed.await_line(r#""holding""#);
    killed.kill();
    assert!(is_on());
    // Another run's need keeps it on.
    let mut other = Running::start(dir.path(), true);
    other.await_line(r#""holding""#);
    clean();
    assert!(is_on());
    assert_eq!(other.end(), Some(0), "{}", other.seen);
    assert!(!is_on());
    let mut killed = Running::start(dir.path(), true);
    killed.await_line(r#""holding""#);
    killed.kill();
    assert!(clean().contains("switched.memory"));
    assert!(!is_on());
    assert_eq!(ours(), [""; 0]);
}

#[test]
fn a_controller_that_is_taken_away_is_told_as_that() {
    let Some(_switch) = Switch::set(false) else {
        return;
    };
    let dir = public_tempdir();
    write_pack(dir.path());
    for (lines, cause) in [
        (&["-memory"][..], "doesn't hand it down any more"),
        (&["-memory", "+memory"], "given back without its limits"),
    ] {
        let mut run = Running::start(dir.path(), false);
        run.await_line(r#""doing""#);
        for line in lines {
            control(line).unwrap();
        }
        assert_eq!(run.end(), Some(3), "{}", run.seen);
        assert!(
            run.seen.contains("memory was taken away from"),
            "{}",
            run.seen
        );
        assert!(run.seen.contains(cause), "{}", run.seen);
        // Whoever gave it back may keep it.
        assert_eq!(is_on(), lines.len() == 2);
        control("-memory").unwrap();
        assert_eq!(ours(), [""; 0]);
    }
}

#[test]
fn what_somebody_has_built_on_is_theirs_and_told() {
    let Some(_switch) = Switch::set(false) else {
        return;
    };
    let dir = public_tempdir();
    write_pack(dir.path());
    let mut run = Running::start(dir.path(), true);
    run.await_line(r#""holding""#);
    let theirs = Path::new(ROOT).join(format!("gbtest-{}", std::process::id()));
    fs::create_dir(&theirs).unwrap();
    let built = fs::write(theirs.join("cgroup.subtree_control"), "+memory");
    let code = run.end();
    let (on, left) = (is_on(), ours());
    fs::remove_dir(&theirs).unwrap();
    built.unwrap();
    assert_eq!(code, Some(4), "{}", run.seen);
    assert!(on && left.is_empty(), "{left:?}");
    let user = format!("`gbtest-{}`", std::process::id());
    assert!(
        run.seen.contains("-memory") && run.seen.contains(&user),
        "{}",
        run.seen
    );
}

/// What something is mounted in front of isn't gone: it is told, and `clean` finds it
/// where it can be seen.
#[test]
fn what_is_hidden_at_the_end_is_told_and_not_taken_for_gone() {
    let Some(_switch) = Switch::set(false) else {
        return;
    };
    if !has_programs(&["unshare", "nsenter"]) {
        return;
    }
    let dir = public_tempdir();
    write_pack(dir.path());
    let decoy = Path::new(ROOT).join(format!("gbtest-{}", std::process::id()));
    fs::create_dir(&decoy).unwrap();
    let bind = ["--bind", decoy.to_str().unwrap(), ROOT];
    for cover in [&["-t", "tmpfs", "none", ROOT][..], &bind] {
        let mut command = Command::new("unshare");
        command.args(["--mount", "--propagation", "private"]);
        command.arg(glassbox(User::Me).get_program());
        let mut run = Running::start_by(command, dir.path(), true);
        run.await_line(r#""holding""#);
        let mut mount = Command::new("nsenter");
        // Without a note of mount(8)'s own in /run.
        mount.args(["-t", &run.supervisor().to_string(), "-m", "mount", "-n"]);
        let mounted = mount.args(cover).within(PATIENCE).status().unwrap();
        let (code, on, left) = (run.end(), is_on(), ours());
        let swept = clean();
        assert!(mounted.success(), "{cover:?}");
        assert_eq!(code, Some(4), "{cover:?}: {}", run.seen);
        assert!(on && left.len() == 2, "{cover:?}: {left:?}");
        let outcome = run.seen.lines().last().unwrap();
        for name in &left {
            assert!(outcome.contains(name.as_str()), "{cover:?}: {outcome}");
            assert!(swept.contains(name.as_str()), "{cover:?}: {swept}");
        }
        assert!(!is_on() && ours().is_empty(), "{cover:?}: {swept}");
    }
    fs::remove_dir(&decoy).unwrap();
}
