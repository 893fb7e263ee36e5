//! What every module may use: quantities as people write them, kernel error
//! numbers, points in time, the diagnostics that bad input gets, and the kernel's
//! files as text.
//!
//! Nothing in here knows about containers, lessons or terminals.

mod diagnostic;
mod errno;
pub mod kernel;
mod literal;
mod quantity;
mod shell;
pub mod time;
mod url;

// What the tests of every module use, and those in `tests` as well.
#[cfg(test)]
#[path = "../../tests/support/deadline.rs"]
pub(crate) mod deadline;
#[cfg(test)]
#[path = "../../tests/support/skip.rs"]
pub(crate) mod skip;

pub use diagnostic::{Diagnostic, Severity, Span, nearest};
pub use errno::{Errno, chain};
pub use literal::literal;
pub use quantity::{Bytes, Nanos, ParseQuantityError};
pub use shell::{named, quoted};
pub use url::{Query, percent_decoded, percent_encoded};
