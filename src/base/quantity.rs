//! Sizes and durations the way people write them: `64MiB`, `300ms`, `10d`.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::{fmt, str::FromStr};
use thiserror::Error;

/// Why a quantity could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{text}` is not a {what}: expected a whole number and one of {units}")]
pub struct ParseQuantityError {
    text: String,
    what: &'static str,
    units: &'static str,
}

/// A size in bytes, written with a binary unit: `4KiB`, `64MiB`, `1GiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes(pub u64);

/// A duration in nanoseconds, signed: a clock offset may point to the past.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nanos(pub i64);

const SIZES: [(&str, u64); 4] = [
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("B", 1),
];
const TIMES: [(&str, u64); 7] = [
    ("d", 86_400_000_000_000),
    ("h", 3_600_000_000_000),
    ("min", 60_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
    ("s", 1_000_000_000),
];

/// Splits `64MiB` into number and factor.
fn scaled(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let factor = units.iter().find(|(name, _)| *name == unit.trim())?.1;
    number.parse::<u64>().ok()?.checked_mul(factor)
}

impl FromStr for Bytes {
    type Err = ParseQuantityError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        scaled(text.trim(), &SIZES)
            .map(Bytes)
            .ok_or(ParseQuantityError {
                text: text.into(),
                what: "size",
                units: "B, KiB, MiB, GiB",
            })
    }
}

impl FromStr for Nanos {
    type Err = ParseQuantityError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (sign, magnitude) = match text.trim().strip_prefix('-') {
            Some(rest) => (-1, rest),
            None => (1, text.trim()),
        };
        scaled(magnitude, &TIMES)
            .and_then(|n| i64::try_from(n).ok())
            .map(|n| Nanos(sign * n))
            .ok_or(ParseQuantityError {
                text: text.into(),
                what: "duration",
                units: "ns, us, ms, s, min, h, d",
            })
    }
}

impl fmt::Display for Bytes {
    /// In the largest unit that fits, with one decimal where it isn't whole.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match SIZES.iter().find(|(_, factor)| self.0 >= *factor) {
            Some((unit, factor)) if self.0.is_multiple_of(*factor) => {
                write!(f, "{} {unit}", self.0 / factor)
            }
            Some((unit, factor)) => write!(f, "{:.1} {unit}", self.0 as f64 / *factor as f64),
            None => write!(f, "0 B"),
        }
    }
}

impl fmt::Display for Nanos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let n = self.0.unsigned_abs();
        match n {
            0 => write!(f, "0 s"),
            1..1_000 => write!(f, "{sign}{n} ns"),
            1_000..1_000_000 => write!(f, "{sign}{:.1} µs", n as f64 / 1e3),
            1_000_000..1_000_000_000 => write!(f, "{sign}{:.1} ms", n as f64 / 1e6),
            1_000_000_000..120_000_000_000 => write!(f, "{sign}{:.2} s", n as f64 / 1e9),
            _ => {
                let s = n / 1_000_000_000;
                let (d, h, m, s) = (s / 86_400, s / 3_600 % 24, s / 60 % 60, s % 60);
                match (d, h) {
                    (0, 0) => write!(f, "{sign}{m} min {s:02} s"),
                    (0, _) => write!(f, "{sign}{h} h {m:02} min"),
                    _ => write!(f, "{sign}{d} d {h:02} h {m:02} min"),
                }
            }
        }
    }
}

/// Serialized as the text that a person would write, read leniently.
macro_rules! as_text {
    ($name:ident, $unit:literal, $pattern:literal) => {
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.serialize_str(&format!("{}{}", self.0, $unit))
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                String::deserialize(d)?.parse().map_err(de::Error::custom)
            }
        }
        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "pattern": $pattern })
            }
        }
    };
}
as_text!(Bytes, "B", "^[0-9]+ *(B|KiB|MiB|GiB)$");
as_text!(Nanos, "ns", "^-?[0-9]+ *(ns|us|ms|s|min|h|d)$");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_write() {
        assert_eq!("64MiB".parse(), Ok(Bytes(64 << 20)));
        assert_eq!("300ms".parse(), Ok(Nanos(300_000_000)));
        assert_eq!("-10d".parse(), Ok(Nanos(-864_000_000_000_000)));
        for bad in ["", "64", "MiB", "64MB", "1.5GiB", "99999999999GiB"] {
            assert!(bad.parse::<Bytes>().is_err(), "{bad}");
        }
    }

    #[test]
    fn writes_what_people_read() {
        assert_eq!(Bytes(64 << 20).to_string(), "64 MiB");
        assert_eq!(Bytes(1536).to_string(), "1.5 KiB");
        assert_eq!(Nanos(864_000_000_000_000).to_string(), "10 d 00 h 00 min");
        assert_eq!(Nanos(1_500_000).to_string(), "1.5 ms");
    }
}
