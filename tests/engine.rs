//! The engine from outside: raw requests, the real CLI where it is there, kills,
//! and requests that mean harm.

#![allow(missing_docs, unreachable_pub)]

#[path = "engine/client.rs"]
mod client;
#[path = "engine/edges.rs"]
mod edges;
mod support;

use client::{Engine, no_more, reply, until};
use edges::{Other, ROWS, Same, filled};
use serde_json::Value;
use std::fs;
use std::io::{BufRead, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;
use support::{Limit, User, can_make_groups, has_programs, is_root, may_make_boxes, skip};

#[test]
fn edge_cases_are_answered_as_by_dockerd() {
    // Pausing takes a group.
    if !may_make_boxes(User::Me) || !can_make_groups() {
        return;
    }
    let mut engine = Engine::start();
    engine.done("POST", "/images/base/tag?repo=busybox");
    let (mut id, mut exec) = (String::new(), String::new());
    let mut wrong = Vec::new();
    for (name, method, path, body, gets) in ROWS {
        let path = filled(path, &id, &exec);
        let found = engine.ask(method, &path, body);
        let (status, expected) = match gets {
            Same(status, expected) | Other(status, expected, _) => (status, expected),
        };
        let expected = filled(expected, &id, &exec);
        let said = found.body.trim_end_matches('\n');
        let same = match expected.strip_suffix('…') {
            Some(beginning) => said.starts_with(beginning),
            None => said == expected.trim_end_matches('\n'),
        };
        if found.status != status || !same {
            wrong.push(format!(
                "{name}: {} {said}\n   not {status} {expected}",
                found.status
            ));
        }
        let made: Value = serde_json::from_str(said).unwrap_or_default();
        let made = made["Id"].as_str().unwrap_or_default();
        match name {
            "create" => id = made.into(),
            "exec create" => exec = made.into(),
            _ => {}
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    assert_eq!(engine.end(), Some(0));
    assert!(!engine.socket().exists());
}

/// Standard output and error, of a multiplexed stream: how much of one is in a frame
/// depends on when it was read.
fn parted(mut stream: &[u8]) -> [String; 2] {
    let mut both = [String::new(), String::new()];
    while let [kind @ (1 | 2), 0, 0, 0, a, b, c, d, rest @ ..] = stream {
        let length = u32::from_be_bytes([*a, *b, *c, *d]) as usize;
        both[*kind as usize - 1] += std::str::from_utf8(&rest[..length]).unwrap();
        stream = &rest[length..];
    }
    assert!(stream.is_empty(), "no frame: {stream:?}");
    both
}

/// Requests whose headers or halves matter.
#[test]
fn streams_begin_and_end_as_they_should() {
    if !may_make_boxes(User::Me) {
        return;
    }
    let engine = Engine::start();
    let create =
        |headers: &str, body: &str| engine.ask_with("POST", "/containers/create", headers, body);
    let json = "Content-Type: application/json\r\n";
    for (headers, body, message) in [
        (json, "", "invalid JSON: got EOF while reading request body"),
        (
            "",
            "{}",
            "malformed Content-Type header (): mime: no media type",
        ),
    ] {
        let found = create(headers, body);
        assert_eq!(
            (found.status, found.body),
            (400, format!("{{\"message\":\"{message}\"}}\n"))
        );
    }
    let script = r#"{"Image":"base","Cmd":["sh","-c","cat; echo out; echo err >&2; exit 3"],
        "OpenStdin":true,"StdinOnce":true}"#;
    engine.create("s1", script);
    let upgrade = "Connection: Upgrade\r\nUpgrade: tcp\r\n";
    let attach = |version: &str, stdin: u8| {
        let mut stream = engine.connect();
        write!(
            stream,
            "POST {version}/containers/s1/attach?stream=1&stdin={stdin}&stdout=1&stderr=1 HTTP/1.1\r\n\
             Host: d\r\nContent-Length: 0\r\n{upgrade}\r\n"
        )
        .unwrap();
        let head = until(&mut stream, "\r\n\r\n");
        assert!(head.starts_with("HTTP/1.1 101 UPGRADED\r\n"), "{head}");
        (stream, head)
    };
    let (_, head) = attach("/v1.41", 0);
    assert!(head.contains("application/vnd.docker.raw-stream"), "{head}");
    let (mut stream, head) = attach("", 1);
    assert!(
        head.contains("application/vnd.docker.multiplexed-stream"),
        "{head}"
    );
    // The answer begins before the container does.
    let mut wait = engine.connect();
    write!(
        wait,
        "POST /containers/s1/wait?condition=next-exit HTTP/1.1\r\nHost: d\r\n\r\n"
    )
    .unwrap();
    until(&mut wait, "\r\n\r\n");
    writeln!(stream, "typed before it runs").unwrap();
    engine.done("POST", "/containers/s1/start");
    no_more(&stream);
    let mut all = Vec::new();
    stream.read_to_end(&mut all).unwrap();
    assert_eq!(
        parted(&all),
        ["typed before it runs\nout\n".to_string(), "err\n".into()]
    );
    until(&mut wait, "{\"StatusCode\":3}");
    // Of one that has ended: at once, or only after the next end.
    let code = engine.document("POST", "/containers/s1/wait", "");
    assert_eq!(code["StatusCode"], 3);
}

#[test]
fn containers_have_what_was_asked_for() {
    if !may_make_boxes(User::Me) {
        return;
    }
    let engine = Engine::start();
    let named = engine.dir().join("named");
    let run = |name: &str, config: Value| {
        let mut config = config;
        config["Image"] = "base".into();
        engine.create(name, &config.to_string());
        engine.done("POST", &format!("/containers/{name}/start"));
        let code = engine.document("POST", &format!("/containers/{name}/wait"), "");
        let logs = engine.ask(
            "GET",
            &format!("/containers/{name}/logs?stdout=1&stderr=1"),
            "",
        );
        // Without the headers of eight bytes.
        let mut bytes = logs.body.as_bytes();
        let mut said = String::new();
        while bytes.len() >= 8 {
            let length = u32::from_be_bytes(bytes[4..8].try_into().unwrap()) as usize;
            said += std::str::from_utf8(&bytes[8..8 + length]).unwrap();
            bytes = &bytes[8 + length..];
        }
        (code["StatusCode"].as_i64().unwrap(), said)
    };
    let sh = |script: &str| serde_json::json!(["sh", "-c", script]);
    let bind = format!("{}:/data:ro", named.display());
    for (name, config, expected) in [
        (
            "pid",
            serde_json::json!({ "Cmd": sh("echo $$") }),
            (0, "1\n"),
        ),
        (
            "init",
            serde_json::json!({ "Cmd": sh("echo $$"), "HostConfig": { "Init": true } }),
            (0, "2\n"),
        ),
        (
            "names",
            serde_json::json!({ "Cmd": sh("hostname; pwd; echo $A $HOME"), "Hostname": "h1",
                "WorkingDir": "/w/d", "Env": ["A=b"] }),
            (0, "h1\n/w/d\nb /root\n"),
        ),
        (
            "read-only",
            serde_json::json!({ "Cmd": sh("touch /x 2>/dev/null || echo no; touch /run/y && echo yes"),
                "HostConfig": { "ReadonlyRootfs": true, "Tmpfs": { "/run": "" } } }),
            (0, "no\nyes\n"),
        ),
        (
            "bound",
            serde_json::json!({ "Cmd": sh("cat /data/file; touch /data/new 2>/dev/null || echo no"),
                "HostConfig": { "Binds": [bind] } }),
            (0, "from the host\nno\n"),
        ),
        (
            "kept",
            serde_json::json!({ "Cmd": sh("echo kept > /v/file"),
                "HostConfig": { "Binds": ["kept:/v"] } }),
            (0, ""),
        ),
        (
            "kept-again",
            serde_json::json!({ "Cmd": sh("cat /v/file"), "HostConfig": { "Binds": ["kept:/v"] } }),
            (0, "kept\n"),
        ),
        (
            "links",
            serde_json::json!({ "Cmd": sh("ls /sys/class/net"), "HostConfig": { "NetworkMode": "none" } }),
            (0, "lo\n"),
        ),
        ("fails", serde_json::json!({ "Cmd": sh("exit 7") }), (7, "")),
        (
            "killed",
            serde_json::json!({ "Cmd": sh("kill -9 $$; sh -c 'kill -9 $$'") }),
            (137, "Killed\n"),
        ),
    ] {
        let (code, said) = run(name, config);
        assert_eq!((code, said.as_str()), expected, "{name}");
    }
    // What the engine puts into each is no change of theirs.
    let changes = engine.document("GET", "/containers/pid/changes", "");
    assert_eq!(changes, Value::Null);
    let changes = engine.document("GET", "/containers/kept/changes", "");
    assert_eq!(changes, serde_json::json!([{ "Path": "/v", "Kind": 1 }]));
    if is_root() {
        let user = serde_json::json!({ "Cmd": sh("id -u; id -g"), "User": "nobody" });
        assert_eq!(run("user", user), (0, "65534\n65534\n".into()));
    } else {
        let user = serde_json::json!({ "Image": "base", "Cmd": ["true"], "User": "nobody" });
        engine.create("user", &user.to_string());
        let found = engine.ask("POST", "/containers/user/start", "");
        assert!(
            found.body.contains("has one user, which is root inside"),
            "{found:?}"
        );
    }
}

/// As an ordinary user, where the tests run as root.
#[test]
fn an_ordinary_user_has_containers() {
    if !is_root() || !may_make_boxes(User::Ordinary) {
        return;
    }
    let engine = Engine::start_as(User::Ordinary, &[]);
    engine.create("o1", r#"{"Image":"base","Cmd":["sh","-c","id -u; echo $$; rm -r /bin/ls /usr/bin/ls; echo x > /etc/new"]}"#);
    engine.done("POST", "/containers/o1/start");
    let code = engine.document("POST", "/containers/o1/wait", "");
    let logs = engine.ask("GET", "/containers/o1/logs?stdout=1", "").body;
    assert!(
        logs.contains("0\n") && logs.contains("1\n"),
        "{code} {logs:?}"
    );
    let changes = engine
        .document("GET", "/containers/o1/changes", "")
        .to_string();
    assert!(
        changes.contains(r#"{"Kind":2,"Path":"/usr/bin/ls"}"#),
        "{changes}"
    );
    engine.create("o2", r#"{"Image":"base","Cmd":["true"],"User":"65534"}"#);
    let found = engine.ask("POST", "/containers/o2/start", "");
    assert!(
        found.body.contains("has one user, which is root inside"),
        "{found:?}"
    );
}

#[test]
fn the_real_cli_drives_it() {
    if !may_make_boxes(User::Me) || !can_make_groups() || !has_programs(&["docker"]) {
        return;
    }
    let engine = Engine::start();
    let says = |words: &[&str], code: i32, out: &str, err: &str| {
        let (found, stdout, stderr) = engine.cli(words);
        assert_eq!((found, stdout.as_str()), (code, out), "{words:?}\n{stderr}");
        assert!(stderr.contains(err), "{words:?}\n{stderr}");
        assert!(!err.is_empty() || stderr.is_empty(), "{words:?}\n{stderr}");
    };
    says(
        &["run", "--rm", "hello"],
        0,
        "Hello from a container.\n",
        "",
    );
    says(
        &[
            "run",
            "--rm",
            "base",
            "sh",
            "-c",
            "echo o; echo e >&2; exit 3",
        ],
        3,
        "o\n",
        "e\n",
    );
    says(
        &["run", "--rm", "base", "nosuchcmd"],
        127,
        "",
        "executable file not found in $PATH",
    );
    says(
        &["run", "--rm", "base", "/etc/passwd"],
        126,
        "",
        "permission denied",
    );
    says(
        &["run", "--rm", "--privileged", "base", "true"],
        125,
        "",
        "HostConfig.Privileged",
    );
    says(
        &["run", "--rm", "-v", "/etc:/x", "base", "true"],
        125,
        "",
        "the bind of /etc",
    );
    says(&["run", "--rm", "nosuch"], 125, "", "can't be pulled");
    says(&["ps", "-aq"], 0, "", "");
    says(
        &[
            "run",
            "--rm",
            "-w",
            "/x",
            "-e",
            "A=b",
            "--name",
            "n1",
            "-h",
            "h1",
            "--label",
            "l=1",
            "--entrypoint",
            "sh",
            "base",
            "-c",
            "pwd; echo $A; hostname",
        ],
        0,
        "/x\nb\nh1\n",
        "",
    );
    says(
        &[
            "run",
            "--rm",
            "-m",
            "32m",
            "--pids-limit",
            "8",
            "--cpus",
            "0.5",
            "base",
            "echo",
            "limited",
        ],
        0,
        "limited\n",
        "",
    );
    let (code, id, _) = engine.cli(&[
        "run",
        "-d",
        "--name",
        "d1",
        "base",
        "sh",
        "-c",
        "echo log; sleep 300",
    ]);
    assert_eq!((code, id.trim().len()), (0, 64));
    says(
        &["ps", "--format", "{{.Names}} {{.Image}} {{.State}}"],
        0,
        "d1 base running\n",
        "",
    );
    says(
        &["exec", "d1", "sh", "-c", "echo o; echo e >&2; exit 5"],
        5,
        "o\n",
        "e\n",
    );
    says(
        &["exec", "d1", "nosuch"],
        127,
        "OCI runtime exec failed: exec failed: unable to start \
        container process: exec: \"nosuch\": executable file not found in $PATH\r\n",
        "",
    );
    says(
        &[
            "exec",
            "-w",
            "/tmp",
            "-e",
            "X=y",
            "d1",
            "sh",
            "-c",
            "pwd; echo $X",
        ],
        0,
        "/tmp\ny\n",
        "",
    );
    says(&["logs", "d1"], 0, "log\n", "");
    says(&["pause", "d1"], 0, "d1\n", "");
    says(
        &["ps", "--format", "{{.Names}}", "--filter", "status=paused"],
        0,
        "d1\n",
        "",
    );
    says(&["unpause", "d1"], 0, "d1\n", "");
    says(&["rename", "d1", "d2"], 0, "", "");
    says(&["exec", "d2", "touch", "/new"], 0, "", "");
    says(&["diff", "d2"], 0, "A /new\n", "");
    let (code, rows, _) = engine.cli(&["top", "d2"]);
    assert!(code == 0 && rows.contains("sleep 300"), "{rows}");
    says(&["stop", "-t", "0", "d2"], 0, "d2\n", "");
    says(&["wait", "d2"], 0, "137\n", "");
    says(
        &[
            "inspect",
            "-f",
            "{{.State.ExitCode}} {{.State.Status}} {{.Name}}",
            "d2",
        ],
        0,
        "137 exited /d2\n",
        "",
    );
    says(&["start", "d2"], 0, "d2\n", "");
    says(&["rm", "d2"], 1, "", "container is running");
    says(&["rm", "-f", "d2"], 0, "d2\n", "");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let soon = (now.unwrap().as_secs() + 1).to_string();
    says(
        &[
            "events",
            "--since",
            "1",
            "--until",
            &soon,
            "--filter",
            "container=n1",
            "--format",
            "{{.Action}}",
        ],
        0,
        "create\nattach\nstart\ndie\ndestroy\n",
        "",
    );
    // What is written to standard input comes back, and its end is the end.
    let mut cat = engine.docker(&["run", "--rm", "-i", "base", "cat"]);
    let mut cat = cat
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .within(client::ANSWER)
        .spawn()
        .unwrap();
    cat.stdin.take().unwrap().write_all(b"in and out").unwrap();
    let output = support::deadline::Bounded::output(cat);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "in and out");
    // Images travel.
    let file = engine.dir().join("tools.tar");
    let file = file.to_str().unwrap();
    says(&["save", "-o", file, "tools"], 0, "", "");
    let (code, _, _) = engine.cli(&["rmi", "tools"]);
    assert_eq!(code, 0);
    says(&["load", "-i", file], 0, "Loaded image: tools:latest\n", "");
    says(
        &["run", "--rm", "tools", "sh", "-c", "seq 3 | tail -n 1"],
        0,
        "3\n",
        "",
    );
    says(&["tag", "tools", "x/y:1"], 0, "", "");
    says(
        &["images", "-q", "--no-trunc", "x/y"],
        0,
        &engine.cli(&["images", "-q", "--no-trunc", "tools"]).1,
        "",
    );
    says(
        &["version", "-f", "{{.Server.Platform.Name}}"],
        0,
        "Glassbox\n",
        "",
    );
}

/// The processes of a container: its agent and its program, as the host counts.
fn processes(engine: &Engine, name: &str) -> Vec<i32> {
    let shown = engine.document("GET", &format!("/containers/{name}/json"), "");
    let program = shown["State"]["Pid"].as_i64().unwrap() as i32;
    let parent = |pid: i32| -> i32 {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("PPid:"));
        line.unwrap().trim().parse().unwrap()
    };
    vec![program, parent(program)]
}

fn runs(pid: i32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    !status.is_empty() && !status.contains("State:\tZ")
}

#[test]
fn nothing_is_left_of_a_killed_engine_but_a_whole_store() {
    if !may_make_boxes(User::Me) {
        return;
    }
    let mut engine = Engine::start_as(User::Me, &[]);
    let root = engine.dir().join("store");
    let root = ["--root", root.to_str().unwrap()];
    assert_eq!(engine.end(), Some(0));
    engine.again(&root);
    let images = engine.document("GET", "/images/json", "");
    for round in 0..3 {
        let sleeper = r#"{"Image":"base","Cmd":["sh","-c","sleep 300 & sleep 300"]}"#;
        for name in ["a1", "a2"] {
            engine.create(name, sleeper);
            engine.done("POST", &format!("/containers/{name}/start"));
        }
        let pids: Vec<i32> = ["a1", "a2"]
            .iter()
            .flat_map(|name| processes(&engine, name))
            .collect();
        assert!(pids.iter().all(|pid| runs(*pid)));
        // One that is being made, too.
        let mut half = engine.connect();
        engine.create("a3", sleeper);
        write!(
            half,
            "POST /containers/a3/start HTTP/1.1\r\nHost: d\r\n\r\n"
        )
        .unwrap();
        engine.kill();
        engine.again(&root);
        engine.until("the containers end with the engine", |_| {
            !pids.iter().any(|pid| runs(*pid))
        });
        assert_eq!(
            engine.document("GET", "/images/json", ""),
            images,
            "{round}"
        );
        let all = engine.document("GET", "/containers/json?all=1", "");
        assert_eq!(all, serde_json::json!([]));
        engine.create("after", r#"{"Image":"base","Cmd":["true"]}"#);
        engine.done("POST", "/containers/after/start");
        let code = engine.document("POST", "/containers/after/wait", "");
        assert_eq!(code["StatusCode"], 0);
    }
    assert_eq!(engine.end(), Some(0));
    let left: Vec<_> = fs::read_dir(engine.dir().join("store/tmp"))
        .unwrap()
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_killed_guardian_ends_its_container_and_no_other() {
    if !may_make_boxes(User::Me) {
        return;
    }
    let engine = Engine::start();
    let sleeper = r#"{"Image":"base","Cmd":["sleep","300"]}"#;
    for name in ["g1", "g2"] {
        engine.create(name, sleeper);
        engine.done("POST", &format!("/containers/{name}/start"));
    }
    let [program, agent] = processes(&engine, "g1").try_into().unwrap();
    let other = processes(&engine, "g2");
    let mut guardian = agent;
    // The guardian is the child of the engine above the box.
    loop {
        let status = fs::read_to_string(format!("/proc/{guardian}/status")).unwrap();
        let parent = status.lines().find_map(|line| line.strip_prefix("PPid:"));
        let parent: i32 = parent.unwrap().trim().parse().unwrap();
        if parent == engine.pid() {
            break;
        }
        guardian = parent;
    }
    let pid = nix::unistd::Pid::from_raw(guardian);
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).unwrap();
    let code = engine.document("POST", "/containers/g1/wait", "");
    assert_eq!(code["StatusCode"], 137);
    engine.until("its processes end", |_| !runs(program) && !runs(agent));
    assert!(other.iter().all(|pid| runs(*pid)));
    // And it can be started again.
    engine.done("POST", "/containers/g1/start");
    engine.done("DELETE", "/containers/g1?force=1");
    engine.done("DELETE", "/containers/g2?force=1");
}

/// A tar archive of one file, whatever its name is.
fn tarball(name: &str, content: &[u8]) -> Vec<u8> {
    let mut header = tar::Header::new_gnu();
    let field = &mut header.as_old_mut().name;
    field[..name.len()].copy_from_slice(name.as_bytes());
    header.set_size(content.len() as u64);
    header.set_mode(0o644);
    header.set_entry_type(tar::EntryType::Regular);
    header.set_cksum();
    let mut tar = tar::Builder::new(Vec::new());
    tar.append(&header, content).unwrap();
    tar.into_inner().unwrap()
}

#[test]
fn hostile_requests_cost_themselves_alone() {
    if !may_make_boxes(User::Me) {
        return;
    }
    let engine = Engine::start_as(User::Me, &["--quota", "64MiB"]);
    let send = |path: &str, body: &[u8]| {
        let mut stream = engine.connect();
        write!(
            stream,
            "POST {path} HTTP/1.1\r\nHost: d\r\nContent-Type: application/x-tar\r\n\
             Content-Length: {}\r\n\r\n",
            body.len()
        )
        .unwrap();
        // It may answer before it has read all.
        let _ = stream.write_all(body);
        reply(&mut stream, false)
    };
    let import = "/images/create?fromSrc=-&repo=bad&tag=1";
    let outside = engine.dir().join("escaped");
    let climbing = format!("../../../../../../../..{}", outside.display());
    let mut manifest = tarball(
        "manifest.json",
        br#"[{"Config":"c","RepoTags":null,"Layers":["l"]}]"#,
    );
    for (path, body, said) in [
        ("/images/load", b"garbage".to_vec(), "unexpected EOF"),
        (
            "/images/load",
            tarball("other", b"x"),
            "the archive has no manifest.json",
        ),
        (
            "/images/load",
            tarball("manifest.json", b"["),
            "manifest.json",
        ),
        (
            "/images/load",
            std::mem::take(&mut manifest),
            "the archive has no c",
        ),
        (import, tarball(&climbing, b"out"), "error"),
        (import, tarball(outside.to_str().unwrap(), b"out"), "error"),
        (
            import,
            tarball("x", &vec![0; 1 << 20])[..1 << 19].to_vec(),
            "error",
        ),
        (
            import,
            tarball("x", &vec![0; 80 << 20]),
            "no space left in the store",
        ),
    ] {
        let found = send(path, &body);
        assert!(found.body.contains(said), "{path} {said}: {found:?}");
    }
    assert!(!outside.exists());
    // Heads that never end, are too long, or are none.
    let mut slow = engine.connect();
    write!(slow, "GET /_ping HT").unwrap();
    let mut long = engine.connect();
    let _ = write!(
        long,
        "GET /_ping HTTP/1.1\r\nX: {}\r\n\r\n",
        "x".repeat(1 << 20)
    );
    let mut answer = Vec::new();
    // The connection may be reset before the answer is read.
    let _ = long.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer).into_owned();
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 431"),
        "{answer}"
    );
    let mut none = engine.connect();
    none.write_all(b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03")
        .unwrap();
    no_more(&none);
    none.read_to_end(&mut Vec::new()).unwrap();
    let big = format!("{{\"Image\":\"{}\"}}", "x".repeat(2 << 20));
    assert_eq!(engine.ask("POST", "/containers/create", &big).status, 413);
    // A thousand that say nothing.
    let idle: Vec<_> = (0..1000).map(|_| engine.connect()).collect();
    assert_eq!(engine.ask("GET", "/_ping", "").body, "OK");
    drop(idle);
    // A directory that is changed for a link after the container was made.
    let named = engine.dir().join("named");
    fs::create_dir(named.join("sub")).unwrap();
    let bind = format!("{}:/x", named.join("sub").display());
    let config = serde_json::json!({ "Image": "base", "Cmd": ["ls", "/x"],
        "HostConfig": { "Binds": [bind] } });
    engine.create("swapped", &config.to_string());
    fs::remove_dir(named.join("sub")).unwrap();
    std::os::unix::fs::symlink("/etc", named.join("sub")).unwrap();
    let found = engine.ask("POST", "/containers/swapped/start", "");
    assert_eq!(found.status, 500, "{found:?}");
    assert!(found.body.contains("EXDEV"), "{found:?}");
    // The one that was slow is still heard.
    write!(slow, "TP/1.1\r\nHost: d\r\n\r\n").unwrap();
    assert_eq!(reply(&mut slow, false).body, "OK");
}

/// What a tap between a client and an engine tells, and that it changes nothing.
#[test]
fn the_tap_tells_what_passes() {
    if !may_make_boxes(User::Me) {
        return;
    }
    let engine = Engine::start();
    let tapped = engine.dir().join("tapped");
    let mut command = support::glassbox(User::Me);
    command.arg("tap").arg("--listen").arg(&tapped);
    command.arg("--to").arg(engine.socket()).arg("--json");
    let mut tap = command
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::piped())
        .within(client::ANSWER)
        .spawn()
        .unwrap();
    let mut lines = std::io::BufReader::new(tap.stdout.take().unwrap()).lines();
    let first = lines.next().unwrap().unwrap();
    assert!(first.contains(r#""message":"listening""#), "{first}");
    let mut next = |wanted: &str| loop {
        let line = lines.next().unwrap().unwrap();
        let message: Value = serde_json::from_str(&line).unwrap();
        if message["message"] == wanted {
            return message;
        }
        let passed = ["connected", "closed"]
            .iter()
            .any(|one| message["message"] == *one);
        assert!(passed, "{wanted}: {line}");
    };
    let mut through = std::os::unix::net::UnixStream::connect(&tapped).unwrap();
    through.set_read_timeout(Some(client::ANSWER)).unwrap();
    write!(
        through,
        "POST /containers/create?name=t1 HTTP/1.1\r\nHost: d\r\nX-Registry-Auth: c2VjcmV0\r\n\
         Content-Type: application/json\r\nContent-Length: 36\r\n\r\n\
         {{\"Image\":\"base\",\"Cmd\":[\"echo\",\"hi\"]}}"
    )
    .unwrap();
    let made = reply(&mut through, false);
    assert_eq!(made.status, 201, "{made:?}");
    let request = next("request");
    assert_eq!(request["side"], "client");
    assert_eq!(request["of"]["path"], "/containers/create?name=t1");
    assert_eq!(request["of"]["body"]["Cmd"][0], "echo");
    assert_eq!(request["of"]["headers"]["x-registry-auth"], "***");
    let response = next("response");
    assert_eq!(
        (&response["side"], &response["of"]["status"]),
        (&"engine".into(), &201.into())
    );
    assert!(
        made.body
            .contains(response["of"]["body"]["Id"].as_str().unwrap())
    );
    // The same connection becomes a stream, and ends on both sides.
    write!(
        through,
        "POST /containers/t1/attach?stream=1&stdout=1 HTTP/1.1\r\nHost: d\r\n\
         Connection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 0\r\n\r\n"
    )
    .unwrap();
    until(&mut through, "\r\n\r\n");
    no_more(&through);
    engine.done("POST", "/containers/t1/start");
    let mut said = Vec::new();
    through.read_to_end(&mut said).unwrap();
    assert_eq!(said, b"\x01\0\0\0\0\0\0\x03hi\n");
    assert_eq!(next("request")["of"]["headers"]["upgrade"], "tcp");
    assert_eq!(next("response")["of"]["status"], 101);
    assert_eq!(next("stream")["of"]["bytes"], 11);
}

#[test]
fn the_socket_is_its_users_alone_and_nobody_elses_is_taken() {
    if !may_make_boxes(User::Me) {
        return;
    }
    let engine = Engine::start();
    let mode = fs::metadata(engine.socket()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let again = |socket: &Path| {
        let mut command = support::glassbox(User::Me);
        command.arg("engine").arg("--socket").arg(socket);
        let output = command.within(Duration::from_secs(60)).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(3), "{said}");
        said
    };
    assert!(again(&engine.socket()).contains("somebody listens there already"));
    let file = engine.dir().join("file");
    fs::write(&file, "kept").unwrap();
    assert!(again(&file).contains("something else has that name"));
    assert_eq!(fs::read_to_string(&file).unwrap(), "kept");
    if !is_root() {
        skip("it needs to be root to try as somebody else");
        return;
    }
    let other = support::shell(
        User::Ordinary,
        &format!("test ! -w {}", engine.socket().display()),
    );
    assert!(other.status.success());
}
