//! `docker create`, and how `run` makes its container.

use super::connection::Client;
use super::failure::Failure;
use super::flags::Given;
use super::images;
use super::references::{query, whole};
use super::streams::{complain, say};
use super::{terminal, units};
use hyper::Method;
use serde_json::{Map, Value, json};
use std::path::{Component, Path, PathBuf};

/// `docker create`
pub(super) async fn create(client: &Client, given: &Given) -> Result<u8, Failure> {
    let id = made(client, given, true).await?;
    say(&format!("{id}\n"));
    Ok(0)
}

/// Makes the container: its id. An image that isn't there is pulled.
pub(super) async fn made(client: &Client, given: &Given, attach: bool) -> Result<String, Failure> {
    let body = config(given, attach);
    let path = match given.one("name") {
        Some(name) => format!("/containers/create?name={}", query(name)),
        None => "/containers/create".to_string(),
    };
    let mut answer = client.ask(Method::POST, &path, Some(&body)).await?;
    if answer.status == 404 && answer.error().text.contains("No such image") {
        let image = &given.words[0];
        let (_, tag) = whole(image);
        let tag = if tag.is_some() { "" } else { ":latest" };
        complain(&format!("Unable to find image '{image}{tag}' locally"));
        images::pulled(client, image, &mut |line| complain(line)).await?;
        answer = client.ask(Method::POST, &path, Some(&body)).await?;
    }
    let answer = answer.good()?.json();
    for warning in answer["Warnings"].as_array().into_iter().flatten() {
        complain(&format!(
            "WARNING: {}",
            warning.as_str().unwrap_or_default()
        ));
    }
    match answer["Id"].as_str() {
        Some(id) => Ok(id.to_string()),
        None => Err(Failure::broken(&"no id came")),
    }
}

/// The document that says what is wanted.
fn config(given: &Given, attach: bool) -> Value {
    let (tty, interactive) = (given.on("tty"), given.on("interactive"));
    let text = |flag: &str| given.one(flag).unwrap_or_default();
    let command = &given.words[1..];
    let (mut binds, mut volumes) = (Vec::new(), Map::new());
    for volume in given.all("volume") {
        match volume.split_once(':') {
            Some((source, rest)) => binds.push(format!("{}:{rest}", absolute(source))),
            None => drop(volumes.insert(volume.into(), json!({}))),
        }
    }
    let tmpfs: Map<String, Value> = given
        .all("tmpfs")
        .into_iter()
        .map(|one| one.split_once(':').unwrap_or((one, "")))
        .map(|(path, options)| (path.into(), options.into()))
        .collect();
    let labels: Map<String, Value> = given
        .all("label")
        .into_iter()
        .map(|label| label.split_once('=').unwrap_or((label, "")))
        .map(|(key, value)| (key.into(), value.into()))
        .collect();
    let mut host = json!({
        "AutoRemove": given.on("rm"),
        "Binds": binds,
        "Memory": given.one("memory").and_then(units::bytes).unwrap_or_default(),
        "NanoCpus": given.one("cpus").and_then(|text| units::nano_cpus(text).ok()).unwrap_or_default(),
        "NetworkMode": given.one("network").unwrap_or("default"),
        "ReadonlyRootfs": given.on("read-only"),
    });
    if let Some(most) = given.one("pids-limit") {
        host["PidsLimit"] = json!(most.parse::<i64>().unwrap_or_default());
    }
    if !tmpfs.is_empty() {
        host["Tmpfs"] = tmpfs.into();
    }
    if given.on("init") {
        host["Init"] = json!(true);
    }
    if let Some((rows, columns)) = terminal::size().filter(|_| tty) {
        host["ConsoleSize"] = json!([rows, columns]);
    }
    json!({
        "AttachStderr": attach,
        "AttachStdin": attach && interactive,
        "AttachStdout": attach,
        "Cmd": if command.is_empty() { Value::Null } else { json!(command) },
        "Entrypoint": given.one("entrypoint").map(|word| vec![word]),
        "Env": environment(given),
        "HostConfig": host,
        "Hostname": text("hostname"),
        "Image": given.words[0],
        "Labels": labels,
        "OpenStdin": interactive,
        "StdinOnce": attach && interactive,
        "Tty": tty,
        "User": text("user"),
        "Volumes": volumes,
        "WorkingDir": text("workdir"),
    })
}

/// `-e A=b`, or `-e A`, which is this program's own.
pub(super) fn environment(given: &Given) -> Value {
    let of = |one: &str| match one.contains('=') {
        true => one.to_string(),
        false => match std::env::var(one) {
            Ok(value) => format!("{one}={value}"),
            Err(_) => one.to_string(),
        },
    };
    let all: Vec<String> = given.all("env").into_iter().map(of).collect();
    if all.is_empty() {
        Value::Null
    } else {
        json!(all)
    }
}

/// A source that begins with a dot is a path from here.
fn absolute(source: &str) -> String {
    if !source.starts_with('.') {
        return source.to_string();
    }
    let Ok(here) = std::env::current_dir() else {
        return source.to_string();
    };
    let mut path = PathBuf::new();
    for part in here.join(Path::new(source)).components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => drop(path.pop()),
            Component::Prefix(_) | Component::RootDir | Component::Normal(_) => path.push(part),
        }
    }
    path.display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::commands;

    #[test]
    fn what_is_asked_for_is_in_the_document() {
        let line = "run -it --rm -e A=b -w /w -u me -m 32m --cpus .5 --pids-limit 8 -v a:/b \
                    -v /c --network none --read-only --entrypoint sh --label l=1 base -c ls";
        let words: Vec<String> = line.split_whitespace().map(String::from).collect();
        let (command, rest) = commands::find(&words).unwrap().unwrap();
        let given = Given::parse(command, rest).unwrap().unwrap();
        let found = config(&given, true);
        for (pointer, expected) in [
            ("/Image", json!("base")),
            ("/Cmd", json!(["-c", "ls"])),
            ("/Entrypoint", json!(["sh"])),
            ("/Env", json!(["A=b"])),
            ("/Tty", json!(true)),
            ("/StdinOnce", json!(true)),
            ("/User", json!("me")),
            ("/WorkingDir", json!("/w")),
            ("/Labels", json!({"l": "1"})),
            ("/Volumes", json!({"/c": {}})),
            ("/HostConfig/Binds", json!(["a:/b"])),
            ("/HostConfig/Memory", json!(32 << 20)),
            ("/HostConfig/NanoCpus", json!(500_000_000)),
            ("/HostConfig/PidsLimit", json!(8)),
            ("/HostConfig/NetworkMode", json!("none")),
            ("/HostConfig/ReadonlyRootfs", json!(true)),
            ("/HostConfig/AutoRemove", json!(true)),
        ] {
            assert_eq!(found.pointer(pointer), Some(&expected), "{pointer}");
        }
        let here = std::env::current_dir().unwrap();
        assert_eq!(absolute("./x/../y"), here.join("y").display().to_string());
        assert_eq!(absolute("name"), "name");
    }
}
