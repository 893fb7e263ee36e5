//! What a container's run is made of.

use super::container::Container;
use super::host_config::{Network, Wanted};
use super::state::Engine;
use super::store::Image;
use super::task::{BOX, Launch};
use crate::base::Errno;
use crate::plan::{
    BoxSpec, CgroupSpec, Controller, Count, Limit, Limits, Namespace, Plan, Propagation,
    RUN_MEMORY, RUN_PROCESSES,
};
use crate::sandbox::{Execute, First, MountSource, Root, RootMount, Size, Stdio};

/// What a container's run is made of.
pub(super) fn launch_of(
    engine: &Engine,
    container: &Container,
    image: &Image,
) -> Result<Launch, String> {
    let name = |text: &str| text.parse().map_err(|_| format!("the name {text}"));
    if engine.bounded && container.host.network == Network::Host {
        return Err("a lesson's engine gives the machine's network to no container".into());
    }
    let own_network = container.host.network != Network::Host;
    let mut namespaces = vec![
        Namespace::Pid,
        Namespace::Mount,
        Namespace::Uts,
        Namespace::Ipc,
        Namespace::Cgroup,
    ];
    if own_network {
        namespaces.push(Namespace::Net);
    }
    let asked = container.host.limits.clone();
    let limits = match engine.bounded && asked.is_empty() {
        true => Limits {
            memory: Some(Limit::At(RUN_MEMORY)),
            pids: Some(Limit::At(Count(RUN_PROCESSES))),
            ..Limits::default()
        },
        false => asked.clone(),
    };
    let plan = Plan {
        cgroups: vec![CgroupSpec {
            name: name(BOX)?,
            parent: None,
            controllers: vec![Controller::Freezer],
            // Without limits a container does without a group; pause is refused.
            missing_ok: asked.is_empty(),
            limits,
        }],
        boxes: vec![BoxSpec {
            name: name(BOX)?,
            namespaces,
            parent: None,
            missing_ok: false,
            propagation: Propagation::Private,
            proc: None,
            clocks: None,
            cgroup: Some(name(BOX)?),
        }],
        ..Plan::default()
    };
    let path = |name: &str| container.directory.join(name).display().to_string();
    let mut layers = vec![path("init")];
    layers.extend(engine.store.place.lowers(image));
    let config = &container.config;
    let directory = match config.working_dir.as_str() {
        "" => "/".to_string(),
        directory => directory.to_string(),
    };
    let first = match container.host.init {
        true => First::BelowInit,
        false => First::PidOne,
    };
    let (rows, columns) = container.host.console;
    let root = Root {
        place: name(BOX)?,
        layers,
        upper: path("upper"),
        at: path("root"),
        read_only: container.host.read_only,
        hostname: config.hostname.clone(),
        directory: directory.clone(),
        mounts: mounts(engine, container)?,
        own_network,
        first,
    };
    let execute = Execute {
        place: name(BOX)?,
        argv: config.argv(),
        environment: config.environment(&[]),
        directory,
        user: config.user.clone(),
        stdio: stdio(config.tty, rows, columns),
    };
    Ok(Launch {
        plan,
        root,
        execute,
    })
}

/// A terminal of that size, 80 by 24 if it isn't said, or pipes.
pub(super) fn stdio(tty: bool, rows: u16, columns: u16) -> Stdio {
    let or = |given: u16, usual: u16| if given == 0 { usual } else { given };
    match tty {
        true => Stdio::Pty(Size {
            rows: or(rows, 24),
            columns: or(columns, 80),
        }),
        false => Stdio::Pipes,
    }
}

/// What is mounted, in its order: volumes are by now directories of the store.
fn mounts(engine: &Engine, container: &Container) -> Result<Vec<RootMount>, String> {
    let mut mounts = Vec::new();
    for wanted in &container.host.mounts {
        mounts.push(match wanted {
            Wanted::Host(mount) => mount.clone(),
            Wanted::Volume { target, .. } => {
                let known = container.volumes.iter().find(|one| one.target == *target);
                let volume = known.ok_or_else(|| format!("the volume of {target} is missing"))?;
                let path = engine.store.volume(&volume.name);
                RootMount {
                    target: target.clone(),
                    source: MountSource::Bind {
                        below: path.display().to_string(),
                        path: String::new(),
                    },
                    read_only: volume.read_only,
                }
            }
        });
    }
    Ok(mounts)
}

/// What is said of a program that can't be executed, and its status.
pub(super) fn not_run(program: &str, errno: Errno) -> (String, i32) {
    let (why, status) = match errno.0 {
        libc::ENOENT if program.contains('/') => {
            (format!("stat {program}: no such file or directory"), 127)
        }
        libc::ENOENT => ("executable file not found in $PATH".into(), 127),
        libc::EACCES => ("permission denied".into(), 126),
        libc::ENOEXEC => ("exec format error".into(), 126),
        _ => (errno.message().to_lowercase(), 126),
    };
    (format!("exec: \"{program}\": {why}"), status)
}
