//! Who a process is in a new user namespace, user_namespaces(7).

use crate::base::Errno;
use crate::plan::{Namespace, Need};
use crate::sandbox::wire::Creation;
use crate::sandbox::wire::tracer::{Told, Tracer};
use nix::sched::{CloneFlags, unshare};
use nix::unistd::{Gid, Uid, getegid, geteuid, setgroups, setresgid, setresuid};

/// The ids of a maker, read while its own user namespace still shows them.
#[derive(Clone, Copy)]
pub(super) struct Ids {
    uid: Uid,
    gid: Gid,
}

impl Ids {
    pub(super) fn mine() -> Ids {
        Ids {
            uid: geteuid(),
            gid: getegid(),
        }
    }
}

/// Maps 0 inside to the maker's own ids: what an ordinary user may do,
/// user_namespaces(7).
pub(super) fn map_own_ids(tracer: &mut Tracer, Ids { uid, gid }: Ids) -> Result<(), Told> {
    let lines = [
        (
            "setgroups",
            "deny".to_string(),
            "needed before gid_map: leaving a group must not gain access",
        ),
        (
            "gid_map",
            format!("0 {gid} 1"),
            "group 0 inside is your group outside",
        ),
        (
            "uid_map",
            format!("0 {uid} 1"),
            "user 0 inside is you outside",
        ),
    ];
    for (file, line, why) in lines {
        let path = format!("/proc/self/{file}");
        tracer.write(&path, &line, why).map_err(|errno| {
            tracer.refused(
                Need::Namespace(Namespace::User),
                &format!("write({path})"),
                Some(errno),
            )
        })?;
    }
    Ok(())
}

/// Takes on the ids that are mapped; until then the process is nobody inside.
pub(super) fn become_root_inside(tracer: &mut Tracer, creation: &Creation) -> Result<(), Told> {
    let (zero_uid, zero_gid) = (Uid::from_raw(0), Gid::from_raw(0));
    let done = (|| {
        if creation.map_to.is_some() {
            tracer.call(
                "setgroups",
                "0, NULL",
                "the host's groups don't belong in here",
                || setgroups(&[]).map_err(Errno::from),
            )?;
        }
        tracer.call("setresgid", "0, 0, 0", "", || {
            setresgid(zero_gid, zero_gid, zero_gid).map_err(Errno::from)
        })?;
        tracer.call("setresuid", "0, 0, 0", "root inside, by the map", || {
            setresuid(zero_uid, zero_uid, zero_uid).map_err(Errno::from)
        })?;
        // Changing ids made the process undumpable, and its /proc files root's.
        nix::sys::prctl::set_dumpable(true).map_err(Errno::from)
    })();
    done.map_err(|errno| {
        tracer.refused(
            Need::Namespace(Namespace::User),
            "setresuid(0, 0, 0)",
            Some(errno),
        )
    })
}

/// Makes this process, an agent that an ordinary user forked, root of an outer
/// user namespace in which boxes without one of their own can be made.
pub(in crate::sandbox) fn enter_base(tracer: &mut Tracer) -> Result<(), Told> {
    let ids = Ids::mine();
    tracer
        .call(
            "unshare",
            "CLONE_NEWUSER",
            "an ordinary user first becomes root of a user namespace",
            || unshare(CloneFlags::CLONE_NEWUSER).map_err(Errno::from),
        )
        .map_err(|errno| {
            let need = Need::Namespace(Namespace::User);
            tracer.refused(need, "unshare(CLONE_NEWUSER)", Some(errno))
        })?;
    map_own_ids(tracer, ids)
}
