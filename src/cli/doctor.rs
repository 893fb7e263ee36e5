//! `glassbox doctor`: what this host can and can't do.

use super::failure::{Exit, Failure};
use super::pack;
use super::printer::{Printer, Tone, visible};
use crate::course::{Course, StepId};
use crate::record;
use crate::session::doctor::{Ability, doctor as examine};
use serde_json::{Value, json};
use std::io::Write;

/// Tries everything that the lessons need and tells how it went.
pub(crate) fn doctor(
    course: &Course,
    steps: &[String],
    json: bool,
    out: &mut Printer,
) -> Result<Exit, Failure> {
    let chosen = pack::demos(course, steps)?;
    let chosen: Vec<StepId> = chosen.iter().map(|one| one.step.meta.id.clone()).collect();
    if out.is_terminal() && !json {
        writeln!(
            out,
            "Trying what the demos need, then each of them. This takes a while."
        )?;
        out.flush()?;
    }
    let abilities = examine(course, &chosen, !steps.is_empty());
    if json {
        let list: Vec<Value> = abilities.iter().map(ability_json).collect();
        let (kernel, uid) = observer();
        out.json(&json!({ "kernel": kernel, "uid": uid, "abilities": list }))?;
    } else {
        let (kernel, uid) = observer();
        let who = if uid == 0 { "root" } else { "an ordinary user" };
        writeln!(out, "Linux {kernel}, as {who} (uid {uid})")?;
        print(course, chosen.len(), &abilities, out)?;
    }
    let costly = abilities
        .iter()
        .any(|ability| ability.refusal.is_some() && !ability.steps.is_empty());
    Ok(if costly { Exit::HostCant } else { Exit::Well })
}

/// The kernel's release, and who asks.
fn observer() -> (String, u32) {
    let kernel = nix::sys::utsname::uname()
        .map(|name| name.release().to_string_lossy().into_owned())
        .unwrap_or_else(|errno| errno.to_string());
    (kernel, nix::unistd::getuid().as_raw())
}

fn print(
    course: &Course,
    demos: usize,
    abilities: &[Ability],
    out: &mut Printer,
) -> Result<(), Failure> {
    let mut lost: Vec<&str> = Vec::new();
    for ability in abilities {
        let Some(refusal) = &ability.refusal else {
            let ok = out.paint(Tone::Good, "ok");
            writeln!(out, "{ok}  {}", ability.need)?;
            continue;
        };
        let no = out.paint(Tone::Bad, "NO");
        writeln!(out, "{no}  {}", ability.need)?;
        writeln!(out, "    {}", visible(&refusal.to_string()))?;
        for remedy in &refusal.remedy {
            writeln!(out, "    try: {}", visible(remedy))?;
        }
        if ability.steps.is_empty() {
            writeln!(out, "    costs: nothing, no step needs it")?;
        } else {
            let labels: Vec<String> = course
                .steps()
                .filter(|(_, step)| ability.steps.contains(&step.meta.id))
                .map(|(lesson, step)| pack::label(lesson, step))
                .collect();
            writeln!(out, "    costs: {}", labels.join(", "))?;
            lost.extend(ability.steps.iter().map(|step| step.0.as_str()));
        }
    }
    lost.sort_unstable();
    lost.dedup();
    writeln!(
        out,
        "{} of {demos} demos can run here",
        demos - lost.len().min(demos)
    )?;
    Ok(())
}

fn ability_json(ability: &Ability) -> Value {
    json!({
        "need": record::need(&ability.need),
        "name": ability.need.to_string(),
        "ok": ability.refusal.is_none(),
        "refusal": ability.refusal.as_ref().map(record::refusal),
        "costs": ability.steps,
    })
}
