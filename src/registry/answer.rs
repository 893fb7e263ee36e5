//! Answers in the specification's forms.

use super::body::Body;
use super::problem::Problem;
use hyper::header::{CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};
use serde::Serialize;
use std::fmt::Display;

/// An answer.
pub(super) type Answer = Response<Body>;

/// The digest of what the answer is about.
pub(super) const DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");
/// The id of an upload, for clients that ask for it.
pub(super) const UPLOAD: HeaderName = HeaderName::from_static("docker-upload-uuid");
/// Which filters have been applied, end-12b.
pub(super) const FILTERS: HeaderName = HeaderName::from_static("oci-filters-applied");
/// The subject of a manifest, which has been noted, end-7.
pub(super) const SUBJECT: HeaderName = HeaderName::from_static("oci-subject");

/// A status, headers and a body. What can't be a header's value is left out: all
/// values are made of what has been read by a grammar.
pub(super) fn with(
    status: StatusCode,
    headers: &[(HeaderName, &dyn Display)],
    body: Body,
) -> Answer {
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::from_str(&value.to_string()) {
            answer.headers_mut().insert(name, value);
        }
    }
    answer
}

/// 200 and a document.
pub(super) fn json(kind: &str, document: &impl Serialize) -> Answer {
    let text = serde_json::to_vec(document).unwrap_or_default();
    let body = Body::Whole(Some(text.into()));
    with(StatusCode::OK, &[(CONTENT_TYPE, &kind)], body)
}

/// What a failed request gets.
pub(super) fn failed(problem: &Problem) -> Answer {
    let mut answer = json("application/json", &problem.document());
    *answer.status_mut() = problem.status;
    for (name, value) in &problem.headers {
        if let Ok(value) = HeaderValue::from_str(value) {
            answer.headers_mut().insert(name, value);
        }
    }
    if problem.hang_up {
        let close = HeaderValue::from_static("close");
        answer.headers_mut().insert(CONNECTION, close);
    }
    answer
}
