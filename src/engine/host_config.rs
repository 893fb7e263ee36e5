//! `HostConfig` of a container: what of it is done, what is ignored at its default,
//! and what is refused.

use super::config::is_zero;
use super::failure::Failure;
use super::fields::known;
use super::names;
use crate::base::Bytes;
use crate::plan::{Count, Limit, Limits, Percent};
use crate::sandbox::{MountSource, RootMount};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

/// The smallest limit of memory that Docker takes.
const LEAST_MEMORY: i64 = 6 << 20;
/// How much a tmpfs holds, unless it is said.
const TMPFS: &str = "size=64m";

/// The network of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Network {
    /// A namespace of its own, with lo: nothing else yet.
    #[default]
    Bridge,
    /// The same, and said so.
    None,
    /// The machine's.
    Host,
}

impl Network {
    /// As `docker inspect` shows it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Network::Bridge => "bridge",
            Network::None => "none",
            Network::Host => "host",
        }
    }
}

/// Something to mount: of the host's, or a volume by its name, which is invented
/// where there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wanted {
    Host(RootMount),
    Volume {
        name: Option<String>,
        target: String,
        read_only: bool,
    },
}

/// What is done of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct HostConfig {
    pub(super) auto_remove: bool,
    pub(super) read_only: bool,
    pub(super) init: bool,
    pub(super) network: Network,
    pub(super) limits: Limits,
    pub(super) mounts: Vec<Wanted>,
    /// Rows and columns of the first terminal.
    pub(super) console: (u16, u16),
}

/// The fields that are done, as they come.
#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Fields {
    auto_remove: Option<bool>,
    binds: Option<Vec<String>>,
    console_size: Option<[u16; 2]>,
    cpu_period: Option<i64>,
    cpu_quota: Option<i64>,
    cpu_shares: Option<i64>,
    init: Option<bool>,
    memory: Option<i64>,
    memory_swap: Option<i64>,
    mounts: Option<Vec<Mount>>,
    nano_cpus: Option<i64>,
    network_mode: Option<String>,
    pids_limit: Option<i64>,
    readonly_rootfs: Option<bool>,
    tmpfs: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Mount {
    r#type: String,
    source: String,
    target: String,
    read_only: bool,
    #[serde(flatten)]
    rest: BTreeMap<String, Value>,
}

impl HostConfig {
    /// Reads one; `binds` are the directories that binds may be below, and
    /// `volumes` the image's and the client's own mount points.
    ///
    /// # Errors
    /// What is refused, and what is wrong.
    pub(super) fn parse(
        value: &Value,
        binds: &[PathBuf],
        volumes: &[String],
    ) -> Result<HostConfig, Failure> {
        known(value)?;
        let fields: Fields = match value {
            Value::Null => Fields::default(),
            value => serde_json::from_value(value.clone())
                .map_err(|error| Failure::bad(format!("invalid JSON: {error}")))?,
        };
        let network = match fields.network_mode.as_deref().unwrap_or_default() {
            "" | "default" | "bridge" => Network::Bridge,
            "none" => Network::None,
            "host" => Network::Host,
            other => {
                return Err(Failure::refused(format!(
                    "the network {other}: here are bridge, none and host, and no networks of one's own"
                )));
            }
        };
        let limits = limits(&fields)?;
        let mut mounts = Vec::new();
        for bind in fields.binds.iter().flatten() {
            mounts.push(bound(bind, binds)?);
        }
        for mount in fields.mounts.iter().flatten() {
            mounts.push(mounted(mount, binds)?);
        }
        for (target, data) in fields.tmpfs.iter().flatten() {
            mounts.push(tmpfs(target, data, false)?);
        }
        for target in volumes {
            let target = clean(target)?;
            if !mounts.iter().any(|known| known.target() == target) {
                mounts.push(Wanted::Volume {
                    name: None,
                    target,
                    read_only: false,
                });
            }
        }
        let mut targets = BTreeSet::new();
        if let Some(twice) = mounts.iter().find(|one| !targets.insert(one.target())) {
            let target = twice.target();
            return Err(Failure::bad(format!("Duplicate mount point: {target}")));
        }
        // An outer one before what is mounted in it.
        mounts.sort_by_key(|one| Path::new(one.target()).components().count());
        let [rows, columns] = fields.console_size.unwrap_or_default();
        Ok(HostConfig {
            auto_remove: fields.auto_remove.unwrap_or_default(),
            read_only: fields.readonly_rootfs.unwrap_or_default(),
            init: fields.init.unwrap_or_default(),
            network,
            limits,
            mounts,
            console: (rows, columns),
        })
    }
}

impl Wanted {
    /// Where it is mounted.
    pub(super) fn target(&self) -> &str {
        match self {
            Wanted::Host(mount) => &mount.target,
            Wanted::Volume { target, .. } => target,
        }
    }
}

fn limits(fields: &Fields) -> Result<Limits, Failure> {
    let mut limits = Limits::default();
    let number = |field: Option<i64>| field.filter(|value| *value != 0);
    if let Some(memory) = number(fields.memory) {
        if memory < LEAST_MEMORY {
            return Err(Failure::bad("Minimum memory limit allowed is 6MB"));
        }
        // Swap counts as memory here: there is one limit for both.
        if number(fields.memory_swap).is_some_and(|swap| swap != memory && swap != memory * 2) {
            return Err(Failure::refused(
                "HostConfig.MemorySwap can be what Memory is, since that includes swap here",
            ));
        }
        limits.memory = Some(Limit::At(Bytes(memory as u64)));
    } else if number(fields.memory_swap).is_some_and(|swap| swap > 0) {
        return Err(Failure::bad(
            "You should always set the Memory limit when using Memoryswap limit, see usage",
        ));
    }
    if let Some(pids) = number(fields.pids_limit).filter(|pids| *pids > 0) {
        // The sandbox's own process in the group is none of the container's.
        limits.pids = Some(Limit::At(Count(pids as u64 + 1)));
    }
    if let Some(shares) = number(fields.cpu_shares) {
        // 1024 is what everybody has, as 100 is of `cpu.weight`.
        let weight = (shares.max(2) * 100 / 1024).clamp(1, 10_000);
        limits.cpu_weight = Some(weight as u32);
    }
    let quota = number(fields.cpu_quota).filter(|quota| *quota > 0);
    let hundredths = match (number(fields.nano_cpus), quota) {
        (Some(_), Some(_)) => {
            return Err(Failure::bad(
                "Conflicting options: Nano CPUs and CPU Period cannot both be set.",
            ));
        }
        (Some(nano), None) if nano < 10_000_000 => {
            return Err(Failure::bad(
                "range of CPUs is from 0.01 to the number of CPUs of this machine",
            ));
        }
        (Some(nano), None) => Some(nano / 10_000_000),
        (None, Some(quota)) => {
            let period = number(fields.cpu_period).unwrap_or(100_000).max(1);
            Some((quota * 100 / period).max(1))
        }
        (None, None) => None,
    };
    if let Some(hundredths) = hundredths {
        let hundredths = u32::try_from(hundredths).unwrap_or(u32::MAX);
        limits.cpu_max = Some(Limit::At(Percent(hundredths)));
    }
    Ok(limits)
}

/// `SOURCE:TARGET[:OPTIONS]`
fn bound(text: &str, binds: &[PathBuf]) -> Result<Wanted, Failure> {
    let wrong = || Failure::bad(format!("invalid volume specification: '{text}'"));
    let mut parts = text.split(':');
    let (source, target) = (parts.next().unwrap_or_default(), parts.next());
    let (Some(target), options, None) = (target, parts.next().unwrap_or_default(), parts.next())
    else {
        return Err(wrong());
    };
    let mut read_only = false;
    for option in options.split(',').filter(|option| !option.is_empty()) {
        match option {
            "ro" => read_only = true,
            "rw" => {}
            _ => {
                return Err(Failure::refused(format!(
                    "the option {option} of the volume '{text}': here are ro and rw"
                )));
            }
        }
    }
    if source.starts_with('/') {
        return of_host(source, target, read_only, binds);
    }
    if !names::is_name(source) {
        return Err(Failure::bad(format!(
            "create {source}: \"{source}\" includes invalid characters for a local volume name, \
             only \"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. If you intended to pass a host \
             directory, use absolute path"
        )));
    }
    Ok(Wanted::Volume {
        name: Some(source.into()),
        target: clean(target)?,
        read_only,
    })
}

/// `--mount`
fn mounted(mount: &Mount, binds: &[PathBuf]) -> Result<Wanted, Failure> {
    if let Some((name, _)) = mount.rest.iter().find(|(_, value)| !is_zero(value)) {
        return Err(Failure::refused(format!(
            "{name} of a mount isn't done by this engine: leave it out"
        )));
    }
    match mount.r#type.as_str() {
        "bind" => of_host(&mount.source, &mount.target, mount.read_only, binds),
        "tmpfs" => tmpfs(&mount.target, "", mount.read_only),
        "volume" => Ok(Wanted::Volume {
            name: match mount.source.as_str() {
                "" => None,
                name if names::is_name(name) => Some(name.into()),
                name => {
                    return Err(Failure::bad(format!("invalid name of a volume: {name}")));
                }
            },
            target: clean(&mount.target)?,
            read_only: mount.read_only,
        }),
        other => Err(Failure::refused(format!(
            "a mount of type {other}: here are bind, volume and tmpfs"
        ))),
    }
}

/// A file or a directory of the host's, if it is below one that was named.
fn of_host(
    source: &str,
    target: &str,
    read_only: bool,
    binds: &[PathBuf],
) -> Result<Wanted, Failure> {
    let target = clean(target)?;
    let real = std::fs::canonicalize(source).map_err(|_| {
        Failure::bad(format!(
            "invalid mount config for type \"bind\": bind source path does not exist: {source}"
        ))
    })?;
    let below = binds.iter().find_map(|named| {
        let rest = real.strip_prefix(named).ok()?;
        Some((named.to_str()?.to_string(), rest.to_str()?.to_string()))
    });
    let Some((below, path)) = below else {
        let named: Vec<String> = binds.iter().map(|one| one.display().to_string()).collect();
        let named = match named.is_empty() {
            true => "none was".into(),
            false => named.join(", "),
        };
        return Err(Failure::refused(format!(
            "the bind of {source}: this engine binds only what is below a directory that was \
             named when it was started, with --bind ({named})"
        )));
    };
    Ok(Wanted::Host(RootMount {
        target,
        source: MountSource::Bind { below, path },
        read_only,
    }))
}

fn tmpfs(target: &str, options: &str, read_only: bool) -> Result<Wanted, Failure> {
    let mut data = vec!["mode=1777".to_string()];
    let mut read_only = read_only;
    let mut sized = false;
    for option in options.split(',').filter(|option| !option.is_empty()) {
        let plain = option
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '=');
        match option.split_once('=').map_or(option, |(name, _)| name) {
            "ro" => read_only = true,
            "rw" | "nosuid" | "nodev" | "noexec" => {}
            "size" | "mode" | "uid" | "gid" if plain => {
                sized |= option.starts_with("size");
                data.push(option.into());
            }
            _ => {
                return Err(Failure::bad(format!("invalid tmpfs option [\"{option}\"]")));
            }
        }
    }
    if !sized {
        data.push(TMPFS.into());
    }
    Ok(Wanted::Host(RootMount {
        target: clean(target)?,
        source: MountSource::Tmpfs(data.join(",")),
        read_only,
    }))
}

/// A mount point without `.` and `..`, and nowhere that the engine mounts.
fn clean(target: &str) -> Result<String, Failure> {
    if !target.starts_with('/') {
        return Err(Failure::bad(format!(
            "invalid mount path: '{target}' mount path must be absolute"
        )));
    }
    let mut path = PathBuf::from("/");
    for part in Path::new(target).components() {
        match part {
            Component::Normal(part) => path.push(part),
            Component::ParentDir => {
                path.pop();
            }
            Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
        }
    }
    let taken = ["/proc", "/sys"]
        .iter()
        .any(|taken| path.starts_with(taken));
    if path == Path::new("/") || path == Path::new("/dev") {
        return Err(Failure::bad(format!(
            "invalid specification: destination can't be '{}'",
            path.display()
        )));
    }
    if taken {
        return Err(Failure::bad(format!(
            "{} cannot be mounted because it is inside {}",
            path.display(),
            if path.starts_with("/proc") {
                "/proc"
            } else {
                "/sys"
            }
        )));
    }
    Ok(path.to_string_lossy().into_owned())
}

/// As it is shown again: what was given, and what that means here.
pub(super) fn echo(given: &Value, parsed: &HostConfig) -> Value {
    let mut shown = match given {
        Value::Object(fields) => Value::Object(fields.clone()),
        _ => json!({}),
    };
    shown["NetworkMode"] = json!(parsed.network.name());
    if shown["LogConfig"]["Type"]
        .as_str()
        .is_none_or(str::is_empty)
    {
        shown["LogConfig"] = json!({ "Type": "json-file", "Config": {} });
    }
    for (name, value) in [
        ("IpcMode", json!("private")),
        ("CgroupnsMode", json!("private")),
        ("PortBindings", json!({})),
        ("Binds", Value::Null),
    ] {
        if is_zero(&shown[name]) {
            shown[name] = value;
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_done_or_refused() {
        let dir = tempfile::tempdir().unwrap();
        let named = vec![dir.path().canonicalize().unwrap()];
        std::fs::create_dir(dir.path().join("in")).unwrap();
        std::os::unix::fs::symlink("/etc", dir.path().join("out")).unwrap();
        let inside = format!("{}/in:/x:ro", dir.path().display());
        let outside = format!("{}/out:/x", dir.path().display());
        for (value, status) in [
            (json!(null), None),
            (
                json!({ "Privileged": false, "CapAdd": null, "New": [] }),
                None,
            ),
            (json!({ "Privileged": true }), Some(501)),
            (json!({ "New": 1 }), Some(501)),
            (json!({ "CapAdd": ["ALL"] }), Some(501)),
            (json!({ "PidMode": "host" }), Some(501)),
            (json!({ "UsernsMode": "host" }), Some(501)),
            (json!({ "IpcMode": "private" }), None),
            (json!({ "IpcMode": "host" }), Some(501)),
            (
                json!({ "RestartPolicy": { "Name": "no", "MaximumRetryCount": 0 } }),
                None,
            ),
            (json!({ "RestartPolicy": { "Name": "always" } }), Some(501)),
            (json!({ "MemorySwappiness": -1 }), None),
            (json!({ "Memory": 1000 }), Some(400)),
            (json!({ "Memory": 8 << 20, "MemorySwap": 16 << 20 }), None),
            (
                json!({ "Memory": 8 << 20, "MemorySwap": 9 << 20 }),
                Some(501),
            ),
            (json!({ "NanoCpus": 1 }), Some(400)),
            (json!({ "NetworkMode": "mine" }), Some(501)),
            (json!({ "NetworkMode": "container:x" }), Some(501)),
            (json!({ "Binds": [inside] }), None),
            (json!({ "Binds": [outside] }), Some(501)),
            (json!({ "Binds": ["/etc:/x"] }), Some(501)),
            (json!({ "Binds": ["/:/x"] }), Some(501)),
            (json!({ "Binds": ["/no-such-path:/x"] }), Some(400)),
            (json!({ "Binds": ["rel:/x"] }), None),
            (json!({ "Binds": ["rel"] }), Some(400)),
            (json!({ "Binds": ["rel:x"] }), Some(400)),
            (json!({ "Binds": ["rel:/x:shared"] }), Some(501)),
            (json!({ "Binds": ["rel:/x", "two:/a/../x"] }), Some(400)),
            (json!({ "Binds": ["rel:/../proc"] }), Some(400)),
            (json!({ "Tmpfs": { "/run": "size=1m,noexec" } }), None),
            (json!({ "Tmpfs": { "/run": "huge=always" } }), Some(400)),
            (json!({ "Tmpfs": { "/": "" } }), Some(400)),
            (json!([]), Some(400)),
        ] {
            let found = HostConfig::parse(&value, &named, &[]);
            let found = found.err().map(|failure| failure.status.as_u16());
            assert_eq!(found, status, "{value}");
        }
    }

    #[test]
    fn limits_are_those_of_the_groups() {
        let value = json!({
            "Memory": 8 << 20, "PidsLimit": 4, "NanoCpus": 500_000_000, "CpuShares": 512,
        });
        let limits = HostConfig::parse(&value, &[], &[]).unwrap().limits;
        assert_eq!(limits.memory, Some(Limit::At(Bytes(8 << 20))));
        assert_eq!(limits.pids, Some(Limit::At(Count(5))));
        assert_eq!(limits.cpu_max, Some(Limit::At(Percent(50))));
        assert_eq!(limits.cpu_weight, Some(50));
    }
}
