//! The JSON Schema of the TOML parts, generated from the types that read them.
//!
//! Editors complete lessons with it, and lint walks the same document, so the
//! two can't diverge.

use super::{DemoSource, LessonMeta, Quiz, StepMeta};
use crate::plan::Probe;
use schemars::generate::SchemaSettings;
use serde_json::{Value, json};
use std::sync::LazyLock;

/// The parts of a lesson that are TOML.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Lesson,
    FrontMatter,
    Demo,
    Quiz,
}

impl Part {
    /// The type that reads it.
    pub(super) fn definition(self) -> &'static str {
        match self {
            Part::Lesson => "LessonMeta",
            Part::FrontMatter => "StepMeta",
            Part::Demo => "DemoSource",
            Part::Quiz => "Quiz",
        }
    }
}

static SCHEMA: LazyLock<Value> = LazyLock::new(generate);

/// One JSON Schema document: under `$defs`, `lesson` is `lesson.toml`,
/// `front-matter` the head of a step, `demo` and `quiz` its fenced blocks.
pub fn schema() -> Value {
    SCHEMA.clone()
}

/// The definition of that name; `null` if there is none.
pub(super) fn definition(name: &str) -> &'static Value {
    &SCHEMA["$defs"][name]
}

fn generate() -> Value {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    generator.subschema_for::<LessonMeta>();
    generator.subschema_for::<StepMeta>();
    generator.subschema_for::<DemoSource>();
    generator.subschema_for::<Quiz>();
    let mut definitions = generator.take_definitions(true);
    definitions.insert("Probe".into(), probes());
    for (name, part) in [
        ("lesson", Part::Lesson),
        ("front-matter", Part::FrontMatter),
        ("demo", Part::Demo),
        ("quiz", Part::Quiz),
    ] {
        let target = format!("#/$defs/{}", part.definition());
        definitions.insert(name.into(), json!({ "$ref": target }));
    }
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Glassbox lessons",
        "description": "The TOML parts of a lesson pack: lesson.toml, and in each step the front matter, the block demo and the block quiz.",
        "anyOf": [
            { "$ref": "#/$defs/lesson" },
            { "$ref": "#/$defs/front-matter" },
            { "$ref": "#/$defs/demo" },
            { "$ref": "#/$defs/quiz" }
        ],
        "$defs": definitions
    })
}

/// Every probe with the facts that it yields.
fn probes() -> Value {
    let alternatives: Vec<Value> = Probe::names()
        .map(|name| match name.parse::<Probe>() {
            Ok(probe) => json!({
                "const": name,
                "description": format!("Facts: {}", facts(&probe)),
            }),
            Err(_) => json!({
                "type": "string",
                "pattern": format!("^{name}:/"),
                "description": format!("Fact: {name}:PATH"),
            }),
        })
        .collect();
    json!({
        "description": "A question to the kernel, such as `hostname`, `ns` or `dir:/mnt`.",
        "anyOf": alternatives
    })
}

fn facts(probe: &Probe) -> String {
    let (inside, outside) = (probe.facts(false), probe.facts(true));
    let mut text = inside.join(", ");
    if probe.works_from_outside() && inside != outside {
        text.push_str(&format!("; with `of`: {}", outside.join(", ")));
    }
    text
}
