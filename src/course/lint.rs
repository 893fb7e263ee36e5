//! Everything that is wrong with a pack, in one pass; and what is left of it
//! once nothing is.

use super::pack::Pack;
use super::source::{Sink, Source};
use super::{Course, Demo, Lesson, LessonMeta, Origin, step};
use crate::base::{Diagnostic, Severity};
use std::path::Path;

/// The course in the binary.
///
/// # Errors
/// Its mistakes, if it has any: a build with such a course is broken.
pub fn embedded() -> Result<Course, Vec<Diagnostic>> {
    finish(Pack::embedded(), Origin::Embedded)
}

/// The pack in a directory.
///
/// # Errors
/// Everything that is wrong with it, warnings included.
pub fn load(dir: &Path) -> Result<Course, Vec<Diagnostic>> {
    let pack = Pack::open(dir).map_err(|diagnostic| vec![diagnostic])?;
    finish(pack, Origin::Disk(dir.into()))
}

/// A demo from the TOML of its block alone, without a lesson around it.
///
/// # Errors
/// Everything that is wrong with it; the file is called `demo`.
pub fn demo_from_toml(text: &str) -> Result<Demo, Vec<Diagnostic>> {
    let source = Source::new("demo".into(), text.into());
    let mut sink = Sink::new(&source);
    let demo = step::demo_of(&mut sink, 0..text.len());
    demo.ok_or_else(|| sink.into_found())
}

fn finish(pack: Pack, origin: Origin) -> Result<Course, Vec<Diagnostic>> {
    let mut found = pack.found;
    let mut lessons = Vec::new();
    for folder in pack.lessons {
        let mut steps = Vec::new();
        for (number, file, text) in folder.steps {
            let source = Source::new(file.clone(), text);
            let mut sink = Sink::new(&source);
            steps.extend(step::read(&mut sink, number, file).step);
            found.extend(sink.into_found());
        }
        let Some(text) = folder.lesson else { continue };
        let source = Source::new(folder.dir.join("lesson.toml"), text);
        let mut sink = Sink::new(&source);
        let meta = step::toml_of::<LessonMeta>(&mut sink, &source.text, 0..source.text.len());
        found.extend(sink.into_found());
        lessons.extend(meta.map(|meta| Lesson {
            number: folder.number,
            name: folder.name,
            meta,
            steps,
        }));
    }
    match found.iter().any(|d| d.severity == Severity::Error) {
        true => Err(found),
        false => Ok(Course { origin, lessons }),
    }
}
