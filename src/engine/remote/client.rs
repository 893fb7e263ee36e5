//! Requests to a registry.

use super::super::body::Body;
use super::credentials::{Challenge, Credentials};
use super::site::is_loopback;
use crate::base::percent_encoded;
use http_body_util::{BodyExt, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{
    ACCEPT, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderValue, LOCATION, USER_AGENT,
    WWW_AUTHENTICATE,
};
use hyper::{Method, Request, Response, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::cell::RefCell;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long a registry may take to be reached.
const TO_CONNECT: Duration = Duration::from_secs(10);
/// How long it may take to begin an answer; all of an upload is before that.
const TO_ANSWER: Duration = Duration::from_secs(600);
/// How long it may be silent in the middle of one.
pub(super) const TO_GO_ON: Duration = Duration::from_secs(60);
/// The longest document that is taken, in bytes.
const MOST_DOCUMENT: usize = 4 << 20;
/// How often an answer may point elsewhere.
const MOST_REDIRECTS: usize = 5;

/// Why a request came to nothing.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The registry says that it isn't there.
    Missing(String),
    /// It wants to know who asks, or says that they may not.
    Denied(String),
    Other(String),
}

impl Trouble {
    /// What it says.
    pub(super) fn text(self) -> String {
        let (Trouble::Missing(text) | Trouble::Denied(text) | Trouble::Other(text)) = self;
        text
    }
}

/// What is sent.
pub(super) enum Sent<'s> {
    Nothing,
    Document(&'s [u8], &'s str),
    /// So many bytes, made when they are wanted.
    Stream(u64, &'s dyn Fn() -> Body),
}

/// A registry, and one repository of it.
pub(super) struct Client {
    authority: String,
    scope: String,
    credentials: Credentials,
    /// What it asked for, once it has.
    authorization: RefCell<Option<String>>,
}

impl Client {
    /// `actions` is what is to be done: `pull`, or `pull,push`.
    pub(super) fn new(
        authority: &str,
        repository: &str,
        actions: &str,
        credentials: Credentials,
    ) -> Client {
        Client {
            authority: authority.into(),
            scope: format!("repository:{repository}:{actions}"),
            authorization: RefCell::new(credentials.bearer()),
            credentials,
        }
    }

    /// Of no repository: to know whether the registry knows who asks.
    pub(super) fn of_nothing(authority: &str, credentials: Credentials) -> Client {
        Client {
            authority: authority.into(),
            scope: String::new(),
            authorization: RefCell::new(credentials.bearer()),
            credentials,
        }
    }

    /// Asks, and says who asks if that is wanted. `at` is a path, or a whole address
    /// that the registry named.
    ///
    /// # Errors
    /// Why there is no answer, or what the registry refuses.
    pub(super) async fn ask(
        &self,
        method: Method,
        at: &str,
        accept: &str,
        sent: Sent<'_>,
    ) -> Result<Response<Incoming>, Trouble> {
        let mut at = self.whole(at)?;
        let (mut asked_who, mut redirects) = (false, 0);
        loop {
            let request = self.request(&method, &at, accept, &sent)?;
            let answer = send(at.0.as_str(), request).await?;
            let status = answer.status();
            if status == StatusCode::UNAUTHORIZED && !asked_who && at.0 == self.authority {
                asked_who = true;
                let header = answer.headers().get(WWW_AUTHENTICATE);
                let text = header.and_then(|header| header.to_str().ok());
                if let Some(challenge) = text.and_then(Challenge::read) {
                    let header = self.authorize(challenge).await?;
                    *self.authorization.borrow_mut() = Some(header);
                    continue;
                }
            }
            if status.is_redirection() && method == Method::GET && redirects < MOST_REDIRECTS {
                redirects += 1;
                at = self.whole(&header(&answer, LOCATION.as_str()))?;
                continue;
            }
            if status.is_success() {
                return Ok(answer);
            }
            let why = reason(answer).await;
            return Err(match status {
                StatusCode::NOT_FOUND => Trouble::Missing(why),
                StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Trouble::Denied(why),
                _ => Trouble::Other(why),
            });
        }
    }

    /// The address and the path of what a registry names.
    fn whole(&self, at: &str) -> Result<(String, String), Trouble> {
        if at.starts_with('/') {
            return Ok((self.authority.clone(), at.into()));
        }
        let wrong = |why: &str| Trouble::Other(format!("the registry points to `{at}`: {why}"));
        let uri: Uri = at.parse().map_err(|_| wrong("that is no address"))?;
        match (uri.scheme_str(), uri.authority()) {
            (Some("http"), Some(authority)) => {
                let path = uri.path_and_query().map_or("/", |path| path.as_str());
                Ok((authority.to_string(), path.into()))
            }
            (Some("https"), _) => Err(wrong("there is no TLS here")),
            _ => Err(wrong("that is no address")),
        }
    }

    fn request(
        &self,
        method: &Method,
        (authority, path): &(String, String),
        accept: &str,
        sent: &Sent<'_>,
    ) -> Result<Request<Body>, Trouble> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, authority)
            .header(USER_AGENT, concat!("glassbox/", env!("CARGO_PKG_VERSION")))
            .header(ACCEPT, accept);
        // It was for the registry alone.
        if *authority == self.authority
            && let Some(header) = &*self.authorization.borrow()
        {
            request = request.header(AUTHORIZATION, secret(header)?);
        }
        let body = match sent {
            Sent::Nothing => {
                request = request.header(CONTENT_LENGTH, 0);
                Body::Whole(None)
            }
            Sent::Document(bytes, kind) => {
                request = request.header(CONTENT_TYPE, *kind);
                Body::Whole(Some(Bytes::copy_from_slice(bytes)))
            }
            Sent::Stream(length, make) => {
                request = request
                    .header(CONTENT_TYPE, "application/octet-stream")
                    .header(CONTENT_LENGTH, *length);
                make()
            }
        };
        request
            .body(body)
            .map_err(|error| Trouble::Other(format!("{path}: {error}")))
    }

    /// The header that a registry asks for.
    async fn authorize(&self, challenge: Challenge) -> Result<String, Trouble> {
        let (realm, service) = match challenge {
            Challenge::Basic => {
                return self.credentials.basic().ok_or_else(|| {
                    Trouble::Denied(format!(
                        "no basic auth credentials for {}: docker login {0}",
                        self.authority
                    ))
                });
            }
            Challenge::Bearer { realm, service } => (realm, service),
        };
        let (authority, path) = self.whole(&realm)?;
        let basic = self.credentials.basic();
        if basic.is_some() && authority != self.authority && !is_loopback(&authority) {
            return Err(Trouble::Denied(format!(
                "the registry wants the password sent to http://{authority}, where others could \
                 read it on the way"
            )));
        }
        let joint = if path.contains('?') { '&' } else { '?' };
        let scope = Some(&self.scope).filter(|scope| !scope.is_empty());
        let wanted = [("scope", scope), ("service", service.as_ref())];
        let wanted: Vec<String> = wanted
            .iter()
            .filter_map(|(name, value)| {
                Some(format!("{name}={}", percent_encoded(value.as_ref()?)))
            })
            .collect();
        let query = format!("{path}{joint}{}", wanted.join("&"));
        let mut request = Request::get(query).header(HOST, &authority);
        if let Some(basic) = &basic {
            request = request.header(AUTHORIZATION, secret(basic)?);
        }
        let request = request
            .body(Body::Whole(None))
            .map_err(|error| Trouble::Other(format!("{realm}: {error}")))?;
        let answer = send(&authority, request).await?;
        if !answer.status().is_success() {
            return Err(Trouble::Denied(reason(answer).await));
        }
        let document: Value = serde_json::from_slice(&document(answer).await?).unwrap_or_default();
        let token = document["token"]
            .as_str()
            .or(document["access_token"].as_str());
        token
            .map(|token| format!("Bearer {token}"))
            .ok_or_else(|| Trouble::Denied(format!("{realm} has answered without a token")))
    }
}

/// A header that nothing shows.
fn secret(text: &str) -> Result<HeaderValue, Trouble> {
    let mut value = HeaderValue::from_str(text)
        .map_err(|_| Trouble::Other("the credentials can't be part of a request".into()))?;
    value.set_sensitive(true);
    Ok(value)
}

/// Sends one request over a connection of its own.
async fn send(authority: &str, request: Request<Body>) -> Result<Response<Incoming>, Trouble> {
    let failed = |why: String| Trouble::Other(format!("http://{authority}: {why}"));
    let address = match authority.rsplit_once(':') {
        Some((_, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => authority.to_string(),
        _ => format!("{authority}:80"),
    };
    let stream = timeout(TO_CONNECT, TcpStream::connect(&address))
        .await
        .map_err(|_| failed("nobody answers".into()))?
        .map_err(|error| failed(error.to_string()))?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| failed(error.to_string()))?;
    // It goes on until the answer has been read.
    tokio::task::spawn_local(connection);
    timeout(TO_ANSWER, sender.send_request(request))
        .await
        .map_err(|_| failed("there is no answer in time".into()))?
        .map_err(|error| failed(error.to_string()))
}

/// The text of a header.
pub(super) fn header(answer: &Response<Incoming>, name: &str) -> String {
    let value = answer.headers().get(name);
    let text = value.and_then(|value| value.to_str().ok());
    text.unwrap_or_default().to_string()
}

/// The body of an answer, if it isn't too long.
///
/// # Errors
/// That it is, or has no end.
pub(super) async fn document(answer: Response<Incoming>) -> Result<Bytes, Trouble> {
    let limited = Limited::new(answer.into_body(), MOST_DOCUMENT);
    match timeout(TO_GO_ON, limited.collect()).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) => Err(Trouble::Other(format!("the registry's answer: {error}"))),
        Err(_) => Err(Trouble::Other("the registry is silent".into())),
    }
}

/// What a registry says of its refusal.
async fn reason(answer: Response<Incoming>) -> String {
    let status = answer.status();
    let bytes = document(answer).await.unwrap_or_default();
    let read: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    let first = &read["errors"][0];
    match (first["code"].as_str(), first["message"].as_str()) {
        (Some(code), message) => {
            let code = code.to_lowercase().replace('_', " ");
            format!("{code}: {}", message.unwrap_or("no more is said"))
        }
        _ => format!("the registry says {status}"),
    }
}
