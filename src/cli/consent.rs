//! Whether the user agreed to what a pack's steps will do to this machine.

use super::failure::Failure;
use crate::course::{Course, Origin, Scenario};
use crate::render;
use crate::session::Consent;

/// How wide the summary may be.
const WIDTH: usize = 76;

/// The consent under which the steps of this course run.
///
/// # Errors
/// Steps from a directory that nobody agreed to, with what they would do.
pub(crate) fn consent<'a>(
    course: &Course,
    trust: bool,
    scenarios: impl Iterator<Item = (String, &'a Scenario)>,
) -> Result<Consent, Failure> {
    let path = match &course.origin {
        Origin::Embedded => return Ok(Consent::Shipped),
        Origin::Disk(_) if trust => return Ok(Consent::Given),
        Origin::Disk(path) => path,
    };
    let mut message = format!(
        "the steps of {} run only once you agree to what they do",
        path.display()
    );
    for (label, scenario) in scenarios {
        message.push_str(&format!("\n\n{label}"));
        for line in render::plain(&render::consent(&scenario.plan, WIDTH)).lines() {
            message.push_str(&format!("\n  {line}"));
        }
    }
    message.push('\n');
    Err(Failure::input(message).hint("read it, then add --trust to agree"))
}
