//! Manifests: end-3, end-7 and end-9.

use super::answer::{Answer, DIGEST, SUBJECT, with};
use super::body::Body;
use super::name::Name;
use super::problem::{Code, Problem};
use super::receive::Receive;
use super::route::Reference;
use super::state::{Call, Registry};
use hyper::StatusCode;
use hyper::body::Body as _;
use hyper::header::{CONTENT_TYPE, LOCATION};
use std::fmt::Display;

/// The longest manifest, in bytes: what the specification asks registries to take.
pub(super) const MOST: u64 = 4 << 20;

/// end-3
pub(super) async fn get(
    registry: &Registry,
    name: Name,
    reference: Reference,
) -> Result<Answer, Problem> {
    let found = registry
        .off(move |store| store.manifest(&name, &reference))
        .await?;
    let headers: [(_, &dyn Display); 2] =
        [(CONTENT_TYPE, &found.media_type), (DIGEST, &found.digest)];
    let body = Body::file(found.file, found.size);
    Ok(with(StatusCode::OK, &headers, body))
}

/// end-7
pub(super) async fn put(
    registry: &Registry,
    name: Name,
    reference: Reference,
    call: &mut Call,
) -> Result<Answer, Problem> {
    let too_long = || {
        Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            Code::ManifestInvalid,
            format!("a manifest is {MOST} bytes long at most"),
        )
    };
    if call.body.size_hint().lower() > MOST {
        return Err(too_long());
    }
    // Parameters such as a charset mean nothing here.
    let kind = call.headers.get(CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    let kind = Some(kind.to_ascii_lowercase()).filter(|kind| !kind.is_empty());
    let spool = registry.off(|store| store.spool()).await?;
    let received = Receive {
        body: &mut call.body,
        patience: registry.patience,
        most: MOST,
        too_long: &too_long,
    };
    received.into(&spool.file, 0).await?;
    let to = name.clone();
    let (digest, subject) = registry
        .off(move |store| store.put_manifest(&to, &reference, kind.as_deref(), &spool))
        .await?;
    let at = format!("/v2/{name}/manifests/{digest}");
    let mut headers: Vec<(_, &dyn Display)> = vec![(LOCATION, &at), (DIGEST, &digest)];
    if let Some(subject) = &subject {
        headers.push((SUBJECT, subject));
    }
    Ok(with(StatusCode::CREATED, &headers, Body::empty()))
}

/// end-9: a tag alone, or a manifest with all of its tags.
pub(super) async fn delete(
    registry: &Registry,
    name: Name,
    reference: Reference,
) -> Result<Answer, Problem> {
    registry
        .off(move |store| store.delete_manifest(&name, &reference))
        .await?;
    Ok(with(StatusCode::ACCEPTED, &[], Body::empty()))
}
