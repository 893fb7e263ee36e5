//! Registries: names resolved as Docker does, images pulled and pushed by the OCI
//! Distribution Specification.
//!
//! ```text
//! nginx ─ name ─> docker.io, library/nginx, latest ─ site ─> http://127.0.0.1:5000
//!                                                     │
//!      progress <─ pull, push ─ client ─ credentials ─┘
//! ```
//! Invariants: what comes is hashed before it is used, whoever sent it; a layer that is
//! there isn't fetched again; a password goes to nobody but a registry that asks for it,
//! and over this machine's own loopback or to the mirror that was named. There is no
//! TLS here: a registry elsewhere is reached by a mirror, or not at all.

mod auth;
mod client;
mod credentials;
pub(super) mod manifest;
mod name;
mod pull;
mod push;
pub(super) mod site;

pub(super) use auth::auth;
pub(super) use pull::pull;
pub(super) use push::push;
