//! `store`: room for layers, on a medium on which an overlay works.
//!
//! Whether it works is found by making one. On some kernels an overlay mounts
//! and copies up, and only the removal of a directory of a lower layer fails: in
//! a user namespace without `userxattr`, or with it on a tmpfs before Linux 6.6,
//! because the directory that replaces it can't be marked as hiding it.

use super::overlay::{Marks, mount_overlay, options};
use crate::base::{Bytes, Errno, literal};
use crate::plan::{MOST_STORE, Medium, Need, Probe, Store};
use crate::probe::{Subject, View, observe};
use crate::sandbox::agent::own::Uncovered;
use crate::sandbox::agent::{Agent, Answer};
use crate::sandbox::base::removal::remove_tree;
use crate::sandbox::wire::Task;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use std::fs;
use std::path::{Path, PathBuf};

/// How much a store on a tmpfs holds, unless said otherwise.
const STORE_BYTES: Bytes = Bytes(64 << 20);

/// What a store is to be made of.
enum Source {
    Tmpfs(Bytes),
    Disk(PathBuf),
}

/// Which step of a trial failed.
struct Failed {
    stage: String,
    /// None if the calls succeeded, and what they made is wrong.
    errno: Option<Errno>,
}

impl Agent {
    /// `store`
    pub(in crate::sandbox) fn store(&mut self, task: &Task, spec: &Store) -> Answer {
        let size = spec.size.unwrap_or(STORE_BYTES);
        if size > MOST_STORE {
            let message = format!("`store`: {size} is more than {MOST_STORE}");
            return Err(self.tracer.broken(message));
        }
        let point = fs::canonicalize(&spec.path).ok().filter(|p| p.is_dir());
        if point.is_none_or(|point| point == Path::new("/")) {
            let path = &spec.path;
            return Err(self.tracer.broken(format!(
                "`store`: `{path}` is no directory to mount on: name one that exists, not `/`"
            )));
        }
        let disk = || task.disk.clone().map(Source::Disk);
        let sources: Vec<Source> = match spec.on {
            Medium::Auto => [Some(Source::Tmpfs(size)), disk()]
                .into_iter()
                .flatten()
                .collect(),
            Medium::Tmpfs => vec![Source::Tmpfs(size)],
            Medium::Disk => disk().into_iter().collect(),
        };
        let mut failed = Failed {
            stage: "mkdir".into(),
            errno: None,
        };
        for source in sources {
            match self.tried(&source, &spec.path) {
                Ok(()) => return self.mount_store(task, &source, &spec.path),
                Err(why) => failed = why,
            }
        }
        Err(self
            .tracer
            .refused(Need::Overlay, &failed.stage, failed.errno))
    }

    fn mount_store(&mut self, task: &Task, source: &Source, path: &str) -> Answer {
        let covered = Uncovered::look(path);
        let why = "room for layers: a file system that can hold the upper of an overlay";
        let made = match source {
            Source::Tmpfs(_) => {
                let args = format!(
                    "\"tmpfs\", {path}, \"tmpfs\", MS_NOSUID|MS_NODEV, {}",
                    literal(source.options()),
                    path = literal(path)
                );
                self.tracer.call("mount", args, why, || source.mount(path))
            }
            Source::Disk(directory) => {
                let args = format!(
                    "{}, {path}, NULL, MS_BIND, NULL",
                    literal(directory),
                    path = literal(path)
                );
                self.tracer
                    .call("mount", args, why, || source.bind(path))
                    .and_then(|()| {
                        let (flags, shown) = restricted(path);
                        let args =
                            format!("NULL, {path}, NULL, {shown}, NULL", path = literal(path));
                        let why = "a bind mount gets flags of its own only by a second call";
                        self.tracer.call("mount", args, why, || {
                            mount(None::<&str>, path, None::<&str>, flags, None::<&str>)
                                .map_err(Errno::from)
                        })
                    })
            }
        };
        if let Err(errno) = made {
            return Ok(Err(errno));
        }
        if let Some(point) = covered {
            self.own.add(point);
        }
        if let Some(name) = &task.action.result {
            let view = View {
                proc_root: "/proc".into(),
                subject: Subject::Myself,
                groups: Default::default(),
            };
            let real = fs::canonicalize(path).unwrap_or_default();
            let probe = Probe::MountAt(real.to_string_lossy().into_owned());
            for seen in observe(&view, &probe) {
                let name = format!("{name}.type");
                self.tracer
                    .observed(None, None, name, seen.value, seen.source);
            }
        }
        Ok(Ok(()))
    }

    /// Makes an overlay on a medium and uses it, unseen: this is our own
    /// question, not the learner's. Nothing of it is left.
    fn tried(&mut self, source: &Source, path: &str) -> Result<(), Failed> {
        let medium = source.name();
        let failed = |stage: &str, errno| Failed {
            stage: format!("{stage} on {medium}"),
            errno,
        };
        let mounted = source.mount(path);
        mounted.map_err(|errno| failed(source.call(), Some(errno)))?;
        let trial = Path::new(path).join("glassbox-trial");
        let known = self.marks();
        let mut result = try_overlay(&trial, known);
        let unknown = matches!(&result, Err((stage, Some(Errno(libc::EINVAL)))) if stage.starts_with("mount"));
        if known == Marks::User && unknown {
            result = try_overlay(&trial, Marks::Default);
            self.own.default_marks = result.is_ok();
        }
        let unmounted = umount2(path, MntFlags::MNT_DETACH);
        result.map_err(|(stage, errno)| failed(&stage, errno))?;
        unmounted.map_err(|errno| failed("umount2", Some(errno.into())))
    }
}

impl Source {
    fn name(&self) -> &'static str {
        match self {
            Source::Tmpfs(_) => "tmpfs",
            Source::Disk(_) => "disk",
        }
    }

    /// The call that mounts it, for a refusal.
    fn call(&self) -> &'static str {
        match self {
            Source::Tmpfs(_) => "mount(\"tmpfs\")",
            Source::Disk(_) => "mount(MS_BIND)",
        }
    }

    fn options(&self) -> String {
        match self {
            Source::Tmpfs(size) => format!("size={},mode=0755", size.0),
            Source::Disk(_) => String::new(),
        }
    }

    fn mount(&self, path: &str) -> Result<(), Errno> {
        let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
        match self {
            Source::Tmpfs(_) => {
                let options = self.options();
                mount(
                    Some("tmpfs"),
                    path,
                    Some("tmpfs"),
                    flags,
                    Some(options.as_str()),
                )
                .map_err(Errno::from)
            }
            Source::Disk(_) => self.bind(path),
        }
    }

    /// Binds the directory. A tmpfs has none.
    fn bind(&self, path: &str) -> Result<(), Errno> {
        match self {
            Source::Tmpfs(_) => Err(Errno(libc::EINVAL)),
            Source::Disk(directory) => mount(
                Some(directory),
                path,
                None::<&str>,
                MsFlags::MS_BIND,
                None::<&str>,
            )
            .map_err(Errno::from),
        }
    }
}

/// The flags that a bind mount is to have, with those that it must keep: root
/// of a user namespace may not take one away, mount_namespaces(7).
fn restricted(path: &str) -> (MsFlags, String) {
    use nix::sys::statvfs::{FsFlags, statvfs};
    let kept = statvfs(path).map_or(FsFlags::empty(), |stat| stat.flags());
    let mut flags = MsFlags::MS_REMOUNT | MsFlags::MS_BIND | MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    let mut shown = "MS_REMOUNT|MS_BIND|MS_NOSUID|MS_NODEV".to_string();
    for (has, flag, name) in [
        (FsFlags::ST_NOEXEC, MsFlags::MS_NOEXEC, "MS_NOEXEC"),
        (FsFlags::ST_RDONLY, MsFlags::MS_RDONLY, "MS_RDONLY"),
    ] {
        if kept.contains(has) {
            flags |= flag;
            shown = format!("{shown}|{name}");
        }
    }
    (flags, shown)
}

/// Makes an overlay below `trial` and does in it what lessons do: it must let a
/// directory of the lower layer be removed, and be made anew, empty. The stage
/// that failed, and its errno.
fn try_overlay(trial: &Path, marks: Marks) -> Result<(), (String, Option<Errno>)> {
    let done = trial_steps(trial, marks);
    let _ = umount2(&trial.join("view"), MntFlags::MNT_DETACH);
    let removed = remove_tree(trial, &mut |_, _, _| {});
    done?;
    removed.map_err(|errno| ("unlinkat".into(), Some(errno)))
}

fn trial_steps(trial: &Path, marks: Marks) -> Result<(), (String, Option<Errno>)> {
    fn step<T>(stage: &str, done: std::io::Result<T>) -> Result<T, (String, Option<Errno>)> {
        done.map_err(|error| (stage.to_string(), Some(Errno::from(error))))
    }
    let [lower, upper, work, view] =
        ["lower", "upper", "upper.work", "view"].map(|name| trial.join(name));
    for directory in [&lower.join("dir"), &upper, &work, &view] {
        step("mkdir", fs::create_dir_all(directory))?;
    }
    step("write", fs::write(lower.join("dir/file"), "x"))?;
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let options = options(&[text(&lower)], Some(&text(&upper)), marks);
    mount_overlay(&view, &options)
        .map_err(|errno| ("mount(\"overlay\")".to_string(), Some(errno)))?;
    step("unlinkat", fs::remove_file(view.join("dir/file")))?;
    step("unlinkat(AT_REMOVEDIR)", fs::remove_dir(view.join("dir")))?;
    step("mkdir in the overlay", fs::create_dir(view.join("dir")))?;
    let mut left = step("getdents64", fs::read_dir(view.join("dir")))?;
    let attribute = "lgetxattr(overlay.opaque)";
    let mark = step(attribute, xattr::get(upper.join("dir"), marks.opaque()))?;
    match left.next().is_none() && mark.as_deref() == Some(b"y") {
        true => Ok(()),
        false => Err((attribute.to_string(), None)),
    }
}
