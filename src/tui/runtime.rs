//! Threads and the loop: what happens becomes messages on one bounded channel;
//! effects become work whose results come back as messages.
//!
//! ```text
//! input thread ──┐
//! signal thread ─┼─> channel ─> loop: drain, update, draw if changed
//! run threads ───┘                └─> effects
//! ```

use super::effect::Effect;
use super::error::Error;
use super::input::Input;
use super::model::{Model, Phase};
use super::msg::{Msg, News, RunId};
use super::saver::Saver;
use super::terminal::Terminal;
use super::update::{settle, update};
use super::view;
use crate::base::chain;
use crate::plan::{Event, Leftover};
use crate::progress::Store;
use crate::session::{Agreed, Control, NotStarted, Run, heeded};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGTSTP, SIGWINCH};
use signal_hook::iterator::Signals;
use std::collections::BTreeMap;
use std::io::{self, IsTerminal};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Enough that a burst of events never waits for a draw, and little memory.
const QUEUE: usize = 1024;
/// How long each thing is shown to one who leans back.
const LEANING: Duration = Duration::from_secs(6);

/// Shows the course until the learner quits. Returns what its runs have left.
///
/// What the learner does is kept in `store`, if there is one.
pub(super) fn run(mut model: Model, store: Option<Store>) -> Result<Vec<Leftover>, Error> {
    let (sender, receiver) = sync_channel(QUEUE);
    // Before the terminal is taken: a signal in between must find its handler.
    let signals = Signals::new(heeded(&[SIGTERM, SIGHUP, SIGINT, SIGTSTP, SIGWINCH]))?;
    let handle = signals.handle();
    let mut terminal = Terminal::take(model.settings.mouse)?;
    let mut input = Input::default();
    if model.settings.follows
        && let Some(theme) = input.background().map_err(Error::Input)?
    {
        update(&mut model, Msg::Background(theme));
    }
    let (width, height) = terminal.size()?;
    update(&mut model, Msg::Resize(width, height));
    watch_signals(signals, sender.clone());
    let heard = sender.clone();
    thread::spawn(move || input.send(&heard));
    let mut saver = Saver::start(store, sender.clone());
    let mut runs = Runs::new(sender);
    let result = turn(&mut model, &mut terminal, &receiver, &mut runs, &mut saver);
    saver.keep(model.remember());
    handle.close();
    // Without a receiver nothing that a run still says can block it.
    drop(receiver);
    // The learner has the shell back while the last run is taken down.
    drop(terminal);
    if let Some(why) = saver.end() {
        eprintln!("glassbox: what you did last is not kept: {why}");
    }
    let left = runs.end();
    result.map(|()| left)
}

/// The loop: waits, takes in all that waits, draws once.
fn turn(
    model: &mut Model,
    terminal: &mut Terminal,
    receiver: &Receiver<Msg>,
    runs: &mut Runs,
    saver: &mut Saver,
) -> Result<(), Error> {
    loop {
        if model.phase == Phase::Changed {
            settle(model);
            match terminal.draw(|frame| view::view(model, frame)) {
                // The window was closed: nobody is left to be told.
                Err(_) if !io::stdout().is_terminal() => return Ok(()),
                drawn => drawn?,
            }
            model.phase = Phase::Shown;
            saver.keep(model.remember());
        }
        let first = match runs.wake {
            None => receiver.recv().ok(),
            Some(when) => {
                match receiver.recv_timeout(when.saturating_duration_since(Instant::now())) {
                    Ok(msg) => Some(msg),
                    Err(RecvTimeoutError::Timeout) => {
                        runs.wake = None;
                        Some(Msg::Wake)
                    }
                    Err(RecvTimeoutError::Disconnected) => None,
                }
            }
        };
        let Some(first) = first else {
            return Ok(());
        };
        // All that waits, but never so much that nothing is drawn for long.
        for msg in std::iter::once(first).chain(receiver.try_iter().take(QUEUE)) {
            if let Msg::InputLost(why) = msg {
                // With the window went the one who could be told.
                return match io::stdout().is_terminal() {
                    true => Err(Error::Input(why)),
                    false => Ok(()),
                };
            }
            for effect in update(model, msg) {
                carry_out(effect, model, terminal, runs)?;
            }
            if model.phase == Phase::Quit {
                return Ok(());
            }
        }
        if runs.crashed.load(Ordering::SeqCst) {
            return Err(Error::Crashed);
        }
    }
}

fn carry_out(
    effect: Effect,
    model: &mut Model,
    terminal: &mut Terminal,
    runs: &mut Runs,
) -> Result<(), Error> {
    match effect {
        Effect::Run { id, agreed } => {
            if let Err(NotStarted(why)) = runs.start(id, &agreed) {
                for effect in update(model, Msg::Run(id, News::NotStarted(chain(&why)))) {
                    carry_out(effect, model, terminal, runs)?;
                }
            }
        }
        Effect::Stop(id) => runs.steer(id, Control::finish),
        Effect::Limit(id, set) => runs.steer(id, |run| run.limit(set)),
        Effect::Enough(id, action) => runs.steer(id, |run| run.enough(action)),
        Effect::Wake => runs.wake = Some(Instant::now() + LEANING),
        Effect::Mouse(on) => terminal.capture_mouse(on)?,
        Effect::Suspend => {
            terminal.suspend()?;
            let (width, height) = terminal.size()?;
            update(model, Msg::Resize(width, height));
        }
    }
    Ok(())
}

fn watch_signals(mut signals: Signals, sender: SyncSender<Msg>) {
    thread::spawn(move || {
        for signal in signals.forever() {
            let msg = match signal {
                SIGTSTP => Msg::Suspend,
                SIGWINCH => match crossterm::terminal::size() {
                    Ok((width, height)) => Msg::Resize(width, height),
                    // It is told by who draws on it.
                    Err(_) => continue,
                },
                _ => Msg::Quit,
            };
            if sender.send(msg).is_err() {
                return;
            }
        }
    });
}

/// The runs under way, each with a thread of its own.
struct Runs {
    sender: SyncSender<Msg>,
    running: BTreeMap<RunId, Run>,
    crashed: Arc<AtomicBool>,
    /// What all runs until now have left.
    left: Arc<Mutex<Vec<Leftover>>>,
    /// When the one who leans back is shown the next thing.
    wake: Option<Instant>,
}

impl Runs {
    fn new(sender: SyncSender<Msg>) -> Runs {
        Runs {
            sender,
            running: BTreeMap::new(),
            crashed: Arc::default(),
            left: Arc::default(),
            wake: None,
        }
    }

    fn start(&mut self, id: RunId, agreed: &Agreed) -> Result<(), NotStarted> {
        self.running.retain(|_, run| !run.has_ended());
        let news = Guard {
            id,
            sender: self.sender.clone(),
            crashed: Arc::clone(&self.crashed),
            left: Arc::clone(&self.left),
        };
        let hear = move |event| news.tell(News::Event(event));
        let run = Run::start(agreed, false, hear)?;
        self.running.insert(id, run);
        Ok(())
    }

    /// A run that has ended needs no order any more.
    fn steer(&self, id: RunId, order: impl FnOnce(&Control)) {
        if let Some(run) = self.running.get(&id) {
            order(run.control());
        }
    }

    /// Stops all runs and awaits that everything they made is gone, but for
    /// what it returns. Says what this program had to do itself for that.
    fn end(self) -> Vec<Leftover> {
        for run in self.running.values() {
            run.control().finish();
        }
        for done in self.running.into_values().filter_map(Run::end) {
            eprintln!("{done}");
        }
        std::mem::take(&mut *self.left.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A run's way to the loop; it says the end however the thread ends.
struct Guard {
    id: RunId,
    sender: SyncSender<Msg>,
    crashed: Arc<AtomicBool>,
    left: Arc<Mutex<Vec<Leftover>>>,
}

impl Guard {
    fn tell(&self, news: News) -> bool {
        // Noted here, because the loop may have ended by now.
        if let News::Event(Event::Left { left }) = &news {
            let mut all = self.left.lock().unwrap_or_else(PoisonError::into_inner);
            all.extend(left.iter().cloned());
        }
        self.sender.send(Msg::Run(self.id, news)).is_ok()
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if thread::panicking() {
            self.crashed.store(true, Ordering::SeqCst);
        }
        self.tell(News::Ended);
    }
}
