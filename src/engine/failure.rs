//! What a request may fail with: a status and a message, as the API has them.

use hyper::StatusCode;
use std::fmt::Display;

/// A failed request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) status: StatusCode,
    pub(super) message: String,
}

impl Failure {
    pub(super) fn new(status: StatusCode, message: impl Display) -> Failure {
        Failure {
            status,
            message: message.to_string(),
        }
    }

    /// 400: the request isn't as it has to be.
    pub(super) fn bad(message: impl Display) -> Failure {
        Failure::new(StatusCode::BAD_REQUEST, message)
    }

    /// 404.
    pub(super) fn missing(message: impl Display) -> Failure {
        Failure::new(StatusCode::NOT_FOUND, message)
    }

    /// 409: what it is about is in no state for it.
    pub(super) fn conflict(message: impl Display) -> Failure {
        Failure::new(StatusCode::CONFLICT, message)
    }

    /// 500.
    pub(super) fn internal(message: impl Display) -> Failure {
        Failure::new(StatusCode::INTERNAL_SERVER_ERROR, message)
    }

    /// 501: this engine doesn't do it, and says what it doesn't do.
    pub(super) fn refused(message: impl Display) -> Failure {
        Failure::new(StatusCode::NOT_IMPLEMENTED, message)
    }

    pub(super) fn no_container(name: &str) -> Failure {
        Failure::missing(format!("No such container: {name}"))
    }

    pub(super) fn not_running(id: &str) -> Failure {
        Failure::conflict(format!("container {id} is not running"))
    }
}
