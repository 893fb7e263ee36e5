//! Layers: room for them, and overlay mounts, overlayfs of the kernel's
//! documentation.
//!
//! Whether an overlay works on a medium is found by making one. On some kernels
//! it mounts and copies up, and only the removal of a directory of a lower layer
//! fails: in a user namespace without `userxattr`, or with it on a tmpfs before
//! Linux 6.6, because a mark can't be set on the directory that replaces it.

use super::agent::Agent;
use super::own::Uncovered;
use super::removal::remove_tree;
use super::sys;
use super::trace::Told;
use super::verbs::{Answer, io_errno};
use super::wire::Task;
use crate::base::{Bytes, Errno};
use crate::plan::{Medium, Need, Overlay, Probe, Store};
use crate::probe::{Subject, View, observe};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use std::ffi::CStr;
use std::fs;
use std::path::{Path, PathBuf};

/// How much a store on a tmpfs holds, unless said otherwise.
const STORE_BYTES: Bytes = Bytes(64 << 20);
/// The most that it may be told to hold.
const MOST_STORE_BYTES: Bytes = Bytes(256 << 20);
/// The most views of one `overlay`.
const MOST_VIEWS: u32 = 16;
/// mount(2) takes options of one page, the last byte of which ends them.
const MOST_OPTIONS: usize = 4095;

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

/// How overlayfs is to keep its marks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Marks {
    /// `trusted.overlay.*`, for the machine's root. What else an option could
    /// switch on by a setting of the kernel's is off, so that all behave alike.
    Trusted,
    /// `user.overlay.*`, which root of a user namespace may set (Linux 5.11).
    User,
    /// As the kernel likes: some older ones of distributions let root of a
    /// user namespace mount, and don't know the option.
    Default,
}

impl Marks {
    fn options(self) -> &'static str {
        match self {
            Marks::Trusted => ",index=off,redirect_dir=off,metacopy=off",
            Marks::User => ",userxattr",
            Marks::Default => "",
        }
    }

    /// The attribute of a directory that hides those below it.
    fn opaque(self) -> &'static CStr {
        match self {
            Marks::User => c"user.overlay.opaque",
            Marks::Trusted | Marks::Default => c"trusted.overlay.opaque",
        }
    }
}

impl Agent {
    /// `store`
    pub(super) fn store(&mut self, task: &Task, spec: &Store) -> Answer {
        let size = spec.size.unwrap_or(STORE_BYTES);
        if size > MOST_STORE_BYTES {
            let message = format!("`store`: {size} is more than {MOST_STORE_BYTES}");
            return Err(self.teller.broken(message));
        }
        let point = fs::canonicalize(&spec.path).ok().filter(|p| p.is_dir());
        if point.is_none_or(|point| point == Path::new("/")) {
            let path = &spec.path;
            return Err(self.teller.broken(format!(
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
            .teller
            .refused(Need::Overlay, &failed.stage, failed.errno))
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

    fn mount_store(&mut self, task: &Task, source: &Source, path: &str) -> Answer {
        let covered = Uncovered::look(path);
        let why = "room for layers: a file system that can hold the upper of an overlay";
        let made = match source {
            Source::Tmpfs(_) => {
                let args = format!(
                    "\"tmpfs\", \"{path}\", \"tmpfs\", MS_NOSUID|MS_NODEV, \"{}\"",
                    source.options()
                );
                self.teller.call("mount", args, why, || source.mount(path))
            }
            Source::Disk(directory) => {
                let args = format!(
                    "\"{}\", \"{path}\", NULL, MS_BIND, NULL",
                    directory.display()
                );
                self.teller
                    .call("mount", args, why, || source.bind(path))
                    .and_then(|()| {
                        let (flags, shown) = restricted(path);
                        let args = format!("NULL, \"{path}\", NULL, {shown}, NULL");
                        let why = "a bind mount gets flags of its own only by a second call";
                        self.teller.call("mount", args, why, || {
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
                self.teller
                    .observed(None, None, name, seen.value, seen.source);
            }
        }
        Ok(Ok(()))
    }

    /// How overlays are mounted from here.
    fn marks(&self) -> Marks {
        match (self.initial_user, self.own.default_marks) {
            (true, _) => Marks::Trusted,
            (false, true) => Marks::Default,
            (false, false) => Marks::User,
        }
    }

    /// `overlay`
    pub(super) fn overlay(&mut self, task: &Task, spec: &Overlay) -> Answer {
        let suffixes = self.suffixes("overlay", spec.count, MOST_VIEWS)?;
        // A layer that can be read through the view must be the run's own.
        for lower in &spec.lower {
            self.own_directory(lower)?;
        }
        for (index, suffix) in suffixes.iter().enumerate() {
            let at = format!("{}{suffix}", spec.at);
            let upper = spec.upper.as_ref().map(|upper| format!("{upper}{suffix}"));
            let options = options(&spec.lower, upper.as_deref(), self.marks());
            if options.len() > MOST_OPTIONS {
                return Err(self.teller.broken(format!(
                    "`overlay`: its options are {} bytes long, and mount(2) takes {MOST_OPTIONS}: \
                     stack fewer layers, or give them shorter paths",
                    options.len()
                )));
            }
            if let Err(errno) = self.view(&at, upper.as_deref(), &options)? {
                return Ok(Err(errno));
            }
            if let Some(name) = task.action.result.as_ref().filter(|_| index == 0) {
                let value = crate::plan::Value::Text(options);
                self.teller
                    .fact(format!("{name}.options"), value, "mount(2)".into());
            }
        }
        Ok(Ok(()))
    }

    /// Mounts one overlay.
    fn view(&mut self, at: &str, upper: Option<&str>, options: &str) -> Answer {
        let mut made = Ok(());
        if let Some(upper) = upper {
            made = self.directory(upper, "the writable layer: what changes, changes here")?;
            let why = "overlayfs makes a file ready in here, then renames it into the upper";
            let work = format!("{upper}.work");
            made = match made {
                Ok(()) => self.directory(&work, why)?,
                failed => failed,
            };
        }
        if made.is_ok() && !Path::new(at).exists() {
            made = self.directory(at, "where the view appears")?;
        }
        let Some(covered) = Uncovered::look(at).filter(|_| made.is_ok()) else {
            return Ok(made.and(Err(Errno(libc::ENOENT))));
        };
        let why = match upper {
            Some(_) => "the layers as one tree, the writable one on top",
            None => "without an upper the view is read-only, and takes two layers at least",
        };
        let args = format!("\"overlay\", \"{at}\", \"overlay\", MS_NOSUID|MS_NODEV, \"{options}\"");
        let mounted = self
            .teller
            .call("mount", args, why, || mount_overlay(Path::new(at), options));
        if mounted.is_ok() {
            self.own.add(covered);
        }
        Ok(mounted)
    }

    /// A directory of the run's own, made if it isn't there.
    pub(super) fn directory(&mut self, path: &str, why: &str) -> Answer {
        if Path::new(path).symlink_metadata().is_ok() {
            return self.own_directory(path).map(Ok);
        }
        self.on_own_mount(path)?;
        let args = format!("\"{path}\", 0755");
        let mode = nix::sys::stat::Mode::from_bits_truncate(0o755);
        Ok(self.teller.call("mkdir", args, why, || {
            nix::unistd::mkdir(path, mode).map_err(Errno::from)
        }))
    }

    /// What is added to a name for each of so many: nothing if no number is given.
    pub(super) fn suffixes(
        &mut self,
        verb: &str,
        count: Option<u32>,
        most: u32,
    ) -> Result<Vec<String>, Told> {
        match count {
            None => Ok(vec![String::new()]),
            Some(n) if (1..=most).contains(&n) => Ok((1..=n).map(|n| format!("-{n}")).collect()),
            Some(n) => Err(self
                .teller
                .broken(format!("`{verb}`: `count` is {n}, and may be 1 to {most}"))),
        }
    }

    /// `unmount`
    pub(super) fn unmount(&mut self, path: &str) -> Answer {
        let real = fs::canonicalize(path).unwrap_or_default();
        let Some(id) = self.own.at(&real) else {
            return Err(self.teller.broken(format!(
                "`unmount`: this run has mounted nothing on `{path}`"
            )));
        };
        let args = format!("\"{path}\", 0");
        let done = self.teller.call("umount2", args, "", || {
            umount2(&real, MntFlags::empty()).map_err(Errno::from)
        });
        if done.is_ok() {
            self.own.forget(id);
        }
        Ok(done)
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

/// Mounts an overlay like every other mount of a demo's: nothing on it gains
/// privileges by its mode, or is a device.
fn mount_overlay(at: &Path, options: &str) -> Result<(), Errno> {
    mount(
        Some("overlay"),
        at,
        Some("overlay"),
        MsFlags::MS_NOSUID | MsFlags::MS_NODEV,
        Some(options),
    )
    .map_err(Errno::from)
}

/// The options of a mount(2) of type overlay.
fn options(lower: &[String], upper: Option<&str>, marks: Marks) -> String {
    let lower: Vec<String> = lower.iter().map(|path| escaped(path)).collect();
    let mut options = format!("lowerdir={}", lower.join(":"));
    if let Some(upper) = upper {
        let upper = escaped(upper);
        options += &format!(",upperdir={upper},workdir={upper}.work");
    }
    options + marks.options()
}

/// A path as overlayfs reads it: `:` divides layers and `,` options, unless a
/// `\` stands before it.
fn escaped(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for character in path.chars() {
        if matches!(character, '\\' | ':' | ',') {
            out.push('\\');
        }
        out.push(character);
    }
    out
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
        done.map_err(|error| (stage.to_string(), Some(io_errno(error))))
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
    let mark = sys::attribute(&upper.join("dir"), marks.opaque());
    let mark = mark.map_err(|errno| (attribute.to_string(), Some(errno)))?;
    match left.next().is_none() && mark == b"y" {
        true => Ok(()),
        false => Err((attribute.to_string(), None)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_escaped_and_options_in_their_order() {
        for (path, expected) in [
            ("/l", "/l"),
            ("/a:b", r"/a\:b"),
            ("/a,b", r"/a\,b"),
            (r"/a\b", r"/a\\b"),
            ("/ä b=c", "/ä b=c"),
        ] {
            assert_eq!(escaped(path), expected);
        }
        let lower = ["/b".to_string(), "/a:1".to_string()];
        assert_eq!(
            options(&lower, Some("/u"), Marks::Trusted),
            r"lowerdir=/b:/a\:1,upperdir=/u,workdir=/u.work,index=off,redirect_dir=off,metacopy=off"
        );
        assert_eq!(
            options(&lower, None, Marks::User),
            r"lowerdir=/b:/a\:1,userxattr"
        );
    }
}
