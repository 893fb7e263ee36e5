//! Commands on volumes.

use super::connection::Client;
use super::containers::{each, with_query};
use super::failure::Failure;
use super::flags::Given;
use super::references::path;
use super::streams::say;
use super::table::table;
use serde_json::json;

/// `docker volume ls`
pub(super) async fn list(client: &Client, given: &Given) -> Result<u8, Failure> {
    let known = client.get("/volumes").await?.json();
    let rows = known["Volumes"].as_array().cloned().unwrap_or_default();
    let mut lines: Vec<Vec<String>> = rows
        .iter()
        .map(|row| {
            let text = |field: &str| row[field].as_str().unwrap_or_default().to_string();
            vec![text("Driver"), text("Name")]
        })
        .collect();
    lines.sort_by(|one, other| one[1].cmp(&other[1]));
    if given.on("quiet") {
        lines.iter().for_each(|line| say(&format!("{}\n", line[1])));
        return Ok(0);
    }
    lines.insert(0, vec!["DRIVER".into(), "VOLUME NAME".into()]);
    say(&table(&lines, 10));
    Ok(0)
}

/// `docker volume create`
pub(super) async fn create(client: &Client, given: &Given) -> Result<u8, Failure> {
    let mut wanted = json!({ "Driver": "local" });
    if let Some(name) = given.words.first() {
        wanted["Name"] = json!(name);
    }
    let made = client.post("/volumes/create", Some(&wanted)).await?.json();
    say(&format!("{}\n", made["Name"].as_str().unwrap_or_default()));
    Ok(0)
}

/// `docker volume rm`
pub(super) async fn remove(client: &Client, given: &Given) -> Result<u8, Failure> {
    each(given, async |name| {
        let force = given.on("force").then(|| "force=1".to_string());
        client
            .delete(&with_query(&format!("/volumes/{}", path(name)), [force]))
            .await?;
        Ok(format!("{name}\n"))
    })
    .await
}
