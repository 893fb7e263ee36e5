//! The store as a whole: opened, read, closed.

use super::super::digest::{ALGORITHMS, Digest};
use super::super::error::Error;
use super::super::name::Name;
use super::files::{blob_of, directory};
use super::index::Repository;
use crate::sandbox;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// An upload that nothing has come to for so long is forgotten.
const OLD: Duration = Duration::from_secs(24 * 60 * 60);

/// The store of a registry. Its methods wait for the disk.
pub(in super::super) struct Store {
    pub(super) root: PathBuf,
    /// Whoever changes what is under a name holds it.
    repositories: Mutex<BTreeMap<Name, Repository>>,
    pub(super) next: AtomicU64,
    kept: sandbox::Kept,
}

impl Store {
    /// Opens that of a directory, or makes one that goes with this process.
    ///
    /// # Errors
    /// Where it can't be made, belongs to somebody else or is in use.
    pub(in super::super) fn open(root: Option<&Path>) -> Result<Store, Error> {
        let kept =
            sandbox::Kept::open(root, "registry").map_err(|(path, why)| Error::Store(path, why))?;
        let root = kept.path().to_path_buf();
        let io = |error: io::Error| Error::Store(root.clone(), error.to_string());
        // What a killed one didn't finish, and nobody can go on with.
        let _ = fs::remove_dir_all(root.join("tmp"));
        for name in ["tmp", "uploads", "repositories"] {
            directory(&root.join(name)).map_err(io)?;
        }
        for algorithm in ALGORITHMS {
            directory(&root.join("blobs").join(algorithm)).map_err(io)?;
        }
        let store = Store {
            root: root.clone(),
            repositories: Mutex::default(),
            next: AtomicU64::new(0),
            kept,
        };
        store.read().map_err(io)?;
        Ok(store)
    }

    /// Reads what is there, and removes what is nobody's.
    fn read(&self) -> io::Result<()> {
        let mut repositories = self.repositories();
        for entry in fs::read_dir(self.root.join("repositories"))? {
            let entry = entry?;
            let name = entry.file_name().into_string().unwrap_or_default();
            if let Some(name) = Name::of_directory(&name) {
                let repository = Repository::read(&entry.path())?;
                repositories.insert(name, repository);
            }
        }
        drop(repositories);
        for algorithm in ALGORITHMS {
            for entry in fs::read_dir(self.root.join("blobs").join(algorithm))? {
                let entry = entry?;
                if entry.metadata()?.nlink() < 2 {
                    fs::remove_file(entry.path())?;
                }
            }
        }
        self.forget_old_uploads(OLD)
    }

    /// Where it lies.
    pub(in super::super) fn root(&self) -> &Path {
        &self.root
    }

    /// Removes it, if it is one that goes with the registry.
    pub(in super::super) fn close(&self) {
        self.kept.close();
    }

    pub(super) fn repositories(&self) -> MutexGuard<'_, BTreeMap<Name, Repository>> {
        self.repositories
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The directory of a repository.
    pub(super) fn layout(&self, name: &Name) -> PathBuf {
        self.root.join("repositories").join(name.directory())
    }

    /// Where all repositories have a blob.
    pub(super) fn shared(&self, digest: &Digest) -> PathBuf {
        blob_of(&self.root, digest)
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
