//! Reading a pack: from the binary or from a directory, never beyond it.
//!
//! A pack is untrusted. A symlink is followed only while it stays inside, a
//! FIFO or a device is never opened for good, and what is read has a limit.

use super::source::whole_file;
use crate::base::{Diagnostic, chain, nearest};
use include_dir::{Dir, include_dir};
use std::{
    collections::BTreeMap,
    fs,
    io::Read,
    os::unix::fs::OpenOptionsExt,
    path::{Component, Path, PathBuf},
};

static EMBEDDED: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/lessons");

/// The largest file that is read.
const LARGEST: u64 = 1 << 20;

/// What holds for the pack as a whole.
pub(super) const MANIFEST: &str = "pack.toml";

/// How the name of a recording goes on behind its step's.
const RECORDED: &str = "recorded.jsonl";

/// The files of a pack that count as lessons, and what was wrong with the rest.
pub(super) struct Pack {
    root: Root,
    /// The text of `pack.toml`, if there is one.
    pub(super) manifest: Option<String>,
    /// In the order of their folders' names.
    pub(super) lessons: Vec<Folder>,
    /// Mistakes of names and files.
    pub(super) found: Vec<Diagnostic>,
}

/// A folder `NN-name`.
pub(super) struct Folder {
    /// Its name, relative to the pack.
    pub(super) dir: PathBuf,
    pub(super) number: u32,
    pub(super) name: String,
    /// The text of `lesson.toml`.
    pub(super) lesson: Option<String>,
    /// In the order of their names.
    pub(super) steps: Vec<StepFile>,
}

/// A file `NN-name.md`, and what was recorded of it elsewhere.
pub(super) struct StepFile {
    pub(super) number: u32,
    pub(super) file: PathBuf,
    pub(super) text: String,
    pub(super) recorded: Option<(PathBuf, String)>,
}

enum Root {
    Embedded,
    Disk(PathBuf),
}

/// A name in a directory, and whether it is a directory itself.
type Names = BTreeMap<String, bool>;

impl Pack {
    /// The pack in the binary.
    pub(super) fn embedded() -> Pack {
        Pack::read(Root::Embedded)
    }

    /// The pack in a directory; the `Err` says why it can't be looked at.
    pub(super) fn open(dir: &Path) -> Result<Pack, Box<Diagnostic>> {
        let root = dir
            .canonicalize()
            .map_err(|error| cannot_read(dir, &error))?;
        Ok(Pack::read(Root::Disk(root)))
    }

    /// Where a path that the user gave really is.
    pub(super) fn locate(path: &Path) -> Result<PathBuf, Box<Diagnostic>> {
        path.canonicalize()
            .map_err(|error| cannot_read(path, &error))
    }

    /// Whether a directory has files that are named like steps.
    pub(super) fn holds_steps(dir: &Path) -> bool {
        fs::read_dir(dir).is_ok_and(|entries| {
            entries.flatten().any(|entry| {
                let name = entry.file_name();
                let name = name.to_str().and_then(|name| name.strip_suffix(".md"));
                name.is_some_and(is_lesson_name)
            })
        })
    }

    fn read(root: Root) -> Pack {
        let mut pack = Pack {
            root,
            manifest: None,
            lessons: Vec::new(),
            found: Vec::new(),
        };
        for (name, is_dir) in pack.names(Path::new("")) {
            if is_dir {
                pack.read_folder(name);
            } else if name == MANIFEST {
                pack.manifest = pack.text(Path::new(MANIFEST));
            }
        }
        let mut seen: BTreeMap<u32, &Path> = BTreeMap::new();
        let mut found = Vec::new();
        for folder in &pack.lessons {
            if let Some(first) = seen.insert(folder.number, &folder.dir) {
                found.push(twice(&folder.dir, folder.number, first));
            }
        }
        pack.found.extend(found);
        if pack.lessons.is_empty() && pack.found.is_empty() && matches!(pack.root, Root::Disk(_)) {
            pack.found.push(whole_file(
                "empty-pack",
                ".",
                "there is no lesson in this directory",
                "a lesson is a folder `NN-name` that holds `lesson.toml` and steps `NN-name.md`",
            ));
        }
        pack
    }

    fn read_folder(&mut self, dir: String) {
        let names = self.names(Path::new(&dir));
        let has_lesson = names.get("lesson.toml") == Some(&false);
        let Some((number, name)) = numbered(&dir) else {
            if has_lesson {
                self.found.push(whole_file(
                    "folder-name",
                    &dir,
                    format!("`{dir}` holds a lesson, but isn't named like one"),
                    "name it with two digits and a word, such as `01-namespaces`",
                ));
            }
            return;
        };
        let path = Path::new(&dir);
        let mut steps: Vec<StepFile> = Vec::new();
        let mut has_steps = false;
        for file in names
            .iter()
            .filter(|(_, is_dir)| !**is_dir)
            .map(|(name, _)| name)
        {
            let Some(stem) = markdown_stem(file) else {
                continue;
            };
            if file == "README.md" {
                continue;
            }
            has_steps = true;
            let at = path.join(file);
            let Some((number, _)) = numbered(stem).filter(|_| file.ends_with(".md")) else {
                self.found.push(whole_file(
                    "file-name",
                    at,
                    format!("`{file}` is not named like a step"),
                    "name it with two digits and a word of lowercase letters, digits and `-`, such as `03-uts.md`",
                ));
                continue;
            };
            if let Some(first) = steps.iter().find(|step| step.number == number) {
                self.found.push(twice(&at, number, &first.file));
            }
            let beside = format!("{stem}.{RECORDED}");
            let recorded = match names.get(&beside) {
                Some(false) => {
                    let file = path.join(beside);
                    self.text(&file).map(|text| (file, text))
                }
                Some(true) | None => None,
            };
            if let Some(text) = self.text(&at) {
                steps.push(StepFile {
                    number,
                    file: at,
                    text,
                    recorded,
                });
            }
        }
        if !has_lesson && !has_steps {
            return;
        }
        let lesson_at = path.join("lesson.toml");
        if !has_lesson {
            let close = nearest("lesson.toml", names.keys().map(String::as_str));
            self.found.push(whole_file(
                "missing-lesson-toml",
                &lesson_at,
                format!("the lesson `{dir}` has no `lesson.toml`"),
                match close {
                    Some(close) => format!("rename `{close}` to `lesson.toml`"),
                    None => "it holds: title, summary, lock, minutes".into(),
                },
            ));
        }
        if !has_steps {
            self.found.push(whole_file(
                "empty-lesson",
                path,
                format!("the lesson `{dir}` has no step"),
                "a step is a file `NN-name.md` beside `lesson.toml`",
            ));
        }
        let lesson = if has_lesson {
            self.text(&lesson_at)
        } else {
            None
        };
        self.lessons.push(Folder {
            dir: path.into(),
            number,
            name: name.into(),
            lesson,
            steps,
        });
    }

    /// What is in a directory of the pack, without what leads out of it.
    fn names(&mut self, dir: &Path) -> Names {
        let root = match &self.root {
            Root::Embedded => {
                let entry = if dir.as_os_str().is_empty() {
                    Some(&EMBEDDED)
                } else {
                    EMBEDDED.get_dir(dir)
                };
                return entry
                    .into_iter()
                    .flat_map(|dir| dir.entries())
                    .filter_map(|entry| {
                        let name = entry.path().file_name()?.to_str()?;
                        Some((name.to_string(), entry.as_dir().is_some()))
                    })
                    .collect();
            }
            Root::Disk(root) => root.clone(),
        };
        let mut names = Names::new();
        let entries = match fs::read_dir(root.join(dir)) {
            Ok(entries) => entries,
            Err(error) => {
                self.found.push(*cannot_read(dir, &error));
                return names;
            }
        };
        for entry in entries.flatten() {
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            let at = dir.join(&name);
            let counts = numbered(&name).is_some()
                || name.ends_with(".md")
                || ["lesson.toml", MANIFEST].contains(&name.as_str());
            match inside(&root, &at) {
                Ok(real) => {
                    names.insert(name, real.is_dir());
                }
                // A file of a lesson is told when it is read.
                Err(_) if counts && !dir.as_os_str().is_empty() => {
                    names.insert(name, false);
                }
                Err(diagnostic) if counts => self.found.push(*diagnostic),
                // What has nothing to do with lessons may dangle.
                Err(_) => {}
            }
        }
        names
    }

    /// A file's text; what hinders is told.
    fn text(&mut self, file: &Path) -> Option<String> {
        let bytes = match &self.root {
            Root::Embedded => EMBEDDED.get_file(file).map(|f| f.contents().to_vec()),
            Root::Disk(root) => match inside(root, file).and_then(|real| read(&real, file)) {
                Ok(bytes) => Some(bytes),
                Err(diagnostic) => {
                    self.found.push(*diagnostic);
                    None
                }
            },
        }?;
        match String::from_utf8(bytes) {
            Ok(text) => Some(text),
            Err(error) => {
                let at = error.utf8_error().valid_up_to();
                let line = error.as_bytes()[..at]
                    .iter()
                    .filter(|b| **b == b'\n')
                    .count()
                    + 1;
                let mut diagnostic = whole_file(
                    "not-utf8",
                    file,
                    format!("byte {} is not UTF-8", at + 1),
                    "save the file in the encoding UTF-8",
                );
                diagnostic.line = line;
                self.found.push(diagnostic);
                None
            }
        }
    }

    /// Whether the pack has a file or folder of this name, `..` already resolved.
    pub(super) fn has(&self, path: &Path) -> bool {
        match &self.root {
            Root::Embedded => EMBEDDED.contains(path),
            Root::Disk(root) => inside(root, path).is_ok(),
        }
    }
}

/// Whether a folder is named like a lesson: `NN-name`.
pub(super) fn is_lesson_name(name: &str) -> bool {
    numbered(name).is_some()
}

/// `03-uts` → 3, `uts`.
fn numbered(name: &str) -> Option<(u32, &str)> {
    let (number, word) = name.split_once('-')?;
    let digits = number.len() == 2 && number.bytes().all(|b| b.is_ascii_digit());
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (digits && !word.is_empty() && word.bytes().all(plain))
        .then(|| number.parse().ok().map(|number| (number, word)))?
}

/// The name without the ending, if it looks like Markdown in any spelling.
fn markdown_stem(file: &str) -> Option<&str> {
    let (stem, ending) = file.rsplit_once('.')?;
    ["md", "markdown", "mdown", "mkd"]
        .iter()
        .any(|known| ending.eq_ignore_ascii_case(known))
        .then_some(stem)
}

/// Where a path of the pack really is, if that is inside.
fn inside(root: &Path, path: &Path) -> Result<PathBuf, Box<Diagnostic>> {
    let real = root
        .join(path)
        .canonicalize()
        .map_err(|error| cannot_read(path, &error))?;
    if real.starts_with(root) {
        return Ok(real);
    }
    Err(Box::new(whole_file(
        "leaves-pack",
        path,
        format!(
            "`{}` is a symbolic link that leaves the pack",
            path.display()
        ),
        "put a copy of the file into the pack",
    )))
}

/// Reads a regular file up to the limit. `real` holds no link any more, so a
/// link put there in the meantime is refused; a FIFO doesn't block.
fn read(real: &Path, file: &Path) -> Result<Vec<u8>, Box<Diagnostic>> {
    let fail = |error: std::io::Error| cannot_read(file, &error);
    let opened = fs::OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_CLOEXEC)
        .open(real)
        .map_err(fail)?;
    if !opened.metadata().map_err(fail)?.is_file() {
        return Err(Box::new(whole_file(
            "unreadable",
            file,
            format!("`{}` is not a regular file", file.display()),
            "only regular files are read",
        )));
    }
    let mut bytes = Vec::new();
    opened
        .take(LARGEST + 1)
        .read_to_end(&mut bytes)
        .map_err(fail)?;
    if bytes.len() as u64 > LARGEST {
        return Err(Box::new(whole_file(
            "too-large",
            file,
            format!("`{}` is larger than 1 MiB", file.display()),
            "a step is a page of text; split it",
        )));
    }
    Ok(bytes)
}

fn cannot_read(path: &Path, error: &std::io::Error) -> Box<Diagnostic> {
    Box::new(whole_file(
        "unreadable",
        path,
        format!("`{}` can't be read: {}", path.display(), chain(error)),
        "check that it exists and that you may read it",
    ))
}

fn twice(path: &Path, number: u32, first: &Path) -> Diagnostic {
    whole_file(
        "duplicate-number",
        path,
        format!("the number {number:02} is taken by `{}`", first.display()),
        "give each its own number; they are read in that order",
    )
}

/// `base/relative` with `.` and `..` resolved; `None` if that leaves the pack.
pub(super) fn resolve(base: &Path, relative: &str) -> Option<PathBuf> {
    let mut path = base.to_path_buf();
    for part in Path::new(relative).components() {
        match part {
            Component::Normal(name) => path.push(name),
            Component::CurDir => {}
            Component::ParentDir => {
                if !path.pop() {
                    return None;
                }
            }
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(path)
}
