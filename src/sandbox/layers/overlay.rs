//! `overlay` and `unmount`: overlayfs, as the kernel's documentation has it.
//!
//! Every layer lies on a mount of the run's own: what a view shows, or would
//! change below it, is never the learner's.

use crate::base::{Errno, literal};
use crate::plan::{MOST_TREES, Overlay, Value};
use crate::sandbox::agent::own::Uncovered;
use crate::sandbox::agent::{Agent, Answer};
use crate::sandbox::wire::Task;
use crate::sandbox::wire::tracer::Told;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use std::fs;
use std::path::Path;

/// mount(2) takes options of one page, the last byte of which ends them.
const MOST_OPTIONS: usize = 4095;

/// How overlayfs is to keep its marks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sandbox) enum Marks {
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
    pub(in crate::sandbox) fn opaque(self) -> &'static str {
        match self {
            Marks::User => "user.overlay.opaque",
            Marks::Trusted | Marks::Default => "trusted.overlay.opaque",
        }
    }
}

impl Agent {
    /// How overlays are mounted from here.
    pub(in crate::sandbox) fn marks(&self) -> Marks {
        match (self.initial_user, self.own.default_marks) {
            (true, _) => Marks::Trusted,
            (false, true) => Marks::Default,
            (false, false) => Marks::User,
        }
    }

    /// `overlay`
    pub(in crate::sandbox) fn overlay(&mut self, task: &Task, spec: &Overlay) -> Answer {
        let suffixes = self.suffixes("overlay", spec.count)?;
        // A layer that can be read through the view must be the run's own.
        for lower in &spec.lower {
            if let Err(errno) = self.own_directory(lower)? {
                return Ok(Err(errno));
            }
        }
        for (index, suffix) in suffixes.iter().enumerate() {
            let at = format!("{}{suffix}", spec.at);
            let upper = spec.upper.as_ref().map(|upper| format!("{upper}{suffix}"));
            let options = options(&spec.lower, upper.as_deref(), self.marks());
            if options.len() > MOST_OPTIONS {
                return Err(self.tracer.broken(format!(
                    "`overlay`: its options are {} bytes long, and mount(2) takes {MOST_OPTIONS}: \
                     stack fewer layers, or give them shorter paths",
                    options.len()
                )));
            }
            if let Err(errno) = self.view(&at, upper.as_deref(), &options)? {
                return Ok(Err(errno));
            }
            if let Some(name) = task.action.result.as_ref().filter(|_| index == 0) {
                let value = Value::Text(options);
                self.tracer
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
        let args = format!(
            "\"overlay\", {at}, \"overlay\", MS_NOSUID|MS_NODEV, {options}",
            at = literal(at),
            options = literal(options)
        );
        let mounted = self
            .tracer
            .call("mount", args, why, || mount_overlay(Path::new(at), options));
        if mounted.is_ok() {
            self.own.add(covered);
        }
        Ok(mounted)
    }

    /// A directory of the run's own, made if it isn't there.
    pub(in crate::sandbox) fn directory(&mut self, path: &str, why: &str) -> Answer {
        if Path::new(path).symlink_metadata().is_ok() {
            return self.own_directory(path);
        }
        if let Err(errno) = self.on_own_mount(path)? {
            return Ok(Err(errno));
        }
        let args = format!("{path}, 0755", path = literal(path));
        let mode = nix::sys::stat::Mode::from_bits_truncate(0o755);
        Ok(self.tracer.call("mkdir", args, why, || {
            nix::unistd::mkdir(path, mode).map_err(Errno::from)
        }))
    }

    /// What is added to a name for each of so many: nothing if no number is given.
    pub(in crate::sandbox) fn suffixes(
        &mut self,
        verb: &str,
        count: Option<u32>,
    ) -> Result<Vec<String>, Told> {
        match count {
            None => Ok(vec![String::new()]),
            Some(n) if (1..=MOST_TREES).contains(&n) => {
                Ok((1..=n).map(|n| format!("-{n}")).collect())
            }
            Some(n) => Err(self.tracer.broken(format!(
                "`{verb}`: `count` is {n}, and may be 1 to {MOST_TREES}"
            ))),
        }
    }

    /// `unmount`
    pub(in crate::sandbox) fn unmount(&mut self, path: &str) -> Answer {
        let real = fs::canonicalize(path).unwrap_or_default();
        let Some(id) = self.own.at(&real) else {
            return Err(self.tracer.broken(format!(
                "`unmount`: this run has mounted nothing on `{path}`"
            )));
        };
        let args = format!("{path}, 0", path = literal(path));
        let done = self.tracer.call("umount2", args, "", || {
            umount2(&real, MntFlags::empty()).map_err(Errno::from)
        });
        if done.is_ok() {
            self.own.forget(id);
        }
        Ok(done)
    }
}

/// Mounts an overlay like every other mount of a demo's: nothing on it gains
/// privileges by its mode, or is a device.
pub(in crate::sandbox) fn mount_overlay(at: &Path, options: &str) -> Result<(), Errno> {
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
pub(in crate::sandbox) fn options(lower: &[String], upper: Option<&str>, marks: Marks) -> String {
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
