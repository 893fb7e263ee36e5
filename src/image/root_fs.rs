//! A root filesystem, made offline of the machine's own programs: each with its
//! loader and its libraries under the paths where the loader looks for them,
//! and the few files and directories that programs take for granted.
//!
//! Nothing of the machine is linked or changed, only read; no file of the new
//! root is setuid, whatever it was on the machine.

use super::elf::Search;
use super::limits::longest_file;
use super::steps::{Error, Step, Steps, step};
use crate::base::{Errno, literal};
use crate::plan::Need;
use nix::sys::sendfile::sendfile64;
use nix::sys::stat::{Mode, fchmod};
use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Directories that are links into /usr where it is merged (file-hierarchy(7)).
const MERGED: [&str; 10] = [
    "bin",
    "sbin",
    "lib",
    "lib32",
    "lib64",
    "libx32",
    "usr/sbin",
    "usr/lib32",
    "usr/lib64",
    "usr/libx32",
];
/// What is mounted over or written to later, with its mode.
const EMPTY: [(&str, u32); 5] = [
    ("proc", 0o755),
    ("sys", 0o755),
    ("dev", 0o755),
    ("tmp", 0o1777),
    ("root", 0o700),
];
/// passwd(5), group(5) and os-release(5).
const FILES: [(&str, &str); 3] = [
    (
        "etc/passwd",
        "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n",
    ),
    ("etc/group", "root:x:0:\nnobody:x:65534:\n"),
    (
        "etc/os-release",
        "NAME=\"glassbox root filesystem\"\nPRETTY_NAME=\"glassbox root filesystem\"\nID=glassbox\n",
    ),
];

/// What was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BuiltRootFs {
    /// Regular files.
    pub files: u64,
    /// Their lengths, added, in bytes.
    pub bytes: u64,
}

/// Makes a root filesystem in `to`, an empty directory, of programs that are
/// looked up in `path`, a list as PATH is.
///
/// # Errors
/// A program or a library that isn't there, and what the kernel refuses.
pub fn build_root_fs(
    names: &[String],
    path: &str,
    to: &Path,
    steps: Steps<'_>,
) -> Result<BuiltRootFs, Error> {
    // What lies there already may be a link that leads elsewhere.
    let mut there = fs::read_dir(to).map_err(|error| Error::io("open", to, &error))?;
    if there.next().is_some() {
        return Err(Error::Wrong(format!(
            "`{}` is not empty: name a new directory for the root filesystem",
            to.display()
        )));
    }
    // Look for everything before anything is written: a missing program is
    // found at once.
    let programs: Vec<(String, PathBuf)> = names
        .iter()
        .collect::<BTreeSet<_>>()
        .into_iter()
        .map(|name| Ok((name.clone(), look_up(name, path)?)))
        .collect::<Result<_, Error>>()?;
    let mut root = Root {
        to: to.into(),
        done: BTreeSet::new(),
        made: BuiltRootFs::default(),
    };
    root.skeleton(steps)?;
    let search = Search::of(Path::new("/"));
    let bin = fs::canonicalize("/bin").unwrap_or_else(|_| "/bin".into());
    for (name, file) in &programs {
        let parts = search.parts(file, &bin)?;
        root.copy(file, &Path::new("/bin").join(name), 0o755, steps)?;
        // The kernel opens the interpreter to execute it, so it needs the x.
        for path in &parts.interpreters {
            root.copy(path, path, 0o755, steps)?;
        }
        for path in parts.libraries.iter().chain(&parts.settings) {
            root.copy(path, path, 0o644, steps)?;
        }
    }
    Ok(root.made)
}

/// The file behind a program's name, as execvp(3) would find it.
fn look_up(name: &str, path: &str) -> Result<PathBuf, Error> {
    let missing = || {
        let need = Need::Program(name.to_string());
        Error::Refused(need, format!("execve({name})"), Errno(libc::ENOENT))
    };
    let plain = !name.is_empty() && !name.contains('/') && name != "." && name != "..";
    path.split(':')
        .filter(|_| plain)
        .filter_map(|directory| fs::canonicalize(Path::new(directory).join(name)).ok())
        .find(|file| {
            fs::metadata(file).is_ok_and(|meta| meta.is_file() && meta.mode() & 0o111 != 0)
        })
        .ok_or_else(missing)
}

/// The root that is being made.
struct Root {
    to: PathBuf,
    /// The files that lie in it already.
    done: BTreeSet<PathBuf>,
    made: BuiltRootFs,
}

impl Root {
    /// Where a path of the new root lies just now.
    fn at(&self, path: &Path) -> PathBuf {
        self.to.join(path.strip_prefix("/").unwrap_or(path))
    }

    /// Directories, links and the files of /etc.
    fn skeleton(&mut self, steps: Steps<'_>) -> Result<(), Error> {
        self.directory(Path::new("usr/bin"), 0o755)?;
        for name in MERGED {
            self.merge(name, steps)?;
        }
        self.directory(Path::new("bin"), 0o755)?;
        for (name, mode) in EMPTY {
            self.directory(Path::new(name), mode)?;
        }
        self.directory(Path::new("etc"), 0o755)?;
        for (name, text) in FILES {
            let (path, mut file) = self.create(Path::new(name), 0o644)?;
            let args = format!(
                "{}<{}>, …, {}",
                file.as_raw_fd(),
                path.display(),
                text.len()
            );
            step(steps, ("write", args), "", || {
                file.write_all(text.as_bytes())
                    .map(|()| text.len() as i64)
                    .map_err(Errno::from)
            })?;
            self.made.bytes += text.len() as u64;
        }
        Ok(())
    }

    /// Links a directory into /usr as this machine does, so that a path means
    /// the same file in both.
    fn merge(&mut self, name: &str, steps: Steps<'_>) -> Result<(), Error> {
        let here = Path::new("/").join(name);
        let linked = here.symlink_metadata().is_ok_and(|meta| meta.is_symlink());
        let real = fs::canonicalize(&here).unwrap_or_default();
        let Ok(below) = real.strip_prefix("/usr") else {
            return Ok(());
        };
        if !linked || below.as_os_str().is_empty() {
            return Ok(());
        }
        // Relative, so that it leads to the same place before and after the
        // directory has become the root.
        let target = match name.strip_prefix("usr/") {
            Some(_) => below.to_path_buf(),
            None => Path::new("usr").join(below),
        };
        self.directory(&Path::new("usr").join(below), 0o755)?;
        let link = self.at(Path::new(name));
        let args = format!("{}, {}", literal(&target), literal(&link));
        step(steps, ("symlink", args), "as on this machine", || {
            symlink(&target, &link).map_err(Errno::from)
        })
    }

    /// Makes a directory with those above it, whatever the umask is.
    fn directory(&self, path: &Path, mode: u32) -> Result<(), Error> {
        let path = self.at(path);
        let mut missing: Vec<&Path> = path.ancestors().take_while(|path| !path.exists()).collect();
        while let Some(one) = missing.pop() {
            let mode = if one == path { mode } else { 0o755 };
            fs::DirBuilder::new()
                .mode(0o700)
                .create(one)
                .and_then(|()| fs::set_permissions(one, fs::Permissions::from_mode(mode)))
                .map_err(|error| Error::io("mkdir", one, &error))?;
        }
        Ok(())
    }

    /// Makes a file that isn't there yet.
    fn create(&mut self, path: &Path, mode: u32) -> Result<(PathBuf, File), Error> {
        let path = self.at(path);
        let made = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .and_then(|file| {
                fchmod(&file, Mode::from_bits_truncate(mode))?;
                Ok(file)
            });
        let file = made.map_err(|error| Error::io("open", &path, &error))?;
        self.made.files += 1;
        Ok((path, file))
    }

    /// Copies a file of the machine, through links to what it really is, to a
    /// path of the new root, if it isn't there yet.
    fn copy(&mut self, from: &Path, to: &Path, mode: u32, steps: Steps<'_>) -> Result<(), Error> {
        let directory = to.parent().unwrap_or(Path::new("/"));
        self.directory(directory, 0o755)?;
        // /lib and /usr/lib may be one: what counts is where it comes to lie.
        let real = fs::canonicalize(self.at(directory))
            .map_err(|error| Error::io("stat", directory, &error))?;
        if !self
            .done
            .insert(real.join(to.file_name().unwrap_or_default()))
        {
            return Ok(());
        }
        let source = File::open(from).map_err(|error| Error::io("open", from, &error))?;
        let size = source
            .metadata()
            .map_err(|error| Error::io("fstat", from, &error))?
            .len();
        if size > longest_file() {
            return Err(Error::Kernel(
                format!(
                    "sendfile({}), {size} bytes: name a smaller program",
                    literal(from)
                ),
                Errno(libc::EFBIG),
            ));
        }
        let (path, target) = self.create(to, mode)?;
        let (args, started) = (
            format!(
                "{}<{}>, {}<{}>, NULL, {size}",
                target.as_raw_fd(),
                path.display(),
                source.as_raw_fd(),
                from.display()
            ),
            Instant::now(),
        );
        let sent = send(&target, &source, size);
        steps(sending(args.clone(), sent, started.elapsed()));
        let sent = sent.map_err(|errno| Error::Kernel(format!("sendfile({args})"), errno))?;
        self.made.bytes += sent as u64;
        Ok(())
    }
}

fn sending(args: String, result: Result<i64, Errno>, took: Duration) -> Step {
    Step {
        name: "sendfile",
        args,
        why: "",
        result,
        took,
    }
}

/// Copies within the kernel. sendfile(2) rather than copy_file_range(2), which
/// most filesystems refuse across their border.
fn send(to: &File, from: &File, size: u64) -> Result<i64, Errno> {
    let mut sent = 0;
    while sent < size {
        let left = usize::try_from(size - sent).unwrap_or(usize::MAX);
        match sendfile64(to, from, None, left)? {
            0 => break,
            n => sent += n as u64,
        }
    }
    Ok(sent as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::deadline::{Limit, PATIENCE};
    use crate::base::skip::{has_programs, skip};
    use std::os::unix::process::CommandExt;
    use std::process::Command;

    const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

    fn built(names: &[&str]) -> (tempfile::TempDir, BuiltRootFs, Vec<Step>) {
        let dir = tempfile::tempdir().unwrap();
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let mut heard = Vec::new();
        let made = build_root_fs(&names, PATH, dir.path(), &mut |step| heard.push(step)).unwrap();
        (dir, made, heard)
    }

    /// Every file below, links not followed.
    fn walk(dir: &Path) -> Vec<PathBuf> {
        let mut found = Vec::new();
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            match path.symlink_metadata().unwrap() {
                meta if meta.is_dir() => found.extend(walk(&path)),
                _ => found.push(path),
            }
        }
        found
    }

    /// What a program of that root writes, run with the root as its own.
    fn run_in(root: &Path, script: &str) -> Option<std::process::Output> {
        let mut command = if nix::unistd::geteuid().is_root() {
            Command::new("chroot")
        } else {
            let mut command = Command::new("unshare");
            command.args(["--map-root-user", "chroot"]);
            command
        };
        command.arg(root).args(["/bin/sh", "-c", script]);
        command.env_clear().env("PATH", "/bin:/usr/sbin:/usr/bin");
        command.process_group(0);
        let output = command.within(PATIENCE).output();
        let here = Command::new("unshare")
            .args(["--map-root-user", "true"])
            .within(PATIENCE)
            .status()
            .is_ok_and(|status| status.success());
        match output {
            Ok(output) if output.status.success() => Some(output),
            _ if !nix::unistd::geteuid().is_root() && !here => {
                skip("neither root nor able to make a user namespace");
                None
            }
            other => panic!("{root:?}: {other:?}"),
        }
    }

    #[test]
    fn its_programs_run_with_it_as_their_root() {
        let (dir, ..) = built(&["sh", "ls", "cat", "id"]);
        let Some(output) = run_in(dir.path(), "ls /; cat /etc/os-release; id -un; ls -l /bin/")
        else {
            return;
        };
        let text = String::from_utf8(output.stdout).unwrap();
        for part in [
            "proc\n",
            "root\n",
            "NAME=\"glassbox root filesystem\"",
            "-rwxr-xr-x",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }

    #[test]
    fn what_is_counted_is_what_lies_there_and_nothing_is_setuid() {
        let (dir, made, heard) = built(&["sh", "su", "sh"]);
        let files: Vec<_> = walk(dir.path())
            .into_iter()
            .map(|path| path.symlink_metadata().unwrap())
            .filter(|meta| meta.is_file())
            .collect();
        assert_eq!(made.files, files.len() as u64);
        assert_eq!(made.bytes, files.iter().map(|meta| meta.len()).sum::<u64>());
        for meta in &files {
            assert!([0o755, 0o644].contains(&(meta.mode() & 0o7777)));
        }
        let copies = heard.iter().filter(|step| step.name == "sendfile").count();
        assert_eq!(copies + FILES.len(), files.len());
        assert!(heard.iter().all(|step| step.result.is_ok()));
        let modes = EMPTY.map(|(name, mode)| {
            let meta = dir.path().join(name).metadata().unwrap();
            (name, mode, meta.mode() & 0o7777)
        });
        assert!(
            modes.iter().all(|(_, asked, got)| asked == got),
            "{modes:?}"
        );
    }

    #[test]
    fn paths_mean_the_same_as_on_this_machine() {
        let (dir, ..) = built(&["sh"]);
        for name in MERGED {
            let here = fs::canonicalize(Path::new("/").join(name));
            let there = fs::canonicalize(dir.path().join(name));
            if let (Ok(here), Ok(there)) = (here, there) {
                let there = there.strip_prefix(dir.path()).unwrap();
                assert_eq!(Path::new("/").join(there), here, "{name}");
            }
        }
    }

    /// Each needed library of each ELF file is there by name, read by another
    /// reader of ELF files where there is one.
    #[test]
    fn every_needed_library_is_inside() {
        if !has_programs(&["readelf"]) {
            return;
        }
        let (dir, ..) = built(&["sh", "ls", "su"]);
        let files = walk(dir.path());
        let names: BTreeSet<_> = files.iter().filter_map(|path| path.file_name()).collect();
        let mut checked = 0;
        for file in &files {
            let output = Command::new("readelf")
                .arg("-d")
                .arg(file)
                .within(PATIENCE)
                .output()
                .unwrap();
            for line in String::from_utf8_lossy(&output.stdout).lines() {
                if let Some((_, name)) = line.split_once("(NEEDED)") {
                    let name = name.split(['[', ']']).nth(1).unwrap();
                    assert!(names.contains(std::ffi::OsStr::new(name)), "{name}");
                    checked += 1;
                }
            }
        }
        assert!(checked > 0);
    }

    #[test]
    fn a_static_program_needs_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let (source, program) = (dir.path().join("a.rs"), dir.path().join("a"));
        fs::write(&source, "fn main() {}").unwrap();
        let compiled = Command::new("rustc")
            .args(["-C", "target-feature=+crt-static", "-o"])
            .args([&program, &source])
            .within(PATIENCE)
            .output();
        if !compiled.is_ok_and(|output| output.status.success()) {
            skip("needs a static C library (libc6-dev)");
            return;
        }
        let parts = Search::of(Path::new("/"))
            .parts(&program, Path::new("/bin"))
            .unwrap();
        assert_eq!(parts, super::super::elf::Parts::default());
    }

    #[test]
    fn what_cannot_be_is_refused_before_anything_is_written() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["no-such-program", "../bin/sh", "", "."] {
            let names = ["sh".to_string(), name.to_string()];
            let error = build_root_fs(&names, PATH, dir.path(), &mut |_| {}).unwrap_err();
            let of = Need::Program(name.into());
            assert!(
                matches!(&error, Error::Refused(need, _, Errno(libc::ENOENT)) if *need == of),
                "{error}"
            );
        }
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
        fs::write(dir.path().join("here"), "").unwrap();
        let error = build_root_fs(&["sh".into()], PATH, dir.path(), &mut |_| {}).unwrap_err();
        assert!(error.to_string().contains("not empty"), "{error}");
    }
}
