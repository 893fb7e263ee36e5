//! All that was looked at, row by row, beside the observer's own.

use super::capabilities::names;
use super::form::{Answer, Row, Section};
use super::held::cgroup;
use super::ids::ids;
use super::roots::root;
use super::sides::{Sides, index};
use crate::plan::Namespace;
use crate::probe::mountinfo::Mount;
use crate::probe::{Told, Unread};

/// The sections, from what a process is in to what it may do.
pub(super) fn sections(sides: &Sides) -> Vec<Section> {
    let section = |title: &str, rows: Vec<Row>| Section {
        title: title.into(),
        rows,
    };
    vec![
        section("Namespaces", namespaces(sides)),
        section("Ids and numbers", ids(sides)),
        section("Root directory", root(sides)),
        section("Cgroup", cgroup(sides)),
        section("Privileges", privileges(sides)),
        section("Sockets", sockets(sides)),
    ]
}

fn namespaces(sides: &Sides) -> Vec<Row> {
    Namespace::ALL
        .into_iter()
        .map(|kind| namespace(sides, kind))
        .collect()
}

fn namespace(sides: &Sides, kind: Namespace) -> Row {
    let (pid, name) = (sides.pid(), kind.proc_name());
    let inode = |side: &crate::probe::Target| side.process.namespaces[index(kind)];
    let (theirs, yours) = (inode(sides.theirs), inode(sides.yours));
    let command = format!("readlink /proc/{pid}/ns/{name}");
    let because = match yours {
        // The observer may always read its own: the kernel has none of that kind.
        None => format!("this kernel has no {name} namespaces").into(),
        Some(_) => sides.denied(&format!("ns/{name}")),
    };
    let written = |inode: u64| format!("{name}:[{inode}]");
    let means = match sides.has(kind) {
        Some(true) => Some(hides(sides, kind)),
        Some(false) => Some("yours".into()),
        None => None,
    };
    Row {
        yours: yours.map(|inode| Answer::Seen(written(inode))),
        means,
        ..Row::new(
            &format!("ns.{name}"),
            kind.title(),
            sides.answer(theirs.ok_or(because), &command, written),
            step_of(kind),
            command.clone(),
        )
    }
}

fn step_of(kind: Namespace) -> &'static str {
    match kind {
        Namespace::Cgroup => "cgroup-ns",
        Namespace::Ipc => "ipc",
        Namespace::Net => "net",
        Namespace::Mount => "mount",
        Namespace::Pid => "pid",
        Namespace::Time => "time",
        Namespace::User => "user",
        Namespace::Uts => "uts",
    }
}

/// What a namespace of its own keeps from the machine, or the machine from it.
fn hides(sides: &Sides, kind: Namespace) -> String {
    let count = |mounts: &Told<Vec<Mount>>| mounts.as_ref().ok().map(Vec::len);
    match kind {
        Namespace::Cgroup => {
            "it takes a group of its own for the root of all groups; those above have no names"
                .into()
        }
        Namespace::Ipc => "your message queues and shared memory have no ids there".into(),
        Namespace::Uts => format!(
            "its hostname is another setting than yours; only inside can it be asked: \
             nsenter -t {} -u hostname",
            sides.pid()
        ),
        Namespace::Net => match &sides.theirs.links {
            Ok(links) if links.is_empty() => "it has no network device at all".into(),
            Ok(links) => format!("its network devices are {}", links.join(", ")),
            Err(unread) => unread.because.clone(),
        },
        Namespace::Mount => match (count(&sides.theirs.mounts), count(&sides.yours.mounts)) {
            (Some(theirs), Some(yours)) => format!("it sees {theirs} mounts, you see {yours}"),
            _ => "its mounts are its own".into(),
        },
        Namespace::Pid => match &sides.theirs.members {
            Ok((members, all)) => {
                format!("it counts {members} of the {all} processes that you see")
            }
            Err(unread) => unread.because.clone(),
        },
        Namespace::Time => match &sides.theirs.offsets {
            Ok(offsets) => format!("its clocks differ by (s, ns): {}", single_spaced(offsets)),
            Err(unread) => unread.because.clone(),
        },
        Namespace::User => "its ids and capabilities count only for what it owns".into(),
    }
}

fn privileges(sides: &Sides) -> Vec<Row> {
    let pid = sides.pid();
    let in_status = |line: &str| format!("grep {line} /proc/{pid}/status");
    let words = |set: u64| match names(set).as_slice() {
        [] => "none".to_string(),
        some => format!("{}: {}", some.len(), some.join(" ")),
    };
    let sets = |side: &crate::probe::Target| {
        let sets = side.process.status.capabilities;
        sets.ok_or(Unread::from("its status tells no capabilities"))
    };
    let mut rows = Vec::new();
    for (id, label, line, pick) in [
        ("cap.effective", "Capabilities", "CapEff", 0),
        ("cap.bounding", "Those it may get", "CapBnd", 1),
    ] {
        let set = |side| {
            sets(side).map(|sets| match pick {
                0 => sets.effective,
                _ => sets.bounding,
            })
        };
        let command = match set(sides.theirs) {
            Ok(mask) => format!("capsh --decode={mask:016x}"),
            Err(_) => in_status(line),
        };
        rows.push(Row {
            yours: Some(sides.answer(set(sides.yours), &command, words)),
            ..Row::new(
                id,
                label,
                sides.answer(set(sides.theirs), &command, words),
                "user",
                command.clone(),
            )
        });
    }
    let flag = |side: &crate::probe::Target| {
        let flag = side.process.status.no_new_privs;
        flag.ok_or(Unread::from("this kernel writes no line NoNewPrivs"))
    };
    let say = |flag: bool| String::from(if flag { "set" } else { "not set" });
    let command = in_status("NoNewPrivs");
    rows.push(Row {
        yours: Some(sides.answer(flag(sides.yours), &command, say)),
        means: matches!(flag(sides.theirs), Ok(true))
            .then(|| "no program that it starts has more rights than it".into()),
        ..Row::new(
            "no-new-privs",
            "no_new_privs",
            sides.answer(flag(sides.theirs), &command, say),
            "user",
            command.clone(),
        )
    });
    let mode = |side: &crate::probe::Target| -> Told<String> {
        let status = &side.process.status;
        let mode = status.seccomp.ok_or("this kernel has no seccomp")?;
        Ok(match (mode, status.filters) {
            (0, _) => "none".into(),
            (1, _) => "strict: read, write, exit, sigreturn".into(),
            (_, Some(1)) => "1 filter".to_string(),
            (_, Some(n)) => format!("{n} filters"),
            (_, None) => "a filter".into(),
        })
    };
    let command = in_status("Seccomp");
    rows.push(Row {
        yours: Some(sides.answer(mode(sides.yours), &command, |text| text)),
        ..Row::new(
            "seccomp",
            "seccomp",
            sides.answer(mode(sides.theirs), &command, |text| text),
            "by-hand",
            command.clone(),
        )
    });
    let command = format!("cat /proc/{pid}/attr/current");
    rows.push(Row::new(
        "label",
        "Label of a security module",
        sides.answer(sides.theirs.label.clone(), &command, |label| label),
        "by-hand",
        command.clone(),
    ));
    rows
}

fn sockets(sides: &Sides) -> Vec<Row> {
    let pid = sides.pid();
    let command = match sides.has(Namespace::Net) {
        Some(true) => format!("nsenter --target {pid} --net ss --all --processes"),
        Some(false) | None => format!("ss --all --processes | grep pid={pid},"),
    };
    let sockets = sides.theirs.sockets.as_ref().map_err(Unread::clone);
    let theirs = sides.answer(sockets, &command, |sockets| match sockets.count {
        0 => "none".into(),
        count => {
            let rest = count.saturating_sub(sockets.lines.len());
            let mut lines = sockets.lines.clone();
            if rest > 0 {
                lines.push(format!("{rest} without a name"));
            }
            lines.join("; ")
        }
    });
    vec![Row::new("sockets", "Open", theirs, "net", command)]
}

fn single_spaced(text: &str) -> String {
    let lines: Vec<String> = text
        .lines()
        .map(|line| line.split_ascii_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    lines.join("; ")
}
