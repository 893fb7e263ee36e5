//! All that procfs tells of one process to somebody who stays outside: no
//! namespace is entered, nothing is traced, and no file is looked up through its
//! root where a process or another machine would have to answer.

use super::census::{Process, inodes};
use super::cgroups::Mounts;
use super::layers::root::{Base, root_layers};
use super::limits::{Ceiling, Held, Limits, usage};
use super::mountinfo::{self, Mount};
use super::observation::Unread;
use super::process::{nsfs_inode, pids, start_time, stat};
use super::sockets::{Sockets, sockets};
use super::subject::Subject;
use crate::base::kernel;
use crate::plan::{Namespace, Stack};
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};
use std::fs::{self, File};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

/// A value, or why there is none.
pub type Told<T> = Result<T, Unread>;

/// Where engines listen, as their documentation has it.
const ENGINES: [&str; 6] = [
    "/run/docker.sock",
    "/var/run/docker.sock",
    "/run/podman/podman.sock",
    "/run/containerd/containerd.sock",
    "/run/crio/crio.sock",
    "/run/buildkit/buildkitd.sock",
];

/// One process as it is seen from outside.
#[derive(Debug, Clone)]
pub struct Target {
    /// Its names, namespaces, groups, ids and capabilities.
    pub process: Process,
    /// Its program file, as its own mounts name it.
    pub program: Told<PathBuf>,
    /// Its mounts.
    pub mounts: Told<Vec<Mount>>,
    /// Its maps of user and group ids, as the observer's user namespace has
    /// them: `inside outside count` a line.
    pub maps: Told<(String, String)>,
    /// How its clocks differ from the machine's, `/proc/PID/timens_offsets`.
    pub offsets: Told<String>,
    /// The network devices of its network namespace.
    pub links: Told<Vec<String>>,
    /// The label that a Linux security module gave it.
    pub label: Told<String>,
    /// How many processes are in its pid namespace, of how many that can be seen.
    pub members: Told<(usize, usize)>,
    /// Process 1 of the procfs that is mounted on its /proc.
    pub first: Told<First>,
    /// What its groups are held to, and what they use.
    pub limits: Vec<Limited>,
    /// The layers of its root directory.
    pub layers: Told<Stack>,
    /// The sockets that it holds open.
    pub sockets: Told<Sockets>,
    /// Sockets of engines that a path leads it to.
    pub engines: Told<Vec<Engine>>,
    /// Its parent, that one's parent and so on.
    pub parents: Vec<(i32, String)>,
}

/// Process 1 of a procfs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct First {
    /// Its pid namespace.
    pub namespace: Option<u64>,
    /// When it started.
    pub start: u64,
}

/// A socket that an engine takes orders on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Engine {
    /// Its path below the process's root.
    pub path: String,
    /// The file's owner, group and mode.
    pub owner: (u32, u32, u32),
}

/// A group's limit and use.
#[derive(Debug, Clone)]
pub struct Limited {
    /// Of what.
    pub ceiling: Ceiling,
    /// The limit that holds.
    pub held: Told<Held>,
    /// How much is used now: bytes, processes, nanoseconds in all.
    pub used: Told<u64>,
}

/// Why nothing is told of a process.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Lost {
    /// There is none of this id, or it is a thread of the kernel's or a zombie.
    #[error("there is no running process {0}, or it is the kernel's own")]
    Nobody(i32),
    /// It ended before all was read.
    #[error("process {0} has ended while it was looked at")]
    Ended(i32),
}

/// Reads all of one process.
///
/// # Errors
/// When there is no such process, or it ends meanwhile.
pub fn target(proc_root: &Path, pid: i32) -> Result<Target, Lost> {
    let process = Process::read(proc_root, pid).ok_or(Lost::Nobody(pid))?;
    let dir = proc_root.join(pid.to_string());
    let mounts = text(&dir, "mountinfo").map(|text| mountinfo::parse(&text));
    let parents = parents(proc_root, process.stat.parent);
    let root = dir.join("root");
    let looks = may_look(&root, &mounts);
    let found = Target {
        program: link(&dir.join("exe")),
        maps: text(&dir, "uid_map").and_then(|uid| Ok((uid, text(&dir, "gid_map")?))),
        offsets: text(&dir, "timens_offsets"),
        links: text(&dir, "net/dev").map(|text| super::observe::devices(&text)),
        label: label(&dir),
        members: members(proc_root, &process),
        first: looks.clone().and_then(|mounts| first(&root, mounts)),
        limits: limits(proc_root, &process),
        layers: looks
            .clone()
            .and_then(|mounts| root_layers(&root, mounts, &bases(proc_root, &parents))),
        sockets: sockets(proc_root, pid),
        engines: looks.map(|mounts| engines(&root, mounts)),
        mounts: mounts.clone(),
        parents,
        process,
    };
    // The number may be somebody else's by now.
    match start_time(proc_root, pid) {
        Some(start) if start == found.process.stat.start => Ok(found),
        _ => Err(Lost::Ended(pid)),
    }
}

fn text(dir: &Path, name: &str) -> Told<String> {
    let path = dir.join(name);
    kernel::read_text(&path).map_err(|error| Unread::of(&path, &error))
}

fn link(path: &Path) -> Told<PathBuf> {
    fs::read_link(path).map_err(|error| Unread::of(path, &error))
}

/// The mounts, if files may be looked up through this root.
fn may_look<'m>(root: &Path, mounts: &'m Told<Vec<Mount>>) -> Told<&'m [Mount]> {
    link(root)?;
    let mounts = mounts.as_ref().map_err(Unread::clone)?;
    match mountinfo::topmost(mounts, "/") {
        Some(mount) if !mount.is_local() => Err(format!(
            "its root directory is of type {}: looking into it may never end",
            mount.fstype
        )
        .into()),
        // In a chroot no line tells what the root lies on.
        Some(_) | None => Ok(mounts),
    }
}

/// The chain of parents up to the first process.
fn parents(proc_root: &Path, mut pid: i32) -> Vec<(i32, String)> {
    /// Longer than any chain that people make.
    const MOST: usize = 64;
    let mut chain = Vec::new();
    while pid > 0 && chain.len() < MOST {
        let Some(stat) = stat(proc_root, pid) else {
            break;
        };
        chain.push((pid, stat.name));
        pid = stat.parent;
    }
    chain
}

fn label(dir: &Path) -> Told<String> {
    let path = dir.join("attr/current");
    match kernel::read_text(&path) {
        Ok(text) => Ok(text.trim_end_matches(['\0', '\n']).to_string()),
        Err(error) if matches!(error.raw_os_error(), Some(libc::EINVAL | libc::ENOENT)) => {
            Err("no security module of this kernel labels processes".into())
        }
        Err(error) => Err(Unread::of(&path, &error)),
    }
}

/// How many are in its pid namespace itself, by the links that can be read.
fn members(proc_root: &Path, process: &Process) -> Told<(usize, usize)> {
    let kind = Namespace::ALL
        .iter()
        .position(|kind| *kind == Namespace::Pid)
        .unwrap_or(0);
    let own = proc_root.join(format!("{}/ns/pid", process.pid));
    let wanted = match process.namespaces[kind] {
        Some(inode) => inode,
        None => nsfs_inode(&own).map_err(|error| Unread::of(&own, &error))?,
    };
    let all = pids(proc_root).map_err(|error| Unread::of(proc_root, &error))?;
    let is_member = |pid: &&i32| {
        nsfs_inode(&proc_root.join(format!("{pid}/ns/pid"))).is_ok_and(|inode| inode == wanted)
    };
    Ok((all.iter().filter(is_member).count(), all.len()))
}

/// Process 1 of what is mounted on /proc there.
fn first(root: &Path, mounts: &[Mount]) -> Told<First> {
    match mountinfo::topmost(mounts, "/proc") {
        Some(mount) if mount.fstype == "proc" && mount.root == "/" => {}
        Some(mount) => return Err(format!("on its /proc is no procfs but {}", mount.fstype).into()),
        None => return Err("nothing is mounted on its /proc".into()),
    }
    let own = root.join("proc");
    let stat = stat(&own, 1).ok_or("its /proc shows no process 1")?;
    Ok(First {
        namespace: inodes(&own.join("1"))[4],
        start: stat.start,
    })
}

fn limits(proc_root: &Path, process: &Process) -> Vec<Limited> {
    let mounts = Mounts::read(proc_root, &Subject::Myself).unwrap_or_default();
    let mut limits = Limits::default();
    Ceiling::ALL
        .into_iter()
        .map(|ceiling| {
            let held = limits.of(&mounts, &process.groups, ceiling);
            let used = held.as_ref().map_err(Unread::clone);
            let used = used.and_then(|held| usage(&held.group, ceiling));
            Limited {
                ceiling,
                held,
                used,
            }
        })
        .collect()
}

/// From where the layers may be seen: here, and where its ancestors stand.
fn bases(proc_root: &Path, parents: &[(i32, String)]) -> Vec<Base> {
    let mine = proc_root.join("self/mountinfo");
    let mounts = |path: &Path| {
        let text = kernel::read_text(path).ok()?;
        Some(mountinfo::parse(&text))
    };
    let here = mounts(&mine).map(|mounts| Base {
        root: "/".into(),
        mounts,
    });
    let theirs = parents.iter().filter_map(|(pid, _)| {
        let dir = proc_root.join(pid.to_string());
        Some(Base {
            mounts: mounts(&dir.join("mountinfo"))?,
            root: dir.join("root"),
        })
    });
    here.into_iter().chain(theirs).collect()
}

fn engines(root: &Path, mounts: &[Mount]) -> Vec<Engine> {
    let Ok(dir) = File::open(root) else {
        return Vec::new();
    };
    let mut paths: Vec<String> = ENGINES.iter().map(|path| path.to_string()).collect();
    // Bound to another place, by the name of the file that was bound.
    let bound = mounts.iter().filter(|mount| {
        let name = Path::new(&mount.root).file_name().unwrap_or_default();
        ENGINES
            .iter()
            .any(|path| Path::new(path).file_name() == Some(name))
    });
    paths.extend(bound.map(|mount| mount.point.clone()));
    paths.sort();
    paths.dedup();
    paths.retain(|path| mountinfo::holding(mounts, path).is_none_or(Mount::is_local));
    paths
        .into_iter()
        .filter_map(|path| {
            let file = below(&dir, &path).ok()?;
            let meta = file.metadata().ok()?;
            meta.file_type().is_socket().then(|| Engine {
                owner: (meta.uid(), meta.gid(), meta.mode() & 0o777),
                path,
            })
        })
        .collect()
}

/// Opens a name below a root without reading it, following no link: one could
/// lead out of that root, or to where looking never ends. openat2(2).
fn below(dir: &File, path: &str) -> io::Result<File> {
    let how = OpenHow::new()
        .flags(OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC)
        .resolve(ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_SYMLINKS);
    let fd = openat2(dir.as_fd(), path.trim_start_matches('/'), how)?;
    Ok(File::from(fd))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_seen_whole() {
        let me = std::process::id() as i32;
        let seen = target(Path::new("/proc"), me).unwrap();
        assert_eq!(seen.process.pid, me);
        assert!(seen.program.is_ok() && seen.mounts.is_ok() && seen.maps.is_ok());
        assert!(seen.links.unwrap().contains(&"lo".to_string()));
        assert_eq!(seen.parents.first().unwrap().0, seen.process.stat.parent);
        let (members, all) = seen.members.unwrap();
        assert!(members >= 1 && members <= all);
        assert_eq!(seen.limits.len(), 3);
    }

    #[test]
    fn who_is_gone_is_said_to_be() {
        let nobody = target(Path::new("/proc"), i32::MAX).unwrap_err();
        assert_eq!(nobody, Lost::Nobody(i32::MAX));
    }

    #[test]
    fn a_link_leads_nowhere_else() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("run")).unwrap();
        std::os::unix::fs::symlink("/etc", dir.path().join("var")).unwrap();
        fs::write(dir.path().join("run/there"), "").unwrap();
        let root = File::open(dir.path()).unwrap();
        assert!(below(&root, "/run/there").is_ok());
        for path in ["/var/passwd", "/../etc/passwd", "/run/../../etc"] {
            assert!(below(&root, path).is_err(), "{path}");
        }
    }
}
