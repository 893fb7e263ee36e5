//! Footnotes: numbered in the order in which the text refers to them, and set
//! at the end of the part of the step that did so first.

use super::headings::Section;
use crate::course::document::{Block, Inline};
use std::ops::Range;

/// The footnotes of one step.
#[derive(Default)]
pub(super) struct Footnotes {
    notes: Vec<Footnote>,
    /// Labels in the order of their first mention, and where that was.
    referred: Vec<(String, Section)>,
}

struct Footnote {
    label: String,
    range: Range<usize>,
    text: Vec<Block>,
}

impl Footnotes {
    /// The sign of a footnote where the text refers to it.
    pub(super) fn refer(&mut self, label: &str, section: Section) -> String {
        let same = |(known, _): &(String, Section)| is_same(known, label);
        let index = self.referred.iter().position(same).unwrap_or_else(|| {
            self.referred.push((label.into(), section));
            self.referred.len() - 1
        });
        sign(index)
    }

    /// A definition begins; its text follows.
    pub(super) fn define(&mut self, label: &str, range: Range<usize>) {
        self.notes.push(Footnote {
            label: label.into(),
            range,
            text: Vec::new(),
        });
    }

    /// The text of the definition that began last.
    pub(super) fn text(&mut self, text: Vec<Block>) {
        if let Some(note) = self.notes.last_mut() {
            note.text = text;
        }
    }

    /// Definitions that nothing refers to: label and place.
    pub(super) fn unused(&self) -> Vec<(String, Range<usize>)> {
        let used = |note: &&Footnote| {
            let mut referred = self.referred.iter();
            !referred.any(|(label, _)| is_same(label, &note.label))
        };
        let unused = self.notes.iter().filter(used);
        unused
            .map(|note| (note.label.clone(), note.range.clone()))
            .collect()
    }

    /// The texts in the order of their numbers, each with its part of the step.
    pub(super) fn into_blocks(mut self) -> Vec<(Section, Vec<Block>)> {
        let mut found = Vec::new();
        for (index, (label, section)) in self.referred.iter().enumerate() {
            let same = |note: &&mut Footnote| is_same(&note.label, label);
            let Some(note) = self.notes.iter_mut().find(same) else {
                continue;
            };
            let mut text = std::mem::take(&mut note.text);
            let number = sign(index);
            match text.first_mut() {
                Some(Block::Paragraph(words)) => match words.first_mut() {
                    Some(Inline::Text(first)) => *first = format!("{number} {first}"),
                    _ => words.insert(0, Inline::Text(format!("{number} "))),
                },
                _ => text.insert(0, Block::Paragraph(vec![Inline::Text(number)])),
            }
            found.push((*section, text));
        }
        found
    }
}

fn sign(index: usize) -> String {
    format!("[{}]", index + 1)
}

/// Labels are the same whatever their capitals, as those of links are.
fn is_same(one: &str, other: &str) -> bool {
    one.to_lowercase() == other.to_lowercase()
}
