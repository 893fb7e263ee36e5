//! What all connections have in common, and a request.

use super::problem::{Code, Problem};
use super::store::Store;
use crate::base::Query;
use hyper::StatusCode;
use hyper::body::Incoming;
use hyper::header::HeaderMap;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::spawn_blocking;

/// What all connections have in common.
pub(super) struct Registry {
    pub(super) store: Arc<Store>,
    pub(super) patience: Duration,
    /// The uploads that somebody is writing to.
    pub(super) written: RefCell<BTreeSet<String>>,
}

/// A request whose route is known.
pub(super) struct Call {
    pub(super) query: Query,
    pub(super) headers: HeaderMap,
    pub(super) body: Incoming,
}

impl Registry {
    /// Does what takes time beside the event loop.
    pub(super) async fn off<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let store = Arc::clone(&self.store);
        let done = spawn_blocking(move || work(&store)).await;
        done.unwrap_or_else(|_| {
            let status = StatusCode::INTERNAL_SERVER_ERROR;
            Err(Problem::new(
                status,
                Code::Unknown,
                "the registry has failed",
            ))
        })
    }
}
