//! Block × width → lines of text with semantic roles. Pure.
//!
//! The terminal, plain text and (later) handouts map roles to their own look;
//! nothing in here knows a colour. Three invariants hold for every function
//! that takes a width (of 20 cells or more), whatever the input:
//!
//! - no line is wider than the width, measured in terminal cells by whole
//!   grapheme clusters;
//! - nothing is cut in silence: what is wider than its place is wrapped, and
//!   every visible character of the input is in the output;
//! - no control character leaves this module: each is made visible instead, so
//!   that neither a lesson nor a program's output can drive the terminal.
//!
//! Signs, borders and charts are drawn in Unicode. A terminal without these
//! characters gets others of the same width ([`Signs`]) where text leaves the
//! program.

mod bars;
mod beat;
mod chart;
mod code;
mod consent;
mod contents;
mod document;
mod evidence;
mod explain;
mod figure;
mod layers;
mod line;
mod message;
mod parts;
mod plot;
mod said;
mod sequence;
mod signs;
mod syscalls;
mod table;
mod text;

pub use bars::bars;
pub use beat::{
    bars_changed, beat_rows, calls, changed_pair, figure_changed, outputs, sampled, sentence,
    shows, told,
};
pub use chart::{above, below, charts, curves};
pub use consent::consent;
pub use contents::contents;
pub use document::document;
pub use evidence::{Mark, evidence, figure, findings, observer, pair, rows, troubles};
pub use explain::{explain, isolated};
pub use layers::layers;
pub use line::{Line, Role, Span, plain};
pub use parts::parts;
pub use plot::{Axis, Bound, Curve, Plot, Quantity};
pub use sequence::sequence;
pub use signs::{Signs, is_dec};
pub use syscalls::{leftovers, stage, syscalls};
pub use text::{is_unseen, visible, wrap};

#[cfg(test)]
mod chart_tests;
#[cfg(test)]
mod sequence_tests;
#[cfg(test)]
mod tests;
