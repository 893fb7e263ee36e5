//! Words as a shell reads them, and as a person does.

use super::literal::literal;

/// An argument as a shell would need it, on one line: with control characters as
/// `$'…'` writes them, bash(1), "QUOTING".
pub fn quoted(arg: &str) -> String {
    if is_plain(arg) {
        return arg.to_string();
    }
    if arg.chars().any(char::is_control) {
        let text = literal(arg);
        let inner = text.trim_start_matches('"');
        let inner = inner.strip_suffix('"').unwrap_or(inner);
        return format!("$'{}'", inner.replace('\'', r"\'"));
    }
    format!("'{}'", arg.replace('\'', r"'\''"))
}

/// A path or a name in a sentence: as it is where that is plain, else as a string
/// literal of C, so that it can't be taken for words of the sentence.
pub fn named(text: &str) -> String {
    match is_plain(text) || text.contains("${") && is_plain(&text.replace(['$', '{', '}'], "")) {
        true => text.to_string(),
        false => literal(text),
    }
}

fn is_plain(text: &str) -> bool {
    let safe = |c: char| c.is_alphanumeric() || "-_./=:,+@%".contains(c);
    !text.is_empty() && text.chars().all(safe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_one_word_on_one_line() {
        for (text, in_shell, in_words) in [
            ("/mnt/lower", "/mnt/lower", "/mnt/lower"),
            ("größe", "größe", "größe"),
            ("", "''", "\"\""),
            ("a b", "'a b'", "\"a b\""),
            ("it's", r"'it'\''s'", "\"it's\""),
            ("a\nrm -rf /", r"$'a\nrm -rf /'", r#""a\nrm -rf /""#),
            ("a'\t\\", r"$'a\'\t\\'", r#""a'\t\\""#),
        ] {
            assert_eq!(quoted(text), in_shell);
            assert_eq!(named(text), in_words);
        }
    }
}
