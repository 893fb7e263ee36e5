//! What is known, in the documents of the API.

use super::container::{Container, Phase};
use super::exec::Exec;
use super::host_config::{Wanted, echo};
use super::state::Engine;
use super::store::Image;
use super::tell::{network_driver, network_id};
use crate::base::time::{NEVER, Time, ago};
use crate::sandbox::MountSource;
use serde_json::{Value, json};
use std::path::Path;

/// `docker inspect` of a container.
pub(super) fn container(engine: &Engine, container: &Container) -> Value {
    let state = container.state.borrow();
    let (path, args) = container.command();
    let time = |time: Option<Time>| time.map_or(NEVER.to_string(), Time::text);
    let execs = container.execs.borrow();
    let running: Vec<&String> = execs
        .iter()
        .filter(|id| {
            let all = engine.execs.borrow();
            all.get(*id).is_some_and(|exec| exec.state.borrow().running)
        })
        .collect();
    let directory = |name: &str| container.directory.join(name).display().to_string();
    json!({
        "Id": container.id,
        "Created": container.created.text(),
        "Path": path,
        "Args": args,
        "State": {
            "Status": state.phase.name(),
            "Running": container.runs(),
            "Paused": state.phase == Phase::Paused,
            "Restarting": false,
            "OOMKilled": false,
            "Dead": false,
            "Pid": state.pid,
            "ExitCode": state.exit_code,
            "Error": state.error,
            "StartedAt": time(state.started),
            "FinishedAt": time(state.finished),
        },
        "Image": format!("sha256:{}", container.image),
        "ResolvConfPath": directory("init/etc/resolv.conf"),
        "HostnamePath": directory("init/etc/hostname"),
        "HostsPath": directory("init/etc/hosts"),
        "LogPath": directory("log"),
        "Name": format!("/{}", container.name.borrow()),
        "RestartCount": 0,
        "Driver": "overlay2",
        "Platform": "linux",
        "MountLabel": "",
        "ProcessLabel": "",
        "AppArmorProfile": "",
        "ExecIDs": if running.is_empty() { Value::Null } else { json!(running) },
        "HostConfig": echo(&container.given, &container.host),
        "GraphDriver": {
            "Data": {
                "LowerDir": directory("init"),
                "MergedDir": directory("root"),
                "UpperDir": directory("upper"),
                "WorkDir": directory("upper.work"),
            },
            "Name": "overlay2",
        },
        "Mounts": mounts(engine, container),
        "Config": container.config,
        "NetworkSettings": networks(container, true),
    })
}

/// What is mounted in a container, as it is shown.
fn mounts(engine: &Engine, container: &Container) -> Vec<Value> {
    let shown = |wanted: &Wanted| match wanted {
        Wanted::Host(mount) => match &mount.source {
            MountSource::Bind { below, path } => {
                let source = Path::new(below).join(path);
                Some(json!({
                    "Type": "bind",
                    "Source": source.display().to_string().trim_end_matches('/'),
                    "Destination": mount.target,
                    "Mode": if mount.read_only { "ro" } else { "" },
                    "RW": !mount.read_only,
                    "Propagation": "rprivate",
                }))
            }
            MountSource::Tmpfs(_) => None,
        },
        Wanted::Volume { target, .. } => {
            let volume = container.volumes.iter().find(|one| one.target == *target)?;
            Some(json!({
                "Type": "volume",
                "Name": volume.name,
                "Source": engine.store.volume(&volume.name).display().to_string(),
                "Destination": target,
                "Driver": "local",
                "Mode": if volume.read_only { "ro" } else { "z" },
                "RW": !volume.read_only,
                "Propagation": "",
            }))
        }
    };
    container.host.mounts.iter().filter_map(shown).collect()
}

/// The one network of a container.
fn networks(container: &Container, whole: bool) -> Value {
    let name = container.host.network.name();
    let endpoint = json!({
        "IPAMConfig": null,
        "Links": null,
        "Aliases": null,
        "MacAddress": "",
        "DriverOpts": null,
        "GwPriority": 0,
        "NetworkID": network_id(name),
        "EndpointID": "",
        "Gateway": "",
        "IPAddress": "",
        "IPPrefixLen": 0,
        "IPv6Gateway": "",
        "GlobalIPv6Address": "",
        "GlobalIPv6PrefixLen": 0,
        "DNSNames": null,
    });
    let mut settings = json!({ "Networks": { name: endpoint } });
    if whole {
        for (field, value) in [
            ("Bridge", json!("")),
            ("SandboxID", json!("")),
            ("SandboxKey", json!("")),
            ("Ports", json!({})),
            ("IPAddress", json!("")),
            ("Gateway", json!("")),
            ("MacAddress", json!("")),
        ] {
            settings[field] = value;
        }
    }
    settings
}

/// A row of `docker ps`.
pub(super) fn row(engine: &Engine, container: &Container) -> Value {
    let (path, args) = container.command();
    let quoted = |word: &str| match word.contains([' ', '\'', '"']) {
        true => format!("'{word}'"),
        false => word.to_string(),
    };
    let command: Vec<String> = std::iter::once(path.clone())
        .chain(args.iter().map(|word| quoted(word)))
        .collect();
    // The name as it was given, while it still means that image.
    let named = engine.store.find(&container.config.image);
    let image = match named.is_ok_and(|image| image.id == container.image) {
        true => container.config.image.clone(),
        false => format!("sha256:{}", container.image),
    };
    json!({
        "Id": container.id,
        "Names": [format!("/{}", container.name.borrow())],
        "Image": image,
        "ImageID": format!("sha256:{}", container.image),
        "Command": command.join(" "),
        "Created": container.created.seconds(),
        "Ports": [],
        "Labels": container.config.labels.clone().unwrap_or_default(),
        "State": container.phase().name(),
        "Status": status(container),
        "HostConfig": { "NetworkMode": container.host.network.name() },
        "NetworkSettings": networks(container, false),
        "Mounts": mounts(engine, container),
    })
}

/// Since when it is what it is.
fn status(container: &Container) -> String {
    let state = container.state.borrow();
    let now = Time::now();
    let since = |time: Option<Time>| time.map_or(0, |time| now.seconds() - time.seconds());
    match state.phase {
        Phase::Created | Phase::Starting => "Created".into(),
        Phase::Running => format!("Up {}", ago(since(state.started))),
        Phase::Paused => format!("Up {} (Paused)", ago(since(state.started))),
        Phase::Exited => format!(
            "Exited ({}) {} ago",
            state.exit_code,
            ago(since(state.finished))
        ),
        Phase::Removing => "Removal In Progress".into(),
    }
}

/// `docker inspect` of an image.
pub(super) fn image(engine: &Engine, image: &Image) -> Value {
    let lowers = engine.store.place.lowers(image);
    let layers: Vec<String> = image
        .layers
        .iter()
        .map(|layer| format!("sha256:{layer}"))
        .collect();
    json!({
        "Id": format!("sha256:{}", image.id),
        "RepoTags": engine.store.names_of(&image.id),
        "RepoDigests": engine.store.digests_of(&image.id),
        "Parent": "",
        "Comment": "",
        "Created": image.created(),
        "DockerVersion": "",
        "Author": image.document["author"].as_str().unwrap_or_default(),
        "Config": image.document["config"],
        "Architecture": image.document["architecture"],
        "Os": image.document["os"],
        "Size": image.size,
        "GraphDriver": {
            "Data": {
                "LowerDir": lowers.get(1..).unwrap_or_default().join(":"),
                "UpperDir": lowers.first(),
            },
            "Name": "overlay2",
        },
        "RootFS": { "Type": "layers", "Layers": layers },
        "Metadata": { "LastTagTime": NEVER },
    })
}

/// A row of `docker images`.
pub(super) fn image_row(engine: &Engine, image: &Image) -> Value {
    json!({
        "Containers": -1,
        "Created": seconds(image.created()),
        "Id": format!("sha256:{}", image.id),
        "Labels": image.document["config"]["Labels"],
        "ParentId": "",
        "RepoDigests": engine.store.digests_of(&image.id),
        "RepoTags": engine.store.names_of(&image.id),
        "SharedSize": -1,
        "Size": image.size,
    })
}

/// `docker history`, the newest first.
pub(super) fn history(engine: &Engine, image: &Image) -> Vec<Value> {
    let entries = image.document["history"].as_array().cloned();
    let mut layers = image.layers.iter();
    let mut rows = Vec::new();
    for entry in entries.unwrap_or_default() {
        let empty = entry["empty_layer"].as_bool().unwrap_or_default();
        let layer = if empty { None } else { layers.next() };
        let size = layer.map_or(0, |layer| {
            super::store::used(&engine.store.place.layer(layer).join("diff"))
        });
        rows.push(json!({
            "Comment": entry["comment"].as_str().unwrap_or_default(),
            "Created": seconds(entry["created"].as_str().unwrap_or_default()),
            "CreatedBy": entry["created_by"].as_str().unwrap_or_default(),
            "Id": "<missing>",
            "Size": size,
            "Tags": null,
        }));
    }
    rows.reverse();
    if let Some(first) = rows.first_mut() {
        first["Id"] = json!(format!("sha256:{}", image.id));
        let names = engine.store.names_of(&image.id);
        first["Tags"] = if names.is_empty() {
            Value::Null
        } else {
            json!(names)
        };
    }
    rows
}

/// Seconds since 1970 of a time that Go has written.
pub(super) fn seconds(text: &str) -> i64 {
    let number = |range: std::ops::Range<usize>| text.get(range)?.parse::<i64>().ok();
    let parts = [0..4, 5..7, 8..10, 11..13, 14..16, 17..19].map(number);
    let [
        Some(year),
        Some(month),
        Some(day),
        Some(hour),
        Some(minute),
        Some(second),
    ] = parts
    else {
        return 0;
    };
    // Days from the civil date: years begin in March, eras have 400 of them.
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
    days * 86_400 + hour * 3_600 + minute * 60 + second
}

/// `docker inspect` of an exec.
pub(super) fn exec(exec: &Exec) -> Value {
    let state = *exec.state.borrow();
    let mut words = exec.config.cmd.clone().unwrap_or_default().into_iter();
    let entrypoint = words.next().unwrap_or_default();
    let arguments: Vec<String> = words.collect();
    let mut process = json!({
        "tty": exec.config.tty,
        "entrypoint": entrypoint,
        "arguments": arguments,
        "privileged": false,
    });
    if !exec.config.user.is_empty() {
        process["user"] = json!(exec.config.user);
    }
    json!({
        "ID": exec.id,
        "Running": state.running,
        "ExitCode": state.code,
        "ProcessConfig": process,
        "OpenStdin": exec.config.attach_stdin,
        "OpenStderr": exec.config.attach_stderr,
        "OpenStdout": exec.config.attach_stdout,
        "CanRemove": false,
        "ContainerID": exec.container,
        "DetachKeys": exec.config.detach_keys,
        "Pid": state.pid,
    })
}

/// `docker inspect` of a volume.
pub(super) fn volume(engine: &Engine, name: &str) -> Value {
    let path = engine.store.volume(name);
    let made = std::fs::metadata(&path)
        .ok()
        .and_then(|meta| meta.modified().ok())
        .and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok())
        .map_or(Time(0), |since| Time(since.as_nanos() as i64));
    json!({
        "CreatedAt": Time(made.seconds() * 1_000_000_000).text(),
        "Driver": "local",
        "Labels": null,
        "Mountpoint": path.display().to_string(),
        "Name": name,
        "Options": null,
        "Scope": "local",
    })
}

/// One of the three networks.
pub(super) fn network(engine: &Engine, name: &str) -> Value {
    json!({
        "Name": name,
        "Id": network_id(name),
        "Created": NEVER,
        "Scope": "local",
        "Driver": network_driver(name),
        "EnableIPv4": true,
        "EnableIPv6": false,
        "IPAM": { "Driver": "default", "Options": null, "Config": [] },
        "Internal": name != "host",
        "Attachable": false,
        "Ingress": false,
        "ConfigFrom": { "Network": "" },
        "ConfigOnly": false,
        "Containers": {},
        "Options": {},
        "Labels": { "glassbox.engine": engine.id },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_those_of_the_written_time() {
        for nanos in [0, 951_782_400_000_000_000, 1_795_640_163_000_000_000] {
            let time = Time(nanos);
            assert_eq!(seconds(&time.text()), time.seconds());
        }
        assert_eq!(seconds("never"), 0);
    }
}
