//! A program that a run serves beyond its plan: started with ends for somebody
//! else to talk to, on pipes or on a pty of the box's own.

use super::confine::{Confinement, Privilege};
use crate::base::{Errno, literal};
use crate::plan::{BoxName, Namespace};
use crate::probe;
use crate::sandbox::agent::{Agent, Job};
use crate::sandbox::base::owner::{MARK, Mark};
use crate::sandbox::base::search;
use crate::sandbox::base::service::{Program, Size, Stdio};
use crate::sandbox::sys;
use crate::sandbox::wire::tracer::Told;
use crate::sandbox::wire::{Reply, Start};
use nix::fcntl::OFlag;
use nix::mount::{MsFlags, mount};
use nix::sys::signal::{Signal, kill};
use nix::sys::stat::{Mode, stat};
use nix::unistd::Pid;
use rustix::pty::{OpenptFlags, ioctl_tiocgptpeer, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use thiserror::Error;

/// Where the pseudo-terminals of a place are.
const DEVPTS: &str = "/dev/pts";
/// How often the processes of a session are looked for that is to end: between
/// a look and its kill another may have been born.
const MOST_LOOKS: u32 = 20;
/// The time from one look to the next.
const NEXT_LOOK: Duration = Duration::from_millis(10);

/// Why a program can't be started.
#[derive(Debug, Error)]
pub(in crate::sandbox) enum Unstarted {
    #[error("the request names no program to start")]
    Unnamed,
    #[error("no program `{program}` is in the box `{place}`: looked in {path}")]
    Missing {
        program: String,
        place: BoxName,
        path: String,
    },
    #[error("`{program}` could not be started in {directory}")]
    Refused {
        program: String,
        directory: String,
        #[source]
        errno: Errno,
    },
    #[error("mount(devpts) on {DEVPTS}, a directory that a root of the box's own needs")]
    Devpts(#[source] Errno),
    /// A call for one of its ends, with the object that it was for.
    #[error("{0}")]
    Ends(String, #[source] Errno),
}

/// A call that failed for one of a program's ends.
fn on<E: Into<Errno>>(call: impl Into<String>) -> impl FnOnce(E) -> Unstarted {
    move |error| Unstarted::Ends(call.into(), error.into())
}

/// A program that runs.
pub(super) struct Served {
    pid: Pid,
    /// The program's end of its pty, for its size.
    terminal: Option<OwnedFd>,
    /// How often it was tried to end it, and when next.
    ending: Option<(u32, Instant)>,
}

/// Its three standard descriptors, and the ends for whoever asked.
pub(super) struct Wiring {
    pub(super) theirs: [OwnedFd; 3],
    pub(super) ours: Vec<OwnedFd>,
    pub(super) terminal: Option<OwnedFd>,
}

impl Served {
    /// A child that has just been started, and adopted.
    pub(super) fn new(pid: Pid, terminal: Option<OwnedFd>) -> Served {
        Served {
            pid,
            terminal,
            ending: None,
        }
    }
}

impl Agent {
    /// Starts a program, and sends its ends.
    ///
    /// # Errors
    /// What failed, for the one who asked.
    pub(in crate::sandbox) fn serve_program(
        &mut self,
        start: &Start,
    ) -> Result<Box<dyn Job>, Unstarted> {
        let Program {
            argv,
            environment,
            directory,
            user,
            limits,
            stdio,
            place,
        } = &start.program;
        let (program, arguments) = argv.split_first().ok_or(Unstarted::Unnamed)?;
        let path = environment.iter().find(|(name, _)| name == "PATH");
        let path = path.map_or(search::USUAL, |(_, path)| path);
        let found = search::find(program, path).ok_or_else(|| Unstarted::Missing {
            program: program.clone(),
            place: place.clone(),
            path: path.into(),
        })?;
        let Wiring {
            theirs: [stdin, stdout, stderr],
            ours,
            terminal,
        } = match stdio {
            Stdio::Pipes => pipes().map_err(on(format!("the pipes of `{program}`")))?,
            Stdio::Pty(size) => self.pty(*size, *user)?,
        };
        let mut command = Command::new(&found);
        command
            .arg0(program)
            .args(arguments)
            .env_clear()
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .envs(Mark::own().map(|mark| (MARK, mark.to_string())))
            .current_dir(directory)
            .stdin(stdin)
            .stdout(stdout)
            .stderr(stderr);
        if let Some((uid, gid)) = user {
            command.uid(*uid).gid(*gid);
        }
        sys::lead_session(&mut command, terminal.is_some());
        let how = Confinement {
            tenant: *limits,
            privilege: Privilege::at(&start.held, self.initial_user, self.pivoted),
            apart: !start.held.contains(&Namespace::Mount),
            groups: start.fence.clone(),
        };
        let confined = self.tracer.confine(&mut command, how);
        let report = confined.map_err(on("memfd_create(\"report\")"))?;
        let child = command.spawn().map_err(|error| Unstarted::Refused {
            program: program.clone(),
            directory: directory.clone(),
            errno: error.into(),
        })?;
        drop(command);
        self.tracer.tell_confined(report);
        let pid = Pid::from_raw(child.id() as i32);
        self.adopt(pid);
        self.tracer.reply_with(Reply::Started, ours);
        Ok(Box::new(Served::new(pid, terminal)))
    }

    /// A pty of this place's own, of that size.
    pub(super) fn pty(
        &mut self,
        size: Size,
        user: Option<(u32, u32)>,
    ) -> Result<Wiring, Unstarted> {
        self.own_devpts()?;
        let own = format!("{DEVPTS}/ptmx");
        // A device node of that name opens the instance beside it, pts(4).
        let multiplexer = match Path::new(&own).exists() && self.own_mounts {
            true => own.as_str(),
            false => "/dev/ptmx",
        };
        let flags = OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
        let master = nix::fcntl::open(multiplexer, flags, Mode::empty())
            .map_err(on(format!("open({multiplexer})")))?;
        let terminal =
            pty_peer(master.as_fd()).map_err(on(format!("ioctl({multiplexer}, TIOCGPTPEER)")))?;
        set_window(terminal.as_fd(), size).map_err(on("ioctl(the terminal, TIOCSWINSZ)"))?;
        if let Some((uid, _)) = user {
            let uid = nix::unistd::Uid::from_raw(uid);
            nix::unistd::fchown(&terminal, Some(uid), None)
                .map_err(on(format!("fchown(the terminal, {uid})")))?;
        }
        let copy = || terminal.try_clone().map_err(on("dup(the terminal)"));
        Ok(Wiring {
            theirs: [copy()?, copy()?, copy()?],
            ours: vec![master],
            terminal: Some(terminal),
        })
    }

    /// Mounts an instance of devpts of this box's own where it has the one that
    /// it was made with; without a mount namespace that stays.
    fn own_devpts(&mut self) -> Result<(), Unstarted> {
        let device = stat(DEVPTS).ok().map(|stat| stat.st_dev);
        if !self.own_mounts || device != self.devpts {
            return Ok(());
        }
        let flags = MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC;
        let data = "newinstance,ptmxmode=0666,mode=0620";
        let args = format!(
            "\"devpts\", \"{DEVPTS}\", \"devpts\", MS_NOSUID|MS_NOEXEC, {data}",
            data = literal(data)
        );
        let why = "terminals of the box's own: the host's can't be reached, nor reach in";
        let made = self.tracer.call("mount", args, why, || {
            mount(Some("devpts"), DEVPTS, Some("devpts"), flags, Some(data)).map_err(Errno::from)
        });
        made.map_err(Unstarted::Devpts)
    }
}

/// Three pipes, and their other ends.
pub(super) fn pipes() -> io::Result<Wiring> {
    let ((stdin, to_stdin), (from_stdout, stdout), (from_stderr, stderr)) =
        (io::pipe()?, io::pipe()?, io::pipe()?);
    Ok(Wiring {
        theirs: [stdin.into(), stdout.into(), stderr.into()],
        ours: vec![to_stdin.into(), from_stdout.into(), from_stderr.into()],
        terminal: None,
    })
}

impl Job for Served {
    fn step(&mut self, agent: &mut Agent) -> Option<Result<Reply, Told>> {
        if let Some((looks, at)) = &mut self.ending
            && Instant::now() >= *at
        {
            let others = members_of(self.pid);
            // It isn't reaped yet: the number is its own, whatever /proc shows.
            let _ = kill(self.pid, Signal::SIGKILL);
            for pid in &others {
                let _ = kill(*pid, Signal::SIGKILL);
            }
            *looks += 1;
            *at = Instant::now() + NEXT_LOOK;
            if others.is_empty() || *looks > MOST_LOOKS {
                self.ending = None;
            }
        }
        // Its own end last: until then its session has its number.
        match self.ending {
            Some(_) => None,
            None => agent.ended(self.pid).map(|ending| Ok(Reply::Ended(ending))),
        }
    }

    fn wakes(&self) -> Vec<BorrowedFd<'_>> {
        Vec::new()
    }

    fn due(&self) -> Option<Instant> {
        self.ending.map(|(_, at)| at)
    }

    fn signal(&mut self, signal: i32) -> Result<(), Errno> {
        // It isn't reaped yet, so the number is its own.
        Ok(kill(self.pid, Signal::try_from(signal)?)?)
    }

    fn resize(&mut self, size: Size) -> Result<(), Errno> {
        match &self.terminal {
            Some(terminal) => set_window(terminal.as_fd(), size),
            None => Err(Errno(libc::ENOTTY)),
        }
    }

    fn end(&mut self) {
        self.ending = Some((0, Instant::now()));
    }
}

/// The processes of a session that haven't ended, as /proc shows them.
fn members_of(session: Pid) -> Vec<Pid> {
    let proc = Path::new("/proc");
    let pids = probe::pids(proc).unwrap_or_default().into_iter();
    pids.filter(|pid| {
        let stat = probe::stat(proc, *pid).filter(|stat| !stat.has_ended());
        stat.is_some_and(|stat| stat.session == session.as_raw())
    })
    .map(Pid::from_raw)
    .collect()
}

/// The other end of a pty's master, without a path to it: TIOCGPTPEER,
/// ioctl_tty(2), Linux 4.13.
fn pty_peer(master: BorrowedFd<'_>) -> Result<OwnedFd, Errno> {
    unlockpt(master)?;
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    Ok(ioctl_tiocgptpeer(master, flags)?)
}

/// Tells a terminal the size of its window, TIOCSWINSZ.
fn set_window(terminal: BorrowedFd<'_>, size: Size) -> Result<(), Errno> {
    let size = Winsize {
        ws_row: size.rows,
        ws_col: size.columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    Ok(tcsetwinsize(terminal, size)?)
}
