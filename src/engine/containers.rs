//! Handlers about containers.

use super::answer::{self, Answer};
use super::attach::{self, Conversation, Leave, Lines, Wanted};
use super::call::Call;
use super::changes;
use super::container::{Container, Phase};
use super::create;
use super::execs;
use super::failure::Failure;
use super::filters::Filters;
use super::lifecycle;
use super::names;
use super::processes;
use super::route::OfContainer;
use super::state::Engine;
use super::tell::{network_id, tell};
use super::view;
use crate::base::time::Time;
use hyper::StatusCode;
use serde_json::{Value, json};
use std::rc::Rc;
use tokio::task::spawn_local;

/// The filters of `docker ps`.
const FILTERS: [&str; 16] = [
    "ancestor",
    "before",
    "exited",
    "expose",
    "health",
    "id",
    "is-task",
    "isolation",
    "label",
    "name",
    "network",
    "publish",
    "since",
    "status",
    "volume",
    "annotation",
];

/// `docker ps`
pub(super) fn list(engine: &Engine, call: &Call) -> Result<Answer, Failure> {
    let filters = Filters::parse(call.query.get("filters"), &FILTERS)?;
    let limit = call
        .query
        .number("limit")
        .map_err(Failure::bad)?
        .filter(|limit| *limit > 0);
    let all = call.query.yes("all")
        || limit.is_some()
        || ["status", "exited", "before", "since"]
            .iter()
            .any(|name| filters.has(name));
    let containers = engine.all();
    let place = |wanted: &str| {
        let found = engine.container(wanted).ok()?;
        containers.iter().position(|one| one.id == found.id)
    };
    let fits = |at: usize, one: &Container| {
        let name = one.name.borrow();
        let mounted = |wanted: &str| {
            one.volumes
                .iter()
                .any(|volume| volume.name == wanted || volume.target == wanted)
        };
        let of_image = |wanted: &str| {
            let found = engine.store.find(wanted);
            found.is_ok_and(|image| image.id == one.image)
        };
        let network = one.host.network.name();
        (all || one.runs())
            && filters.any("id", |id| one.id.starts_with(id))
            && filters.any("name", |wanted| {
                name.contains(wanted.trim_start_matches(['/', '^']).trim_end_matches('$'))
            })
            && filters.labels(one.config.labels.as_ref().unwrap_or(&Default::default()))
            && filters.any("status", |status| status == one.phase().name())
            && filters.any("exited", |code| {
                let state = one.state.borrow();
                state.finished.is_some() && code.parse() == Ok(state.exit_code)
            })
            && filters.any("ancestor", of_image)
            && filters.any("volume", mounted)
            && filters.any("network", |wanted| {
                wanted == network || network_id(network).starts_with(wanted)
            })
            // The newest come first.
            && filters.any("before", |wanted| place(wanted).is_some_and(|other| at > other))
            && filters.any("since", |wanted| place(wanted).is_some_and(|other| at < other))
            && filters.any("health", |health| health == "none")
            && !filters.has("publish")
            && !filters.has("expose")
            && !filters.has("annotation")
            && filters.any("is-task", |wanted| matches!(wanted, "false" | "0"))
    };
    let known = [
        "created",
        "running",
        "paused",
        "restarting",
        "removing",
        "exited",
        "dead",
    ];
    if !filters.all("status", |one| known.contains(&one)) {
        return Err(Failure::bad("invalid filter 'status'"));
    }
    let rows: Vec<Value> = containers
        .iter()
        .enumerate()
        .filter(|(at, one)| fits(*at, one))
        .map(|(_, one)| view::row(engine, one))
        .take(limit.map_or(usize::MAX, |limit| limit as usize))
        .collect();
    Ok(answer::ok(&rows))
}

/// `docker create`
pub(super) async fn create(engine: &Engine, call: &mut Call) -> Result<Answer, Failure> {
    call.is_json()?;
    let body = call.bytes().await?;
    if let Some(platform) = call.query.some("platform") {
        let own = format!("linux/{}", super::archive::architecture());
        if !own.starts_with(platform) {
            return Err(Failure::refused(format!(
                "the platform {platform}: this machine is {own}"
            )));
        }
    }
    let container = create::create(engine, call.query.some("name"), &body)?;
    let document = json!({ "Id": container.id, "Warnings": [] });
    Ok(answer::json(StatusCode::CREATED, &document))
}

/// All that is about one container.
pub(super) async fn handle(
    engine: &Rc<Engine>,
    name: &str,
    of: OfContainer,
    call: &mut Call,
) -> Result<Answer, Failure> {
    if of == OfContainer::ExecCreate {
        return execs::create(engine, name, call).await;
    }
    let container = engine.container(name)?;
    let changed = |done: bool| match done {
        true => answer::done(),
        false => answer::empty(StatusCode::NOT_MODIFIED),
    };
    Ok(match of {
        OfContainer::Inspect => answer::ok(&view::container(engine, &container)),
        OfContainer::Start => {
            if call.bytes().await?.len() > 2 {
                return Err(Failure::bad(
                    "starting container with non-empty request body was deprecated since API \
                     v1.22 and removed in v1.24",
                ));
            }
            changed(lifecycle::start(engine, &container).await?)
        }
        OfContainer::Stop => {
            let (seconds, signal) = (
                call.query.number("t").map_err(Failure::bad)?,
                stop_signal(call)?,
            );
            changed(lifecycle::stop(engine, &container, seconds, signal).await?)
        }
        OfContainer::Restart => {
            let (seconds, signal) = (
                call.query.number("t").map_err(Failure::bad)?,
                stop_signal(call)?,
            );
            lifecycle::stop(engine, &container, seconds, signal).await?;
            lifecycle::start(engine, &container).await?;
            tell(engine, &container, "restart", &[]);
            answer::done()
        }
        OfContainer::Kill => {
            let wrong = |why: &str| format!("cannot kill container: {name}: {why}");
            let text = call.query.some("signal").unwrap_or("KILL");
            let signal = names::signal(text)
                .ok_or_else(|| Failure::bad(wrong(&format!("invalid signal: {text}"))))?;
            if container.phase() == Phase::Paused && signal != libc::SIGKILL {
                return Err(Failure::conflict(wrong(&format!(
                    "container {} is paused. Unpause the container before stopping or killing",
                    container.id
                ))));
            }
            lifecycle::kill(engine, &container, signal)
                .await
                .map_err(|failure| Failure::new(failure.status, wrong(&failure.message)))?;
            if signal == libc::SIGKILL {
                // As dockerd does it: whoever asks next is told of one that has ended.
                lifecycle::has_ended(&container, Some(lifecycle::KILLED)).await;
            }
            answer::done()
        }
        OfContainer::Wait => return wait(&container, call).await,
        OfContainer::Attach => return attach(engine, &container, call),
        OfContainer::Logs => return logs(&container, call),
        OfContainer::Resize => {
            let task = container.running();
            let task = task.ok_or_else(|| Failure::not_running(&container.id))?;
            let size = execs::size(call)?;
            task.resize(None, size).await.map_err(Failure::internal)?;
            let more = [
                ("height", size.rows.to_string()),
                ("width", size.columns.to_string()),
            ];
            tell(engine, &container, "resize", &more);
            answer::empty(StatusCode::OK)
        }
        OfContainer::Pause => freeze(engine, &container, true).await?,
        OfContainer::Unpause => freeze(engine, &container, false).await?,
        OfContainer::Rename => rename(engine, &container, call)?,
        OfContainer::Top => top(&container, call)?,
        OfContainer::Changes => {
            let image = engine.store.find(&container.image)?;
            let mut lowers = vec![container.directory.join("init").display().to_string()];
            lowers.extend(engine.store.place.lowers(&image));
            let found = changes::changes(
                &container.directory.join("upper"),
                &lowers,
                engine.store.place.xattrs,
            );
            match found.is_empty() {
                true => answer::ok(&Value::Null),
                false => answer::ok(&found),
            }
        }
        OfContainer::Remove => {
            let (force, volumes) = (call.query.yes("force"), call.query.yes("v"));
            if call.query.yes("link") {
                return Err(Failure::refused("links between containers"));
            }
            lifecycle::remove(engine, &container, force, volumes).await?;
            answer::done()
        }
        OfContainer::ExecCreate => return execs::create(engine, name, call).await,
    })
}

fn stop_signal(call: &Call) -> Result<Option<i32>, Failure> {
    call.query
        .some("signal")
        .map(|text| {
            names::signal(text).ok_or_else(|| Failure::bad(format!("invalid signal: {text}")))
        })
        .transpose()
}

/// `docker wait`: the answer begins at once, its body when it is over.
async fn wait(container: &Rc<Container>, call: &Call) -> Result<Answer, Failure> {
    let mut progress = container.progress.subscribe();
    let exits = progress.borrow_and_update().exits;
    let condition = call.query.some("condition").unwrap_or("not-running");
    let condition = condition.to_string();
    if !["not-running", "next-exit", "removed"].contains(&condition.as_str()) {
        return Err(Failure::bad(format!("invalid condition: \"{condition}\"")));
    }
    let (answer, to) = answer::growing("application/json");
    let container = Rc::clone(container);
    let over = async move {
        loop {
            let now = *progress.borrow_and_update();
            let runs = container.task.borrow().is_some();
            let over = match condition.as_str() {
                "removed" => now.removed,
                "next-exit" => now.exits > exits || now.removed,
                _ => !runs,
            };
            if over {
                let code = container.state.borrow().exit_code;
                let document = json!({ "StatusCode": code });
                let _ = to.send(format!("{document}\n").into()).await;
                return;
            }
            tokio::select! {
                changed = progress.changed() => if changed.is_err() { return },
                () = to.closed() => return,
            }
        }
    };
    // Before 1.30 a client took the beginning of the answer for its end.
    match call.version < (1, 30) {
        true => over.await,
        false => drop(spawn_local(over)),
    }
    Ok(answer)
}

/// Attaches to the first program, from now on or from the beginning.
fn attach(engine: &Engine, container: &Rc<Container>, call: &mut Call) -> Result<Answer, Failure> {
    if container.phase() == Phase::Paused {
        return Err(Failure::conflict(format!(
            "container {} is paused, unpause the container before attach",
            container.id
        )));
    }
    let tty = container.config.tty;
    let wanted = Wanted {
        stdout: call.query.yes("stdout"),
        stderr: call.query.yes("stderr"),
    };
    let before = match call.query.yes("logs") {
        true => Lines {
            wanted,
            follow: false,
            timestamps: false,
            tail: None,
            since: None,
            until: None,
        }
        .all(container),
        false => Vec::new(),
    };
    // Nothing comes if only what was is wanted.
    let chunks = match call.query.yes("stream") {
        true => container.output.attach(),
        false => tokio::sync::mpsc::channel(1).1,
    };
    let typed = call.query.yes("stdin") && container.config.open_stdin;
    let conversation = Conversation {
        tty,
        wanted,
        before,
        chunks,
        typed: typed.then(|| container.input.borrow().sender()),
        ends_input: container.config.stdin_once && !tty,
        leave: Leave::new(tty, call.query.some("detachKeys")),
    };
    tell(engine, container, "attach", &[]);
    Ok(match call.upgrade.take().filter(|_| call.wants_upgrade()) {
        Some(upgrade) => {
            spawn_local(conversation.hold(upgrade));
            answer::upgraded(attach::kind(call.version, tty, true))
        }
        None => {
            let (answer, to) = answer::growing(attach::RAW);
            spawn_local(conversation.pour(to));
            answer
        }
    })
}

/// `docker logs`
fn logs(container: &Rc<Container>, call: &Call) -> Result<Answer, Failure> {
    let wanted = Wanted {
        stdout: call.query.yes("stdout"),
        stderr: call.query.yes("stderr"),
    };
    if !wanted.stdout && !wanted.stderr {
        return Err(Failure::bad(
            "Bad parameters: you must choose at least one stream",
        ));
    }
    let time = |name: &str| {
        let text = call.query.some(name).filter(|text| *text != "0");
        text.map(|text| {
            Time::of_query(text)
                .ok_or_else(|| Failure::bad(format!("invalid value for \"{name}\": {text}")))
        })
        .transpose()
    };
    let lines = Lines {
        wanted,
        follow: call.query.yes("follow"),
        timestamps: call.query.yes("timestamps"),
        // What is no number means all, as for Docker.
        tail: call.query.get("tail").and_then(|tail| tail.parse().ok()),
        since: time("since")?,
        until: time("until")?,
    };
    let (answer, to) = answer::growing(attach::kind(call.version, container.config.tty, true));
    spawn_local(lines.pour(Rc::clone(container), to));
    Ok(answer)
}

async fn freeze(
    engine: &Engine,
    container: &Rc<Container>,
    frozen: bool,
) -> Result<Answer, Failure> {
    let id = &container.id;
    match (container.phase(), frozen) {
        (Phase::Running, true) | (Phase::Paused, false) => {}
        (Phase::Paused, true) => {
            return Err(Failure::conflict(format!(
                "Container {id} is already paused"
            )));
        }
        (_, true) => return Err(Failure::not_running(id)),
        (_, false) => {
            return Err(Failure::internal(format!("Container {id} is not paused")));
        }
    }
    let task = container.running();
    let task = task.ok_or_else(|| Failure::not_running(id))?;
    task.freeze(frozen).await.map_err(Failure::internal)?;
    let mut state = container.state.borrow_mut();
    if matches!(state.phase, Phase::Running | Phase::Paused) {
        state.phase = if frozen {
            Phase::Paused
        } else {
            Phase::Running
        };
    }
    drop(state);
    tell(
        engine,
        container,
        if frozen { "pause" } else { "unpause" },
        &[],
    );
    Ok(answer::done())
}

fn rename(engine: &Engine, container: &Rc<Container>, call: &Call) -> Result<Answer, Failure> {
    let name = call.query.get("name").unwrap_or_default();
    let name = name.strip_prefix('/').unwrap_or(name);
    if name.is_empty() {
        return Err(Failure::bad("Neither old nor new names may be empty"));
    }
    if *container.name.borrow() == name {
        return Err(Failure::bad(
            "Renaming a container with the same name as its current name",
        ));
    }
    if !names::is_name(name) {
        return Err(Failure::bad(format!(
            "Invalid container name ({name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed"
        )));
    }
    if let Some(taken) = engine.all().iter().find(|one| *one.name.borrow() == name) {
        return Err(Failure::conflict(format!(
            "Conflict. The container name \"/{name}\" is already in use by container \"{}\". You \
             have to remove (or rename) that container to be able to reuse that name.",
            taken.id
        )));
    }
    let old = container.name.replace(name.into());
    let more = [("oldName", format!("/{old}"))];
    tell(engine, container, "rename", &more);
    Ok(answer::done())
}

fn top(container: &Container, call: &Call) -> Result<Answer, Failure> {
    let task = container.running();
    let task = task.ok_or_else(|| Failure::not_running(&container.id))?;
    if call.query.some("ps_args").is_some_and(|args| args != "-ef") {
        return Err(Failure::refused(
            "options of ps: the processes are read from /proc, as `ps -ef` shows them",
        ));
    }
    let rows: Vec<Vec<String>> = processes::below(task.agent)
        .into_iter()
        .filter_map(processes::row)
        .collect();
    Ok(answer::ok(
        &json!({ "Processes": rows, "Titles": processes::TITLES }),
    ))
}

/// `docker container prune`
pub(super) async fn prune(engine: &Rc<Engine>, call: &Call) -> Result<Answer, Failure> {
    let filters = Filters::parse(call.query.get("filters"), &["label"])?;
    let mut deleted = Vec::new();
    let mut reclaimed = 0;
    for container in engine.all() {
        let labels = container.config.labels.clone().unwrap_or_default();
        if matches!(container.phase(), Phase::Created | Phase::Exited) && filters.labels(&labels) {
            reclaimed += super::store::used(&container.directory.join("upper"));
            lifecycle::remove(engine, &container, false, false).await?;
            deleted.push(container.id.clone());
        }
    }
    Ok(answer::ok(
        &json!({ "ContainersDeleted": deleted, "SpaceReclaimed": reclaimed }),
    ))
}
