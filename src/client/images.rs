//! Commands on images.

use super::connection::Client;
use super::containers::{each, since, with_query};
use super::failure::Failure;
use super::flags::Given;
use super::references::{path, query, whole};
use super::streams::say;
use super::table::{cut, short, table};
use super::units::size;
use hyper::Method;
use serde_json::{Value, json};

/// `docker images`
pub(super) async fn list(client: &Client, given: &Given) -> Result<u8, Failure> {
    let named = given.words.first().map(|name| {
        let filter = json!({ "reference": { name.as_str(): true } });
        format!("filters={}", query(&filter.to_string()))
    });
    let asked = with_query("/images/json", [named]);
    let rows = client.get(&asked).await?.rows();
    let whole_ids = given.on("no-trunc");
    let head = ["REPOSITORY", "TAG", "IMAGE ID", "CREATED", "SIZE"];
    let mut lines = vec![head.map(String::from).to_vec()];
    for row in &rows {
        let id = short(row["Id"].as_str().unwrap_or_default(), whole_ids);
        let tags = row["RepoTags"].as_array().into_iter().flatten();
        let mut tags: Vec<&str> = tags.filter_map(Value::as_str).collect();
        if tags.is_empty() {
            tags.push("<none>:<none>");
        }
        for tag in tags {
            let (repository, tag) = tag.rsplit_once(':').unwrap_or((tag, "<none>"));
            lines.push(vec![
                repository.to_string(),
                tag.to_string(),
                id.clone(),
                since(row["Created"].as_i64().unwrap_or_default()),
                size(row["Size"].as_f64().unwrap_or_default()),
            ]);
        }
    }
    match given.on("quiet") {
        true => lines[1..]
            .iter()
            .for_each(|line| say(&format!("{}\n", line[2]))),
        false => say(&table(&lines, 10)),
    }
    Ok(0)
}

/// `docker rmi`
pub(super) async fn remove(client: &Client, given: &Given) -> Result<u8, Failure> {
    each(given, async |name| {
        let force = given.on("force").then(|| "force=1".to_string());
        let asked = with_query(&format!("/images/{}", path(name)), [force]);
        let mut said = String::new();
        for row in client.delete(&asked).await?.rows() {
            for what in ["Deleted", "Untagged"] {
                if let Some(name) = row[what].as_str() {
                    said += &format!("{what}: {name}\n");
                }
            }
        }
        Ok(said)
    })
    .await
}

/// `docker tag`
pub(super) async fn tag(client: &Client, given: &Given) -> Result<u8, Failure> {
    let (repository, tag) = whole(&given.words[1]);
    let asked = format!(
        "/images/{}/tag?repo={}&tag={}",
        path(&given.words[0]),
        query(&repository),
        query(tag.as_deref().unwrap_or("latest"))
    );
    client.post(&asked, None).await?;
    Ok(0)
}

/// `docker history`
pub(super) async fn history(client: &Client, given: &Given) -> Result<u8, Failure> {
    let asked = format!("/images/{}/history", path(&given.words[0]));
    let rows = client.get(&asked).await?.rows();
    let all = given.on("no-trunc");
    let text = |row: &Value, field: &str| row[field].as_str().unwrap_or_default().to_string();
    let head = ["IMAGE", "CREATED", "CREATED BY", "SIZE", "COMMENT"];
    let mut lines = vec![head.map(String::from).to_vec()];
    for row in &rows {
        let by = text(row, "CreatedBy").replace('\t', " ");
        lines.push(vec![
            short(&text(row, "Id"), all),
            since(row["Created"].as_i64().unwrap_or_default()),
            if all { by } else { cut(&by, 45) },
            size(row["Size"].as_f64().unwrap_or_default()),
            text(row, "Comment"),
        ]);
    }
    match given.on("quiet") {
        true => lines[1..]
            .iter()
            .for_each(|line| say(&format!("{}\n", line[0]))),
        false => say(&table(&lines, 10)),
    }
    Ok(0)
}

/// `docker pull`
pub(super) async fn pull(client: &Client, given: &Given) -> Result<u8, Failure> {
    let name = &given.words[0];
    let (repository, tag) = whole(name);
    if tag.is_none() {
        say("Using default tag: latest\n");
    }
    pulled(client, name, &mut |line| say(&format!("{line}\n"))).await?;
    say(&format!(
        "{repository}:{}\n",
        tag.as_deref().unwrap_or("latest")
    ));
    Ok(0)
}

/// Has the engine fetch an image, and tells what it says, but for how far it is.
pub(super) async fn pulled(
    client: &Client,
    name: &str,
    tell: &mut dyn FnMut(&str),
) -> Result<(), Failure> {
    let (repository, tag) = whole(name);
    let asked = format!(
        "/images/create?fromImage={}&tag={}",
        query(&repository),
        query(tag.as_deref().unwrap_or("latest"))
    );
    let mut said = client.begin(Method::POST, &asked).await?;
    while let Some(line) = said.line().await? {
        if let Some(message) = line["errorDetail"]["message"]
            .as_str()
            .or(line["error"].as_str())
        {
            return Err(Failure::of(message));
        }
        if line["progressDetail"]["current"].is_number() {
            continue;
        }
        let status = line["status"].as_str().unwrap_or_default();
        match line["id"].as_str() {
            Some(id) if !id.is_empty() => tell(&format!("{id}: {status}")),
            _ => tell(status),
        }
    }
    Ok(())
}
