//! One process beside the observer, whole.

use super::container::facts;
use super::form::{Report, VERSION};
use super::list::known;
use super::rows::sections;
use super::sides::{Sides, is_apart};
use super::verdict::verdict;
use super::warnings::warnings;
use crate::plan::{FactRef, Unit, Value};
use crate::probe::limits::Ceiling;
use crate::probe::{Process, Target};
use std::collections::HashMap;

/// Judges one process. `above` are its parents, as far as they can be seen;
/// `all` the capabilities that process 1 here may have.
pub fn report(theirs: &Target, yours: &Target, above: &[Process], all: u64) -> Report {
    let sides = Sides { theirs, yours, all };
    let by_pid: HashMap<i32, &Process> = above.iter().map(|one| (one.pid, one)).collect();
    let process = &theirs.process;
    let apart = is_apart(process, &yours.process);
    let known = known(process, &by_pid, apart, &yours.process);
    let facts = facts(&sides);
    Report {
        version: VERSION,
        pid: process.pid,
        start: process.stat.start,
        name: process.stat.name.clone(),
        kind: known.kind,
        id: known.id,
        because: known.because,
        verdict: verdict(&sides, &facts, known.kind),
        warnings: warnings(&sides),
        facts,
        sections: sections(&sides),
        live: live(&sides),
        layers: theirs.layers.as_ref().ok().cloned(),
    }
}

/// What its group uses, and the limits that hold, as numbers for curves.
fn live(sides: &Sides) -> Vec<(FactRef, Value)> {
    let mut values = Vec::new();
    let mut add = |name: String, value: u64, unit| {
        let value = i64::try_from(value).unwrap_or(i64::MAX);
        let fact = format!("host/{name}").parse();
        values.extend(fact.ok().map(|fact| (fact, Value::Number(value, unit))));
    };
    for ceiling in Ceiling::ALL {
        let unit = match ceiling {
            Ceiling::Memory => Unit::Bytes,
            Ceiling::Pids => Unit::Count,
            Ceiling::Cpu => Unit::Nanos,
        };
        let name = ceiling.controller();
        if let Some(Ok(used)) = sides.limited(ceiling).map(|one| &one.used) {
            add(format!("{name}.used"), *used, unit);
        }
        // A ceiling of CPU time has another unit than the time used.
        if let (true, Ok(Some(least))) = (ceiling != Ceiling::Cpu, sides.least(ceiling)) {
            add(format!("{name}.max"), least.value, unit);
        }
    }
    values
}
