//! Everything that can happen to the program, as one closed enum.

use super::theme::Theme;
use crate::plan::Event;
use crossterm::event::{KeyEvent, MouseEvent};

/// One run of one demo. Never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct RunId(pub(super) u64);

/// Something happened.
#[derive(Debug)]
pub(super) enum Msg {
    /// A key was pressed.
    Key(KeyEvent),
    /// The mouse did something.
    Mouse(MouseEvent),
    /// Text was pasted, or the next part of it.
    Paste(String),
    /// The terminal has told for which background colours are to be chosen.
    Background(Theme),
    /// The terminal has another size.
    Resize(u16, u16),
    /// The while is over.
    Wake,
    /// A run has news.
    Run(RunId, News),
    /// What the learner did could not be kept, and why.
    NotKept(String),
    /// SIGTSTP from outside; Ctrl-Z is a key in raw mode.
    Suspend,
    /// SIGTERM, SIGHUP or SIGINT.
    Quit,
    /// The terminal's input can't be read any more.
    InputLost(std::io::Error),
}

/// What a run tells.
#[derive(Debug)]
pub(super) enum News {
    /// It goes on.
    Event(Event),
    /// It could not be started.
    NotStarted(String),
    /// Nothing more will come, and everything is cleaned up.
    Ended,
}
