//! `glassbox explain`: what anything that runs here is made of.

use super::args::ExplainArgs;
use super::evidence::lines;
use super::failure::{Exit, Failure};
use super::printer::Printer;
use super::watch;
use crate::explain::{Found, List, find};
use crate::render;
use crate::session::explain::{explain as look, first_in_group, isolated};
use std::path::Path;

/// Tells it.
pub(crate) fn explain(args: &ExplainArgs, out: &mut Printer) -> Result<Exit, Failure> {
    match &args.target {
        None => all(args, out),
        Some(word) => one(word, args, out),
    }
}

fn all(args: &ExplainArgs, out: &mut Printer) -> Result<Exit, Failure> {
    if args.watch {
        return watch::list(args.json, out);
    }
    show_list(&isolated()?, args, out)
}

fn show_list(list: &List, args: &ExplainArgs, out: &mut Printer) -> Result<Exit, Failure> {
    match args.json {
        true => out.document(list)?,
        false => lines(&render::isolated(list, out.width()), out)?,
    }
    Ok(Exit::Well)
}

fn one(word: &str, args: &ExplainArgs, out: &mut Printer) -> Result<Exit, Failure> {
    let pid = match word.parse() {
        Ok(pid) => pid,
        Err(_) if word.starts_with('/') => first_in_group(Path::new(word))?
            .ok_or_else(|| Failure::input(format!("no process is in the cgroup {word}")))?,
        Err(_) => {
            let list = isolated()?;
            match find(word, &list) {
                Found::Process(pid) => pid,
                Found::Several(entries) => {
                    return show_list(&List { entries, ..list }, args, out);
                }
                Found::Nothing => {
                    return Err(Failure::input(format!("nothing that is isolated here fits `{word}`"))
                        .hint("without an argument explain lists what is isolated; any other process is told by its id"));
                }
            }
        }
    };
    if args.watch {
        return watch::one(pid, args.json, out);
    }
    let report = look(pid)?;
    match args.json {
        true => out.document(&report)?,
        false => lines(&render::explain(&report, out.width()), out)?,
    }
    Ok(Exit::Well)
}
