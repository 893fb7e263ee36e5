//! Code blocks: data, code, and words that are neither.

use super::{Builder, Fence, FenceKind};
use crate::base::nearest;
use crate::course::document::Block;
use std::ops::Range;

/// Words after a code fence that mean a language.
const LANGUAGES: [&str; 22] = [
    "text",
    "sh",
    "bash",
    "console",
    "c",
    "rust",
    "go",
    "python",
    "json",
    "toml",
    "yaml",
    "diff",
    "ini",
    "make",
    "http",
    "dockerfile",
    "xml",
    "html",
    "javascript",
    "markdown",
    "asm",
    "sql",
];

impl Builder<'_, '_> {
    pub(super) fn code_block(&mut self) {
        let Some(code) = self.code.take() else { return };
        let source = self.sink.source();
        let whole = source.text.get(code.whole.clone()).unwrap_or("");
        let first = whole.lines().next().unwrap_or("");
        let opening = code.whole.start..code.whole.start + first.len();
        let body = code.body.unwrap_or(opening.end + 1..opening.end + 1);
        let word = code.info.split([' ', '\t', ',', '{']).next().unwrap_or("");
        if code.fenced && !closed(whole) {
            self.sink.error(
                "unclosed-fence",
                opening.clone(),
                "this fenced block has no end",
                "close it with a line of the same marks",
            );
        }
        let kind = match word {
            "demo" => Some(FenceKind::Demo),
            "quiz" => Some(FenceKind::Quiz),
            _ => None,
        };
        if let Some(kind) = kind {
            if self.stack.len() > 1 {
                self.sink.error(
                    "nested-block",
                    opening,
                    format!("the block `{word}` stands inside a list or a quote"),
                    "move it to the left margin",
                );
                return;
            }
            self.parts.fences.push(Fence {
                kind,
                opening,
                body,
            });
            return;
        }
        if !word.is_empty() && !LANGUAGES.contains(&word) {
            self.unknown_info(word, &opening);
        }
        self.parts.code.push((word.into(), body));
        let text = code.text.strip_suffix('\n').unwrap_or(&code.text);
        self.block(Block::Code(word.into(), text.into()));
    }

    fn unknown_info(&mut self, word: &str, opening: &Range<usize>) {
        let source = self.sink.source();
        let line = source.text.get(opening.clone()).unwrap_or("");
        let start = opening.start + line.find(word).unwrap_or(0);
        let at = start..start + word.len();
        match (nearest(word, ["demo", "quiz"]), nearest(word, LANGUAGES)) {
            (Some(close), _) => self.sink.error(
                "unknown-block",
                at,
                format!("there is no fenced block `{word}`"),
                format!("did you mean `{close}`?"),
            ),
            (None, Some(close)) => self.sink.warning(
                "unknown-language",
                at,
                format!("the language `{word}` is not known"),
                format!("did you mean `{close}`?"),
            ),
            (None, None) => self.sink.warning(
                "unknown-language",
                at,
                format!("the language `{word}` is not known"),
                "`demo` and `quiz` hold data; `sh`, `console`, `c`, `text` and the like are code",
            ),
        }
    }
}

/// Whether a fenced block's last line closes it.
fn closed(whole: &str) -> bool {
    let fence = |line: &str| {
        let line = line.trim_start_matches([' ', '>', '\t']);
        let mark = line.chars().next().filter(|c| matches!(c, '`' | '~'))?;
        Some((mark, line.chars().take_while(|c| *c == mark).count()))
    };
    let mut lines = whole.trim_end().lines();
    let opening = lines.next().and_then(fence);
    let closing = lines.next_back().and_then(fence);
    match (opening, closing) {
        (Some((a, n)), Some((b, m))) => a == b && m >= n,
        // A fence that begins with a list's mark can't be told from its first line.
        (None, closing) => closing.is_some(),
        (Some(_), None) => false,
    }
}
