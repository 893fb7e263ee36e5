//! What this host can and can't do, found by doing it.
//!
//! Each [`Need`] gets the smallest plan that has it, and that plan is carried
//! out like any other: in a child, with everything removed at its end. Then each
//! demo of the course is run itself, so that what is said of it here is what it
//! comes to when it is run. No setting is read to guess at an answer.

use super::{Agreed, Outcome, Record, Run};
use crate::base::{Errno, chain};
use crate::course::{Course, KnobValues, Origin, StepId};
use crate::plan::{
    self, Action, BoxName, BoxSpec, CHILD_CGROUP, CgroupSpec, Ending, Event, Fact, History, Limits,
    Medium, Namespace, Need, Place, Plan, Probe, Propagation, Refusal, Store, Verb, Veth,
};
use crate::probe::host::{Settings, explain};
use crate::sandbox::find_program;
use std::path::Path;

/// Something that lessons need of a host, and whether this one has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ability {
    /// What it is.
    pub need: Need,
    /// Why it can't be had; `None` if it can.
    pub refusal: Option<Refusal>,
    /// The steps that can't run without it.
    pub steps: Vec<StepId>,
}

/// Tries everything that the course's demos need: the eight namespaces, what
/// hangs on them, and each program; then runs each demo of the built-in course.
/// `only_these`: nothing but what these steps need.
pub fn doctor(course: &Course, steps: &[StepId], only_these: bool) -> Vec<Ability> {
    let mut asked = demands(course);
    asked.retain(|(step, _)| steps.contains(step));
    let basics = Namespace::ALL.map(Need::Namespace).into_iter().chain([
        Need::Proc,
        Need::Veth,
        Need::ChildCgroup,
    ]);
    let mut needs: Vec<Need> = basics.filter(|_| !only_these).collect();
    for (_, step_needs) in &asked {
        for need in step_needs {
            if !needs.contains(need) {
                needs.push(need.clone());
            }
        }
    }
    let mut abilities = Vec::new();
    for need in needs {
        let refusal = attempt(&need, &course.origin);
        if let Some(refusal) = refusal
            .as_ref()
            .filter(|refusal| refusal.need == Need::Guardian)
        {
            // Nothing else can be found out.
            let steps = asked.into_iter().map(|(step, _)| step).collect();
            return vec![Ability {
                need: Need::Guardian,
                refusal: Some(refusal.clone()),
                steps,
            }];
        }
        let costs = asked.iter().filter(|(_, needs)| needs.contains(&need));
        let steps = costs.map(|(step, _)| step.clone()).collect();
        abilities.push(Ability {
            need,
            refusal,
            steps,
        });
    }
    // A stranger's demos are run only by who agrees to it.
    if course.origin == Origin::Embedded {
        rehearse(course, steps, &mut abilities);
    }
    abilities
}

/// Runs each demo, as a step does, and corrects what the smallest plans have told:
/// what is refused only in a demo's own setting, and what it can do without.
fn rehearse(course: &Course, steps: &[StepId], abilities: &mut Vec<Ability>) {
    let mut skipped: Vec<(StepId, Refusal)> = Vec::new();
    for (_, step) in course.steps() {
        let Some(demo) = step.demo().filter(|_| steps.contains(&step.meta.id)) else {
            continue;
        };
        let Ok(scenario) = demo.scenario(&KnobValues::new()) else {
            continue;
        };
        let Ok(run) = Run::events(&Agreed::own(scenario.plan.clone()), false) else {
            continue;
        };
        let history = History::from(run.events.iter().collect::<Vec<Event>>());
        if let Outcome::Skipped(refusal) = Record::new(scenario, history).outcome {
            skipped.push((step.meta.id.clone(), refusal));
        }
    }
    for ability in abilities.iter_mut() {
        let is_skipped = |step: &StepId| skipped.iter().any(|(other, _)| other == step);
        if ability.refusal.is_some() {
            ability.steps.retain(is_skipped);
        }
    }
    for (step, refusal) in skipped {
        let told = abilities
            .iter_mut()
            .find(|ability| ability.need == refusal.need);
        match told {
            Some(ability) if ability.refusal.is_some() => {
                if !ability.steps.contains(&step) {
                    ability.steps.push(step);
                }
            }
            // It can be had, but not so as this demo needs it.
            _ => match abilities
                .iter_mut()
                .find(|ability| ability.refusal.as_ref() == Some(&refusal))
            {
                Some(ability) => ability.steps.push(step),
                None => abilities.push(Ability {
                    need: refusal.need.clone(),
                    refusal: Some(refusal),
                    steps: vec![step],
                }),
            },
        }
    }
}

/// What each demo can't do without. A box whose missing namespaces are fine
/// asks for none of them, and a group that may be missing for nothing.
fn demands(course: &Course) -> Vec<(StepId, Vec<Need>)> {
    let mut found = Vec::new();
    for (_, step) in course.steps() {
        let Some(demo) = step.demo() else { continue };
        // A demo that can't be instantiated has no needs; lint tells of it.
        let Ok(scenario) = demo.scenario(&KnobValues::new()) else {
            continue;
        };
        let mut plan = scenario.plan.into_plan();
        plan.cgroups.retain(|group| !group.missing_ok);
        for spec in &mut plan.boxes {
            if spec.missing_ok {
                spec.proc = Some(spec.mounts_proc());
                spec.namespaces.clear();
            }
        }
        found.push((step.meta.id.clone(), plan.needs()));
    }
    found
}

/// Tries one thing.
fn attempt(need: &Need, origin: &Origin) -> Option<Refusal> {
    match need {
        Need::Program(name) => match origin {
            Origin::Embedded => try_program(need, name),
            // A stranger's pack must not get a program run by being looked at.
            Origin::Disk(_) => seek_program(need, name),
        },
        Need::Namespace(ns) => try_namespace(need, *ns),
        Need::Proc
        | Need::Veth
        | Need::ChildCgroup
        | Need::Cgroup(_)
        | Need::Overlay
        | Need::Guardian
        | Need::Call(_)
        | Need::Hostname(_)
        | Need::Loopback
        | Need::OtherId
        | Need::Queues
        | Need::CgroupTree
        | Need::Engine => {
            let plan = smallest_plan(need);
            carry_out(need, plan).err()
        }
    }
}

/// The smallest plan that has this need.
fn smallest_plan(need: &Need) -> Plan {
    let made = |name: &str, namespaces: &[Namespace]| spec(name, namespaces);
    match need {
        Need::Namespace(ns) => Plan {
            boxes: vec![made("box", &[*ns])],
            actions: vec![look(Place::Host), look(Place::Box(named("box")))],
            ..Plan::default()
        },
        Need::Proc => Plan {
            boxes: vec![made("box", &[Namespace::Pid, Namespace::Mount])],
            actions: vec![look(Place::Box(named("box")))],
            ..Plan::default()
        },
        Need::Veth => Plan {
            boxes: vec![made("a", &[Namespace::Net]), made("b", &[Namespace::Net])],
            actions: vec![action(
                Place::Host,
                Verb::Veth(Veth {
                    between: [named("a"), named("b")],
                    addresses: ["10.0.0.1/24".into(), "10.0.0.2/24".into()],
                }),
            )],
            ..Plan::default()
        },
        Need::ChildCgroup => Plan {
            boxes: vec![BoxSpec {
                cgroup: Some(named(CHILD_CGROUP)),
                ..made("box", &[])
            }],
            actions: vec![look(Place::Box(named("box")))],
            ..Plan::default()
        },
        Need::Cgroup(controller) => Plan {
            cgroups: vec![CgroupSpec {
                name: named("group"),
                parent: None,
                controllers: vec![*controller],
                limits: Limits::default(),
                missing_ok: false,
            }],
            ..Plan::default()
        },
        Need::Overlay => Plan {
            boxes: vec![made("box", &[Namespace::Mount])],
            actions: vec![action(
                Place::Box(named("box")),
                Verb::Store(Store {
                    path: "/mnt".into(),
                    on: Medium::Auto,
                    size: None,
                }),
            )],
            ..Plan::default()
        },
        // No plan asks for them: they are told by the run of a demo itself.
        Need::Guardian
        | Need::Call(_)
        | Need::Hostname(_)
        | Need::Loopback
        | Need::OtherId
        | Need::Queues
        | Need::CgroupTree => Plan::default(),
        Need::Engine => Plan {
            actions: vec![action(Place::Host, Verb::Engine(named("engine")))],
            ..Plan::default()
        },
        Need::Program(name) => Plan {
            actions: vec![action(
                Place::Host,
                Verb::Run(vec![name.clone(), "--version".into()]),
            )],
            ..Plan::default()
        },
    }
}

/// A namespace can be had if a box's inode differs from the host's.
fn try_namespace(need: &Need, ns: Namespace) -> Option<Refusal> {
    let history = match carry_out(need, smallest_plan(need)) {
        Ok(history) => history,
        Err(refusal) => return Some(refusal),
    };
    let inode = |place: &str| {
        let id = format!("{place}/ns.{}", ns.proc_name()).parse().ok()?;
        history.fact(&id).and_then(|fact: &Fact| fact.value.clone())
    };
    match (inode("host"), inode("box")) {
        (Some(outside), Some(inside)) if outside != inside => None,
        (outside, inside) => Some(Refusal {
            need: need.clone(),
            stage: format!("readlink(\"/proc/self/ns/{}\")", ns.proc_name()),
            errno: None,
            cause: format!(
                "the call succeeded, but the box shows {} and the host {}",
                inside.map_or_else(|| "nothing".into(), |value| value.to_string()),
                outside.map_or_else(|| "nothing".into(), |value| value.to_string()),
            ),
            remedy: Vec::new(),
        }),
    }
}

/// A program can be had if execve(2) finds it; what it then says is no matter.
fn try_program(need: &Need, name: &str) -> Option<Refusal> {
    let history = match carry_out(need, smallest_plan(need)) {
        Ok(history) => history,
        Err(refusal) => return Some(refusal),
    };
    let ending = history.events().iter().find_map(|event| match event {
        Event::Output(output) => Some(&output.ending),
        _ => None,
    });
    match ending {
        Some(Ending::NotRun(errno)) => Some(no_program(need, name, Some(*errno))),
        Some(Ending::Exit(_) | Ending::Signal(_)) => None,
        None => Some(no_program(need, name, None)),
    }
}

/// Whether an executable file of that name is where the sandbox looks for one.
fn seek_program(need: &Need, name: &str) -> Option<Refusal> {
    match find_program(name) {
        Some(_) => None,
        None => Some(no_program(need, name, Some(Errno(libc::ENOENT)))),
    }
}

fn no_program(need: &Need, name: &str, errno: Option<Errno>) -> Refusal {
    let settings = Settings::read(Path::new("/proc"), Path::new("/sys"));
    explain(need, &format!("execve({name})"), errno, &settings)
}

/// Runs a plan of this module to its end.
fn carry_out(need: &Need, plan: Plan) -> Result<History, Refusal> {
    let failed = |stage: &str, cause: String| Refusal {
        need: need.clone(),
        stage: stage.into(),
        errno: None,
        cause,
        remedy: Vec::new(),
    };
    let plan = plan
        .check()
        .map_err(|flaws| failed("the attempt", plan::told(&flaws)))?;
    let run = Run::events(&Agreed::own(plan), false)
        .map_err(|why| failed("starting the helper", chain(&why)))?;
    let history = History::from(run.events.iter().collect::<Vec<Event>>());
    // What was told and hindered nothing is for a demo's own run to judge.
    if let Some(refusal) = history.refusals().last()
        && !history.completed()
    {
        return Err(refusal.clone());
    }
    match history.broken() {
        Some(message) => Err(failed("the attempt", message.into())),
        None => Ok(history),
    }
}

fn named(name: &str) -> BoxName {
    name.parse()
        .expect("this module's own names are well-formed")
}

fn spec(name: &str, namespaces: &[Namespace]) -> BoxSpec {
    BoxSpec {
        name: named(name),
        namespaces: namespaces.to_vec(),
        parent: None,
        missing_ok: false,
        propagation: Propagation::Private,
        proc: None,
        clocks: None,
        cgroup: None,
    }
}

fn look(place: Place) -> Action {
    Action {
        result: None,
        ..action(place, Verb::Probe(vec![Probe::Ns]))
    }
}

fn action(place: Place, verb: Verb) -> Action {
    Action {
        place,
        verb,
        result: Some("attempt".into()),
        of: None,
        at: None,
        say: None,
        at_once: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_smallest_plan_has_its_need_and_reaches_no_further() {
        let needs = Namespace::ALL.map(Need::Namespace).into_iter().chain([
            Need::Proc,
            Need::Veth,
            Need::ChildCgroup,
            Need::Overlay,
            Need::Program("ps".into()),
        ]);
        for need in needs {
            let plan = smallest_plan(&need);
            assert!(plan.needs().contains(&need), "{need}");
            assert!(plan.check().is_ok(), "{need}");
        }
    }

    #[test]
    fn a_program_is_sought_without_running_it() {
        let need = Need::Program("sh".into());
        assert_eq!(seek_program(&need, "sh"), None);
        let refusal = seek_program(&need, "no-such-program-at-all").unwrap();
        assert_eq!(refusal.errno, Some(Errno(libc::ENOENT)));
    }
}
