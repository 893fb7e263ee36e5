//! `watch`: looks at groups again and again, until it is enough.

use crate::base::Nanos;
use crate::plan::{FactRef, MOVING_FACTS, Sample, Value, Watch};
use crate::sandbox::agent::{Agent, Job, has_ended};
use crate::sandbox::wire::tracer::Told;
use crate::sandbox::wire::{Reply, Task};
use nix::unistd::Pid;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

/// What a watch sees at one moment: statistics by name.
type Sampled = Vec<(String, Value)>;

/// A `watch` under way.
struct Watching {
    task: Task,
    watch: Watch,
    /// The process whose end is that of the watch.
    until: Option<Pid>,
    started: Instant,
    next: Instant,
    /// The first sample and the last.
    ends: Option<[Sampled; 2]>,
    enough: bool,
}

impl Agent {
    /// `watch`
    pub(in crate::sandbox) fn watch(&mut self, task: &Task, watch: &Watch) -> Box<dyn Job> {
        let until = watch.until.as_ref();
        let started = Instant::now();
        Box::new(Watching {
            until: until.and_then(|name| self.children.pids(name)?.first().copied()),
            task: task.clone(),
            watch: watch.clone(),
            started,
            next: started,
            ends: None,
            enough: false,
        })
    }
}

impl Job for Watching {
    fn step(&mut self, agent: &mut Agent) -> Option<Result<Reply, Told>> {
        let (every, time) = (
            duration(self.watch.every).max(Duration::from_millis(10)),
            duration(self.watch.time),
        );
        // At least one sample, whatever has ended already.
        let ended = self.until.is_some_and(has_ended);
        let over = self.enough || ended;
        if !(over && self.ends.is_some()) {
            if Instant::now() < self.next {
                return None;
            }
            self.sample(agent);
            self.next += every;
            let left = self.next.saturating_duration_since(Instant::now());
            if self.started.elapsed() + left <= time && !over {
                return None;
            }
        }
        // What an end left behind is the last thing to see.
        if ended {
            self.sample(agent);
        }
        if let (Some(name), Some([first, last])) = (&self.task.action.result, &self.ends) {
            tell_growth(agent, name, first, last);
        }
        Some(Ok(Reply::Done))
    }

    fn wakes(&self) -> Vec<BorrowedFd<'_>> {
        Vec::new()
    }

    fn due(&self) -> Option<Instant> {
        Some(self.next)
    }

    fn enough(&mut self) {
        self.enough = true;
    }
}

impl Watching {
    fn sample(&mut self, agent: &mut Agent) {
        let groups = self.watch.groups.iter();
        let groups = groups.filter_map(|name| Some((name, self.task.groups.get(name)?)));
        let values: Sampled = groups
            .flat_map(|(name, group)| crate::probe::samples(name, group))
            .collect();
        self.ends = Some(match self.ends.take() {
            None => [values.clone(), values.clone()],
            Some([first, _]) => [first, values.clone()],
        });
        // Without a group there is nothing to see, but an end to await.
        if values.is_empty() {
            return;
        }
        let place = agent.tracer.place.clone();
        let named = |(name, value)| {
            let id = FactRef {
                seen_from: place.clone(),
                about: None,
                name,
                moment: None,
            };
            (id, value)
        };
        let values = values.into_iter().map(named).collect();
        let at = agent.began.elapsed().as_nanos() as i64;
        agent
            .tracer
            .tell(crate::plan::Event::Sample(Sample { at, values }));
    }
}

/// By how much each statistic grew while it was watched: no moment but those of
/// the two samples counts.
fn tell_growth(agent: &mut Agent, watch: &str, first: &Sampled, last: &Sampled) {
    let moves = |fact: &str| {
        let statistic = fact.split_once('.').map(|(_, statistic)| statistic);
        statistic.is_some_and(|statistic| MOVING_FACTS.contains(&statistic))
    };
    for (fact, value) in last.iter().filter(|(fact, _)| moves(fact)) {
        let before = first.iter().find(|(name, _)| name == fact);
        if let (Some((_, Value::Number(before, _))), Value::Number(after, unit)) = (before, value) {
            let grown = Value::Number(after - before, *unit);
            let source = "the last sample minus the first".to_string();
            agent.tracer.fact(format!("{watch}.{fact}"), grown, source);
        }
    }
}

fn duration(nanos: Nanos) -> Duration {
    Duration::from_nanos(nanos.0.max(0) as u64)
}
