//! What a request may fail with: a status, and a code of the specification's.

use hyper::StatusCode;
use hyper::header::HeaderName;
use serde_json::{Value, json};
use std::fmt::Display;

/// The specification's codes that are used here, code-1 to code-14, and one for what
/// is the registry's own fault, for which it has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Code {
    BlobUnknown,
    BlobUploadInvalid,
    BlobUploadUnknown,
    DigestInvalid,
    ManifestBlobUnknown,
    ManifestInvalid,
    ManifestUnknown,
    NameInvalid,
    NameUnknown,
    SizeInvalid,
    Unsupported,
    TooManyRequests,
    Unknown,
}

impl Code {
    /// As it is written.
    fn text(self) -> &'static str {
        match self {
            Code::BlobUnknown => "BLOB_UNKNOWN",
            Code::BlobUploadInvalid => "BLOB_UPLOAD_INVALID",
            Code::BlobUploadUnknown => "BLOB_UPLOAD_UNKNOWN",
            Code::DigestInvalid => "DIGEST_INVALID",
            Code::ManifestBlobUnknown => "MANIFEST_BLOB_UNKNOWN",
            Code::ManifestInvalid => "MANIFEST_INVALID",
            Code::ManifestUnknown => "MANIFEST_UNKNOWN",
            Code::NameInvalid => "NAME_INVALID",
            Code::NameUnknown => "NAME_UNKNOWN",
            Code::SizeInvalid => "SIZE_INVALID",
            Code::Unsupported => "UNSUPPORTED",
            Code::TooManyRequests => "TOOMANYREQUESTS",
            Code::Unknown => "UNKNOWN",
        }
    }
}

/// A failed request.
#[derive(Debug)]
pub(super) struct Problem {
    pub(super) status: StatusCode,
    code: Code,
    message: String,
    detail: Value,
    /// What the answer says besides.
    pub(super) headers: Vec<(HeaderName, String)>,
    /// Whether there is no sense in reading what else the client sends.
    pub(super) hang_up: bool,
}

impl Problem {
    pub(super) fn new(status: StatusCode, code: Code, message: impl Display) -> Problem {
        Problem {
            status,
            code,
            message: message.to_string(),
            detail: Value::Null,
            headers: Vec::new(),
            hang_up: false,
        }
    }

    /// 400: the request isn't as it has to be.
    pub(super) fn bad(code: Code, message: impl Display) -> Problem {
        Problem::new(StatusCode::BAD_REQUEST, code, message)
    }

    /// 404.
    pub(super) fn missing(code: Code, message: impl Display) -> Problem {
        Problem::new(StatusCode::NOT_FOUND, code, message)
    }

    /// What the disk refused: 507 where it is full, else 500.
    pub(super) fn disk(what: &str, error: &std::io::Error) -> Problem {
        let full = [Some(libc::ENOSPC), Some(libc::EDQUOT)].contains(&error.raw_os_error());
        let status = match full {
            true => StatusCode::INSUFFICIENT_STORAGE,
            false => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Problem::new(status, Code::Unknown, format!("{what}: {error}"))
    }

    /// Says what it is about.
    pub(super) fn about(mut self, detail: Value) -> Problem {
        self.detail = detail;
        self
    }

    /// Adds a header.
    pub(super) fn with(mut self, name: HeaderName, value: impl Display) -> Problem {
        self.headers.push((name, value.to_string()));
        self
    }

    /// The body of the answer.
    pub(super) fn document(&self) -> Value {
        let mut error = json!({ "code": self.code.text(), "message": self.message });
        if !self.detail.is_null() {
            error["detail"] = self.detail.clone();
        }
        json!({ "errors": [error] })
    }
}
