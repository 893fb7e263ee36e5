//! Names of repositories and tags, by the specification's grammar ("Pulling
//! manifests"):
//!
//! ```text
//! name  [a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(\/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*
//! tag   [a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}
//! ```

use std::fmt;

/// The longest name of a repository: clients count a host's name in, so that the
/// specification tells them to stay below this.
const LONGEST: usize = 255;

/// The name of a repository. It holds nothing but lower-case letters, digits, `/`,
/// `.`, `_` and `-`, and no part of it is empty or begins with a dot.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Name(String);

impl Name {
    /// Reads one; `None` for all else.
    pub(super) fn parse(text: &str) -> Option<Name> {
        let good = text.len() <= LONGEST && text.split('/').all(is_component);
        good.then(|| Name(text.into()))
    }

    /// The name of its directory. A name has no `+`.
    pub(super) fn directory(&self) -> String {
        self.0.replace('/', "+")
    }

    /// Whose directory has that name.
    pub(super) fn of_directory(text: &str) -> Option<Name> {
        match text.contains('/') {
            true => None,
            false => Name::parse(&text.replace('+', "/")),
        }
    }
}

fn is_component(text: &str) -> bool {
    let of_word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let Some(last) = text.bytes().last() else {
        return false;
    };
    if !of_word(text.as_bytes()[0]) || !of_word(last) {
        return false;
    }
    let between = text.split(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
    between
        .into_iter()
        .all(|part| matches!(part, "" | "." | "_" | "__") || part.bytes().all(|byte| byte == b'-'))
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether that is a tag.
pub(super) fn is_tag(text: &str) -> bool {
    let of_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let first = text.bytes().next().is_some_and(of_word);
    let rest = |byte: u8| of_word(byte) || matches!(byte, b'.' | b'-');
    first && text.len() <= 128 && text.bytes().all(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_tags_are_those_of_the_grammar() {
        for (text, good) in [
            ("base", true),
            ("library/base", true),
            ("a.b/c_d/e__f/g-h/i---j", true),
            ("0", true),
            ("", false),
            ("/", false),
            ("a/", false),
            ("/a", false),
            ("a//b", false),
            ("..", false),
            ("a/../b", false),
            (".a", false),
            ("a.", false),
            ("a..b", false),
            ("a___b", false),
            ("a._b", false),
            ("-a", false),
            ("A", false),
            ("a+b", false),
            ("a\0b", false),
            ("a%2eb", false),
            ("ä", false),
        ] {
            assert_eq!(Name::parse(text).is_some(), good, "{text}");
        }
        assert!(Name::parse(&"a".repeat(255)).is_some());
        assert!(Name::parse(&"a".repeat(256)).is_none());
        let name = Name::parse("library/base").unwrap();
        assert_eq!(name.directory(), "library+base");
        assert_eq!(Name::of_directory("library+base"), Some(name));
        for (text, good) in [
            ("latest", true),
            ("_", true),
            ("V1.2-x_y", true),
            ("", false),
            (".a", false),
            ("-a", false),
            ("a/b", false),
            ("a:b", false),
            ("a\0", false),
        ] {
            assert_eq!(is_tag(text), good, "{text}");
        }
        assert!(is_tag(&"a".repeat(128)) && !is_tag(&"a".repeat(129)));
    }

    proptest::proptest! {
        #[test]
        fn no_name_leads_out_of_its_directory(text in "[a-zA-Z0-9._/%+\\-\0]{0,40}") {
            if let Some(name) = Name::parse(&text) {
                let directory = name.directory();
                let path = std::path::Path::new(&directory);
                proptest::prop_assert_eq!(path.components().count(), 1);
                proptest::prop_assert!(!directory.starts_with('.'));
                proptest::prop_assert_eq!(Name::of_directory(&directory), Some(name));
            }
        }
    }
}
