//! The judgement itself.

use super::expectation::{Expectation, Literal, Test, Verdict};
use crate::base::{Bytes, Nanos};
use crate::plan::{Cut, FactRef, History, Provenance, Unit, Value};

/// What the kernel writes where there is no limit.
const NO_LIMIT: &str = "max";

/// Judges a test by its newest facts.
pub fn judge(test: &Test, history: &History) -> Verdict {
    judge_test(test, &|id| look_up(history, id))
}

/// Judges a claim by the newest facts that `meant` makes of those that it names: by
/// the first of its tests that fails, else by the first that can't be judged.
pub fn judge_claim(
    claim: &Expectation,
    history: &History,
    meant: impl Fn(&FactRef) -> FactRef,
) -> Verdict {
    let tests = claim
        .tests()
        .map(|test| judge(&test.about(&meant), history));
    let mut verdicts: Vec<Verdict> = tests.collect();
    let fails = verdicts
        .iter()
        .position(|it| matches!(it, Verdict::Fails { .. }));
    let told = fails.or_else(|| verdicts.iter().position(|it| !it.holds()));
    verdicts.swap_remove(told.unwrap_or(0))
}

/// Judges a test by any source of values; the `Err` says why there is none.
pub fn judge_test(test: &Test, value: &dyn Fn(&FactRef) -> Result<Value, String>) -> Verdict {
    let verdict = value(&test.fact).and_then(|actual| compare(test, &actual, value));
    verdict.unwrap_or_else(|because| Verdict::Unknown { because })
}

fn look_up(history: &History, id: &FactRef) -> Result<Value, String> {
    let fact = history
        .fact(id)
        .ok_or_else(|| format!("`{id}` was not observed"))?;
    match (&fact.value, &fact.provenance) {
        (Some(value), _) => Ok(value.clone()),
        (None, Provenance::Unavailable { because }) => Err(format!("`{id}`: {because}")),
        (None, Provenance::Observed | Provenance::Recorded { .. }) => {
            Err(format!("`{id}` has no value"))
        }
    }
}

/// Every comparison that the test makes must hold; the first that does not is told.
fn compare(
    test: &Test,
    actual: &Value,
    value: &dyn Fn(&FactRef) -> Result<Value, String>,
) -> Result<Verdict, String> {
    let mut checks: Vec<(bool, String)> = Vec::new();
    if let Some(literal) = &test.is {
        let expected = read(literal, actual)?;
        checks.push((same_value(test, actual, &expected)?, format!("{expected}")));
    }
    if let Some(literal) = &test.is_not {
        let other = read(literal, actual)?;
        checks.push((!same_value(test, actual, &other)?, format!("not {other}")));
    }
    if let Some(id) = &test.same_as {
        checks.push(same(test, actual, id, &value(id)?)?);
    }
    if let Some(id) = &test.differs_from {
        let other = value(id)?;
        checks.push((
            !same_value(test, actual, &other)?,
            format!("other than {other} ({id})"),
        ));
    }
    if let Some(literal) = &test.at_least {
        let bound = read(literal, actual)?;
        checks.push((
            number(actual)? >= number(&bound)?,
            format!("at least {bound}"),
        ));
    }
    if let Some(literal) = &test.at_most {
        let bound = read(literal, actual)?;
        checks.push((
            number(actual)? <= number(&bound)?,
            format!("at most {bound}"),
        ));
    }
    if let Some(id) = &test.less_than {
        let bound = value(id)?;
        checks.push((
            number(actual)? < number(&bound)?,
            format!("less than {bound} ({id})"),
        ));
    }
    if let Some(part) = &test.contains {
        checks.push((
            contains(test, actual, part)?,
            format!("something with `{part}`"),
        ));
    }
    if let Some(part) = &test.lacks {
        checks.push((
            !contains(test, actual, part)?,
            format!("something without `{part}`"),
        ));
    }
    if checks.is_empty() {
        return Err("the test compares with nothing".into());
    }
    let actual = actual.to_string();
    Ok(match checks.into_iter().find(|(holds, _)| !holds) {
        None => Verdict::Holds { actual },
        Some((_, expected)) => Verdict::Fails { expected, actual },
    })
}

fn same(
    test: &Test,
    actual: &Value,
    id: &FactRef,
    other: &Value,
) -> Result<(bool, String), String> {
    if test.plus.is_none() && test.within.is_none() && test.times.is_none() {
        return Ok((same_value(test, actual, other)?, format!("{other} ({id})")));
    }
    let amount = |literal: &Literal| read(literal, actual).and_then(|value| number(&value));
    let plus = test.plus.as_ref().map_or(Ok(0), amount)?;
    let target = number(other)?
        .checked_mul(test.times.unwrap_or(1))
        .and_then(|n| n.checked_add(plus))
        .ok_or("`plus` or `times` overflows")?;
    let within = match &test.within {
        None => 0,
        Some(Literal::Text(text)) if text.ends_with('%') => {
            let percent: i64 =
                text.trim_end_matches('%').trim().parse().map_err(|_| {
                    format!("`{text}` is not a percentage: expected one like `15%`")
                })?;
            (i128::from(target) * i128::from(percent) / 100) as i64
        }
        Some(literal) => amount(literal)?,
    };
    let unit = match actual {
        Value::Number(_, unit) => *unit,
        Value::Flag(_)
        | Value::Text(_)
        | Value::List(_)
        | Value::Cut(_)
        | Value::Digest(_)
        | Value::Stack(_) => Unit::Count,
    };
    let near = number(actual)?.abs_diff(target) <= within.unsigned_abs();
    let shown = Value::Number(target, unit);
    Ok((
        near,
        format!("{shown} ± {} ({id})", Value::Number(within, unit)),
    ))
}

/// A literal in the type and unit of the value that it is compared with.
fn read(literal: &Literal, like: &Value) -> Result<Value, String> {
    let mismatch = || format!("a {} can't be compared with {literal}", kind(like));
    match (literal, like) {
        (Literal::Flag(flag), Value::Flag(_)) => Ok(Value::Flag(*flag)),
        (Literal::Number(n), Value::Number(_, unit)) => Ok(Value::Number(*n, *unit)),
        // No limit is no number, and larger than each.
        (Literal::Text(text), Value::Number(..)) if text == NO_LIMIT => {
            Ok(Value::Text(text.clone()))
        }
        (Literal::Number(n), Value::Text(text)) if text == NO_LIMIT => {
            Ok(Value::Number(*n, Unit::Count))
        }
        (Literal::Text(text), Value::Number(_, Unit::Bytes)) => {
            let Bytes(n) = text.parse().map_err(|e| format!("{e}"))?;
            Ok(Value::Number(
                i64::try_from(n).map_err(|e| e.to_string())?,
                Unit::Bytes,
            ))
        }
        (Literal::Text(text), Value::Number(_, Unit::Nanos)) => {
            let Nanos(n) = text.parse().map_err(|e| format!("{e}"))?;
            Ok(Value::Number(n, Unit::Nanos))
        }
        (Literal::Text(text), Value::Text(_) | Value::Cut(Cut::Text { .. })) => {
            Ok(Value::Text(text.clone()))
        }
        (Literal::List(items), Value::List(_) | Value::Cut(Cut::List { .. })) => {
            Ok(Value::List(items.clone()))
        }
        (Literal::Flag(_) | Literal::Number(_) | Literal::Text(_) | Literal::List(_), _) => {
            Err(mismatch())
        }
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Flag(_) => "yes or no",
        Value::Number(..) => "number",
        Value::Text(_) | Value::Cut(Cut::Text { .. }) => "text",
        Value::List(_) | Value::Cut(Cut::List { .. }) => "list",
        Value::Digest(_) => "digest",
        Value::Stack(_) => "stack of layers",
    }
}

fn number(value: &Value) -> Result<i64, String> {
    match value {
        Value::Number(n, _) => Ok(*n),
        Value::Text(text) if text == NO_LIMIT => Ok(i64::MAX),
        Value::Flag(_)
        | Value::Text(_)
        | Value::List(_)
        | Value::Cut(_)
        | Value::Digest(_)
        | Value::Stack(_) => Err(format!("`{value}` is not a number")),
    }
}

/// What isn't in the part that was kept may be in the rest.
fn contains(test: &Test, value: &Value, part: &str) -> Result<bool, String> {
    let found = match value {
        Value::List(items) | Value::Cut(Cut::List { shown: items, .. }) => {
            items.iter().any(|item| item == part)
        }
        Value::Text(text) | Value::Cut(Cut::Text { shown: text, .. }) => text.contains(part),
        Value::Flag(_) | Value::Number(..) | Value::Digest(_) | Value::Stack(_) => {
            return Err(format!("`{value}` has no parts"));
        }
    };
    match value {
        Value::Cut(cut) if !found => Err(was_cut(&test.fact, cut)),
        _ => Ok(found),
    }
}

fn same_value(test: &Test, actual: &Value, other: &Value) -> Result<bool, String> {
    actual.is_same(other).ok_or_else(|| match (actual, other) {
        (Value::Cut(cut), _) | (_, Value::Cut(cut)) => was_cut(&test.fact, cut),
        _ => format!("`{}` can't be compared", test.fact),
    })
}

fn was_cut(id: &FactRef, cut: &Cut) -> String {
    format!("`{id}` was cut: {}", cut.extent())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One test in TOML against two facts, `a/x` and `a/y`.
    fn check(test: &str, x: Value, y: Value) -> &'static str {
        let test: Test = toml::from_str(&format!("fact = 'a/x'\n{test}")).unwrap();
        match judge_test(&test, &|id| match id.to_string().as_str() {
            "a/x" => Ok(x.clone()),
            "a/y" => Ok(y.clone()),
            _ => Err("absent".into()),
        }) {
            Verdict::Holds { .. } => "holds",
            Verdict::Fails { .. } => "fails",
            Verdict::Unknown { .. } => "unknown",
        }
    }

    fn n(n: i64, unit: Unit) -> Value {
        Value::Number(n, unit)
    }

    #[test]
    fn every_relation_can_hold_and_can_fail() {
        let count = |i| n(i, Unit::Count);
        let text = |s: &str| Value::Text(s.into());
        let names = |s: &str| s.split(' ').map(String::from).collect();
        let list = |s: &str| Value::List(names(s));
        let cut = |s: &str, total| {
            let shown = names(s);
            Value::Cut(Cut::List { shown, total })
        };
        let cut_text = |s: &str, total| {
            let shown = s.into();
            Value::Cut(Cut::Text { shown, total })
        };
        for (test, x, y, expected) in [
            ("is = 1", count(1), count(0), "holds"),
            ("is = 1", count(2), count(0), "fails"),
            ("is = '64MiB'", n(64 << 20, Unit::Bytes), count(0), "holds"),
            ("is = '64MiB'", text("64MiB"), count(0), "holds"),
            ("is = 1", text("1"), count(0), "unknown"),
            ("is = 1", text("max"), count(0), "fails"),
            ("is = 'max'", count(1), count(0), "fails"),
            ("is-not = 'max'", count(1), count(0), "holds"),
            ("is = 'max'", text("max"), count(0), "holds"),
            ("at-least = 9", text("max"), count(0), "holds"),
            ("at-most = 9", text("max"), count(0), "fails"),
            (
                "same-as = 'a/y'\nwithin = '5%'",
                count(9),
                text("max"),
                "fails",
            ),
            ("less-than = 'a/y'", count(9), text("max"), "holds"),
            ("is = ['lo']", list("lo"), count(0), "holds"),
            ("is-not = 'ok'", text("EPERM"), count(0), "holds"),
            ("same-as = 'a/y'", text("vm"), text("vm"), "holds"),
            ("same-as = 'a/y'", text("vm"), text("box"), "fails"),
            (
                "same-as = 'a/y'\nplus = '10s'\nwithin = '1s'",
                n(10_500_000_000, Unit::Nanos),
                n(0, Unit::Nanos),
                "holds",
            ),
            (
                "same-as = 'a/y'\nplus = '10s'\nwithin = '1s'",
                n(500_000_000, Unit::Nanos),
                n(0, Unit::Nanos),
                "fails",
            ),
            (
                "same-as = 'a/y'\ntimes = 3\nwithin = '15%'",
                count(320),
                count(100),
                "holds",
            ),
            (
                "same-as = 'a/y'\ntimes = 3\nwithin = '15%'",
                count(200),
                count(100),
                "fails",
            ),
            (
                "differs-from = 'a/y'",
                n(7, Unit::Inode),
                n(8, Unit::Inode),
                "holds",
            ),
            (
                "differs-from = 'a/y'",
                n(7, Unit::Inode),
                n(7, Unit::Inode),
                "fails",
            ),
            ("differs-from = 'a/z'", count(1), count(1), "unknown"),
            ("at-least = 2\nat-most = 4", count(3), count(0), "holds"),
            ("at-least = 2\nat-most = 4", count(5), count(0), "fails"),
            ("less-than = 'a/y'", count(3), count(4), "holds"),
            ("less-than = 'a/y'", count(4), count(4), "fails"),
            ("contains = 'lo'", list("lo eth0"), count(0), "holds"),
            ("contains = 'l'", list("lo eth0"), count(0), "fails"),
            ("contains = 'secret'", text("a secret b"), count(0), "holds"),
            ("lacks = 'lo'", list("eth0"), count(0), "holds"),
            ("lacks = 'lo'", count(1), count(0), "unknown"),
            // Of what was cut a part is known, and how long the whole is.
            ("contains = 'a'", cut("a b", 9), count(0), "holds"),
            ("contains = 'c'", cut("a b", 9), count(0), "unknown"),
            ("lacks = 'a'", cut("a b", 9), count(0), "fails"),
            ("lacks = 'c'", cut("a b", 9), count(0), "unknown"),
            ("is = ['a', 'b']", cut("a b", 9), count(0), "fails"),
            ("is = ['a', 'b', 'c']", cut("a b", 3), count(0), "unknown"),
            (
                "is-not = ['a', 'b', 'c']",
                cut("a b", 3),
                count(0),
                "unknown",
            ),
            ("is-not = ['a', 'c']", cut("a b", 3), count(0), "holds"),
            ("same-as = 'a/y'", cut("a b", 3), list("a b c"), "unknown"),
            ("same-as = 'a/y'", cut("a b", 3), cut("a b", 4), "fails"),
            (
                "differs-from = 'a/y'",
                cut("a b", 3),
                cut("a b", 3),
                "unknown",
            ),
            ("differs-from = 'a/y'", list("x"), cut("a b", 3), "holds"),
            ("at-least = 1", cut("a b", 3), count(0), "unknown"),
            ("contains = 'b'", cut_text("abc", None), count(0), "holds"),
            ("contains = 'd'", cut_text("abc", None), count(0), "unknown"),
            ("is = 'abcd'", cut_text("abc", None), count(0), "unknown"),
            ("is = 'abcd'", cut_text("abc", Some(5)), count(0), "fails"),
            ("", count(1), count(0), "unknown"),
        ] {
            assert_eq!(check(test, x, y), expected, "{test}");
        }
    }
}
