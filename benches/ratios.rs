//! How much slower is Glassbox than the least that would do? Each row is the
//! ratio of its time to that of a reference, measured in turns, so that what
//! else the machine does falls on both. `cargo bench`; docs/benchmarks.md.

#![allow(missing_docs)]

use glassbox::course;
use glassbox::tui::Still;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The screen that is drawn.
const SIZE: (u16, u16) = (120, 40);

/// What is compared with what.
struct Row {
    name: &'static str,
    reference: &'static str,
    /// How many rounds, each of both.
    rounds: usize,
    /// How many calls are one measurement.
    calls: u32,
    /// How many idle processes there are beside the subject, and not beside the
    /// reference.
    beside: usize,
    /// How many idle processes there are beside both, four in each of as many
    /// groups as root may make.
    around: usize,
    /// What the ratio may be at most, where that is promised.
    at_most: f64,
    subject: Box<dyn FnMut()>,
    least: Box<dyn FnMut()>,
}

fn main() {
    println!("{:<24} {:>9}  25 % … 75 %      times", "", "ratio");
    let rows = [
        start(),
        run(),
        crowd(),
        captured(),
        explain(),
        layers(),
        draw(),
        lint(),
    ];
    // `cargo bench -- WORD` measures the rows with that word in their names.
    let word = std::env::args().skip(1).find(|word| !word.starts_with('-'));
    let chosen = |row: &Row| word.as_ref().is_none_or(|word| row.name.contains(word));
    let broken = rows
        .into_iter()
        .filter(chosen)
        .filter_map(|row| around(row.around, || report(row)))
        .count();
    std::process::exit(i32::from(broken > 0));
}

/// Measures a row and prints it; `Some` if it is more than was promised.
fn report(mut row: Row) -> Option<()> {
    // Both once unmeasured: caches and lazily made tables are full after that.
    (row.subject)();
    (row.least)();
    let (mut times, mut leasts, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..row.rounds {
        // Which of the two comes first changes, so that neither gains by it.
        let (time, least) = if round % 2 == 0 {
            let time = beside(row.beside, || timed(row.calls, &mut row.subject));
            (time, timed(row.calls, &mut row.least))
        } else {
            let least = timed(row.calls, &mut row.least);
            let time = beside(row.beside, || timed(row.calls, &mut row.subject));
            (time, least)
        };
        times.push(time);
        leasts.push(least);
        ratios.push(time.as_secs_f64() / least.as_secs_f64());
    }
    times.sort_unstable();
    leasts.sort_unstable();
    ratios.sort_unstable_by(f64::total_cmp);
    let at = |part: usize| ratios[ratios.len() * part / 4];
    let middle = row.rounds / 2;
    println!(
        "{:<24} {:>8.1}×  {:>5.1} … {:<8.1}  {:?} : {:?} for {}",
        row.name,
        at(2),
        at(1),
        at(3),
        times[middle],
        leasts[middle],
        row.reference
    );
    let over = at(2) > row.at_most;
    if over {
        println!("  more than {} ×, which is promised", row.at_most);
    }
    over.then_some(())
}

/// Does something while there are that many processes that do nothing. They
/// wait for the end of a pipe that this process holds, so they end with it.
fn beside<T>(count: usize, work: impl FnOnce() -> T) -> T {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    let start = |_| {
        let input = reader.try_clone().expect("a descriptor");
        let mut idle = Command::new("cat");
        idle.stdin(input).stdout(Stdio::null());
        idle.spawn().expect("cat")
    };
    let mut idle: Vec<Child> = (0..count).map(start).collect();
    let done = work();
    drop(writer);
    for process in &mut idle {
        process.wait().expect("an idle process ends");
    }
    done
}

/// Does something while there are that many idle processes, four in a group.
fn around<T>(count: usize, work: impl FnOnce() -> T) -> T {
    if count == 0 {
        return work();
    }
    let groups = Groups::new(count / 4);
    beside(count, || {
        let me = std::process::id();
        let children = std::fs::read_to_string(format!("/proc/{me}/task/{me}/children"));
        let children = children.unwrap_or_default();
        for (index, pid) in children.split_whitespace().enumerate() {
            if let Some(group) = groups.0.get(index / 4) {
                std::fs::write(group.join("cgroup.procs"), pid).expect("it may be moved");
            }
        }
        work()
    })
}

/// Groups in the hierarchy of the pids controller; none where they can't be made.
/// The last is above all others.
struct Groups(Vec<PathBuf>);

impl Groups {
    fn new(count: usize) -> Groups {
        let v1 = Path::new("/sys/fs/cgroup/pids");
        let v2 = Path::new("/sys/fs/cgroup");
        let top = if v1.is_dir() { v1 } else { v2 };
        let top = top.join(format!("gbbench-{}", std::process::id()));
        let made = |path: PathBuf| std::fs::create_dir(&path).is_ok().then_some(path);
        let Some(top) = made(top) else {
            println!("  no groups can be made here: the processes are in none");
            return Groups(Vec::new());
        };
        let inner = (0..count).filter_map(|number| made(top.join(number.to_string())));
        Groups(inner.chain([top.clone()]).collect())
    }
}

impl Drop for Groups {
    fn drop(&mut self) {
        for group in &self.0 {
            // What is left of one is told by whoever looks for it.
            let _ = std::fs::remove_dir(group);
        }
    }
}

/// The mean time of a call.
fn timed(calls: u32, work: &mut dyn FnMut()) -> Duration {
    let before = Instant::now();
    for _ in 0..calls {
        work();
    }
    before.elapsed() / calls
}

/// A program, run to its successful end with its output thrown away.
fn program(program: &'static str, arguments: &'static [&str]) -> Box<dyn FnMut()> {
    Box::new(move || {
        let status = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .status();
        let status = status.unwrap_or_else(|error| panic!("{program}: {error}"));
        assert!(status.success(), "{program} {arguments:?}: {status}");
    })
}

fn start() -> Row {
    Row {
        name: "glassbox list",
        reference: "true",
        rounds: 200,
        calls: 1,
        beside: 0,
        around: 0,
        at_most: f64::INFINITY,
        subject: program(env!("CARGO_BIN_EXE_glassbox"), &["list"]),
        least: program("true", &[]),
    }
}

fn run() -> Row {
    Row {
        name: "glassbox run uts",
        reference: "unshare --map-root-user --uts hostname x",
        rounds: 100,
        calls: 1,
        beside: 0,
        around: 0,
        at_most: f64::INFINITY,
        subject: program(env!("CARGO_BIN_EXE_glassbox"), &["run", "uts"]),
        least: program("unshare", &["--map-root-user", "--uts", "hostname", "x"]),
    }
}

/// What others do on the host is no matter to a run.
fn crowd() -> Row {
    let run = || program(env!("CARGO_BIN_EXE_glassbox"), &["run", "uts"]);
    Row {
        name: "run uts, 1,000 beside",
        reference: "run uts alone",
        rounds: 20,
        calls: 5,
        beside: 1_000,
        around: 0,
        at_most: 1.2,
        subject: run(),
        least: run(),
    }
}

/// What a program writes is read by the agent of its box, which keeps the first
/// 64 KiB. Ten programs, beside which the start of the run is little.
fn captured() -> Row {
    const LEAST: &str = "for i in 0 1 2 3 4 5 6 7 8 9; do \
        head -c 67108864 /dev/zero | cat >/dev/null; done";
    let pack = tempfile::tempdir().expect("a directory");
    let lesson = pack.path().join("01-output");
    let step = |number: usize| {
        format!(
            "[[action]]\nin = 'box'\ndo.run = ['head', '-c', '67108864', '/dev/zero']\nas = 'head{number}'\n"
        )
    };
    let demo: String = (0..10).map(step).collect();
    let text = format!(
        "+++\nid = 'output'\ntitle = 'T'\n+++\n\nText.\n\n```demo\n\
         box = [{{ name = 'box', namespaces = ['uts', 'mount'] }}]\n{demo}\
         [[expect]]\nclaim = 'c'\nwhen = {{ fact = 'box/head9', is = 'exit 0' }}\n```\n"
    );
    let head = "title = 'T'\nsummary = 'S'\nlock = 'L'\nminutes = 1\n";
    std::fs::create_dir(&lesson).expect("a directory");
    std::fs::write(lesson.join("lesson.toml"), head).expect("a lesson");
    std::fs::write(lesson.join("01-output.md"), text).expect("a step");
    Row {
        name: "10 × 64 MiB captured",
        reference: "10 × head -c 64 MiB | cat",
        rounds: 20,
        calls: 1,
        beside: 0,
        around: 0,
        at_most: 3.0,
        subject: Box::new(move || {
            let status = Command::new(env!("CARGO_BIN_EXE_glassbox"))
                .arg("--lessons")
                .arg(pack.path())
                .args(["run", "--trust", "output"])
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .status();
            assert!(status.expect("glassbox").success());
        }),
        least: program("sh", &["-c", LEAST]),
    }
}

/// Looking at every process costs no more than others' looking does.
fn explain() -> Row {
    Row {
        name: "explain, 2,000 around",
        reference: "lsns",
        rounds: 15,
        calls: 1,
        beside: 0,
        around: 2_000,
        at_most: 3.0,
        subject: program(env!("CARGO_BIN_EXE_glassbox"), &["explain"]),
        least: program("lsns", &[]),
    }
}

fn layers() -> Row {
    const LEAST: &str = "mount -t tmpfs r /mnt; cd /mnt; mkdir l u w v; \
        touch l/file-1 l/file-4; echo a >l/file-2; \
        mount -t overlay v v -o lowerdir=l,upperdir=u,workdir=w,userxattr; \
        echo b >v/file-2; touch v/file-3; rm v/file-4; ls l u v";
    Row {
        name: "glassbox run figure",
        reference: "unshare --map-root-user --mount sh -c 'the same'",
        rounds: 100,
        calls: 1,
        beside: 0,
        around: 0,
        at_most: f64::INFINITY,
        subject: program(env!("CARGO_BIN_EXE_glassbox"), &["run", "figure"]),
        least: program(
            "unshare",
            &["--map-root-user", "--mount", "sh", "-c", LEAST],
        ),
    }
}

fn draw() -> Row {
    let course = course::embedded().expect("the built-in course is right");
    let mut still = Still::new(course, SIZE).expect("it has a step");
    let mut empty = Terminal::new(TestBackend::new(SIZE.0, SIZE.1)).expect("no terminal is asked");
    Row {
        name: "a screen of 120×40",
        reference: "an empty one",
        rounds: 100,
        calls: 20,
        beside: 0,
        around: 0,
        at_most: f64::INFINITY,
        subject: Box::new(move || still.draw()),
        least: Box::new(move || {
            empty.draw(|_| {}).expect("no terminal is asked");
        }),
    }
}

fn lint() -> Row {
    let pack = Path::new(env!("CARGO_MANIFEST_DIR")).join("lessons");
    let also = pack.clone();
    Row {
        name: "lint of the course",
        reference: "reading its files",
        rounds: 50,
        calls: 1,
        beside: 0,
        around: 0,
        at_most: f64::INFINITY,
        subject: Box::new(move || {
            assert!(black_box(course::lint(&pack)).diagnostics.is_empty());
        }),
        least: Box::new(move || {
            for file in files(&also) {
                black_box(std::fs::read(file).expect("a lesson's file"));
            }
        }),
    }
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).expect("a lesson's folder");
    let entries = entries.map(|entry| entry.expect("an entry").path());
    entries
        .flat_map(|path| match path.is_dir() {
            true => files(&path),
            false => vec![path],
        })
        .collect()
}
