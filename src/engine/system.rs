//! Handlers about the engine, its events, volumes and networks.

use super::answer::{self, Answer};
use super::archive::architecture;
use super::call::Call;
use super::create::make_volume;
use super::error::{API_VERSION, MIN_API_VERSION};
use super::events::FILTERS;
use super::failure::Failure;
use super::filters::Filters;
use super::names;
use super::state::Engine;
use super::tell::network_id;
use super::view;
use crate::base::time::Time;
use hyper::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::rc::Rc;
use tokio::sync::broadcast::error::RecvError;
use tokio::task::spawn_local;

/// The networks that there are.
const NETWORKS: [&str; 3] = ["bridge", "host", "none"];

fn kernel() -> String {
    nix::sys::utsname::uname()
        .map(|name| name.release().to_string_lossy().into_owned())
        .unwrap_or_default()
}

fn dotted((major, minor): (u32, u32)) -> String {
    format!("{major}.{minor}")
}

/// `docker version`
pub(super) fn version() -> Answer {
    let (api, least) = (dotted(API_VERSION), dotted(MIN_API_VERSION));
    let own = env!("CARGO_PKG_VERSION");
    answer::ok(&json!({
        "Platform": { "Name": "Glassbox" },
        "Components": [{
            "Name": "Engine",
            "Version": own,
            "Details": {
                "ApiVersion": api,
                "Arch": architecture(),
                "Experimental": "false",
                "KernelVersion": kernel(),
                "MinAPIVersion": least,
                "Os": "linux",
            },
        }],
        "Version": own,
        "ApiVersion": api,
        "MinAPIVersion": least,
        "GitCommit": "",
        "GoVersion": "",
        "Os": "linux",
        "Arch": architecture(),
        "KernelVersion": kernel(),
    }))
}

/// `docker info`
pub(super) fn info(engine: &Engine) -> Answer {
    let containers = engine.all();
    let count = |name: &str| {
        let of = containers.iter().filter(|one| one.phase().name() == name);
        of.count()
    };
    let (running, paused) = (count("running"), count("paused"));
    let memory = crate::base::kernel::read_text("/proc/meminfo").unwrap_or_default();
    let memory = memory
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))
        .and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    let cpus = std::thread::available_parallelism().map_or(0, usize::from);
    let name = nix::unistd::gethostname().unwrap_or_default();
    answer::ok(&json!({
        "ID": engine.id,
        "Containers": containers.len(),
        "ContainersRunning": running,
        "ContainersPaused": paused,
        "ContainersStopped": containers.len() - running - paused,
        "Images": engine.store.all().len(),
        "Driver": "overlay2",
        "DriverStatus": [["Quota", engine.store.place.quota.to_string()]],
        "Plugins": {
            "Volume": ["local"],
            "Network": ["bridge", "host", "null"],
            "Authorization": null,
            "Log": ["json-file"],
        },
        "MemoryLimit": true,
        "SwapLimit": true,
        "PidsLimit": true,
        "CpuCfsPeriod": true,
        "CpuCfsQuota": true,
        "CPUShares": true,
        "CPUSet": false,
        "IPv4Forwarding": false,
        "OomKillDisable": false,
        "SystemTime": Time::now().text(),
        "LoggingDriver": "json-file",
        "KernelVersion": kernel(),
        "OperatingSystem": "Glassbox",
        "OSType": "linux",
        "Architecture": std::env::consts::ARCH,
        "NCPU": cpus,
        "MemTotal": memory.unwrap_or_default() * 1024,
        "DockerRootDir": engine.store.place.root.display().to_string(),
        "Name": name.to_string_lossy(),
        "Labels": [],
        "ServerVersion": env!("CARGO_PKG_VERSION"),
        "DefaultRuntime": "glassbox",
        "Runtimes": { "glassbox": { "path": "" } },
        "Swarm": { "LocalNodeState": "inactive", "ControlAvailable": false },
        "LiveRestoreEnabled": false,
        "Isolation": "",
        "InitBinary": "",
        "SecurityOptions": [],
        "Warnings": null,
    }))
}

/// `docker events`
pub(super) fn events(engine: &Engine, call: &Call) -> Result<Answer, Failure> {
    let filters = Filters::parse(call.query.get("filters"), &FILTERS)?;
    let time = |name: &str| {
        let text = call.query.some(name);
        text.map(|text| {
            Time::of_query(text)
                .ok_or_else(|| Failure::bad(format!("invalid value for \"{name}\": {text}")))
        })
        .transpose()
    };
    let (since, until) = (time("since")?, time("until")?);
    let (kept, mut now) = engine.events.listen();
    let (answer, to) = answer::growing("application/json");
    spawn_local(async move {
        let tell = |document: Value| {
            let to = to.clone();
            async move { to.send(format!("{document}\n").into()).await.is_ok() }
        };
        let asked = kept.into_iter().filter(|event| {
            since.is_some_and(|since| event.at >= since)
                && until.is_none_or(|until| event.at <= until)
        });
        for event in asked.filter(|event| event.fits(&filters)) {
            if !tell(event.document()).await {
                return;
            }
        }
        let end = async {
            match until {
                Some(until) => {
                    let left = until.0.saturating_sub(Time::now().0).max(0);
                    let left = std::time::Duration::from_nanos(left as u64);
                    tokio::time::sleep(left).await;
                }
                None => std::future::pending().await,
            }
        };
        tokio::pin!(end);
        loop {
            tokio::select! {
                event = now.recv() => match event {
                    Ok(event) => {
                        if event.fits(&filters) && !tell(event.document()).await {
                            return;
                        }
                    }
                    // One who doesn't read misses some, and goes on.
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return,
                },
                () = to.closed() => return,
                () = &mut end => return,
            }
        }
    });
    Ok(answer)
}

/// `docker system df`
pub(super) fn disk_use(engine: &Engine) -> Answer {
    let images = engine.store.all();
    let rows: Vec<Value> = images
        .iter()
        .map(|image| {
            let mut row = view::image_row(engine, image);
            let users = engine.all();
            row["Containers"] = json!(users.iter().filter(|one| one.image == image.id).count());
            row["SharedSize"] = json!(0);
            row
        })
        .collect();
    let containers: Vec<Value> = engine
        .all()
        .iter()
        .map(|one| {
            let mut row = view::row(engine, one);
            row["SizeRw"] = json!(super::store::used(&one.directory.join("upper")));
            row
        })
        .collect();
    let volumes: Vec<Value> = engine
        .store
        .volumes()
        .iter()
        .map(|name| {
            let mut row = view::volume(engine, name);
            let users = engine.all();
            let users = users.iter().filter(|one| {
                let mut all = one.volumes.iter();
                all.any(|volume| volume.name == *name)
            });
            let size = super::store::used(&engine.store.volume(name));
            row["UsageData"] = json!({ "RefCount": users.count(), "Size": size });
            row
        })
        .collect();
    let layers = super::store::used(&engine.store.place.root.join("layers"));
    answer::ok(&json!({
        "LayersSize": layers,
        "Images": rows,
        "Containers": containers,
        "Volumes": volumes,
        "BuildCache": [],
    }))
}

/// `docker volume ls`
pub(super) fn volumes(engine: &Engine, call: &Call) -> Result<Answer, Failure> {
    let filters = Filters::parse(
        call.query.get("filters"),
        &["dangling", "driver", "label", "name"],
    )?;
    let used = |name: &str| {
        let all = engine.all();
        all.iter()
            .any(|one| one.volumes.iter().any(|volume| volume.name == name))
    };
    let rows: Vec<Value> = engine
        .store
        .volumes()
        .iter()
        .filter(|name| {
            filters.any("name", |wanted| name.contains(wanted))
                && filters.any("driver", |driver| driver == "local")
                && filters.any("dangling", |wanted| {
                    used(name) != matches!(wanted, "true" | "1")
                })
                && !filters.has("label")
        })
        .map(|name| view::volume(engine, name))
        .collect();
    Ok(answer::ok(&json!({ "Volumes": rows, "Warnings": null })))
}

/// What a volume is to be.
#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct NewVolume {
    name: String,
    driver: String,
    driver_opts: Option<BTreeMap<String, String>>,
    labels: Option<BTreeMap<String, String>>,
    cluster_volume_spec: Value,
}

/// `docker volume create`
pub(super) async fn volume_create(engine: &Engine, call: &mut Call) -> Result<Answer, Failure> {
    let asked: NewVolume = call.document().await?;
    let options = asked.driver_opts.is_some_and(|options| !options.is_empty());
    let labels = asked.labels.is_some_and(|labels| !labels.is_empty());
    if !matches!(asked.driver.as_str(), "" | "local")
        || options
        || labels
        || !super::config::is_zero(&asked.cluster_volume_spec)
    {
        return Err(Failure::refused(
            "a volume with a driver, options or labels: here are plain directories of the store",
        ));
    }
    let name = match asked.name.as_str() {
        "" => names::random_hex(32)
            .map_err(|error| Failure::internal(format!("/dev/urandom: {error}")))?,
        name if names::is_name(name) => name.to_string(),
        name => {
            return Err(Failure::bad(format!(
                "create {name}: \"{name}\" includes invalid characters for a local volume name, \
                 only \"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. If you intended to pass a host \
                 directory, use absolute path"
            )));
        }
    };
    engine.store.has_room()?;
    make_volume(engine, &name)?;
    let document = view::volume(engine, &name);
    Ok(answer::json(StatusCode::CREATED, &document))
}

fn known_volume(engine: &Engine, name: &str) -> Result<(), Failure> {
    match names::is_name(name) && engine.store.volume(name).is_dir() {
        true => Ok(()),
        false => Err(Failure::missing(format!("get {name}: no such volume"))),
    }
}

/// `docker volume inspect`
pub(super) fn volume_inspect(engine: &Engine, name: &str) -> Result<Answer, Failure> {
    known_volume(engine, name)?;
    Ok(answer::ok(&view::volume(engine, name)))
}

/// `docker volume rm`
pub(super) fn volume_remove(engine: &Engine, name: &str) -> Result<Answer, Failure> {
    known_volume(engine, name)?;
    let users = engine.all();
    let mut users = users
        .iter()
        .filter(|one| one.volumes.iter().any(|volume| volume.name == name));
    if let Some(user) = users.next() {
        return Err(Failure::conflict(format!(
            "remove {name}: volume is in use - [{}]",
            user.id
        )));
    }
    let path = engine.store.volume(name);
    std::fs::remove_dir_all(path.parent().unwrap_or(&path))
        .map_err(|error| Failure::internal(format!("{}: {error}", path.display())))?;
    let attributes = BTreeMap::from([("driver".to_string(), "local".to_string())]);
    engine.events.tell("volume", "destroy", name, attributes);
    Ok(answer::done())
}

/// `docker network ls`
pub(super) fn networks(engine: &Rc<Engine>) -> Answer {
    let all: Vec<Value> = NETWORKS
        .iter()
        .map(|name| view::network(engine, name))
        .collect();
    answer::ok(&all)
}

/// `docker network inspect`
pub(super) fn network_inspect(engine: &Engine, wanted: &str) -> Result<Answer, Failure> {
    let mut all = NETWORKS.iter();
    let found = all.find(|name| **name == wanted || network_id(name).starts_with(wanted));
    match found {
        Some(name) => Ok(answer::ok(&view::network(engine, name))),
        None => Err(Failure::missing(format!("network {wanted} not found"))),
    }
}

/// `docker image prune`
pub(super) fn images_prune(engine: &Engine, call: &Call) -> Result<Answer, Failure> {
    let filters = Filters::parse(call.query.get("filters"), &["dangling"])?;
    let unnamed_only = filters.any("dangling", |wanted| matches!(wanted, "true" | "1"));
    let users = engine.all();
    let mut deleted = Vec::new();
    let before = engine.store.place.used();
    for image in engine.store.all() {
        let named = !engine.store.names_of(&image.id).is_empty();
        let used = users.iter().any(|one| one.image == image.id);
        if !used && (!named || !unnamed_only) {
            engine.store.remove(&image)?;
            deleted.push(json!({ "Deleted": format!("sha256:{}", image.id) }));
        }
    }
    let reclaimed = before.saturating_sub(engine.store.place.used());
    let deleted = if deleted.is_empty() {
        Value::Null
    } else {
        json!(deleted)
    };
    Ok(answer::ok(
        &json!({ "ImagesDeleted": deleted, "SpaceReclaimed": reclaimed }),
    ))
}
