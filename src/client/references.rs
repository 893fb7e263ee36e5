//! Names of images as Docker's CLI sends them.

/// The whole name of a repository, and the tag if one was given:
/// `x/y:1` is `docker.io/x/y` and `1`.
pub(super) fn whole(name: &str) -> (String, Option<String>) {
    let after = name.rfind('/').map_or(0, |at| at + 1);
    let (repository, tag) = match name[after..].find(':') {
        Some(at) => (
            &name[..after + at],
            Some(name[after + at + 1..].to_string()),
        ),
        None => (name, None),
    };
    let first = repository.split_once('/').map(|(first, _)| first);
    let full = match first {
        Some(host) if host.contains(['.', ':']) || host == "localhost" => repository.to_string(),
        Some(_) => format!("docker.io/{repository}"),
        None => format!("docker.io/library/{repository}"),
    };
    (full, tag)
}

/// Percent-encodes what may not stand in a path as it is; slashes may.
pub(super) fn path(text: &str) -> String {
    encoded(text, b"-_.~$&+,:;=@/")
}

/// The same of a query's value.
pub(super) fn query(text: &str) -> String {
    encoded(text, b"-_.~")
}

fn encoded(text: &str, plain: &[u8]) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte.is_ascii_alphanumeric() || plain.contains(&byte) {
            true => encoded.push(char::from(byte)),
            false => encoded += &format!("%{byte:02X}"),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_completed_and_encoded() {
        for (name, full, tag) in [
            ("busybox", "docker.io/library/busybox", None),
            ("x/y:1", "docker.io/x/y", Some("1")),
            ("a.b/c", "a.b/c", None),
            ("localhost:5000/a:b", "localhost:5000/a", Some("b")),
        ] {
            assert_eq!(whole(name), (full.into(), tag.map(String::from)));
        }
        assert_eq!(query("docker.io/x"), "docker.io%2Fx");
        assert_eq!(path("x/y:1 ?#"), "x/y:1%20%3F%23");
    }
}
