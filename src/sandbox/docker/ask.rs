//! `api` and `container`: requests of our own.

use super::http::{Answer, Exchange};
use super::settle::Settling;
use crate::base::{Errno, chain};
use crate::plan::{Api, BoxName, Unit, Value};
use crate::sandbox::agent::{Agent, Job};
use crate::sandbox::wire::tracer::Told;
use crate::sandbox::wire::{Reply, Task};
use serde_json::Value as Json;
use std::os::fd::BorrowedFd;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(10);

/// A request through the tap.
struct Asking {
    exchange: Option<Exchange>,
    settling: Option<Settling>,
    name: Option<String>,
    api: Api,
    deadline: Instant,
}

/// A look for a container.
struct Looking {
    exchange: Exchange,
    name: BoxName,
    result: Option<String>,
    deadline: Instant,
}

impl Agent {
    /// `api`
    pub(in crate::sandbox) fn api(&mut self, task: &Task, api: &Api) -> Result<Box<dyn Job>, Told> {
        let stream = self.served.as_mut().map(|served| served.connect());
        let begun = match stream {
            None => return Err(self.no_engine("api")),
            Some(stream) => stream
                .and_then(|it| Exchange::begin(it, &api.method, &api.path, api.body.as_deref())),
        };
        let exchange = begun.map_err(|error| self.unasked("api", &chain(&error)))?;
        Ok(Box::new(Asking {
            exchange: Some(exchange),
            settling: None,
            name: task.action.result.clone(),
            api: api.clone(),
            deadline: Instant::now() + ANSWER,
        }))
    }

    /// `container`
    pub(in crate::sandbox) fn container(
        &mut self,
        task: &Task,
        name: &BoxName,
    ) -> Result<Box<dyn Job>, Told> {
        let Some(served) = &self.served else {
            return Err(self.no_engine("container"));
        };
        let path = format!("/containers/{name}/json");
        let begun = UnixStream::connect(served.socket())
            .and_then(|stream| Exchange::begin(stream, "GET", &path, None));
        let exchange = begun.map_err(|error| self.unasked("container", &chain(&error)))?;
        Ok(Box::new(Looking {
            exchange,
            name: name.clone(),
            result: task.action.result.clone(),
            deadline: Instant::now() + ANSWER,
        }))
    }

    /// A verb that needs an engine came before it.
    pub(in crate::sandbox) fn no_engine(&mut self, verb: &str) -> Told {
        let message = format!("`{verb}`: no engine serves yet; start it first (`engine`)");
        self.tracer.broken(message)
    }

    fn unasked(&mut self, verb: &str, why: &str) -> Told {
        self.tracer
            .broken(format!("`{verb}`: the engine could not be asked: {why}"))
    }
}

impl Asking {
    fn tell(&self, agent: &mut Agent, answer: &Answer) {
        let Some(name) = &self.name else { return };
        let source = format!("{} {}", self.api.method, self.api.path);
        let status = Value::Number(i64::from(answer.status), Unit::Id);
        agent
            .tracer
            .fact(name.clone(), status, format!("{source}, status"));
        let text = String::from_utf8_lossy(&answer.body);
        let body = Value::Text(text.trim_end_matches('\n').into());
        agent
            .tracer
            .fact(format!("{name}.body"), body, source.clone());
        let document = answer.document();
        for field in &self.api.show {
            let value = match field.split('.').try_fold(&document, part) {
                Some(Json::Null) => Ok(Value::Text("null".into())),
                Some(Json::Bool(flag)) => Ok(Value::Flag(*flag)),
                Some(Json::String(text)) => Ok(Value::Text(text.clone())),
                Some(Json::Number(number)) => match number.as_i64() {
                    Some(number) => Ok(Value::Number(number, Unit::Id)),
                    None => Ok(Value::Text(number.to_string())),
                },
                Some(Json::Array(items)) => Ok(Value::List(items.iter().map(word).collect())),
                Some(document @ Json::Object(_)) => Ok(Value::Text(document.to_string())),
                None => Err(format!("the answer has no field {field}")),
            };
            let name = format!("{name}.{field}");
            agent
                .tracer
                .observed(None, None, name, value, format!("{source}, {field}"));
        }
    }
}

/// A field of an object, or the item of that number of a list.
fn part<'j>(whole: &'j Json, name: &str) -> Option<&'j Json> {
    match name.parse::<usize>() {
        Ok(number) if whole.is_array() => whole.get(number),
        Ok(_) | Err(_) => whole.get(name),
    }
}

/// One of a list.
fn word(item: &Json) -> String {
    item.as_str().map_or_else(|| item.to_string(), String::from)
}

impl Job for Asking {
    fn step(&mut self, agent: &mut Agent) -> Option<Result<Reply, Told>> {
        if let Some(exchange) = &mut self.exchange {
            match exchange.step() {
                Some(Ok(answer)) => {
                    self.exchange = None;
                    self.settling = Some(Settling::begin(agent));
                    self.tell(agent, &answer);
                    if self.name.is_none() && !answer.is_done() {
                        let told = answer.told();
                        let api = &self.api;
                        return Some(Err(agent.tracer.broken(format!(
                            "`api`: {} {}: {told}; give the action a name with `as` if it is \
                             meant to",
                            api.method, api.path
                        ))));
                    }
                }
                Some(Err(error)) => return Some(Err(agent.unasked("api", &chain(&error)))),
                None if Instant::now() >= self.deadline => {
                    let late = format!("no answer within {} s", ANSWER.as_secs());
                    return Some(Err(agent.unasked("api", &late)));
                }
                None => return None,
            }
        }
        let settling = self.settling.as_mut()?;
        settling.step(agent).then_some(Ok(Reply::Done))
    }

    fn wakes(&self) -> Vec<BorrowedFd<'_>> {
        let settling = self.settling.as_ref().and_then(Settling::wakes);
        let exchange = self.exchange.as_ref().map(Exchange::wakes);
        exchange.into_iter().chain(settling).collect()
    }

    fn due(&self) -> Option<Instant> {
        let settling = self.settling.as_ref();
        Some(settling.map_or(self.deadline, Settling::due))
    }
}

impl Job for Looking {
    fn step(&mut self, agent: &mut Agent) -> Option<Result<Reply, Told>> {
        let answer = match self.exchange.step() {
            Some(Ok(answer)) => answer,
            Some(Err(error)) => return Some(Err(agent.unasked("container", &chain(&error)))),
            None if Instant::now() >= self.deadline => {
                let late = format!("no answer within {} s", ANSWER.as_secs());
                return Some(Err(agent.unasked("container", &late)));
            }
            None => return None,
        };
        let pid = answer.document()["State"]["Pid"].as_i64().unwrap_or(0);
        let pid = i32::try_from(pid).ok().filter(|pid| *pid > 0);
        let result = match (answer.is_done(), pid) {
            (true, Some(_)) => Ok(()),
            // It is there, and no process of it.
            (true, None) => Err(Errno(libc::ESRCH)),
            (false, _) => Err(Errno(libc::ENOENT)),
        };
        if let (Some(name), text) = (&self.result, result.err()) {
            let text = text.map_or("ok".to_string(), Errno::name);
            let source = format!("GET /containers/{}/json, State.Pid", self.name);
            agent.tracer.fact(name.clone(), Value::Text(text), source);
        } else if let Err(errno) = result {
            let name = &self.name;
            let what = match errno.0 {
                libc::ESRCH => "has no process any more",
                _ => "isn't there",
            };
            return Some(Err(agent.tracer.broken(format!(
                "`container`: the container `{name}` {what}; give the action a name with `as` \
                 if that is meant to be"
            ))));
        }
        Some(Ok(match pid {
            Some(child) => Reply::Created { child },
            None => Reply::Done,
        }))
    }

    fn wakes(&self) -> Vec<BorrowedFd<'_>> {
        vec![self.exchange.wakes()]
    }

    fn due(&self) -> Option<Instant> {
        Some(self.deadline)
    }
}
