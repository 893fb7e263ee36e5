//! OCI images and root filesystems as files: functions over paths and descriptors.
//!
//! ```text
//! programs of the machine ─ root_fs ─> a directory that can be a root
//! directories, lowest first ─ archive ─> tar archives ─ layout ─> blobs under their digests
//!                                                    manifest ─> an image with a name
//! an image ─ layout, each blob checked ─ unpack ─> directories as overlayfs reads them
//! ```
//! Invariants: what comes out of a layout or an archive is untrusted, and no name
//! in it leads out of the directory that it is unpacked into; what is in a new
//! root or an archive is the same for the same input. Nothing in here knows boxes,
//! namespaces or who is told of it: whoever calls sees to it that the paths are
//! theirs to write to, and hears of each call through [`Steps`].

mod archive;
mod elf;
mod layout;
mod limits;
mod loader;
mod manifest;
mod root_fs;
mod steps;
mod unpack;

pub use archive::{OverlayXattrs, archive as write_layer};
pub use layout::directories;
pub use manifest::{BuiltImage, build, unpack};
pub use root_fs::{BuiltRootFs, build_root_fs};
pub use steps::{Error, Returned, Step, Steps};
pub use unpack::unpack as read_layer;
