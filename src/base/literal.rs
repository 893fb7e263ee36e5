//! Strings as the evidence shows them.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

/// A string or path in quotes, as strace(1) writes one: what a person can't see or
/// would take for its end is escaped as in C.
pub fn literal(text: impl AsRef<OsStr>) -> String {
    let mut out = String::from("\"");
    for chunk in text.as_ref().as_bytes().utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '"' | '\\' => out.extend(['\\', character]),
                '\n' => out += "\\n",
                '\t' => out += "\\t",
                '\r' => out += "\\r",
                control if control.is_control() => {
                    let mut bytes = [0; 4];
                    let bytes = control.encode_utf8(&mut bytes).bytes();
                    bytes.for_each(|byte| out += &format!("\\{byte:03o}"));
                }
                other => out.push(other),
            }
        }
        for byte in chunk.invalid() {
            out += &format!("\\{byte:03o}");
        }
    }
    out + "\""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_is_escaped_as_in_c() {
        for (text, expected) in [
            (&b"/mnt/a b"[..], r#""/mnt/a b""#),
            ("/ä/\u{301}".as_bytes(), "\"/ä/\u{301}\""),
            (b"a\"b\\c\n\t\r", r#""a\"b\\c\n\t\r""#),
            (b"\x1b[31m\0", r#""\033[31m\000""#),
            (b"\xff.", r#""\377.""#),
            ("\u{9b}".as_bytes(), r#""\302\233""#),
        ] {
            assert_eq!(literal(OsStr::from_bytes(text)), expected);
        }
    }
}
