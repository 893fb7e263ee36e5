//! Whether the user agreed to what a pack's steps will do to this machine.

use super::failure::Failure;
use crate::course::{Course, Origin};
use crate::plan::Checked;
use crate::render;
use crate::session::{self, Agreed};

/// How wide the summary may be.
const WIDTH: usize = 76;

/// These plans, in their order, once they may be carried out.
///
/// # Errors
/// Steps from a directory that nobody agreed to, with what they would do.
pub(crate) fn consent<'a>(
    course: &Course,
    trust: bool,
    plans: impl Iterator<Item = (String, &'a Checked)>,
) -> Result<Vec<Agreed>, Failure> {
    let mut agreed = Vec::new();
    let mut questions = Vec::new();
    for (label, plan) in plans {
        match session::ask(&course.origin, plan) {
            Ok(plan) => agreed.push(plan),
            Err(question) if trust => agreed.push(question.yes()),
            Err(question) => questions.push((label, question)),
        }
    }
    if questions.is_empty() {
        return Ok(agreed);
    }
    let mut message = match &course.origin {
        Origin::Embedded => "these steps".into(),
        Origin::Disk(path) => format!("the steps of {}", path.display()),
    };
    message.push_str(" run only once you agree to what they do");
    for (label, question) in questions {
        message.push_str(&format!("\n\n{label}"));
        for line in render::plain(&render::consent(question.plan(), WIDTH)).lines() {
            message.push_str(&format!("\n  {line}"));
        }
    }
    message.push('\n');
    Err(Failure::input(message).hint("read it, then add --trust to agree"))
}
