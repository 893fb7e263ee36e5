//! Whose progress it is, and where it lies.

use super::error::Error;
use nix::unistd::{Gid, Uid, User, setfsgid, setfsuid};
use std::ffi::OsString;
use std::path::PathBuf;
use std::thread;

/// The directory of the progress, and the user whose it is: under sudo, doas or
/// pkexec the one who called, for root's files in somebody's home would be in the
/// way of the next start without it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home {
    /// `$XDG_STATE_HOME`, or `~/.local/state`: XDG Base Directory Specification.
    pub(super) state: PathBuf,
    pub(super) uid: u32,
    gid: u32,
    /// This process is root, and the user another.
    caller: bool,
}

impl Home {
    /// That of whoever started this process.
    ///
    /// # Errors
    /// Where no directory or no such user is known.
    pub fn find() -> Result<Home, Error> {
        Home::of(
            |name| std::env::var_os(name),
            (Uid::effective(), Gid::effective()),
        )
    }

    fn of(variable: impl Fn(&str) -> Option<OsString>, own: (Uid, Gid)) -> Result<Home, Error> {
        let caller = match own.0.is_root() {
            true => caller(&variable)?,
            false => None,
        };
        let absolute = |path: PathBuf| Some(path).filter(|path| path.is_absolute());
        let from = |name: &str| variable(name).map(PathBuf::from).and_then(absolute);
        // What $HOME says under sudo is a matter of its configuration.
        let home = || match &caller {
            Some(user) => absolute(user.dir.clone()),
            None => from("HOME").or_else(|| {
                let user = User::from_uid(own.0).ok().flatten();
                user.and_then(|user| absolute(user.dir))
            }),
        };
        let state = from("XDG_STATE_HOME").or_else(|| Some(home()?.join(".local/state")));
        let (uid, gid) = caller.as_ref().map_or(own, |user| (user.uid, user.gid));
        Ok(Home {
            state: state.ok_or(Error::NoHome(uid.as_raw()))?,
            uid: uid.as_raw(),
            gid: gid.as_raw(),
            caller: caller.is_some(),
        })
    }

    /// The directory of this program.
    pub fn dir(&self) -> PathBuf {
        self.state.join("glassbox")
    }

    /// The file.
    pub fn file(&self) -> PathBuf {
        self.dir().join("progress.json")
    }

    /// Does something with the rights of whose home it is, and no more: in a thread
    /// that takes their ids for the file system, and with them loses root's
    /// capabilities over files; see setfsuid(2), capabilities(7).
    pub(super) fn act<T: Send>(
        &self,
        work: impl FnOnce() -> Result<T, Error> + Send,
    ) -> Result<T, Error> {
        if !self.caller {
            return work();
        }
        let done = thread::scope(|scope| {
            let acting = || {
                self.become_caller()?;
                work()
            };
            scope.spawn(acting).join()
        });
        done.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }

    fn become_caller(&self) -> Result<(), Error> {
        let (uid, gid) = (Uid::from_raw(self.uid), Gid::from_raw(self.gid));
        // The group first: without root's id it could not be changed. Neither call
        // has an error; the second of each returns what the first has set.
        setfsgid(gid);
        setfsuid(uid);
        match setfsgid(gid) == gid && setfsuid(uid) == uid {
            true => Ok(()),
            false => Err(Error::NotCaller(self.uid)),
        }
    }
}

/// Who became root by sudo(8), pkexec(1) or doas(1), as these say; `None` if that was
/// nobody, or root.
fn caller(variable: impl Fn(&str) -> Option<OsString>) -> Result<Option<User>, Error> {
    for name in ["SUDO_UID", "PKEXEC_UID", "DOAS_USER"] {
        let Some(value) = variable(name) else {
            continue;
        };
        let value = value.to_string_lossy().into_owned();
        let user = match (name, value.parse()) {
            ("DOAS_USER", _) => User::from_name(&value),
            (_, Ok(uid)) => User::from_uid(Uid::from_raw(uid)),
            (_, Err(_)) => Ok(None),
        };
        let user = user.ok().flatten().ok_or(Error::NoCaller {
            variable: name,
            value,
        })?;
        return Ok(Some(user).filter(|user| !user.uid.is_root()));
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(variables: &[(&str, &str)], uid: u32) -> Result<(PathBuf, u32, bool), Error> {
        let variable = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| OsString::from(value))
        };
        let home = Home::of(variable, (Uid::from_raw(uid), Gid::from_raw(uid)))?;
        Ok((home.dir(), home.uid, home.caller))
    }

    #[test]
    fn it_is_the_callers_and_in_their_home() {
        let nobody = User::from_name("nobody").unwrap().unwrap();
        let (id, home) = (nobody.uid.as_raw(), nobody.dir);
        let id_text = id.to_string();
        let theirs = home.join(".local/state/glassbox");
        let own = PathBuf::from("/h/.local/state/glassbox");
        for (variables, uid, dir, writer) in [
            (vec![("HOME", "/h")], 7, &own, 7),
            (
                vec![("HOME", "/h"), ("XDG_STATE_HOME", "relative")],
                7,
                &own,
                7,
            ),
            (vec![("HOME", "/h"), ("SUDO_UID", &id_text)], 7, &own, 7),
            (vec![("HOME", "/h"), ("SUDO_UID", "0")], 0, &own, 0),
            (vec![("HOME", "/h"), ("SUDO_UID", &id_text)], 0, &theirs, id),
            (
                vec![("HOME", "/h"), ("PKEXEC_UID", &id_text)],
                0,
                &theirs,
                id,
            ),
            (
                vec![("HOME", "/h"), ("DOAS_USER", "nobody")],
                0,
                &theirs,
                id,
            ),
        ] {
            let found = of(&variables, uid).unwrap();
            assert_eq!(found, (dir.clone(), writer, writer != uid), "{variables:?}");
        }
        let (dir, writer, _) = of(&[("XDG_STATE_HOME", "/x"), ("SUDO_UID", &id_text)], 0).unwrap();
        assert_eq!((dir, writer), (PathBuf::from("/x/glassbox"), id));
    }

    #[test]
    fn a_caller_that_is_nobody_is_no_reason_to_write_as_root() {
        for (name, value) in [
            ("SUDO_UID", "x"),
            ("SUDO_UID", "4000111222"),
            ("DOAS_USER", "\u{1}"),
        ] {
            let found = of(&[("HOME", "/h"), (name, value)], 0);
            assert!(
                matches!(found, Err(Error::NoCaller { .. })),
                "{name} {value}"
            );
        }
        assert!(matches!(of(&[], 4_000_111_222), Err(Error::NoHome(_))));
    }
}
