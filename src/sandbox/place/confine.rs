//! What stands between a program that a demo runs and the machine: a group and
//! limits, a session without a terminal, a mount namespace to throw away, and no
//! more capabilities than the namespaces of its box contain.
//!
//! No seccomp filter, and no_new_privs only where nothing else keeps a program
//! from gaining privileges: whoever looks at a program in a box with
//! `/proc/self/status` is to see what a container shows.

use super::apart;
use crate::base::Errno;
use crate::plan::Namespace;
use crate::sandbox::base::limits;
use crate::sandbox::base::service::Tenant;
use crate::sandbox::sys;
use crate::sandbox::wire::tracer::Tracer;
use nix::sys::memfd::{MFdFlags, memfd_create};
use rustix::thread::{self, CapabilitySet, CapabilitySets};
use std::fs::{self, File};
use std::io::{self, Read, Seek, Write};
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

/// How a program is confined.
#[derive(Debug, Clone)]
pub(in crate::sandbox) struct Confinement {
    /// What it may use of the machine.
    pub(in crate::sandbox) tenant: Tenant,
    /// Its capabilities.
    pub(in crate::sandbox) privilege: Privilege,
    /// Whether it gets a mount namespace of its own: where its place has the
    /// host's.
    pub(in crate::sandbox) apart: bool,
    /// The groups whose limits it keeps, if its place has none of its own.
    pub(in crate::sandbox) groups: Vec<PathBuf>,
}

/// How far a program that a demo runs is trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sandbox) enum Privilege {
    /// As the box has it: root of a user namespace can do no more than that allows.
    Kept,
    /// These of the capabilities, a bit each.
    Only(u64),
}

/// The capabilities that Docker leaves to a container, capabilities(7), but for
/// CAP_MKNOD: CHOWN, DAC_OVERRIDE, FOWNER, FSETID, KILL, SETGID, SETUID,
/// SETPCAP, NET_BIND_SERVICE, NET_RAW, SYS_CHROOT, AUDIT_WRITE, SETFCAP. Here no
/// device cgroup stands before the devices that one could make.
pub(super) const CONTAINER: u64 = bits(&[0, 1, 3, 4, 5, 6, 7, 8, 10, 13, 18, 29, 31]);

const fn bits(capabilities: &[u32]) -> u64 {
    let (mut mask, mut index) = (0, 0);
    while index < capabilities.len() {
        mask |= 1 << capabilities[index];
        index += 1;
    }
    mask
}

impl Privilege {
    /// For a program at a place with namespaces of these kinds of its own.
    pub(in crate::sandbox) fn at(
        held: &[Namespace],
        initial_user: bool,
        pivoted: bool,
    ) -> Privilege {
        match held {
            [] => Privilege::Only(0),
            held if held.contains(&Namespace::User) || !initial_user => Privilege::Kept,
            _ if pivoted => Privilege::Only(CONTAINER),
            held => Privilege::Only(held.iter().fold(0, |mask, ns| mask | acting_on(*ns))),
        }
    }
}

/// The capabilities that act on what a namespace of that kind holds, in a box of
/// real root's. Nothing contains the others but the whole machine.
fn acting_on(kind: Namespace) -> u64 {
    match kind {
        // Files that it makes, of whatever owner, and mounts.
        Namespace::Mount => CONTAINER & !bits(&[5, 10, 13]) | bits(&[21]),
        // sethostname(2) wants CAP_SYS_ADMIN.
        Namespace::Uts => bits(&[21]),
        Namespace::Pid => bits(&[5]),
        // NET_BIND_SERVICE, NET_ADMIN, NET_RAW.
        Namespace::Net => bits(&[10, 12, 13]),
        Namespace::User | Namespace::Ipc | Namespace::Cgroup | Namespace::Time => 0,
    }
}

impl Tracer {
    /// Has a program confined between fork(2) and execve(2). What of it is to be
    /// told is in the file after that.
    pub(in crate::sandbox) fn confine(
        &self,
        command: &mut Command,
        how: Confinement,
    ) -> io::Result<File> {
        let report = File::from(memfd_create(c"report", MFdFlags::MFD_CLOEXEC)?);
        let told = report.try_clone()?;
        sys::enter_first(self.one, command, move || how.enter(&told));
        Ok(report)
    }

    /// Tells how a program that was started is confined.
    pub(in crate::sandbox) fn tell_confined(&mut self, mut report: File) {
        let mut text = String::new();
        let _ = report
            .rewind()
            .and_then(|()| report.read_to_string(&mut text));
        for line in text.lines() {
            let mut fields = line.split('\t');
            let (Some(call), Some(errno), Some(nanos)) =
                (fields.next(), fields.next(), fields.next())
            else {
                continue;
            };
            let (name, args) = call.split_once('(').unwrap_or((call, ""));
            let args = args.strip_suffix(')').unwrap_or(args).to_string();
            let result = match errno.parse() {
                Ok(0) | Err(_) => Ok(0i64),
                Ok(errno) => Err(Errno(errno)),
            };
            let why = match (name, result) {
                ("write", _) => "a group's limits for the program: it runs without",
                (_, Ok(_)) => APART,
                _ => "a mount namespace for the program alone: it stands in that of its place",
            };
            let took = Duration::from_nanos(nanos.parse().unwrap_or_default());
            self.timed(name, args, why, &result, took);
        }
    }
}

/// What a program's own mount namespace is for.
const APART: &str = "for this program alone, in the child: every file read-only, /dev without \
                     terminals and disks; what it mounts goes with it";

impl Confinement {
    /// Confines this process, which is about to execute a program. `report` is
    /// told what was done of it that can be seen, and what could not be.
    ///
    /// # Errors
    /// What must not be left undone.
    pub(in crate::sandbox) fn enter(&self, mut report: impl Write) -> io::Result<()> {
        let os = |errno: Errno| io::Error::from_raw_os_error(errno.0);
        sys::unblock_signals();
        // A session leader without a terminal: no /dev/tty, no TIOCSTI.
        let _ = nix::unistd::setsid();
        for directory in &self.groups {
            // While its user may, and the host's mounts are writable.
            let before = Instant::now();
            let file = directory.join("cgroup.procs");
            if let Err(error) = fs::write(&file, "0") {
                let (call, took) = (file.display(), before.elapsed().as_nanos());
                let errno = Errno::from(error).0;
                writeln!(report, "write(\"{call}\", \"0\")\t{errno}\t{took}")?;
            }
        }
        limits::of(self.tenant).map_err(os)?;
        if self.apart {
            let before = Instant::now();
            let (call, errno) = match apart::enter() {
                Ok(()) => ("unshare(CLONE_NEWNS)", 0),
                Err(refused) => (refused.call, refused.errno.0),
            };
            writeln!(report, "{call}\t{errno}\t{}", before.elapsed().as_nanos())?;
        }
        let Privilege::Only(kept) = self.privilege else {
            return Ok(());
        };
        let closed = keep_capabilities(kept).map_err(os)?;
        // With the bounding set a program of root's has lost the way back. An
        // ordinary user on the host itself can't empty it: only this keeps sudo(8)
        // from making root of a lesson there.
        if !closed {
            nix::sys::prctl::set_no_new_privs()?;
        }
        Ok(())
    }
}

/// Gives up every capability but these, and with the bounding set the way back
/// through the execve(2) rule for uid 0; capabilities(7). Whether that way is closed:
/// without CAP_SETPCAP it can't be.
fn keep_capabilities(keep: u64) -> Result<bool, Errno> {
    let mut closed = true;
    for bit in (0..64).filter(|bit| keep & 1 << bit == 0) {
        let one = CapabilitySet::from_bits_retain(1 << bit);
        // An error behind the last one that the kernel knows.
        if thread::capability_is_in_bounding_set(one).unwrap_or(false)
            && thread::remove_capability_from_bounding_set(one).is_err()
        {
            closed = false;
        }
    }
    // No more than it has: capset(2) takes nothing that isn't permitted.
    let had = thread::capabilities(None)?.permitted;
    let left = had & CapabilitySet::from_bits_retain(keep);
    let sets = CapabilitySets {
        effective: left,
        permitted: left,
        inheritable: CapabilitySet::empty(),
    };
    thread::set_capabilities(None, sets)?;
    Ok(closed)
}
