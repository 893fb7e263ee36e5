//! What a process is made of, judged from what can be seen of it: the facts of
//! `probe` in, rows, verdicts and warnings out. Pure.
//!
//! Two questions are answered. [`list`]: what on this machine is isolated in
//! some way, and whose is it. [`report`]: one process beside the observer's own,
//! and how far it is from a container. Every row says with which command one
//! sees it without this program, and which step of the course explains it.
//!
//! Invariants: nothing is concluded from what couldn't be read; such a row says
//! why, and what would show it. Whose container it is, is told by names that
//! people may choose as they like (of cgroups, of parents): so beside it stands
//! by which. Texts are as the machine has them; making them harmless to a
//! terminal is for whoever prints them. It must not know how anything is read,
//! nor how it is drawn.

mod capabilities;
mod container;
mod find;
mod form;
mod held;
mod ids;
mod kind;
mod list;
mod report;
mod roots;
mod rows;
mod sides;
mod verdict;
mod warnings;

pub use find::{Found, find};
pub use form::{Answer, Entry, Fact, Kind, List, Report, Row, Section, VERSION, Verdict, Warning};
pub use list::list;
pub use report::report;
