//! An engine that unchanged Docker clients drive: the Engine API over a Unix
//! socket, containers made by the sandbox.
//!
//! ```text
//! bytes ─ server ─> route (a closed enum) ─ handlers ─> an answer, or a Failure in the API's words
//!                                              │
//!  remote ── images ── store ── layers         ├─ container ─ task ─> one guardian of the sandbox's
//!                                              └─ events, logs, attached streams
//! ```
//! Invariants: one thread, so no state is shared but by turns; a container is one
//! run of the sandbox's, so its guardian ends it when the engine ends, however that
//! comes about; what is in the store is whole, because it is written beside its
//! place and renamed; a field or a route that this doesn't know is refused with a
//! sentence, never ignored. Nothing here knows lessons or screens.

mod answer;
mod archive;
mod attach;
mod body;
mod call;
mod changes;
mod config;
mod container;
mod containers;
mod create;
mod digests;
mod document;
mod error;
mod events;
mod exec;
mod execs;
mod failure;
mod fields;
mod filters;
mod handlers;
mod host_config;
mod images;
mod launch;
mod lifecycle;
mod listen;
mod logs;
mod names;
mod offline;
mod output;
mod processes;
mod progress;
mod reference;
mod remote;
mod route;
mod server;
mod state;
mod store;
mod system;
mod tap;
mod task;
mod tell;
mod view;

pub use error::{API_VERSION, Error, MIN_API_VERSION};
pub use remote::site::Mirror;
pub use state::Options;
pub use tap::{Message, Side, TapOptions, What, tap};

use state::Engine;

/// Serves until SIGINT or SIGTERM, then ends every container and removes the
/// socket. `tell` is given lines for a person.
///
/// # Errors
/// What keeps it from starting.
pub fn serve(options: &Options, tell: &mut dyn FnMut(&str)) -> Result<(), Error> {
    let _ = nix::sys::prctl::set_name(c"glassbox-engine");
    raise_descriptors();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::Process(format!("the event loop: {error}")))?;
    let local = tokio::task::LocalSet::new();
    let served = local.block_on(&runtime, async {
        let engine = Engine::open(options)?;
        let served = server::serve(&engine, &options.socket, tell).await;
        engine.close().await;
        served
    });
    // A client that reads no more must not keep the end waiting.
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    served
}

/// A container has three descriptors, a connection one: as many as may be.
fn raise_descriptors() {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    if let Ok((_, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
}
