//! One probe in, its facts out.

use super::cgroups::{self, Mounts, Version};
use super::observation::{Answer, Observation, seen, shown};
use super::process::{kibibytes, nsfs_inode, pids};
use super::statistics::{Directories, statistics};
use super::subject::Subject;
use super::throttled::throttled;
use super::unavailable::Unavailable;
use super::view::View;
use super::{files, inside, layers, mountinfo, parents};
use crate::base::kernel;
use crate::base::kernel::field;
use crate::plan::{FirstNames, Namespace, Probe, Unit, Value};
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Asks the kernel: exactly the facts that [`Probe::facts`] names, in its order.
pub fn observe(view: &View, probe: &Probe) -> Vec<Observation> {
    if view.from_outside() {
        if !probe.works_from_outside() {
            let reason = "only a process inside the box can see this";
            return unseen_from_outside(view, probe, reason);
        }
        if numbers_differ(&view.proc_root) {
            let reason = "the /proc here belongs to another pid namespace, with other numbers";
            return unseen_from_outside(view, probe, reason);
        }
    }
    match probe {
        Probe::Hostname => vec![seen("hostname", "uname(2)", inside::hostname())],
        Probe::Ns => Namespace::ALL
            .iter()
            .map(|ns| namespace(view, *ns))
            .collect(),
        Probe::Pid => ids_of_process(view),
        Probe::Parent => parents::parents(view),
        Probe::Processes => processes(view),
        Probe::Members => vec![members(view)],
        Probe::Mounts => vec![of_file(view, "mounts", "mountinfo", |text| {
            Ok(count(text.lines().count()))
        })],
        Probe::MountAt(path) => vec![of_file(view, &probe.to_string(), "mountinfo", |text| {
            Ok(Value::Text(top_mount(text, path)))
        })],
        Probe::Dir(path) => vec![seen(
            &probe.to_string(),
            path,
            inside::directory(path).map_err(|e| Unavailable::of(path, &e)),
        )],
        Probe::File(path) => vec![seen(
            &probe.to_string(),
            path,
            inside::file(path).map_err(|e| Unavailable::of(path, &e)),
        )],
        Probe::Group(name) => match view.groups.get(name) {
            Some(group) => statistics(name, group),
            None => statistics(name, &Directories::new()),
        },
        Probe::Controllers => controllers(view),
        Probe::Links => links(view),
        Probe::Listening => vec![listening(view)],
        Probe::Ids => users_and_groups(view),
        Probe::Capabilities => capabilities(view),
        Probe::Cgroup => vec![of_file(view, "cgroup", "cgroup", |text| {
            Ok(Value::List(cgroup_paths(text)))
        })],
        Probe::Clocks => inside::clocks(),
        Probe::Cpus => vec![seen("cpus", "sched_getaffinity(2)", inside::cpus())],
        Probe::Stack(path) => vec![layers::stack(view, path)],
        Probe::Origin(path) => vec![layers::origin(view, path)],
        Probe::Stat(path) => files::stat(path),
        Probe::Hash(path) => vec![files::hash(path)],
        Probe::Usage(path) => files::usage(path),
        Probe::Memory => vec![memory(view)],
        Probe::Users => vec![users(view)],
        Probe::Throttled => {
            let (time, file) = throttled(&view.proc_root, &view.subject);
            let time = time.map(|time| Value::Number(time, Unit::Nanos));
            vec![seen("throttled", &shown(&file), time)]
        }
    }
}

fn namespace(view: &View, ns: Namespace) -> Observation {
    let link = view.file(&format!("ns/{}", ns.proc_name()));
    let value = match nsfs_inode(&link) {
        Ok(inode) => Ok(Value::Number(inode as i64, Unit::Inode)),
        Err(error) if error.kind() == io::ErrorKind::NotFound && !view.has_ended() => {
            let (kind, link) = (ns.title().to_lowercase(), shown(&link));
            Err(Unavailable::NoNamespace { kind, link })
        }
        Err(error) => Err(view.missing(&link, &error)),
    };
    seen(&format!("ns.{}", ns.proc_name()), &shown(&link), value)
}

fn ids_of_process(view: &View) -> Vec<Observation> {
    if !view.from_outside() {
        let (pid, ppid) = (nix::unistd::getpid(), nix::unistd::getppid());
        return vec![
            seen("pid", "getpid(2)", Ok(id(pid.as_raw()))),
            seen("ppid", "getppid(2)", Ok(id(ppid.as_raw()))),
        ];
    }
    vec![
        of_file(view, "pid", "status", |status| {
            let text = field(status, "Pid").ok_or(Unavailable::NoLine("Pid"))?;
            let pid: i32 = text
                .parse()
                .map_err(|_| Unavailable::no_number("Pid", text))?;
            Ok(id(pid))
        }),
        of_file(view, "nspid", "status", |status| {
            let text = field(status, "NSpid").ok_or(Unavailable::NoLine("NSpid"))?;
            Ok(Value::Text(single_spaced(text)))
        }),
    ]
}

fn processes(view: &View) -> Vec<Observation> {
    let source = shown(&view.proc_root);
    let answer = pids(&view.proc_root).map_err(|e| view.missing(&view.proc_root, &e));
    let names = answer.clone().map(|pids| {
        // One that ended since has no name any more.
        let mut names = FirstNames::default();
        pids.iter()
            .filter_map(|pid| kernel::read_text(view.proc_root.join(format!("{pid}/comm"))).ok())
            .for_each(|name| names.add(name.trim_end().into()));
        names.into()
    });
    vec![
        seen(
            "processes",
            &format!("{source}/[1-9]*"),
            answer.map(|pids| count(pids.len())),
        ),
        seen("process-names", &format!("{source}/*/comm"), names),
    ]
}

/// How many processes are in the subject's pid namespace.
fn members(view: &View) -> Observation {
    let known = match view.subject {
        Subject::Process {
            pid_namespace: Some(inode),
            ..
        } => Ok(inode),
        Subject::Process { .. } | Subject::Myself => {
            let link = view.file("ns/pid");
            nsfs_inode(&link).map_err(|e| view.missing(&link, &e))
        }
    };
    let value = known.and_then(|inode| {
        let pids = pids(&view.proc_root).map_err(|e| view.missing(&view.proc_root, &e))?;
        // A link that can't be read belongs to somebody else's process, or to
        // one that has just ended: neither is a member.
        let same = |pid: &&i32| {
            nsfs_inode(&view.proc_root.join(format!("{pid}/ns/pid"))).is_ok_and(|ns| ns == inode)
        };
        Ok(count(pids.iter().filter(same).count()))
    });
    let source = format!("{}/*/ns/pid", shown(&view.proc_root));
    seen("members", &source, value)
}

/// The type of the filesystem on top of a mount point.
fn top_mount(text: &str, path: &str) -> String {
    mountinfo::topmost(&mountinfo::parse(text), path)
        .map_or("none".into(), |mount| mount.fstype.clone())
}

/// The network devices in a text of proc_pid_net(5)'s `dev`, sorted.
pub(super) fn devices(text: &str) -> Vec<String> {
    // Two lines of headings, then `name: counters`.
    let mut names: Vec<String> = text
        .lines()
        .skip(2)
        .filter_map(|line| line.rsplit_once(':'))
        .map(|(name, _)| name.trim().to_string())
        .collect();
    names.sort();
    names
}

fn links(view: &View) -> Vec<Observation> {
    let all = of_file(view, "links", "net/dev", |text| {
        Ok(Value::List(devices(text)))
    });
    let up = if view.from_outside() {
        of_file(view, "links-up", "net/igmp", |text| {
            Ok(Value::List(links_in_all_hosts(text)))
        })
    } else {
        seen("links-up", "getifaddrs(3)", inside::links_up())
    };
    vec![all, up]
}

/// procfs shows no device flags, but the kernel itself joins 224.0.0.1 on a
/// device when it comes up, and leaves when it goes down (ip_mc_up, ip_mc_down
/// in net/ipv4/igmp.c).
fn links_in_all_hosts(text: &str) -> Vec<String> {
    let mut up = BTreeSet::new();
    let mut device = "";
    for line in text.lines().skip(1) {
        let mut words = line.split_ascii_whitespace();
        match (line.starts_with(char::is_whitespace), words.next()) {
            (true, Some("010000E0" | "E0000001")) => {
                up.insert(device.to_string());
            }
            (true, _) => {}
            // `1<TAB>lo        :     1      V3`
            (false, _) => device = words.next().unwrap_or("").trim_end_matches(':'),
        }
    }
    up.into_iter().collect()
}

fn listening(view: &View) -> Observation {
    let tcp6 = view.file("net/tcp6");
    let mut answer = of_file(view, "listening", "net/tcp", |tcp| {
        // Without IPv6 there is no second file, and nothing listens there.
        let tcp6 = kernel::read_text(&tcp6).unwrap_or_default();
        let ports: BTreeSet<u16> = listening_ports(tcp).chain(listening_ports(&tcp6)).collect();
        Ok(Value::List(ports.iter().map(u16::to_string).collect()))
    });
    answer.source = format!("{}, {}", answer.source, shown(&tcp6));
    answer
}

fn listening_ports(text: &str) -> impl Iterator<Item = u16> {
    const TCP_LISTEN: &str = "0A";
    text.lines().skip(1).filter_map(|line| {
        let mut fields = line.split_ascii_whitespace().skip(1);
        let (local, _remote, state) = (fields.next()?, fields.next()?, fields.next()?);
        let (_, port) = local.rsplit_once(':')?;
        (state == TCP_LISTEN)
            .then(|| u16::from_str_radix(port, 16).ok())
            .flatten()
    })
}

fn users_and_groups(view: &View) -> Vec<Observation> {
    let real = |line: &'static str| {
        move |status: &str| {
            let text = field(status, line).ok_or(Unavailable::NoLine(line))?;
            let first = text.split_ascii_whitespace().next().unwrap_or("");
            let number: i64 = first
                .parse()
                .map_err(|_| Unavailable::no_number(line, text))?;
            Ok(Value::Number(number, Unit::Id))
        }
    };
    let map = |text: &str| {
        let lines: Vec<String> = text.lines().map(single_spaced).collect();
        Ok(Value::Text(lines.join("; ")))
    };
    let (uid, gid) = if view.from_outside() {
        (
            of_file(view, "uid", "status", real("Uid")),
            of_file(view, "gid", "status", real("Gid")),
        )
    } else {
        let (uid, gid) = (nix::unistd::getuid(), nix::unistd::getgid());
        (
            seen("uid", "getuid(2)", Ok(id(uid.as_raw()))),
            seen("gid", "getgid(2)", Ok(id(gid.as_raw()))),
        )
    };
    vec![
        uid,
        gid,
        of_file(view, "uid-map", "uid_map", map),
        of_file(view, "gid-map", "gid_map", map),
    ]
}

fn capabilities(view: &View) -> Vec<Observation> {
    let mask = |status: &str| {
        field(status, "CapEff")
            .map(String::from)
            .ok_or(Unavailable::NoLine("CapEff"))
    };
    vec![
        of_file(view, "capabilities", "status", |status| {
            let mask = mask(status)?;
            let bits = u64::from_str_radix(&mask, 16)
                .map_err(|_| Unavailable::no_number("CapEff", &mask))?;
            Ok(count(bits.count_ones() as usize))
        }),
        of_file(view, "capability-set", "status", |status| {
            mask(status).map(Value::Text)
        }),
    ]
}

/// The third field of each line, without doubles, sorted.
fn cgroup_paths(text: &str) -> Vec<String> {
    let paths: BTreeSet<&str> = text
        .lines()
        .filter_map(|line| line.splitn(3, ':').nth(2))
        .collect();
    paths.into_iter().map(String::from).collect()
}

fn memory(view: &View) -> Observation {
    let path = view.proc_root.join("meminfo");
    let value = match kernel::read_text(&path) {
        Ok(text) => field(&text, "MemTotal")
            .and_then(kibibytes)
            .map(|bytes| Value::Number(bytes as i64, Unit::Bytes))
            .ok_or_else(|| Unavailable::NoKey {
                path: shown(&path),
                key: "MemTotal".into(),
            }),
        Err(error) => Err(Unavailable::of(&shown(&path), &error)),
    };
    seen("memory.total", &shown(&path), value)
}

/// How many different users own a process.
fn users(view: &View) -> Observation {
    let value = pids(&view.proc_root)
        .map_err(|e| view.missing(&view.proc_root, &e))
        .map(|pids| {
            let owners: BTreeSet<u32> = pids
                .iter()
                .filter_map(|pid| fs::metadata(view.proc_root.join(pid.to_string())).ok())
                .map(|metadata| metadata.uid())
                .collect();
            count(owners.len())
        });
    let source = format!("stat(2) {}/[1-9]*", shown(&view.proc_root));
    seen("users", &source, value)
}

/// Whether a procfs counts processes in another pid namespace than the
/// observer's: a pid would then name a stranger, or nobody.
fn numbers_differ(proc_root: &Path) -> bool {
    let is_procfs = nix::sys::statfs::statfs(proc_root)
        .is_ok_and(|fs| fs.filesystem_type() == nix::sys::statfs::PROC_SUPER_MAGIC);
    let me = nix::unistd::getpid().to_string();
    // Without a number for this process it has no link `self` to follow either.
    is_procfs && fs::read_link(proc_root.join("self")).map_or(true, |pid| pid != Path::new(&me))
}

/// The controllers that this kernel has, and which of them each version holds
/// here. A controller that a version 1 hierarchy has is out of version 2's reach.
fn controllers(view: &View) -> Vec<Observation> {
    let path = view.proc_root.join("cgroups");
    let list = |names: Vec<String>| Ok(Value::List(names));
    let known = kernel::read_text(&path)
        .map(|text| {
            let rows = text.lines().filter(|line| !line.starts_with('#'));
            rows.filter_map(|row| row.split_whitespace().next().map(String::from))
                .collect()
        })
        .map_err(|error| view.missing(&path, &error));
    let mounts = Mounts::read(&view.proc_root, &view.subject)
        .map_err(|error| view.missing(&view.file("mountinfo"), &error));
    let v1 = mounts
        .as_ref()
        .map_err(Unavailable::clone)
        .and_then(|mounts| {
            let mut names: Vec<String> = mounts
                .iter()
                .filter(|hierarchy| hierarchy.version == Version::V1)
                .flat_map(|hierarchy| hierarchy.controllers.clone())
                .filter(|name| !name.starts_with("name="))
                .collect();
            names.sort();
            names.dedup();
            list(names)
        });
    let mounted = mounts
        .as_ref()
        .map_err(Unavailable::clone)
        .map(|mounts| Value::Text(trees(mounts)));
    let v2 = mounts.and_then(|mounts| {
        list(
            mounts
                .unified()
                .map(|root| cgroups::available(&root.point))
                .unwrap_or_default(),
        )
    });
    vec![
        seen("controllers", &shown(&path), known.and_then(list)),
        seen("v1", "/proc/self/mountinfo", v1),
        seen("v2", "cgroup.controllers", v2),
        seen("mounted", "/proc/self/mountinfo", mounted),
    ]
}

/// One line for each controller: its name, its version and where its tree is.
fn trees(mounts: &Mounts) -> String {
    let lines = |hierarchy: &cgroups::Hierarchy| {
        let (controllers, version) = match hierarchy.version {
            Version::V1 => (hierarchy.controllers.clone(), "v1"),
            Version::V2 => (cgroups::available(&hierarchy.point), "v2"),
        };
        let point = hierarchy.point.display().to_string();
        controllers
            .into_iter()
            .map(move |name| format!("{name} {version} {point}"))
    };
    mounts.iter().flat_map(lines).collect::<Vec<_>>().join("\n")
}

/// The names of what can't be seen from here, with the place where a process
/// inside would look.
fn unseen_from_outside(view: &View, probe: &Probe, reason: &'static str) -> Vec<Observation> {
    let source = match probe {
        Probe::Hostname => "uname(2)".into(),
        Probe::Dir(path)
        | Probe::File(path)
        | Probe::Stack(path)
        | Probe::Origin(path)
        | Probe::Stat(path)
        | Probe::Hash(path)
        | Probe::Usage(path) => path.clone(),
        Probe::Clocks => "clock_gettime(2)".into(),
        Probe::Cpus => "sched_getaffinity(2)".into(),
        Probe::Memory => shown(&view.proc_root.join("meminfo")),
        Probe::Group(_) => "cgroup.procs".into(),
        Probe::Controllers => shown(&view.proc_root.join("cgroups")),
        Probe::Processes
        | Probe::Users
        | Probe::Ns
        | Probe::Pid
        | Probe::Parent
        | Probe::Members
        | Probe::Mounts
        | Probe::MountAt(_)
        | Probe::Links
        | Probe::Listening
        | Probe::Ids
        | Probe::Capabilities
        | Probe::Cgroup
        | Probe::Throttled => shown(&view.proc_root),
    };
    probe
        .facts(true)
        .iter()
        .map(|name| seen(name, &source, Err(Unavailable::NotOfThis(reason))))
        .collect()
}

/// A fact that is read out of one file of the subject.
fn of_file(view: &View, name: &str, file: &str, read: impl FnOnce(&str) -> Answer) -> Observation {
    let path = view.file(file);
    let value = match kernel::read_text(&path) {
        Ok(text) => read(&text),
        Err(error) => Err(view.missing(&path, &error)),
    };
    seen(name, &shown(&path), value)
}

fn count(n: usize) -> Value {
    Value::Number(n as i64, Unit::Count)
}

fn id(n: impl Into<i64>) -> Value {
    Value::Number(n.into(), Unit::Id)
}

fn single_spaced(text: &str) -> String {
    text.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
#[path = "observe_tests.rs"]
mod tests;
