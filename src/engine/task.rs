//! A container that runs: one run of the sandbox's, with a guardian of its own,
//! which is what containerd's shim is to a container of Docker's. Unlike a shim
//! it ends when the engine does.

use crate::base::Errno;
use crate::plan::{Action, Ending, Event, Place, Plan, Verb};
use crate::sandbox::{self, Answer, Control, Ends, Execute, Lease, Request, RequestId, Root, Size};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// The name of the one box and the one group of a container's run.
pub(super) const BOX: &str = "container";

/// A run with a root, and its first program.
pub(super) struct Task {
    control: Control,
    /// The first program, by the request that started it.
    program: RequestId,
    /// The process that acts in the box, as the host counts.
    pub(super) agent: i32,
}

/// What it is started with.
pub(super) struct Launch {
    pub(super) plan: Plan,
    pub(super) root: Root,
    pub(super) execute: Execute,
}

/// A task that has been started.
pub(super) struct Launched {
    pub(super) task: Task,
    pub(super) ends: Ends,
    pub(super) ended: Answers,
    pub(super) events: UnboundedReceiver<Event>,
}

/// Answers to one request.
pub(super) type Answers = UnboundedReceiver<Answer>;

/// Why a program doesn't run.
#[derive(Debug)]
pub(super) enum NotStarted {
    /// It can't be executed.
    NotRun(Errno),
    /// Something before that.
    Refused(String),
}

/// Makes the box, gives it its root and starts the program.
///
/// # Errors
/// Why it doesn't run. Then nothing is left of it.
pub(super) async fn launch(launch: Launch) -> Result<Launched, NotStarted> {
    let plan = launch.plan.check().map_err(|flaws| {
        let first = flaws.into_iter().next();
        NotStarted::Refused(first.map_or_else(String::new, |flaw| flaw.message))
    })?;
    let (tell, mut events) = unbounded_channel();
    let (control, _thread) = sandbox::start(plan, true, move |event| tell.send(event).is_ok())
        .map_err(|error| NotStarted::Refused(error.to_string()))?;
    let begun = begin(&control, &mut events, launch.root, launch.execute).await;
    match begun {
        Ok((task, ends, ended)) => Ok(Launched {
            task,
            ends,
            ended,
            events,
        }),
        Err(why) => {
            control.finish();
            gone(&mut events).await;
            Err(why)
        }
    }
}

/// Awaits that nothing is left of a run.
pub(super) async fn gone(events: &mut UnboundedReceiver<Event>) {
    while events.recv().await.is_some() {}
}

async fn begin(
    control: &Control,
    events: &mut UnboundedReceiver<Event>,
    root: Root,
    execute: Execute,
) -> Result<(Task, Ends, Answers), NotStarted> {
    let mut agent = None;
    // What it can do without is told, too.
    let mut refused = None;
    loop {
        match events.recv().await {
            Some(Event::BoxUp { pid, .. }) => agent = Some(pid),
            Some(Event::Holding) => break,
            Some(Event::Refused(refusal)) => refused = Some(refusal.to_string()),
            Some(Event::Broken { message }) => refused = Some(message),
            Some(_) => {}
            None => {
                let why = refused.unwrap_or_else(|| "the guardian has ended".into());
                return Err(NotStarted::Refused(why));
            }
        }
    }
    let agent = agent.ok_or_else(|| NotStarted::Refused("there is no box".into()))?;
    done(ask(control, Request::Root(Box::new(root))).1)
        .await
        .map_err(NotStarted::Refused)?;
    let (program, mut ended) = ask(control, Request::Execute(Box::new(execute)));
    let ends = started(&mut ended).await?;
    let task = Task {
        control: control.clone(),
        program,
        agent,
    };
    Ok((task, ends, ended))
}

/// Asks, and hears the answers.
fn ask(control: &Control, request: Request) -> (RequestId, Answers) {
    let (tell, answers) = unbounded_channel();
    let id = control.ask(request, Lease::default(), move |answer| {
        let _ = tell.send(answer);
    });
    (id, answers)
}

/// Awaits that something has been done.
async fn done(mut answers: Answers) -> Result<(), String> {
    match answers.recv().await {
        Some(Answer::Done) => Ok(()),
        Some(Answer::Refused(why)) => Err(why),
        Some(Answer::Started(_) | Answer::Ended(_)) | None => Err("the container has ended".into()),
    }
}

/// Awaits that a program runs.
async fn started(answers: &mut Answers) -> Result<Ends, NotStarted> {
    match answers.recv().await {
        Some(Answer::Started(ends)) => Ok(ends),
        Some(Answer::Ended(Ending::NotRun(errno))) => Err(NotStarted::NotRun(errno)),
        Some(Answer::Refused(why)) => Err(NotStarted::Refused(why)),
        Some(Answer::Ended(_) | Answer::Done) | None => {
            Err(NotStarted::Refused("the container has ended".into()))
        }
    }
}

/// The status of a program that has ended: that of exit(3), or 128 and the signal.
pub(super) async fn status(answers: &mut Answers) -> i32 {
    match answers.recv().await {
        Some(Answer::Ended(Ending::Exit(status))) => status,
        Some(Answer::Ended(Ending::Signal(name))) => {
            128 + super::names::signal(&name).unwrap_or(libc::SIGKILL)
        }
        Some(Answer::Ended(Ending::NotRun(_))) => 127,
        // Its guardian is gone, and all else with it.
        Some(Answer::Refused(_) | Answer::Done | Answer::Started(_)) | None => 128 + libc::SIGKILL,
    }
}

impl Task {
    /// Asks for the end of all of it.
    pub(super) fn finish(&self) {
        self.control.finish();
    }

    /// Sends the first program a signal.
    pub(super) async fn signal(&self, signal: i32) -> Result<(), String> {
        let program = self.program;
        done(ask(&self.control, Request::Signal { program, signal }).1).await
    }

    /// Gives a program's terminal another size; the first one's without a number.
    pub(super) async fn resize(
        &self,
        program: Option<RequestId>,
        size: Size,
    ) -> Result<(), String> {
        let program = program.unwrap_or(self.program);
        done(ask(&self.control, Request::Resize { program, size }).1).await
    }

    /// Stops everything in it, or lets it go on.
    pub(super) async fn freeze(&self, frozen: bool) -> Result<(), String> {
        let name = BOX.parse().map_err(|_| "the group's name".to_string())?;
        let action = Action {
            place: Place::Host,
            verb: match frozen {
                true => Verb::Freeze(name),
                false => Verb::Thaw(name),
            },
            result: None,
            of: None,
            at: None,
            say: None,
            at_once: false,
        };
        done(ask(&self.control, Request::Act(Box::new(action))).1).await
    }

    /// Starts a program beside the first one.
    pub(super) async fn execute(
        &self,
        execute: Execute,
    ) -> Result<(RequestId, Ends, Answers), NotStarted> {
        let (id, mut answers) = ask(&self.control, Request::Execute(Box::new(execute)));
        let ends = started(&mut answers).await?;
        Ok((id, ends, answers))
    }
}
