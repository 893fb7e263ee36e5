//! What could be asked of an engine instead.

use crate::plan::{Api, BoxName, Verb};
use serde_json::{Value, json};

/// Another image for each of those that a course's engine makes.
const IMAGES: [(&str, &str); 2] = [("tools", "base"), ("base", "tools")];

/// Of another image: a word, a part of a path, a field.
fn other(word: &str) -> Option<&'static str> {
    let found = IMAGES.iter().find(|(image, _)| *image == word);
    found.map(|(_, other)| *other)
}

/// Another line for a client.
pub(super) fn lines(argv: &[String]) -> Vec<(String, Verb)> {
    let mut found = vec![
        (
            "as a line that only asks for the version".to_string(),
            Verb::Docker(vec!["version".into()]),
        ),
        (
            "as a line that no client knows".into(),
            Verb::Docker(vec!["nothing".into()]),
        ),
    ];
    let mut changed = argv.to_vec();
    if let Some(word) = changed.iter_mut().find(|word| other(word).is_some())
        && let Some(image) = other(word)
    {
        *word = image.into();
        found.push((format!("of the image {image}"), Verb::Docker(changed)));
    }
    found
}

/// Another request.
pub(super) fn requests(api: &Api) -> Vec<(String, Verb)> {
    let mut found = Vec::new();
    for (how, method, path) in [
        ("as a ping", "HEAD", "/_ping"),
        ("to a path that isn't there", "GET", "/nothing"),
    ] {
        let mut changed = api.clone();
        (changed.method, changed.path) = (method.into(), path.into());
        changed.body = None;
        found.push((how.to_string(), Verb::Api(changed)));
    }
    let mut parts: Vec<&str> = api.path.split('/').collect();
    if let Some((part, image)) = parts
        .iter_mut()
        .find_map(|part| other(part).map(|image| (part, image)))
    {
        *part = image;
        let mut changed = api.clone();
        changed.path = parts.join("/");
        found.push((format!("of the image {image}"), Verb::Api(changed)));
    }
    let body: Option<Value> = api
        .body
        .as_ref()
        .and_then(|it| serde_json::from_str(it).ok());
    for (how, field, value) in [
        ("of another image", "Image", None),
        (
            "with a program that fails",
            "Cmd",
            Some(json!(["sh", "-c", "exit 7"])),
        ),
    ] {
        let Some(mut body) = body.clone().filter(|body| !body[field].is_null()) else {
            continue;
        };
        let image = body[field].as_str().and_then(other).map(Value::from);
        let Some(value) = value.or(image) else {
            continue;
        };
        body[field] = value;
        let mut changed = api.clone();
        changed.body = Some(body.to_string());
        found.push((how.into(), Verb::Api(changed)));
    }
    found
}

/// Another process under a container's name.
pub(super) fn containers(name: &BoxName) -> Vec<(String, Verb)> {
    vec![(
        "with the engine in its place".into(),
        Verb::Engine(name.clone()),
    )]
}
