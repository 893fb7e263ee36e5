//! The dynamic loader of a program, and where it looks for libraries: that of
//! glibc, ld.so(8), with what ldconfig(8) is told; that of musl, which is its
//! own C library.

use std::fs;
use std::path::{Path, PathBuf};

/// A path of the machine whose root this is.
pub(super) fn below(root: &Path, path: &Path) -> PathBuf {
    root.join(path.strip_prefix("/").unwrap_or(path))
}

/// The dynamic loader of a program.
pub(super) struct Loader {
    root: PathBuf,
    interpreter: PathBuf,
    musl: bool,
    /// Where it looks for libraries.
    pub(super) directories: Vec<PathBuf>,
    /// Those of them that it has built in.
    built_in: Vec<PathBuf>,
    /// What it reads to know.
    pub(super) settings: Option<PathBuf>,
}

impl Loader {
    /// The loader of this name, on the machine whose root this is.
    pub(super) fn of(root: &Path, interpreter: &Path) -> Loader {
        let name = interpreter.file_name().unwrap_or_default();
        let name = name.to_string_lossy().into_owned();
        let musl = name.strip_prefix("ld-musl-");
        // glibc has the directory built in that it is installed to itself.
        let real = fs::canonicalize(below(root, interpreter)).ok();
        let home = real.as_ref().and_then(|real| {
            let home = real.parent()?.strip_prefix(root).ok()?;
            Some(Path::new("/").join(home))
        });
        let mut built_in: Vec<PathBuf> = home.into_iter().collect();
        let mut directories = Vec::new();
        let mut settings = None;
        match musl {
            Some(rest) => {
                let arch = rest.split('.').next().unwrap_or(rest);
                let file = PathBuf::from(format!("/etc/ld-musl-{arch}.path"));
                built_in = ["/lib", "/usr/local/lib", "/usr/lib"]
                    .map(PathBuf::from)
                    .into();
                if let Ok(text) = fs::read_to_string(below(root, &file)) {
                    let words = text.split([':', '\n']).filter(|word| word.starts_with('/'));
                    built_in = words.map(PathBuf::from).collect();
                    settings = Some(file);
                }
            }
            None => {
                built_in.extend(system_dirs(&below(root, interpreter)));
                built_in.extend(["/lib", "/usr/lib"].map(PathBuf::from));
                read_configuration(root, Path::new("/etc/ld.so.conf"), 0, &mut directories);
            }
        }
        directories.extend(built_in.iter().cloned());
        if musl.is_none() {
            directories.extend(["/lib64", "/usr/lib64"].map(PathBuf::from));
        }
        Loader {
            root: root.into(),
            interpreter: interpreter.into(),
            musl: musl.is_some(),
            directories,
            built_in,
            settings,
        }
    }

    /// Whether a needed library is this loader, which is loaded by then.
    pub(super) fn is(&self, needed: &str) -> bool {
        let own = self
            .interpreter
            .file_name()
            .is_some_and(|own| own == needed);
        // musl is loader and C library in one, whatever a program calls it.
        let of_musl = || {
            ["c", "pthread", "rt", "m", "dl", "util", "xnet"]
                .iter()
                .any(|part| needed.starts_with(&format!("lib{part}.")))
        };
        own || (self.musl && of_musl())
    }

    /// Whether it looks into that directory without being told.
    pub(super) fn looks_in(&self, directory: &Path) -> bool {
        let real = |path: &Path| fs::canonicalize(below(&self.root, path)).ok();
        self.musl
            || self
                .built_in
                .iter()
                .any(|known| known == directory || real(known) == real(directory))
    }
}

/// The directories that a loader of glibc has built in besides the usual ones,
/// such as Debian's `/lib/x86_64-linux-gnu`: each a text of its own in the file
/// (`system_dirs` of elf/dl-load.c), and the only ones that end with a slash.
fn system_dirs(interpreter: &Path) -> Vec<PathBuf> {
    let bytes = fs::read(interpreter).unwrap_or_default();
    let texts = bytes.split(|byte| *byte == 0);
    texts
        .filter_map(|text| std::str::from_utf8(text).ok())
        .filter(|text| text.starts_with('/') && text.ends_with('/') && text.contains("/lib"))
        .map(|text| PathBuf::from(text.trim_end_matches('/')))
        .collect()
}

/// Reads ld.so.conf and what it includes; ldconfig(8). What can't be read
/// names no directory.
fn read_configuration(root: &Path, file: &Path, depth: usize, found: &mut Vec<PathBuf>) {
    let Ok(text) = fs::read_to_string(below(root, file)) else {
        return;
    };
    for line in text.lines() {
        let line = line.split('#').next().unwrap_or("").trim();
        let mut words = line.split_whitespace();
        match words.next() {
            Some("include") if depth < 8 => {
                for pattern in words {
                    let pattern = file.parent().unwrap_or(file).join(pattern);
                    for name in matching(root, &pattern) {
                        read_configuration(root, &name, depth + 1, found);
                    }
                }
            }
            Some("include" | "hwcap") | None => {}
            Some(_) => found.extend(
                line.split([':', ',', ' ', '\t'])
                    .filter(|word| word.starts_with('/'))
                    .map(PathBuf::from),
            ),
        }
    }
}

/// The files that a pattern means whose last part may hold one `*`, in order.
fn matching(root: &Path, pattern: &Path) -> Vec<PathBuf> {
    let name = pattern.file_name().unwrap_or_default().to_string_lossy();
    let Some((start, end)) = name.split_once('*') else {
        return vec![pattern.into()];
    };
    let directory = pattern.parent().unwrap_or(pattern);
    let mut found: Vec<PathBuf> = fs::read_dir(below(root, directory))
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| {
            name.len() >= start.len() + end.len() && name.starts_with(start) && name.ends_with(end)
        })
        .map(|name| directory.join(name))
        .collect();
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_loader_has_built_in_is_read_from_it() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("ld-linux.so.2");
        let text =
            b"\x7fELF\0/etc/ld.so.cache\0/lib/x86_64-linux-gnu/\0/usr/lib/\0/usr/bin/\0/proc/";
        fs::write(&file, text).unwrap();
        let found = system_dirs(&file);
        assert_eq!(
            found,
            ["/lib/x86_64-linux-gnu", "/usr/lib"].map(PathBuf::from)
        );
    }

    #[test]
    fn the_configuration_is_read_with_its_includes() {
        let root = tempfile::tempdir().unwrap();
        let etc = root.path().join("etc/ld.so.conf.d");
        fs::create_dir_all(&etc).unwrap();
        fs::write(
            root.path().join("etc/ld.so.conf"),
            "# a comment\n/first\ninclude ld.so.conf.d/*.conf\nhwcap 1 x\n/last # and why\n",
        )
        .unwrap();
        fs::write(etc.join("b.conf"), "/b1:/b2\n").unwrap();
        fs::write(etc.join("a.conf"), "/a\n").unwrap();
        fs::write(etc.join("c.txt"), "/never\n").unwrap();
        let mut found = Vec::new();
        read_configuration(root.path(), Path::new("/etc/ld.so.conf"), 0, &mut found);
        let expected = ["/first", "/a", "/b1", "/b2", "/last"].map(PathBuf::from);
        assert_eq!(found, expected);
    }

    #[test]
    fn musl_is_its_own_c_library() {
        let root = tempfile::tempdir().unwrap();
        let musl = Loader::of(root.path(), Path::new("/lib/ld-musl-x86_64.so.1"));
        assert!(musl.is("libc.musl-x86_64.so.1") && musl.is("libc.so"));
        assert!(!musl.is("libcrypto.so.3"));
        assert_eq!(musl.directories[1], Path::new("/usr/local/lib"));
        let glibc = Loader::of(root.path(), Path::new("/lib64/ld-linux-x86-64.so.2"));
        assert!(glibc.is("ld-linux-x86-64.so.2") && !glibc.is("libc.so.6"));
    }
}
