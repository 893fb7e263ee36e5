//! `filters` of a query: a map of lists, or of maps to bool.

use super::failure::Failure;
use serde_json::Value;
use std::collections::BTreeMap;

/// What was asked for, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Filters(BTreeMap<String, Vec<String>>);

impl Filters {
    /// Reads them, if they are known ones.
    ///
    /// # Errors
    /// What is no filter, or one that this route doesn't know.
    pub(super) fn parse(text: Option<&str>, known: &[&str]) -> Result<Filters, Failure> {
        let Some(text) = text.filter(|text| !text.is_empty()) else {
            return Ok(Filters::default());
        };
        let invalid = || Failure::bad("invalid filter");
        let document: BTreeMap<String, Value> =
            serde_json::from_str(text).map_err(|_| invalid())?;
        let mut all = BTreeMap::new();
        for (name, values) in document {
            if !known.contains(&name.as_str()) {
                return Err(Failure::bad(format!("invalid filter '{name}'")));
            }
            let values = match values {
                Value::Array(values) => values
                    .iter()
                    .map(|value| value.as_str().map(str::to_string))
                    .collect::<Option<Vec<_>>>()
                    .ok_or_else(invalid)?,
                Value::Object(values) => values
                    .into_iter()
                    .filter(|(_, wanted)| *wanted == Value::Bool(true))
                    .map(|(value, _)| value)
                    .collect(),
                _ => return Err(invalid()),
            };
            all.insert(name, values);
        }
        Ok(Filters(all))
    }

    /// Whether nothing is asked of this name, or one of what is asked fits.
    pub(super) fn any(&self, name: &str, fits: impl Fn(&str) -> bool) -> bool {
        match self.0.get(name) {
            None => true,
            Some(values) => values.is_empty() || values.iter().any(|value| fits(value)),
        }
    }

    /// Whether all that is asked of this name fits.
    pub(super) fn all(&self, name: &str, fits: impl Fn(&str) -> bool) -> bool {
        let values = self.0.get(name).into_iter().flatten();
        values.into_iter().all(|value| fits(value))
    }

    /// Whether something is asked of this name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Whether labels are as asked: `KEY` or `KEY=VALUE`.
    pub(super) fn labels(&self, labels: &BTreeMap<String, String>) -> bool {
        self.all("label", |wanted| match wanted.split_once('=') {
            Some((key, value)) => labels.get(key).is_some_and(|found| found == value),
            None => labels.contains_key(wanted),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_read() {
        let known = ["name", "label"];
        let parse = |text| Filters::parse(Some(text), &known);
        let lists = parse(r#"{"name":["e1"]}"#).unwrap();
        assert_eq!(parse(r#"{"name":{"e1":true,"e2":false}}"#).unwrap(), lists);
        assert!(lists.any("name", |name| name == "e1") && !lists.any("name", |_| false));
        assert!(lists.any("label", |_| false) && lists.all("label", |_| false));
        for (text, message) in [
            ("xx", "invalid filter"),
            (r#"{"bogus":["x"]}"#, "invalid filter 'bogus'"),
            (r#"{"name":[1]}"#, "invalid filter"),
            (r#"{"name":"e1"}"#, "invalid filter"),
        ] {
            assert_eq!(parse(text), Err(Failure::bad(message)), "{text}");
        }
        let labels = BTreeMap::from([("a".to_string(), "b".to_string())]);
        for (text, fits) in [
            (r#"{"label":["a"]}"#, true),
            (r#"{"label":["a=b"]}"#, true),
            (r#"{"label":["a=c"]}"#, false),
            (r#"{"label":["a","x"]}"#, false),
        ] {
            assert_eq!(parse(text).unwrap().labels(&labels), fits, "{text}");
        }
    }
}
