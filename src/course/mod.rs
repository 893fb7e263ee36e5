//! Lessons and steps: TOML and Markdown in, a checked model out.
//!
//! A pack is a directory with one folder a lesson; the course's own pack is
//! embedded in the binary. Everything that is wrong with a pack is found in
//! one pass and told as [`Diagnostic`](crate::base::Diagnostic)s; a [`Course`]
//! exists only once there is no error. Lessons are untrusted input: nothing in
//! here panics on them or takes long over them, and no path leaves the pack.
//! This module knows nothing of terminals or of how a plan is carried out.
//!
//! The way of a pack through the files: `pack` reads what is there; `step`
//! takes a file apart, `markdown` its prose and `tree` its TOML; `shape` holds
//! a tree against `schema`; `manifest` reads `pack.toml`; `rules`, with `knobs`, `actions` and `facts`,
//! judges what a demo means, at every setting of its knobs; `prose` judges
//! links and widths; `lint` ties it together. `source` knows where things are.

mod answers;
mod blocks;
mod charts;
mod coverage;
mod demo;
mod document;
mod draft;
mod facts;
mod knobs;
mod lint;
mod manifest;
mod markdown;
mod meta;
mod model;
mod pack;
mod prose;
mod recording;
mod rules;
mod schema;
mod shape;
mod source;
mod step;
mod tree;

pub use answers::Positions;
pub use coverage::{Shown, Statement, claimed, ledger};
pub use demo::{
    Bar, Bars, Chart, ChartLine, Demo, DemoSource, Figure, Knob, KnobKind, KnobValue, KnobValues,
    Scenario, ShowRow,
};
pub use document::{Align, Block, Document, Inline};
pub use lint::{Linted, demo_from_toml, embedded, lint, lint_embedded, load};
pub use meta::{LessonMeta, PackMeta, Quiz, Route, StepId, StepMeta};
pub use model::{Course, Lesson, Origin, Step};
pub use recording::Recording;
pub use schema::schema;
