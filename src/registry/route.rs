//! The closed table of endpoints: what a path means, if it means anything. Names of
//! repositories hold slashes, so a path is read from its end.

use super::digest::Digest;
use super::name::{Name, is_tag};
use super::problem::{Code, Problem};
use hyper::header::ALLOW;
use hyper::{Method, StatusCode};

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Route {
    /// end-1
    Base,
    /// end-2
    Blob(Name, Digest),
    /// end-10
    BlobDelete(Name, Digest),
    /// end-4a, end-4b and end-11
    Begin(Name),
    /// end-5
    Chunk(Name, String),
    /// end-6
    Finish(Name, String),
    /// end-13
    Status(Name, String),
    /// end-14
    Cancel(Name, String),
    /// end-3
    Manifest(Name, Reference),
    /// end-7
    ManifestPut(Name, Reference),
    /// end-9
    ManifestDelete(Name, Reference),
    /// end-8a and end-8b
    Tags(Name),
    /// end-12a and end-12b
    Referrers(Name, Digest),
}

/// What a manifest is asked for by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reference {
    Tag(String),
    Digest(Digest),
}

/// The route of a method and of a path whose percent-encoding has been undone.
///
/// # Errors
/// What isn't as the specification's grammar has it, 400; what isn't there, 404; and
/// a method that a path hasn't, 405.
pub(super) fn route(method: &Method, path: &str) -> Result<Route, Problem> {
    let get = [Method::GET, Method::HEAD].contains(method);
    let rest = match path {
        "/v2" | "/v2/" if get => return Ok(Route::Base),
        "/v2" | "/v2/" => return Err(only("GET, HEAD")),
        _ => path.strip_prefix("/v2/").ok_or_else(|| no_endpoint(path))?,
    };
    let parts: Vec<&str> = rest.split('/').collect();
    match parts.as_slice() {
        [name @ .., "blobs", "uploads", ""] | [name @ .., "blobs", "uploads"] => {
            let name = repository(name)?;
            match *method {
                Method::POST => Ok(Route::Begin(name)),
                _ => Err(only("POST")),
            }
        }
        [name @ .., "blobs", "uploads", id] => {
            let (name, id) = (repository(name)?, (*id).to_string());
            match *method {
                Method::PATCH => Ok(Route::Chunk(name, id)),
                Method::PUT => Ok(Route::Finish(name, id)),
                Method::DELETE => Ok(Route::Cancel(name, id)),
                _ if get => Ok(Route::Status(name, id)),
                _ => Err(only("GET, HEAD, PATCH, PUT, DELETE")),
            }
        }
        [name @ .., "blobs", digest] => {
            let (name, digest) = (repository(name)?, a_digest(digest)?);
            match *method {
                Method::DELETE => Ok(Route::BlobDelete(name, digest)),
                _ if get => Ok(Route::Blob(name, digest)),
                _ => Err(only("GET, HEAD, DELETE")),
            }
        }
        [name @ .., "manifests", text] => {
            let name = repository(name)?;
            match *method {
                Method::PUT => Ok(Route::ManifestPut(name, reference(text, method)?)),
                Method::DELETE => Ok(Route::ManifestDelete(name, reference(text, method)?)),
                _ if get => Ok(Route::Manifest(name, reference(text, method)?)),
                _ => Err(only("GET, HEAD, PUT, DELETE")),
            }
        }
        [name @ .., "tags", "list"] => match get {
            true => Ok(Route::Tags(repository(name)?)),
            false => Err(only("GET, HEAD")),
        },
        [name @ .., "referrers", digest] => match get {
            true => Ok(Route::Referrers(repository(name)?, a_digest(digest)?)),
            false => Err(only("GET, HEAD")),
        },
        _ => Err(no_endpoint(path)),
    }
}

fn no_endpoint(path: &str) -> Problem {
    let message = format!("{path} is no endpoint of the distribution specification");
    Problem::missing(Code::Unsupported, message)
}

fn only(methods: &str) -> Problem {
    let message = format!("this endpoint takes {methods}");
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, Code::Unsupported, message).with(ALLOW, methods)
}

fn repository(parts: &[&str]) -> Result<Name, Problem> {
    let text = parts.join("/");
    Name::parse(&text).ok_or_else(|| {
        let message = format!(
            "`{text}` is no name of a repository: parts of lower-case letters and digits, with \
             one of . _ __ or dashes between them, divided by /, 255 characters at most"
        );
        Problem::bad(Code::NameInvalid, message)
    })
}

/// Reads a digest.
///
/// # Errors
/// 400, DIGEST_INVALID.
pub(super) fn a_digest(text: &str) -> Result<Digest, Problem> {
    Digest::parse(text).ok_or_else(|| {
        let message = format!(
            "`{text}` is no digest: sha256: and 64, or sha512: and 128 hexadecimal digits in \
             lower case"
        );
        Problem::bad(Code::DigestInvalid, message)
    })
}

/// What can be no tag can't be there: 404, but 400 where it is to be made.
fn reference(text: &str, method: &Method) -> Result<Reference, Problem> {
    if text.contains(':') {
        return a_digest(text).map(Reference::Digest);
    }
    if is_tag(text) {
        return Ok(Reference::Tag(text.into()));
    }
    let message = format!(
        "`{text}` is no tag: up to 128 letters, digits, _ . and -, the first no dot and no dash"
    );
    Err(match *method {
        Method::PUT => Problem::bad(Code::ManifestInvalid, message),
        _ => Problem::missing(Code::ManifestUnknown, message),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read_from_their_end() {
        let name = |text| Name::parse(text).unwrap();
        let digest = format!("sha256:{}", "0".repeat(64));
        let of = Digest::parse(&digest).unwrap();
        let id = || "1".to_string();
        for (line, expected) in [
            ("GET /v2/".to_string(), Route::Base),
            ("HEAD /v2".into(), Route::Base),
            (
                "POST /v2/a/b/blobs/uploads/".into(),
                Route::Begin(name("a/b")),
            ),
            ("POST /v2/a/blobs/uploads".into(), Route::Begin(name("a"))),
            (
                "PATCH /v2/a/blobs/uploads/1".into(),
                Route::Chunk(name("a"), id()),
            ),
            (
                "PUT /v2/blobs/uploads/blobs/uploads/1".into(),
                Route::Finish(name("blobs/uploads"), id()),
            ),
            (
                format!("GET /v2/a/blobs/{digest}"),
                Route::Blob(name("a"), of.clone()),
            ),
            (
                format!("DELETE /v2/a/manifests/{digest}"),
                Route::ManifestDelete(name("a"), Reference::Digest(of.clone())),
            ),
            (
                "GET /v2/tags/list/tags/list".into(),
                Route::Tags(name("tags/list")),
            ),
            (
                format!("GET /v2/a/referrers/{digest}"),
                Route::Referrers(name("a"), of),
            ),
        ] {
            let (method, path) = line.split_once(' ').unwrap();
            let method: Method = method.parse().unwrap();
            assert_eq!(route(&method, path).unwrap(), expected, "{line}");
        }
        for (line, status) in [
            ("GET /", 404),
            ("GET /v1/", 404),
            ("GET /v2/a", 404),
            ("POST /v2/", 405),
            ("PUT /v2/a/tags/list", 405),
            ("GET /v2/A/tags/list", 400),
            ("GET /v2/tags/list", 400),
            ("GET /v2/../etc/tags/list", 400),
            ("GET /v2/a/blobs/x", 400),
            ("GET /v2/a/manifests/-x", 404),
            ("PUT /v2/a/manifests/-x", 400),
            ("GET /v2/a/manifests/sha256:x", 400),
        ] {
            let (method, path) = line.split_once(' ').unwrap();
            let method: Method = method.parse().unwrap();
            let found = route(&method, path).unwrap_err().status.as_u16();
            assert_eq!(found, status, "{line}");
        }
    }

    proptest::proptest! {
        #[test]
        fn whatever_a_path_is_it_has_an_answer(
            method in "(GET|HEAD|PUT|POST|PATCH|DELETE|TRACE)",
            path in "(/v2)?(/|[a-zA-Z0-9._%:\\-\0]{0,9}|/blobs|/uploads|/manifests|/tags|/list|\\.\\.){0,9}",
        ) {
            let method: Method = method.parse().unwrap();
            match route(&method, &path) {
                Ok(Route::Base) => {}
                Ok(found) => {
                    proptest::prop_assert!(path.starts_with("/v2/"));
                    proptest::prop_assert!(!path.contains("/../"), "{:?}", found);
                }
                Err(problem) => proptest::prop_assert!(problem.status.is_client_error()),
            }
        }
    }
}
