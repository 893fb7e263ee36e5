//! The arguments, as clap reads them.

use crate::base::{Bytes, Nanos};
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use std::num::NonZeroU32;
use std::path::PathBuf;

/// What `--help` says at its end.
const EXIT_CODES: &str = "\
STEP is a step's id (uts), a lesson (01, namespaces) or both (01/3, namespaces/uts).

Exit codes:
  0  all well
  1  an expectation failed
  2  wrong usage or bad input
  3  this host can't do it

Without a command, and in a terminal, the interactive course opens.";

/// An interactive course, in the terminal, on what a container really is.
#[derive(Debug, Parser)]
#[command(version, after_help = EXIT_CODES, disable_help_subcommand = true)]
pub(crate) struct Cli {
    /// Use the lesson pack in this directory instead of the built-in one
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) lessons: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) look: Look,
    /// Draw with ASCII characters only, as where the locale has no UTF-8
    #[arg(long, global = true)]
    pub(crate) ascii: bool,
    /// Open the course at this step
    #[arg(long, value_name = "STEP")]
    pub(crate) step: Option<String>,
    /// Follow this route through the course: core, deep (all steps)
    #[arg(long, value_name = "NAME")]
    pub(crate) path: Option<String>,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// How the interactive course looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Args)]
pub struct Look {
    /// The colours; `auto` asks the terminal for its background, as without this
    /// where none were chosen before
    #[arg(long, value_enum)]
    pub theme: Option<ThemeChoice>,
    /// Leave the mouse to the terminal, so that it can select text
    #[arg(long)]
    pub no_mouse: bool,
    /// Begin anew: forget where you were in this course, and what you answered
    #[arg(long)]
    pub fresh: bool,
}

/// The themes that `--theme` knows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum ThemeChoice {
    /// Light or dark, as the terminal's background is.
    #[default]
    Auto,
    /// Dark text on a light background.
    Light,
    /// Light text on a dark background.
    Dark,
    /// The strongest contrast, with few colours.
    HighContrast,
}

/// What can be done without the interactive course.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the lessons and their steps
    List {
        /// Only the steps of this route, in its order, with their time
        #[arg(long, value_name = "NAME")]
        path: Option<String>,
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
    /// Run one step's demo on this kernel and print the evidence
    Run(RunArgs),
    /// Run demos and check every claim that the lessons make
    Verify(VerifyArgs),
    /// Print what the technology overview says, with what is observed of it here
    Coverage {
        /// Print one JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Find out, by trying, what this host can and can't do
    Doctor {
        /// The steps or lessons; all if absent
        #[arg(value_name = "STEP")]
        steps: Vec<String>,
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
    /// Show what on this machine is isolated, or what one process of it is made of
    Explain(ExplainArgs),
    /// Serve Docker's API: unchanged clients make containers of this machine's programs
    Engine(EngineArgs),
    /// Serve a registry: images are pushed to it, kept, and pulled from it
    Registry(RegistryArgs),
    /// Carry a docker line out by the course's own small client, not Docker's
    #[command(disable_help_flag = true)]
    Docker {
        /// The line, without its first word: run --rm hello
        #[arg(
            trailing_var_arg = true,
            allow_hyphen_values = true,
            value_name = "WORDS"
        )]
        words: Vec<String>,
    },
    /// Stand between a Docker client and an engine, and print every message that passes
    Tap(TapArgs),
    /// Print what you have done of the course, or move it elsewhere
    Progress(ProgressArgs),
    /// Remove what runs that were killed have left; your progress stays
    Clean {
        /// Only say what would be removed
        #[arg(long)]
        dry_run: bool,
    },
    /// Check a lesson pack and show every mistake in it
    Lint {
        /// The pack's directory; the built-in pack if absent
        path: Option<PathBuf>,
        /// Print one JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Print the JSON Schemas of the TOML that lessons are written in
    Schema,
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
}

/// Arguments of `progress`.
#[derive(Debug, Clone, Args)]
pub(crate) struct ProgressArgs {
    /// Print one JSON document
    #[arg(long)]
    pub(crate) json: bool,
    /// What to do instead of printing it
    #[command(subcommand)]
    pub(crate) action: Option<ProgressAction>,
}

/// What `progress` can do.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum ProgressAction {
    /// Forget what was done of this course
    Reset,
    /// Write all of it, of every course, to a file or to standard output
    Export {
        /// A file that isn't there yet; standard output if absent
        file: Option<PathBuf>,
    },
    /// Take what `export` has written in the place of all that is there
    Import {
        /// The file; `-` is standard input
        file: PathBuf,
    },
}

/// Arguments of `run`.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct RunArgs {
    /// The step
    pub(crate) step: String,
    /// Set one of the step's knobs; may be given several times
    #[arg(long = "set", value_name = "KNOB=VALUE")]
    pub(crate) set: Vec<String>,
    /// Print one JSON object a line: each event, then verdicts and outcome
    #[arg(long)]
    pub(crate) json: bool,
    /// Keep the boxes until Enter, the end of standard input, SIGINT or SIGTERM
    #[arg(long)]
    pub(crate) hold: bool,
    /// Wait for Enter at each stage of the demo, and show what there is so far
    #[arg(long, conflicts_with = "json")]
    pub(crate) stages: bool,
    /// Agree to what the step of a pack from a directory will do
    #[arg(long)]
    pub(crate) trust: bool,
}

/// Arguments of `explain`.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ExplainArgs {
    /// A process id, or a unit, a cgroup, a container's id or a name; all if absent
    #[arg(value_name = "PID|NAME|UNIT|CGROUP")]
    pub(crate) target: Option<String>,
    /// Print one JSON document; with --watch one a line, at each change
    #[arg(long)]
    pub(crate) json: bool,
    /// Go on looking, and tell what changes
    #[arg(long)]
    pub(crate) watch: bool,
}

/// Arguments of `engine`.
#[derive(Debug, Clone, Args)]
pub(crate) struct EngineArgs {
    /// Listen on this socket; $XDG_RUNTIME_DIR/glassbox/engine.sock if absent
    #[arg(long, value_name = "PATH")]
    pub(crate) socket: Option<PathBuf>,
    /// Keep images and volumes in this directory; if absent, they go with the engine
    #[arg(long, value_name = "DIR")]
    pub(crate) root: Option<PathBuf>,
    /// Let containers bind what is below this directory; may be given several times
    #[arg(long, value_name = "DIR")]
    pub(crate) bind: Vec<PathBuf>,
    /// Hold no more than this much in the store
    #[arg(long, value_name = "SIZE", default_value = "4GiB")]
    pub(crate) quota: Bytes,
    /// Limit what asked for no limits, and give nobody this machine's network: for
    /// lessons
    #[arg(long)]
    pub(crate) bounded: bool,
    /// Reach a host of registries by another address, as in
    /// docker.io=http://127.0.0.1:5000; may be given several times
    #[arg(long, value_name = "HOST=URL")]
    pub(crate) mirror: Vec<crate::engine::Mirror>,
}

/// Arguments of `registry`.
#[derive(Debug, Clone, Args)]
pub(crate) struct RegistryArgs {
    /// Listen here; with port 0 at one that is free
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:5000")]
    pub(crate) listen: std::net::SocketAddr,
    /// Keep what is pushed in this directory; if absent, it goes with the registry
    #[arg(long, value_name = "DIR")]
    pub(crate) root: Option<PathBuf>,
    /// Give up on a client that sends or takes nothing for this long
    #[arg(long, value_name = "TIME", default_value = "30s")]
    pub(crate) patience: Nanos,
}

/// Arguments of `tap`.
#[derive(Debug, Clone, Args)]
pub(crate) struct TapArgs {
    /// Listen on this socket
    #[arg(long, value_name = "SOCK")]
    pub(crate) listen: PathBuf,
    /// Hand on to the engine that listens on this socket
    #[arg(long, value_name = "SOCK")]
    pub(crate) to: PathBuf,
    /// Print one JSON object a line
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `verify`.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct VerifyArgs {
    /// The steps or lessons; all if absent
    #[arg(value_name = "STEP")]
    pub(crate) steps: Vec<String>,
    /// Run everything this many times
    #[arg(long, value_name = "N", default_value = "1")]
    pub(crate) repeat: Option<NonZeroU32>,
    /// Print one JSON object a line: each step, then the sum
    #[arg(long)]
    pub(crate) json: bool,
    /// Write a JUnit report as well
    #[arg(long, value_name = "FILE")]
    pub(crate) junit: Option<PathBuf>,
    /// Change one thing of each demo after the other, and find the claims that
    /// nothing makes false
    #[arg(long, conflicts_with_all = ["repeat", "junit"])]
    pub(crate) mutate: bool,
    /// Agree to what the steps of a pack from a directory will do
    #[arg(long)]
    pub(crate) trust: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_arguments_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn usage_errors_exit_with_2_and_help_with_0() {
        for (args, code) in [
            (vec!["glassbox", "--help"], 0),
            (vec!["glassbox", "--version"], 0),
            (vec!["glassbox", "vrify"], 2),
            (vec!["glassbox", "run"], 2),
            (vec!["glassbox", "verify", "--repeat", "0"], 2),
            (vec!["glassbox", "--theme", "pink"], 2),
        ] {
            let error = Cli::try_parse_from(&args).expect_err("must not parse");
            assert_eq!(error.exit_code(), code, "{args:?}");
        }
    }
}
