//! The JSON Schema of the TOML parts, generated from the types that read them.
//!
//! Editors complete lessons with it, and lint walks the same document, so the
//! two can't diverge.

use super::demo::DemoSource;
use super::meta::{LessonMeta, PackMeta, Quiz, StepMeta};
use crate::plan::Probe;
use schemars::generate::SchemaSettings;
use serde_json::{Value, json};
use std::sync::LazyLock;

/// The parts of a lesson that are TOML.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Pack,
    Lesson,
    FrontMatter,
    Demo,
    Quiz,
}

impl Part {
    /// The type that reads it.
    pub(super) fn definition(self) -> &'static str {
        match self {
            Part::Pack => "PackMeta",
            Part::Lesson => "LessonMeta",
            Part::FrontMatter => "StepMeta",
            Part::Demo => "DemoSource",
            Part::Quiz => "Quiz",
        }
    }
}

/// Where no knob can stand.
const WITHOUT_KNOBS: [&str; 7] = [
    "PackMeta",
    "Route",
    "LessonMeta",
    "StepMeta",
    "StepId",
    "Knob",
    "KnobValue",
];

static SCHEMA: LazyLock<Value> = LazyLock::new(generate);

/// One JSON Schema document: under `$defs`, `pack` is `pack.toml`, `lesson` is `lesson.toml`,
/// `front-matter` the head of a step, `demo` and `quiz` its fenced blocks.
///
/// It is what lint judges by, with one addition: lint puts a knob's value in
/// its place first, and an editor must let `"${knob}"` stand there instead.
pub fn schema() -> Value {
    let mut schema = SCHEMA.clone();
    let Some(definitions) = schema["$defs"].as_object_mut() else {
        return schema;
    };
    for (name, definition) in definitions.iter_mut() {
        if !WITHOUT_KNOBS.contains(&name.as_str()) {
            admit_knobs(definition);
        }
    }
    definitions.insert(
        "knob-reference".into(),
        json!({
            "description": "The value of a knob of this demo.",
            "type": "string",
            "pattern": r"\$\{[a-z0-9-]+\}"
        }),
    );
    schema
}

/// Lets a reference to a knob stand for every number, flag and fixed word.
fn admit_knobs(schema: &mut Value) {
    let Some(map) = schema.as_object_mut() else {
        return;
    };
    for under in ["properties", "items"] {
        match map.get_mut(under) {
            Some(items) if under == "items" => admit_knobs(items),
            Some(Value::Object(properties)) => properties.values_mut().for_each(admit_knobs),
            _ => {}
        }
    }
    let mut word = false;
    for alternative in ["oneOf", "anyOf"]
        .iter()
        .filter_map(|key| map.get(*key)?.as_array())
    {
        word |= alternative.iter().any(is_fixed);
    }
    for variants in ["oneOf", "anyOf"] {
        let variants = map.get_mut(variants).and_then(Value::as_array_mut);
        let tables = variants
            .into_iter()
            .flatten()
            .filter(|variant| !is_fixed(variant));
        tables.for_each(admit_knobs);
    }
    if word || is_fixed(schema) {
        let strict = schema.take();
        let description = strict["description"].clone();
        *schema = json!({ "anyOf": [strict, { "$ref": "#/$defs/knob-reference" }] });
        if !description.is_null() {
            schema["description"] = description;
        }
    }
}

/// Whether a schema allows some text only, or none.
fn is_fixed(schema: &Value) -> bool {
    let one_of = |ty: &Value| ty == "integer" || ty == "boolean";
    let listed = schema["type"]
        .as_array()
        .is_some_and(|types| types.iter().any(one_of));
    let words = ["const", "enum", "pattern"]
        .iter()
        .any(|key| !schema[*key].is_null());
    words || listed || one_of(&schema["type"])
}

/// The definition of that name; `null` if there is none.
pub(super) fn definition(name: &str) -> &'static Value {
    &SCHEMA["$defs"][name]
}

fn generate() -> Value {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    generator.subschema_for::<PackMeta>();
    generator.subschema_for::<LessonMeta>();
    generator.subschema_for::<StepMeta>();
    generator.subschema_for::<DemoSource>();
    generator.subschema_for::<Quiz>();
    let mut definitions = generator.take_definitions(true);
    definitions.insert("Probe".into(), probes());
    for (name, part) in [
        ("pack", Part::Pack),
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
        "description": "The TOML parts of a lesson pack: pack.toml, lesson.toml, and in each step the front matter, the block demo and the block quiz.",
        "anyOf": [
            { "$ref": "#/$defs/pack" },
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Calls `look` with every schema in a document.
    fn walk(schema: &Value, look: &mut dyn FnMut(&serde_json::Map<String, Value>)) {
        let Some(map) = schema.as_object() else {
            return;
        };
        look(map);
        for key in ["properties", "$defs"] {
            let under = map.get(key).and_then(Value::as_object);
            under
                .into_iter()
                .flatten()
                .for_each(|(_, schema)| walk(schema, look));
        }
        for key in ["anyOf", "oneOf"] {
            let under = map.get(key).and_then(Value::as_array);
            under
                .into_iter()
                .flatten()
                .for_each(|schema| walk(schema, look));
        }
        map.get("items")
            .into_iter()
            .for_each(|schema| walk(schema, look));
    }

    /// What `shape` judges by. A keyword that it doesn't know would let
    /// through what an editor marks.
    #[test]
    fn lint_knows_every_keyword_of_the_schema() {
        const KNOWN: [&str; 21] = [
            "$ref",
            "$defs",
            "$schema",
            "title",
            "description",
            "default",
            "type",
            "properties",
            "required",
            "additionalProperties",
            "items",
            "minItems",
            "maxItems",
            "minimum",
            "maximum",
            "format",
            "const",
            "enum",
            "anyOf",
            "oneOf",
            "pattern",
        ];
        walk(&schema(), &mut |map| {
            for key in map.keys() {
                assert!(KNOWN.contains(&key.as_str()), "{key} in {map:?}");
            }
            // A pattern is judged by the type's own parser.
            if map.contains_key("pattern") {
                assert!(map.get("type").is_some());
            }
            if let Some(format) = map.get("format").and_then(Value::as_str) {
                assert!(["int64", "uint32", "uint16"].contains(&format), "{format}");
            }
            if map.contains_key("properties") {
                assert_eq!(map["additionalProperties"], false, "{map:?}");
            }
        });
    }

    #[test]
    fn every_reference_leads_somewhere() {
        walk(&schema(), &mut |map| {
            if let Some(target) = map.get("$ref").and_then(Value::as_str) {
                let name = target.strip_prefix("#/$defs/").unwrap();
                assert!(schema()["$defs"][name].is_object(), "{target}");
            }
        });
        for part in ["lesson", "front-matter", "demo", "quiz", "knob-reference"] {
            assert!(schema()["$defs"][part].is_object(), "{part}");
        }
    }

    #[test]
    fn a_knob_may_stand_for_a_number_but_not_in_a_lesson() {
        let schema = schema();
        let knob = json!({ "$ref": "#/$defs/knob-reference" });
        for path in [
            "/$defs/Spawn/properties/count/anyOf/1",
            "/$defs/Nanos/anyOf/1",
            "/$defs/Namespace/anyOf/1",
            "/$defs/BoxSpec/properties/proc/anyOf/1",
        ] {
            assert_eq!(schema.pointer(path), Some(&knob), "{path}");
        }
        assert_eq!(schema["$defs"]["LessonMeta"], *definition("LessonMeta"));
        assert_eq!(schema["$defs"]["Knob"], *definition("Knob"));
    }

    #[test]
    fn it_lists_every_verb_and_every_probe_with_its_facts() {
        let text = schema().to_string();
        for word in [
            "set-hostname",
            "await-end",
            "NAME.queued",
            "ns.uts",
            "uid-map",
            "file:PATH",
            "pid, nspid",
        ] {
            assert!(text.contains(word), "{word}");
        }
    }
}
