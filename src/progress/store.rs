//! The file on the disk: read, locked, written whole or not at all.

use super::error::Error;
use super::form::{LARGEST, Progress};
use super::home::Home;
use crate::base::chain;
use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;
use std::fs::{DirBuilder, File, TryLockError};
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

const FILE: &str = "progress.json";
/// A new one while it is written. Who has the lock alone makes it, so one that is
/// there already was left by a death.
const NEW: &str = "progress.json.new";
const LOCK: &str = "lock";

/// What was found at the start.
#[derive(Debug)]
pub struct Opened {
    /// What is known of the learner.
    pub progress: Progress,
    /// Where to keep what they do, or why nothing is kept.
    pub store: Result<Store, Error>,
    /// What was put aside, for the learner to know.
    pub aside: Option<String>,
}

/// The right to write the file, as long as it lives.
#[derive(Debug)]
pub struct Store {
    home: Home,
    dir: OwnedFd,
    /// Locked, flock(2).
    _lock: File,
}

/// Opens the progress of whoever started this program, to be read and kept.
pub fn open() -> Opened {
    Home::find().map_or_else(unkept, open_in)
}

/// Reads it without any claim to it; nothing where there is none yet.
///
/// # Errors
/// Says why it can't be read.
pub fn look() -> Result<Progress, Error> {
    let home = Home::find()?;
    home.act(|| match own_directory(&home) {
        Ok(dir) => Ok(read(&home, &dir)?.unwrap_or_default()),
        Err(error) if is_absent(&error) => Ok(Progress::default()),
        Err(error) => Err(error),
    })
}

fn open_in(home: Home) -> Opened {
    let taken = home.act(|| take(&home));
    match taken {
        Ok((store, progress, aside)) => Opened {
            progress,
            store: Ok(store),
            aside,
        },
        Err(why) => {
            // What is there may be shown all the same.
            let there = home.act(|| read(&home, &own_directory(&home)?));
            Opened {
                progress: there.ok().flatten().unwrap_or_default(),
                ..unkept(why)
            }
        }
    }
}

fn unkept(why: Error) -> Opened {
    Opened {
        progress: Progress::default(),
        store: Err(why),
        aside: None,
    }
}

/// Makes the directory, takes the lock, reads the file; what can't be read is put
/// aside.
fn take(home: &Home) -> Result<(Store, Progress, Option<String>), Error> {
    make_directory(home)?;
    let dir = own_directory(home)?;
    let lock = lock(home, &dir)?;
    let mut aside = None;
    let progress = match read(home, &dir) {
        Ok(found) => found.unwrap_or_default(),
        Err(why @ (Error::Damaged(_) | Error::Newer { .. })) => {
            let kept = put_aside(home, &dir, &why)?;
            aside = Some(format!(
                "Your progress was not understood: {}. It is kept as {}, and you begin anew.",
                chain(&why),
                kept.display()
            ));
            Progress::default()
        }
        Err(error) => return Err(error),
    };
    let store = Store {
        home: home.clone(),
        dir,
        _lock: lock,
    };
    Ok((store, progress, aside))
}

impl Store {
    /// Writes all of it: when this returns it is on the disk, and at any moment the
    /// file is what it was or what it is to be.
    ///
    /// # Errors
    /// Says which call failed; the file is what it was, unless only the last one
    /// did, which brings the directory to the disk.
    pub fn save(&self, progress: &Progress) -> Result<(), Error> {
        let bytes = progress.to_bytes();
        self.home.act(|| self.write(&bytes))
    }

    fn write(&self, bytes: &[u8]) -> Result<(), Error> {
        let at = self.home.dir().join(NEW);
        let failed = |done| move |error: io::Error| broken(&at, done, error);
        let written = self.write_new(bytes).map_err(failed("written"));
        let renamed = written.and_then(|()| {
            rustix::fs::renameat(&self.dir, NEW, &self.dir, FILE)
                .map_err(|error| broken(&self.home.file(), "replaced", error.into()))
        });
        if renamed.is_err() {
            // On a full disk it would only be in the way.
            let _ = rustix::fs::unlinkat(&self.dir, NEW, AtFlags::empty());
            return renamed;
        }
        // Some file systems know no fsync of a directory, fsync(2): they say EINVAL.
        match rustix::fs::fsync(&self.dir) {
            Ok(()) | Err(Errno::INVAL) => Ok(()),
            Err(error) => Err(broken(&self.home.dir(), "synced", error.into())),
        }
    }

    fn write_new(&self, bytes: &[u8]) -> io::Result<()> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW;
        let mode = Mode::RUSR | Mode::WUSR;
        let make = || rustix::fs::openat(&self.dir, NEW, flags | OFlags::CLOEXEC, mode);
        let made = match make() {
            Err(Errno::EXIST) => {
                rustix::fs::unlinkat(&self.dir, NEW, AtFlags::empty())?;
                make()?
            }
            made => made?,
        };
        let mut file = File::from(made);
        // Whatever the umask took away.
        rustix::fs::fchmod(&file, mode)?;
        file.write_all(bytes)?;
        // The name must not lead to what isn't there yet after a power failure.
        file.sync_all()
    }
}

fn make_directory(home: &Home) -> Result<(), Error> {
    // Nothing is made below what is a stranger's: root's files in somebody's home
    // would be in their way.
    let there = home.state.ancestors().find(|path| path.exists());
    let there = there.unwrap_or(Path::new("/"));
    let owner = there
        .metadata()
        .map_err(|error| broken(there, "looked at", error))?
        .uid();
    if owner != home.uid && owner != 0 {
        return Err(Error::Foreign {
            path: there.into(),
            owner,
            writer: home.uid,
        });
    }
    let make = |path: &Path, whole: bool| {
        let made = DirBuilder::new().recursive(whole).mode(0o700).create(path);
        match made {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            made => made.map_err(|error| broken(path, "made", error)),
        }
    };
    make(&home.state, true)?;
    make(&home.dir(), false)
}

/// The program's own directory: no link, and of whose progress it is.
fn own_directory(home: &Home) -> Result<OwnedFd, Error> {
    let path = home.dir();
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let dir = match rustix::fs::open(&path, flags, Mode::empty()) {
        Err(Errno::LOOP | Errno::NOTDIR) if path.symlink_metadata().is_ok() => {
            let wanted = "a directory";
            return Err(Error::Strange { path, wanted });
        }
        opened => opened.map_err(|error| broken(&path, "opened", error.into()))?,
    };
    is_own(home, &dir, path)?;
    Ok(dir)
}

/// Takes the lock, or says that somebody has it.
fn lock(home: &Home, dir: &OwnedFd) -> Result<File, Error> {
    let path = home.dir().join(LOCK);
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NONBLOCK;
    let file = regular(home, dir, LOCK, flags)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::Busy),
        Err(TryLockError::Error(error)) => Err(broken(&path, "locked", error)),
    }
}

/// What the file holds; `None` if there is none.
fn read(home: &Home, dir: &OwnedFd) -> Result<Option<Progress>, Error> {
    let file = match regular(home, dir, FILE, OFlags::RDONLY | OFlags::NONBLOCK) {
        Err(error) if is_absent(&error) => return Ok(None),
        file => file?,
    };
    let mut bytes = Vec::new();
    file.take(LARGEST + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| broken(&home.file(), "read", error))?;
    Progress::from_bytes(&bytes).map(Some)
}

/// Opens a file of the directory that is no link, no device, and nobody else's.
fn regular(home: &Home, dir: &OwnedFd, name: &str, flags: OFlags) -> Result<File, Error> {
    let path = home.dir().join(name);
    let wanted = "a regular file";
    let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let opened = match rustix::fs::openat(dir, name, flags, Mode::RUSR | Mode::WUSR) {
        Err(Errno::LOOP | Errno::ISDIR | Errno::NXIO) => {
            return Err(Error::Strange { path, wanted });
        }
        opened => opened.map_err(|error| broken(&path, "opened", error.into()))?,
    };
    let about = is_own(home, &opened, path.clone())?;
    match FileType::from_raw_mode(about.st_mode) {
        FileType::RegularFile => Ok(opened.into()),
        _ => Err(Error::Strange { path, wanted }),
    }
}

fn is_own(home: &Home, what: &OwnedFd, path: PathBuf) -> Result<rustix::fs::Stat, Error> {
    let about =
        rustix::fs::fstat(what).map_err(|error| broken(&path, "looked at", error.into()))?;
    match about.st_uid == home.uid {
        true => Ok(about),
        false => Err(Error::Foreign {
            path,
            owner: about.st_uid,
            writer: home.uid,
        }),
    }
}

/// Gives the file a name that is free and says what it is.
fn put_aside(home: &Home, dir: &OwnedFd, why: &Error) -> Result<PathBuf, Error> {
    let what = match why {
        Error::Newer { version, .. } => format!("version-{version}"),
        _ => "damaged".into(),
    };
    let free = |name: &String| {
        let about = rustix::fs::statat(dir, name.as_str(), AtFlags::SYMLINK_NOFOLLOW);
        about.is_err_and(|error| error == Errno::NOENT)
    };
    // Where none can be looked at, the rename has the error to tell.
    let mut names = (1..=9999).map(|number| format!("progress.{what}.{number}.json"));
    let name = names
        .find(free)
        .unwrap_or_else(|| format!("progress.{what}.json"));
    let to = home.dir().join(&name);
    // Only who has the lock gets here: nobody takes the name meanwhile.
    rustix::fs::renameat(dir, FILE, dir, name.as_str())
        .map_err(|error| broken(&to, "made", error.into()))?;
    Ok(to)
}

fn broken(path: &Path, done: &'static str, error: io::Error) -> Error {
    Error::Io {
        path: path.into(),
        done,
        error,
    }
}

fn is_absent(error: &Error) -> bool {
    matches!(error, Error::Io { error, .. } if error.kind() == io::ErrorKind::NotFound)
}
