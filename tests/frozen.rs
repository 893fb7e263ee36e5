//! Every process of a run may stop for good, in the middle of whatever it does:
//! the end of the run is asked for, and comes within two seconds all the same,
//! with nothing left; and it is said what that took.

#![allow(missing_docs)]

mod support;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{ChildStdout, Stdio};
use std::time::{Duration, Instant};
use support::pack::public_tempdir;
use support::{Bounded, Limit, PATIENCE, User, alone, assert_nothing_left, glassbox, state, users};

/// Who is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Guardian,
    HostAgent,
    /// Root of the outer user namespace in which an ordinary user's boxes are made.
    BaseAgent,
    /// The process that makes a box, in the middle of that.
    Stage,
    /// The pid 1 of a box.
    First,
    /// A process in the background of a box.
    Workload,
    /// All of them at once.
    All,
}

const ROLES: [Role; 7] = [
    Role::Guardian,
    Role::HostAgent,
    Role::BaseAgent,
    Role::Stage,
    Role::First,
    Role::Workload,
    Role::All,
];

/// What a quit may take, whatever is frozen; and a little for a busy machine.
const QUIT: Duration = Duration::from_millis(2_000 + 500);

/// A run that is in the middle of waiting for a process that computes.
struct Running {
    child: Bounded,
    guardian: i32,
    first: i32,
    lines: std::io::Lines<BufReader<ChildStdout>>,
}

fn write_pack(dir: &Path) {
    let lesson = dir.join("01-frozen");
    fs::create_dir_all(&lesson).unwrap();
    let facts = "title = 'T'\nsummary = 'S'\nlock = 'L'\nminutes = 1\n";
    fs::write(lesson.join("lesson.toml"), facts).unwrap();
    let demo = "box = [{ name = 'box', namespaces = ['user', 'pid', 'mount', 'uts'] }]\n\
        [[action]]\nin = 'box'\ndo.spawn = { workload = { burn = '30s' } }\nas = 'burner'\n\
        [[action]]\nin = 'box'\ndo.wait = 'burner'\n\
        [[expect]]\nclaim = 'c'\nwhen = { fact = 'box/burner.end', is = 'exit 0' }";
    // Without a user namespace of its own: of root's, or of the base agent's.
    let based = demo.replace("'user', ", "");
    // Whoever makes the box joins a frozen group first: there it stands still.
    let stage = "cgroup = [{ name = 'ice', controllers = ['freezer'] }]\n\
        box = [{ name = 'late', namespaces = ['pid'], cgroup = 'ice' }]\n\
        [[action]]\nin = 'host'\ndo.freeze = 'ice'\n[[action]]\nin = 'host'\ndo.create = 'late'\n\
        [[action]]\nin = 'late'\ndo.run = ['hostname']\nas = 'name'\n\
        [[expect]]\nclaim = 'c'\nwhen = { fact = 'late/name', is = 0 }";
    for (number, id, demo) in [
        (1, "frozen", demo),
        (2, "based", &based),
        (3, "stage", stage),
    ] {
        let step = format!("+++\nid = '{id}'\ntitle = 'T'\n+++\n\nText.\n\n```demo\n{demo}\n```\n");
        fs::write(lesson.join(format!("0{number}-{id}.md")), step).unwrap();
    }
}

impl Running {
    /// `None` where this host refuses the box.
    fn start(user: User, step: &str, pack: &Path) -> Option<Running> {
        let mut child = glassbox(user)
            .args(["--lessons", pack.to_str().unwrap()])
            .args(["run", step, "--trust", "--json"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .within(PATIENCE)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (mut guardian, mut first) = (0, 0);
        for line in lines.by_ref() {
            let event: serde_json::Value = serde_json::from_str(&line.unwrap()).unwrap();
            let number = |field: &str| event[field].as_i64().unwrap() as i32;
            match event["event"].as_str().unwrap() {
                "started" => guardian = number("supervisor"),
                "box-up" => first = number("pid"),
                "refused" => {
                    eprintln!("skipped: {event}");
                    child.wait();
                    return None;
                }
                "doing" if event["action"] == 1 => break,
                _ => {}
            }
        }
        assert!(guardian > 0, "`{step}` ended before it began");
        assert!(first > 0 || step == "stage", "`{step}` has no box");
        Some(Running {
            child,
            guardian,
            first,
            lines,
        })
    }

    /// The processes of that role.
    fn pids(&self, role: Role) -> Vec<i32> {
        let named = |of: i32, name: &str| -> Vec<i32> {
            let children = children(of).into_iter();
            children
                .filter(|pid| {
                    fs::read_to_string(format!("/proc/{pid}/comm"))
                        .unwrap()
                        .trim()
                        == name
                })
                .collect()
        };
        match role {
            Role::Guardian => vec![self.guardian],
            Role::HostAgent => named(self.guardian, "glassbox-host"),
            Role::BaseAgent => named(self.guardian, "glassbox-base"),
            // A fork of the agent's, under its name.
            Role::Stage => {
                let end = Instant::now() + Duration::from_secs(5);
                let agents = named(self.guardian, "glassbox-host");
                loop {
                    let found: Vec<i32> = agents
                        .iter()
                        .flat_map(|agent| named(*agent, "glassbox-host"))
                        .collect();
                    if !found.is_empty() {
                        return found;
                    }
                    assert!(Instant::now() < end, "nobody makes the box");
                    std::thread::yield_now();
                }
            }
            Role::First => vec![self.first],
            Role::Workload => named(self.first, "burner"),
            Role::All => [Role::Guardian, Role::HostAgent, Role::First, Role::Workload]
                .into_iter()
                .flat_map(|role| self.pids(role))
                .collect(),
        }
    }
}

impl Role {
    /// The step that has one.
    fn step(self) -> &'static str {
        match self {
            Role::BaseAgent => "based",
            Role::Stage => "stage",
            _ => "frozen",
        }
    }

    /// Whether a run of that user has one.
    fn is_of(self, user: User) -> bool {
        match self {
            Role::BaseAgent => user == User::Ordinary || !support::is_root(),
            Role::Stage => user == User::Me && support::can_make_groups(),
            _ => true,
        }
    }
}

/// The children of a process.
fn children(of: i32) -> Vec<i32> {
    let all = fs::read_dir("/proc").unwrap().flatten();
    all.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|pid| {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            let parent = stat
                .rsplit_once(')')
                .and_then(|(_, rest)| rest.split_whitespace().nth(1));
            parent == Some(of.to_string().as_str())
        })
        .collect()
}

fn is_stopped(pid: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')')
        .is_some_and(|(_, rest)| rest.trim_start().starts_with('T'))
}

fn stop(pids: &[i32]) {
    for pid in pids {
        kill(Pid::from_raw(*pid), Signal::SIGSTOP).unwrap();
    }
    let end = Instant::now() + Duration::from_secs(5);
    while !pids.iter().all(|pid| is_stopped(*pid)) {
        assert!(Instant::now() < end, "{pids:?} don't stop");
        std::thread::yield_now();
    }
}

#[test]
fn a_quit_takes_two_seconds_whatever_is_stopped() {
    let _turn = alone();
    let dir = public_tempdir();
    write_pack(dir.path());
    for user in users() {
        // The copy that an ordinary user runs, and who removes it, are there before.
        drop(glassbox(user));
        for role in ROLES.into_iter().filter(|role| role.is_of(user)) {
            let before = state();
            let Some(mut run) = Running::start(user, role.step(), dir.path()) else {
                return;
            };
            let pids = run.pids(role);
            assert!(!pids.is_empty(), "{user:?} {role:?}: nobody to stop");
            // A frozen one stands still already.
            if role != Role::Stage {
                stop(&pids);
            }
            let asked = Instant::now();
            kill(Pid::from_raw(run.child.id() as i32), Signal::SIGTERM).unwrap();
            let rest: Vec<String> = run.lines.by_ref().map(Result::unwrap).collect();
            let output = Bounded::output(run.child);
            let took = asked.elapsed();
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(took < QUIT, "{user:?} {role:?}: {took:?}\n{said}");
            use std::os::unix::process::ExitStatusExt;
            assert_eq!(
                output.status.signal(),
                Some(libc::SIGTERM),
                "{role:?} {said}"
            );
            // Only in the guardian's place something had to be done.
            let forced = matches!(role, Role::Guardian | Role::All);
            assert_eq!(
                said.contains("gave no sign of life"),
                forced,
                "{role:?}: {said}"
            );
            let told = |word| rest.iter().any(|line| line.contains(word));
            assert_eq!(told(r#""event":"forced""#), forced, "{role:?}: {rest:?}");
            assert!(
                rest.last().unwrap().contains("cleaned"),
                "{role:?}: {rest:?}"
            );
            assert_nothing_left(&before, &format!("{user:?} with a stopped {role:?}"));
        }
    }
}
