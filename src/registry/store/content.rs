//! Blobs and manifests: getting, keeping and deleting them.

use super::super::digest::{ALGORITHMS, Digest};
use super::super::name::Name;
use super::super::problem::{Code, Problem};
use super::super::route::Reference;
use super::document::{self, Document};
use super::files::{blob_of, directory, disk, no_blob, open, sync};
use super::index::{Manifest, Repository};
use super::partial::Spool;
use super::state::Store;
use serde_json::{Value, json};
use std::fs::{self, File};
use std::io;
use std::ops::Bound;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// How long a list of referrers may become before the rest is told apart, in bytes.
const MOST_REFERRERS: usize = 1 << 20;

/// A manifest that is there.
pub(in super::super) struct Found {
    pub(in super::super) digest: Digest,
    pub(in super::super) media_type: String,
    pub(in super::super) size: u64,
    pub(in super::super) file: File,
}

impl Store {
    /// A blob and its length.
    ///
    /// # Errors
    /// 404.
    pub(in super::super) fn blob(
        &self,
        name: &Name,
        digest: &Digest,
    ) -> Result<(File, u64), Problem> {
        let path = blob_of(&self.layout(name), digest);
        open(&path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => no_blob(name, digest),
            _ => disk(&path)(error),
        })
    }

    /// Takes a blob from a repository. Others keep it; with the last it is gone.
    ///
    /// # Errors
    /// 404, and 405 for what is a manifest.
    pub(in super::super) fn delete_blob(
        &self,
        name: &Name,
        digest: &Digest,
    ) -> Result<(), Problem> {
        let repositories = self.repositories();
        let of = repositories.get(name);
        if of.is_some_and(|repository| repository.manifests.contains_key(digest)) {
            return Err(Problem::new(
                hyper::StatusCode::METHOD_NOT_ALLOWED,
                Code::Unsupported,
                format!("{digest} is a manifest: delete it as one"),
            ));
        }
        self.unlink(name, digest)
    }

    fn unlink(&self, name: &Name, digest: &Digest) -> Result<(), Problem> {
        let path = blob_of(&self.layout(name), digest);
        fs::remove_file(&path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => no_blob(name, digest),
            _ => disk(&path)(error),
        })?;
        let shared = self.shared(digest);
        if fs::symlink_metadata(&shared).is_ok_and(|meta| meta.nlink() < 2) {
            fs::remove_file(&shared).map_err(disk(&shared))?;
        }
        Ok(())
    }

    /// Gives a repository a blob of another; whether that has it.
    ///
    /// # Errors
    /// Of the disk.
    pub(in super::super) fn mount(
        &self,
        name: &Name,
        from: &Name,
        digest: &Digest,
    ) -> Result<bool, Problem> {
        let mut repositories = self.repositories();
        if !blob_of(&self.layout(from), digest).is_file() {
            return Ok(false);
        }
        self.link(&mut repositories, name, digest)?;
        Ok(true)
    }

    /// Gives a repository what all have under a digest.
    fn link(
        &self,
        repositories: &mut std::collections::BTreeMap<Name, Repository>,
        name: &Name,
        digest: &Digest,
    ) -> Result<(), Problem> {
        let layout = self.layout(name);
        if !repositories.contains_key(name) {
            let made = self.make_layout(&layout);
            made.map_err(disk(&layout))?;
            repositories.insert(name.clone(), Repository::default());
        }
        let path = blob_of(&layout, digest);
        let above = path.parent().unwrap_or(&layout);
        match fs::hard_link(self.shared(digest), &path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            other => other.map_err(disk(&path))?,
        }
        sync(above).map_err(disk(above))
    }

    /// A layout with nothing in it, at once.
    fn make_layout(&self, layout: &Path) -> io::Result<()> {
        let new = self.scratch();
        for algorithm in ALGORITHMS {
            directory(&new.join("blobs").join(algorithm))?;
        }
        sync(&new.join("blobs"))?;
        fs::write(new.join("oci-layout"), "{\"imageLayoutVersion\":\"1.0.0\"}")?;
        fs::write(new.join("index.json"), Repository::default().text())?;
        for file in ["oci-layout", "index.json"] {
            File::open(new.join(file))?.sync_all()?;
        }
        sync(&new)?;
        fs::rename(&new, layout)?;
        sync(&self.root.join("repositories"))
    }

    /// Makes a file a blob of a repository. It is on the disk, and is what the digest
    /// says.
    pub(super) fn keep(&self, name: &Name, file: &Path, digest: &Digest) -> Result<(), Problem> {
        let mut repositories = self.repositories();
        self.keep_as(&mut repositories, name, file, digest)
    }

    fn keep_as(
        &self,
        repositories: &mut std::collections::BTreeMap<Name, Repository>,
        name: &Name,
        file: &Path,
        digest: &Digest,
    ) -> Result<(), Problem> {
        let shared = self.shared(digest);
        match shared.exists() {
            // Somebody else's came first: the same bytes.
            true => fs::remove_file(file).map_err(disk(file))?,
            false => {
                fs::rename(file, &shared).map_err(disk(&shared))?;
                let above = shared.parent().unwrap_or(&self.root);
                sync(above).map_err(disk(above))?;
            }
        }
        self.link(repositories, name, digest)
    }

    /// The manifest of a tag or a digest.
    ///
    /// # Errors
    /// 404.
    pub(in super::super) fn manifest(
        &self,
        name: &Name,
        reference: &Reference,
    ) -> Result<Found, Problem> {
        let repositories = self.repositories();
        let repository = repositories.get(name).ok_or_else(|| no_repository(name))?;
        let (digest, manifest) = repository
            .find(reference)
            .ok_or_else(|| no_manifest(name, reference))?;
        let path = blob_of(&self.layout(name), digest);
        let (file, size) = open(&path).map_err(disk(&path))?;
        Ok(Found {
            digest: digest.clone(),
            media_type: manifest.media_type.clone(),
            size,
            file,
        })
    }

    /// Takes a manifest in; tells its digest, and what it says its subject is.
    ///
    /// # Errors
    /// What it isn't, and what it refers to that isn't there.
    pub(in super::super) fn put_manifest(
        &self,
        name: &Name,
        reference: &Reference,
        kind: Option<&str>,
        spool: &Spool,
    ) -> Result<(Digest, Option<Digest>), Problem> {
        let bytes = spool.read()?;
        let algorithm = match reference {
            Reference::Tag(_) => "sha256",
            Reference::Digest(digest) => digest.algorithm(),
        };
        let digest = Digest::of(algorithm, &bytes[..]).map_err(disk(&spool.path))?;
        if let Reference::Digest(said) = reference
            && *said != digest
        {
            let message = format!("the manifest's digest is {digest}, not {said}");
            return Err(Problem::bad(Code::DigestInvalid, message));
        }
        let (document, media_type) = Document::checked(&bytes, kind)?;
        let mut repositories = self.repositories();
        self.has_all(repositories.get(name), name, &document)?;
        spool.sync()?;
        self.keep_as(&mut repositories, name, &spool.path, &digest)?;
        let subject = document.subject_digest()?;
        let mut changed = repositories.get(name).cloned().unwrap_or_default();
        changed.manifests.insert(
            digest.clone(),
            Manifest {
                media_type,
                size: bytes.len() as u64,
                subject: subject.clone(),
            },
        );
        if let Reference::Tag(tag) = reference {
            changed.tags.insert(tag.clone(), digest.clone());
        }
        self.write_index(name, &changed)?;
        repositories.insert(name.clone(), changed);
        Ok((digest, subject))
    }

    /// Whether all that a manifest is made of is here, as long as it says.
    fn has_all(
        &self,
        repository: Option<&Repository>,
        name: &Name,
        document: &Document,
    ) -> Result<(), Problem> {
        for part in document.parts()? {
            let there = match part.is_manifest {
                true => repository
                    .and_then(|repository| repository.manifests.get(&part.digest))
                    .map(|manifest| manifest.size),
                false => fs::symlink_metadata(blob_of(&self.layout(name), &part.digest))
                    .ok()
                    .map(|meta| meta.len()),
            };
            let Some(size) = there else {
                let message = format!(
                    "the manifest refers to {}, which the repository {name} hasn't: push that first",
                    part.digest
                );
                return Err(Problem::missing(Code::ManifestBlobUnknown, message)
                    .about(json!({ "digest": part.digest.to_string() })));
            };
            if part.size != size {
                return Err(Problem::bad(
                    Code::ManifestInvalid,
                    format!(
                        "the manifest says that {} is {} bytes long; it is {size}",
                        part.digest, part.size
                    ),
                ));
            }
        }
        Ok(())
    }

    /// Deletes a tag, or a manifest with its tags.
    ///
    /// # Errors
    /// 404.
    pub(in super::super) fn delete_manifest(
        &self,
        name: &Name,
        reference: &Reference,
    ) -> Result<(), Problem> {
        let mut repositories = self.repositories();
        let repository = repositories.get(name).ok_or_else(|| no_repository(name))?;
        let mut changed = repository.clone();
        let gone = match reference {
            Reference::Tag(tag) => changed.tags.remove(tag).is_some(),
            Reference::Digest(digest) => {
                changed.tags.retain(|_, of| of != digest);
                changed.manifests.remove(digest).is_some()
            }
        };
        if !gone {
            return Err(no_manifest(name, reference));
        }
        self.write_index(name, &changed)?;
        repositories.insert(name.clone(), changed);
        match reference {
            Reference::Tag(_) => Ok(()),
            Reference::Digest(digest) => self.unlink(name, digest),
        }
    }

    fn write_index(&self, name: &Name, repository: &Repository) -> Result<(), Problem> {
        let layout = self.layout(name);
        let path = layout.join("index.json");
        let new = self.scratch();
        fs::write(&new, repository.text())
            .and_then(|()| File::open(&new)?.sync_all())
            .and_then(|()| fs::rename(&new, &path))
            .and_then(|()| sync(&layout))
            .map_err(disk(&path))
    }

    /// The tags after one, so many at most, and whether there are more.
    ///
    /// # Errors
    /// 404 for a repository that isn't there.
    pub(in super::super) fn tags(
        &self,
        name: &Name,
        last: &str,
        most: usize,
    ) -> Result<(Vec<String>, bool), Problem> {
        let repositories = self.repositories();
        let repository = repositories.get(name).ok_or_else(|| no_repository(name))?;
        let after = match last {
            "" => Bound::Unbounded,
            _ => Bound::Excluded(last),
        };
        let mut tags = repository.tags.range::<str, _>((after, Bound::Unbounded));
        let told = tags.by_ref().take(most);
        let told: Vec<String> = told.map(|(tag, _)| tag.clone()).collect();
        Ok((told, tags.next().is_some()))
    }

    /// The descriptors of the manifests that have this subject, after one; and the
    /// last of them, if there are more.
    ///
    /// # Errors
    /// Of the disk.
    pub(in super::super) fn referrers(
        &self,
        name: &Name,
        subject: &Digest,
        kind: Option<&str>,
        after: Option<&Digest>,
    ) -> Result<(Vec<Value>, Option<Digest>), Problem> {
        let repositories = self.repositories();
        let Some(repository) = repositories.get(name) else {
            return Ok((Vec::new(), None));
        };
        let (mut told, mut length) = (Vec::new(), 0);
        let mut last = None;
        for (digest, manifest) in &repository.manifests {
            if manifest.subject.as_ref() != Some(subject)
                || after.is_some_and(|after| digest <= after)
            {
                continue;
            }
            if length > MOST_REFERRERS {
                return Ok((told, last));
            }
            let path = blob_of(&self.layout(name), digest);
            let bytes = fs::read(&path).map_err(disk(&path))?;
            let descriptor = document::descriptor(&bytes, digest, &manifest.media_type);
            last = Some(digest.clone());
            if kind.is_none_or(|kind| descriptor["artifactType"] == kind) {
                length += descriptor.to_string().len();
                told.push(descriptor);
            }
        }
        Ok((told, None))
    }
}

fn no_repository(name: &Name) -> Problem {
    let message = format!("there is no repository {name}: nothing has been pushed to it");
    Problem::missing(Code::NameUnknown, message)
}

fn no_manifest(name: &Name, reference: &Reference) -> Problem {
    let what = match reference {
        Reference::Tag(tag) => format!("tag {tag}"),
        Reference::Digest(digest) => format!("manifest {digest}"),
    };
    let message = format!("the repository {name} has no {what}");
    Problem::missing(Code::ManifestUnknown, message)
}
