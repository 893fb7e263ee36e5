//! Layers: directories that overlayfs stacks into one view, and what is made of
//! them: images and root filesystems. Paths are absolute, as the box sees them;
//! everything that is written lies on a mount that the same box has made.

use crate::base::Bytes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The most that a store on a tmpfs may hold.
pub const MOST_STORE: Bytes = Bytes(256 << 20);
/// The longest file that a process of a demo may write (RLIMIT_FSIZE): of a
/// `fill`, and up to the last byte of an `overwrite`.
pub const MOST_FILE: Bytes = Bytes(16 << 20);
/// The most copies of one `copy`, and views of one `overlay`.
pub const MOST_TREES: u32 = 16;

/// Room for layers: a directory on a filesystem that can hold the upper of an
/// overlay, mounted in a box.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Store {
    /// The mount point; it must exist.
    pub path: String,
    /// What it is made of.
    #[serde(default)]
    pub on: Medium,
    /// The most that it may hold, if it is a tmpfs; 64 MiB if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<Bytes>,
}

/// What a store is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Medium {
    /// The first of `tmpfs` and `disk` on which an overlay works with all that
    /// belongs to it: found by making one.
    #[default]
    Auto,
    /// A tmpfs of the box's own.
    Tmpfs,
    /// A directory of the run's own in /var/tmp, removed at its end.
    Disk,
}

/// An overlay mount, overlayfs of the kernel's documentation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Overlay {
    /// The read-only layers, the topmost first.
    pub lower: Vec<String>,
    /// The writable layer, made if it isn't there; without one nothing can be
    /// written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upper: Option<String>,
    /// Where the view appears, made if it isn't there.
    pub at: String,
    /// So many of them, each with an upper of its own: `-1`, `-2` and so on are
    /// added to `upper` and `at`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u32>,
}

/// A file to make, filled with bytes that look random and are always the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Fill {
    /// The file; it is created or emptied.
    pub path: String,
    /// How long it becomes.
    pub size: Bytes,
}

/// Bytes to change in the middle of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Overwrite {
    /// The file; it must exist.
    pub path: String,
    /// From which byte on, 0 if absent.
    #[serde(default)]
    pub at: u32,
    /// What is written there.
    pub text: String,
}

/// A tree to copy, file by file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Copy {
    /// The directory to copy.
    pub from: String,
    /// What the copy is called; it must not exist.
    pub to: String,
    /// So many of them: `-1`, `-2` and so on are added to `to`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u32>,
}

/// A root filesystem to make of this machine's own programs, each with the
/// loader and the libraries that it needs, at the same paths.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct RootFs {
    /// The programs, by name.
    pub programs: Vec<String>,
    /// The directory that becomes the root, made if it isn't there.
    pub to: String,
}

/// An OCI image to make: the layers as tar archives under their digests, a
/// configuration, a manifest and an index, in an image layout (OCI Image Format
/// Specification). What the layout already holds isn't written again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Image {
    /// The directory of the layout, made if it isn't there.
    pub layout: String,
    /// What the image is called: `org.opencontainers.image.ref.name`.
    pub tag: String,
    /// The directories of the layers, the lowest first, as an image lists them.
    pub layers: Vec<String>,
}

/// An image of a layout to unpack: one directory a layer, `1` the lowest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Unpack {
    /// The directory of the layout.
    pub layout: String,
    /// Which image of it.
    pub tag: String,
    /// Where the directories are made; it is made itself if it isn't there.
    pub to: String,
}

/// The layers of an overlay mount and the view that it gives, as they were
/// found in the directories at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Stack {
    /// Where the view is mounted.
    pub at: String,
    /// The layers, the topmost first: the upper, if there is one, then the lowers.
    pub layers: Vec<Layer>,
    /// What the mount shows, in the order of the paths; a directory stands
    /// before what is in it.
    pub view: Vec<Seen>,
    /// Whether there was more than is listed here.
    pub cut: bool,
}

/// One layer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Layer {
    /// What it is called: its directory's name, longer where two are alike.
    pub name: String,
    /// Its directory, as the mount was told.
    pub path: String,
    /// Whether it is the upper.
    pub writable: bool,
    /// What is in it, in the order of the paths.
    pub entries: Vec<Entry>,
}

/// A name in a layer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Entry {
    /// Its path below the layer's directory, without a leading `/`. What isn't
    /// UTF-8 is written with `\xNN`, and `\` as `\\`.
    pub path: String,
    /// What it is.
    pub kind: EntryKind,
    /// The whole text of a file of up to eight printable bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// What a name in a layer stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EntryKind {
    /// A regular file.
    File,
    /// A directory, which is merged with those of that name below it.
    Directory,
    /// A directory that hides what is below it: the attribute `overlay.opaque`.
    Opaque,
    /// A symbolic link.
    Symlink,
    /// A character device 0:0, which hides that name below it.
    Whiteout,
    /// A pipe, a socket or a device.
    Special,
}

/// A name in the view.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Seen {
    /// Its path below the mount, written as in [`Entry::path`].
    pub path: String,
    /// What it is; never a whiteout, and never opaque.
    pub kind: EntryKind,
    /// The layers that it comes from, as indices into [`Stack::layers`], the
    /// topmost first: one, or several for a directory that is merged. None if
    /// no layer accounts for it.
    pub from: Vec<usize>,
    /// The whole text of a file of up to eight printable bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}
