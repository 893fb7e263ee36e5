//! Everything that is wrong with a pack, in one pass; and the course that is
//! left of it once nothing is.

use super::answers::Positions;
use super::demo::Demo;
use super::facts::filled;
use super::meta::{LessonMeta, PackMeta};
use super::model::{Course, Lesson, Origin};
use super::pack::{Folder, MANIFEST, Pack, StepFile};
use super::prose::{self, Targets};
use super::schema::Part;
use super::source::{Scope, Sink, Source, whole_file};
use super::step::{self, Read};
use super::tree::{self, Trust};
use super::{answers, manifest, rules, shape};
use crate::base::{Diagnostic, Severity};
use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsStr,
    path::{Path, PathBuf},
};

/// What lint found, with the text that it found it in.
#[derive(Debug, Clone, PartialEq)]
pub struct Linted {
    /// The directory that the diagnostics' files are relative to.
    pub origin: Origin,
    /// Every mistake, by file and place.
    pub diagnostics: Vec<Diagnostic>,
    /// The text of every file that was read, by its path in the pack.
    pub sources: BTreeMap<PathBuf, String>,
    /// Where the right answers stand, of the steps that could be read.
    pub positions: Positions,
    /// The sentences that are told without a wait before them, as that would change
    /// what is measured: how many, for each step that has some.
    pub unheld: Vec<(PathBuf, usize)>,
}

impl Linted {
    /// The text of the file that a diagnostic is about, to show its line from.
    pub fn source(&self, diagnostic: &Diagnostic) -> Option<&str> {
        self.sources.get(&diagnostic.file).map(String::as_str)
    }

    /// Whether there is an error among them; a warning alone lets a course open.
    pub fn has_errors(&self) -> bool {
        self.diagnostics
            .iter()
            .any(|diagnostic| diagnostic.severity == Severity::Error)
    }
}

/// The course in the binary.
///
/// # Errors
/// Everything that is wrong with it, warnings included, if there is an error.
pub fn embedded() -> Result<Course, Vec<Diagnostic>> {
    finish(examine(Pack::embedded(), Origin::Embedded, Scope::Shipped))
}

/// The pack in a directory.
///
/// # Errors
/// Everything that is wrong with it, warnings included, if there is an error.
pub fn load(dir: &Path) -> Result<Course, Vec<Diagnostic>> {
    let pack = Pack::open(dir).map_err(|diagnostic| vec![*diagnostic])?;
    finish(examine(pack, Origin::Disk(dir.into()), Scope::Everything))
}

/// Lints a pack's directory, one lesson's folder, or one step's file. A part
/// is judged within its pack, and only its own mistakes are told.
pub fn lint(path: &Path) -> Linted {
    let (root, part) = match part_of(path) {
        Ok(found) => found,
        Err(diagnostic) => return unreadable(path, *diagnostic),
    };
    match Pack::open(&root) {
        Ok(pack) => {
            let (mut linted, _) = examine(pack, Origin::Disk(root), Scope::Everything);
            if let Some(part) = part {
                linted.diagnostics.retain(|d| d.file.starts_with(&part));
                let was_read = linted.sources.keys().any(|file| file.starts_with(&part));
                if linted.diagnostics.is_empty() && !was_read {
                    linted.diagnostics.push(whole_file(
                        "not-a-step",
                        part,
                        "this file belongs to no lesson",
                        "name a pack's directory, a lesson's folder `NN-name` or a step `NN-name.md` in it",
                    ));
                }
            }
            linted
        }
        Err(diagnostic) => unreadable(&root, *diagnostic),
    }
}

/// Lints the course in the binary.
pub fn lint_embedded() -> Linted {
    examine(Pack::embedded(), Origin::Embedded, Scope::Everything).0
}

/// A demo from the TOML of its block alone, without a lesson around it.
///
/// # Errors
/// Everything that is wrong with it; the file is called `demo`.
pub fn demo_from_toml(text: &str) -> Result<Demo, Vec<Diagnostic>> {
    let source = Source::new("demo".into(), text.into());
    let mut sink = Sink::new(&source);
    let judged = rules::demo(&mut sink, 0..text.len(), 0..0);
    judged.demo.ok_or_else(|| sink.into_found())
}

fn finish((linted, course): (Linted, Course)) -> Result<Course, Vec<Diagnostic>> {
    match linted.has_errors() {
        true => Err(linted.diagnostics),
        false => Ok(course),
    }
}

fn unreadable(path: &Path, diagnostic: Diagnostic) -> Linted {
    Linted {
        origin: Origin::Disk(path.into()),
        diagnostics: vec![diagnostic],
        sources: BTreeMap::new(),
        positions: Positions::default(),
        unheld: Vec::new(),
    }
}

/// The pack's directory, and the part of the pack that `path` is.
fn part_of(path: &Path) -> Result<(PathBuf, Option<PathBuf>), Box<Diagnostic>> {
    let real = Pack::locate(path)?;
    let name = |path: &Path| path.file_name().map(PathBuf::from).unwrap_or_default();
    let parent = |path: &Path| path.parent().unwrap_or(path).to_path_buf();
    if !real.is_dir() {
        let folder = parent(&real);
        if name(&real) == Path::new(MANIFEST) {
            return Ok((folder, Some(MANIFEST.into())));
        }
        let part = name(&folder).join(name(&real));
        return Ok((parent(&folder), Some(part)));
    }
    let is_lesson = real.join("lesson.toml").exists()
        || real
            .file_name()
            .and_then(OsStr::to_str)
            .is_some_and(super::pack::is_lesson_name)
            && Pack::holds_steps(&real);
    match is_lesson {
        true => Ok((parent(&real), Some(name(&real)))),
        false => Ok((path.to_path_buf(), None)),
    }
}

/// A lesson while it is being read.
struct Draft {
    folder: Folder,
    meta: Option<LessonMeta>,
    steps: Vec<(Source, Read, Vec<Diagnostic>)>,
}

fn examine(mut pack: Pack, origin: Origin, scope: Scope) -> (Linted, Course) {
    let mut diagnostics = std::mem::take(&mut pack.found);
    let mut sources = BTreeMap::new();
    let mut drafts = Vec::new();
    for mut folder in std::mem::take(&mut pack.lessons) {
        let meta = folder.lesson.take().and_then(|text| {
            let source = Source::new(folder.dir.join("lesson.toml"), text);
            let mut sink = Sink::new(&source);
            let meta = lesson_meta(&mut sink);
            diagnostics.extend(sink.into_found());
            sources.insert(source.file, source.text);
            meta
        });
        let steps = std::mem::take(&mut folder.steps)
            .into_iter()
            .map(
                |StepFile {
                     number,
                     file,
                     text,
                     recorded,
                 }| {
                    let source = Source::new(file.clone(), text);
                    let mut sink = Sink::new(&source);
                    sink.scope = scope;
                    let read = step::read(&mut sink, number, file, recorded);
                    if let (Some(mark), Some(step)) = (&read.mark, &read.step)
                        && scope == Scope::Everything
                    {
                        answers::told(&mut sink, mark.clone(), step);
                    }
                    let found = sink.into_found();
                    (source, read, found)
                },
            )
            .collect();
        drafts.push(Draft {
            folder,
            meta,
            steps,
        });
    }
    diagnostics.extend(across(&pack, &drafts));
    let mut lessons = Vec::new();
    // A step that can't be read has its id all the same.
    let steps = drafts.iter().flat_map(|draft| &draft.steps);
    let ids: Vec<String> = steps
        .filter_map(|(_, read, _)| read.id.as_ref())
        .map(|(id, _)| id.clone())
        .collect();
    for draft in drafts {
        let mut steps = Vec::new();
        for (source, read, found) in draft.steps {
            diagnostics.extend(found);
            steps.extend(read.step);
            sources.insert(source.file, source.text);
        }
        lessons.extend(draft.meta.map(|meta| Lesson {
            number: draft.folder.number,
            name: draft.folder.name,
            meta,
            steps,
        }));
    }
    let manifest = pack.manifest.take();
    let meta = manifest.map_or_else(PackMeta::default, |text| {
        let source = Source::new(MANIFEST.into(), text);
        let steps = lessons.iter().flat_map(|lesson: &Lesson| &lesson.steps);
        let ids = ids.iter().map(|id| (id.as_str(), true));
        let timed = steps.map(|step| (step.meta.id.0.as_str(), step.meta.minutes.is_some()));
        let (meta, found) = manifest::examine(&source, &ids.chain(timed).collect());
        diagnostics.extend(found);
        sources.insert(source.file, source.text);
        meta
    });
    if scope == Scope::Everything {
        for step in lessons.iter().flat_map(|lesson| &lesson.steps) {
            diagnostics.extend(answers::seen_again(step, &sources, &ids));
        }
    }
    diagnostics.sort_by(|a, b| (&a.file, a.line, a.column).cmp(&(&b.file, b.line, b.column)));
    let course = Course {
        origin,
        lessons,
        meta,
    };
    let positions = match scope {
        Scope::Everything => answers::positions(&course),
        Scope::Shipped => Positions::default(),
    };
    let linted = Linted {
        origin: course.origin.clone(),
        diagnostics,
        sources,
        positions,
        unheld: match scope {
            Scope::Everything => unheld(&course),
            Scope::Shipped => Vec::new(),
        },
    };
    (linted, course)
}

fn unheld(course: &Course) -> Vec<(PathBuf, usize)> {
    let count = |demo: &Demo| {
        let plan = demo.scenario(&Default::default()).ok()?.plan;
        let said = |index: &usize| {
            let action = plan.actions.get(*index);
            action.is_some_and(|action| action.say.is_some())
        };
        let beats = plan.beats().into_iter().skip(1).filter(said);
        let held = |index: &usize| plan.waits_before(*index) || plan.stage(index - 1).is_some();
        Some(beats.filter(|index| !held(index)).count())
    };
    let steps = course.steps();
    let counts = steps.filter_map(|(_, step)| {
        let count = step.demo().and_then(count)?;
        Some((step.file.clone(), count))
    });
    counts.filter(|(_, count)| *count > 0).collect()
}

fn lesson_meta(sink: &mut Sink<'_>) -> Option<LessonMeta> {
    let end = sink.source().text.len();
    let (node, trust) = tree::parse(sink, 0..end, 0..0);
    shape::check(sink, Part::Lesson, &node, trust);
    for key in ["title", "summary", "lock"] {
        filled(sink, &node, key);
    }
    node.read().filter(|_| trust == Trust::Whole)
}

/// What only the whole pack can tell: ids that are there twice, dead links.
fn across(pack: &Pack, drafts: &[Draft]) -> Vec<Diagnostic> {
    let steps = || drafts.iter().flat_map(|draft| &draft.steps);
    let ids = steps().filter_map(|(_, read, _)| read.id.as_ref());
    let mut targets = Targets {
        pack,
        steps: steps()
            .map(|(source, read, _)| (source.file.as_path(), read.anchors.as_slice()))
            .collect(),
        ids: ids.map(|(id, _)| id.as_str()).collect(),
        complete: false,
    };
    // A step that has no id of its own may be the one that a link means.
    let distinct: BTreeSet<&str> = targets.ids.iter().copied().collect();
    targets.complete = distinct.len() == steps().count();
    let mut first: BTreeMap<&str, &Path> = BTreeMap::new();
    let mut found = Vec::new();
    for (source, read, _) in steps() {
        let mut sink = Sink::new(source);
        if let Some((id, span)) = &read.id {
            match first.get(id.as_str()) {
                Some(file) => sink.error(
                    "duplicate-id",
                    span.clone(),
                    format!("the id `{id}` is taken by `{}`", file.display()),
                    "progress and links go by the id: give each step its own",
                ),
                None => drop(first.insert(id, &source.file)),
            }
        }
        prose::links(&mut sink, &targets, &read.links);
        found.extend(sink.into_found());
    }
    found
}
