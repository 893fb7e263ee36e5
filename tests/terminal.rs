//! Drives the binary in a real pseudo-terminal: what a learner's hands do, and
//! every way in which the terminal must come back as it was.

#![allow(missing_docs)]

#[path = "terminal/input.rs"]
mod input;
#[path = "terminal/kinds.rs"]
mod kinds;
mod support;
#[path = "terminal/walk.rs"]
mod walk;

use portable_pty::{Child, CommandBuilder, ExitStatus, MasterPty, PtySize, native_pty_system};
use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};
use support::deadline::Watch;
use support::state::{Stat, children_of};
use support::{Limit, User, can_make_groups, is_root, may_make_boxes, skip};
use tempfile::TempDir;

/// How long any one thing may take; generous, since the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(20);

const CTRL_Z: &str = "\x1a";
const F12: &str = "\x1b[24~";

/// The binary in a terminal of its own.
struct Session {
    child: Box<dyn Child + Send + Sync>,
    /// Ends what neither reads its keys nor ends.
    watch: Watch,
    master: Box<dyn MasterPty + Send>,
    keys: Box<dyn Write + Send>,
    output: Receiver<Vec<u8>>,
    screen: vt100::Parser,
    /// Where its progress is kept: never where the user's is.
    _state: Arc<TempDir>,
    /// It has no alternate screen, as a console or a terminal on a serial line.
    one_screen: bool,
}

impl Session {
    fn start(arguments: &[&str], rows: u16, cols: u16) -> Session {
        Session::start_in("C.UTF-8", arguments, rows, cols)
    }

    fn start_in(locale: &str, arguments: &[&str], rows: u16, cols: u16) -> Session {
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_glassbox"));
        command.args(arguments);
        command.env("LC_ALL", locale);
        Session::spawn(command, rows, cols)
    }

    /// An interactive shell, which has job control.
    fn shell(rows: u16, cols: u16) -> Session {
        let mut command = CommandBuilder::new("sh");
        command.arg("-i");
        command.env("ENV", "");
        command.env("LC_ALL", "C.UTF-8");
        Session::spawn(command, rows, cols)
    }

    fn spawn(command: CommandBuilder, rows: u16, cols: u16) -> Session {
        Session::spawn_within(support::PATIENCE, command, rows, cols)
    }

    fn spawn_within(patience: Duration, command: CommandBuilder, rows: u16, cols: u16) -> Session {
        let state = Arc::new(tempfile::tempdir().unwrap());
        Session::spawn_with(patience, command, rows, cols, state)
    }

    fn spawn_with(
        patience: Duration,
        mut command: CommandBuilder,
        rows: u16,
        cols: u16,
        state: Arc<TempDir>,
    ) -> Session {
        command.env("TERM", "xterm-256color");
        Session::spawn_as_it_is(patience, command, rows, cols, state)
    }

    /// In a terminal of this name, or of none.
    fn spawn_on(term: Option<&str>, mut command: CommandBuilder, rows: u16, cols: u16) -> Session {
        match term {
            Some(term) => command.env("TERM", term),
            None => command.env_remove("TERM"),
        }
        let state = Arc::new(tempfile::tempdir().unwrap());
        Session::spawn_as_it_is(support::PATIENCE, command, rows, cols, state)
    }

    fn spawn_as_it_is(
        patience: Duration,
        mut command: CommandBuilder,
        rows: u16,
        cols: u16,
        state: Arc<TempDir>,
    ) -> Session {
        command.env("XDG_STATE_HOME", state.path());
        for caller in ["SUDO_UID", "PKEXEC_UID", "DOAS_USER"] {
            command.env_remove(caller);
        }
        let size = PtySize {
            rows,
            cols,
            pixel_width: 0,
            pixel_height: 0,
        };
        let pair = native_pty_system().openpty(size).unwrap();
        command.env("RUST_BACKTRACE", "0");
        command.env("GLASSBOX_PANIC_KEY", "1");
        command.env_remove("NO_COLOR");
        let child = pair.slave.spawn_command(command).unwrap();
        let mut reader = pair.master.try_clone_reader().unwrap();
        let (sender, output) = channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 16384];
            while let Ok(n @ 1..) = reader.read(&mut buffer) {
                if sender.send(buffer[..n].to_vec()).is_err() {
                    return;
                }
            }
        });
        Session {
            watch: Watch::on(child.process_id().unwrap(), patience),
            child,
            keys: pair.master.take_writer().unwrap(),
            master: pair.master,
            output,
            screen: vt100::Parser::new(rows, cols, 0),
            _state: state,
            one_screen: false,
        }
    }

    /// Is a terminal without an alternate screen.
    fn screen_only(&mut self) {
        self.one_screen = true;
    }

    /// What came, as the terminal understands it. A sequence lies whole in what is
    /// written at once.
    fn process(&mut self, bytes: &[u8]) {
        if !self.one_screen {
            self.screen.process(bytes);
            return;
        }
        let mut rest = bytes;
        while let Some(at) = rest.windows(7).position(|it| it == b"\x1b[?1049") {
            self.screen.process(&rest[..at]);
            rest = rest.get(at + 8..).unwrap_or(&[]);
        }
        self.screen.process(rest);
    }

    fn press(&mut self, keys: &str) -> &mut Session {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
        self
    }

    fn text(&self) -> String {
        self.screen.screen().contents()
    }

    /// Waits until the screen says so.
    fn until(&mut self, what: &str, holds: impl Fn(&Session) -> bool) -> &mut Session {
        self.within(PATIENCE, what, holds)
    }

    fn within(
        &mut self,
        patience: Duration,
        what: &str,
        holds: impl Fn(&Session) -> bool,
    ) -> &mut Session {
        let deadline = Instant::now() + patience;
        while !holds(self) {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.output.recv_timeout(left) {
                Ok(bytes) => self.process(&bytes),
                Err(RecvTimeoutError::Timeout) => panic!("no {what} on:\n{}", self.text()),
                Err(RecvTimeoutError::Disconnected) if holds(self) => break,
                Err(RecvTimeoutError::Disconnected) => {
                    panic!("ended without {what}:\n{}", self.text())
                }
            }
        }
        self
    }

    fn shows(&mut self, text: &str) -> &mut Session {
        let wanted = text.to_string();
        self.until(text, move |session| session.text().contains(&wanted))
    }

    fn resize(&mut self, rows: u16, cols: u16) -> &mut Session {
        let size = PtySize {
            rows,
            cols,
            pixel_width: 0,
            pixel_height: 0,
        };
        self.screen = vt100::Parser::new(rows, cols, 0);
        self.master.resize(size).unwrap();
        self
    }

    fn pid(&self) -> i32 {
        self.child.process_id().unwrap() as i32
    }

    fn signal(&mut self, signal: i32) -> &mut Session {
        let signal = nix::sys::signal::Signal::try_from(signal).unwrap();
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(self.pid()), signal).unwrap();
        self
    }

    /// Whether the terminal is as a shell wants it: lines are edited and
    /// echoed, no other screen, no mouse, a cursor.
    fn restored(&self) -> bool {
        let screen = self.screen.screen();
        self.local_modes() == libc::ICANON | libc::ECHO
            && !screen.alternate_screen()
            && !screen.hide_cursor()
            && screen.mouse_protocol_mode() == vt100::MouseProtocolMode::None
    }

    fn taken(&self) -> bool {
        let screen = self.screen.screen();
        screen.alternate_screen() && screen.hide_cursor() && self.local_modes() == 0
    }

    /// Which of line editing and echo are on.
    fn local_modes(&self) -> libc::tcflag_t {
        let modes = self.master.get_termios().unwrap();
        modes.local_flags.bits() & (libc::ICANON | libc::ECHO)
    }

    /// Reads what is left and awaits the end.
    fn end(mut self) -> (ExitStatus, String) {
        self.until("restored terminal", Session::restored);
        let status = self.child.wait().unwrap();
        assert!(!self.watch.expired(), "it doesn't end:\n{}", self.text());
        (status, self.text())
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // After a failed assertion; otherwise it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

trait Ended {
    fn success(self) -> String;
}

impl Ended for (ExitStatus, String) {
    fn success(self) -> String {
        assert!(self.0.success(), "{:?}\n{}", self.0, self.1);
        self.1
    }
}

#[test]
fn three_steps_are_walked_run_and_resized() {
    if !may_make_boxes(User::Me) {
        return;
    }
    let mut session = Session::start(&["--step", "everything", "--theme", "dark"], 40, 120);
    session
        .shows("  2/")
        .shows("Predict:")
        .until("a taken terminal", Session::taken);
    session.press("r").shows("claims of this step hold");
    session.press("n").shows("  3/").press("r").shows("≠ UTS");
    session
        .press("n")
        .shows("  4/")
        .press("b")
        .shows("You said  b")
        .press("r");
    session.shows("✓ right").shows("kettle");
    session
        .resize(24, 80)
        .shows("✓ right")
        .press("2")
        .shows("[2 Syscalls]");
    session.shows("\"hostname\", \"kettle\"");
    session.resize(12, 40).shows("too small");
    session
        .resize(40, 120)
        .shows("[2 Syscalls]")
        .press("1")
        .shows("✓ right");
    // The knob: the next name, and the run that belongs to it.
    session.press("]").shows("◂ teapot ▸").shows("≠ teapot");
    session.press("q");
    session.end().success();
}

/// Waits for what no output tells.
fn eventually(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "no {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Progress in a directory of its own, with a way to open the course on it.
fn on(state: &Arc<TempDir>, arguments: &[&str]) -> Session {
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_glassbox"));
    command.args(arguments);
    command.env("LC_ALL", "C.UTF-8");
    Session::spawn_with(support::PATIENCE, command, 40, 120, Arc::clone(state))
}

#[test]
fn the_course_opens_where_it_was_left() {
    let state = Arc::new(tempfile::tempdir().unwrap());
    let mut first = on(&state, &["--step", "uts"]);
    first.shows("  4/").press("b").shows("You said  b");
    // A second one reads what was kept, and says that it keeps nothing.
    let file = state.path().join("glassbox/progress.json");
    let kept = |what: &str| std::fs::read_to_string(&file).is_ok_and(|text| text.contains(what));
    eventually("kept answer", || kept("predicted"));
    let mut second = on(&state, &["--theme", "dark"]);
    second
        .shows("Another Glassbox of yours is open")
        .press("\r");
    second
        .shows("You said  b")
        .press("n")
        .shows("  5/")
        .press("q");
    second.end().success();
    first.press("t").press("3").shows("[3 By hand]").press("q");
    first.end().success();
    let mut again = on(&state, &[]);
    again.shows("  4/").shows("[3 By hand]").press("1");
    again.shows("You said  b");
    // However it ends, what was done is kept.
    again.press("n").shows("  5/");
    eventually("kept place", || kept("\"at\": \"pid\""));
    again.signal(libc::SIGKILL);
    again.child.wait().unwrap();
    drop(again);
    let mut last = on(&state, &[]);
    last.shows("  5/")
        .press("o")
        .shows("Outline")
        .press("q")
        .press("q");
    last.end().success();
    let mut fresh = on(&state, &["--fresh"]);
    fresh.shows("  1/").press("q");
    fresh.end().success();
    assert!(!kept("predicted"), "--fresh begins anew");
}

#[test]
fn where_nothing_can_be_kept_the_course_says_so_and_opens() {
    let state = Arc::new(tempfile::tempdir().unwrap());
    std::fs::write(state.path().join("glassbox"), "a file").unwrap();
    let mut session = on(&state, &[]);
    session.shows("What you do now is not kept").press("\r");
    session.shows("  1/").press("q");
    session.end().success();
}

#[test]
fn signals_and_panics_give_the_terminal_back() {
    for signal in [libc::SIGTERM, libc::SIGHUP, libc::SIGINT] {
        let mut session = Session::start(&[], 30, 100);
        session
            .shows("Explanation")
            .until("a taken terminal", Session::taken);
        session.signal(signal);
        session.end().success();
    }
    let mut session = Session::start(&[], 30, 100);
    session
        .shows("Explanation")
        .until("a taken terminal", Session::taken);
    session.press(F12).shows("F12 was pressed");
    let (status, text) = session.end();
    assert!(!status.success(), "{text}");
    assert!(text.contains("panicked at"), "{text}");
}

#[test]
fn a_quit_during_a_run_ends_the_run() {
    if !may_make_boxes(User::Me) {
        return;
    }
    let mut session = Session::start(&["--step", "hungry"], 30, 100);
    session
        .shows("Predict")
        .press("r")
        .shows("Running")
        .press("q");
    session.end().success();
}

#[test]
fn suspended_and_continued_the_screen_is_back() {
    let mut session = Session::shell(30, 100);
    session.press(&format!("{}\n", env!("CARGO_BIN_EXE_glassbox")));
    session
        .shows("Explanation")
        .until("a taken terminal", Session::taken);
    session
        .press(CTRL_Z)
        .shows("Stopped")
        .press("echo half''way\n")
        .shows("halfway");
    session
        // Together, because what is typed while the terminal is given back is dropped.
        .press("fg; exit\n")
        .until("a taken terminal", Session::taken)
        .shows("Explanation")
        .press("q");
    session.end().success();
}

#[test]
fn where_nobody_could_continue_it_is_not_suspended() {
    let mut session = Session::start(&[], 30, 100);
    session
        .shows("Explanation")
        .press(CTRL_Z)
        .press("n")
        .shows("  2/")
        .press("q");
    session.end().success();
}

#[test]
fn late_answers_of_the_terminal_are_no_keys() {
    let mut session = Session::start(&[], 30, 100);
    session.shows("Explanation");
    // Read as keys, `r` would run the step and `q` quit.
    session
        .press("\x1b]11;rgb:ffff/qqqq/ffff\x1b\\")
        .press("n")
        .shows("  2/");
    session
        .press("p")
        .shows("  1/")
        .shows("Predict:")
        .press("q");
    session.end().success();
}

#[test]
fn pasted_text_is_no_keys() {
    let mut session = Session::start(&[], 30, 100);
    session.shows("Explanation");
    // As the terminal wraps a paste once it was asked to: `q` would quit.
    session
        .press("\x1b[200~quit now, rxn\x1b[201~")
        .press("n")
        .shows("  2/")
        .press("q");
    session.end().success();
}

#[test]
fn clicks_and_colours_can_be_turned_off() {
    let mut session = Session::start(&[], 40, 120);
    session.shows("2 Syscalls");
    assert_eq!(
        session.screen.screen().mouse_protocol_mode(),
        vt100::MouseProtocolMode::PressRelease
    );
    // A press on the second tab: columns and rows count from 1.
    session.press("\x1b[<0;74;2M").shows("[2 Syscalls]");
    session.press("m").until("a mouse that is free", |session| {
        session.screen.screen().mouse_protocol_mode() == vt100::MouseProtocolMode::None
    });
    session.press("q");
    session.end().success();
}

#[test]
fn without_a_terminal_it_says_what_to_do() {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_glassbox"))
        .stdin(std::process::Stdio::null())
        .within(PATIENCE)
        .output()
        .unwrap();
    assert!(!output.status.success());
    assert!(output.stdout.iter().all(|byte| *byte != 0x1b));
    assert!(!output.stderr.is_empty());
}

/// A step whose ceiling can be moved while it runs.
const LIVE: &str = r#"+++
id = "live"
title = "A ceiling that moves"
+++

Turn it.

```demo
[[knob]]
name = "percent"
label = "Ceiling"
values = [20, 50]
live = true

[[cgroup]]
name = "live-test"
limits = { cpu-max = "${percent}%" }

[[action]]
in = "host"
do.spawn = { workload = { burn = "30s" }, cgroup = "live-test" }
as = "worker"

[[action]]
in = "host"
do.watch = { groups = ["live-test"], every = "50ms", time = "100ms", live = "60s" }

[[action]]
in = "host"
do.kill = { signal = "KILL", to = "worker" }
as = "kill"

[[chart]]
title = "CPU time"
rate = true
limit = "host/live-test.cpu.max"
line = [{ label = "worker", fact = "host/live-test.cpu.usage" }]

[[expect]]
claim = "It was killed."
when = { fact = "host/kill", is = "ok" }
```
"#;

/// A pack of one lesson of one step.
fn pack(name: &str, step: &str) -> tempfile::TempDir {
    let pack = tempfile::tempdir().unwrap();
    let lesson = pack.path().join(format!("01-{name}"));
    std::fs::create_dir(&lesson).unwrap();
    let meta = "title = \"A test\"\nsummary = \"s\"\nlock = \"l\"\nminutes = 1\n";
    std::fs::write(lesson.join("lesson.toml"), meta).unwrap();
    std::fs::write(lesson.join(format!("01-{name}.md")), step).unwrap();
    pack
}

/// What stands in the one file of that name in the live step's group.
fn ceiling() -> Option<String> {
    fn find(dir: &std::path::Path, depth: u32) -> Option<std::path::PathBuf> {
        let entries = std::fs::read_dir(dir).ok()?.flatten();
        let folders: Vec<_> = entries
            .map(|entry| entry.path())
            .filter(|path| path.is_dir() && !path.is_symlink())
            .collect();
        let ours = |path: &&std::path::PathBuf| {
            path.to_string_lossy().contains("live-test")
                && ["cpu.cfs_quota_us", "cpu.max"]
                    .iter()
                    .any(|file| path.join(file).exists())
        };
        let found = folders.iter().find(ours).cloned();
        found.or_else(|| {
            let mut deeper = folders.iter().filter(|_| depth > 0);
            deeper.find_map(|folder| find(folder, depth - 1))
        })
    }
    let group = find(std::path::Path::new("/sys/fs/cgroup"), 5)?;
    ["cpu.cfs_quota_us", "cpu.max"]
        .iter()
        .find_map(|file| std::fs::read_to_string(group.join(file)).ok())
        .map(|text| text.split_whitespace().next().unwrap_or("").to_string())
}

#[test]
fn a_live_knob_changes_the_limit_of_the_run_under_way() {
    if !may_make_boxes(User::Me) || is_root() && !can_make_groups() {
        return;
    }
    let pack = pack("live", LIVE);
    let path = pack.path().to_str().unwrap();
    let mut session = Session::start(&["--lessons", path, "--theme", "dark"], 24, 80);
    session
        .shows("A ceiling that moves")
        .press("r")
        .shows("yes");
    session.press("y");
    let unable = "This host refused";
    session.until("a run or a refusal", |session| {
        session.text().contains("change the limit") || session.text().contains(unable)
    });
    if session.text().contains(unable) {
        assert!(!is_root(), "{}", session.text());
        skip("this user may make no cgroup for CPU time here");
        session.press("q");
        session.end().success();
        return;
    }
    session.shows("limit: 20 %").shows("Ceiling: · 20 ▸");
    assert_eq!(ceiling().as_deref(), Some("20000"));
    session.press("]").shows("limit: 20 %, then 50 %");
    assert_eq!(ceiling().as_deref(), Some("50000"), "the kernel's own file");
    session.press("[").shows("then 50 %, then 20 %");
    assert_eq!(ceiling().as_deref(), Some("20000"));
    // Enter: enough; what comes after the watch is done, and all is cleaned up.
    session.press("\r").shows("claims are not judged");
    assert_eq!(ceiling(), None, "the group is gone");
    // The calls are there to be read; a turn now is another run.
    session.press("2G").shows("\"50000\"").press("1");
    session.press("]").shows("yes").press("y");
    session.shows("limit: 50 %").press("q");
    session.end().success();
    assert_eq!(ceiling(), None, "quitting in the middle cleans up, too");
}

/// A step that waits twice.
const STAGED: &str = r#"+++
id = "staged"
title = "One thing after the other"
+++

Watch.

```demo
[[box]]
name = "box"
namespaces = ["uts"]

[[action]]
in = "host"
do.stage = "Before the box has a name of its own."

[[action]]
in = "box"
do.set-hostname = "staged-name"
as = "rename"

[[action]]
in = "box"
do.probe = ["hostname"]

[[action]]
in = "host"
do.stage = "Now it has one."

[[action]]
in = "host"
do.probe = ["hostname"]

[[show]]
label = "hostname"
inside = "box/hostname"
outside = "host/hostname"

[[expect]]
claim = "The box has its own name."
when = { fact = "box/hostname", is = "staged-name" }
```
"#;

#[test]
fn a_step_waits_at_each_of_its_stages() {
    if !may_make_boxes(User::Me) {
        return;
    }
    let pack = pack("staged", STAGED);
    let path = pack.path().to_str().unwrap();
    let mut session = Session::start(&["--lessons", path, "--theme", "dark"], 24, 80);
    session
        .shows("One thing after the other")
        .press("1\r")
        .shows("yes");
    session.press("y").shows("Stage 1 of 2");
    session.shows("Before the box has a name of its own.");
    session.shows("‖ beat 1 of 3").shows("Enter next beat");
    assert!(
        !session.text().contains("staged-name"),
        "{}",
        session.text()
    );
    // The calls can be read meanwhile; nothing but Enter is the word.
    session.press("2").shows("Stage 1 of 2").press("1");
    session.press("\r").shows("Stage 2 of 2: Now it has one.");
    session.shows("staged-name").shows("‖ beat 2 of 3");
    session.press("\r").shows("‖ beat 3 of 3").press("\r");
    session.shows("claims of this step hold");
    session.press("2").shows("Stage 2 of 2").press("q");
    session.end().success();
    // Whoever leaves in the middle isn't waited for.
    let mut session = Session::start(&["--lessons", path], 24, 80);
    session.shows("One thing").press("1\r").shows("yes");
    session.press("y").shows("Stage 1 of 2").press("q");
    session.end().success();
}

/// A run that can't end by itself any more keeps nobody: `q` takes two seconds, and
/// a little for a busy machine, and says what had to be done.
#[test]
fn a_quit_takes_two_seconds_when_the_supervisor_is_stopped() {
    if !may_make_boxes(User::Me) {
        return;
    }
    let pack = pack("staged", STAGED);
    let path = pack.path().to_str().unwrap();
    for with_its_agents in [false, true] {
        let mut session = Session::start(&["--lessons", path], 30, 100);
        session.shows("One thing").press("1\r").shows("yes");
        session.press("y").shows("Stage 1 of 2");
        let supervisors = children_of(session.pid());
        let agents = supervisors.iter().flat_map(|pid| children_of(*pid));
        let all: Vec<i32> = match with_its_agents {
            true => agents.chain(supervisors.clone()).collect(),
            false => supervisors,
        };
        assert!(!all.is_empty(), "no supervisor");
        for pid in &all {
            let stopped = nix::sys::signal::Signal::SIGSTOP;
            nix::sys::signal::kill(nix::unistd::Pid::from_raw(*pid), stopped).unwrap();
        }
        let asked = Instant::now();
        session
            .press("q")
            .shows("gave no sign of life")
            .shows("it was killed");
        session.end().success();
        let took = asked.elapsed();
        assert!(took < Duration::from_millis(2_500), "{took:?}");
        for pid in all {
            let left = Stat::of(pid).filter(|stat| !stat.is_over());
            assert!(left.is_none(), "process {pid} is left");
        }
    }
}

#[test]
fn the_command_line_waits_at_stages_if_it_is_asked_to() {
    if !may_make_boxes(User::Me) {
        return;
    }
    let pack = pack("staged", STAGED);
    let path = pack.path().to_str().unwrap();
    let run = ["--lessons", path, "run", "staged", "--trust"];
    let mut session = Session::start(&[&run[..], &["--stages"]].concat(), 40, 100);
    session.shows("Enter: go on.");
    session.shows("Stage 1 of 2: Before").press("\n");
    session.shows("Stage 2 of 2: Now").shows("staged-name");
    session.press("\n").shows("passed: 1 claim checked");
    session.end().success();
    // Nobody has to be there otherwise.
    let mut session = Session::start(&run, 40, 100);
    session.shows("passed: 1 claim checked").shows("--stages");
    let text = session.end().success();
    assert!(!text.contains("Enter: go on."), "{text}");
    // An interrupt while it waits takes everything down.
    let mut session = Session::start(&[&run[..], &["--stages"]].concat(), 40, 100);
    session.shows("Enter: go on.").signal(libc::SIGINT);
    session.shows("is gone again.").shows("failed");
    let (status, text) = session.end();
    assert!(!status.success(), "{text}");
}

#[test]
fn without_utf8_the_screen_is_ascii() {
    let ascii = |mut session: Session| {
        session.shows("Explanation").shows("Predict:");
        assert!(session.text().is_ascii(), "{}", session.text());
        session.press("q");
        session.end().success();
    };
    ascii(Session::start_in("C", &[], 30, 100));
    ascii(Session::start(&["--ascii"], 30, 100));
    let mut session = Session::start(&[], 30, 100);
    session.shows("Explanation").shows("│").press("q");
    session.end().success();
}

/// Compiles the release: `tests/bare/run` asks for it on a bare machine.
#[test]
#[ignore = "compiles the release"]
fn the_readmes_command_opens_the_course() {
    const PATIENCE: Duration = Duration::from_secs(15 * 60);
    let readme = include_str!("../README.md");
    let (_, after) = readme.split_once("Open the course:\n\n```sh\n").unwrap();
    let line = after.lines().next().unwrap();
    let mut command = CommandBuilder::new("sh");
    command.args(["-c", line]);
    command.cwd(env!("CARGO_MANIFEST_DIR"));
    command.env("LC_ALL", "C.UTF-8");
    let mut session = Session::spawn_within(PATIENCE, command, 40, 120);
    let open = |session: &Session| session.taken() && session.text().contains("Predict:");
    session.within(PATIENCE, "first screen", open).press("q");
    session.end().success();
}
