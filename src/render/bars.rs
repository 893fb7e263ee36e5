//! Bars: quantities of one kind beside each other, on one scale.

use super::line::width as cells;
use super::line::{Line, Role, Span};
use super::text::visible;
use super::text::{bullet, hang, wrap};
use crate::course::{Bar, Bars, Scenario};
use crate::plan::{History, Provenance, Unit, Value};

/// Wider, a bar is no easier to read.
const WIDEST: usize = 100;
/// A longer label stands above its bar.
const LABEL: usize = 24;
/// Where a bar begins; of nothing, this is all there is.
const AXIS: &str = " │";
/// With less room than this for it, a bar stands below its label.
const LEAST: usize = 12;
const FULL: &str = "█";
const HALF: &str = "▌";
/// More than nothing, less than half a cell.
const TRACE: &str = "▏";

/// The scenario's bars, as far as their numbers have been observed.
pub fn bars(scenario: &Scenario, history: &History, width: usize) -> Vec<Line> {
    let all = scenario.bars.iter();
    let drawn: Vec<Vec<Line>> = all.map(|bars| group(bars, history, width)).collect();
    drawn.join(&Line::default())
}

/// What is known of a bar's fact.
enum Reading {
    Number {
        number: i64,
        unit: Unit,
        text: String,
        recorded_on: Option<String>,
    },
    /// No number, and why.
    Nothing(Span),
}

fn read(bar: &Bar, history: &History) -> Reading {
    let Some(fact) = history.fact(&bar.fact) else {
        // Until the end it may still come.
        let text = if history.is_over() {
            "not observed"
        } else {
            "…"
        };
        return Reading::Nothing(Span::new(text, Role::Dim));
    };
    let recorded_on = match &fact.provenance {
        Provenance::Observed => None,
        Provenance::Recorded { kernel } => Some(kernel.clone()),
        Provenance::Unavailable { because } => {
            let text = format!("? unavailable: {because}");
            return Reading::Nothing(Span::new(text, Role::Warn));
        }
    };
    match &fact.value {
        Some(value @ Value::Number(number, unit)) => Reading::Number {
            number: *number,
            unit: *unit,
            // A number and its unit stay together.
            text: value.to_string().replace(' ', "\u{a0}"),
            recorded_on,
        },
        Some(value) => Reading::Nothing(Span::new(format!("{value} (no number)"), Role::Warn)),
        None => Reading::Nothing(Span::new("no value", Role::Warn)),
    }
}

fn group(bars: &Bars, history: &History, width: usize) -> Vec<Line> {
    let width = width.min(WIDEST);
    let readings: Vec<(&Bar, Reading)> = bars
        .bar
        .iter()
        .map(|bar| (bar, read(bar, history)))
        .collect();
    let numbers = || {
        readings.iter().filter_map(|(_, reading)| match reading {
            Reading::Number {
                number, unit, text, ..
            } => Some((*number, *unit, text)),
            Reading::Nothing(_) => None,
        })
    };
    // The first that is known says what is compared.
    let common = numbers().next().map(|(_, unit, _)| unit);
    let most = numbers()
        .filter(|(_, unit, _)| Some(*unit) == common)
        .map(|(number, ..)| number)
        .max();
    let value = numbers().map(|(.., text)| cells(text)).max().unwrap_or(0);

    let labels = bars.bar.iter().map(|bar| cells(&visible(&bar.label)));
    let label = labels.max().unwrap_or(0).min(LABEL);
    let around = |label: usize| label + cells(AXIS) + 1 + value;
    let label = match around(label) + LEAST <= width {
        true => label,
        false => 0,
    };
    let scale = Scale {
        most: most.unwrap_or(0).max(0),
        room: width.saturating_sub(around(label)).max(1),
    };

    let mut lines = wrap(&[Span::new(bars.title.as_str(), Role::Strong)], width);
    for (bar, reading) in &readings {
        let spans = spans(reading, common, &scale);
        let name = Span::new(visible(&bar.label), Role::Label);
        let mut first = Span::new(" ".repeat(label), Role::Label);
        if cells(&name.text) <= label {
            let missing = label - cells(&name.text);
            first.text = format!("{}{}", name.text, " ".repeat(missing));
        } else {
            lines.extend(bullet(Span::default(), &[name], width));
        }
        first.text.push_str(AXIS);
        let rest = Span::new(format!("{}{AXIS}", " ".repeat(label)), Role::Label);
        lines.extend(hang(first, rest, &spans, width));
    }
    lines
}

/// How long a bar is for its number.
struct Scale {
    most: i64,
    /// The cells of the longest.
    room: usize,
}

impl Scale {
    fn bar(&self, number: i64) -> String {
        if number <= 0 || self.most <= 0 {
            return String::new();
        }
        let halves = number as f64 / self.most as f64 * self.room as f64 * 2.0;
        let halves = halves.round() as usize;
        match halves {
            0 => TRACE.into(),
            _ => FULL.repeat(halves / 2) + if halves % 2 == 1 { HALF } else { "" },
        }
    }
}

fn spans(reading: &Reading, common: Option<Unit>, scale: &Scale) -> Vec<Span> {
    let (number, unit, text, recorded_on) = match reading {
        Reading::Nothing(why) => {
            let why = Span::new(format!(" {}", why.text), why.role);
            return vec![why];
        }
        Reading::Number {
            number,
            unit,
            text,
            recorded_on,
        } => (*number, *unit, text, recorded_on),
    };
    let mut spans = match Some(unit) == common {
        true => vec![
            Span::new(scale.bar(number), Role::Label),
            Span::new(format!(" {text}"), Role::Observed),
        ],
        false => vec![
            Span::new(format!(" {text}"), Role::Observed),
            Span::new(" (another unit: it can't be compared)", Role::Warn),
        ],
    };
    spans.extend(
        recorded_on
            .as_ref()
            .map(|kernel| Span::new(format!(" recorded on {kernel}"), Role::Warn)),
    );
    spans
}

#[cfg(test)]
#[path = "bars_tests.rs"]
mod tests;
