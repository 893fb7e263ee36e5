//! A signal that asks this process to end, in the middle of a run: the run is
//! taken down first, and the process then ends as the signal would have ended it.

use super::failure::Failure;
use crate::base::chain;
use crate::plan::History;
use crate::session::{Control, enough, heeded};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::{Handle, Signals};
use signal_hook::low_level::emulate_default_handler;
use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Listens for such signals, until it is dropped.
pub(crate) struct Interrupt {
    /// `None` if no run can start: then nothing is there to be taken down.
    handle: Option<Handle>,
    state: Arc<Mutex<State>>,
}

/// A run that a signal takes down.
pub(crate) struct Guarded<'i> {
    interrupt: &'i Interrupt,
    number: u64,
}

#[derive(Default)]
struct State {
    /// The one that came.
    came: Option<i32>,
    /// The runs that it takes down; without one a signal waits for the next.
    runs: Vec<(u64, Control)>,
    /// How many runs there have been.
    begun: u64,
    /// Somebody who waits for the user: then a signal is their word to end, and
    /// not one to this process.
    waiter: Option<UnixStream>,
}

impl Interrupt {
    /// Listens from here on.
    pub(crate) fn listen() -> Result<Interrupt, Failure> {
        // What leaves no room for a run may leave none for what a thread needs; each
        // run will tell.
        if enough().is_err() {
            let state = Arc::default();
            return Ok(Interrupt {
                handle: None,
                state,
            });
        }
        Interrupt::start().map_err(|error| {
            Failure::host(format!(
                "a thread to hear signals could not start: {}",
                chain(&error)
            ))
        })
    }

    fn start() -> io::Result<Interrupt> {
        let mut signals = Signals::new(heeded(&[SIGINT, SIGTERM, SIGHUP]))?;
        let handle = signals.handle();
        let state = Arc::<Mutex<State>>::default();
        let shared = Arc::clone(&state);
        std::thread::Builder::new()
            .name("signals".into())
            .spawn(move || {
                for signal in signals.forever() {
                    let mut state = lock(&shared);
                    match &mut state.waiter {
                        // Its buffer has room: few signals come.
                        Some(waiter) => drop(waiter.write(b"s")),
                        None => {
                            state.came.get_or_insert(signal);
                            state.runs.iter().for_each(|(_, run)| run.finish());
                        }
                    }
                }
            })?;
        Ok(Interrupt {
            handle: Some(handle),
            state,
        })
    }

    /// From here on a signal takes this run down, until what is returned is dropped.
    pub(crate) fn guard(&self, run: &Control) -> Guarded<'_> {
        let mut state = lock(&self.state);
        if state.came.is_some() {
            run.finish();
        }
        state.begun += 1;
        let number = state.begun;
        state.runs.push((number, run.clone()));
        Guarded {
            interrupt: self,
            number,
        }
    }

    /// Whether a signal came: then nothing more is to be begun.
    pub(crate) fn came(&self) -> bool {
        lock(&self.state).came.is_some()
    }

    /// From here on signals ring here, until [`Interrupt::stop_ringing`]; one
    /// that came before has ended the run already.
    pub(crate) fn ring(&self) -> io::Result<UnixStream> {
        let (waits, rings) = UnixStream::pair()?;
        lock(&self.state).waiter = Some(rings);
        Ok(waits)
    }

    /// From here on signals take the run down again.
    pub(crate) fn stop_ringing(&self) {
        lock(&self.state).waiter = None;
    }

    /// To be called when all that the runs made is gone: if a signal came, the
    /// process ends by it here, and says no more than what the end took.
    pub(crate) fn heed(&self, history: &History) {
        let state = lock(&self.state);
        if let Some(signal) = state.came {
            if let Some(message) = history.forced() {
                eprintln!("{message}");
            }
            // It doesn't come back from any of these.
            let _ = emulate_default_handler(signal);
        }
    }
}

impl Drop for Guarded<'_> {
    fn drop(&mut self) {
        let mut state = lock(&self.interrupt.state);
        state.runs.retain(|(number, _)| *number != self.number);
    }
}

impl Drop for Interrupt {
    fn drop(&mut self) {
        self.handle.iter().for_each(Handle::close);
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
