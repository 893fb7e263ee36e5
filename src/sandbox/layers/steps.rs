//! Work on many files, told: the first calls one by one, the rest counted.

use crate::base::{Errno, chain};
use crate::image::{self, Returned, Step, Steps};
use crate::sandbox::agent::Agent;
use crate::sandbox::wire::Task;
use crate::sandbox::wire::tracer::{Told, Tracer};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How many calls of one action are told one by one.
const MOST_TOLD: usize = 40;

/// Tells the first calls one by one, and those that follow as one of each name.
pub(in crate::sandbox) struct Many<'t> {
    tracer: &'t mut Tracer,
    most: usize,
    told: usize,
    rest: BTreeMap<&'static str, (usize, i64, Duration)>,
}

impl<'t> Many<'t> {
    /// So many at most are told one by one.
    pub(in crate::sandbox) fn new(tracer: &'t mut Tracer, most: usize) -> Many<'t> {
        Many {
            tracer,
            most,
            told: 0,
            rest: BTreeMap::new(),
        }
    }

    /// Makes a call that speaks for itself.
    pub(in crate::sandbox) fn call<T: Returned>(
        &mut self,
        name: &'static str,
        args: String,
        make: impl FnOnce() -> Result<T, Errno>,
    ) -> Result<T, Errno> {
        let before = Instant::now();
        let made = make();
        self.hear(Step {
            name,
            args,
            why: "",
            result: made.as_ref().map(Returned::number).map_err(|errno| *errno),
            took: before.elapsed(),
        });
        made
    }

    /// Hears of a call that was made elsewhere.
    pub(in crate::sandbox) fn hear(&mut self, step: Step) {
        // What failed is always worth a line of its own.
        if self.told < self.most || step.result.is_err() {
            self.told += 1;
            let Step { name, args, .. } = step;
            self.tracer
                .timed(name, args, step.why, &step.result, step.took);
            return;
        }
        let (count, sum, took) = self.rest.entry(step.name).or_default();
        *count += 1;
        *sum += step.result.unwrap_or(0);
        *took += step.took;
    }

    /// Tells those that were only counted.
    pub(in crate::sandbox) fn finish(self) {
        for (name, (count, sum, took)) in self.rest {
            let args = format!("… and {count} more of them");
            self.tracer
                .timed(name, args, "all that they returned, added", &Ok(sum), took);
        }
    }
}

impl Agent {
    /// Does such work and tells it. The outer error says that the run can't go
    /// on; the inner one is an answer of the kernel's that the action has a
    /// name for.
    pub(in crate::sandbox) fn work<T>(
        &mut self,
        task: &Task,
        work: impl FnOnce(Steps<'_>) -> Result<T, image::Error>,
    ) -> Result<Result<T, Errno>, Told> {
        let mut many = Many::new(&mut self.tracer, MOST_TOLD);
        let done = work(&mut |step| many.hear(step));
        many.finish();
        let action = &task.action;
        match done {
            Ok(done) => Ok(Ok(done)),
            Err(image::Error::Refused(need, stage, errno)) => {
                Err(self.tracer.refused(need, &stage, Some(errno)))
            }
            Err(image::Error::Kernel(_, errno)) if action.result.is_some() => Ok(Err(errno)),
            Err(error) => Err(self.tracer.broken(format!(
                "`{}` in `{}`: {}",
                action.verb.name(),
                action.place,
                chain(&error)
            ))),
        }
    }
}
