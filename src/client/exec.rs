//! `docker exec`: another program beside the first.

use super::connection::Client;
use super::create::environment;
use super::failure::Failure;
use super::flags::Given;
use super::references::path;
use super::streams::{converse, input};
use super::terminal::{Raw, fits, follow_size, guarded, size};
use serde_json::json;

/// `docker exec`
pub(super) async fn exec(client: &Client, given: &Given) -> Result<u8, Failure> {
    let name = path(&given.words[0]);
    let (tty, interactive) = (given.on("tty"), given.on("interactive"));
    let attach = !given.on("detach");
    // Docker's looks first, so that a name that isn't there is told as such.
    client.get(&format!("/containers/{name}/json")).await?;
    if attach {
        fits(interactive, tty)?;
    }
    let text = |flag: &str| given.one(flag).unwrap_or_default();
    let mut wanted = json!({
        "AttachStderr": attach,
        "AttachStdin": attach && interactive,
        "AttachStdout": attach,
        "Cmd": given.words[1..],
        "Detach": !attach,
        "Env": environment(given),
        "Tty": tty,
        "User": text("user"),
        "WorkingDir": text("workdir"),
    });
    let mut how = json!({ "Detach": !attach, "Tty": tty });
    if let Some((rows, columns)) = size().filter(|_| tty) {
        wanted["ConsoleSize"] = json!([rows, columns]);
        how["ConsoleSize"] = json!([rows, columns]);
    }
    let made = client
        .post(&format!("/containers/{name}/exec"), Some(&wanted))
        .await?
        .json();
    let id = made["Id"].as_str().unwrap_or_default();
    let begin = format!("/exec/{id}/start");
    if !attach {
        client.post(&begin, Some(&how)).await?;
        return Ok(0);
    }
    let connection = client.upgrade(&begin, Some(&how)).await?;
    let raw = match tty && interactive {
        true => Some(Raw::enter()?),
        false => None,
    };
    let talk = async {
        let sizes = async {
            if tty {
                follow_size(client, &format!("/exec/{id}")).await;
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            done = converse(connection, tty, interactive.then(input)) => done,
            () = sizes => Ok(()),
        }
    };
    guarded(raw, talk).await?;
    let ended = client.get(&format!("/exec/{id}/json")).await?.json();
    Ok(ended["ExitCode"].as_i64().unwrap_or_default() as u8)
}
