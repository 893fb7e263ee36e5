//! What a learner did, kept on the disk: whole after a kill at any moment, never
//! written over where it isn't understood, never root's in somebody's home.

#![allow(missing_docs)]

mod support;

use glassbox::progress::{self, Pack, Progress};
use serde_json::{Value, json};
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;
use support::{Limit, PATIENCE, Random, User, can_be_ordinary, glassbox, is_root, seed, skip};
use tempfile::TempDir;

/// The callers' variables, which this machine may have set.
const CALLERS: [&str; 3] = ["SUDO_UID", "PKEXEC_UID", "DOAS_USER"];

/// A directory for state, and the file in it.
struct State(TempDir);

impl State {
    fn new() -> State {
        State(tempfile::tempdir().unwrap())
    }

    fn dir(&self) -> PathBuf {
        self.0.path().join("glassbox")
    }

    fn file(&self) -> PathBuf {
        self.dir().join("progress.json")
    }

    fn with(self, text: &[u8]) -> State {
        fs::create_dir(self.dir()).unwrap();
        fs::write(self.file(), text).unwrap();
        self
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.dir()).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.collect();
        names.sort();
        names
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = progress_of(self.0.path(), arguments);
        command.within(PATIENCE).output().unwrap()
    }

    fn import(&self, text: &[u8]) -> Output {
        imported(progress_of(self.0.path(), &["import"]), text)
    }
}

fn progress_of(state: &Path, arguments: &[&str]) -> Command {
    let mut command = glassbox(User::Me);
    command.arg("progress").args(arguments);
    command.env("XDG_STATE_HOME", state);
    for name in CALLERS {
        command.env_remove(name);
    }
    command
}

/// What becomes of the import of this text.
fn imported(mut command: Command, text: &[u8]) -> Output {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text).unwrap();
    command.arg(file.path());
    command.within(PATIENCE).output().unwrap()
}

fn said(output: &Output) -> String {
    let (out, err) = (&output.stdout, &output.stderr);
    String::from_utf8_lossy(out).into_owned() + &String::from_utf8_lossy(err)
}

/// Progress that names its number, and is as long as that of a whole course.
fn numbered(n: u64) -> Progress {
    let mut pack = Pack::default();
    pack.more.insert("n".into(), n.into());
    pack.more
        .insert("padding".into(), n.to_string().repeat(3000).into());
    let mut progress = Progress::default();
    progress.packs.insert("p".into(), pack);
    progress
}

/// Not a test: the program that is killed. It writes one number after the other and
/// says each that is kept.
#[test]
#[ignore = "is started by the test of kills"]
fn writer() {
    let Some(first) = std::env::var_os("GLASSBOX_TEST_FIRST") else {
        return;
    };
    let first: u64 = first.to_str().unwrap().parse().unwrap();
    let store = progress::open().store.unwrap();
    for n in first.. {
        store.save(&numbered(n)).unwrap();
        // A closed pipe ends it.
        writeln!(std::io::stderr(), "kept {n}").unwrap();
    }
}

#[test]
fn killed_at_any_moment_the_file_is_the_old_one_or_the_new_one() {
    const KILLS: u64 = 500;
    const AT_ONCE: u64 = 4;
    let seed = seed();
    let kill = |thread: u64| {
        let state = State::new();
        let mut random = Random(seed ^ (thread << 32 | 1));
        let (mut first, mut cut) = (1, 0);
        for _ in 0..KILLS / AT_ONCE {
            let mut command = Command::new(std::env::current_exe().unwrap());
            command.args(["--ignored", "--exact", "writer", "--nocapture"]);
            command.env("XDG_STATE_HOME", state.0.path());
            command.env("GLASSBOX_TEST_FIRST", first.to_string());
            for name in CALLERS {
                command.env_remove(name);
            }
            command.stdout(Stdio::null()).stderr(Stdio::piped());
            let mut child = command.within(PATIENCE).spawn().unwrap();
            let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
            let begun = lines.next().unwrap().unwrap();
            // The moment is what is drawn; nothing is waited for.
            std::thread::sleep(Duration::from_micros(random.below(4000)));
            child.kill().unwrap();
            child.wait();
            let kept = std::iter::once(begun).chain(lines.map_while(Result::ok));
            let kept = kept.filter_map(|line| line.strip_prefix("kept ")?.parse().ok());
            let kept: u64 = kept.last().expect("one was kept");
            let found = Progress::from_bytes(&fs::read(state.file()).unwrap()).unwrap();
            let n = found.packs["p"].more["n"].as_u64().unwrap();
            assert!(n == kept || n == kept + 1, "{n} after {kept}");
            assert_eq!(found, numbered(n));
            cut += usize::from(state.dir().join("progress.json.new").exists());
            first = n + 1;
        }
        assert!(cut > 0, "no kill came in the middle of a write");
        // What the kills have left is in nobody's way.
        let told = state.import(&numbered(0).to_bytes());
        assert!(told.status.success(), "{}", said(&told));
        assert_eq!(state.names(), ["lock", "progress.json"]);
    };
    std::thread::scope(|scope| {
        for thread in 0..AT_ONCE {
            scope.spawn(move || kill(thread));
        }
    });
}

#[test]
fn it_is_exported_imported_shown_and_forgotten() {
    let state = State::new();
    let text = json!({"version": 1, "packs": {"glassbox": {"at": "uts", "steps": {
        "uts": {"seen": true, "done": true, "hints": 2,
            "predicted": {"answer": {"choice": "x"}, "right": true}},
        "pid": {"seen": true, "predicted": {"answer": "skipped"}}}},
        "other": {"at": "x"}}});
    let told = state.import(text.to_string().as_bytes());
    assert!(told.status.success(), "{}", said(&told));
    assert_eq!(said(&told), "taken in: 2 courses\n");
    let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(state.file()), mode(state.dir())), (0o600, 0o700));
    let shown = said(&state.run(&[]));
    assert!(
        shown.contains("2 of 13 steps opened, 1 done; 1 of 1 answers right"),
        "{shown}"
    );
    assert!(shown.contains("opens at `uts`"), "{shown}");
    let shown: Value = serde_json::from_slice(&state.run(&["--json"]).stdout).unwrap();
    assert_eq!(shown["progress"]["steps"]["uts"]["hints"], 2);
    assert_eq!(shown["file"], state.file().to_str().unwrap());
    let exported = state.0.path().join("exported");
    let path = exported.to_str().unwrap();
    assert!(state.run(&["export", path]).status.success());
    let again = state.run(&["export", path]);
    assert_eq!(again.status.code(), Some(2), "{}", said(&again));
    assert_eq!(fs::read(&exported).unwrap(), state.run(&["export"]).stdout);
    assert!(state.run(&["reset"]).status.success());
    let left: Value = serde_json::from_slice(&state.run(&["export"]).stdout).unwrap();
    assert!(left["packs"].get("glassbox").is_none() && left["packs"].get("other").is_some());
    assert!(said(&state.run(&["reset"])).contains("nothing to forget"));
    let other = State::new();
    assert!(other.run(&["import", path]).status.success());
    assert_eq!(
        fs::read(&exported).unwrap(),
        fs::read(other.file()).unwrap()
    );
    for bad in [&b"{"[..], br#"{"version":2}"#, b"[]", b""] {
        let told = other.import(bad);
        assert_eq!(told.status.code(), Some(2), "{}", said(&told));
        assert_eq!(
            fs::read(&exported).unwrap(),
            fs::read(other.file()).unwrap()
        );
    }
}

#[test]
fn what_is_not_understood_is_kept_aside() {
    let whole = numbered(7).to_bytes();
    for (what, text, name) in [
        ("truncated", &whole[..whole.len() / 2], "damaged"),
        ("empty", b"", "damaged"),
        ("zeros", &[0; 4096], "damaged"),
        ("another form", br#"{"version":1,"packs":7}"#, "damaged"),
        ("newer", br#"{"version":2,"packs":7}"#, "version-2"),
        ("large", &vec![b' '; (1 << 20) + 1], "damaged"),
    ] {
        let state = State::new().with(text);
        // Looking changes nothing, and says why there is nothing to see.
        let told = state.run(&[]);
        assert_eq!(told.status.code(), Some(3), "{what}: {}", said(&told));
        assert_eq!(state.names(), ["progress.json"], "{what}");
        for number in 1..3 {
            fs::write(state.file(), text).unwrap();
            let told = state.import(&numbered(number).to_bytes());
            assert!(told.status.success(), "{what}: {}", said(&told));
            let aside = state.dir().join(format!("progress.{name}.{number}.json"));
            assert!(
                said(&told).contains(aside.to_str().unwrap()),
                "{}",
                said(&told)
            );
            assert_eq!(fs::read(aside).unwrap(), text, "{what}");
            assert_eq!(fs::read(state.file()).unwrap(), numbered(number).to_bytes());
        }
    }
}

/// Imports, which has to be refused with these words, and change nothing.
fn refused(state: &Path, words: &str) {
    let told = imported(progress_of(state, &["import"]), &numbered(1).to_bytes());
    assert_eq!(told.status.code(), Some(3), "{words}: {}", said(&told));
    assert!(said(&told).contains(words), "{words}: {}", said(&told));
}

#[test]
fn no_link_is_followed_and_nothing_strange_is_opened() {
    let elsewhere = tempfile::tempdir().unwrap();
    let target = elsewhere.path().join("target");
    fs::write(&target, "somebody's").unwrap();
    for name in ["progress.json", "lock"] {
        let state = State::new().with(b"");
        let at = state.dir().join(name);
        let _ = fs::remove_file(&at);
        symlink(&target, &at).unwrap();
        refused(
            state.0.path(),
            "is not a regular file: links are not followed",
        );
        fs::remove_file(&at).unwrap();
        nix::unistd::mkfifo(&at, nix::sys::stat::Mode::S_IRWXU).unwrap();
        refused(state.0.path(), "is not a regular file");
        fs::remove_file(&at).unwrap();
        fs::create_dir(&at).unwrap();
        refused(state.0.path(), "is not a regular file");
    }
    // A link where a new one is written is not followed either: it goes.
    let state = State::new().with(&numbered(1).to_bytes());
    symlink(&target, state.dir().join("progress.json.new")).unwrap();
    assert!(state.import(&numbered(2).to_bytes()).status.success());
    let state = State::new();
    symlink(elsewhere.path(), state.dir()).unwrap();
    refused(state.0.path(), "is not a directory: links are not followed");
    assert_eq!(fs::read(&target).unwrap(), b"somebody's");
    assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 1);
}

#[test]
fn two_write_never_at_once_and_both_read() {
    let state = State::new().with(&numbered(1).to_bytes());
    let lock = File::create(state.dir().join("lock")).unwrap();
    lock.lock().unwrap();
    refused(state.0.path(), "another Glassbox of yours is open");
    assert_eq!(state.run(&["export"]).stdout, numbered(1).to_bytes());
    drop(lock);
    assert!(state.import(&numbered(2).to_bytes()).status.success());
}

#[test]
fn what_is_somebody_elses_is_left_alone() {
    if !is_root() {
        skip("it takes root to give a file away");
        return;
    }
    let state = State::new().with(&numbered(1).to_bytes());
    chown(state.file(), Some(12_345), None).unwrap();
    refused(state.0.path(), "belongs to user 12345, not to user 0");
    assert_eq!(fs::read(state.file()).unwrap(), numbered(1).to_bytes());
    chown(state.dir(), Some(12_345), None).unwrap();
    refused(state.0.path(), "belongs to user 12345, not to user 0");
    // Nothing of root's is made in somebody's home, whatever $HOME says.
    let home = tempfile::tempdir().unwrap();
    chown(home.path(), Some(12_345), None).unwrap();
    let mut command = progress_of(home.path(), &["import"]);
    command
        .env_remove("XDG_STATE_HOME")
        .env("HOME", home.path());
    let told = imported(command, &numbered(1).to_bytes());
    assert_eq!(told.status.code(), Some(3), "{}", said(&told));
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0);
}

#[test]
fn under_sudo_it_is_the_callers() {
    if !is_root() || !can_be_ordinary() {
        skip("it takes root to stand for sudo");
        return;
    }
    let caller = 65_534;
    for name in ["SUDO_UID", "PKEXEC_UID"] {
        let state = State::new();
        chown(state.0.path(), Some(caller), Some(caller)).unwrap();
        let deep = state.0.path().join("a/b");
        let told = |input: u64| {
            let mut command = progress_of(&deep, &["import"]);
            command.env(name, caller.to_string());
            imported(command, &numbered(input).to_bytes())
        };
        for n in 1..3 {
            let told = told(n);
            assert!(told.status.success(), "{}", said(&told));
        }
        for made in ["", "glassbox", "glassbox/lock", "glassbox/progress.json"] {
            let about = fs::symlink_metadata(deep.join(made)).unwrap();
            assert_eq!((about.uid(), about.gid()), (caller, caller), "{made}");
        }
        // With no more rights than theirs: a link to what is root's leads nowhere.
        fs::remove_dir_all(&deep).unwrap();
        let roots = tempfile::tempdir().unwrap();
        symlink(roots.path(), &deep).unwrap();
        let told = told(3);
        assert_eq!(told.status.code(), Some(3), "{}", said(&told));
        assert!(said(&told).contains("EACCES"), "{}", said(&told));
        assert_eq!(fs::read_dir(roots.path()).unwrap().count(), 0);
    }
    let state = State::new();
    let mut command = progress_of(state.0.path(), &["import"]);
    command.env("SUDO_UID", "4000111222");
    let told = imported(command, &numbered(1).to_bytes());
    assert_eq!(told.status.code(), Some(3), "{}", said(&told));
    assert!(
        said(&told).contains("SUDO_UID is `4000111222`"),
        "{}",
        said(&told)
    );
    assert_eq!(fs::read_dir(state.0.path()).unwrap().count(), 0);
}

#[test]
fn a_full_disk_and_a_home_that_is_read_only_leave_what_was_there() {
    if !is_root() {
        skip("it takes root to mount a small file system");
        return;
    }
    if !support::has_programs(&["unshare"]) {
        return;
    }
    let at = tempfile::tempdir().unwrap();
    let input = at.path().join("large");
    fs::write(&input, numbered(123_456).to_bytes()).unwrap();
    let script = r#"
        set -eu
        mkdir "$1/disk" && mount -t tmpfs -o size=16k,mode=700 glassbox-test "$1/disk"
        export XDG_STATE_HOME="$1/disk"
        echo '{"version":1,"packs":{"small":{}}}' | "$2" progress import -
        "$2" progress import "$1/large" && exit 9 || [ $? = 3 ]
        ls "$1/disk/glassbox"
        "$2" progress export
        mount -o remount,ro "$1/disk"
        "$2" progress reset && exit 9 || [ $? = 3 ]
        "$2" progress export
    "#;
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", script, "sh"]);
    command.arg(at.path()).arg(support::program());
    for name in CALLERS {
        command.env_remove(name);
    }
    let told = command.within(PATIENCE).output().unwrap();
    let text = said(&told);
    assert!(told.status.success(), "{text}");
    assert!(text.contains("ENOSPC") && text.contains("EROFS"), "{text}");
    assert!(text.contains("lock\nprogress.json\n{"), "{text}");
    assert_eq!(text.matches("\"small\"").count(), 2, "{text}");
}
