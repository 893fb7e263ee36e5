//! Single requests and what they get: those that a real dockerd 28.5.2 was asked,
//! in the same order. Where this engine differs, the row says how dockerd answers.

#![allow(dead_code, missing_docs, unreachable_pub)]

/// What a request gets.
pub enum Gets {
    /// What dockerd answers.
    Same(u16, &'static str),
    /// This, where dockerd answers that: a refusal, or what a registry would be for.
    Other(u16, &'static str, &'static str),
}

pub use Gets::{Other, Same};

/// A name, a method, a path, a body, and the answer; `{id}` is that of the
/// container, `{exec}` that of the exec. A body that ends with `…` goes on.
pub type Row = (&'static str, &'static str, &'static str, &'static str, Gets);

const NOT_DONE: &str = r#"{"message":"this engine doesn't do it: "#;
const SLEEPER: &str =
    r#"{"Image":"busybox","Cmd":["sh","-c","echo out; echo err >&2; sleep 300"]}"#;

pub const ROWS: [Row; 66] = [
    (
        "create",
        "POST",
        "/containers/create?name=e1",
        SLEEPER,
        Same(201, r#"{"Id":"…"#),
    ),
    (
        "create same name",
        "POST",
        "/containers/create?name=e1",
        SLEEPER,
        Same(
            409,
            r#"{"message":"Conflict. The container name \"/e1\" is already in use by container \"{id}\". You have to remove (or rename) that container to be able to reuse that name."}"#,
        ),
    ),
    (
        "create bad name",
        "POST",
        "/containers/create?name=-x",
        SLEEPER,
        Same(
            400,
            r#"{"message":"Invalid container name (-x), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed"}"#,
        ),
    ),
    (
        "create no image",
        "POST",
        "/containers/create",
        r#"{"Image":"nosuch"}"#,
        Same(404, r#"{"message":"No such image: nosuch:latest"}"#),
    ),
    (
        "create bad json",
        "POST",
        "/containers/create",
        "{",
        Same(400, r#"{"message":"invalid JSON: unexpected EOF"}"#),
    ),
    (
        "create without an image and a program",
        "POST",
        "/containers/create",
        r#"{"Image":""}"#,
        Same(400, r#"{"message":"no command specified"}"#),
    ),
    (
        "create memory too small",
        "POST",
        "/containers/create",
        r#"{"Image":"busybox","Cmd":["sh"],"HostConfig":{"Memory":1000}}"#,
        Same(400, r#"{"message":"Minimum memory limit allowed is 6MB"}"#),
    ),
    (
        "create with a volume that looks like a path",
        "POST",
        "/containers/create?name=rel",
        r#"{"Image":"busybox","Cmd":["sh"],"HostConfig":{"Binds":["rel:/x"]}}"#,
        Same(201, r#"{"Id":"…"#),
    ),
    (
        "missing bind source",
        "POST",
        "/containers/create?name=e2",
        r#"{"Image":"busybox","Cmd":["sh"],"HostConfig":{"Mounts":[{"Type":"bind","Source":"/nonexist","Target":"/x"}]}}"#,
        Same(
            400,
            r#"{"message":"invalid mount config for type \"bind\": bind source path does not exist: /nonexist"}"#,
        ),
    ),
    (
        "bind of what was not named",
        "POST",
        "/containers/create?name=e2",
        r#"{"Image":"busybox","Cmd":["sh"],"HostConfig":{"Binds":["/etc:/x"]}}"#,
        Other(
            501,
            r#"{"message":"the bind of /etc: this engine binds only what is below a directory that was named…"#,
            "201",
        ),
    ),
    ("start", "POST", "/containers/e1/start", "", Same(204, "")),
    (
        "start again",
        "POST",
        "/containers/e1/start",
        "",
        Same(304, ""),
    ),
    (
        "start with body",
        "POST",
        "/containers/e1/start",
        r#"{"Binds":[]}"#,
        Same(
            400,
            r#"{"message":"starting container with non-empty request body was deprecated since API v1.22 and removed in v1.24"}"#,
        ),
    ),
    (
        "rm running",
        "DELETE",
        "/containers/e1",
        "",
        Same(
            409,
            r#"{"message":"cannot remove container \"e1\": container is running: stop the container before removing or force remove"}"#,
        ),
    ),
    (
        "logs no stream chosen",
        "GET",
        "/containers/e1/logs",
        "",
        Same(
            400,
            r#"{"message":"Bad parameters: you must choose at least one stream"}"#,
        ),
    ),
    (
        "wait bad condition",
        "POST",
        "/containers/e1/wait?condition=bogus",
        "",
        Same(400, r#"{"message":"invalid condition: \"bogus\""}"#),
    ),
    (
        "exec create",
        "POST",
        "/containers/e1/exec",
        r#"{"AttachStdout":true,"Cmd":["echo","x"]}"#,
        Same(201, r#"{"Id":"…"#),
    ),
    (
        "exec create no cmd",
        "POST",
        "/containers/e1/exec",
        r#"{"AttachStdout":true}"#,
        Same(400, r#"{"message":"No exec command specified"}"#),
    ),
    (
        "exec start, no upgrade",
        "POST",
        "/exec/{exec}/start",
        r#"{"Detach":false,"Tty":false}"#,
        Same(200, "\u{1}\0\0\0\0\0\0\u{2}x\n"),
    ),
    (
        "exec start again",
        "POST",
        "/exec/{exec}/start",
        r#"{"Detach":false}"#,
        Same(
            200,
            "\u{1}\0\0\0\0\0\0_exec command {exec} has already run\r\n",
        ),
    ),
    (
        "exec no such",
        "GET",
        "/exec/nope/json",
        "",
        Same(404, r#"{"message":"No such exec instance: nope"}"#),
    ),
    (
        "kill bad signal",
        "POST",
        "/containers/e1/kill?signal=BOGUS",
        "",
        Same(
            400,
            r#"{"message":"cannot kill container: e1: invalid signal: BOGUS"}"#,
        ),
    ),
    ("pause", "POST", "/containers/e1/pause", "", Same(204, "")),
    (
        "pause again",
        "POST",
        "/containers/e1/pause",
        "",
        Same(409, r#"{"message":"Container {id} is already paused"}"#),
    ),
    (
        "exec on paused",
        "POST",
        "/containers/e1/exec",
        r#"{"Cmd":["true"]}"#,
        Same(
            409,
            r#"{"message":"Container e1 is paused, unpause the container before exec"}"#,
        ),
    ),
    (
        "unpause",
        "POST",
        "/containers/e1/unpause",
        "",
        Same(204, ""),
    ),
    (
        "unpause again",
        "POST",
        "/containers/e1/unpause",
        "",
        Same(500, r#"{"message":"Container {id} is not paused"}"#),
    ),
    (
        "stop t=0",
        "POST",
        "/containers/e1/stop?t=0",
        "",
        Same(204, ""),
    ),
    (
        "stop again",
        "POST",
        "/containers/e1/stop?t=0",
        "",
        Same(304, ""),
    ),
    (
        "wait on stopped, not-running",
        "POST",
        "/containers/e1/wait",
        "",
        Same(200, r#"{"StatusCode":137}"#),
    ),
    (
        "logs",
        "GET",
        "/containers/e1/logs?stdout=1&stderr=1",
        "",
        Same(
            200,
            "\u{1}\0\0\0\0\0\0\u{4}out\n\u{2}\0\0\0\0\0\0\u{4}err\n",
        ),
    ),
    (
        "top stopped",
        "GET",
        "/containers/e1/top",
        "",
        Same(409, r#"{"message":"container {id} is not running"}"#),
    ),
    (
        "stats stopped one-shot",
        "GET",
        "/containers/e1/stats?stream=0&one-shot=1",
        "",
        Other(
            501,
            "{not done}statistics of a container\"}",
            "200 and a document",
        ),
    ),
    (
        "resize stopped",
        "POST",
        "/containers/e1/resize?h=1&w=1",
        "",
        Same(409, r#"{"message":"container {id} is not running"}"#),
    ),
    (
        "exec stopped",
        "POST",
        "/containers/e1/exec",
        r#"{"Cmd":["true"]}"#,
        Same(409, r#"{"message":"container {id} is not running"}"#),
    ),
    (
        "kill stopped",
        "POST",
        "/containers/e1/kill",
        "",
        Same(
            409,
            r#"{"message":"cannot kill container: e1: container {id} is not running"}"#,
        ),
    ),
    (
        "rename to its own name",
        "POST",
        "/containers/e1/rename?name=e1",
        "",
        Same(
            400,
            r#"{"message":"Renaming a container with the same name as its current name"}"#,
        ),
    ),
    (
        "archive missing",
        "GET",
        "/containers/e1/archive?path=/nope",
        "",
        Other(
            501,
            "{not done}copying files into and out of a container\"}",
            "404",
        ),
    ),
    (
        "image inspect missing",
        "GET",
        "/images/nosuch/json",
        "",
        Same(404, r#"{"message":"No such image: nosuch:latest"}"#),
    ),
    (
        "rmi in use, of two names",
        "DELETE",
        "/images/busybox:latest",
        "",
        Same(200, r#"[{"Untagged":"busybox:latest"}]"#),
    ),
    (
        "rmi missing",
        "DELETE",
        "/images/nosuch",
        "",
        Same(404, r#"{"message":"No such image: nosuch:latest"}"#),
    ),
    (
        "tag bad",
        "POST",
        "/images/base/tag?repo=UPPER",
        "",
        Same(
            400,
            r#"{"message":"invalid reference format: repository name (library/UPPER) must be lowercase"}"#,
        ),
    ),
    (
        "pull no name",
        "POST",
        "/images/create",
        "",
        Other(400, r#"{"message":"invalid reference format"}"#, "500"),
    ),
    (
        "pull bad registry",
        "POST",
        "/images/create?fromImage=127.0.0.1:1/x&tag=1",
        "",
        Other(
            500,
            r#"{"message":"127.0.0.1:1/x:1 can't be pulled: http://127.0.0.1:1: Connection refused…"#,
            "500, in Go's words",
        ),
    ),
    (
        "push unknown",
        "POST",
        "/images/127.0.0.1:5055/zzz/push?tag=1",
        "",
        Same(
            200,
            "{\"status\":\"The push refers to repository [127.0.0.1:5055/zzz]\"}\r\n\
             {\"error\":\"An image does not exist locally with the tag: 127.0.0.1:5055/zzz\",\
             \"errorDetail\":{\"message\":\"An image does not exist locally with the tag: \
             127.0.0.1:5055/zzz\"}}\r\n",
        ),
    ),
    (
        "load garbage",
        "POST",
        "/images/load",
        "garbage",
        Same(
            200,
            "{\"error\":\"unexpected EOF\",\"errorDetail\":{\"message\":\"unexpected EOF\"}}\r\n",
        ),
    ),
    (
        "build",
        "POST",
        "/build",
        "",
        Other(501, "{not done}building an image\"}", "500"),
    ),
    (
        "bad filter",
        "GET",
        "/containers/json?filters=xx",
        "",
        Same(400, r#"{"message":"invalid filter"}"#),
    ),
    (
        "unknown filter",
        "GET",
        "/containers/json?filters=%7B%22bogus%22:%5B%22x%22%5D%7D",
        "",
        Same(400, r#"{"message":"invalid filter 'bogus'"}"#),
    ),
    (
        "filters as map of map",
        "GET",
        "/containers/json?all=1&filters=%7B%22name%22:%7B%22e1%22:true%7D%7D",
        "",
        Same(
            200,
            r#"[{"Command":"sh -c 'echo out; echo err >&2; sleep 300'"…"#,
        ),
    ),
    (
        "404 route",
        "GET",
        "/nope",
        "",
        Same(404, r#"{"message":"page not found"}"#),
    ),
    (
        "405?",
        "PUT",
        "/containers/json",
        "",
        Same(404, r#"{"message":"page not found"}"#),
    ),
    (
        "old version",
        "GET",
        "/v1.10/info",
        "",
        Same(
            400,
            "client version 1.10 is too old. Minimum supported API version is 1.24, please upgrade your client to a newer version\n",
        ),
    ),
    (
        "new version",
        "GET",
        "/v9.99/info",
        "",
        Same(
            400,
            r#"{"message":"client version 9.99 is too new. Maximum supported API version is 1.51"}"#,
        ),
    ),
    (
        "not a version",
        "GET",
        "/vx/info",
        "",
        Same(404, r#"{"message":"page not found"}"#),
    ),
    ("ping GET", "GET", "/_ping", "", Same(200, "OK")),
    ("ping versioned", "HEAD", "/v1.40/_ping", "", Same(200, "")),
    (
        "grpc",
        "POST",
        "/grpc",
        "",
        Other(
            501,
            "{not done}BuildKit; try with DOCKER_BUILDKIT=0\"}",
            "101",
        ),
    ),
    (
        "auth",
        "POST",
        "/auth",
        r#"{"username":"a","password":"b"}"#,
        Other(
            404,
            r#"{"message":"nobody can log in to docker.io: this engine has no way there…"#,
            "what Docker Hub says",
        ),
    ),
    (
        "swarm",
        "GET",
        "/nodes",
        "",
        Same(
            503,
            r#"{"message":"This node is not a swarm manager. Use \"docker swarm init\" or \"docker swarm join\" to connect this node to swarm and try again."}"#,
        ),
    ),
    (
        "events until now",
        "GET",
        "/events?since=0&until=1",
        "",
        Same(200, ""),
    ),
    ("rm", "DELETE", "/containers/e1?force=1", "", Same(204, "")),
    (
        "rm again",
        "DELETE",
        "/containers/e1",
        "",
        Same(404, r#"{"message":"No such container: e1"}"#),
    ),
    (
        "rm of one with a volume",
        "DELETE",
        "/containers/rel?v=1",
        "",
        Same(204, ""),
    ),
    (
        "the named volume stays",
        "DELETE",
        "/volumes/rel",
        "",
        Same(204, ""),
    ),
    (
        "rm volume again",
        "DELETE",
        "/volumes/rel",
        "",
        Same(404, r#"{"message":"get rel: no such volume"}"#),
    ),
];

/// A row's expected body with what is known by now.
pub fn filled(text: &str, id: &str, exec: &str) -> String {
    text.replace("{not done}", NOT_DONE)
        .replace("{id}", id)
        .replace("{exec}", exec)
}
