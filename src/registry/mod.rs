//! A registry: the OCI Distribution Specification 1.1 over HTTP. It stores, and
//! never runs anything.
//!
//! ```text
//! bytes ─ server ─> route (a closed enum) ─ handlers ─> an answer, or a Problem in the specification's words
//!                                              │  receive: a body into a file, a piece at a time
//!                                              └─ store ─> an OCI image layout for each repository
//! ```
//! Invariants: what lies under a digest is what the digest says, because a file gets
//! that name only after it has been hashed and written through to the disk; a body is
//! never in memory as a whole; what a client sends is a name of the specification's
//! grammar before it becomes part of a path; nobody holds a connection who neither
//! sends nor takes. Comments name the endpoints by the specification's ids, end-1 to
//! end-14. Nothing here knows containers, engines or lessons.

mod answer;
mod blobs;
mod body;
mod digest;
mod discovery;
mod error;
mod manifests;
mod name;
mod options;
mod problem;
mod receive;
mod route;
mod server;
mod stall;
mod state;
mod store;
mod uploads;

pub use error::Error;
pub use options::Options;

use std::sync::Arc;
use std::time::Duration;
use store::Store;

/// Serves until SIGINT or SIGTERM. `tell` is given lines for a person.
///
/// # Errors
/// What keeps it from starting.
pub fn serve(options: &Options, tell: &mut dyn FnMut(&str)) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(16)
        .build()
        .map_err(|error| Error::Process(format!("the event loop: {error}")))?;
    let store = Arc::new(Store::open(options.root.as_deref())?);
    let local = tokio::task::LocalSet::new();
    let served = local.block_on(&runtime, server::serve(&store, options, tell));
    drop(local);
    // A client that reads no more must not keep the end waiting.
    runtime.shutdown_timeout(Duration::from_secs(2));
    store.close();
    served
}
