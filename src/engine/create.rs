//! A container is written down; nothing runs yet.

use super::config::{Config, is_zero};
use super::container::{Container, Phase, Progress, State, Volume};
use super::failure::Failure;
use super::host_config::{HostConfig, Network, Wanted};
use super::logs::Log;
use super::names;
use super::output::{Input, Output};
use super::state::Engine;
use super::tell::tell;
use crate::base::time::Time;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::rc::Rc;
use tokio::sync::watch;

/// The directories that are there in every container, whatever its image has.
const SKELETON: [&str; 5] = ["dev", "etc", "proc", "sys", "tmp"];

/// Writes a container down; nothing runs yet.
///
/// # Errors
/// What it can't be, in the API's words.
pub(super) fn create(
    engine: &Engine,
    name: Option<&str>,
    body: &[u8],
) -> Result<Rc<Container>, Failure> {
    let mut config = Config::parse(body)?;
    let name = name.map(|name| name.strip_prefix('/').unwrap_or(name));
    if let Some(name) = name.filter(|name| !names::is_name(name)) {
        return Err(Failure::bad(format!(
            "Invalid container name ({name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed"
        )));
    }
    if config.image.is_empty() && config.argv().is_empty() {
        return Err(Failure::bad("no command specified"));
    }
    let image = engine.store.find(&config.image)?;
    config.merge(&image.config);
    if config.argv().is_empty() {
        return Err(Failure::bad("no command specified"));
    }
    let volumes: Vec<String> = config
        .volumes
        .iter()
        .flat_map(BTreeMap::keys)
        .cloned()
        .collect();
    let host = HostConfig::parse(&config.host_config, &engine.binds, &volumes)?;
    networking(&config)?;
    if let Some(name) = name {
        let containers = engine.containers.borrow();
        if let Some(taken) = containers.values().find(|one| *one.name.borrow() == name) {
            return Err(Failure::conflict(format!(
                "Conflict. The container name \"/{name}\" is already in use by container \
                 \"{}\". You have to remove (or rename) that container to be able to reuse that \
                 name.",
                taken.id
            )));
        }
    }
    engine.store.has_room()?;
    let random = |error: io::Error| Failure::internal(format!("/dev/urandom: {error}"));
    let id = names::random_hex(32).map_err(random)?;
    let name = match name {
        Some(name) => name.to_string(),
        None => names::invented(|name| engine.container(name).is_err()).map_err(random)?,
    };
    if config.hostname.is_empty() {
        config.hostname = match host.network {
            Network::Host => nix::unistd::gethostname()
                .ok()
                .and_then(|name| name.into_string().ok())
                .unwrap_or_else(|| id[..12].into()),
            Network::Bridge | Network::None => id[..12].into(),
        };
    }
    let mut kept = Vec::new();
    for wanted in &host.mounts {
        let Wanted::Volume {
            name,
            target,
            read_only,
        } = wanted
        else {
            continue;
        };
        let anonymous = name.is_none();
        let name = match name {
            Some(name) => name.clone(),
            None => names::random_hex(32).map_err(random)?,
        };
        make_volume(engine, &name)?;
        kept.push(Volume {
            name,
            target: target.clone(),
            read_only: *read_only,
            anonymous,
        });
    }
    let directory = engine.store.place.root.join("containers").join(&id);
    lay_out(&directory, &config)
        .map_err(|error| Failure::internal(format!("{}: {error}", directory.display())))?;
    let container = Rc::new(Container {
        id: id.clone(),
        created: Time::now(),
        image: image.id.clone(),
        given: config.host_config.clone(),
        config,
        host,
        volumes: kept,
        log: Log::at(directory.join("log")),
        directory,
        name: RefCell::new(name),
        state: RefCell::new(State {
            phase: Phase::Created,
            pid: 0,
            exit_code: 0,
            error: String::new(),
            started: None,
            finished: None,
        }),
        task: RefCell::default(),
        output: Output::default(),
        input: RefCell::new(Input::new()),
        progress: watch::Sender::new(Progress::default()),
        execs: RefCell::default(),
    });
    engine
        .containers
        .borrow_mut()
        .insert(id, Rc::clone(&container));
    tell(engine, &container, "create", &[]);
    Ok(container)
}

/// Makes a volume's directory, unless it is there.
pub(super) fn make_volume(engine: &Engine, name: &str) -> Result<(), Failure> {
    let path = engine.store.volume(name);
    if path.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(&path)
        .and_then(|()| fs::set_permissions(&path, fs::Permissions::from_mode(0o755)))
        .map_err(|error| Failure::internal(format!("{}: {error}", path.display())))?;
    let attributes = BTreeMap::from([("driver".to_string(), "local".to_string())]);
    engine.events.tell("volume", "create", name, attributes);
    Ok(())
}

/// Only the network that the container has may be described, and by nothing.
fn networking(config: &Config) -> Result<(), Failure> {
    let endpoints = config.networking_config["EndpointsConfig"].as_object();
    for (name, endpoint) in endpoints.into_iter().flatten() {
        let mut fields = endpoint.as_object().into_iter().flatten();
        if let Some((field, _)) = fields.find(|(_, value)| !is_zero(value)) {
            return Err(Failure::refused(format!(
                "{field} in the network {name}: addresses and names can't be chosen here"
            )));
        }
    }
    Ok(())
}

/// A container's own directory: its writable layer, and the layer below it with
/// what the engine puts into every container, so that it is no change of the
/// container's.
fn lay_out(directory: &Path, config: &Config) -> io::Result<()> {
    for name in ["", "upper", "upper.work", "root", "init"] {
        let path = directory.join(name);
        fs::create_dir(&path)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
    }
    let init = directory.join("init");
    for name in SKELETON {
        let mode = if name == "tmp" { 0o1777 } else { 0o755 };
        fs::create_dir(init.join(name))?;
        fs::set_permissions(init.join(name), fs::Permissions::from_mode(mode))?;
    }
    let hosts = format!(
        "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n127.0.1.1\t{}\n",
        config.hostname
    );
    for (name, text) in [
        ("hostname", format!("{}\n", config.hostname)),
        ("hosts", hosts),
        ("resolv.conf", String::new()),
    ] {
        let path = init.join("etc").join(name);
        fs::write(&path, text)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644))?;
    }
    Ok(())
}
