//! Names as registries have them: `nginx` is the tag `latest` of `library/nginx` at
//! `docker.io`.

use super::super::failure::Failure;
use super::super::reference::Reference;
use std::fmt;

/// What a name means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Name {
    /// As people say it, without a tag: `nginx`, `127.0.0.1:5000/x`.
    pub(super) short: String,
    /// Whose it is: `docker.io` if no other is named.
    pub(super) host: String,
    /// The repository there.
    pub(super) path: String,
    pub(super) target: Target,
}

/// Which of a repository's manifests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    Tag(String),
    /// With the algorithm.
    Digest(String),
}

impl Name {
    /// Reads a name and the tag, or digest, that clients send beside it.
    ///
    /// # Errors
    /// What is no such name, in the words of the API.
    pub(super) fn parse(image: &str, tag: Option<&str>) -> Result<Name, Failure> {
        let (image, digest) = match image.split_once('@') {
            Some((image, digest)) => (image, Some(digest)),
            None => (image, tag.filter(|tag| tag.contains(':'))),
        };
        let whole = match (digest, tag) {
            (None, Some(tag)) => format!("{image}:{tag}"),
            _ => image.to_string(),
        };
        let Reference { name: short, tag } = Reference::parse(&whole)?;
        let (host, path) = match short.split_once('/') {
            Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => {
                (first.to_string(), rest.to_string())
            }
            Some(_) => ("docker.io".to_string(), short.clone()),
            None => ("docker.io".to_string(), format!("library/{short}")),
        };
        let target = match digest {
            None => Target::Tag(tag),
            Some(digest) if is_digest(digest) => Target::Digest(digest.into()),
            Some(_) => return Err(Failure::bad("invalid reference format")),
        };
        Ok(Name {
            short,
            host,
            path,
            target,
        })
    }
}

/// Whether that is a digest which can be checked here.
pub(super) fn is_digest(text: &str) -> bool {
    let hex = text.strip_prefix("sha256:").unwrap_or_default();
    let digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    hex.len() == 64 && hex.bytes().all(digit)
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Target::Tag(text) | Target::Digest(text)) = self;
        f.write_str(text)
    }
}

/// In full.
impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match self.target {
            Target::Tag(_) => ':',
            Target::Digest(_) => '@',
        };
        write!(f, "{}/{}{sign}{}", self.host, self.path, self.target)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_mean_what_they_mean_to_docker() {
        let digest = format!("sha256:{}", "0".repeat(64));
        for (image, tag, expected) in [
            ("nginx", None, "docker.io/library/nginx:latest"),
            ("nginx", Some("1.27"), "docker.io/library/nginx:1.27"),
            (
                "docker.io/library/nginx",
                None,
                "docker.io/library/nginx:latest",
            ),
            ("me/x", None, "docker.io/me/x:latest"),
            ("a/b/c", None, "docker.io/a/b/c:latest"),
            ("localhost/x", None, "localhost/x:latest"),
            ("localhost:5000/x", None, "localhost:5000/x:latest"),
            ("127.0.0.1:5000/a/b", Some("1"), "127.0.0.1:5000/a/b:1"),
            ("ghcr.io/x", None, "ghcr.io/x:latest"),
            ("host:5000/x:1", None, "host:5000/x:1"),
            (
                "nginx",
                Some(&digest[..]),
                &format!("docker.io/library/nginx@{digest}"),
            ),
            (&format!("x.y/z@{digest}"), None, &format!("x.y/z@{digest}")),
            (
                &format!("x.y/z:1@{digest}"),
                None,
                &format!("x.y/z@{digest}"),
            ),
        ] {
            let found = Name::parse(image, tag).unwrap();
            assert_eq!(found.to_string(), expected, "{image}");
        }
        for (image, tag) in [
            ("", None),
            ("A", None),
            ("x@sha256:00", None),
            ("x", Some("sha256:../..")),
            ("../x", None),
        ] {
            assert!(Name::parse(image, tag).is_err(), "{image}");
        }
    }
}
