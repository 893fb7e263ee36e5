//! Overlay mounts: their layers, and where each name of the view comes from.

use super::{Observation, View};

/// `stack:PATH`
pub(super) fn stack(_view: &View, path: &str) -> Observation {
    todo!("{path}")
}

/// `origin:PATH`
pub(super) fn origin(_view: &View, path: &str) -> Observation {
    todo!("{path}")
}
