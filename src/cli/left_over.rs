//! What a run or the sweep could not remove: told with what to do about it.

use super::evidence::lines;
use super::failure::Failure;
use super::printer::Printer;
use crate::plan::Leftover;
use crate::record;
use crate::render;
use serde_json::{Value, json};

/// Two sentences for each: what is left and why, and what to try.
pub(crate) fn print(left: &[Leftover], out: &mut Printer) -> Result<(), Failure> {
    lines(&render::leftovers(left, out.width()), out)
}

/// The same as JSON: the fields of each, and the two sentences.
pub(crate) fn json(left: &[Leftover]) -> Value {
    let one = |left: &Leftover| {
        let mut fields = json!(record::leftover(left));
        fields["told"] = json!(left.to_string());
        fields["remedy"] = json!(left.remedy());
        fields
    };
    left.iter().map(one).collect()
}
