//! `glassbox progress`: what was done of the course, printed, or moved elsewhere.

use super::args::{ProgressAction, ProgressArgs};
use super::failure::{Exit, Failure};
use super::pack;
use super::printer::{Printer, Tone, visible};
use crate::base::chain;
use crate::course::Course;
use crate::progress::{self, Home, Pack, Progress, Store};
use serde_json::json;
use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::path::Path;

/// Longer input is no progress.
const LARGEST: u64 = 1 << 20;

/// Does what is asked; without that it prints what there is.
pub(crate) fn progress(
    lessons: Option<&Path>,
    args: &ProgressArgs,
    out: &mut Printer,
) -> Result<Exit, Failure> {
    if args.json && args.action.is_some() {
        return Err(Failure::input("--json is for what `progress` prints")
            .hint("`progress export` writes JSON anyway"));
    }
    match &args.action {
        None => show(&pack::load(lessons)?, args.json, out),
        Some(ProgressAction::Reset) => reset(&pack::load(lessons)?, out),
        Some(ProgressAction::Export { file }) => export(file.as_deref(), out),
        Some(ProgressAction::Import { file }) => import(file, out),
    }
}

fn show(course: &Course, json: bool, out: &mut Printer) -> Result<Exit, Failure> {
    let known = progress::look().map_err(|error| unread(&error))?;
    let file = Home::find().map_err(|error| unread(&error))?.file();
    let pack = known.packs.get(&course.id()).cloned().unwrap_or_default();
    if json {
        let file = file.display().to_string();
        out.json(&json!({ "file": file, "pack": course.id(), "progress": pack }))?;
        return Ok(Exit::Well);
    }
    for lesson in &course.lessons {
        let title = out.paint(Tone::Label, &visible(&lesson.meta.title));
        let ids = lesson.steps.iter().map(|step| step.meta.id.0.as_str());
        let sum = sum(&pack, ids);
        writeln!(out, "{:02} {title}\n   {sum}", lesson.number)?;
    }
    if let Some(at) = &pack.at {
        writeln!(out, "\nThe course opens at `{}`.", visible(at))?;
    }
    let file = visible(&file.display().to_string());
    let line = out.paint(Tone::Dim, &format!("Kept in {file}"));
    writeln!(out, "{line}")?;
    Ok(Exit::Well)
}

/// What was done of some steps, in a line.
fn sum<'a>(pack: &Pack, ids: impl Iterator<Item = &'a str> + Clone) -> String {
    let known = ids.clone().filter_map(|id| pack.steps.get(id));
    let seen = known.clone().filter(|step| step.seen).count();
    let done = known.clone().filter(|step| step.done).count();
    let said = known.flat_map(|step| step.predicted.iter().chain(&step.quiz));
    let judged: Vec<bool> = said.filter_map(|said| said.right).collect();
    let right = judged.iter().filter(|right| **right).count();
    let mut sum = format!("{seen} of {} steps opened, {done} done", ids.count());
    if !judged.is_empty() {
        sum += &format!("; {right} of {} answers right", judged.len());
    }
    sum
}

fn reset(course: &Course, out: &mut Printer) -> Result<Exit, Failure> {
    let (store, mut known) = claim(out)?;
    let said = match known.packs.remove(&course.id()) {
        Some(_) => {
            store.save(&known).map_err(|error| unkept(&error))?;
            "forgotten: the course opens at its first step"
        }
        None => "there was nothing to forget",
    };
    writeln!(out, "{said}")?;
    Ok(Exit::Well)
}

fn export(file: Option<&Path>, out: &mut Printer) -> Result<Exit, Failure> {
    let bytes = progress::look().map_err(|error| unread(&error))?.to_bytes();
    let Some(path) = file else {
        out.write_all(&bytes)?;
        return Ok(Exit::Well);
    };
    let opened = OpenOptions::new().write(true).create_new(true).open(path);
    let written = opened.and_then(|mut file| {
        file.write_all(&bytes)?;
        file.sync_all()
    });
    written.map_err(|error| {
        let failure = Failure::input(format!(
            "{} can't be made: {}",
            path.display(),
            chain(&error)
        ));
        match error.kind() {
            std::io::ErrorKind::AlreadyExists => {
                failure.hint("nothing is written over: name another")
            }
            _ => failure,
        }
    })?;
    writeln!(out, "written to {}", visible(&path.display().to_string()))?;
    Ok(Exit::Well)
}

fn import(file: &Path, out: &mut Printer) -> Result<Exit, Failure> {
    let mut bytes = Vec::new();
    let read = match file == Path::new("-") {
        true => std::io::stdin().take(LARGEST + 1).read_to_end(&mut bytes),
        false => std::fs::File::open(file)
            .and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes)),
    };
    let about = |why: &dyn std::error::Error| {
        Failure::input(format!("{} can't be taken in: {why}", file.display()))
    };
    read.map_err(|error| {
        Failure::input(format!(
            "{} can't be read: {}",
            file.display(),
            chain(&error)
        ))
    })?;
    let imported = Progress::from_bytes(&bytes).map_err(|error| about(&error))?;
    let (store, _) = claim(out)?;
    store.save(&imported).map_err(|error| unkept(&error))?;
    let packs = imported.packs.len();
    let what = if packs == 1 { "course" } else { "courses" };
    writeln!(out, "taken in: {packs} {what}")?;
    Ok(Exit::Well)
}

/// The right to write, and what is known.
fn claim(out: &mut Printer) -> Result<(Store, Progress), Failure> {
    let opened = progress::open();
    if let Some(aside) = &opened.aside {
        writeln!(out, "{}", visible(aside))?;
    }
    match opened.store {
        Ok(store) => Ok((store, opened.progress)),
        Err(error) => Err(unkept(&error)),
    }
}

fn unread(error: &progress::Error) -> Failure {
    let failure = Failure::host(format!("your progress can't be read: {}", chain(error)));
    match error {
        progress::Error::Damaged(_) | progress::Error::Newer { .. } => failure.hint(
            "the next start of the course keeps it aside and begins anew; \
             glassbox progress reset does so now",
        ),
        _ => failure,
    }
}

fn unkept(error: &progress::Error) -> Failure {
    let failure = Failure::host(format!("your progress can't be changed: {}", chain(error)));
    match error {
        progress::Error::Busy => failure.hint("leave the course that is open first"),
        _ => failure,
    }
}
