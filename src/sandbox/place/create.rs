//! How a box is made. Each step is one call with one reason; its order matters,
//! and each comment says why here.
//!
//! ```text
//! creator ── fork ─> stage: joins the cgroup, unshares, sets the clocks
//!    └───── clone3(CLONE_PARENT) by the stage ─> pid 1: mounts, then serves
//! ```
//! The stage exists because unshare(CLONE_NEWTIME) and unshare(CLONE_NEWPID)
//! change only the *children* of the caller, and because one unshare for each
//! namespace lets a refusal name its kind. With CLONE_PARENT the box becomes
//! the creator's own child, so that the stage can end and the creator's death
//! is the box's.

use super::ids::{Ids, become_root_inside, map_own_ids};
use crate::base::{Errno, chain};
use crate::plan::{BoxSpec, Ending, Namespace, Need, Place, Propagation, TimeOffsets};
use crate::sandbox::agent::Agent;
use crate::sandbox::agent::errand;
use crate::sandbox::agent::own::OwnMounts;
use crate::sandbox::base::limits;
use crate::sandbox::sys::{self, Forked, OneThread};
use crate::sandbox::wire::tracer::{Told, Tracer};
use crate::sandbox::wire::{Asked, Creation, Reply, Request, Wire};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::Signal;
use nix::unistd::Pid;
use std::io::{PipeReader, PipeWriter, Read, Write};
use std::os::fd::OwnedFd;
use std::time::Instant;

/// Makes a box as a child of this process and returns its id.
pub(in crate::sandbox) fn create(
    tracer: &mut Tracer,
    creation: &Creation,
    own: &OwnMounts,
    box_end: OwnedFd,
) -> Result<i32, Told> {
    let spec = &creation.spec;
    let pipes = (|| Ok::<_, std::io::Error>((std::io::pipe()?, std::io::pipe()?)))();
    let ((mut from_stage, to_creator), (from_creator, mut to_stage)) =
        pipes.map_err(|error| lost(tracer, spec, &format!("has no pipe: {}", chain(&error))))?;
    let forked = sys::fork(tracer.one);
    match forked.map_err(|errno| lost(tracer, spec, &format!("could not be forked: {errno}")))? {
        Forked::Child => {
            drop((from_stage, to_stage));
            let link = Link {
                up: to_creator,
                down: from_creator,
            };
            let told = stage(tracer, creation, own, box_end, link);
            sys::exit_now(i32::from(told.is_err()))
        }
        Forked::Parent(child) => {
            drop((to_creator, from_creator, box_end));
            let deadline = Instant::now() + errand::PATIENCE;
            let ends = (&mut from_stage, &mut to_stage);
            let made = attend(tracer, creation, child, ends, deadline);
            // Closed before the wait: a stage that still hopes for a map must not.
            drop((from_stage, to_stage));
            match (made, errand::end_of(child, deadline)) {
                (Ok(pid), Ok(Ending::Exit(0))) => Ok(pid),
                (Err(Some(told)), _) => Err(told),
                // It has told why.
                (_, Ok(Ending::Exit(1))) => Err(Told),
                (_, Ok(ending)) => Err(lost(tracer, spec, &format!("ended: {ending}"))),
                (_, Err(why)) => Err(lost(tracer, spec, &chain(&why))),
            }
        }
    }
}

fn lost(tracer: &mut Tracer, spec: &BoxSpec, why: &str) -> Told {
    let name = &spec.name;
    tracer.broken(format!("the process that makes the box `{name}` {why}"))
}

/// The two pipes between stage and creator.
struct Link {
    up: PipeWriter,
    down: PipeReader,
}

/// The creator's part: write the id maps when the stage asks for it, then read
/// the box's id. `Err(None)`: the stage has ended, or is late.
fn attend(
    tracer: &mut Tracer,
    creation: &Creation,
    stage: Pid,
    (from_stage, to_stage): (&mut PipeReader, &mut PipeWriter),
    deadline: Instant,
) -> Result<i32, Option<Told>> {
    let mut message = [0; 5];
    loop {
        // It writes its few bytes at once, pipe(7).
        if !errand::has_come(&*from_stage, deadline) || from_stage.read_exact(&mut message).is_err()
        {
            return Err(None);
        }
        let value = i32::from_le_bytes([message[1], message[2], message[3], message[4]]);
        if message[0] == b'c' {
            return Ok(value);
        }
        let (uid, gid) = creation.map_to.unwrap_or((0, 0));
        for (file, line) in [
            ("gid_map", format!("0 {gid} 1")),
            ("uid_map", format!("0 {uid} 1")),
        ] {
            let path = format!("/proc/{stage}/{file}");
            let why = "only a process with CAP_SETUID outside may map an id that isn't its own";
            tracer.write(&path, &line, why).map_err(|errno| {
                tracer.refused(
                    Need::Namespace(Namespace::User),
                    &format!("write({path})"),
                    Some(errno),
                )
            })?;
        }
        to_stage.write_all(b"m").map_err(|_| None)?;
    }
}

/// The stage's whole life.
fn stage(
    tracer: &mut Tracer,
    creation: &Creation,
    own: &OwnMounts,
    box_end: OwnedFd,
    mut link: Link,
) -> Result<(), Told> {
    let spec = &creation.spec;
    let ids = Ids::mine();
    let mut owned = Vec::new();
    tracer.place = Place::Box(spec.name.clone());
    die_with_parent(tracer)?;
    // Neither does it wait for its creator without an end: SIGALRM is that. A clone
    // has no alarm of its parent's.
    nix::unistd::alarm::set(errand::PATIENCE.as_secs() as u32);

    // The cgroup first: the files of the host's cgroups can't be written once a
    // user namespace took our privileges, and a cgroup namespace takes as its
    // root the cgroup that its maker is in.
    for directory in &creation.cgroups {
        let path = format!("{}/cgroup.procs", directory.display());
        tracer
            .write(&path, "0", "join the cgroup before the namespaces are made")
            .map_err(|errno| {
                tracer.refused(Need::ChildCgroup, &format!("write({path})"), Some(errno))
            })?;
    }

    // The user namespace before the others: it gives the capabilities that an
    // ordinary user needs to make them, and they will belong to it.
    if spec.has(Namespace::User) && separate(tracer, spec, Namespace::User)? {
        match creation.map_to {
            Some(_) => {
                let asked = link.up.write_all(b"m\0\0\0\0");
                // The creator, which could not write them, has told why.
                asked
                    .and_then(|()| link.down.read_exact(&mut [0]))
                    .map_err(|_| Told)?;
            }
            None => map_own_ids(tracer, ids)?,
        }
        become_root_inside(tracer, creation)?;
        owned.push(Namespace::User);
        // A change of kuid has cleared it.
        die_with_parent(tracer)?;
    }

    for ns in [
        Namespace::Cgroup,
        Namespace::Ipc,
        Namespace::Net,
        Namespace::Mount,
        Namespace::Uts,
    ] {
        if spec.has(ns) && separate(tracer, spec, ns)? {
            owned.push(ns);
        }
    }

    // The clocks before the first child: with it the offsets are frozen.
    if spec.has(Namespace::Time)
        && separate(tracer, spec, Namespace::Time)?
        && let Some(clocks) = &spec.clocks
    {
        set_clocks(tracer, clocks).map_err(|errno| {
            tracer.refused(
                Need::Namespace(Namespace::Time),
                "write(/proc/self/timens_offsets)",
                Some(errno),
            )
        })?;
    }

    match clone_box(tracer, spec)? {
        0 => pid_one(tracer.one, creation, own, &owned, box_end),
        child => {
            let mut message = vec![b'c'];
            message.extend((child as i32).to_le_bytes());
            link.up.write_all(&message).map_err(|error| {
                tracer.broken(format!("the id of `{}`: {}", spec.name, chain(&error)))
            })
        }
    }
}

/// Gets a namespace of one kind. `Ok(false)`: refused, and the lesson can do without.
fn separate(tracer: &mut Tracer, spec: &BoxSpec, ns: Namespace) -> Result<bool, Told> {
    let flags = CloneFlags::from_bits_retain(ns.clone_flag() as i32);
    let made = tracer.call(
        "unshare",
        ns.flag(),
        &format!("its own {ns} namespace"),
        || unshare(flags).map_err(Errno::from),
    );
    made.map(|()| true).or_else(|errno| {
        let told = tracer.refused(
            Need::Namespace(ns),
            &format!("unshare({})", ns.flag()),
            Some(errno),
        );
        if spec.missing_ok {
            Ok(false)
        } else {
            Err(told)
        }
    })
}

/// Writes `/proc/self/timens_offsets`, time_namespaces(7).
pub(in crate::sandbox) fn set_clocks(
    tracer: &mut Tracer,
    clocks: &TimeOffsets,
) -> Result<(), Errno> {
    for (clock, offset) in [
        ("boottime", clocks.boottime),
        ("monotonic", clocks.monotonic),
    ] {
        if let Some(offset) = offset {
            let (seconds, nanos) = (
                offset.0.div_euclid(1_000_000_000),
                offset.0.rem_euclid(1_000_000_000),
            );
            let line = format!("{clock} {seconds} {nanos}");
            tracer.write(
                "/proc/self/timens_offsets",
                &line,
                "seconds and nanoseconds to add",
            )?;
        }
    }
    Ok(())
}

/// Makes pid 1. `Ok(0)` in the new process.
fn clone_box(tracer: &mut Tracer, spec: &BoxSpec) -> Result<i64, Told> {
    if spec.has(Namespace::Pid) {
        let why = "its first process: pid 1 of a new PID namespace";
        let flags = Namespace::Pid.clone_flag() | libc::CLONE_PARENT as u64;
        match clone_traced(tracer, flags, "CLONE_NEWPID|CLONE_PARENT", why) {
            Ok(pid) => return Ok(pid),
            Err(errno) => {
                let need = Need::Namespace(Namespace::Pid);
                let told = tracer.refused(need, "clone3(CLONE_NEWPID)", Some(errno));
                if !spec.missing_ok {
                    return Err(told);
                }
            }
        }
    }
    clone_traced(
        tracer,
        libc::CLONE_PARENT as u64,
        "CLONE_PARENT",
        "the process of the box",
    )
    .map_err(|errno| tracer.broken(format!("clone3: {errno}")))
}

/// clone3(2), or clone(2) where that is filtered; told by the parent only,
/// because the wire is the creator's.
fn clone_traced(tracer: &mut Tracer, flags: u64, shown: &str, why: &str) -> Result<i64, Errno> {
    let before = Instant::now();
    let result = sys::clone3(tracer.one, flags, 0);
    if result == Ok(0) {
        return result;
    }
    tracer.timed(
        "clone3",
        format!("{{flags={shown}}}"),
        why,
        &result,
        before.elapsed(),
    );
    if result != Err(Errno(libc::ENOSYS)) {
        return result;
    }
    let before = Instant::now();
    let result = sys::clone(tracer.one, flags);
    if result != Ok(0) {
        let why = "clone3 is filtered here, so the older call";
        tracer.timed(
            "clone",
            format!("{shown}, NULL"),
            why,
            &result,
            before.elapsed(),
        );
    }
    result
}

/// Asks the kernel to end this process when its creator ends.
fn die_with_parent(tracer: &mut Tracer) -> Result<(), Told> {
    nix::sys::prctl::set_pdeathsig(Signal::SIGKILL)
        .map_err(|errno| tracer.broken(format!("prctl(PR_SET_PDEATHSIG): {}", Errno::from(errno))))
}

/// The first process of the box, from its first instruction on.
fn pid_one(
    one: OneThread,
    creation: &Creation,
    own: &OwnMounts,
    owned: &[Namespace],
    box_end: OwnedFd,
) -> ! {
    let spec = &creation.spec;
    let Ok(end) = sys::keep_only(one, box_end) else {
        sys::exit_now(1)
    };
    // fork and clone cleared it. The creator may have died just before; its
    // guardian then never says Go, and the end of the wire ends this process
    // (getppid() is 0 across a pid namespace, so asking would not tell).
    if nix::sys::prctl::set_pdeathsig(Signal::SIGKILL).is_err() {
        sys::exit_now(1);
    }
    let mut tracer = Tracer::new(Place::Box(spec.name.clone()), Wire::from(end), one);
    tracer.end_on_panic();
    tracer.reply(Reply::Hello);
    match tracer.wire().receive::<Asked>(None) {
        Ok(Some(received)) if matches!(received.message.request, Request::Go) => {
            tracer.about = received.message.id;
        }
        _ => sys::exit_now(1),
    }
    // Before its first mount: by now the paths lead where they led its creator.
    let own = own.copied();
    match set_up(&mut tracer, creation, owned) {
        Ok(()) => tracer.reply(Reply::Done),
        Err(Told) => {
            tracer.reply(Reply::Failed);
            sys::exit_now(1)
        }
    }
    let mut agent = Agent::new(tracer);
    agent.own = own;
    agent.own_mounts = owned.contains(&Namespace::Mount);
    agent.serve()
}

/// What only pid 1 can do: its mounts, and limits in case all else fails.
fn set_up(tracer: &mut Tracer, creation: &Creation, owned: &[Namespace]) -> Result<(), Told> {
    let spec = &creation.spec;
    limits::agent(spec.name.as_str());
    if creation.one_cpu {
        // Before it has children: they inherit it.
        super::workload::keep_to_one_cpu()
            .map_err(|errno| tracer.broken(format!("sched_setaffinity(2): {errno}")))?;
    }
    // What it got, not what it asked for: without a mount namespace these
    // calls would change the host's mounts.
    let own_mounts = owned.contains(&Namespace::Mount);
    if own_mounts && spec.propagation != Propagation::Unchanged {
        // Before any mount: a new mount namespace is a copy whose mounts may
        // still be peers of the parent's, and would tell it of ours.
        let (flag, shown) = propagation(spec.propagation);
        tracer
            .call(
                "mount",
                format!("NULL, \"/\", NULL, MS_REC|{shown}, NULL"),
                "before any mount: nothing may travel",
                || {
                    mount(
                        None::<&str>,
                        "/",
                        None::<&str>,
                        MsFlags::MS_REC | flag,
                        None::<&str>,
                    )
                    .map_err(Errno::from)
                },
            )
            .map_err(|errno| {
                tracer.refused(
                    Need::Namespace(Namespace::Mount),
                    &format!("mount(MS_REC|{shown})"),
                    Some(errno),
                )
            })?;
    }
    if own_mounts && creation.guarded {
        // Before any mount of the box's own, which stays as it is made; after the
        // propagation, which would tell nobody of it anyway.
        let call = "mount_setattr";
        let args = "AT_FDCWD, \"/\", AT_RECURSIVE, {MOUNT_ATTR_RDONLY}";
        tracer
            .call(
                call,
                args,
                "what the host has mounted is only read here",
                super::apart::read_only_for_a_box,
            )
            .map_err(|errno| tracer.broken(format!("{call}({args}): {errno}")))?;
    }
    // Without the PID namespace that it asked for, the /proc that is there fits.
    let own_pids = !spec.has(Namespace::Pid) || nix::unistd::getpid().as_raw() == 1;
    if spec.mounts_proc() && own_mounts && own_pids {
        let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
        let made = tracer.call(
            "mount",
            "\"proc\", \"/proc\", \"proc\", MS_NOSUID|MS_NODEV|MS_NOEXEC, NULL",
            "a /proc that shows this PID namespace",
            || mount(Some("proc"), "/proc", Some("proc"), flags, None::<&str>).map_err(Errno::from),
        );
        if let Err(errno) = made {
            let told = tracer.refused(Need::Proc, "mount(\"proc\", \"/proc\")", Some(errno));
            if !spec.missing_ok {
                return Err(told);
            }
        }
    }
    Ok(())
}

/// The flag of a propagation type; `Unchanged` has none.
pub(in crate::sandbox) fn propagation(kind: Propagation) -> (MsFlags, &'static str) {
    match kind {
        Propagation::Private => (MsFlags::MS_PRIVATE, "MS_PRIVATE"),
        Propagation::Slave => (MsFlags::MS_SLAVE, "MS_SLAVE"),
        Propagation::Shared => (MsFlags::MS_SHARED, "MS_SHARED"),
        Propagation::Unchanged => (MsFlags::empty(), "0"),
    }
}
