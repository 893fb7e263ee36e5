//! The terminal while a program inside has it: raw, and as it was after any end.

use super::connection::Client;
use super::failure::Failure;
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};
use std::io::{self, IsTerminal};
use tokio::signal::unix::{SignalKind, signal};

/// Signals that end this program, or that are handed on to the one inside.
pub(super) const ENDS: [(i32, &str); 4] = [
    (libc::SIGINT, "INT"),
    (libc::SIGTERM, "TERM"),
    (libc::SIGHUP, "HUP"),
    (libc::SIGQUIT, "QUIT"),
];

/// Raw mode, until it is dropped: termios(3).
pub(super) struct Raw(Option<Termios>);

impl Raw {
    /// Standard input's terminal, if it is one; otherwise nothing changes.
    pub(super) fn enter() -> Result<Raw, Failure> {
        if !io::stdin().is_terminal() {
            return Ok(Raw(None));
        }
        let wrong = |error| Failure::of(format!("the terminal can't be made raw: {error}"));
        let before = tcgetattr(io::stdin()).map_err(wrong)?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(io::stdin(), OptionalActions::Now, &raw).map_err(wrong)?;
        Ok(Raw(Some(before)))
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        if let Some(before) = self.0.take() {
            // A terminal that has gone away needs no modes.
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, &before);
        }
    }
}

/// Whether `-i -t` can be: it takes a terminal to hand on.
pub(super) fn fits(interactive: bool, tty: bool) -> Result<(), Failure> {
    match interactive && tty && !io::stdin().is_terminal() {
        true => Err(Failure::of("the input device is not a TTY")),
        false => Ok(()),
    }
}

/// Rows and columns of the terminal; none if there is none.
pub(super) fn size() -> Option<(u16, u16)> {
    let size = tcgetwinsize(io::stdout()).ok()?;
    (size.ws_row > 0 && size.ws_col > 0).then_some((size.ws_row, size.ws_col))
}

/// Tells the engine the size, now and whenever it changes. `path` is that of the
/// container or of the exec.
pub(super) async fn follow_size(client: &Client, path: &str) {
    let Ok(mut changes) = signal(SignalKind::window_change()) else {
        return;
    };
    loop {
        if let Some((rows, columns)) = size() {
            // One that has just ended has no size.
            let _ = client
                .post(&format!("{path}/resize?h={rows}&w={columns}"), None)
                .await;
        }
        if changes.recv().await.is_none() {
            return;
        }
    }
}

/// Awaits one of the signals that end a program.
///
/// # Errors
/// They can't be listened for.
pub(super) async fn ended_by() -> io::Result<i32> {
    let mut listening = Vec::new();
    for (number, _) in ENDS {
        listening.push((number, signal(SignalKind::from_raw(number))?));
    }
    let [a, b, c, d] = &mut listening[..] else {
        return std::future::pending().await;
    };
    Ok(tokio::select! {
        _ = a.1.recv() => a.0,
        _ = b.1.recv() => b.0,
        _ = c.1.recv() => c.0,
        _ = d.1.recv() => d.0,
    })
}

/// Does `work` while a program inside has the terminal: a signal to end restores the
/// terminal first, and then ends this program as it would have.
pub(super) async fn guarded<T>(
    raw: Option<Raw>,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    if raw.as_ref().is_none_or(|raw| raw.0.is_none()) {
        return work.await;
    }
    let done = tokio::select! {
        done = work => done,
        signal = ended_by() => {
            let number = signal.map_err(|error| Failure::of(format!("signals: {error}")))?;
            drop(raw);
            // It doesn't come back from one of these.
            let _ = signal_hook::low_level::emulate_default_handler(number);
            return Err(Failure::told());
        }
    };
    drop(raw);
    done
}
