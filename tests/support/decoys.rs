//! Somebody else's things, made to be looked at afterwards: as like a run's as
//! they can be, or not like one's at all. A run, its end and `clean` must leave
//! each of them exactly as it is.

use super::state::{Stat, own_groups, walk};
use super::{Bounded, Limit, ORDINARY, PATIENCE, is_root};
use glassbox::base::Errno;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// How long they stand at most.
const LIFETIME: Duration = Duration::from_secs(7200);

/// A user that nothing here runs as.
const ANOTHER: u32 = 65_533;

/// A thing of somebody else's.
#[derive(Debug, Clone)]
pub enum Decoy {
    /// A file or a directory with all that is in it.
    File(PathBuf),
    Group(PathBuf),
    Process(i32),
    /// A message queue, by its id.
    Queue(String),
    /// The mounts and links of a process that has its own.
    Private(i32),
}

/// All of them. They go when this is dropped, and when this process is killed.
#[derive(Default)]
pub struct Decoys {
    made: Vec<Decoy>,
    /// What could not be made here, and why.
    pub missing: Vec<String>,
    keeper: Option<Bounded>,
    children: Vec<Bounded>,
}

/// Undoes line by line what it has read, the last one first, when its input
/// ends: that comes with any end of this process.
const KEEPER: &str = r#"
trap '' INT TERM HUP
gone() { n=0; while [ -d "$1" ] && ! rmdir "$1" 2>/dev/null && [ $n -lt 100 ]; do sleep 0.02; n=$((n + 1)); done; }
undo=
while read -r line; do undo="$line
$undo"; done
eval "$undo""#;

/// The files of a group whose content is its owner's affair.
const GROUP_FILES: [&str; 9] = [
    "cgroup.procs",
    "cgroup.subtree_control",
    "cgroup.freeze",
    "freezer.state",
    "pids.max",
    "memory.limit_in_bytes",
    "memory.max",
    "cpu.shares",
    "cpu.weight",
];

impl Decoys {
    /// Makes each kind where this user and this machine can.
    pub fn make() -> Decoys {
        let keeper = Command::new("sh")
            .args(["-c", KEEPER])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .within(LIFETIME)
            .spawn()
            .unwrap();
        let mut decoys = Decoys::default();
        decoys.keeper = Some(keeper);
        let owner = decoys.processes();
        decoys.files(owner);
        decoys.groups(owner);
        decoys.queue();
        decoys.private();
        decoys
    }

    /// Each of them.
    pub fn made(&self) -> &[Decoy] {
        &self.made
    }

    /// The processes that belong to them.
    pub fn pids(&self) -> Vec<i32> {
        let keeper = self.keeper.iter();
        let all = keeper.chain(&self.children);
        all.map(|child| child.id() as i32).collect()
    }

    fn undo(&mut self, line: &str) {
        if let Some(stdin) = self
            .keeper
            .as_mut()
            .and_then(|keeper| keeper.stdin.as_mut())
        {
            writeln!(stdin, "{line}").unwrap();
        }
    }

    fn lacks(&mut self, what: &str, why: impl std::fmt::Display) {
        self.missing.push(format!("{what}: {why}"));
    }

    /// A process that only waits, with every signal that can be blocked blocked:
    /// one that was sent to it stays to be seen.
    fn process(&mut self, command: &mut Command) -> i32 {
        let all = nix::sys::signal::SigSet::all();
        let before = all
            .thread_swap_mask(nix::sys::signal::SigmaskHow::SIG_SETMASK)
            .unwrap();
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .within(LIFETIME)
            .spawn();
        before.thread_set_mask().unwrap();
        let child = child.unwrap();
        let pid = child.id() as i32;
        self.undo(&format!("kill -9 {pid}"));
        self.children.push(child);
        self.made.push(Decoy::Process(pid));
        pid
    }

    fn sleeper(&mut self) -> i32 {
        let pid = self.process(Command::new("sleep").arg("7200"));
        await_that(|| Stat::of(pid).is_some_and(|stat| stat.comm == "sleep"));
        pid
    }

    /// The first owns what bears names like a run's.
    fn processes(&mut self) -> i32 {
        let owner = self.sleeper();
        self.process(Command::new("sleep").arg("7201").process_group(0));
        let stopped = self.sleeper();
        let pid = nix::unistd::Pid::from_raw(stopped);
        nix::sys::signal::kill(pid, nix::sys::signal::SIGSTOP).unwrap();
        await_that(|| Stat::of(stopped).is_some_and(|stat| stat.state == "T"));
        // What another run would have in its environment.
        let mut of_others = Command::new("sleep");
        self.process(of_others.arg("7202").env("GLASSBOX_RUN", "1-1-1"));
        if is_root() {
            self.process(
                Command::new("sleep")
                    .arg("7203")
                    .uid(ORDINARY)
                    .gid(ORDINARY),
            );
        }
        owner
    }

    fn files(&mut self, owner: i32) {
        let me = std::process::id();
        let living = name_of(owner, false);
        let dead = name_of(owner, true);
        for place in ["/tmp", "/var/tmp", "/run", "/dev/shm"] {
            let names = [
                // Of an owner that lives.
                (format!("{living}-layers"), None),
                (format!("{living}-other"), None),
                // Like ours, but not quite.
                (format!("glassbox-{me}-layers"), None),
                (format!("glassboxes-1-2-{me}-4-layers"), None),
                (in_another_pid_namespace(), None),
                (format!("decoy-{me}"), None),
                // Its owner is gone, but it is another user's: theirs to clean.
                (format!("{dead}-layers"), Some(ANOTHER)),
            ];
            for (name, uid) in names {
                if uid.is_some() && !is_root() {
                    continue;
                }
                if let Err(error) = self.tree(&Path::new(place).join(name), uid) {
                    self.lacks(place, error);
                    break;
                }
            }
        }
    }

    /// A directory with something in it.
    fn tree(&mut self, path: &Path, uid: Option<u32>) -> std::io::Result<()> {
        fs::create_dir(path)?;
        self.undo(&format!("rm -rf '{}'", path.display()));
        fs::create_dir_all(path.join("box-0/work"))?;
        fs::write(path.join("box-0/file"), format!("{}", path.display()))?;
        fs::write(path.join("box-0/work/empty"), "")?;
        fs::set_permissions(path.join("box-0/work"), fs::Permissions::from_mode(0o700))?;
        if uid.is_some() {
            let mut all = Vec::new();
            walk(path, &mut |dir| all.push(dir.to_path_buf()));
            for dir in all {
                std::os::unix::fs::chown(dir, uid, uid)?;
            }
        }
        self.made.push(Decoy::File(path.into()));
        Ok(())
    }

    /// In every hierarchy, where a run would make its own: below the session's
    /// group and at the top.
    fn groups(&mut self, owner: i32) {
        let me = std::process::id();
        for (own, top, unified) in own_groups() {
            let mut places = vec![own.clone()];
            if top != own && is_root() {
                places.push(top);
            }
            for place in places {
                let living = place.join(format!("{}-box", name_of(owner, false)));
                let made = self
                    .group(&living)
                    .and_then(|()| self.group(&living.join("inner")))
                    .and_then(|()| self.group(&place.join(format!("glassbox-{me}"))))
                    .and_then(|()| self.group(&place.join(format!("decoy-{me}"))));
                if let Err(error) = made {
                    self.lacks(&format!("{}", place.display()), error);
                    continue;
                }
                // Frozen, and limited, by somebody else.
                let decoy = place.join(format!("decoy-{me}"));
                for (file, text) in [
                    ("freezer.state", "FROZEN"),
                    ("pids.max", "7"),
                    ("cpu.shares", "77"),
                ] {
                    if decoy.join(file).exists() {
                        fs::write(decoy.join(file), text).unwrap();
                    }
                }
                if decoy.join("freezer.state").exists() {
                    self.undo(&format!("echo THAWED >'{}/freezer.state'", decoy.display()));
                }
                if unified {
                    self.hands_down(&place.join(format!("decoy-{me}-parent")));
                }
            }
        }
    }

    /// A group with a living process in it.
    fn group(&mut self, path: &Path) -> std::io::Result<()> {
        fs::create_dir(path)?;
        self.undo(&format!("gone '{}'", path.display()));
        // A new cpuset has neither CPUs nor memory, and takes nobody.
        for file in ["cpuset.cpus", "cpuset.mems"] {
            let above = path.parent().map(|parent| parent.join(file));
            if let Some(Ok(text)) = above.map(fs::read_to_string) {
                let _ = fs::write(path.join(file), text.trim());
            }
        }
        let pid = self.sleeper();
        fs::write(path.join("cgroup.procs"), pid.to_string())?;
        self.made.push(Decoy::Group(path.into()));
        Ok(())
    }

    /// A group in which somebody else has switched on whatever there is.
    fn hands_down(&mut self, path: &Path) {
        let made = fs::create_dir(path);
        if let Err(error) = made {
            return self.lacks(&format!("{}", path.display()), error);
        }
        self.undo(&format!("gone '{}'", path.display()));
        let has = fs::read_to_string(path.join("cgroup.controllers")).unwrap_or_default();
        if has.trim().is_empty() {
            self.lacks(
                "a controller that is switched on",
                "none is handed down here",
            );
        }
        for controller in has.split_whitespace() {
            let file = path.join("cgroup.subtree_control");
            if let Err(error) = fs::write(file, format!("+{controller}")) {
                self.lacks(controller, error);
            }
        }
        self.made.push(Decoy::Group(path.into()));
        if let Err(error) = self.group(&path.join("inner")) {
            self.lacks("a group in it", error);
        }
    }

    fn queue(&mut self) {
        match said(Command::new("ipcmk").args(["-Q", "-p", "0600"])) {
            Ok(text) => {
                let id = text
                    .rsplit(' ')
                    .next()
                    .unwrap_or_default()
                    .trim()
                    .to_string();
                self.undo(&format!("ipcrm -q {id}"));
                self.made.push(Decoy::Queue(id));
            }
            Err(why) => self.lacks("a message queue", why),
        }
    }

    /// A process with mounts and links of its own: a bind mount, a dummy link.
    fn private(&mut self) {
        let me = std::process::id();
        let dir = std::env::temp_dir().join(format!("decoy-{me}-mount"));
        if let Err(error) = fs::create_dir(&dir) {
            return self.lacks("a bind mount", error);
        }
        self.undo(&format!("rm -rf '{}'", dir.display()));
        let script = "mount --bind \"$0\" \"$0\" && : >\"$0/made\"
            ip link add decoy type dummy 2>/dev/null && : >\"$0/linked\"
            exec sleep 7204";
        let mut command = Command::new("unshare");
        if !is_root() {
            command.arg("-r");
        }
        command.args(["-m", "-n", "sh", "-c", script]).arg(&dir);
        let pid = self.process(&mut command);
        await_that(|| Stat::of(pid).is_none_or(|stat| stat.comm == "sleep" || stat.is_over()));
        if !dir.join("made").exists() {
            self.made.pop();
            return self.lacks("a bind mount", "unshare(1) or mount(8) failed");
        }
        if !dir.join("linked").exists() {
            self.lacks("a link", "ip(8) failed");
        }
        self.made.push(Decoy::Private(pid));
    }

    /// The state of each, for a look at the host.
    pub fn note(&self, found: &mut BTreeMap<String, String>) {
        for decoy in &self.made {
            let state = decoy.state().unwrap_or_else(|| "gone".into());
            found.insert(format!("somebody else's {decoy:?}"), state);
        }
    }
}

impl Drop for Decoys {
    fn drop(&mut self) {
        if let Some(mut keeper) = self.keeper.take() {
            drop(keeper.stdin.take());
            let _ = keeper.wait();
        }
        for mut child in self.children.drain(..) {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Decoy {
    /// All of it that somebody could have changed; `None`: it is gone.
    fn state(&self) -> Option<String> {
        match self {
            Decoy::File(path) => digest(path),
            Decoy::Group(path) => group_state(path),
            Decoy::Process(pid) => process_state(*pid),
            Decoy::Queue(id) => {
                let table = fs::read_to_string("/proc/sysvipc/msg").ok()?;
                let of = |line: &&str| line.split_whitespace().nth(1) == Some(id);
                table.lines().find(of).map(String::from)
            }
            Decoy::Private(pid) => {
                let links = fs::read_to_string(format!("/proc/{pid}/net/dev")).ok()?;
                let links = links
                    .lines()
                    .skip(2)
                    .filter_map(|line| line.split(':').next());
                let links: Vec<&str> = links.map(str::trim).collect();
                let mounts = fs::read_to_string(format!("/proc/{pid}/mountinfo")).ok()?;
                Some(format!("{links:?} {mounts}"))
            }
        }
    }
}

/// One number for a directory: names, kinds, owners, modes, times, content.
fn digest(path: &Path) -> Option<String> {
    let mut hash = Sha256::new();
    path.symlink_metadata().ok()?;
    feed(path, &mut hash);
    Some(format!("{:x}", hash.finalize()))
}

fn feed(path: &Path, hash: &mut Sha256) {
    let Ok(meta) = path.symlink_metadata() else {
        return;
    };
    let owner = (meta.ino(), meta.mode(), meta.uid(), meta.gid());
    hash.update(format!(
        "{} {owner:?} {}",
        path.display(),
        meta.mtime_nsec()
    ));
    if meta.is_dir() {
        let entries = fs::read_dir(path).into_iter().flatten().flatten();
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
        paths.sort();
        paths.iter().for_each(|path| feed(path, hash));
    } else {
        hash.update(fs::read(path).unwrap_or_default());
    }
}

fn group_state(path: &Path) -> Option<String> {
    let meta = path.metadata().ok()?;
    let mut state = format!("{:o} of {}:{}", meta.mode(), meta.uid(), meta.gid());
    for file in GROUP_FILES {
        match fs::read_to_string(path.join(file)) {
            Ok(text) => {
                let words: Vec<&str> = text.split_whitespace().collect();
                let _ = write!(state, ", {file}: {}", words.join(" "));
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => {
                let _ = write!(state, ", {file}: {:?}", Errno::of(&error));
            }
        }
    }
    Some(state)
}

/// Who it is, where it is, whether it runs, and the signals that await it.
fn process_state(pid: i32) -> Option<String> {
    let stat = Stat::of(pid).filter(|stat| !stat.is_over())?;
    let (group, session, start) = (stat.group, stat.session, stat.start);
    let mut state = format!("{} {group} {session} {start}", stat.state);
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let told = ["Uid:", "Gid:", "SigPnd:", "ShdPnd:", "NoNewPrivs:"];
    for line in status.lines() {
        if told.iter().any(|key| line.starts_with(key)) {
            let _ = write!(state, ", {}", line.replace('\t', " "));
        }
    }
    let groups = fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
    let _ = write!(state, ", {}", groups.trim().replace('\n', " "));
    for file in ["oom_score_adj", "coredump_filter"] {
        let text = fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap_or_default();
        let _ = write!(state, ", {file} {}", text.trim());
    }
    Some(state)
}

/// A name as a run of that process would give; or of one that is gone.
fn name_of(owner: i32, gone: bool) -> String {
    let boot = boot();
    let start = Stat::of(owner).unwrap().start + u64::from(gone);
    format!("glassbox-{boot}-{}-{owner}-{start}", pid_namespace())
}

/// A name as a run in another pid namespace would give, where that process id
/// is somebody else.
fn in_another_pid_namespace() -> String {
    format!("glassbox-{}-1-{}-1-layers", boot(), std::process::id())
}

fn boot() -> String {
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    id.chars().filter(char::is_ascii_hexdigit).take(8).collect()
}

fn pid_namespace() -> u64 {
    fs::metadata("/proc/self/ns/pid").unwrap().ino()
}

/// What a program says, or why it doesn't.
fn said(command: &mut Command) -> Result<String, String> {
    let output = command
        .within(PATIENCE)
        .output()
        .map_err(|error| error.to_string())?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

/// Waits for what a child of ours is about to do.
fn await_that(done: impl Fn() -> bool) {
    let started = std::time::Instant::now();
    while !done() {
        assert!(
            started.elapsed().as_secs() < 10,
            "a decoy didn't come to be what it is to be"
        );
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
}
