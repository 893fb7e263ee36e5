//! Ids, digests, names of containers, and signals as clients write them.

use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::Read;

const ADJECTIVES: [&str; 16] = [
    "agile", "brave", "calm", "clear", "eager", "fair", "gentle", "glad", "keen", "kind", "light",
    "lucid", "patient", "plain", "quiet", "steady",
];
const NOUNS: [&str; 16] = [
    "anchor", "bridge", "canal", "crane", "dock", "ferry", "harbor", "jetty", "lantern", "mole",
    "pier", "quay", "raft", "sail", "tide", "wharf",
];

/// So many random bytes, as hexadecimal digits.
pub(super) fn random_hex(bytes: usize) -> std::io::Result<String> {
    let mut buffer = vec![0; bytes];
    File::open("/dev/urandom")?.read_exact(&mut buffer)?;
    Ok(buffer.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// A digest in hexadecimal digits.
pub(super) fn sha256(bytes: &[u8]) -> String {
    hex(Sha256::new().chain_update(bytes))
}

/// A hash that is complete, in hexadecimal digits.
pub(super) fn hex(sha: Sha256) -> String {
    let digest = sha.finalize();
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A name for a container that was given none, which `is_free`.
pub(super) fn invented(is_free: impl Fn(&str) -> bool) -> std::io::Result<String> {
    loop {
        let random = random_hex(4)?;
        let at = |from: usize| usize::from_str_radix(&random[from..from + 2], 16).unwrap_or(0);
        let plain = format!("{}_{}", ADJECTIVES[at(0) % 16], NOUNS[at(2) % 16]);
        let name = match is_free(&plain) {
            true => plain,
            false => format!("{plain}{}", &random[4..]),
        };
        if is_free(&name) {
            return Ok(name);
        }
    }
}

/// Whether a container may have this name: `[a-zA-Z0-9][a-zA-Z0-9_.-]+`.
pub(super) fn is_name(name: &str) -> bool {
    let mut characters = name.chars();
    let first = characters
        .next()
        .is_some_and(|first| first.is_ascii_alphanumeric());
    let rest = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    first && name.len() > 1 && characters.all(rest)
}

/// A signal by its number or its name, with SIG before it or not.
pub(super) fn signal(text: &str) -> Option<i32> {
    if let Ok(number) = text.parse() {
        return (1..=64).contains(&number).then_some(number);
    }
    let name = text.to_ascii_uppercase();
    let name = name.strip_prefix("SIG").unwrap_or(&name);
    let known = format!("SIG{name}");
    known
        .parse::<nix::sys::signal::Signal>()
        .ok()
        .map(|signal| signal as i32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_signals() {
        for (name, good) in [
            ("e1", true),
            ("a_b.c-d", true),
            ("-x", false),
            ("x", false),
            ("", false),
            ("a/b", false),
            ("ä1", false),
        ] {
            assert_eq!(is_name(name), good, "{name}");
        }
        for (text, expected) in [
            ("9", Some(9)),
            ("KILL", Some(9)),
            ("SIGTERM", Some(15)),
            ("term", Some(15)),
            ("0", None),
            ("65", None),
            ("BOGUS", None),
        ] {
            assert_eq!(signal(text), expected, "{text}");
        }
        assert!(is_name(&invented(|name| name.len() > 12).unwrap()));
        assert_eq!(random_hex(32).unwrap().len(), 64);
    }
}
