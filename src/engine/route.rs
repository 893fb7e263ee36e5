//! The closed table of routes: what a method and a path mean, if they mean
//! anything. Names of images may hold slashes, so the table is read from both ends.

use super::error::{API_VERSION, MIN_API_VERSION};
use crate::base::Query;
use hyper::Method;

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Route {
    Ping,
    Version,
    Info,
    Events,
    DiskUse,
    Auth,
    Images,
    ImagesPrune,
    /// Pull, or import from the body.
    ImageCreate,
    ImageLoad,
    ImageSave(Vec<String>),
    ImageInspect(String),
    ImageHistory(String),
    ImageTag(String),
    ImagePush(String),
    ImageRemove(String),
    Containers,
    ContainersPrune,
    Create,
    /// Something about one container.
    Container(String, OfContainer),
    /// Something about one program that was started beside another.
    Exec(String, OfExec),
    Volumes,
    VolumeCreate,
    VolumeInspect(String),
    VolumeRemove(String),
    Networks,
    NetworkInspect(String),
    /// Known, and not done here: with what it is.
    Refused(&'static str),
    /// One of a swarm's.
    Swarm,
}

/// Of one container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OfContainer {
    Inspect,
    Start,
    Stop,
    Restart,
    Kill,
    Wait,
    Attach,
    Logs,
    Resize,
    Pause,
    Unpause,
    Rename,
    Top,
    Changes,
    Remove,
    ExecCreate,
}

/// Of one exec.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OfExec {
    Start,
    Inspect,
    Resize,
}

/// The version that a client speaks, and the rest of its path.
///
/// # Errors
/// Of a version that isn't spoken here.
pub(super) fn version(path: &str) -> Result<((u32, u32), &str), Version> {
    let Some(rest) = path.strip_prefix("/v") else {
        return Ok((API_VERSION, path));
    };
    let (text, rest) = match rest.find('/') {
        Some(at) => rest.split_at(at),
        None => return Ok((API_VERSION, path)),
    };
    let numbers = text
        .split_once('.')
        .and_then(|(major, minor)| Some((major.parse().ok()?, minor.parse().ok()?)));
    match numbers {
        None => Ok((API_VERSION, path)),
        Some(asked) if asked > API_VERSION => Err(Version::TooNew(text.into())),
        Some(asked) if asked < MIN_API_VERSION => Err(Version::TooOld(text.into())),
        Some(asked) => Ok((asked, rest)),
    }
}

/// A version that isn't spoken here.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Version {
    TooNew(String),
    TooOld(String),
}

/// The route of a method and a path, if there is one.
pub(super) fn route(method: &Method, path: &str, query: &Query) -> Option<Route> {
    let parts: Vec<&str> = path.strip_prefix('/')?.split('/').collect();
    let (get, post) = (method == Method::GET, method == Method::POST);
    let (head, delete) = (method == Method::HEAD, method == Method::DELETE);
    Some(match parts.as_slice() {
        ["_ping"] if get || head => Route::Ping,
        ["version"] if get => Route::Version,
        ["info"] if get => Route::Info,
        ["events"] if get => Route::Events,
        ["system", "df"] if get => Route::DiskUse,
        ["auth"] if post => Route::Auth,
        ["images", "json"] if get => Route::Images,
        ["images", "prune"] if post => Route::ImagesPrune,
        ["images", "create"] if post => Route::ImageCreate,
        ["images", "load"] if post => Route::ImageLoad,
        ["images", "get"] if get => Route::ImageSave(query.all("names")),
        ["images", "search"] if get => Route::Refused("searching a registry"),
        ["images", name @ .., last] if !name.is_empty() => {
            let whole = || name.join("/");
            match *last {
                "json" if get => Route::ImageInspect(whole()),
                "history" if get => Route::ImageHistory(whole()),
                "get" if get => Route::ImageSave(vec![whole()]),
                "tag" if post => Route::ImageTag(whole()),
                "push" if post => Route::ImagePush(whole()),
                _ if delete => Route::ImageRemove(parts[1..].join("/")),
                _ => return None,
            }
        }
        ["images", name] if delete => Route::ImageRemove((*name).into()),
        ["containers", "json"] if get => Route::Containers,
        ["containers", "prune"] if post => Route::ContainersPrune,
        ["containers", "create"] if post => Route::Create,
        ["containers", name] if delete => Route::Container((*name).into(), OfContainer::Remove),
        ["containers", name, what] => {
            let of = match *what {
                "json" if get => OfContainer::Inspect,
                "start" if post => OfContainer::Start,
                "stop" if post => OfContainer::Stop,
                "restart" if post => OfContainer::Restart,
                "kill" if post => OfContainer::Kill,
                "wait" if post => OfContainer::Wait,
                "attach" if post => OfContainer::Attach,
                "logs" if get => OfContainer::Logs,
                "resize" if post => OfContainer::Resize,
                "pause" if post => OfContainer::Pause,
                "unpause" if post => OfContainer::Unpause,
                "rename" if post => OfContainer::Rename,
                "top" if get => OfContainer::Top,
                "changes" if get => OfContainer::Changes,
                "exec" if post => OfContainer::ExecCreate,
                "stats" if get => return Some(Route::Refused("statistics of a container")),
                "export" if get => return Some(Route::Refused("exporting a container's files")),
                "update" if post => return Some(Route::Refused("changing a container's limits")),
                "archive" if get || head || method == Method::PUT => {
                    return Some(Route::Refused("copying files into and out of a container"));
                }
                _ => return None,
            };
            Route::Container((*name).into(), of)
        }
        ["containers", _, "attach", "ws"] if get => Route::Refused("attaching by a websocket"),
        ["exec", id, "start"] if post => Route::Exec((*id).into(), OfExec::Start),
        ["exec", id, "json"] if get => Route::Exec((*id).into(), OfExec::Inspect),
        ["exec", id, "resize"] if post => Route::Exec((*id).into(), OfExec::Resize),
        ["volumes"] if get => Route::Volumes,
        ["volumes", "create"] if post => Route::VolumeCreate,
        ["volumes", "prune"] if post => Route::Refused("removing all unused volumes at once"),
        ["volumes", name] if get => Route::VolumeInspect((*name).into()),
        ["volumes", name] if delete => Route::VolumeRemove((*name).into()),
        ["networks"] if get => Route::Networks,
        ["networks", "create" | "prune"] if post => Route::Refused("networks of one's own"),
        ["networks", _, "connect" | "disconnect"] if post => {
            Route::Refused("networks of one's own")
        }
        ["networks", name] if get => Route::NetworkInspect((*name).into()),
        ["networks", _] if delete => Route::Refused("networks of one's own"),
        ["build"] | ["build", "prune"] if post => Route::Refused("building an image"),
        ["session" | "grpc"] if post => Route::Refused("BuildKit; try with DOCKER_BUILDKIT=0"),
        ["commit"] if post => Route::Refused("making an image of a container"),
        ["distribution", .., "json"] if get => Route::Refused("asking a registry"),
        ["plugins", ..] => Route::Refused("plugins"),
        ["nodes" | "services" | "tasks" | "secrets" | "configs", ..] if get => Route::Swarm,
        ["swarm", ..] => Route::Swarm,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_mean_routes() {
        let of = |name: &str, of| Some(Route::Container(name.into(), of));
        for (line, expected) in [
            ("GET /_ping", Some(Route::Ping)),
            ("HEAD /_ping", Some(Route::Ping)),
            ("POST /_ping", None),
            ("GET /containers/json", Some(Route::Containers)),
            ("PUT /containers/json", None),
            ("GET /containers/web/json", of("web", OfContainer::Inspect)),
            ("DELETE /containers/web", of("web", OfContainer::Remove)),
            ("GET /containers", None),
            ("GET /images/json", Some(Route::Images)),
            (
                "GET /images/127.0.0.1:5055/lib/bb:1/json",
                Some(Route::ImageInspect("127.0.0.1:5055/lib/bb:1".into())),
            ),
            (
                "DELETE /images/a/b:1",
                Some(Route::ImageRemove("a/b:1".into())),
            ),
            ("DELETE /images/a", Some(Route::ImageRemove("a".into()))),
            ("GET /nodes", Some(Route::Swarm)),
            ("GET /nope", None),
            ("GET /", None),
            ("GET nope", None),
        ] {
            let (method, path) = line.split_once(' ').unwrap();
            let method = method.parse().unwrap();
            assert_eq!(route(&method, path, &Query::default()), expected, "{line}");
        }
    }

    #[test]
    fn versions_are_between_two() {
        assert_eq!(version("/info"), Ok((API_VERSION, "/info")));
        assert_eq!(version("/v1.40/info"), Ok(((1, 40), "/info")));
        assert_eq!(version("/vx/info"), Ok((API_VERSION, "/vx/info")));
        assert_eq!(version("/version"), Ok((API_VERSION, "/version")));
        assert_eq!(version("/v9.99/x"), Err(Version::TooNew("9.99".into())));
        assert_eq!(version("/v1.10/x"), Err(Version::TooOld("1.10".into())));
    }
}
