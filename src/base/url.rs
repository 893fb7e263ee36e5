//! Parts of addresses on the web (RFC 3986): percent-encoding, and what stands behind
//! the `?`.

use std::collections::BTreeMap;

/// What stands behind the `?`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query(BTreeMap<String, Vec<String>>);

impl Query {
    /// Reads it; nothing is wrong.
    pub fn parse(text: &str) -> Query {
        let mut all = BTreeMap::<_, Vec<_>>::new();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            all.entry(percent_decoded(name, true))
                .or_default()
                .push(percent_decoded(value, true));
        }
        Query(all)
    }

    /// The first of that name.
    pub fn get(&self, name: &str) -> Option<&str> {
        Some(self.0.get(name)?.first()?.as_str())
    }

    /// The first, if it isn't empty.
    pub fn some(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|value| !value.is_empty())
    }

    /// All of that name.
    pub fn all(&self, name: &str) -> Vec<String> {
        self.0.get(name).cloned().unwrap_or_default()
    }

    /// Whether it says yes, as Docker reads it.
    pub fn yes(&self, name: &str) -> bool {
        let value = self.get(name).unwrap_or_default().trim().to_lowercase();
        !matches!(value.as_str(), "" | "0" | "no" | "false" | "none")
    }

    /// A number.
    ///
    /// # Errors
    /// That it is none.
    pub fn number(&self, name: &str) -> Result<Option<i64>, String> {
        self.some(name)
            .map(|text| {
                let wrong = |_| format!("invalid value for {name}: \"{text}\"");
                text.parse().map_err(wrong)
            })
            .transpose()
    }
}

/// Percent-encoding undone; what isn't UTF-8 then becomes U+FFFD. `plus` tells whether
/// a `+` is a space, as in a query.
pub fn percent_decoded(text: &str, plus: bool) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = bytes
            .get(at + 1..at + 3)
            .filter(|digits| bytes[at] == b'%' && digits.iter().all(u8::is_ascii_hexdigit))
            .and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        match (hex, bytes[at]) {
            (Some(byte), _) => {
                out.push(byte);
                at += 2;
            }
            (None, b'+') if plus => out.push(b' '),
            (None, byte) => out.push(byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// The same done: all but letters, digits and `-._~` are encoded.
pub fn percent_encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
            _ if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_decoded() {
        let query = Query::parse("a=1&b=x%2Fy+z&c&a=2&t=False&%zz=%&s=%+1");
        assert_eq!(query.get("b"), Some("x/y z"));
        assert_eq!(query.all("a"), ["1", "2"]);
        assert!(query.yes("a") && !query.yes("c") && !query.yes("t"));
        assert_eq!(query.get("%zz"), Some("%"));
        assert_eq!(query.get("s"), Some("% 1"));
        assert!(query.number("b").is_err());
        assert_eq!(query.number("a").unwrap(), Some(1));
    }

    #[test]
    fn what_is_encoded_can_be_decoded() {
        let text = "a/b+c d%ä\0";
        assert_eq!(percent_encoded("a/ä"), "a%2F%C3%A4");
        assert_eq!(percent_decoded(&percent_encoded(text), true), text);
    }
}
