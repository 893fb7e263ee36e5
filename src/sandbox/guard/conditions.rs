//! What this host is like where that hides what a plan shows. It is told before
//! the plan is carried out, and while it is: the run goes on, and whoever judges
//! it knows why a claim may fail.

use super::broken::End;
use super::run::Run;
use crate::base::{Errno, kernel};
use crate::plan::{
    Action, BoxSpec, Ending, Event, Listen, Namespace, Need, Place, Plan, Probe, Provenance,
    Refusal, Syscall, Value, Verb,
};
use crate::probe::host::{Trial, tried_as};
use crate::probe::{View, observe};
use crate::sandbox::base::inherited::room_for_queues;
use crate::sandbox::base::trial::trial;

impl Run {
    /// Tells what of this host stands against what the plan is to show.
    pub(super) fn tell_conditions(&mut self) -> Result<(), End> {
        let found = [
            same_name(&self.plan),
            loopback_is_down(&self.plan),
            no_room_for_queues(&self.plan),
            no_cgroups(&self.plan),
        ];
        for refusal in found.into_iter().flatten() {
            self.tell(Event::Refused(refusal))?;
        }
        Ok(())
    }

    /// Tells that root of this session can be nobody else outside of a box.
    pub(super) fn tell_one_id(&mut self, spec: &BoxSpec) -> Result<(), End> {
        if !nix::unistd::geteuid().is_root() {
            return Ok(());
        }
        let lacking = !self.privileged;
        self.tell(Event::Refused(Refusal {
            need: Need::OtherId,
            stage: match lacking {
                true => "/proc/self/status CapEff".into(),
                false => "/proc/self/uid_map".into(),
            },
            errno: None,
            cause: match lacking {
                true => format!(
                    "root here lacks CAP_SYS_ADMIN or CAP_SETUID, and can map root of `{}` only to \
                     itself",
                    spec.name
                ),
                false => format!(
                    "this session's user namespace has no id but root's to which it could map root \
                     of `{}`",
                    spec.name
                ),
            },
            remedy: vec![
                "start glassbox as an ordinary user, or as root of the machine itself".into(),
            ],
        }))
    }

    /// Looks at what is told: a call that something before the kernel refuses, as
    /// a trial shows, is this host's refusal.
    pub(super) fn note(&mut self, event: &Event) -> Option<Refusal> {
        match event {
            Event::Syscall(Syscall {
                name,
                args,
                result: Err(errno),
                ..
            }) => {
                let call = self.blamed(name, *errno)?;
                self.found.told.push(call.clone());
                Some(self.refused_call(call, format!("{name}({args})"), *errno))
            }
            Event::Output(output) => {
                self.found.unexplained |= output.ending != Ending::Exit(0);
                self.found.ran = true;
                None
            }
            Event::Fact(fact) => {
                self.found.unexplained |= matches!(fact.provenance, Provenance::Unavailable { .. });
                None
            }
            Event::Broken { .. } => {
                self.found.unexplained = true;
                None
            }
            _ => None,
        }
    }

    /// Tells, where something failed inside of a program or of this one, the calls
    /// that it may have made and that are refused here.
    pub(super) fn tell_hidden(&mut self) -> Result<(), End> {
        let (unexplained, ran) = (self.found.unexplained, self.found.ran);
        // A call that was seen to be refused explains more than what may have been.
        let reason = unexplained || ran && is_filtered();
        if !reason || !self.found.told.is_empty() {
            return Ok(());
        }
        let refused = self.trial().refused.clone();
        // A program that succeeded may have done without a call that isn't there;
        // all do without clone3.
        let may_be = |call: &str, errno| unexplained || errno == libc::ENOSYS && call != "clone3";
        let hidden = refused
            .into_iter()
            .filter(|(call, errno)| may_be(call, errno.0) && !self.found.told.contains(call));
        let hidden: Vec<(String, Errno)> = hidden.collect();
        let Some((first, errno)) = hidden.first().cloned() else {
            return Ok(());
        };
        (self.found.unexplained, self.found.ran) = (false, false);
        let names: Vec<&str> = hidden.iter().map(|(call, _)| call.as_str()).collect();
        let mut refusal = self.refused_call(names.join(", "), format!("{first}()"), errno);
        if names.len() == 1 {
            refusal.cause += "; what failed may have made that call";
        } else {
            refusal.cause = format!(
                "{} are refused here before the kernel looks at their arguments; what failed may \
                 have made one of them",
                names.join(", ")
            );
        }
        self.found
            .told
            .extend(hidden.into_iter().map(|(call, _)| call));
        self.tell(Event::Refused(refusal))
    }

    /// The call, if a trial shows that it is answered so before the kernel.
    fn blamed(&mut self, name: &str, errno: Errno) -> Option<String> {
        if ![libc::EPERM, libc::EACCES, libc::ENOSYS].contains(&errno.0) {
            return None;
        }
        let refused = &self.trial().refused;
        let call = tried_as(name)
            .iter()
            .find(|call| refused.get(**call) == Some(&errno))?
            .to_string();
        (!self.found.told.contains(&call)).then_some(call)
    }

    fn refused_call(&mut self, call: String, stage: String, errno: Errno) -> Refusal {
        self.explained(&Need::Call(call), &stage, Some(errno), None)
    }

    /// What a trial shows; it is made once.
    pub(super) fn trial(&mut self) -> &Trial {
        self.found.trial.get_or_insert_with(trial)
    }
}

/// Whether a seccomp filter stands before this process, proc_pid_status(5).
fn is_filtered() -> bool {
    let status = kernel::read_text("/proc/self/status").unwrap_or_default();
    status.lines().any(|line| {
        line.strip_prefix("Seccomp:")
            .is_some_and(|mode| mode.trim() == "2")
    })
}

/// A condition that no call has failed for.
fn condition(need: Need, stage: &str, cause: String, remedy: &str) -> Refusal {
    Refusal {
        need,
        stage: stage.into(),
        errno: None,
        cause,
        remedy: vec![remedy.into()],
    }
}

/// A box gets the name that this machine has: nothing would be seen to change.
fn same_name(plan: &Plan) -> Option<Refusal> {
    let uts = nix::sys::utsname::uname().ok()?;
    let own = uts.nodename().to_str()?;
    let given = |action: &Action| match &action.verb {
        Verb::SetHostname(name) => name == own,
        Verb::Run(argv) => matches!(argv.as_slice(), [program, name]
            if program == "hostname" && name == own),
        _ => false,
    };
    plan.actions.iter().any(given).then(|| {
        condition(
            Need::Hostname(own.into()),
            "uname(2)",
            format!("this machine is itself called `{own}`, so that a new name would show nothing"),
            "give the machine another name, see hostnamectl(1) or hostname(1)",
        )
    })
}

/// The host's own loopback device is down, and the plan uses it.
fn loopback_is_down(plan: &Plan) -> Option<Refusal> {
    let on_host = |place: &Place| !plan.contained(place, Namespace::Net);
    let uses = plan.actions.iter().any(|action| {
        let local = match &action.verb {
            Verb::Listen(Listen::Port(_) | Listen::SamePortAs(_)) | Verb::Connect(_) => true,
            Verb::Ping(address) => address.starts_with("127."),
            _ => false,
        };
        local && on_host(&action.place)
    });
    let up = nix::net::if_::InterfaceFlags::IFF_UP;
    let mut devices = nix::ifaddrs::getifaddrs().ok().filter(|_| uses)?;
    let down = devices.any(|device| device.interface_name == "lo" && !device.flags.contains(up));
    down.then(|| {
        condition(
            Need::Loopback,
            "getifaddrs(3)",
            "the device lo of this session's network namespace is down".into(),
            "bring it up, as root: `ip link set lo up`",
        )
    })
}

/// A POSIX message queue can't be made, mq_overview(7).
fn no_room_for_queues(plan: &Plan) -> Option<Refusal> {
    let mounts =
        |action: &Action| matches!(&action.verb, Verb::Mount(mount) if mount.fstype == "mqueue");
    if !plan.actions.iter().any(mounts) {
        return None;
    }
    let (hard, errno) = room_for_queues().err()?;
    Some(Refusal {
        errno: Some(errno),
        ..condition(
            Need::Queues,
            "setrlimit(RLIMIT_MSGQUEUE)",
            format!(
                "the limit on bytes in POSIX message queues is {hard}, less than one takes, and \
                 raising it was refused"
            ),
            "start from a shell with a higher one (`ulimit -q`), or as root",
        )
    })
}

/// The plan looks at where controllers are mounted, and none is.
fn no_cgroups(plan: &Plan) -> Option<Refusal> {
    let looks = |action: &Action| match &action.verb {
        Verb::Probe(probes) => probes.contains(&Probe::Controllers),
        _ => false,
    };
    if !plan.actions.iter().any(looks) {
        return None;
    }
    let seen = observe(&View::myself(), &Probe::Controllers);
    let is_there = seen.iter().any(|one| {
        one.name == "mounted" && matches!(&one.value, Ok(Value::List(lines)) if !lines.is_empty())
    });
    (!is_there).then(|| {
        condition(
            Need::CgroupTree,
            "/proc/self/mountinfo",
            "no cgroup filesystem is mounted here".into(),
            "see how it was: `grep cgroup /proc/filesystems`; systemd and most containers mount it",
        )
    })
}
