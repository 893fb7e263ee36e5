//! Layers and root directories: stores, overlays, the files in them, images, and
//! the change of the root. Everything is done on mounts of the run's own
//! ([`crate::sandbox::agent::own`]). What works on many files is done by functions
//! of `crate::image`, which know no agent; here each call of theirs is told.

pub(in crate::sandbox) mod container;
mod files;
mod image;
mod overlay;
mod root;
mod steps;
mod store;
