//! The `demo` block: what a step does to the kernel, and what it claims.

use crate::check::{Expectation, Question};
use crate::plan::{Action, BoxSpec, CgroupSpec, Checked, FactRef, Plan, SetLimits, told};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A fenced `demo` block as written. Any string in it may hold `${knob}`; a
/// string that is nothing else takes the knob's type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct DemoSource {
    /// Asked before the run, compared with it after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub predict: Option<Question>,
    /// Up to three parameters that the learner may change.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub knob: Vec<Knob>,
    /// The cgroups.
    #[serde(default, rename = "cgroup", skip_serializing_if = "Vec::is_empty")]
    pub cgroups: Vec<CgroupSpec>,
    /// The boxes.
    #[serde(default, rename = "box", skip_serializing_if = "Vec::is_empty")]
    pub boxes: Vec<BoxSpec>,
    /// What happens, in order.
    #[serde(default, rename = "action")]
    pub actions: Vec<Action>,
    /// The rows of the evidence table.
    #[serde(default)]
    pub show: Vec<ShowRow>,
    /// Charts of what a `watch` saw, above the evidence table.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub chart: Vec<Chart>,
    /// Bars that compare quantities, above the evidence table.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bars: Vec<Bars>,
    /// A figure drawn from the observations, above the evidence table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub figure: Option<Figure>,
    /// The claims.
    #[serde(default, rename = "expect")]
    pub expectations: Vec<Expectation>,
}

/// A figure of the overview, drawn from facts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Figure {
    /// The table of namespaces: flag, manual page, what it isolates, and the
    /// inodes `host/ns.*` beside `BOX/ns.*` of the first box.
    Namespaces,
    /// The layers of an overlay mount over each other, and from which each name
    /// of the view comes: the newest fact of this probe, `box/stack:/mnt/view`.
    Layers(FactRef),
}

/// Quantities of one kind beside each other, as bars of one scale.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Bars {
    /// What is compared.
    pub title: String,
    /// The bars, eight at most.
    pub bar: Vec<Bar>,
}

/// One bar: a number that was observed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Bar {
    /// What it is called.
    pub label: String,
    /// The fact, a number.
    pub fact: FactRef,
}

/// A quantity over time, from the samples of a `watch`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Chart {
    /// What is drawn.
    pub title: String,
    /// The lines, three at most.
    pub line: Vec<ChartLine>,
    /// Draw how fast the quantity grows instead of how large it is: a counter
    /// of CPU time becomes percent of one CPU.
    #[serde(default)]
    pub rate: bool,
    /// A fact that is drawn as a straight line: the limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<FactRef>,
}

/// One line of a chart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ChartLine {
    /// What it is called in the legend.
    pub label: String,
    /// The sampled fact, such as `host/small.memory.current`.
    pub fact: FactRef,
}

/// A row of the evidence table; at least one of the two facts is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ShowRow {
    /// What the row is about.
    pub label: String,
    /// The left column.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inside: Option<FactRef>,
    /// The right column.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outside: Option<FactRef>,
}

/// A parameter of a demo.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Knob {
    /// How `${…}` and `--set` refer to it.
    pub name: String,
    /// What the learner reads.
    pub label: String,
    /// The values that the arrow keys walk through, in order. Either all
    /// numbers or all text.
    pub values: Vec<KnobValue>,
    /// The value at the start; the first of `values` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<KnobValue>,
    /// Turned while a `watch` is under way, it changes the limits of the groups
    /// at once, instead of starting another run. It may stand in `limits` of a
    /// `[[cgroup]]` and in texts, not in what boxes and actions are.
    #[serde(default)]
    pub live: bool,
}

/// A knob's value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum KnobValue {
    /// A whole number.
    Number(i64),
    /// A word, a size or a duration.
    Text(String),
}

/// The type that all values of a knob have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KnobKind {
    /// Whole numbers.
    Number,
    /// Text.
    Text,
}

/// What each knob is set to; a knob that isn't named stands at its start.
pub type KnobValues = BTreeMap<String, KnobValue>;

/// A demo that passed lint: it can be instantiated with any of its knobs' values.
#[derive(Debug, Clone, PartialEq)]
pub struct Demo {
    /// The knobs, three at most.
    pub knobs: Vec<Knob>,
    /// Whether the learner is asked first.
    pub predicts: bool,
    /// The block with `${…}` still in it.
    pub(super) template: toml::Table,
}

/// A demo with its knobs set: everything that one run needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scenario {
    /// What to do.
    pub plan: Checked,
    /// Asked first.
    pub predict: Option<Question>,
    /// The claims.
    pub expectations: Vec<Expectation>,
    /// The rows of the evidence table.
    pub show: Vec<ShowRow>,
    /// The charts above it.
    pub charts: Vec<Chart>,
    /// The bars above it.
    pub bars: Vec<Bars>,
    /// The figure above it.
    pub figure: Option<Figure>,
    /// What the knobs are set to, in order.
    pub knobs: Vec<(String, KnobValue)>,
}

impl Scenario {
    /// The scenario for somebody who sits in front of it ([`Checked::attended`]).
    pub fn attended(mut self) -> Scenario {
        self.plan = self.plan.attended();
        self
    }

    /// What has to be written to the groups of this scenario, for them to be
    /// limited as those of another setting of its knobs.
    pub fn retuning(&self, to: &Scenario) -> Vec<SetLimits> {
        let groups = self.plan.cgroups.iter().zip(&to.plan.cgroups);
        groups
            .map(|(now, to)| SetLimits {
                cgroup: to.name.clone(),
                limits: to.limits.changed_from(&now.limits),
            })
            .filter(|set| !set.limits.is_empty())
            .collect()
    }
}

impl Knob {
    /// The value at the start.
    pub fn start(&self) -> &KnobValue {
        self.start.as_ref().unwrap_or(&self.values[0])
    }
}

impl std::fmt::Display for KnobValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            KnobValue::Number(n) => n.fmt(f),
            KnobValue::Text(text) => text.fmt(f),
        }
    }
}

impl Demo {
    /// The demo with its knobs set.
    ///
    /// # Errors
    /// A sentence that names the knob or the value that isn't one of the demo's, or
    /// every flaw of the plan.
    pub fn scenario(&self, values: &KnobValues) -> Result<Scenario, String> {
        let mut set = Vec::new();
        for name in values.keys() {
            if !self.knobs.iter().any(|knob| &knob.name == name) {
                let known: Vec<_> = self.knobs.iter().map(|knob| knob.name.as_str()).collect();
                return Err(format!(
                    "there is no knob `{name}`; this step has: {}",
                    known.join(", ")
                ));
            }
        }
        for knob in &self.knobs {
            let value = values.get(&knob.name).unwrap_or_else(|| knob.start());
            if !knob.values.contains(value) {
                let known: Vec<_> = knob.values.iter().map(KnobValue::to_string).collect();
                return Err(format!(
                    "the knob `{}` can't be `{value}`; it takes: {}",
                    knob.name,
                    known.join(", ")
                ));
            }
            set.push((knob.name.clone(), value.clone()));
        }
        let filled = fill(toml::Value::Table(self.template.clone()), &set);
        let source: DemoSource = filled.try_into().map_err(|error| format!("{error}"))?;
        let plan = Plan {
            cgroups: source.cgroups,
            boxes: source.boxes,
            actions: source.actions,
            attended: false,
            guarded: false,
            one_cpu: false,
            told: false,
        };
        Ok(Scenario {
            plan: plan.check().map_err(|flaws| told(&flaws))?,
            predict: source.predict,
            expectations: source.expectations,
            show: source.show,
            charts: source.chart,
            bars: source.bars,
            figure: source.figure,
            knobs: set,
        })
    }
}

/// Replaces every `${knob}`.
fn fill(value: toml::Value, knobs: &[(String, KnobValue)]) -> toml::Value {
    match value {
        toml::Value::String(text) => match fill_text(&text, knobs) {
            KnobValue::Number(n) => toml::Value::Integer(n),
            KnobValue::Text(text) => toml::Value::String(text),
        },
        toml::Value::Array(items) => {
            toml::Value::Array(items.into_iter().map(|item| fill(item, knobs)).collect())
        }
        // A knob's own values and texts stay as they are written.
        toml::Value::Table(table) => toml::Value::Table(
            table
                .into_iter()
                .map(|(key, value)| (key, fill(value, knobs)))
                .collect(),
        ),
        other @ (toml::Value::Integer(_)
        | toml::Value::Float(_)
        | toml::Value::Boolean(_)
        | toml::Value::Datetime(_)) => other,
    }
}

/// Replaces every `${knob}` in one text, which takes the knob's type if it is
/// nothing else.
pub(super) fn fill_text(text: &str, knobs: &[(String, KnobValue)]) -> KnobValue {
    for (name, value) in knobs {
        if text == format!("${{{name}}}") {
            return value.clone();
        }
    }
    KnobValue::Text(knobs.iter().fold(text.into(), |text, (name, value)| {
        text.replace(&format!("${{{name}}}"), &value.to_string())
    }))
}
