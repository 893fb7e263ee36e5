//! Which facts a demo yields, and everything that refers to one: tests,
//! questions, rows.

use super::demo::ShowRow;
use super::shape::did_you_mean;
use super::source::Sink;
use super::tree::{Node, Value};
use crate::base::nearest;
use crate::check::{Question, Test};
use crate::plan::{Action, BoxName, FactRef, Facts, Place, Probe};
use std::{collections::BTreeMap, ops::Range};
use unicode_width::UnicodeWidthStr;

/// What the actions yield.
#[derive(Default)]
pub(super) struct Yields {
    facts: Vec<FactRef>,
    /// Places with an action that could not be read: anything may be seen there.
    vague: Vec<Place>,
    /// An action that could not be read, nobody knows where.
    anywhere: bool,
}

/// The names of boxes: those that are declared, and where each is mentioned.
#[derive(Default)]
pub(super) struct Boxes {
    pub(super) declared: Vec<BoxName>,
    /// A box whose name can't be read may be any of those that are missing.
    pub(super) unnamed: bool,
    mentions: BTreeMap<BoxName, Vec<Range<usize>>>,
}

impl Yields {
    pub(super) fn of(actions: &[(Option<Action>, &Node)]) -> Yields {
        let mut yields = Yields {
            // A demo without actions has been told; each of its facts would be an echo.
            anywhere: actions.is_empty(),
            ..Yields::default()
        };
        for (action, node) in actions {
            match action {
                Some(action) => yields.add(action),
                None => match node.text_of("in").and_then(|place| place.parse().ok()) {
                    Some(place) => yields.vague.push(place),
                    None => yields.anywhere = true,
                },
            }
        }
        yields
    }

    fn add(&mut self, action: &Action) {
        let looks = matches!(action.verb.about().facts, Facts::Probes(_));
        for name in action.fact_names() {
            self.facts.push(FactRef {
                seen_from: action.place.clone(),
                about: action.of.clone().filter(|_| looks),
                name,
                moment: action.at.clone().filter(|_| looks),
            });
        }
    }

    /// Whether the fact is seen there at any moment.
    pub(super) fn has(&self, place: &Place, name: &str) -> bool {
        self.open(place)
            || self
                .facts
                .iter()
                .any(|fact| &fact.seen_from == place && fact.about.is_none() && fact.name == name)
    }

    fn open(&self, place: &Place) -> bool {
        self.anywhere || self.vague.contains(place)
    }

    /// Judges a reference to a fact.
    pub(super) fn check(
        &self,
        sink: &mut Sink<'_>,
        boxes: &mut Boxes,
        id: &FactRef,
        span: Range<usize>,
    ) {
        let mut known = true;
        if let Place::Box(name) = &id.seen_from {
            known &= boxes.mention(name, span.clone());
        }
        if let Some(name) = &id.about {
            known &= boxes.mention(name, span.clone());
        }
        if !known || self.open(&id.seen_from) {
            return;
        }
        let here: Vec<&FactRef> = self
            .facts
            .iter()
            .filter(|fact| fact.seen_from == id.seen_from && fact.about == id.about)
            .collect();
        let same: Vec<&&FactRef> = here.iter().filter(|fact| fact.name == id.name).collect();
        if same.is_empty() {
            let message = format!("no probe or action yields `{}`", without_moment(id));
            return sink.error("unknown-fact", span, message, self.instead(id, &here));
        }
        let Some(moment) = &id.moment else { return };
        let moments: Vec<&str> = same
            .iter()
            .filter_map(|fact| fact.moment.as_deref())
            .collect();
        if !moments.contains(&moment.as_str()) {
            let help = match moments.as_slice() {
                [] => "give the probe `at = …`, or leave the moment out".into(),
                moments => did_you_mean(
                    nearest(moment, moments.iter().copied()),
                    moments.iter().copied(),
                ),
            };
            let message = format!("`{}` is not observed at `{moment}`", without_moment(id));
            sink.error("unknown-moment", span, message, help);
        }
    }

    /// What the author may have meant.
    fn instead(&self, id: &FactRef, here: &[&FactRef]) -> String {
        if let Some(close) = nearest(&id.name, here.iter().map(|fact| fact.name.as_str())) {
            let close = FactRef {
                name: close.into(),
                moment: None,
                ..id.clone()
            };
            return format!("did you mean `{close}`?");
        }
        if let Some(other) = self.facts.iter().find(|fact| fact.name == id.name) {
            return format!("it is observed as `{}`", without_moment(other));
        }
        let outside = id.about.is_some();
        let probe = Probe::names()
            .filter_map(|name| name.parse::<Probe>().or_else(|_| id.name.parse()).ok())
            .find(|probe| probe.facts(outside).contains(&id.name));
        match (probe, &id.about) {
            (Some(probe), None) => format!("add the probe `{probe}` in `{}`", id.seen_from),
            (Some(probe), Some(about)) => {
                format!(
                    "add the probe `{probe}` in `{}` with `of = \"{about}\"`",
                    id.seen_from
                )
            }
            (None, _) => "an action yields it when it has that name as its `as`".into(),
        }
    }
}

impl Boxes {
    /// Notes a mention of a box; whether it is declared.
    pub(super) fn mention(&mut self, name: &BoxName, span: Range<usize>) -> bool {
        let known = self.declared.contains(name) || self.unnamed;
        if !known {
            self.mentions.entry(name.clone()).or_default().push(span);
        }
        known
    }

    /// What has been told needs no second telling.
    pub(super) fn forget(&mut self) {
        self.mentions.clear();
    }

    /// One mistake a name, however often it is mentioned.
    pub(super) fn tell(&self, sink: &mut Sink<'_>) {
        for (name, spans) in &self.mentions {
            let declared = self.declared.iter().map(BoxName::as_str);
            let mut help = match nearest(name.as_str(), declared.chain(["host"])) {
                Some(close) => format!("did you mean `{close}`?"),
                None => format!("declare it: `[[box]]` with `name = \"{name}\"`"),
            };
            let mut lines: Vec<usize> = spans
                .iter()
                .map(|span| sink.source().line_of(span.start) + 1)
                .collect();
            lines.sort_unstable();
            lines.dedup();
            if let [_, more @ ..] = lines.as_slice()
                && !more.is_empty()
            {
                let more: Vec<String> = more.iter().map(usize::to_string).collect();
                help.push_str(&format!(" (also on line {})", more.join(", ")));
            }
            let first = spans.iter().min_by_key(|span| span.start).cloned();
            sink.error(
                "undeclared-box",
                first.unwrap_or(0..0),
                format!("the box `{name}` is not declared"),
                help,
            );
        }
    }
}

/// What a test or a question is judged by.
pub(super) struct Judge<'j, 's, 'a> {
    pub(super) sink: &'s mut Sink<'a>,
    pub(super) yields: &'j Yields,
    pub(super) boxes: &'j mut Boxes,
}

impl Judge<'_, '_, '_> {
    fn fact(&mut self, id: &FactRef, span: Range<usize>) {
        self.yields.check(self.sink, self.boxes, id, span);
    }

    /// A test: one comparison, of facts that there are.
    pub(super) fn test(&mut self, node: &Node) {
        // Each reference by itself: one that can't be read hides no other.
        for key in ["fact", "same-as", "differs-from", "less-than"] {
            if let Some(id) = node.get(key).and_then(|node| node.read::<FactRef>()) {
                self.fact(&id, node.at(&[key]));
            }
        }
        if node.read::<Test>().is_none() {
            return;
        }
        const COMPARISONS: [&str; 9] = [
            "is",
            "is-not",
            "same-as",
            "differs-from",
            "at-least",
            "at-most",
            "less-than",
            "contains",
            "lacks",
        ];
        let made: Vec<_> = node
            .entries()
            .iter()
            .filter(|entry| COMPARISONS.contains(&entry.key.as_str()))
            .collect();
        let range = |key: &str| key == "at-least" || key == "at-most";
        match made.as_slice() {
            [] => self.sink.error(
                "no-comparison",
                node.span.clone(),
                "the test compares with nothing",
                format!("expected one of: {}", COMPARISONS.join(", ")),
            ),
            [_] => {}
            [a, b] if range(&a.key) && range(&b.key) => {}
            [first, second, ..] => self.sink.error(
                "two-comparisons",
                second.key_span.clone(),
                format!("`{}` stands beside `{}`", second.key, first.key),
                "write one test for each; only at-least and at-most go together",
            ),
        }
        for key in ["plus", "times", "within"] {
            if let Some(entry) = node.entry(key)
                && node.get("same-as").is_none()
            {
                self.sink.error(
                    "only-with-same-as",
                    entry.key_span.clone(),
                    format!("`{key}` means nothing without `same-as`"),
                    "leave it out, or compare with another fact by `same-as`",
                );
            }
        }
    }

    /// A question: two choices or more, or a number.
    pub(super) fn question(&mut self, node: &Node) {
        let choices = node.get("choice").map_or(&[][..], Node::items);
        for choice in choices {
            filled(self.sink, choice, "text");
            filled(self.sink, choice, "because");
            if let Some(when) = choice.get("when") {
                self.test(when);
            }
        }
        filled(self.sink, node, "ask");
        if let Some(id) = node.get("number").and_then(|node| node.read::<FactRef>()) {
            self.fact(&id, node.at(&["number"]));
        }
        if node.read::<Question>().is_none() {
            return;
        }
        let (message, help) = match (choices.len(), node.get("number")) {
            (0, None) => (
                "the question has no answer",
                "give it two choices, or a number",
            ),
            (1, None) => ("the question has only one choice", "give it at least two"),
            (1.., Some(_)) => (
                "the question asks for a choice and for a number",
                "keep one of the two",
            ),
            (0, Some(_)) | (2.., None) => return,
        };
        self.sink
            .error("bad-question", node.span.clone(), message, help);
    }

    /// Bars: a few facts beside each other.
    pub(super) fn bars(&mut self, node: &Node) {
        filled(self.sink, node, "title");
        let list = |bars: &&Node| matches!(bars.value, Value::List(_));
        let Some(bars) = node.get("bar").filter(list) else {
            return;
        };
        let count = bars.items().len();
        if !(1..=MOST_BARS).contains(&count) {
            self.sink.error(
                "bad-bars",
                node.at(&["bar"]),
                format!("there are {count} bars beside each other"),
                format!("expected 1 to {MOST_BARS}"),
            );
        }
        for bar in bars.items() {
            filled(self.sink, bar, "label");
            if let Some(id) = bar.get("fact").and_then(|node| node.read::<FactRef>()) {
                self.fact(&id, bar.at(&["fact"]));
            }
        }
    }

    /// The figure of layers is drawn from what a probe `stack` yields there.
    pub(super) fn layers(&mut self, id: &FactRef, span: Range<usize>) {
        let stack = matches!(id.name.parse(), Ok(Probe::Stack(_)));
        let declared = match &id.seen_from {
            Place::Host => true,
            Place::Box(name) => self.boxes.mention(name, span.clone()),
        };
        let help = match (&id.about, stack) {
            (Some(_), _) => "from outside a mount of a box isn't seen: name the box alone".into(),
            (None, false) => "give it what a probe `stack` yields: `box/stack:/mnt/view`".into(),
            (None, true) if declared && !self.yields.has(&id.seen_from, &id.name) => {
                format!("add the probe `{}` in `{}`", id.name, id.seen_from)
            }
            // The moment may still be another.
            (None, true) => return self.fact(id, span),
        };
        self.sink.error(
            "figure-without-facts",
            span,
            "the figure `layers` has nothing to draw",
            help,
        );
    }

    /// A row of the evidence table.
    pub(super) fn row(&mut self, node: &Node) {
        for key in ["inside", "outside"] {
            if let Some(id) = node.get(key).and_then(|node| node.read::<FactRef>()) {
                self.fact(&id, node.at(&[key]));
            }
        }
        filled(self.sink, node, "label");
        let Some(row) = node.read::<ShowRow>() else {
            return;
        };
        if row.inside.is_none() && row.outside.is_none() {
            self.sink.error(
                "empty-row",
                node.span.clone(),
                format!("the row `{}` shows nothing", row.label),
                "give it `inside`, `outside` or both",
            );
        }
        let width = row.label.width();
        if width > WIDEST_LABEL {
            self.sink.warning(
                "label-too-long",
                node.at(&["label"]),
                format!("the label is {width} columns wide"),
                format!("{WIDEST_LABEL} at most, or it is wrapped"),
            );
        }
    }
}

/// The most bars beside each other.
const MOST_BARS: usize = 8;

/// The widest label of a row.
const WIDEST_LABEL: usize = 24;

/// A text that the learner reads must say something.
pub(super) fn filled(sink: &mut Sink<'_>, node: &Node, key: &str) {
    if node.text_of(key).is_some_and(|text| text.trim().is_empty()) {
        sink.error(
            "empty-text",
            node.at(&[key]),
            format!("`{key}` is empty"),
            "the learner reads it: write a few words",
        );
    }
}

fn without_moment(id: &FactRef) -> FactRef {
    FactRef {
        moment: None,
        ..id.clone()
    }
}
