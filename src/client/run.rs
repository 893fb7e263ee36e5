//! `docker run` and `docker start`: attach and await first, then start, so that
//! nothing of what the program says is lost.

use super::connection::{Client, Growing};
use super::create::made;
use super::failure::Failure;
use super::flags::Given;
use super::references::path;
use super::streams::{complain, converse, input, say};
use super::terminal::{ENDS, Raw, ended_by, fits, follow_size, guarded};
use hyper::Method;
use hyper::upgrade::Upgraded;
use tokio::task::spawn_local;

/// `docker run`
pub(super) async fn run(client: &Client, given: &Given) -> Result<u8, Failure> {
    let (tty, interactive) = (given.on("tty"), given.on("interactive"));
    let detached = given.on("detach");
    // Docker's asks whether the engine is there first.
    client.version().await.map_err(Failure::of_run)?;
    if !detached {
        fits(interactive, tty)?;
    }
    let id = made(client, given, !detached)
        .await
        .map_err(Failure::of_run)?;
    let until = if given.on("rm") {
        "removed"
    } else {
        "next-exit"
    };
    if detached {
        let started = begun(client, &id, until).await;
        say(&format!("{id}\n"));
        return started.map(|_| 0).map_err(Failure::of_run);
    }
    let what = Attached {
        id: &id,
        tty,
        stdin: interactive,
        until,
    };
    what.lives(client)
        .await
        .map_err(|failure| match failure.text.is_empty() {
            true => failure,
            false => failure.of_run(),
        })
}

/// `docker start`
pub(super) async fn start(client: &Client, given: &Given) -> Result<u8, Failure> {
    if given.on("attach") || given.on("interactive") {
        let [name] = &given.words[..] else {
            return Err(Failure::of(
                "you cannot start and attach multiple containers at once",
            ));
        };
        let known = client
            .get(&format!("/containers/{}/json", path(name)))
            .await?
            .json();
        let id = known["Id"].as_str().unwrap_or(name);
        let tty = known["Config"]["Tty"] == true;
        let stdin = given.on("interactive") && known["Config"]["OpenStdin"] == true;
        fits(stdin, tty)?;
        let until = match known["HostConfig"]["AutoRemove"] == true {
            true => "removed",
            false => "next-exit",
        };
        return Attached {
            id,
            tty,
            stdin,
            until,
        }
        .lives(client)
        .await;
    }
    let mut failed = Vec::new();
    for name in &given.words {
        match client
            .post(&format!("/containers/{}/start", path(name)), None)
            .await
        {
            Ok(_) => say(&format!("{name}\n")),
            Err(failure) => {
                complain(&failure.text);
                failed.push(name.as_str());
            }
        }
    }
    match failed.is_empty() {
        true => Ok(0),
        false => Err(Failure::of(format!(
            "Error: failed to start containers: {}",
            failed.join(", ")
        ))),
    }
}

/// Asks for the end, then starts.
async fn begun(client: &Client, id: &str, until: &str) -> Result<Growing, Failure> {
    let end = format!("/containers/{id}/wait?condition={until}");
    let end = client.begin(Method::POST, &end).await?;
    client
        .post(&format!("/containers/{id}/start"), None)
        .await?;
    Ok(end)
}

/// A container whose streams are this program's.
struct Attached<'a> {
    id: &'a str,
    tty: bool,
    stdin: bool,
    /// Which end is awaited.
    until: &'a str,
}

impl Attached<'_> {
    /// Starts it, hands its streams on, and tells its status.
    async fn lives(&self, client: &Client) -> Result<u8, Failure> {
        let stdin = if self.stdin { "&stdin=1" } else { "" };
        let path = format!(
            "/containers/{}/attach?stderr=1{stdin}&stdout=1&stream=1",
            self.id
        );
        let connection = client.upgrade(&path, None).await?;
        let raw = match self.tty && self.stdin {
            true => Some(Raw::enter()?),
            false => None,
        };
        guarded(raw, self.runs(client, connection)).await
    }

    async fn runs(&self, client: &Client, connection: Upgraded) -> Result<u8, Failure> {
        let input = self.stdin.then(input);
        let talk = spawn_local(converse(connection, self.tty, input));
        let mut end = begun(client, self.id, self.until).await?;
        let beside = async {
            match self.tty {
                true => follow_size(client, &format!("/containers/{}", self.id)).await,
                false => hand_signals_on(client, self.id).await,
            }
            std::future::pending::<()>().await;
        };
        let heard = async {
            let talked = talk.await;
            talked.map_err(|error| Failure::broken(&error))??;
            end.status().await
        };
        tokio::select! {
            done = heard => done,
            () = beside => Err(Failure::told()),
        }
    }
}

/// A signal to this program is one to the program inside.
async fn hand_signals_on(client: &Client, id: &str) {
    while let Ok(number) = ended_by().await {
        let name = ENDS.iter().find(|(one, _)| *one == number);
        let name = name.map_or("TERM", |(_, name)| name);
        // One that has just ended needs none.
        let _ = client
            .post(&format!("/containers/{id}/kill?signal={name}"), None)
            .await;
    }
}
