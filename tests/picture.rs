//! The picture of an overlay is what the directories hold: of random layers,
//! really mounted, what the probe computes from the layers is what the mount
//! shows, name by name, and what it says a file comes from holds that very file.
//!
//! Overlays are mounted in a mount namespace that unshare(1) makes for a process
//! of its own: this program again, which then runs one of the tests that are
//! ignored here.

#![allow(missing_docs)]

mod support;

use glassbox::plan::{Entry, EntryKind, Layer, Probe, Seen, Stack, Value};
use glassbox::probe::{View, observe, visible};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sys::stat::{Mode, SFlag, mknod};
use nix::unistd::mkfifo;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, Permissions};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use support::pack::public_tempdir;
use support::skip::SKIPPED;
use support::{Limit, PATIENCE, User, is_root, skip, users};

/// Where the process in the namespace may work: an empty directory.
const WORK: &str = "GLASSBOX_PICTURE_WORK";

#[test]
fn the_picture_is_what_the_directories_hold() {
    in_a_mount_namespace("within::random_layers");
}

#[test]
fn a_wrong_picture_is_caught() {
    in_a_mount_namespace("within::wrong_pictures");
}

#[test]
fn a_picture_has_bounds() {
    in_a_mount_namespace("within::large_layers");
}

/// Runs an ignored test of this file in a mount namespace: as root in that
/// alone, as an ordinary user in a user namespace, too.
fn in_a_mount_namespace(test: &str) {
    for user in users() {
        let dir = public_tempdir();
        let (program, work) = (dir.path().join("picture"), dir.path().join("work"));
        // By a child: see `support::public_binary`.
        let this = std::env::current_exe().unwrap();
        let copied = Command::new("cp")
            .arg(this)
            .arg(&program)
            .within(PATIENCE)
            .status();
        assert!(copied.unwrap().success());
        fs::create_dir(&work).unwrap();
        fs::set_permissions(&work, Permissions::from_mode(0o777)).unwrap();
        let root = is_root() && user == User::Me;
        let mut unshare = Command::new("unshare");
        unshare.args(["--mount", "--propagation", "private"]);
        if !root {
            unshare.arg("--map-root-user");
        }
        if user == User::Ordinary {
            unshare.uid(65534).gid(65534);
        }
        unshare.arg(&program).current_dir("/").env(WORK, &work);
        unshare.args(["--ignored", "--exact", "--nocapture", test]);
        let output = unshare.within(PATIENCE).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned()
            + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{test} as {user:?}:\n{text}");
        assert!(text.contains("1 passed"), "{test} wasn't run:\n{text}");
        for line in text.lines().filter(|line| line.contains(": ")) {
            match line.strip_prefix(SKIPPED) {
                Some(because) => skip(format_args!("as {user:?}: {because}")),
                None => eprintln!("{test} as {user:?}: {line}"),
            }
        }
    }
}

/// Names that a careless reader would take for something else. The first ones
/// come often, so that layers have names in common.
fn name(index: u8) -> OsString {
    let bytes: &[u8] = match index % 16 {
        0..=2 => b"a",
        3 | 4 => b"b",
        5 => b"c",
        6 => b"a space",
        7 => b"new\nline",
        8 => b"co:lon,comma",
        9 => b"back\\slash\\x41",
        10 => b"\"quote's",
        11 => b"\xff\xfe\xc3",
        12 => b".hidden",
        13 => &[b'x'; 200],
        14 => "ünï\u{85}код".as_bytes(),
        _ => b"a.b",
    };
    OsString::from_vec(bytes.to_vec())
}

/// A path below a layer or a view.
#[derive(Debug, Clone)]
struct Spot(Vec<u8>);

impl Spot {
    fn below(&self, top: &Path) -> PathBuf {
        let path = |path: PathBuf, index: &u8| path.join(name(*index));
        self.0.iter().fold(top.into(), path)
    }
}

/// What an operation is done to.
#[derive(Debug, Clone)]
enum Target {
    /// A name that is there then, by its number.
    There(u16),
    /// A name in a directory that is there then.
    In(u16, u8),
    /// Whatever is there or not.
    Any(Spot),
}

impl Target {
    fn below(&self, at: &Path) -> PathBuf {
        let mut names = BTreeMap::new();
        walk(at, Path::new(""), &mut names);
        match self {
            Target::Any(spot) => spot.below(at),
            Target::There(number) => {
                let number = usize::from(*number).checked_rem(names.len());
                let name = number.and_then(|number| names.keys().nth(number));
                at.join(name.unwrap_or(&PathBuf::from("none")))
            }
            Target::In(number, index) => {
                names.retain(|_, kind| *kind == EntryKind::Directory);
                names.insert(PathBuf::new(), EntryKind::Directory);
                let directory = names.keys().nth(usize::from(*number) % names.len());
                at.join(directory.unwrap()).join(name(*index))
            }
        }
    }
}

/// What is put directly into a layer before it is mounted.
#[derive(Debug, Clone, Copy)]
enum Made {
    File,
    Short,
    Directory,
    Opaque,
    Whiteout,
    Symlink,
    Fifo,
}

/// What is done in the mounted view.
#[derive(Debug, Clone)]
enum Done {
    Write(Target),
    Mkdir(Target),
    Unlink(Target),
    RemoveAll(Target),
    Rmdir(Target),
    Rename(Target, Target),
    Symlink(Target),
    Link(Target, Target),
    FileByDirectory(Target),
    DirectoryByFile(Target),
    DirectoryAnew(Target),
    Chmod(Target, u32),
}

/// Layers and what happens to them.
#[derive(Debug, Clone)]
struct Case {
    lowers: Vec<Vec<(Made, Spot)>>,
    /// `None` for a mount that can't be written.
    upper: Option<Vec<(Made, Spot)>>,
    operations: Vec<Done>,
    /// Directories of the layers with names that mount options must escape.
    odd: bool,
    /// The lowers on another filesystem than the upper.
    apart: bool,
}

fn case() -> impl Strategy<Value = Case> {
    let spot = || vec(any::<u8>(), 1..=3).prop_map(Spot);
    let made = prop_oneof![
        4 => Just(Made::File),
        1 => Just(Made::Short),
        4 => Just(Made::Directory),
        2 => Just(Made::Opaque),
        2 => Just(Made::Whiteout),
        1 => Just(Made::Symlink),
        1 => Just(Made::Fifo),
    ];
    let tree = vec((made, spot()), 0..12);
    let target = || {
        prop_oneof![
            2 => any::<u16>().prop_map(Target::There),
            2 => any::<(u16, u8)>().prop_map(|(number, name)| Target::In(number, name)),
            1 => spot().prop_map(Target::Any),
        ]
    };
    let done = prop_oneof![
        target().prop_map(Done::Write),
        target().prop_map(Done::Mkdir),
        target().prop_map(Done::Unlink),
        target().prop_map(Done::RemoveAll),
        target().prop_map(Done::Rmdir),
        (target(), target()).prop_map(|(from, to)| Done::Rename(from, to)),
        target().prop_map(Done::Symlink),
        (target(), target()).prop_map(|(from, to)| Done::Link(from, to)),
        target().prop_map(Done::FileByDirectory),
        target().prop_map(Done::DirectoryByFile),
        target().prop_map(Done::DirectoryAnew),
        (target(), 0o600..0o777u32).prop_map(|(at, mode)| Done::Chmod(at, mode)),
    ];
    let upper = prop_oneof![
        2 => Just(Some(Vec::new())),
        2 => tree.clone().prop_map(Some),
        1 => Just(None),
    ];
    (
        vec(tree, 1..=4),
        upper,
        vec(done, 0..16),
        any::<bool>(),
        any::<bool>(),
    )
        .prop_map(|(lowers, upper, operations, odd, apart)| Case {
            // A view that can't be written needs two layers.
            upper: if lowers.len() < 2 {
                Some(upper.unwrap_or_default())
            } else {
                upper
            },
            lowers,
            operations,
            odd,
            apart,
        })
}

/// A directory in which overlays can be mounted, and how.
struct Bench {
    /// Two filesystems, or twice the same one.
    places: [PathBuf; 2],
    options: &'static str,
    mark: &'static str,
    /// So that each file has contents of its own.
    written: Cell<u32>,
    /// How often something was done, by its name.
    counts: RefCell<BTreeMap<&'static str, u32>>,
}

impl Bench {
    /// Tries all that belongs to an overlay; `Err` says what this kernel can't.
    fn new() -> Result<Bench, String> {
        let work = PathBuf::from(std::env::var_os(WORK).expect("run by the tests of this file"));
        let first_user = fs::read_to_string("/proc/self/uid_map").unwrap();
        let initial = first_user.split_whitespace().nth(2) == Some("4294967295");
        let (options, mark) = if initial {
            (
                "index=off,redirect_dir=off,metacopy=off",
                "trusted.overlay.opaque",
            )
        } else {
            ("userxattr", "user.overlay.opaque")
        };
        let places = ["one", "two"].map(|name| work.join(name));
        for place in &places {
            fs::create_dir(place).map_err(|error| error.to_string())?;
            let no = MsFlags::empty();
            mount(Some("tmpfs"), place, Some("tmpfs"), no, Some("size=32m"))
                .map_err(|errno| format!("a tmpfs: {errno}"))?;
            if let Err(error) = xattr::set(place, mark, b"n") {
                // Before Linux 6.6: on the disk that is below.
                eprintln!("on the disk: {mark} on a tmpfs: {error}");
                umount2(place, MntFlags::empty()).unwrap();
            }
        }
        let bench = Bench {
            places,
            options,
            mark,
            written: Cell::new(0),
            counts: RefCell::default(),
        };
        let spot = || Spot(vec![0]);
        let trial = Case {
            lowers: vec![vec![
                (Made::Directory, spot()),
                (Made::File, Spot(vec![0, 0])),
            ]],
            upper: Some(Vec::new()),
            operations: vec![Done::DirectoryAnew(Target::Any(spot()))],
            odd: false,
            apart: false,
        };
        let opaque = bench.mounted(&trial, |at| {
            let upper = at.with_file_name("upper").join(name(0));
            matches!(xattr::get(upper, bench.mark), Ok(Some(value)) if value == b"y")
        });
        match opaque {
            Ok(true) => Ok(bench),
            Ok(false) => Err("a directory made anew isn't opaque".into()),
            Err(because) => Err(because),
        }
    }

    fn count(&self, what: &'static str) {
        *self.counts.borrow_mut().entry(what).or_default() += 1;
    }

    /// Text that no other file has.
    fn text(&self, short: bool) -> String {
        self.written.set(self.written.get() + 1);
        let n = self.written.get();
        if short {
            format!("{n:x}\n")
        } else {
            format!("the file of number {n}")
        }
    }

    /// Makes the layers, mounts them, carries the operations out, lets look at
    /// the mount point, and takes all away.
    fn mounted<T>(&self, case: &Case, look: impl FnOnce(&Path) -> T) -> Result<T, String> {
        let [here, elsewhere] = self.places.clone().map(|place| place.join("case"));
        fs::create_dir(&here).map_err(|error| error.to_string())?;
        fs::create_dir(&elsewhere).map_err(|error| error.to_string())?;
        let lowers: Vec<PathBuf> = (1..=case.lowers.len())
            .map(|number| {
                let place = if case.apart { &elsewhere } else { &here };
                place.join(if case.odd {
                    format!("l:{number},\\x y")
                } else {
                    number.to_string()
                })
            })
            .collect();
        for (lower, tree) in lowers.iter().zip(&case.lowers) {
            self.build(lower, tree);
        }
        let at = here.join("view");
        fs::create_dir(&at).unwrap();
        let escaped = |path: &PathBuf| {
            let mut out = String::new();
            for c in path.to_str().unwrap().chars() {
                if matches!(c, ':' | ',' | '\\') {
                    out.push('\\');
                }
                out.push(c);
            }
            out
        };
        let lower: Vec<String> = lowers.iter().map(escaped).collect();
        let mut data = format!("{},lowerdir={}", self.options, lower.join(":"));
        if let Some(tree) = &case.upper {
            let upper = here.join(if case.odd { "u\\p:p,er" } else { "upper" });
            self.build(&upper, tree);
            let work = here.join("work");
            fs::create_dir(&work).unwrap();
            data += &format!(",upperdir={},workdir={}", escaped(&upper), escaped(&work));
        }
        let no = MsFlags::empty();
        let made = mount(
            Some("overlay"),
            &at,
            Some("overlay"),
            no,
            Some(data.as_str()),
        );
        let looked = made
            .map_err(|errno| format!("an overlay with {data}: {errno}"))
            .map(|()| {
                for operation in &case.operations {
                    self.carry_out(&at, operation);
                }
                let looked = look(&at);
                umount2(&at, MntFlags::empty()).unwrap();
                looked
            });
        fs::remove_dir_all(&here).unwrap();
        fs::remove_dir_all(&elsewhere).unwrap();
        looked
    }

    /// A layer; what can't be made, because its place is taken, isn't.
    fn build(&self, top: &Path, tree: &[(Made, Spot)]) {
        fs::create_dir(top).unwrap();
        for (made, spot) in tree {
            let path = spot.below(top);
            let _ = fs::create_dir_all(path.parent().unwrap());
            if path.symlink_metadata().is_ok() {
                continue;
            }
            let mode = Mode::from_bits_truncate(0o644);
            let (what, result) = match made {
                Made::File => ("file", fs::write(path, self.text(false)).ok()),
                Made::Short => ("short file", fs::write(path, self.text(true)).ok()),
                Made::Directory => ("directory", fs::create_dir(path).ok()),
                Made::Opaque => (
                    "opaque",
                    fs::create_dir(&path)
                        .and_then(|()| xattr::set(&path, self.mark, b"y"))
                        .ok(),
                ),
                Made::Whiteout => ("whiteout", mknod(&path, SFlag::S_IFCHR, mode, 0).ok()),
                Made::Symlink => ("symlink", symlink(self.text(false), path).ok()),
                Made::Fifo => ("fifo", mkfifo(&path, mode).ok()),
            };
            if result.is_some() {
                self.count(what);
            }
        }
    }

    /// What the kernel refuses is not done: the layers are then as before.
    fn carry_out(&self, at: &Path, operation: &Done) {
        let (what, result) = match operation {
            Done::Write(target) => {
                let path = target.below(at);
                // To open a FIFO would be to wait for its reader.
                let fifo = path.metadata().is_ok_and(|meta| meta.file_type().is_fifo());
                let text = self.text(false);
                let result = match fifo {
                    true => Err(std::io::ErrorKind::WouldBlock.into()),
                    false => fs::write(path, text),
                };
                ("write", result)
            }
            Done::Mkdir(target) => ("mkdir", fs::create_dir(target.below(at))),
            Done::Unlink(target) => ("unlink", fs::remove_file(target.below(at))),
            Done::RemoveAll(target) => ("rm -r", fs::remove_dir_all(target.below(at))),
            Done::Rmdir(target) => ("rmdir", fs::remove_dir(target.below(at))),
            Done::Rename(from, to) => ("rename", fs::rename(from.below(at), to.below(at))),
            Done::Symlink(target) => ("ln -s", symlink(self.text(false), target.below(at))),
            Done::Link(from, to) => ("ln", fs::hard_link(from.below(at), to.below(at))),
            Done::FileByDirectory(target) => {
                let path = target.below(at);
                let result = fs::remove_file(&path).and_then(|()| fs::create_dir(&path));
                ("file by directory", result)
            }
            Done::DirectoryByFile(target) => {
                let path = target.below(at);
                let text = self.text(true);
                let result = fs::remove_dir_all(&path).and_then(|()| fs::write(&path, text));
                ("directory by file", result)
            }
            Done::DirectoryAnew(target) => {
                let path = target.below(at);
                let result = fs::remove_dir_all(&path).and_then(|()| fs::create_dir(&path));
                ("directory anew", result)
            }
            Done::Chmod(target, mode) => {
                let mode = Permissions::from_mode(*mode);
                ("chmod", fs::set_permissions(target.below(at), mode))
            }
        };
        if result.is_ok() {
            self.count(what);
        }
    }
}

/// The picture that the probe draws of a mount.
fn picture(at: &Path) -> Result<Stack, String> {
    let probe = Probe::Stack(at.to_str().unwrap().into());
    match observe(&View::myself(), &probe)
        .pop()
        .unwrap()
        .value
        .map_err(|why| why.to_string())?
    {
        Value::Stack(stack) => Ok(*stack),
        other => Err(format!("not a stack: {other:?}")),
    }
}

/// Holds a picture against the directories. They are read here once more, with
/// nothing of the probe's.
fn compare(stack: &Stack, at: &Path) -> Result<(), String> {
    let computed = visible(&stack.layers);
    let names = |list: &[Seen]| -> BTreeMap<PathBuf, EntryKind> {
        list.iter()
            .map(|seen| (read_back(&seen.path), seen.kind))
            .collect()
    };
    let mut observed = BTreeMap::new();
    walk(at, Path::new(""), &mut observed);
    let listed = names(&stack.view);
    if listed != observed || stack.view.len() != observed.len() {
        return Err(format!(
            "the view lists {listed:?}, and there are {observed:?}"
        ));
    }
    if names(&computed) != observed {
        return Err(format!("computed {computed:?}, and there are {observed:?}"));
    }
    for seen in &computed {
        let in_view = stack.view.iter().find(|other| other.path == seen.path);
        let from = &in_view.ok_or("it was just found")?.from;
        if *from != seen.from {
            return Err(format!("{seen:?}, but the view says {from:?}"));
        }
        let path = read_back(&seen.path);
        let first = seen
            .from
            .first()
            .ok_or(format!("{seen:?} comes from nowhere"))?;
        let below = Path::new(&stack.layers[*first].path).join(&path);
        let contents = |path: &Path| match seen.kind {
            EntryKind::File => fs::read(path).ok(),
            EntryKind::Symlink => fs::read_link(path)
                .ok()
                .map(|to| to.into_os_string().into_vec()),
            _ => Some(Vec::new()),
        };
        let shown = contents(&at.join(&path));
        if shown.is_none() || shown != contents(&below) {
            return Err(format!(
                "{seen:?} shows {shown:?}: not what the layer holds"
            ));
        }
        let text = in_view.and_then(|seen| seen.text.as_deref());
        if let (EntryKind::File, Some(shown)) = (seen.kind, shown) {
            let whole = shown.strip_suffix(b"\n").unwrap_or(&shown);
            let expected = (whole.len() <= 8).then_some(whole);
            if text.map(str::as_bytes) != expected {
                return Err(format!("{seen:?} has the text {text:?}"));
            }
        }
    }
    let mut order: Vec<PathBuf> = stack
        .view
        .iter()
        .map(|seen| read_back(&seen.path))
        .collect();
    order.sort();
    if !stack
        .view
        .iter()
        .map(|seen| read_back(&seen.path))
        .eq(order)
    {
        return Err("the view isn't in the order of the paths".into());
    }
    Ok(())
}

/// Every name that the mount shows; what readdir(3) gives and nobody can open
/// isn't one.
fn walk(top: &Path, below: &Path, found: &mut BTreeMap<PathBuf, EntryKind>) {
    for entry in fs::read_dir(top.join(below)).unwrap() {
        let path = below.join(entry.unwrap().file_name());
        let Ok(meta) = top.join(&path).symlink_metadata() else {
            continue;
        };
        let kind = meta.file_type();
        if kind.is_dir() {
            walk(top, &path, found);
        }
        let kind = match () {
            () if kind.is_dir() => EntryKind::Directory,
            () if kind.is_file() => EntryKind::File,
            () if kind.is_symlink() => EntryKind::Symlink,
            () if kind.is_char_device() && meta.rdev() == 0 => EntryKind::Whiteout,
            () => EntryKind::Special,
        };
        found.insert(path, kind);
    }
}

/// The path that was written as it is, but for the one name that isn't UTF-8.
fn read_back(text: &str) -> PathBuf {
    const WRITTEN: &str = r"\xff\xfe\xc3";
    let mut bytes = Vec::new();
    for (number, part) in text.split(WRITTEN).enumerate() {
        if number > 0 {
            bytes.extend(b"\xff\xfe\xc3");
        }
        bytes.extend(part.as_bytes());
    }
    OsString::from_vec(bytes).into()
}

/// What `origin` says of each name that TOML could hold.
fn origins(stack: &Stack, at: &Path) -> Result<(), String> {
    for seen in &stack.view {
        let Some(path) = at.join(read_back(&seen.path)).to_str().map(String::from) else {
            continue;
        };
        let expected = Value::Text(stack.layers[seen.from[0]].name.clone());
        let origin = observe(&View::myself(), &Probe::Origin(path))
            .pop()
            .unwrap();
        if origin.value != Ok(expected) {
            return Err(format!("{seen:?} has the origin {:?}", origin.value));
        }
    }
    Ok(())
}

/// Run in a mount namespace of their own, by the tests above.
mod within {
    use super::*;

    fn bench() -> Option<Bench> {
        // Whatever hangs here ends.
        nix::unistd::alarm::set(300);
        match Bench::new() {
            Ok(bench) => Some(bench),
            Err(because) => {
                println!("{SKIPPED}{because}");
                None
            }
        }
    }

    #[test]
    #[ignore = "run by another test, in a mount namespace"]
    fn random_layers() {
        let Some(bench) = bench() else { return };
        let started = std::time::Instant::now();
        let config = Config {
            // More, if PROPTEST_CASES asks for them.
            cases: Config::default().cases.max(256),
            failure_persistence: None,
            max_shrink_iters: 500,
            ..Config::default()
        };
        let outcome = TestRunner::new(config).run(&case(), |case| {
            bench.count("case");
            let fail = |text: String| TestCaseError::fail(text);
            bench
                .mounted(&case, |at| {
                    let stack = picture(at)?;
                    compare(&stack, at)?;
                    let of = stack.layers[0].entries.iter().map(|entry| entry.kind);
                    of.for_each(|kind| match kind {
                        EntryKind::Whiteout => bench.count("upper whiteout"),
                        EntryKind::Opaque => bench.count("upper opaque"),
                        _ => {}
                    });
                    let merged = stack.view.iter().filter(|seen| seen.from.len() > 1);
                    merged.for_each(|_| bench.count("merged"));
                    origins(&stack, at)
                })
                .and_then(|result| result)
                .map_err(fail)
        });
        outcome.unwrap_or_else(|error| panic!("{error}"));
        let counts = bench.counts.borrow();
        println!("done: {counts:?} in {:?}", started.elapsed());
        // What never happens in all cases isn't tested.
        for what in [
            "file",
            "short file",
            "directory",
            "opaque",
            "whiteout",
            "symlink",
            "fifo",
            "write",
            "mkdir",
            "unlink",
            "rm -r",
            "rmdir",
            "rename",
            "ln -s",
            "ln",
            "file by directory",
            "directory by file",
            "directory anew",
            "chmod",
            "merged",
            "upper whiteout",
            "upper opaque",
        ] {
            assert!(counts.get(what).is_some(), "{what} in {counts:?}");
        }
    }

    #[test]
    #[ignore = "run by another test, in a mount namespace"]
    fn wrong_pictures() {
        let Some(bench) = bench() else { return };
        let (a, b, c) = (0, 3, 5);
        let case = Case {
            lowers: vec![
                vec![
                    (Made::File, Spot(vec![a])),
                    (Made::Directory, Spot(vec![c])),
                ],
                vec![
                    (Made::File, Spot(vec![a])),
                    (Made::File, Spot(vec![b])),
                    (Made::File, Spot(vec![c, a])),
                ],
            ],
            upper: Some(vec![
                (Made::Whiteout, Spot(vec![b])),
                (Made::Opaque, Spot(vec![c])),
            ]),
            operations: vec![],
            odd: false,
            apart: false,
        };
        let looked = bench.mounted(&case, |at| {
            let right = picture(at).unwrap();
            compare(&right, at).unwrap();
            let entries =
                |layer: &mut Layer, wanted: EntryKind, change: &dyn Fn(&mut Vec<Entry>, usize)| {
                    let found = layer.entries.iter().position(|entry| entry.kind == wanted);
                    change(&mut layer.entries, found.unwrap());
                };
            let drop = |entries: &mut Vec<Entry>, index: usize| drop(entries.remove(index));
            type Wrong<'a> = (&'a str, &'a dyn Fn(&mut Stack));
            let wrong: [Wrong<'_>; 7] = [
                ("two layers swapped", &|stack| stack.layers.swap(1, 2)),
                ("a whiteout dropped", &|stack| {
                    entries(&mut stack.layers[0], EntryKind::Whiteout, &drop);
                }),
                ("an opaque directory merged", &|stack| {
                    let merge = |entries: &mut Vec<Entry>, index: usize| {
                        entries[index].kind = EntryKind::Directory;
                    };
                    entries(&mut stack.layers[0], EntryKind::Opaque, &merge);
                }),
                ("a file dropped", &|stack| {
                    entries(&mut stack.layers[1], EntryKind::File, &drop);
                }),
                ("a layer dropped", &|stack| {
                    stack.layers[1].entries.clear();
                    stack.layers[2].entries.clear();
                }),
                ("a name of the view dropped", &|stack| {
                    stack.view.pop();
                }),
                ("another origin in the view", &|stack| {
                    stack.view[0].from = vec![2]
                }),
            ];
            for (what, change) in wrong {
                let mut stack = right.clone();
                change(&mut stack);
                assert!(compare(&stack, at).is_err(), "{what} wasn't caught");
            }
        });
        looked.unwrap();
    }

    #[test]
    #[ignore = "run by another test, in a mount namespace"]
    fn large_layers() {
        let Some(bench) = bench() else { return };
        let none = Case {
            lowers: vec![vec![], vec![(Made::File, Spot(vec![13]))]],
            upper: Some(vec![]),
            operations: vec![],
            odd: false,
            apart: false,
        };
        let looked = bench.mounted(&none, |at| {
            for number in 0..2100 {
                fs::write(at.join(format!("{number:04}")), "").unwrap();
            }
            let stack = picture(at).unwrap();
            assert!(stack.cut);
            assert_eq!(
                (stack.layers[0].entries.len(), stack.view.len()),
                (2000, 2000)
            );
            // Behind the end of the upper's list nothing is known.
            assert_eq!(stack.layers[2].entries, []);
            assert!(stack.view.iter().all(|seen| seen.from == [0]));
        });
        looked.unwrap();
        let deep = bench.mounted(&none, |at| {
            let directory: PathBuf = std::iter::repeat_n("d", 32).collect();
            fs::create_dir_all(at.join(&directory)).unwrap();
            assert!(!picture(at).unwrap().cut);
            compare(&picture(at).unwrap(), at).unwrap();
            fs::write(at.join(&directory).join("file"), "").unwrap();
            let stack = picture(at).unwrap();
            assert!(stack.cut);
            // The directories, and the file of the lowest layer.
            assert_eq!(stack.view.len(), 32 + 1);
        });
        deep.unwrap();
        let covered = bench.mounted(&none, |at| {
            let below = at.join("d");
            fs::create_dir(&below).unwrap();
            fs::write(below.join("hidden"), "").unwrap();
            mount(
                Some("tmpfs"),
                &below,
                Some("tmpfs"),
                MsFlags::empty(),
                None::<&str>,
            )
            .unwrap();
            fs::write(below.join("elsewhere"), "").unwrap();
            let stack = picture(at).unwrap();
            umount2(&below, MntFlags::empty()).unwrap();
            let names: Vec<&str> = stack.view.iter().map(|seen| seen.path.as_str()).collect();
            // What is mounted below isn't of these layers.
            assert_eq!(names[0], "d");
            assert!(!names.contains(&"d/elsewhere") && !names.contains(&"d/hidden"));
        });
        covered.unwrap();
    }
}
