//! Uploads: end-4a, end-4b, end-5, end-6, end-11, end-13 and end-14.

use super::answer::{Answer, DIGEST, UPLOAD, with};
use super::body::Body;
use super::digest::Digest;
use super::name::Name;
use super::problem::{Code, Problem};
use super::receive::Receive;
use super::route::a_digest;
use super::state::{Call, Registry};
use super::store::Upload;
use hyper::StatusCode;
use hyper::body::Body as _;
use hyper::header::{CONTENT_RANGE, HeaderMap, LOCATION, RANGE};
use std::sync::Arc;

/// The longest blob, in bytes.
const MOST: u64 = 64 << 30;

/// Who writes to an upload; nobody else may meanwhile.
struct Writer<'r>(&'r Registry, String);

impl Drop for Writer<'_> {
    fn drop(&mut self) {
        self.0.written.borrow_mut().remove(&self.1);
    }
}

fn write_alone<'r>(registry: &'r Registry, id: &str) -> Result<Writer<'r>, Problem> {
    match registry.written.borrow_mut().insert(id.into()) {
        true => Ok(Writer(registry, id.into())),
        false => Err(Problem::new(
            StatusCode::CONFLICT,
            Code::BlobUploadInvalid,
            "somebody is writing to this upload: wait for the end of that, then ask for its status",
        )),
    }
}

/// end-4a: begins an upload. end-11: a blob of another repository. end-4b: all at once.
pub(super) async fn begin(
    registry: &Registry,
    name: Name,
    call: &mut Call,
) -> Result<Answer, Problem> {
    if let Some(mounted) = mount(registry, &name, call).await? {
        return Ok(created(&name, &mounted));
    }
    let digest = call.query.get("digest").map(a_digest).transpose()?;
    let to = name.clone();
    let upload = registry.off(move |store| store.begin(&to)).await?;
    let Some(digest) = digest else {
        return Ok(progress(StatusCode::ACCEPTED, &name, &upload.id, 0));
    };
    let id = upload.id.clone();
    let kept = match take(registry, upload, call).await {
        Ok(upload) => keep(registry, &name, upload, digest).await,
        Err(problem) => Err(problem),
    };
    if kept.is_err() {
        // It was all in one request: there is nothing to go on with.
        let _ = registry.off(move |store| store.cancel(&name, &id)).await;
    }
    kept
}

/// end-11: what is asked for, if it is there. Without `from` nobody has said that the
/// client may read it.
async fn mount(registry: &Registry, name: &Name, call: &Call) -> Result<Option<Digest>, Problem> {
    let digest = call.query.get("mount").and_then(Digest::parse);
    let from = call.query.get("from").and_then(Name::parse);
    let (Some(digest), Some(from)) = (digest, from) else {
        return Ok(None);
    };
    let (name, wanted) = (name.clone(), digest.clone());
    let mounted = registry
        .off(move |store| store.mount(&name, &from, &wanted))
        .await?;
    Ok(mounted.then_some(digest))
}

/// end-5
pub(super) async fn chunk(
    registry: &Registry,
    name: Name,
    id: String,
    call: &mut Call,
) -> Result<Answer, Problem> {
    let upload = find(registry, &name, &id).await?;
    let _writer = write_alone(registry, &id)?;
    let upload = take(registry, upload, call).await?;
    Ok(progress(StatusCode::ACCEPTED, &name, &id, upload.size))
}

/// end-6
pub(super) async fn finish(
    registry: &Registry,
    name: Name,
    id: String,
    call: &mut Call,
) -> Result<Answer, Problem> {
    let digest = call.query.get("digest").ok_or_else(|| {
        let message = "the end of an upload names the digest of all of it: ?digest=sha256:…";
        Problem::bad(Code::DigestInvalid, message)
    });
    let digest = a_digest(digest?)?;
    let upload = find(registry, &name, &id).await?;
    let _writer = write_alone(registry, &id)?;
    let upload = take(registry, upload, call).await?;
    keep(registry, &name, upload, digest).await
}

/// end-13
pub(super) async fn status(registry: &Registry, name: Name, id: String) -> Result<Answer, Problem> {
    let upload = find(registry, &name, &id).await?;
    Ok(progress(StatusCode::NO_CONTENT, &name, &id, upload.size))
}

/// end-14
pub(super) async fn cancel(registry: &Registry, name: Name, id: String) -> Result<Answer, Problem> {
    let _writer = write_alone(registry, &id)?;
    registry.off(move |store| store.cancel(&name, &id)).await?;
    Ok(with(StatusCode::NO_CONTENT, &[], Body::empty()))
}

async fn find(registry: &Registry, name: &Name, id: &str) -> Result<Upload, Problem> {
    let (name, id) = (name.clone(), id.to_string());
    registry.off(move |store| store.upload(&name, &id)).await
}

/// Appends the body to an upload.
async fn take(registry: &Registry, mut upload: Upload, call: &mut Call) -> Result<Upload, Problem> {
    let said = length_of(&call.headers, &upload, call.body.size_hint().exact())?;
    let most = said.unwrap_or(MOST - upload.size.min(MOST));
    let too_long = || match said {
        Some(said) => Problem::bad(
            Code::SizeInvalid,
            format!("Content-Range is of {said} bytes, and more have come"),
        ),
        None => Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            Code::BlobUploadInvalid,
            format!("a blob is {MOST} bytes long at most"),
        ),
    };
    let received = Receive {
        body: &mut call.body,
        patience: registry.patience,
        most,
        too_long: &too_long,
    };
    let came = received.into(&upload.file, upload.size).await?;
    if let Some(said) = said.filter(|said| *said != came) {
        let (file, size) = (Arc::clone(&upload.file), upload.size);
        let cut = move |_: &_| {
            file.set_len(size)
                .map_err(|error| Problem::disk("the upload", &error))
        };
        registry.off(cut).await?;
        return Err(Problem::bad(
            Code::SizeInvalid,
            format!("Content-Range is of {said} bytes, and {came} have come"),
        ));
    }
    upload.size += came;
    Ok(upload)
}

/// How long a chunk has to be, by its range: it begins where the last one ended.
///
/// # Errors
/// 416 where it doesn't, 400 where the range isn't as long as the body.
fn length_of(
    headers: &HeaderMap,
    upload: &Upload,
    length: Option<u64>,
) -> Result<Option<u64>, Problem> {
    let Some(range) = headers.get(CONTENT_RANGE) else {
        return Ok(None);
    };
    let text = range.to_str().unwrap_or_default();
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse::<u64>().ok()).flatten()
    };
    let ends = text
        .split_once('-')
        .and_then(|(first, last)| Some((number(first)?, number(last)?)));
    let wrong = |why: String| {
        Problem::new(
            StatusCode::RANGE_NOT_SATISFIABLE,
            Code::BlobUploadInvalid,
            why,
        )
        .with(LOCATION, location(&upload.name, &upload.id))
        .with(RANGE, range_of(upload.size))
    };
    let said = match ends {
        Some((first, last)) if first == upload.size && last >= first => (last - first)
            .checked_add(1)
            .ok_or_else(|| wrong(format!("`{text}` is no range of bytes")))?,
        Some((first, last)) if last >= first => {
            return Err(wrong(format!(
                "this upload has {} bytes: the next chunk begins there, not at {first}",
                upload.size
            )));
        }
        _ => {
            return Err(wrong(format!(
                "`{text}` is no range of bytes: FIRST-LAST, both counted"
            )));
        }
    };
    match length.filter(|length| *length != said) {
        Some(length) => Err(Problem::bad(
            Code::SizeInvalid,
            format!("Content-Range is of {said} bytes, Content-Length is {length}"),
        )),
        None => Ok(Some(said)),
    }
}

/// Makes a blob of an upload, if it is what the digest says.
async fn keep(
    registry: &Registry,
    name: &Name,
    upload: Upload,
    digest: Digest,
) -> Result<Answer, Problem> {
    let wanted = digest.clone();
    registry
        .off(move |store| store.finish(upload, &wanted))
        .await?;
    Ok(created(name, &digest))
}

fn created(name: &Name, digest: &Digest) -> Answer {
    let at = format!("/v2/{name}/blobs/{digest}");
    let headers: [(_, &dyn std::fmt::Display); 2] = [(LOCATION, &at), (DIGEST, digest)];
    with(StatusCode::CREATED, &headers, Body::empty())
}

fn location(name: &Name, id: &str) -> String {
    format!("/v2/{name}/blobs/uploads/{id}")
}

/// The place of the last byte. An upload that has none yet has no such place, and
/// says 0, as registries always did.
fn range_of(size: u64) -> String {
    format!("0-{}", size.saturating_sub(1))
}

fn progress(status: StatusCode, name: &Name, id: &str, size: u64) -> Answer {
    let headers: [(_, &dyn std::fmt::Display); 3] = [
        (LOCATION, &location(name, id)),
        (RANGE, &range_of(size)),
        (UPLOAD, &id),
    ];
    with(status, &headers, Body::empty())
}
