//! What `--help` prints.

use super::commands::{COMMANDS, Command};
use super::table::table;

/// Whose this is.
pub(super) const WHOSE: &str = "This is the course's own small client, not Docker's: it speaks the \
                                same API, and knows\na part of its commands.";

/// Of all commands.
pub(super) fn all() -> String {
    let row = |command: &Command| {
        let words = command.words.join(" ");
        vec![format!("  {words}"), command.about.to_string()]
    };
    let rows: Vec<Vec<String>> = COMMANDS.iter().map(row).collect();
    format!(
        "Usage:  docker [-H unix://PATH] COMMAND\n\n{WHOSE}\n\nCommands:\n{}\n\
         Without -H the socket is that of DOCKER_HOST, else that of `glassbox engine`.\n\n\
         Run 'docker COMMAND --help' for more information on a command.\n",
        table(&rows, 0)
    )
}

/// Of one.
pub(super) fn of(command: &Command) -> String {
    let mut text = format!("{}\n\n{}\n\n{WHOSE}\n", command.usage(), command.about);
    if !command.flags.is_empty() {
        let rows: Vec<Vec<String>> = command
            .flags
            .iter()
            .map(|flag| {
                let short = flag
                    .short
                    .map_or("    ".into(), |short| format!("-{short}, "));
                let value = flag.value.unwrap_or_default();
                let names = format!("  {short}--{} {value}", flag.long);
                vec![names.trim_end().to_string(), flag.about.to_string()]
            })
            .collect();
        text += &format!("\nOptions:\n{}", table(&rows, 0));
    }
    text
}
