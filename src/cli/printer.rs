//! Where commands write to: text with a few tones, which become colours only
//! on a terminal that wants them.

use crate::render::{Signs, is_dec, is_unseen};
use serde_json::Serializer;
use serde_json::ser::{CompactFormatter, Formatter, PrettyFormatter};
use std::io::{self, Write};

/// What a word on the screen means. Never the only sign of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    /// A claim that holds.
    Good,
    /// A claim that fails, an error.
    Bad,
    /// Skipped, unavailable.
    Warn,
    /// A label or a heading.
    Label,
    /// Less important.
    Dim,
}

/// A writer that knows whether it may use colours.
pub(crate) struct Printer<'a> {
    out: Box<dyn Write + 'a>,
    terminal: bool,
    colour: bool,
    signs: Signs,
}

/// The terminal's terminfo name.
fn term() -> Option<String> {
    std::env::var("TERM").ok()
}

/// Whether the locale says that the terminal shows UTF-8, locale(7): the first
/// of `LC_ALL`, `LC_CTYPE` and `LANG` that is set counts.
pub(crate) fn utf8_locale() -> bool {
    utf8(|name| std::env::var(name).ok())
}

fn utf8(variable: impl Fn(&str) -> Option<String>) -> bool {
    let set = |name: &&str| variable(name).filter(|value| !value.is_empty());
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(set);
    let locale = locale.unwrap_or_default().to_lowercase();
    locale.contains("utf-8") || locale.contains("utf8")
}

impl<'a> Printer<'a> {
    /// A printer to `out`, which is a terminal or is not. Colours are used on
    /// a terminal, unless `NO_COLOR` is set or the terminal is a dumb one.
    pub(crate) fn new(out: impl Write + 'a, terminal: bool) -> Printer<'a> {
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let plain = term().is_some_and(|term| term == "dumb" || is_dec(&term));
        Printer {
            out: Box::new(out),
            terminal,
            colour: terminal && !set("NO_COLOR") && !plain,
            signs: Signs::Unicode,
        }
    }

    /// The same, with ASCII signs if that is wanted, or if it is a terminal
    /// without UTF-8; with those that it has on one that hasn't all. A file or a pipe
    /// has no locale. JSON stays as it is.
    pub(crate) fn in_ascii(mut self, wanted: bool) -> Printer<'a> {
        self.signs = match self.terminal {
            _ if wanted => Signs::Ascii,
            true if !utf8_locale() => Signs::Ascii,
            true => term().map_or(Signs::Unicode, |term| Signs::of(&term)),
            false => Signs::Unicode,
        };
        self
    }

    /// Whether escape sequences may be written.
    pub(crate) fn colour(&self) -> bool {
        self.colour
    }

    /// How wide a line may be: what every terminal has, or room for long values.
    pub(crate) fn width(&self) -> usize {
        if self.terminal { 80 } else { 120 }
    }

    /// Whether a person reads along.
    pub(crate) fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// The text in its tone.
    pub(crate) fn paint(&self, tone: Tone, text: &str) -> String {
        if !self.colour {
            return text.into();
        }
        let code = match tone {
            Tone::Good => "32",
            Tone::Bad => "1;31",
            Tone::Warn => "33",
            Tone::Label => "1",
            Tone::Dim => "2",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }

    /// A JSON document, set for people.
    pub(crate) fn document(&mut self, value: &impl serde::Serialize) -> io::Result<()> {
        let form = PrettyFormatter::new();
        value.serialize(&mut Serializer::with_formatter(
            &mut self.out,
            Visible(form),
        ))?;
        self.out.write_all(b"\n")
    }

    /// One JSON object on a line of its own.
    pub(crate) fn json(&mut self, value: &impl serde::Serialize) -> io::Result<()> {
        let form = CompactFormatter;
        value.serialize(&mut Serializer::with_formatter(
            &mut self.out,
            Visible(form),
        ))?;
        self.out.write_all(b"\n")
    }
}

/// JSON in which what a terminal would obey is escaped. JSON itself asks that of
/// the first 32 characters only.
struct Visible<F>(F);

impl<F: Formatter> Formatter for Visible<F> {
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        out: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut rest = fragment;
        while let Some((at, c)) = rest.char_indices().find(|(_, c)| is_unseen(*c)) {
            out.write_all(&rest.as_bytes()[..at])?;
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(out, "\\u{unit:04x}")?;
            }
            rest = &rest[at + c.len_utf8()..];
        }
        out.write_all(rest.as_bytes())
    }

    fn begin_array<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.begin_array(out)
    }

    fn end_array<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_array(out)
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_array_value(out, first)
    }

    fn end_array_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_array_value(out)
    }

    fn begin_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.begin_object(out)
    }

    fn end_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_object(out)
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_object_key(out, first)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.begin_object_value(out)
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_object_value(out)
    }
}

impl Write for Printer<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.signs != Signs::Unicode
            && let Ok(text) = std::str::from_utf8(bytes)
        {
            self.out.write_all(self.signs.text(text).as_bytes())?;
            return Ok(bytes.len());
        }
        self.out.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Text that came from outside of this program, on one line and without
/// control characters: what a box wrote must not steer the reader's terminal.
pub(crate) fn visible(text: &str) -> String {
    crate::render::visible(&text.trim_end_matches('\n').replace('\n', " ↵ "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_terminal_there_are_no_escapes() {
        let printer = Printer::new(Vec::new(), false);
        assert_eq!(printer.paint(Tone::Bad, "FAIL"), "FAIL");
    }

    #[test]
    fn the_locale_says_whether_there_is_utf8() {
        for (all, ctype, lang, expected) in [
            (None, None, Some("de_DE.UTF-8"), true),
            (None, None, Some("C.utf8"), true),
            (None, None, Some("de_DE.ISO-8859-1"), false),
            (Some("C"), None, Some("de_DE.UTF-8"), false),
            (Some(""), Some("en_GB.UTF-8"), Some("C"), true),
            (None, None, None, false),
        ] {
            let variable = |name: &str| match name {
                "LC_ALL" => all.map(String::from),
                "LC_CTYPE" => ctype.map(String::from),
                _ => lang.map(String::from),
            };
            assert_eq!(utf8(variable), expected, "{all:?} {ctype:?} {lang:?}");
        }
    }

    #[test]
    fn signs_become_ascii_and_json_stays() {
        let mut bytes = Vec::new();
        let mut printer = Printer::new(&mut bytes, false).in_ascii(true);
        writeln!(printer, "✓ ≠ 容器").unwrap();
        printer.json(&"≠").unwrap();
        drop(printer);
        assert_eq!(String::from_utf8(bytes).unwrap(), "+ !=????\n\"≠\"\n");
    }

    #[test]
    fn foreign_text_is_one_harmless_line() {
        assert_eq!(visible("a\x1b[31mb\nc\n"), "a␛[31mb ↵ c");
    }
}
