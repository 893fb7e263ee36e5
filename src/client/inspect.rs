//! `docker inspect`: what the engine says of whatever has that name, as it came.

use super::connection::{Client, Document};
use super::failure::Failure;
use super::flags::Given;
use super::references::path;
use super::streams::say;
use serde_json::Value;

/// `docker inspect`
pub(super) async fn inspect(client: &Client, given: &Given) -> Result<u8, Failure> {
    let format = match given.one("format") {
        Some(text) => Some(parts(text)?),
        None => None,
    };
    let kind = given.one("type").unwrap_or_default();
    let mut found = Vec::new();
    let mut errors = Vec::new();
    for name in &given.words {
        match look(client, name, kind).await {
            Ok(document) => found.push(document),
            Err(failure) => errors.push(failure.text),
        }
    }
    match &format {
        Some(parts) => {
            for document in &found {
                match filled(parts, &document.json()) {
                    Ok(text) => say(&format!("{text}\n")),
                    Err(failure) => {
                        say("\n");
                        return Err(failure);
                    }
                }
            }
        }
        None => {
            let all: Vec<String> = found
                .iter()
                .map(|document| indented(&String::from_utf8_lossy(&document.bytes), 1))
                .collect();
            match all.is_empty() {
                true => say("[]\n"),
                false => say(&format!("[\n    {}\n]\n", all.join(",\n    "))),
            }
        }
    }
    match errors.is_empty() {
        true => Ok(0),
        false => Err(Failure::of(errors.join("\n"))),
    }
}

/// Asks after a container, an image, a network and a volume of that name, in this
/// order.
async fn look(client: &Client, name: &str, kind: &str) -> Result<Document, Failure> {
    let encoded = path(name);
    for (of, at) in [
        ("container", format!("/containers/{encoded}/json")),
        ("image", format!("/images/{encoded}/json")),
        ("network", format!("/networks/{encoded}")),
        ("volume", format!("/volumes/{encoded}")),
    ] {
        if !kind.is_empty() && kind != of {
            continue;
        }
        match client.get(&at).await {
            Err(failure) if failure.status == Some(404) && kind.is_empty() => {}
            found => return found,
        }
    }
    Err(Failure::of(match kind {
        "" => format!("Error: No such object: {name}"),
        _ => format!("\"{kind}\" is not a valid value for --type"),
    }))
}

/// What stands between values, and the way to each value.
#[derive(Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    /// The names, and where each stands in the template.
    Value(Vec<(String, usize)>, String),
}

/// Reads a template that has ways to values and nothing else: `{{.State.Status}}`.
fn parts(template: &str) -> Result<Vec<Part>, Failure> {
    let mut parts = Vec::new();
    let mut at = 0;
    while let Some(begin) = template[at..].find("{{").map(|found| at + found) {
        let Some(end) = template[begin..].find("}}").map(|found| begin + found) else {
            let text = "template parsing error: template: :1: unclosed action";
            return Err(Failure::usage(text, 64));
        };
        parts.push(Part::Text(template[at..begin].into()));
        let whole = &template[begin + 2..end];
        let way = whole.trim();
        let simple = way.strip_prefix('.').is_some_and(|names| {
            let name = |name: &str| {
                !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            };
            names.split('.').all(name)
        });
        if !simple {
            return Err(Failure::usage(
                format!(
                    "{{{{{whole}}}}}: this small client of the course's own knows only ways to a \
                     value: {{{{.State.Status}}}}"
                ),
                64,
            ));
        }
        let mut position = begin + 2 + (whole.len() - whole.trim_start().len());
        let names = way[1..].split('.').map(|name| {
            let here = (name.to_string(), position);
            position += 1 + name.len();
            here
        });
        parts.push(Part::Value(names.collect(), way.into()));
        at = end + 2;
    }
    parts.push(Part::Text(template[at..].into()));
    Ok(parts)
}

/// The template with the values of a document.
fn filled(parts: &[Part], document: &Value) -> Result<String, Failure> {
    let mut text = String::new();
    for part in parts {
        match part {
            Part::Text(plain) => text += plain,
            Part::Value(names, way) => {
                let mut value = document;
                for (name, at) in names {
                    value = value.get(name).ok_or_else(|| {
                        Failure::of(format!(
                            "template parsing error: template: :1:{at}: executing \"\" at \
                             <{way}>: map has no entry for key \"{name}\""
                        ))
                    })?;
                }
                text += &said(value);
            }
        }
    }
    Ok(text)
}

/// A value as Go's template prints it.
fn said(value: &Value) -> String {
    match value {
        Value::Null => "<no value>".into(),
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::Array(all) => {
            let all: Vec<String> = all.iter().map(said).collect();
            format!("[{}]", all.join(" "))
        }
        Value::Object(all) => {
            let all: Vec<String> = all
                .iter()
                .map(|(k, v)| format!("{k}:{}", said(v)))
                .collect();
            format!("map[{}]", all.join(" "))
        }
    }
}

/// JSON with four spaces a level, its fields in the order in which they came:
/// json.Indent of Go.
fn indented(json: &str, level: usize) -> String {
    // Only what is JSON is laid out.
    if serde_json::from_str::<serde::de::IgnoredAny>(json).is_err() {
        return json.trim().to_string();
    }
    let (mut text, mut level) = (String::new(), level);
    let mut characters = json.trim().chars().peekable();
    let line = |level: usize| format!("\n{}", "    ".repeat(level));
    let (mut quoted, mut escaped) = (false, false);
    while let Some(character) = characters.next() {
        if quoted {
            text.push(character);
            quoted = escaped || character != '"';
            escaped = !escaped && character == '\\';
            continue;
        }
        match character {
            '"' => {
                quoted = true;
                text.push('"');
            }
            '{' | '[' => {
                text.push(character);
                while characters.next_if(|next| next.is_whitespace()).is_some() {}
                let close = if character == '{' { '}' } else { ']' };
                if characters.next_if_eq(&close).is_some() {
                    text.push(close);
                } else {
                    level += 1;
                    text += &line(level);
                }
            }
            '}' | ']' => {
                level = level.saturating_sub(1);
                text += &line(level);
                text.push(character);
            }
            ',' => {
                text.push(',');
                text += &line(level);
            }
            ':' => text += ": ",
            space if space.is_whitespace() => {}
            other => text.push(other),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn json_is_laid_out_in_its_own_order() {
        let given = r#"{"b":[],"a":{"x":"a\":,{","y":[1,2]},"c":{} }"#;
        let expected = "{\n    \"b\": [],\n    \"a\": {\n        \"x\": \"a\\\":,{\",\n        \"y\": [\n            1,\n            2\n        ]\n    },\n    \"c\": {}\n}";
        assert_eq!(indented(given, 0), expected);
    }

    #[test]
    fn templates_are_ways_to_values() {
        let document =
            json!({"Name": "/d", "State": {"Pid": 7, "Running": true}, "Env": ["A=b", "C=d"]});
        for (template, expected) in [
            ("{{.Name}}", Ok("/d")),
            ("x{{ .State.Pid }} {{.State.Running}}y", Ok("x7 truey")),
            ("{{.Env}}", Ok("[A=b C=d]")),
            (
                "{{.State.Nope}}",
                Err(
                    "template parsing error: template: :1:8: executing \"\" at <.State.Nope>: map has no entry for key \"Nope\"",
                ),
            ),
            (
                "{{.Name",
                Err("template parsing error: template: :1: unclosed action"),
            ),
            (
                "{{json .Name}}",
                Err(
                    "{{json .Name}}: this small client of the course's own knows only ways to a value: {{.State.Status}}",
                ),
            ),
        ] {
            let found = parts(template).and_then(|parts| filled(&parts, &document));
            let found = found.map_err(|failure| failure.text);
            assert_eq!(
                found,
                expected.map(String::from).map_err(String::from),
                "{template}"
            );
        }
    }
}
