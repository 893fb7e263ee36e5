//! HTML: comments that mean something, and text that is shown as it stands.

use super::headings::Section;
use super::{Builder, Open};
use crate::base::nearest;
use crate::course::document::{Block, Inline};
use std::ops::Range;

impl Builder<'_, '_> {
    /// Comments mean something; other HTML is shown as it stands.
    pub(super) fn html_text(&mut self, html: &str, range: Range<usize>) {
        let mut rest = html;
        while !rest.trim().is_empty() {
            let skipped = html.len() - rest.len();
            let at = range.start + skipped;
            let Some(comment) = rest.trim_start().strip_prefix("<!--") else {
                let end = rest.find("<!--").unwrap_or(rest.len());
                self.raw_html(&rest[..end], at);
                rest = &rest[end..];
                continue;
            };
            let start = at + (rest.len() - rest.trim_start().len());
            let closed = comment.split_once("-->");
            let Some((body, after)) = closed.filter(|(body, _)| !body.contains("<!--")) else {
                self.sink.error(
                    "unclosed-comment",
                    start..start + 4,
                    "this comment has no end",
                    "close it with `-->`",
                );
                return;
            };
            self.comment(body, start..start + body.len() + 7);
            rest = after;
        }
    }

    fn comment(&mut self, body: &str, at: Range<usize>) {
        let body = body.trim();
        let word = body.split([':', ' ', '\n']).next().unwrap_or("");
        if let Some(note) = body.strip_prefix("note:") {
            let lines: Vec<&str> = note.trim().lines().map(str::trim).collect();
            self.parts.notes.push(lines.join("\n"));
        } else if body == "pause" {
            self.close_loose();
            if matches!(self.stack.last(), Some(Open::Blocks(_))) {
                self.block(Block::Pause);
            } else {
                self.sink.error(
                    "inline-pause",
                    at,
                    "a pause can't stand within a line",
                    "give `<!-- pause -->` a line of its own, with empty lines around it",
                );
            }
        } else if body == "result" {
            self.result(at);
        } else if let Some(close) = nearest(word, ["note", "pause", "result"])
            && (body == word || body[word.len()..].starts_with(':') || word == close)
        {
            let help = match close {
                "note" => "write `<!-- note: … -->`",
                "result" => "write `<!-- result -->`",
                _ => "write `<!-- pause -->`",
            };
            self.sink.error(
                "unknown-comment",
                at,
                format!("the comment `{word}` means nothing"),
                help,
            );
        }
    }

    /// What follows appears once there is an observation.
    fn result(&mut self, at: Range<usize>) {
        self.close_loose();
        let top = matches!(self.stack.as_slice(), [Open::Blocks(_)]);
        let (code, message, help) = match (top, self.section, &self.parts.mark) {
            (false, _, _) => (
                "inline-result",
                "the mark `result` can't stand within a line, a list or a quote",
                "give `<!-- result -->` a line of its own, with empty lines around it",
            ),
            (true, Section::Tab(_), _) => (
                "result-in-tab",
                "the mark `result` stands in a tab, of which nothing is held back",
                "put it into the explanation, before the tabs",
            ),
            (true, _, Some(_)) => (
                "duplicate-mark",
                "there are two marks `result`",
                "what follows the first one appears with the observation: leave this one out",
            ),
            (true, Section::Prose | Section::Result, None) => {
                self.parts.mark = Some(at);
                self.section = Section::Result;
                return;
            }
        };
        self.sink.error(code, at, message, help);
    }

    fn raw_html(&mut self, text: &str, at: usize) {
        let text = text.trim_end();
        let lower = text.to_ascii_lowercase();
        if ["<br>", "<br/>", "<br />"].contains(&lower.as_str()) {
            return self.inline(Inline::Break);
        }
        self.sink.warning(
            "raw-html",
            at..at + text.len(),
            "HTML is shown as it is written",
            "use Markdown; put `<word>` between backticks if it is meant literally",
        );
        self.inline(Inline::Text(text.into()));
        if self.html.is_none() && self.stack.len() == 1 {
            self.close_loose();
        }
    }
}
