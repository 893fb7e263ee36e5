//! Digests: `sha256:` or `sha512:` and hexadecimal digits (OCI Image Format
//! Specification, descriptor.md, "Digests").

use sha2::{Digest as _, Sha256, Sha512};
use std::fmt;
use std::io::{self, Read, Write};

/// The algorithms that there are.
pub(super) const ALGORITHMS: [&str; 2] = ["sha256", "sha512"];

/// A digest of one of the two algorithms, with as many digits as it has to have: it
/// may be part of a path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Digest {
    algorithm: &'static str,
    hex: String,
}

impl Digest {
    /// Reads one; `None` for all else.
    pub(super) fn parse(text: &str) -> Option<Digest> {
        let (algorithm, hex) = text.split_once(':')?;
        let algorithm = *ALGORITHMS.iter().find(|known| **known == algorithm)?;
        let length = if algorithm == "sha256" { 64 } else { 128 };
        let digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        (hex.len() == length && hex.bytes().all(digit)).then(|| Digest {
            algorithm,
            hex: hex.into(),
        })
    }

    /// Of what can be read.
    ///
    /// # Errors
    /// Of reading.
    pub(super) fn of(algorithm: &'static str, mut from: impl Read) -> io::Result<Digest> {
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let hex = if algorithm == "sha512" {
            let mut sha = Sha512::new();
            copy(&mut from, &mut sha)?;
            hex(&sha.finalize())
        } else {
            let mut sha = Sha256::new();
            copy(&mut from, &mut sha)?;
            hex(&sha.finalize())
        };
        Ok(Digest { algorithm, hex })
    }

    /// `sha256` or `sha512`.
    pub(super) fn algorithm(&self) -> &'static str {
        self.algorithm
    }

    /// The digits.
    pub(super) fn hex(&self) -> &str {
        &self.hex
    }
}

fn copy(from: &mut impl Read, to: &mut impl Write) -> io::Result<()> {
    let mut bytes = vec![0; 128 << 10];
    loop {
        match from.read(&mut bytes)? {
            0 => return Ok(()),
            count => to.write_all(&bytes[..count])?,
        }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.algorithm, self.hex)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_digests_are_some() {
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let whole = format!("sha256:{empty}");
        assert_eq!(Digest::parse(&whole).unwrap().to_string(), whole);
        assert_eq!(
            Digest::of("sha256", io::empty()).unwrap().to_string(),
            whole
        );
        let long = Digest::of("sha512", io::empty()).unwrap().to_string();
        assert_eq!(Digest::parse(&long).unwrap().hex().len(), 128);
        for wrong in [
            "",
            "sha256",
            "sha256:",
            "sha256:00",
            &format!("sha256:{}", empty.to_uppercase()),
            &format!("sha512:{empty}"),
            &format!("md5:{empty}"),
            &format!("sha256:{empty}0"),
            &format!("sha256:{}", "../".repeat(22).split_at(64).0),
        ] {
            assert_eq!(Digest::parse(wrong), None, "{wrong}");
        }
    }
}
