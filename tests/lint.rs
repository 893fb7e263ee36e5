//! What `lint` says about packs, good and bad.

use glassbox::course;
use std::{fs, path::Path};

/// The step of docs/lessons.md.
fn documented_step() -> String {
    let text = include_str!("../docs/lessons.md");
    let start = text.find("````markdown\n").unwrap() + "````markdown\n".len();
    let end = text[start..].find("\n````\n").unwrap() + start + 1;
    text[start..end].to_string()
}

const LESSON: &str = "title = \"Namespaces\"
summary = \"What a process sees.\"
lock = \"A namespace limits what a process sees.\"
minutes = 30
";

fn write(dir: &Path, file: &str, text: &str) {
    let at = dir.join(file);
    fs::create_dir_all(at.parent().unwrap()).unwrap();
    fs::write(at, text).unwrap();
}

#[test]
fn the_documented_step_loads() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "01-namespaces/lesson.toml", LESSON);
    write(dir.path(), "01-namespaces/03-uts.md", &documented_step());
    let course = course::load(dir.path()).unwrap();
    let (lesson, step) = course.steps().next().unwrap();
    assert_eq!((lesson.number, lesson.name.as_str()), (1, "namespaces"));
    assert_eq!((step.number, step.meta.id.0.as_str()), (3, "uts"));
    assert_eq!(step.notes, ["Ask the room to vote before you press r."]);
    assert_eq!(step.prose.blocks.len(), 1);
    assert_eq!(step.by_hand.blocks.len(), 1);
    assert_eq!(step.in_docker.blocks.len(), 1);
    let scenario = step
        .demo
        .as_ref()
        .unwrap()
        .scenario(&Default::default())
        .unwrap();
    assert_eq!(scenario.plan.actions.len(), 4);
    assert_eq!(scenario.expectations.len(), 2);
}

#[test]
fn the_embedded_course_is_whole() {
    course::embedded().unwrap();
}
