//! An image layout in a directory, by the OCI Image Format Specification
//! (image-layout.md): blobs under their digests, and an index that gives some
//! of them names.
//!
//! A blob is written to another name and renamed when it is whole, and never
//! again: what lies under a digest is what the digest says. What is read is
//! checked against it first.

use super::archive;
use super::limits::{MOST_BYTES, longest_file};
use super::steps::{Error, Step, Steps, step};
use crate::base::{Errno, literal};
use oci_spec::image::{
    ANNOTATION_REF_NAME, Descriptor, ImageIndex, ImageIndexBuilder, MediaType, OciLayout,
    OciLayoutBuilder, SCHEMA_VERSION, Sha256Digest,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Instant;

/// The longest JSON that is read, in bytes.
const MOST_JSON: u64 = 1 << 20;
/// The version of image layouts that this is, image-layout.md.
const VERSION: &str = "1.0.0";

/// Writes bytes; called twice for a blob that isn't there yet.
pub(super) type Produce<'p> = &'p dyn Fn(&mut dyn Write) -> Result<(), Error>;

/// The directories of a layout, from the outermost in.
pub fn directories(root: &str) -> [String; 3] {
    let root = root.trim_end_matches('/');
    [
        root.to_string(),
        format!("{root}/blobs"),
        format!("{root}/blobs/sha256"),
    ]
}

/// A layout's directory, with `blobs/sha256` in it.
pub(super) struct Layout {
    root: PathBuf,
}

impl Layout {
    /// A layout whose directories are there.
    pub(super) fn at(root: &Path) -> Layout {
        Layout { root: root.into() }
    }

    /// Where a blob lies. The digest's type has only hexadecimal digits.
    pub(super) fn blob(&self, digest: &Sha256Digest) -> PathBuf {
        self.root.join("blobs/sha256").join(digest.digest())
    }

    /// Keeps what `produce` writes as a blob; tells its descriptor, and whether
    /// it had to be written.
    pub(super) fn keep(
        &self,
        kind: MediaType,
        produce: Produce<'_>,
        steps: Steps<'_>,
    ) -> Result<(Descriptor, bool), Error> {
        // Its name is its digest, so it is made once for nothing but that.
        let (digest, size) = hashed(io::sink(), produce)?;
        let path = self.blob(&digest);
        let descriptor = Descriptor::new(kind, size, digest.clone());
        let mut whole = false;
        let there = step(
            steps,
            ("lstat", literal(&path)),
            "a blob's name is its SHA-256: is it there already?",
            || {
                let meta = path.symlink_metadata().map_err(Errno::from)?;
                whole = meta.is_file() && meta.len() == size;
                Ok(())
            },
        );
        match there {
            Ok(()) if whole => return Ok((descriptor, false)),
            Ok(()) => return Err(broken(&path, "is there, but not as long as it has to be")),
            Err(Error::Kernel(_, Errno(libc::ENOENT))) => {}
            Err(other) => return Err(other),
        }
        let (file, partial) = self.partial()?;
        let before = Instant::now();
        let written = hashed(&file, produce);
        let told = match &written {
            Ok((_, size)) => Some(Ok(*size as i64)),
            Err(Error::Kernel(call, errno)) if call.starts_with("write") => Some(Err(*errno)),
            // The layer could not be read.
            Err(_) => None,
        };
        if let Some(result) = told {
            steps(Step {
                name: "write",
                args: format!("{}<{}>, …, {size}", file.as_raw_fd(), partial.display()),
                why: "",
                result,
                took: before.elapsed(),
            });
        }
        if written.is_err() {
            // It would only take room that may be scarce.
            let _ = fs::remove_file(&partial);
        }
        if written? != (digest, size) {
            return Err(Error::Wrong(
                "a layer was changed while the image was made: make it again".into(),
            ));
        }
        rename(&partial, &path, steps)?;
        Ok((descriptor, true))
    }

    /// Keeps a document as a blob.
    pub(super) fn keep_json(
        &self,
        kind: MediaType,
        document: &impl Serialize,
        steps: Steps<'_>,
    ) -> Result<Descriptor, Error> {
        let text = json(document)?;
        let produce = |to: &mut dyn Write| {
            to.write_all(&text)
                .map_err(|error| Error::io("write", &self.root, &error))
        };
        Ok(self.keep(kind, &produce, steps)?.0)
    }

    /// Gives a manifest a name in the index, and takes the name from another
    /// that had it.
    pub(super) fn name(
        &self,
        tag: &str,
        mut manifest: Descriptor,
        steps: Steps<'_>,
    ) -> Result<(), Error> {
        if !self.root.join("oci-layout").exists() {
            let marker = OciLayoutBuilder::default()
                .image_layout_version(VERSION)
                .build()
                .map_err(|error| Error::document("oci-layout", error))?;
            self.replace("oci-layout", &json(&marker)?, steps)?;
        }
        let mut index = if self.root.join("index.json").exists() {
            self.index()?
        } else {
            ImageIndexBuilder::default()
                .schema_version(SCHEMA_VERSION)
                .media_type(MediaType::ImageIndex)
                .manifests(Vec::new())
                .build()
                .map_err(|error| Error::document("index.json", error))?
        };
        let name = (ANNOTATION_REF_NAME.to_string(), tag.to_string());
        manifest.set_annotations(Some([name].into()));
        let mut manifests = index.manifests().clone();
        manifests.retain(|known| !named(known, tag));
        manifests.push(manifest);
        index.set_manifests(manifests);
        self.replace("index.json", &json(&index)?, steps)
    }

    /// The manifest of that name.
    pub(super) fn find(&self, tag: &str) -> Result<Descriptor, Error> {
        let marker: OciLayout = self.document(&self.root.join("oci-layout"))?;
        if marker.image_layout_version() != VERSION {
            return Err(broken(
                &self.root.join("oci-layout"),
                "names a version of image layouts that isn't 1.0.0",
            ));
        }
        let index = self.index()?;
        let found = index.manifests().iter().find(|known| named(known, tag));
        found.cloned().ok_or_else(|| {
            let known: Vec<_> = index.manifests().iter().filter_map(tag_of).collect();
            Error::Wrong(format!(
                "`{}` has no image `{tag}`; it has: {}",
                self.root.display(),
                known.join(", ")
            ))
        })
    }

    fn index(&self) -> Result<ImageIndex, Error> {
        self.document(&self.root.join("index.json"))
    }

    /// A blob, once its size and its digest are what the descriptor says.
    pub(super) fn checked(&self, descriptor: &Descriptor, steps: Steps<'_>) -> Result<File, Error> {
        let digest = sha256(descriptor)?;
        let path = self.blob(&digest);
        let mut file = archive::open(&path).map_err(|error| Error::io("open", &path, &error))?;
        let meta = file
            .metadata()
            .map_err(|error| Error::io("fstat", &path, &error))?;
        let size = descriptor.size();
        if !meta.is_file() || meta.len() != size || size > MOST_BYTES {
            return Err(broken(
                &path,
                &format!(
                    "is {} bytes long, not {size}, or more than 64 MiB",
                    meta.len()
                ),
            ));
        }
        let before = Instant::now();
        let produce = |mut to: &mut dyn Write| {
            io::copy(&mut (&file).take(size), &mut to)
                .map(drop)
                .map_err(|error| Error::io("read", &path, &error))
        };
        let (found, read) = hashed(io::sink(), &produce)?;
        steps(Step {
            name: "read",
            args: format!("{}<{}>, …, {size}", file.as_raw_fd(), path.display()),
            why: "its SHA-256 has to be its name",
            result: Ok(read as i64),
            took: before.elapsed(),
        });
        if found != digest {
            let found = found.digest();
            return Err(broken(
                &path,
                &format!("is not what its name says: its SHA-256 is {found}"),
            ));
        }
        file.rewind()
            .map_err(|error| Error::io("lseek", &path, &error))?;
        Ok(file)
    }

    /// A checked blob that is a document.
    pub(super) fn checked_json<T: DeserializeOwned>(
        &self,
        descriptor: &Descriptor,
        steps: Steps<'_>,
    ) -> Result<T, Error> {
        let file = self.checked(descriptor, steps)?;
        parse(&self.blob(&sha256(descriptor)?), file)
    }

    /// Bytes of all blobs.
    pub(super) fn size(&self) -> Result<u64, Error> {
        let blobs = self.root.join("blobs/sha256");
        let sum = |blobs: &Path| -> io::Result<u64> {
            fs::read_dir(blobs)?.try_fold(0, |sum, entry| Ok(sum + entry?.metadata()?.len()))
        };
        sum(&blobs).map_err(|error| Error::io("open", &blobs, &error))
    }

    fn document<T: DeserializeOwned>(&self, path: &Path) -> Result<T, Error> {
        let file = archive::open(path).map_err(|error| Error::io("open", path, &error))?;
        parse(path, file)
    }

    /// A file beside the blobs that is no blob yet.
    fn partial(&self) -> Result<(File, PathBuf), Error> {
        let path = self.root.join(".partial");
        // Left by an attempt that ran out of room; or a link, not to be followed.
        let _ = fs::remove_file(&path);
        let made = OpenOptions::new().write(true).create_new(true).open(&path);
        let file = made.map_err(|error| Error::io("open", &path, &error))?;
        Ok((file, path))
    }

    /// Puts a small file in the place of another at once.
    fn replace(&self, name: &str, text: &[u8], steps: Steps<'_>) -> Result<(), Error> {
        let (mut file, partial) = self.partial()?;
        let fd = file.as_raw_fd();
        let args = format!("{fd}<{}>, …, {}", partial.display(), text.len());
        step(steps, ("write", args), "", || {
            file.write_all(text)
                .map(|()| text.len() as i64)
                .map_err(Errno::from)
        })?;
        rename(&partial, &self.root.join(name), steps)
    }
}

/// The digest of a descriptor, if it is one that can be checked here.
pub(super) fn sha256(descriptor: &Descriptor) -> Result<Sha256Digest, Error> {
    let hex = descriptor.as_digest_sha256().unwrap_or_default();
    Sha256Digest::from_str(hex).map_err(|_| {
        Error::Wrong(format!(
            "`{}` is not a SHA-256 digest: only those can be checked here",
            descriptor.digest()
        ))
    })
}

fn tag_of(descriptor: &Descriptor) -> Option<&str> {
    let annotations = descriptor.annotations().as_ref()?;
    annotations.get(ANNOTATION_REF_NAME).map(String::as_str)
}

fn named(descriptor: &Descriptor, tag: &str) -> bool {
    tag_of(descriptor) == Some(tag)
}

fn broken(path: &Path, what: &str) -> Error {
    Error::Wrong(format!(
        "`{}` {what}: remove the layout and make the image again",
        path.display()
    ))
}

fn json(document: &impl Serialize) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(document).map_err(|error| Error::document("document", error))
}

fn parse<T: DeserializeOwned>(path: &Path, file: File) -> Result<T, Error> {
    let mut text = Vec::new();
    file.take(MOST_JSON + 1)
        .read_to_end(&mut text)
        .map_err(|error| Error::io("read", path, &error))?;
    if text.len() as u64 > MOST_JSON {
        return Err(broken(path, "is longer than 1 MiB"));
    }
    serde_json::from_slice(&text).map_err(|error| broken(path, &format!("can't be read ({error})")))
}

fn rename(from: &Path, to: &Path, steps: Steps<'_>) -> Result<(), Error> {
    step(
        steps,
        ("rename", format!("{}, {}", literal(from), literal(to))),
        "whole or not at all",
        || fs::rename(from, to).map_err(Errno::from),
    )
}

/// Passes bytes on and counts them into a digest.
struct Hashed<W> {
    to: W,
    sha: Sha256,
    size: u64,
    most: u64,
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Before the kernel would say so by a signal.
        if self.size + bytes.len() as u64 > self.most {
            return Err(io::Error::from_raw_os_error(libc::EFBIG));
        }
        let written = self.to.write(bytes)?;
        self.sha.update(&bytes[..written]);
        self.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// Writes what `produce` makes; its digest and its length.
fn hashed(to: impl Write, produce: Produce<'_>) -> Result<(Sha256Digest, u64), Error> {
    let mut hashed = Hashed {
        to,
        sha: Sha256::new(),
        size: 0,
        most: MOST_BYTES.min(longest_file()),
    };
    produce(&mut hashed)?;
    let hex: String = hashed
        .sha
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let digest = Sha256Digest::from_str(&hex).map_err(|error| Error::document("digest", error))?;
    Ok((digest, hashed.size))
}
