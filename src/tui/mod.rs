//! The course in the terminal: explanation on the left, the kernel's evidence
//! on the right.
//!
//! ```text
//! keys, mouse, signals, events of a run -> Msg -> update(&mut Model) -> Effect
//!                                                     |
//!                                  view(&Model) <-----+
//! ```
//!
//! Only `update` changes the `Model`; `view` draws it and does nothing else;
//! `runtime` owns threads and carries out effects; `terminal` is the one owner
//! of the terminal's modes. The screen is drawn when the model changed and at
//! no other time. Nothing in here knows how a plan is carried out: that is the
//! session's.

mod content;
mod effect;
mod end;
mod error;
mod input;
mod kept;
mod keymap;
mod layout;
mod model;
mod msg;
mod play;
mod popup;
mod question;
mod route;
mod rows;
mod runtime;
mod saver;
mod screen;
mod search;
mod terminal;
mod theme;
mod update;
mod view;
mod way;

#[cfg(test)]
mod tests;

pub use error::Error;

use crate::course::Course;
use crate::plan::Leftover;
use crate::progress;
use crate::render::{Signs, is_dec};
use theme::Theme;

/// How the course is opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The step to open, as [`Course::select`] reads it; if absent, where the learner
    /// was last, or the first.
    pub start: Option<String>,
    /// The route to follow; if absent, the one that was followed before.
    pub path: Option<String>,
    /// Forget what was kept of this course.
    pub fresh: bool,
    /// Whether clicks and the wheel are for Glassbox; without it the terminal
    /// itself selects text.
    pub mouse: bool,
    /// The colours; if absent, those that were chosen before.
    pub theme: Option<ThemeChoice>,
    /// Only bold, underlined and the like: `NO_COLOR`.
    pub no_color: bool,
    /// Signs, borders and charts of ASCII characters only.
    pub ascii: bool,
    /// The terminal's terminfo name: `TERM`, if it is set.
    pub term: Option<String>,
    /// Let F12 panic, so that a test can see the terminal restored.
    pub panic_key: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            start: None,
            path: None,
            fresh: false,
            mouse: true,
            theme: None,
            no_color: false,
            ascii: false,
            term: None,
            panic_key: false,
        }
    }
}

/// Which colours to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ThemeChoice {
    /// Ask the terminal for its background; dark if it doesn't answer.
    #[default]
    Auto,
    /// For a light background.
    Light,
    /// For a dark background.
    Dark,
    /// Bold and the terminal's strongest colours.
    HighContrast,
}

/// Opens the course and returns when the learner quits, or when the terminal
/// goes away. The terminal is as before on every way out. What the runs could
/// not remove is returned; the learner has seen only what came before the end.
///
/// # Errors
/// Says what is wrong with the terminal or with the options.
pub fn run(course: Course, options: Options) -> Result<Vec<Leftover>, Error> {
    use std::io::IsTerminal;
    if !std::io::stdin().is_terminal() || !std::io::stdout().is_terminal() {
        return Err(Error::NoTerminal);
    }
    let term = match options.term.as_deref() {
        None | Some("") => return Err(Error::Unnamed),
        Some(term @ ("dumb" | "unknown")) => return Err(Error::Dumb(term.into())),
        Some(term) => term,
    };
    let signs = match options.ascii {
        true => Signs::Ascii,
        false => Signs::of(term),
    };
    let mut opened = progress::open();
    let pack = opened.progress.packs.entry(course.id()).or_default();
    if options.fresh {
        *pack = progress::Pack::default();
    }
    if options.path.is_some() {
        pack.path = options.path;
    }
    let route = pack
        .path
        .as_deref()
        .and_then(|name| course.meta.route(name));
    let first = route.and_then(|route| route.steps.first());
    let first = first.map(|id| id.0.as_str());
    let start = match &options.start {
        Some(_) => start(&course, options.start.as_deref())?,
        // A step that is there no more is no reason not to open.
        None => start(&course, pack.at.as_deref().or(first)).or_else(|_| start(&course, first))?,
    };
    let kept = kept::theme(&opened.progress.settings);
    let chosen = match options.theme {
        None => kept,
        Some(ThemeChoice::Auto) => None,
        Some(ThemeChoice::Light) => Some(Theme::Light),
        Some(ThemeChoice::Dark) => Some(Theme::Dark),
        Some(ThemeChoice::HighContrast) => Some(Theme::HighContrast),
    };
    let settings = model::Settings {
        // Until the terminal has told.
        theme: chosen.unwrap_or(Theme::Dark),
        // Only what emulates xterm is asked: others could print the question.
        follows: chosen.is_none() && Signs::of(term) == Signs::Unicode,
        sources: opened.progress.settings.sources,
        claims: opened.progress.settings.claims,
        color: !options.no_color && !is_dec(term),
        mouse: options.mouse,
        signs,
        panic_key: options.panic_key,
    };
    let mut model = model::Model::new(course, start, settings);
    model.recall(opened.progress);
    let notes = kept::notes(opened.aside, opened.store.as_ref().err());
    model.tell(notes);
    runtime::run(model, opened.store.ok())
}

/// The first screen of a course, drawn without a terminal: for benchmarks.
pub struct Still {
    model: model::Model,
    terminal: ratatui::Terminal<ratatui::backend::TestBackend>,
}

impl Still {
    /// The course as it opens in a terminal of this size.
    ///
    /// # Errors
    /// When the course is empty.
    pub fn new(course: Course, size: (u16, u16)) -> Result<Still, Error> {
        let settings = model::Settings {
            theme: Theme::Dark,
            follows: false,
            sources: false,
            claims: false,
            color: true,
            mouse: true,
            signs: Signs::Unicode,
            panic_key: false,
        };
        let backend = ratatui::backend::TestBackend::new(size.0, size.1);
        let Ok(terminal) = ratatui::Terminal::new(backend);
        let at = start(&course, None)?;
        Ok(Still {
            model: model::Model::new(course, at, settings),
            terminal,
        })
    }

    /// Lays all of it out anew, as after a resize, and draws it.
    pub fn draw(&mut self) {
        let screen = self.terminal.backend().buffer().area;
        let (width, height) = (screen.width, screen.height);
        update::update(&mut self.model, msg::Msg::Resize(width, height));
        update::settle(&mut self.model);
        let Ok(_) = self.terminal.draw(|frame| view::view(&self.model, frame));
    }
}

/// The index of the step to open, in reading order.
fn start(course: &Course, word: Option<&str>) -> Result<usize, Error> {
    if course.steps().next().is_none() {
        return Err(Error::NoSteps);
    }
    let Some(word) = word else {
        return Ok(0);
    };
    let chosen = course.select(word);
    chosen
        .first()
        .and_then(|(_, step)| course.steps().position(|(_, s)| s.meta.id == step.meta.id))
        .ok_or_else(|| Error::NoStep(word.to_string()))
}
