//! A root of layers for a box that stands: a container's. What it is made of lies
//! on the host. Mounted is what the asker names, and a bind never leads out of the
//! directory that it is below: the path is walked by openat2(2), and what it led to
//! is mounted, whatever has that name later.

use super::overlay::{mount_overlay, options};
use super::root::{BIND, MASKED, Mounting, NODEV, NOEXEC, NOSUID, RDONLY, READ_ONLY, REMOUNT};
use crate::base::Errno;
use crate::sandbox::agent::Agent;
use crate::sandbox::agent::own::Uncovered;
use crate::sandbox::base::service::{First, MountSource, Root, RootMount};
use crate::sandbox::wire::tracer::Told;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, open, openat2};
use nix::mount::{MsFlags, mount};
use nix::sys::stat::Mode;
use rustix::fs::CWD;
use rustix::mount::{MoveMountFlags, OpenTreeFlags, move_mount, open_tree};
use std::ffi::CString;
use std::fs::{self, OpenOptions};
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

impl Agent {
    /// Takes on a root of layers.
    ///
    /// # Errors
    /// What failed and on what, for the one who asked.
    pub(in crate::sandbox) fn take_root(&mut self, root: &Root) -> Result<(), String> {
        if self.pivoted {
            return Err("the box has a root of its own already".into());
        }
        // While the host's paths still lead somewhere.
        let sources = root
            .mounts
            .iter()
            .map(source)
            .collect::<Result<Vec<_>, _>>()?;
        let options = options(&root.layers, Some(&root.upper), self.marks());
        let Some(covered) = Uncovered::look(&root.at) else {
            return Err(format!("`{}` isn't there", root.at));
        };
        let args = format!(
            "\"overlay\", \"{}\", \"overlay\", MS_NOSUID|MS_NODEV, \"{options}\"",
            root.at
        );
        let why = "the image's layers, and the container's own on top";
        self.tracer
            .call("mount", args, why, || {
                mount_overlay(Path::new(&root.at), &options)
            })
            .map_err(|errno| format!("mount(overlay) on {}: {errno}", root.at))?;
        self.own.add(covered);
        let failed = |what: &'static str| {
            move |Told| format!("{what} can't be mounted: in the image it is no directory")
        };
        self.devices(&root.at)
            .map_err(failed("/dev"))?
            .map_err(|errno| format!("/dev: {errno}"))?;
        for (name, what, flags) in [
            // The first program mounts one of its own on it. In a user namespace that
            // takes one that is in sight, mount_namespaces(7).
            ("proc", "proc", &[NOSUID, NODEV, NOEXEC][..]),
            ("dev/mqueue", "mqueue", &[NOSUID, NODEV, NOEXEC]),
            ("sys", "sysfs", &[NOSUID, NODEV, NOEXEC, RDONLY]),
        ] {
            let mounting = Mounting {
                what,
                flags,
                data: None,
                why: "as every container has it; needs a namespace of the box's own",
            };
            // Where it is refused, the box does without.
            let _ = self
                .mount_made(&format!("{}/{name}", root.at), &mounting)
                .map_err(failed(name))?;
        }
        self.pivot(&root.at)
            .map_err(|errno| format!("pivot_root({}): {errno}", root.at))?;
        self.first = Some(root.first);
        if root.first == First::BelowInit {
            proc_of_this_namespace(self.initial_user).map_err(|errno| format!("/proc: {errno}"))?;
        }
        nix::unistd::sethostname(&root.hostname)
            .map_err(Errno::from)
            .map_err(|errno| format!("sethostname({}): {errno}", root.hostname))?;
        // From here on every path is the container's own, wherever its links lead.
        for (spec, source) in root.mounts.iter().zip(sources) {
            self.mount_in_root(spec, source.as_ref())
                .map_err(|errno| format!("mount on {}: {errno}", spec.target))?;
        }
        fs::create_dir_all(&root.directory)
            .map_err(|error| format!("mkdir {}: {}", root.directory, Errno::from(error)))?;
        if root.read_only {
            let fence = Mounting {
                what: "",
                flags: &[REMOUNT, BIND, RDONLY, NOSUID, NODEV],
                data: None,
                why: "a root that nobody in it may write to",
            };
            self.mounting("/", &fence)
                .map_err(|errno| format!("mount(MS_RDONLY) of the root: {errno}"))?;
        }
        Ok(())
    }

    /// Mounts something that isn't of the layers.
    fn mount_in_root(&mut self, spec: &RootMount, source: Option<&Source>) -> Result<(), Errno> {
        let target = Path::new(&spec.target);
        match source {
            Some(source) if !source.is_directory => {
                fs::create_dir_all(target.parent().unwrap_or(target))?;
                let flags = (OFlag::O_NONBLOCK | OFlag::O_CLOEXEC).bits();
                let mut there = OpenOptions::new();
                there
                    .write(true)
                    .create(true)
                    .truncate(false)
                    .custom_flags(flags);
                there.mode(0o755).open(target)?;
            }
            Some(_) | None => fs::create_dir_all(target)?,
        }
        let fence: &[(MsFlags, &str)] = match (&spec.source, source) {
            (MountSource::Tmpfs(data), _) => {
                let tmpfs = Mounting {
                    what: "tmpfs",
                    flags: &[NOSUID, NODEV, NOEXEC],
                    data: Some(data),
                    why: "room that goes with the container",
                };
                self.mounting(&spec.target, &tmpfs)?;
                &[REMOUNT, BIND, RDONLY, NOSUID, NODEV, NOEXEC]
            }
            (MountSource::Bind { .. }, source) => {
                let path = CString::new(spec.target.as_str()).map_err(|_| Errno(libc::EINVAL))?;
                let tree = source.ok_or(Errno(libc::ENOENT))?;
                let args = format!(
                    "…, \"\", AT_FDCWD, \"{}\", MOVE_MOUNT_F_EMPTY_PATH",
                    spec.target
                );
                let why = "a file or a directory of the host's, below one that was named";
                let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH;
                self.tracer.call("move_mount", args, why, || {
                    Ok(move_mount(&tree.tree, c"", CWD, &path, flags)?)
                })?;
                let open = Mounting {
                    what: "",
                    flags: &[REMOUNT, BIND, NOSUID, NODEV],
                    data: None,
                    why: "nothing on it gains privileges, or is a device",
                };
                self.mounting(&spec.target, &open)?;
                &[REMOUNT, BIND, RDONLY, NOSUID, NODEV]
            }
        };
        if spec.read_only {
            let fence = Mounting {
                what: "",
                flags: fence,
                data: None,
                why: "it was asked for read-only",
            };
            self.mounting(&spec.target, &fence)?;
        }
        Ok(())
    }
}

/// What is to be bound: a copy of its mount that is mounted nowhere yet.
struct Source {
    tree: OwnedFd,
    is_directory: bool,
}

/// Opens what is to be bound, without leaving the directory that it is below.
fn source(spec: &RootMount) -> Result<Option<Source>, String> {
    let MountSource::Bind { below, path } = &spec.source else {
        return Ok(None);
    };
    let whole = Path::new(below).join(path);
    let failed = |call: &str, errno: Errno| format!("{call}({}): {errno}", whole.display());
    let flags = OFlag::O_PATH | OFlag::O_CLOEXEC;
    let base = open(
        below.as_str(),
        flags | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW,
        Mode::empty(),
    )
    .map_err(|errno| failed("open", errno.into()))?;
    let resolve = ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_MAGICLINKS;
    let how = OpenHow::new().flags(flags).resolve(resolve);
    let relative = match path.is_empty() {
        true => ".",
        false => path,
    };
    let file =
        openat2(&base, relative, how).map_err(|errno| failed("openat2", Errno::from(errno)))?;
    let kind = nix::sys::stat::fstat(&file).map_err(|errno| failed("fstat", errno.into()))?;
    let is_directory = kind.st_mode & libc::S_IFMT == libc::S_IFDIR;
    // Only what it is itself, not what is mounted below it.
    let flags = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_EMPTY_PATH;
    let tree =
        open_tree(&file, c"", flags).map_err(|errno| failed("open_tree", Errno::from(errno)))?;
    Ok(Some(Source { tree, is_directory }))
}

/// Mounts a /proc that shows the pid namespace of who calls, and with `fenced`
/// puts a fence around what in it is the machine's.
pub(in crate::sandbox) fn proc_of_this_namespace(fenced: bool) -> Result<(), Errno> {
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    mount(Some("proc"), "/proc", Some("proc"), flags, None::<&str>)?;
    for name in READ_ONLY.iter().filter(|_| fenced) {
        let path = format!("/proc/{name}");
        if Path::new(&path).exists() {
            let (path, none) = (path.as_str(), None::<&str>);
            mount(Some(path), path, none, MsFlags::MS_BIND, none)?;
            let fence = flags | MsFlags::MS_REMOUNT | MsFlags::MS_BIND | MsFlags::MS_RDONLY;
            mount(none, path, none, fence, none)?;
        }
    }
    for name in MASKED.iter().filter(|_| fenced) {
        let path = format!("/proc/{name}");
        let (path, none) = (Path::new(&path), None::<&str>);
        if path.is_dir() {
            mount(
                none,
                path,
                Some("tmpfs"),
                MsFlags::MS_RDONLY,
                Some("size=0"),
            )?;
        } else if path.exists() {
            mount(Some("/dev/null"), path, none, MsFlags::MS_BIND, none)?;
        }
    }
    Ok(())
}
