//! What a program needs beside itself to be started in another root: the ELF
//! interpreter and the shared libraries, found as ld.so(8) finds them, by
//! reading only. The environment counts for nothing here: LD_LIBRARY_PATH is
//! the learner's, and not part of the machine.

use super::steps::Trouble;
use goblin::elf::Elf;
use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

/// The largest file that is read to see what it needs.
const MOST_BYTES: u64 = 64 << 20;
/// How deep scripts may name scripts as their interpreters, execve(2).
const MOST_SCRIPTS: usize = 4;

/// Where ld.so(8) looks on this machine.
pub(super) struct Search {
    root: PathBuf,
    /// What /etc/ld.so.conf names: the directories that the cache was made of.
    configured: Vec<PathBuf>,
}

/// What has to lie in the new root beside the program, each under its absolute
/// path.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Parts {
    /// What execve(2) opens to run it: its ELF interpreter, or that of a script
    /// with all that it needs.
    pub(super) interpreters: BTreeSet<PathBuf>,
    /// Shared libraries.
    pub(super) libraries: BTreeSet<PathBuf>,
    /// What tells the loader where they are, if it wouldn't find them by itself.
    pub(super) settings: BTreeSet<PathBuf>,
}

/// 64 bits, little-endian, the machine: only alike ones go together.
type Kind = (bool, bool, u16);

/// A library with the path where it was found.
type Library = (PathBuf, Object);

/// What an ELF file says of itself.
struct Object {
    interpreter: Option<PathBuf>,
    needed: Vec<String>,
    rpath: Vec<String>,
    runpath: Vec<String>,
    kind: Kind,
}

/// An object whose needs are to be met.
struct Open {
    object: Object,
    /// Where it will lie: `$ORIGIN`.
    origin: PathBuf,
    /// The DT_RPATH of those that asked for it.
    inherited: Vec<PathBuf>,
    /// What to call it in an error.
    name: String,
}

impl Search {
    /// Reads the machine's configuration; `root` is `/`.
    pub(super) fn of(root: &Path) -> Search {
        let mut configured = Vec::new();
        read_configuration(root, Path::new("/etc/ld.so.conf"), 0, &mut configured);
        Search {
            root: root.into(),
            configured,
        }
    }

    fn on_host(&self, path: &Path) -> PathBuf {
        self.root.join(path.strip_prefix("/").unwrap_or(path))
    }

    /// What the program in `file` needs once it lies in the directory `into`.
    ///
    /// # Errors
    /// A file that can't be read or isn't a program, a library that isn't there.
    pub(super) fn parts(&self, file: &Path, into: &Path) -> Result<Parts, Trouble> {
        let mut parts = Parts::default();
        self.program(file, into, MOST_SCRIPTS, &mut parts)?;
        Ok(parts)
    }

    fn program(
        &self,
        file: &Path,
        into: &Path,
        scripts: usize,
        parts: &mut Parts,
    ) -> Result<(), Trouble> {
        let bytes = read(&self.on_host(file))?;
        if let Some(line) = bytes.strip_prefix(b"#!") {
            return self.script(file, line, scripts, parts);
        }
        let object = parse(file, &bytes)?;
        // Without an interpreter nobody loads libraries: it is static.
        let Some(interpreter) = object.interpreter.clone() else {
            return Ok(());
        };
        if !interpreter.is_absolute() {
            return Err(Trouble::Wrong(format!(
                "`{}` names the interpreter `{}`, which isn't an absolute path",
                file.display(),
                interpreter.display()
            )));
        }
        parts.interpreters.insert(interpreter.clone());
        let loader = Loader::of(self, &interpreter);
        parts.settings.extend(loader.settings.clone());
        self.libraries(
            Open {
                name: file.display().to_string(),
                inherited: Vec::new(),
                origin: into.into(),
                object,
            },
            &loader,
            parts,
        )
    }

    /// A script: what its first line names is what execve(2) runs.
    fn script(
        &self,
        file: &Path,
        line: &[u8],
        scripts: usize,
        parts: &mut Parts,
    ) -> Result<(), Trouble> {
        let wrong = |what: &str| {
            Trouble::Wrong(format!(
                "`{}` is a script {what}: name a compiled program instead",
                file.display()
            ))
        };
        let line = line.split(|byte| *byte == b'\n').next().unwrap_or(&[]);
        let line = std::str::from_utf8(line).map_err(|_| wrong("with a strange first line"))?;
        let word = line.split_whitespace().next().unwrap_or("");
        let interpreter = PathBuf::from(word);
        if !interpreter.is_absolute() {
            return Err(wrong("whose interpreter isn't an absolute path"));
        }
        if interpreter.file_name().is_some_and(|name| name == "env") {
            return Err(wrong("that lets env(1) look for its interpreter"));
        }
        if scripts == 0 {
            return Err(wrong("for a script for a script"));
        }
        let into = interpreter.parent().unwrap_or(Path::new("/")).to_path_buf();
        parts.interpreters.insert(interpreter.clone());
        self.program(&interpreter, &into, scripts - 1, parts)
    }

    /// Meets the needs of a program and of all libraries that are found for it.
    fn libraries(&self, program: Open, loader: &Loader, parts: &mut Parts) -> Result<(), Trouble> {
        let kind = program.object.kind;
        let mut seen = BTreeSet::new();
        let mut open = vec![program];
        while let Some(next) = open.pop() {
            let Open { object, origin, .. } = &next;
            let own: Vec<PathBuf> = expanded(&object.rpath, origin)
                .into_iter()
                .chain(next.inherited.iter().cloned())
                .collect();
            // DT_RPATH counts only where there is no DT_RUNPATH; what DT_RUNPATH
            // names counts for the object's own needs alone.
            let mut directories = if object.runpath.is_empty() {
                own.clone()
            } else {
                expanded(&object.runpath, origin)
            };
            let named = directories.len();
            directories.extend(loader.directories.iter().cloned());
            for name in &object.needed {
                if loader.is(name) || !seen.insert(name.clone()) {
                    continue;
                }
                let found = if name.contains('/') {
                    self.fitting(Path::new(name), kind)?.map(|found| (0, found))
                } else {
                    self.first(&directories, name, kind)?
                };
                let Some((index, (path, object))) = found else {
                    return Err(Trouble::Wrong(format!(
                        "`{}` needs the library `{name}`, which is in none of the directories where ld.so(8) looks",
                        next.name
                    )));
                };
                let directory = path.parent().unwrap_or(Path::new("/")).to_path_buf();
                if index >= named && !loader.looks_in(self, &directory) {
                    parts.settings.insert("/etc/ld.so.cache".into());
                }
                open.push(Open {
                    name: path.display().to_string(),
                    inherited: own.clone(),
                    origin: directory,
                    object,
                });
                parts.libraries.insert(path);
            }
        }
        Ok(())
    }

    /// The first of the directories that holds a library of that name which
    /// goes with the program, with its index.
    fn first(
        &self,
        directories: &[PathBuf],
        name: &str,
        kind: Kind,
    ) -> Result<Option<(usize, Library)>, Trouble> {
        for (index, directory) in directories.iter().enumerate() {
            if let Some(found) = self.fitting(&directory.join(name), kind)? {
                return Ok(Some((index, found)));
            }
        }
        Ok(None)
    }

    /// The library of that path, if it is there and of that kind.
    fn fitting(&self, path: &Path, kind: Kind) -> Result<Option<Library>, Trouble> {
        let file = self.on_host(path);
        if !path.is_absolute() || !file.is_file() {
            return Ok(None);
        }
        let object = match parse(path, &read(&file)?) {
            Ok(object) if object.kind == kind => object,
            // The loader, too, goes on when it meets another machine's, or a
            // linker script that is called like a library.
            _ => return Ok(None),
        };
        Ok(Some((path.into(), object)))
    }
}

/// The dynamic loader of a program.
struct Loader {
    interpreter: PathBuf,
    musl: bool,
    /// Where it looks for libraries.
    directories: Vec<PathBuf>,
    /// Those of them that it has built in.
    built_in: Vec<PathBuf>,
    /// What it reads to know.
    settings: Option<PathBuf>,
}

impl Loader {
    fn of(search: &Search, interpreter: &Path) -> Loader {
        let name = interpreter.file_name().unwrap_or_default();
        let name = name.to_string_lossy().into_owned();
        let musl = name.strip_prefix("ld-musl-");
        // glibc has the directory built in that it is installed to itself.
        let real = fs::canonicalize(search.on_host(interpreter)).ok();
        let home = real.as_ref().and_then(|real| {
            let home = real.parent()?.strip_prefix(&search.root).ok()?;
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
                if let Ok(text) = fs::read_to_string(search.on_host(&file)) {
                    let words = text.split([':', '\n']).filter(|word| word.starts_with('/'));
                    built_in = words.map(PathBuf::from).collect();
                    settings = Some(file);
                }
            }
            None => {
                built_in.extend(["/lib", "/usr/lib"].map(PathBuf::from));
                directories.extend(search.configured.iter().cloned());
            }
        }
        directories.extend(built_in.iter().cloned());
        if musl.is_none() {
            directories.extend(["/lib64", "/usr/lib64"].map(PathBuf::from));
        }
        Loader {
            interpreter: interpreter.into(),
            musl: musl.is_some(),
            directories,
            built_in,
            settings,
        }
    }

    /// Whether a needed library is this loader, which is loaded by then.
    fn is(&self, needed: &str) -> bool {
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
    fn looks_in(&self, search: &Search, directory: &Path) -> bool {
        let real = |path: &Path| fs::canonicalize(search.on_host(path)).ok();
        self.musl
            || self
                .built_in
                .iter()
                .any(|known| known == directory || real(known) == real(directory))
    }
}

/// The directories of a search path, with `$ORIGIN` put in; what isn't
/// absolute then would depend on where the learner stands, and is left out.
fn expanded(path: &[String], origin: &Path) -> Vec<PathBuf> {
    let origin = origin.display().to_string();
    path.iter()
        .flat_map(|path| path.split(':'))
        .map(|part| {
            part.replace("${ORIGIN}", &origin)
                .replace("$ORIGIN", &origin)
        })
        .filter(|part| part.starts_with('/') && !part.contains('$'))
        .map(|part| normal(Path::new(&part)))
        .collect()
}

/// The path without `.` and `..`, which the new root may not have the
/// directories for.
fn normal(path: &Path) -> PathBuf {
    let mut found = PathBuf::from("/");
    for part in path.components() {
        match part {
            std::path::Component::ParentDir => drop(found.pop()),
            std::path::Component::Normal(name) => found.push(name),
            _ => {}
        }
    }
    found
}

fn read(file: &Path) -> Result<Vec<u8>, Trouble> {
    let trouble = |error| Trouble::io("open", file, &error);
    let open = fs::File::open(file).map_err(trouble)?;
    let mut bytes = Vec::new();
    open.take(MOST_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| Trouble::io("read", file, &error))?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(Trouble::Wrong(format!(
            "`{}` is larger than 64 MiB: name a smaller program",
            file.display()
        )));
    }
    Ok(bytes)
}

fn parse(name: &Path, bytes: &[u8]) -> Result<Object, Trouble> {
    let elf = Elf::parse(bytes).map_err(|error| {
        Trouble::Wrong(format!(
            "`{}` is neither an ELF program nor a script: {error}",
            name.display()
        ))
    })?;
    let owned = |words: &[&str]| words.iter().map(ToString::to_string).collect();
    Ok(Object {
        interpreter: elf.interpreter.map(PathBuf::from),
        needed: owned(&elf.libraries),
        rpath: owned(&elf.rpaths),
        runpath: owned(&elf.runpaths),
        kind: (elf.is_64, elf.little_endian, elf.header.e_machine),
    })
}

/// Reads ld.so.conf and what it includes; ldconfig(8). What can't be read
/// names no directory.
fn read_configuration(root: &Path, file: &Path, depth: usize, found: &mut Vec<PathBuf>) {
    let here = |path: &Path| root.join(path.strip_prefix("/").unwrap_or(path));
    let Ok(text) = fs::read_to_string(here(file)) else {
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
    let here = root.join(directory.strip_prefix("/").unwrap_or(directory));
    let mut found: Vec<PathBuf> = fs::read_dir(here)
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
        let search = Search::of(root.path());
        let expected = ["/first", "/a", "/b1", "/b2", "/last"].map(PathBuf::from);
        assert_eq!(search.configured, expected);
    }

    #[test]
    fn a_search_path_is_taken_from_the_objects_own_place() {
        let expand = |path: &str| expanded(&[path.to_string()], Path::new("/usr/bin"));
        for (path, expected) in [
            ("$ORIGIN/../lib", vec!["/usr/lib"]),
            ("${ORIGIN}", vec!["/usr/bin"]),
            ("/a::b:./c:/d/$LIB:/e", vec!["/a", "/e"]),
        ] {
            let expected: Vec<PathBuf> = expected.into_iter().map(PathBuf::from).collect();
            assert_eq!(expand(path), expected, "{path}");
        }
    }

    #[test]
    fn scripts_bring_their_interpreter_or_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let search = Search::of(Path::new("/"));
        let script = |text: &str| {
            let file = dir.path().join("script");
            fs::write(&file, text).unwrap();
            search.parts(&file, Path::new("/usr/bin"))
        };
        let parts = script("#! /bin/sh -e\n").unwrap();
        assert!(parts.interpreters.contains(Path::new("/bin/sh")));
        for (text, part) in [
            ("#!/usr/bin/env python3\n", "env(1)"),
            ("#!python\n", "absolute path"),
            ("hello\n", "neither an ELF program nor a script"),
            ("#!/bin/\u{1F980}\n", "ENOENT"),
        ] {
            let error = script(text).unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
        let own = dir.path().join("script").display().to_string();
        let error = script(&format!("#!{own}\n")).unwrap_err().to_string();
        assert!(error.contains("for a script for a script"), "{error}");
    }

    #[test]
    fn musl_is_its_own_c_library() {
        let root = tempfile::tempdir().unwrap();
        let search = Search::of(root.path());
        let musl = Loader::of(&search, Path::new("/lib/ld-musl-x86_64.so.1"));
        assert!(musl.is("libc.musl-x86_64.so.1") && musl.is("libc.so"));
        assert!(!musl.is("libcrypto.so.3"));
        assert_eq!(musl.directories[1], Path::new("/usr/local/lib"));
        let glibc = Loader::of(&search, Path::new("/lib64/ld-linux-x86-64.so.2"));
        assert!(glibc.is("ld-linux-x86-64.so.2") && !glibc.is("libc.so.6"));
    }
}
