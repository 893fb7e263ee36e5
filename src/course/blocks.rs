//! The blocks of data of a step: its demo, its quiz, and what was recorded of it.
//!
//! Those of the course in the binary are read when they are first asked for: all of
//! it was judged when it was tested, and nobody looks at all of it at once.

use super::demo::Demo;
use super::markdown::{Fence, FenceKind};
use super::meta::Quiz;
use super::recording::{self, Recording};
use super::rules;
use super::source::{Scope, Sink, Source};
use crate::base::{Diagnostic, Severity};
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

/// What the blocks hold.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Parts {
    pub(super) demo: Option<Demo>,
    pub(super) quiz: Option<Quiz>,
    pub(super) recorded: Option<Recording>,
}

type Read = Box<dyn FnOnce() -> Parts + Send>;

/// They, and whether they are there, which is known without having read them.
#[derive(Clone)]
pub(crate) struct Blocks {
    pub(super) has_demo: bool,
    pub(super) has_quiz: bool,
    parts: Arc<LazyLock<Parts, Read>>,
}

impl Blocks {
    pub(super) fn parts(&self) -> &Parts {
        &self.parts
    }

    /// Reads and judges them at once, or leaves it for later where that was done
    /// before this program was shipped.
    pub(super) fn of(
        sink: &mut Sink<'_>,
        fences: Vec<Fence>,
        recorded: Option<(PathBuf, String)>,
    ) -> Blocks {
        match sink.scope {
            Scope::Everything => read(sink, &fences, recorded.as_ref()).into(),
            Scope::Shipped => Blocks::later(sink.source().clone(), fences, recorded),
        }
    }

    fn later(source: Source, fences: Vec<Fence>, recorded: Option<(PathBuf, String)>) -> Blocks {
        let has = |kind| fences.iter().any(|fence: &Fence| fence.kind == kind);
        Blocks {
            has_demo: has(FenceKind::Demo),
            has_quiz: has(FenceKind::Quiz),
            parts: Arc::new(LazyLock::new(Box::new(move || {
                let mut sink = Sink::new(&source);
                sink.scope = Scope::Shipped;
                let parts = read(&mut sink, &fences, recorded.as_ref());
                let is_error = |found: &Diagnostic| found.severity == Severity::Error;
                if let Some(error) = sink.into_found().into_iter().find(is_error) {
                    // A test judges all of the course; this is another one.
                    panic!("{}:{}: {}", error.file.display(), error.line, error.message);
                }
                parts
            }))),
        }
    }
}

impl From<Parts> for Blocks {
    fn from(parts: Parts) -> Blocks {
        Blocks {
            has_demo: parts.demo.is_some(),
            has_quiz: parts.quiz.is_some(),
            parts: Arc::new(LazyLock::new(Box::new(move || parts))),
        }
    }
}

impl Default for Blocks {
    /// None at all.
    fn default() -> Blocks {
        Parts::default().into()
    }
}

impl PartialEq for Blocks {
    fn eq(&self, other: &Blocks) -> bool {
        self.parts() == other.parts()
    }
}

impl fmt::Debug for Blocks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.parts().fmt(f)
    }
}

fn read(sink: &mut Sink<'_>, fences: &[Fence], recorded: Option<&(PathBuf, String)>) -> Parts {
    let demo = only(sink, fences, FenceKind::Demo);
    let quiz = only(sink, fences, FenceKind::Quiz);
    let judged = demo.map(|fence| rules::demo(sink, fence.body.clone(), fence.opening.clone()));
    let without_demo = judged.is_none();
    let (demo, seen) = match judged {
        Some(judged) => (judged.demo, judged.seen),
        None => (None, None),
    };
    let quiz = quiz.and_then(|fence| {
        if without_demo {
            sink.error(
                "quiz-without-demo",
                fence.opening.clone(),
                "the quiz has no demo to be judged by",
                "add a block `demo` whose facts the questions compare",
            );
        }
        rules::quiz(sink, fence.body.clone(), fence.opening.clone(), seen)
    });
    let recorded = recorded.and_then(|(file, text)| match recording::read(file, text) {
        Ok(recording) => Some(recording),
        Err(diagnostic) => {
            sink.tell(*diagnostic);
            None
        }
    });
    Parts {
        demo,
        quiz,
        recorded,
    }
}

/// The block of that kind; a second one is a mistake.
fn only<'f>(sink: &mut Sink<'_>, fences: &'f [Fence], kind: FenceKind) -> Option<&'f Fence> {
    let mut all = fences.iter().filter(|fence| fence.kind == kind);
    let first = all.next();
    for second in all {
        let name = match kind {
            FenceKind::Demo => "demo",
            FenceKind::Quiz => "quiz",
        };
        sink.error(
            "duplicate-block",
            second.opening.clone(),
            format!("there are two blocks `{name}`"),
            "put both into one, or make a second step",
        );
    }
    first
}

#[cfg(test)]
mod tests {
    use super::super::lint::{embedded, load};
    use std::path::Path;

    /// What is left for later is what is read at once from the same files.
    #[test]
    fn the_course_in_the_binary_is_that_of_its_files() {
        let shipped = embedded().unwrap();
        let read = load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("lessons")).unwrap();
        for ((_, one), (_, other)) in shipped.steps().zip(read.steps()) {
            assert_eq!(
                (one.has_demo(), one.has_quiz()),
                (other.has_demo(), other.has_quiz())
            );
            assert_eq!(one, other);
        }
        assert_eq!(shipped.lessons, read.lessons);
    }
}
