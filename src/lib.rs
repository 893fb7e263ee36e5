//! Glassbox: an interactive course, in the terminal, on what a container
//! really is. ARCHITECTURE.md holds the map; each module opens with its story.

pub mod base;
pub mod check;
pub mod cli;
pub mod client;
pub mod course;
pub mod engine;
pub mod explain;
pub mod image;
pub mod plan;
pub mod probe;
pub mod progress;
pub mod record;
pub mod registry;
pub mod render;
pub mod sandbox;
pub mod session;
pub mod tui;
