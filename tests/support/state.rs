//! The machine as a run must leave it: one look before, one after, compared in
//! both directions.
//!
//! Other programs use the machine meanwhile. So what is theirs counts only
//! where it is known not to change by itself: that of the [decoys](super::decoys),
//! which these tests make as somebody else's things, and the controllers that
//! existing groups hand down. What is new counts where it can only be a run's:
//! processes that descend from this one or bear its mark, names that only this
//! program gives, and whatever is owned by the group that runs have here
//! ([`as_run`]). A thing of another run whose owner lives is that run's.

use super::decoys::Decoys;
use super::{User, is_root, mark};
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::Pid;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Lets the orphans of runs come to this process, by which they are known, and
/// awaits their end as init would: one that nobody asks how it ended keeps its
/// pid namespace from ending.
fn adopt_orphans() {
    static ADOPTS: OnceLock<()> = OnceLock::new();
    ADOPTS.get_or_init(|| {
        nix::sys::prctl::set_child_subreaper(true).unwrap();
        std::thread::spawn(|| {
            loop {
                children_of(std::process::id() as i32)
                    .into_iter()
                    .filter(|pid| is_orphan(*pid))
                    .for_each(|pid| {
                        let _ = waitpid(Pid::from_raw(pid), Some(WaitPidFlag::WNOHANG));
                    });
                std::thread::sleep(Duration::from_millis(5));
            }
        });
    });
}

/// Whether a child of ours that has ended isn't one that a test started and
/// waits for: those are of our session, or begin one of their own. So does
/// a supervisor, which no test starts.
fn is_orphan(pid: i32) -> bool {
    let ours = nix::unistd::getsid(None).map_or(0, Pid::as_raw);
    Stat::of(pid).is_some_and(|stat| {
        let adopted = stat.session != pid || stat.comm == "glassbox-super";
        stat.is_over() && stat.session != ours && adopted
    })
}

/// The children of a process that haven't been waited for.
pub fn children_of(pid: i32) -> Vec<i32> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task"))
        .into_iter()
        .flatten();
    let lists: Option<Vec<String>> = tasks
        .flatten()
        .map(|task| fs::read_to_string(task.path().join("children")).ok())
        .collect();
    match lists {
        Some(lists) => {
            let pids = lists.iter().flat_map(|list| list.split_whitespace());
            pids.flat_map(str::parse).collect()
        }
        // A kernel without CONFIG_PROC_CHILDREN, or a thread that has just ended.
        None => {
            let all = processes().into_iter();
            let its = all.filter(|(_, stat)| stat.parent == pid);
            its.map(|(pid, _)| pid).collect()
        }
    }
}

/// Where programs leave things, whoever they are.
const PUBLIC: [&str; 7] = [
    "/tmp",
    "/var/tmp",
    "/run",
    "/dev/shm",
    "/dev/mqueue",
    "/mnt",
    "/run/lock",
];

/// The group id of the runs that root starts by [`as_run`]: it's nobody else's,
/// so a name that it owns tells its maker. Above what a distribution gives out.
fn group_of_runs() -> u32 {
    1_000_000_000 + std::process::id()
}

/// Marks what a program makes as a run's, if this process may.
pub fn as_run(command: &mut Command, user: User) -> &mut Command {
    if is_root() && user == User::Me {
        command.gid(group_of_runs());
    }
    command
}

/// One look: what exists, and in which state.
type Things = BTreeMap<String, String>;

/// The machine at one moment, and the decoys that are watched from then on.
pub struct Host {
    things: Things,
    decoys: Decoys,
}

impl Host {
    /// The machine as it is now.
    pub fn look() -> Host {
        Host::beside(Decoys::default())
    }

    /// The machine as it is now, with decoys, which go with this.
    pub fn beside(decoys: Decoys) -> Host {
        adopt_orphans();
        let things = things(&decoys);
        Host { things, decoys }
    }

    /// The decoys, for those who change one.
    pub fn decoys(&self) -> &Decoys {
        &self.decoys
    }

    /// What has appeared, vanished or changed since.
    pub fn changes(&self) -> Vec<String> {
        compare(&self.things, &things(&self.decoys))
    }

    /// What still differs when the kernel has had this long to end the last
    /// processes of a killed run.
    pub fn changes_within(&self, patience: Duration) -> Vec<String> {
        let started = Instant::now();
        loop {
            let changes = self.changes();
            if changes.is_empty() || started.elapsed() > patience {
                return changes;
            }
            // The end of what isn't our child has no event for us.
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

fn compare(before: &Things, now: &Things) -> Vec<String> {
    let appeared = now
        .iter()
        .filter(|(thing, _)| !before.contains_key(*thing) && !comes_and_goes(thing))
        .map(|(thing, state)| format!("appeared: {thing}: {state}"));
    let since = before
        .iter()
        .filter_map(|(thing, state)| match now.get(thing) {
            None if comes_and_goes(thing) => None,
            None => Some(format!("vanished: {thing}: {state}")),
            Some(new) if new != state => Some(format!("changed: {thing}: {state} -> {new}")),
            Some(_) => None,
        });
    appeared.chain(since).collect()
}

/// A group that isn't a run's may end with the service that it is of; while it
/// is there, nobody changes what it hands down.
const HANDED_DOWN: &str = "handed down in";

fn comes_and_goes(thing: &str) -> bool {
    thing.starts_with(HANDED_DOWN)
}

fn things(decoys: &Decoys) -> Things {
    let mut found = Things::new();
    let ours = our_processes();
    for pid in &ours {
        note_process(*pid, &mut found);
    }
    note_mounts(&mut found);
    for link in nix::net::if_::if_nameindex().unwrap().iter() {
        found.insert(
            format!("link {}", link.name().to_string_lossy()),
            format!("index {}", link.index()),
        );
    }
    note_sysvipc(&mut found);
    for directory in PUBLIC {
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            note_name(&entry.path(), directory == "/mnt", &ours, &mut found);
        }
    }
    walk(Path::new("/sys/fs/cgroup"), &mut |group| {
        note_group(group, &ours, &mut found);
    });
    decoys.note(&mut found);
    found
}

/// What /proc/PID/stat tells, proc_pid_stat(5).
pub struct Stat {
    pub comm: String,
    pub state: String,
    pub parent: i32,
    pub group: i32,
    pub session: i32,
    /// In clock ticks since boot.
    pub start: u64,
}

impl Stat {
    pub fn of(pid: i32) -> Option<Stat> {
        let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name in parentheses may hold anything: fields count from the last one.
        let (head, rest) = text.rsplit_once(") ")?;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        Some(Stat {
            comm: head.split_once('(')?.1.into(),
            state: fields.first()?.to_string(),
            parent: fields.get(1)?.parse().ok()?,
            group: fields.get(2)?.parse().ok()?,
            session: fields.get(3)?.parse().ok()?,
            start: fields.get(19)?.parse().ok()?,
        })
    }

    /// Whether it has ended, and only its parent has not asked how.
    pub fn is_over(&self) -> bool {
        self.state == "Z" || self.state == "X"
    }
}

/// Every process of the machine.
pub fn processes() -> BTreeMap<i32, Stat> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(|pid| Some((pid, Stat::of(pid)?)))
        .collect()
}

/// The processes of our runs: what descends from this process, and what bears
/// its mark.
pub fn our_processes() -> BTreeSet<i32> {
    let all = processes();
    let me = std::process::id() as i32;
    let descends = |mut pid: i32| {
        while let Some(stat) = all.get(&pid) {
            if stat.parent == me {
                return true;
            }
            pid = stat.parent;
        }
        false
    };
    let marked = |pid: i32| {
        // A learner may use the course while its tests run: only ours count.
        let environ = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environ
            .split(|byte| *byte == 0)
            .any(|variable| variable == mark().as_bytes())
    };
    all.iter()
        .filter(|(pid, stat)| **pid != me && !stat.is_over() && (descends(**pid) || marked(**pid)))
        .map(|(pid, _)| *pid)
        .collect()
}

fn note_process(pid: i32, found: &mut Things) {
    // Not its name: a child that was just forked has its parent's for a moment.
    let Some(stat) = Stat::of(pid) else { return };
    found.insert(format!("process {pid} from {}", stat.start), stat.comm);
    for link in fs::read_dir(format!("/proc/{pid}/ns"))
        .into_iter()
        .flatten()
        .flatten()
    {
        if let Ok(target) = fs::read_link(link.path()) {
            found.insert(format!("namespace {}", target.display()), "held".into());
        }
    }
}

fn note_mounts(found: &mut Things) {
    for line in fs::read_to_string("/proc/thread-self/mountinfo")
        .unwrap()
        .lines()
    {
        let fields: Vec<&str> = line.split(' ').collect();
        // systemd mounts credentials as it likes, and the directories of logins.
        let of_systemd = |place: &str| fields[4].starts_with(place);
        if !of_systemd("/run/credentials/") && !of_systemd("/run/user/") {
            let thing = format!("mount {} at {}", fields[0], fields[4]);
            found.insert(thing, line.into());
        }
    }
}

fn note_sysvipc(found: &mut Things) {
    for kind in ["msg", "sem", "shm"] {
        let table = fs::read_to_string(format!("/proc/sysvipc/{kind}")).unwrap_or_default();
        for line in table.lines().skip(1) {
            let fields: Vec<&str> = line.split_whitespace().collect();
            if let [key, id, mode, ..] = fields[..] {
                found.insert(format!("sysvipc {kind} {id} of key {key}"), mode.into());
            }
        }
    }
}

fn note_name(path: &Path, any: bool, ours: &BTreeSet<i32>, found: &mut Things) {
    let Ok(meta) = path.symlink_metadata() else {
        return;
    };
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let a_runs = is_a_runs(meta.uid(), meta.gid()) || name.contains("glassbox");
    if any || a_runs && !of_a_living_stranger(&name, ours) {
        let state = format!("{:o} of {}:{}", meta.mode(), meta.uid(), meta.gid());
        found.insert(format!("file {}", path.display()), state);
    }
}

fn note_group(group: &Path, ours: &BTreeSet<i32>, found: &mut Things) {
    let Ok(meta) = group.metadata() else { return };
    let names = group
        .iter()
        .map(|name| name.to_string_lossy().into_owned())
        .filter(|name| name.contains("glassbox"));
    let names: Vec<String> = names.collect();
    let a_runs = meta.gid() == group_of_runs() || !names.is_empty();
    if a_runs && !names.iter().any(|name| of_a_living_stranger(name, ours)) {
        let state = format!("{:o} of {}:{}", meta.mode(), meta.uid(), meta.gid());
        found.insert(format!("cgroup {}", group.display()), state);
        return;
    }
    if let Ok(on) = fs::read_to_string(group.join("cgroup.subtree_control")) {
        found.insert(
            format!("{HANDED_DOWN} {}", group.display()),
            on.trim().into(),
        );
    }
}

/// Whether an owner is one that only runs have: the ordinary user of these
/// tests is the overflow id, which is also what a box's root is for root.
fn is_a_runs(uid: u32, gid: u32) -> bool {
    gid == group_of_runs() || is_root() && uid == super::ORDINARY
}

/// Whether a name tells of an owner (`glassbox-BOOT-PIDNS-PID-START-…`, or
/// `glassbox-PID-RUN.scope`) that lives and is none of ours.
fn of_a_living_stranger(name: &str, ours: &BTreeSet<i32>) -> bool {
    let words: Vec<&str> = name.split('-').collect();
    let lives = |pid: i32, start: Option<u64>| {
        Stat::of(pid).is_some_and(|stat| start.is_none_or(|start| stat.start == start))
            && !ours.contains(&pid)
            && pid != std::process::id() as i32
    };
    match words[..] {
        // What a run of these tests makes is of their own pid namespace.
        ["glassbox", _, namespace, _, _, ..] if is_another_pid_namespace(namespace) => true,
        ["glassbox", _, _, pid, start, ..] => match (pid.parse(), start.parse()) {
            (Ok(pid), Ok(start)) => lives(pid, Some(start)),
            _ => false,
        },
        ["glassbox", pid, run] if run.ends_with(".scope") => {
            pid.parse().is_ok_and(|pid| lives(pid, None))
        }
        _ => false,
    }
}

/// Whether a word is the inode of a pid namespace, and not of this process's.
fn is_another_pid_namespace(word: &str) -> bool {
    let own = fs::metadata("/proc/self/ns/pid").map(|meta| meta.ino());
    word.parse()
        .is_ok_and(|inode: u64| own.is_ok_and(|own| own != inode))
}

/// Every directory below one.
pub fn walk(dir: &Path, visit: &mut dyn FnMut(&Path)) {
    visit(dir);
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            walk(&entry.path(), visit);
        }
    }
}

/// This process's own group in each mounted hierarchy, and the mount's top:
/// (own, top, whether it is version 2). From /proc/self/cgroup and mountinfo.
pub fn own_groups() -> Vec<(PathBuf, PathBuf, bool)> {
    let memberships = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let mounts = fs::read_to_string("/proc/thread-self/mountinfo").unwrap_or_default();
    let mut found = Vec::new();
    for line in mounts.lines() {
        let Some((place, kind)) = line.split_once(" - ") else {
            continue;
        };
        let (place, kind): (Vec<&str>, Vec<&str>) =
            (place.split(' ').collect(), kind.split(' ').collect());
        let unified = match kind[0] {
            "cgroup2" => true,
            "cgroup" => false,
            _ => continue,
        };
        let options: BTreeSet<&str> = kind[2].split(',').collect();
        let own = memberships.lines().find_map(|line| {
            let mut fields = line.splitn(3, ':').skip(1);
            let (controllers, path) = (fields.next()?, fields.next()?);
            let same = match controllers {
                "" => unified,
                _ => !unified && controllers.split(',').all(|c| options.contains(c)),
            };
            same.then_some(path)
        });
        let below = own.and_then(|own| Path::new(own).strip_prefix(place[3]).ok());
        if let Some(below) = below {
            let top = PathBuf::from(place[4]);
            found.push((top.join(below), top, unified));
        }
    }
    found
}
