//! HTTP over the socket: connections, and each request's way to its answer.

use super::answer::{self, Answer};
use super::call::Call;
use super::error::{API_VERSION, Error, MIN_API_VERSION};
use super::failure::Failure;
use super::handlers::handle;
use super::listen::{Bound, listen};
use super::route::{self, Version};
use super::state::Engine;
use crate::base::{Query, percent_decoded};
use hyper::body::Incoming;
use hyper::header::{HeaderValue, SERVER};
use hyper::service::service_fn;
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;
use tokio::net::UnixStream;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::spawn_local;

/// How long the head of a request may take to come; also how long a connection
/// may be idle.
const TO_BEGIN: Duration = Duration::from_secs(120);
/// The longest head of a request, in bytes.
const MOST_HEAD: usize = 64 << 10;
/// How long to wait where the kernel has no room for another connection.
const NO_ROOM: Duration = Duration::from_millis(100);

/// Serves until SIGINT or SIGTERM.
///
/// # Errors
/// What keeps it from listening.
pub(super) async fn serve(
    engine: &Rc<Engine>,
    socket: &Path,
    tell: &mut dyn FnMut(&str),
) -> Result<(), Error> {
    let mut ends = [SignalKind::interrupt(), SignalKind::terminate()]
        .map(signal)
        .into_iter()
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| Error::Process(format!("signals: {error}")))?;
    let listener = listen(socket).await?;
    let _bound = Bound::of(socket)?;
    introduce(engine, socket, tell);
    let (first, rest) = ends.split_at_mut(1);
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    spawn_local(attend(Rc::clone(engine), stream));
                }
                // Of descriptors or memory: there will be room again.
                Err(_) => tokio::time::sleep(NO_ROOM).await,
            },
            _ = first[0].recv() => return Ok(()),
            _ = rest[0].recv() => return Ok(()),
        }
    }
}

/// Says what whoever may write to the socket can do.
fn introduce(engine: &Engine, socket: &Path, tell: &mut dyn FnMut(&str)) {
    let user = match nix::unistd::geteuid().is_root() {
        true => "root of this machine",
        false => "you",
    };
    let binds: Vec<String> = engine
        .binds
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    let names: Vec<String> = engine
        .store
        .all()
        .iter()
        .flat_map(|image| engine.store.names_of(&image.id))
        .collect();
    tell(&format!("Listening on {}", socket.display()));
    tell(&format!(
        "  docker -H unix://{} run --rm hello",
        socket.display()
    ));
    tell(&format!("Images: {}", names.join(", ")));
    tell(&format!(
        "Whoever may write to this socket can, as {user}: start programs in containers, use this \
         machine's CPU, memory and disk, and reach its network with --network host."
    ));
    tell(&match binds.is_empty() {
        true => "No directory of this machine can be bound into a container: none was named \
                 (--bind)."
            .to_string(),
        false => format!(
            "They can read and change what is below: {}",
            binds.join(", ")
        ),
    });
    tell("Containers have no way out, unless they have the machine's network. They end with");
    tell("this program: Ctrl-C.");
}

/// A connection, until it ends.
async fn attend(engine: Rc<Engine>, stream: UnixStream) {
    let service = service_fn(move |request| {
        let engine = Rc::clone(&engine);
        async move { Ok::<_, Infallible>(answered(&engine, request).await) }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .half_close(true)
        .title_case_headers(true)
        .timer(TokioTimer::new())
        .header_read_timeout(TO_BEGIN)
        .max_buf_size(MOST_HEAD)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    // What a client breaks off is its own.
    let _ = connection.await;
}

/// The answer to a request, whatever it is.
async fn answered(engine: &Rc<Engine>, request: Request<Incoming>) -> Answer {
    let mut answer = match respond(engine, request).await {
        Ok(answer) => answer,
        Err(failure) => answer::failed(&failure),
    };
    let headers = answer.headers_mut();
    let api = format!("{}.{}", API_VERSION.0, API_VERSION.1);
    let own = format!("Glassbox/{} (linux)", env!("CARGO_PKG_VERSION"));
    for (name, value) in [
        ("api-version", api.as_str()),
        ("docker-experimental", "false"),
        ("ostype", "linux"),
        (SERVER.as_str(), own.as_str()),
    ] {
        if let (Ok(name), Ok(value)) = (
            hyper::header::HeaderName::try_from(name),
            HeaderValue::from_str(value),
        ) {
            headers.insert(name, value);
        }
    }
    answer
}

async fn respond(engine: &Rc<Engine>, mut request: Request<Incoming>) -> Result<Answer, Failure> {
    let path = percent_decoded(request.uri().path(), false);
    let query = Query::parse(request.uri().query().unwrap_or_default());
    let (version, rest) = match route::version(&path) {
        Ok(found) => found,
        Err(Version::TooNew(asked)) => {
            let (major, minor) = API_VERSION;
            return Err(Failure::bad(format!(
                "client version {asked} is too new. Maximum supported API version is \
                 {major}.{minor}"
            )));
        }
        Err(Version::TooOld(asked)) => {
            let (major, minor) = MIN_API_VERSION;
            let mut answer = answer::text(
                StatusCode::BAD_REQUEST,
                &format!(
                    "client version {asked} is too old. Minimum supported API version is \
                     {major}.{minor}, please upgrade your client to a newer version\n"
                ),
            );
            let value = HeaderValue::from_static("nosniff");
            answer.headers_mut().insert("x-content-type-options", value);
            return Ok(answer);
        }
    };
    let route = route::route(request.method(), rest, &query);
    let route = route.ok_or_else(|| Failure::missing("page not found"))?;
    let upgrade = Some(hyper::upgrade::on(&mut request));
    let (parts, body) = request.into_parts();
    let mut call = Call {
        version,
        query,
        headers: parts.headers,
        body,
        upgrade,
        head: parts.method == Method::HEAD,
    };
    handle(engine, route, &mut call).await
}
