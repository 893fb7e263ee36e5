//! `docker events`

use super::connection::Client;
use super::containers::{filters, with_query};
use super::failure::Failure;
use super::flags::Given;
use super::references::query;
use super::streams::say;
use crate::base::time::Time;
use hyper::Method;
use serde_json::Value;

/// Tells them as they come, in UTC.
pub(super) async fn events(client: &Client, given: &Given) -> Result<u8, Failure> {
    let of = |flag: &str| {
        let value = given.one(flag);
        value.map(|value| format!("{flag}={}", query(value)))
    };
    let asked = with_query("/events", [filters(given)?, of("since"), of("until")]);
    let mut all = client.begin(Method::GET, &asked).await?;
    while let Some(event) = all.line().await? {
        say(&format!("{}\n", line(&event)));
    }
    Ok(0)
}

fn line(event: &Value) -> String {
    let text = |field: &str| event[field].as_str().unwrap_or_default();
    let seconds = event["time"].as_i64().unwrap_or_default();
    let nanos = event["timeNano"]
        .as_i64()
        .unwrap_or(seconds * 1_000_000_000);
    let actor = &event["Actor"];
    let attributes = actor["Attributes"].as_object().into_iter().flatten();
    // Sorted by their names: a map of serde_json's is.
    let attributes: Vec<String> = attributes
        .map(|(name, value)| format!("{name}={}", value.as_str().unwrap_or_default()))
        .collect();
    let attributes = match attributes.is_empty() {
        true => String::new(),
        false => format!(" ({})", attributes.join(", ")),
    };
    format!(
        "{} {} {} {}{attributes}",
        Time(nanos).text_full(),
        text("Type"),
        text("Action"),
        actor["ID"].as_str().unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_event_is_a_line() {
        let event = json!({"Type": "container", "Action": "die", "timeNano": 1_500_000_000_i64,
            "Actor": {"ID": "abc", "Attributes": {"name": "n", "exitCode": "0"}}});
        assert_eq!(
            line(&event),
            "1970-01-01T00:00:01.500000000Z container die abc (exitCode=0, name=n)"
        );
    }
}
