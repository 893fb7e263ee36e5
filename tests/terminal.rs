//! Drives the binary in a real pseudo-terminal: what a learner's hands do, and
//! every way in which the terminal must come back as it was.

use portable_pty::{Child, CommandBuilder, ExitStatus, MasterPty, PtySize, native_pty_system};
use std::io::{Read, Write};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// How long anything may take; generous, since the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(20);

const CTRL_Z: &str = "\x1a";
const F12: &str = "\x1b[24~";

/// The binary in a terminal of its own.
struct Session {
    child: Box<dyn Child + Send + Sync>,
    master: Box<dyn MasterPty + Send>,
    keys: Box<dyn Write + Send>,
    output: Receiver<Vec<u8>>,
    screen: vt100::Parser,
}

impl Session {
    fn start(arguments: &[&str], rows: u16, cols: u16) -> Session {
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_glassbox"));
        command.args(arguments);
        Session::spawn(command, rows, cols)
    }

    /// An interactive shell, which has job control.
    fn shell(rows: u16, cols: u16) -> Session {
        let mut command = CommandBuilder::new("sh");
        command.arg("-i");
        command.env("ENV", "");
        Session::spawn(command, rows, cols)
    }

    fn spawn(mut command: CommandBuilder, rows: u16, cols: u16) -> Session {
        let size = PtySize {
            rows,
            cols,
            pixel_width: 0,
            pixel_height: 0,
        };
        let pair = native_pty_system().openpty(size).unwrap();
        command.env("TERM", "xterm-256color");
        command.env("RUST_BACKTRACE", "0");
        command.env("GLASSBOX_PANIC_KEY", "1");
        command.env_remove("NO_COLOR");
        let child = pair.slave.spawn_command(command).unwrap();
        let mut reader = pair.master.try_clone_reader().unwrap();
        let (sender, output) = channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 16384];
            while let Ok(n @ 1..) = reader.read(&mut buffer) {
                if sender.send(buffer[..n].to_vec()).is_err() {
                    return;
                }
            }
        });
        Session {
            child,
            keys: pair.master.take_writer().unwrap(),
            master: pair.master,
            output,
            screen: vt100::Parser::new(rows, cols, 0),
        }
    }

    fn press(&mut self, keys: &str) -> &mut Session {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
        self
    }

    fn text(&self) -> String {
        self.screen.screen().contents()
    }

    /// Waits until the screen says so.
    fn until(&mut self, what: &str, holds: impl Fn(&Session) -> bool) -> &mut Session {
        let deadline = Instant::now() + PATIENCE;
        while !holds(self) {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.output.recv_timeout(left) {
                Ok(bytes) => self.screen.process(&bytes),
                Err(RecvTimeoutError::Timeout) => panic!("no {what} on:\n{}", self.text()),
                Err(RecvTimeoutError::Disconnected) if holds(self) => break,
                Err(RecvTimeoutError::Disconnected) => {
                    panic!("ended without {what}:\n{}", self.text())
                }
            }
        }
        self
    }

    fn shows(&mut self, text: &str) -> &mut Session {
        let wanted = text.to_string();
        self.until(text, move |session| session.text().contains(&wanted))
    }

    fn resize(&mut self, rows: u16, cols: u16) -> &mut Session {
        let size = PtySize {
            rows,
            cols,
            pixel_width: 0,
            pixel_height: 0,
        };
        self.screen = vt100::Parser::new(rows, cols, 0);
        self.master.resize(size).unwrap();
        self
    }

    fn pid(&self) -> i32 {
        self.child.process_id().unwrap() as i32
    }

    fn signal(&mut self, signal: i32) -> &mut Session {
        let signal = nix::sys::signal::Signal::try_from(signal).unwrap();
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(self.pid()), signal).unwrap();
        self
    }

    /// Whether the terminal is as a shell wants it: lines are edited and
    /// echoed, no other screen, no mouse, a cursor.
    fn restored(&self) -> bool {
        let screen = self.screen.screen();
        self.local_modes() == libc::ICANON | libc::ECHO
            && !screen.alternate_screen()
            && !screen.hide_cursor()
            && screen.mouse_protocol_mode() == vt100::MouseProtocolMode::None
    }

    fn taken(&self) -> bool {
        let screen = self.screen.screen();
        screen.alternate_screen() && screen.hide_cursor() && self.local_modes() == 0
    }

    /// Which of line editing and echo are on.
    fn local_modes(&self) -> libc::tcflag_t {
        let modes = self.master.get_termios().unwrap();
        modes.local_flags.bits() & (libc::ICANON | libc::ECHO)
    }

    /// Reads what is left and awaits the end.
    fn end(mut self) -> (ExitStatus, String) {
        self.until("restored terminal", Session::restored);
        let status = self.child.wait().unwrap();
        (status, self.text())
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // After a failed assertion; otherwise it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

trait Ended {
    fn success(self) -> String;
}

impl Ended for (ExitStatus, String) {
    fn success(self) -> String {
        assert!(self.0.success(), "{:?}\n{}", self.0, self.1);
        self.1
    }
}

#[test]
fn three_steps_are_walked_run_and_resized() {
    let mut session = Session::start(&["--theme", "dark"], 40, 120);
    session
        .shows("  1/")
        .shows("Predict:")
        .until("a taken terminal", Session::taken);
    session.press("r").shows("claims of this step hold");
    session.press("n").shows("  2/").press("r").shows("≠ UTS");
    session
        .press("n")
        .shows("  3/")
        .press("b")
        .shows("You predict:")
        .press("\r");
    session.shows("you were right").shows("kettle");
    session
        .resize(24, 80)
        .shows("you were right")
        .press("\t")
        .shows("[2 Syscalls]");
    session.shows("hostname kettle");
    session.resize(12, 40).shows("too small");
    session
        .resize(40, 120)
        .shows("[2 Syscalls]")
        .press("1")
        .shows("you were right");
    // The knob: the next name, and the run that belongs to it.
    session
        .press("\x1b[C")
        .shows("◂ teapot ▸")
        .shows("≠ teapot");
    session.press("q");
    session.end().success();
}

#[test]
fn signals_and_panics_give_the_terminal_back() {
    for signal in [libc::SIGTERM, libc::SIGHUP, libc::SIGINT] {
        let mut session = Session::start(&[], 30, 100);
        session
            .shows("Explanation")
            .until("a taken terminal", Session::taken);
        session.signal(signal);
        session.end().success();
    }
    let mut session = Session::start(&[], 30, 100);
    session
        .shows("Explanation")
        .until("a taken terminal", Session::taken);
    session.press(F12).shows("F12 was pressed");
    let (status, text) = session.end();
    assert!(!status.success(), "{text}");
    assert!(text.contains("panicked at"), "{text}");
}

#[test]
fn a_quit_during_a_run_ends_the_run() {
    let mut session = Session::start(&["--step", "hungry"], 30, 100);
    session
        .shows("Predict")
        .press("r")
        .shows("Running")
        .press("q");
    session.end().success();
}

#[test]
fn suspended_and_continued_the_screen_is_back() {
    let mut session = Session::shell(30, 100);
    session.press(&format!("{}\n", env!("CARGO_BIN_EXE_glassbox")));
    session
        .shows("Explanation")
        .until("a taken terminal", Session::taken);
    session
        .press(CTRL_Z)
        .shows("Stopped")
        .press("echo half''way\n")
        .shows("halfway");
    session
        // Together, because what is typed while the terminal is given back is dropped.
        .press("fg; exit\n")
        .until("a taken terminal", Session::taken)
        .shows("Explanation")
        .press("q");
    session.end().success();
}

#[test]
fn where_nobody_could_continue_it_is_not_suspended() {
    let mut session = Session::start(&[], 30, 100);
    session
        .shows("Explanation")
        .press(CTRL_Z)
        .press("n")
        .shows("  2/")
        .press("q");
    session.end().success();
}

#[test]
fn late_answers_of_the_terminal_are_no_keys() {
    let mut session = Session::start(&[], 30, 100);
    session.shows("Explanation");
    // Read as keys, `r` would run the step and `q` quit.
    session
        .press("\x1b]11;rgb:ffff/qqqq/ffff\x1b\\")
        .press("n")
        .shows("  2/");
    session
        .press("p")
        .shows("  1/")
        .shows("Predict:")
        .press("q");
    session.end().success();
}

#[test]
fn clicks_and_colours_can_be_turned_off() {
    let mut session = Session::start(&[], 40, 120);
    session.shows("2 Syscalls");
    assert_eq!(
        session.screen.screen().mouse_protocol_mode(),
        vt100::MouseProtocolMode::PressRelease
    );
    // A press on the second tab: columns and rows count from 1.
    session.press("\x1b[<0;74;2M").shows("[2 Syscalls]");
    session.press("m").until("a mouse that is free", |session| {
        session.screen.screen().mouse_protocol_mode() == vt100::MouseProtocolMode::None
    });
    session.press("q");
    session.end().success();
}

#[test]
fn without_a_terminal_it_says_what_to_do() {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_glassbox"))
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    assert!(!output.status.success());
    assert!(output.stdout.iter().all(|byte| *byte != 0x1b));
    assert!(!output.stderr.is_empty());
}
