//! Content discovery: tags, end-8a and end-8b, and referrers, end-12a and end-12b.

use super::answer::{self, Answer, FILTERS};
use super::digest::Digest;
use super::name::Name;
use super::problem::{Code, Problem};
use super::state::{Call, Registry};
use super::store::INDEX;
use crate::base::percent_encoded;
use hyper::header::{HeaderValue, LINK};
use serde_json::json;

/// How many tags are told at once, at most.
const MOST_TAGS: usize = 10_000;

/// end-8a and end-8b
pub(super) async fn tags(registry: &Registry, name: Name, call: &Call) -> Result<Answer, Problem> {
    let wanted = match call.query.get("n") {
        None => MOST_TAGS,
        Some(text) => text.parse::<usize>().map_err(|_| {
            let message = format!("n={text}: not a number of tags");
            Problem::bad(Code::Unsupported, message)
        })?,
    };
    let last = call.query.get("last").unwrap_or_default().to_string();
    let of = name.clone();
    let (tags, more) = registry
        .off(move |store| store.tags(&of, &last, wanted.min(MOST_TAGS)))
        .await?;
    let document = json!({ "name": name.to_string(), "tags": tags });
    let mut answer = answer::json("application/json", &document);
    if let Some(last) = tags.last().filter(|_| more) {
        let last = percent_encoded(last);
        let n = tags.len();
        link(
            &mut answer,
            &format!("/v2/{name}/tags/list?n={n}&last={last}"),
        );
    }
    Ok(answer)
}

/// end-12a and end-12b. A registry that has this never says that there is no such
/// manifest: it may come later.
pub(super) async fn referrers(
    registry: &Registry,
    name: Name,
    digest: Digest,
    call: &Call,
) -> Result<Answer, Problem> {
    let kind = call.query.some("artifactType").map(str::to_string);
    let after = call.query.get("last").and_then(Digest::parse);
    let (of, subject, filter) = (name.clone(), digest.clone(), kind.clone());
    let (manifests, last) = registry
        .off(move |store| store.referrers(&of, &subject, filter.as_deref(), after.as_ref()))
        .await?;
    let document = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": manifests });
    let mut answer = answer::json(INDEX, &document);
    let mut filter = String::new();
    if let Some(kind) = kind {
        let applied = HeaderValue::from_static("artifactType");
        answer.headers_mut().insert(FILTERS, applied);
        filter = format!("&artifactType={}", percent_encoded(&kind));
    }
    if let Some(last) = last {
        link(
            &mut answer,
            &format!("/v2/{name}/referrers/{digest}?last={last}{filter}"),
        );
    }
    Ok(answer)
}

/// There is more, and where (RFC 8288).
fn link(answer: &mut Answer, to: &str) {
    if let Ok(value) = HeaderValue::from_str(&format!("<{to}>; rel=\"next\"")) {
        answer.headers_mut().insert(LINK, value);
    }
}
