//! The registry from outside: the specification's scenarios, clients that mean harm,
//! and kills in the middle of pushes.

#![allow(missing_docs, unreachable_pub)]

#[path = "registry/client.rs"]
mod client;
#[path = "registry/conformance.rs"]
mod conformance;
#[path = "registry/hostile.rs"]
mod hostile;
#[path = "registry/kills.rs"]
mod kills;
mod support;
