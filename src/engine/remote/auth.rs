//! `docker login`: whether a registry takes a password. Nothing is kept of it here: it
//! comes with each request of a client, which keeps it.

use super::super::answer::{self, Answer};
use super::super::call::Call;
use super::super::failure::Failure;
use super::super::state::Engine;
use super::client::{Client, Sent, Trouble};
use super::credentials::Credentials;
use super::site::Site;
use hyper::{Method, StatusCode};
use serde::Deserialize;
use serde_json::json;

/// What a client sends.
#[derive(Deserialize)]
struct Login {
    #[serde(default, rename = "serveraddress")]
    server: String,
    #[serde(flatten)]
    credentials: Credentials,
}

/// Asks the registry.
///
/// # Errors
/// 401 where it doesn't take the password, and why it can't be reached.
pub(in super::super) async fn auth(engine: &Engine, call: &mut Call) -> Result<Answer, Failure> {
    let login: Login = call.document().await?;
    let host = host_of(&login.server);
    let authority = Site::authority(host, &engine.mirrors)
        .map_err(|why| Failure::missing(format!("nobody can log in to {host}: {why}")))?;
    let client = Client::of_nothing(&authority, login.credentials);
    let asked = client.ask(Method::GET, "/v2/", "*/*", Sent::Nothing).await;
    match asked {
        Ok(_) => Ok(answer::ok(
            &json!({ "Status": "Login Succeeded", "IdentityToken": "" }),
        )),
        Err(Trouble::Denied(why)) => Err(Failure::new(
            StatusCode::UNAUTHORIZED,
            format!("login to {host} failed: {why}"),
        )),
        Err(trouble) => Err(Failure::internal(trouble.text())),
    }
}

/// The host of an address as clients send it; Docker Hub's is an address of old.
fn host_of(server: &str) -> &str {
    let bare = server.split_once("://").map_or(server, |(_, rest)| rest);
    match bare.split('/').next().unwrap_or_default() {
        "" | "index.docker.io" | "registry-1.docker.io" => "docker.io",
        host => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_found_in_its_address() {
        for (server, host) in [
            ("https://index.docker.io/v1/", "docker.io"),
            ("", "docker.io"),
            ("127.0.0.1:5000", "127.0.0.1:5000"),
            ("http://localhost:5000/v2/", "localhost:5000"),
        ] {
            assert_eq!(host_of(server), host);
        }
    }
}
