//! Handlers about programs that are started beside a container's first one.

use super::answer::{self, Answer};
use super::attach::{self, Conversation, Leave, Wanted};
use super::call::Call;
use super::container::{Container, Phase};
use super::exec::{Exec, ExecConfig, ExecState};
use super::failure::Failure;
use super::launch::{not_run, stdio};
use super::names;
use super::output::{Chunk, Flow, Input, Output, PIECE, Reader, Stream, type_in};
use super::processes;
use super::state::Engine;
use super::task::{self, BOX, NotStarted, Task};
use super::tell::tell;
use super::view;
use crate::sandbox::{Ends, Execute, Size};
use hyper::StatusCode;
use hyper::body::Bytes;
use serde::Deserialize;
use serde_json::json;
use std::cell::RefCell;
use std::rc::Rc;
use tokio::task::{JoinHandle, spawn_local};

/// `POST /containers/NAME/exec`
pub(super) async fn create(
    engine: &Engine,
    name: &str,
    call: &mut Call,
) -> Result<Answer, Failure> {
    call.is_json()?;
    let config = ExecConfig::parse(&call.bytes().await?)?;
    let container = engine.container(name)?;
    able(&container)?;
    let id = names::random_hex(32)
        .map_err(|error| Failure::internal(format!("/dev/urandom: {error}")))?;
    let exec = Rc::new(Exec {
        id: id.clone(),
        container: container.id.clone(),
        config,
        state: RefCell::new(ExecState::default()),
    });
    container.execs.borrow_mut().push(id.clone());
    let more = [("execID", id.clone())];
    tell(engine, &container, said("exec_create", &exec), &more);
    engine.execs.borrow_mut().insert(id.clone(), exec);
    Ok(answer::json(StatusCode::CREATED, &json!({ "Id": id })))
}

/// Whether a program may be started in it now.
fn able(container: &Container) -> Result<(), Failure> {
    match container.phase() {
        Phase::Running => Ok(()),
        Phase::Paused => Err(Failure::conflict(format!(
            "Container {} is paused, unpause the container before exec",
            container.name.borrow()
        ))),
        Phase::Created | Phase::Starting | Phase::Exited | Phase::Removing => {
            Err(Failure::not_running(&container.id))
        }
    }
}

fn said(action: &str, exec: &Exec) -> String {
    format!(
        "{action}: {}",
        exec.config.cmd.clone().unwrap_or_default().join(" ")
    )
}

/// The exec of an id.
pub(super) fn find(engine: &Engine, id: &str) -> Result<Rc<Exec>, Failure> {
    let execs = engine.execs.borrow();
    let found = execs.get(id).cloned();
    found.ok_or_else(|| Failure::missing(format!("No such exec instance: {id}")))
}

/// `GET /exec/ID/json`
pub(super) fn inspect(engine: &Engine, id: &str) -> Result<Answer, Failure> {
    Ok(answer::ok(&view::exec(&*find(engine, id)?)))
}

/// `POST /exec/ID/resize`
pub(super) async fn resize(engine: &Engine, id: &str, call: &Call) -> Result<Answer, Failure> {
    let exec = find(engine, id)?;
    let container = engine.container(&exec.container)?;
    let program = exec.state.borrow().program;
    let task = container.running().filter(|_| program.is_some());
    let task = task.ok_or_else(|| Failure::not_running(&container.id))?;
    task.resize(program, size(call)?)
        .await
        .map_err(Failure::internal)?;
    Ok(answer::empty(StatusCode::OK))
}

/// The size that a request names.
pub(super) fn size(call: &Call) -> Result<Size, Failure> {
    let side = |name: &str| {
        let value = call
            .query
            .number(name)
            .map_err(Failure::bad)?
            .unwrap_or_default();
        u16::try_from(value).map_err(|_| Failure::bad(format!("invalid value for {name}: {value}")))
    };
    Ok(Size {
        rows: side("h")?,
        columns: side("w")?,
    })
}

/// How it is to be started.
#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Begin {
    detach: bool,
    console_size: Option<[u16; 2]>,
}

/// `POST /exec/ID/start`
pub(super) async fn start(
    engine: &Rc<Engine>,
    id: &str,
    call: &mut Call,
) -> Result<Answer, Failure> {
    let begin: Begin = call.document().await?;
    let exec = find(engine, id)?;
    let container = engine.container(&exec.container)?;
    able(&container)?;
    let task = container.running();
    let task = task.ok_or_else(|| Failure::not_running(&container.id))?;
    let tty = exec.config.tty;
    let output = Rc::new(Output::default());
    let input = Input::new();
    let chunks = output.attach();
    let again = std::mem::replace(&mut exec.state.borrow_mut().begun, true);
    if again && begin.detach {
        return Err(Failure::conflict(format!(
            "exec command {id} has already run"
        )));
    }
    let mut before = Vec::new();
    if again {
        let why = format!("exec command {id} has already run\r\n");
        before.push(stdout(why).framed(tty));
    } else {
        let [rows, columns] = begin
            .console_size
            .or(exec.config.console_size)
            .unwrap_or_default();
        let (engine, exec) = (Rc::clone(engine), Rc::clone(&exec));
        let (output, container) = (Rc::clone(&output), Rc::clone(&container));
        let typed = exec.config.attach_stdin.then(|| input.take()).flatten();
        spawn_local(async move {
            let ends = (rows, columns);
            run(&engine, &container, &exec, &task, ends, &output, typed).await;
            output.close();
        });
    }
    if begin.detach {
        return Ok(answer::empty(StatusCode::OK));
    }
    // Those of an exec that was closed before are its sender's alone.
    let typed = exec.config.attach_stdin && !again;
    let conversation = Conversation {
        tty,
        wanted: Wanted {
            stdout: true,
            stderr: true,
        },
        before,
        chunks,
        typed: typed.then(|| input.sender()),
        ends_input: !tty,
        leave: Leave::new(
            tty,
            Some(exec.config.detach_keys.as_str()).filter(|k| !k.is_empty()),
        ),
    };
    if again {
        output.close();
    }
    match call.upgrade.take().filter(|_| call.wants_upgrade()) {
        Some(upgrade) => {
            spawn_local(conversation.hold(upgrade));
            Ok(answer::upgraded(attach::kind(call.version, tty, true)))
        }
        None => {
            let (answer, to) = answer::growing(attach::RAW);
            spawn_local(conversation.pour(to));
            Ok(answer)
        }
    }
}

fn stdout(text: String) -> Chunk {
    Chunk {
        stream: Stream::Stdout,
        bytes: text.into(),
    }
}

/// Starts the program, and sees to it until it has ended.
async fn run(
    engine: &Rc<Engine>,
    container: &Rc<Container>,
    exec: &Rc<Exec>,
    task: &Rc<Task>,
    (rows, columns): (u16, u16),
    output: &Rc<Output>,
    typed: Option<tokio::sync::mpsc::Receiver<super::output::Typed>>,
) {
    let config = &container.config;
    let argv = exec.config.cmd.clone().unwrap_or_default();
    let directory = match (
        exec.config.working_dir.as_str(),
        config.working_dir.as_str(),
    ) {
        ("", "") => "/",
        ("", directory) => directory,
        (directory, _) => directory,
    };
    let user = match exec.config.user.as_str() {
        "" => &config.user,
        user => user,
    };
    let mut more = exec.config.env.clone().unwrap_or_default();
    if exec.config.tty && !config.tty {
        more.insert(0, "TERM=xterm".into());
    }
    let Ok(place) = BOX.parse() else {
        return;
    };
    let execute = Execute {
        place,
        argv: argv.clone(),
        environment: config.environment(&more),
        directory: directory.into(),
        user: user.into(),
        stdio: stdio(exec.config.tty, rows, columns),
    };
    let id = [("execID", exec.id.clone())];
    tell(engine, container, said("exec_start", exec), &id);
    let status = match task.execute(execute).await {
        Ok((program, ends, mut ended)) => {
            *exec.state.borrow_mut() = ExecState {
                begun: true,
                running: true,
                code: None,
                pid: processes::children(task.agent).last().copied().unwrap_or(0),
                program: Some(program),
            };
            let pumps = pumps(ends, typed, output);
            let status = task::status(&mut ended).await;
            // Its output ends when nobody has it open any more, which may be long
            // after it: what it left behind may go on writing.
            for pump in pumps {
                let _ = tokio::time::timeout(std::time::Duration::from_secs(2), pump).await;
            }
            status
        }
        Err(why) => {
            let (text, status) = match why {
                NotStarted::NotRun(errno) => {
                    let program = argv.first().map(String::as_str).unwrap_or_default();
                    not_run(program, errno)
                }
                NotStarted::Refused(why) => (why, 126),
            };
            let text = format!(
                "OCI runtime exec failed: exec failed: unable to start container process: \
                 {text}\r\n"
            );
            output.send(stdout(text)).await;
            status
        }
    };
    {
        let mut state = exec.state.borrow_mut();
        state.running = false;
        state.code = Some(status);
    }
    let more = [
        ("execID", exec.id.clone()),
        ("exitCode", status.to_string()),
    ];
    tell(engine, container, "exec_die", &more);
}

/// What carries a program's output and input.
fn pumps(
    ends: Ends,
    typed: Option<tokio::sync::mpsc::Receiver<super::output::Typed>>,
    output: &Rc<Output>,
) -> Vec<JoinHandle<()>> {
    let flow = Flow::new(ends);
    match (typed, flow.input) {
        (Some(typed), Ok(input)) => drop(spawn_local(type_in(input, typed))),
        (_, input) => drop(input),
    }
    let outputs = flow.outputs.into_iter();
    outputs
        .map(|(from, stream)| pump(output, from, stream))
        .collect()
}

fn pump(output: &Rc<Output>, from: std::io::Result<Reader>, stream: Stream) -> JoinHandle<()> {
    let output = Rc::clone(output);
    spawn_local(async move {
        let Ok(from) = from else {
            return;
        };
        let mut buffer = vec![0; PIECE];
        while let Ok(count @ 1..) = from.read(&mut buffer).await {
            let bytes = Bytes::copy_from_slice(&buffer[..count]);
            output.send(Chunk { stream, bytes }).await;
        }
    })
}
