//! The same in ASCII: for terminals, fonts and projectors that have no more.
//!
//! Everything is drawn with Unicode's signs; where text leaves the program,
//! this maps each of them to a character of the same width that isn't used for
//! another sign beside it. What isn't of our own drawing, such as a file's
//! name, stays as it is.

use std::borrow::Cow;

/// The text with our own signs, borders and drawings in ASCII.
pub fn ascii(text: &str) -> Cow<'_, str> {
    match text.is_ascii() {
        true => Cow::Borrowed(text),
        false => Cow::Owned(text.chars().map(plain).collect()),
    }
}

fn plain(c: char) -> char {
    match c {
        // Borders, rules and axes; the thick ones are where the focus is.
        '─' | '┄' | '┈' | '╌' | '–' | '—' => '-',
        '━' | '═' => '=',
        '│' | '┃' | '▎' | '▏' => '|',
        '┆' => ':',
        '╭' | '╮' | '╰' | '╯' | '┌' | '┐' | '└' | '┘' | '├' | '┤' | '┬' | '┴' | '┼' => {
            '+'
        }
        '┏' | '┓' | '┗' | '┛' => '#',
        // Signs before a claim, a value, a note.
        '✓' => '+',
        '✗' | '╳' | '×' => 'x',
        '≠' => '~',
        '●' | '•' => '*',
        '○' => 'o',
        '◆' => '&',
        '■' | '█' => '#',
        '□' => '%',
        '‖' => '=',
        '▌' => '=',
        '·' | '…' => '.',
        // Arrows: of knobs, of lists, of keys, of what was cut.
        '▸' | '→' => '>',
        '◂' | '←' => '<',
        '▲' | '↑' => '^',
        '▼' | '↓' => 'v',
        '↪' | '↵' | '␊' => '\\',
        '␛' => '^',
        '\u{a0}' | '\u{2800}' => ' ',
        // The dots of a curve; control characters that were made visible.
        '\u{2801}'..='\u{28ff}' => 'o',
        '\u{2400}'..='\u{2421}' => '?',
        // Quotation marks and the like of prose.
        '‘' | '’' => '\'',
        '“' | '”' => '"',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::line::width;

    #[test]
    fn signs_keep_their_width_and_what_is_not_ours_stays() {
        for (text, expected) in [
            ("✓ It holds.", "+ It holds."),
            ("≠ kettle  ╭─╮ ┆ │", "~ kettle  +-+ : |"),
            ("⠒⠒ a  •• b  ×× c", "oo a  ** b  xx c"),
            ("容器 is a name", "容器 is a name"),
        ] {
            assert_eq!(ascii(text), expected);
            assert_eq!(width(text), width(expected));
        }
    }

    /// The program's own text in all files that draw, whatever is added to them.
    #[test]
    fn every_sign_of_the_program_has_an_ascii_form() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut folders: Vec<_> = ["render", "tui", "cli"].map(|dir| root.join(dir)).into();
        let mut seen = 0;
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                if path.is_dir() && !["snapshots", "tests"].contains(&name.as_str()) {
                    folders.push(path);
                    continue;
                }
                if !name.ends_with(".rs") || name.contains("tests") {
                    continue;
                }
                let text = std::fs::read_to_string(&path).unwrap();
                let text = text.split("#[cfg(test)]\nmod tests").next().unwrap();
                for line in text.lines().filter(|l| !l.trim_start().starts_with("//")) {
                    assert!(ascii(line).is_ascii(), "{name}: {line}");
                    seen += usize::from(!line.is_ascii());
                }
            }
        }
        assert!(seen > 30, "the files were read");
    }
}
