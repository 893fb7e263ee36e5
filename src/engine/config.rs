//! The body of `POST /containers/create`, merged with what the image says.

use super::failure::Failure;
use super::names;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// The PATH of an image that has none.
pub(super) const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What a container is to be. A field that isn't here is in `rest`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Config {
    pub(super) hostname: String,
    pub(super) domainname: String,
    pub(super) user: String,
    pub(super) attach_stdin: bool,
    pub(super) attach_stdout: bool,
    pub(super) attach_stderr: bool,
    pub(super) exposed_ports: Option<BTreeMap<String, Value>>,
    pub(super) tty: bool,
    pub(super) open_stdin: bool,
    pub(super) stdin_once: bool,
    pub(super) env: Option<Vec<String>>,
    #[serde(deserialize_with = "words")]
    pub(super) cmd: Option<Vec<String>>,
    pub(super) image: String,
    pub(super) volumes: Option<BTreeMap<String, Value>>,
    pub(super) working_dir: String,
    #[serde(deserialize_with = "words")]
    pub(super) entrypoint: Option<Vec<String>>,
    pub(super) labels: Option<BTreeMap<String, String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) stop_signal: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) stop_timeout: Option<i64>,
    #[serde(skip_serializing)]
    pub(super) host_config: Value,
    #[serde(skip_serializing)]
    pub(super) networking_config: Value,
    #[serde(flatten, skip_serializing)]
    pub(super) rest: BTreeMap<String, Value>,
}

/// A list of words, or one.
fn words<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Vec<String>>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Words {
        One(String),
        Many(Vec<String>),
    }
    Ok(
        Option::<Words>::deserialize(from)?.map(|words| match words {
            Words::One(word) => vec![word],
            Words::Many(words) => words,
        }),
    )
}

/// Fields of the body that change nothing here at these values.
const WITHOUT_EFFECT: [&str; 4] = ["OnBuild", "ArgsEscaped", "NetworkDisabled", "MacAddress"];

impl Config {
    /// Reads one.
    ///
    /// # Errors
    /// Of JSON, and of fields that nothing is known of.
    pub(super) fn parse(body: &[u8]) -> Result<Config, Failure> {
        let config: Config = super::document::document(body)?;
        for (name, value) in &config.rest {
            let disabled = name == "Healthcheck" && value["Test"] == serde_json::json!(["NONE"]);
            if !is_zero(value) && !disabled {
                let why = match WITHOUT_EFFECT.contains(&name.as_str()) {
                    true => "can't be set here",
                    false => "isn't known here",
                };
                return Err(Failure::refused(format!(
                    "the field {name} of a container {why}: leave it out"
                )));
            }
        }
        if let Some(signal) = &config.stop_signal
            && names::signal(signal).is_none()
        {
            return Err(Failure::bad(format!("invalid signal: {signal}")));
        }
        if !config.working_dir.is_empty() && !config.working_dir.starts_with('/') {
            return Err(Failure::bad(format!(
                "the working directory '{}' is invalid, it needs to be an absolute path",
                config.working_dir
            )));
        }
        let mut env = config.env.iter().flatten();
        if let Some(wrong) = env.find(|one| one.starts_with('=') || one.is_empty()) {
            return Err(Failure::bad(format!(
                "invalid environment variable: {wrong}"
            )));
        }
        Ok(config)
    }

    /// Adds what the image says and the client didn't.
    pub(super) fn merge(&mut self, image: &Config) {
        if self.entrypoint.as_ref().is_none_or(Vec::is_empty) {
            if self.cmd.as_ref().is_none_or(Vec::is_empty) {
                self.cmd.clone_from(&image.cmd);
            }
            if self.entrypoint.is_none() {
                self.entrypoint.clone_from(&image.entrypoint);
            }
        }
        // `--entrypoint ''` clears that of the image.
        if self.entrypoint.as_deref() == Some(&[String::new()]) {
            self.entrypoint = None;
        }
        let mut env = self.env.clone().unwrap_or_default();
        let key = |one: &str| one.split('=').next().unwrap_or_default().to_string();
        let own: Vec<String> = env.iter().map(|one| key(one)).collect();
        let others = image.env.iter().flatten();
        env.extend(others.filter(|one| !own.contains(&key(one))).cloned());
        self.env = Some(env);
        for (ours, theirs) in [
            (&mut self.user, &image.user),
            (&mut self.working_dir, &image.working_dir),
        ] {
            if ours.is_empty() {
                ours.clone_from(theirs);
            }
        }
        let labels = image.labels.clone().unwrap_or_default();
        let mut labels = labels;
        labels.extend(self.labels.take().unwrap_or_default());
        self.labels = Some(labels);
        if self.stop_signal.is_none() {
            self.stop_signal.clone_from(&image.stop_signal);
        }
        if let Some(ports) = &image.exposed_ports {
            let own = self.exposed_ports.get_or_insert_default();
            for (port, value) in ports {
                own.entry(port.clone()).or_insert_with(|| value.clone());
            }
        }
        if let Some(volumes) = &image.volumes {
            let own = self.volumes.get_or_insert_default();
            for (path, value) in volumes {
                own.entry(path.clone()).or_insert_with(|| value.clone());
            }
        }
    }

    /// The program and its arguments.
    pub(super) fn argv(&self) -> Vec<String> {
        let entrypoint = self.entrypoint.iter().flatten();
        entrypoint
            .chain(self.cmd.iter().flatten())
            .cloned()
            .collect()
    }

    /// The environment that its programs get, and who asked for more of it.
    pub(super) fn environment(&self, more: &[String]) -> Vec<(String, String)> {
        let mut all = vec![
            ("PATH".to_string(), PATH.to_string()),
            ("HOSTNAME".to_string(), self.hostname.clone()),
        ];
        if self.tty {
            all.push(("TERM".into(), "xterm".into()));
        }
        for one in self.env.iter().flatten().chain(more) {
            match one.split_once('=') {
                Some((name, value)) => match all.iter_mut().find(|(known, _)| known == name) {
                    Some((_, known)) => *known = value.into(),
                    None => all.push((name.into(), value.into())),
                },
                None => all.retain(|(known, _)| known != one),
            }
        }
        all
    }

    /// What ends it when it is to stop.
    pub(super) fn stop_signal(&self) -> i32 {
        let named = self.stop_signal.as_deref().and_then(names::signal);
        named.unwrap_or(libc::SIGTERM)
    }
}

/// Whether a value is what Go leaves when nothing was said.
pub(super) fn is_zero(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(value) => !value,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(values) => values.iter().all(is_zero),
        Value::Object(values) => values.values().all(is_zero),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn config(value: Value) -> Config {
        Config::parse(value.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn programs_come_from_the_client_then_the_image() {
        let image = config(json!({ "Entrypoint": ["e"], "Cmd": ["c"] }));
        for (client, expected) in [
            (json!({}), vec!["e", "c"]),
            (json!({ "Cmd": ["x"] }), vec!["e", "x"]),
            (json!({ "Cmd": "x" }), vec!["e", "x"]),
            (json!({ "Entrypoint": ["y"] }), vec!["y"]),
            (json!({ "Entrypoint": "y", "Cmd": ["x"] }), vec!["y", "x"]),
            (json!({ "Entrypoint": [""], "Cmd": ["x"] }), vec!["x"]),
            (json!({ "Entrypoint": [] }), vec!["c"]),
        ] {
            let mut merged = config(client.clone());
            merged.merge(&image);
            assert_eq!(merged.argv(), expected, "{client}");
        }
    }

    #[test]
    fn the_environment_is_built_in_its_order() {
        let mut own = config(json!({ "Hostname": "h", "Env": ["A=2", "HOSTNAME=x"], "Tty": true }));
        own.merge(&config(json!({ "Env": ["A=1", "B=1", "PATH=/bin"] })));
        let shown: Vec<String> = own
            .environment(&["B".into(), "C=3".into()])
            .into_iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let expected = ["PATH=/bin", "HOSTNAME=x", "TERM=xterm", "A=2", "C=3"];
        assert_eq!(shown, expected);
    }

    #[test]
    fn what_is_not_known_is_refused_unless_it_says_nothing() {
        let parse = |value: Value| Config::parse(value.to_string().as_bytes()).map(drop);
        for (value, status) in [
            (json!({ "New": null, "OnBuild": [] }), None),
            (json!({ "New": 1 }), Some(501)),
            (json!({ "Healthcheck": { "Test": ["NONE"] } }), None),
            (
                json!({ "Healthcheck": { "Test": ["CMD", "x"] } }),
                Some(501),
            ),
            (json!({ "MacAddress": "02:42:ac:11:00:02" }), Some(501)),
            (json!({ "StopSignal": "BOGUS" }), Some(400)),
            (json!({ "WorkingDir": "rel" }), Some(400)),
            (json!({ "Env": ["=x"] }), Some(400)),
            (json!({ "Env": "x" }), Some(400)),
        ] {
            let found = parse(value.clone()).err().map(|f| f.status.as_u16());
            assert_eq!(found, status, "{value}");
        }
    }
}
