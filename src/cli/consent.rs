//! What a plan will do to this machine, in words, and whether that is agreed to.

use super::failure::Failure;
use crate::course::{Course, Origin, Scenario};
use crate::plan::{Action, BoxSpec, Place, Plan, Verb};
use crate::session::Consent;

/// The consent under which the steps of this course run.
///
/// # Errors
/// Steps from a directory that nobody agreed to, with what they would do.
pub(crate) fn consent<'a>(
    course: &Course,
    trust: bool,
    scenarios: impl Iterator<Item = (String, &'a Scenario)>,
) -> Result<Consent, Failure> {
    match (&course.origin, trust) {
        (Origin::Embedded, _) => Ok(Consent::Shipped),
        (Origin::Disk(_), true) => Ok(Consent::Given),
        (Origin::Disk(path), false) => {
            let mut message = format!(
                "the steps of {} run only once you agree to what they do:",
                path.display()
            );
            for (label, scenario) in scenarios {
                message.push_str(&format!("\n  {label}"));
                for line in summary(&scenario.plan) {
                    message.push_str(&format!("\n    - {line}"));
                }
            }
            Err(Failure::input(message).hint("read it, then add --trust to agree"))
        }
    }
}

/// One line for each box and each action.
pub(crate) fn summary(plan: &Plan) -> Vec<String> {
    let boxes = plan.boxes.iter().map(box_line);
    boxes.chain(plan.actions.iter().map(action_line)).collect()
}

fn box_line(spec: &BoxSpec) -> String {
    let place = match &spec.parent {
        Some(parent) => format!("in the box `{parent}`"),
        None => "on the host".into(),
    };
    let names: Vec<&str> = spec.namespaces.iter().map(|ns| ns.proc_name()).collect();
    let own = match names.len() {
        0 => "without a namespace of its own".into(),
        _ => format!("with its own {} namespaces", names.join(", ")),
    };
    let cgroup = match spec.cgroup {
        Some(_) => ", in a cgroup of its own",
        None => "",
    };
    format!("make the box `{}` {place}, {own}{cgroup}", spec.name)
}

fn action_line(action: &Action) -> String {
    let place = match &action.place {
        Place::Host => "on the host".to_string(),
        Place::Box(name) => format!("in `{name}`"),
    };
    format!("{place}: {}", verb_line(&action.verb))
}

/// What a verb does, with every word that the author chose, quoted: none of it
/// can pass for a word of ours or steer the terminal.
fn verb_line(verb: &Verb) -> String {
    match verb {
        Verb::Probe(probes) => {
            let names: Vec<String> = probes.iter().map(|probe| probe.to_string()).collect();
            format!("look at {}", names.join(", "))
        }
        Verb::Create(name) => format!("make the box `{name}`"),
        Verb::Run(argv) => format!("run {argv:?}"),
        Verb::SetHostname(name) => format!("set the hostname to {name:?}"),
        Verb::Mount(mount) => format!("mount a {:?} at {:?}", mount.fstype, mount.path),
        Verb::Propagate { path, to } => format!("make the mount {path:?} {to:?}"),
        Verb::Mkdir(path) => format!("make the directory {path:?}"),
        Verb::Write(write) => format!("write {:?} to {:?}", write.text, write.path),
        Verb::Chown { path, uid } => format!("give {path:?} to the user {uid}"),
        Verb::LinkUp(name) => format!("bring the network device {name:?} up"),
        Verb::Veth(veth) => {
            let [a, b] = &veth.between;
            format!("join `{a}` and `{b}` by a veth pair")
        }
        Verb::Listen(listen) => format!("listen on 127.0.0.1 ({listen:?})"),
        Verb::Connect(to) => format!("connect to 127.0.0.1, {to:?}"),
        Verb::Ping(address) => format!("ping {address:?}"),
        Verb::MakeQueue(key) => format!("make the message queue {key:#x}"),
        Verb::FindQueue(key) => format!("look for the message queue {key:#x}"),
        Verb::Spawn(spawn) => format!("start {} × {:?}", spawn.count, spawn.workload),
        Verb::Wait(name) => format!("await the end of {name:?}"),
        Verb::Kill(kill) => format!("send SIG{:?} to {:?}", kill.signal, kill.to),
        Verb::AwaitEnd(name) => format!("await the end of the box `{name}`"),
        Verb::SetClocks(offsets) => format!("write the clock offsets {offsets:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_is_told_box_by_box_and_action_by_action() {
        #[derive(serde::Deserialize)]
        struct Source {
            r#box: Vec<BoxSpec>,
            action: Vec<Action>,
        }
        let source: Source = toml::from_str(
            r#"
            box = [{ name = "b", namespaces = ["uts", "mount"], cgroup = "child" }]
            action = [
                { in = "b", do.run = ["rm", "-rf", "/tmp/x y"] },
                { in = "host", do.probe = ["ns", "dir:/mnt"] },
            ]
            "#,
        )
        .unwrap();
        let plan = Plan {
            boxes: source.r#box,
            actions: source.action,
        };
        assert_eq!(
            summary(&plan),
            [
                "make the box `b` on the host, with its own uts, mnt namespaces, in a cgroup of its own",
                r#"in `b`: run ["rm", "-rf", "/tmp/x y"]"#,
                "on the host: look at ns, dir:/mnt",
            ]
        );
    }
}
