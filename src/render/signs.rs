//! The signs that a terminal can show: all of Unicode, those of a console's font, or
//! ASCII.
//!
//! Everything is drawn with Unicode's signs; where text leaves the program, this maps
//! each of them to one of the same width that isn't used for another sign beside it,
//! and that nobody reads as its opposite. What has no form of its own, such as a
//! letter in a file's name, becomes `?`.

use super::line::width;
use std::borrow::Cow;
use unicode_segmentation::UnicodeSegmentation;

/// Which characters a terminal shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Signs {
    /// All.
    #[default]
    Unicode,
    /// ASCII, thin lines and blocks: what every font of the Linux console has.
    Console,
    /// ASCII alone.
    Ascii,
}

impl Signs {
    /// What the terminal of this terminfo name (`TERM`) shows, if its locale is one of
    /// UTF-8: console_codes(4) for `linux`; DEC's own terminals know no UTF-8.
    pub fn of(term: &str) -> Signs {
        match term {
            "linux" => Signs::Console,
            term if term.starts_with("linux-") => Signs::Console,
            term if is_dec(term) => Signs::Ascii,
            _ => Signs::Unicode,
        }
    }

    /// The text with the signs that are there.
    pub fn text(self, text: &str) -> Cow<'_, str> {
        if self == Signs::Unicode || text.is_ascii() {
            return Cow::Borrowed(text);
        }
        let mut out = String::with_capacity(text.len());
        let mut rest = text.graphemes(true).peekable();
        while let Some(cluster) = rest.next() {
            // A sign that has to be two has the blank behind it.
            match pair(cluster).filter(|_| rest.peek() == Some(&" ")) {
                Some(two) => {
                    out.push_str(two);
                    rest.next();
                }
                None => self.one(cluster, &mut out),
            }
        }
        Cow::Owned(out)
    }

    fn one(self, cluster: &str, out: &mut String) {
        let cells = width(cluster);
        let Some(c) = cluster.chars().next() else {
            return;
        };
        let console = self == Signs::Console;
        let form = match c {
            c if c.is_ascii() || console && in_fonts(c) => Some(c),
            c => corner(c).filter(|_| console).or_else(|| plain(c)),
        };
        // What lies over a letter goes; a letter that is none of ASCII is only counted.
        out.extend(form);
        out.extend(std::iter::repeat_n(
            '?',
            cells - usize::from(form.is_some()).min(cells),
        ));
    }
}

/// Whether the name is that of a terminal of DEC's, or of one that does what they did:
/// `vt100`, `vt220`. They know neither UTF-8 nor colours; of `38;5;180` they take the
/// `5`, which blinks.
pub fn is_dec(term: &str) -> bool {
    let number = term.strip_prefix("vt");
    number.is_some_and(|number| number.starts_with(|c: char| c.is_ascii_digit()))
}

/// What both the kernel's own font and those of Debian's console-setup have.
fn in_fonts(c: char) -> bool {
    "─│┌┐└┘├┤┬┴┼█·".contains(c)
}

/// The rounded corners, as they are without the rounding.
fn corner(c: char) -> Option<char> {
    Some(match c {
        '╭' => '┌',
        '╮' => '┐',
        '╰' => '└',
        '╯' => '┘',
        _ => return None,
    })
}

/// The form of a sign where a blank follows, which it takes.
fn pair(sign: &str) -> Option<&'static str> {
    Some(match sign {
        "≠" => "!=",
        "±" => "+-",
        "‖" => "||",
        _ => return None,
    })
}

fn plain(c: char) -> Option<char> {
    Some(match c {
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
        '≠' => '!',
        '±' => '~',
        '●' | '•' => '*',
        '○' => 'o',
        '◆' => '&',
        '■' | '█' => '#',
        '□' => '%',
        '‖' => '|',
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
        // Units and notes.
        'µ' | 'μ' => 'u',
        '¹' => '1',
        '²' => '2',
        '³' => '3',
        '°' => 'o',
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};
    use std::path::Path;

    #[test]
    fn signs_keep_their_width() {
        for (text, ascii, console) in [
            ("✓ It holds.", "+ It holds.", "+ It holds."),
            (
                "≠ kettle  ╭─╮ ┆ │",
                "!=kettle  +-+ : |",
                "!=kettle  ┌─┐ : │",
            ),
            (
                "a≠b ‖ beat 5 ± 2‖",
                "a!b ||beat 5 +-2|",
                "a!b ||beat 5 +-2|",
            ),
            ("⠒⠒ a  •• b  ×× c", "oo a  ** b  xx c", "oo a  ** b  xx c"),
            ("7 µs ¹", "7 us 1", "7 us 1"),
            ("容器 is a na\u{308}me", "???? is a name", "???? is a name"),
        ] {
            assert_eq!(Signs::Ascii.text(text), ascii);
            assert_eq!(Signs::Console.text(text), console);
            assert_eq!(Signs::Unicode.text(text), text);
            assert_eq!(width(text), width(ascii));
        }
    }

    #[test]
    fn a_terminals_name_says_what_it_shows() {
        for (term, expected) in [
            ("xterm-256color", Signs::Unicode),
            ("tmux", Signs::Unicode),
            ("vte", Signs::Unicode),
            ("linux", Signs::Console),
            ("linux-16color", Signs::Console),
            ("vt100", Signs::Ascii),
            ("vt220", Signs::Ascii),
        ] {
            assert_eq!(Signs::of(term), expected, "{term}");
        }
    }

    /// Signs that stand in one column or beside each other, and have to be told apart.
    #[test]
    fn no_sign_turns_into_another() {
        for group in ["✓✗!?", "≠=~", "▲▼", "←→", "◂▸", "●○◆■□", "⠒•×╌", "─━", "·…"]
        {
            let forms: BTreeSet<_> = group.chars().map(|c| plain(c).unwrap_or(c)).collect();
            // Dots are told by where they are.
            let fewest = if group == "·…" {
                1
            } else {
                group.chars().count()
            };
            assert!(forms.len() >= fewest, "{group} became {forms:?}");
        }
        assert_eq!(Signs::Ascii.text("1 ≠ 2"), "1 !=2");
    }

    /// All text that can be drawn: of the program, and of its lessons. Whatever is
    /// added to either has a form.
    #[test]
    fn whatever_is_drawn_has_a_form_in_ascii() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut found: BTreeMap<char, String> = BTreeMap::new();
        let mut folders = vec![root.join("src"), root.join("lessons")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                if path.is_dir() {
                    if !["snapshots", "tests"].contains(&name.as_str()) {
                        folders.push(path);
                    }
                    continue;
                }
                if name.contains("tests") {
                    continue;
                }
                let text = std::fs::read_to_string(&path).unwrap();
                let text = text.split("#[cfg(test)]\nmod tests").next().unwrap();
                for line in text.lines().filter(|l| !l.trim_start().starts_with("//")) {
                    for c in line.chars().filter(|c| !c.is_ascii()) {
                        found.entry(c).or_insert(format!("{name}: {line}"));
                    }
                }
            }
        }
        assert!(found.len() > 40, "the files were read");
        for (c, at) in found {
            assert!(plain(c).is_some(), "`{c}` has no form: {at}");
        }
        for c in '\u{80}'..='\u{ffff}' {
            assert!(Signs::Ascii.text(c.encode_utf8(&mut [0; 4])).is_ascii());
        }
    }
}
