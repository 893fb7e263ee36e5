//! What isn't whole yet: uploads, which outlive the registry, and manifests on their
//! way in, which don't.

use super::super::digest::Digest;
use super::super::name::Name;
use super::super::problem::{Code, Problem};
use super::files::{directory, disk};
use super::state::Store;
use hyper::StatusCode;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Where there are too many, one that nothing has come to for so long is forgotten.
const OLD_IN_A_CROWD: Duration = Duration::from_secs(10 * 60);
/// The most uploads at a time.
const MOST_UPLOADS: usize = 1_024;

/// An upload that has begun.
pub(in super::super) struct Upload {
    pub(in super::super) name: Name,
    pub(in super::super) id: String,
    /// How many bytes have come.
    pub(in super::super) size: u64,
    pub(in super::super) file: Arc<File>,
}

/// A manifest on its way in; it goes with this, unless it got a name.
pub(in super::super) struct Spool {
    pub(in super::super) file: Arc<File>,
    pub(super) path: PathBuf,
}

impl Spool {
    /// All of it.
    pub(super) fn read(&self) -> Result<Vec<u8>, Problem> {
        fs::read(&self.path).map_err(disk(&self.path))
    }

    /// Writes it through to the disk.
    pub(super) fn sync(&self) -> Result<(), Problem> {
        self.file.sync_all().map_err(disk(&self.path))
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

impl Store {
    /// A path for something that isn't whole yet.
    pub(super) fn scratch(&self) -> PathBuf {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.root.join("tmp").join(number.to_string())
    }

    /// A file for a manifest on its way in.
    ///
    /// # Errors
    /// Of the disk.
    pub(in super::super) fn spool(&self) -> Result<Spool, Problem> {
        let path = self.scratch();
        let file = make(&path).map_err(disk(&path))?;
        let file = Arc::new(file);
        Ok(Spool { file, path })
    }

    /// Begins an upload to a repository.
    ///
    /// # Errors
    /// 429 where there are too many, and what the disk refuses.
    pub(in super::super) fn begin(&self, name: &Name) -> Result<Upload, Problem> {
        let uploads = self.root.join("uploads");
        let count = || fs::read_dir(&uploads).map_or(0, Iterator::count);
        if count() >= MOST_UPLOADS {
            self.forget_old_uploads(OLD_IN_A_CROWD)
                .map_err(disk(&uploads))?;
        }
        if count() >= MOST_UPLOADS {
            return Err(Problem::new(
                StatusCode::TOO_MANY_REQUESTS,
                Code::TooManyRequests,
                format!("{MOST_UPLOADS} uploads have begun: finish or cancel some"),
            ));
        }
        let mut random = [0; 16];
        File::open("/dev/urandom")
            .and_then(|mut file| file.read_exact(&mut random))
            .map_err(disk(Path::new("/dev/urandom")))?;
        let id: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        let above = uploads.join(&id);
        let path = above.join(name.directory());
        let file = directory(&above)
            .and_then(|()| make(&path))
            .map_err(disk(&path))?;
        Ok(Upload {
            name: name.clone(),
            id,
            size: 0,
            file: Arc::new(file),
        })
    }

    /// An upload to a repository, as far as it has come.
    ///
    /// # Errors
    /// 404.
    pub(in super::super) fn upload(&self, name: &Name, id: &str) -> Result<Upload, Problem> {
        let path = self.path_of(name, id)?;
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(libc::O_NOFOLLOW)
            .open(&path)
            .map_err(|error| unknown_or(error, name, id, &path))?;
        let size = file.metadata().map_err(disk(&path))?.len();
        Ok(Upload {
            name: name.clone(),
            id: id.into(),
            size,
            file: Arc::new(file),
        })
    }

    /// Makes an upload a blob, if it is what the digest says; else it is gone, for
    /// nothing could be added that would make it so.
    ///
    /// # Errors
    /// 400, DIGEST_INVALID, and what the disk refuses.
    pub(in super::super) fn finish(&self, upload: Upload, digest: &Digest) -> Result<(), Problem> {
        let path = self.path_of(&upload.name, &upload.id)?;
        // As it lies there: not as it was thought to be written.
        let found = File::open(&path)
            .and_then(|file| Digest::of(digest.algorithm(), file))
            .map_err(disk(&path))?;
        if found != *digest {
            self.forget(&upload.id);
            let message = format!(
                "what came has {} bytes and the digest {found}, not {digest}: begin anew",
                upload.size
            );
            return Err(Problem::bad(Code::DigestInvalid, message)
                .about(serde_json::json!({ "digest": digest.to_string() })));
        }
        upload.file.sync_all().map_err(disk(&path))?;
        self.keep(&upload.name, &path, digest)?;
        self.forget(&upload.id);
        Ok(())
    }

    /// Forgets an upload.
    ///
    /// # Errors
    /// 404.
    pub(in super::super) fn cancel(&self, name: &Name, id: &str) -> Result<(), Problem> {
        let path = self.path_of(name, id)?;
        fs::remove_file(&path).map_err(|error| unknown_or(error, name, id, &path))?;
        self.forget(id);
        Ok(())
    }

    fn forget(&self, id: &str) {
        let _ = fs::remove_dir_all(self.root.join("uploads").join(id));
    }

    /// Forgets those that nothing has come to for so long.
    pub(super) fn forget_old_uploads(&self, age: Duration) -> io::Result<()> {
        for entry in fs::read_dir(self.root.join("uploads"))? {
            let entry = entry?;
            let newest = fs::read_dir(entry.path())
                .into_iter()
                .flatten()
                .flatten()
                .filter_map(|file| file.metadata().ok()?.modified().ok())
                .max();
            let old = |then: std::time::SystemTime| then.elapsed().is_ok_and(|since| since > age);
            if newest.is_none_or(old) {
                let _ = fs::remove_dir_all(entry.path());
            }
        }
        Ok(())
    }

    /// Where an upload lies. An id is what `begin` makes, or leads nowhere.
    fn path_of(&self, name: &Name, id: &str) -> Result<PathBuf, Problem> {
        let hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        match id.len() == 32 && id.bytes().all(hex) {
            true => Ok(self.root.join("uploads").join(id).join(name.directory())),
            false => Err(unknown(name, id)),
        }
    }
}

fn make(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}

fn unknown_or(error: io::Error, name: &Name, id: &str, path: &Path) -> Problem {
    match error.kind() {
        io::ErrorKind::NotFound => unknown(name, id),
        _ => disk(path)(error),
    }
}

fn unknown(name: &Name, id: &str) -> Problem {
    let message = format!(
        "the repository {name} has no upload {id}: it has ended, or was cancelled, or never begun"
    );
    Problem::missing(Code::BlobUploadUnknown, message)
}
