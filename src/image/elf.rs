//! What a program needs beside itself to be started in another root: the ELF
//! interpreter and the shared libraries, found as ld.so(8) finds them, by
//! reading only. The environment counts for nothing here: LD_LIBRARY_PATH is
//! the learner's, and not part of the machine.

use super::loader::{Loader, below};
use super::steps::Error;
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
    /// On the machine whose root this is: `/`.
    pub(super) fn of(root: &Path) -> Search {
        Search { root: root.into() }
    }

    fn on_host(&self, path: &Path) -> PathBuf {
        below(&self.root, path)
    }

    /// What the program in `file` needs once it lies in the directory `into`.
    ///
    /// # Errors
    /// A file that can't be read or isn't a program, a library that isn't there.
    pub(super) fn parts(&self, file: &Path, into: &Path) -> Result<Parts, Error> {
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
    ) -> Result<(), Error> {
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
            return Err(Error::Wrong(format!(
                "`{}` names the interpreter `{}`, which isn't an absolute path",
                file.display(),
                interpreter.display()
            )));
        }
        parts.interpreters.insert(interpreter.clone());
        let loader = Loader::of(&self.root, &interpreter);
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
    ) -> Result<(), Error> {
        let wrong = |what: &str| {
            Error::Wrong(format!(
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
    fn libraries(&self, program: Open, loader: &Loader, parts: &mut Parts) -> Result<(), Error> {
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
                    return Err(Error::Wrong(format!(
                        "`{}` needs the library `{name}`, which is in none of the directories where ld.so(8) looks",
                        next.name
                    )));
                };
                let directory = path.parent().unwrap_or(Path::new("/")).to_path_buf();
                if index >= named && !loader.looks_in(&directory) {
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
    ) -> Result<Option<(usize, Library)>, Error> {
        for (index, directory) in directories.iter().enumerate() {
            if let Some(found) = self.fitting(&directory.join(name), kind)? {
                return Ok(Some((index, found)));
            }
        }
        Ok(None)
    }

    /// The library of that path, if it is there and of that kind.
    fn fitting(&self, path: &Path, kind: Kind) -> Result<Option<Library>, Error> {
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

fn read(file: &Path) -> Result<Vec<u8>, Error> {
    let trouble = |error| Error::io("open", file, &error);
    let open = fs::File::open(file).map_err(trouble)?;
    let mut bytes = Vec::new();
    open.take(MOST_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| Error::io("read", file, &error))?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(Error::Wrong(format!(
            "`{}` is larger than 64 MiB: name a smaller program",
            file.display()
        )));
    }
    Ok(bytes)
}

fn parse(name: &Path, bytes: &[u8]) -> Result<Object, Error> {
    let elf = Elf::parse(bytes).map_err(|error| {
        Error::Wrong(format!(
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::skip::skip;

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
            let error = crate::base::chain(&script(text).unwrap_err());
            assert!(error.contains(part), "{text}: {error}");
        }
        let own = dir.path().join("script").display().to_string();
        let error = crate::base::chain(&script(&format!("#!{own}\n")).unwrap_err());
        assert!(error.contains("for a script for a script"), "{error}");
    }

    /// A machine whose libraries lie where only its configuration says, made of
    /// this one's `ls`.
    #[test]
    fn libraries_elsewhere_bring_the_loaders_cache() {
        let here = Search::of(Path::new("/")).parts(Path::new("/bin/ls"), Path::new("/bin"));
        let here = here.unwrap();
        let glibc = |path: &PathBuf| path.to_string_lossy().contains("ld-linux");
        if !here.interpreters.iter().any(glibc) {
            skip("`ls` of this machine is static, or not of glibc");
            return;
        }
        let root = tempfile::tempdir().unwrap();
        let copy = |from: &Path, to: &Path| {
            let to = root.path().join(to.strip_prefix("/").unwrap());
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::copy(from, to).unwrap();
        };
        copy(Path::new("/bin/ls"), Path::new("/bin/ls"));
        for interpreter in &here.interpreters {
            copy(interpreter, interpreter);
        }
        let elsewhere = |path: &PathBuf| Path::new("/opt/lib").join(path.file_name().unwrap());
        for library in &here.libraries {
            copy(library, &elsewhere(library));
        }
        let look = || Search::of(root.path()).parts(Path::new("/bin/ls"), Path::new("/bin"));
        let error = crate::base::chain(&look().unwrap_err());
        assert!(error.contains("needs the library"), "{error}");
        fs::create_dir_all(root.path().join("etc")).unwrap();
        fs::write(root.path().join("etc/ld.so.conf"), "/opt/lib\n").unwrap();
        let there = look().unwrap();
        assert_eq!(
            there.libraries,
            here.libraries.iter().map(elsewhere).collect()
        );
        assert!(there.settings.contains(Path::new("/etc/ld.so.cache")));
        // Another machine's library of that name is passed by, and so is none.
        let library = here.libraries.iter().next().unwrap();
        let file = root
            .path()
            .join("opt/lib")
            .join(library.file_name().unwrap());
        let mut bytes = fs::read(&file).unwrap();
        bytes[18] ^= 0xff;
        fs::write(&file, bytes).unwrap();
        assert!(look().is_err());
    }
}
