//! Answers in the forms that clients expect.

use super::body::Body;
use super::failure::Failure;
use hyper::body::Bytes;
use hyper::ext::ReasonPhrase;
use hyper::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, UPGRADE};
use hyper::{Response, StatusCode};
use serde::Serialize;
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// An answer.
pub(super) type Answer = Response<Body>;

/// How many pieces of a growing body may wait to be read.
const PIECES: usize = 64;

fn with(status: StatusCode, body: Body) -> Answer {
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    answer
}

/// One document and a newline, as Go's encoder writes it.
pub(super) fn json(status: StatusCode, document: &impl Serialize) -> Answer {
    let mut text = serde_json::to_vec(document).unwrap_or_default();
    text.push(b'\n');
    let mut answer = with(status, Body::Whole(Some(text.into())));
    set(&mut answer, CONTENT_TYPE, "application/json");
    answer
}

/// 200 and a document.
pub(super) fn ok(document: &impl Serialize) -> Answer {
    json(StatusCode::OK, document)
}

/// Nothing but a status. All but 204 and 304 say that it is nothing.
pub(super) fn empty(status: StatusCode) -> Answer {
    with(status, Body::Whole(None))
}

/// 204.
pub(super) fn done() -> Answer {
    empty(StatusCode::NO_CONTENT)
}

/// Text.
pub(super) fn text(status: StatusCode, text: &str) -> Answer {
    let mut answer = with(status, Body::Whole(Some(text.to_owned().into())));
    set(&mut answer, CONTENT_TYPE, "text/plain; charset=utf-8");
    answer
}

/// What a failed request gets.
pub(super) fn failed(failure: &Failure) -> Answer {
    let document = serde_json::json!({ "message": failure.message });
    json(failure.status, &document)
}

/// A body that grows, and where to write to.
pub(super) fn growing(kind: &'static str) -> (Answer, Sender<Bytes>) {
    let (to, from) = channel(PIECES);
    (growing_from(kind, from), to)
}

/// A body of what comes from there.
pub(super) fn growing_from(kind: &'static str, from: Receiver<Bytes>) -> Answer {
    let mut answer = with(StatusCode::OK, Body::Growing(from));
    set(&mut answer, CONTENT_TYPE, kind);
    answer
}

/// 101: what follows on the connection is no HTTP any more.
pub(super) fn upgraded(kind: &'static str) -> Answer {
    let mut answer = empty(StatusCode::SWITCHING_PROTOCOLS);
    set(&mut answer, CONTENT_TYPE, kind);
    set(&mut answer, CONNECTION, "Upgrade");
    set(&mut answer, UPGRADE, "tcp");
    let phrase = ReasonPhrase::from_static(b"UPGRADED");
    answer.extensions_mut().insert(phrase);
    answer
}

/// `/_ping`.
pub(super) fn ping(head: bool) -> Answer {
    let mut answer = text(StatusCode::OK, if head { "" } else { "OK" });
    if head {
        set(&mut answer, CONTENT_LENGTH, "0");
    }
    for (name, value) in [
        ("builder-version", "1"),
        ("swarm", "inactive"),
        ("cache-control", "no-cache, no-store, must-revalidate"),
        ("pragma", "no-cache"),
    ] {
        let value = HeaderValue::from_static(value);
        answer.headers_mut().insert(name, value);
    }
    answer
}

fn set(answer: &mut Answer, name: hyper::header::HeaderName, value: &'static str) {
    let value = HeaderValue::from_static(value);
    answer.headers_mut().insert(name, value);
}
