//! `docker`: a line for a Docker client, which is confined as any program is. What it
//! asks of the engine is all that it can do.

use super::run::{Line, Running};
use crate::base::chain;
use crate::plan::{Event, Message, SOCKET, STAND_IN, Said, Value};
use crate::sandbox::agent::{Agent, Job};
use crate::sandbox::base::anew::OWN_FILE;
use crate::sandbox::base::search;
use crate::sandbox::docker::Settling;
use crate::sandbox::wire::tracer::Told;
use crate::sandbox::wire::{Reply, Task};
use std::os::fd::BorrowedFd;
use std::path::PathBuf;
use std::time::Instant;

/// A client at work; after its end, what is to be told of it.
struct Client {
    running: Running,
    settling: Option<Settling>,
}

impl Agent {
    /// `docker`
    pub(in crate::sandbox) fn docker(
        &mut self,
        task: &Task,
        argv: &[String],
    ) -> Result<Box<dyn Job>, Told> {
        let Some(served) = &self.served else {
            return Err(self.no_engine("docker"));
        };
        let (tapped, configuration) = (served.tapped(), served.directory.join("client"));
        if let Err(error) = std::fs::create_dir_all(&configuration) {
            let message = format!("`docker`: {}: {}", configuration.display(), chain(&error));
            return Err(self.tracer.broken(message));
        }
        let found = search::find_program("docker");
        let ours = found.is_none();
        let mut shown = vec!["docker".to_string()];
        shown.extend(self.placed(argv));
        if let Some(name) = &task.action.result {
            let whose = if ours { "glassbox" } else { "docker" };
            let source = match &found {
                Some(file) => file.display().to_string(),
                None => "no docker on the PATH: the course's own client".into(),
            };
            let whose = Value::Text(whose.into());
            self.tracer.fact(format!("{name}.client"), whose, source);
        }
        self.tracer.tell(Event::Message(Message {
            at: i64::try_from(self.began.elapsed().as_nanos()).unwrap_or(i64::MAX),
            connection: 0,
            said: Said::Command {
                argv: shown.clone(),
                ours,
            },
        }));
        let line = Line {
            // Its name and all that follows are as they would be typed.
            arguments: match ours {
                true => shown.clone(),
                false => shown[1..].to_vec(),
            },
            program: if ours {
                "glassbox".into()
            } else {
                shown[0].clone()
            },
            file: found.unwrap_or_else(own_file),
            environment: vec![
                ("DOCKER_HOST", format!("unix://{}", tapped.display())),
                ("DOCKER_CONFIG", configuration.display().to_string()),
                ("DOCKER_BUILDKIT", "0".into()),
            ],
            shown,
        };
        let running = self.start_line(task, line)?;
        Ok(Box::new(Client {
            running,
            settling: None,
        }))
    }

    /// Arguments with the engine's own paths in their places.
    pub(super) fn placed(&self, argv: &[String]) -> Vec<String> {
        let Some(served) = &self.served else {
            return argv.to_vec();
        };
        let (host, socket) = (served.stand_in(), served.socket());
        let placed = argv.iter().map(|word| {
            word.replace(STAND_IN, &host.to_string_lossy())
                .replace(SOCKET, &socket.to_string_lossy())
        });
        placed.collect()
    }
}

/// This program by its name, by which the kernel calls it then; else by what executes
/// it whatever has become of its name.
fn own_file() -> PathBuf {
    let named = std::env::current_exe().ok();
    let named = named.filter(|file| file.exists());
    named.unwrap_or_else(|| PathBuf::from(OWN_FILE))
}

impl Job for Client {
    fn step(&mut self, agent: &mut Agent) -> Option<Result<Reply, Told>> {
        if self.settling.is_none() {
            match self.running.step(agent)? {
                Ok(_) => self.settling = Some(Settling::begin(agent)),
                Err(told) => return Some(Err(told)),
            }
        }
        let settling = self.settling.as_mut()?;
        settling.step(agent).then_some(Ok(Reply::Done))
    }

    fn wakes(&self) -> Vec<BorrowedFd<'_>> {
        match &self.settling {
            Some(settling) => settling.wakes().into_iter().collect(),
            None => self.running.wakes(),
        }
    }

    fn due(&self) -> Option<Instant> {
        match &self.settling {
            Some(settling) => Some(settling.due()),
            None => self.running.due(),
        }
    }
}
