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
use super::model::{Model, Phase};
use super::msg::{Msg, News, RunId};
use super::terminal::Terminal;
use super::update::{settle, update};
use super::view;
use crate::course::Scenario;
use crate::plan::{Event, Leftover, SetLimits};
use crate::session::{Consent, Run, heeded};
use crossterm::event::{Event as Input, KeyCode, KeyModifiers};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGTSTP};
use signal_hook::iterator::Signals;
use std::collections::BTreeMap;
use std::io::{self, IsTerminal};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Enough that a burst of events never waits for a draw, and little memory.
const QUEUE: usize = 1024;
/// How long the answer to a question that the terminal was asked may trickle.
const REPORT: Duration = Duration::from_millis(100);
/// How soon a run sees what is asked of it, when it has no events.
const ORDER_LATENCY: Duration = Duration::from_millis(20);

/// Shows the course until the learner quits. Returns what its runs have left.
pub(super) fn run(mut model: Model) -> Result<Vec<Leftover>, Error> {
    let (sender, receiver) = sync_channel(QUEUE);
    // Before the terminal is taken: a signal in between must find its handler.
    let signals = Signals::new(heeded(&[SIGTERM, SIGHUP, SIGINT, SIGTSTP]))?;
    let handle = signals.handle();
    let mut terminal = Terminal::take(model.settings.mouse)?;
    let (width, height) = terminal.size()?;
    update(&mut model, Msg::Resize(width, height));
    watch_signals(signals, sender.clone());
    read_input(sender.clone());
    let mut workers = Workers::new(sender);
    let result = turn(&mut model, &mut terminal, &receiver, &mut workers);
    handle.close();
    // Without a receiver nothing that a run still says can block it.
    drop(receiver);
    // The learner has the shell back while the last run is taken down.
    drop(terminal);
    let left = workers.end();
    result.map(|()| left)
}

/// The loop: waits, takes in all that waits, draws once.
fn turn(
    model: &mut Model,
    terminal: &mut Terminal,
    receiver: &Receiver<Msg>,
    workers: &mut Workers,
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
        }
        let Ok(first) = receiver.recv() else {
            return Ok(());
        };
        // All that waits, but never so much that nothing is drawn for long.
        for msg in std::iter::once(first).chain(receiver.try_iter().take(QUEUE)) {
            for effect in update(model, msg) {
                carry_out(effect, model, terminal, workers)?;
            }
            if model.phase == Phase::Quit {
                return Ok(());
            }
        }
        if workers.crashed.load(Ordering::SeqCst) {
            return Err(Error::Crashed);
        }
    }
}

fn carry_out(
    effect: Effect,
    model: &mut Model,
    terminal: &mut Terminal,
    workers: &mut Workers,
) -> Result<(), Error> {
    match effect {
        Effect::Run {
            id,
            scenario,
            consent,
        } => workers.start(id, *scenario, consent)?,
        Effect::Stop(id) => workers.order(id, Order::Stop),
        Effect::Limit(id, set) => workers.order(id, Order::Limit(set)),
        Effect::Enough(id) => workers.order(id, Order::Enough),
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
                _ => Msg::Quit,
            };
            if sender.send(msg).is_err() {
                return;
            }
        }
    });
}

fn read_input(sender: SyncSender<Msg>) {
    thread::spawn(move || {
        loop {
            let msg = match crossterm::event::read() {
                Ok(Input::Key(key)) if is_report(&key) => match swallow_report() {
                    Ok(()) => continue,
                    Err(_) => Msg::Quit,
                },
                Ok(Input::Key(key)) => Msg::Key(key),
                Ok(Input::Mouse(mouse)) => Msg::Mouse(mouse),
                Ok(Input::Resize(width, height)) => Msg::Resize(width, height),
                Ok(Input::FocusGained | Input::FocusLost | Input::Paste(_)) => continue,
                // The terminal is gone.
                Err(_) => Msg::Quit,
            };
            let last = matches!(msg, Msg::Quit);
            if sender.send(msg).is_err() || last {
                return;
            }
        }
    });
}

/// The start of an answer that came after our deadline: `ESC ]` reads as Alt-].
fn is_report(key: &crossterm::event::KeyEvent) -> bool {
    key.modifiers.contains(KeyModifiers::ALT) && key.code == KeyCode::Char(']')
}

/// Drops the rest of a late answer, which would be taken for keys: up to its
/// terminator, or until nothing follows.
fn swallow_report() -> std::io::Result<()> {
    while crossterm::event::poll(REPORT)? {
        if let Input::Key(key) = crossterm::event::read()? {
            let bell =
                key.modifiers.contains(KeyModifiers::CONTROL) && key.code == KeyCode::Char('g');
            let terminator =
                key.modifiers.contains(KeyModifiers::ALT) && key.code == KeyCode::Char('\\');
            if bell || terminator {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// The threads that carry out runs.
struct Workers {
    sender: SyncSender<Msg>,
    running: BTreeMap<RunId, Worker>,
    crashed: Arc<AtomicBool>,
    /// What all runs until now have left.
    left: Arc<Mutex<Vec<Leftover>>>,
}

struct Worker {
    orders: Sender<Order>,
    thread: JoinHandle<()>,
}

/// What a run under way is asked for.
enum Order {
    /// To be taken down.
    Stop,
    /// To limit a group to this.
    Limit(SetLimits),
    /// To go on after the `watch` that is under way.
    Enough,
}

impl Workers {
    fn new(sender: SyncSender<Msg>) -> Workers {
        Workers {
            sender,
            running: BTreeMap::new(),
            crashed: Arc::default(),
            left: Arc::default(),
        }
    }

    fn start(&mut self, id: RunId, scenario: Scenario, consent: Consent) -> Result<(), Error> {
        self.running
            .retain(|_, worker| !worker.thread.is_finished());
        let (orders, received) = channel();
        let news = Guard {
            id,
            sender: self.sender.clone(),
            crashed: Arc::clone(&self.crashed),
            left: Arc::clone(&self.left),
        };
        let thread = thread::Builder::new()
            .name("run".into())
            .spawn(move || work(&news, &scenario, consent, &received))?;
        self.running.insert(id, Worker { orders, thread });
        Ok(())
    }

    fn order(&self, id: RunId, order: Order) {
        if let Some(worker) = self.running.get(&id) {
            // A run that has ended needs no order any more.
            let _ = worker.orders.send(order);
        }
    }

    /// Stops all runs and awaits that everything they made is gone, but for
    /// what it returns.
    fn end(self) -> Vec<Leftover> {
        for worker in self.running.values() {
            let _ = worker.orders.send(Order::Stop);
        }
        for worker in self.running.into_values() {
            // A panic has been printed by the hook.
            let _ = worker.thread.join();
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

/// Carries a scenario out and forwards what happens. A run that is stopped is
/// taken down at once; the thread ends when all it made is gone.
fn work(news: &Guard, scenario: &Scenario, consent: Consent, orders: &Receiver<Order>) {
    let run = match Run::start(scenario, consent, false) {
        Ok(run) => run,
        Err(message) => {
            news.tell(News::NotStarted(message));
            return;
        }
    };
    let mut listening = true;
    let mut asked = false;
    loop {
        let mut stop = !listening;
        for order in orders.try_iter() {
            match order {
                Order::Stop => stop = true,
                Order::Limit(set) => run.set_limits(set),
                Order::Enough => run.enough(),
            }
        }
        if stop && !asked {
            run.finish();
            asked = true;
        }
        match run.events.recv_timeout(ORDER_LATENCY) {
            Ok(event) => {
                // Noted here, because the loop may have ended by now.
                if let Event::Left { left } = &event {
                    let mut all = news.left.lock().unwrap_or_else(PoisonError::into_inner);
                    all.extend(left.iter().cloned());
                }
                listening = listening && news.tell(News::Event(event));
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}
