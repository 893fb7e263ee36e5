//! The command line: parsing, printing and exit codes.
//!
//! Each command is a function from checked arguments to an `Exit`, writing
//! to a `&mut dyn Write` so that tests can read it. An error is a `Failure`:
//! a sentence, hints and an exit code; [`start`] is the one place that prints
//! it. Whatever reaches the kernel does so through the session, exactly as in
//! the interactive course. This module knows nothing of the interactive
//! screen: it only says that it is wanted ([`Next::Interactive`]).

mod args;
mod clean;
mod consent;
mod coverage;
mod credentials;
mod docker;
mod doctor;
mod engine;
mod evidence;
mod explain;
mod failure;
mod finding;
mod hold;
mod interrupt;
mod junit;
mod knobs;
mod left_over;
mod lint;
mod list;
mod mutate;
mod pack;
mod printer;
mod progress;
mod registry;
mod run;
mod tap;
mod verify;
mod watch;

pub use args::{Look, ThemeChoice};

use crate::base::chain;
use crate::course::{Course, StepId};
use crate::plan::Leftover;
use crate::sandbox::{self, Depth};
use args::{Cli, Command};
use clap::{CommandFactory, Parser};
use failure::{Exit, Failure};
use printer::{Printer, utf8_locale};
use std::io::{IsTerminal, Write};
use std::process::ExitCode;

/// What is left to do once the arguments are understood.
pub enum Next {
    /// The command has been carried out.
    Exit(ExitCode),
    /// Open the interactive course.
    Interactive {
        /// The course.
        course: Course,
        /// How it looks and where it opens.
        look: Look,
        /// The step to open, when one was asked for.
        step: Option<StepId>,
        /// The route to follow, when one was named.
        path: Option<String>,
        /// Whether to draw with ASCII characters only.
        ascii: bool,
    },
}

/// Reads the command line of this process and carries the command out.
pub fn start() -> Next {
    if let Some(code) = credentials::helper() {
        return Next::Exit(code);
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return Next::Exit(show_usage(&error)),
    };
    let ascii = cli.ascii;
    let stdout = std::io::stdout();
    let mut printer = Printer::new(stdout.lock(), stdout.is_terminal()).in_ascii(ascii);
    let done = carry_out(cli, &mut printer);
    let flushed = printer.flush().map_err(Failure::from);
    match done.and_then(|next| flushed.map(|()| next)) {
        Ok(Carried::Done(exit)) => Next::Exit(exit.into()),
        Ok(Carried::Client(code)) => Next::Exit(code.into()),
        Ok(Carried::Open(course, look, step, path)) => Next::Interactive {
            course,
            look,
            step,
            path,
            ascii: ascii || !utf8_locale(),
        },
        Err(failure) => Next::Exit(report(&failure, ascii)),
    }
}

/// Says on standard error that a part of this program can't go on, the way
/// every command does, and gives the exit code for it.
pub fn give_up(error: &(dyn std::error::Error + 'static)) -> ExitCode {
    report(&Failure::host(chain(error)), false)
}

/// Says on standard error what runs of the interactive course have left, and
/// gives the exit code for it.
pub fn tell_left(left: &[Leftover], ascii: bool) -> ExitCode {
    if left.is_empty() {
        return Exit::Well.into();
    }
    let stderr = std::io::stderr();
    let mut printer = Printer::new(stderr.lock(), stderr.is_terminal()).in_ascii(ascii);
    // Nothing can be said about an error output that is gone.
    let _ = left_over::print(left, &mut printer).and_then(|()| Ok(printer.flush()?));
    Exit::Left.into()
}

/// What `carry_out` leaves to `start`.
enum Carried {
    Done(Exit),
    /// A line of the small client's, with what Docker's would exit with.
    Client(u8),
    Open(Course, Look, Option<StepId>, Option<String>),
}

fn carry_out(cli: Cli, out: &mut Printer) -> Result<Carried, Failure> {
    let lessons = cli.lessons.as_deref();
    tidy(cli.command.as_ref());
    if cli.command.is_some()
        && (cli.step.is_some() || cli.path.is_some() || cli.look != Look::default())
    {
        return Err(Failure::input(
            "--step, --path, --theme, --no-mouse and --fresh are for the interactive course",
        )
        .hint("leave them out, or leave the command out"));
    }
    let exit = match cli.command {
        None => return open(lessons, cli.look, cli.step.as_deref(), cli.path),
        Some(Command::List { path, json }) => {
            list::list(&pack::load(lessons)?, path.as_deref(), json, out)?
        }
        Some(Command::Run(args)) => run::run(&pack::load(lessons)?, &args, out)?,
        Some(Command::Verify(args)) if args.mutate => {
            mutate::mutate(&pack::load(lessons)?, &args, out)?
        }
        Some(Command::Verify(args)) => verify::verify(&pack::load(lessons)?, &args, out)?,
        Some(Command::Doctor { steps, json }) => {
            doctor::doctor(&pack::load(lessons)?, &steps, json, out)?
        }
        Some(Command::Explain(args)) => explain::explain(&args, out)?,
        Some(Command::Engine(args)) => engine::serve(args, out)?,
        Some(Command::Registry(args)) => registry::serve(args, out)?,
        Some(Command::Docker { words }) => return Ok(Carried::Client(docker::speak(&words))),
        Some(Command::Tap(args)) => tap::listen(args, out)?,
        Some(Command::Coverage { json }) => {
            if lessons.is_some() {
                let message = "the ledger is that of the built-in course";
                return Err(Failure::input(message).hint("leave --lessons out"));
            }
            coverage::coverage(&pack::load(None)?, json, out)?
        }
        Some(Command::Progress(args)) => progress::progress(lessons, &args, out)?,
        Some(Command::Clean { dry_run }) => clean::clean(dry_run, out)?,
        Some(Command::Lint { path, json }) => lint::lint(path.as_deref().or(lessons), json, out)?,
        Some(Command::Schema) => lint::schema(out)?,
        Some(Command::Completions { shell }) => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "glassbox", &mut script);
            out.write_all(&script)?;
            Exit::Well
        }
    };
    Ok(Carried::Done(exit))
}

/// Before anything runs: what earlier runs left when even their guardian was
/// killed. That it can't be removed is no reason not to start; `clean` tells why.
fn tidy(command: Option<&Command>) {
    match command {
        None
        | Some(
            Command::Run(_)
            | Command::Verify(_)
            | Command::Coverage { .. }
            | Command::Doctor { .. }
            | Command::Engine(_)
            | Command::Registry(_),
        ) => {
            sandbox::sweep(Depth::Quick, false);
        }
        Some(
            Command::List { .. }
            | Command::Explain(_)
            | Command::Docker { .. }
            | Command::Tap(_)
            | Command::Progress(_)
            | Command::Clean { .. }
            | Command::Lint { .. }
            | Command::Schema
            | Command::Completions { .. },
        ) => {}
    }
}

/// No command: the interactive course, where there is a terminal for it.
fn open(
    lessons: Option<&std::path::Path>,
    look: Look,
    step: Option<&str>,
    path: Option<String>,
) -> Result<Carried, Failure> {
    if !(std::io::stdin().is_terminal() && std::io::stdout().is_terminal()) {
        return Err(
            Failure::input("the course opens in a terminal, and this is not one")
                .hint("without a terminal: glassbox list, run, verify, doctor, lint; see --help"),
        );
    }
    let course = pack::load(lessons)?;
    let step = match step {
        // A whole lesson opens at its first step.
        Some(word) => pack::some_steps(&course, word)?
            .first()
            .map(|(_, step)| step.meta.id.clone()),
        None => None,
    };
    if let Some(path) = &path {
        pack::route(&course, path)?;
    }
    Ok(Carried::Open(course, look, step, path))
}

/// A usage error, or the help that was asked for.
fn show_usage(error: &clap::Error) -> ExitCode {
    // Nothing can be said about an output that is gone.
    let _ = error.print();
    u8::try_from(error.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from)
}

/// The one place that prints an error.
fn report(failure: &Failure, ascii: bool) -> ExitCode {
    let stderr = std::io::stderr();
    let mut printer = Printer::new(stderr.lock(), stderr.is_terminal()).in_ascii(ascii);
    // Nothing can be said about an error output that is gone.
    let _ = failure.print(&mut printer).and_then(|()| printer.flush());
    failure.exit().into()
}
