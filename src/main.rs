//! The program: the sandbox's helper if it is started as one, else the
//! interactive course or a command.

use glassbox::cli::{self, Look, Next};
use glassbox::tui::{self, Options};
use std::process::ExitCode;

fn main() -> ExitCode {
    // The helper must be single-threaded, so this comes before everything else.
    if let Some(code) = glassbox::sandbox::helper_main() {
        return code;
    }
    glassbox::sandbox::enter_main();
    match cli::start() {
        Next::Exit(code) => code,
        Next::Interactive {
            course,
            look,
            step,
            path,
            ascii,
        } => {
            let start = step.map(|id| id.0);
            match tui::run(
                course,
                Options {
                    path,
                    ..options(look, start, ascii)
                },
            ) {
                Ok(left) => cli::tell_left(&left, ascii),
                Err(error) => cli::give_up(&error),
            }
        }
    }
}

fn options(look: Look, start: Option<String>, ascii: bool) -> Options {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    Options {
        start,
        path: None,
        mouse: !look.no_mouse,
        theme: look.theme.map(|theme| match theme {
            cli::ThemeChoice::Auto => tui::ThemeChoice::Auto,
            cli::ThemeChoice::Light => tui::ThemeChoice::Light,
            cli::ThemeChoice::Dark => tui::ThemeChoice::Dark,
            cli::ThemeChoice::HighContrast => tui::ThemeChoice::HighContrast,
        }),
        fresh: look.fresh,
        no_color: set("NO_COLOR"),
        ascii,
        term: std::env::var("TERM").ok(),
        panic_key: set("GLASSBOX_PANIC_KEY"),
    }
}
