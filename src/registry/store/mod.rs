//! The store: for each repository an OCI image layout, which any tool can read that
//! reads those; blobs are on the disk once.
//!
//! ```text
//! repositories/library+base/oci-layout, index.json      a layout: tags are names in its index
//! repositories/library+base/blobs/ALGORITHM/HEX         a link to
//! blobs/ALGORITHM/HEX                                   what was pushed, hashed before it got the name
//! uploads/ID/library+base                               what has come of an upload
//! tmp/…                                                 what isn't whole yet
//! ```
//! The file system counts who needs a blob: one with a single link is nobody's. What
//! gets a name was written through to the disk first, and the name after it.

mod content;
mod document;
mod files;
mod index;
mod partial;
mod state;

pub(super) use document::INDEX;
pub(super) use partial::Upload;
pub(super) use state::Store;
