//! Programs in a box that has a root of layers, as a container has them: the first
//! is pid 1 of a pid namespace inside of the box's, so that the others end with it;
//! the agent stands outside of that and is seen by none of them.

use super::confine::{CONTAINER, Confinement, Privilege};
use super::program::{Served, Wiring, pipes};
use crate::base::{Errno, chain};
use crate::sandbox::agent::{Agent, Job};
use crate::sandbox::base::search;
use crate::sandbox::base::service::{Execute, First, Stdio, Tenant};
use crate::sandbox::layers::container::proc_of_this_namespace;
use crate::sandbox::sys;
use crate::sandbox::wire::Reply;
use nix::fcntl::OFlag;
use nix::sched::{CloneFlags, unshare};
use nix::unistd::{Gid, Pid, Uid, fchown, setgid, setgroups, setuid};
use std::fs::{self, File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The longest passwd(5) or group(5) that is read.
const MOST_USERS: u64 = 1 << 20;

/// Who a program is.
#[derive(Debug, PartialEq, Eq)]
struct Identity {
    uid: u32,
    gid: u32,
    groups: Vec<u32>,
    home: String,
}

impl Agent {
    /// Starts a program in the root, and sends its ends. The inner error is of a
    /// program that can't be executed.
    ///
    /// # Errors
    /// What failed, for the one who asked.
    pub(super) fn execute(
        &mut self,
        start: &Execute,
    ) -> Result<Result<Box<dyn Job>, Errno>, String> {
        let Some(first) = self.first else {
            return Err("the box has no root of layers".into());
        };
        let (program, arguments) = start.argv.split_first().ok_or("no command specified")?;
        let who = identity(&start.user)?;
        if !self.initial_user && (who.uid, who.gid) != (0, 0) {
            return Err(format!(
                "`{}` can't be had: an ordinary user's container has one user, which is root \
                 inside; leave the user out, or start the engine as root",
                start.user
            ));
        }
        let directory = Path::new(&start.directory);
        if !directory.is_dir() {
            return Err(format!(
                "chdir to cwd (\"{}\") set in config.json failed: no such file or directory",
                start.directory
            ));
        }
        let value = |wanted: &str| {
            let mut all = start.environment.iter();
            all.find(|(name, _)| name == wanted)
                .map(|(_, value)| value.as_str())
        };
        let path = value("PATH").unwrap_or(search::USUAL);
        let found = match executable(program, path, directory) {
            Ok(found) => found,
            Err(errno) => return Ok(Err(errno)),
        };
        let Wiring {
            theirs,
            ours,
            terminal,
        } = match start.stdio {
            Stdio::Pipes => pipes().map_err(|error| format!("pipe: {error}"))?,
            Stdio::Pty(size) => self
                .pty(size, Some((who.uid, who.gid)))
                .map_err(|error| chain(&error))?,
        };
        for end in theirs.iter().filter(|_| who.uid != 0) {
            // So that it may open /dev/stdout again.
            let _ = fchown(end, Some(Uid::from_raw(who.uid)), None);
        }
        let [stdin, stdout, stderr] = theirs;
        let mut command = Command::new(&found);
        std::os::unix::process::CommandExt::arg0(&mut command, program);
        // No mark of a run: what is in a pid namespace ends with it.
        command
            .args(arguments)
            .env_clear()
            .envs(start.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(directory)
            .stdin(stdin)
            .stdout(stdout)
            .stderr(stderr);
        if value("HOME").is_none() {
            command.env("HOME", &who.home);
        }
        if first == First::PidOne && self.inside.is_none() {
            self.tracer
                .call(
                    "unshare",
                    "CLONE_NEWPID",
                    "what starts next is pid 1, and all that follow are in there with it",
                    || unshare(CloneFlags::CLONE_NEWPID).map_err(Errno::from),
                )
                .map_err(|errno| format!("unshare(CLONE_NEWPID): {errno}"))?;
            self.inside = Some(false);
        }
        sys::lead_session(&mut command, terminal.is_some());
        if self.inside == Some(false) {
            let fenced = self.initial_user;
            sys::enter_first(self.tracer.one, &mut command, move || {
                proc_of_this_namespace(fenced)
                    .map_err(|errno| std::io::Error::from_raw_os_error(errno.0))
            });
        }
        let how = Confinement {
            tenant: Tenant::Container,
            privilege: Privilege::Only(CONTAINER),
            apart: false,
            groups: Vec::new(),
        };
        let report = self
            .tracer
            .confine(&mut command, how)
            .map_err(|error| format!("memfd_create: {error}"))?;
        if self.initial_user {
            let (uid, gid) = (Uid::from_raw(who.uid), Gid::from_raw(who.gid));
            let groups: Vec<Gid> = who.groups.iter().map(|gid| Gid::from_raw(*gid)).collect();
            sys::enter_first(self.tracer.one, &mut command, move || {
                setgroups(&groups)?;
                setgid(gid)?;
                Ok(setuid(uid)?)
            });
        }
        let child = match command.spawn() {
            Ok(child) => child,
            Err(error) => return Ok(Err(Errno::from(error))),
        };
        drop(command);
        if self.inside == Some(false) {
            self.inside = Some(true);
        }
        self.tracer.tell_confined(report);
        let pid = Pid::from_raw(child.id() as i32);
        self.adopt(pid);
        self.tracer.reply_with(Reply::Started, ours);
        Ok(Ok(Box::new(Served::new(pid, terminal))))
    }
}

/// The file behind a program's name, or why it can't be executed: EACCES of one
/// that is there.
fn executable(name: &str, path: &str, directory: &Path) -> Result<PathBuf, Errno> {
    if !name.contains('/') {
        return search::find(name, path).ok_or(Errno(libc::ENOENT));
    }
    let whole = directory.join(name);
    let meta = fs::metadata(&whole)?;
    match meta.is_file() && search::find(&whole.to_string_lossy(), path).is_some() {
        true => Ok(whole),
        false => Err(Errno(libc::EACCES)),
    }
}

/// Who `USER[:GROUP]` is, by the root's own passwd(5) and group(5).
fn identity(user: &str) -> Result<Identity, String> {
    identity_in(
        user,
        &lines_of("/etc/passwd").unwrap_or_default(),
        &lines_of("/etc/group").unwrap_or_default(),
    )
}

fn identity_in(user: &str, passwd: &str, group: &str) -> Result<Identity, String> {
    let (name, wanted) = user.split_once(':').unwrap_or((user, ""));
    let name = if name.is_empty() { "0" } else { name };
    let entries = passwd
        .lines()
        .map(|line| line.split(':').collect::<Vec<_>>());
    let known = entries
        .filter(|fields| fields.len() >= 6)
        .find(|fields| fields[0] == name || fields[2] == name);
    let number = |fields: &[&str], at: usize| fields.get(at).and_then(|text| text.parse().ok());
    let uid = known.as_deref().and_then(|fields| number(fields, 2));
    let uid: u32 = uid
        .or_else(|| name.parse().ok())
        .ok_or_else(|| format!("unable to find user {name}: no matching entries in passwd file"))?;
    let groups: Vec<Vec<&str>> = group
        .lines()
        .map(|line| line.split(':').collect::<Vec<_>>())
        .filter(|fields| fields.len() >= 3)
        .collect();
    let gid = match wanted {
        "" => known
            .as_deref()
            .and_then(|fields| number(fields, 3))
            .unwrap_or(0),
        wanted => {
            let named = groups
                .iter()
                .find(|fields| fields[0] == wanted || fields[2] == wanted);
            let gid = named.and_then(|fields| number(fields, 2));
            gid.or_else(|| wanted.parse().ok()).ok_or_else(|| {
                format!("unable to find group {wanted}: no matching entries in group file")
            })?
        }
    };
    let login = known.as_deref().map(|fields| fields[0]);
    let member = |fields: &&Vec<&str>| {
        let members = fields.get(3).copied().unwrap_or_default();
        login.is_some_and(|login| members.split(',').any(|member| member == login))
    };
    let mut all = vec![gid];
    // A group that was named is the only one, as everywhere.
    let others = groups.iter().filter(|_| wanted.is_empty()).filter(member);
    all.extend(others.filter_map(|fields| number(fields, 2)));
    all.dedup();
    let home = known.as_deref().map_or("/", |fields| fields[5]).to_string();
    Ok(Identity {
        uid,
        gid,
        groups: all,
        home: if home.is_empty() { "/".into() } else { home },
    })
}

/// What is in a file of the container's own, which may be whatever it likes.
fn lines_of(path: &str) -> Option<String> {
    let flags = (OFlag::O_NONBLOCK | OFlag::O_CLOEXEC).bits();
    let file: File = OpenOptions::new()
        .read(true)
        .custom_flags(flags)
        .open(path)
        .ok()?;
    if !file.metadata().ok()?.is_file() {
        return None;
    }
    let mut bytes = Vec::new();
    file.take(MOST_USERS).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\nbroken\nweb:x:33:34:w:/srv:/bin/sh\n";
    const GROUP: &str = "root:x:0:\nweb:x:34:\nlogs:x:40:root,web\nbroken\n";

    #[test]
    fn users_and_groups_are_those_of_the_root() {
        let who = |uid, gid, groups: &[u32], home: &str| {
            Ok(Identity {
                uid,
                gid,
                groups: groups.to_vec(),
                home: home.into(),
            })
        };
        let no_user = "unable to find user nope: no matching entries in passwd file";
        let no_group = "unable to find group nope: no matching entries in group file";
        for (user, expected) in [
            ("", who(0, 0, &[0, 40], "/root")),
            ("root", who(0, 0, &[0, 40], "/root")),
            ("web", who(33, 34, &[34, 40], "/srv")),
            ("33", who(33, 34, &[34, 40], "/srv")),
            ("web:logs", who(33, 40, &[40], "/srv")),
            ("web:7", who(33, 7, &[7], "/srv")),
            ("1000", who(1000, 0, &[0], "/")),
            ("1000:logs", who(1000, 40, &[40], "/")),
            (":logs", who(0, 40, &[40], "/root")),
            ("nope", Err(no_user.to_string())),
            ("web:nope", Err(no_group.to_string())),
        ] {
            assert_eq!(identity_in(user, PASSWD, GROUP), expected, "{user}");
        }
    }

    #[test]
    fn what_cannot_be_executed_has_a_reason() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("text"), "no program").unwrap();
        let here = |name: &str| executable(name, search::USUAL, dir.path());
        assert!(here("sh").is_ok());
        assert_eq!(here("no-such-program"), Err(Errno(libc::ENOENT)));
        assert_eq!(here("./no-such-program"), Err(Errno(libc::ENOENT)));
        assert_eq!(here("./text"), Err(Errno(libc::EACCES)));
        assert_eq!(here("/etc"), Err(Errno(libc::EACCES)));
    }
}
