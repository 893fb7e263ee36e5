//! Requests to the engine, over connections that are used again when they are free,
//! as Go's http.Client does it.

use super::failure::Failure;
use super::limits::{MOST_DOCUMENT, MOST_LINE, TO_PING};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{CONNECTION, CONTENT_TYPE, HOST, HeaderValue, UPGRADE};
use hyper::upgrade::Upgraded;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::cell::{Cell, RefCell};
use std::path::PathBuf;
use tokio::net::UnixStream;
use tokio::task::spawn_local;

/// The newest version of the API that this client speaks, major and minor.
pub(super) const API: (u32, u32) = (1, 51);

type Sender = SendRequest<Full<Bytes>>;

/// An engine, as the client reaches it.
pub(super) struct Client {
    /// As the user names it.
    host: String,
    path: PathBuf,
    /// The version that both speak, once the engine has been asked.
    version: Cell<Option<(u32, u32)>>,
    /// Connections that nobody waits on.
    idle: RefCell<Vec<Sender>>,
}

/// A document that has come whole.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) status: u16,
    pub(super) bytes: Bytes,
}

/// A document of which the rest is still to come.
pub(super) struct Growing {
    body: Incoming,
    /// What has come, and isn't a whole line yet.
    rest: Vec<u8>,
}

impl Client {
    /// The engine that is meant; nothing is said to it yet.
    pub(super) fn at(host: Option<&str>, usual: Option<PathBuf>) -> Result<Client, Failure> {
        let path = match (host, usual) {
            (Some(host), _) => match host.strip_prefix("unix://") {
                Some(path) if !path.is_empty() => PathBuf::from(path),
                _ => {
                    return Err(Failure::of(format!(
                        "{host}: this small client of the course's own speaks over Unix sockets \
                         alone: unix:///PATH"
                    )));
                }
            },
            (None, Some(usual)) => usual,
            (None, None) => {
                return Err(Failure::of("no engine is named: docker -H unix:///PATH …"));
            }
        };
        Ok(Client {
            host: format!("unix://{}", path.display()),
            path,
            version: Cell::new(None),
            idle: RefCell::default(),
        })
    }

    /// The version that is spoken; asks the engine if it wasn't yet.
    pub(super) async fn version(&self) -> Result<(u32, u32), Failure> {
        if let Some(version) = self.version.get() {
            return Ok(version);
        }
        let ping = async {
            let answer = self.send(Method::HEAD, "/_ping", None, false).await?;
            let theirs = answer.0.headers().get("api-version").cloned();
            self.whole(answer).await?;
            Ok::<_, Failure>(theirs)
        };
        let theirs = tokio::time::timeout(TO_PING, ping).await;
        let theirs = theirs.map_err(|_| {
            Failure::of(format!(
                "the daemon at {} takes connections, but has not answered in {} s",
                self.host,
                TO_PING.as_secs()
            ))
        })??;
        let theirs = theirs.as_ref().and_then(|value| value.to_str().ok());
        let theirs = theirs.and_then(|text| text.split_once('.'));
        let theirs = theirs.and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)));
        // One that doesn't say is as old as can be.
        let version = API.min(theirs.unwrap_or((1, 24)));
        self.version.set(Some(version));
        Ok(version)
    }

    /// Asks, and takes the whole answer, whatever its status.
    pub(super) async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Document, Failure> {
        let path = self.versioned(path).await?;
        let answer = self.send(method, &path, body, false).await?;
        self.whole(answer).await
    }

    /// The same, where an error is the end.
    pub(super) async fn get(&self, path: &str) -> Result<Document, Failure> {
        self.ask(Method::GET, path, None).await?.good()
    }

    pub(super) async fn post(&self, path: &str, body: Option<&Value>) -> Result<Document, Failure> {
        self.ask(Method::POST, path, body).await?.good()
    }

    pub(super) async fn delete(&self, path: &str) -> Result<Document, Failure> {
        self.ask(Method::DELETE, path, None).await?.good()
    }

    /// Asks for what comes piece by piece.
    pub(super) async fn begin(&self, method: Method, path: &str) -> Result<Growing, Failure> {
        let path = self.versioned(path).await?;
        let (answer, sender) = self.send(method, &path, None, false).await?;
        if answer.status() != StatusCode::OK {
            let document = self.whole((answer, sender)).await?;
            return Err(document.error());
        }
        Ok(Growing {
            body: answer.into_body(),
            rest: Vec::new(),
        })
    }

    /// Takes a connection over: what follows is no HTTP.
    pub(super) async fn upgrade(
        &self,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Upgraded, Failure> {
        let path = self.versioned(path).await?;
        // One of its own, as Docker's does it.
        let sender = self.connect().await?;
        let answer = self
            .send_on(sender, Method::POST, &path, body, true)
            .await?;
        if answer.0.status() != StatusCode::SWITCHING_PROTOCOLS {
            return Err(self.whole(answer).await?.error());
        }
        let upgraded = hyper::upgrade::on(answer.0).await;
        upgraded.map_err(|error| Failure::broken(&error))
    }

    async fn versioned(&self, path: &str) -> Result<String, Failure> {
        let (major, minor) = self.version().await?;
        Ok(format!("/v{major}.{minor}{path}"))
    }

    async fn connect(&self) -> Result<Sender, Failure> {
        let stream = UnixStream::connect(&self.path).await;
        let stream = stream.map_err(|error| Failure::no_daemon(&self.host, &self.path, &error))?;
        let shaken = http1::Builder::new()
            .title_case_headers(true)
            .handshake(TokioIo::new(stream))
            .await;
        let (sender, connection) = shaken.map_err(|error| Failure::broken(&error))?;
        // How it ends is told by the answer that doesn't come.
        spawn_local(async move { drop(connection.with_upgrades().await) });
        Ok(sender)
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        upgrade: bool,
    ) -> Result<(Response<Incoming>, Sender), Failure> {
        let mut idle = None;
        loop {
            let next = self.idle.borrow_mut().pop();
            match next {
                Some(mut sender) => {
                    if sender.ready().await.is_ok() {
                        idle = Some(sender);
                        break;
                    }
                }
                None => break,
            }
        }
        let sender = match idle {
            Some(sender) => sender,
            None => self.connect().await?,
        };
        self.send_on(sender, method, path, body, upgrade).await
    }

    async fn send_on(
        &self,
        mut sender: Sender,
        method: Method,
        path: &str,
        body: Option<&Value>,
        upgrade: bool,
    ) -> Result<(Response<Incoming>, Sender), Failure> {
        let content = body.map(Value::to_string).unwrap_or_default();
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .body(Full::new(Bytes::from(content)))
            .map_err(|error| Failure::of(format!("{path}: {error}")))?;
        let headers = request.headers_mut();
        headers.insert(HOST, HeaderValue::from_static("api.moby.localhost"));
        let own = concat!("Glassbox-Client/", env!("CARGO_PKG_VERSION"), " (linux)");
        headers.insert("user-agent", HeaderValue::from_static(own));
        if body.is_some() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        if upgrade {
            headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
            headers.insert(UPGRADE, HeaderValue::from_static("tcp"));
        }
        let answer = sender.send_request(request).await;
        Ok((answer.map_err(|error| Failure::broken(&error))?, sender))
    }

    /// All of an answer; its connection is free then.
    async fn whole(
        &self,
        (answer, sender): (Response<Incoming>, Sender),
    ) -> Result<Document, Failure> {
        let status = answer.status().as_u16();
        let body = Limited::new(answer.into_body(), MOST_DOCUMENT)
            .collect()
            .await;
        let bytes = body.map_err(|error| Failure::broken(&error))?.to_bytes();
        self.idle.borrow_mut().push(sender);
        Ok(Document { status, bytes })
    }
}

impl Document {
    /// The document, unless it is an error.
    pub(super) fn good(self) -> Result<Document, Failure> {
        match self.status {
            200..400 => Ok(self),
            _ => Err(self.error()),
        }
    }

    /// The engine's own words.
    pub(super) fn error(&self) -> Failure {
        let json = self.json();
        let text = String::from_utf8_lossy(&self.bytes);
        let message = json["message"].as_str().unwrap_or(&text);
        Failure::daemon(self.status, message)
    }

    /// Its JSON; null if it is none.
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_default()
    }

    /// The rows of a list.
    pub(super) fn rows(&self) -> Vec<Value> {
        self.json().as_array().cloned().unwrap_or_default()
    }
}

impl Growing {
    /// The next piece, as it comes.
    pub(super) async fn piece(&mut self) -> Result<Option<Bytes>, Failure> {
        loop {
            let Some(frame) = self.body.frame().await else {
                return Ok(None);
            };
            let frame = frame.map_err(|error| Failure::broken(&error))?;
            if let Ok(data) = frame.into_data() {
                return Ok(Some(data));
            }
        }
    }

    /// The status that a wait tells.
    pub(super) async fn status(&mut self) -> Result<u8, Failure> {
        let said = self.line().await?;
        let said = said.ok_or_else(|| Failure::broken(&"no status came"))?;
        let message = said["Error"]["Message"].as_str();
        if let Some(message) = message.filter(|text| !text.is_empty()) {
            return Err(Failure::of(message));
        }
        Ok(said["StatusCode"].as_i64().unwrap_or_default() as u8)
    }

    /// The next document on a line of its own.
    pub(super) async fn line(&mut self) -> Result<Option<Value>, Failure> {
        loop {
            if let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.rest.drain(..=end).collect();
                if line.trim_ascii().is_empty() {
                    continue;
                }
                let value = serde_json::from_slice(&line);
                return value.map(Some).map_err(|error| Failure::broken(&error));
            }
            if self.rest.len() > MOST_LINE {
                return Err(Failure::broken(&"a line that doesn't end"));
            }
            match self.piece().await? {
                Some(piece) => self.rest.extend_from_slice(&piece),
                None if self.rest.trim_ascii().is_empty() => return Ok(None),
                None => self.rest.push(b'\n'),
            }
        }
    }
}
