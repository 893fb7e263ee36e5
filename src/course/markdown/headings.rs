//! What headings are for: as the names of tabs, and as what links lead to.

use std::collections::BTreeSet;
use strsim::osa_distance;

/// A tab whose text a second-level heading begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tab {
    ByHand,
    InDocker,
}

/// A part of a step that blocks go into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    Prose,
    /// Behind the mark `result`.
    Result,
    Tab(Tab),
}

impl Tab {
    const ALL: [Tab; 2] = [Tab::ByHand, Tab::InDocker];

    /// The heading, to the letter.
    pub(super) fn title(self) -> &'static str {
        match self {
            Tab::ByHand => "By hand",
            Tab::InDocker => "In Docker",
        }
    }

    /// The tab of that very name.
    pub(super) fn named(words: &str) -> Option<Tab> {
        Tab::ALL.into_iter().find(|tab| tab.title() == words)
    }

    /// The tab that was probably meant: the name in other capitals, spaces or
    /// punctuation, or with one slip of a finger in it. Another word, as in "On
    /// Docker" or "By band", is no slip: nearly all begin with another letter.
    pub(super) fn meant_by(words: &str) -> Option<Tab> {
        let written = letters(words);
        Tab::ALL.into_iter().find(|tab| {
            let name = letters(tab.title());
            let initials = |text: &str| -> String {
                let words = text.split(|c: char| !c.is_alphanumeric());
                words.filter_map(|word| word.chars().next()).collect()
            };
            written == name
                || osa_distance(&written, &name) == 1
                    && initials(words).eq_ignore_ascii_case(&initials(tab.title()))
        })
    }
}

fn letters(text: &str) -> String {
    let letters = text.chars().filter(|c| c.is_alphanumeric());
    letters.flat_map(char::to_lowercase).collect()
}

/// Gives each heading of a file the anchor that code hosting sites give it:
/// its letters, and a number where it is taken.
#[derive(Default)]
pub(super) struct Anchors {
    taken: BTreeSet<String>,
}

impl Anchors {
    /// The anchor of the next heading.
    pub(super) fn of(&mut self, heading: &str) -> String {
        let plain: String = heading
            .to_lowercase()
            .chars()
            .filter_map(|c| match c {
                ' ' => Some('-'),
                '-' | '_' => Some(c),
                c => c.is_alphanumeric().then_some(c),
            })
            .collect();
        let numbered = (1..).map(|number| format!("{plain}-{number}"));
        let mut candidates = std::iter::once(plain.clone()).chain(numbered);
        let free = candidates.find(|anchor| !self.taken.contains(anchor));
        let anchor = free.unwrap_or(plain);
        self.taken.insert(anchor.clone());
        anchor
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_slip_is_taken_for_the_name_of_a_tab() {
        for (words, meant) in [
            ("In docker", Some(Tab::InDocker)),
            ("In Docker:", Some(Tab::InDocker)),
            ("in  DOCKER", Some(Tab::InDocker)),
            ("In Dokcer", Some(Tab::InDocker)),
            ("In Dockr", Some(Tab::InDocker)),
            ("By-Hand", Some(Tab::ByHand)),
            ("By hnad", Some(Tab::ByHand)),
            ("By handd.", Some(Tab::ByHand)),
            ("Why Docker", None),
            ("On Docker", None),
            ("Use Docker", None),
            ("With Docker", None),
            ("My hand", None),
            ("By band", None),
            ("Docker", None),
            ("Hand", None),
            ("In a Docker image", None),
            ("Docker in", None),
            ("", None),
        ] {
            assert_eq!(Tab::meant_by(words), meant, "{words}");
        }
    }

    #[test]
    fn an_anchor_that_is_taken_gets_a_number() {
        let mut anchors = Anchors::default();
        for (heading, anchor) in [
            ("Same", "same"),
            ("Same", "same-1"),
            ("Same 1", "same-1-1"),
            ("Same!", "same-2"),
            ("A_b c-d", "a_b-c-d"),
            ("?", ""),
            ("!", "-1"),
        ] {
            assert_eq!(anchors.of(heading), anchor, "{heading}");
        }
    }
}
