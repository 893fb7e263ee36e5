//! Finding a step by words of its title or its text.

use super::screen::Tab;
use crate::course::{Course, Document, Lesson, Step};
use crate::render::visible;
use nucleo_matcher::pattern::{AtomKind, CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};

/// How much of a line is shown around what was found, in characters.
const AROUND: usize = 48;
/// A title that matches is worth more than any line.
const TITLE: u32 = 10_000;
/// So is a paragraph that has all the words, if less.
const TOGETHER: u32 = 5_000;
/// More than anyone reads.
const MOST: usize = 50;

/// The text of every step, read once.
pub(super) struct Index {
    steps: Vec<Entry>,
}

struct Entry {
    title: String,
    /// Each with the part of the step that it stands in.
    paragraphs: Vec<(Part, String)>,
    /// All of it.
    whole: String,
}

/// Where in a step something stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// The title, or the explanation before the observation.
    Prose,
    /// What follows the observation.
    Result,
    Tab(Tab),
}

/// A step that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hit {
    /// The step's place in reading order.
    pub(super) place: usize,
    /// The text around what was found; empty if it was the title.
    pub(super) snippet: String,
    /// Where it was found.
    pub(super) part: Part,
    score: u32,
}

impl Index {
    pub(super) fn new(course: &Course) -> Index {
        Index {
            steps: course.steps().map(entry).collect(),
        }
    }

    /// The steps that hold every word of the query, best first.
    pub(super) fn find(&self, query: &str) -> Vec<Hit> {
        if query.trim().is_empty() {
            return Vec::new();
        }
        let mut matcher = Matcher::new(Config::DEFAULT);
        let (all, first) = (pattern(query), query.split_whitespace().next());
        let first = pattern(first.unwrap_or_default());
        let mut buffer = Vec::new();
        let mut score = |pattern: &Pattern, text: &str| {
            pattern.score(Utf32Str::new(text, &mut buffer), &mut matcher)
        };
        let mut hits = Vec::new();
        for (place, entry) in self.steps.iter().enumerate() {
            let Some(found) = score(&all, &entry.whole) else {
                continue;
            };
            if let Some(found) = score(&all, &entry.title) {
                hits.push(Hit {
                    place,
                    snippet: String::new(),
                    part: Part::Prose,
                    score: found + TITLE,
                });
                continue;
            }
            // The paragraph that has all the words, or else the first of them.
            let paragraphs = &entry.paragraphs;
            let mut having = |pattern: &Pattern| {
                paragraphs
                    .iter()
                    .find(|(_, text)| score(pattern, text).is_some())
            };
            let together = having(&all);
            let best = together.or_else(|| having(&first));
            hits.push(Hit {
                place,
                snippet: best.map_or(String::new(), |(_, text)| snippet(text, query)),
                part: best.map_or(Part::Prose, |(part, _)| *part),
                score: found + if together.is_some() { TOGETHER } else { 0 },
            });
        }
        // Stable: equals stay in reading order.
        hits.sort_by_key(|hit| std::cmp::Reverse(hit.score));
        hits.truncate(MOST);
        hits
    }
}

fn entry((lesson, step): (&Lesson, &Step)) -> Entry {
    let parts = [
        (Part::Prose, &step.prose),
        (Part::Result, &step.result),
        (Part::Tab(Tab::ByHand), &step.by_hand),
        (Part::Tab(Tab::InDocker), &step.in_docker),
    ];
    let title = format!("{} {}", lesson.meta.title, step.meta.title);
    let paragraphs: Vec<_> = parts
        .into_iter()
        .flat_map(|(part, document)| {
            paragraphs(document)
                .into_iter()
                .map(move |text| (part, text))
        })
        .collect();
    let texts: Vec<&str> = paragraphs.iter().map(|(_, text)| text.as_str()).collect();
    let whole = format!("{title} {}", texts.join(" "));
    Entry {
        title,
        paragraphs,
        whole,
    }
}

/// Every word of the text, anywhere.
fn pattern(text: &str) -> Pattern {
    Pattern::new(
        text,
        CaseMatching::Ignore,
        Normalization::Smart,
        AtomKind::Substring,
    )
}

/// A document as one text a paragraph. (Rendering it would highlight its code,
/// which takes longer than all the rest of the start.)
fn paragraphs(document: &Document) -> Vec<String> {
    let mut texts = document.texts();
    texts.iter_mut().for_each(|text| *text = visible(text));
    texts
}

/// What stands around the query's first word.
fn snippet(text: &str, query: &str) -> String {
    let word = query.split_whitespace().next().unwrap_or_default();
    let chars: Vec<char> = text.chars().collect();
    let lower: Vec<char> = chars.iter().flat_map(|c| c.to_lowercase().next()).collect();
    let word: Vec<char> = word.chars().flat_map(|c| c.to_lowercase().next()).collect();
    let at = lower
        .windows(word.len().max(1))
        .position(|window| window == word)
        .unwrap_or(0);
    let from = at.saturating_sub(AROUND / 2);
    let to = (at + AROUND).min(chars.len());
    let mut out: String = chars[from..to].iter().collect();
    if from > 0 {
        out.insert(0, '…');
    }
    if to < chars.len() {
        out.push('…');
    }
    out
}
