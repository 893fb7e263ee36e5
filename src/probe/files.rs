//! Files as the kernel shows them: what they are, what is in them, what they cost.

use super::Observation;

/// `stat:PATH`
pub(super) fn stat(path: &str) -> Vec<Observation> {
    todo!("{path}")
}

/// `hash:PATH`
pub(super) fn hash(path: &str) -> Observation {
    todo!("{path}")
}

/// `usage:PATH`
pub(super) fn usage(path: &str) -> Vec<Observation> {
    todo!("{path}")
}
