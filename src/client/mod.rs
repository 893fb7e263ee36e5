//! A small client of the course's own: `docker …` lines over an engine's Unix
//! socket, for those who have no docker CLI.
//!
//! ```text
//! words ─ flags (a table of commands) ─> a command ─> connection: requests, in the order
//!                                           │          in which Docker's CLI sends them
//!                                           └─> what Docker's CLI would print, its exit code
//! ```
//! It makes no container and no namespace: all that it does is to talk. It isn't
//! Docker's, and says so. What it doesn't know it refuses by name; nothing here
//! knows the engine that answers, lessons or screens.

mod commands;
mod connection;
mod containers;
mod create;
mod events;
mod exec;
mod failure;
mod flags;
mod help;
mod images;
mod inspect;
mod limits;
mod references;
mod run;
mod streams;
mod system;
mod table;
mod terminal;
mod units;
mod volumes;

use commands::{Command, What};
use connection::Client;
use failure::Failure;
use flags::Given;
use std::path::PathBuf;

/// Carries a line out, prints what comes of it, and gives the exit code that
/// Docker's CLI would have. `words` are those after `docker`; `usual` is the
/// socket that is meant where neither `-H` nor DOCKER_HOST names one.
pub fn main(words: &[String], usual: Option<PathBuf>) -> u8 {
    let done = start(words, usual);
    match done {
        Ok(code) => code,
        Err(failure) => {
            streams::complain(&failure.text);
            failure.code
        }
    }
}

fn start(words: &[String], usual: Option<PathBuf>) -> Result<u8, Failure> {
    let (host, words) = flags::before(words)?;
    let Some((command, rest)) = commands::find(words)? else {
        streams::say(&help::all());
        return Ok(0);
    };
    let given = match Given::parse(command, rest)? {
        Some(given) => given,
        None => {
            streams::say(&help::of(command));
            return Ok(0);
        }
    };
    let host = host.or_else(|| {
        std::env::var("DOCKER_HOST")
            .ok()
            .filter(|it| !it.is_empty())
    });
    let client = Client::at(host.as_deref(), usual)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::of(format!("the event loop can't start: {error}")))?;
    let local = tokio::task::LocalSet::new();
    let done = local.block_on(&runtime, carry_out(&client, command, &given));
    // A task that still reads must not keep the end waiting.
    runtime.shutdown_background();
    done
}

async fn carry_out(client: &Client, command: &Command, given: &Given) -> Result<u8, Failure> {
    match command.what {
        What::Run => run::run(client, given).await,
        What::Create => create::create(client, given).await,
        What::Start => run::start(client, given).await,
        What::Exec => exec::exec(client, given).await,
        What::Ps => containers::list(client, given).await,
        What::Logs => containers::logs(client, given).await,
        What::Stop => containers::stop(client, given).await,
        What::Kill => containers::kill(client, given).await,
        What::Rm => containers::remove(client, given).await,
        What::Wait => containers::wait(client, given).await,
        What::Top => containers::top(client, given).await,
        What::Diff => containers::diff(client, given).await,
        What::Inspect => inspect::inspect(client, given).await,
        What::Images => images::list(client, given).await,
        What::Rmi => images::remove(client, given).await,
        What::Tag => images::tag(client, given).await,
        What::History => images::history(client, given).await,
        What::Pull => images::pull(client, given).await,
        What::VolumeLs => volumes::list(client, given).await,
        What::VolumeCreate => volumes::create(client, given).await,
        What::VolumeRm => volumes::remove(client, given).await,
        What::Version => system::version(client).await,
        What::Info => system::info(client).await,
        What::Events => events::events(client, given).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What needs no engine.
    #[test]
    fn mistakes_in_a_line_are_told_as_docker_tells_them() {
        for (line, code, text) in [
            (
                "bogus",
                1,
                "docker: unknown command: docker bogus\n\nRun 'docker --help' for more information",
            ),
            (
                "build .",
                1,
                "docker: unknown command: docker build\n\nThis small client of the course's own doesn't have it; Docker's CLI may.",
            ),
            (
                "volume bogus",
                1,
                "docker: unknown command: docker volume bogus\n\nUsage:  docker volume COMMAND\n\nRun 'docker volume --help' for more information",
            ),
            (
                "run",
                1,
                "docker: 'docker run' requires at least 1 argument\n\nUsage:  docker run [OPTIONS] IMAGE [COMMAND] [ARG...]\n\nSee 'docker run --help' for more information",
            ),
            (
                "ps x",
                1,
                "docker: 'docker ps' accepts no arguments\n\nUsage:  docker ps [OPTIONS]\n\nRun 'docker ps --help' for more information",
            ),
            (
                "tag a",
                1,
                "docker: 'docker tag' requires 2 arguments\n\nUsage:  docker tag SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]\n\nRun 'docker tag --help' for more information",
            ),
            (
                "run --bogus base",
                125,
                "unknown flag: --bogus\n\nUsage:  docker run [OPTIONS] IMAGE [COMMAND] [ARG...]\n\nRun 'docker run --help' for more information",
            ),
            (
                "run -z base",
                125,
                "unknown shorthand flag: 'z' in -z\n\nUsage:  docker run [OPTIONS] IMAGE [COMMAND] [ARG...]\n\nRun 'docker run --help' for more information",
            ),
            (
                "run --name",
                125,
                "flag needs an argument: --name\n\nUsage:  docker run [OPTIONS] IMAGE [COMMAND] [ARG...]\n\nRun 'docker run --help' for more information",
            ),
            (
                "run -e",
                125,
                "flag needs an argument: 'e' in -e\n\nUsage:  docker run [OPTIONS] IMAGE [COMMAND] [ARG...]\n\nRun 'docker run --help' for more information",
            ),
            (
                "ps --all=maybe",
                125,
                "invalid argument \"maybe\" for \"-a, --all\" flag: strconv.ParseBool: parsing \"maybe\": invalid syntax\n\nUsage:  docker ps [OPTIONS]\n\nRun 'docker ps --help' for more information",
            ),
            (
                "-H tcp://127.0.0.1:1 ps",
                1,
                "tcp://127.0.0.1:1: this small client of the course's own speaks over Unix sockets alone: unix:///PATH",
            ),
        ] {
            let words: Vec<String> = line.split_whitespace().map(String::from).collect();
            let failure = start(&words, None).unwrap_err();
            assert_eq!(
                (failure.code, failure.text.as_str()),
                (code, text),
                "{line}"
            );
        }
    }

    #[test]
    fn every_command_has_help_that_says_whose_it_is() {
        for command in commands::COMMANDS {
            let help = help::of(command);
            assert!(help.contains(help::WHOSE), "{help}");
            assert!(help::all().contains(command.about), "{}", command.about);
        }
    }
}
