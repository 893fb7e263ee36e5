//! `--set knob=value`: what the words mean for one demo.

use super::failure::Failure;
use crate::base::nearest;
use crate::course::{Demo, Knob, KnobValue, KnobValues};

/// Reads every `--set` of a command for this demo.
pub(crate) fn read(demo: &Demo, set: &[String]) -> Result<KnobValues, Failure> {
    let mut values = KnobValues::new();
    for word in set {
        let (name, value) = read_one(&demo.knobs, word)?;
        if values.insert(name.clone(), value).is_some() {
            return Err(Failure::input(format!("the knob `{name}` is set twice")));
        }
    }
    Ok(values)
}

fn read_one(knobs: &[Knob], word: &str) -> Result<(String, KnobValue), Failure> {
    let (name, text) = word.split_once('=').ok_or_else(|| {
        Failure::input(format!("`--set {word}` sets nothing")).hint("write it as --set knob=value")
    })?;
    let Some(knob) = knobs.iter().find(|knob| knob.name == name) else {
        return Err(unknown(knobs, name));
    };
    let value = match (&knob.values[0], text.parse()) {
        (KnobValue::Number(_), Ok(number)) => KnobValue::Number(number),
        (KnobValue::Number(_), Err(_)) | (KnobValue::Text(_), _) => KnobValue::Text(text.into()),
    };
    if knob.values.contains(&value) {
        return Ok((name.into(), value));
    }
    let known: Vec<String> = knob.values.iter().map(KnobValue::to_string).collect();
    Err(
        Failure::input(format!("the knob `{name}` can't be `{text}`"))
            .did_you_mean(nearest(text, known.iter().map(String::as_str)))
            .hint(format!("it takes: {}", known.join(", "))),
    )
}

fn unknown(knobs: &[Knob], name: &str) -> Failure {
    let failure = Failure::input(format!("this step has no knob `{name}`"));
    if knobs.is_empty() {
        return failure.hint("it has no knobs at all");
    }
    let known: Vec<&str> = knobs.iter().map(|knob| knob.name.as_str()).collect();
    failure
        .did_you_mean(nearest(name, known.iter().copied()))
        .hint(format!("its knobs: {}", known.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn knobs() -> Vec<Knob> {
        let knob = |name: &str, values| Knob {
            name: name.into(),
            label: name.into(),
            values,
            start: None,
            live: false,
        };
        vec![
            knob("count", vec![KnobValue::Number(1), KnobValue::Number(3)]),
            knob(
                "name",
                vec![
                    KnobValue::Text("kettle".into()),
                    KnobValue::Text("7".into()),
                ],
            ),
        ]
    }

    #[test]
    fn a_value_takes_the_type_of_its_knob() {
        for (word, expected) in [
            ("count=3", KnobValue::Number(3)),
            ("name=kettle", KnobValue::Text("kettle".into())),
            ("name=7", KnobValue::Text("7".into())),
        ] {
            assert_eq!(read_one(&knobs(), word).unwrap().1, expected, "{word}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_what_is_near() {
        for (word, part) in [
            ("count", "write it as --set knob=value"),
            ("coutn=3", "did you mean `count`?"),
            ("name=ketle", "did you mean `kettle`?"),
            ("count=many", "it takes: 1, 3"),
        ] {
            let failure = read_one(&knobs(), word).unwrap_err();
            assert!(format!("{failure:?}").contains(part), "{word}: {failure:?}");
        }
    }
}
