//! Blobs: end-2 and end-10.

use super::answer::{Answer, DIGEST, with};
use super::body::Body;
use super::digest::Digest;
use super::name::Name;
use super::problem::Problem;
use super::state::{Call, Registry};
use hyper::StatusCode;
use hyper::header::{ACCEPT_RANGES, CONTENT_RANGE, CONTENT_TYPE, HeaderMap, RANGE};
use std::io::{Seek, SeekFrom};

/// end-2: a blob, or a part of it.
pub(super) async fn get(
    registry: &Registry,
    name: Name,
    digest: Digest,
    call: &Call,
) -> Result<Answer, Problem> {
    let wanted = digest.clone();
    let (mut file, size) = registry
        .off(move |store| store.blob(&name, &wanted))
        .await?;
    let kind = "application/octet-stream";
    match range(&call.headers, size) {
        Part::Whole => Ok(with(
            StatusCode::OK,
            &[
                (CONTENT_TYPE, &kind),
                (ACCEPT_RANGES, &"bytes"),
                (DIGEST, &digest),
            ],
            Body::file(file, size),
        )),
        Part::From(first, last) => {
            file.seek(SeekFrom::Start(first))
                .map_err(|error| Problem::disk("the blob can't be read", &error))?;
            let said = format!("bytes {first}-{last}/{size}");
            Ok(with(
                StatusCode::PARTIAL_CONTENT,
                &[
                    (CONTENT_TYPE, &kind),
                    (CONTENT_RANGE, &said),
                    (DIGEST, &digest),
                ],
                Body::file(file, last - first + 1),
            ))
        }
        Part::None => Ok(with(
            StatusCode::RANGE_NOT_SATISFIABLE,
            &[(CONTENT_RANGE, &format!("bytes */{size}"))],
            Body::empty(),
        )),
    }
}

/// end-10
pub(super) async fn delete(
    registry: &Registry,
    name: Name,
    digest: Digest,
) -> Result<Answer, Problem> {
    registry
        .off(move |store| store.delete_blob(&name, &digest))
        .await?;
    Ok(with(StatusCode::ACCEPTED, &[], Body::empty()))
}

/// What a client wants of a blob.
#[derive(Debug, PartialEq, Eq)]
enum Part {
    Whole,
    /// The first byte and the last.
    From(u64, u64),
    /// Something that it hasn't.
    None,
}

/// One range of bytes (RFC 9110, "Range Requests"). What is none, or several, means
/// all of it, as that document has it.
fn range(headers: &HeaderMap, size: u64) -> Part {
    let Some(text) = headers.get(RANGE).and_then(|value| value.to_str().ok()) else {
        return Part::Whole;
    };
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse().unwrap_or(u64::MAX))
    };
    let parts = text.trim().strip_prefix("bytes=");
    let Some((first, last)) = parts.and_then(|parts| parts.split_once('-')) else {
        return Part::Whole;
    };
    match (number(first), number(last)) {
        (Some(first), Some(last)) if last < first => Part::Whole,
        (Some(first), _) if first >= size => Part::None,
        (Some(first), Some(last)) => Part::From(first, last.min(size - 1)),
        (Some(first), None) if last.is_empty() => Part::From(first, size - 1),
        (None, Some(0)) if first.is_empty() => Part::None,
        (None, Some(_)) if first.is_empty() && size == 0 => Part::None,
        (None, Some(count)) if first.is_empty() => Part::From(size - count.min(size), size - 1),
        _ => Part::Whole,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_those_of_http() {
        for (text, size, expected) in [
            ("bytes=0-3", 10, Part::From(0, 3)),
            ("bytes=4-", 10, Part::From(4, 9)),
            ("bytes=-3", 10, Part::From(7, 9)),
            ("bytes=-30", 10, Part::From(0, 9)),
            ("bytes=0-99", 10, Part::From(0, 9)),
            ("bytes=0-99999999999999999999", 10, Part::From(0, 9)),
            ("bytes=10-", 10, Part::None),
            ("bytes=99999999999999999999-", 10, Part::None),
            ("bytes=-0", 10, Part::None),
            ("bytes=0-", 0, Part::None),
            ("bytes=-1", 0, Part::None),
            ("bytes=3-1", 10, Part::Whole),
            ("bytes=0-1,3-4", 10, Part::Whole),
            ("bytes=a-b", 10, Part::Whole),
            ("bytes=-", 10, Part::Whole),
            ("lines=0-1", 10, Part::Whole),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(RANGE, text.parse().unwrap());
            assert_eq!(range(&headers, size), expected, "{text} of {size}");
        }
        assert_eq!(range(&HeaderMap::new(), 3), Part::Whole);
    }
}
