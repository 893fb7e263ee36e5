//! Whose child a process is, and who stands above that: proc_pid_status(5), `PPid`.

use super::observation::{Observation, seen, shown};
use super::unavailable::Unavailable;
use super::view::View;
use crate::base::kernel::{self, field};
use crate::plan::{Unit, Value};
use std::path::Path;

/// The most generations that are shown.
const MOST: usize = 4;

/// `ppid`, `parent` and `parents` of the process that is looked at.
pub(super) fn parents(view: &View) -> Vec<Observation> {
    let status = view.file("status");
    let source = shown(&status);
    let above = parent_of(&status).map(|first| {
        let mut above = vec![first];
        while above.len() < MOST {
            let status = view
                .proc_root
                .join(format!("{}/status", above[above.len() - 1]));
            match parent_of(&status) {
                Ok(next) => above.push(next),
                // The first of all has none; another's may not be seen from here.
                Err(_) => break,
            }
        }
        above
    });
    let named = |pid: i32| {
        let comm = kernel::read_text(view.proc_root.join(format!("{pid}/comm")));
        comm.map_or_else(|_| "?".into(), |name| name.trim_end().to_string())
    };
    let first = above.clone().map(|above| above[0]);
    let all = above.map(|above| Value::List(above.iter().map(|pid| named(*pid)).collect()));
    vec![
        seen(
            "ppid",
            &source,
            first
                .clone()
                .map(|pid| Value::Number(i64::from(pid), Unit::Id)),
        ),
        seen("parent", &source, first.map(|pid| Value::Text(named(pid)))),
        seen("parents", &source, all),
    ]
}

/// The parent of the process with this `status`; none where it is outside of this pid
/// namespace, or there is none.
fn parent_of(status: &Path) -> Result<i32, Unavailable> {
    let text =
        kernel::read_text(status).map_err(|error| Unavailable::of(&shown(status), &error))?;
    let parent = field(&text, "PPid").and_then(|pid| pid.parse().ok());
    match parent {
        Some(0) | None => Err(Unavailable::NotOfThis(
            "its parent is not in this pid namespace",
        )),
        Some(pid) => Ok(pid),
    }
}
