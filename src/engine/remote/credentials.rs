//! Who a client says it is to a registry, and what a registry asks for.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use serde::Deserialize;
use std::fmt;

/// The document in `X-Registry-Auth`. Nothing shows it.
#[derive(Default, Deserialize)]
pub(super) struct Credentials {
    #[serde(default)]
    username: String,
    #[serde(default)]
    password: String,
    #[serde(default, rename = "registrytoken")]
    token: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(***)")
    }
}

impl Credentials {
    /// Reads the header: base64 in its form for addresses. What isn't that says nothing,
    /// as with Docker.
    pub(super) fn read(header: Option<&str>) -> Credentials {
        let text = header.unwrap_or_default().trim();
        let decoded = URL_SAFE.decode(text).or_else(|_| STANDARD.decode(text));
        let document = decoded.unwrap_or_default();
        serde_json::from_slice(&document).unwrap_or_default()
    }

    /// The header by which a user and a password are sent, if there are any.
    pub(super) fn basic(&self) -> Option<String> {
        let pair = format!("{}:{}", self.username, self.password);
        (!self.username.is_empty()).then(|| format!("Basic {}", STANDARD.encode(pair)))
    }

    /// The header of a token that the client has already.
    pub(super) fn bearer(&self) -> Option<String> {
        (!self.token.is_empty()).then(|| format!("Bearer {}", self.token))
    }
}

/// What a registry asks for, by `WWW-Authenticate` (RFC 9110, 11.6.1).
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Challenge {
    Basic,
    /// A token, from there.
    Bearer {
        realm: String,
        service: Option<String>,
    },
}

impl Challenge {
    /// Reads the header.
    pub(super) fn read(text: &str) -> Option<Challenge> {
        let (scheme, rest) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
        if scheme.eq_ignore_ascii_case("basic") {
            return Some(Challenge::Basic);
        }
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let value = |name: &str| {
            let at = rest.find(&format!("{name}=\""))? + name.len() + 2;
            Some(rest[at..].split('"').next()?.to_string())
        };
        Some(Challenge::Bearer {
            realm: value("realm")?,
            service: value("service"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_read_and_never_shown() {
        let header = URL_SAFE.encode(r#"{"username":"me","password":"s~>?"}"#);
        let read = Credentials::read(Some(&header));
        assert_eq!(
            read.basic().unwrap(),
            format!("Basic {}", STANDARD.encode("me:s~>?"))
        );
        assert_eq!(format!("{read:?}"), "Credentials(***)");
        for nothing in [
            None,
            Some("e30="),
            Some(""),
            Some("!"),
            Some("bm90IGpzb24="),
        ] {
            let read = Credentials::read(nothing);
            assert!(
                read.basic().is_none() && read.bearer().is_none(),
                "{nothing:?}"
            );
        }
    }

    #[test]
    fn challenges_are_read() {
        let text =
            r#"Bearer realm="http://127.0.0.1:1/token",service="r",scope="repository:x:pull""#;
        let expected = Challenge::Bearer {
            realm: "http://127.0.0.1:1/token".into(),
            service: Some("r".into()),
        };
        assert_eq!(Challenge::read(text), Some(expected));
        assert_eq!(Challenge::read("Basic realm=\"x\""), Some(Challenge::Basic));
        for text in ["", "Digest x", "Bearer", "Bearer realm="] {
            assert_eq!(Challenge::read(text), None, "{text}");
        }
    }
}
