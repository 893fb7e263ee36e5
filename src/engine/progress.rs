//! Streams of documents, one a line, in which clients hear how far something has come.

use hyper::body::Bytes;
use serde_json::{Value, json};
use tokio::sync::mpsc::Sender;

/// One line of a stream of documents.
pub(super) fn line(document: &Value) -> Bytes {
    format!("{document}\r\n").into()
}

/// The line that says that it went wrong on the way.
pub(super) fn broken(why: &str) -> Bytes {
    line(&json!({ "errorDetail": { "message": why }, "error": why }))
}

/// Tells a client how far something has come. Each line waits for who reads, and is an
/// error once nobody does: then there is no sense in going on.
#[derive(Clone)]
pub(super) struct Progress(pub(super) Sender<Bytes>);

impl Progress {
    /// A line as it is.
    pub(super) async fn line(&self, document: Value) -> Result<(), String> {
        let sent = self.0.send(line(&document)).await;
        sent.map_err(|_| "the client has gone".to_string())
    }

    /// A sentence on its own.
    pub(super) async fn say(&self, status: &str) -> Result<(), String> {
        self.line(json!({ "status": status })).await
    }

    /// What becomes of one part.
    pub(super) async fn part(&self, id: &str, status: &str) -> Result<(), String> {
        self.line(json!({ "status": status, "progressDetail": {}, "id": id }))
            .await
    }

    /// How many bytes of one part have passed.
    pub(super) async fn bytes(
        &self,
        id: &str,
        status: &str,
        (current, total): (u64, u64),
    ) -> Result<(), String> {
        self.line(counted(id, status, current, total)).await
    }

    /// The same beside the event loop.
    pub(super) fn blocking_bytes(
        &self,
        id: &str,
        status: &str,
        (current, total): (u64, u64),
    ) -> Result<(), String> {
        let sent = self
            .0
            .blocking_send(line(&counted(id, status, current, total)));
        sent.map_err(|_| "the client has gone".to_string())
    }
}

fn counted(id: &str, status: &str, current: u64, total: u64) -> Value {
    let detail = json!({ "current": current, "total": total });
    json!({ "status": status, "progressDetail": detail, "id": id })
}
