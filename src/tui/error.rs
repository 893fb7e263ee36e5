//! Why the course ends before its learner does.

/// Why the course could not be shown.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Input or output isn't a terminal.
    #[error("the course needs a terminal: try `glassbox list` and `glassbox run STEP` instead")]
    NoTerminal,
    /// Nothing is known of the terminal.
    #[error(
        "TERM is not set, so nobody knows what this terminal can draw: set it (`TERM=xterm`), \
         or try `glassbox list` and `glassbox run STEP` instead"
    )]
    Unnamed,
    /// The terminal can't place a cursor.
    #[error(
        "this terminal (TERM={0}) can only print lines: try `glassbox list` and \
         `glassbox run STEP` instead"
    )]
    Dumb(String),
    /// The course has no step of that name.
    #[error("no step is called `{0}`: `glassbox list` shows them all")]
    NoStep(String),
    /// The course is empty.
    #[error("the course has no steps")]
    NoSteps,
    /// The terminal failed.
    #[error("the terminal failed")]
    Terminal(#[from] std::io::Error),
    /// The keys can't be read, though the screen is there.
    #[error("the terminal's keys can't be read any more: try `reset`, then start again")]
    Input(#[source] std::io::Error),
    /// A thread of ours panicked; its message is above.
    #[error("Glassbox has a bug: a worker stopped")]
    Crashed,
}
