//! What runs have left whose guardian was killed, or is stopped and has lost its
//! program: processes, cgroups, directories on a disk. All else that a run makes
//! vanishes with its last process.
//!
//! Only what is known to belong to a dead run is touched: a process by the mark in
//! its initial environment, a group or a directory by the owner in its name.
//! What can't be removed is told, and the rest is gone on with.

use super::disks::{Disks, Fate, moved_disks, sweep_disks};
use super::orphans::{orphans, reap};
use super::remains::{Marked, OursGroup, groups_of_ours};
use super::unseen::{self, Unseen};
use crate::plan::{Leftover, Member};
use crate::probe;
use crate::sandbox::base::members::{self, await_end, member, pids_in, stat};
use crate::sandbox::base::owner::{Mark, Owner};
use crate::sandbox::base::pidfd;
use crate::sandbox::group::cgroup::{Group, thaw};
use crate::sandbox::group::switched::{self, Marker};
use nix::unistd::Pid;
use std::cell::OnceCell;
use std::collections::HashSet;
use std::fs;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Into how many groups with groups in them a quick look goes: each costs some
/// 20 µs, and there may be thousands.
const MOST_LOOKED_INTO: usize = 128;

/// How thoroughly to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// Before a run: it must cost next to nothing. Processes are looked for only
    /// where a group or a directory says that there may be some, and groups in the
    /// upper levels only where there are very many.
    Quick,
    /// Every process is looked at, and guardians that take down are awaited.
    Whole,
}

impl Depth {
    /// How long processes may take to end, all in all.
    fn patience(self) -> Duration {
        match self {
            Depth::Quick => Duration::from_secs(2),
            Depth::Whole => Duration::from_secs(10),
        }
    }

    /// Into how many groups with groups in them to look.
    fn most(self) -> usize {
        match self {
            Depth::Quick => MOST_LOOKED_INTO,
            Depth::Whole => usize::MAX,
        }
    }
}

/// What a sweep has found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Swept {
    /// What was removed, or would be.
    pub removed: Vec<Removed>,
    /// What could not be.
    pub left: Vec<Leftover>,
    /// What nothing can be said of. Only a whole look tells it.
    pub unseen: Vec<Unseen>,
}

/// Something that is gone now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Removed {
    /// A process.
    Process(Member),
    /// A cgroup or a directory.
    Directory(PathBuf),
}

impl std::fmt::Display for Removed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Removed::Process(process) => process.fmt(f),
            Removed::Directory(path) => path.display().fmt(f),
        }
    }
}

/// A run by its guardian and its mark: what is left when the guardian is dead can
/// be told from that of any other.
#[derive(Debug, Clone)]
pub(in crate::sandbox) struct Known {
    guardian: Owner,
    mark: Mark,
}

impl Known {
    /// A run whose guardian is there, or was not awaited yet.
    pub(in crate::sandbox) fn of(guardian: u32, mark: Option<Mark>) -> Option<Known> {
        let guardian = Owner::of(guardian as i32)?;
        Some(Known {
            guardian,
            mark: mark?,
        })
    }
}

/// Finds all that, and removes it unless `dry_run`. `None` where nothing can be
/// told from anything: without a procfs, or with that of another pid namespace.
pub fn sweep(depth: Depth, dry_run: bool) -> Option<Swept> {
    sweep_with(depth, dry_run, None)
}

/// Removes what a run has left whose guardian has ended, or was killed and can't
/// go on. Nothing of any other run is looked at.
pub(in crate::sandbox) fn sweep_run(run: Known) -> Swept {
    sweep_with(Depth::Quick, false, Some(run)).unwrap_or_default()
}

fn sweep_with(depth: Depth, dry_run: bool, only: Option<Known>) -> Option<Swept> {
    let own = std::process::id();
    let shown = fs::read_link("/proc/self").ok()?;
    if shown != Path::new(&own.to_string()) {
        return None;
    }
    let me = Owner::of(own as i32)?;
    let most = match only {
        None => depth.most(),
        Some(_) => usize::MAX,
    };
    let mut broom = Broom {
        me,
        depth,
        dry_run,
        only,
        deadline: Instant::now() + depth.patience(),
        dead: HashSet::new(),
        processes: OnceCell::new(),
        namespaces: OnceCell::new(),
        swept: Swept::default(),
    };
    // Those that somebody has renamed take a look at each.
    let renamed = depth == Depth::Whole || broom.only.is_some();
    let (named, unread) = groups_of_ours(most, renamed, &broom.me);
    if broom.only.is_none() {
        broom.guardians(&named);
    }
    broom.thaw(&named);
    broom.processes();
    broom.groups(&named);
    let Disks {
        swept,
        mut left,
        mut unseen,
    } = sweep_disks(dry_run, &|owner| broom.fate(owner));
    if renamed {
        let moved = moved_disks(&|owner| broom.fate(owner));
        left.extend(moved.left);
        unseen.extend(moved.unseen);
    }
    let removed = swept.into_iter().map(Removed::Directory);
    broom.swept.removed.extend(removed);
    broom.swept.left.extend(left);
    if depth == Depth::Whole {
        broom.swept.unseen = unseen::hierarchies();
        broom.swept.unseen.extend(unread);
        broom.swept.unseen.extend(unseen);
    }
    Some(broom.swept)
}

struct Broom {
    me: Owner,
    depth: Depth,
    dry_run: bool,
    /// The one run that is looked for.
    only: Option<Known>,
    deadline: Instant,
    /// Guardians that run, and that nobody will let go on.
    dead: HashSet<Owner>,
    /// Every process that bears a mark; read once, and only if need be.
    processes: OnceCell<Vec<Marked>>,
    /// The pid namespaces that have a process; likewise.
    namespaces: OnceCell<HashSet<u64>>,
    swept: Swept,
}

impl Broom {
    /// Whether a guardian is known to be gone, or counts as that.
    fn is_gone(&self, owner: &Owner) -> bool {
        match &self.only {
            Some(run) => run.guardian == *owner,
            None => {
                let gone = owner.is_gone(&self.me) || self.dead.contains(owner);
                gone || owner.went_with_its_namespace(&self.me, &self.namespaces)
            }
        }
    }

    /// What became of the guardian of a directory.
    fn fate(&self, owner: &Owner) -> Fate {
        match () {
            () if self.is_gone(owner) => Fate::Gone,
            () if self.only.is_none() && !owner.is_of_boot(&self.me) => Fate::Unknown,
            () => Fate::Lives,
        }
    }

    /// Guardians whose program is gone. One that is stopped can't do its duty
    /// any more; one that isn't is doing it now.
    fn guardians(&mut self, named: &[OursGroup]) {
        let suspects = match self.depth {
            Depth::Whole => self.marked().iter().any(|one| one.guards && one.orphan),
            // One that holds something. Its name leads to it at once.
            Depth::Quick => named.iter().any(|group| {
                let owner = &group.owner;
                !owner.is_gone(&self.me)
                    && owner.can_be_judged(&self.me)
                    && stat(owner.pid).is_some_and(|stat| stat.is_stopped())
            }),
        };
        if !suspects {
            return;
        }
        let mut busy = Vec::new();
        let mut stopped = Vec::new();
        for one in self.marked() {
            if !one.guards || !one.orphan {
                continue;
            }
            // The descriptor before the last look: see `members::end_all`.
            let opened = pidfd::open(Pid::from_raw(one.owner.pid));
            match opened {
                Ok(fd) if !one.owner.is_gone(&self.me) => {
                    let entry = (one.owner.clone(), one.process.clone(), fd);
                    match one.stopped {
                        true => stopped.push(entry),
                        false => busy.push(entry),
                    }
                }
                Ok(_) | Err(_) => {}
            }
        }
        if self.depth == Depth::Whole && !self.dry_run {
            let waited = busy
                .iter()
                .filter_map(|(_, process, fd)| Some((process.clone(), fd.try_clone().ok()?)));
            let late = await_end(waited.collect(), self.deadline);
            stopped.extend(
                busy.into_iter()
                    .filter(|(_, process, _)| late.contains(process)),
            );
        }
        if !stopped.is_empty() {
            // Its end may have taken all the time there was.
            self.deadline = self.deadline.max(Instant::now() + Depth::Quick.patience());
        }
        let mut dying = Vec::new();
        for (owner, process, fd) in stopped {
            self.dead.insert(owner);
            if self.dry_run {
                self.swept.removed.push(Removed::Process(process));
                continue;
            }
            match pidfd::kill(fd.as_fd()) {
                Ok(()) => dying.push((process, fd)),
                Err(errno) => self.swept.left.push(Leftover::Process {
                    process,
                    errno: Some(errno),
                }),
            }
        }
        let killed: Vec<Member> = dying.iter().map(|(process, _)| process.clone()).collect();
        let late = await_end(dying, self.deadline);
        for process in killed {
            match late.contains(&process) {
                true => self.swept.left.push(Leftover::Process {
                    process,
                    errno: None,
                }),
                false => self.swept.removed.push(Removed::Process(process)),
            }
        }
    }

    /// Lets the groups go on whose owner is gone: what is in a frozen one can't end.
    fn thaw(&self, named: &[OursGroup]) {
        let gone = named.iter().filter(|group| self.is_gone(&group.owner));
        for group in gone.filter(|_| !self.dry_run) {
            thaw(&group.path);
        }
    }

    /// Processes of runs without a guardian.
    fn processes(&mut self) {
        // A guardian that was just killed here has left some, perhaps.
        if self.depth == Depth::Quick && self.dead.is_empty() && self.only.is_none() {
            return;
        }
        let found: Vec<Member> = self
            .marked()
            .iter()
            .filter(|one| (!one.guards || self.only.is_some()) && self.is_left_over(&one.mark))
            // Its guardian may have ended it, and itself, since the look.
            .filter(|one| !one.owner.is_gone(&self.me))
            // Neither this program nor who started it is ever ended.
            .filter(|one| !members::descends_from(self.me.pid, one.owner.pid))
            .map(|one| one.process.clone())
            .collect();
        let mut left = Vec::new();
        if !self.dry_run {
            let pids: Vec<i32> = found.iter().map(|process| process.pid).collect();
            left = members::end_all(&pids, &|pid| self.is_ours(pid), self.deadline);
        }
        let remains = |process: &Member| {
            left.iter()
                .any(|left| matches!(left, Leftover::Process { process: p, .. } if p == process))
        };
        let gone = found.into_iter().filter(|process| !remains(process));
        self.swept.removed.extend(gone.map(Removed::Process));
        self.swept.left.extend(left);
        self.orphans();
    }

    /// What the guardian has orphaned, whether it bears a mark or not.
    fn orphans(&mut self) {
        let mut left = Vec::new();
        while self.only.is_some() {
            let orphans = orphans();
            left = members::end_all(&orphans, &|_| true, self.deadline);
            reap(&orphans);
            // Whoever ends hands its children on.
            if orphans.is_empty() || Instant::now() > self.deadline {
                break;
            }
        }
        left.retain(|left| !self.swept.left.contains(left));
        self.swept.left.extend(left);
    }

    /// Groups whose owner is gone: what runs in them first, then themselves, the
    /// inner before the outer, and what holds controllers on after those who had
    /// need of them.
    fn groups(&mut self, named: &[OursGroup]) {
        let all: Vec<&Path> = named
            .iter()
            .filter(|group| self.is_gone(&group.owner))
            .map(|group| group.path.as_path())
            // Its owner may have removed it, and ended, since the look.
            .filter(|path| path.exists())
            .collect();
        let shared = |path: &&Path| path.file_name().is_some_and(switched::is_shared);
        let (shared, found): (Vec<&Path>, Vec<&Path>) = all.iter().copied().partition(shared);
        if self.dry_run {
            for path in &found {
                self.look(path, &all);
            }
            let shared = shared.iter().map(|path| path.to_path_buf());
            self.swept.removed.extend(shared.map(Removed::Directory));
            return;
        }
        let mut left = Vec::new();
        for path in &found {
            left.extend(members::end_in(
                path,
                &|pid| self.is_ours(pid),
                self.deadline,
            ));
        }
        for path in &found {
            let mut group = Group::at(path.to_path_buf());
            match group.remove(&|pid| self.is_ours(pid)) {
                Ok(()) => self
                    .swept
                    .removed
                    .push(Removed::Directory(path.to_path_buf())),
                Err(one) => left.push(one),
            }
        }
        for path in shared {
            let failed = Marker::at(path.into()).release(&[]);
            if failed.is_empty() {
                self.swept.removed.push(Removed::Directory(path.into()));
            }
            left.extend(failed);
        }
        self.swept.left.extend(left);
    }

    /// Tells what would become of a group.
    fn look(&mut self, path: &Path, found: &[&Path]) {
        let members: Vec<Member> = pids_in(path)
            .into_iter()
            .filter(|pid| !self.is_ours(*pid))
            .filter_map(member)
            .collect();
        let groups: Vec<String> = members::groups_in(path)
            .into_iter()
            .filter(|name| !found.contains(&path.join(name).as_path()))
            .collect();
        let path = path.to_path_buf();
        match members.is_empty() && groups.is_empty() {
            true => self.swept.removed.push(Removed::Directory(path)),
            false => self.swept.left.push(Leftover::Cgroup {
                path,
                errno: None,
                members,
                groups,
            }),
        }
    }

    /// Whether a process is a dead run's: only such a one may be killed.
    fn is_ours(&self, pid: i32) -> bool {
        Mark::of(pid).is_some_and(|mark| self.is_left_over(&mark))
            // Whoever started this program from within a demo goes on.
            && !members::descends_from(self.me.pid, pid)
    }

    /// Whether a run has no guardian any more.
    fn is_left_over(&self, mark: &Mark) -> bool {
        if let Some(run) = &self.only {
            return run.mark == *mark;
        }
        let mut known = self.marked().iter().filter(|one| one.mark == *mark);
        // One that nobody knew when we looked has begun since.
        let old = known.clone().next().is_some() || mark.main.is_gone(&self.me);
        old && mark.can_be_judged(&self.me)
            && !known.any(|one| one.guards && !self.is_gone(&one.owner))
    }

    fn marked(&self) -> &[Marked] {
        self.processes.get_or_init(|| {
            let look = || -> Vec<Marked> {
                let pids = probe::pids(Path::new("/proc")).unwrap_or_default();
                pids.into_iter()
                    .filter_map(|pid| Marked::read(pid, &self.me))
                    .collect()
            };
            let found = look();
            let guarded = |one: &Marked| {
                let mut all = found.iter();
                all.any(|other| other.guards && other.mark == one.mark)
            };
            match found.iter().all(guarded) {
                true => found,
                // A run may have begun behind our back: a process of it seen,
                // and its guardian not. By now that one is there for certain.
                false => look(),
            }
        })
    }
}
