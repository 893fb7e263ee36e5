//! Names of images: `docker.io/library/base:latest`, said shortly `base`.

use super::failure::Failure;
use std::fmt;

/// A name with a tag, in its short form.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Reference {
    pub(super) name: String,
    pub(super) tag: String,
}

impl Reference {
    /// Reads one; without a tag it is `latest`.
    ///
    /// # Errors
    /// What is no such name, in the words of the API.
    pub(super) fn parse(text: &str) -> Result<Reference, Failure> {
        let wrong = |why: &str| Failure::bad(format!("invalid reference format{why}"));
        if text.is_empty() || text.contains('@') {
            return Err(wrong(""));
        }
        // A colon before the last slash belongs to a port.
        let (name, tag) = match text.rsplit_once(':') {
            Some((name, tag)) if !tag.contains('/') => (name, tag),
            _ => (text, "latest"),
        };
        let short = [
            "docker.io/library/",
            "index.docker.io/library/",
            "docker.io/",
        ]
        .iter()
        .find_map(|prefix| name.strip_prefix(prefix))
        .unwrap_or(name);
        let (domain, path) = match short.split_once('/') {
            Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => {
                (first, rest)
            }
            _ => ("", short),
        };
        if path.chars().any(|c| c.is_ascii_uppercase()) {
            let full = match (domain, path.contains('/')) {
                ("", false) => format!("library/{path}"),
                _ => path.to_string(),
            };
            return Err(wrong(&format!(
                ": repository name ({full}) must be lowercase"
            )));
        }
        let part = |part: &str| {
            let edge = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
            part.starts_with(edge)
                && part.ends_with(edge)
                && part
                    .chars()
                    .all(|c| edge(c) || matches!(c, '.' | '_' | '-'))
        };
        let whole = domain.is_empty() || part(&domain.to_lowercase().replace(':', "-"));
        let host = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':');
        let in_tag = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        let good_tag = (1..=128).contains(&tag.len())
            && tag.chars().all(in_tag)
            && !tag.starts_with(['.', '-']);
        match path.split('/').all(part) && whole && domain.chars().all(host) && good_tag {
            true => Ok(Reference {
                name: short.into(),
                tag: tag.into(),
            }),
            false => Err(wrong("")),
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.name, self.tag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_and_long_names_are_one() {
        for (text, expected) in [
            ("base", Ok("base:latest")),
            ("docker.io/library/base", Ok("base:latest")),
            ("docker.io/library/base:1", Ok("base:1")),
            ("docker.io/me/base", Ok("me/base:latest")),
            ("127.0.0.1:5055/lib/bb:1", Ok("127.0.0.1:5055/lib/bb:1")),
            ("127.0.0.1:5055/lib/bb", Ok("127.0.0.1:5055/lib/bb:latest")),
            ("a/b/c:v1.2_x-y", Ok("a/b/c:v1.2_x-y")),
            (
                "UPPER",
                Err("invalid reference format: repository name (library/UPPER) must be lowercase"),
            ),
            ("", Err("invalid reference format")),
            ("a//b", Err("invalid reference format")),
            ("../x", Err("invalid reference format")),
            ("a:-x", Err("invalid reference format")),
            ("a b", Err("invalid reference format")),
        ] {
            let found = Reference::parse(text);
            let found = found.map(|found| found.to_string());
            let expected = expected.map(str::to_string).map_err(Failure::bad);
            assert_eq!(found, expected, "{text}");
        }
    }
}
