//! What a chart shows, in numbers: the curves that the samples make, the limit,
//! and axes whose labels people can read. Both drawings, the one of characters
//! and the terminal's, are made from this.

use super::line::Role;
use crate::base::{Bytes, Nanos};
use crate::course::{Chart, ChartLine};
use crate::plan::{FactRef, History, Provenance, Sample, Unit, Value};

/// A rate is the mean of the time before it, this long at least: the period
/// over which the kernel's CPU ceiling counts. A shorter look would find a group
/// that is held to a fifth of a CPU now at 100 %, now at 0.
const WINDOW: f64 = 0.1;
/// How much earlier than a window ago a sample may be late or early, in parts.
const JITTER: f64 = 0.9;
/// Room above the limit, so that it's seen as a line.
const HEADROOM: f64 = 1.06;
/// A value that is this part of a step above the last label is drawn on it.
const ABOVE: f64 = 0.05;
/// The value axis has this many steps at most.
const STEPS: f64 = 5.0;

/// A chart in numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Plot {
    /// What is drawn.
    pub title: String,
    /// One for each line of the chart, in order.
    pub curves: Vec<Curve>,
    /// `None` if the chart has none.
    pub limit: Option<Bound>,
    /// Seconds since the first sample, from 0; two steps.
    pub time: Axis,
    /// From 0.
    pub value: Axis,
    /// Whether the values are growth per second.
    pub rate: bool,
    /// The time from one sample to the next, in seconds; that of most.
    pub every: f64,
    /// The kernel that it was recorded on, if it isn't this one's.
    pub recorded_on: Option<String>,
}

/// One line of a chart.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// What the legend calls it.
    pub label: String,
    /// Time and value, in the order of time; empty if nothing was sampled. A
    /// value may be a little above the axis.
    pub points: Vec<(f64, f64)>,
}

/// What the limit was.
#[derive(Debug, Clone, PartialEq)]
pub enum Bound {
    /// It was known.
    Known {
        /// Where it is a line: from, to, and how high. More than one if it was
        /// changed; a gap means that there was no limit then.
        steps: Vec<(f64, f64, f64)>,
        /// Each value in turn, for the legend: `32 MiB`, or `20 %, then none`.
        words: String,
    },
    /// It could not be read, or not be compared with the curves.
    Unknown {
        /// Why.
        because: String,
    },
}

/// From 0 to `max`, with a label at every `step`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Axis {
    /// Where it ends: a whole number of steps.
    pub max: f64,
    /// From one label to the next.
    pub step: f64,
    /// What it counts.
    pub quantity: Quantity,
}

/// What an axis counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantity {
    /// Bytes.
    Bytes,
    /// Bytes a second.
    BytesPerSecond,
    /// Hundredths of one CPU.
    Percent,
    /// How many.
    Count,
    /// How many a second.
    PerSecond,
    /// Seconds.
    Seconds,
}

impl Plot {
    /// The chart of what has been sampled so far; `None` before there is
    /// anything to draw.
    pub fn new(chart: &Chart, history: &History) -> Option<Plot> {
        let samples: Vec<&Sample> = history.samples().collect();
        let quantity = chart
            .line
            .iter()
            .flat_map(|line| samples.iter().filter_map(|s| number(s, &line.fact)))
            .map(|(_, unit)| Quantity::of(unit, chart.rate))
            .next()?;
        let start = samples.first()?.at;
        let seconds = |sample: &Sample| (sample.at - start) as f64 / 1e9;
        let curves: Vec<Curve> = chart
            .line
            .iter()
            .map(|line| curve(line, &samples, seconds, chart.rate, quantity))
            .collect();
        let points = || curves.iter().flat_map(|curve| &curve.points);
        points().next()?;
        let time = Axis::of_time(samples.last().map_or(0.0, |sample| seconds(sample)));
        let limit = chart
            .limit
            .as_ref()
            .map(|id| bound(id, &samples, seconds, history, quantity, time.max));
        let steps = match &limit {
            Some(Bound::Known { steps, .. }) => steps.as_slice(),
            Some(Bound::Unknown { .. }) | None => &[],
        };
        let highest = points()
            .map(|(_, y)| *y)
            .chain(steps.iter().map(|(_, _, y)| y * HEADROOM))
            .fold(0.0, f64::max);
        Some(Plot {
            title: chart.title.clone(),
            value: Axis::of_values(highest, quantity),
            curves,
            limit,
            time,
            rate: chart.rate,
            every: usual_gap(&samples),
            recorded_on: history.recorded_on().map(String::from),
        })
    }

    /// How a curve is told apart by colour; its sign differs, too.
    pub fn role(curve: usize) -> Role {
        [Role::Label, Role::Literal, Role::Keyword][curve % 3]
    }

    /// Whether a curve is above the limit somewhere: of a rate that is no mistake, but
    /// it looks like one, so it has to be explained.
    pub fn overshoots(&self) -> bool {
        let above = |(at, value): &(f64, f64)| {
            let mut steps = self.steps().iter();
            let here = steps.find(|(from, to, _)| (*from..=*to).contains(at));
            here.is_some_and(|(_, _, height)| *value > height * HEADROOM)
        };
        let mut points = self
            .curves
            .first()
            .into_iter()
            .flat_map(|curve| &curve.points);
        points.any(above)
    }

    /// The parts of the limit's line.
    pub fn steps(&self) -> &[(f64, f64, f64)] {
        match &self.limit {
            Some(Bound::Known { steps, .. }) => steps,
            Some(Bound::Unknown { .. }) | None => &[],
        }
    }
}

impl Curve {
    /// The first, the last and the greatest value.
    pub fn extremes(&self) -> Option<(f64, f64, f64)> {
        let (first, last) = (self.points.first()?, self.points.last()?);
        let peak = self.points.iter().map(|(_, y)| *y).fold(0.0, f64::max);
        Some((first.1, last.1, peak))
    }
}

impl Quantity {
    fn of(unit: Unit, rate: bool) -> Quantity {
        match (unit, rate) {
            (Unit::Bytes, false) => Quantity::Bytes,
            (Unit::Bytes, true) => Quantity::BytesPerSecond,
            (Unit::Percent, _) => Quantity::Percent,
            // A second of CPU time in each second is one whole CPU.
            (Unit::Nanos, true) => Quantity::Percent,
            (Unit::Nanos, false) => Quantity::Seconds,
            (Unit::Count | Unit::Inode | Unit::Id, false) => Quantity::Count,
            (Unit::Count | Unit::Inode | Unit::Id, true) => Quantity::PerSecond,
        }
    }

    /// A limit of that unit on this axis, if the two can be compared.
    fn limit(self, value: f64, unit: Unit) -> Option<f64> {
        match (self, unit) {
            (Quantity::Bytes | Quantity::BytesPerSecond, Unit::Bytes)
            | (Quantity::Percent, Unit::Percent)
            | (Quantity::Count | Quantity::PerSecond, Unit::Count) => Some(value),
            (Quantity::Seconds, Unit::Nanos) => Some(value / 1e9),
            _ => None,
        }
    }

    /// A value as people read it.
    pub fn text(self, value: f64) -> String {
        let value = value.max(0.0);
        let plain = |digits: bool| match digits && value < 10.0 && value.fract() > 0.05 {
            true => format!("{value:.1}"),
            false => format!("{value:.0}"),
        };
        match self {
            Quantity::Bytes => Bytes(value as u64).to_string(),
            Quantity::BytesPerSecond => format!("{}/s", Bytes(value as u64)),
            Quantity::Percent => format!("{} %", plain(true)),
            Quantity::Count => plain(false),
            Quantity::PerSecond => format!("{}/s", plain(true)),
            Quantity::Seconds => Nanos((value * 1e9) as i64).to_string(),
        }
    }
}

impl Axis {
    fn of_values(highest: f64, quantity: Quantity) -> Axis {
        let binary = matches!(quantity, Quantity::Bytes | Quantity::BytesPerSecond);
        let least = match quantity {
            Quantity::Bytes | Quantity::BytesPerSecond => 1024.0,
            Quantity::Percent | Quantity::Count | Quantity::PerSecond => 1.0,
            Quantity::Seconds => 0.01,
        };
        let wanted = (highest / STEPS).max(least);
        let step = match binary {
            true => 2f64.powi(wanted.log2().ceil() as i32),
            false => at_least(wanted, &[1.0, 2.0, 5.0]),
        };
        let steps = (highest / step - ABOVE).ceil().max(1.0);
        Axis {
            max: steps * step,
            step,
            quantity,
        }
    }

    /// Two steps: middle and end are labels that any drawing has room for.
    fn of_time(last: f64) -> Axis {
        let halves = [1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0];
        let step = at_least((last / 2.0).max(0.05), &halves);
        Axis {
            max: 2.0 * step,
            step,
            quantity: Quantity::Seconds,
        }
    }

    /// The greatest number of rows, `most` or fewer, with which each label has
    /// a row of its own, and all the same distance.
    pub fn rows(&self, most: usize) -> usize {
        let steps = (self.max / self.step).round().max(1.0) as usize;
        (most.saturating_sub(1) / steps).max(1) * steps + 1
    }

    /// What stands at each step, from 0 on.
    pub fn labels(&self) -> Vec<String> {
        let count = (self.max / self.step).round() as usize;
        (0..=count)
            .map(|index| match self.quantity {
                // A time is shown without the digits that a measurement has.
                Quantity::Seconds => {
                    let text = format!("{:.3}", index as f64 * self.step);
                    let text = text.trim_end_matches('0').trim_end_matches('.');
                    format!("{text} s")
                }
                quantity => quantity.text(index as f64 * self.step),
            })
            .collect()
    }
}

/// The time from one sample to the next, in seconds: the one in the middle of all.
fn usual_gap(samples: &[&Sample]) -> f64 {
    let pairs = samples.windows(2);
    let mut gaps: Vec<i64> = pairs.map(|pair| pair[1].at - pair[0].at).collect();
    gaps.sort_unstable();
    gaps.get(gaps.len() / 2)
        .map_or(0.0, |gap| *gap as f64 / 1e9)
}

/// The least of `leads` times a power of ten that isn't below `wanted`.
fn at_least(wanted: f64, leads: &[f64]) -> f64 {
    let decade = 10f64.powf(wanted.log10().floor());
    leads
        .iter()
        .map(|lead| lead * decade)
        .find(|step| *step >= wanted * 0.999_999)
        .unwrap_or(10.0 * decade)
}

fn value<'s>(sample: &'s Sample, id: &FactRef) -> Option<&'s Value> {
    let same = |other: &FactRef| {
        other.name == id.name && other.seen_from == id.seen_from && other.about == id.about
    };
    let found = sample.values.iter().find(|(other, _)| same(other))?;
    Some(&found.1)
}

fn number(sample: &Sample, id: &FactRef) -> Option<(f64, Unit)> {
    match value(sample, id)? {
        Value::Number(n, unit) => Some((*n as f64, *unit)),
        Value::Flag(_)
        | Value::Text(_)
        | Value::List(_)
        | Value::Cut(_)
        | Value::Digest(_)
        | Value::Stack(_) => None,
    }
}

fn curve(
    line: &ChartLine,
    samples: &[&Sample],
    seconds: impl Fn(&Sample) -> f64,
    rate: bool,
    quantity: Quantity,
) -> Curve {
    let seen: Vec<(f64, f64, Unit)> = samples
        .iter()
        .filter_map(|sample| {
            let (value, unit) = number(sample, &line.fact)?;
            Some((seconds(sample), value, unit))
        })
        // A line of another unit has no place on this axis.
        .filter(|(_, _, unit)| Quantity::of(*unit, rate) == quantity)
        .collect();
    let scale = |unit| match (unit, quantity) {
        (Unit::Nanos, Quantity::Percent) => 1e-7,
        (Unit::Nanos, _) => 1e-9,
        _ => 1.0,
    };
    let points = match rate {
        false => seen
            .iter()
            .map(|(at, value, unit)| (*at, value * scale(*unit)))
            .collect(),
        true => {
            let mut points = Vec::new();
            let mut base = 0;
            for (index, (at, value, unit)) in seen.iter().enumerate() {
                let old_enough = |base: usize| at - seen[base].0 >= WINDOW * JITTER;
                while base + 1 < index && old_enough(base + 1) {
                    base += 1;
                }
                if old_enough(base) {
                    let (from, before, _) = seen[base];
                    points.push((*at, (value - before) * scale(*unit) / (at - from)));
                }
            }
            points
        }
    };
    Curve {
        label: line.label.clone(),
        points,
    }
}

/// The limit over time, as far as it was sampled; else the one that was observed.
fn bound(
    id: &FactRef,
    samples: &[&Sample],
    seconds: impl Fn(&Sample) -> f64,
    history: &History,
    quantity: Quantity,
    end: f64,
) -> Bound {
    let unknown = |because: &str| Bound::Unknown {
        because: because.into(),
    };
    // Time and height; no height: no limit.
    let mut heights: Vec<(f64, Option<f64>)> = Vec::new();
    let read = |value: &Value| match value {
        Value::Number(n, unit) => quantity.limit(*n as f64, *unit).map(Some),
        Value::Text(text) if text == "max" => Some(None),
        Value::Text(_)
        | Value::Flag(_)
        | Value::List(_)
        | Value::Cut(_)
        | Value::Digest(_)
        | Value::Stack(_) => None,
    };
    for sample in samples {
        let Some(value) = value(sample, id) else {
            continue;
        };
        let Some(height) = read(value) else {
            return unknown("it counts something else than the lines do");
        };
        if heights.last().is_none_or(|(_, last)| *last != height) {
            heights.push((seconds(sample), height));
        }
    }
    if heights.is_empty() {
        let Some(fact) = history.fact(id) else {
            return unknown("it has not been read");
        };
        match (&fact.value, &fact.provenance) {
            (Some(value), _) => match read(value) {
                Some(height) => heights.push((0.0, height)),
                None => return unknown("it counts something else than the lines do"),
            },
            (None, Provenance::Unavailable { because }) => return unknown(because),
            (None, _) => return unknown("it has no value"),
        }
    }
    heights[0].0 = 0.0;
    let steps = heights
        .iter()
        .enumerate()
        .filter_map(|(index, (from, height))| {
            let to = heights.get(index + 1).map_or(end, |(to, _)| *to);
            Some((*from, to, (*height)?))
        })
        .collect();
    let words: Vec<String> = heights
        .iter()
        .map(|(_, height)| height.map_or("none".into(), |height| quantity.text(height)))
        .collect();
    // The last ones are what the learner has just done.
    let shown = &words[words.len().saturating_sub(4)..];
    let dots = if shown.len() < words.len() {
        "… "
    } else {
        ""
    };
    Bound::Known {
        steps,
        words: format!("{dots}{}", shown.join(", then ")),
    }
}

#[cfg(test)]
#[path = "plot_tests.rs"]
pub(super) mod tests;
