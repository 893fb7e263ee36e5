//! A systemd scope of the run's own. In version 2 an ordinary user may make
//! groups only below one that was delegated to them, and a login session isn't;
//! root may make them anywhere, but what it switches on in a group of systemd's
//! systemd switches off, at its next reload.
//! The user's own systemd, for root the machine's, gives such a group for the
//! asking: it makes a scope,
//! a unit whose processes somebody else starts, and lets go of its subtree
//! (systemd.scope(5), `Delegate=` in systemd.resource-control(5)).
//!
//! `systemd-run --scope` asks for one, moves itself in, and then executes the
//! command in its own place (start_transient_scope in systemd's src/run/run.c).
//! So the child that we start *becomes* the supervisor: pid, parent and the wire
//! on descriptor 0 stay the same, and the supervisor's hello proves it. The
//! scope vanishes with its last process.
//!
//! Until the hello nothing is asked of the child and nothing has been made, so
//! it can be given up at any moment for a supervisor that is started directly.

use super::host::privileged;
use super::orphans::Guardian;
use crate::plan::{BoxName, CHILD_CGROUP, Controller, Plan};
use crate::probe::Subject;
use crate::probe::cgroups::{Memberships, Mounts, available};
use crate::sandbox::base::anew::{self, SUPERVISOR};
use crate::sandbox::base::owner::Mark;
use crate::sandbox::group::leaf;
use crate::sandbox::sys;
use crate::sandbox::wire::{Scope, Told, Wire};
use nix::sys::memfd::{MFdFlags, memfd_create};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read, Seek};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// How long systemd may take. It answers within a tenth of a second.
const PATIENCE: Duration = Duration::from_secs(5);
/// How much of what it says against it is told on.
const ANSWER_CHARS: usize = 200;

/// What decides whether a scope is of any use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::sandbox) struct Session {
    /// Whether the machine's root asks: then of the system's manager.
    pub(in crate::sandbox) privileged: bool,
    /// Whether systemd manages this machine, sd_booted(3).
    pub(in crate::sandbox) systemd: bool,
    /// The session's own group of version 2; `None` if none is mounted.
    pub(in crate::sandbox) own_group: Option<OwnGroup>,
    /// The controllers that version 1 has here: out of a scope's reach.
    pub(in crate::sandbox) in_v1: Vec<Controller>,
}

/// What may be done in the group that the session is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::sandbox) struct OwnGroup {
    /// Whether groups may be made in it.
    pub(in crate::sandbox) writable: bool,
    /// Whether systemd has let go of it: what is switched on in it stays so.
    pub(in crate::sandbox) delegated: bool,
    /// Whether nobody is in it but this program, which can step aside.
    pub(in crate::sandbox) alone: bool,
    /// The controllers that it can hand down.
    pub(in crate::sandbox) controllers: Vec<Controller>,
}

/// A supervisor in a scope.
pub(in crate::sandbox) struct Started {
    pub(in crate::sandbox) child: Child,
    pub(in crate::sandbox) guardian: Guardian,
    pub(in crate::sandbox) wire: Wire,
    /// The mark that it was given.
    pub(in crate::sandbox) mark: Option<Mark>,
    /// The unit's name.
    pub(in crate::sandbox) unit: String,
}

impl Session {
    /// The session that this process is in.
    pub(in crate::sandbox) fn read() -> Session {
        let proc = Path::new("/proc");
        let members = Memberships::read(proc, &Subject::Myself).unwrap_or_default();
        let in_v1 = Controller::ALL.into_iter().filter(|controller| {
            let mut names = controller.v1().iter();
            names.any(|name| members.of_controller(name).is_some())
        });
        Session {
            privileged: privileged(),
            systemd: Path::new("/run/systemd/system").is_dir(),
            own_group: OwnGroup::read(std::process::id() as i32),
            in_v1: in_v1.collect(),
        }
    }
}

impl OwnGroup {
    /// The group that this process is in, judged for a program of that id.
    fn read(program: i32) -> Option<OwnGroup> {
        let proc = Path::new("/proc");
        let members = Memberships::read(proc, &Subject::Myself).ok()?;
        let mounts = Mounts::read(proc, &Subject::Myself).ok()?;
        let own = mounts.directory(members.unified()?)?;
        // An earlier run may have stepped aside with this program.
        let own = leaf::home_of(&own);
        let has = available(own);
        let controllers = Controller::ALL.into_iter().filter(|controller| {
            let name = controller.v2();
            name.is_none_or(|name| has.iter().any(|has| has == name))
        });
        Some(OwnGroup {
            writable: crate::sandbox::group::calls::writable(own),
            delegated: is_delegated(own),
            alone: leaf::is_home_of(own, program),
            controllers: controllers.collect(),
        })
    }

    /// Whether it can be used as a scope could: nobody else has a say in it.
    fn serves(&self, needs: &[Controller]) -> bool {
        let has = |need: &Controller| self.controllers.contains(need);
        self.writable && self.delegated && self.alone && needs.iter().all(has)
    }
}

/// Whether systemd has marked a group as delegated: `trusted.delegate`, which
/// root alone can see, and since its version 251 `user.delegate`
/// (docs/CGROUP_DELEGATION.md of systemd).
fn is_delegated(group: &Path) -> bool {
    ["trusted.delegate", "user.delegate"]
        .iter()
        .any(|name| matches!(xattr::get(group, name), Ok(Some(value)) if value == b"1"))
}

/// Whether this run, whose program is the parent, has a group to itself without
/// a scope of its own.
pub(in crate::sandbox) fn has_own_group(plan: &Plan, program: i32) -> bool {
    OwnGroup::read(program).is_some_and(|own| own.serves(&controllers(plan, &[])))
}

/// Whether this user may make groups in the one that this process is in.
fn may_write_to_own_group() -> bool {
    OwnGroup::read(std::process::id() as i32).is_some_and(|own| own.writable)
}

impl Scope {
    /// What is left of it when this process, which is to be in it, has looked.
    pub(in crate::sandbox) fn seen_from_inside(self) -> Scope {
        match self {
            Scope::Own(unit) if !may_write_to_own_group() => Scope::Refused(format!(
                "the scope {unit} was started, but its group may not be written to"
            )),
            other => other,
        }
    }
}

/// Whether a plan has any group at all: without one nobody need be asked.
pub(in crate::sandbox) fn concerns(plan: &Plan) -> bool {
    !plan.cgroups.is_empty() || has_child_group(plan)
}

fn has_child_group(plan: &Plan) -> bool {
    plan.boxes.iter().any(|spec| {
        let cgroup = spec.cgroup.as_ref();
        cgroup.map(BoxName::as_str) == Some(CHILD_CGROUP)
    })
}

/// Whether a scope gives this plan what it wouldn't have without: groups at all
/// where the session's isn't the user's to write to; else a place where
/// controllers can be switched on without touching a group that systemd, or
/// anybody, counts as theirs. Pure.
pub(in crate::sandbox) fn helps(plan: &Plan, session: &Session) -> bool {
    let Some(own) = &session.own_group else {
        return false;
    };
    let reachable = |group| {
        let needs = plan.controllers_of(group);
        !needs.iter().any(|needed| session.in_v1.contains(needed))
    };
    let grouped = has_child_group(plan) || plan.cgroups.iter().any(reachable);
    if !session.privileged && !own.writable {
        return grouped;
    }
    let needs = controllers(plan, &session.in_v1);
    session.systemd && !needs.is_empty() && !own.serves(&needs)
}

/// The controllers that the groups of a plan need in version 2.
fn controllers(plan: &Plan, in_v1: &[Controller]) -> Vec<Controller> {
    let all = plan.cgroups.iter().map(|group| plan.controllers_of(group));
    all.filter(|needs| !needs.iter().any(|needed| in_v1.contains(needed)))
        .flatten()
        .filter(|controller| controller.v2().is_some())
        .collect()
}

/// Starts a supervisor in a scope, and awaits its hello.
///
/// # Errors
/// What systemd-run answered; `None` where there is no such program. One that
/// once didn't answer in time isn't asked again by this process.
pub(in crate::sandbox) fn start() -> Result<Started, Option<String>> {
    static HANGS: AtomicBool = AtomicBool::new(false);
    static RUNS: AtomicU32 = AtomicU32::new(1);
    if HANGS.load(Ordering::Relaxed) {
        return Err(Some(no_answer()));
    }
    let failed = |error: io::Error| Some(error.to_string());
    let (mut ours, theirs) = Wire::pair().map_err(failed)?;
    // Before anything can be said: who says it counts.
    ours.want_credentials().map_err(failed)?;
    let errors = memfd_create(c"stderr", MFdFlags::MFD_CLOEXEC)
        .map(File::from)
        .map_err(|errno| failed(errno.into()))?;
    let me = std::process::id();
    let run = RUNS.fetch_add(1, Ordering::Relaxed);
    let unit = format!("glassbox-{me}-{run}.scope");
    let mut command = Command::new("systemd-run");
    // Root may ask the manager of the machine, others ask their own.
    let manager = if privileged() { "--system" } else { "--user" };
    // It hands its environment on to the supervisor.
    let mark = anew::mark(&mut command);
    command
        .args([manager, "--scope", "--quiet", "--collect"])
        // Nor does it start an agent that asks for passwords.
        .args(["--no-ask-password", "-p", "Delegate=yes"])
        .arg(format!("--unit={unit}"))
        .arg(format!("--description=A run of glassbox, process {me}"))
        .arg("--")
        // `/proc/self/exe` would be systemd-run; and the program's path may be
        // another version's by now.
        .arg(format!("/proc/{me}/exe"))
        .args([SUPERVISOR, &me.to_string()])
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(Stdio::null())
        .stderr(Stdio::from(errors.try_clone().map_err(failed)?));
    // The supervisor has its own way to notice our end; systemd-run has none.
    sys::die_with_this_thread(&mut command);
    let spawned = Guardian::start(|| command.spawn());
    // It holds the other end of the wire, whose end is to be noticed.
    drop(command);
    let (mut child, guardian) = match spawned {
        Ok(started) => started,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(None),
        Err(error) => return Err(failed(error)),
    };
    match hello(&mut ours, &child) {
        Hello::Came => Ok(Started {
            child,
            guardian,
            wire: ours,
            mark,
            unit,
        }),
        end => {
            // Nothing has been asked of it, whatever it is by now.
            let _ = child.kill();
            let status = child.wait();
            if end == Hello::TimedOut {
                HANGS.store(true, Ordering::Relaxed);
                return Err(Some(no_answer()));
            }
            Err(Some(said(errors).unwrap_or_else(|| match status {
                Ok(status) => format!("nothing ({status})"),
                Err(error) => error.to_string(),
            })))
        }
    }
}

fn no_answer() -> String {
    format!("nothing, within {} s", PATIENCE.as_secs())
}

#[derive(Debug, PartialEq, Eq)]
enum Hello {
    Came,
    TimedOut,
    /// The child has ended, or isn't what says hello.
    Never,
}

/// Awaits the hello, the child's end or the end of patience.
fn hello(wire: &mut Wire, child: &Child) -> Hello {
    let deadline = Instant::now() + PATIENCE;
    match wire.receive::<Told>(Some(deadline)) {
        Ok(Some(received)) => {
            let said = matches!(received.message, Told::Hello);
            let by = wire.sender().and_then(|pid| u32::try_from(pid).ok());
            match said && by == Some(child.id()) {
                true => Hello::Came,
                false => Hello::Never,
            }
        }
        Ok(None) => Hello::TimedOut,
        Err(_) => Hello::Never,
    }
}

/// The first line that was written.
fn said(mut file: File) -> Option<String> {
    let mut text = Vec::new();
    file.rewind().ok()?;
    file.take(4096).read_to_end(&mut text).ok()?;
    let text = String::from_utf8_lossy(&text);
    let line = text.lines().map(str::trim).find(|line| !line.is_empty())?;
    Some(line.chars().take(ANSWER_CHARS).collect())
}

/// How a supervisor was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sandbox) enum Way {
    /// By the main process.
    Directly,
    /// By [`start`], through systemd-run: a hello is awaited.
    InScope,
}

impl Way {
    /// How this process was started as a supervisor, if it was: with the word for
    /// it, its parent's id, and a socket for standard input. The word alone says
    /// nothing, as anybody may give a program any name (`exec -a`). Whether the
    /// parent is still there is asked later: a supervisor that comes after its end
    /// is one all the same, and must be nothing else.
    pub(in crate::sandbox) fn of(arguments: &[&OsStr]) -> Option<Way> {
        let (way, parent) = match arguments {
            [word, parent] if *word == SUPERVISOR => (Way::Directly, parent),
            [_, word, parent] if *word == SUPERVISOR => (Way::InScope, parent),
            _ => return None,
        };
        parent.to_str()?.parse::<i32>().ok()?;
        let stat = nix::sys::stat::fstat(io::stdin()).ok()?;
        (stat.st_mode & libc::S_IFMT == libc::S_IFSOCK).then_some(way)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    fn plan(text: &str) -> Plan {
        #[derive(Deserialize)]
        struct Demo {
            #[serde(default)]
            cgroup: Vec<crate::plan::CgroupSpec>,
            #[serde(default, rename = "box")]
            boxes: Vec<crate::plan::BoxSpec>,
        }
        let demo: Demo = toml::from_str(text).unwrap();
        Plan {
            cgroups: demo.cgroup,
            boxes: demo.boxes,
            ..Plan::default()
        }
    }

    #[test]
    fn a_scope_is_asked_for_only_where_it_helps() {
        let own = |writable, delegated, alone, controllers: &[Controller]| OwnGroup {
            writable,
            delegated,
            alone,
            controllers: controllers.to_vec(),
        };
        let all = &Controller::ALL[..];
        let ordinary = || Session {
            privileged: false,
            systemd: true,
            own_group: Some(own(false, false, false, all)),
            in_v1: Vec::new(),
        };
        let hybrid = || Session {
            in_v1: vec![Controller::Cpu, Controller::Memory],
            ..ordinary()
        };
        let root = || Session {
            privileged: true,
            own_group: Some(own(true, false, false, all)),
            ..ordinary()
        };
        // As an application of a desktop's: the group is the user's, and systemd
        // has its eye on it.
        let desktop = || Session {
            own_group: Some(own(true, false, true, all)),
            ..ordinary()
        };
        let delegated = || Session {
            own_group: Some(own(true, true, true, all)),
            ..ordinary()
        };
        let root_in = |group| Session {
            own_group: Some(group),
            ..root()
        };
        // A container, a chroot, an init of another kind.
        let bare = || Session {
            systemd: false,
            ..root()
        };
        let without = || Session {
            own_group: None,
            ..hybrid()
        };
        let memory = "[[cgroup]]\nname = 'g'\nlimits = { memory = '1MiB' }";
        let pids = "[[cgroup]]\nname = 'g'\nlimits = { pids = 1 }";
        let through =
            "[[cgroup]]\nname = 'a'\n[[cgroup]]\nname = 'b'\nin = 'a'\ncontrollers = ['cpu']";
        let plain = "[[cgroup]]\nname = 'g'";
        let child = "[[box]]\nname = 'b'\ncgroup = 'child'";
        let none = "[[box]]\nname = 'b'";
        for (text, session, expected) in [
            (memory, ordinary(), true),
            (pids, ordinary(), true),
            (through, ordinary(), true),
            (child, ordinary(), true),
            (none, ordinary(), false),
            (memory, hybrid(), false),
            (through, hybrid(), false),
            (pids, hybrid(), true),
            (child, hybrid(), true),
            (memory, root(), true),
            (through, root(), true),
            (child, root(), false),
            (none, root(), false),
            (plain, root(), false),
            (memory, bare(), false),
            (memory, root_in(own(true, true, true, all)), false),
            (memory, root_in(own(true, true, false, all)), true),
            (
                memory,
                root_in(own(true, true, true, &[Controller::Pids])),
                true,
            ),
            (
                pids,
                root_in(own(true, true, true, &[Controller::Pids])),
                false,
            ),
            (
                memory,
                Session {
                    in_v1: vec![Controller::Memory],
                    ..root()
                },
                false,
            ),
            (memory, desktop(), true),
            (plain, desktop(), false),
            (plain, ordinary(), true),
            (memory, delegated(), false),
            (child, without(), false),
        ] {
            assert_eq!(helps(&plan(text), &session), expected, "{text} {session:?}");
        }
    }

    #[test]
    fn nobody_becomes_a_supervisor_by_accident() {
        // The parent of this test is right, its standard input isn't a wire.
        let parent = nix::unistd::getppid().to_string();
        let me = OsStr::new("glassbox");
        for arguments in [
            vec![me],
            vec![me, OsStr::new(SUPERVISOR)],
            vec![me, OsStr::new(SUPERVISOR), OsStr::new("1x")],
            vec![me, OsStr::new(SUPERVISOR), OsStr::new("0")],
            vec![me, OsStr::new("run"), OsStr::new(&parent)],
            vec![OsStr::new(SUPERVISOR)],
            vec![OsStr::new(SUPERVISOR), OsStr::new("list")],
            vec![OsStr::new(SUPERVISOR), OsStr::new(&parent)],
            vec![OsStr::new(SUPERVISOR), OsStr::new("run"), OsStr::new("uts")],
            vec![],
            vec![
                me,
                OsStr::new(SUPERVISOR),
                OsStr::new(&parent),
                OsStr::new("x"),
            ],
        ] {
            assert_eq!(Way::of(&arguments), None, "{arguments:?}");
        }
    }
}
