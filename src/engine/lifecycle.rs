//! What becomes of a container: started, stopped, removed.

use super::container::{Container, Phase};
use super::failure::Failure;
use super::launch::{launch_of, not_run};
use super::output::{Chunk, Flow, Input, PIECE, Reader, Stream, type_in};
use super::processes;
use super::state::Engine;
use super::task::{self, Launched, NotStarted};
use super::tell::{tell, tell_network};
use crate::base::time::Time;
use hyper::body::Bytes;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::rc::Rc;
use std::time::Duration;
use tokio::task::{JoinHandle, spawn_local};

/// How long a container has to stop, unless it is said.
const TO_STOP: i64 = 10;
/// How long a container that was killed may take to end.
pub(super) const KILLED: Duration = Duration::from_secs(10);
/// How long what a program wrote may take to be read once it has ended.
const TO_DRAIN: Duration = Duration::from_secs(5);
/// Starts a container; `false` if it runs already.
///
/// # Errors
/// Why it doesn't run, in words of which the CLI makes a status.
pub(super) async fn start(engine: &Rc<Engine>, container: &Rc<Container>) -> Result<bool, Failure> {
    let before = container.phase();
    match before {
        Phase::Running => return Ok(false),
        Phase::Paused => {
            return Err(Failure::conflict(
                "cannot start a paused container, try unpause instead",
            ));
        }
        Phase::Starting => {
            return Err(Failure::conflict(format!(
                "container {} is being started",
                container.id
            )));
        }
        Phase::Removing => {
            return Err(Failure::conflict(
                "container is marked for removal and cannot be started",
            ));
        }
        Phase::Created | Phase::Exited => {}
    }
    engine.store.has_room()?;
    container.state.borrow_mut().phase = Phase::Starting;
    tell_network(engine, container, "connect");
    let launched = match engine.store.find(&container.image) {
        Ok(image) => match launch_of(engine, container, &image) {
            Ok(launch) => task::launch(launch).await,
            Err(why) => Err(NotStarted::Refused(why)),
        },
        Err(failure) => Err(NotStarted::Refused(failure.message)),
    };
    match launched {
        Ok(launched) => {
            run(engine, container, launched);
            tell(engine, container, "start", &[]);
            Ok(true)
        }
        Err(why) => {
            let (program, _) = container.command();
            let (message, status) = match why {
                // Dockerd's words, of which clients make the statuses 126 and 127.
                NotStarted::NotRun(errno) => {
                    let (text, status) = not_run(&program, errno);
                    let message = format!(
                        "failed to create task for container: failed to create shim task: OCI \
                         runtime create failed: runc create failed: unable to start container \
                         process: error during container init: {text}"
                    );
                    (message, status)
                }
                // What this host has refused: no runc was there to fail.
                NotStarted::Refused(why) => {
                    (format!("failed to create task for container: {why}"), 128)
                }
            };
            tell_network(engine, container, "disconnect");
            {
                let mut state = container.state.borrow_mut();
                state.phase = before;
                state.exit_code = status;
                state.error.clone_from(&message);
            }
            ended(container, status);
            if container.host.auto_remove {
                forget(engine, container, true);
            }
            Err(match status {
                128 => Failure::internal(message),
                _ => Failure::bad(message),
            })
        }
    }
}

/// Sees to a container that runs until it has ended.
fn run(engine: &Rc<Engine>, container: &Rc<Container>, launched: Launched) {
    let Launched {
        task,
        ends,
        mut ended,
        mut events,
    } = launched;
    let task = Rc::new(task);
    {
        let mut state = container.state.borrow_mut();
        state.phase = Phase::Running;
        state.pid = match container.host.init {
            true => task.agent,
            false => processes::children(task.agent)
                .first()
                .copied()
                .unwrap_or(0),
        };
        state.exit_code = 0;
        state.error.clear();
        state.started = Some(Time::now());
        state.finished = None;
    }
    *container.task.borrow_mut() = Some(Rc::clone(&task));
    let typed = match container.config.open_stdin {
        true => container.input.borrow().take(),
        false => None,
    };
    let flow = Flow::new(ends);
    match (typed, flow.input) {
        (Some(typed), Ok(input)) => drop(spawn_local(type_in(input, typed))),
        // Closed: the program reads the end.
        (_, input) => drop(input),
    }
    let outputs = flow.outputs.into_iter();
    let pumps: Vec<_> = outputs
        .map(|(from, stream)| pump(container, from, stream))
        .collect();
    let (engine, container) = (Rc::clone(engine), Rc::clone(container));
    let drained = spawn_local(async move { task::gone(&mut events).await });
    spawn_local(async move {
        let status = task::status(&mut ended).await;
        // Nobody has them open any more, so they end.
        let all = async {
            for pump in pumps {
                let _ = pump.await;
            }
        };
        let _ = tokio::time::timeout(TO_DRAIN, all).await;
        // It counts as ended once nothing of it is left.
        task.finish();
        let _ = drained.await;
        conclude(&engine, &container, status);
    });
}

/// Hands a program's output on to the log and to those who are attached.
fn pump(container: &Rc<Container>, from: io::Result<Reader>, stream: Stream) -> JoinHandle<()> {
    let container = Rc::clone(container);
    spawn_local(async move {
        let Ok(from) = from else {
            return;
        };
        let mut buffer = vec![0; PIECE];
        while let Ok(count @ 1..) = from.read(&mut buffer).await {
            let chunk = Chunk {
                stream,
                bytes: Bytes::copy_from_slice(&buffer[..count]),
            };
            container.log.write(&chunk);
            container.output.send(chunk).await;
        }
    })
}

/// A container has ended, and nothing of its run is left.
fn conclude(engine: &Rc<Engine>, container: &Rc<Container>, status: i32) {
    let now = Time::now();
    let began = {
        let mut state = container.state.borrow_mut();
        if state.phase != Phase::Removing {
            state.phase = Phase::Exited;
        }
        state.pid = 0;
        state.exit_code = status;
        state.finished = Some(now);
        state.started
    };
    *container.task.borrow_mut() = None;
    *container.input.borrow_mut() = Input::new();
    container.output.close();
    tell_network(engine, container, "disconnect");
    let seconds = began.map_or(0, |began| now.seconds() - began.seconds());
    let more = [
        ("execDuration", seconds.to_string()),
        ("exitCode", status.to_string()),
    ];
    tell(engine, container, "die", &more);
    container.log.flush();
    ended(container, status);
    if container.host.auto_remove && container.phase() == Phase::Exited {
        forget(engine, container, true);
    }
}

/// Wakes those who wait for an end.
fn ended(container: &Container, code: i32) {
    container.progress.send_modify(|progress| {
        progress.exits += 1;
        progress.code = code;
    });
}

/// Awaits that a container has ended, for that long.
pub(super) async fn has_ended(container: &Container, within: Option<Duration>) -> bool {
    let mut progress = container.progress.subscribe();
    let ended = async {
        while container.task.borrow().is_some() {
            if progress.changed().await.is_err() {
                break;
            }
        }
    };
    match within {
        Some(time) => tokio::time::timeout(time, ended).await.is_ok(),
        None => {
            ended.await;
            true
        }
    }
}

/// Sends the first program a signal.
///
/// # Errors
/// 409 if it doesn't run.
pub(super) async fn kill(
    engine: &Engine,
    container: &Rc<Container>,
    signal: i32,
) -> Result<(), Failure> {
    let task = container.running();
    let task = task.ok_or_else(|| Failure::not_running(&container.id))?;
    if let Err(refusal) = task.signal(signal).await {
        // Of one that is ending just now it is no news that it can't be reached.
        return Err(match has_ended(container, Some(KILLED)).await {
            true => Failure::not_running(&container.id),
            false => Failure::internal(refusal),
        });
    }
    tell(engine, container, "kill", &[("signal", signal.to_string())]);
    Ok(())
}

/// Asks a container to stop, and ends it if it doesn't; `false` if it doesn't run.
///
/// # Errors
/// What keeps it from that.
pub(super) async fn stop(
    engine: &Rc<Engine>,
    container: &Rc<Container>,
    seconds: Option<i64>,
    signal: Option<i32>,
) -> Result<bool, Failure> {
    let Some(task) = container.running() else {
        return Ok(false);
    };
    let signal = signal.unwrap_or_else(|| container.config.stop_signal());
    let seconds = seconds.or(container.config.stop_timeout).unwrap_or(TO_STOP);
    let asked = kill(engine, container, signal).await;
    if container.phase() == Phase::Paused {
        // It can't act on a signal while it is frozen.
        let _ = task.freeze(false).await;
    }
    let within = u64::try_from(seconds).ok().map(Duration::from_secs);
    if asked.is_err() || !has_ended(container, within).await {
        // It may have ended just now.
        let _ = kill(engine, container, libc::SIGKILL).await;
        if !has_ended(container, Some(KILLED)).await {
            task.finish();
            has_ended(container, None).await;
        }
    }
    tell(engine, container, "stop", &[]);
    Ok(true)
}

/// Removes a container.
///
/// # Errors
/// 409 if it runs and isn't to be ended.
pub(super) async fn remove(
    engine: &Rc<Engine>,
    container: &Rc<Container>,
    force: bool,
    volumes: bool,
) -> Result<(), Failure> {
    let name = container.name.borrow().clone();
    match container.phase() {
        Phase::Removing => {
            return Err(Failure::conflict(format!(
                "removal of container {name} is already in progress"
            )));
        }
        Phase::Starting => {
            return Err(Failure::conflict(format!(
                "cannot remove container \"{name}\": it is being started"
            )));
        }
        phase @ (Phase::Running | Phase::Paused) if !force => {
            let (is, first) = match phase {
                Phase::Paused => ("paused", "unpause and "),
                _ => ("running", ""),
            };
            return Err(Failure::conflict(format!(
                "cannot remove container \"{name}\": container is {is}: {first}stop the \
                 container before removing or force remove"
            )));
        }
        Phase::Running | Phase::Paused => {
            let task = container.running();
            let _ = kill(engine, container, libc::SIGKILL).await;
            if !matches!(container.phase(), Phase::Running | Phase::Paused) {
                // It ended meanwhile, and may be gone already.
                return Ok(());
            }
            container.state.borrow_mut().phase = Phase::Removing;
            if let Some(task) = task {
                // The guardian thaws what is frozen, and kills what is left.
                task.finish();
            }
            has_ended(container, None).await;
        }
        Phase::Created | Phase::Exited => {}
    }
    forget(engine, container, volumes);
    Ok(())
}

/// Forgets a container that doesn't run, with all that is its own.
fn forget(engine: &Engine, container: &Rc<Container>, volumes: bool) {
    container.state.borrow_mut().phase = Phase::Removing;
    let partial = engine.store.partial();
    // Not there any more at once, whatever time the files take.
    if fs::rename(&container.directory, &partial).is_ok() {
        let _ = fs::remove_dir_all(&partial);
    }
    for volume in container
        .volumes
        .iter()
        .filter(|one| volumes && one.anonymous)
    {
        let path = engine.store.volume(&volume.name);
        let _ = fs::remove_dir_all(path.parent().unwrap_or(&path));
        let attributes = BTreeMap::from([("driver".to_string(), "local".to_string())]);
        engine
            .events
            .tell("volume", "destroy", &volume.name, attributes);
    }
    for exec in container.execs.borrow().iter() {
        engine.execs.borrow_mut().remove(exec);
    }
    engine.containers.borrow_mut().remove(&container.id);
    container.output.close();
    tell(engine, container, "destroy", &[]);
    container.log.wake();
    container
        .progress
        .send_modify(|progress| progress.removed = true);
}
