//! Commands on containers that are there.

use super::connection::Client;
use super::failure::Failure;
use super::flags::Given;
use super::references::{path, query};
use super::streams::{Apart, complain, say};
use super::table::{cut, quoted, short, table};
use crate::base::time::{Time, ago};
use hyper::Method;
use serde_json::{Map, Value, json};

/// Does the same with each name, and prints the name of each that went well; one
/// that fails is told, and the others go on.
pub(super) async fn each(
    given: &Given,
    act: impl AsyncFn(&str) -> Result<String, Failure>,
) -> Result<u8, Failure> {
    let mut failed = false;
    for name in &given.words {
        match act(name).await {
            Ok(text) => say(&text),
            Err(failure) => {
                complain(&failure.text);
                failed = true;
            }
        }
    }
    if failed { Err(Failure::told()) } else { Ok(0) }
}

/// `filters=…` of `--filter KEY=VALUE`.
pub(super) fn filters(given: &Given) -> Result<Option<String>, Failure> {
    let mut all: Map<String, Value> = Map::new();
    for filter in given.all("filter") {
        let Some((key, value)) = filter.split_once('=') else {
            return Err(Failure::usage(
                format!(
                    "invalid argument \"{filter}\" for \"-f, --filter\" flag: invalid filter '{filter}'"
                ),
                125,
            ));
        };
        let values = all
            .entry(key.trim().to_lowercase())
            .or_insert_with(|| json!({}));
        values[value.trim()] = json!(true);
    }
    let text = Value::from(all.clone()).to_string();
    Ok((!all.is_empty()).then(|| format!("filters={}", query(&text))))
}

/// A path with what is asked for behind it.
pub(super) fn with_query(path: &str, parts: impl IntoIterator<Item = Option<String>>) -> String {
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    match parts.is_empty() {
        true => path.to_string(),
        false => format!("{path}?{}", parts.join("&")),
    }
}

/// How long ago, as a column says it.
pub(super) fn since(seconds: i64) -> String {
    format!("{} ago", ago(Time::now().seconds() - seconds))
}

/// `docker ps`
pub(super) async fn list(client: &Client, given: &Given) -> Result<u8, Failure> {
    let all = given.on("all").then(|| "all=1".to_string());
    let asked = with_query("/containers/json", [all, filters(given)?]);
    let rows = client.get(&asked).await?.rows();
    let whole = given.on("no-trunc");
    let text = |row: &Value, field: &str| row[field].as_str().unwrap_or_default().to_string();
    if given.on("quiet") {
        rows.iter()
            .for_each(|row| say(&format!("{}\n", short(&text(row, "Id"), whole))));
        return Ok(0);
    }
    let head = [
        "CONTAINER ID",
        "IMAGE",
        "COMMAND",
        "CREATED",
        "STATUS",
        "PORTS",
        "NAMES",
    ];
    let mut lines = vec![head.map(String::from).to_vec()];
    for row in &rows {
        let command = text(row, "Command");
        let names = row["Names"].as_array().into_iter().flatten();
        let names: Vec<&str> = names
            .filter_map(|name| Some(name.as_str()?.trim_start_matches('/')))
            .collect();
        let image = text(row, "Image");
        lines.push(vec![
            short(&text(row, "Id"), whole),
            if image.starts_with("sha256:") {
                short(&image, whole)
            } else {
                image
            },
            quoted(&if whole { command } else { cut(&command, 20) }),
            since(row["Created"].as_i64().unwrap_or_default()),
            text(row, "Status"),
            ports(row),
            names.join(","),
        ]);
    }
    say(&table(&lines, 10));
    Ok(0)
}

/// `0.0.0.0:80->8080/tcp`
fn ports(row: &Value) -> String {
    let all = row["Ports"].as_array().into_iter().flatten();
    let one = |port: &Value| {
        let inner = format!(
            "{}/{}",
            port["PrivatePort"],
            port["Type"].as_str().unwrap_or("tcp")
        );
        match port["PublicPort"].as_u64() {
            Some(outer) => format!(
                "{}:{outer}->{inner}",
                port["IP"].as_str().unwrap_or_default()
            ),
            None => inner,
        }
    };
    all.map(one).collect::<Vec<_>>().join(", ")
}

/// `docker logs`
pub(super) async fn logs(client: &Client, given: &Given) -> Result<u8, Failure> {
    let name = path(&given.words[0]);
    let known = client
        .get(&format!("/containers/{name}/json"))
        .await?
        .json();
    let id = known["Id"].as_str().unwrap_or(&name).to_string();
    let on = |flag: &str, text: &str| given.on(flag).then(|| text.to_string());
    let asked = with_query(
        &format!("/containers/{id}/logs"),
        [
            on("follow", "follow=1"),
            Some("stderr=1&stdout=1".into()),
            Some(format!(
                "tail={}",
                query(given.one("tail").unwrap_or("all"))
            )),
            on("timestamps", "timestamps=1"),
        ],
    );
    let mut log = client.begin(Method::GET, &asked).await?;
    let mut apart = Apart::of(known["Config"]["Tty"] == true);
    while let Some(piece) = log.piece().await? {
        apart.print(&piece)?;
    }
    Ok(0)
}

/// `docker stop`
pub(super) async fn stop(client: &Client, given: &Given) -> Result<u8, Failure> {
    let parts = || {
        let of = |flag: &str, name: &str| {
            given
                .one(flag)
                .map(|value| format!("{name}={}", query(value)))
        };
        [of("signal", "signal"), of("time", "t")]
    };
    each(given, async |name| {
        let asked = with_query(&format!("/containers/{}/stop", path(name)), parts());
        client.post(&asked, None).await?;
        Ok(format!("{name}\n"))
    })
    .await
}

/// `docker kill`
pub(super) async fn kill(client: &Client, given: &Given) -> Result<u8, Failure> {
    each(given, async |name| {
        let signal = given
            .one("signal")
            .map(|value| format!("signal={}", query(value)));
        let asked = with_query(&format!("/containers/{}/kill", path(name)), [signal]);
        client.post(&asked, None).await?;
        Ok(format!("{name}\n"))
    })
    .await
}

/// `docker rm`
pub(super) async fn remove(client: &Client, given: &Given) -> Result<u8, Failure> {
    each(given, async |name| {
        let on = |flag: &str, text: &str| given.on(flag).then(|| text.to_string());
        let parts = [on("force", "force=1"), on("volumes", "v=1")];
        let asked = with_query(&format!("/containers/{}", path(name)), parts);
        client.delete(&asked).await?;
        Ok(format!("{name}\n"))
    })
    .await
}

/// `docker wait`
pub(super) async fn wait(client: &Client, given: &Given) -> Result<u8, Failure> {
    each(given, async |name| {
        let asked = format!("/containers/{}/wait", path(name));
        let mut end = client.begin(Method::POST, &asked).await?;
        Ok(format!("{}\n", end.status().await?))
    })
    .await
}

/// `docker top`
pub(super) async fn top(client: &Client, given: &Given) -> Result<u8, Failure> {
    let asked = format!("/containers/{}/top", path(&given.words[0]));
    let known = client.get(&asked).await?.json();
    let cells = |row: &Value| -> Vec<String> {
        let cells = row.as_array().into_iter().flatten();
        cells
            .map(|cell| cell.as_str().unwrap_or_default().to_string())
            .collect()
    };
    let mut rows = vec![cells(&known["Titles"])];
    rows.extend(
        known["Processes"]
            .as_array()
            .into_iter()
            .flatten()
            .map(cells),
    );
    say(&table(&rows, 20));
    Ok(0)
}

/// `docker diff`
pub(super) async fn diff(client: &Client, given: &Given) -> Result<u8, Failure> {
    let asked = format!("/containers/{}/changes", path(&given.words[0]));
    for change in client.get(&asked).await?.rows() {
        let kind = match change["Kind"].as_u64() {
            Some(0) => 'C',
            Some(1) => 'A',
            Some(2) => 'D',
            _ => '?',
        };
        say(&format!(
            "{kind} {}\n",
            change["Path"].as_str().unwrap_or_default()
        ));
    }
    Ok(0)
}
