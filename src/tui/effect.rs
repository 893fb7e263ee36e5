//! What `update` wants done to the world outside of the model.

use super::msg::RunId;
use crate::plan::SetLimits;
use crate::session::Agreed;

/// Carried out by the runtime, in order.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Effect {
    /// Carry a plan out; its news come as messages with this id.
    Run {
        /// The run.
        id: RunId,
        /// What to do, and that it may be done.
        agreed: Box<Agreed>,
    },
    /// Take the run down now.
    Stop(RunId),
    /// Limit a group of the run to this from now on.
    Limit(RunId, SetLimits),
    /// End the `watch` or the `stage` that this action of the run is.
    Enough(RunId, usize),
    /// Capture the mouse, or leave it to the terminal.
    Mouse(bool),
    /// Say so after a while: one leans back.
    Wake,
    /// Give the terminal back and stop, until the shell says `fg`.
    Suspend,
}
