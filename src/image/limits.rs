//! How large a layer and its files may be.

use nix::sys::resource::{Resource, getrlimit};

/// The longest archive of a layer that is made or read, in bytes.
pub(super) const MOST_BYTES: u64 = 64 << 20;
/// The most names in a layer.
pub(super) const MOST_ENTRIES: usize = 10_000;

/// How long a file may become that this process writes: RLIMIT_FSIZE. A longer
/// one would end it by SIGXFSZ, so it is asked for before.
pub(super) fn longest_file() -> u64 {
    getrlimit(Resource::RLIMIT_FSIZE).map_or(u64::MAX, |(soft, _)| soft)
}
