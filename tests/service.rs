//! A run that is driven from outside, through the library: programs on pipes and
//! ptys, more boxes and actions, signals, leases; and peers that are stopped.
//!
//! This program is its own supervisor, so it can't have the usual harness: the
//! library starts the program that it is in anew.

#![allow(missing_docs)]

mod support;

use glassbox::plan::{Action, BoxSpec, Ending, Event, Plan};
use glassbox::sandbox::{
    self, Answer, Control, Ends, Held, Lease, Program, Request, RequestId, Size, Stdio, Tenant,
};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use support::{Bounded, Limit, PATIENCE, User, has_programs, may_make_boxes};

/// How long an answer may take: what the supervisor allows an agent, and some.
const ANSWER: Duration = Duration::from_secs(15);
/// How long all of it may take for an ordinary user.
const ORDINARY_PATIENCE: Duration = Duration::from_secs(300);
/// Set for the copy of this program that an ordinary user runs.
const ORDINARY: &str = "GLASSBOX_TESTS_ORDINARY";

/// Set for the copy of this program that is killed under its load: a seed.
const LOAD: &str = "GLASSBOX_TESTS_LOAD";
/// How often it is killed; a hundred times in `.ci/full kills`.
const KILLS: &str = "GLASSBOX_KILLS";

type Test = (&'static str, fn());

const TESTS: [Test; 11] = [
    ("pipes_carry_what_a_program_reads_and_writes", pipes),
    ("a_pty_is_of_the_boxes_own", pty),
    ("what_cannot_be_done_is_answered", refusals),
    ("an_editor_a_shell_and_a_flood_at_once", at_once),
    ("pid_1_reaps_orphans", orphans),
    (
        "without_mounts_of_the_boxes_own_a_program_is_put_apart",
        apart,
    ),
    ("leases_end_with_their_holders", leases),
    ("a_stopped_box_costs_its_own_answers", stopped),
    ("boxes_and_actions_beyond_the_plan", beyond),
    ("two_hundred_random_requests", random),
    ("sigkill_of_main_at_random_moments", killed),
];

fn main() -> ExitCode {
    if let Some(code) = sandbox::helper_main() {
        return code;
    }
    sandbox::enter_main();
    if let Ok(seed) = std::env::var(LOAD) {
        load(seed.parse().unwrap());
    }
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words.iter().any(|word| word == "--list") {
        TESTS.iter().for_each(|(name, _)| println!("{name}: test"));
        return ExitCode::SUCCESS;
    }
    let filters: Vec<&String> = words.iter().filter(|word| !word.starts_with('-')).collect();
    let user = match std::env::var_os(ORDINARY) {
        Some(_) => ", as an ordinary user",
        None => "",
    };
    if !may_make_boxes(User::Me) {
        return ExitCode::SUCCESS;
    }
    let mut failed = 0;
    for (name, test) in TESTS {
        if !filters.is_empty() && !filters.iter().any(|filter| name.contains(filter.as_str())) {
            continue;
        }
        let before = Instant::now();
        let done = std::panic::catch_unwind(test).is_ok();
        let word = if done { "ok" } else { "FAILED" };
        println!(
            "test {name}{user} ... {word} ({} ms)",
            before.elapsed().as_millis()
        );
        failed += usize::from(!done);
    }
    if user.is_empty() && nix::unistd::geteuid().is_root() && may_make_boxes(User::Ordinary) {
        failed += usize::from(!as_ordinary(&words));
    }
    match failed {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

/// The same as nobody in particular, from a copy that everybody can reach.
fn as_ordinary(words: &[String]) -> bool {
    let dir = tempfile::Builder::new()
        .prefix("gbtest-")
        .tempdir()
        .unwrap();
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let copy = dir.path().join("service");
    let copied = Command::new("cp")
        .arg(std::env::current_exe().unwrap())
        .arg(&copy)
        .within(PATIENCE)
        .status();
    assert!(copied.unwrap().success());
    let mut command = Command::new(&copy);
    command
        .args(words)
        .env(ORDINARY, "1")
        .uid(65_534)
        .gid(65_534);
    let status = command.current_dir("/").within(ORDINARY_PATIENCE).status();
    status.unwrap().success()
}

/// A run with one box in it, `box`, that stands.
struct Run {
    control: Control,
    events: Receiver<Event>,
    thread: Option<JoinHandle<Option<String>>>,
    pid: i32,
    supervisor: i32,
}

/// What became of a request.
struct Asked {
    id: RequestId,
    answers: Receiver<Answer>,
}

fn spec(name: &str) -> BoxSpec {
    let text = format!("name = '{name}'\nnamespaces = ['user', 'pid', 'mount', 'uts', 'ipc']");
    toml::from_str(&text).unwrap()
}

impl Run {
    fn start() -> Run {
        let plan = Plan {
            boxes: vec![spec("box")],
            ..Plan::default()
        };
        let (sender, events) = channel();
        let (control, thread) = sandbox::start(plan.check().unwrap(), true, move |event| {
            sender.send(event).is_ok()
        })
        .unwrap();
        let mut run = Run {
            control,
            events,
            thread: Some(thread),
            pid: 0,
            supervisor: 0,
        };
        loop {
            match run.events.recv_timeout(ANSWER).unwrap() {
                Event::Started(observer) => run.supervisor = observer.supervisor,
                Event::BoxUp { pid, .. } => run.pid = pid,
                Event::Holding => return run,
                Event::Refused(refusal) => panic!("{refusal}"),
                Event::Broken { message } => panic!("{message}"),
                _ => {}
            }
        }
    }

    fn ask(&self, request: Request) -> Asked {
        self.ask_for(request, Lease::default())
    }

    fn ask_for(&self, request: Request, lease: Lease) -> Asked {
        let (sender, answers) = channel();
        let id = self.control.ask(request, lease, move |answer| {
            let _ = sender.send(answer);
        });
        Asked { id, answers }
    }

    fn shell(&self, script: &str, stdio: Stdio) -> Asked {
        self.ask(Request::Start(program("box", &["sh", "-c", script], stdio)))
    }

    /// Ends it: in time, cleanly, and with no process of it left.
    fn end(mut self) {
        let asked = Instant::now();
        self.control.finish();
        let forced = self.thread.take().unwrap().join().unwrap();
        assert_eq!(forced, None);
        assert!(
            asked.elapsed() < Duration::from_secs(5),
            "{:?}",
            asked.elapsed()
        );
        let last = self.events.iter().last();
        assert_eq!(last, Some(Event::Cleaned));
        for pid in [self.pid, self.supervisor] {
            assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
        }
    }
}

impl Asked {
    fn next(&self) -> Answer {
        self.answers
            .recv_timeout(ANSWER)
            .expect("an answer in time")
    }

    fn done(&self) {
        match self.next() {
            Answer::Done => {}
            other => panic!("{other:?}"),
        }
    }

    fn refused(&self) -> String {
        match self.next() {
            Answer::Refused(why) => why,
            other => panic!("{other:?}"),
        }
    }

    fn ended(&self) -> Ending {
        match self.next() {
            Answer::Ended(ending) => ending,
            other => panic!("{other:?}"),
        }
    }

    fn pipes(&self) -> (Option<File>, File, File) {
        match self.next() {
            Answer::Started(Ends::Pipes {
                stdin,
                stdout,
                stderr,
            }) => (Some(stdin.into()), stdout.into(), stderr.into()),
            other => panic!("{other:?}"),
        }
    }

    fn terminal(&self) -> Screen {
        match self.next() {
            Answer::Started(Ends::Pty(master)) => Screen {
                master: master.into(),
                seen: String::new(),
            },
            other => panic!("{other:?}"),
        }
    }
}

/// The master of a pty, and what has been read from it.
struct Screen {
    master: File,
    seen: String,
}

impl Screen {
    fn types(&mut self, text: &str) -> &mut Screen {
        self.master.write_all(text.as_bytes()).unwrap();
        self
    }

    /// Reads until that is there.
    fn shows(&mut self, wanted: &str) -> &mut Screen {
        let end = Instant::now() + ANSWER;
        while !self.seen.contains(wanted) {
            assert!(Instant::now() < end, "`{wanted}` isn't in:\n{}", self.seen);
            self.look(Duration::from_millis(100));
        }
        self
    }

    /// Reads what comes, for a while.
    fn look(&mut self, patience: Duration) {
        use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
        let patience = PollTimeout::try_from(patience).unwrap();
        let mut fds = [PollFd::new(self.master.as_fd(), PollFlags::POLLIN)];
        if poll(&mut fds, patience).unwrap() > 0 {
            let mut bytes = [0; 4096];
            // An error once the last one that had it open has closed it.
            let count = self.master.read(&mut bytes).unwrap_or(0);
            self.seen += &String::from_utf8_lossy(&bytes[..count]);
        }
    }

    fn clear(&mut self) -> &mut Screen {
        self.seen.clear();
        self
    }
}

const SIZE: Size = Size {
    rows: 24,
    columns: 80,
};

fn program(place: &str, argv: &[&str], stdio: Stdio) -> Program {
    let environment = [
        ("PATH", "/usr/local/bin:/usr/bin:/bin"),
        ("TERM", "xterm"),
        ("PS1", "$ "),
    ];
    Program {
        place: place.parse().unwrap(),
        argv: argv.iter().map(ToString::to_string).collect(),
        environment: environment
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_string()))
            .collect(),
        directory: "/".into(),
        user: None,
        limits: Tenant::Shell,
        stdio,
    }
}

fn read(mut from: impl Read) -> String {
    let mut text = String::new();
    from.read_to_string(&mut text).unwrap();
    text
}

fn pipes() {
    let run = Run::start();
    let asked = run.shell("pwd; echo $TERM >&2; cat; exit 3", Stdio::Pipes);
    let (mut stdin, stdout, stderr) = asked.pipes();
    stdin
        .as_mut()
        .unwrap()
        .write_all(b"through and back")
        .unwrap();
    drop(stdin.take());
    assert_eq!(read(stdout), "/\nthrough and back");
    assert_eq!(read(stderr), "xterm\n");
    assert_eq!(asked.ended(), Ending::Exit(3));

    // What it was told of: directory, user, environment and signals.
    let mut other = program(
        "box",
        &["sh", "-c", "pwd; id -u; echo ready; exec sleep 60"],
        Stdio::Pipes,
    );
    other.directory = "/tmp".into();
    other.user = Some((0, 0));
    let asked = run.ask(Request::Start(other));
    let (_stdin, mut stdout, _stderr) = asked.pipes();
    let mut seen = String::new();
    while !seen.ends_with("ready\n") {
        let mut bytes = [0; 64];
        let count = stdout.read(&mut bytes).unwrap();
        assert_ne!(count, 0, "{seen}");
        seen += std::str::from_utf8(&bytes[..count]).unwrap();
    }
    assert_eq!(seen, "/tmp\n0\nready\n");
    let program = asked.id;
    run.ask(Request::Signal {
        program,
        signal: libc::SIGTERM,
    })
    .done();
    assert_eq!(asked.ended(), Ending::Signal("SIGTERM".into()));
    let again = run
        .ask(Request::Signal {
            program,
            signal: libc::SIGTERM,
        })
        .refused();
    assert!(again.contains("no program that runs"), "{again}");
    run.end();
}

fn pty() {
    let run = Run::start();
    let asked = run.shell("tty; stty size; read line; stty size", Stdio::Pty(SIZE));
    let mut screen = asked.terminal();
    // The first of an instance of its own; the host's may have any number.
    screen.shows("/dev/pts/0\r\n").shows("24 80");
    let size = Size {
        rows: 50,
        columns: 132,
    };
    let program = asked.id;
    run.ask(Request::Resize { program, size }).done();
    screen.types("\n").shows("50 132");
    assert_eq!(asked.ended(), Ending::Exit(0));

    // Closing the master hangs the program up.
    let asked = run.shell("exec sleep 60", Stdio::Pty(SIZE));
    drop(asked.terminal());
    assert_eq!(asked.ended(), Ending::Signal("SIGHUP".into()));
    run.end();
}

fn refusals() {
    let run = Run::start();
    let why = |request| run.ask(request).refused();
    let start = |argv: &[&str]| Request::Start(program("box", argv, Stdio::Pipes));
    assert!(why(start(&["no-such-program"])).contains("no program `no-such-program`"));
    assert!(why(start(&[])).contains("no program to start"));
    let mut nowhere = program("box", &["true"], Stdio::Pipes);
    nowhere.directory = "/no/such/directory".into();
    assert!(why(Request::Start(nowhere)).contains("/no/such/directory: ENOENT"));
    let elsewhere = program("other", &["true"], Stdio::Pipes);
    assert!(why(Request::Start(elsewhere)).contains("the box `other` does not stand"));
    assert!(why(Request::Renew(4711)).contains("nothing is held"));
    let twice = why(Request::Box(spec("box")));
    assert!(twice.contains("`box` has been there"), "{twice}");
    let end = Request::End(Held::Box("other".parse().unwrap()));
    assert!(why(end).contains("does not stand"));
    // An action that would reach the host, and one that the kernel refuses.
    let act = |text: &str| Request::Act(Box::new(toml::from_str::<Action>(text).unwrap()));
    let leak = why(act("in = 'host'\ndo.set-hostname = 'x'"));
    assert!(leak.contains("set-hostname"), "{leak}");
    let refused = why(act(
        "in = 'box'\ndo.mount = { type = 'tmpfs', path = '/no/such' }",
    ));
    assert!(refused.contains("ENOENT"), "{refused}");
    // None of it has broken anything.
    let asked = run.shell("echo still here", Stdio::Pipes);
    let (_, stdout, _) = asked.pipes();
    assert_eq!(read(stdout), "still here\n");
    run.end();
}

fn at_once() {
    let run = Run::start();
    // It floods both pipes, and nobody reads them for now.
    let flood = run.shell("yes out & exec yes err >&2", Stdio::Pipes);
    let (_, mut out, mut err) = flood.pipes();
    let shell = run.ask(Request::Start(program(
        "box",
        &["sh", "-i"],
        Stdio::Pty(SIZE),
    )));
    let mut shell = (shell.terminal(), shell);
    shell
        .0
        .types("sleep 100 &\njobs\n")
        .shows("Running")
        .shows("sleep 100");
    shell
        .0
        .clear()
        .types("kill -KILL %1; wait %1; echo job=$?\n");
    shell.0.shows("job=137");
    assert!(
        !shell.0.seen.contains("job control turned off"),
        "{}",
        shell.0.seen
    );
    if has_programs(&["vi"]) {
        let argv = ["vi", "-R", "/etc/passwd"];
        let vi = run.ask(Request::Start(program("box", &argv, Stdio::Pty(SIZE))));
        let mut screen = vi.terminal();
        // A file that fills the screen from its top, drawn by cursor movements.
        screen.shows("/bin/").shows("\x1b[");
        screen.types(":q!\r");
        assert_eq!(vi.ended(), Ending::Exit(0));
    }
    // Both streams of the flood are whole, at the same time as the shell.
    for (pipe, word) in [(&mut out, "out\n"), (&mut err, "err\n")] {
        let mut bytes = vec![0; 4 << 20];
        pipe.read_exact(&mut bytes).unwrap();
        assert_eq!(bytes, word.repeat(bytes.len() / word.len()).into_bytes());
    }
    shell.0.types("exit\n");
    shell.1.ended();
    let program = flood.id;
    run.ask(Request::End(Held::Program(program))).done();
    assert_eq!(flood.ended(), Ending::Signal("SIGKILL".into()));
    // Its child in the background was of its session.
    assert_eq!(read(out).matches("nothing").count(), 0);
    run.end();
}

fn orphans() {
    let run = Run::start();
    let script = "for i in 1 2 3 4 5; do (sleep 0.1 & ); done; exec sleep 0.5";
    let asked = run.shell(script, Stdio::Pipes);
    drop(asked.pipes());
    assert_eq!(asked.ended(), Ending::Exit(0));
    let asked = run.shell("ps -e -o stat=,pid=,comm=", Stdio::Pipes);
    let (_, stdout, _) = asked.pipes();
    let listed = read(stdout);
    assert!(
        !listed
            .lines()
            .any(|line| line.trim_start().starts_with('Z')),
        "{listed}"
    );
    run.end();
}

/// A process to hold something for.
fn holder() -> (Bounded, Lease) {
    let sleep = Command::new("sleep").arg("60").within(PATIENCE).spawn();
    let child = sleep.unwrap();
    let lease = Lease::of_process(child.id() as i32).unwrap();
    (child, lease)
}

/// On pipes and on a pty alike: no file to change, no terminal but its own end.
fn apart() {
    let run = Run::start();
    let plain = BoxSpec {
        namespaces: toml::from_str::<BoxSpec>("name = 'x'\nnamespaces = ['user', 'uts']")
            .unwrap()
            .namespaces,
        ..spec("plain")
    };
    run.ask(Request::Box(plain)).done();
    let script = "touch /tmp/glassbox-reached; ls /dev/pts; echo >/dev/pts/0; readlink /proc/self/ns/mnt; echo over";
    let outside = std::fs::read_link("/proc/self/ns/mnt").unwrap();
    for stdio in [Stdio::Pipes, Stdio::Pty(SIZE)] {
        let asked = run.ask(Request::Start(program(
            "plain",
            &["sh", "-c", script],
            stdio,
        )));
        let said = match stdio {
            Stdio::Pipes => {
                let (_, stdout, stderr) = asked.pipes();
                read(stdout) + &read(stderr)
            }
            Stdio::Pty(_) => asked.terminal().shows("over").seen.clone(),
        };
        assert!(said.contains("Read-only file system"), "{said}");
        assert!(said.contains("/dev/pts/0: "), "{stdio:?}: {said}");
        assert!(
            said.contains("ptmx") && !said.contains(outside.to_str().unwrap()),
            "{said}"
        );
        assert!(!std::path::Path::new("/tmp/glassbox-reached").exists());
    }
    run.end();
}

fn leases() {
    let run = Run::start();
    let sleep = || Request::Start(program("box", &["sleep", "60"], Stdio::Pipes));
    // One that nobody renews.
    let time = Some(Duration::from_millis(400));
    let lease = || Lease { time, holder: None };
    let began = Instant::now();
    let lapses = run.ask_for(sleep(), lease());
    drop(lapses.pipes());
    // One that is renewed meanwhile.
    let renewed = run.ask_for(sleep(), lease());
    drop(renewed.pipes());
    while began.elapsed() < Duration::from_millis(900) {
        run.ask(Request::Renew(renewed.id)).done();
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(lapses.ended(), Ending::Signal("SIGKILL".into()));
    assert!(renewed.answers.try_recv().is_err(), "it is held");
    // A holder that is stopped holds on, whatever time passes; and when it goes
    // on, it has its time again.
    let (mut child, lease) = holder();
    let pid = Pid::from_raw(child.id() as i32);
    kill(pid, Signal::SIGSTOP).unwrap();
    let held = run.ask_for(sleep(), Lease { time, ..lease });
    drop(held.pipes());
    assert!(
        held.answers
            .recv_timeout(Duration::from_millis(1500))
            .is_err()
    );
    kill(pid, Signal::SIGCONT).unwrap();
    assert_eq!(held.ended(), Ending::Signal("SIGKILL".into()));
    // One whose holder ends.
    let (mut other, lease) = holder();
    let held = run.ask_for(sleep(), lease);
    drop(held.pipes());
    other.kill().unwrap();
    assert_eq!(held.ended(), Ending::Signal("SIGKILL".into()));
    other.wait();
    child.kill().unwrap();
    child.wait();
    // A box is held, too.
    let made = run.ask_for(Request::Box(spec("short")), Lease { time, holder: None });
    made.done();
    let down =
        |event: &Event| matches!(event, Event::BoxDown { name, .. } if name.as_str() == "short");
    let end = Instant::now() + ANSWER;
    while !run
        .events
        .recv_timeout(end.saturating_duration_since(Instant::now()))
        .is_ok_and(|event| down(&event))
    {
        assert!(Instant::now() < end, "the box stands");
    }
    run.end();
}

fn stopped() {
    let run = Run::start();
    run.ask(Request::Box(spec("other"))).done();
    let runs = run.shell("sleep 60", Stdio::Pipes);
    drop(runs.pipes());
    kill(Pid::from_raw(run.pid), Signal::SIGSTOP).unwrap();
    // Its requests are answered for it, in time; those of the other are served.
    let late = run.shell("echo late", Stdio::Pipes);
    let other = program("other", &["echo", "served"], Stdio::Pipes);
    let asked = Instant::now();
    let other = run.ask(Request::Start(other));
    let (_, stdout, _) = other.pipes();
    assert_eq!(read(stdout), "served\n");
    assert!(asked.elapsed() < Duration::from_secs(5));
    assert!(late.refused().contains("no answer within"));
    // What it starts when it goes on is nobody's, and ended.
    kill(Pid::from_raw(run.pid), Signal::SIGCONT).unwrap();
    let now = run.shell("echo now", Stdio::Pipes);
    let (_, stdout, _) = now.pipes();
    assert_eq!(read(stdout), "now\n");
    // Stopped again, it can be ended.
    kill(Pid::from_raw(run.pid), Signal::SIGSTOP).unwrap();
    run.ask(Request::End(Held::Box("box".parse().unwrap())))
        .done();
    assert!(runs.refused().contains("the box has ended"));
    run.end();
}

fn beyond() {
    let run = Run::start();
    run.ask(Request::Box(BoxSpec {
        parent: Some("box".parse().unwrap()),
        ..spec("inner")
    }))
    .done();
    let act = |text: &str| Request::Act(Box::new(toml::from_str::<Action>(text).unwrap()));
    run.ask(act("in = 'inner'\ndo.set-hostname = 'deep'"))
        .done();
    run.ask(act("in = 'inner'\ndo.run = ['hostname']\nas = 'name'"))
        .done();
    let named = |event: &Event| match event {
        Event::Fact(fact) => {
            fact.id.to_string() == "inner/name.out"
                && fact
                    .value
                    .as_ref()
                    .is_some_and(|value| value.to_string() == "deep")
        }
        _ => false,
    };
    assert!(run.events.try_iter().any(|event| named(&event)));
    // A program goes on while an action takes its time in the same box.
    let slow = run.ask(act("in = 'inner'\ndo.run = ['sleep', '2']"));
    let began = Instant::now();
    let quick = run.ask(Request::Start(program(
        "inner",
        &["hostname"],
        Stdio::Pipes,
    )));
    let (_, stdout, _) = quick.pipes();
    assert_eq!(read(stdout), "deep\n");
    assert!(
        began.elapsed() < Duration::from_millis(1500),
        "{:?}",
        began.elapsed()
    );
    slow.done();
    run.ask(Request::End(Held::Box("box".parse().unwrap())))
        .done();
    let gone = run.ask(Request::Start(program(
        "inner",
        &["hostname"],
        Stdio::Pipes,
    )));
    assert!(gone.refused().contains("does not stand"));
    run.end();
}

/// A small pseudo-random sequence, so that a failure can be repeated.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }
}

/// Boxes, groups, programs on pipes and ptys, without an end; nobody awaits more
/// than keeps it going.
fn load(seed: u64) -> ! {
    let mut random = Random(seed);
    let run = Run::start();
    let mut programs: Vec<(Asked, Answer)> = Vec::new();
    for number in 0.. {
        let place = format!("b{}", random.below(number + 1));
        match random.below(6) {
            0 => drop(run.ask(Request::Box(spec(&format!("b{number}")))).next()),
            1 => {
                let group = toml::from_str(&format!("name = 'g{number}'"));
                drop(run.ask(Request::Group(group.unwrap())));
            }
            2 => drop(run.ask(Request::End(Held::Box(place.parse().unwrap())))),
            _ => {
                let stdio = [Stdio::Pipes, Stdio::Pty(SIZE)][random.below(2)];
                let scripts = [
                    "yes",
                    "sleep 60 & setsid sleep 60",
                    "kill -STOP $$",
                    "exec cat",
                ];
                let script = scripts[random.below(scripts.len())];
                let place = if random.below(2) == 0 { "box" } else { &place };
                let asked = run.ask(Request::Start(program(place, &["sh", "-c", script], stdio)));
                let ends = asked.next();
                programs.push((asked, ends));
            }
        }
        if programs.len() > 20 {
            programs.swap_remove(random.below(programs.len()));
        }
        run.events.try_iter().for_each(drop);
    }
    unreachable!()
}

/// Whatever it is at, with the main process all goes that the run has made.
fn killed() {
    let seed = std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64 | 1;
    println!("SEED={seed}");
    let mut random = Random(seed);
    let before = support::state();
    let me = std::process::id() as i32;
    let others = support::state::children_of(me);
    // Its orphans come here: one that is left is a child that doesn't end.
    nix::sys::prctl::set_child_subreaper(true).unwrap();
    let times = std::env::var(KILLS).map_or(10, |times| times.parse().unwrap());
    for number in 0..times {
        let moment = Duration::from_millis(random.below(400) as u64);
        let mut main = Command::new(std::env::current_exe().unwrap())
            .env(LOAD, (random.below(1 << 30) as u64 | 1).to_string())
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .within(PATIENCE)
            .spawn()
            .unwrap();
        std::thread::sleep(moment);
        main.kill().unwrap();
        let ended = main.wait();
        assert_eq!(ended.code(), None, "the load ended by itself: {ended}");
        let end = Instant::now() + Duration::from_secs(10);
        loop {
            reap();
            let mut left = support::state::children_of(me);
            left.retain(|pid| !others.contains(pid));
            if left.is_empty() {
                break;
            }
            let who = |pid: &i32| {
                let read = |file| fs::read_to_string(format!("/proc/{pid}/{file}"));
                [read("stat"), read("cmdline"), read("wchan"), read("status")]
                    .map(Result::unwrap_or_default)
            };
            assert!(
                Instant::now() < end,
                "after kill {number} at {moment:?}: {:?}",
                left.iter().map(who).collect::<Vec<_>>()
            );
            std::thread::sleep(Duration::from_millis(2));
        }
    }
    support::assert_nothing_left(&before, "kills of the main process under its load");
}

/// Reaps who has ended.
fn reap() {
    use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
    while !matches!(
        waitpid(None, Some(WaitPidFlag::WNOHANG)),
        Ok(WaitStatus::StillAlive) | Err(_)
    ) {}
}

fn random() {
    let seed = match std::env::var("SEED") {
        Ok(seed) => seed.parse().unwrap(),
        Err(_) => std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64 | 1,
    };
    println!("SEED={seed}");
    let mut random = Random(seed);
    let run = Run::start();
    let mut boxes: Vec<String> = vec!["box".into()];
    let mut pids = BTreeMap::from([("box".to_string(), run.pid)]);
    let mut programs: Vec<(Asked, Vec<OwnedFd>)> = Vec::new();
    let mut made = 0;
    for number in 0..200 {
        let place = boxes.get(random.below(boxes.len().max(1))).cloned();
        let place = place.unwrap_or("gone".into());
        let began = Instant::now();
        match random.below(10) {
            0 if boxes.len() < 4 => {
                made += 1;
                let name = format!("b{made}");
                run.ask(Request::Box(spec(&name))).done();
                let up = run.events.try_iter().find_map(|event| match event {
                    Event::BoxUp { pid, .. } => Some(pid),
                    _ => None,
                });
                pids.insert(name.clone(), up.unwrap());
                boxes.push(name);
            }
            1 if !boxes.is_empty() => {
                let name = boxes.swap_remove(random.below(boxes.len()));
                // At times it is stopped in the middle of telling what it does.
                let flood = (random.below(2) == 0).then(|| {
                    let text = format!(
                        "in = '{name}'\ndo.probe = ['ns', 'dir:/usr/bin', 'processes', 'mounts']"
                    );
                    let action = toml::from_str::<Action>(&text).unwrap();
                    let asked = run.ask(Request::Act(Box::new(action)));
                    kill(Pid::from_raw(pids[&name]), Signal::SIGSTOP).unwrap();
                    asked
                });
                run.ask(Request::End(Held::Box(name.parse().unwrap())))
                    .done();
                if let Some(flood) = flood {
                    assert!(flood.next().is_last());
                }
            }
            2 | 3 => {
                let stdio = [Stdio::Pipes, Stdio::Pty(SIZE)][random.below(2)];
                let scripts = [
                    "exit 7",
                    "exec sleep 60",
                    "yes",
                    "sleep 60 & sleep 0.1; kill -STOP $$",
                    "cat",
                ];
                let script = scripts[random.below(scripts.len())];
                let asked = run.ask(Request::Start(program(
                    &place,
                    &["sh", "-c", script],
                    stdio,
                )));
                match asked.next() {
                    Answer::Started(Ends::Pipes {
                        stdin,
                        stdout,
                        stderr,
                    }) => {
                        programs.push((asked, vec![stdin, stdout, stderr]));
                    }
                    Answer::Started(Ends::Pty(master)) => programs.push((asked, vec![master])),
                    Answer::Refused(why) => assert!(why.contains("does not stand"), "{why}"),
                    other => panic!("{other:?}"),
                }
            }
            4 | 5 if !programs.is_empty() => {
                let program = programs[random.below(programs.len())].0.id;
                let signals = [
                    libc::SIGTERM,
                    libc::SIGSTOP,
                    libc::SIGCONT,
                    libc::SIGKILL,
                    99,
                ];
                let signal = signals[random.below(signals.len())];
                run.ask(Request::Signal { program, signal }).next();
            }
            6 if !programs.is_empty() => {
                let program = programs[random.below(programs.len())].0.id;
                let size = Size {
                    rows: random.below(200) as u16,
                    columns: random.below(200) as u16,
                };
                run.ask(Request::Resize { program, size }).next();
            }
            7 if !programs.is_empty() => {
                let (asked, ends) = programs.swap_remove(random.below(programs.len()));
                let ending = run.ask(Request::End(Held::Program(asked.id)));
                ending.next();
                drop(ends);
                let last = asked.next();
                assert!(last.is_last(), "{last:?}");
            }
            8 => {
                let text = format!("in = '{place}'\ndo.run = ['true']");
                let action = toml::from_str::<Action>(&text).unwrap();
                run.ask(Request::Act(Box::new(action))).next();
            }
            _ => {
                run.ask(Request::Renew(random.below(200) as u64)).next();
            }
        }
        assert!(
            began.elapsed() < ANSWER,
            "request {number} took {:?}",
            began.elapsed()
        );
    }
    // What still runs is answered for at the end.
    let (asked, ends): (Vec<Asked>, Vec<Vec<OwnedFd>>) = programs.into_iter().unzip();
    run.end();
    drop(ends);
    for one in asked {
        let last = one.next();
        assert!(last.is_last(), "{last:?}");
    }
}
