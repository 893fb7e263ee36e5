//! HTTP: connections, and each request's way to its answer.

use super::answer::{self, Answer};
use super::body::Body;
use super::error::Error;
use super::options::Options;
use super::problem::Problem;
use super::receive::drain;
use super::route::{Route, route};
use super::stall::Stall;
use super::state::{Call, Registry};
use super::store::Store;
use super::{blobs, discovery, manifests, uploads};
use crate::base::{Query, percent_decoded};
use hyper::body::{Body as _, Incoming};
use hyper::header::{CONTENT_LENGTH, HeaderName, HeaderValue, SERVER};
use hyper::service::service_fn;
use hyper::{Method, Request};
use hyper_util::rt::TokioTimer;
use std::cell::RefCell;
use std::convert::Infallible;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Semaphore;
use tokio::task::spawn_local;

/// How many connections there are at most; others wait to be accepted.
const CONNECTIONS: usize = 128;
/// The longest head of a request, and how much of a body is read ahead, in bytes.
const MOST_HEAD: usize = 64 << 10;
/// How long to wait where the kernel has no room for another connection.
const NO_ROOM: Duration = Duration::from_millis(100);

/// Serves until SIGINT or SIGTERM.
///
/// # Errors
/// What keeps it from listening.
pub(super) async fn serve(
    store: &Arc<Store>,
    options: &Options,
    tell: &mut dyn FnMut(&str),
) -> Result<(), Error> {
    let mut ends = [SignalKind::interrupt(), SignalKind::terminate()]
        .map(signal)
        .into_iter()
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| Error::Process(format!("signals: {error}")))?;
    let wrong = |error: std::io::Error| Error::Address(options.listen, error.to_string());
    let listener = TcpListener::bind(options.listen).await.map_err(wrong)?;
    introduce(store, listener.local_addr().map_err(wrong)?, tell);
    let registry = Rc::new(Registry {
        store: Arc::clone(store),
        patience: options.patience,
        written: RefCell::default(),
    });
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    let accept = async {
        loop {
            let Ok(place) = Arc::clone(&room).acquire_owned().await else {
                return;
            };
            match listener.accept().await {
                Ok((stream, _)) => {
                    let registry = Rc::clone(&registry);
                    spawn_local(async move {
                        attend(registry, stream).await;
                        drop(place);
                    });
                }
                // Of descriptors or memory: there will be room again.
                Err(_) => tokio::time::sleep(NO_ROOM).await,
            }
        }
    };
    let (first, rest) = ends.split_at_mut(1);
    tokio::select! {
        () = accept => {}
        _ = first[0].recv() => {}
        _ = rest[0].recv() => {}
    }
    Ok(())
}

/// Says where it is, and what whoever reaches it can do.
fn introduce(store: &Store, address: std::net::SocketAddr, tell: &mut dyn FnMut(&str)) {
    tell(&format!("Listening on http://{address}"));
    tell(&format!("  docker push {address}/NAME:TAG"));
    tell(&format!(
        "It keeps what is pushed in {}",
        store.root().display()
    ));
    if address.ip().is_loopback() {
        tell("Whoever is on this machine can push, pull and delete: there are no passwords.");
    } else {
        tell(&format!(
            "Warning: {} isn't a loopback address. Whoever reaches it over the network can push, \
             pull and delete, and read along: there are no passwords, and it is plain HTTP.",
            address.ip()
        ));
    }
    tell("It stores images and never runs them. It ends with Ctrl-C.");
}

/// A connection, until it ends.
async fn attend(registry: Rc<Registry>, stream: TcpStream) {
    let patience = registry.patience;
    let service = service_fn(move |request| {
        let registry = Rc::clone(&registry);
        async move { Ok::<_, Infallible>(answered(&registry, request).await) }
    });
    // A head and its answer are small: they should not wait for each other.
    let _ = stream.set_nodelay(true);
    let connection = hyper::server::conn::http1::Builder::new()
        .half_close(true)
        .timer(TokioTimer::new())
        .header_read_timeout(patience)
        .max_buf_size(MOST_HEAD)
        .serve_connection(Stall::of(stream, patience), service);
    // What a client breaks off is its own.
    let _ = connection.await;
}

/// The answer to a request, whatever it is.
async fn answered(registry: &Registry, request: Request<Incoming>) -> Answer {
    let head = request.method() == Method::HEAD;
    let mut answer = respond(registry, request).await;
    let headers = answer.headers_mut();
    let own = format!("Glassbox/{}", env!("CARGO_PKG_VERSION"));
    let version = HeaderName::from_static("docker-distribution-api-version");
    headers.insert(version, HeaderValue::from_static("registry/2.0"));
    if let Ok(own) = HeaderValue::from_str(&own) {
        headers.insert(SERVER, own);
    }
    if head {
        // As long as what a GET would have got.
        let length = answer.body().size_hint().exact().unwrap_or_default();
        answer.headers_mut().insert(CONTENT_LENGTH, length.into());
        *answer.body_mut() = Body::empty();
    }
    answer
}

async fn respond(registry: &Registry, request: Request<Incoming>) -> Answer {
    let path = percent_decoded(request.uri().path(), false);
    let (parts, body) = request.into_parts();
    let mut call = Call {
        query: Query::parse(parts.uri.query().unwrap_or_default()),
        headers: parts.headers,
        body,
    };
    let handled = match route(&parts.method, &path) {
        Ok(route) => handle(registry, route, &mut call).await,
        Err(problem) => Err(problem),
    };
    match handled {
        Ok(answer) => answer,
        Err(problem) => {
            if !problem.hang_up {
                drain(&mut call.body, registry.patience).await;
            }
            answer::failed(&problem)
        }
    }
}

/// From a route to the one who answers.
async fn handle(registry: &Registry, route: Route, call: &mut Call) -> Result<Answer, Problem> {
    match route {
        Route::Base => Ok(answer::json("application/json", &serde_json::json!({}))),
        Route::Blob(name, digest) => blobs::get(registry, name, digest, call).await,
        Route::BlobDelete(name, digest) => blobs::delete(registry, name, digest).await,
        Route::Begin(name) => uploads::begin(registry, name, call).await,
        Route::Chunk(name, id) => uploads::chunk(registry, name, id, call).await,
        Route::Finish(name, id) => uploads::finish(registry, name, id, call).await,
        Route::Status(name, id) => uploads::status(registry, name, id).await,
        Route::Cancel(name, id) => uploads::cancel(registry, name, id).await,
        Route::Manifest(name, reference) => manifests::get(registry, name, reference).await,
        Route::ManifestPut(name, reference) => {
            manifests::put(registry, name, reference, call).await
        }
        Route::ManifestDelete(name, reference) => {
            manifests::delete(registry, name, reference).await
        }
        Route::Tags(name) => discovery::tags(registry, name, call).await,
        Route::Referrers(name, digest) => discovery::referrers(registry, name, digest, call).await,
    }
}
