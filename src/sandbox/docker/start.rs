//! `engine`: starts one, with its tap, and has it show that it can have containers.

use super::http::Exchange;
use crate::base::chain;
use crate::plan::{Event, Need, Refusal, Value};
use crate::sandbox::agent::served::Served;
use crate::sandbox::agent::{Agent, Job, has_ended};
use crate::sandbox::base::anew::OWN_FILE;
use crate::sandbox::base::limits;
use crate::sandbox::base::service::Tenant;
use crate::sandbox::sys;
use crate::sandbox::wire::tracer::Told;
use crate::sandbox::wire::{Reply, Task};
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::signal::Signal;
use nix::unistd::Pid;
use std::fs;
use std::io::{self, PipeReader, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// How long an engine may take to make its images, and to run its first container.
const START: Duration = Duration::from_secs(30);
/// The most that it may hold.
const QUOTA: &str = "256MiB";
/// The image of its first container.
const FIRST: &str = r#"{"Image": "hello", "HostConfig": {"AutoRemove": true}}"#;

/// One of the two programs, under way.
struct Program {
    pid: Pid,
    out: PipeReader,
    err: PipeReader,
    said: Vec<u8>,
    wrong: Vec<u8>,
}

/// A run has one engine: a second start gives it another name.
struct Again(Pid);

impl Job for Again {
    fn step(&mut self, _: &mut Agent) -> Option<Result<Reply, Told>> {
        let child = self.0.as_raw();
        Some(Ok(Reply::Created { child }))
    }

    fn wakes(&self) -> Vec<BorrowedFd<'_>> {
        Vec::new()
    }

    fn due(&self) -> Option<Instant> {
        Some(Instant::now())
    }
}

/// How far the start has come.
enum Step {
    /// The engine makes its images.
    Engine(Program),
    /// The tap begins to listen.
    Tap(Program, Program),
    /// The engine is asked; what comes next.
    Asked(Program, Program, Exchange, Next),
}

enum Next {
    Version,
    Images { api: String },
    Create { api: String, images: Vec<String> },
    Start(Known),
    Wait(Known),
}

/// What is known of it, and the id of its first container.
struct Known {
    api: String,
    images: Vec<String>,
    id: String,
}

struct Starting {
    step: Option<Step>,
    name: Option<String>,
    directory: PathBuf,
    deadline: Instant,
}

impl Agent {
    /// `engine`
    pub(in crate::sandbox) fn engine(&mut self, task: &Task) -> Result<Box<dyn Job>, Told> {
        if let Some(served) = &self.served {
            return Ok(Box::new(Again(served.processes[0])));
        }
        let Some(directory) = task.disk.clone() else {
            return Err(self
                .tracer
                .broken("`engine`: there is no directory for it".into()));
        };
        let engine = furnish(&directory).and_then(|()| {
            self.program(&[
                "engine".into(),
                "--bounded".into(),
                "--socket".into(),
                directory.join("engine.sock"),
                "--root".into(),
                directory.join("store"),
                "--bind".into(),
                directory.join("host"),
                "--quota".into(),
                QUOTA.into(),
            ])
        });
        let engine = engine.map_err(|error| {
            self.tracer.broken(format!(
                "`engine`: {}: {}",
                directory.display(),
                chain(&error)
            ))
        })?;
        Ok(Box::new(Starting {
            step: Some(Step::Engine(engine)),
            name: task.action.result.clone(),
            directory,
            deadline: Instant::now() + START,
        }))
    }

    /// Starts this program with these arguments: not confined, as the learner did.
    fn program(&mut self, arguments: &[PathBuf]) -> io::Result<Program> {
        let ((out, to_out), (err, to_err)) = (io::pipe()?, io::pipe()?);
        for pipe in [&out, &err] {
            fcntl(pipe, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        }
        let mut command = Command::new(OWN_FILE);
        command
            .arg0("glassbox")
            .args(arguments)
            .current_dir("/")
            .stdin(memfd_create(c"stdin", MFdFlags::MFD_CLOEXEC)?)
            .stdout(to_out)
            .stderr(to_err);
        sys::enter_first(self.tracer.one, &mut command, || {
            limits::of(Tenant::Container).map_err(|errno| io::Error::from_raw_os_error(errno.0))?;
            // It has to take its containers down.
            Ok(nix::sys::prctl::set_pdeathsig(Signal::SIGTERM)?)
        });
        let child = command.spawn()?;
        let pid = Pid::from_raw(child.id() as i32);
        // Never asked for its end: so its number stays its own.
        self.adopt(pid);
        Ok(Program {
            pid,
            out,
            err,
            said: Vec::new(),
            wrong: Vec::new(),
        })
    }
}

/// The directory that stands for the host's `/`, with a file that only its owner may
/// read or change.
fn furnish(directory: &Path) -> io::Result<()> {
    let etc = directory.join("host/etc");
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true).mode(0o755).create(&etc)?;
    let mut file = fs::OpenOptions::new();
    let mut file = file
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(etc.join("shadow"))?;
    io::Write::write_all(&mut file, b"root:a stand-in for the host's own:0::::::\n")
}

impl Program {
    /// Takes in what it says, and whether a line begins so.
    fn says(&mut self, begins: &str) -> bool {
        for (pipe, kept) in [
            (&mut self.out, &mut self.said),
            (&mut self.err, &mut self.wrong),
        ] {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = pipe.read(&mut bytes) {
                kept.extend_from_slice(&bytes[..count]);
            }
        }
        let text = String::from_utf8_lossy(&self.said);
        text.split_inclusive('\n')
            .any(|line| line.ends_with('\n') && line.starts_with(begins))
    }

    fn has_ended(&self) -> bool {
        has_ended(self.pid)
    }

    /// Why it ended, in its own words.
    fn why(&mut self) -> String {
        self.says("");
        let text = String::from_utf8_lossy(&self.wrong).trim().to_string();
        match text.is_empty() {
            true => "it ended without a word".into(),
            false => text.replace('\n', "; "),
        }
    }
}

impl Starting {
    fn ask(&self, method: &str, path: &str, body: Option<&str>) -> Result<Exchange, String> {
        let stream = UnixStream::connect(self.directory.join("engine.sock"));
        stream
            .and_then(|stream| Exchange::begin(stream, method, path, body))
            .map_err(|error| format!("{method} {path}: {}", chain(&error)))
    }

    /// Goes on; `Ok(None)` once all is done.
    fn go_on(&mut self, agent: &mut Agent, step: Step) -> Result<Option<Step>, (String, String)> {
        let start = |why: String| ("starting the engine".to_string(), why);
        match step {
            Step::Engine(mut engine) => {
                if engine.says("Listening on ") {
                    let arguments = [
                        "tap".into(),
                        "--json".into(),
                        "--listen".into(),
                        self.directory.join("tap.sock"),
                        "--to".into(),
                        self.directory.join("engine.sock"),
                    ];
                    let tap = agent.program(&arguments);
                    let tap = tap.map_err(|error| start(chain(&error)))?;
                    return Ok(Some(Step::Tap(engine, tap)));
                }
                match engine.has_ended() {
                    true => Err(start(engine.why())),
                    false => Ok(Some(Step::Engine(engine))),
                }
            }
            Step::Tap(engine, mut tap) => {
                if tap.says("{") {
                    let asked = self.ask("GET", "/version", None).map_err(start)?;
                    return Ok(Some(Step::Asked(engine, tap, asked, Next::Version)));
                }
                match tap.has_ended() {
                    true => Err(("starting the tap".into(), tap.why())),
                    false => Ok(Some(Step::Tap(engine, tap))),
                }
            }
            Step::Asked(mut engine, tap, mut exchange, next) => {
                let Some(answer) = exchange.step() else {
                    return match engine.has_ended() {
                        true => Err(start(engine.why())),
                        false => Ok(Some(Step::Asked(engine, tap, exchange, next))),
                    };
                };
                let first = |why: String| ("its first container".to_string(), why);
                let answer = answer.map_err(|error| first(chain(&error)))?;
                if !answer.is_done() {
                    return Err(first(answer.told()));
                }
                let said = answer.document();
                let text = |field: &str| said[field].as_str().unwrap_or_default().to_string();
                let (asked, next) = match next {
                    Next::Version => {
                        let api = text("ApiVersion");
                        (self.ask("GET", "/images/json", None), Next::Images { api })
                    }
                    Next::Images { api } => {
                        let tags = said.as_array().into_iter().flatten();
                        let tags = tags.filter_map(|one| one["RepoTags"][0].as_str());
                        let mut images: Vec<String> = tags.map(String::from).collect();
                        images.sort();
                        let asked = self.ask("POST", "/containers/create", Some(FIRST));
                        (asked, Next::Create { api, images })
                    }
                    Next::Create { api, images } => {
                        let id = text("Id");
                        let asked = self.ask("POST", &format!("/containers/{id}/start"), None);
                        (asked, Next::Start(Known { api, images, id }))
                    }
                    Next::Start(known) => {
                        let path = format!("/containers/{}/wait?condition=removed", known.id);
                        (self.ask("POST", &path, None), Next::Wait(known))
                    }
                    Next::Wait(known) => {
                        self.done(agent, engine, tap, known);
                        return Ok(None);
                    }
                };
                let asked = asked.map_err(first)?;
                Ok(Some(Step::Asked(engine, tap, asked, next)))
            }
        }
    }

    fn done(&self, agent: &mut Agent, engine: Program, tap: Program, known: Known) {
        if let Some(name) = &self.name {
            let facts = [
                ("", Value::Text("ok".into()), "GET /version"),
                (".images", Value::List(known.images), "GET /images/json"),
                (".api", Value::Text(known.api), "GET /version"),
            ];
            for (suffix, value, source) in facts {
                agent
                    .tracer
                    .fact(format!("{name}{suffix}"), value, source.into());
            }
        }
        let processes = [engine.pid, tap.pid];
        let rest = [engine.out, engine.err, tap.err];
        let served = Served::new(processes, self.directory.clone(), tap.out, tap.said, rest);
        agent.served = Some(served);
    }
}

impl Job for Starting {
    fn step(&mut self, agent: &mut Agent) -> Option<Result<Reply, Told>> {
        let step = self.step.take()?;
        match self.go_on(agent, step) {
            Ok(None) => {
                let served = agent.served.as_ref();
                let child = served.map_or(0, |it| it.processes[0].as_raw());
                Some(Ok(Reply::Created { child }))
            }
            Ok(Some(_)) if Instant::now() >= self.deadline => {
                let late = format!("it took longer than {} s", START.as_secs());
                Some(Err(refused(agent, "starting the engine", late)))
            }
            Ok(Some(step)) => {
                self.step = Some(step);
                None
            }
            Err((stage, why)) => Some(Err(refused(agent, &stage, why))),
        }
    }

    fn wakes(&self) -> Vec<BorrowedFd<'_>> {
        match &self.step {
            Some(Step::Engine(engine)) => vec![engine.out.as_fd(), engine.err.as_fd()],
            Some(Step::Tap(_, tap)) => vec![tap.out.as_fd(), tap.err.as_fd()],
            Some(Step::Asked(_, _, exchange, _)) => vec![exchange.wakes()],
            None => Vec::new(),
        }
    }

    fn due(&self) -> Option<Instant> {
        Some(self.deadline)
    }
}

/// The engine gives its reasons itself: its guardians have looked for the cause.
fn refused(agent: &mut Agent, stage: &str, cause: String) -> Told {
    agent.tracer.tell(Event::Refused(Refusal {
        need: Need::Engine,
        stage: stage.into(),
        errno: None,
        cause,
        remedy: vec!["see what this machine can do: glassbox doctor".into()],
    }));
    Told
}

impl Agent {
    /// Tells what the tap has told.
    pub(in crate::sandbox) fn hear(&mut self) {
        let began = self.began;
        let heard = self.served.as_mut().map(|served| served.heard(began));
        for message in heard.into_iter().flatten() {
            self.tracer.tell(Event::Message(message));
        }
    }
}
