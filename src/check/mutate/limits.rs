//! The changes of limits: none, a wider one, a narrower one.

use super::change::{Change, told};
use crate::base::Bytes;
use crate::plan::{Controller, Count, Limit, Limits, Percent, Plan, Verb};

/// What becomes of a limit, and how that is called.
type Changed = (String, Limits);

/// Those of the groups, and those that actions set.
pub(super) fn changes(plan: &Plan) -> Vec<Change> {
    let mut changes = Vec::new();
    for (index, group) in plan.cgroups.iter().enumerate() {
        let mut add = |how: String, limits: Limits| {
            let mut plan = plan.clone();
            let group = &mut plan.cgroups[index];
            // What is looked at stays.
            group.controllers = group.needs();
            group.limits = limits;
            changes.push(Change::new(
                format!("the group `{}` {how}", group.name),
                plan,
            ));
        };
        for (how, limits) in of(&group.limits) {
            add(how, limits);
        }
        for controller in group.needs() {
            if let Some((how, limits)) = narrowed(&group.limits, controller) {
                add(how, limits);
            }
        }
    }
    for (index, action) in plan.actions.iter().enumerate() {
        let Verb::SetLimits(set) = &action.verb else {
            continue;
        };
        for (how, limits) in of(&set.limits) {
            let mut plan = plan.clone();
            let mut set = set.clone();
            set.limits = limits;
            plan.actions[index].verb = Verb::SetLimits(set);
            let what = told(index, action);
            changes.push(Change::new(format!("{what} {how}"), plan));
        }
    }
    changes
}

/// Each limit left out, doubled, and halved.
fn of(limits: &Limits) -> Vec<Changed> {
    let mut found = Vec::new();
    let mut add = |how: String, change: &dyn Fn(&mut Limits)| {
        let mut changed = limits.clone();
        change(&mut changed);
        found.push((how, changed));
    };
    if let Some(weight) = limits.cpu_weight {
        add("without its weight".into(), &|it| it.cpu_weight = None);
        for other in [weight.saturating_mul(2), weight / 2] {
            add(format!("with the weight {other}"), &|it| {
                it.cpu_weight = Some(other);
            });
        }
    }
    if let Some(limit) = limits.cpu_max {
        add("without its ceiling of CPU time".into(), &|it| {
            it.cpu_max = None;
        });
        for other in around(
            limit,
            |Percent(n), by| Percent(by.of(n.into()) as u32),
            A_TENTH,
        ) {
            add(format!("with a ceiling of {other} of a CPU"), &|it| {
                it.cpu_max = Some(other);
            });
        }
    }
    if let Some(limit) = limits.memory {
        add("without its limit of memory".into(), &|it| it.memory = None);
        for other in around(limit, |Bytes(n), by| Bytes(by.of(n)), FEW_BYTES) {
            add(format!("with {other} of memory"), &|it| {
                it.memory = Some(other);
            });
        }
    }
    if let Some(together) = limits.oom_group {
        let how = match together {
            true => "whose members are killed one by one",
            false => "whose members are killed together",
        };
        add(how.into(), &|it| it.oom_group = Some(!together));
    }
    if let Some(limit) = limits.pids {
        add("without its limit of processes".into(), &|it| {
            it.pids = None
        });
        for other in around(limit, |Count(n), by| Count(by.of(n)), FEW) {
            add(format!("with {other} processes at most"), &|it| {
                it.pids = Some(other);
            });
        }
    }
    if let Some(limit) = limits.read_rate {
        add("without its limit of reads".into(), &|it| {
            it.read_rate = None;
        });
        for other in around(limit, |Bytes(n), by| Bytes(by.of(n)), FEW_BYTES) {
            add(format!("with reads of {other} a second"), &|it| {
                it.read_rate = Some(other);
            });
        }
    }
    found
}

const A_TENTH: Percent = Percent(10);
const FEW_BYTES: Bytes = Bytes(8 << 20);
const SLOW_BYTES: Bytes = Bytes(1 << 20);
const FEW: Count = Count(4);

/// A limit where there was none, for a group that has the controller.
fn narrowed(limits: &Limits, controller: Controller) -> Option<Changed> {
    let mut changed = limits.clone();
    match controller {
        Controller::Cpu => {
            changed.cpu_max.is_none().then_some(())?;
            changed.cpu_max = Some(Limit::At(A_TENTH));
        }
        Controller::Memory => {
            changed.memory.is_none().then_some(())?;
            changed.memory = Some(Limit::At(FEW_BYTES));
        }
        Controller::Pids => {
            changed.pids.is_none().then_some(())?;
            changed.pids = Some(Limit::At(FEW));
        }
        Controller::Io => {
            changed.read_rate.is_none().then_some(())?;
            changed.read_rate = Some(Limit::At(SLOW_BYTES));
        }
        Controller::Freezer => return None,
    }
    Some((format!("with a limit of {controller}"), changed))
}

/// By how much a limit is changed.
#[derive(Clone, Copy)]
enum By {
    Twice,
    Half,
}

impl By {
    fn of(self, n: u64) -> u64 {
        match self {
            By::Twice => n.saturating_mul(2),
            By::Half => (n / 2).max(1),
        }
    }
}

/// Twice and half of a limit; something small instead of none.
fn around<T: Copy>(limit: Limit<T>, scale: impl Fn(T, By) -> T, small: T) -> Vec<Limit<T>> {
    match limit {
        Limit::Max => vec![Limit::At(small)],
        Limit::At(value) => [By::Twice, By::Half]
            .map(|by| Limit::At(scale(value, by)))
            .to_vec(),
    }
}
