//! The one owner of the terminal's modes: raw mode, alternate screen, mouse,
//! cursor. However the program ends, what was switched on is switched off once.

use crossterm::cursor::{Hide, MoveTo, Show};
use crossterm::event::{DisableBracketedPaste, EnableBracketedPaste};
use crossterm::style::Print;
use crossterm::terminal::{
    BeginSynchronizedUpdate, Clear, ClearType, EndSynchronizedUpdate, EnterAlternateScreen,
    LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use crossterm::{Command, execute, queue};
use ratatui::backend::CrosstermBackend;
use ratatui::layout::Rect;
use std::fmt;
use std::io::{self, Stdout};
use std::mem::ManuallyDrop;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether the modes are on. Static, since the panic hook must know.
static ACTIVE: AtomicBool = AtomicBool::new(false);

/// The terminal while the course has it.
pub(super) struct Terminal {
    /// Never dropped: its own Drop prints an error when the terminal has gone
    /// away, and that print panics. What it would restore, [`restore`] does.
    inner: ManuallyDrop<ratatui::Terminal<CrosstermBackend<Stdout>>>,
    mouse: bool,
}

impl Terminal {
    /// Takes the terminal; a panic in any thread gives it back before its
    /// message is printed.
    pub(super) fn take(mouse: bool) -> io::Result<Terminal> {
        let inner = ratatui::Terminal::new(CrosstermBackend::new(io::stdout()))?;
        let inner = ManuallyDrop::new(inner);
        let mut terminal = Terminal { inner, mouse };
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            // A terminal that can't be restored is no reason to hide the message.
            let _ = restore();
            before(info);
        }));
        terminal.enter()?;
        Ok(terminal)
    }

    /// Switches the modes on.
    fn enter(&mut self) -> io::Result<()> {
        ACTIVE.store(true, Ordering::SeqCst);
        enable_raw_mode()?;
        execute!(
            io::stdout(),
            EnterAlternateScreen,
            Clear(ClearType::All),
            // What is pasted by mistake must not act as keys: so not only where
            // something may be typed.
            EnableBracketedPaste,
            Hide
        )?;
        // What was drawn before is gone: the next frame is drawn whole. (Its own
        // `clear` would ask the terminal where the cursor is, and not every
        // terminal answers.)
        let (width, height) = self.size()?;
        self.inner.resize(Rect::new(0, 0, width, height))?;
        self.capture_mouse(self.mouse)
    }

    /// Captures the mouse, or leaves it to the terminal.
    pub(super) fn capture_mouse(&mut self, on: bool) -> io::Result<()> {
        self.mouse = on;
        if on {
            execute!(io::stdout(), MouseOn)
        } else {
            execute!(io::stdout(), MouseOff)
        }
    }

    /// Draws a frame in one go: the terminal shows it when it is whole.
    pub(super) fn draw(&mut self, render: impl FnOnce(&mut ratatui::Frame)) -> io::Result<()> {
        queue!(io::stdout(), BeginSynchronizedUpdate)?;
        let drawn = self.inner.draw(render).map(|_| ());
        execute!(io::stdout(), EndSynchronizedUpdate)?;
        drawn
    }

    /// Gives the terminal to the shell and stops; returns after `fg`. Does
    /// nothing where no shell could say `fg`.
    pub(super) fn suspend(&mut self) -> io::Result<()> {
        if !has_job_control() {
            return Ok(());
        }
        restore()?;
        signal_hook::low_level::emulate_default_handler(signal_hook::consts::SIGTSTP)?;
        self.enter()
    }

    /// The terminal's size now.
    pub(super) fn size(&self) -> io::Result<(u16, u16)> {
        crossterm::terminal::size()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It may be gone: after SIGHUP there is nothing left to restore.
        let _ = restore();
    }
}

/// Whether a shell with job control started us. Without one (`xterm -e
/// glassbox`) nobody could continue a stopped process: the kernel ignores
/// SIGTSTP there for the same reason, see setpgid(2), "orphaned".
fn has_job_control() -> bool {
    use nix::unistd::{getpgrp, getppid, getsid};
    let session = getsid(None);
    session.is_ok_and(|leader| leader != getpgrp()) && session == getsid(Some(getppid()))
}

/// Switches off what is on; does nothing the second time.
fn restore() -> io::Result<()> {
    if !ACTIVE.swap(false, Ordering::SeqCst) {
        return Ok(());
    }
    // First what can't block.
    let cooked = disable_raw_mode();
    execute!(
        io::stdout(),
        EndSynchronizedUpdate,
        MouseOff,
        DisableBracketedPaste,
        // A terminal without an alternate screen keeps the picture: what comes next
        // stands below it.
        MoveTo(0, u16::MAX - 1),
        Print("\r\n"),
        Clear(ClearType::FromCursorDown),
        LeaveAlternateScreen,
        Show
    )?;
    cooked
}

/// Reports presses and the wheel, but not every motion: a mouse that is only
/// moved must not wake the program.
struct MouseOn;

/// Undoes [`MouseOn`].
struct MouseOff;

impl Command for MouseOn {
    fn write_ansi(&self, f: &mut impl fmt::Write) -> fmt::Result {
        f.write_str("\x1b[?1000h\x1b[?1006h")
    }
}

impl Command for MouseOff {
    fn write_ansi(&self, f: &mut impl fmt::Write) -> fmt::Result {
        f.write_str("\x1b[?1006l\x1b[?1000l")
    }
}
