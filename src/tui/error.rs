//! Why the course ends before its learner does.

/// Why the course could not be shown.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Input or output isn't a terminal.
    #[error("the course needs a terminal: try `glassbox list` and `glassbox run STEP` instead")]
    NoTerminal,
    /// The course has no step of that name.
    #[error("no step is called `{0}`: `glassbox list` shows them all")]
    NoStep(String),
    /// The course is empty.
    #[error("the course has no steps")]
    NoSteps,
    /// The terminal failed.
    #[error("the terminal failed")]
    Terminal(#[from] std::io::Error),
    /// A thread of ours panicked; its message is above.
    #[error("Glassbox has a bug: a worker stopped")]
    Crashed,
}
