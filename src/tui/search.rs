//! Finding a step by words of its title or its text.

use crate::course::Course;
use crate::render;
use nucleo_matcher::pattern::{AtomKind, CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};

/// How much of a line is shown around what was found, in characters.
const AROUND: usize = 48;
/// A title that matches is worth more than any line.
const TITLE: u32 = 10_000;
/// More than anyone reads.
const MOST: usize = 50;

/// The text of every step, read once.
pub(super) struct Index {
    steps: Vec<Entry>,
}

struct Entry {
    title: String,
    paragraphs: Vec<String>,
}

/// A step that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hit {
    /// The step's place in reading order.
    pub(super) place: usize,
    /// The text around what was found; empty if it was the title.
    pub(super) snippet: String,
    score: u32,
}

impl Index {
    pub(super) fn new(course: &Course) -> Index {
        let entry = |(lesson, step): (&crate::course::Lesson, &crate::course::Step)| {
            let parts = [&step.prose, &step.by_hand, &step.in_docker];
            Entry {
                title: format!("{} {}", lesson.meta.title, step.meta.title),
                paragraphs: parts.into_iter().flat_map(paragraphs).collect(),
            }
        };
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
        let pattern = Pattern::new(
            query,
            CaseMatching::Ignore,
            Normalization::Smart,
            AtomKind::Substring,
        );
        let mut buffer = Vec::new();
        let mut score = |text: &str| pattern.score(Utf32Str::new(text, &mut buffer), &mut matcher);
        let mut hits = Vec::new();
        for (place, entry) in self.steps.iter().enumerate() {
            let title = score(&entry.title);
            let best = entry
                .paragraphs
                .iter()
                .filter_map(|text| score(text).map(|score| (score, text)))
                .max_by_key(|(score, _)| *score);
            let hit = match (title, best) {
                (Some(score), _) => Hit {
                    place,
                    snippet: String::new(),
                    score: score + TITLE,
                },
                (None, Some((score, text))) => Hit {
                    place,
                    snippet: snippet(text, query),
                    score,
                },
                (None, None) => continue,
            };
            hits.push(hit);
        }
        // Stable: equals stay in reading order.
        hits.sort_by_key(|hit| std::cmp::Reverse(hit.score));
        hits.truncate(MOST);
        hits
    }
}

/// A document as one text a paragraph.
fn paragraphs(document: &crate::course::Document) -> Vec<String> {
    // Set so wide that only blocks end lines.
    render::document(document, 10_000)
        .iter()
        .map(|line| line.text().trim().trim_matches('─').to_string())
        .filter(|text| !text.is_empty())
        .collect()
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
