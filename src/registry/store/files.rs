//! Files and directories of the store.

use super::super::digest::Digest;
use super::super::name::Name;
use super::super::problem::{Code, Problem};
use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Where a layout has a blob.
pub(super) fn blob_of(layout: &Path, digest: &Digest) -> PathBuf {
    layout
        .join("blobs")
        .join(digest.algorithm())
        .join(digest.hex())
}

/// Makes a directory, for its user alone, and those above it; not if it is there.
pub(super) fn directory(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Opens a file for reading that may be no link; tells its length.
pub(super) fn open(path: &Path) -> io::Result<(File, u64)> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(path)?;
    let meta = file.metadata()?;
    match meta.is_file() {
        true => Ok((file, meta.len())),
        false => Err(io::ErrorKind::NotFound.into()),
    }
}

/// Writes the names of a directory through to the disk.
pub(super) fn sync(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

/// What the disk refused, of a path.
pub(super) fn disk(what: &Path) -> impl Fn(io::Error) -> Problem + '_ {
    move |error| Problem::disk(&what.display().to_string(), &error)
}

/// 404.
pub(super) fn no_blob(name: &Name, digest: &Digest) -> Problem {
    let message = format!("the repository {name} has no blob {digest}");
    Problem::missing(Code::BlobUnknown, message)
        .about(serde_json::json!({ "digest": digest.to_string() }))
}
